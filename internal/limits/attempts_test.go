package limits_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sms-api/internal/attr"
	"sms-api/internal/ddb"
	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

// fate is what becomes of a step of an attempt.
type fate int

const (
	goes fate = iota
	// lostBefore and lostAfter are answers that do not come, of what has been done or has not.
	lostBefore
	lostAfter
	// again is what the SDK does when an answer is lost: it asks once more.
	again
	// crashes is the last step of an attempt.
	crashes
)

// play has attempts go on one step at a time, whichever is drawn: a step is an operation of the table, or the start of a message.
type play struct {
	random *rand.Rand
	// clumsy is how many of 40 steps go wrong. Away says that nothing can be started, and slow that whoever starts a message has no
	// turn for now.
	clumsy  int
	away    bool
	slow    bool
	mu      sync.Mutex
	waiting []waiting
	// started are the messages that are there, by their ids, and whether they are cancelled; bodies are their requests.
	started map[string]bool
	bodies  map[string]string
}

// waiting is an attempt that waits for its turn.
type waiting struct {
	of     *attempt
	turn   chan fate
	starts bool
}

// run draws until so many are left who wait for a turn. Whoever had the last one mostly has the next, so that an attempt is also overtaken
// by a whole other one.
func (p *play) run(left int, each func()) {
	var last *attempt
	for {
		synctest.Wait()
		p.mu.Lock()
		var drawn []int
		for i, w := range p.waiting {
			if !p.slow || !w.starts {
				drawn = append(drawn, i)
			}
		}
		if len(drawn) <= left {
			p.mu.Unlock()
			return
		}
		n := slices.IndexFunc(p.waiting, func(w waiting) bool { return w.of == last })
		if !slices.Contains(drawn, n) || p.random.IntN(10) == 0 {
			n = drawn[p.random.IntN(len(drawn))]
		}
		next := p.waiting[n]
		last = next.of
		p.waiting = slices.Delete(p.waiting, n, n+1)
		p.mu.Unlock()
		got := goes
		if p.random.IntN(40) < p.clumsy {
			got = []fate{lostBefore, lostAfter, again, crashes}[p.random.IntN(4)]
		}
		next.turn <- got
		synctest.Wait()
		each()
	}
}

// attempt is the table as one attempt for a message has it.
type attempt struct {
	ddb.Client
	*play

	mu   sync.Mutex
	over bool
}

func (a *attempt) turn(starts bool) fate {
	a.mu.Lock()
	over := a.over
	a.mu.Unlock()
	if over {
		return lostBefore
	}
	turn := make(chan fate)
	a.play.mu.Lock()
	a.waiting = append(a.waiting, waiting{a, turn, starts})
	a.play.mu.Unlock()
	got := <-turn
	if got == crashes {
		a.mu.Lock()
		a.over = true
		a.mu.Unlock()
		return lostBefore
	}
	return got
}

// option is what a request may be given besides.
type option = func(*dynamodb.Options)

func step[out any](a *attempt, do func() (out, error), opts []option) (out, error) {
	var none out
	got := a.turn(false)
	repeated := got == again && len(opts) == 0 // what is not to be repeated says so
	if got == lostAfter || repeated {
		_, _ = do()
	}
	if got == lostBefore || got == lostAfter || repeated && a.turn(false) == lostBefore {
		return none, tabletest.ErrLost
	}
	return do()
}

func (a *attempt) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...option) (*dynamodb.GetItemOutput, error) {
	return step(a, func() (*dynamodb.GetItemOutput, error) { return a.Client.GetItem(ctx, in, o...) }, o)
}

func (a *attempt) BatchGetItem(ctx context.Context, in *dynamodb.BatchGetItemInput, o ...option) (*dynamodb.BatchGetItemOutput, error) {
	return step(a, func() (*dynamodb.BatchGetItemOutput, error) { return a.Client.BatchGetItem(ctx, in, o...) }, o)
}

func (a *attempt) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...option) (*dynamodb.PutItemOutput, error) {
	return step(a, func() (*dynamodb.PutItemOutput, error) { return a.Client.PutItem(ctx, in, o...) }, o)
}

func (a *attempt) UpdateItem(ctx context.Context, in *dynamodb.UpdateItemInput, o ...option) (*dynamodb.UpdateItemOutput, error) {
	return step(a, func() (*dynamodb.UpdateItemOutput, error) { return a.Client.UpdateItem(ctx, in, o...) }, o)
}

