package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

// world is a campaign that is being sent, and what others see of it.
type world struct {
	t     *testing.T
	store *campaign.Store
	table *tabletest.Table
	*campaign.Sender

	mu    sync.Mutex
	now   time.Time
	lucky func() bool // whether a call of others is answered; nil means that it is
	// started are when the messages of chunks were, and cancelled those that were or never will be.
	started   map[int]time.Time
	cancelled map[int]bool
	settled   map[int]bool
	parked    map[int]bool
	refused   map[int]bool
	// sent are those of which something was sent, and undo is what happens to a cancellation.
	sent map[int]bool
	undo func(number int) error
	// half says that half of every chunk is known a minute after it was started.
	half bool
	// off is which chunks have a phone that is off, and reads is how often somebody asked what became of one.
	off   func(number int) bool
	reads int
	runs  []int
}

var errAway = errors.New("away")

const id = "c-1"

func newSending(t *testing.T, chunks, rate int) *world {
	t.Helper()
	w := &world{
		t: t, table: tabletest.New(t), now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), started: map[int]time.Time{},
		cancelled: map[int]bool{}, settled: map[int]bool{}, parked: map[int]bool{}, refused: map[int]bool{},
	}
	w.store = &campaign.Store{Client: w.table.Client, Table: tabletest.Name, Kept: time.Hour}
	w.Sender = &campaign.Sender{
		Store: w.store, Messages: w, Files: w, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now },
		Runs: func(_ context.Context, _ string, run int) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.runs = append(w.runs, run)
			return nil
		},
	}
	c := campaign.Campaign{
		ID: id, Rate: rate, Status: campaign.Sending, Run: 1, Plan: &campaign.Plan{Messages: chunks, Valid: 100 * chunks}, Due: w.now,
		ExpiresAt: w.now.Add(24 * time.Hour),
	}
	if err := w.store.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) fails() bool { return w.lucky != nil && !w.lucky() }

func (w *world) Chunk(_ context.Context, _ campaign.Campaign, number int) (campaign.Chunk, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails() {
		return campaign.Chunk{}, errAway
	}
	return campaign.Chunk{Rows: []int{number}, Recipients: make([]message.Recipient, 100)}, nil
}

func (w *world) Start(_ context.Context, _ campaign.Campaign, number int, _ campaign.Chunk) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.fails():
		return errAway
	case w.refused[number]:
		return &campaign.RefusedError{Reason: "the template is gone"}
	}
	if _, again := w.started[number]; !again {
		w.started[number] = w.now
	}
	if w.fails() {
		return errAway
	}
	return nil
}

func (w *world) Outcome(_ context.Context, _ campaign.Campaign, number int) (message.Outcome, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails() {
		return message.Outcome{}, false, errAway
	}
	w.reads++
	at, ok := w.started[number]
	if !ok {
		return message.Outcome{}, false, nil
	}
	o := message.Outcome{
		Status: message.Sending, CreatedAt: at, Recipients: make([]message.Result, 100), Counts: message.Counts{Pending: 100},
	}
	if w.sent[number] {
		o.Recipients[0].Channel = message.AlimTalk
	}
	if w.half && w.now.Sub(at) >= time.Minute {
		o.Counts = message.Counts{Delivered: 50, Pending: 50}
	}
	if w.off != nil && w.off(number) && w.now.Sub(at) >= time.Minute {
		o.Counts = message.Counts{Delivered: 99, Pending: 1}
	}
	switch {
	case w.cancelled[number]:
		o.SettledAt, o.Counts = w.now, message.Counts{Failed: 100}
	case w.settled[number]:
		o.SettledAt, o.Counts = w.now, message.Counts{Delivered: 90, Failed: 7, Unknown: 3, FellBack: 5}
	case w.parked[number]:
		o.Status = message.Parked
	}
	return o, true, nil
}

func (w *world) Cancel(_ context.Context, _ campaign.Campaign, number int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails() {
		return errAway
	}
	if w.undo != nil {
		if err := w.undo(number); err != nil {
			return err
		}
	}
	if !w.settled[number] {
		w.cancelled[number] = true
	}
	return nil
}

// turn is a turn of the state machine, and its wait.
func (w *world) turn(run int) campaign.Next {
	w.t.Helper()
	n, err := w.Turn(w.t.Context(), campaign.Turn{ID: id, Run: run})
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(time.Duration(n.Seconds) * time.Second)
	return n
}

// toItsEnd takes turns of the second run for as long as there is something to wait for.
func (w *world) toItsEnd() {
	w.t.Helper()
	for range 1000 {
		if w.turn(2).Next != campaign.NextWait {
			return
		}
	}
	w.t.Fatal("it waits for ever")
}

