package intake_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/testkit"

	"github.com/getkin/kin-openapi/openapi3filter"
	"pgregory.net/rapid"
)

// schemaRefuses says why the OpenAPI document refuses a body, or nil.
func (s *system) schemaRefuses(tb testing.TB, body string) error {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/messages", nil)
	request.Header.Set("Content-Type", "application/json")
	route, parameters, err := s.router.FindRoute(request)
	if err != nil {
		tb.Fatal(err)
	}
	request.Body = io.NopCloser(strings.NewReader(body))
	return openapi3filter.ValidateRequest(tb.Context(), &openapi3filter.RequestValidationInput{
		Request: request, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
}

// beyondSchema are the rules that a JSON Schema cannot express.
var beyondSchema = regexp.MustCompile(strings.Join([]string{
	`^/recipients/\d+/to is (not a Korean telephone number|a premium-rate number|a business number|the same number as)`,
	`^/recipients/\d+/to has a country code`,
	`SMS cannot carry `, ` bytes (long )?in CP949`, ` is blank$`, ` leave \S+ blank$`,
	` have no value for `, `is missing: the template has #\{`, `do not fit the template`, `has a #\{ that does not begin`,
	`cannot have placeholders`, `has a control character`, `has a name that no placeholder has`,
	`^/template is not the code of an approved template$`,
	`^/sendAt is (more than|out of range)`, `^/expiresAt (is over|must be after sendAt|is more than|is before)`, `must be an RFC 3339 time`,
	`^/(sendAt|expiresAt) (has|is on|is at) `,
	`^/fallback/after (is longer than the message lives|must be from 5s to 24h)`, `makes no sense while fallback\.enabled is false`,
}, "|"))

// objects are those of a request, by what stands before the names of their members in the pool.
func objects() map[string]string {
	return map[string]string{"": "AlimTalkRequest", "fallback/": "Fallback", "recipient/": "Recipient"}
}

// pool are the values, right and wrong, that members of a request are given: those below, and for a member that needs
// none of its own what its type and length suggest.
func pool(tb testing.TB) map[string][]any {
	tb.Helper()
	values := known()
	for prefix, object := range objects() {
		for name, schema := range schemas(tb)[object] {
			if values[prefix+name] != nil {
				continue
			}
			values[prefix+name] = []any{"order-17", "", "a\tb", 17, true, nil}
			if most, ok := schema["maxLength"].(float64); ok {
				values[prefix+name] = append(values[prefix+name], strings.Repeat("가", int(most)), strings.Repeat("가", int(most)+1))
			}
			if words, ok := schema["enum"].([]any); ok {
				values[prefix+name] = append(values[prefix+name], words...)
			}
		}
	}
	return values
}

func known() map[string][]any {
	long := strings.Repeat("가", 1001)
	return map[string][]any{
		"channel":   {"alimtalk", "sms", "email", "", nil, 1},
		"template":  {"TX_1234", "TX_5678", "TX_9999", "", "두", strings.Repeat("T", 65), nil, 1},
		"text":      {"안녕", "#{고객명}", "#{a}", "😀", "", " ", long, long + long, "#{", "\u0000", 1},
		"title":     {"제목", "", strings.Repeat("a", 45), strings.Repeat("가", 23), "#{a}", "a\nb", nil},
		"sendAt":    {"2026-12-02T00:00:00Z", "2026-11-30T12:00:00Z", "2020-01-01T00:00:00Z", "2027-12-01T00:00:00+09:00", "tomorrow", "", 1},
		"expiresAt": {"2026-12-03T00:00:00Z", "2020-01-01T00:00:00Z", "2027-12-01T00:00:00+09:00", "2026-12-03", nil},
		"colour":    {"red"},
		"fallback":  {map[string]any{}, "none", nil, []any{}},
		"recipients": {
			[]any{}, map[string]any{}, nil, []any{"010-1234-5678"}, []any{map[string]any{}}, many(500), many(501),
		},
		"fallback/enabled":   {true, false, "yes", nil},
		"fallback/text":      {"#{고객명}", "안녕", "😀", "", 1},
		"fallback/title":     {"제목", "#{a}", ""},
		"fallback/after":     {"5m", "1h30m", "24h", "1s", "25h", "", "5", "5 minutes", "1.5h", 5, nil},
		"fallback/onUnknown": {"none", "sms", "", "both", nil},
		"fallback/failover":  {"Y"},
		"recipient/to": {
			"+82 10-1234-5678", "02-123-4567", "1588-0000", "060-700-1234", "+1 415 555 2671", "010", "", "phone", strings.Repeat("0", 33), 1, nil,
		},
		"recipient/name": {"홍길동", "", "😀", "#{a}", strings.Repeat("가", 101), "a\nb", 1},
		"recipient/variables": {
			map[string]any{"주문번호": "A-17"}, map[string]any{"주문번호": "#{a}"}, map[string]any{}, map[string]any{"a": 1}, map[string]any{"": ""},
			map[string]any{"{": ""}, map[string]any{"a\u0000": ""}, map[string]any{"a": strings.Repeat("가", 1001)}, []any{}, nil,
		},
		"recipient/phone": {"010-1234-5678"},
	}
}

func many(n int) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"to": "010-1234-" + string(rune('0'+i/1000%10)) + string(rune('0'+i/100%10)) + string(rune('0'+i/10%10)) +
			string(rune('0'+i%10))}
	}
	return list
}

