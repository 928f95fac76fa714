package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/message"
)

// grace is how long after the end of an attempt the history must stay without it before it counts as not accepted: what is
// accepted, and listed, within five minutes is never sent again. It doubles with each such attempt of a message.
const grace = 5 * time.Minute

// Reconcile deals with a send that failed. What was refused becomes a fallback or a failure. Of what is in doubt it asks
// the table whether anything was sent at all, and then Aligo's history: accepted, and the message goes on with that batch;
// not accepted, and it stays queued; cannot tell, and it says how long to wait before the next look, until nothing but
// unknown is left to say.
func (d *Dispatch) Reconcile(ctx context.Context, in Input) (Output, error) {
	return d.run(ctx, "reconcile", in, d.reconcile)
}

func (d *Dispatch) reconcile(ctx context.Context, in Input) (message.Progress, error) {
	m, p := in.Message, start(in.Message, in.Progress)
	p.Parked = nil
	if p.Doubt != nil {
		return d.lookUp(ctx, m, p)
	}
	f := p.Failure
	p.Failure = nil
	if f == nil || p.Queue == nil {
		return message.Progress{}, &fault.Invalid{Reason: "there is no failed send to reconcile"}
	}
	if fault.NotSent(f.Error) {
		err := d.raise(ctx, m, p)
		switch {
		case err == nil:
			p.Sends++
			return d.notSent(ctx, m, p, f)
		case errors.Is(err, guard.ErrCancelled):
			return d.cancelled(p), nil
		case !errors.Is(err, guard.ErrOpened):
			return message.Progress{}, tableFault(err)
		}
		// Another invocation of the same task has opened it, or it could not be closed.
	}
	p.Doubt = &message.Doubt{Error: f.Error, Since: f.Since, At: d.Now().UTC()}
	if in.Redrives > p.Redrives {
		// What is in doubt is whatever the execution did before it was redriven.
		p.Doubt.Since, p.Redrives = m.CreatedAt, in.Redrives
	}
	return d.lookUp(ctx, m, p)
}

// notSent goes on after a send that Aligo has surely not got.
func (d *Dispatch) notSent(ctx context.Context, m message.Message, p message.Progress, f *message.Failure) (message.Progress, error) {
	switch f.Error {
	case fault.NameInvalid, fault.NameExpired:
		return d.waitFor(m, settle(p, p.Queue.Recipients, message.Failed, f.Error, reason(f), d.Now())), nil
	case fault.NameRejected:
		return d.rejected(ctx, m, p, reason(f))
	case fault.NameCancelled:
		return d.cancelled(p), nil
	}
	return p, nil
}

// reasonCancelled is what callers read of a cancelled message.
const reasonCancelled = "the message was cancelled before it was sent"

// cancelled ends a message of which nothing was sent.
func (d *Dispatch) cancelled(p message.Progress) message.Progress {
	p.Doubt = nil
	return settle(p, p.Queue.Recipients, message.Failed, message.CodeCancelled, "", d.Now())
}

// rejected falls back from an AlimTalk that Aligo refused as a whole, or fails the recipients of the SMS it refused.
func (d *Dispatch) rejected(ctx context.Context, m message.Message, p message.Progress, why string) (message.Progress, error) {
	if p.Queue.Channel == message.AlimTalk && m.Fallback.Enabled {
		for _, i := range p.Queue.Recipients {
			r := &p.Recipients[i]
			r.Next(message.AlimTalk)
			note(r, fault.NameRejected, why, d.Now())
		}
		p.Queue = &message.Queue{Channel: message.SMS, Recipients: p.Queue.Recipients}
		return p, nil
	}
	who := p.Queue.Recipients
	if p.Queue.Channel == message.SMS {
		call, err := d.callInDoubt(ctx, m, p, today())
		switch {
		case err == nil:
			who = recipients(call)
		case !errors.Is(err, aligo.ErrNoTemplate):
			return message.Progress{}, d.templateFault(err)
		}
		// Without the template there is no text for anybody in the queue.
	}
	tried(p, who)
	return d.waitFor(m, settle(p, who, message.Failed, fault.NameRejected, why, d.Now())), nil
}