func (w *world) find() campaign.Campaign {
	w.t.Helper()
	c, err := w.store.Find(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) set(status campaign.Status) {
	w.t.Helper()
	_, err := w.store.Change(w.t.Context(), id, func(c *campaign.Campaign) (bool, error) {
		if c.Status = status; status == campaign.Cancelled {
			c.Cancel(w.Now())
		}
		return true, nil
	})
	if err != nil {
		w.t.Error(err)
	}
}

// settleAll settles everything that was started.
func (w *world) settleAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for number := range w.started {
		if !w.cancelled[number] {
			w.settled[number] = true
		}
	}
}

// Chunks go out at the rate, no more than so many are open, and the counts are those of the messages.
func TestChunksGoOutAtTheirRate(t *testing.T) {
	t.Parallel()
	w := newSending(t, 120, 1000) // ten chunks of 100 a minute
	begin := w.now
	for w.now.Sub(begin) < 4*time.Minute {
		w.turn(1)
	}
	if n := len(w.started); n < 36 || n > 41 {
		t.Errorf("%d chunks in 4 minutes, want 40 less what a step begins", n)
	}
	for range 8 {
		w.turn(1)
	}
	if n := len(w.started); n != 50 {
		t.Errorf("%d chunks are open, want 50", n)
	}
	var n campaign.Next
	for range 200 {
		w.settleAll()
		if n = w.turn(1); n.Next != campaign.NextWait {
			break
		}
	}
	c := w.find()
	if n.Next != campaign.NextReport || len(w.started) != 120 || c.Ended != (campaign.Tally{
		Accepted: 12_000, Counts: message.Counts{Delivered: 120 * 90, Failed: 120 * 7, Unknown: 120 * 3, FellBack: 120 * 5},
	}) || c.Seen != (campaign.Tally{}) {
		t.Errorf("%+v, %d started, %+v", n, len(w.started), c)
	}
}

// A pause has the execution wait before the next chunk, and another one goes on without making up for what was missed.
func TestPause(t *testing.T) {
	t.Parallel()
	w := newSending(t, 100, 600) // a chunk every ten seconds
	w.turn(1)
	w.set(campaign.Paused)
	before := len(w.started)
	paused := w.now
	if n := w.turn(1); n.Next != campaign.NextWait || !w.now.Equal(w.find().ExpiresAt) || len(w.started) != before {
		t.Errorf("%+v, %d chunks after %d", n, len(w.started), before)
	}
	w.now = paused.Add(time.Hour)
	w.set(campaign.Sending)
	n := w.turn(2)
	if n.Next != campaign.NextWait || len(w.started) > before+4 {
		t.Errorf("%+v, %d chunks after %d", n, len(w.started), before)
	}
	if n := w.turn(1); n.Next != campaign.NextEnd {
		t.Errorf("the first execution goes on: %+v", n)
	}
}

// One that is cancelled and has no plan, as none could be made, ends; one that waits for its plan does not.
// To cancel takes its time, and may break off: what was done by then is taken down, and what was sent is left alone.
func TestCancelledBitByBit(t *testing.T) {
	t.Parallel()
	w := newSending(t, 40, 1_000_000)
	w.turn(1)
	w.turn(1)
	if len(w.started) != 40 {
		t.Fatalf("%d chunks are started", len(w.started))
	}
	w.set(campaign.Cancelled)
	w.sent = map[int]bool{30: true}
	broken, tried := true, map[int]int{}
	w.undo = func(number int) error {
		if tried[number]++; number == 20 && broken {
			return errAway
		}
		return nil
	}
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	if c := w.find(); c.Ended.Failed != 3800 || !slices.Equal(c.Open, []int{20, 30}) || c.View().Counts.Pending != 200 {
		t.Errorf("38 are cancelled, and it has %+v of %+v", c.Open, c.View().Counts)
	}
	broken = false
	hurry, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n, err := w.Turn(hurry, campaign.Turn{ID: id, Run: 1})
	if err != nil || n.Next != campaign.NextWait || n.Seconds != 1 || tried[20] != 1 {
		t.Errorf("with little time left it was tried %d times: %+v, %v", tried[20], n, err)
	}
	if c := w.find(); c.View().Counts.Accepted != 4000 || c.View().Counts.Pending != 200 {
		t.Errorf("what was not looked at is gone from %+v", c.View().Counts)
	}
	w.turn(1)
	w.turn(1)
	if c := w.find(); c.Ended.Failed != 3900 || !slices.Equal(c.Open, []int{30}) || tried[30] != 0 || tried[20] != 2 || tried[0] != 1 {
		t.Errorf("in the end it has %+v of %+v, after %v", c.Open, c.Ended, tried)
	}
}

// refusedByKakao are chunks whose AlimTalk Aligo has refused as a whole, and whose SMS waits for the wallet to be charged.
type refusedByKakao struct{ *world }

func (r refusedByKakao) Outcome(ctx context.Context, c campaign.Campaign, number int) (message.Outcome, bool, error) {
	o, ok, err := r.world.Outcome(ctx, c, number)
	if !ok || err != nil || !o.SettledAt.IsZero() {
		return o, ok, err
	}
	p := message.Progress{Queue: &message.Queue{Channel: message.SMS}, Parked: &message.Parking{Cause: "balance"}, Sends: 1}
	for range 100 {
		p.Recipients = append(p.Recipients, message.Result{
			Status: message.Pending, Channel: message.AlimTalk, Code: message.CodeRejected,
		})
	}
	return message.Underway(message.Message{CreatedAt: o.CreatedAt, Recipients: make([]message.Recipient, 100)}, p), true, nil
}

