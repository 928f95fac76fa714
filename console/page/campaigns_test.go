package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// answering is an API that gives the same answer to everything, or refuses everything, and remembers what it was asked.
type answering struct {
	answer  string
	refusal error
	asked   []string
}

func (a *answering) Ask(_ context.Context, r Request, into any) error {
	a.asked = append(a.asked, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.Path, r.Key, r.Body)))
	if a.refusal != nil {
		return a.refusal
	}
	return json.Unmarshal([]byte(a.answer), into)
}

// campaignPage is the part alone, in front of an API and a bucket.
func campaignPage(t *testing.T, api *answering) (ask func(method, path, body string) (int, string, http.Header), did *[]string) {
	t.Helper()
	did = &[]string{}
	part := (&Campaigns{API: api, HTTP: http.DefaultClient, Log: slog.New(slog.DiscardHandler),
		Did: func(_ *http.Request, what, which string, err error) {
			*did = append(*did, strings.TrimSpace(fmt.Sprintf("%s %s %t", what, which, err == nil)))
		}}).Part()
	b, err := New(Options{
		Source: nil, Definition: `{"QueryLanguage":"JSONata","StartAt":"a","States":{"a":{"Type":"Succeed"}}}`, Parts: []Part{part},
		System: func() System { return System{Name: "test"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(method, path, body string) (int, string, http.Header) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		r.Header.Set("Idempotency-Key", "k1")
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		return w.Code, strings.TrimSpace(w.Body.String()), w.Header()
	}, did
}

// A file goes to the bucket as it is, once, by the link that came with its campaign; what the bucket says is told in the page's terms.
func TestAFileIsUploadedByItsLink(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		// bucket is what the bucket answers.
		bucket int
		status int
		says   string
		// again is what a second upload is answered.
		again int
	}{
		"as it was announced":   {"0123456789", http.StatusOK, http.StatusOK, "{}", http.StatusConflict},
		"that is there already": {"0123456789", http.StatusPreconditionFailed, http.StatusOK, "{}", http.StatusConflict},
		"too late":              {"0123456789", http.StatusForbidden, http.StatusConflict, "link-expired", http.StatusConflict},
		"to a bucket that cannot": {
			"0123456789", http.StatusServiceUnavailable, http.StatusBadGateway, "S3 answers 503 SlowDown", http.StatusBadGateway,
		},
		"that broke off": {"01234", http.StatusOK, http.StatusBadGateway, "not-uploaded", http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := make(chan string, 2)
			bucket := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				file, err := io.ReadAll(r.Body)
				if err != nil {
					return // it broke off
				}
				got <- fmt.Sprintf("%s %s %d %s", r.Method, r.Header.Get("If-None-Match"), r.ContentLength, file)
				w.WriteHeader(c.bucket)
				_, _ = io.WriteString(w, `<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>`)
			}))
			defer bucket.Close()
			ask, did := campaignPage(t, &answering{answer: `{"id":"c1","status":"awaiting-file","upload":{"url":"` + bucket.URL +
				`/file?X-Amz-Signature=secret","method":"PUT","headers":{"Content-Length":"10","If-None-Match":"*"}}}`})
			if status, body, _ := ask("POST", "/inbox/campaigns", `{"bytes":10}`); status != http.StatusOK ||
				body != `{"id":"c1","status":"awaiting-file","upload":true}` || len(*did) != 1 || (*did)[0] != "create a campaign c1 true" {
				t.Fatalf("created: %d %s, told %q", status, body, *did)
			}
			status, body, _ := ask("PUT", "/inbox/campaigns/c1/file", c.file)
			if status != c.status || !strings.Contains(body, c.says) || strings.Contains(body, "secret") {
				t.Errorf("uploaded: %d %s", status, body)
			}
			if len(c.file) == 10 {
				if sent := <-got; sent != "PUT * 10 "+c.file {
					t.Errorf("the bucket got %s", sent)
				}
			}
			if status, body, _ := ask("PUT", "/inbox/campaigns/c1/file", c.file); status != c.again {
				t.Errorf("once more: %d %s", status, body)
			}
		})
	}
}

