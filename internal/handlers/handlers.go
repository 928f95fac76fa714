// Package handlers has what the tasks of the state machine do: send AlimTalk, send SMS, read receipts, and reconcile a
// send that failed. Each takes the message and the progress so far and returns the progress after it, or an error of
// package fault. Nothing is kept between calls: whatever a crash may lose, the next call finds out from Aligo.
package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/message"
)

// Input is the payload of every task.
type Input struct {
	Message  message.Message  `json:"message"`
	Progress message.Progress `json:"progress"`
	// Redrives is how often an operator has redriven the execution.
	Redrives int `json:"redrives,omitempty"`
}

// vendor is what the handlers call of *aligo.Client.
type vendor interface {
	SendAlimTalk(ctx context.Context, a aligo.AlimTalk) (aligo.Accepted, error)
	SendSMS(ctx context.Context, s aligo.SMS) (aligo.Accepted, error)
	SendMassSMS(ctx context.Context, s aligo.MassSMS) (aligo.Accepted, error)
	AlimTalkReceipts(ctx context.Context, mid string) ([]aligo.AlimTalkReceipt, error)
	SMSReceipts(ctx context.Context, mid string) ([]aligo.SMSReceipt, error)
	FindAlimTalk(ctx context.Context, a aligo.Attempt) (aligo.Finding, error)
	FindSMS(ctx context.Context, a aligo.Attempt) (aligo.Finding, error)
}

// templates is what the handlers call of *aligo.TemplateCache.
type templates interface {
	Template(ctx context.Context, code string) (aligo.Template, error)
}

// Dispatch has the handlers of the state machine's tasks. All fields but EgressIPs are needed.
type Dispatch struct {
	Aligo     vendor
	Templates templates
	Now       func() time.Time
	Log       *slog.Logger
	// EgressIPs are the addresses that Aligo sees; empty when the network is not ours and nobody has said.
	EgressIPs []string
}

// firstWait is how long after acceptance receipts are first looked for: most are there after 4 to 6 seconds.
const firstWait = 5 * time.Second

// longestWait is the longest time between two looks at receipts or at the history.
const longestWait = 15 * time.Minute

// backoff is the wait after the given number of looks: 5 s, 10 s, 20 s, … 15 min.
func backoff(looks int) time.Duration {
	if looks > 8 {
		return longestWait
	}
	return min(firstWait<<looks, longestWait)
}

// seconds rounds up to the whole seconds that a Wait state takes, and to at least one.
func seconds(d time.Duration) int {
	return max(1, int((d+time.Second-1)/time.Second))
}

// checkRedrive stops a send that a redrive has begun anew: the execution may have been ended in the middle of the same
// send, and only the history tells.
func checkRedrive(in Input) error {
	if in.Redrives > in.Progress.Redrives {
		return &fault.Ambiguous{Reason: "the execution was redriven; what it had sent before has to be looked up"}
	}
	return nil
}

func (d *Dispatch) checkExpiry(in Input) error {
	if d.Now().Before(in.Message.ExpiresAt) {
		return nil
	}
	reason := "the message's time was over before it could be sent"
	if p := in.Progress.Parked; p != nil {
		reason += "; it waited for an operator: " + p.Cause + ": " + p.Reason
	}
	return &fault.Expired{Reason: reason}
}

// start makes the results of a message of which nothing has been tried yet.
func start(m message.Message, p message.Progress) message.Progress {
	p.Recipients = slices.Clone(p.Recipients)
	if len(p.Recipients) == 0 {
		p.Recipients = make([]message.Result, len(m.Recipients))
		for i, r := range m.Recipients {
			p.Recipients[i] = message.Result{To: r.To.Masked(), Status: message.Pending}
		}
	}
	if p.Queue == nil {
		return p
	}
	q := *p.Queue
	if len(q.Recipients) == 0 {
		q.Recipients = everybody(m)
	}
	p.Queue = &q
	return p
}

func everybody(m message.Message) []int {
	all := make([]int, len(m.Recipients))
	for i := range all {
		all[i] = i
	}
	return all
}

