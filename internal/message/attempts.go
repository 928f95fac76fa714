package message

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Attempt is what became of one recipient through one channel.
type Attempt struct {
	Channel Channel `json:"channel"`
	// Status is pending while nothing is known.
	Status Status `json:"status"`
	Code   string `json:"code,omitempty"`
	// Reason is for people.
	Reason string `json:"reason,omitempty"`
	// At is when the vendor or this system came to know it.
	At time.Time `json:"at,omitzero"`
}

// Next goes on to a channel. If it is another one than before, what is known of that becomes an attempt.
func (r *Result) Next(c Channel) {
	if r.Channel == c {
		return
	}
	if r.Channel != "" {
		r.Attempts = append(slices.Clip(r.Attempts), r.attempt())
	}
	r.Channel, r.Code, r.Reason, r.At = c, "", "", time.Time{}
}

// attempt is what is known of the channel tried last. One that has a code has ended, also while the recipient is pending
// because another channel is to follow.
func (r Result) attempt() Attempt {
	a := Attempt{Channel: r.Channel, Status: r.Status, Code: r.Code, Reason: r.Reason, At: r.At}
	if a.Status == Pending && a.Code != "" {
		a.Status = statusOf(a.Channel, a.Code)
	}
	return a
}

// statusOf is the status of an attempt that ended with this code, and that did not deliver. Of a result that Aligo has
// added since nobody knows.
func statusOf(c Channel, word string) Status {
	if code, ok := known(c, word); ok && code.Status != "" {
		return code.Status
	}
	return Unknown
}

// told is a result as it is given back: with an attempt for each channel tried, and with the reasons that the codes give.
func (r Result) told() Result {
	r.Attempts = slices.Clone(r.Attempts)
	if n := len(r.Attempts); r.Channel != "" && (n == 0 || r.Attempts[n-1].Channel != r.Channel) {
		r.Attempts = append(r.Attempts, r.attempt())
	}
	r.Reason = reason(r.Channel, r.Status, r.Code, r.Reason)
	for i := range r.Attempts {
		a := &r.Attempts[i]
		a.Reason = reason(a.Channel, a.Status, a.Code, a.Reason)
	}
	return r
}

// reason is what was written down, or else what the code means to somebody who wonders why nothing has arrived.
func reason(c Channel, s Status, code, written string) string {
	if written != "" || s == Delivered {
		return written
	}
	return Meaning(c, code)
}

// UnmarshalJSON also reads what versions without attempts wrote: the result of the AlimTalk stood in the reason of the SMS
// after it, as "AlimTalk A: why" alone or in brackets.
func (r *Result) UnmarshalJSON(b []byte) error {
	type plain Result
	if err := json.Unmarshal(b, (*plain)(r)); err != nil {
		return err
	}
	const begin = "AlimTalk "
	own, before := "", r.Reason
	if i := strings.LastIndex(r.Reason, " ("+begin); i >= 0 {
		own, before = r.Reason[:i], strings.TrimSuffix(r.Reason[i+len(" ("):], ")")
	}
	code, words, ok := strings.Cut(strings.TrimPrefix(before, begin), ": ")
	if len(r.Attempts) > 0 || !strings.HasPrefix(before, begin) || !ok || strings.Contains(code, " ") {
		return nil
	}
	r.Channel, r.Reason = SMS, own
	r.Attempts = []Attempt{{
		Channel: AlimTalk, Status: statusOf(AlimTalk, code), Code: code, Reason: Detail(AlimTalk, code, words),
	}}
	return nil
}