// What Aligo has refused as AlimTalk and waits to go out as SMS has not been sent: whoever cancels the campaign reaches it.
func TestCancelledBetweenARefusalAndItsSMS(t *testing.T) {
	t.Parallel()
	w := newSending(t, 3, 1_000_000)
	w.Messages = refusedByKakao{w}
	w.turn(1)
	w.turn(1)
	w.set(campaign.Cancelled)
	w.turn(2)
	if len(w.started) == 0 || len(w.cancelled) != len(w.started) {
		t.Errorf("%d of %d chunks are cancelled", len(w.cancelled), len(w.started))
	}
}

// Those whose cancellation takes all the time, and fails, keep no other from its turn for ever. As long as there are others the next turn
// is at once; when there are none the machine's pauses become longer and longer.
func TestCancellationsThatFailAndTakeTheirTime(t *testing.T) {
	t.Parallel()
	w := newSending(t, 10, 1_000_000)
	w.turn(1)
	w.turn(1)
	w.set(campaign.Cancelled)
	var late *overdue
	w.undo = func(number int) error {
		if number < 5 {
			late.over = true
			return errAway
		}
		return nil
	}
	turn := func() (campaign.Next, error) {
		late = &overdue{Context: t.Context()}
		return w.Turn(late, campaign.Turn{ID: id, Run: 2})
	}
	for range 1000 { // of the machine's repetitions
		before := len(w.cancelled)
		n, err := turn()
		if left := len(w.find().Open) > 5; len(w.cancelled) == before && !errors.Is(err, errAway) ||
			len(w.cancelled) > before && left && (err != nil || n.Next != campaign.NextWait || n.Seconds != 1) {
			t.Fatalf("%d were cancelled before, %d after: %+v, %v", before, len(w.cancelled), n, err)
		}
		if len(w.cancelled) == 5 {
			break
		}
	}
	if c := w.find(); len(w.cancelled) != 5 || c.Ended.Failed != 500 || len(c.Open) != 5 {
		t.Errorf("%d of 10 chunks are cancelled, want all but five: %+v, %v are open", len(w.cancelled), c.Ended, c.Open)
	}
	if n, err := turn(); !errors.Is(err, errAway) {
		t.Errorf("nothing but failures is left: %+v, %v", n, err)
	}
}

// overdue is a context whose time is over when it says so, though what is done in it does not fail of it.
type overdue struct {
	context.Context

	over bool
}

func (o *overdue) Deadline() (time.Time, bool) {
	if o.over {
		return time.Now(), true
	}
	return o.Context.Deadline()
}

// overtaken has its campaign cancelled, and gone on with by another execution, while it starts the message of a chunk.
type overtaken struct {
	*world

	at    int
	after []int // which chunks were cancelled that were there
}

func (o *overtaken) Start(ctx context.Context, c campaign.Campaign, number int, chunk campaign.Chunk) error {
	if number == o.at {
		o.set(campaign.Cancelled)
		o.turn(2)
		o.turn(2)
	}
	return o.world.Start(ctx, c, number, chunk)
}

func (o *overtaken) Cancel(ctx context.Context, c campaign.Campaign, number int) error {
	if _, ok := o.started[number]; ok {
		o.after = append(o.after, number)
	}
	return o.world.Cancel(ctx, c, number)
}

// A chunk whose message is being started while its campaign is cancelled is counted, and gives back what it has taken.
func TestCancelledWhileAChunkIsBeingStarted(t *testing.T) {
	t.Parallel()
	w := newSending(t, 3, 1_000_000)
	o := &overtaken{world: w, at: 2}
	w.Messages = o
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}); err != nil {
		t.Fatal(err)
	}
	w.toItsEnd()
	if c := w.find(); len(w.started) != 3 || c.View().Counts.Accepted != 300 || len(o.after) != 3 {
		t.Errorf("of %d chunks %v were cancelled with what they have taken, %+v", len(w.started), o.after, c.View().Counts)
	}
}

// startsNothing is a door that breaks off before it has started anything.
type startsNothing struct{ *world }

func (startsNothing) Start(context.Context, campaign.Campaign, int, campaign.Chunk) error {
	return errAway
}

