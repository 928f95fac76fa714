package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

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
	r, err := q.HTTP(ctx, "")
	if err != nil {
		return err
	}
	answer := direct.Do(a.handler, r)
	if answer.Status >= http.StatusBadRequest {
		var p page.ProblemError
		if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || p.Type == "" {
			return fmt.Errorf("the API answers %d to %s %s", answer.Status, q.Method, q.Path)
		}
		return &p
	}
	return q.Read(answer.Body.Bytes(), into)
}
