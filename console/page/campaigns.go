package page

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Campaigns is the part of the page with campaigns: it lists them, creates them from files, and has them started and stopped. All
// fields are needed but Did.
//
//	GET  /inbox/campaigns              campaigns, newest first: &cursor= the next of the page before
//	POST /inbox/campaigns              create one; the body is that of POST /v1/campaigns
//	PUT  /inbox/campaigns/{id}/file    upload its file, once, by the link that came with it
//	GET  /inbox/campaigns/{id}         one, with links to its files that are this page's
//	POST /inbox/campaigns/{id}/{order} start, pause, resume or cancel it
//	GET  /inbox/campaigns/{id}/report  leads to the report, and …/errors to what was refused
//	GET  /inbox/templates              the approved templates
//
// A file goes through the server of the page and not from the browser to the bucket: so the page may call nobody but its server,
// and the bucket has to let in no origin of an operator's.
type Campaigns struct {
	API API
	// HTTP uploads files. A file takes its time.
	HTTP interface {
		Do(r *http.Request) (*http.Response, error)
	}
	// Did is told what somebody did, with the problem if it was refused.
	Did func(r *http.Request, what, which string, err error)
	Log *slog.Logger

	mu sync.Mutex
	// links are those of campaigns that were created here and wait for their files.
	links map[string]uploadLink
}

// uploadLink is what a file is uploaded with.
type uploadLink struct {
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	Headers   map[string]string `json:"headers"`
	ExpiresAt time.Time         `json:"expiresAt"`
}

// Part is the part.
func (c *Campaigns) Part() Part {
	return Part{
		Name: "campaigns",
		Endpoints: map[string]Endpoint{
			"GET /inbox/campaigns":               c.list,
			"POST /inbox/campaigns":              c.create,
			"PUT /inbox/campaigns/{id}/file":     c.upload,
			"GET /inbox/campaigns/{id}":          c.get,
			"POST /inbox/campaigns/{id}/{order}": c.order,
			"GET /inbox/templates": func(r *http.Request) (any, error) {
				return c.ask(r, Request{Method: http.MethodGet, Path: "/v1/templates"})
			},
		},
		Handlers: map[string]http.Handler{
			"GET /inbox/campaigns/{id}/report": c.leadTo(func(r *http.Request) (string, error) {
				answer, err := c.ask(r, Request{Method: http.MethodGet, Path: campaignPath(r) + "/report"})
				return textOf(answer, "url"), err
			}),
			"GET /inbox/campaigns/{id}/errors": c.leadTo(func(r *http.Request) (string, error) {
				answer, err := c.ask(r, Request{Method: http.MethodGet, Path: campaignPath(r)})
				return textOf(object(answer, "plan"), "errorsUrl"), err
			}),
		},
	}
}

func campaignPath(r *http.Request) string {
	return "/v1/campaigns/" + url.PathEscape(r.PathValue("id"))
}

func (c *Campaigns) ask(r *http.Request, q Request) (map[string]any, error) {
	var answer map[string]any
	err := c.API.Ask(r.Context(), q, &answer)
	return answer, err
}

func (c *Campaigns) did(r *http.Request, what, which string, err error) {
	if c.Did != nil {
		c.Did(r, what, which, err)
	}
}

func (c *Campaigns) list(r *http.Request) (any, error) {
	q := url.Values{}
	if cursor := r.FormValue("cursor"); cursor != "" {
		q.Set("cursor", cursor)
	}
	answer, err := c.ask(r, Request{Method: http.MethodGet, Path: "/v1/campaigns", Query: q})
	if err != nil {
		return nil, err
	}
	return map[string]any{"items": answer["campaigns"], "next": answer["cursor"]}, nil
}

// maxCreate bounds the body of a request for a campaign: somewhat more than the API takes.
const maxCreate = 600 << 10

func (c *Campaigns) create(r *http.Request) (any, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxCreate))
	if err != nil {
		return nil, BadRequest("the body could not be read to its end")
	}
	var created struct {
		ID     string      `json:"id"`
		Status string      `json:"status"`
		Upload *uploadLink `json:"upload"`
	}
	err = c.API.Ask(r.Context(), Request{
		Method: http.MethodPost, Path: "/v1/campaigns", Key: r.Header.Get("Idempotency-Key"), Body: body,
	}, &created)
	c.did(r, "create a campaign", created.ID, err)
	if err != nil {
		return nil, err
	}
	if created.Upload != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.links == nil {
			c.links = map[string]uploadLink{}
		}
		c.links[created.ID] = *created.Upload
	}
	return map[string]any{"id": created.ID, "status": created.Status, "upload": created.Upload != nil}, nil
}

