package message

import (
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

// Outcome is the body of GET /v1/messages/{id} and the detail of a MessageSettled event.
type Outcome struct {
	ID     string        `json:"id"`
	Status MessageStatus `json:"status"`
	Echo
	CreatedAt time.Time `json:"createdAt"`
	SettledAt time.Time `json:"settledAt,omitzero"`
	// Parked says why a parked message waits for an operator; absent otherwise.
	Parked     *Parking `json:"parked,omitempty"`
	Recipients []Result `json:"recipients"`
}

// NewOutcome is the outcome of a message whose recipients have these results: the one place that says what of a message
// is given back. Status, SettledAt and Parked are the caller's to fill in while the message has not settled.
func NewOutcome(m Message, results []Result) Outcome {
	results = slices.Clone(results)
	for i := range min(len(results), len(m.Recipients)) {
		results[i].RecipientEcho = m.Recipients[i].RecipientEcho
	}
	return Outcome{ID: m.ID, Echo: m.Echo, CreatedAt: m.CreatedAt, Recipients: results}
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
	if p.Parked != nil {
		o.Status, o.Parked = Parked, p.Parked
	}
	return o
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
