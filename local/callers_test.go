package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/intake"
)

func TestCaller(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id, scopes string
		want       []string
		// wrong is what the flags' error says, nobody that nobody calls.
		wrong  string
		nobody bool
	}{
		{id: "developer", scopes: allScopes(), want: intake.Scopes()},
		{id: "web", scopes: "messages:send messages:read", want: []string{"messages:send", "messages:read"}},
		{id: "web", scopes: "messages:send,messages:read", want: []string{"messages:send", "messages:read"}},
		{id: "web", scopes: ""},
		{id: "", scopes: allScopes(), nobody: true},
		{id: "web", scopes: "messages:write", wrong: `there is no scope "messages:write", only messages:send`},
	} {
		identify, err := caller(c.id, c.scopes)
		if err != nil {
			if c.wrong == "" || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q %q: %v", c.id, c.scopes, err)
			}
			continue
		}
		got, err := identify(nil)
		if c.wrong != "" || (err != nil) != c.nobody || got.ID != c.id || err == nil && !slices.Equal(got.Scopes, c.want) {
			t.Errorf("%q %q: %+v, %v", c.id, c.scopes, got, err)
		}
	}
}

// The flags let a frontend's 401, 403 and limits be tried.
func TestFlagsSayWhoCalls(t *testing.T) {
	t.Parallel()
	printed, _ := start(t, "-caller", "web", "-scopes", "messages:send")
	at := regexp.MustCompile(`http://\S+`)
	url := at.FindString(printed)
	if got := do(t, "curl "+url+"/v1/balance"); !strings.Contains(got, "insufficient-scope") {
		t.Errorf("the balance: %s", got)
	}
	printed, _ = start(t, "-caller", "")
	url = at.FindString(printed)
	if got := do(t, "curl "+url+"/v1/templates"); !strings.Contains(got, "unauthenticated") {
		t.Errorf("nobody: %s", got)
	}
}

// What the page and errors about time measure by is said at the start.
func TestTheSystemsTimeIsPrinted(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for speed, want := range map[float64]string{
		1:  "It is 2026-12-01T00:00:00Z here.",
		60: "It is 2026-12-01T00:00:00Z here, and time runs 60 times as fast as the wall's from now on: sendAt and expiresAt are of this time.",
	} {
		var printed strings.Builder
		if welcome(&printed, "", "", "", systemTime(at, speed)); !strings.Contains(printed.String(), "\n"+want+"\n") {
			t.Errorf("-speed %v: %s", speed, printed.String())
		}
	}
}

// The check that follows a deployment can be made here, too.
func TestTheWayToAligoCanBeChecked(t *testing.T) {
	t.Parallel()
	printed, _ := start(t)
	url := regexp.MustCompile(`AWS-compatible endpoint\s+(http://\S+)`).FindStringSubmatch(printed)[1]
	name := regexp.MustCompile(`--function-name (\S+)`).FindStringSubmatch(printed)[1]
	got := do(t, "curl "+url+"/2015-03-31/functions/"+name+"/invocations -d '{}'")
	if !strings.HasPrefix(got, `{"reachable":true,"registered":true,"credentials":true,"sms":`) {
		t.Errorf("%s: %s", name, got)
	}
}

func TestReadOrigins(t *testing.T) {
	t.Parallel()
	if got, err := readOrigins(filepath.Join("..", defaultStack)); err != nil || !slices.Equal(got, []string{"http://localhost:5173"}) {
		t.Errorf("got %q, %v", got, err)
	}
	none := filepath.Join(t.TempDir(), "Pulumi.none.yaml")
	if err := os.WriteFile(none, []byte("config: {}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readOrigins(none); err != nil || len(got) > 0 {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := readOrigins(none + "x"); err == nil {
		t.Error("a file that is not there")
	}
}

func TestReadPolicy(t *testing.T) {
	t.Parallel()
	if got, err := readPolicy(filepath.Join("..", defaultStack)); err != nil || len(got.Templates) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
	file := filepath.Join(t.TempDir(), "Pulumi.shop.yaml")
	for content, says := range map[string]string{
		`config: { templates:TX_1: { 주문번호: { pattern: "A-[0-9]+", maxLength: 7, address: true } }, api:throttleRate: 7 }`: "",
		`config: { templates:TX_1: { 주문번호: { pattern: "(" } } }`:                                                          "error parsing regexp",
		`config: { templates:TX_1: { 주문번호: { length: 7 } } }`:                                                             "unknown field",
		`config: { templates:TX_1: 7 }`: "templates:TX_1",
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readPolicy(file)
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) ||
			err == nil && got.Templates["TX_1"]["주문번호"].MaxLength != 7 {
			t.Errorf("%s: %v, %v", content, got, err)
		}
	}
	if _, err := readPolicy(file + "x"); err == nil {
		t.Error("a file that is not there")
	}
}

func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	const page, other = "http://localhost:5173", "http://elsewhere.example"
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, c := range []struct {
		name, method, origin string
		origins              []string
		preflight            bool
		status               int
		allowed              string
	}{
		{"a page's request", "GET", page, []string{page}, false, 418, page},
		{"a page's preflight", "OPTIONS", page, []string{page}, true, 204, page},
		{"another page's request", "GET", other, []string{page}, false, 418, ""},
		{"another page's preflight", "OPTIONS", other, []string{page}, true, 204, ""},
		{"no page", "GET", "", []string{page}, false, 418, ""},
		{"OPTIONS without a page", "OPTIONS", "", []string{page}, false, 418, ""},
		{"no origins", "OPTIONS", page, nil, true, 418, ""},
	} {
		r := httptest.NewRequestWithContext(context.WithoutCancel(t.Context()), c.method, "/v1/messages", nil)
		if c.origin != "" {
			r.Header.Set("Origin", c.origin)
		}
		if c.preflight {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		w := httptest.NewRecorder()
		crossOrigin(c.origins, api).ServeHTTP(w, r)
		h := w.Header()
		if w.Code != c.status || h.Get("Access-Control-Allow-Origin") != c.allowed ||
			(h.Get("Access-Control-Allow-Methods") != "") != (c.allowed != "" && c.preflight) ||
			(h.Get("Access-Control-Expose-Headers") != "") != (c.allowed != "" && !c.preflight) {
			t.Errorf("%s: %d %v", c.name, w.Code, h)
		}
	}
}
