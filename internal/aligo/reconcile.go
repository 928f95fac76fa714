package aligo

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sms-api/internal/message"
)

// The vendor has no idempotency key and echoes no reference of ours. After a send without an answer, only its history
// tells whether the call was accepted: by time, number of recipients, recipients and text.

// clockSkew is how far the vendor's clock may be from ours. A wider window costs nothing but the chance to find the same
// text to the same people, sent by somebody else.
const clockSkew = 2 * time.Minute

// The smallest pages that the vendor documents are also what it answers with when it ignores what was asked for. Larger
// ones would leave a gap as soon as it ignores it on one page and not on the next, and what is in the gap would look as
// if it had not been accepted.
const (
	surePageSMS   = 30
	surePageKakao = 50
)

// Attempt is a send of which nobody knows whether it was accepted.
type Attempt struct {
	unlogged

	// Since and Until are when it can have reached the vendor, by our clock; the look-up allows for two minutes of skew.
	Since, Until time.Time
	// To are the recipients' numbers in digits.
	To []string
	// Texts are what they were to get: one for each of To, or one for all.
	Texts []string
	// Known are the ids of calls that are other sends.
	Known []string
}

// Verdict is the answer of a look-up.
type Verdict string

// The verdicts.
const (
	// WasAccepted: the call is in the history.
	WasAccepted Verdict = "accepted"
	// NotAccepted: the history was read whole and does not have it. The vendor may need some time to list a call: ask
	// again a minute after the attempt before believing this.
	NotAccepted Verdict = "not accepted"
	// CannotTell: there is something like it, but nothing to be sure by, or more than one.
	CannotTell Verdict = "cannot tell"
)

// Finding is what the history says about an attempt.
type Finding struct {
	Verdict Verdict
	// MID is the id of the accepted call.
	MID string
	// Accepted is how many recipients it has.
	Accepted int
}

// past is a call in either history.
type past struct {
	mid, text string
	count     int
	at        time.Time
}

// FindAlimTalk looks for an attempt in the history of AlimTalk. An error means that the history could not be read, and
// the verdict is CannotTell then.
func (c *Client) FindAlimTalk(ctx context.Context, a Attempt) (Finding, error) {
	return a.find(func(page int, from, to time.Time) ([]past, bool, error) {
		batches, more, err := c.AlimTalkHistory(ctx, AlimTalkPage{Page: page, From: from, To: to, Size: surePageKakao})
		var calls []past
		for _, b := range batches {
			calls = append(calls, past{b.MID, b.Text, b.Count, b.At})
		}
		return calls, more, err
	}, func(mid string, row func(to, text string) bool) error {
		return c.alimTalkTexts(ctx, mid, row)
	})
}

// FindSMS looks for an attempt in the history of SMS. That history shows one text a call and none a receiver, so a call
// whose text it does not show cannot be told for sure.
func (c *Client) FindSMS(ctx context.Context, a Attempt) (Finding, error) {
	return a.find(func(page int, from, to time.Time) ([]past, bool, error) {
		days := int(day(to).Sub(day(from)).Hours()/24) + 1
		batches, more, err := c.SMSHistory(ctx, SMSPage{Page: page, Day: to, Days: days, Size: surePageSMS})
		var calls []past
		for _, b := range batches {
			calls = append(calls, past{b.MID, b.Text, b.Count, b.At})
		}
		return calls, more, err
	}, func(mid string, row func(to, text string) bool) error {
		return c.smsRows(ctx, mid, func(r SMSReceipt) bool { return row(r.To, "") })
	})
}

// day is the beginning of a day in Korean time.
func day(t time.Time) time.Time {
	y, m, d := t.In(kst).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, kst)
}

// likeness is how sure it is that a call in the history is the attempt.
type likeness int

const (
	different likeness = iota
	possible
	certain
)

