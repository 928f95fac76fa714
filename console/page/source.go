package page

import (
	"context"
	"net/http"
	"strings"
	"time"

	"sms-api/internal/message"
	"sms-api/internal/way"
)

// Source is where the page's messages come from: the records and the executions of a system, read in its own process or
// through its API. Its errors are *ProblemError when somebody who looks at the page is to know what they say.
type Source interface {
	// Messages finds messages, newest first.
	Messages(ctx context.Context, s Search) (Found, error)
	// Message tells what has become of a message so far.
	Message(ctx context.Context, id string) (message.Outcome, error)
	// Way tells the way that it took.
	Way(ctx context.Context, id string) (way.Way, error)
	// Cancel cancels it, whoever sent it.
	Cancel(ctx context.Context, id string) (message.Outcome, error)
}

// Search is what messages are looked for by. What is set must all hold.
type Search struct {
	// To is a recipient's number, and Reason says why somebody looks for it.
	To        message.Phone
	Reason    string
	Reference string
	// Campaign is the id of the campaign that they are of.
	Campaign string
	Status   message.MessageStatus
	// Limit is how many there are on a page: from 1 to MaxPage.
	Limit int
	// Cursor is that of the page before; empty for the first one.
	Cursor string
}

// MaxPage is how many messages a page of a list has at most.
const MaxPage = 100

// Listed is a message in a list. It may lack its recipients, but for the one that was looked for.
type Listed struct {
	message.Outcome

	// First is the first recipient's masked number; empty when it is not known.
	First string `json:"first,omitempty"`
}

// Found is a page of messages.
type Found struct {
	Messages []Listed
	// Cursor leads to the next page; empty on the last one. A page that is not full, even an empty one, need not be the last.
	Cursor string
}

// ProblemError is an error as the endpoints answer it (RFC 9457). Problems of the API go through as they are.
type ProblemError struct {
	// Type is the URI that the page's words are found by: ProblemType and a name.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Right is the right that is missing, as a policy names it.
	Right  string                    `json:"right,omitempty"`
	Errors []message.ValidationError `json:"errors,omitempty"`
	// RetryAfter is how long the API asks to wait; 0 where it does not.
	RetryAfter time.Duration `json:"-"`
}

// Error has what is wrong with each member, as the detail only counts them.
func (p *ProblemError) Error() string {
	said := p.Title + ": " + p.Detail
	for _, e := range p.Errors {
		said += "; " + strings.TrimSpace(e.Pointer+" "+e.Detail)
	}
	return said
}

// ProblemType is the prefix of every problem's type, the API's among them.
const ProblemType = "urn:sms-api:problem:"

// NoMessage is the problem of a message that is not there.
func NoMessage() *ProblemError {
	return &ProblemError{Type: ProblemType + "message-not-found", Title: "There is no such message", Status: http.StatusNotFound,
		Detail: "it was never here, or its record is gone"}
}

// NotCancellable is the problem of a message that cannot be cancelled any more.
func NotCancellable(reason string) *ProblemError {
	return &ProblemError{Type: ProblemType + "not-cancellable", Title: "The message cannot be cancelled any more", Status: http.StatusConflict,
		Detail: reason}
}

// BadRequest is the problem of a request that is not right.
func BadRequest(detail string) *ProblemError {
	return &ProblemError{Type: ProblemType + "invalid-query", Title: "The request is not right", Status: http.StatusBadRequest, Detail: detail}
}

// Endpoint answers a request with what is written as JSON. An error that is no *ProblemError is ours: it is logged.
type Endpoint func(*http.Request) (any, error)

// Part is a part of the page that not every system has, such as phones.
type Part struct {
	// Name is what the page knows the part by.
	Name string
	// Endpoints are below /inbox/, by their patterns for http.ServeMux.
	Endpoints map[string]Endpoint
	// Handlers are those that are not JSON.
	Handlers map[string]http.Handler
}