// lookUp finds out what became of the call in doubt.
func (d *Dispatch) lookUp(ctx context.Context, m message.Message, p message.Progress) (message.Progress, error) {
	g, ok, err := d.Guards.Opened(ctx, m.ID)
	switch {
	case err != nil:
		// However late it is: only the table says whether anything was sent, and whether the message was cancelled. Nothing can be
		// sent without it either.
		return message.Progress{}, tableFault(err)
	case g.Cancelled:
		return d.cancelled(p), nil
	case ok && g.Sends > p.Sends:
		// This function has found out already, and could not say so.
		p.Sends, p.Doubt = g.Sends, nil
		return p, nil
	case ok && g.Open && g.Sends == p.Sends:
		if g.Unwanted {
			m.Fallback.OnUnknown = message.LeaveUnknown // of what is not wanted any more nothing else is sent in doubt
		}
		return d.ask(ctx, m, p, g)
	case !m.Guarded:
		return d.askByText(ctx, m, p)
	}
	return d.neverOpened(ctx, m, p)
}

// neverOpened deals with a send that ended before it was opened. It is tried again, after a wait that grows: what kept it
// from being opened may be there still.
func (d *Dispatch) neverOpened(ctx context.Context, m message.Message, p message.Progress) (message.Progress, error) {
	if left := p.Doubt.At.Add(backoff(p.Doubts)).Sub(d.Now()); left > 0 {
		return lookAgain(p, left), nil
	}
	err := d.raise(ctx, m, p)
	if errors.Is(err, guard.ErrCancelled) {
		return d.cancelled(p), nil
	}
	return raised(p, err)
}

// raised is what follows the attempt to end a send by raising the count, which ended in err: the next send, whose doubts are
// counted.
func raised(p message.Progress, err error) (message.Progress, error) {
	switch {
	case errors.Is(err, guard.ErrOpened):
		// A late invocation has opened it in this moment.
		return lookAgain(p, firstWait), nil
	case err != nil:
		return message.Progress{}, tableFault(err)
	}
	p.Sends, p.Doubt, p.Doubts = p.Sends+1, nil, p.Doubts+1
	return p, nil
}

// ask asks Aligo's history about a send that was opened.
func (d *Dispatch) ask(ctx context.Context, m message.Message, p message.Progress, g guard.Guard) (message.Progress, error) {
	key, err := d.Aligo.DigestKey(ctx)
	a := aligo.Attempt{Account: aligo.Account(g.Account), Since: g.At, Until: d.Now(), Ahead: g.Ahead, Taken: d.taken(m, g)}
	digester := guard.NewDigester(key)
	for n, i := range g.Recipients {
		a.To = append(a.To, string(m.Recipients[i].To))
		a.Digests = append(a.Digests, [8]byte(g.Digests[n]))
	}
	a.Digest = func(to, canonical string) [8]byte { return [8]byte(digester.Digest(to, canonical)) }
	for _, b := range p.Batches {
		a.Known = append(a.Known, b.MID)
	}
	var f aligo.Finding
	if err == nil {
		f, err = d.find(ctx, g.Channel, a)
	}
	if err == nil && f.Verdict == aligo.CannotTell {
		// With the texts one is recognised that Aligo has cut or added to.
		if a.Texts = d.texts(ctx, m, g, digester); a.Texts != nil {
			f, err = d.find(ctx, g.Channel, a)
		}
	}
	switch {
	case err != nil && d.hopeless(m, p):
		return d.giveUp(m, p, g.Recipients), nil
	case err != nil:
		return message.Progress{}, d.fault(err, true)
	}
	return d.judge(ctx, m, p, g, f)
}

// texts are what the recipients of a send got, as far as it can be written today: the digests tell whether it is that. Nil
// is no text at all.
func (d *Dispatch) texts(ctx context.Context, m message.Message, g guard.Guard, digester guard.Digester) []string {
	var drafts []draft
	var err error
	if g.Channel == message.AlimTalk {
		drafts, err = d.alimTalkDrafts(ctx, m, g.Recipients)
	} else {
		drafts, err = d.smsDrafts(ctx, m, g.Recipients, today())
	}
	if err != nil {
		return nil
	}
	var texts []string
	for n, one := range drafts {
		text := one.text(g.Channel)
		if one.err != nil || digester.Digest(string(m.Recipients[one.recipient].To), aligo.Canonical(text)) != g.Digests[n] {
			continue
		}
		if texts == nil {
			texts = make([]string, len(drafts))
		}
		texts[n] = text
	}
	return texts
}

