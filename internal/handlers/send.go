package handlers

import (
	"context"
	"errors"
	"slices"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/message"
)

// SendAlimTalk sends the message to everybody with one call. It returns a progress with the accepted batch, or the fault
// that kept it from being accepted. Recipients whose variables do not fit the template fail by themselves; the message
// fails only when that is so for all.
func (d *Dispatch) SendAlimTalk(ctx context.Context, in Input) (Output, error) {
	return d.run(ctx, "send AlimTalk", in, d.sendAlimTalk)
}

func (d *Dispatch) sendAlimTalk(ctx context.Context, in Input) (message.Progress, error) {
	m := in.Message
	return d.send(ctx, in, d.alimTalkDrafts, func(good []draft) ([]draft, message.Batch, error) {
		call := aligo.AlimTalk{Template: m.Template, Recipients: make([]aligo.AlimTalkRecipient, len(good))}
		for n, one := range good {
			r := m.Recipients[one.recipient]
			call.Recipients[n] = aligo.AlimTalkRecipient{
				To: string(r.To), Name: string(r.Name), Text: one.alimTalk.Text,
				EmphasisTitle: one.alimTalk.EmphasisTitle, Buttons: one.alimTalk.Buttons,
			}
		}
		a, err := d.guarded(ctx, in, message.AlimTalk, good, func(h aligo.Guard) (aligo.Accepted, error) {
			call.Guard = h
			return d.Aligo.SendAlimTalk(ctx, call)
		})
		return good, a.batch(message.AlimTalk, false, d.Now()), err
	})
}

// send writes the drafts for the queue and sends what can be sent: call makes one call for all or for some of the good ones, and
// returns who was in it and the batch that Aligo has accepted. Who is in no call stays queued.
func (d *Dispatch) send(
	ctx context.Context, in Input, write func(context.Context, message.Message, []int) ([]draft, error),
	call func(good []draft) ([]draft, message.Batch, error),
) (message.Progress, error) {
	if err := d.checkSend(in); err != nil {
		return message.Progress{}, err
	}
	m, p := in.Message, start(in.Message, in.Progress)
	drafts, err := write(ctx, m, p.Queue.Recipients)
	if err != nil {
		return message.Progress{}, d.templateFault(err)
	}
	if err := d.heedOptOuts(ctx, m, drafts); err != nil {
		return message.Progress{}, err
	}
	good, bad := split(drafts)
	if len(good) == 0 {
		return d.nobody(ctx, m, p, bad)
	}
	called, batch, err := call(good)
	if err != nil {
		return message.Progress{}, err
	}
	return d.fail(accepted(m, p, recipients(called), batch), bad), nil
}

// SendSMS sends one call to those in the queue who can share it, SMS before LMS, and leaves the others queued.
func (d *Dispatch) SendSMS(ctx context.Context, in Input) (Output, error) {
	return d.run(ctx, "send SMS", in, d.sendSMS)
}

func (d *Dispatch) sendSMS(ctx context.Context, in Input) (message.Progress, error) {
	write := func(ctx context.Context, m message.Message, who []int) ([]draft, error) {
		return d.smsDrafts(ctx, m, who, today())
	}
	return d.send(ctx, in, write, func(good []draft) ([]draft, message.Batch, error) {
		kind, call := today().next(good)
		a, err := d.guarded(ctx, in, message.SMS, call, func(h aligo.Guard) (aligo.Accepted, error) {
			return d.callSMS(ctx, in.Message, kind, call, h)
		})
		return call, a.batch(message.SMS, kind == aligo.TypeLMS, d.Now()), err
	})
}

// callSMS uses the call for one text when there is only one, which Aligo handles as one message with many receivers.
func (d *Dispatch) callSMS(
	ctx context.Context, m message.Message, kind aligo.SMSType, call []draft, guard aligo.Guard,
) (aligo.Accepted, error) {
	options := aligo.SMSOptions{Guard: guard}
	if kind != aligo.TypeSMS {
		options.Title = title(m)
	}
	if !slices.ContainsFunc(call, func(one draft) bool { return one.sms != call[0].sms }) {
		to := make([]string, len(call))
		for n, one := range call {
			to[n] = string(m.Recipients[one.recipient].To)
		}
		return d.Aligo.SendSMS(ctx, aligo.SMS{Type: kind, To: to, Text: call[0].sms, SMSOptions: options})
	}
	mass := aligo.MassSMS{Type: kind, SMSOptions: options, Messages: make([]aligo.MassMessage, len(call))}
	for n, one := range call {
		mass.Messages[n] = aligo.MassMessage{To: string(m.Recipients[one.recipient].To), Text: one.sms}
	}
	return d.Aligo.SendMassSMS(ctx, mass)
}

// fail settles the recipients whose message cannot be written.
func (d *Dispatch) fail(p message.Progress, bad []draft) message.Progress {
	for _, one := range bad {
		code := fault.NameInvalid
		if errors.Is(one.err, errOptedOut) {
			code = message.CodeOptedOut
		}
		p = settle(p, []int{one.recipient}, message.Failed, code, one.err.Error(), d.Now())
	}
	return p
}

// templateFault is for errors of the template list. Nothing has been sent then. That a template is not in the list is final;
// that the list cannot be had says nothing about the template.
func (d *Dispatch) templateFault(err error) error {
	var unsendable *aligo.UnsendableError
	if errors.As(err, &unsendable) {
		return &fault.Rejected{Reason: "the template " + unsendable.Reason()}
	}
	if errors.Is(err, aligo.ErrNoTemplate) {
		// Without the code: it was not looked at when the message was accepted.
		return &fault.Rejected{Reason: "the template is not approved, or was stopped"}
	}
	return d.fault(err, true)
}

// checkSend says why nothing may be sent any more, nil if something may.
func (d *Dispatch) checkSend(in Input) error {
	if err := checkRedrive(in); err != nil {
		return err
	}
	return d.checkTime(in)
}