// request is a right one with up to three members set to something, or taken away.
func request(t *rapid.T, values map[string][]any) map[string]any {
	recipient := map[string]any{"to": "010-1234-5678", "name": "홍길동", "variables": map[string]any{"주문번호": "A-17"}}
	other := map[string]any{"to": "010-1234-5679", "name": "김영희", "variables": map[string]any{"주문번호": "A-18"}}
	fallback := map[string]any{}
	o := map[string]any{"recipients": []any{recipient, other}}
	if rapid.Bool().Draw(t, "sms") {
		o["channel"], o["text"] = "sms", "#{고객명}님, 주문 #{주문번호}"
	} else {
		o["template"], o["fallback"] = "TX_1234", fallback
	}
	names := slices.Sorted(maps.Keys(values))
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		name := rapid.SampledFrom(names).Draw(t, "member")
		target, field := o, name
		if rest, ok := strings.CutPrefix(name, "fallback/"); ok {
			target, field = fallback, rest
		} else if rest, ok := strings.CutPrefix(name, "recipient/"); ok {
			target, field = recipient, rest
		}
		if rapid.IntRange(0, 5).Draw(t, "away") == 0 {
			delete(target, field)
			continue
		}
		target[field] = rapid.SampledFrom(values[name]).Draw(t, name)
	}
	return o
}

// What the document refuses the API refuses, and what the API refuses beyond that is what no schema can express.
func TestSchemaAndRulesAgree(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	values := pool(t)
	accepted, both, rulesOnly := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		body, err := json.Marshal(request(rt, values))
		if err != nil {
			rt.Fatal(err)
		}
		before := s.store.count()
		got := s.do(t, http.MethodPost, "/v1/messages", service, string(body))
		refusal := s.schemaRefuses(t, string(body))
		switch got.StatusCode {
		case http.StatusAccepted:
			accepted++
			if refusal != nil || s.store.count() != before+1 {
				rt.Fatalf("%s was accepted; the document says %v; %d messages more", body, refusal, s.store.count()-before)
			}
		case http.StatusUnprocessableEntity:
			if s.store.count() != before {
				rt.Fatalf("%s was refused and started", body)
			}
			if refusal != nil {
				both++
				return
			}
			rulesOnly++
			for _, e := range got.pointers(t) {
				if !beyondSchema.MatchString(e) {
					rt.Fatalf("%s\nis refused because %q, of which the document says nothing", body, e)
				}
			}
		default:
			rt.Fatalf("%s: %d %s", body, got.StatusCode, got.body)
		}
	})
	t.Logf("%d accepted, %d refused by both, %d by the rules only", accepted, both, rulesOnly)
	if accepted == 0 || both == 0 || rulesOnly == 0 {
		t.Error("the generator does not reach every kind of answer")
	}
}

// A member that the document has and nobody reads is named here.
func TestEveryMemberOfARequestIsRead(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for prefix, object := range objects() {
		members := schemas(t)[object]
		if len(members) == 0 {
			t.Errorf("the document has no %s", object)
		}
		for name := range members {
			body, parent := `{"`+name+`":null}`, ""
			switch prefix {
			case "fallback/":
				body, parent = `{"fallback":`+body+`}`, "/fallback"
			case "recipient/":
				body, parent = `{"recipients":[`+body+`]}`, "/recipients/0"
			}
			for _, e := range s.do(t, http.MethodPost, "/v1/messages", service, body).pointers(t) {
				if strings.HasPrefix(e, parent+" has a member that is not known") {
					t.Errorf("the document has %s of %s, and nobody reads it", name, object)
				}
			}
		}
	}
}

// The table of members in docs tells of each.
func TestReadmeHasTheMembersOfARequest(t *testing.T) {
	t.Parallel()
	table := testkit.DocsTable(t, "| field | rule |")
	for _, object := range objects() {
		for name := range schemas(t)[object] {
			if !regexp.MustCompile("`([a-z]+\\.)?" + name + "[`.]").MatchString(table) {
				t.Errorf("docs do not tell of %s of %s", name, object)
			}
		}
	}
}

func FuzzPost(f *testing.F) {
	for _, body := range []string{order,
		`{"channel":"sms","text":"#{고객명}","recipients":[{"to":"010-1234-5678","name":"홍길동"}],"sendAt":"2026-12-02T00:00:00Z"}`,
		`{"template":"TX_2345","recipients":[{"to":"+82 10-1234-5678","variables":{"고객명":"a","송장번호":"1"}}],"fallback":{"after":"5m",` +
			`"onUnknown":"sms"}}`,
		`[]`, `{"recipients":[{}]}`, "\xff", "",
	} {
		f.Add(body, "key")
	}
	s := newSystem(f)
	f.Fuzz(func(t *testing.T, body, key string) {
		before := s.store.count()
		got := s.do(t, http.MethodPost, "/v1/messages", untrusted, body, "Content-Type: ", "Content-Type: application/json",
			"Idempotency-Key: "+key)
		started := s.store.count() - before
		if got.StatusCode >= http.StatusInternalServerError || (got.StatusCode == http.StatusAccepted) != (started == 1) {
			t.Fatalf("%q: %d %s, %d started", body, got.StatusCode, got.body, started)
		}
		if got.StatusCode < http.StatusBadRequest {
			if err := s.schemaRefuses(t, body); err != nil {
				t.Fatalf("%q was accepted, but the document says %v", body, err)
			}
		}
	})
}
