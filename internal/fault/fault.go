// Package fault has the errors that cross from a function to the state machine. Lambda reports the name of an error's
// Go type as its errorType, and the state machine's Retry and Catch match that name, so the names of these types are
// part of the definition of the state machine.
package fault

import (
	"encoding/json"
	"strings"
	"time"

	"sms-api/internal/message"
)

// Transient says that the call surely did not reach the vendor: it may be repeated.
type Transient struct{ Reason string }

// Ambiguous says that the vendor may have accepted the call: it must not be repeated before its history was read.
type Ambiguous struct{ Reason string }

// Rejected says that the vendor refused this message. Err is the vendor's error, which is for the log: Reason repeats nothing of it.
type Rejected struct {
	Reason string
	Err    error
}

// NotConfigured says that an operator has to repair something before any message can go out.
type NotConfigured struct{ Repair }

// Unrecognised says that the vendor refused the message in words that nobody has described: it has surely not got it, but
// nobody knows whether it will refuse it again. Err is the vendor's error, with these words, which is for the log.
type Unrecognised struct {
	Repair

	Err error
}

// Repair is what parks a message. The error's message is its JSON, which the state machine takes over as the progress's
// "parked".
type Repair message.Parking

// Later says that nothing of the message may be sent before a time, such as advertising at night. The error's message is
// JSON, which the state machine merges into the progress.
type Later struct{ Until time.Time }

// Invalid says that the message itself cannot be sent.
type Invalid struct{ Reason string }

// Expired says that the time of the message is over.
type Expired struct{ Reason string }

// Cancelled says that the message was cancelled before anything of it was sent, which is final.
type Cancelled struct{ Reason string }

func (e *Transient) Error() string { return e.Reason }
func (e *Ambiguous) Error() string { return e.Reason }
func (e *Rejected) Error() string  { return e.Reason }
func (e *Invalid) Error() string   { return e.Reason }
func (e *Expired) Error() string   { return e.Reason }
func (e *Cancelled) Error() string { return e.Reason }

// Unwrap returns the vendor's error.
func (e *Rejected) Unwrap() error { return e.Err }

// Unwrap returns the vendor's error.
func (e *Unrecognised) Unwrap() error { return e.Err }

func (e *Later) Error() string {
	return `{"later":{"until":"` + e.Until.UTC().Format(time.RFC3339) + `"}}`
}

// Error is JSON without ": ". Executions of version 0.1.0 of the state machine cut the message there; like this they keep
// it whole, and message.Parking reads that.
func (e *Repair) Error() string {
	text, err := json.Marshal(e)
	if err != nil {
		return e.Cause // strings and a time: there is nothing that cannot be encoded
	}
	return strings.ReplaceAll(string(text), ": ", `:\u0020`)
}

// The names under which Step Functions sees these errors. A fault that a send ends with gives its name to the recipients, as
// their code.
const (
	NameTransient     = "Transient"
	NameNotConfigured = "NotConfigured"
	NameUnrecognised  = "Unrecognised"
	NameAmbiguous     = message.CodeAmbiguous
	NameRejected      = message.CodeRejected
	NameInvalid       = message.CodeInvalid
	NameExpired       = message.CodeExpired
	NameCancelled     = message.CodeCancelled
	NameLater         = "Later"
)

// NotSent says of an error's name that the vendor surely has not accepted anything: the function said so itself, or
// Lambda says that it did not run.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
func NotSent(name string) bool {
	switch name {
	case NameTransient, NameRejected, NameNotConfigured, NameUnrecognised, NameInvalid, NameExpired, NameCancelled, NameLater,
		"Lambda.TooManyRequestsException", "Lambda.EC2ThrottledException", "Lambda.EC2UnexpectedException",
		"Lambda.ENILimitReachedException", "Lambda.SubnetIPAddressLimitReachedException", "Lambda.ResourceNotReadyException":
		return true
	}
	return false
}
