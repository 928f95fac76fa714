package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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

// HTTP is the request to an API at an address without a slash at its end.
func (q Request) HTTP(ctx context.Context, api string) (*http.Request, error) {
	address := api + q.Path
	if len(q.Query) > 0 {
		address += "?" + q.Query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.Method, address, bytes.NewReader(q.Body))
	if err != nil {
		return nil, fmt.Errorf("the API: %w", err)
	}
	if q.Body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.Key != "" {
		r.Header.Set("Idempotency-Key", q.Key)
	}
	return r, nil
}

// Read decodes the body of its answer; into is nil when nobody wants to know it.
func (q Request) Read(body []byte, into any) error {
	if into == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", q.Method, q.Path, err)
	}
	return nil
}