func (a *attempt) DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, o ...option) (*dynamodb.DeleteItemOutput, error) {
	return step(a, func() (*dynamodb.DeleteItemOutput, error) { return a.Client.DeleteItem(ctx, in, o...) }, o)
}

// start starts a message: heard says whether the attempt learns what came of it, created whether it was this attempt that did, and
// conflict that the message with this id is another request's.
func (a *attempt) start(of limits.Ask) (created, conflict, heard bool) {
	got := a.turn(true)
	a.play.mu.Lock()
	defer a.play.mu.Unlock()
	if got == lostBefore || a.away {
		return false, false, false
	}
	if got == again {
		return false, false, true // it is refused: surely nothing was started
	}
	_, there := a.started[of.Message]
	if !there {
		a.started[of.Message], a.bodies[of.Message] = false, of.Body
	}
	return !there, a.bodies[of.Message] != of.Body, got != lostAfter
}

// goesOn is what the door does for one request, and perhaps what its caller does when it is accepted.
func (a *attempt) goesOn(ctx context.Context, l *limits.Limits, of limits.Ask, cancels bool) {
	taken, err := l.Take(ctx, of)
	if err != nil {
		return
	}
	created, conflict, heard := a.start(of)
	switch {
	case heard && conflict:
		l.Vain(ctx, of.Message, of.Body)
	case heard && !created:
		l.Undo(ctx, taken)
	case heard && cancels && a.turn(false) != lostBefore:
		a.play.mu.Lock()
		a.started[of.Message] = true
		a.play.mu.Unlock()
		_ = l.Cancelled(ctx, of.Message, of.Body)
	}
}

// Whichever of several attempts for one message starts it, and whichever step of theirs comes first, is lost, comes late or is the
// last: what stands is counted, so that nothing passes a limit.
func TestAttemptsForOneMessageNeverLetThroughTooMuch(t *testing.T) {
	t.Parallel()
	const messages, attempts = 4, 3
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberHour: 2, CallerDay: 3}, 3, time.Hour
			p := &play{random: rand.New(rand.NewPCG(seed, 9)), clumsy: int(seed % 3), started: map[string]bool{}, bodies: map[string]string{}}
			var all []limits.Ask
			for i := range messages {
				a := w.keyed(fmt.Sprint(i), [][]message.Phone{{kim}, {kim, lee}}[p.random.IntN(2)]...)
				for n := range a.Contents {
					a.Contents[n] = fmt.Sprint(i / 2)
				}
				a.Started = func(context.Context) (bool, error) {
					p.mu.Lock()
					defer p.mu.Unlock()
					_, ok := p.started[a.Message]
					return ok, nil
				}
				all = append(all, a)
				if p.random.IntN(2) == 0 { // another request has the same key, and perhaps a recipient and what that one gets
					a.Body += ", but another"
					a.Recipients, a.Contents = []message.Phone{kim, lee}, []string{fmt.Sprint(i / 2), fmt.Sprint(i / 2)}
					all = append(all, a)
				}
			}
			check := func() {
				p.mu.Lock()
				defer p.mu.Unlock()
				recipients, perNumber, same := 0, map[message.Phone]int{}, map[string]int{}
				for _, a := range all {
					if cancelled, ok := p.started[a.Message]; !ok || cancelled || p.bodies[a.Message] != a.Body {
						continue
					}
					for i, to := range a.Recipients {
						recipients++
						perNumber[to]++
						same[string(to)+a.Contents[i]]++
						if same[string(to)+a.Contents[i]] > 1 {
							t.Errorf("seed %d: a number got the same content twice", seed)
						}
					}
				}
				if perNumber[kim] > 2 || perNumber[lee] > 2 || recipients > 3 {
					t.Errorf("seed %d: %d and %d to a number, %d in all; at most 2 and 3", seed, perNumber[kim], perNumber[lee], recipients)
				}
			}
			// Some come again when what was counted is too old, and some of those who came before are at it still: for less than a minute.
			for _, step := range []struct {
				away, slow bool
				next       time.Duration
			}{{p.random.IntN(4) > 0, false, 50 * time.Second}, {false, true, 20 * time.Second}, {false, false, 2 * time.Minute}, {}} {
				p.away, p.slow = step.away, step.slow
				left := 0
				if p.slow {
					left = p.random.IntN(messages)
				}
				for _, of := range all {
					of.Due = w.clock
					for n := range p.random.IntN(attempts + 1) {
						a := &attempt{Client: w.table.Client, play: p}
						l := *w.Limits
						l.Client = a
						go a.goesOn(t.Context(), &l, of, n == 0 && p.random.IntN(3) == 0)
					}
				}
				p.run(left, check)
				w.clock = w.clock.Add(step.next)
			}
			// Whoever comes last gets what room there is, and no more.
			for i := range 8 {
				a := w.keyed(fmt.Sprint(messages+i), []message.Phone{kim, lee}[i%2])
				a.Contents = []string{fmt.Sprint(i / 2)}
				if w.take(t, a) == "" {
					p.started[a.Message], p.bodies[a.Message] = false, a.Body
				}
				all = append(all, a)
				check()
			}
		})
	}
}