func (d *Dispatch) find(ctx context.Context, c message.Channel, a aligo.Attempt) (aligo.Finding, error) {
	if c == message.AlimTalk {
		return d.Aligo.FindAlimTalk(ctx, a)
	}
	return d.Aligo.FindSMS(ctx, a)
}

// taken leaves out of a look-up what is other messages'.
func (d *Dispatch) taken(m message.Message, g guard.Guard) func(context.Context, []string) (map[string]bool, error) {
	return func(ctx context.Context, mids []string) (map[string]bool, error) {
		owners, err := d.Guards.Owner(ctx, g.Account, g.Channel, mids...)
		if err != nil {
			return nil, err
		}
		taken := make(map[string]bool, len(owners))
		own := false
		for _, owner := range owners {
			own = own || owner == m.ID
		}
		for _, mid := range mids {
			// A batch that is this message's already is the call that is looked for: its answer came, and nobody got to hear
			// of it. To claim another one beside it would take that from the message whose it is.
			owner, claimed := owners[mid]
			taken[mid] = claimed && owner != m.ID || own && owner != m.ID
		}
		return taken, nil
	}
}

// judge draws the conclusion from what the history says about a send that was opened.
func (d *Dispatch) judge(
	ctx context.Context, m message.Message, p message.Progress, g guard.Guard, f aligo.Finding,
) (message.Progress, error) {
	now := d.Now()
	earliest := p.Doubt.At.Add(grace << min(p.Doubts, 4))
	wait := lookWait(p)
	switch {
	case f.Verdict == aligo.WasAccepted:
		until, shared, err := d.notBefore(ctx, m, g)
		if err != nil {
			return message.Progress{}, err
		}
		if left := until.Sub(now); left > 0 {
			return lookAgain(p, min(wait, left)), nil
		}
		for _, c := range f.Candidates {
			if shared && c.Accepted < len(g.Recipients) {
				// It has a part of the recipients only: it is rather the other send, which will claim it.
				continue
			}
			err := d.Guards.Claim(ctx, g.Send, c.MID)
			switch {
			case errors.Is(err, guard.ErrClaimed):
				continue
			case err != nil:
				return message.Progress{}, tableFault(err)
			}
			return accepted(m, p, g.Recipients, message.Batch{
				Channel: g.Channel, MID: c.MID, At: g.At.Truncate(time.Second), Refused: max(0, len(g.Recipients)-c.Accepted),
				Account: string(g.Account), Found: true, Sends: p.Sends, LMS: c.LMS,
			}), nil
		}
	case f.Verdict == aligo.NotAccepted && !now.Before(earliest):
		return raised(p, d.Guards.Raise(ctx, g.Send, g.Sent))
	}
	// A history that can be read and does not have the call only needs its time: then it is certain that nothing was sent.
	if nearlyCertain := f.Verdict == aligo.NotAccepted && !wantsSMS(m, p.Queue.Channel); d.hopeless(m, p) && !nearlyCertain {
		return d.giveUp(m, p, g.Recipients), nil
	}
	if left := earliest.Sub(now); left > 0 {
		wait = min(wait, left)
	}
	return lookAgain(p, wait), nil
}

// notBefore is when a call in the history may be taken for this send, as far as other open sends are concerned that it could
// be as well. While one of them is young, its answer may be on the way. While this one is young, its own call may not be
// listed yet, and what is listed be the other's. shared says that there are others.
func (d *Dispatch) notBefore(ctx context.Context, m message.Message, g guard.Guard) (until time.Time, shared bool, err error) {
	const day = 24 * time.Hour // for so long they are listed
	others, err := d.Guards.OpenSends(ctx, m.ID, g.Account, g.Channel, d.Now().Add(-day))
	if err != nil {
		return time.Time{}, false, tableFault(err)
	}
	for _, o := range others {
		if !o.MayShare(g.Key, g.Digests) {
			continue
		}
		shared = true
		for _, opened := range []time.Time{o.At, g.At} {
			if t := opened.Add(grace); t.After(until) {
				until = t
			}
		}
	}
	return until, shared, nil
}

// lookAgain keeps the doubt for a while.
func lookAgain(p message.Progress, wait time.Duration) message.Progress {
	doubt := *p.Doubt
	doubt.Looks, doubt.Wait = doubt.Looks+1, seconds(wait)
	p.Doubt = &doubt
	return p
}

