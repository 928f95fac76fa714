package limits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

// keyed is a message that is asked for with a key, of which nothing has been started yet.
func (w *world) keyed(body string, recipients ...message.Phone) limits.Ask {
	a := w.ask(recipients...)
	a.Again, a.Body = true, body
	a.Started = func(context.Context) (bool, error) { return false, nil }
	return a
}

// Two requests with one key may come at once, and nobody knows which becomes the message: each takes its own part, so that what
// the one has taken on another day or of another number does not let the other through.
func TestAnotherRequestWithTheSameKeyTakesItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{NumberDay: 1, CallerDay: 10}
	later := w.keyed("lee tomorrow", lee)
	later.Due = korea("2026-12-02 12:00:00")
	w.wants(t, later, "")
	now := w.keyed("kim now", kim)
	now.Message = later.Message
	w.wants(t, now, "")
	w.wants(t, w.ask(kim), "number-day 1 02T00:00:00 [0]")
	// Each is given back by itself.
	if err := w.Cancelled(t.Context(), now.Message, now.Body); err != nil {
		t.Fatal(err)
	}
	w.wants(t, w.ask(kim), "")
	again := w.ask(lee)
	again.Due = later.Due
	w.wants(t, again, "number-day 1 03T00:00:00 [0]")
}

// A request whose message could not be started comes again, perhaps days later as a dead letter: it counts when it is due then.
func TestWhatWasNotStartedCountsWhenItComesAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after   time.Duration
		started bool
		// first and again are how many count on the day on which it came first, and on that on which it comes again.
		first, again int
	}{
		"a minute later, after midnight":             {time.Minute, false, 1, 0},
		"a minute and a second later":                {time.Minute + time.Second, false, 0, 1},
		"a minute and a second later, and it is out": {time.Minute + time.Second, true, 1, 0},
		"on the next day":                            {24 * time.Hour, false, 0, 1},
		"on the next day, and it is out":             {24 * time.Hour, true, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Untrusted, w.StackDay = limits.Rules{NumberDay: 1, CallerDay: 1}, 1
			w.clock = korea("2026-12-31 23:59:59")
			first := w.clock
			a := w.keyed("body", kim)
			w.wants(t, a, "")
			again := first.Add(c.after)
			a.Started = func(context.Context) (bool, error) { return c.started, nil }
			for range 2 {
				w.clock, a.Due = again, again
				w.wants(t, a, "")
			}
			w.counts(t, first, c.first)
			w.counts(t, again, c.again)
		})
	}
}

// counts holds what is used on a day to what there should be, whoever counts it.
func (w *world) counts(tb testing.TB, at time.Time, want int) {
	tb.Helper()
	w.clock = at
	number, err := w.OfNumber(tb.Context(), kim)
	caller, err2 := w.OfCaller(tb.Context(), "someone")
	stack, err3 := w.OfStack(tb.Context())
	if err := errors.Join(err, err2, err3); err != nil {
		tb.Fatal(err)
	}
	if n, c, s := number[1].Used, caller[0].Used, stack[0].Used; n != want || c != want || s != want {
		tb.Errorf("on the day of %s the number has %d, the caller %d, the stack %d; want %d", at.In(message.Korea()), n, c, s, want)
	}
}

// In an hour as well: nobody collects requests that could not be started and lets them loose together.
func TestWhatWasNotStartedHasItsHourWhenItComesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{NumberHour: 1}
	a, b := w.keyed("a", kim), w.keyed("b", kim)
	w.wants(t, a, "")
	w.clock = korea("2026-12-01 13:00:00")
	b.Due = w.clock
	w.wants(t, b, "")
	w.clock = korea("2026-12-01 13:30:00")
	a.Due = w.clock
	w.wants(t, a, "number-hour 1 01T14:00:00 [0]")
	w.clock = korea("2026-12-01 14:00:00")
	a.Due = w.clock
	w.wants(t, a, "")
	w.wants(t, w.ask(kim), "number-hour 1 01T15:00:00 [0]")
	// When nobody can say whether it was started, that is said.
	away := errors.New("away")
	a.Due, a.Started = w.clock.Add(2*time.Hour), func(context.Context) (bool, error) { return false, away }
	if _, err := w.Take(t.Context(), a); !errors.Is(err, away) {
		t.Errorf("%v", err)
	}
}

// The count of a cancelled message is given back by one of those who would, however many there are.
func TestNothingIsGivenBackTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay = limits.Rules{CallerDay: 3}, 3
	w.wants(t, w.ask(lee), "")
	w.wants(t, w.ask(lee), "")
	a := w.keyed("body", kim)
	undo := w.taken(t, a)
	if err := w.Cancelled(t.Context(), a.Message, a.Body); err != nil {
		t.Fatal(err)
	}
	undo()
	undo()
	w.roomForOne(t, "caller-day 3 02T00:00:00 [], stack-day 3 02T00:00:00 []")
}

