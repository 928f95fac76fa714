package limits_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

// world is a table with the limits that are there by default, and a clock that stands still.
type world struct {
	*limits.Limits
	table *tabletest.Table
	logs  *testkit.Buffer
	clock time.Time
	asked atomic.Int64
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{table: tabletest.New(tb), logs: &testkit.Buffer{}, clock: korea("2026-12-01 12:00:00")}
	w.Limits = &limits.Limits{
		Client: w.table.Client, Table: tabletest.Name, Numbers: tabletest.Keys{"secret"}, Now: func() time.Time { return w.clock },
		Log: testkit.Log(w.logs), Untrusted: limits.Rules{NumberHour: 5, NumberDay: 10, CallerDay: 200},
	}
	return w
}

func korea(at string) time.Time {
	t, _ := time.ParseInLocation("2006-01-02 15:04:05", at, message.Korea())
	return t.UTC()
}

// ask is a message of a caller without messages:text, with a key of its own.
func (w *world) ask(recipients ...message.Phone) limits.Ask {
	a := limits.Ask{Message: fmt.Sprintf("m%d", w.asked.Add(1)), Caller: "someone", Recipients: recipients, Due: w.clock}
	for range recipients {
		a.Contents = append(a.Contents, "hello")
	}
	return a
}

const kim, lee, park, choi = message.Phone("01012345678"), message.Phone("01087654321"), message.Phone("01011112222"),
	message.Phone("01033334444")

// take says which limits had no room, as "name max until recipients".
func (w *world) take(tb testing.TB, a limits.Ask) string {
	tb.Helper()
	_, err := w.Take(tb.Context(), a)
	var over *limits.ExceededError
	if err != nil && !errors.As(err, &over) {
		tb.Fatal(err)
	}
	if over == nil {
		return ""
	}
	var all []string
	for _, h := range over.Hits {
		all = append(all, strings.TrimSuffix(fmt.Sprintf("%s %d %s %v %s", h.Limit, h.Max, h.Until.In(message.Korea()).Format("02T15:04:05"),
			h.Recipients, h.First), " "))
	}
	return strings.Join(all, ", ")
}

func (w *world) wants(tb testing.TB, a limits.Ask, want string) {
	tb.Helper()
	if got := w.take(tb, a); got != want {
		tb.Errorf("at %s: %q, want %q", w.clock.In(message.Korea()), got, want)
	}
}

// taken takes what a message needs, and returns what gives it back.
func (w *world) taken(tb testing.TB, a limits.Ask) (undo func()) {
	tb.Helper()
	taken, err := w.Take(tb.Context(), a)
	if err != nil {
		tb.Fatal(err)
	}
	return func() { w.Undo(tb.Context(), taken) }
}

// roomForOne wants that one more message to kim gets through, and what has no room for the next.
func (w *world) roomForOne(tb testing.TB, over string) {
	tb.Helper()
	w.wants(tb, w.ask(kim), "")
	w.wants(tb, w.ask(kim), over)
}

// seeded is a test beside others in a world of its own.
func seeded(t *testing.T, seed uint64, test func(*testing.T, *world)) {
	t.Helper()
	t.Run(fmt.Sprint(seed), func(t *testing.T) {
		t.Parallel()
		test(t, newWorld(t))
	})
}

func TestTheSixthMessageInAnHourIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 5 {
		w.clock = korea("2026-12-01 12:00:00").Add(time.Duration(i) * time.Minute)
		w.wants(t, w.ask(kim), "")
	}
	w.wants(t, w.ask(kim), "number-hour 5 01T13:00:00 [0]")
	w.wants(t, w.ask(lee, kim), "number-hour 5 01T13:00:00 [1]")
	w.clock = korea("2026-12-01 12:59:59")
	w.wants(t, w.ask(kim), "number-hour 5 01T13:00:00 [0]")
	w.clock = korea("2026-12-01 13:00:00")
	w.wants(t, w.ask(kim), "")
	w.wants(t, w.ask(kim), "number-hour 5 01T13:01:00 [0]")
	// What was refused has taken nothing, neither of the number nor of the other one in the batch.
	uses, err := w.OfNumber(t.Context(), lee)
	if err != nil || uses[0].Used != 0 || uses[1].Used != 0 {
		t.Errorf("%+v, %v", uses, err)
	}
}

