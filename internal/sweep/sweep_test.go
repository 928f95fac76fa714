package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/sweep"
)

const hour = time.Hour

// What a sweep does about a message, an hour after it was started, and what the next one does.
func TestSweep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(w *world) *run
		// looked and announced say what is done in the first sweep, counted how many messages the metrics have after it.
		looked, announced bool
		counted           int
		report            sweep.Report
		// again says that the next one looks at it, too.
		again bool
	}{
		{name: "all is well", make: func(w *world) *run {
			r := w.start(w.message(1), true)
			w.end(r, message.Delivered, true, true)
			return r
		}},
		{name: "nothing was written", make: func(w *world) *run {
			r := w.start(w.message(1), false)
			w.end(r, message.Delivered, true, false)
			return r
		}, looked: true, counted: 1, report: sweep.Report{Recorded: 1}},
		{name: "the outcome was announced, and nobody wrote it down", make: func(w *world) *run {
			r := w.start(w.message(1), true)
			w.end(r, message.Delivered, true, false)
			return r
		}, looked: true, counted: 1, report: sweep.Report{Recorded: 1}},
		{name: "only the outcome was written", make: func(w *world) *run {
			r := w.start(w.message(1), false)
			w.end(r, message.Failed, true, false)
			if _, err := w.store.Settled(t.Context(), r.seen.Outcome); err != nil {
				t.Fatal(err)
			}
			return r
		}, looked: true, report: sweep.Report{Recorded: 1}},
		{name: "it was stopped, and nobody heard", make: func(w *world) *run {
			r := w.start(w.message(1), true)
			w.end(r, message.Failed, false, false)
			return r
		}, looked: true, announced: true, counted: 1, report: sweep.Report{Announced: 1, Recorded: 1}, again: true},
		{name: "it was stopped, and announced from outside", make: func(w *world) *run {
			r := w.start(w.message(1), true)
			w.end(r, message.Failed, false, true)
			return r
		}, again: true},
		{name: "it is under way, and nobody knows", make: func(w *world) *run {
			return w.start(w.message(1), false)
		}, looked: true, report: sweep.Report{Recorded: 1}, again: true},
		{name: "it is under way", make: func(w *world) *run { return w.start(w.message(1), true) }, again: true},
		{name: "it was redriven, and is under way unknown", make: func(w *world) *run {
			r := w.start(w.message(1), true)
			w.end(r, message.Failed, false, true)
			w.redrive(r)
			return r
		}, again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := c.make(w)
			w.Add(hour)
			got := w.sweeps()
			looks, announced := w.did()
			if c.report.Listed = 1; c.looked {
				c.report.Looked = 1
			}
			if got != c.report || (len(looks) == 1) != c.looked || (len(announced) == 1) != c.announced {
				t.Errorf("%+v, want %+v; looked at %q, announced %q", got, c.report, looks, announced)
			}
			// What is counted before the sweep was counted by the function that hears of outcomes.
			if n := w.counted(); n != c.counted {
				t.Errorf("%d are counted", n)
			}
			if c.name != "it was redriven, and is under way unknown" {
				w.complete(r)
			}
			w.Add(hour)
			w.sweeps()
			looks, announced = w.did()
			if (len(looks) == 1) != c.again || len(announced) > 0 {
				t.Errorf("the next one looks at %q, announces %q", looks, announced)
			}
			w.complete(r)
		})
	}
}

// redrive has an execution go on.
func (w *world) redrive(r *run) {
	m := r.seen.Message
	r.listed.Redrives++
	r.listed.Ended, r.listed.Stopped = false, time.Time{}
	r.seen.Ended, r.seen.Stopped, r.seen.Redrivable = false, time.Time{}, false
	r.seen.Outcome = message.Underway(m, message.Progress{Recipients: message.Pendings(m), Seq: 1})
	r.seen.Version = records.Version{Redrives: r.listed.Redrives, Seq: 1}
}

// An execution that was redriven after it was announced, and ends again unheard, is announced again.
func TestSweepAfterARedrive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(w.message(1), true)
	w.end(r, message.Failed, false, false)
	w.Add(hour)
	w.sweeps()
	w.redrive(r)
	w.Add(hour)
	w.sweeps()
	w.complete(r)
	w.end(r, message.Delivered, false, false)
	w.did()
	for range 3 {
		w.Add(hour)
		w.sweeps()
	}
	w.announcedOne()
	w.complete(r)
	if n := w.counted(); n != 2 {
		t.Errorf("%d outcomes are counted", n)
	}
	// Nobody can redrive it after two weeks, and nobody looks any more.
	for range 20 * 4 {
		w.Add(6 * hour)
		w.sweeps()
	}
	looks, announced := w.did()
	w.Add(24 * hour)
	if w.sweeps(); len(looks) > 24 || len(announced) > 0 {
		t.Errorf("looked at %d times, announced %q", len(looks), announced)
	}
	if looks, _ := w.did(); len(looks) > 0 {
		t.Errorf("still looked at: %q", looks)
	}
}

