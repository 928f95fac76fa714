package page

import (
	"context"
	"net/url"
)

// API is the HTTP API of a system, with the rights of whoever looks at the page. Its errors are *ProblemError when somebody is to
// know what they say: the API's problems as they are.
type API interface {
	// Ask makes a request, and decodes the answer's JSON into a value; nil drops it.
	Ask(ctx context.Context, r Request, into any) error
}

// Request is a request to the HTTP API.
type Request struct {
	Method, Path string
	Query        url.Values
	// Key is the idempotency key; empty for none.
	Key string
	// Body is JSON; nil for none.
	Body []byte
}