// A new key begins no count anew, and who does not know it yet counts in the same place.
func TestANewKeyForgetsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	late := *w.Limits
	for range 3 {
		w.wants(t, w.ask(kim), "")
	}
	w.Numbers = tabletest.Keys{"new", "secret"}
	w.wants(t, w.ask(kim), "")
	if _, err := late.Take(t.Context(), w.ask(kim)); err != nil {
		t.Error(err)
	}
	w.wants(t, w.ask(kim), "number-hour 5 01T13:00:00 [0]")
}

// A day is one in Korea, at the end of a year as well.
func TestTheEleventhMessageOnADayIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock = korea("2026-12-31 00:00:00")
	for range 2 {
		for range 5 {
			w.wants(t, w.ask(kim), "")
		}
		w.clock = w.clock.Add(time.Hour)
	}
	w.clock = korea("2026-12-31 23:59:59")
	w.wants(t, w.ask(kim), "number-day 10 01T00:00:00 [0]")
	w.clock = korea("2027-01-01 00:00:00")
	w.wants(t, w.ask(kim), "")
}

// A message counts when it is due: nobody can pile up tomorrow's.
func TestScheduledMessagesCountWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	later := func(at string) limits.Ask {
		a := w.ask(kim)
		a.Due = korea(at)
		return a
	}
	for range 5 {
		w.wants(t, later("2026-12-02 09:30:00"), "")
	}
	w.wants(t, later("2026-12-02 09:00:00"), "number-hour 5 02T10:30:00 [0]")
	w.wants(t, later("2026-12-02 08:30:00"), "")
	w.wants(t, later("2026-12-02 10:29:59"), "number-hour 5 02T10:30:00 [0]")
	w.wants(t, later("2026-12-02 10:30:00"), "")
	w.wants(t, w.ask(kim), "")
}

// The door's count is the one that holds: the place of a message that waits for its time is taken on the day and in the hour of
// that time, whatever the day is on which it is asked for.
func TestPlacesAreTakenAtTheDoor(t *testing.T) {
	t.Parallel()
	const midnight, year = "2026-12-02 00:00:00", "2027-01-01 00:00:00"
	for name, c := range map[string]struct {
		rules limits.Rules
		// taken is when a message is due that was accepted, asked when the door is asked for another one, and due when that is due.
		taken, asked, due string
		want              string
	}{
		"the last second of the day": {
			limits.Rules{NumberDay: 1}, "2026-12-01 12:00:00", "2026-12-01 12:00:00", "2026-12-01 23:59:59", "number-day 1 02T00:00:00 [0]"},
		"the first of the next":            {limits.Rules{NumberDay: 1}, "2026-12-01 23:59:59", "2026-12-01 23:59:59", midnight, ""},
		"asked for tomorrow, due tomorrow": {limits.Rules{NumberDay: 1}, midnight, midnight, midnight, "number-day 1 03T00:00:00 [0]"},
		"a caller's, over the end of a year": {
			limits.Rules{CallerDay: 1}, "2026-12-31 23:59:59", "2026-12-31 23:59:59", year, ""},
		"a caller's, in the new year": {
			limits.Rules{CallerDay: 1}, year, "2026-12-31 23:59:59", "2027-01-01 23:59:59", "caller-day 1 02T00:00:00 []"},
		"a number's hour does not end with the day": {
			limits.Rules{NumberHour: 1}, "2026-12-31 23:30:00", "2026-12-31 23:59:59", year, "number-hour 1 01T00:30:00 [0]"},
		"nor does it begin with it": {
			limits.Rules{NumberHour: 1}, "2027-01-01 00:59:59", "2026-12-31 23:59:59", year, "number-hour 1 01T01:59:59 [0]"},
		"nor is it forgotten after midnight": {
			limits.Rules{NumberHour: 1}, "2026-12-31 23:30:00", "2027-01-01 00:10:00", "2027-01-01 00:10:00", "number-hour 1 01T00:30:00 [0]"},
		"an hour before": {limits.Rules{NumberHour: 1}, "2027-01-01 01:00:00", "2026-12-31 23:59:59", year, ""},
		"an hour after":  {limits.Rules{NumberHour: 1}, "2026-12-31 23:00:00", "2026-12-31 23:59:59", year, ""},
		"80 days ahead": {
			limits.Rules{NumberDay: 1}, "2027-02-19 09:00:00", "2026-12-01 12:00:00", "2027-02-19 08:00:00", "number-day 1 20T00:00:00 [0]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Untrusted = c.rules
			a := w.ask(kim)
			a.Due = korea(c.taken)
			w.wants(t, a, "")
			w.clock = korea(c.asked)
			b := w.ask(kim)
			b.Due = korea(c.due)
			w.wants(t, b, c.want)
		})
	}
}