// lookWait is the wait before the next look: 5 s, 20 s, 80 s, … 15 min; what was accepted is listed soon, and each look costs
// three state transitions. After some doubts the looks of the next one are further apart from the beginning.
func lookWait(p message.Progress) time.Duration { return backoff(2*p.Doubt.Looks + p.Doubts) }

// askByText asks the history about a send of a message that no table guards, by the texts as they are today.
func (d *Dispatch) askByText(ctx context.Context, m message.Message, p message.Progress) (message.Progress, error) {
	// Only version 0.1.0 sent without the table.
	call, err := d.callInDoubt(ctx, m, p, version010())
	account, accountErr := d.Aligo.Account(ctx)
	key, keyErr := d.Aligo.DigestKey(ctx)
	switch err = errors.Join(err, accountErr, keyErr); {
	case err != nil && d.hopeless(m, p):
		return d.giveUp(m, p, p.Queue.Recipients), nil
	case err != nil:
		return message.Progress{}, d.templateFault(err)
	case len(call) == 0:
		// Nobody's text can be written, so no call was made.
		return d.waitFor(m, settle(p, p.Queue.Recipients, message.Failed, fault.NameInvalid, "the text cannot be written", d.Now())), nil
	}
	g := guard.Guard{Send: guard.Send{
		Message: m.ID, Sends: p.Sends, Account: guard.Account(account), Channel: p.Queue.Channel, At: p.Doubt.Since, Expiry: m.ExpiresAt,
	}}
	g.Recipients, g.Digests, g.Key = digests(m, call, p.Queue.Channel, key)
	return d.ask(ctx, m, p, g)
}

// hopeless says that the time in which an answer is worth waiting for is over.
func (d *Dispatch) hopeless(m message.Message, p message.Progress) bool {
	after := p.Doubt.Since.Add(time.Duration(m.Fallback.After))
	if wantsSMS(m, p.Queue.Channel) {
		return !d.Now().Before(after)
	}
	until := m.ExpiresAt
	if after.After(until) {
		until = after
	}
	return !d.Now().Before(until)
}

// wantsSMS says that what is in doubt is an AlimTalk, and followed by an SMS all the same.
func wantsSMS(m message.Message, c message.Channel) bool {
	return c == message.AlimTalk && m.Fallback.Enabled && m.Fallback.OnUnknown == message.SMSUnknown
}

// giveUp ends a doubt without an answer: unknown rather than a second message, unless the caller wants the SMS.
func (d *Dispatch) giveUp(m message.Message, p message.Progress, who []int) message.Progress {
	sms := wantsSMS(m, p.Queue.Channel)
	tried(p, who)
	p.Doubt, p.Sends = nil, p.Sends+1
	if sms {
		return d.smsInDoubt(p, who)
	}
	return d.waitFor(m, settle(p, who, message.Unknown, fault.NameAmbiguous, "", d.Now()))
}

// smsInDoubt queues for the SMS those whose AlimTalk is in doubt for good, beside those who are queued: for it, or for an AlimTalk
// that they were not in the call of, and that is not made any more.
func (d *Dispatch) smsInDoubt(p message.Progress, who []int) message.Progress {
	for _, i := range who {
		note(&p.Recipients[i], fault.NameAmbiguous, "", d.Now())
	}
	if p.Queue != nil {
		who = slices.Compact(slices.Sorted(slices.Values(slices.Concat(p.Queue.Recipients, who))))
	}
	p.Queue = &message.Queue{Channel: message.SMS, Recipients: who}
	return p
}

// tried says that the channel of the queue was tried for these recipients, whether anything came of it or not.
func tried(p message.Progress, who []int) {
	for _, i := range who {
		p.Recipients[i].Next(p.Queue.Channel)
	}
}

// callInDoubt is whom the next call would be for.
func (d *Dispatch) callInDoubt(ctx context.Context, m message.Message, p message.Progress, s style) ([]draft, error) {
	if p.Queue.Channel == message.AlimTalk {
		drafts, err := d.alimTalkDrafts(ctx, m, p.Queue.Recipients)
		good, _ := split(drafts)
		return good, err
	}
	drafts, err := d.smsDrafts(ctx, m, p.Queue.Recipients, s)
	// Without the list they count as refused with the others, who got nothing either.
	_ = d.heedOptOuts(ctx, m, drafts)
	_, call := s.next(drafts)
	return call, err
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