// A request whose count was written, and whose writer heard nothing of it, may be repeated: it goes by what stands there, so
// that has to be true.
func TestARepetitionAfterALostAnswerIsCounted(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*limits.Limits){
		"of a number": func(l *limits.Limits) { l.Untrusted = limits.Rules{NumberDay: 2} },
		"of a caller": func(l *limits.Limits) { l.Untrusted = limits.Rules{CallerDay: 2} },
		"of all":      func(l *limits.Limits) { l.Untrusted, l.StackDay = limits.Rules{}, 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			set(w.Limits)
			through := 0
			for i := range 4 {
				a := w.keyed(fmt.Sprint(i), kim)
				w.table.Fail(func(operation string) tabletest.Fault {
					if operation == "PutItem" {
						return tabletest.After
					}
					return tabletest.None
				})
				_, err := w.Take(t.Context(), a)
				w.table.Fail(nil)
				if err != nil {
					_, err = w.Take(t.Context(), a)
				}
				if err == nil {
					through++
				}
			}
			if through < 1 || through > 2 {
				t.Errorf("%d got through, want at least one and at most 2", through)
			}
		})
	}
}

// Who repeats his own request is not told that it has the same content as itself.
func TestARepetitionIsNotTheSameContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.Same = limits.Rules{}, time.Hour
	a := w.keyed("body", kim)
	puts := 0
	w.table.Fail(func(operation string) tabletest.Fault {
		if operation == "PutItem" {
			puts++
		}
		if puts > 1 {
			return tabletest.Before // the content is written down, and nothing after it
		}
		return tabletest.None
	})
	if _, err := w.Take(t.Context(), a); err == nil {
		t.Fatal("nothing was lost")
	}
	w.table.Fail(nil)
	w.wants(t, a, "")
	w.wants(t, w.ask(kim), "same-content 1 01T13:00:00 [0] "+a.Message)
}

// However often requests are repeated, cancelled and replayed while answers are lost, nothing passes a limit.
func TestRepetitionsUnderFaultsNeverLetThroughTooMuch(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		seeded(t, seed, func(t *testing.T, w *world) {
			t.Helper()
			w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberHour: 4, NumberDay: 6, CallerDay: 9}, 11, time.Minute
			source := rand.New(rand.NewPCG(seed, 2))
			w.table.Fail(func(string) tabletest.Fault {
				return []tabletest.Fault{tabletest.Before, tabletest.After, 0, 0, 0, 0}[source.IntN(6)]
			})
			var mu sync.Mutex
			started := map[string]limits.Ask{}
			var wait sync.WaitGroup
			for i := range 30 {
				a := w.keyed(fmt.Sprint(i), [][]message.Phone{{kim}, {lee}, {kim, lee}}[i%3]...)
				a.Caller, a.Contents = []string{"a", "b"}[i%2], []string{a.Body, a.Body}
				for range 2 {
					wait.Go(func() { w.persists(t.Context(), a, i%5 == 0, &mu, started) })
				}
			}
			wait.Wait()
			perNumber, perCaller, all := map[message.Phone]int{}, map[string]int{}, 0
			for _, a := range started {
				for _, to := range a.Recipients {
					perNumber[to]++
				}
				perCaller[a.Caller] += len(a.Recipients)
				all += len(a.Recipients)
			}
			if perNumber[kim] > 4 || perNumber[lee] > 4 || perCaller["a"] > 9 || perCaller["b"] > 9 || all > 11 {
				t.Errorf("%d and %d to a number, %d and %d of a caller, %d in all; at most 4, 9, 11", perNumber[kim], perNumber[lee],
					perCaller["a"], perCaller["b"], all)
			}
		})
	}
}

// persists asks until it gets an answer, and starts the message, as the door does, or has it cancelled at once: then it counts
// as one for nobody.
func (w *world) persists(ctx context.Context, a limits.Ask, cancels bool, mu *sync.Mutex, started map[string]limits.Ask) {
	for range 10 {
		taken, err := w.Take(ctx, a)
		var over *limits.ExceededError
		switch {
		case errors.As(err, &over):
			return
		case err != nil:
			continue
		}
		mu.Lock()
		_, replayed := started[a.Message]
		if !replayed {
			started[a.Message] = a
			if cancels {
				started[a.Message] = limits.Ask{}
			}
		}
		mu.Unlock()
		switch {
		case replayed:
			w.Undo(ctx, taken)
		case cancels:
			_ = w.Cancelled(ctx, a.Message, a.Body)
		}
		return
	}
}
