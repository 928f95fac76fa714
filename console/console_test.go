package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/encoding/cbor"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"

	"sms-api/console/page"
	"sms-api/console/stack"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/intake"
	"sms-api/internal/parameters"
	"sms-api/internal/testkit"
	"sms-api/internal/version"
	"sms-api/local/system"
)

// world is a stack that the console looks at: the local system's AWS-compatible endpoint and its API.
type world struct {
	stack   *stack.Stack
	find    func(context.Context) (*stack.Stack, error)
	system  *system.System
	standin *aligotest.Standin
	api     string
	link    string
	log     *testkit.Buffer
	// refused is an operation of AWS's that whoever looks has no right to.
	refused atomic.Value
}

// found is the stack anew, as another process has it.
func (w *world) found(t *testing.T) *stack.Stack {
	t.Helper()
	s, err := w.find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cloudWatch answers as CloudWatch, which the local endpoint has not. What is refused is answered as AWS answers those who have no
// right to it: an operation of X-Amz-Target.
func cloudWatch(next http.Handler, refused *atomic.Value) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what, _ := refused.Load().(string)
		switch {
		case strings.HasSuffix(r.URL.Path, "/operation/DescribeAlarms"):
			w.Header().Set("Content-Type", "application/cbor")
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
			_, _ = w.Write(cbor.Encode(cbor.Map{"MetricAlarms": cbor.List{cbor.Map{
				"AlarmName": cbor.String("sms-api-local-balance"), "StateValue": cbor.String("ALARM"),
				"AlarmDescription":      cbor.String("The wallet is low."),
				"StateUpdatedTimestamp": &cbor.Tag{ID: 1, Value: cbor.Float64(1796083200)},
			}}}))
		case what != "" && strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+what):
			w.Header().Set("Content-Type", "application/x-amz-json-1.1")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"AccessDeniedException","Message":"User is not authorized to perform: `+what+`"}`)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func newWorld(t *testing.T) *world {
	t.Helper()
	const speed = 20
	w := &world{log: &testkit.Buffer{}}
	c := clock.Real(speed)
	start := func(h func() http.Handler) (*httptest.Server, string) {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h().ServeHTTP(w, r) }))
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.Start()
		t.Cleanup(s.Close)
		return s, s.URL
	}
	w.standin = aligotest.New(aligotest.Options{Now: c.Now})
	_, vendor := start(func() http.Handler { return w.standin })
	client, cloud := start(func() http.Handler { return cloudWatch(w.system.AWS, &w.refused) })
	_, w.api = start(func() http.Handler { return w.system.API })
	var err error
	w.system, err = system.New(system.Options{
		AWS: awsapi.Options{Clock: c}, Aligo: w.standin, AWSURL: cloud, AligoURL: vendor, EgressIPs: []string{"127.0.0.1"},
		Log: slog.New(slog.DiscardHandler), Settings: map[string]string{deployment.TrustedNumberDay: "9"},
		Identify: func(*http.Request) (intake.Caller, error) {
			return intake.Caller{ID: "iam:operator", Scopes: intake.Scopes()}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 5*time.Second)
		defer cancel()
		_ = w.system.AWS.Close(ctx)
	})
	config := aws.Config{
		Region: awsapi.Region, BaseEndpoint: &cloud, HTTPClient: client.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		}),
	}
	w.system.AWS.HTTPAPI(system.StackName, w.api)
	w.find = func(ctx context.Context) (*stack.Stack, error) {
		s, err := stack.Find(ctx, config, "local", "", "")
		if err == nil {
			s.Now, s.Sleep, s.Who, s.Parameters = c.Now, c.Sleep, "arn:aws:iam::000000000000:user/kim", parameters.DefaultPrefix
		}
		return s, err
	}
	w.stack = w.found(t)
	shown, err := newPage(w.stack, time.Second, slog.New(slog.NewTextHandler(w.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(l.Addr().String(), shown)
	w.link = d.link()
	server := &http.Server{Handler: d, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return w
}

// send starts a message and returns its id.
func (w *world) send(t *testing.T, body string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.api+"/v1/messages", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var accepted struct{ ID string }
	if err := json.NewDecoder(answer.Body).Decode(&accepted); err != nil || answer.StatusCode != http.StatusAccepted {
		t.Fatalf("%d %v", answer.StatusCode, err)
	}
	return accepted.ID
}

func order(to, more string) string {
	return `{"template":"TX_1234","recipients":[{"to":"` + to + `","name":"홍길동","variables":{"주문번호":"A-17"}}]` + more + `}`
}

// Only who has the link comes in, and only under the address of the page.
func TestTheDoor(t *testing.T) {
	t.Parallel()
	d := newDoor("127.0.0.1:4321", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "inside") }))
	server := httptest.NewServer(d)
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d.host = "127.0.0.1:" + port
	ask := func(client *http.Client, path, host string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			r.Host = host
		}
		status, _, body := testkit.Do(t, client, r)
		return status, string(body)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	for _, c := range []struct {
		what, path, host string
		status           int
	}{
		{"nobody with the link", "/", "", http.StatusUnauthorized},
		{"a wrong token", "/?token=guess", "", http.StatusUnauthorized},
		{"the link", "/?token=" + d.token, "", http.StatusOK},
		{"whoever had it", "/messages", "", http.StatusOK},
		{"the link under another name", "/?token=" + d.token, "evil.example:" + port, http.StatusMisdirectedRequest},
		{"the cookie under another name", "/", "evil.example:" + port, http.StatusMisdirectedRequest},
	} {
		if status, body := ask(browser, c.path, c.host); status != c.status || (status == http.StatusOK) != (body == "inside") {
			t.Errorf("%s: %d %s", c.what, status, body)
		}
	}
	if status, _ := ask(&http.Client{}, "/messages", ""); status != http.StatusUnauthorized {
		t.Errorf("another browser: %d", status)
	}
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80", "127.0.0.1"} {
		if l, err := listen(t.Context(), address); err == nil {
			_ = l.Close()
			t.Errorf("%s is listened on", address)
		}
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "-stack is missing"},
		{[]string{"dead-letters"}, "-stack is missing"},
		{[]string{"-stack", "prod", "-nonsense"}, "not defined"},
		{[]string{"dead-leters", "-stack", "prod"}, `no command "dead-leters"`},
		{[]string{"-stack", "prod", "dead-letters"}, `unknown argument "dead-letters"`},
		// Nobody is asked for anything before what is wrong with the words is said.
		{[]string{"dead-letters", "frob", "-stack", "prod"}, "neither again nor drop"},
		{[]string{"dead-letters", "-stack", "prod", "drop"}, "drop what?"},
		{[]string{"templates", "-stack", "prod"}, "templates what?"},
		{[]string{"templates", "plan", "submit", "-stack", "prod"}, `unknown argument "submit"`},
		{[]string{"opt-outs", "import", "-stack", "prod"}, "want console opt-outs import FILE"},
		{[]string{"opt-outs", "import", "nowhere.csv", "-stack", "prod"}, "nowhere.csv"},
		{[]string{"opt-outs", "import", "nowhere.csv", "-at", "9998-01-01T00:00:00+09:00", "-stack", "prod"}, "-at is in the future"},
		{[]string{"opt-outs", "import", "nowhere.csv", "-at", "yesterday", "-stack", "prod"}, "-at must be an RFC 3339 time"},
		{[]string{"opt-outs", "import", "nowhere.csv", "-via", strings.Repeat("v", 65), "-stack", "prod"}, "-via "},
		{[]string{"opt-outs", "import", "nowhere.csv", "-rate", "0", "-stack", "prod"}, "-rate is 0"},
	} {
		if err := run(t.Context(), c.args, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want %q", c.args, err, c.says)
		}
	}
}

// Whoever asks is told of every command, and of all that each takes.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{"help"}, []string{"dead-letters", "again", "drop", "templates", "plan", "opt-outs", "import FILE", "version", "-listen"}},
		{[]string{"-h"}, []string{"dead-letters", "templates", "opt-outs", "-stack"}},
		{[]string{"dead-letters", "-h"}, []string{"again ID…|all", "drop ID…|all", "-stack"}},
		{[]string{"templates", "-h"}, []string{"pull|plan|submit|status", "-dir", "-overwrite"}},
		{[]string{"opt-outs", "import", "-h"}, []string{"import FILE", "-via", "-at", "-rate", "-column", "-dry-run"}},
		{[]string{"version"}, []string{version.Line()}},
	} {
		var out bytes.Buffer
		err := run(t.Context(), c.args, &out, &out)
		if err != nil && !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%q: %v", c.args, err)
		}
		for _, says := range c.says {
			if !strings.Contains(out.String(), says) {
				t.Errorf("%q does not say %q: %s", c.args, says, out.String())
			}
		}
	}
}

// An event that cannot be handled becomes a dead letter, which is explained, handled again when its cause is repaired, and
// others are dropped.
func TestDeadLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const event = `{"version":"0","id":"e-17","source":"shop","detail-type":"MessageRequested",` +
		`"account":"000000000000","time":"2026-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],` +
		`"detail":{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동",` +
		`"variables":{"주문번호":"A-17"}}],"reference":"order-17"}}`
	for _, body := range []string{event, "no event at all"} {
		if err := w.system.AWS.Send(system.DeadLetters, body); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) (string, error) {
		var out bytes.Buffer
		// Each command is a process of its own, which does not have in its hands what the one before has read.
		err := deadLetters(t.Context(), w.found(t), args, &out)
		return out.String(), err
	}
	out, err := run()
	if err != nil || !strings.Contains(out, "2 dead letters") || !strings.Contains(out, "MessageRequested") ||
		!strings.Contains(out, "cannot be read as an event") || strings.Contains(out, "5678") {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(out, "\n")
	first := lines[0]
	if _, err := run("again"); err == nil || !strings.Contains(err.Error(), "again what") {
		t.Errorf("again without ids: %v", err)
	}
	out, err = run("again", "all")
	if err == nil || !strings.Contains(err.Error(), "could not be handled this time either") || !strings.Contains(out, first+" handled") {
		t.Errorf("%v\n%s", err, out)
	}
	found, err := w.stack.API.Messages(t.Context(), searchFor("order-17"))
	if err != nil || len(found.Messages) != 1 {
		t.Errorf("the event became %d messages: %v", len(found.Messages), err)
	}
	if out, err = run("drop", "all"); err != nil || strings.Count(out, " dropped") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	if ready, hidden := w.system.AWS.QueueDepth(system.DeadLetters); ready+hidden != 0 {
		t.Errorf("%d dead letters are left", ready+hidden)
	}
	if out, err = run(); err != nil || out != "0 dead letters\nThose that somebody has read in the last 10 seconds are hidden.\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = run("again", "all"); err != nil || out != "0 dead letters\n" {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run("drop", first); err == nil || !errors.Is(err, err) || !strings.Contains(err.Error(), "no such dead letter") {
		t.Errorf("dropping it once more: %v", err)
	}
}

func searchFor(reference string) page.Search { return page.Search{Reference: reference, Limit: 10} }