// A chunk that never was started is done with when that is sure, and not while it could still be.
func TestCancelledThoughItWasNeverStarted(t *testing.T) {
	t.Parallel()
	w := newSending(t, 1, 1_000_000)
	w.Messages = startsNothing{w}
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	w.set(campaign.Cancelled)
	w.undo = func(int) error { return errAway }
	w.now = w.now.Add(time.Hour)
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) || len(w.find().Open) != 1 {
		t.Errorf("nothing says that it never starts, %v are open, %v", w.find().Open, err)
	}
	w.undo = nil
	hurry, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := w.Turn(hurry, campaign.Turn{ID: id, Run: 2}); err != nil || len(w.find().Open) != 1 {
		t.Errorf("there was no time to cancel it, %v are open, %v", w.find().Open, err)
	}
	w.toItsEnd()
	if c := w.find(); len(c.Open)+len(c.Fresh) != 0 || c.View().Counts.Accepted != 0 {
		t.Errorf("%v are open, %v fresh, %+v", c.Open, c.Fresh, c.View().Counts)
	}
}

func TestWithoutAPlan(t *testing.T) {
	t.Parallel()
	w := newSending(t, 1, 600)
	for status, want := range map[campaign.Status]string{campaign.Cancelled: campaign.NextReport, campaign.StatusPlanning: campaign.NextEnd} {
		if _, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
			c.Status, c.Plan = status, nil
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
		if n := w.turn(1); n.Next != want {
			t.Errorf("%s: %+v", status, n)
		}
	}
}

// Who is paused until the end has expired: what was handed out is waited for, and then there is a report.
func TestPausedUntilItExpires(t *testing.T) {
	t.Parallel()
	w := newSending(t, 100, 600)
	w.turn(1)
	w.set(campaign.Paused)
	before := len(w.started)
	w.turn(1)
	if n := w.turn(1); n.Next != campaign.NextWait || n.Seconds > 3600 || len(w.started) != before {
		t.Errorf("%+v, %d chunks after %d", n, len(w.started), before)
	}
	w.settleAll()
	if n := w.turn(1); n.Next != campaign.NextReport || len(w.started) != before || w.find().Ended.Accepted != 100*before {
		t.Errorf("%+v, %d chunks after %d", n, len(w.started), before)
	}
}

// While a message of it is parked, or is refused, no more are started; when it goes on, so does the campaign.
func TestParked(t *testing.T) {
	t.Parallel()
	w := newSending(t, 100, 600)
	w.turn(1)
	w.parked[0] = true
	before := len(w.started)
	for range 5 {
		w.turn(1)
	}
	if c := w.find(); c.Status != campaign.Parked || c.Cause == "" || len(w.started) > before {
		t.Errorf("%+v, %d chunks after %d", c, len(w.started), before)
	}
	w.parked[0] = false
	w.refused[before] = true
	for range 5 {
		w.turn(1)
	}
	if c := w.find(); c.Status != campaign.Parked || c.Cause != "the template is gone" || len(w.started) != before {
		t.Errorf("%+v, %d chunks after %d", c, len(w.started), before)
	}
	w.refused = nil
	for range 3 {
		w.turn(1)
	}
	if c := w.find(); c.Status != campaign.Sending || c.Cause != "" || len(w.started) <= before {
		t.Errorf("%+v, %d chunks after %d", c, len(w.started), before)
	}
}

// When it has expired nothing more is handed out, and what was about to be started then is waited for until it is sure that nobody does.
func TestExpired(t *testing.T) {
	t.Parallel()
	w := newSending(t, 100, 600)
	w.turn(1)
	before := len(w.started)
	w.settleAll()
	// The next one is open, and nobody knows whether it was started.
	if _, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
		c.Open, c.Next, c.ExpiresAt = []int{before}, before+1, w.now
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	if n := w.turn(1); n.Next != campaign.NextWait || len(w.find().Open) != 1 || len(w.started) != before {
		t.Errorf("a minute later: %+v, %d chunks after %d", n, len(w.started), before)
	}
	w.now = w.now.Add(3 * time.Minute)
	if n := w.turn(1); n.Next != campaign.NextReport || len(w.find().Open) != 0 || len(w.started) != before {
		t.Errorf("some minutes later: %+v, %d chunks after %d", n, len(w.started), before)
	}
}

// An execution that has had many turns has the next one go on.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := newSending(t, 100, 600)
	n, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1, Turns: 1499})
	if err != nil || n.Next != campaign.NextEnd || !slices.Equal(w.runs, []int{2}) {
		t.Errorf("%+v, %v, %v", n, w.runs, err)
	}
	began := w.now
	if n := w.turn(2); n.Next != campaign.NextWait || n.Turns != 1 || w.find().Run != 2 || !w.find().Turned.Equal(began) {
		t.Errorf("%+v, at %v", n, w.find().Turned)
	}
}