// Links to files are the page's, which stay the same, and lead to those of the API, which do not.
func TestLinksAreMadeWhenTheyAreNeeded(t *testing.T) {
	t.Parallel()
	const s3 = "https://s3.example/"
	api := &answering{answer: `{"id":"c1","plan":{"valid":3,"errorsUrl":"` + s3 + `errors?X-Amz-Signature=2"},
		"report":{"url":"` + s3 + `report?X-Amz-Signature=3","expiresAt":"2026"}}`}
	ask, _ := campaignPage(t, api)
	const want = `{"id":"c1","plan":{"errorsUrl":"/inbox/campaigns/c1/errors","valid":3},"report":{"url":"/inbox/campaigns/c1/report"}}`
	if status, body, _ := ask("GET", "/inbox/campaigns/c1", ""); status != http.StatusOK || body != want {
		t.Errorf("%d %s", status, body)
	}
	api.answer = strings.Replace(api.answer, `"id"`, `"url":"`+s3+`report?X-Amz-Signature=1","id"`, 1)
	for path, leads := range map[string]string{
		"/inbox/campaigns/c1/report": s3 + "report?X-Amz-Signature=1", "/inbox/campaigns/c1/errors": s3 + "errors?X-Amz-Signature=2",
	} {
		if status, _, header := ask("GET", path, ""); status != http.StatusSeeOther || header.Get("Location") != leads {
			t.Errorf("%s leads to %d %s", path, status, header.Get("Location"))
		}
	}
	api.answer = `{"id":"c1"}`
	if status, body, _ := ask("GET", "/inbox/campaigns/c1/errors", ""); status != http.StatusNotFound || !strings.Contains(body, "not-found") {
		t.Errorf("without errors: %d %s", status, body)
	}
	api.refusal = &ProblemError{Type: ProblemType + "campaign-status", Status: http.StatusConflict}
	const report = "/inbox/campaigns/c1/report"
	if status, body, _ := ask("GET", report, ""); status != http.StatusConflict || !strings.Contains(body, "campaign-status") {
		t.Errorf("without a report: %d %s", status, body)
	}
	api.refusal = errors.New("secret")
	if status, body, _ := ask("GET", report, ""); status != http.StatusInternalServerError || strings.Contains(body, "secret") {
		t.Errorf("an error of ours: %d %s", status, body)
	}
}

func TestOrdersAreThoseThatThereAre(t *testing.T) {
	t.Parallel()
	api := &answering{answer: `{"id":"c1","status":"paused"}`}
	ask, did := campaignPage(t, api)
	for _, order := range []string{"start", "pause", "resume", "cancel"} {
		if status, body, _ := ask("POST", "/inbox/campaigns/c1/"+order, ""); status != http.StatusOK {
			t.Errorf("%s: %d %s", order, status, body)
		}
	}
	if status, _, _ := ask("POST", "/inbox/campaigns/c1/erase", ""); status != http.StatusNotFound {
		t.Errorf("an order that there is not: %d", status)
	}
	api.refusal = &ProblemError{Type: ProblemType + "campaign-status", Status: http.StatusConflict}
	if status, _, _ := ask("POST", "/inbox/campaigns/c1/start", ""); status != http.StatusConflict {
		t.Errorf("one that is refused: %d", status)
	}
	const want = "start a campaign c1 true|pause a campaign c1 true|resume a campaign c1 true|cancel a campaign c1 true|" +
		"start a campaign c1 false"
	if got := strings.Join(*did, "|"); got != want {
		t.Errorf("told is %s", got)
	}
	const path = "POST /v1/campaigns/c1/"
	const asked = path + "start|" + path + "pause|" + path + "resume|" + path + "cancel|" + path + "start"
	if got := strings.Join(api.asked, "|"); got != asked {
		t.Errorf("asked is %s", got)
	}
}
