package guard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sms-api/internal/guard"
	"sms-api/internal/message"
)

// Two messages with the same text to the same number, one of which may be cancelled, or not wanted any more, are sent, looked up,
// redriven and cancelled by invocations whose single requests interleave in any order. Requests are lost before or after they were
// made, come late, or are throttled; invocations are made twice, and killed. The vendor accepts calls without answering.
// Whatever happens: nothing is sent after it was cancelled, nor opened once more when it is not wanted, the phone never gets more
// messages than were asked for, and a batch has one owner, who is the one with the answer if there is one. Left in peace, every
// message gets its batch.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		p := newPlay(t, r)
		for range rapid.IntRange(1, 150).Draw(r, "steps") {
			p.step()
		}
		p.peace()
	})
}

// bound is how long an invocation can be under way at most, and with it whatever it has sent; a look-up that finds
// nothing is believed, and one that finds something claims it, when no open send is younger.
const bound = 5 * time.Minute

// play is one run.
type play struct {
	t       *testing.T
	r       *rapid.T
	w       *world
	scripts []*script
	runs    []*invocation
	events  chan event
	// late are requests that their senders have given up, and that may still arrive.
	late    []func()
	calls   []call
	inPeace bool
}

// call is one that the vendor has accepted; its place in the list is its id.
type call struct {
	message string
	at      time.Time
	// lag is how long the history does not show it.
	lag time.Duration
}

// script is what the state machine knows of a message.
type script struct {
	id                       string
	redrives, attempt, retry int
	// doubted is when the present doubt began; zero without one.
	doubted time.Time
	// mid is the batch, when the machine knows it, and answered whether Aligo named it in an answer.
	mid      string
	answered bool
	// cancelled says that nothing is sent any more; confirmed, that Cancel has said so.
	cancelled, confirmed bool
	// unwanted says that nothing is opened any more.
	unwanted  bool
	listensTo *invocation
}

func (s *script) settled() bool { return s.cancelled || s.mid != "" }

// invocation is one of a function.
type invocation struct {
	script *script
	what   string
	cancel context.CancelFunc
	killed bool
	// pending is the request that it waits for.
	pending *pending
	after   func()
}

type pending struct {
	what    string
	perform func() // what the request does, if it does something besides being answered
	request *request
	next    func() *http.Response
	answer  chan reply
}

type reply struct {
	response *http.Response
	err      error
	accepted bool
}

// event is that a run waits for a request, or has ended.
type event struct {
	run     *invocation
	pending *pending
}

type runKey struct{}

func newPlay(t *testing.T, r *rapid.T) *play {
	t.Helper()
	p := &play{t: t, r: r, w: newWorld(t), events: make(chan event)}
	p.scripts = []*script{{id: "a"}, {id: "b"}}
	p.w.around = func(asked *request, next func() *http.Response) (*http.Response, error) {
		run, ok := asked.http.Context().Value(runKey{}).(*invocation)
		if !ok {
			return next(), nil // the test itself
		}
		if run.killed {
			return nil, errLost
		}
		answered := p.wait(run, &pending{what: asked.operation, request: asked, next: next})
		return answered.response, answered.err
	}
	return p
}

// wait hands a request to the play and waits for its answer.
func (p *play) wait(run *invocation, asked *pending) reply {
	asked.answer = make(chan reply)
	p.events <- event{run, asked}
	return <-asked.answer
}

// start begins an invocation and lets it come to its first request. f returns what the machine does with its result.
func (p *play) start(s *script, what string, listen bool, f func(context.Context, *invocation) func()) {
	ctx, cancel := context.WithCancel(context.Background())
	run := &invocation{script: s, what: what, cancel: cancel}
	if listen {
		s.listensTo = run
	}
	p.runs = append(p.runs, run)
	go func() {
		run.after = f(context.WithValue(ctx, runKey{}, run), run)
		p.events <- event{run: run}
	}()
	p.await(run)
}

