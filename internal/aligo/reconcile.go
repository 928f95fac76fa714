package aligo

import (
	"context"
	"fmt"
	"html"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"sms-api/internal/message"
)

// The vendor has no idempotency key and echoes no reference of ours. After a send without an answer, only its history
// tells whether the call was accepted: by time, number of recipients, recipients and text.

// clockSkew is how far the vendor's clock may be from what the Date header of its answers says. A wider window costs nothing
// but the chance to find the same text to the same people, sent by somebody else.
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

	// Account is the one that it was made with; empty is any.
	Account Account
	// Since and Until are when it can have reached the vendor, by our clock.
	Since, Until time.Time
	// Ahead is how far the vendor's clock was ahead of ours when the attempt was made, as far as that was known; see
	// Client.Ahead. It may have jumped since.
	Ahead time.Duration
	// To are the recipients' numbers in digits.
	To []string
	// Digests stand for what each of To was sent: Digest of the number and of the Canonical text. Nil where Texts will do.
	Digests [][8]byte
	Digest  func(to, canonical string) [8]byte
	// Texts are the texts themselves, as far as they are known; empty where they are not. With them a text is recognised
	// that the vendor has cut or added to.
	Texts []string
	// Known are the ids of calls that are other sends of the same message.
	Known []string
	// Taken tells which of the calls are other messages'; nil means none.
	Taken func(ctx context.Context, mids []string) (map[string]bool, error)
}

// Verdict is the answer of a look-up.
type Verdict string

// The verdicts.
const (
	// WasAccepted: the call is in the history.
	WasAccepted Verdict = "accepted"
	// NotAccepted: the history was read whole and does not have it. The vendor may need some time to accept and to list a
	// call: ask again minutes after the attempt before believing this.
	NotAccepted Verdict = "not accepted"
	// CannotTell: there is something like it, but nothing to be sure by.
	CannotTell Verdict = "cannot tell"
)

// Finding is what the history says about an attempt.
type Finding struct {
	Verdict Verdict
	// Candidates are the calls that are the attempt, or as many equal ones, oldest first; there are some with WasAccepted.
	Candidates []Candidate
	// Saw says, without any text, what was like the attempt and is not certain, with CannotTell.
	Saw string
}

// Candidate is an accepted call.
type Candidate struct {
	MID string
	// Accepted is how many recipients it has.
	Accepted int
	// LMS says that it is a long message.
	LMS bool
}

// past is a call in either history.
type past struct {
	mid, text string
	count     int
	at        time.Time
	lms       bool
}

// FindAlimTalk looks for an attempt in the history of AlimTalk. An error means that the history could not be read, and
// the verdict is CannotTell then.
func (c *Client) FindAlimTalk(ctx context.Context, a Attempt) (Finding, error) {
	return a.find(ctx, func(page int, w window) ([]past, bool, time.Duration, error) {
		// Whether the last day is included was never seen.
		batches, more, how, err := c.alimTalkHistory(ctx, AlimTalkPage{
			Page: page, From: w.from.AddDate(0, 0, -1), To: w.to.AddDate(0, 0, 1), Size: surePageKakao,
		}, a.Account)
		var calls []past
		for _, b := range batches {
			calls = append(calls, past{b.MID, b.Text, b.Count, b.At, false})
		}
		return calls, more, how.offset, err
	}, func(mid string, row func(to, text string) bool) error {
		return c.alimTalkTexts(ctx, a.Account, mid, row)
	})
}

// FindSMS looks for an attempt in the history of SMS. That history shows one text a call and none a receiver, so a call
// whose text it does not show cannot be told for sure.
func (c *Client) FindSMS(ctx context.Context, a Attempt) (Finding, error) {
	return a.find(ctx, func(page int, w window) ([]past, bool, time.Duration, error) {
		newest := w.to.AddDate(0, 0, 1)
		days := int(day(newest).Sub(day(w.from)).Hours()/24) + 2
		batches, more, how, err := c.smsHistory(ctx, SMSPage{Page: page, Day: newest, Days: days, Size: surePageSMS}, a.Account)
		var calls []past
		for _, b := range batches {
			calls = append(calls, past{b.MID, b.Text, b.Count, b.At, b.Type != TypeSMS})
		}
		return calls, more, how.offset, err
	}, func(mid string, row func(to, text string) bool) error {
		return c.smsRows(ctx, a.Account, mid, func(r SMSReceipt) bool { return row(r.To, "") })
	})
}

