package bench

import (
	"fmt"
	"sync"
	"time"
)

// tally holds what was asked for against what phones received and what was announced. It forgets a message when it has settled,
// so that it takes as much memory as there are messages under way.
type tally struct {
	mu          sync.Mutex
	byNumber    map[string]*asking
	byReference map[string]*asking
	// settled and rejected count messages, twice those that rang more than once or after they had settled.
	settled, rejected, twice, rang int
	untilSent                      histogram
	// first is when the first round began, last when a phone rang or a message settled last.
	first, lastRing, lastSettled time.Time
	ids                          [1000]string
	next                         int
	wrong                        []string
}

// asking is a message under way.
type asking struct {
	reference, number string
	at                time.Time
	rings             int
}

func newTally() *tally {
	return &tally{byNumber: map[string]*asking{}, byReference: map[string]*asking{}}
}

// ask enters a message that is about to be asked for.
func (t *tally) ask(reference, number string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first.IsZero() {
		t.first = now
	}
	a := &asking{reference: reference, number: number, at: now}
	t.byNumber[number], t.byReference[reference] = a, a
}

// ring enters what a phone has received.
func (t *tally) ring(number string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rang++
	t.lastRing = now
	a := t.byNumber[number]
	if a == nil {
		t.twice++
		t.complain("…%s rang when nothing was under way to it", number[len(number)-4:])
		return
	}
	if a.rings++; a.rings > 1 {
		t.twice++
		t.complain("%s rang %d times", a.reference, a.rings)
		return
	}
	t.untilSent.add(now.Sub(a.at))
}

// settle enters an outcome, which may come more than once.
func (t *tally) settle(reference string, rejected bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a := t.byReference[reference]
	if a == nil {
		return
	}
	delete(t.byReference, reference)
	delete(t.byNumber, a.number)
	t.lastSettled = now
	if rejected {
		t.rejected++
		return
	}
	t.settled++
	if a.rings == 0 {
		t.complain("%s settled and no phone rang", reference)
	}
}

// accepted remembers the id of a message.
func (t *tally) accepted(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ids[t.next%len(t.ids)] = id
	t.next++
}

// anybody is the id of one of the last messages; empty without any.
func (t *tally) anybody() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == 0 {
		return ""
	}
	t.next++ // whose turn it is only has to change
	return t.ids[t.next%min(t.next, len(t.ids))]
}

// done is how many messages have come to an end.
func (t *tally) done() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.settled + t.rejected
}

func (t *tally) complain(format string, args ...any) {
	const most = 10
	if len(t.wrong) < most {
		t.wrong = append(t.wrong, fmt.Sprintf(format, args...))
	}
}
