package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestExamples runs each example of docs against the system, through a network that loses an answer and then has a server that
// cannot: the message is accepted once, the key and the body are the same each time, and a refusal is not tried again. An
// example whose language is not on this machine is left out.
func TestExamples(t *testing.T) {
	t.Parallel()
	dir, err := filepath.Abs("../docs/examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range []string{"Python", "Java", "TypeScript"} {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			line := example(t, language, dir)
			printed, _ := start(t, "-speed", "200")
			api := regexp.MustCompile(`API and inbox page\s+(http://\S+)`).FindStringSubmatch(printed)[1]
			phones := regexp.MustCompile(`Aligo stand-in\s+(http://\S+)`).FindStringSubmatch(printed)[1] + "/_standin/messages"
			network := newUnreliable(t, api)
			run := func(arguments ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), line[0], append(line[1:], arguments...)...)
				cmd.Env = append(os.Environ(), "SMS_API="+network.URL, "LC_ALL=C.UTF-8")
				// What a runtime has to say about itself is no answer.
				var said bytes.Buffer
				cmd.Stderr = &said
				out, err := cmd.Output()
				if err != nil {
					out = append(out, said.Bytes()...)
				}
				return string(out), err
			}

			out, err := run("A-17", "010-1234-5678", "홍길동")
			var accepted struct{ ID string }
			if err != nil || json.Unmarshal([]byte(out), &accepted) != nil || accepted.ID == "" {
				t.Fatalf("%v: %s", err, out)
			}
			waitFor(t, api+"/v1/messages/"+accepted.ID, `"status":"delivered"`)
			if got := do(t, "curl "+phones); strings.Count(got, `"channel"`) != 1 || !strings.Contains(got, "홍길동") {
				t.Errorf("the phones received %s", got)
			}
			network.mu.Lock()
			if len(network.bodies) != 3 || network.bodies[0] != network.bodies[2] || network.keys[0] == "" || network.keys[0] != network.keys[2] {
				t.Errorf("it was asked with the keys %q and the bodies %q", network.keys, network.bodies)
			}
			network.mu.Unlock()

			out, err = run("A-18", "010-12", "홍길동")
			if err == nil || !strings.Contains(out, "/recipients/0/to") || !strings.Contains(out, "urn:sms-api:problem:invalid-message") {
				t.Errorf("a number that is none: %v: %s", err, out)
			}
			network.mu.Lock()
			defer network.mu.Unlock()
			if len(network.bodies) != 4 {
				t.Errorf("what was refused was asked %d times", len(network.bodies)-3)
			}
		})
	}
}

// example is how the one in a language is run.
func example(t *testing.T, language, dir string) []string {
	t.Helper()
	switch language {
	case "Python":
		return []string{tool(t, "python3"), filepath.Join(dir, "send.py")}
	case "Java":
		// A text in the command line is UTF-8 only where the shell's language says so.
		return []string{tool(t, "java"), "-Dsun.jnu.encoding=UTF-8", "-Dfile.encoding=UTF-8", filepath.Join(dir, "Send.java")}
	default:
		return typeScript(t, filepath.Join(dir, "send.ts"))
	}
}

// tool is a program of this machine; the test is left out without it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s here", name)
	}
	return path
}

// typeScript is how the file is run: by a Node that takes types out, or compiled first.
func typeScript(t *testing.T, file string) []string {
	t.Helper()
	node := tool(t, "node")
	version, err := exec.CommandContext(t.Context(), node, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	parts := regexp.MustCompile(`v(\d+)\.(\d+)`).FindStringSubmatch(string(version))
	if parts == nil {
		t.Fatalf("node is of version %s", version)
	}
	major, _ := strconv.Atoi(parts[1])
	minor, _ := strconv.Atoi(parts[2])
	if major > 22 || major == 22 && minor >= 18 {
		return []string{node, "--no-warnings", file}
	}
	compiler, err := exec.LookPath("tsc")
	if err != nil {
		t.Skipf("node %s takes no types, and there is no tsc here", bytes.TrimSpace(version))
	}
	out := t.TempDir()
	said, err := exec.CommandContext(t.Context(), compiler, "--strict", "--target", "es2022", "--module", "es2022", "--outDir", out, file).
		CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if err := os.Rename(filepath.Join(out, "send.js"), filepath.Join(out, "send.mjs")); err != nil {
		t.Fatal(err)
	}
	return []string{node, filepath.Join(out, "send.mjs")}
}

// unreliable is a network before the API: the answer to the first request is lost after it was accepted, and the second finds a
// server that cannot.
type unreliable struct {
	*httptest.Server
	mu           sync.Mutex
	keys, bodies []string
}

func newUnreliable(t *testing.T, api string) *unreliable {
	t.Helper()
	target, err := neturl.Parse(api)
	if err != nil {
		t.Fatal(err)
	}
	u, proxy := &unreliable{}, httputil.NewSingleHostReverseProxy(target)
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		u.mu.Lock()
		u.keys, u.bodies = append(u.keys, r.Header.Get("Idempotency-Key")), append(u.bodies, string(body))
		n := len(u.bodies)
		u.mu.Unlock()
		switch n {
		case 1:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler) // the connection is closed without an answer
		case 2:
			w.Header().Set("Retry-After", "0")
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"type":"urn:sms-api:problem:unavailable","title":"Unavailable","status":503}`)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(u.Close)
	return u
}
