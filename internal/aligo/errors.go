package aligo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Class says what a failure means for the caller, above all whether the vendor may have accepted the call.
type Class string

// The classes of failures.
const (
	// ClassTransient: surely not accepted, and it may work in a moment: no connection, or the request was never written.
	ClassTransient Class = "Transient"
	// ClassAmbiguous: it may have been accepted: no answer after the request was written, status 4xx or 5xx, or a body
	// that is not the API's JSON. A send must not be repeated before the vendor's history was asked; a call that only
	// reads may.
	ClassAmbiguous Class = "Ambiguous"
	// ClassRejected: surely not accepted; the vendor refuses this request and will refuse it again.
	ClassRejected Class = "Rejected"
	// ClassNotConfigured: surely not accepted; the account has to be repaired, whatever the request.
	ClassNotConfigured Class = "NotConfigured"
	// ClassUnrecognised: surely not accepted, in words that nobody has described; whether it will be refused again is not
	// known.
	ClassUnrecognised Class = "Unrecognised"
	// ClassInvalid: not sent, because it breaks a rule that the vendor is known to have.
	ClassInvalid Class = "Invalid"
)

// Cause says why the vendor refused, as far as its text tells.
type Cause string

// The causes of refusals. The first four come with ClassNotConfigured, CauseUnknown with ClassUnrecognised, the others with
// ClassRejected. They also say what of a receipt is an operator's to repair.
const (
	// CauseIP: the calling address is not registered (문자API > 신청/인증 > 발송 서버 IP).
	CauseIP Cause = "ip"
	// CauseCredentials: the account or its key is not known, or has no access to the API.
	CauseCredentials Cause = "credentials"
	// CauseBalance: the wallet is too low. SMS and AlimTalk share one.
	CauseBalance Cause = "balance"
	// CauseSender: the sender number is not registered.
	CauseSender Cause = "sender"
	// CauseParameter: a parameter is missing or wrong.
	CauseParameter Cause = "parameter"
	// CauseTemplate: the template is not there, or the message is not like it.
	CauseTemplate Cause = "template"
	// CauseTooLate: a reservation cannot be cancelled in the last five minutes before it goes out.
	CauseTooLate Cause = "too-late"
	// CauseNotEditable: the template is under review or in use.
	CauseNotEditable Cause = "not-editable"
	// CauseChannelAdmin: the phone number is not that of an administrator of the channel who gets its notices.
	CauseChannelAdmin Cause = "channel-admin"
	// CauseUnknown: a refusal in words that nobody has described.
	CauseUnknown Cause = "unknown"
)

// Repairable are the causes of ClassNotConfigured and of ClassUnrecognised, which somebody has to look after before anything
// goes out again: a message waits for that.
func Repairable() []Cause {
	return []Cause{CauseIP, CauseCredentials, CauseBalance, CauseSender, CauseUnknown}
}

// Error is every error of a call. It holds no credential, phone number or text: where the vendor's words repeat one, it
// is masked.
type Error struct {
	Class Class
	// Cause is empty for ClassTransient, ClassAmbiguous and ClassInvalid.
	Cause Cause
	// Endpoint is the path of the call, such as /akv10/alimtalk/send/.
	Endpoint string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Code is the vendor's result_code or code as it came; empty when there was none.
	Code string
	// Message is the vendor's text, or what is wrong with its answer.
	Message string
	// Problems are the rules that a request breaks, with ClassInvalid: all of them.
	Problems []Problem
	// Err is the error underneath, if there is one.
	Err error
}

// Problem is one rule that a request breaks.
type Problem struct {
	// Field is a path in the request's Go type, such as Recipients[3].Text.
	Field string
	// Detail says what is wrong, for people, with limits and units.
	Detail string
}

// Error says class, cause, endpoint and the vendor's words in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "aligo %s: %s", e.Endpoint, e.Class)
	if e.Cause != "" {
		fmt.Fprintf(&b, " (%s)", e.Cause)
	}
	if e.Status != 0 && e.Status != 200 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ": code %s", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	const shown = 5
	for i, p := range e.Problems[:min(shown, len(e.Problems))] {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, p.Field, p.Detail)
	}
	if more := len(e.Problems) - shown; more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Public says what happened in this package's own words. Unlike Error it repeats nothing that the vendor or the network has
// written, so that it may be shown to whoever asked for the call.
func (e *Error) Public() string {
	switch e.Class {
	case ClassInvalid:
		return (&Error{Class: ClassInvalid, Endpoint: e.Endpoint, Problems: e.Problems}).Error()
	case ClassAmbiguous, ClassTransient:
		return "Aligo could not be asked"
	default:
	}
	words := map[Cause]string{
		CauseIP: "the calling address is not registered", CauseCredentials: "the credentials are not accepted",
		CauseBalance: "the wallet is too low", CauseSender: "the sender number is not registered",
		CauseParameter: "a parameter is missing or wrong", CauseTemplate: "the template is not accepted",
		CauseTooLate: "it is too late", CauseNotEditable: "the template is under review or in use",
		CauseChannelAdmin: "the number is no administrator's of the channel",
	}[e.Cause]
	if words == "" {
		words = "for a reason that is not known"
	}
	return "Aligo refused it: " + words
}

// Unwrap returns the error underneath.
func (e *Error) Unwrap() error { return e.Err }

// problems gathers what is wrong with a request.
type problems []Problem

func (p *problems) add(field, format string, args ...any) {
	*p = append(*p, Problem{Field: field, Detail: fmt.Sprintf(format, args...)})
}

// indexed names an element of a list in a request. Every element is named before it is checked, so it has to be quick.
func indexed(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// err is nil when nothing is wrong.
func (p problems) err(ep endpoint) error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Class: ClassInvalid, Endpoint: ep.path, Problems: slices.Clip(p)}
}
