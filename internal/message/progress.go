package message

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Status of a recipient.
type Status string

// What is known of a recipient.
const (
	Pending   Status = "pending"
	Delivered Status = "delivered"
	Failed    Status = "failed"
	// Unknown is final: the message may or may not have arrived, and nothing more will be learnt or sent.
	Unknown Status = "unknown"
)

// Result is what became of one recipient, as callers read it.
type Result struct {
	// To is the masked number.
	To string `json:"to"`
	// RecipientEcho is in outcomes only: the message has it while it is under way.
	RecipientEcho
	Status Status `json:"status"`
	// Channel is the one that was tried last, and Code, Reason and At are what is known of that.
	Channel Channel `json:"channel,omitempty"`
	// Code is the word of one of Codes, or a result that Aligo has added since.
	Code string `json:"code,omitempty"`
	// Reason is for people. A progress has one only where the code leaves something open, see Detail.
	Reason string `json:"reason,omitempty"`
	// At is when the vendor or this system came to know it.
	At time.Time `json:"at,omitzero"`
	// Attempts has one for each channel that was tried. A progress leaves out the last, which the fields above are.
	Attempts []Attempt `json:"attempts,omitempty"`
}

// Progress is what the state machine carries from state to state beside the message: small, and free of numbers and
// texts, because every state's input stands in the execution's history. The machine branches on which of Doubt, Queue
// and Wait are there, in this order; with none of them the message is settled.
type Progress struct {
	// Recipients has one result per recipient of the message, in the message's order; empty before the first send.
	Recipients []Result `json:"recipients,omitempty"`
	// Batches are the calls that Aligo has accepted.
	Batches []Batch `json:"batches,omitempty"`
	// Queue is what is to be sent next.
	Queue *Queue `json:"queue,omitempty"`
	// Failure is the error with which the latest send ended, until Reconcile has dealt with it.
	Failure *Failure `json:"failure,omitempty"`
	// Doubt is a send of which nobody knows yet whether Aligo accepted it.
	Doubt *Doubt `json:"doubt,omitempty"`
	// Doubts counts the sends that turned out not to have been accepted.
	Doubts int `json:"doubts,omitempty"`
	// Sends counts the attempts to send of which it is known what became of them. It only rises, and whoever sends with a
	// smaller count than another is too late.
	Sends int `json:"sends,omitempty"`
	// Redrives is the count of redrives after which the history was looked through.
	Redrives int `json:"redrives,omitempty"`
	// Parked is there while an operator has to repair something.
	Parked *Parking `json:"parked,omitempty"`
	// Later is there while the message waits for a time in which it may be sent.
	Later *Later `json:"later,omitempty"`
	// Reads counts the looks at the receipts of the newest batch.
	Reads int `json:"reads,omitempty"`
	// Wait is how many seconds to wait before the receipts are read again; 0 when there is nothing to read.
	Wait int `json:"wait,omitempty"`
	// Seq counts the tasks that the progress has come through. It orders what is told of it.
	Seq int `json:"seq,omitempty"`
}

// Over says that nothing is left to do: the message has settled.
func (p Progress) Over() bool {
	return p.Queue == nil && p.Failure == nil && p.Doubt == nil && p.Wait == 0
}

// Sent says that a call was accepted, or may have been: the message can no longer be cancelled.
func (p Progress) Sent() bool {
	return len(p.Batches) > 0 || slices.ContainsFunc(p.Recipients, func(r Result) bool {
		return r.Code == CodeAmbiguous || slices.ContainsFunc(r.Attempts, func(a Attempt) bool { return a.Code == CodeAmbiguous })
	})
}

// Queue names the recipients of the next call. Without Recipients it is everybody.
type Queue struct {
	Channel    Channel `json:"channel"`
	Recipients []int   `json:"recipients,omitempty"`
}

// Batch is one accepted call.
type Batch struct {
	Channel Channel `json:"channel"`
	// MID is Aligo's id of the call: info.mid of AlimTalk, msg_id of SMS.
	MID string `json:"mid"`
	// At is when it was accepted.
	At time.Time `json:"at"`
	// Refused is how many of the recipients Aligo left out because it found them malformed. It does not say which.
	Refused int `json:"refused,omitempty"`
	// Recipients are the indices of the batch; empty means everybody.
	Recipients []int `json:"recipients,omitempty"`
	// LMS says that its texts are too long for an SMS; carriers report those later.
	LMS bool `json:"lms,omitempty"`
	// Account is the Aligo account that accepted it, as a hash.
	Account string `json:"account,omitempty"`
	// Found says that no answer told the MID but Aligo's history. Sends is the progress's count when it was sent. An answer to
	// another message outranks that, see package guard.
	Found bool `json:"found,omitempty"`
	Sends int  `json:"sends,omitempty"`
	// Unclaimed says that the MID could not be written down as this message's yet.
	Unclaimed bool `json:"unclaimed,omitempty"`
}

// Failure is an error of a send as Step Functions reports it.
type Failure struct {
	Error string `json:"error"`
	Cause string `json:"cause,omitempty"`
	// Since is when the state that failed was entered: no call is older.
	Since time.Time `json:"since"`
}

// Doubt is an unanswered question to Aligo's history: was the queue's call accepted?
type Doubt struct {
	Error string    `json:"error"`
	Since time.Time `json:"since"`
	// At is the first look; the attempt had ended by then.
	At    time.Time `json:"at"`
	Looks int       `json:"looks"`
	// Wait is how many seconds to wait before the next look.
	Wait int `json:"wait"`
}

// Later says until when a message waits because it may not be sent before. As JSON it is in the message of the error that
// says so.
type Later struct {
	Until time.Time `json:"until"`
}

// Parking says what an operator must repair before a message can go out. As JSON it is the message of the error that
// parks, from which the state machine takes it over as it is.
type Parking struct {
	// Cause is one of those that aligo.Repairable lists.
	Cause string `json:"cause"`
	// Reason is for the operator; for ip it names the address to register.
	Reason string `json:"reason"`
	// Since is when the message was parked first.
	Since time.Time `json:"since,omitzero"`
	// Wait is how many seconds to wait before the next attempt.
	Wait int `json:"wait,omitempty"`
	// Next is when that wait is over. It is past while the message is being tried again, and zero in what earlier versions wrote.
	Next time.Time `json:"next,omitzero"`
}

// UnmarshalJSON also reads what the state machine of version 0.1.0, which looks for "cause: reason" in the error's
// message, makes of one that is JSON: both fields hold the whole message.
func (p *Parking) UnmarshalJSON(b []byte) error {
	type plain Parking
	if err := json.Unmarshal(b, (*plain)(p)); err != nil {
		return err
	}
	if strings.HasPrefix(p.Cause, "{") {
		var told plain
		if err := json.Unmarshal([]byte(p.Cause), &told); err != nil {
			return err
		}
		p.Cause, p.Reason = told.Cause, told.Reason
	}
	return nil
}
