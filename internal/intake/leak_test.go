package intake_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// hostile is a value of which nothing may leave: its letters and digits, four in a row, are in no word of ours.
func hostile() *rapid.Generator[string] {
	alphabets := []string{"สมชายใจดีกขคง", "QXZJKVYWB", "789", "ისუპ", "鑫淼焱垚", "💳🔑🏦🧾", "ÅÇÊŒŸ"}
	return rapid.Custom(func(t *rapid.T) string {
		return rapid.StringOfN(rapid.SampledFrom([]rune(rapid.SampledFrom(alphabets).Draw(t, "alphabet"))), 4, 24, -1).Draw(t, "hostile")
	})
}

// poisoned is a request with hostile values, and among the names of members hostile ones, at random places.
func poisoned(t *rapid.T) (body map[string]any, secrets []string) {
	secret := func() string {
		s := hostile().Draw(t, "value")
		secrets = append(secrets, s)
		return s
	}
	const sometimes = 3
	maybe := func() bool { return rapid.IntRange(0, sometimes).Draw(t, "maybe") == 0 }
	text := func() any {
		switch rapid.IntRange(0, 3).Draw(t, "text") {
		case 0:
			return "#{" + secret() + "} " + secret()
		case 1:
			return "#{" + secret()
		case 2:
			return map[string]any{secret(): secret()}
		}
		return secret() + "😀\u0007"[:rapid.SampledFrom([]int{0, 4, 5}).Draw(t, "end")]
	}
	recipient := map[string]any{"to": "010-1234-5678", "name": "홍길동", "variables": map[string]any{"주문번호": "A-17"}}
	body = map[string]any{"template": "TX_1234", "recipients": []any{recipient}}
	fallback := map[string]any{}
	if maybe() {
		delete(body, "template")
		body["channel"], body["text"] = "sms", text()
	} else if maybe() {
		body["fallback"] = fallback
	}
	for _, o := range []struct {
		members map[string]any
		names   []string
	}{
		{body, []string{"channel", "template", "text", "title", "fallback", "sendAt", "expiresAt"}},
		{recipient, []string{"to", "name", "variables"}},
		{fallback, []string{"enabled", "text", "title", "after", "onUnknown"}},
	} {
		for _, name := range o.names {
			if maybe() {
				o.members[name] = text()
			}
		}
		if maybe() {
			o.members[secret()] = secret()
		}
	}
	if values, ok := recipient["variables"].(map[string]any); ok {
		for maybe() {
			values[secret()] = text()
		}
		if maybe() {
			values["주문번호"] = text()
		}
	}
	return body, secrets
}

// leaked is the first run of four characters of a secret that is in what was said, in one of the ways to write it.
func leaked(said string, secrets []string) string {
	const run = 4
	// The time of a line in the log has digits of its own.
	said = regexp.MustCompile(`"time":"[^"]*"`).ReplaceAllString(said, "")
	for _, secret := range secrets {
		runes := []rune(secret)
		for i := 0; i+run <= len(runes); i++ {
			part := string(runes[i : i+run])
			quoted, _ := json.Marshal(part)
			for _, written := range []string{part, strings.Trim(string(quoted), `"`), url.PathEscape(part)} {
				if strings.Contains(said, written) {
					return part
				}
			}
		}
	}
	return ""
}

// Nothing that somebody has written leaves through an answer, an event or the log, whatever is wrong with it.
func TestNothingThatOthersWroteLeaves(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	refused, rejected := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		body, secrets := poisoned(rt)
		text, err := json.Marshal(body)
		if err != nil {
			rt.Fatal(err)
		}
		secret := hostile().Draw(rt, "path")
		secrets = append(secrets, secret)
		broken := rapid.SampledFrom([]string{"", "", "", secret, `,"a"`}).Draw(rt, "rest")
		caller := rapid.SampledFrom([]string{service, untrusted}).Draw(rt, "caller")
		path := rapid.SampledFrom([]string{"/v1/messages", "/v1/messages", "/v1/messages", "/v1/" + url.PathEscape(secret)}).Draw(rt, "path")
		s.log.Reset()
		got := s.do(t, http.MethodPost, path, caller, string(text)+broken)
		if got.StatusCode >= http.StatusBadRequest {
			refused++
		}
		// The id of a message is not made of what it says.
		said := string(got.body) + s.log.String() + strings.Join(slices.Concat(slices.Collect(maps.Values(got.Header))...), " ")
		if got.StatusCode < http.StatusBadRequest {
			said = s.log.String()
		}
		if found := leaked(said, secrets); found != "" {
			rt.Fatalf("%q of %s is in %s", found, text, said)
		}
		d := newDoor()
		if err := d.handle(t, event("e-1", string(text))); err != nil {
			rt.Fatal(err)
		}
		events := strings.Join(d.rejections(t), " ")
		if events != "" {
			rejected++
		}
		if found := leaked(events+d.log.String(), secrets); found != "" {
			rt.Fatalf("%q of %s is in %s %s", found, text, events, d.log)
		}
	})
	t.Logf("%d refused, %d rejected", refused, rejected)
	if refused == 0 || rejected == 0 {
		t.Error("the generator does not reach every kind of answer")
	}
}

func TestUnknownMethodsAndPathsAreNotRepeated(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, r := range []struct{ method, path string }{
		{"GET", "/01012345678"}, {"GET", "/v1/01012345678"}, {"PATCH", "/v1/messages/01012345678"}, {"X01012345678", "/v1/messages"},
		{"GET", "/v1/messages/01012345678"}, {"GET", "/v1/templates/01012345678"}, {"GET", "/v1//01012345678"},
	} {
		got := s.do(t, r.method, r.path, service, "")
		if said := string(got.body) + s.log.String(); strings.Contains(said, "01012345678") {
			t.Errorf("%s %s: %s", r.method, r.path, said)
		}
	}
}