// Callers with messages:text and those without are counted apart.
func TestClassesAreCountedApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.Trusted = limits.Rules{NumberDay: 1, CallerDay: 1}, limits.Rules{NumberDay: 1, CallerDay: 1}
	for _, want := range []string{"", "number-day 1 02T00:00:00 [0], caller-day 1 02T00:00:00 []"} {
		w.wants(t, w.ask(kim), want)
		trusted := w.ask(kim)
		trusted.Trusted = true
		w.wants(t, trusted, want)
	}
}

// A limit is for what is asked for from then on: what was accepted without it has taken nothing, and is owed all the same.
func TestALimitThatIsSetLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{}
	a := w.ask(kim)
	a.Due = korea("2026-12-02 09:00:00")
	w.wants(t, a, "")
	w.Untrusted = limits.Rules{NumberDay: 1}
	if err := w.Cancelled(t.Context(), a.Message, a.Body); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"", "number-day 1 03T00:00:00 [0]"} {
		b := w.ask(kim)
		b.Due = a.Due
		w.wants(t, b, want)
	}
}

func TestACallersDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{CallerDay: 3}
	w.wants(t, w.ask(kim, lee), "")
	w.wants(t, w.ask(kim, lee), "caller-day 3 02T00:00:00 []")
	w.wants(t, w.ask(kim), "")
	w.wants(t, w.ask(kim), "caller-day 3 02T00:00:00 []")
	other := w.ask(kim)
	other.Caller = "somebody else"
	w.wants(t, other, "")
	trusted := w.ask(kim)
	trusted.Trusted = true
	w.wants(t, trusted, "")
	w.clock = korea("2026-12-02 00:00:00")
	w.wants(t, w.ask(kim), "")
	if err := w.ResetCaller(t.Context(), "someone"); err != nil {
		t.Fatal(err)
	}
	if uses, err := w.OfCaller(t.Context(), "someone"); err != nil || uses[0].Used != 0 || uses[0].Max != 3 {
		t.Errorf("%+v, %v", uses, err)
	}
}

// All limits are told at once.
func TestAllLimitsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberHour: 1, CallerDay: 2}, 2, time.Hour
	w.wants(t, w.ask(kim, lee), "")
	a := w.ask(lee, kim)
	w.wants(t, a, "number-hour 1 01T13:00:00 [0 1], caller-day 2 02T00:00:00 [], stack-day 2 02T00:00:00 [], "+
		"same-content 1 01T13:00:00 [0] m1, same-content 1 01T13:00:00 [1] m1")
	if !strings.Contains(w.logs.String(), `"limit":"stack-day","percent":100`) {
		t.Errorf("the log does not tell of the stack's limit: %s", w.logs)
	}
}

