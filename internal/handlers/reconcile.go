package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/message"
)

// grace is how long after the end of an attempt the history must stay without it before it counts as not accepted. A
// function that was cut off has its last request on the way for less than its own time limit of 30 s, and Aligo takes a
// moment to list what it accepted.
const grace = time.Minute

// Reconcile deals with a send that failed. What was refused becomes a fallback or a failure. Of what is in doubt it asks
// Aligo's history: accepted, and the message goes on with that batch; not accepted, and it stays queued; cannot tell,
// and it says how long to wait before the next look, until nothing but unknown is left to say.
func (d *Dispatch) Reconcile(ctx context.Context, in Input) (Output, error) {
	return d.run(ctx, "reconcile", in, d.reconcile)
}

func (d *Dispatch) reconcile(ctx context.Context, in Input) (message.Progress, error) {
	m, p := in.Message, start(in.Message, in.Progress)
	if p.Doubt == nil {
		f := p.Failure
		p.Failure = nil
		switch {
		case f == nil || p.Queue == nil:
			return message.Progress{}, &fault.Invalid{Reason: "there is no failed send to reconcile"}
		case f.Error == fault.NameInvalid, f.Error == fault.NameExpired:
			return d.waitFor(m, settle(p, p.Queue.Recipients, message.Failed, f.Error, reason(f), d.Now())), nil
		case f.Error == fault.NameRejected:
			return d.rejected(ctx, m, p, reason(f))
		case fault.NotSent(f.Error):
			return p, nil
		}
		p.Doubt = &message.Doubt{Error: f.Error, Since: f.Since, At: d.Now().UTC()}
		if in.Redrives > p.Redrives {
			// What is in doubt is whatever the execution did before it was redriven.
			p.Doubt.Since, p.Redrives = m.CreatedAt, in.Redrives
		}
	}
	return d.lookUp(ctx, m, p)
}

// rejected falls back from an AlimTalk that Aligo refused as a whole, or fails the recipients of the SMS it refused.
func (d *Dispatch) rejected(ctx context.Context, m message.Message, p message.Progress, why string) (message.Progress, error) {
	if p.Queue.Channel == message.AlimTalk && m.Fallback.Enabled {
		for _, i := range p.Queue.Recipients {
			r := &p.Recipients[i]
			r.Channel, r.Code, r.Reason = message.AlimTalk, fault.NameRejected, why
		}
		p.Queue = &message.Queue{Channel: message.SMS, Recipients: p.Queue.Recipients}
		return p, nil
	}
	who := p.Queue.Recipients
	if p.Queue.Channel == message.SMS {
		call, err := d.smsCall(ctx, m, p)
		switch {
		case err == nil:
			who = recipients(call)
		case !errors.Is(err, aligo.ErrNoTemplate):
			return message.Progress{}, d.fault(err, true)
		}
		// Without the template there is no text for anybody in the queue.
	}
	return d.waitFor(m, settle(p, who, message.Failed, fault.NameRejected, why, d.Now())), nil
}

// lookUp asks the history about the call in doubt.
func (d *Dispatch) lookUp(ctx context.Context, m message.Message, p message.Progress) (message.Progress, error) {
	channel, now := p.Queue.Channel, d.Now()
	var call []draft
	var err error
	find := d.Aligo.FindSMS
	if channel == message.AlimTalk {
		find = d.Aligo.FindAlimTalk
		call, err = d.alimTalkCall(ctx, m, p)
	} else {
		call, err = d.smsCall(ctx, m, p)
	}
	if err != nil && !d.hopeless(m, p) {
		return message.Progress{}, d.fault(err, true)
	}
	who := p.Queue.Recipients
	var found aligo.Finding
	if err == nil && len(call) == 0 {
		// Nobody's text can be written, so no call was made.
		return d.waitFor(m, settle(p, who, message.Failed, fault.NameInvalid, "the text cannot be written", d.Now())), nil
	}
	if err == nil {
		who = recipients(call)
		found, err = find(ctx, d.attempt(m, p, call))
		if err != nil && !d.hopeless(m, p) {
			return message.Progress{}, d.fault(err, true)
		}
	}
	earliest := p.Doubt.At.Add(grace << min(p.Doubts, 4))
	switch {
	case err == nil && found.Verdict == aligo.WasAccepted:
		at := p.Doubt.Since
		p = accepted(m, p, channel, who, aligo.Accepted{MID: found.MID, Refused: max(0, len(who)-found.Accepted)}, at)
		return p, nil
	case err == nil && found.Verdict == aligo.NotAccepted && !now.Before(earliest):
		p.Doubt, p.Doubts = nil, p.Doubts+1
		return p, nil
	case !d.hopeless(m, p):
		wait := backoff(p.Doubt.Looks)
		if left := earliest.Sub(now); left > 0 {
			wait = min(wait, left)
		}
		doubt := *p.Doubt
		doubt.Looks, doubt.Wait = doubt.Looks+1, seconds(wait)
		p.Doubt = &doubt
		return p, nil
	}
	return d.giveUp(m, p, who), nil
}