// accepted writes down an accepted call to the recipients with the given indices.
func accepted(m message.Message, p message.Progress, channel message.Channel, to []int, a aligo.Accepted, at time.Time) message.Progress {
	b := message.Batch{Channel: channel, MID: a.MID, At: at.UTC().Truncate(time.Second), Refused: a.Refused}
	if len(to) < len(m.Recipients) {
		b.Recipients = to
	}
	p.Batches = append(slices.Clip(p.Batches), b)
	for _, i := range to {
		r := &p.Recipients[i]
		r.Reason = alimTalkReason(*r)
		r.Channel, r.Code, r.Status = channel, "", message.Pending
	}
	p = dequeue(p, to)
	p.Failure, p.Doubt, p.Parked, p.Reads = nil, nil, nil, 0
	p.Wait = seconds(firstWait)
	return p
}

// dequeue takes recipients out of the queue.
func dequeue(p message.Progress, who []int) message.Progress {
	if p.Queue == nil {
		return p
	}
	rest := slices.DeleteFunc(slices.Clone(p.Queue.Recipients), func(i int) bool { return slices.Contains(who, i) })
	if len(rest) == 0 {
		p.Queue = nil
	} else {
		p.Queue = &message.Queue{Channel: p.Queue.Channel, Recipients: rest}
	}
	return p
}

// settle gives recipients a final status and takes them out of the queue.
func settle(p message.Progress, who []int, status message.Status, code, reason string, at time.Time) message.Progress {
	for _, i := range who {
		finish(&p.Recipients[i], status, code, reason, at)
	}
	return dequeue(p, who)
}

// finish gives one recipient a final status. Why an SMS had been needed stays readable behind the SMS's own reason.
func finish(r *message.Result, status message.Status, code, reason string, at time.Time) {
	if before := alimTalkReason(*r); before != "" && reason != "" {
		reason += " (" + before + ")"
	} else if before != "" {
		reason = before
	}
	r.Status, r.Code, r.Reason, r.At = status, code, reason, at.UTC().Truncate(time.Second)
}

// alimTalkReason is why AlimTalk did not reach a recipient; empty when it was not tried or nothing is known.
func alimTalkReason(r message.Result) string {
	if undelivered(r) {
		return "AlimTalk " + r.Code + ": " + r.Reason
	}
	if r.Channel == message.SMS {
		return r.Reason
	}
	return ""
}

// waitFor sets when the receipts are read next; nothing open means never.
func (d *Dispatch) waitFor(m message.Message, p message.Progress) message.Progress {
	p.Wait = 0
	if !slices.ContainsFunc(p.Recipients, open) {
		return p
	}
	now := d.Now()
	wait := min(backoff(p.Reads), readUntil(m, p).Sub(now))
	alimTalk := func(r message.Result) bool { return open(r) && r.Channel == message.AlimTalk }
	if left := fallbackAt(m, p).Sub(now); left > 0 && slices.ContainsFunc(p.Recipients, alimTalk) {
		wait = min(wait, left)
	}
	p.Wait = seconds(wait)
	return p
}

// open says that a call to the recipient was accepted and its receipt has not come.
func open(r message.Result) bool {
	return r.Status == message.Pending && r.Channel != "" && r.Code == ""
}

// undelivered says that AlimTalk did not reach the recipient and an SMS is due.
func undelivered(r message.Result) bool {
	return r.Status == message.Pending && r.Channel == message.AlimTalk && r.Code != ""
}

// fallbackAt is when open AlimTalk receipts stop holding up the fallback of the others, and onUnknown decides.
func fallbackAt(m message.Message, p message.Progress) time.Time {
	var at time.Time
	for _, b := range p.Batches {
		if b.Channel == message.AlimTalk {
			at = b.At.Add(time.Duration(m.Fallback.After))
		}
	}
	return at
}

// readUntil is when nothing more is expected of open receipts. Whatever was accepted shortly before the expiry still
// gets the time that receipts usually need.
func readUntil(m message.Message, p message.Progress) time.Time {
	until := m.ExpiresAt
	for _, b := range p.Batches {
		if t := b.At.Add(time.Duration(m.Fallback.After)); t.After(until) {
			until = t
		}
	}
	return until
}

