package intake_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/apigateway"
	"sms-api/internal/intake"
	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/optout"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

// Every request of these tests is made twice: to the handler, as the local system does, and to the function behind it, with
// the event that API Gateway would make of the request. Both answer the same.
//
// What API Gateway answers by itself is handed to the function all the same, although it would never see it: paths and
// methods without a route, HEAD and OPTIONS among them, and requests that no authorizer has let in. What net/http and API
// Gateway both refuse before anybody is asked, such as a path that ends in a lone %, is not compared.

// compared counts the requests of the whole run.
var compared atomic.Int64

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if testing.Verbose() {
		fmt.Printf("parity: %d requests were answered by the function as over HTTP\n", compared.Load())
	}
	os.Exit(code)
}

// past is what a request may change.
type past struct {
	messages      map[string]message.Message
	finds, asked  int
	templateAsked int
	logged        int
}

func (s *system) remember() past {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	return past{
		messages: maps.Clone(s.store.messages), finds: s.store.finds, asked: s.store.asked, templateAsked: s.vendor.asked, logged: s.log.Len(),
	}
}

func (s *system) restore(p past) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.messages, s.store.finds, s.store.asked, s.vendor.asked = p.messages, p.finds, p.asked, p.templateAsked
}

// gatewayEvent is what API Gateway makes of a request, in payload format 2.0 with the stage $default. X-Test-Caller becomes the
// token that the JWT authorizer has let in.
func gatewayEvent(tb testing.TB, method, target string, header http.Header, body string) events.APIGatewayV2HTTPRequest {
	tb.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		tb.Fatal(err)
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: u.Path, RawQueryString: u.RawQuery,
		Headers: map[string]string{"host": "api.example", "content-length": fmt.Sprint(len(body))}, Body: body,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			Stage: "$default", DomainName: "api.example",
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: method, Path: u.Path, Protocol: "HTTP/1.1", SourceIP: "203.0.113.9",
			},
		},
	}
	for name, values := range header {
		if name == "Cookie" {
			e.Cookies = strings.Split(strings.Join(values, "; "), "; ")
			continue
		}
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	mediaType, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	text := err == nil && (mediaType == "application/json" || strings.HasPrefix(mediaType, "text/")) && header.Get("Content-Encoding") == ""
	if body != "" && (!text || !utf8.ValidString(body)) {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	if fields := strings.Fields(header.Get("X-Test-Caller")); len(fields) > 0 {
		e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{
			JWT: &events.APIGatewayV2HTTPRequestContextAuthorizerJWTDescription{
				Claims: map[string]string{"sub": fields[0], "scope": strings.Join(fields[1:], " ")},
			},
		}
	}
	return e
}

// invoke hands an event to the function and gives its answer. It is an error to answer with an error.
func (s *system) invoke(tb testing.TB, payload []byte) events.APIGatewayV2HTTPResponse {
	tb.Helper()
	answer, err := s.function.Invoke(tb.Context(), payload)
	if err != nil {
		tb.Fatalf("the function returned an error: %v", err)
	}
	var response events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		tb.Fatal(err)
	}
	if response.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(response.Body)
		if err != nil {
			tb.Fatal(err)
		}
		response.Body = string(decoded)
	}
	return response
}

// madeUp finds the ids that are new for each message without a key.
var madeUp = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// holdToParity makes a request that was made over HTTP to the function too, from the same past, and leaves no trace of it.
func (s *system) holdToParity(tb testing.TB, before past, e events.APIGatewayV2HTTPRequest, result *http.Response, got []byte) {
	tb.Helper()
	after := s.remember()
	s.restore(before)
	payload, err := json.Marshal(e)
	if err != nil {
		tb.Fatal(err)
	}
	answer := s.invoke(tb, payload)
	s.restore(after)
	logged := s.log.String()[after.logged:]
	s.log.Truncate(after.logged)

	what := fmt.Sprintf("%s %.80q", e.RequestContext.HTTP.Method, e.RawPath)
	if answer.StatusCode != result.StatusCode {
		tb.Errorf("%s: the function answers %d, over HTTP it is %d", what, answer.StatusCode, result.StatusCode)
	}
	headers := map[string]string{}
	for name, values := range result.Header {
		headers[name] = madeUp.ReplaceAllString(strings.Join(values, ","), "ID")
	}
	for name, value := range answer.Headers {
		answer.Headers[name] = madeUp.ReplaceAllString(value, "ID")
	}
	if !maps.Equal(answer.Headers, headers) {
		tb.Errorf("%s: the function answers with\n%q, over HTTP it is\n%q", what, answer.Headers, headers)
	}
	if f, h := madeUp.ReplaceAllString(answer.Body, "ID"), madeUp.ReplaceAllString(string(got), "ID"); f != h {
		tb.Errorf("%s: the function answers\n%s, over HTTP it is\n%s", what, f, h)
	}
	for _, secret := range []string{"01012345678", "010-1234", "홍길동", "A-17", "secret-"} {
		if strings.Contains(logged, secret) {
			tb.Errorf("%s: %q is in the function's log: %s", what, secret, logged)
		}
	}
	compared.Add(1)
}

