package limits_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

// Whoever looks is told what a request would be told, and nothing is taken by it.
func TestToLookIsToldWhatIsRefused(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		seeded(t, seed, func(t *testing.T, w *world) {
			t.Helper()
			random := rand.New(rand.NewPCG(seed, 5))
			w.Trusted = limits.Rules{NumberHour: random.IntN(3), NumberDay: random.IntN(5), CallerDay: random.IntN(2) * 40}
			w.StackDay, w.Same = random.IntN(2)*60, time.Duration(random.IntN(2))*90*time.Minute
			for range 40 {
				w.clock = w.clock.Add(time.Duration(random.IntN(40)) * time.Minute)
				a := w.ask()
				a.Trusted, a.Due = true, w.clock.Add(time.Duration(random.IntN(3))*5*time.Hour)
				for i := range 1 + random.IntN(6) {
					a.Recipients = append(a.Recipients, message.Phone(fmt.Sprintf("0101234000%d", (i*3+random.IntN(3))%9)))
					a.Contents = append(a.Contents, fmt.Sprint(random.IntN(2)))
				}
				if len(unique(a.Recipients)) < len(a.Recipients) {
					continue
				}
				rooms, err := w.Rooms(t.Context(), a.Caller, true, a.Due)
				hits, err2 := w.LookAtNumbers(t.Context(), a)
				if err := errors.Join(err, err2); err != nil {
					t.Fatal(err)
				}
				told := map[string]bool{}
				for _, h := range hits {
					for _, i := range h.Recipients {
						told[fmt.Sprintf("%s %d %d", h.Limit, h.Max, i)] = true
					}
				}
				for _, r := range rooms {
					if r.Free < len(a.Recipients) {
						told[fmt.Sprintf("%s %d", r.Limit, r.Max)] = true
					}
				}
				_, err = w.Take(t.Context(), a)
				var over *limits.ExceededError
				if err != nil && !errors.As(err, &over) {
					t.Fatal(err)
				}
				refused := map[string]bool{}
				if over != nil {
					for _, h := range over.Hits {
						if h.Recipients == nil {
							refused[fmt.Sprintf("%s %d", h.Limit, h.Max)] = true
						}
						for _, i := range h.Recipients {
							refused[fmt.Sprintf("%s %d %d", h.Limit, h.Max, i)] = true
						}
					}
				}
				if fmt.Sprint(told) != fmt.Sprint(refused) {
					t.Fatalf("told %v, refused %v", told, refused)
				}
			}
		})
	}
}

func unique(all []message.Phone) map[message.Phone]bool {
	set := map[message.Phone]bool{}
	for _, one := range all {
		set[one] = true
	}
	return set
}

// A table that does not answer is an error, and not room for everybody.
func TestToLookAtATableThatIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Trusted, w.StackDay = limits.Rules{NumberDay: 1}, 10
	w.table.Fail(func(string) tabletest.Fault { return tabletest.Before })
	a := w.ask(kim)
	a.Trusted = true
	if hits, err := w.LookAtNumbers(t.Context(), a); err == nil {
		t.Errorf("%v", hits)
	}
	if rooms, err := w.Rooms(t.Context(), "someone", true, w.clock); err == nil {
		t.Errorf("%v", rooms)
	}
}