// Of two attempts at once one takes, and the other one, which goes by that, starts the message. The first one's own start is in vain
// then, for whatever reason, and what it has taken stays.
func TestWhatAnotherAttemptGoesByStaysTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberDay: 1, CallerDay: 1}, 1, time.Hour
	a := w.keyed("body", kim)
	undo := w.taken(t, a)
	w.wants(t, a, "")
	undo()
	const full = "number-day 1 02T00:00:00 [0], caller-day 1 02T00:00:00 [], stack-day 1 02T00:00:00 [], same-content 1 01T13:00:00 [0] "
	w.wants(t, w.ask(kim), full+a.Message)
	// Cancelled, it gives back all the same.
	if err := w.Cancelled(t.Context(), a.Message, a.Body); err != nil {
		t.Fatal(err)
	}
	b := w.keyed("another", kim)
	w.wants(t, b, "")
	w.wants(t, w.ask(kim), full+b.Message)
}

// What an attempt writes down once more, because the answer was lost, does not wipe out that another one goes by it.
func TestARepeatedWriteLeavesTheMark(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.Same = limits.Rules{NumberDay: 1}, time.Hour
	a := w.keyed("body", kim)
	first := *w.Limits
	first.Client = twice{w.table.Client, func() { w.wants(t, a, "") }}
	taken, err := first.Take(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	w.Undo(t.Context(), taken)
	w.wants(t, w.ask(kim), "number-day 1 02T00:00:00 [0], same-content 1 01T13:00:00 [0] "+a.Message)
}

// twice is a table whose answer is lost when it is written down what a message has taken, and what happens before it is asked again.
type twice struct {
	ddb.Client
	between func()
}

func (c twice) PutItem(ctx context.Context, in *dynamodb.PutItemInput, o ...option) (*dynamodb.PutItemOutput, error) {
	out, err := c.Client.PutItem(ctx, in, o...)
	if strings.HasPrefix(attr.TextOf(in.Item, "pk"), "limit#message#") {
		c.between()
		return c.Client.PutItem(ctx, in, o...)
	}
	return out, err
}

// An attempt that finds no room because another one for the same message has taken it goes by what that has taken.
func TestAnAttemptIsNotRefusedInFavourOfItself(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{NumberHour: 1}
	a := w.keyed("body", kim)
	once := sync.OnceFunc(func() { w.wants(t, a, "") })
	other := *w.Limits
	other.Client = after{w.table.Client, once}
	if _, err := other.Take(t.Context(), a); err != nil {
		t.Error(err)
	}
	if uses, err := w.OfNumber(t.Context(), kim); err != nil || uses[0].Used != 1 {
		t.Errorf("%+v, %v", uses, err)
	}
}

// after is a table, and what happens when the first item has been read.
type after struct {
	ddb.Client
	first func()
}

func (a after) GetItem(ctx context.Context, in *dynamodb.GetItemInput, o ...option) (*dynamodb.GetItemOutput, error) {
	out, err := a.Client.GetItem(ctx, in, o...)
	a.first()
	return out, err
}

// A request that has come to nothing, because another one has its key, leaves nothing that refuses it under another key, whichever of
// its attempts has taken it, or shares it.
func TestARequestWithoutItsKeyLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, twice := range []bool{false, true} {
		w := newWorld(t)
		w.Untrusted, w.StackDay, w.Same = limits.Rules{NumberDay: 1, CallerDay: 1}, 1, time.Hour
		if twice {
			w.Untrusted, w.StackDay = limits.Rules{}, 0 // so that both get as far as the content
		}
		a := w.keyed("body", kim)
		w.bothTake(t, a, twice)
		w.Vain(t.Context(), a.Message, a.Body)
		w.Vain(t.Context(), a.Message, a.Body)
		beside := w.keyed("body", kim)
		w.wants(t, beside, "")
		if got := w.take(t, w.ask(kim)); !strings.HasSuffix(got, "same-content 1 01T13:00:00 [0] "+beside.Message) {
			t.Errorf("%q, want it to count once", got)
		}
	}
}