// await returns when the run waits or has ended, which only one run at a time is not yet doing.
func (p *play) await(run *invocation) {
	e := <-p.events
	if e.run != run {
		p.r.Fatalf("two invocations ran at once: %s", p)
	}
	if run.pending = e.pending; run.pending != nil {
		return
	}
	run.cancel()
	p.runs = slices.DeleteFunc(p.runs, func(other *invocation) bool { return other == run })
	if s := run.script; s.listensTo == run {
		s.listensTo = nil
		run.after()
	}
}

// reply answers the request that a run waits for and lets it go on to the next.
func (p *play) reply(run *invocation, answered reply) {
	asked := run.pending
	run.pending = nil
	asked.answer <- answered
	p.await(run)
}

// step lets one thing happen.
func (p *play) step() {
	var can []func()
	for _, run := range p.runs {
		can = append(can, func() { p.serve(run) }, func() { p.serve(run) }, func() { p.serve(run) })
	}
	for i, arrive := range p.late {
		can = append(can, func() {
			p.late = slices.Delete(p.late, i, i+1)
			arrive()
		})
	}
	for _, s := range p.scripts {
		if next := p.next(s); next != nil {
			can = append(can, next)
		}
		if s.listensTo != nil {
			can = append(can, func() { p.again(s) })
		}
		can = append(can, func() { p.redrive(s) })
		if s.id == "b" {
			can = append(can, func() { p.cancel(s) }, func() { p.unwant(s) })
		}
	}
	can = append(can, func() { p.pass(time.Second) })
	can = append(can, func() { p.pass(time.Minute) })
	can[rapid.IntRange(0, len(can)-1).Draw(p.r, "what happens")]()
	p.check()
}

// next is what the machine does now, or nil.
func (p *play) next(s *script) func() {
	switch {
	case s.listensTo != nil || s.settled():
		return nil
	case !s.doubted.IsZero():
		return func() { p.lookUp(s, true) }
	}
	return func() { p.send(s, true) }
}

// peace lets everything come to its end: nothing fails any more, and one invocation follows the other.
func (p *play) peace() {
	p.inPeace = true
	finish := func() {
		for len(p.runs) > 0 {
			p.serve(p.runs[0])
			p.check()
		}
	}
	finish()
	for end := p.w.clock.Add(time.Hour); ; {
		settled := true
		for _, s := range p.scripts {
			if next := p.next(s); next != nil {
				settled = false
				next()
			}
		}
		if settled {
			return
		}
		finish()
		p.pass(time.Minute)
		if p.w.clock.After(end) {
			p.r.Fatalf("it does not end: %s", p)
		}
	}
}

// serve does something with the request that a run waits for.
func (p *play) serve(run *invocation) {
	asked := run.pending
	how := 0
	if !p.inPeace {
		how = rapid.IntRange(0, 9).Draw(p.r, "how")
	}
	if asked.perform != nil {
		switch how {
		case 0, 1, 2, 3, 4: // accepted and answered
			asked.perform()
			p.reply(run, reply{accepted: true})
		case 5, 6: // accepted, and the answer is lost
			asked.perform()
			p.reply(run, reply{err: errLost})
		case 7: // surely refused
			p.reply(run, reply{})
		case 8: // accepted later, or never
			p.late = append(p.late, asked.perform)
			p.reply(run, reply{err: errLost})
		default:
			p.reply(run, reply{err: errLost})
		}
		return
	}
	switch how {
	case 5:
		_ = asked.next().Body.Close()
		p.reply(run, reply{err: errLost})
	case 6:
		_ = asked.next().Body.Close()
		p.reply(run, reply{response: refuse(500, "InternalServerError")})
	case 7:
		p.reply(run, reply{response: throttle()}) //nolint:bodyclose // the SDK closes it
	case 8:
		p.late = append(p.late, func() { _ = asked.next().Body.Close() })
		p.reply(run, reply{err: errLost})
	default:
		p.reply(run, reply{response: asked.next()}) //nolint:bodyclose // the SDK closes it
	}
}

