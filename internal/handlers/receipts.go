package handlers

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/message"
)

const (
	// codeNotAccepted is the code of a recipient whom Aligo left out of an accepted call.
	codeNotAccepted = "NotAccepted"
	// codeNoReceipt is the code of a recipient whose receipt did not come in time.
	codeNoReceipt = "NoReceipt"
)

// Receipts reads the receipts of every batch that has open recipients, settles those whose receipt is final, queues for
// SMS those whom AlimTalk did not reach, and says how long to wait before the next look.
func (d *Dispatch) Receipts(ctx context.Context, in Input) (Output, error) {
	return d.run(ctx, "read receipts", in, d.receipts)
}

func (d *Dispatch) receipts(ctx context.Context, in Input) (message.Progress, error) {
	m, p := in.Message, start(in.Message, in.Progress)
	p.Batches = slices.Clone(p.Batches)
	alerts := map[string]int{}
	due := map[int]bool{} // the recipients for whom an SMS was due at the look before
	for i, r := range p.Recipients {
		due[i] = undelivered(r)
	}
	var elsewhere error // receipts that only another account can tell
	for n := range p.Batches {
		b := &p.Batches[n]
		waiting := waitingIn(m, p, *b)
		if len(waiting) == 0 && !b.Found {
			continue
		}
		owned, err := d.owned(ctx, m, b)
		if err != nil {
			return message.Progress{}, err
		}
		if !owned {
			return d.doubtAgain(m, p, n), nil
		}
		if len(waiting) == 0 {
			continue
		}
		found, err := d.read(ctx, *b)
		switch {
		case err == nil, !d.Now().Before(readUntil(m, *b)):
		case errors.Is(err, aligo.ErrOtherAccount):
			elsewhere = err
		default:
			return message.Progress{}, d.fault(err, true)
		}
		for _, i := range waiting {
			receipt, ok := found[string(m.Recipients[i].To)]
			if !ok && err == nil && d.leftOut(m, *b, found) {
				receipt, ok = aligo.Receipt{
					State: aligo.StateFailed, Code: codeNotAccepted, SMSUseful: true, At: d.Now(),
				}, true
			}
			if ok {
				d.receive(m, &p.Recipients[i], receipt)
				if receipt.Alert != "" && !due[i] {
					alerts[string(receipt.Alert)]++
				}
			}
		}
	}
	p.Reads++
	p.Parked = nil
	if p = d.decide(m, p, due); elsewhere != nil && p.Queue == nil {
		// An SMS that is due by what is known goes out from the account in force. For all else that account has to come back.
		return message.Progress{}, d.fault(elsewhere, true)
	}
	for _, cause := range slices.Sorted(maps.Keys(alerts)) {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "receipts that a person must look at", slog.String("message", m.ID),
			slog.String("alert", cause), slog.Int("recipients", alerts[cause]))
	}
	return p, nil
}

// owned says that a batch is this message's. One that a look-up found is not any more when another message has got an
// answer with its MID. One that could not be claimed when it was answered is claimed now.
func (d *Dispatch) owned(ctx context.Context, m message.Message, b *message.Batch) (bool, error) {
	batch := guard.Batch{Account: guard.Account(b.Account), Channel: b.Channel, MID: b.MID}
	if b.Unclaimed {
		s := guard.Send{Message: m.ID, Account: batch.Account, Channel: b.Channel, Expiry: m.ExpiresAt, At: b.At}
		if !d.claim(ctx, s, b.MID) {
			// Unclaimed it could be taken for the call of another message, which would then never be sent.
			return false, &fault.Transient{Reason: "the table of sends has to be told of a batch first"}
		}
		b.Unclaimed = false
	}
	if !b.Found {
		return true, nil
	}
	owns, err := d.Guards.Owns(ctx, m.ID, batch)
	if err != nil {
		return false, tableFault(err)
	}
	return owns, nil
}

// doubtAgain takes out a batch that turned out to be another message's: what was sent to its recipients is looked up once
// more, also to those who had settled.
func (d *Dispatch) doubtAgain(m message.Message, p message.Progress, batch int) message.Progress {
	b := p.Batches[batch]
	p.Batches = slices.Delete(p.Batches, batch, batch+1)
	var who []int
	for _, i := range recipientsOf(m, b) {
		if r := &p.Recipients[i]; r.Channel == b.Channel {
			who, r.Status = append(who, i), message.Pending
			forget(r) // the receipts were the other message's
		}
	}
	now := d.Now().UTC()
	if p.Queue != nil || p.Sends != b.Sends+1 || len(who) == 0 {
		// Another call was made since, and the table knows the latest only.
		if len(who) > 0 && wantsSMS(m, b.Channel) {
			return d.smsInDoubt(p, who)
		}
		p = settle(p, who, message.Unknown, fault.NameAmbiguous, "", now)
		return d.waitFor(m, p)
	}
	p.Sends, p.Queue = b.Sends, &message.Queue{Channel: b.Channel, Recipients: who}
	p.Doubt = &message.Doubt{Error: fault.NameAmbiguous, Since: b.At, At: now, Wait: seconds(firstWait)}
	return p
}