// One that was redriven and has ended again before anybody looked, with nothing of it heard, is announced again by the next
// sweep, or by the one after if that cannot look at it: that it has ended is remembered, though its record says that all is well.
func TestSweepAfterARedriveThatNobodySaw(t *testing.T) {
	t.Parallel()
	for first, then := range map[message.Status]message.Status{message.Failed: message.Delivered, message.Delivered: message.Failed} {
		for _, throttled := range []bool{false, true} {
			w := newWorld(t)
			r := w.start(w.message(1), true)
			w.end(r, first, false, true)
			w.Add(10 * time.Minute)
			w.redrive(r)
			w.end(r, then, false, false)
			if throttled {
				w.fail = func(operation string) error {
					if operation == "DescribeExecution" {
						return errThrottled
					}
					return nil
				}
				w.Add(hour)
				if s := w.sweeps(); s.Failed != 1 {
					t.Errorf("%+v", s)
				}
				w.fail = nil
			}
			w.announcedNext(r)
		}
	}
}

// What has ended or was started a moment ago is left alone: its record is on its way.
func TestSweepLeavesWhatIsNew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	young := w.start(w.message(1), false)
	w.Add(14 * time.Minute)
	if r := w.sweeps(); r != (sweep.Report{}) {
		t.Errorf("%+v", r)
	}
	w.Add(hour)
	w.end(young, message.Failed, false, false)
	w.Add(14 * time.Minute)
	if r := w.sweeps(); r != (sweep.Report{Listed: 1}) {
		t.Errorf("%+v", r)
	}
	w.announcedNext(young)
}

// One under way that is looked at when it has just ended is left alone as well, and announced by the sweep after that.
func TestSweepLeavesWhatHasJustEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.start(w.message(1), true)
	w.Add(hour)
	w.sweeps()
	w.Add(hour - 5*time.Minute)
	w.end(r, message.Failed, false, false)
	w.Add(5 * time.Minute)
	w.sweeps()
	if looks, announced := w.did(); len(looks) != 1 || len(announced) != 0 {
		t.Errorf("looked at %q, announced %q", looks, announced)
	}
	w.announcedNext(r)
}

// A message that is scheduled for 90 days ahead is looked at after those, and one that is under way for days ever more rarely.
func TestSweepLooksEverMoreRarely(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scheduled := w.message(1)
	scheduled.SendAt, scheduled.ExpiresAt = began.Add(90*24*hour), began.Add(91*24*hour)
	w.store.Accepted(t.Context(), scheduled)
	one := w.start(scheduled, false)
	parked := w.start(w.message(2), true)
	looks := map[string][]time.Duration{}
	for w.Now().Before(began.Add(92 * 24 * hour)) {
		w.Add(hour)
		if w.Now().After(began.Add(10 * 24 * hour)) {
			w.Add(5 * hour)
		}
		w.sweeps()
		if w.Now().Equal(began.Add(8 * 24 * hour)) {
			w.complete(parked)
			w.end(parked, message.Delivered, true, true)
		}
		for ids, _ := w.did(); len(ids) > 0; ids = ids[1:] {
			looks[ids[0]] = append(looks[ids[0]], w.Now().Sub(began))
		}
	}
	if n := looks[scheduled.ID]; len(n) == 0 || len(n) > 6 || n[0] < 90*24*hour {
		t.Errorf("the scheduled one is looked at after %v", n)
	}
	if n := looks[parked.seen.Message.ID]; len(n) < 8 || len(n) > 12 {
		t.Errorf("the parked one is looked at after %v", n)
	}
	w.end(one, message.Delivered, true, true)
	w.sweeps()
	w.complete(one)
}

// Numbers of messages that were sent before there was a key are found once there is one.
func TestSweepIndexesLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.keys = nil
	r := w.start(w.message(1), true)
	w.end(r, message.Delivered, true, true)
	for range 48 {
		w.Add(hour)
		if r := w.sweeps(); r.Looked > 0 || r.Failed > 0 {
			t.Errorf("%+v", r)
		}
	}
	w.keys = []string{"secret"}
	var done []sweep.Report
	for range 25 {
		w.Add(hour)
		if r := w.sweeps(); r.Looked > 0 {
			done = append(done, r)
		}
	}
	if len(done) != 1 || done[0] != (sweep.Report{Looked: 1, Indexed: 1}) {
		t.Errorf("%+v", done)
	}
	w.complete(r)
	if strings.Contains(w.logs.String(), "repaired") {
		t.Error("it counts as repaired, though nothing was lost")
	}
}