// Whatever fails and however turns, pauses and a cancellation fall together: no chunk is forgotten, none goes out that was
// cancelled, and the counts are right in the end.
func TestNoChunkIsLost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			chunks := []int{12, 80}[seed%2]
			w := newSending(t, chunks, 100_000)
			w.off = func(int) bool { return seed%4 == 1 }
			random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's
			luck := rand.New(rand.NewPCG(seed, 2))   //nolint:gosec // a test's
			w.lucky = func() bool { return luck.IntN(5) > 0 }
			var mu sync.Mutex
			w.table.Fail(func(string) tabletest.Fault {
				mu.Lock()
				defer mu.Unlock()
				return []tabletest.Fault{tabletest.None, tabletest.None, tabletest.None, tabletest.Before, tabletest.After}[random.IntN(5)]
			})
			cancel := seed%3 == 0
			for round := range 6 {
				var wait sync.WaitGroup
				for range 2 {
					wait.Go(func() { _, _ = w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}) })
				}
				if cancel && round == 2 {
					wait.Go(func() {
						for {
							_, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
								c.Status = campaign.Cancelled
								return true, nil
							})
							if err == nil {
								return
							}
						}
					})
				}
				wait.Wait()
				w.mu.Lock()
				w.now = w.now.Add([]time.Duration{time.Second, time.Minute}[seed%2])
				w.mu.Unlock()
			}
			w.table.Fail(nil)
			w.mu.Lock()
			w.lucky = nil
			w.mu.Unlock()
			for range 50 {
				if !cancel {
					w.settleAll()
				}
				if w.turn(1).Next == campaign.NextReport {
					break
				}
			}
			c := w.find()
			if len(c.Open)+len(c.Slow) > 0 {
				t.Fatalf("%d chunks are open, and %v", len(c.Open), c.Slow)
			}
			if !cancel && (len(w.started) != chunks || c.Ended.Accepted != 100*chunks || c.Ended.Delivered != 90*chunks) {
				t.Errorf("%d chunks were started, %+v", len(w.started), c.Ended)
			}
			for number := range w.started {
				if cancel && !w.cancelled[number] && !w.settled[number] {
					t.Errorf("chunk %d goes out of a campaign that is cancelled", number)
				}
				if number >= c.Next {
					t.Errorf("chunk %d was started, and only those before %d are known", number, c.Next)
				}
			}
		})
	}
}

// stoppedBeforeItsSMS are chunks whose AlimTalk was refused and whose SMS waits; what is cancelled of them looks as execution.stopped
// and the machine's own handlers write it: the turn was the SMS's.
type stoppedBeforeItsSMS struct{ refusedByKakao }

func (s stoppedBeforeItsSMS) Outcome(ctx context.Context, c campaign.Campaign, number int) (message.Outcome, bool, error) {
	o, ok, err := s.refusedByKakao.Outcome(ctx, c, number)
	if !ok || err != nil || o.SettledAt.IsZero() {
		return o, ok, err
	}
	results := make([]message.Result, 100)
	for i := range results {
		results[i] = message.Result{Status: message.Pending, Channel: message.AlimTalk, Code: message.CodeRejected}
		results[i].Next(message.SMS)
		results[i].Status, results[i].Code = message.Failed, message.CodeCancelled
	}
	m := message.Message{CreatedAt: o.CreatedAt, Recipients: make([]message.Recipient, 100)}
	return message.Settled(m, results, o.SettledAt), true, nil
}