// pass lets time pass. In a minute every invocation has come to its end, one way or the other, and what was on the way
// has arrived or never does.
func (p *play) pass(d time.Duration) {
	p.w.clock = p.w.clock.Add(d)
	if d < time.Minute {
		return
	}
	for len(p.runs) > 0 {
		run := p.runs[0]
		if asked := run.pending; rapid.Bool().Draw(p.r, "it was made") {
			if asked.perform != nil {
				asked.perform()
			} else {
				_ = asked.next().Body.Close()
			}
		}
		run.killed = true
		run.cancel()
		p.reply(run, reply{err: errLost})
	}
	for _, arrive := range p.late {
		if rapid.Bool().Draw(p.r, "it arrives") {
			arrive()
		}
	}
	p.late = nil
}

// doubt is what the machine makes of a send that failed and may have been accepted.
func (p *play) doubt(s *script) { s.doubted = p.w.clock }

func (p *play) send(s *script, listen bool) {
	// A redriven execution begins anew with what it knew, and its first send only says that it has to be looked up.
	o, unwanted := opening(s.id, s.attempt), s.unwanted
	p.start(s, "send", listen, func(ctx context.Context, run *invocation) func() {
		opened, err := p.w.Open(ctx, o)
		switch {
		case err == nil && unwanted:
			p.r.Fatalf("%s was opened when it was not to be sent again", s.id)
		case run.killed, errors.Is(err, guard.ErrOpened):
			return func() { p.doubt(s) }
		case errors.Is(err, guard.ErrCancelled):
			return func() { s.cancelled = true }
		case err != nil:
			return func() { s.retry++ }
		}
		var mid string
		called := p.wait(run, &pending{what: "call", perform: func() {
			if s.confirmed {
				p.r.Fatalf("%s was sent after it was cancelled", s.id)
			}
			lag := time.Duration(rapid.SampledFrom([]int{0, 5, 65, 240}).Draw(p.r, "lag")) * time.Second
			p.calls = append(p.calls, call{s.id, p.w.clock, lag})
			mid = fmt.Sprint(len(p.calls))
		}})
		switch {
		case run.killed || called.err != nil:
			return func() { p.doubt(s) }
		case !called.accepted:
			_ = p.w.Close(ctx, opened) // what could not be closed is found open, and looked up
			return func() { s.retry++ }
		}
		if _, err := p.w.Answered(ctx, opened, mid); err != nil || run.killed {
			return func() { p.doubt(s) }
		}
		return func() { p.found(s, mid, true) }
	})
}

func (p *play) found(s *script, mid string, answered bool) {
	s.mid, s.answered, s.doubted, s.retry = mid, answered, time.Time{}, 0
	s.attempt++
}

func (p *play) lookUp(s *script, listen bool) {
	began, since, now := p.w.clock, s.doubted, s.attempt // a second invocation has the input of the first
	p.start(s, "look up", listen, func(ctx context.Context, _ *invocation) func() {
		nothing := func() {}
		g, ok, err := p.w.Opened(ctx, s.id)
		switch {
		case err != nil:
			return nothing
		case g.Cancelled:
			return func() { s.cancelled = true }
		}
		early := began.Before(since.Add(bound))
		moved := func(attempt int) func() {
			return func() { s.doubted, s.retry, s.attempt = time.Time{}, 0, attempt }
		}
		switch {
		case ok && g.Sends > now:
			return moved(g.Sends)
		case !ok || !g.Open || g.Sends < now:
			if p.w.Raise(ctx, guard.Send{Message: s.id, Sends: now, Expiry: expiry}, false) != nil {
				return nothing
			}
			return moved(now + 1)
		}
		var mids []string
		for i, c := range p.calls {
			if !c.at.Before(g.At) && !p.w.clock.Before(c.at.Add(c.lag)) {
				mids = append(mids, fmt.Sprint(i+1))
			}
		}
		owners, err := p.w.Owner(ctx, account, message.SMS, mids...)
		if err != nil {
			return nothing
		}
		if i := slices.IndexFunc(mids, func(mid string) bool { return owners[mid] == s.id }); i >= 0 {
			return func() { p.found(s, mids[i], false) }
		}
		mids = slices.DeleteFunc(mids, func(mid string) bool { return owners[mid] != "" })
		if len(mids) == 0 {
			if early || p.w.Raise(ctx, g.Send, false) != nil {
				return nothing
			}
			return moved(now + 1)
		}
		sends, err := p.w.OpenSends(ctx, s.id, account, message.SMS, p.w.clock.Add(-24*time.Hour))
		young := func(at time.Time) bool { return p.w.clock.Before(at.Add(bound)) }
		if err != nil || slices.ContainsFunc(sends, func(o guard.OpenSend) bool {
			return o.MayShare(g.Key, g.Digests) && (young(o.At) || young(g.At))
		}) {
			return nothing
		}
		if err := p.w.Claim(ctx, g.Send, mids[0]); err != nil {
			return nothing
		}
		return func() { p.found(s, mids[0], false) }
	})
}

