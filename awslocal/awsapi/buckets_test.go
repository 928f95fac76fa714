package awsapi_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/eventbus"
)

// objects is an endpoint with a bucket, and what the default bus was told of it.
type objects struct {
	t      *testing.T
	url    string
	now    time.Time
	events chan string
}

func (o *objects) Now() time.Time { return o.now }

func (o *objects) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

func newObjects(t *testing.T) *objects {
	t.Helper()
	o := &objects{t: t, now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), events: make(chan string, 10)}
	e := awsapi.New(awsapi.Options{Clock: o})
	if err := e.Bucket("files", awsapi.BucketOptions{
		Secrets: map[string]string{"key": "secret"}, Events: true, Origins: []string{"https://shop.example"}, MaxAge: time.Minute,
	}); err != nil {
		t.Fatal(err)
	}
	bus := e.Bus(eventbus.Default)
	if _, err := bus.PutRule(eventbus.Rule{Name: "created", Pattern: `{"source":["aws.s3"]}`}); err != nil {
		t.Fatal(err)
	}
	if err := bus.PutTargets("created", eventbus.Target{ID: "test", Deliver: func(_ context.Context, event json.RawMessage) error {
		o.events <- string(event)
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		server.Close()
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	o.url = server.URL
	return o
}

// link signs a request for an object with a body of so many bytes.
func (o *objects) link(method, path, secret string, length int64, header ...string) string {
	o.t.Helper()
	path, query, _ := strings.Cut(path, "?")
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.url+path+"?X-Amz-Expires=60"+query, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	r.ContentLength = length
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	signed, _, err := v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = true }).PresignHTTP(o.t.Context(),
		aws.Credentials{AccessKeyID: "key", SecretAccessKey: secret}, r, "UNSIGNED-PAYLOAD", "s3", awsapi.Region, o.now)
	if err != nil {
		o.t.Fatal(err)
	}
	return signed
}

// replied is an answer without its body.
type replied struct {
	StatusCode int
	Header     http.Header
}

func (o *objects) do(method, url, body string, header ...string) (replied, string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return replied{resp.StatusCode, resp.Header}, string(answer)
}

