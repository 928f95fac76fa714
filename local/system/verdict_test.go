package system

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"sms-api/internal/message"
)

// sent is what was asked for, for whoever checks what became of it.
type sent struct {
	id        string
	onUnknown message.OnUnknown
	sms, long bool
	// numbers are the recipients', and contents what tells the text of each from other texts to the same number: the
	// number of the order in it. Nil is a text without.
	numbers, contents []string
	// cancelled says that the cancellation was confirmed, and stopped that an operator has stopped the execution.
	cancelled, stopped bool
	// expires is when it may not be sent any more.
	expires time.Time
	// ad says that it is advertising, and night that it may go out at night.
	ad, night bool
	// frontend is the caller that may not do everything; empty is one that may.
	frontend string
	// asked and accepted are when the door was asked first and when it had accepted, and due is when it is to be sent, if that is
	// not at once.
	asked, accepted, due time.Time
}

func (s *sent) add(number, content string) {
	s.numbers, s.contents = append(s.numbers, number), append(s.contents, content)
}

func (s *sent) content(i int) string {
	if s.contents == nil {
		return ""
	}
	return s.contents[i]
}

// contentOf is the order's number in a text.
func contentOf(text string) string { return regexp.MustCompile(`A(-\d+)+`).FindString(text) }

// letter is one text to one number. Messages may say the same to the same number: nobody can tell, nor needs to, which of
// them it was that a phone got.
type letter struct{ number, content string }

// mail is what was asked for, claimed and received of one letter.
type mail struct {
	wanted []string // ids of messages
	// received are the channels.
	received []string
	// claimed are how many are said to be delivered, by channel, and least and most how many messages there may be on the
	// phone if all that is claimed is true.
	claimed     map[string]int
	least, most int
	claims      []string
}

// violations compares what the outcomes claim with what phones have received: nobody got two messages unless the caller
// wanted rather two than none, nobody is forgotten, every claim is true, and every outcome was announced.
func (w *world) violations(all []sent) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	post := map[letter]*mail{}
	for _, one := range all {
		for i, number := range one.numbers {
			l := letter{number, one.content(i)}
			if post[l] == nil {
				post[l] = &mail{claimed: map[string]int{}}
			}
			post[l].wanted = append(post[l].wanted, one.id)
		}
	}
	for _, m := range w.Aligo.Messages() {
		box := post[letter{m.To, contentOf(m.Text)}]
		if box == nil {
			complain("nobody wanted …%s to get %q", m.To[7:], contentOf(m.Text))
			continue
		}
		box.received = append(box.received, m.Channel)
	}
	for _, one := range all {
		outcomes := w.settled[one.id]
		if len(outcomes) == 0 {
			complain("%s was never announced", one.id)
			continue
		}
		o := outcomes[len(outcomes)-1]
		for _, before := range outcomes {
			if !one.stopped && compact(before) != compact(o) {
				complain("%s was announced as %.200s and as %.200s", one.id, compact(before), compact(o))
			}
		}
		if one.cancelled != (o.Status == message.MessageCancelled) && !one.stopped {
			complain("%s: cancelled %v, and announced as %s", one.id, one.cancelled, o.Status)
		}
		if len(o.Recipients) != len(one.numbers) {
			complain("%s: the outcome has %d recipients, the message %d", one.id, len(o.Recipients), len(one.numbers))
			continue
		}
		for i, r := range o.Recipients {
			claim := fmt.Sprintf("%s recipient %d (…%s): %s %s %s %q", one.id, i, one.numbers[i][7:], r.Status, r.Channel, r.Code, r.Reason)
			if !post[letter{one.numbers[i], one.content(i)}].count(r, one.onUnknown == message.SMSUnknown, claim) {
				complain("%s: not settled", claim)
			}
		}
	}
	for _, box := range post {
		wrong = append(wrong, box.verdict()...)
	}
	slices.Sort(wrong)
	return wrong
}

// count adds a claim. rather says that the caller wants rather two messages than none. The result is false when nothing
// final is claimed.
func (b *mail) count(r message.Result, rather bool, claim string) bool {
	b.claims = append(b.claims, claim)
	twice := 0
	if rather {
		twice = 1
	}
	switch r.Status {
	case message.Delivered:
		b.claimed[string(r.Channel)]++
		b.least++
		b.most += 1 + twice
	case message.Failed:
		b.most += twice
	case message.Unknown:
		b.most += 1 + twice
	default:
		return false
	}
	return true
}

func (b *mail) verdict() []string {
	var wrong []string
	for channel, n := range b.claimed {
		got := 0
		for _, c := range b.received {
			if c == channel {
				got++
			}
		}
		if got < n {
			wrong = append(wrong, fmt.Sprintf("%s: %d claimed to be delivered by %s, but got %q: %q", b.wanted[0], n, channel, b.received, b.claims))
		}
	}
	if len(b.received) > b.most {
		wrong = append(wrong, fmt.Sprintf("%s: got %q, %d at most by what is claimed: %q", b.wanted[0], b.received, b.most, b.claims))
	}
	return wrong
}
