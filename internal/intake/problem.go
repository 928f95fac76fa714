package intake

import (
	"fmt"
	"net/http"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
)

// Problem is a problem document (RFC 9457): the body of every response that is not a success, and the greater part of a
// MessageRejected event. It holds nothing that somebody has written into the request.
type Problem struct {
	// Type is the URI that a program tells problems apart by; it never changes.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Errors has everything that is wrong with the request's body.
	Errors []message.ValidationError `json:"errors,omitempty"`
	// Limits are those that have no room.
	Limits []LimitHit `json:"limits,omitempty"`
}

// problemError is a problem as an error: it is for the caller, every other error is ours.
type problemError struct {
	Problem

	// retryAfter is after how many seconds another try makes sense; 0 is not known.
	retryAfter int
}

func (p *problemError) Error() string { return fmt.Sprintf("%s: %s", p.Title, p.Detail) }

// problemType is the prefix of every problem's type.
const problemType = "urn:sms-api:problem:"

func problem(status int, name, title, format string, args ...any) *problemError {
	return &problemError{Problem: Problem{Type: problemType + name, Title: title, Status: status, Detail: fmt.Sprintf(format, args...)}}
}

func problemMalformed(detail string) *problemError {
	return problem(http.StatusBadRequest, "malformed-body", "The body is not one JSON value in UTF-8", "%s", detail)
}

// maxProblemBytes bounds the list of errors, so that a MessageRejected fits into an event with what else it says.
const maxProblemBytes = deployment.EventSize * 2 / 5

func problemInvalid(errors []message.ValidationError) *problemError {
	p := problem(http.StatusUnprocessableEntity, "invalid-message", "The message cannot be accepted", "%d things are wrong", len(errors))
	if len(errors) == 1 {
		p.Detail = "1 thing is wrong"
	}
	if p.Errors = bounded(errors); len(p.Errors) < len(errors) {
		p.Detail += fmt.Sprintf("; the first %d are listed", len(p.Errors))
	}
	return p
}

// bounded are as many errors as a problem has room for, the first ones.
func bounded(errors []message.ValidationError) []message.ValidationError {
	room := maxProblemBytes
	for i, e := range errors {
		if room -= len(e.Pointer) + len(e.Detail) + len(`{"pointer":"","detail":""},`); room < 0 {
			return errors[:i]
		}
	}
	return errors
}

func problemTooLarge(what string, size, limit int) *problemError {
	return problem(http.StatusRequestEntityTooLarge, "message-too-large", "The message is too large",
		"%s has %d bytes; at most %d are allowed. "+
			"Send to the recipients in several messages", what, size, limit)
}

func problemBodyTooLarge() *problemError {
	return problem(http.StatusRequestEntityTooLarge, "message-too-large", "The message is too large", "the body has more than %d bytes",
		maxBody)
}

func problemConflict() *problemError {
	return problem(http.StatusUnprocessableEntity, "idempotency-conflict", "The idempotency key belongs to another message",
		"a message with this key was accepted from a request with another body")
}

func problemKey() *problemError {
	return problem(http.StatusBadRequest, "invalid-idempotency-key", "The idempotency key is not valid",
		"Idempotency-Key must have 1 to %d visible ASCII characters", message.MaxIdempotencyKey)
}

func problemMediaType(detail string) *problemError {
	return problem(http.StatusUnsupportedMediaType, "unsupported-media-type", "The body is of a type that is not supported", "%s", detail)
}

func problemUnauthenticated() *problemError {
	return problem(http.StatusUnauthorized, "unauthenticated", "The caller is not known", "the request carries no identity")
}

func problemScope(scope string) *problemError {
	return problem(http.StatusForbidden, "insufficient-scope", "The caller may not do this", "this needs the scope %s", scope)
}

func problemRoute() *problemError {
	return problem(http.StatusNotFound, "not-found", "There is nothing here", "no resource has this path")
}

func problemMethod(allowed string) *problemError {
	return problem(http.StatusMethodNotAllowed, "method-not-allowed", "The resource does not have this method", "it has %s", allowed)
}

func problemNoMessage() *problemError {
	return problem(http.StatusNotFound, "message-not-found", "There is no such message",
		"the caller has no message with this id; messages are kept for 90 days")
}

func problemQuery(errors []message.ValidationError) *problemError {
	p := problem(http.StatusBadRequest, "invalid-query", "The parameters of the request are not right", "%d things are wrong", len(errors))
	if len(errors) == 1 {
		p.Detail = "1 thing is wrong"
	}
	p.Errors = errors
	return p
}

func problemNoNumberKey() *problemError {
	return problem(http.StatusConflict, "no-number-key", "Numbers cannot be looked up",
		"the key that numbers are hashed with has not been made yet: the stack's nextSteps say how")
}

func problemNoTemplate() *problemError {
	return problem(http.StatusNotFound, "template-not-found", "There is no such template",
		"the account has no approved template with this code")
}

func problemNotCancellable(reason string) *problemError {
	return problem(http.StatusConflict, "not-cancellable", "The message cannot be cancelled", "%s", reason)
}

func problemUnavailable() *problemError {
	return problem(http.StatusServiceUnavailable, "unavailable", "This cannot be done at the moment",
		"it is worth trying again, with the same Idempotency-Key if it is a message")
}