// receive applies one receipt to a recipient. A failed AlimTalk for which an SMS makes sense stays pending, with the
// receipt's code, until the SMS has been sent.
func (d *Dispatch) receive(m message.Message, r *message.Result, receipt aligo.Receipt) {
	forget(r) // what an earlier look said of AlimTalk
	fallback := r.Channel == message.AlimTalk && m.Fallback.Enabled
	// Wallet and sender number are the operator's to repair. The SMS is parked until they are, if they are not by then.
	repairable := receipt.Alert == aligo.CauseBalance || receipt.Alert == aligo.CauseSender
	switch receipt.State {
	case aligo.StateDelivered:
		finish(r, message.Delivered, receipt.Code, "", receipt.At)
	case aligo.StateFailed:
		if fallback && (receipt.SMSUseful || repairable) {
			note(r, receipt.Code, receipt.Reason, receipt.At)
			return
		}
		finish(r, message.Failed, receipt.Code, receipt.Reason, receipt.At)
	case aligo.StateUnknown:
		if fallback && m.Fallback.OnUnknown == message.SMSUnknown {
			note(r, receipt.Code, receipt.Reason, receipt.At)
			return
		}
		finish(r, message.Unknown, receipt.Code, receipt.Reason, receipt.At)
	case aligo.StatePending:
	}
}

// decide says what comes next: the fallback once every AlimTalk receipt is there or their time is over, else a wait. A
// receipt that says no is looked at once more before, because a number may get a second row, and delivered wins: before are
// those who were due at the look before.
func (d *Dispatch) decide(m message.Message, p message.Progress, before map[int]bool) message.Progress {
	now := d.Now()
	for _, b := range p.Batches {
		if now.Before(readUntil(m, b)) {
			continue
		}
		for _, i := range waitingIn(m, p, b) {
			if before[i] = undelivered(p.Recipients[i]); !before[i] {
				finish(&p.Recipients[i], message.Unknown, codeNoReceipt, "", now)
			}
		}
	}
	late := !now.Before(fallbackAt(m, p))
	var due, still []int
	for i := range p.Recipients {
		r := &p.Recipients[i]
		switch {
		case undelivered(*r) && before[i]:
			due = append(due, i)
		case open(*r) && r.Channel == message.AlimTalk && late && m.Fallback.Enabled && m.Fallback.OnUnknown == message.SMSUnknown:
			note(r, codeNoReceipt, "", now)
			due = append(due, i)
		case open(*r) && r.Channel == message.AlimTalk, undelivered(*r):
			still = append(still, i)
		}
	}
	if len(due) > 0 && (len(still) == 0 || late) {
		p.Queue = &message.Queue{Channel: message.SMS, Recipients: due}
	}
	return d.waitFor(m, p)
}

// recipientsOf are those whom a batch was sent to.
func recipientsOf(m message.Message, b message.Batch) []int {
	if len(b.Recipients) == 0 {
		return everybody(m)
	}
	return b.Recipients
}

// waitingIn are the recipients of a batch whose receipts are read: those who have none, and those who are not queued yet
// for the SMS that theirs asks for.
func waitingIn(m message.Message, p message.Progress, b message.Batch) []int {
	var waiting []int
	for _, i := range recipientsOf(m, b) {
		if r := p.Recipients[i]; (open(r) || undelivered(r) && p.Queue == nil) && r.Channel == b.Channel {
			waiting = append(waiting, i)
		}
	}
	return waiting
}

// leftOut says that recipients of the batch without a row were not accepted: Aligo said that it refused some, everybody
// whom it accepted has a row, and rows have had the time that receipts usually need. Each alone could be a list that is
// still being filled.
func (d *Dispatch) leftOut(m message.Message, b message.Batch, found map[string]aligo.Receipt) bool {
	size := len(b.Recipients)
	if size == 0 {
		size = len(m.Recipients)
	}
	return b.Refused > 0 && len(found) >= size-b.Refused && !d.Now().Before(b.At.Add(time.Duration(m.Fallback.After)))
}

// read returns the receipts of a batch by number. The client has made one of several rows for a number.
func (d *Dispatch) read(ctx context.Context, b message.Batch) (map[string]aligo.Receipt, error) {
	if b.Channel == message.AlimTalk {
		rows, err := d.Aligo.AlimTalkReceipts(ctx, aligo.Account(b.Account), b.MID)
		found := make(map[string]aligo.Receipt, len(rows))
		for _, row := range rows {
			found[row.To] = row.Result
		}
		return found, err
	}
	rows, err := d.Aligo.SMSReceipts(ctx, aligo.Account(b.Account), b.MID)
	found := make(map[string]aligo.Receipt, len(rows))
	for _, row := range rows {
		found[row.To] = row.Result
	}
	return found, err
}