// bothTake has two attempts for a message take at once, if it is so: the second goes by the content of the first, and only then finds
// that this has taken everything. Otherwise one comes after the other.
func (w *world) bothTake(tb testing.TB, a limits.Ask, atOnce bool) {
	tb.Helper()
	first := sync.OnceFunc(func() { w.wants(tb, a, "") })
	second := *w.Limits
	if atOnce {
		second.Client = after{w.table.Client, first}
	} else {
		first()
	}
	if _, err := second.Take(tb.Context(), a); err != nil {
		tb.Error(err)
	}
}

// What two attempts have taken at once, one of them by what the other had written, is given back when the message is cancelled.
func TestACancelledMessageLeavesNothingOfEitherAttempt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.Same = limits.Rules{}, time.Hour
	a := w.keyed("body", kim)
	w.bothTake(t, a, true)
	w.wants(t, w.ask(kim), "same-content 1 01T13:00:00 [0] "+a.Message)
	if err := w.Cancelled(t.Context(), a.Message, a.Body); err != nil {
		t.Fatal(err)
	}
	w.wants(t, w.ask(kim), "")
}

// The content that attempts left which could not start the message counts from when the one comes that may.
func TestWhatComesAgainHasItsContentCountFromThen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted, w.Same = limits.Rules{}, time.Hour
	a := w.keyed("body", kim)
	w.bothTake(t, a, true)
	w.clock = korea("2026-12-01 12:30:00")
	a.Due = w.clock
	w.wants(t, a, "")
	w.clock = korea("2026-12-01 13:29:59")
	w.wants(t, w.ask(kim), "same-content 1 01T13:30:00 [0] "+a.Message)
	w.clock = korea("2026-12-01 13:30:00")
	w.wants(t, w.ask(kim), "")
}

// What the message of a key has taken stays when another request with the same key comes to nothing that has taken the same content
// to the same number first, whether that counts still or not.
func TestARequestWithoutItsKeyLeavesTheMessageItsContent(t *testing.T) {
	t.Parallel()
	for _, later := range []time.Duration{0, time.Hour} {
		w := newWorld(t)
		w.Same = time.Hour
		vain, a := w.keyed("vain", kim), w.keyed("body", kim, lee)
		a.Message = vain.Message
		w.wants(t, vain, "")
		w.clock = w.clock.Add(later)
		w.wants(t, a, "")
		w.Vain(t.Context(), vain.Message, vain.Body)
		if got := w.take(t, w.ask(kim)); !strings.HasSuffix(got, "[0] "+a.Message) {
			t.Errorf("%s later: %q", later, got)
		}
	}
}

// Who comes when a count is too old, and another attempt has begun to go by it a moment ago, waits until that has surely come to an end:
// else its message would not be counted, and if both went on so, a count could get as old as one likes before its message is started.
func TestWhatAnotherAttemptHasJustGoneByIsNotGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Untrusted = limits.Rules{NumberHour: 1}
	first, started := w.clock, false
	take := func(after time.Duration, want error) func() {
		t.Helper()
		w.clock = first.Add(after)
		a := limits.Ask{
			Message: "m", Caller: "someone", Body: "body", Again: true, Recipients: []message.Phone{kim}, Contents: []string{"hello"},
			Due: w.clock, Started: func(context.Context) (bool, error) { return started, nil },
		}
		taken, err := w.Take(t.Context(), a)
		if !errors.Is(err, want) {
			t.Errorf("after %s: %v, want %v", after, err, want)
		}
		return func() { w.Undo(t.Context(), taken) }
	}
	take(0, nil)
	take(55*time.Second, nil)
	take(61*time.Second, limits.ErrInDoubt)()
	take(115*time.Second, limits.ErrInDoubt)
	w.wants(t, w.ask(kim), "number-hour 1 01T13:00:00 [0]")
	// It counts anew when that attempt has given up.
	take(115*time.Second+time.Millisecond, nil)
	w.clock = korea("2026-12-01 13:00:00")
	w.wants(t, w.ask(kim), "number-hour 1 01T13:01:55 [0]")
	started = true
	take(4*time.Minute, nil)()
	w.clock = korea("2026-12-01 13:00:00")
	w.wants(t, w.ask(kim), "number-hour 1 01T13:01:55 [0]")
}
