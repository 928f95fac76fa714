package message

import (
	"encoding/json"
	"slices"
	"time"
)

// MessageStatus is the status of a message as a whole.
type MessageStatus string

// The states of a message.
const (
	Scheduled        MessageStatus = "scheduled"
	Sending          MessageStatus = "sending"
	Parked           MessageStatus = "parked"
	AllDelivered     MessageStatus = "delivered"
	PartlyDelivered  MessageStatus = "partial"
	NoneDelivered    MessageStatus = "failed"
	MessageExpired   MessageStatus = "expired"
	MessageCancelled MessageStatus = "cancelled"
)

// Known says that s is one of them.
func (s MessageStatus) Known() bool {
	switch s {
	case Scheduled, Sending, Parked, AllDelivered, PartlyDelivered, NoneDelivered, MessageExpired, MessageCancelled:
		return true
	}
	return false
}

// Outcome is the body of GET /v1/messages/{id} and the detail of a MessageSettled event.
type Outcome struct {
	ID     string        `json:"id"`
	Status MessageStatus `json:"status"`
	// Channel and Template are the request's; those of earlier versions' MessageSettled have none.
	Channel  Channel `json:"channel,omitempty"`
	Template string  `json:"template,omitempty"`
	// Purpose is empty for info.
	Purpose Purpose `json:"purpose,omitempty"`
	// Campaign is the id of the campaign that the message is a part of.
	Campaign string `json:"campaign,omitempty"`
	Echo
	CreatedAt time.Time `json:"createdAt"`
	// SendAt is zero for a message that goes out at once.
	SendAt    time.Time `json:"sendAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	SettledAt time.Time `json:"settledAt,omitzero"`
	// Parked says why a parked message waits for an operator; absent otherwise.
	Parked     *Parking `json:"parked,omitempty"`
	Counts     Counts   `json:"counts"`
	Recipients []Result `json:"recipients"`
	Erased     []int    `json:"-"` // the places of those erased from the record, ascending, who are counted and not among Recipients
}

// Counts says how many recipients have which status.
type Counts struct {
	Delivered int `json:"delivered"`
	Failed    int `json:"failed"`
	Unknown   int `json:"unknown"`
	Pending   int `json:"pending"`
	// FellBack are those, of whatever status, whose turn the SMS was after an AlimTalk.
	FellBack int `json:"fellBack"`
}

func count(results []Result) Counts {
	var c Counts
	for _, r := range results {
		switch r.Status {
		case Delivered:
			c.Delivered++
		case Failed:
			c.Failed++
		case Unknown:
			c.Unknown++
		case Pending:
			c.Pending++
		}
		if len(r.Attempts) > 1 {
			c.FellBack++
		}
	}
	return c
}

// NewOutcome is the outcome of a message whose recipients have these results: the one place that says what of a message
// is given back. Status, SettledAt and Parked are the caller's to fill in while the message has not settled.
func NewOutcome(m Message, results []Result) Outcome {
	told := make([]Result, len(results))
	for i, r := range results {
		told[i] = r.told()
		if i < len(m.Recipients) {
			told[i].RecipientEcho = m.Recipients[i].RecipientEcho
		}
	}
	return Outcome{
		ID: m.ID, Channel: m.Channel, Template: m.Template, Purpose: m.Purpose, Campaign: m.Campaign, Echo: m.Echo, CreatedAt: m.CreatedAt,
		SendAt: m.SendAt, ExpiresAt: m.ExpiresAt, Counts: count(told), Recipients: told,
	}
}

// Settled is the outcome of a message of which nothing more is to come.
func Settled(m Message, results []Result, at time.Time) Outcome {
	o := NewOutcome(m, results)
	o.Status, o.SettledAt = StatusOf(results), at.UTC().Truncate(time.Second)
	return o
}

// Underway is the outcome so far of a message that has come so far.
func Underway(m Message, p Progress) Outcome {
	results := p.Recipients
	if len(results) == 0 {
		results = Pendings(m)
	}
	o := NewOutcome(m, results)
	o.Status = Sending
	switch {
	case p.Later != nil:
		o.Status, o.SendAt = Scheduled, p.Later.Until
	case p.Parked != nil:
		o.Status, o.Parked = Parked, p.Parked
	}
	return o
}

// Reread is an outcome of the message that was written down, with everything that was left out of it: by Fit, or by a
// version that did not know it.
func Reread(m Message, written Outcome) Outcome {
	o := NewOutcome(m, written.Recipients)
	o.Status, o.SettledAt, o.Parked = written.Status, written.SettledAt, written.Parked
	return o
}

// Without is an outcome without the results of the recipients in these places. What it counts stays.
func (o Outcome) Without(places []int) Outcome {
	if len(places) == 0 {
		return o
	}
	kept := make([]Result, 0, len(o.Recipients))
	for i, r := range o.Recipients {
		if !slices.Contains(places, i) {
			kept = append(kept, r)
		}
	}
	o.Recipients = kept
	return o
}

// Whole is an outcome that was written down with what Fit left out of it. What it counts stays, also of recipients that were
// erased since.
func (o Outcome) Whole() Outcome {
	whole := make([]Result, len(o.Recipients))
	for i, r := range o.Recipients {
		whole[i] = r.told()
	}
	o.Recipients = whole
	if o.Counts == (Counts{}) {
		o.Counts = count(whole)
	}
	return o
}

// fitting is how many bytes of JSON an outcome may have. It is an event and the output of a state, which have 262,144 bytes
// with what stands around it.
const fitting = 240_000

// Fit leaves reasons out of an outcome that is too large: first those that the codes give again, then the others. One of
// MaxRecipients with the longest references fits without.
func (o Outcome) Fit() Outcome {
	for _, keep := range []func(c Channel, code, words string) string{
		func(_ Channel, _, words string) string { return words },
		func(c Channel, code, words string) string {
			if words == Meaning(c, code) {
				return ""
			}
			return words
		},
	} {
		o = o.withReasons(keep)
		if b, err := json.Marshal(o); err != nil || len(b) <= fitting {
			return o
		}
	}
	return o.withReasons(func(Channel, string, string) string { return "" })
}

func (o Outcome) withReasons(keep func(c Channel, code, words string) string) Outcome {
	o.Recipients = slices.Clone(o.Recipients)
	for i := range o.Recipients {
		r := &o.Recipients[i]
		r.Reason, r.Attempts = keep(r.Channel, r.Code, r.Reason), slices.Clone(r.Attempts)
		for n := range r.Attempts {
			a := &r.Attempts[n]
			a.Reason = keep(a.Channel, a.Code, a.Reason)
		}
	}
	return o
}

// Public is an outcome for those who are not to know what an operator has to repair, which egress IP to register among it,
// whether it stands in parked or in a reason: reasons are what the codes mean, then.
func (o Outcome) Public() Outcome {
	o.Parked = nil
	return o.withReasons(func(c Channel, code, words string) string {
		if words == "" {
			return ""
		}
		return Meaning(c, code)
	})
}

// Pendings are the results of a message of which nothing has been tried yet.
func Pendings(m Message) []Result {
	all := make([]Result, len(m.Recipients))
	for i, r := range m.Recipients {
		all[i] = Result{To: r.To.Masked(), Status: Pending}
	}
	return all
}

// StatusOf is the status of a message whose recipients have all settled.
func StatusOf(recipients []Result) MessageStatus {
	delivered, failed, codes := 0, 0, map[string]bool{}
	for _, r := range recipients {
		switch r.Status {
		case Delivered:
			delivered++
		case Failed:
			failed++
			codes[r.Code] = true
		case Pending, Unknown:
		}
	}
	switch len(recipients) {
	case delivered:
		return AllDelivered
	case failed:
		switch {
		case codes[CodeCancelled]:
			return MessageCancelled
		case codes[CodeExpired]:
			return MessageExpired
		}
		return NoneDelivered
	}
	return PartlyDelivered
}
