// Package handlers has what the tasks of the state machine do: send AlimTalk, send SMS, read receipts, and reconcile a
// send that failed. Each takes the message and the progress so far and returns the progress after it, or an error of
// package fault. Nothing is kept between calls: whatever a crash may lose, the next call finds out from Aligo.
package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/deadline"
	"sms-api/internal/fault"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/untrusted"
)

// Input is the payload of every task.
type Input struct {
	Message  message.Message  `json:"message"`
	Progress message.Progress `json:"progress"`
	// Redrives is how often an operator has redriven the execution.
	Redrives int `json:"redrives,omitempty"`
}

// Output is what every task returns: the progress, or the outcome once nothing is left to do.
type Output struct {
	message.Progress

	Outcome *message.Outcome
}

// MarshalJSON writes the one that there is, and no character longer than it has to be.
func (o Output) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	var v any = o.Progress
	if o.Outcome != nil {
		v = o.Outcome
	}
	err := e.Encode(v)
	return b.Bytes(), err
}

// vendor is what the handlers call of *aligo.Client.
type vendor interface {
	SendAlimTalk(ctx context.Context, a aligo.AlimTalk) (aligo.Accepted, error)
	SendSMS(ctx context.Context, s aligo.SMS) (aligo.Accepted, error)
	SendMassSMS(ctx context.Context, s aligo.MassSMS) (aligo.Accepted, error)
	AlimTalkReceipts(ctx context.Context, a aligo.Account, mid string) ([]aligo.AlimTalkReceipt, error)
	SMSReceipts(ctx context.Context, a aligo.Account, mid string) ([]aligo.SMSReceipt, error)
	Account(ctx context.Context) (aligo.Account, error)
	Ahead() time.Duration
	DigestKey(ctx context.Context) ([]byte, error)
	FindAlimTalk(ctx context.Context, a aligo.Attempt) (aligo.Finding, error)
	FindSMS(ctx context.Context, a aligo.Attempt) (aligo.Finding, error)
}

// templates is what the handlers call of *aligo.TemplateCache.
type templates interface {
	Template(ctx context.Context, code string) (aligo.Template, error)
	Reviewed(ctx context.Context, code string) (aligo.Template, error)
}

// book is what the handlers call of *records.Store.
type book interface {
	Went(ctx context.Context, m message.Message, o message.Outcome, v records.Version, first bool)
}

// Dispatch has the handlers of the state machine's tasks. All fields but EgressIPs, Records and Policy are needed.
type Dispatch struct {
	Aligo vendor
	// Guards is the table in which every send is opened.
	Guards guards
	// Records are told how far each message has come.
	Records   book
	Templates templates
	Now       func() time.Time
	Log       *slog.Logger
	// EgressIPs are the addresses that Aligo sees; empty when the network is not ours and nobody has said.
	EgressIPs []string
	// AdsUntil is the time of day from which on no advertising is handed to Aligo.
	AdsUntil message.TimeOfDay
	// Policy says what the values of messages of untrusted callers may be.
	Policy untrusted.Policy
	// OptOuts are those who want no advertising; OptOutsCoverInfo says that they want no other messages either. Nil is nobody.
	OptOuts          optOuts
	OptOutsCoverInfo bool
}

// run makes a step and leaves the one line that each call logs.
func (d *Dispatch) run(
	ctx context.Context, what string, in Input, step func(context.Context, Input) (message.Progress, error),
) (Output, error) {
	whole := ctx
	ctx, cancel := deadline.Before(ctx, reserve)
	defer cancel()
	p, err := step(ctx, in)
	attributes := []slog.Attr{slog.String("message", in.Message.ID), slog.Int("recipients", len(in.Message.Recipients))}
	if err != nil {
		d.park(in, err)
		d.warn(ctx, what, err, attributes...)
		d.recordWaiting(whole, in, err)
		return Output{}, err
	}
	p.Seq = in.Progress.Seq + 1
	attributes = append(attributes, slog.Int("batches", len(p.Batches)), slog.Int("wait", p.Wait))
	d.Log.LogAttrs(ctx, slog.LevelInfo, what, attributes...)
	if err := shorten(&p); err != nil {
		return Output{}, err
	}
	if p.Over() {
		o := message.Settled(in.Message, p.Recipients, d.Now())
		d.record(whole, in, o, p)
		o = o.Fit()
		return Output{Outcome: &o}, nil
	}
	d.record(whole, in, message.Underway(in.Message, p), p)
	return Output{Progress: p}, nil
}

// record tells the records how far the message has come. The first progress that there is comes with the first send.
func (d *Dispatch) record(ctx context.Context, in Input, o message.Outcome, p message.Progress) {
	if d.Records == nil {
		return
	}
	ctx, cancel := deadline.Before(ctx, parting)
	defer cancel()
	// One that goes on being parked has had its numbers indexed when it was parked first.
	first := in.Progress.Seq == 0 && (p.Seq > 0 || in.Progress.Parked == nil)
	d.Records.Went(ctx, in.Message, o, records.VersionOf(p, in.Redrives), first)
}

// parting is the part of the reserve in which the answer is on its way.
const parting = 200 * time.Millisecond

// recordWaiting tells the records that the message is parked or waits for the morning, as the state machine will say when it
// has caught the error.
func (d *Dispatch) recordWaiting(ctx context.Context, in Input, err error) {
	p := in.Progress
	var later *fault.Later
	if errors.As(err, &later) {
		p.Later, in.Message.SendAt = &message.Later{Until: later.Until}, later.Until
		o := message.Underway(in.Message, p)
		p.Parked = &message.Parking{} // it comes after what it waits with
		d.record(ctx, in, o, p)
		return
	}
	if r := repairOf(err); r != nil {
		p.Parked = (*message.Parking)(r)
		d.record(ctx, in, message.Underway(in.Message, p), p)
	}
}

// reserve is the part of a function's time that is kept for reporting.
const reserve = 2 * time.Second
