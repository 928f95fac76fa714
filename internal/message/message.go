// Package message holds what a message is and the rules it obeys: the request that callers write, the message that an
// execution carries, and the progress and outcome of each recipient. It knows neither AWS nor Aligo.
package message

import (
	"encoding/json"
	"fmt"
	"time"
)

// Channel is the way a message takes to a phone.
type Channel string

// The two channels. SMS covers LMS as well: which of the two is sent follows from the length of the text.
const (
	AlimTalk Channel = "alimtalk"
	SMS      Channel = "sms"
)

// OnUnknown says what becomes of a recipient whose AlimTalk receipt is still open when Fallback.After is over.
type OnUnknown string

// The policies of Fallback.OnUnknown.
const (
	// LeaveUnknown sends nothing: at most one message (the default).
	LeaveUnknown OnUnknown = "none"
	// SMSUnknown sends an SMS all the same: rather twice than never.
	SMSUnknown OnUnknown = "sms"
)

// Message is an accepted message: validated, normalised, with every default filled in. Its JSON is the input of an
// execution of the state machine, and the execution's name is the message's ID.
type Message struct {
	ID string `json:"id"`
	// Caller is who asked: the JWT's subject, an IAM principal or an event's source. Idempotency keys and reads are per caller.
	Caller string `json:"caller"`
	// Fingerprint is the hash of the request as it was decoded; a replay of an idempotency key must have the same one.
	Fingerprint string `json:"fingerprint"`
	// Campaign is the id of the campaign that the message is a part of; empty without one.
	Campaign string  `json:"campaign,omitempty"`
	Channel  Channel `json:"channel"`
	// Template is the Aligo template code, for AlimTalk only.
	Template string `json:"template,omitempty"`
	// Text and Title are the message of channel sms; Text may hold placeholders.
	Text       Text        `json:"text,omitempty"`
	Title      Text        `json:"title,omitempty"`
	Recipients []Recipient `json:"recipients"`
	Fallback   Fallback    `json:"fallback"`
	// SendAt is zero for a message that goes out at once.
	SendAt time.Time `json:"sendAt,omitzero"`
	// ExpiresAt is when sending stops.
	ExpiresAt time.Time `json:"expiresAt"`
	// Purpose is empty for info. The Text and Title of an ad have their frame already.
	Purpose Purpose `json:"purpose,omitempty"`
	// NightConsent says that an ad may arrive at night.
	NightConsent bool `json:"nightConsent,omitempty"`
	// OptedOut are those, by their indices, who had opted out when the message was accepted.
	OptedOut []int `json:"optedOut,omitempty"`
	Echo
	CreatedAt time.Time `json:"createdAt"`
	// Guarded says that every send of the message is opened in the table of sends, so that what is not there was not sent.
	// Messages of version 0.1.0 were sent without.
	Guarded bool `json:"guarded,omitempty"`
	// Untrusted says that its caller was not trusted with the values of its template, so that they are checked once more
	// right before it is sent. Messages of versions before were accepted without, and are sent as they were accepted.
	Untrusted bool `json:"untrusted,omitempty"`
}

// Echo is what a caller says of its message for itself: a request's members that the message carries and that are given
// back wherever it is told of.
type Echo struct {
	Reference string `json:"reference,omitempty"`
}

// RecipientEcho is the same of one recipient: it is given back beside the masked number.
type RecipientEcho struct {
	Reference string `json:"reference,omitempty"`
}

// Recipient is one phone that a message goes to.
type Recipient struct {
	To Phone `json:"to"`
	// Name fills the placeholder #{고객명} unless Variables does.
	Name Text `json:"name,omitempty"`
	// Variables maps a placeholder's name, without #{}, to its value.
	Variables map[string]Text `json:"variables,omitempty"`
	RecipientEcho
}

// Fallback says whether and how an SMS follows an AlimTalk that did not arrive.
type Fallback struct {
	Enabled bool `json:"enabled"`
	// Text and Title replace the rendered AlimTalk text; Text may hold placeholders.
	Text  Text `json:"text,omitempty"`
	Title Text `json:"title,omitempty"`
	// After is how long receipts may stay open before OnUnknown decides.
	After     Duration  `json:"after"`
	OnUnknown OnUnknown `json:"onUnknown"`
}

// Duration is a time.Duration whose JSON is Go's notation, such as "5m".
type Duration time.Duration

// MarshalJSON writes the duration in Go's notation.
func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(d).String())
}

// UnmarshalJSON reads Go's notation: a sequence of numbers with the units h, m and s.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	*d = Duration(v)
	return nil
}
