package bench

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// ledger holds what was asked for against what phones received and what was claimed of it. It forgets a message when it
// has settled, so it takes as much memory as there are messages under way.
type ledger struct {
	// faultless means that nothing is made to fail: everybody must get the AlimTalk.
	faultless bool

	mu       sync.Mutex
	byNumber map[string]*recipient
	flights  map[string]*flight
	latency  histogram
	statuses map[message.Status]int
	// wrong are the first violations, violations is how many there were.
	wrong      []string
	violations int
}

// flight is a message under way.
type flight struct {
	reference       string
	began, accepted time.Time
	recipients      []recipient
	// settled is closed when the message has settled.
	settled chan struct{}
}

// recipient is one phone and how often it has rung.
type recipient struct {
	flight        *flight
	number        string
	alimTalk, sms int
}

func newLedger(faultless bool) *ledger {
	return &ledger{
		faultless: faultless, byNumber: map[string]*recipient{}, flights: map[string]*flight{}, statuses: map[message.Status]int{},
	}
}

// begin enters a message that is about to be asked for. Its reference and numbers must not be under way already.
func (l *ledger) begin(reference string, numbers []string) *flight {
	f := &flight{reference: reference, recipients: make([]recipient, len(numbers)), settled: make(chan struct{}), began: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flights[reference] = f
	for i, number := range numbers {
		f.recipients[i] = recipient{flight: f, number: number}
		l.byNumber[number] = &f.recipients[i]
	}
	return f
}

// ring enters what a phone has received. The vendor has accepted a message when the first of its phones rings.
func (l *ledger) ring(m aligotest.PhoneMessage) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.byNumber[m.To]
	if r == nil {
		l.complain("…%s got an %s when nothing was under way to it", m.To[max(0, len(m.To)-4):], m.Type)
		return
	}
	if m.Channel == string(message.AlimTalk) {
		r.alimTalk++
	} else {
		r.sms++
	}
	if f := r.flight; f.accepted.IsZero() {
		f.accepted = now
		l.latency.add(now.Sub(f.began))
	}
}

// outcome is what of a message's outcome is held against what happened, and claim what of a result. message.Result reads each of its
// kind twice, for the sake of what earlier versions wrote, and the load must not be what is measured.
type (
	outcome struct {
		Reference  string  `json:"reference"`
		Recipients []claim `json:"recipients"`
	}
	claim struct {
		To      string          `json:"to"`
		Status  message.Status  `json:"status"`
		Channel message.Channel `json:"channel"`
		Code    string          `json:"code"`
		Reason  string          `json:"reason"`
	}
)

// ended holds an outcome against what the phones received.
func (l *ledger) ended(o outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.flights[o.Reference]
	if f == nil {
		l.complain("%q settled when it was not under way", o.Reference)
		return
	}
	delete(l.flights, o.Reference)
	if len(o.Recipients) != len(f.recipients) {
		l.complain("%s: the outcome has %d recipients, the message %d", f.reference, len(o.Recipients), len(f.recipients))
	}
	for i, r := range f.recipients {
		delete(l.byNumber, r.number)
		if i < len(o.Recipients) {
			l.check(i, r, o.Recipients[i])
		}
	}
	close(f.settled)
}

func (l *ledger) check(i int, r recipient, claim claim) {
	l.statuses[claim.Status]++
	complain := func(what string) {
		l.complain("%s recipient %d (…%s): %s %s %s %q: %s; the phone got %d AlimTalk and %d SMS", r.flight.reference, i,
			r.number[max(0, len(r.number)-4):], claim.Status, claim.Channel, claim.Code, claim.Reason, what, r.alimTalk, r.sms)
	}
	rang := r.alimTalk
	if claim.Channel == message.SMS {
		rang = r.sms
	}
	switch {
	case claim.To != message.Phone(r.number).Masked():
		complain("the outcome is somebody else's")
	case r.alimTalk+r.sms > 1:
		complain("more than one message")
	case claim.Status == message.Delivered && rang == 0:
		complain("not delivered as claimed")
	case claim.Status == message.Failed && r.alimTalk+r.sms > 0:
		complain("not failed as claimed")
	case claim.Status == message.Pending:
		complain("not settled")
	case l.faultless && (claim.Status != message.Delivered || claim.Channel != message.AlimTalk):
		complain("nothing was wrong, so the AlimTalk should have been delivered")
	}
}

// complain notes a violation. The ledger must be locked.
func (l *ledger) complain(format string, args ...any) {
	const most = 10
	if l.violations++; l.violations <= most {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

// verdict is an error when anything was not as claimed, or is still under way.
func (l *ledger) verdict() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	if l.violations > 0 {
		errs = append(errs, fmt.Errorf("%d times not as claimed, such as:\n  %s", l.violations, strings.Join(l.wrong, "\n  ")))
	}
	if n := len(l.flights); n > 0 {
		errs = append(errs, fmt.Errorf("%d messages did not settle", n))
	}
	return errors.Join(errs...)
}