func TestTheSameContent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.Same = limits.Rules{}, 10*time.Minute
	w.wants(t, w.ask(kim), "")
	w.clock = w.clock.Add(10*time.Minute - time.Second)
	w.wants(t, w.ask(lee, kim), "same-content 1 01T12:10:00 [1] m1")
	w.wants(t, w.ask(lee), "")
	another := w.ask(kim)
	another.Contents = []string{"goodbye"}
	w.wants(t, another, "")
	w.clock = w.clock.Add(time.Second)
	w.wants(t, w.ask(kim), "")
}

// A replay takes nothing, and a cancelled message gives back, once.
func TestReplaysAndCancellations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberHour: 1, NumberDay: 1, CallerDay: 1}, 1, time.Hour
	a := w.ask(kim)
	a.Again = true
	for range 3 {
		w.wants(t, a, "")
	}
	if got := w.take(t, w.ask(kim)); got == "" {
		t.Error("the second message is not over")
	}
	for range 3 {
		if err := w.Cancelled(t.Context(), a.Message, a.Body); err != nil {
			t.Fatal(err)
		}
	}
	w.wants(t, w.ask(kim), "")
	if got := w.take(t, w.ask(kim)); got == "" {
		t.Error("to cancel a message three times has given back more than it had taken")
	}
}

// Whoever finds out that its message is another one's replay takes back what it took.
func TestUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{NumberDay: 1, CallerDay: 1}
	undo := w.taken(t, w.ask(kim))
	undo()
	undo()
	w.roomForOne(t, "number-day 1 02T00:00:00 [0], caller-day 1 02T00:00:00 []")
}

// However many ask at once, no more than there is room for get through, and no fewer.
func TestAThousandAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*limits.Limits)
		want int64
	}{
		"five in an hour":    {func(l *limits.Limits) { l.Untrusted = limits.Rules{NumberHour: 5} }, 5},
		"a caller's hundred": {func(l *limits.Limits) { l.Untrusted = limits.Rules{CallerDay: 100} }, 100},
		"the same content":   {func(l *limits.Limits) { l.Untrusted, l.Same = limits.Rules{}, time.Hour }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.set(w.Limits)
			if got := w.flood(t, 1000, func() limits.Ask { return w.ask(kim) }); got != c.want {
				t.Errorf("%d got through, want %d", got, c.want)
			}
		})
	}
}