// fault turns an error of Aligo's client into the one that the state machine matches. A call that only reads can be
// repeated after any doubt.
func (d *Dispatch) fault(err error, reads bool) error {
	var e *aligo.Error
	if !errors.As(err, &e) {
		// Nobody knows where it comes from, so nobody knows what had been sent.
		e = &aligo.Error{Class: aligo.ClassAmbiguous, Err: err}
	}
	switch e.Class {
	case aligo.ClassNotConfigured:
		return &fault.NotConfigured{Cause: string(e.Cause), Reason: d.repair(e)}
	case aligo.ClassRejected:
		return &fault.Rejected{Reason: e.Error()}
	case aligo.ClassInvalid:
		return &fault.Invalid{Reason: e.Error()}
	case aligo.ClassAmbiguous:
		if !reads {
			return &fault.Ambiguous{Reason: e.Error()}
		}
	case aligo.ClassTransient:
	}
	return &fault.Transient{Reason: e.Error()}
}

// repair tells an operator what to do about a fault of the account.
func (d *Dispatch) repair(e *aligo.Error) string {
	switch e.Cause {
	case aligo.CauseIP:
		address := "the address that this network leaves from"
		if len(d.EgressIPs) > 0 {
			address = strings.Join(d.EgressIPs, " and ")
		}
		return fmt.Sprintf("register %s with Aligo (문자API > 신청/인증 > 발송 서버 IP): %s", address, e)
	case aligo.CauseCredentials:
		return fmt.Sprintf("put the right Aligo credentials into the parameter store: %s", e)
	case aligo.CauseBalance:
		return fmt.Sprintf("top up the Aligo wallet: %s", e)
	case aligo.CauseSender:
		return fmt.Sprintf("register the sender number with Aligo: %s", e)
	default:
		return e.Error()
	}
}

// run makes a step and leaves the one line that each call logs.
func (d *Dispatch) run(ctx context.Context, what string, in Input, step func(context.Context, Input) (message.Progress, error)) (message.Progress, error) {
	if deadline, ok := ctx.Deadline(); ok {
		// The answer must be on its way before Lambda ends the function: an error that is reported beats a crash.
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	p, err := step(ctx, in)
	attributes := []slog.Attr{slog.String("message", in.Message.ID), slog.Int("recipients", len(in.Message.Recipients))}
	if err != nil {
		d.warn(ctx, what, err, attributes...)
		return message.Progress{}, err
	}
	attributes = append(attributes, slog.Int("batches", len(p.Batches)), slog.Int("wait", p.Wait))
	d.Log.LogAttrs(ctx, slog.LevelInfo, what, attributes...)
	shorten(p.Recipients)
	return p, nil
}

// warn logs a fault with the attributes that alarms count.
func (d *Dispatch) warn(ctx context.Context, what string, err error, attributes ...slog.Attr) {
	attributes = append(attributes, slog.String("fault", faultName(err)), slog.String("error", err.Error()))
	var n *fault.NotConfigured
	if errors.As(err, &n) {
		attributes = append(attributes, slog.String("cause", n.Cause))
	}
	d.Log.LogAttrs(ctx, slog.LevelWarn, what, attributes...)
}

// reserve is the part of a function's time that is kept for reporting.
const reserve = 2 * time.Second

// reasonBytes is what all reasons of a message may take together. The largest message and this progress must fit into
// one payload of 262,144 bytes.
const reasonBytes = 60_000

// shorten cuts reasons that are too long for a message with so many recipients.
func shorten(results []message.Result) {
	if len(results) == 0 {
		return
	}
	limit := min(1000, reasonBytes/len(results))
	for i := range results {
		if r := results[i].Reason; len(r) > limit {
			results[i].Reason = strings.ToValidUTF8(r[:limit-len("…")], "") + "…"
		}
	}
}

// faultName is the name of the fault as Step Functions sees it.
func faultName(err error) string { return strings.TrimPrefix(fmt.Sprintf("%T", err), "*fault.") }