// mixed makes a world in which many things were lost.
func mixed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.page = 2
	for n := range 4 {
		r := w.start(w.message(n), n%2 == 0)
		switch n % 4 {
		case 0, 1:
			w.end(r, message.Failed, false, false)
		case 2:
			w.end(r, message.Delivered, true, false)
		}
		w.Add(time.Minute)
	}
	w.Add(hour)
	return w
}

// allThere checks that every record says that it has everything.
func (w *world) allThere() {
	w.tb.Helper()
	var ids []string
	for _, r := range w.runs {
		ids = append(ids, r.listed.ID)
	}
	all, err := w.store.Glances(w.tb.Context(), ids)
	for _, r := range w.runs {
		g := all[r.listed.ID]
		if err != nil || !g.Known || !g.Listed || !g.Indexed || g.Announced != r.listed.Ended || g.Status != r.seen.Outcome.Status {
			w.tb.Errorf("%s: %+v, %v", r.listed.ID, g, err)
		}
	}
}

func (w *world) allComplete() {
	w.tb.Helper()
	for _, r := range w.runs {
		w.complete(r)
	}
}

// A sweep that ends anywhere is gone on with by the next one, and nothing is counted twice.
func TestSweepEndsAnywhere(t *testing.T) {
	t.Parallel()
	whole := mixed(t)
	whole.calls = 0
	whole.sweeps()
	whole.allComplete()
	for n := 1; n <= whole.calls; n++ {
		w := mixed(t)
		ctx, cancel := context.WithCancel(t.Context())
		w.calls, w.killed, w.kill = 0, n, cancel
		_, _ = w.sweeper().Handle(ctx)
		w.killed = 0
		cancel()
		for range 2 { // one repetition of the schedule may come while the lease lasts
			w.Add(hour)
			w.sweeps()
		}
		w.allThere()
		if counted := w.counted(); counted != 3 {
			t.Errorf("killed at call %d: %d are counted, want 3", n, counted)
		}
		_, announced := w.did()
		if n := len(slices.Compact(slices.Clone(announced))); n != 2 || len(announced) > 3 {
			t.Errorf("announced %q", announced)
		}
	}
}

// Two that run at once do not do the same.
func TestSweepsAtOnce(t *testing.T) {
	t.Parallel()
	w := mixed(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := w.sweeper().Handle(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	w.allComplete()
	if _, announced := w.did(); len(announced) != 2 {
		t.Errorf("announced %q", announced)
	}
	if w.counted() != 3 {
		t.Errorf("%d are counted", w.counted())
	}
}

var errThrottled = errors.New("throttled")

// While Step Functions or the table refuses, a sweep fails soon and says so, and the next one does what is left.
func TestSweepWhileThrottled(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{
		"ListExecutions", "DescribeExecution", "PutEvents", "Query", "BatchGetItem", "BatchWriteItem", "UpdateItem",
	} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			w := mixed(t)
			refused := 0
			w.fail = func(o string) error {
				if o != operation {
					return nil
				}
				refused++
				return errThrottled
			}
			_, err := w.sweeper().Handle(t.Context())
			few := operation == "PutEvents" || operation == "DescribeExecution" // too few are due to give up
			if few && (err != nil || refused > 4 || refused < 2) || !few && (err == nil || refused > 10) {
				t.Errorf("refused %d times: %v", refused, err)
			}
			w.fail = nil
			for range 2 {
				w.Add(hour)
				w.sweeps()
			}
			w.allComplete()
			if w.counted() != 3 {
				t.Errorf("%d are counted", w.counted())
			}
		})
	}
}

// One that cannot be looked at holds up no other.
func TestSweepPassesOneByThatFails(t *testing.T) {
	t.Parallel()
	w := mixed(t)
	failing := 0
	w.fail = func(o string) error {
		if o == "DescribeExecution" {
			if failing++; failing == 1 {
				return errThrottled
			}
		}
		return nil
	}
	if r := w.sweeps(); r.Failed != 1 || r.Looked != 4 || r.Recorded != 3 {
		t.Errorf("%+v", r)
	}
	w.Add(hour)
	w.sweeps()
	w.allComplete()
}

// unreadable is a world some of whose executions can never be looked at, for a reason of their own or because AWS refuses.
type unreadable struct {
	*world

	ids map[string]error
}

func (u unreadable) Look(ctx context.Context, id string) (execution.Seen, error) {
	if err := u.ids[id]; err != nil {
		return execution.Seen{}, err
	}
	return u.world.Look(ctx, id)
}

