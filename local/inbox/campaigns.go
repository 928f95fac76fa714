package inbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"sms-api/awslocal/direct"
	"sms-api/console/page"
)

// campaigns are those of the system, through its API.
func (b *Inbox) campaigns() page.Part {
	return (&page.Campaigns{API: api{b.options.API}, HTTP: &http.Client{}, Log: b.options.Log}).Part()
}

// api is the API of the system, without a network in between.
type api struct{ handler http.Handler }

// Ask makes a request. Whoever makes it is the caller of the local API, and may do what that may do.
func (a api) Ask(ctx context.Context, q page.Request, into any) error {
	address := &url.URL{Path: q.Path, RawQuery: q.Query.Encode()}
	r, err := http.NewRequestWithContext(ctx, q.Method, address.String(), bytes.NewReader(q.Body))
	if err != nil {
		return fmt.Errorf("the API: %w", err)
	}
	if q.Body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.Key != "" {
		r.Header.Set("Idempotency-Key", q.Key)
	}
	answer := direct.Do(a.handler, r)
	if answer.Status >= http.StatusBadRequest {
		var p page.ProblemError
		if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || p.Type == "" {
			return fmt.Errorf("the API answers %d to %s %s", answer.Status, q.Method, q.Path)
		}
		return &p
	}
	if into == nil || answer.Body.Len() == 0 {
		return nil
	}
	if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
		return fmt.Errorf("read the answer to %s %s: %w", q.Method, q.Path, err)
	}
	return nil
}
