package handlers

import (
	"context"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/message"
)

// codeNotAccepted is the code of a recipient whom Aligo left out of an accepted call.
const codeNotAccepted = "NotAccepted"

// Receipts reads the receipts of every batch that has open recipients, settles those whose receipt is final, queues for
// SMS those whom AlimTalk did not reach, and says how long to wait before the next look.
func (d *Dispatch) Receipts(ctx context.Context, in Input) (Output, error) {
	return d.run(ctx, "read receipts", in, d.receipts)
}

func (d *Dispatch) receipts(ctx context.Context, in Input) (message.Progress, error) {
	m, p := in.Message, start(in.Message, in.Progress)
	over := !d.Now().Before(readUntil(m, p))
	for _, b := range p.Batches {
		waiting := openIn(m, p, b)
		if len(waiting) == 0 {
			continue
		}
		found, err := d.read(ctx, b)
		if err != nil && !over {
			return message.Progress{}, d.fault(err, true)
		}
		for _, i := range waiting {
			if receipt, ok := found[string(m.Recipients[i].To)]; ok {
				d.receive(m, &p.Recipients[i], receipt)
			} else if err == nil && d.leftOut(m, b, found) {
				d.receive(m, &p.Recipients[i], aligo.Receipt{State: aligo.StateFailed, Code: codeNotAccepted, Reason: "Aligo left the number out",
					SMSUseful: true, At: d.Now()})
			}
		}
	}
	p.Reads++
	return d.decide(m, p, over), nil
}

// receive applies one receipt to a recipient. A failed AlimTalk for which an SMS makes sense stays pending, with the
// receipt's code, until the SMS has been sent.
func (d *Dispatch) receive(m message.Message, r *message.Result, receipt aligo.Receipt) {
	fallback := r.Channel == message.AlimTalk && m.Fallback.Enabled
	switch receipt.State {
	case aligo.StateDelivered:
		finish(r, message.Delivered, receipt.Code, "", receipt.At)
	case aligo.StateFailed:
		if fallback && receipt.SMSUseful {
			r.Code, r.Reason = receipt.Code, receipt.Reason
			return
		}
		finish(r, message.Failed, receipt.Code, receipt.Reason, receipt.At)
	case aligo.StateUnknown:
		if fallback && m.Fallback.OnUnknown == message.SMSUnknown {
			r.Code, r.Reason = receipt.Code, receipt.Reason
			return
		}
		finish(r, message.Unknown, receipt.Code, receipt.Reason, receipt.At)
	case aligo.StatePending:
	}
}

// decide says what comes next: the fallback once every AlimTalk receipt is there or their time is over, else a wait.
func (d *Dispatch) decide(m message.Message, p message.Progress, over bool) message.Progress {
	now := d.Now()
	late := !now.Before(fallbackAt(m, p))
	var due, still []int
	for i := range p.Recipients {
		r := &p.Recipients[i]
		switch {
		case undelivered(*r):
			due = append(due, i)
		case open(*r) && over:
			finish(r, message.Unknown, "NoReceipt", "no receipt came in time", now)
		case open(*r) && r.Channel == message.AlimTalk && late && m.Fallback.Enabled && m.Fallback.OnUnknown == message.SMSUnknown:
			r.Code, r.Reason = "NoReceipt", "no receipt after "+time.Duration(m.Fallback.After).String()
			due = append(due, i)
		case open(*r) && r.Channel == message.AlimTalk:
			still = append(still, i)
		}
	}
	if len(due) > 0 && (len(still) == 0 || late || over) {
		p.Queue = &message.Queue{Channel: message.SMS, Recipients: due}
	}
	return d.waitFor(m, p)
}

// openIn are the recipients of a batch whose receipts have not come.
func openIn(m message.Message, p message.Progress, b message.Batch) []int {
	who := b.Recipients
	if len(who) == 0 {
		who = everybody(m)
	}
	var waiting []int
	for _, i := range who {
		if r := p.Recipients[i]; open(r) && r.Channel == b.Channel {
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
		rows, err := d.Aligo.AlimTalkReceipts(ctx, b.MID)
		found := make(map[string]aligo.Receipt, len(rows))
		for _, row := range rows {
			found[row.To] = row.Result
		}
		return found, err
	}
	rows, err := d.Aligo.SMSReceipts(ctx, b.MID)
	found := make(map[string]aligo.Receipt, len(rows))
	for _, row := range rows {
		found[row.To] = row.Result
	}
	return found, err
}