// A cancellation that has stopped the message, and could not announce it or give back what it has taken, is made once more, also between
// a refused AlimTalk and its SMS.
func TestACancellationThatFailedHalfwayIsMadeOnceMore(t *testing.T) {
	t.Parallel()
	for name, seen := range map[string]func(*world) campaign.Messages{
		"nothing was tried":        func(w *world) campaign.Messages { return w },
		"the AlimTalk was refused": func(w *world) campaign.Messages { return stoppedBeforeItsSMS{refusedByKakao{w}} },
	} {
		w := newSending(t, 1, 1_000_000)
		w.Messages = seen(w)
		w.turn(1)
		w.set(campaign.Cancelled)
		tries := 0
		w.undo = func(number int) error {
			w.cancelled[number] = true // as its record says from here on
			if tries++; tries <= 2 {
				return errAway
			}
			return nil
		}
		for range 2 {
			if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		w.turn(2)
		if tries != 3 || len(w.find().Open) != 0 {
			t.Errorf("%s: it was tried %d times, and %v are open", name, tries, w.find().Open)
		}
	}
}

// A campaign that is parked because a chunk is refused, and is cancelled hours later, settles when it is sure that nothing starts.
func TestACancelledCampaignOfWhichAChunkWasRefusedSettlesSoon(t *testing.T) {
	t.Parallel()
	w := newSending(t, 3, 1_000_000)
	w.refused[0] = true
	w.turn(1)
	for before := w.now; w.now.Sub(before) < 12*time.Hour; {
		w.turn(1)
	}
	if c := w.find(); c.Status != campaign.Parked {
		t.Fatalf("%+v", c)
	}
	w.set(campaign.Cancelled)
	before := w.now
	w.toItsEnd()
	if took := w.now.Sub(before); took > 5*time.Minute {
		t.Errorf("it settles %v after it was cancelled, and nothing of it was ever started", took)
	}
}

// unread is a chunk of which nothing can be read for a moment.
type unread struct {
	*world

	number int
	away   bool
}

func (u *unread) Outcome(ctx context.Context, c campaign.Campaign, number int) (message.Outcome, bool, error) {
	if u.away && number == u.number {
		return message.Outcome{}, false, errAway
	}
	return u.world.Outcome(ctx, c, number)
}

// unread is one of its chunks, which is away when it says so.
func (w *world) unread(number int) *unread {
	u := &unread{world: w, number: number}
	w.Messages = u
	return u
}

// allSent says of everything that was started that it is out, and waits for receipts.
func (w *world) allSent() {
	w.sent = map[int]bool{}
	for number := range w.started {
		w.sent[number] = true
	}
}

// What cannot be read for a moment stays as it was known: no recipient is lost from the counts, and what is parked stays parked.
func TestWhatCannotBeReadStaysAsItWas(t *testing.T) {
	t.Parallel()
	w := newSending(t, 30, 1000)
	u := w.unread(3)
	for range 5 {
		w.turn(1)
	}
	w.parked[3] = true
	w.turn(1)
	before := w.find()
	if before.Status != campaign.Parked {
		t.Fatalf("%+v", before)
	}
	hurry, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if n, err := w.Turn(hurry, campaign.Turn{ID: id, Run: 1}); err != nil || n.Seconds == 1 || w.find().Status != campaign.Parked {
		t.Errorf("with little time, in which nothing is to be cancelled: %+v, %v, %s", n, err, w.find().Status)
	}
	u.away = true
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	if c := w.find(); c.Status != campaign.Parked || c.View().Counts.Accepted != before.View().Counts.Accepted {
		t.Errorf("it was %s with %d accepted, and is %s with %d", before.Status, before.View().Counts.Accepted, c.Status,
			c.View().Counts.Accepted)
	}
}

// A chunk of a cancelled campaign of which nothing can be read for a moment stays in the counts as it was known.
func TestACancelledCampaignLosesNobodyFromItsCounts(t *testing.T) {
	t.Parallel()
	w := newSending(t, 30, 1000)
	u := w.unread(3)
	for range 5 {
		w.turn(1)
	}
	w.allSent()
	w.set(campaign.Paused)
	w.turn(1)
	w.set(campaign.Cancelled)
	before := w.find().View().Counts
	u.away = true
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}); !errors.Is(err, errAway) {
		t.Fatal(err)
	}
	if after := w.find().View().Counts; before.Accepted < 2000 || after.Accepted != before.Accepted || after.Pending != before.Pending {
		t.Errorf("%d accepted, %d pending before; %d and %d after a look that failed", before.Accepted, before.Pending, after.Accepted,
			after.Pending)
	}
}

// The same for slow ones.
func TestACancelledCampaignLosesNobodyFromItsSlowCounts(t *testing.T) {
	t.Parallel()
	w := newSlow(t)
	u := w.unread(3)
	w.allSent()
	w.set(campaign.Paused)
	now := w.now
	w.turn(1)
	w.now = now
	w.set(campaign.Cancelled)
	if n := w.turn(2); n.Next != campaign.NextWait {
		t.Fatal(n)
	}
	before := w.find().View().Counts
	u.away = true
	for range 3 {
		if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
	}
	if after := w.find().View().Counts; after.Accepted != before.Accepted {
		t.Errorf("%d accepted, %d delivered before; %d and %d after looks that failed", before.Accepted, before.Delivered, after.Accepted,
			after.Delivered)
	}
}

// While of one chunk of a cancelled campaign nothing can be read it is cancelled all the same, and what was cancelled of the others is
// taken down: each is cancelled, and its outcome announced, once, and the counts tell of it.
func TestOneUnreadableChunkOfACancelledCampaign(t *testing.T) {
	t.Parallel()
	w := newSending(t, 40, 1_000_000)
	u := w.unread(0)
	w.turn(1)
	w.turn(1) // which counts the first chunk, and hands all others out
	w.set(campaign.Cancelled)
	u.away = true
	tried := map[int]int{}
	w.undo = func(number int) error {
		tried[number]++
		return nil
	}
	for range 10 {
		if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 1}); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
	}
	if c := w.find(); tried[7] != 1 || c.Ended.Failed != 3900 || c.View().Counts.Accepted != 4000 || c.View().Counts.Pending != 100 {
		t.Errorf("chunk 7 was cancelled at the first turn, and was so %d times; the campaign tells as %+v", tried[7], c.View().Counts)
	}
	if !w.cancelled[0] {
		t.Error("what cannot be read goes out")
	}
	u.away = false
	w.toItsEnd()
	if c := w.find(); c.View().Counts != (campaign.Counts{Accepted: 4000, Counts: message.Counts{Failed: 4000}}) {
		t.Errorf("in the end it has %+v", c.View().Counts)
	}
}

// unreadAfterwards are chunks of which nothing can be read for a moment when they were cancelled.
type unreadAfterwards struct {
	*world

	away bool
}

func (u *unreadAfterwards) Outcome(ctx context.Context, c campaign.Campaign, number int) (message.Outcome, bool, error) {
	if u.away && u.cancelled[number] {
		return message.Outcome{}, false, errAway
	}
	return u.world.Outcome(ctx, c, number)
}