// What API Gateway takes apart is put together again.
func TestRequestsThatGatewaysTakeApart(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", service, order, "Idempotency-Key: k").id(t)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		problem                  string
	}{
		{name: "an escaped percent sign", method: "GET", path: "/v1/messages/%25", status: 404, problem: "message-not-found"},
		{name: "what would be decoded again", method: "GET", path: "/v1/messages/%2541", status: 404, problem: "message-not-found"},
		{name: "an escaped question mark", method: "GET", path: "/v1/messages/" + id + "%3Fsecret-1", status: 404, problem: "message-not-found"},
		{name: "an escaped hash", method: "GET", path: "/v1/messages/" + id + "%23secret-2", status: 404, problem: "message-not-found"},
		{name: "an escaped slash", method: "GET", path: "/v1/messages/" + id + "%2Fsecret-3", status: 404, problem: "not-found"},
		{name: "escaped letters", method: "GET", path: "/v1/%6Dessages/" + id, status: 200},
		{name: "escaped dots", method: "GET", path: "/v1/messages/%2E%2E/templates", status: 404, problem: "not-found"},
		{name: "a backslash", method: "GET", path: "/v1/messages/%5C" + id, status: 404, problem: "message-not-found"},
		{name: "control characters", method: "GET", path: "/v1/messages/%00%0A%7F", status: 404, problem: "message-not-found"},
		{name: "Hangul", method: "GET", path: "/v1/templates/%EA%B0%80", status: 404, problem: "template-not-found"},
		{name: "not UTF-8", method: "GET", path: "/v1/templates/%FF", status: 404, problem: "template-not-found"},
		{name: "a plus sign", method: "GET", path: "/v1/templates/TX+1234", status: 404, problem: "template-not-found"},
		{name: "a semicolon", method: "GET", path: "/v1/templates/TX_1234;v=1", status: 404, problem: "template-not-found"},
		{name: "a scheme in a path", method: "GET", path: "//elsewhere.example/v1/messages", status: 404, problem: "not-found"},
		{name: "a query", method: "GET", path: "/v1/messages/" + id + "?a=b%26c&a=%", status: 200},
		{name: "cookies", method: "GET", path: "/v1/messages/" + id, headers: []string{"Cookie: a=1; b=secret-4"}, status: 200},
		{name: "a key with a comma and a space", method: "POST", path: "/v1/messages", body: order,
			headers: []string{"Idempotency-Key: order, 17"}, status: 400, problem: "invalid-idempotency-key"},
		{name: "a key with a comma", method: "POST", path: "/v1/messages", body: order,
			headers: []string{"Idempotency-Key: order,17"}, status: 202},
		{name: "two keys", method: "POST", path: "/v1/messages", body: order, headers: []string{"Idempotency-Key: x", "Idempotency-Key: y"},
			status: 202},
		{name: "two types", method: "POST", path: "/v1/messages", body: order, headers: []string{"Content-Type: application/json"}, status: 415,
			problem: "unsupported-media-type"},
		{name: "two tags", method: "GET", path: "/v1/openapi.json", headers: []string{`If-None-Match: "a"`, `If-None-Match: "b"`}, status: 200},
		{name: "a body of bytes", method: "POST", path: "/v1/messages", body: "\x00\xff", status: 400, problem: "malformed-body",
			headers: []string{"Content-Type: ", "Content-Type: application/json"}},
		{name: "another method", method: "PATCH", path: "/v1/messages", body: order, status: 405, problem: "method-not-allowed"},
	} {
		got := s.do(t, c.method, c.path, service, c.body, c.headers...)
		if got.StatusCode != c.status || c.problem != "" && got.problem(t) != c.problem {
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.body)
		}
		if strings.Contains(string(got.body), "secret-") {
			t.Errorf("%s: the path is in the answer: %s", c.name, got.body)
		}
	}
}

// A body arrives as text or in Base64; it is the same body.
func TestBodyInBase64(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for key, encoded := range map[string]bool{"text": false, "base64": true} {
		e := gatewayEvent(t, http.MethodPost, "/v1/messages", http.Header{
			"Content-Type": {"application/json"}, "X-Test-Caller": {service}, "Idempotency-Key": {key},
		}, order)
		if e.IsBase64Encoded = encoded; encoded {
			e.Body = base64.StdEncoding.EncodeToString([]byte(order))
		}
		payload, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.invoke(t, payload); got.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %+v", key, got)
		}
	}
	for _, m := range s.store.messages {
		if m.Recipients[0].Name != "홍길동" {
			t.Errorf("started %+v", m)
		}
	}
}