// again makes the invocation that is under way a second time. Nobody hears of its result.
func (p *play) again(s *script) {
	if s.listensTo.what == "send" {
		p.send(s, false)
	} else {
		p.lookUp(s, false)
	}
}

// redrive ends the execution, wherever it is, and begins its state anew. What was under way goes on unheard.
func (p *play) redrive(s *script) {
	if s.settled() || s.redrives == 3 {
		return
	}
	s.listensTo = nil
	s.redrives++
	s.retry = 0
	p.doubt(s)
}

// cancel asks for the message not to be sent, as somebody else than the machine.
func (p *play) cancel(s *script) {
	if s.confirmed {
		return
	}
	by := &script{id: s.id}
	p.start(by, "cancel", true, func(ctx context.Context, _ *invocation) func() {
		err := p.w.Cancel(ctx, s.id, expiry)
		return func() {
			if err == nil {
				s.confirmed = true
			}
		}
	})
}

// unwant asks for the message not to be sent again, as somebody else than the machine, when a send of it is open.
func (p *play) unwant(s *script) {
	by := &script{id: s.id}
	p.start(by, "unwant", true, func(ctx context.Context, _ *invocation) func() {
		err := p.w.Unwant(ctx, s.id)
		return func() {
			if g, ok, e := p.w.Opened(p.t.Context(), s.id); err == nil && e == nil && ok && !g.Sent {
				s.unwanted = true
			}
		}
	})
}

// check is what holds at any time.
func (p *play) check() {
	allowed := 0
	owners := map[string]string{}
	for _, s := range p.scripts {
		g, _, err := p.w.Opened(p.t.Context(), s.id)
		if err != nil {
			p.r.Fatal(err)
		}
		switch {
		case s.confirmed && (!g.Cancelled || g.Open || s.mid != ""):
			p.r.Fatalf("%s was cancelled, and is not: %+v\n%s", s.id, g, p)
		case !s.confirmed:
			allowed++
		}
		if s.mid == "" {
			continue
		}
		owns, err := p.w.Owns(p.t.Context(), s.id, guard.Batch{Account: account, Channel: message.SMS, MID: s.mid})
		if err != nil {
			p.r.Fatal(err)
		}
		if !owns {
			p.r.Fatalf("%s does not own batch %s: %s", s.id, s.mid, p)
		}
		if other := owners[s.mid]; other != "" {
			p.r.Fatalf("%s and %s own batch %s", s.id, other, s.mid)
		}
		owners[s.mid] = s.id
		if s.answered && p.call(s.mid).message != s.id {
			p.r.Fatalf("%s has an answer that is not its own", s.id)
		}
	}
	if len(p.calls) > allowed {
		p.r.Fatalf("the phone got %d messages, %d were asked for: %s", len(p.calls), allowed, p)
	}
}

func (p *play) call(mid string) call {
	for i, c := range p.calls {
		if fmt.Sprint(i+1) == mid {
			return c
		}
	}
	return call{}
}

func (p *play) String() string {
	s := fmt.Sprintf("at %v calls %+v", p.w.clock.Sub(began), p.calls)
	for _, one := range p.scripts {
		s += fmt.Sprintf("\n%+v", *one)
	}
	for _, r := range p.runs {
		s += fmt.Sprintf("\n%s %s waits for %s", r.script.id, r.what, r.pending.what)
	}
	return s
}