// What was cancelled and cannot be read at once after that is not taken for what was never started, also hours later.
func TestWhatCannotBeReadOnceItIsCancelledIsNotForgotten(t *testing.T) {
	t.Parallel()
	w := newSending(t, 3, 1_000_000)
	u := &unreadAfterwards{world: w, away: true}
	w.Messages = u
	for range 3 {
		w.turn(1)
	}
	w.set(campaign.Cancelled)
	w.now = w.now.Add(time.Hour)
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) {
		t.Errorf("got %v", err)
	}
	if c := w.find(); len(c.Open) != 3 || c.View().Counts.Accepted != 300 {
		t.Errorf("%v are open, %+v", c.Open, c.View().Counts)
	}
	u.away = false
	w.toItsEnd()
	if c := w.find(); c.Ended.Accepted != 300 || c.Ended.Failed != 300 {
		t.Errorf("in the end it has %+v", c.Ended)
	}
}

// While a campaign is cancelled its counts never go down and never tell of more than there is, whatever cannot be read or cancelled for a
// moment, and they are right in the end.
func TestCountsOfACancelledCampaignNeverGoDown(t *testing.T) {
	t.Parallel()
	const chunks = 150
	for seed := range uint64(10) {
		w := newSending(t, chunks, 100_000)
		for begin := w.now; w.now.Sub(begin) < 25*time.Minute; {
			w.turn(1)
		}
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's
		w.sent = map[int]bool{}
		for number := range chunks {
			w.sent[number] = random.IntN(3) == 0
		}
		w.lucky = func() bool { return random.IntN(4) > 0 }
		w.set(campaign.Cancelled)
		last := w.find().View().Counts
		if len(w.started) != chunks || last.Accepted < 100*(chunks-10) || len(w.find().Slow) == 0 {
			t.Fatalf("%d chunks, %+v", len(w.started), last)
		}
		settled := 0
		for turn := range 300 {
			if turn == 200 {
				w.lucky = nil
				w.settleAll()
			} else if n := random.IntN(chunks); w.sent[n] {
				w.settled[n] = true
			}
			n, _ := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2})
			w.now = w.now.Add(time.Minute)
			settled = 0
			for number := range w.settled {
				if !w.cancelled[number] {
					settled++
				}
			}
			c := w.find().View().Counts
			if c.Accepted < last.Accepted || c.Delivered < last.Delivered || c.Failed < last.Failed || c.Unknown < last.Unknown ||
				c.FellBack < last.FellBack || c.Accepted != c.Delivered+c.Failed+c.Unknown+c.Pending || c.Accepted > 100*chunks ||
				c.Delivered > 90*settled || c.Unknown > 3*settled || c.FellBack > 5*settled ||
				c.Failed > 100*len(w.cancelled)+7*settled || c.Pending < 0 {
				t.Fatalf("seed %d, turn %d: %+v, then %+v", seed, turn, last, c)
			}
			if last = c; n.Next == campaign.NextReport {
				break
			}
		}
		if last.Accepted != 100*chunks || last.Pending != 0 || last.Delivered != 90*settled || len(w.find().Open)+len(w.find().Slow) > 0 {
			t.Errorf("seed %d: in the end it has %+v", seed, last)
		}
	}
}

// What cannot be cancelled is tried at each turn, though it was handed out long ago and holds up no other.
func TestOldChunksThatCannotBeCancelledAreTriedAtEachTurn(t *testing.T) {
	t.Parallel()
	w := newSending(t, 40, 1_000_000)
	w.turn(1)
	w.turn(1)
	w.set(campaign.Cancelled)
	w.now = w.now.Add(time.Hour)
	w.undo = func(int) error { return errAway }
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) || !w.find().Turned.Before(w.now) {
		t.Errorf("got %v, and something was done about it at %v", err, w.find().Turned)
	}
	w.undo = func(number int) error {
		if number == 0 {
			return errAway
		}
		return nil
	}
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) || w.find().Turned.Before(w.now) {
		t.Errorf("got %v, and something was done about it at %v", err, w.find().Turned)
	}
	if w.undo = nil; len(w.cancelled) != 39 {
		t.Errorf("%d of 40 chunks are cancelled", len(w.cancelled))
	}
	if w.turn(2); len(w.cancelled) != 40 {
		t.Errorf("%d of 40 chunks are cancelled", len(w.cancelled))
	}
}

// known is what is known of two chunks by now, all of which was sent.
type known struct {
	*world

	is     [2]campaign.Tally
	away   bool // whether nothing can be read of the first one
	settle bool
}