// Whatever Lambda hands over, the function answers, and its log does not say what it was.
func TestFunctionNeverFails(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for payload, status := range map[string]int{
		``: 400, `null`: 404, `{}`: 404, `[]`: 400, `"secret-"`: 400, `{"headers":{"a":17}}`: 400, "\xff": 400, `{"rawPath":17}`: 400,
		`{"isBase64Encoded":true,"body":"secret-!"}`:                                                           400,
		`{"rawPath":"secret-","requestContext":{"http":{"method":"GET"}}}`:                                     404,
		`{"rawPath":"*","requestContext":{"http":{"method":"OPTIONS"}}}`:                                       404,
		`{"rawPath":"/v1/messages/%","requestContext":{"http":{"method":"GET"}}}`:                              401,
		`{"rawPath":"/v1/messages","requestContext":{"http":{"method":"secret- \u0000"}}}`:                     405,
		`{"rawPath":"/v1/openapi.json","requestContext":{"http":{"method":"CONNECT"}}}`:                        405,
		`{"rawPath":"/v1/openapi.json","headers":{"\n":"secret-"},"requestContext":{"http":{"method":"GET"}}}`: 200,
		`{"Records":[{"eventSource":"aws:sqs"}]}`:                                                              404,
	} {
		got := s.invoke(t, []byte(payload))
		isProblem := got.Headers["Content-Type"] == "application/problem+json"
		if got.StatusCode != status || got.Body == "" || isProblem != (status >= http.StatusBadRequest) {
			t.Errorf("%.80q: %+v", payload, got)
		}
	}
	if strings.Contains(s.log.String(), "secret-") || !strings.Contains(s.log.String(), "request not understood") {
		t.Errorf("log: %s", s.log)
	}
}

func FuzzFunction(f *testing.F) {
	s := newSystem(f)
	f.Add([]byte(`{"rawPath":"/v1/messages/%","headers":{"a":"b"},"requestContext":{"http":{"method":"GET"}},"body":"e30=",` +
		`"isBase64Encoded":true}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if got := s.invoke(t, payload); got.StatusCode < 200 || got.StatusCode > 599 {
			t.Errorf("%q: %d", payload, got.StatusCode)
		}
	})
}

// broken panics with what was asked for.
type broken struct{ *store }

func (broken) Outcome(_ context.Context, id string) (message.Message, message.Outcome, error) {
	panic("secret-" + id)
}

// A fault of ours that nobody thought of is answered like every other, in both ways.
func TestPanicIsAProblem(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.serve(&intake.API{Executions: broken{s.store}})
	got := s.do(t, http.MethodGet, "/v1/messages/"+strings.Repeat("a", 52), service, "")
	if got.StatusCode != http.StatusServiceUnavailable || got.problem(t) != "unavailable" {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	if log := s.log.String(); strings.Contains(log, "secret-") || !strings.Contains(log, "parity_test.go") {
		t.Errorf("log: %s", log)
	}
}

// waiting answers when the request's time is over.
type waiting struct{ *store }

func (waiting) Outcome(ctx context.Context, _ string) (message.Message, message.Outcome, error) {
	<-ctx.Done()
	return message.Message{}, message.Outcome{}, ctx.Err()
}

// The answer that the time is over comes before the function's time is.
func TestFunctionAnswersBeforeItsTimeIsOver(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.serve(&intake.API{Executions: waiting{s.store}})
	ctx, cancel := context.WithTimeout(t.Context(), 510*time.Millisecond)
	defer cancel()
	e := gatewayEvent(t, http.MethodGet, "/v1/messages/"+strings.Repeat("a", 52), http.Header{"X-Test-Caller": {service}}, "")
	payload, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.function.Invoke(ctx, payload)
	if err != nil || ctx.Err() != nil || !bytes.Contains(got, []byte(`"statusCode":503`)) {
		t.Errorf("got %s, %v; the function's own time: %v", got, err, ctx.Err())
	}
}

// identify says who makes a request: over HTTP it is in the header X-Test-Caller, as "id scope scope …"; behind API Gateway
// it is whom the authorizer has let in.
func identify(r *http.Request) (intake.Caller, error) {
	if caller, err := apigateway.Identify(r); err == nil {
		caller.ID = strings.TrimPrefix(caller.ID, "jwt:")
		return caller, nil
	}
	fields := strings.Fields(r.Header.Get("X-Test-Caller"))
	if len(fields) == 0 {
		return intake.Caller{}, errors.New("no caller")
	}
	return intake.Caller{ID: fields[0], Scopes: fields[1:]}, nil
}

// serve makes the API the one that is asked. What it lacks is the system's.
func (s *system) serve(api *intake.API) {
	if api.Executions == nil {
		api.Executions = s.store
	}
	api.Identify, api.UntrustedMaxRecipients, api.Templates, api.Wallet = identify, 1, s.vendor, s.vendor
	api.UntrustedMaxSchedule = 24 * time.Hour
	if api.Ads == (message.Ads{}) {
		api.Ads = message.Ads{SenderName: "가나상점", Contact: "02-000-0000", Refusal: "무료수신거부 080-000-0000", Until: 20*60 + 50}
	}
	api.Now, api.Log = func() time.Time { return s.now }, testkit.Log(s.log)
	table := tabletest.New(s.tb)
	if api.Limits == nil {
		// No rules: every request of these tests is made twice.
		api.Limits = &limits.Limits{Client: table.Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}, Now: api.Now, Log: api.Log}
	}
	if api.OptOuts == nil {
		api.OptOuts = &optout.List{Client: table.Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}}
	}
	s.handler = api.Handler()
	s.function = &apigateway.Handler{HTTP: s.handler, Log: api.Log}
}