// window is when a call must have been registered to be the attempt, by the vendor's clock.
type window struct{ from, to time.Time }

// window is the time of the attempt by our clock, and by the vendor's as it goes now and as it went then, whichever is wider.
func (a Attempt) window(ahead time.Duration) window {
	return window{a.Since.Add(min(0, ahead, a.Ahead) - clockSkew), a.Until.Add(max(0, ahead, a.Ahead) + clockSkew)}
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
	// suspicious has another text; whether it has the attempt's recipients is not known yet.
	suspicious
	possible
	certain
)

// maxSuspects bounds how many calls with another text are looked into for their recipients.
const maxSuspects = 50

// find reads the history from its newest call back to the beginning of the window. page reads one page, rows the
// recipients of one call until its callback returns false.
func (a Attempt) find(
	ctx context.Context,
	page func(n int, w window) (calls []past, more bool, ahead time.Duration, err error),
	rows func(mid string, row func(to, text string) bool) error,
) (Finding, error) {
	doubt := Finding{Verdict: CannotTell, Saw: "the history could not be read to its end"}
	calls, whole, err := a.history(page)
	if err != nil || !whole {
		return doubt, err
	}
	if calls, err = a.free(ctx, calls); err != nil {
		return doubt, err
	}
	wanted := a.wanted()
	var sure []Candidate
	var suspects []past
	possibles := 0
	for _, call := range calls {
		like, err := a.compare(wanted, &call, rows)
		if err != nil {
			return doubt, err
		}
		switch like {
		case certain:
			sure = append(sure, Candidate{call.mid, call.count, call.lms})
		case possible:
			possibles++
		case suspicious:
			suspects = append(suspects, call)
		case different:
		}
	}
	slices.Reverse(sure)
	switch {
	case len(sure) > 0:
		return Finding{Verdict: WasAccepted, Candidates: sure}, nil
	case possibles > 0:
		return Finding{Verdict: CannotTell, Saw: fmt.Sprintf("%d calls to some of the recipients", possibles)}, nil
	}
	altered := 0
	for _, call := range suspects[:min(len(suspects), maxSuspects)] {
		same, err := a.sameRecipients(wanted, call, rows)
		if err != nil {
			return doubt, err
		}
		if same {
			altered++
		}
	}
	if altered > 0 {
		return Finding{Verdict: CannotTell, Saw: fmt.Sprintf("%d calls to the same recipients with another text", altered)}, nil
	}
	return Finding{Verdict: NotAccepted}, nil
}

// history is every call in the window that can be the attempt, newest first. whole says that the list came to its end.
func (a Attempt) history(
	page func(n int, w window) (calls []past, more bool, ahead time.Duration, err error),
) (found []past, whole bool, err error) {
	// Pages shift while new calls come in, so a call may be seen twice, and even a whole page.
	seen := map[string]bool{}
	var ahead time.Duration
	stale := 0
	for n := 1; n <= maxPages; n++ {
		calls, more, offset, err := page(n, a.window(ahead))
		if err != nil {
			return nil, false, err
		}
		if n == 1 {
			ahead = offset
		}
		w := a.window(ahead)
		older, news := 0, false
		for _, call := range calls {
			if !call.at.IsZero() && call.at.Before(w.from.Truncate(time.Second)) {
				older++
				continue
			}
			if seen[call.mid] {
				continue
			}
			seen[call.mid], news = true, true
			if !call.at.After(w.to) && call.mid != "" && call.count <= len(a.To) && !slices.Contains(a.Known, call.mid) {
				found = append(found, call)
			}
		}
		if !more || older > 0 && older == len(calls) {
			return found, true, nil
		}
		if stale++; news {
			stale = 0
		}
		const patience = 3
		if stale == patience {
			break
		}
	}
	// The list does not end, so nothing can be said about what it does not have.
	return nil, false, nil
}

