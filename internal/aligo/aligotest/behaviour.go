package aligotest

import (
	"errors"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sms-api/internal/message"
)

// Behaviour is what Aligo was seen to do once, or might do as well. It can be switched at any time, by SetBehaviour or with
// POST /_standin/behaviour; every field stands for itself, and the zero value is the usual.
type Behaviour struct {
	// ClockAhead is how far Aligo's clock is ahead of Options.Now; negative is behind. The times of rows, their days and the Date
	// header follow it.
	ClockAhead message.Duration `json:"clockAhead"`
	// ListedAfter is how long after its acceptance a call appears in the history. It holds for calls that are accepted from now
	// on. The receipts of a call can be read before.
	ListedAfter message.Duration `json:"listedAfter"`
	// EndIsMidnight takes the last day that a history is asked for as the midnight with which it begins.
	EndIsMidnight bool `json:"endIsMidnight"`
	// Texts are what becomes of texts in the histories and their details, one after the other. Phones show them as they were.
	Texts []TextChange `json:"texts"`
}

// TextChange is something that a list does to the texts that it shows.
type TextChange string

// The changes of texts.
const (
	// TextEscaped has &amp; &lt; &gt; &quot; and &#039; in place of & < > " and '.
	TextEscaped TextChange = "escaped"
	// TextBR has <br> in place of line breaks.
	TextBR TextChange = "br"
	// TextCollapsed has one space in place of each run of white space.
	TextCollapsed TextChange = "collapsed"
	// TextSuffixed ends in a line more.
	TextSuffixed TextChange = "suffixed"
	// TextNoEmoji is without the characters that the carriers do not have.
	TextNoEmoji TextChange = "no-emoji"
	// TextCut ends after 40 characters, with three dots.
	TextCut TextChange = "cut"
	// TextOther is another text.
	TextOther TextChange = "other"
)

// textChanges is what each of them makes of a text.
func textChanges() map[TextChange]func(text string) string {
	entities := strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#039;")
	return map[TextChange]func(string) string{
		TextEscaped:   func(text string) string { return entities.Replace(html.EscapeString(text)) },
		TextBR:        strings.NewReplacer("\r\n", "<br>", "\n", "<br>").Replace,
		TextCollapsed: func(text string) string { return strings.Join(strings.Fields(text), " ") },
		TextSuffixed:  func(text string) string { return text + "\n무료거부 0801234567" },
		TextNoEmoji:   withoutUnencodable,
		TextCut: func(text string) string {
			const shown = 40
			if utf8.RuneCountInString(text) > shown {
				return string([]rune(text)[:shown]) + "..."
			}
			return text
		},
		TextOther: func(string) string { return "보안을 위해 내용을 표시하지 않습니다." },
	}
}

func withoutUnencodable(text string) string {
	var b strings.Builder
	bad := message.Unencodable(text)
	for i, r := range []rune(text) {
		if len(bad) > 0 && bad[0].Index == i {
			bad = bad[1:]
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// shown is a text as the lists have it.
func (b Behaviour) shown(text string) string {
	for _, c := range b.Texts {
		text = textChanges()[c](text)
	}
	return text
}

// SetBehaviour switches how Aligo behaves from now on. The error names what is wrong with it.
func (s *Standin) SetBehaviour(b Behaviour) error {
	for _, c := range b.Texts {
		if textChanges()[c] == nil {
			return fmt.Errorf("there is no change of texts %q; there are %v", c, slices.Sorted(maps.Keys(textChanges())))
		}
	}
	if b.ListedAfter < 0 {
		return errors.New("listedAfter is not negative")
	}
	b.Texts = slices.Clone(b.Texts)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour = b
	return nil
}

// Behaviour is how Aligo behaves now.
func (s *Standin) Behaviour() Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.behaviour
	b.Texts = slices.Clone(b.Texts)
	return b
}

// clock is Aligo's.
func (s *Standin) clock() time.Time {
	return s.options.Now().Add(time.Duration(s.behaviour.ClockAhead))
}

// ours is a time of Aligo's clock on that of Options.Now.
func (s *Standin) ours(aligos time.Time) time.Time {
	return aligos.Add(-time.Duration(s.behaviour.ClockAhead))
}

// Receipts are the rows that the receipts of a number have on one channel, in place of the usual one.
type Receipts struct {
	// Ending is how the numbers end that are meant.
	Ending string `json:"ending"`
	// Channel is alimtalk or sms.
	Channel string `json:"channel"`
	// Rows come in this order. None is as usual again.
	Rows []ReceiptRow `json:"rows"`
}

// ReceiptRow is one row of a number's receipts.
type ReceiptRow struct {
	// Result is what the row says in the end: a letter of rslt, or the text of sms_state. The phone rings if one of its rows has 0
	// or 5, or 발송완료. Empty never says anything.
	Result string `json:"result"`
	// After is how long after the send it says so, and rings; 0 is Options.ReceiptDelay, and the phone rings at once. Before, the
	// first row is pending and the others are not there.
	After message.Duration `json:"after"`
}

// SetReceipts says what the receipts for numbers say that are sent to from now on. The error names what is wrong with it.
func (s *Standin) SetReceipts(r Receipts) error {
	if r.Channel != "alimtalk" && r.Channel != "sms" {
		return errors.New("channel is alimtalk or sms")
	}
	if r.Ending == "" || strings.Trim(r.Ending, "0123456789") != "" {
		return errors.New("ending is the last digits of numbers")
	}
	for _, row := range r.Rows {
		if row.After < 0 {
			return errors.New("after is not negative")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receipts = slices.DeleteFunc(s.receipts, func(o Receipts) bool { return o.Ending == r.Ending && o.Channel == r.Channel })
	if len(r.Rows) > 0 {
		r.Rows = slices.Clone(r.Rows)
		s.receipts = append(s.receipts, r)
	}
	return nil
}

// planned gives a row the receipts that were set for its number, if there are some.
func (s *Standin) planned(r row, channel string) row {
	for _, p := range s.receipts {
		if p.Channel != channel || !strings.HasSuffix(r.to, p.Ending) {
			continue
		}
		r.result, r.after, r.more, r.arrives = p.Rows[0].Result, time.Duration(p.Rows[0].After), p.Rows[1:], false
		for _, one := range p.Rows {
			if !r.arrives && slices.Contains([]string{"0", "5", stateDelivered}, one.Result) {
				r.arrives, r.rings = true, time.Duration(one.After)
			}
		}
		break
	}
	return r
}

// listed is the rows of a batch as its receipts have them now.
func (b *batch) listed(now time.Time, delay time.Duration) []row {
	if !slices.ContainsFunc(b.rows, func(r row) bool { return len(r.more) > 0 }) {
		return b.rows
	}
	var all []row
	for _, r := range b.rows {
		all = append(all, r)
		for n, more := range r.more {
			r.id, r.result, r.after = r.id+int64(n)+1, more.Result, time.Duration(more.After)
			if b.fired && !now.Before(b.sentAt.Add(r.wait(delay))) {
				all = append(all, r)
			}
		}
	}
	return all
}

// wait is the time from the send to the row's receipt.
func (r *row) wait(usual time.Duration) time.Duration {
	if r.after > 0 {
		return r.after
	}
	return usual
}