// hopeless says that the time in which an answer is worth waiting for is over.
func (d *Dispatch) hopeless(m message.Message, p message.Progress) bool {
	after := p.Doubt.Since.Add(time.Duration(m.Fallback.After))
	if wantsSMS(m, p) {
		return !d.Now().Before(after)
	}
	until := m.ExpiresAt
	if after.After(until) {
		until = after
	}
	return !d.Now().Before(until)
}

// wantsSMS says that an AlimTalk in doubt is followed by an SMS all the same.
func wantsSMS(m message.Message, p message.Progress) bool {
	return p.Queue.Channel == message.AlimTalk && m.Fallback.Enabled && m.Fallback.OnUnknown == message.SMSUnknown
}

// giveUp ends a doubt without an answer: unknown rather than a second message, unless the caller wants the SMS.
func (d *Dispatch) giveUp(m message.Message, p message.Progress, who []int) message.Progress {
	channel, why := p.Queue.Channel, p.Doubt.Error+": Aligo could not tell whether it accepted the call"
	sms := wantsSMS(m, p)
	p.Doubt = nil
	if sms {
		for _, i := range who {
			r := &p.Recipients[i]
			r.Channel, r.Code, r.Reason = channel, fault.NameAmbiguous, why
		}
		p.Queue = &message.Queue{Channel: message.SMS, Recipients: who}
		return p
	}
	for _, i := range who {
		if p.Recipients[i].Channel == "" {
			p.Recipients[i].Channel = channel
		}
	}
	return d.waitFor(m, settle(p, who, message.Unknown, fault.NameAmbiguous, why, d.Now()))
}

func (d *Dispatch) alimTalkCall(ctx context.Context, m message.Message, p message.Progress) ([]draft, error) {
	drafts, err := d.alimTalkDrafts(ctx, m, p.Queue.Recipients)
	if err != nil {
		return nil, err
	}
	good, _ := split(drafts)
	return good, nil
}

func (d *Dispatch) smsCall(ctx context.Context, m message.Message, p message.Progress) ([]draft, error) {
	drafts, err := d.smsDrafts(ctx, m, p.Queue.Recipients)
	if err != nil {
		return nil, err
	}
	_, call := nextSMS(drafts)
	return call, nil
}

// attempt describes the call in doubt to the look-up.
func (d *Dispatch) attempt(m message.Message, p message.Progress, call []draft) aligo.Attempt {
	a := aligo.Attempt{Since: p.Doubt.Since, Until: p.Doubt.At.Add(grace)}
	for _, one := range call {
		text := one.sms
		if p.Queue.Channel == message.AlimTalk {
			text = one.alimTalk.Text
		}
		a.To = append(a.To, string(m.Recipients[one.recipient].To))
		a.Texts = append(a.Texts, text)
	}
	for _, b := range p.Batches {
		if b.Channel == p.Queue.Channel {
			a.Known = append(a.Known, b.MID)
		}
	}
	return a
}

// reason takes the error message out of the cause that Lambda reports.
func reason(f *message.Failure) string {
	var cause struct {
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal([]byte(f.Cause), &cause); err != nil || cause.ErrorMessage == "" {
		return f.Error
	}
	return cause.ErrorMessage
}
