package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oapi-codegen/oapi-codegen/v2/pkg/codegen"
	_ "github.com/oapi-codegen/runtime" // what the generated client imports

	"sms-api/internal/testkit"
	"sms-api/internal/version"
	"sms-api/internal/webhook"
	"sms-api/local/system"
)

// output is what the program prints, and a signal when it has printed all of its welcome.
type output struct {
	mu      sync.Mutex
	b       bytes.Buffer
	once    sync.Once
	welcome chan struct{}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.b.Write(p)
	if strings.Contains(o.b.String(), "Ctrl-C") {
		o.once.Do(func() { close(o.welcome) })
	}
	return n, err
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs the program on ports of its own and returns what it printed and a function that interrupts it.
func start(t *testing.T, flags ...string) (printed string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &output{welcome: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append([]string{"-listen", "127.0.0.1:0", "-aws", "localhost:0", "-aligo", "127.0.0.1:0"}, flags...), out)
	}()
	select {
	case <-out.welcome:
	case err := <-ended:
		t.Fatalf("it ended before it had begun: %v", err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("an interrupt ends it with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return out.String(), stop
}

func TestThePrintedLinesWork(t *testing.T) {
	t.Parallel()
	s := newShell(t, true)
	lines := regexp.MustCompile(`(?m)^  ((?:curl|export|aws) .*)$`).FindAllStringSubmatch(s.printed, -1)
	answers := []string{
		`"status":"accepted"`, later + `"to": "01012345678"`, `"status":"accepted"`,
		"", `"FailedEntryCount": 0`, later + `"executionArn"`, later + "(?s)Send AlimTalk.*ExecutionSucceeded",
		`"reachable":true,"registered":true`,
	}
	if len(lines) != len(answers) {
		t.Fatalf("%d lines are printed, want %d:\n%s", len(lines), len(answers), s.printed)
	}
	for i, line := range lines {
		s.do(s.parse(line[1])[0], answers[i])
	}
	s.do(s.parse("curl -sS 127.0.0.1:8081/_standin/messages")[0], later+`"channel": "sms"`)
}

// do makes the request of a curl line: everybody who has Go can run the tests, whether or not they have curl.
func do(t *testing.T, curl string) string {
	t.Helper()
	method, body := http.MethodGet, ""
	if data := regexp.MustCompile(`-d '([^']*)'`).FindStringSubmatch(curl); data != nil {
		method, body = http.MethodPost, data[1]
	}
	req, err := http.NewRequestWithContext(t.Context(), method, regexp.MustCompile(`http://\S+`).FindString(curl), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header := regexp.MustCompile(`-H '([^:]*): ([^']*)'`).FindStringSubmatch(curl); header != nil {
		req.Header.Set(header[1], header[2])
	}
	_, _, answer := testkit.Do(t, http.DefaultClient, req)
	return string(answer)
}

// waitFor asks until the answer has the text, or the test's time is over.
func waitFor(t *testing.T, url, text string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		resp, err := http.Get(url) //nolint:noctx // the loop has a deadline of its own
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.Contains(string(body), text):
			return
		case time.Now().After(deadline):
			t.Fatalf("%s never says %s, but %s", url, text, body)
		}
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	wrong := filepath.Join(t.TempDir(), "Pulumi.wrong.yaml")
	const webhooks = "config:\n  events:webhooks:\n    - { name: crm, url: \"ftp://crm.example.com\", detailTypes: [Foo] }\n"
	if err := os.WriteFile(wrong, []byte(webhooks), 0o600); err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		`"Foo" is none of`:                  {"-listen", "127.0.0.1:0", "-aws", "127.0.0.1:0", "-aligo", "127.0.0.1:0", "-stack", wrong},
		"is in use; choose other addresses": {"-listen", taken.Addr().String(), "-aws", "127.0.0.1:0", "-aligo", "127.0.0.1:0"},
		"is not a loopback address":         {"-listen", "0.0.0.0:8080"},
		"is not host:port":                  {"-listen", "127.0.0.1:0", "-aws", "nowhere"},
		"-speed is 0":                       {"-speed", "0"},
		"unknown argument":                  {"hello"},
		"flag provided but not defined":     {"-colour"},
		"do not go together":                {"-process", "-speed", "2"},
		"read the routes":                   {"-listen", "127.0.0.1:0", "-aws", "127.0.0.1:0", "-aligo", "127.0.0.1:0", "-stack", "nowhere.yaml"},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want an error that says %q", args, err, says)
		}
	}
}

// The example's routes turn orders into messages to those whom the order says, whatever else is in it.
func TestTheExamplesRoutesTurnOrdersIntoMessages(t *testing.T) {
	t.Parallel()
	printed, _ := start(t, "-speed", "200", "-stack", "../"+defaultStack)
	at := func(name string) string {
		return regexp.MustCompile(name + `\s+(http://\S+)`).FindStringSubmatch(printed)[1]
	}
	for _, e := range []struct{ detailType, detail string }{
		{"OrderPaid", `{"order":{"id":"A-20"},"customer":{"name":"홍길동","phone":"010-1234-5678"}}`},
		{"OrderPaid", `{"order":{"id":"A-21"},"customer":{"name":"O\"Neil","phone":"010-1234-5679"}}`},
		{"OrderPaid", `{"order":{"id":"A-22"},"customer":{"phone":"010-1234-5670",` +
			`"name":"x\",\"variables\":{}},{\"to\":\"010-9999-8888\",\"name\":\"m"}}`},
		{"OrderShipped", `{"order":{"id":"A-23"},"parcels":[{"phone":"010-2345-6781","name":"김","invoice":41},` +
			`{"phone":"010-2345-6782","name":"이","invoice":"42"}]}`},
	} {
		entries, err := json.Marshal(map[string]any{"Entries": []any{map[string]string{
			"EventBusName": system.BusName, "Source": "com.example.shop", "DetailType": e.detailType, "Detail": e.detail,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		do(t, fmt.Sprintf(`curl %s -H 'X-Amz-Target: AWSEvents.PutEvents' -d '%s'`, at("AWS-compatible endpoint"), entries))
	}
	phones := at("Aligo stand-in") + "/_standin/messages"
	for _, to := range []string{"01012345678", "01012345679", "01012345670", "01023456781", "01023456782"} {
		waitFor(t, phones, to)
	}
	got := do(t, "curl "+phones)
	n := strings.Count(got, `"channel": "alimtalk"`)
	if n != 5 || strings.Contains(got, `"01099998888"`) || !strings.Contains(got, `O\"Neil`) {
		t.Errorf("%d AlimTalk:\n%s", n, got)
	}
}

// TestAGeneratedClientDrivesTheAPI generates a client from the OpenAPI document and lets it talk to the running system.
func TestAGeneratedClientDrivesTheAPI(t *testing.T) {
	t.Parallel()
	printed, _ := start(t, "-speed", "200")
	url := regexp.MustCompile(`API and inbox page\s+(http://\S+)`).FindStringSubmatch(printed)[1]
	doc, err := openapi3.NewLoader().LoadFromData([]byte(do(t, "curl "+url+"/v1/openapi.json")))
	if err != nil {
		t.Fatal(err)
	}
	generated, err := codegen.Generate(doc, codegen.Configuration{
		PackageName: "main", Generate: codegen.GenerateOptions{Client: true, Models: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join("testdata", "client", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"client.go": generated, "main.go": string(program)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Files given by name are compiled with the modules of the folder that the command runs in: this one.
	run := exec.CommandContext(t.Context(), "go", "run", filepath.Join(dir, "client.go"), filepath.Join(dir, "main.go"), url)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// A webhook of the stack's file on this machine is called; one elsewhere is not, unless it is asked for.
func TestWebhooksOfTheStack(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r }))
	t.Cleanup(receiver.Close)
	file := filepath.Join(t.TempDir(), "Pulumi.test.yaml")
	if err := os.WriteFile(file, []byte("config:\n  events:webhooks:\n    - { name: crm, url: "+receiver.URL+"/hooks, header: X-Shop }\n"+
		"    - { name: partner, url: https://partner.invalid/hooks }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, stop := start(t, "-speed", "200", "-stack", file)
	for _, line := range []string{
		"Webhook crm: MessageSettled go to " + receiver.URL + "/hooks, with X-Shop: local\n", "Webhook partner is not called: ",
	} {
		if !strings.Contains(printed, line) {
			t.Errorf("it does not print %q:\n%s", line, printed)
		}
	}
	do(t, regexp.MustCompile(`(?m)^  (curl .*)$`).FindStringSubmatch(printed)[1])
	if r := <-got; r.URL.Path != "/hooks" || r.Header.Get("X-Shop") != "local" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	page := regexp.MustCompile(`API and inbox page\s+(http://\S+)`).FindStringSubmatch(printed)[1]
	waitFor(t, page+"/inbox/events", `"taken":true`)
	stop()
	called, elsewhere, err := readWebhooks(file, true)
	if err != nil || len(called) != 2 || len(elsewhere) != 0 {
		t.Errorf("with -webhooks: %v, %v, %v", called, elsewhere, err)
	}
}

// What the page on events has as an example is taken, and says what is left open.
func TestWebhooksOfTheDocs(t *testing.T) {
	t.Parallel()
	example := regexp.MustCompile("(?s)```yaml\n(events:webhooks:.*?)```").FindStringSubmatch(testkit.File(t, "../docs/events.md"))
	if example == nil {
		t.Fatal("there is no example")
	}
	file := filepath.Join(t.TempDir(), "Pulumi.test.yaml")
	text := "config:\n" + regexp.MustCompile("(?m)^").ReplaceAllString(example[1], "  ")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	webhooks, _, err := readWebhooks(file, true)
	if err != nil || len(webhooks) != 1 {
		t.Fatalf("%v, %v", webhooks, err)
	}
	if err := webhooks[0].Check(false); err != nil {
		t.Error(err)
	}
	w, left := webhooks[0], webhook.Webhook{Name: webhooks[0].Name}.Complete("/sms-api/STACK")
	if !slices.Equal(w.DetailTypes, left.DetailTypes) || w.Header != left.Header || w.Rate != left.Rate {
		t.Errorf("it calls %+v the default, which is %+v", w, left)
	}
}

// The commands are those that there are, and what each does is said.
func TestHelp(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	for _, asked := range []string{"help", "-h", "-help"} {
		printed.Reset()
		if err := run(t.Context(), []string{asked}, &printed); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("%s: %v", asked, err)
		}
		for _, name := range []string{"bench", "cost", "route", "version", "help"} {
			if !regexp.MustCompile(`(?m)^  ` + name + ` +[a-z].{10,}$`).MatchString(printed.String()) {
				t.Errorf("%s does not say what %s does:\n%s", asked, name, &printed)
			}
		}
		if !strings.Contains(printed.String(), "-speed") {
			t.Errorf("%s does not name the flags", asked)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var printed bytes.Buffer
	err := run(t.Context(), []string{"version"}, &printed)
	if err != nil || !strings.HasPrefix(printed.String(), "sms-api "+version.Number+", go") {
		t.Errorf("%v: %s", err, &printed)
	}
}

// Other machines reach it only if it is asked for, and then it finds itself all the same.
func TestAnywhere(t *testing.T) {
	t.Parallel()
	l, err := listen(t.Context(), "0.0.0.0:0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if !strings.HasPrefix(url(l), "http://127.0.0.1:") {
		t.Errorf("it finds itself at %s", url(l))
	}
}
