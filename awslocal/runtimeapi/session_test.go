package runtimeapi

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/lambda/messages"
)

// runtime is a runtime that does whatever a test wants.
type runtime struct {
	t *testing.T
	*session
	url string
}

func newRuntime(t *testing.T) runtime {
	t.Helper()
	s := newSession("arn:aws:lambda:ap-northeast-2:000000000000:function:sms")
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	return runtime{t: t, session: s, url: server.URL + "/2018-06-01/runtime/"}
}

// give lets the runtime's next request have the invocation id-1.
func (r runtime) give() *invocation {
	inv := &invocation{id: "id-1", payload: []byte(`{"message":1}`), deadline: time.UnixMilli(1_800_000_000_123), answer: make(chan answer, 1)}
	r.work <- inv
	return inv
}

// do sends a request whose header, and trailer if there is a "Trailer:" among the names, is given in pairs.
func (r runtime) do(method, path, body string, header ...string) (status int, answered http.Header, answer string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if name, ok := strings.CutPrefix(header[i], "Trailer:"); ok {
			if req.Trailer == nil {
				req.Trailer = http.Header{}
			}
			req.Trailer.Set(name, header[i+1])
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, strings.TrimSpace(string(got))
}

func TestTheRuntimeGetsAnInvocation(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	r.give()
	status, header, body := r.do("GET", "invocation/next", "")
	if status != http.StatusOK || body != `{"message":1}` {
		t.Errorf("%d: %s", status, body)
	}
	for name, want := range map[string]string{
		"Lambda-Runtime-Aws-Request-Id":       "id-1",
		"Lambda-Runtime-Deadline-Ms":          "1800000000123",
		"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:ap-northeast-2:000000000000:function:sms",
		"Content-Type":                        "application/json",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTheRuntimeAnswersAnInvocation(t *testing.T) {
	t.Parallel()
	document := base64.StdEncoding.EncodeToString([]byte(`{"errorType":"Late","errorMessage":"too late"}`))
	for name, c := range map[string]struct {
		path, body string
		header     []string
		status     int
		output     string
		report     messages.InvokeResponse_Error
	}{
		"with a response": {path: "response", body: `{"ok":true}`, status: 202, output: `{"ok":true}`},
		"with no bytes":   {path: "response", status: 202},
		"with an error": {path: "error", body: `{"errorType":"Rejected","errorMessage":"no such template"}`, status: 202,
			report: messages.InvokeResponse_Error{Type: "Rejected", Message: "no such template"}},
		"with a type in the header": {path: "error", body: `{"errorMessage":"x"}`, header: []string{"Lambda-Runtime-Function-Error-Type",
			"Runtime.Header"}, status: 202, report: messages.InvokeResponse_Error{Type: "Runtime.Header", Message: "x"}},
		"with an error of no type": {path: "error", body: "a mere text", status: 202,
			report: messages.InvokeResponse_Error{Type: "Runtime.Unknown", Message: "a mere text"}},
		"with half a response": {path: "response", body: `{"ok":`, header: []string{"Trailer:Lambda-Runtime-Function-Error-Type", "Late",
			"Trailer:Lambda-Runtime-Function-Error-Body", document}, status: 202,
			report: messages.InvokeResponse_Error{Type: "Late", Message: "too late"}},
		"with half, and no document": {path: "response", header: []string{"Trailer:Lambda-Runtime-Function-Error-Type", "Late",
			"Trailer:Lambda-Runtime-Function-Error-Body", "?"}, status: 202, report: messages.InvokeResponse_Error{Type: "Late"}},
		"with too much": {path: "response", body: strings.Repeat("x", maxResponse+1), status: 413,
			report: messages.InvokeResponse_Error{Type: "Function.ResponseSizeTooLarge",
				Message: "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t)
			inv := r.give()
			r.do("GET", "invocation/next", "")
			if status, _, body := r.do("POST", "invocation/id-1/"+c.path, c.body, c.header...); status != c.status {
				t.Errorf("%d: %s, want %d", status, body, c.status)
			}
			got := <-inv.answer
			var report messages.InvokeResponse_Error
			if got.err != nil && !errors.As(got.err, &report) {
				t.Fatal(got.err)
			}
			if string(got.output) != c.output || report.Type != c.report.Type || report.Message != c.report.Message {
				t.Errorf("output %q, report %+v", got.output, report)
			}
			if status, _, _ := r.do("POST", "invocation/id-1/"+c.path, c.body); status != http.StatusBadRequest {
				t.Errorf("a second answer: %d, want 400", status)
			}
		})
	}
}

func TestTheRuntimeIsRefusedWhatIsOutOfTurn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	for _, path := range []string{"response", "error"} {
		if status, _, body := r.do("POST", "invocation/id-1/"+path, "{}"); status != http.StatusBadRequest ||
			!strings.Contains(body, `"errorType":"InvalidRequestID"`) {
			t.Errorf("%s before an invocation: %d: %s", path, status, body)
		}
	}
	inv := r.give()
	r.do("GET", "invocation/next", "")
	if status, _, body := r.do("GET", "invocation/next", ""); status != http.StatusForbidden ||
		!strings.Contains(body, `"errorType":"InvalidStateTransition"`) {
		t.Errorf("next without an answer: %d: %s", status, body)
	}
	if status, _, _ := r.do("POST", "invocation/id-2/response", "{}"); status != http.StatusBadRequest {
		t.Errorf("answer to another invocation: %d", status)
	}
	if len(inv.answer) != 0 {
		t.Error("the invocation was answered")
	}
	if status, _, _ := r.do("POST", "invocation/next", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST next: %d", status)
	}
	if status, _, _ := r.do("GET", "restore/next", ""); status != http.StatusNotFound {
		t.Errorf("unknown path: %d", status)
	}
}

func TestARuntimeThatHangsUpAsksAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	nothing := httptest.NewRecorder()
	r.next(nothing, httptest.NewRequestWithContext(gone, http.MethodGet, "/", nil))
	if nothing.Body.Len() > 0 {
		t.Errorf("an invocation that nobody has made: %s", nothing.Body)
	}
	r.give()
	if status, _, body := r.do("GET", "invocation/next", ""); status != http.StatusOK || body != `{"message":1}` {
		t.Errorf("%d: %s", status, body)
	}
}