func (w *world) flood(t *testing.T, n int, ask func() limits.Ask) int64 {
	t.Helper()
	var through atomic.Int64
	var wait sync.WaitGroup
	for range n {
		wait.Go(func() {
			a := ask()
			_, err := w.Take(t.Context(), a)
			var over *limits.ExceededError
			switch {
			case err == nil:
				through.Add(int64(len(a.Recipients)))
			case !errors.As(err, &over) && !errors.Is(err, tabletest.ErrLost):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	return through.Load()
}

// Everybody's limit is spread over items with a part of it each: it is never passed, and can be used up.
func TestTheStacksDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay = limits.Rules{}, 101
	through := w.flood(t, 60, func() limits.Ask { return w.ask(kim, lee) })
	if through > 101 {
		t.Fatalf("%d got through, more than 101", through)
	}
	for range 101 {
		if w.take(t, w.ask(kim)) == "" {
			through++
		}
	}
	if through != 101 {
		t.Errorf("%d got through in all, want 101", through)
	}
	uses, err := w.OfStack(t.Context())
	if err != nil || uses[0].Used != 101 || uses[0].Max != 101 {
		t.Errorf("%+v, %v", uses, err)
	}
	w.wants(t, w.ask(kim), "stack-day 101 02T00:00:00 []")
}

// From 70 % on every message tells how much is used: alarms count these lines.
func TestTheStacksDayIsWatched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay = limits.Rules{}, 10
	var got []string
	for range 11 {
		before := len(w.logs.String())
		w.take(t, w.ask(kim))
		_, percent, _ := strings.Cut(strings.TrimSpace(w.logs.String()[before:]), `"percent":`)
		got = append(got, strings.TrimSuffix(percent, "}"))
	}
	if want := []string{"", "", "", "", "", "", "70", "80", "90", "100", "100"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A batch of 500 of which one has no room takes nothing.
func TestABatchIsTakenAsAWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{NumberDay: 1}
	var batch []message.Phone
	for i := range 500 {
		batch = append(batch, message.Phone(fmt.Sprintf("0101000%04d", i)))
	}
	w.wants(t, w.ask(batch[250]), "")
	w.wants(t, w.ask(batch...), "number-day 1 02T00:00:00 [250]")
	if err := w.ResetNumber(t.Context(), batch[250]); err != nil {
		t.Fatal(err)
	}
	w.wants(t, w.ask(batch...), "")
	w.wants(t, w.ask(batch[499]), "number-day 1 02T00:00:00 [0]")
}

// Whatever is lost between here and the table, at most too much is counted: nothing passes a limit.
func TestFaultsNeverLetThroughTooMuch(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		seeded(t, seed, func(t *testing.T, w *world) {
			t.Helper()
			w.Untrusted, w.StackDay = limits.Rules{NumberHour: 4, NumberDay: 6, CallerDay: 9}, 11
			source := rand.New(rand.NewPCG(seed, 1))
			w.table.Fail(func(string) tabletest.Fault {
				switch source.IntN(5) {
				case 0:
					return tabletest.Before
				case 1:
					return tabletest.After
				}
				return tabletest.None
			})
			callers := []string{"a", "b"}
			var mu sync.Mutex
			perNumber, perCaller, all := map[message.Phone]int{}, map[string]int{}, 0
			var wait sync.WaitGroup
			for i := range 60 {
				a := w.ask([][]message.Phone{{kim}, {lee}, {kim, lee}}[i%3]...)
				a.Caller = callers[i%2]
				wait.Go(func() {
					taken, err := w.Take(t.Context(), a)
					if err != nil {
						return
					}
					mu.Lock()
					defer mu.Unlock()
					if i%10 == 0 {
						// Cancelled: it sends nothing, and what it gives back may be lost.
						_ = w.Cancelled(t.Context(), a.Message, a.Body)
						return
					}
					_ = taken
					for _, to := range a.Recipients {
						perNumber[to]++
					}
					perCaller[a.Caller] += len(a.Recipients)
					all += len(a.Recipients)
				})
			}
			wait.Wait()
			for to, n := range perNumber {
				if n > 4 {
					t.Errorf("%s got %d in an hour", to.Masked(), n)
				}
			}
			for caller, n := range perCaller {
				if n > 9 {
					t.Errorf("%s had %d recipients", caller, n)
				}
			}
			if all > 11 {
				t.Errorf("the stack had %d recipients", all)
			}
		})
	}
}

// What is refused by one limit takes nothing of another one, not even for a moment in which somebody else would miss it.
func TestTheRefusedRefuseNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberDay: 1, CallerDay: 2}, 3, time.Hour
	w.wants(t, w.ask(lee), "")
	w.table.Operations()
	w.wants(t, w.ask(kim, lee), "number-day 1 02T00:00:00 [1], caller-day 2 02T00:00:00 [], same-content 1 01T13:00:00 [1] m1")
	w.wants(t, w.ask(kim, park, choi), "caller-day 2 02T00:00:00 [], stack-day 3 02T00:00:00 []")
	for _, operation := range w.table.Operations() {
		if operation != "BatchGetItem" {
			t.Errorf("the refused have asked for %s", operation)
		}
	}
}

// Without limits nothing is asked of the table.
func TestWithoutLimitsTheTableIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.table.Operations()
	a := w.ask(kim)
	a.Trusted = true
	w.wants(t, a, "")
	if got := w.table.Operations(); len(got) > 0 {
		t.Errorf("asked for %q", got)
	}
	w.wants(t, w.ask(kim), "")
	if got, want := w.table.Operations(), []string{"BatchGetItem", "PutItem", "UpdateItem", "PutItem"}; !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
}