// A link is for one request: this method and key, this length, these headers, with this key, for so long.
func TestLinks(t *testing.T) {
	t.Parallel()
	o := newObjects(t)
	put := o.link(http.MethodPut, "/files/a/b", "secret", 5, "If-None-Match", "*")
	for name, c := range map[string]struct {
		method, url, body, code string
		header                  []string
	}{
		"nothing signed":   {http.MethodPut, o.url + "/files/a/b", "12345", "AccessDenied", nil},
		"another length":   {http.MethodPut, put, "123456", "SignatureDoesNotMatch", []string{"If-None-Match", "*"}},
		"without a header": {http.MethodPut, put, "12345", "SignatureDoesNotMatch", nil},
		"another header":   {http.MethodPut, put, "12345", "SignatureDoesNotMatch", []string{"If-None-Match", "x"}},
		"a header more":    {http.MethodPut, put, "12345", "AccessDenied", []string{"If-None-Match", "*", "X-Amz-Acl", "public-read"}},
		"another method":   {http.MethodGet, put, "", "SignatureDoesNotMatch", []string{"If-None-Match", "*"}},
		"another key": {
			http.MethodPut, strings.Replace(put, "/a/b", "/a/c", 1), "12345", "SignatureDoesNotMatch", []string{"If-None-Match", "*"},
		},
		"another secret":     {http.MethodGet, o.link(http.MethodGet, "/files/a/b", "guess", 0), "", "SignatureDoesNotMatch", nil},
		"another access key": {http.MethodPut, strings.Replace(put, "Credential=key", "Credential=no", 1), "12345", "InvalidAccessKeyId", nil},
		"no time": {
			http.MethodPut, strings.Replace(put, "Expires=60", "Expires=0", 1), "12345", "AuthorizationQueryParametersError", nil,
		},
	} {
		resp, answer := o.do(c.method, c.url, c.body, c.header...)
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(answer, c.code) {
			t.Errorf("%s: %d %s, want %s", name, resp.StatusCode, answer, c.code)
		}
	}
	if resp, answer := o.do(http.MethodPut, put, "12345", "If-None-Match", "*"); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	if resp, _ := o.do(http.MethodPut, put, "12345", "If-None-Match", "*"); resp.StatusCode != http.StatusPreconditionFailed {
		t.Errorf("once more: %d", resp.StatusCode)
	}
	get := o.link(http.MethodGet, "/files/a/b", "secret", 0)
	if resp, answer := o.do(http.MethodGet, get, ""); resp.StatusCode != http.StatusOK || answer != "12345" {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	const saved = "&response-content-disposition=attachment%3B+filename%3Dreport.csv"
	resp, answer := o.do(http.MethodGet, o.link(http.MethodGet, "/files/a/b?"+saved, "secret", 0), "")
	if resp.Header.Get("Content-Disposition") != "attachment; filename=report.csv" || answer != "12345" {
		t.Errorf("saved under a name: %v %s", resp, answer)
	}
	if resp, answer := o.do(http.MethodGet, get+saved, ""); !strings.Contains(answer, "SignatureDoesNotMatch") {
		t.Errorf("saved under a name that is not signed: %v %s", resp, answer)
	}
	o.now = o.now.Add(61 * time.Second)
	if resp, answer := o.do(http.MethodGet, get, ""); resp.StatusCode != http.StatusForbidden || !strings.Contains(answer, "expired") {
		t.Errorf("after a minute: %d %s", resp.StatusCode, answer)
	}
	var event struct {
		DetailType string `json:"detail-type"`
		Detail     struct {
			Bucket struct{ Name string }
			Object struct {
				Key, Etag string
				Size      int
			}
			Reason string
		}
	}
	if err := json.Unmarshal([]byte(<-o.events), &event); err != nil {
		t.Fatal(err)
	}
	d := event.Detail
	if event.DetailType != "Object Created" || d.Bucket.Name != "files" || d.Object.Key != "a/b" || d.Object.Size != 5 ||
		d.Object.Etag != "827ccb0eea8a706c4c34a16891f84e7b" || d.Reason != "PutObject" {
		t.Errorf("the event is %+v", event)
	}
	if len(o.events) > 0 {
		t.Errorf("and there is another: %s", <-o.events)
	}
}

// Pages of the origins that the bucket has may put and get, and pages of others may not.
func TestBucketCORS(t *testing.T) {
	t.Parallel()
	o := newObjects(t)
	ask := []string{"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "if-none-match", "Origin"}
	resp, _ := o.do(http.MethodOptions, o.url+"/files/a", "", append(ask, "https://shop.example")...)
	if h := resp.Header; resp.StatusCode != http.StatusOK || h.Get("Access-Control-Allow-Origin") != "https://shop.example" ||
		h.Get("Access-Control-Allow-Headers") != "if-none-match" || h.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("%d %v", resp.StatusCode, h)
	}
	resp, _ = o.do(http.MethodOptions, o.url+"/files/a", "", append(ask, "https://other.example")...)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("another origin: %d", resp.StatusCode)
	}
	resp, _ = o.do(http.MethodGet, o.link(http.MethodGet, "/files/a", "secret", 0), "", "Origin", "https://shop.example")
	if resp.Header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
		t.Errorf("%v", resp.Header)
	}
	resp, _ = o.do(http.MethodGet, o.link(http.MethodGet, "/files/a", "secret", 0), "", "Origin", "https://other.example")
	if resp.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %v", resp.Header)
	}
}

// What is not served is refused by name.
func TestBucketRefuses(t *testing.T) {
	t.Parallel()
	o := newObjects(t)
	for name, c := range map[string]struct {
		method, path string
		header       []string
	}{
		"a list of the first version": {http.MethodGet, "/files", nil},
		"deletion of the bucket":      {http.MethodDelete, "/files", nil},
		"parts":                       {http.MethodPost, "/files/a?uploads", nil},
		"tags":                        {http.MethodGet, "/files/a?tagging", nil},
		"signed chunks":               {http.MethodPut, "/files/a", []string{"X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}},
		"a copy":                      {http.MethodPut, "/files/a", []string{"X-Amz-Copy-Source", "/files/b"}},
	} {
		header := append([]string{"Authorization", "AWS4-HMAC-SHA256 …"}, c.header...)
		if resp, answer := o.do(c.method, o.url+c.path, "", header...); resp.StatusCode != http.StatusNotImplemented ||
			!strings.Contains(answer, "NotImplemented") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
}