// free leaves out what other messages own.
func (a Attempt) free(ctx context.Context, calls []past) ([]past, error) {
	if a.Taken == nil || len(calls) == 0 {
		return calls, nil
	}
	mids := make([]string, len(calls))
	for i, call := range calls {
		mids[i] = call.mid
	}
	taken, err := a.Taken(ctx, mids)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(calls, func(call past) bool { return taken[call.mid] }), nil
}

// wanted maps each recipient to what they were to get.
func (a Attempt) wanted() map[string]sought {
	m := make(map[string]sought, len(a.To))
	for i, to := range a.To {
		s := sought{to: to, digest: a.Digest}
		if i < len(a.Digests) {
			s.want = a.Digests[i]
		}
		if i < len(a.Texts) {
			s.text = Canonical(a.Texts[i])
		}
		m[to] = s
	}
	return m
}

// sought is what one recipient was sent.
type sought struct {
	to     string
	want   [8]byte
	digest func(to, canonical string) [8]byte
	// text is canonical, and empty when it is not known.
	text string
}

// is tells whether a text in the history is what was sought. Aligo may have cut it, or added to it.
func (s sought) is(inHistory string) bool {
	seen := Canonical(inHistory)
	if seen == s.text || s.digest != nil && s.digest(s.to, seen) == s.want {
		return true
	}
	const shortestCut = 20
	if s.text == "" || utf8.RuneCountInString(s.text) < shortestCut || utf8.RuneCountInString(seen) < shortestCut {
		return false
	}
	return strings.HasPrefix(s.text, strings.TrimRight(seen, ".…")) || strings.Contains(seen, s.text)
}

// compare tells how much a call is like the attempt. Where the history gives no count, it fills in that of the rows.
func (a Attempt) compare(wanted map[string]sought, call *past, rows func(string, func(to, text string) bool) error) (likeness, error) {
	textAgrees := false
	if call.text != "" {
		for _, s := range wanted {
			if textAgrees = s.is(call.text); textAgrees {
				break
			}
		}
		if !textAgrees {
			// A number of recipients that fits makes it worth a look, if nothing better is found.
			if call.count == 0 || a.enough(call.count) {
				return suspicious, nil
			}
			return different, nil
		}
	}
	found, foreign, altered := 0, false, false
	err := rows(call.mid, func(to, text string) bool {
		s, ours := wanted[to]
		if !ours {
			foreign = true
			return false
		}
		if text != "" {
			altered = altered || !s.is(text)
			textAgrees = true
		}
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
	switch {
	case altered && a.enough(call.count):
		return possible, nil
	case altered:
		return different, nil
	case textAgrees && found > 0 && a.enough(call.count):
		return certain, nil
	}
	return possible, nil
}

// enough says that a call with so many recipients can be the attempt: Aligo may have accepted fewer than were sent. A small
// part of the recipients could be another message with the same text to some of the same people; half of them could hardly be.
func (a Attempt) enough(count int) bool { return 2*count >= len(a.To) }

// sameRecipients tells whether a call went to the recipients of the attempt, or to enough of them, and to nobody else, as far
// as they are listed yet.
func (a Attempt) sameRecipients(
	wanted map[string]sought, call past, rows func(string, func(to, text string) bool) error,
) (bool, error) {
	found, foreign := map[string]bool{}, false
	err := rows(call.mid, func(to, _ string) bool {
		_, ours := wanted[to]
		foreign = foreign || !ours
		found[to] = true
		return !foreign
	})
	return err == nil && !foreign && (a.enough(len(found)) || len(found) < call.count), err
}

// Canonical is a text without what the vendor and its pages may change on the way: HTML escapes and line breaks, white
// space of every kind, characters that the carriers do not have, and the ? in their place.
func Canonical(text string) string {
	text = html.UnescapeString(lineBreaks().Replace(text))
	var b strings.Builder
	for i, bad := 0, message.Unencodable(text); text != ""; i++ {
		r, size := utf8.DecodeRuneInString(text)
		text = text[size:]
		if len(bad) > 0 && bad[0].Index == i {
			bad = bad[1:]
			continue
		}
		if r != '?' && !unicode.IsSpace(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

var lineBreaks = sync.OnceValue(func() *strings.Replacer {
	return strings.NewReplacer("<br>", "\n", "<br/>", "\n", "<br />", "\n", "<BR>", "\n", "<BR/>", "\n", "<BR />", "\n")
})
