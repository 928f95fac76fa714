package handlers

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"sms-api/internal/message"
)

// firstWait is how long after acceptance receipts are first looked for: most are there after 4 to 6 seconds.
const firstWait = 5 * time.Second

// longestWait is the longest time between two looks at receipts in the first day, or at the history.
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

// start makes the results of a message of which nothing has been tried yet.
func start(m message.Message, p message.Progress) message.Progress {
	p.Recipients, p.Later = slices.Clone(p.Recipients), nil
	for i := range p.Recipients {
		p.Recipients[i].Attempts = slices.Clone(p.Recipients[i].Attempts)
	}
	if len(p.Recipients) == 0 {
		p.Recipients = message.Pendings(m)
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
func accepted(m message.Message, p message.Progress, to []int, b message.Batch) message.Progress {
	if len(to) < len(m.Recipients) {
		b.Recipients = to
	}
	p.Batches = append(slices.Clip(p.Batches), b)
	for _, i := range to {
		r := &p.Recipients[i]
		r.Next(b.Channel)
		r.Status = message.Pending
		forget(r)
	}
	p = dequeue(p, to)
	p.Failure, p.Doubt, p.Parked, p.Reads = nil, nil, nil, 0
	p.Sends++
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

// settle gives recipients a final status and takes them out of the queue. Those whom AlimTalk did not reach end with the
// channel that was next.
func settle(p message.Progress, who []int, status message.Status, code, words string, at time.Time) message.Progress {
	for _, i := range who {
		r := &p.Recipients[i]
		if undelivered(*r) && p.Queue != nil {
			r.Next(p.Queue.Channel)
		}
		finish(r, status, code, words, at)
	}
	return dequeue(p, who)
}

// finish gives one recipient a final status.
func finish(r *message.Result, status message.Status, code, words string, at time.Time) {
	r.Status = status
	note(r, code, words, at)
}

// note writes down what is known of the channel tried last, and of the words only what the code does not say.
func note(r *message.Result, code, words string, at time.Time) {
	r.Code, r.Reason, r.At = code, message.Detail(r.Channel, code, words), at.UTC().Truncate(time.Second)
}

// forget takes back what was noted of the channel tried last.
func forget(r *message.Result) { r.Code, r.Reason, r.At = "", "", time.Time{} }

// waitFor sets when the receipts are read next; nothing open means never.
func (d *Dispatch) waitFor(m message.Message, p message.Progress) message.Progress {
	p.Wait = 0
	var until, newest time.Time
	for _, b := range p.Batches {
		if len(waitingIn(m, p, b)) == 0 {
			continue
		}
		if end := readUntil(m, b); end.After(until) {
			until = end
		}
		if b.At.After(newest) {
			newest = b.At
		}
	}
	if until.IsZero() {
		return p
	}
	now := d.Now()
	wait := backoff(p.Reads)
	if now.Sub(newest) >= firstDay {
		wait = lateWait
	}
	wait = min(wait, until.Sub(now))
	alimTalk := func(r message.Result) bool { return open(r) && r.Channel == message.AlimTalk }
	switch left := fallbackAt(m, p).Sub(now); {
	case slices.ContainsFunc(p.Recipients, alimTalk):
		if left > 0 {
			wait = min(wait, left)
		}
	case slices.ContainsFunc(p.Recipients, undelivered):
		wait = min(wait, onceMore)
	}
	p.Wait = seconds(wait)
	return p
}

// onceMore is after what time a receipt that asks for an SMS is looked at once more, when no other is missing.
const onceMore = 10 * time.Second

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

// How long receipts may take. Aligo's are final after 24 hours; carriers report an SMS up to 25 and an LMS up to 80 hours
// after it was accepted, as another relay documents its own, when a phone is switched off.
// https://docs.nhncloud.com/en/Notification/SMS/en/api-guide/
const (
	alimTalkReceipt = 25 * time.Hour
	smsReceipt      = 26 * time.Hour
	lmsReceipt      = 81 * time.Hour
)

// After the first day receipts are rare, and each look costs three state transitions.
const (
	firstDay = 24 * time.Hour
	lateWait = time.Hour
)

// readUntil is when no receipt of a batch is expected any more. The message's expiry bounds sending, not knowing.
func readUntil(m message.Message, b message.Batch) time.Time {
	receipt := alimTalkReceipt
	switch {
	case b.Channel == message.SMS && b.LMS:
		receipt = lmsReceipt
	case b.Channel == message.SMS:
		receipt = smsReceipt
	}
	return b.At.Add(max(receipt, time.Duration(m.Fallback.After)))
}

// progressBytes is how large a progress may be, in bytes of JSON. The largest message, of message.MaxSize, and the progress,
// with the failure or the parking that the state machine adds, must fit into one payload, see deployment.PayloadSize.
const progressBytes = 120_000

// shorten cuts the reasons of a progress to what there is room for.
func shorten(p *message.Progress) error {
	const longest, shortest = 1000, 24
	count, bytes := 0, 0
	reasons := func(take func(reason *string)) {
		for i := range p.Recipients {
			take(&p.Recipients[i].Reason)
			for n := range p.Recipients[i].Attempts {
				take(&p.Recipients[i].Attempts[n].Reason)
			}
		}
	}
	reasons(func(reason *string) {
		if *reason != "" {
			count++
			bytes += len(*reason)
		}
	})
	if count == 0 {
		return nil
	}
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	// As JSON a reason may be longer than it is.
	limit := min(longest, max(0, progressBytes-(len(b)-bytes))/count)
	reasons(func(reason *string) {
		switch r := *reason; {
		case len(r) <= limit:
		case limit < shortest:
			*reason = ""
		default:
			*reason = strings.ToValidUTF8(r[:limit-len("…")], "") + "…"
		}
	})
	return nil
}