// upload hands a file on to the bucket as it comes. A file that is there already is the same one: it came under this id before, and
// the answer was lost.
func (c *Campaigns) upload(r *http.Request) (any, error) {
	id := r.PathValue("id")
	c.mu.Lock()
	to, ok := c.links[id]
	c.mu.Unlock()
	if !ok {
		return nil, linkExpired()
	}
	size, err := strconv.ParseInt(to.Headers["Content-Length"], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("upload the file of campaign %s: its link has no size: %w", id, err)
	}
	up, err := http.NewRequestWithContext(r.Context(), to.Method, to.URL, r.Body)
	if err != nil {
		return nil, fmt.Errorf("upload the file of campaign %s: its link is none", id)
	}
	for name, value := range to.Headers {
		if name != "Content-Length" {
			up.Header.Set(name, value)
		}
	}
	up.ContentLength = size
	answer, err := c.HTTP.Do(up)
	if err != nil {
		var inside *url.Error // whose address is the link
		if errors.As(err, &inside) {
			err = inside.Err
		}
		c.Log.WarnContext(r.Context(), "file not uploaded", "campaign", id, "error", err)
		return nil, notUploaded("the file did not come through to its end; press the button again")
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode < http.StatusMultipleChoices, answer.StatusCode == http.StatusPreconditionFailed:
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.links, id)
		return struct{}{}, nil
	case answer.StatusCode == http.StatusForbidden:
		return nil, linkExpired()
	}
	const most = 64 << 10
	var said struct{ Code string }
	// What cannot be read leaves the status.
	_ = xml.NewDecoder(io.LimitReader(answer.Body, most)).Decode(&said)
	return nil, notUploaded(fmt.Sprintf("S3 answers %d %s", answer.StatusCode, said.Code))
}

func (c *Campaigns) get(r *http.Request) (any, error) {
	answer, err := c.ask(r, Request{Method: http.MethodGet, Path: campaignPath(r)})
	if err != nil {
		return nil, err
	}
	return c.shown(r, answer), nil
}

// shown is a campaign with links of this page's, which are the same as long as the campaign is.
func (c *Campaigns) shown(r *http.Request, answer map[string]any) map[string]any {
	path := "/inbox/campaigns/" + url.PathEscape(r.PathValue("id"))
	if plan := object(answer, "plan"); textOf(plan, "errorsUrl") != "" {
		plan["errorsUrl"] = path + "/errors"
	}
	if report := object(answer, "report"); textOf(report, "url") != "" {
		answer["report"] = map[string]any{"url": path + "/report"}
	}
	return answer
}

func (c *Campaigns) order(r *http.Request) (any, error) {
	order := r.PathValue("order")
	if !slices.Contains([]string{"start", "pause", "resume", "cancel"}, order) {
		return nil, &ProblemError{Type: ProblemType + "not-found", Title: "There is nothing here", Status: http.StatusNotFound, Detail: order}
	}
	answer, err := c.ask(r, Request{Method: http.MethodPost, Path: campaignPath(r) + "/" + order})
	c.did(r, order+" a campaign", r.PathValue("id"), err)
	if err != nil {
		return nil, err
	}
	return c.shown(r, answer), nil
}

// leadTo leads to a link that is made when it is asked for: links are good for minutes, and a page is open for hours.
func (c *Campaigns) leadTo(find func(*http.Request) (string, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to, err := find(r)
		var p *ProblemError
		switch {
		case errors.As(err, &p):
		case err != nil:
			c.Log.ErrorContext(r.Context(), "page not served", "path", r.URL.Path, "error", err)
			p = unavailable()
		case to == "":
			p = &ProblemError{Type: ProblemType + "not-found", Title: "There is nothing here", Status: http.StatusNotFound,
				Detail: "there is no such file, or not any more"}
		default:
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, to, http.StatusSeeOther)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(p.Status)
		_ = json.NewEncoder(w).Encode(p) // the page is gone when this fails
	})
}

// object is a member of an answer that is an object, and textOf one that is a text.
func object(of map[string]any, name string) map[string]any {
	inner, _ := of[name].(map[string]any)
	return inner
}

func textOf(of map[string]any, name string) string {
	text, _ := of[name].(string)
	return text
}

func linkExpired() *ProblemError {
	return &ProblemError{Type: ProblemType + "link-expired", Title: "The link for the file is no longer good", Status: http.StatusConflict,
		Detail: "it is for 15 minutes, and for the file that the campaign was created with: create the campaign again"}
}

func notUploaded(detail string) *ProblemError {
	return &ProblemError{Type: ProblemType + "not-uploaded", Title: "The file was not uploaded", Status: http.StatusBadGateway, Detail: detail}
}