// Messages that can never be looked at hold up none that come after them.
func TestSweepPassesThoseByThatAlwaysFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err    error
		sweeps int
	}{
		"for their own sake": {errors.New("its history is nonsense"), 1},
		"AWS refuses":        {&smithy.OperationError{ServiceID: "SFN", OperationName: "DescribeExecution", Err: errThrottled}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			u := unreadable{w, map[string]error{}}
			for n := range 40 {
				m := w.message(n)
				r := w.start(m, true)
				if n < 20 {
					u.ids[m.ID] = c.err
				}
				w.end(r, message.Failed, false, false)
				w.Add(time.Second)
			}
			w.Add(20 * time.Minute)
			for range c.sweeps {
				s := w.sweeper()
				s.Executions = u
				if _, err := s.Handle(t.Context()); err != nil && !errors.Is(err, errThrottled) {
					t.Fatal(err)
				}
				w.Add(hour)
			}
			if _, announced := w.did(); len(announced) != 20 {
				t.Errorf("%d messages are announced, want the 20 that can be looked at", len(announced))
			}
		})
	}
}

// Pages are gone through once, and a pass that was ended goes on at its page, or from the start when that is not known any more.
func TestSweepGoesOn(t *testing.T) {
	t.Parallel()
	for name, forgotten := range map[string]bool{"at its page": false, "from the start": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.page = 10
			for n := range 100 {
				w.start(w.message(n), false)
				w.Add(time.Second)
			}
			w.Add(hour)
			w.fail = func(o string) error {
				if o == "ListExecutions" && w.listings == 5 {
					return errThrottled
				}
				return nil
			}
			if _, err := w.sweeper().Handle(t.Context()); err == nil {
				t.Fatal("no error")
			}
			w.fail = nil
			if forgotten {
				w.runs = w.runs[:45]
			}
			w.Add(hour)
			r := w.sweeps()
			if want := map[bool]int{false: 50, true: 45}[forgotten]; r.Listed != want {
				t.Errorf("%+v, want %d listed", r, want)
			}
			for n := range w.runs {
				if _, ok, err := w.store.Find(t.Context(), w.message(n).ID); !ok || err != nil {
					t.Errorf("%d: %v %v", n, ok, err)
				}
			}
			w.Add(hour)
			w.listings = 0
			if w.sweeps(); w.listings != 1 {
				t.Errorf("the next one lists %d pages", w.listings)
			}
		})
	}
}

// A sweep ends itself before its time is over, and says that there is more.
func TestSweepIsInTime(t *testing.T) {
	t.Parallel()
	w := mixed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 17*time.Second)
	defer cancel()
	if r, err := w.sweeper().Handle(ctx); err != nil || !r.Unfinished || r.Looked > 0 {
		t.Errorf("%+v %v", r, err)
	}
	w.sweeps()
	w.allComplete()
}

// A message whose record has gone after its time is not brought back, nor announced again.
func TestSweepLeavesWhatIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.store.Kept = hour
	m := w.message(1)
	m.ExpiresAt = began.Add(hour)
	r := w.start(m, false)
	w.end(r, message.Failed, false, false)
	w.Add(3 * hour)
	if got := w.sweeps(); got != (sweep.Report{Listed: 1, Looked: 1}) {
		t.Errorf("%+v", got)
	}
	if _, announced := w.did(); len(announced) > 0 {
		t.Error(announced)
	}
}

// The first sweep of a stack looks back a day, and a later one as far as the last one was.
func TestSweepLooksBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start(w.message(1), true)
	w.Add(2 * hour)
	w.start(w.message(2), true)
	w.Add(23 * hour)
	if r := w.sweeps(); r.Listed != 1 {
		t.Errorf("%+v", r)
	}
	w.start(w.message(3), true)
	w.Add(60 * hour)
	w.start(w.message(4), true)
	w.Add(hour)
	if r := w.sweeps(); r.Listed != 2 {
		t.Errorf("%+v", r)
	}
}

func ExampleReport() {
	fmt.Printf("%+v", sweep.Report{Listed: 1})
	// Output: {Listed:1 Looked:0 Announced:0 Recorded:0 Indexed:0 Stuck:0 Failed:0 Unfinished:false}
}

// Campaigns that do not go on are counted, and one that cannot be looked at holds nothing else up.
func TestSweepLooksAtCampaigns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stuck, w.away = 2, errors.New("the table is away")
	r := w.start(w.message(1), false)
	w.end(r, message.Delivered, true, false)
	w.Add(hour)
	report, err := w.sweeper().Handle(t.Context())
	if !errors.Is(err, w.away) || report.Stuck != 2 || report.Recorded != 1 {
		t.Errorf("report %+v, error %v", report, err)
	}
}