func (k *known) Outcome(_ context.Context, _ campaign.Campaign, number int) (message.Outcome, bool, error) {
	if k.away && number == 0 {
		return message.Outcome{}, false, errAway
	}
	is := k.is[number]
	o := message.Outcome{Status: message.Sending, CreatedAt: k.now, Counts: is.Counts, Recipients: make([]message.Result, 100)}
	o.Recipients[99].Channel = message.AlimTalk
	for i := range is.By.AlimTalk + is.By.SMS {
		o.Recipients[i] = message.Result{Status: message.Delivered, Channel: message.AlimTalk}
		if i < is.By.SMS {
			o.Recipients[i].Channel = message.SMS
		}
	}
	if k.settle {
		o.SettledAt = k.now
	}
	return o, true, nil
}

// tally counts a hundred recipients, those that were delivered by AlimTalk but for the last, who have fallen back.
func tally(delivered, failed, unknown, fellBack int) campaign.Tally {
	return campaign.Tally{
		Accepted: 100, By: campaign.Channels{AlimTalk: delivered - fellBack, SMS: fellBack}, Counts: message.Counts{
			Delivered: delivered, Failed: failed, Unknown: unknown, FellBack: fellBack, Pending: 100 - delivered - failed - unknown,
		},
	}
}

// Of a chunk that cannot be read that stays known which the others have not to themselves.
func TestWhatStaysKnownOfAChunkThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before  [2]campaign.Tally
		earlier bool // before an earlier version has written it: nothing tells which of them were counted
		now     campaign.Tally
		want    message.Counts
		by      campaign.Channels
	}{
		"the other knows more": {
			before: [2]campaign.Tally{tally(60, 10, 5, 20), tally(60, 10, 5, 20)}, now: tally(80, 12, 8, 25),
			want: message.Counts{Delivered: 120, Failed: 20, Unknown: 10, Pending: 50, FellBack: 40}, by: campaign.Channels{AlimTalk: 80, SMS: 40},
		},
		"the other knows more than both": {
			before: [2]campaign.Tally{tally(10, 0, 0, 5), tally(60, 0, 0, 20)}, now: tally(100, 0, 0, 60),
			want: message.Counts{Delivered: 105, Pending: 95, FellBack: 60}, by: campaign.Channels{AlimTalk: 45, SMS: 60},
		},
		"the other knows more by AlimTalk": {
			before: [2]campaign.Tally{tally(10, 0, 0, 5), tally(60, 0, 0, 20)}, now: tally(100, 0, 0, 20),
			want: message.Counts{Delivered: 105, Pending: 95, FellBack: 25}, by: campaign.Channels{AlimTalk: 80, SMS: 25},
		},
		"some were erased, who have no channel": {
			before: [2]campaign.Tally{{Accepted: 100, Counts: message.Counts{Delivered: 50, Pending: 50}}, tally(60, 0, 0, 0)},
			now:    tally(60, 0, 0, 0), want: message.Counts{Delivered: 110, Pending: 90}, by: campaign.Channels{AlimTalk: 60},
		},
		"the other is something else": {
			before: [2]campaign.Tally{tally(100, 0, 0, 0), tally(0, 100, 0, 0)}, now: tally(0, 0, 100, 0),
			want: message.Counts{Delivered: 100, Unknown: 100}, by: campaign.Channels{AlimTalk: 100},
		},
		"an earlier version": {
			earlier: true, now: tally(50, 0, 0, 0),
			want: message.Counts{Delivered: 50, Pending: 50}, by: campaign.Channels{AlimTalk: 50},
		},
	} {
		w := newSending(t, 2, 1_000_000)
		k := &known{world: w, is: c.before}
		w.Messages = k
		for range 3 {
			w.turn(1)
		}
		if c.earlier {
			if _, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
				c.Seen, c.Fresh = campaign.Tally{}, nil
				return true, nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		w.set(campaign.Cancelled)
		k.is[1], k.away = c.now, true
		for range 3 {
			if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) {
				t.Fatal(err)
			}
			if got := w.find().View().Counts; got.Counts != c.want || got.By != c.by {
				t.Errorf("%s: %+v", name, got)
			}
			k.settle = true
		}
		k.is[0], k.away = tally(100, 0, 0, 0), false
		w.turn(2)
		if c := w.find(); c.Seen != (campaign.Tally{}) || c.Ended.Delivered != 100+k.is[1].Delivered || c.Ended.By.SMS != k.is[1].By.SMS {
			t.Errorf("%s: in the end %+v, and %+v of nothing", name, c.Ended, c.Seen)
		}
	}
}

// A chunk that shows late, as its start was lost, takes the place of no other in the counts.
func TestAChunkThatShowsLate(t *testing.T) {
	t.Parallel()
	w := newSending(t, 2, 600)
	u := w.unread(0)
	w.turn(1)
	w.set(campaign.Paused)
	if _, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
		c.Open, c.Next, c.Fresh = []int{0, 1}, 2, []int{0, 1}
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	delete(w.started, 1)
	w.turn(1)
	w.started[1] = w.now
	w.set(campaign.Cancelled)
	u.away = true
	_, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2})
	if n := w.find().View().Counts; !errors.Is(err, errAway) || n.Accepted != 200 {
		t.Errorf("%+v, %v", n, err)
	}
}