// find reads the history from its newest call back to the beginning of the window. page reads one page, rows the
// recipients of one call until its callback returns false.
func (a Attempt) find(
	page func(n int, from, to time.Time) ([]past, bool, error),
	rows func(mid string, row func(to, text string) bool) error,
) (Finding, error) {
	from, to := a.Since.Add(-clockSkew), a.Until.Add(clockSkew)
	doubt := Finding{Verdict: CannotTell}
	texts := a.texts()
	// Pages shift while new calls come in, so a call may be seen twice, and even a whole page.
	seen := map[string]bool{}
	var sure []past
	possibles, stale := 0, 0
	for n := 1; ; n++ {
		calls, more, err := page(n, from, to)
		if err != nil {
			return doubt, err
		}
		older, news := 0, false
		for _, call := range calls {
			if !call.at.IsZero() && call.at.Before(from.Truncate(time.Second)) {
				older++
				continue
			}
			if seen[call.mid] {
				continue
			}
			seen[call.mid], news = true, true
			if call.at.After(to) || slices.Contains(a.Known, call.mid) {
				continue
			}
			like, err := a.compare(texts, &call, rows)
			if err != nil {
				return doubt, err
			}
			switch like {
			case certain:
				sure = append(sure, call)
			case possible:
				possibles++
			case different:
			}
		}
		if !more || older > 0 && older == len(calls) {
			break
		}
		if stale++; news {
			stale = 0
		}
		const patience = 3
		if n == maxPages || stale == patience {
			// The list does not end, so nothing can be said about what it does not have.
			return doubt, nil
		}
	}
	switch {
	case len(sure) == 1:
		return Finding{Verdict: WasAccepted, MID: sure[0].mid, Accepted: sure[0].count}, nil
	case len(sure) == 0 && possibles == 0:
		return Finding{Verdict: NotAccepted}, nil
	}
	return doubt, nil
}

// texts maps each recipient to what they were to get.
func (a Attempt) texts() map[string]string {
	m := make(map[string]string, len(a.To))
	for i, to := range a.To {
		switch {
		case i < len(a.Texts):
			m[to] = a.Texts[i]
		case len(a.Texts) > 0:
			m[to] = a.Texts[len(a.Texts)-1]
		}
	}
	return m
}

// compare tells how much a call is like the attempt. Where the history gives no count, it fills in that of the rows.
func (a Attempt) compare(texts map[string]string, call *past, rows func(string, func(to, text string) bool) error) (likeness, error) {
	if call.mid == "" || call.count > len(a.To) {
		return different, nil
	}
	textAgrees := false
	if call.text != "" {
		for _, text := range texts {
			if textAgrees = sameOrCut(call.text, text); textAgrees {
				break
			}
		}
		if !textAgrees {
			return different, nil
		}
	}
	found, foreign := 0, false
	err := rows(call.mid, func(to, text string) bool {
		want, ours := texts[to]
		if !ours || text != "" && !sameText(text, want) {
			foreign = true
			return false
		}
		textAgrees = textAgrees || text != ""
		found++
		return true
	})
	switch {
	case err != nil:
		return possible, err
	case foreign:
		return different, nil
	}
	if call.count == 0 {
		call.count = found
	}
	// Aligo may have accepted fewer than were sent. A small part of the recipients could be another message with the
	// same text to some of the same people; half of them could hardly be.
	if textAgrees && found > 0 && 2*call.count >= len(a.To) {
		return certain, nil
	}
	return possible, nil
}

// plain is a text without what the vendor may change on the way: the kind of line breaks, spaces at the ends, characters
// that the carriers do not have.
func plain(text string) string {
	text = strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text))
	if len(message.Unencodable(text)) == 0 {
		return text
	}
	runes := []rune(text)
	for _, bad := range message.Unencodable(text) {
		runes[bad.Index] = '?'
	}
	return string(runes)
}

func sameText(a, b string) bool { return a == b || plain(a) == plain(b) }

// sameOrCut tells whether a text in the history can be the beginning of one that was sent. What is too short to be a cut
// text must be equal.
func sameOrCut(inHistory, sent string) bool {
	const shortestCut = 20
	return sameText(inHistory, sent) ||
		utf8.RuneCountInString(inHistory) >= shortestCut && strings.HasPrefix(plain(sent), strings.TrimRight(plain(inHistory), ".…"))
}
