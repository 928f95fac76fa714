package message_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 12, 1, 0, 0, 0, 123_456_789, time.UTC)

func acceptance() message.Acceptance {
	return message.Acceptance{ID: "0193", Caller: "jwt:someone", Now: now}
}

// problems decodes and accepts a body and lists what is wrong as "pointer detail".
func problems(t *testing.T, body string, a message.Acceptance) []string {
	t.Helper()
	r, err := message.Decode([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	_, found := message.Accept(r, a)
	return list(found)
}

// list has each problem as "pointer detail".
func list(found []message.ValidationError) []string {
	list := make([]string, len(found))
	for i, p := range found {
		list[i] = p.Pointer + " " + p.Detail
	}
	return list
}

func TestBodyIsOneJSONValueInUTF8(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		"":                     "the body is empty",
		" \n":                  "the body is empty",
		"{":                    "the body is not JSON: unexpected end of JSON input (byte 1)",
		`{"template"`:          "the body is not JSON: unexpected end of JSON input (byte 11)",
		`{"template":}`:        "the body is not JSON: invalid character looking for beginning of value (byte 13)",
		`{template:1}`:         "the body is not JSON: invalid character looking for beginning of object key string (byte 2)",
		`{} {}`:                "the body is not JSON: invalid character after top-level value (byte 4)",
		`{}x`:                  "the body is not JSON: invalid character after top-level value (byte 3)",
		`{"a":1,}`:             "the body is not JSON: invalid character looking for beginning of object key string (byte 8)",
		"{\"a\":\"\xff\"}":     "the body is not UTF-8",
		"\ufeff":               "the body is empty",
		"\ufeff\ufeff{}":       "the body is not JSON: invalid character looking for beginning of value (byte 1)",
		`{"a":"` + "\n" + `"}`: "the body is not JSON: invalid character in string literal (byte 7)",
		strings.Repeat("[", 100) + strings.Repeat("]", 100): "the body is nested deeper than 16 levels",
		// encoding/json has a limit of its own.
		strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000): "the body is nested deeper than 16 levels",
		strings.Repeat(`{"a":`, 100_000):                            "the body is nested deeper than 16 levels",
	} {
		_, err := message.Decode([]byte(body))
		var syntax *message.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: got %v, want a SyntaxError", body, err)
			continue
		}
		if syntax.Detail != want {
			t.Errorf("%q: got %q, want %q", body, syntax.Detail, want)
		}
	}
}

// ofARequest is what else is said of a member that a request does not have.
const ofARequest = "there are channel, template, text, title, fallback, sendAt, expiresAt, purpose, nightConsent, reference, recipients"

// Each of these bodies has everything that is wrong with it reported, in the order of the body.
func TestShape(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("가", 2001)
	many := `{"to":"01012345678"}` + strings.Repeat(`,{"to":"x"}`, 500)
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"not an object", `[]`, []string{" must be an object, and is an array"}},
		{"null", `null`, []string{" must be an object, and is null"}},
		{"nothing", `{}`, []string{"/template is missing: an AlimTalk is made from an approved template", "/recipients is missing"}},
		{"unknown members", `{"template":"T","recipients":[{"to":"01012345678","phone":"1"}],"Template":"T","a/b~c":1,` +
			`"fallback":{"failover":true},"idempotencyKey":"k"}`, []string{
			"/recipients/0 has a member that is not known; there are to, name, variables, reference",
			"/fallback has a member that is not known; there are enabled, text, title, after, onUnknown",
			" has 3 members that are not known; " + ofARequest,
		}},
		{"a byte order mark, and names with what cannot be seen", "\ufeff" + `{"channel":"sms","text":"#{이름} #{주\u200b문}","recipients":[` +
			`{"to":"01012345678","variables":{"\ufeff이름":"1","주\u200d문\ufe0f":"2"}}]}`, []string{}},
		{"names that look the same", `{"template":"T","recipients":[{"to":"01012345678","variables":{"이름":"1","\ufeff이름":"2",` +
			`"\u200b":"3"}}]}`, []string{
			"/recipients/0/variables member 2 is there twice",
			"/recipients/0/variables member 3 has a name that no placeholder has: 1 to 64 characters, without braces",
		}},
		{"duplicate members",
			`{"template":"T","template":"T","recipients":[{"to":"01012345678","to":"01012345678","variables":{"a":"1","a":"2"}}]}`, []string{
				"/template is there twice", "/recipients/0/to is there twice", "/recipients/0/variables member 1 is there twice",
			}},
		{"wrong types", `{"channel":1,"template":2,"recipients":{},"fallback":"no","sendAt":3,"expiresAt":true,"reference":4}`, []string{
			`/channel must be "alimtalk" or "sms"`,
			"/template must be a template code: 1 to 64 visible ASCII characters",
			"/recipients must be an array",
			"/fallback must be an object, and is a string",
			"/sendAt must be an RFC 3339 time, such as 2026-12-01T09:00:00+09:00",
			"/expiresAt must be an RFC 3339 time, such as 2026-12-01T09:00:00+09:00",
			"/reference must be a string",
		}},
		{"wrong types inside",
			`{"template":"T","recipients":["01012345678",{"to":1012345678,"name":null,"variables":[]},{"to":"01012345679","variables":{"a":1,` +
				`"b":null}}],"fallback":{"enabled":"yes","text":1,"title":2,"after":5,"onUnknown":"maybe"}}`, []string{
				"/recipients/0 must be an object, and is a string",
				"/recipients/1/to must be a string",
				"/recipients/1/variables must be an object, and is an array",
				"/recipients/2/variables member 1 must be a string, and is a number",
				"/fallback/enabled must be true or false",
				"/fallback/text must be a string",
				"/fallback/title must be a string",
				"/fallback/after must be a duration in hours, minutes and seconds, such as 5m or 1h30m",
				`/fallback/onUnknown must be "none" or "sms"`,
			}},
		{"empty", `{"channel":"","template":"","recipients":[],"reference":"","fallback":{"text":"","title":"","after":"","onUnknown":""}}`,
			[]string{
				`/channel must be "alimtalk" or "sms"`,
				"/template must be a template code: 1 to 64 visible ASCII characters",
				"/recipients must have at least one recipient",
				"/reference must not be empty",
				"/fallback/text must not be empty",
				"/fallback/title must not be empty",
				"/fallback/after must be a duration in hours, minutes and seconds, such as 5m or 1h30m",
				`/fallback/onUnknown must be "none" or "sms"`,
			}},
		{"too long", `{"template":"T","recipients":[{"to":"` + strings.Repeat("0", 33) + `","name":"` + long + `","variables":{"a":"` + long +
			`","` + long[:3*65] + `":"x"}}],"fallback":{"text":"` + long + `","title":"` + long[:3*45] + `"},"reference":"` + long[:3*129] + `"}`,
			[]string{
				"/recipients/0/to has 33 characters; at most 32 are allowed",
				"/recipients/0/name has 2001 characters; at most 100 are allowed",
				"/recipients/0/variables member 1 has 2001 characters; at most 1000 are allowed",
				"/recipients/0/variables member 2 has a name that no placeholder has: 1 to 64 characters, without braces",
				"/fallback/text has 2001 characters; at most 2000 are allowed",
				"/fallback/title has 45 characters; at most 44 are allowed",
				"/reference has 129 characters; at most 128 are allowed",
			}},
		{"broken characters",
			`{"template":"T","recipients":[{"to":"01012345678","name":"a\u0000","variables":{"a":"\ud800","b":"x\ny","c\u0007":""}}],` +
				`"reference":"a\nb","fallback":{"text":"a\u0008"}}`, []string{
				"/recipients/0/name has a control character, or U+FFFD, which stands for something that was lost",
				"/recipients/0/variables member 1 has a control character, or U+FFFD, which stands for something that was lost",
				"/recipients/0/variables member 3 has a name that no placeholder has: 1 to 64 characters, without braces",
				"/reference has a control character, or U+FFFD, which stands for something that was lost",
				"/fallback/text has a control character, or U+FFFD, which stands for something that was lost",
			}},
		{"501 recipients", `{"template":"T","recipients":[` + many + `]}`,
			append([]string{"/recipients has 501 recipients; a message has at most 500"},
				repeat(1, 500, "/recipients/%d/to is not a Korean telephone number: it has a Latin letter at character 1")...)},
		{"an optional member that is null is absent", `{"channel":null,"template":"T","text":null,"title":null,"fallback":null,"sendAt":null,` +
			`"expiresAt":null,"reference":null,"recipients":[{"to":"01012345678","name":null,"variables":null},` +
			`{"to":"01012345679","variables":{"a":null}}]}`, []string{}},
		{"in a fallback, too", `{"template":"T","recipients":[{"to":"01012345678"}],"fallback":{"enabled":null,"text":null,"title":null,` +
			`"after":null,"onUnknown":null}}`, []string{}},
		{"one that is needed is missing", `{"template":null,"recipients":null}`,
			[]string{"/template is missing: an AlimTalk is made from an approved template", "/recipients is missing"}},
		{"a number that is null", `{"template":"T","recipients":[{"to":null},null]}`,
			[]string{"/recipients/0/to is missing", "/recipients/1 must be an object, and is null"}},
		{"an unknown one", `{"template":"T","recipients":[{"to":"01012345678"}],"colour":null}`,
			[]string{" has a member that is not known; " + ofARequest}},
		{"a wrong channel says nothing about the rest", `{"channel":"SMS","text":"t","recipients":[{"to":"01012345678"}]}`,
			[]string{`/channel must be "alimtalk" or "sms"`}},
		{"nor do wrong values about what is missing", `{"channel":"sms","text":"#{고객명} #{a} #{b} #{c}","recipients":[` +
			`{"to":"01012345678","name":"","variables":{"a":1,"b":"","c":""}},{"to":"01012345679","variables":[]},1]}`, []string{
			"/recipients/0/name must not be empty", "/recipients/0/variables member 1 must be a string, and is a number",
			"/recipients/1/variables must be an object, and is an array", "/recipients/2 must be an object, and is a number",
		}},
		{"no number", `{"template":"T","recipients":[{}]}`, []string{"/recipients/0/to is missing"}},
		{"what is wrong in itself and what is wrong together",
			`{"channel":"sms","template":"T","text":"#{a}","recipients":[{"to":"010"},{"to":"01012345678"}]}`, []string{
				"/recipients/0/to is not a Korean telephone number: it has 3 digits, and a mobile number that begins with 010 has 11",
				"/template is for channel alimtalk only",
				"/recipients/0/variables have no value for placeholder 1 of /text",
				"/recipients/1/variables have no value for placeholder 1 of /text",
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := problems(t, c.body, acceptance()); !slices.Equal(got, c.want) {
				t.Errorf("got:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(c.want, "\n  "))
			}
		})
	}
}

func repeat(from, to int, format string) []string {
	var list []string
	for i := from; i <= to; i++ {
		list = append(list, fmt.Sprintf(format, i))
	}
	return list
}

func TestDurations(t *testing.T) {
	t.Parallel()
	for after, want := range map[string]bool{
		"5m": true, "5s": true, "24h": true, "1h30m": true, "90s": true, "1440m": true, "86400s": true,
		"4s": false, "24h1s": false, "25h": false, "0s": false, "-5m": false, "1.5h": false, "5": false, "5 m": false,
		"300000ms": false, "1d": false, "m": false, "99h": false, "1s1m": false,
	} {
		got := problems(t, `{"template":"T","recipients":[{"to":"01012345678"}],"fallback":{"after":"`+after+`"}}`, acceptance())
		if (len(got) == 0) != want {
			t.Errorf("%q: %q", after, got)
		}
	}
}

// Each kind of wrong duration has its own words.
func TestWrongDurations(t *testing.T) {
	t.Parallel()
	const format, bounds = "must be a duration in hours, minutes and seconds, such as 5m or 1h30m", "must be from 5s to 24h"
	for after, want := range map[string]string{
		"5 minutes": format, "1.5h": format, "": format, "25h": bounds, "100h": bounds, "86401s": bounds, "1s": bounds,
		"99999999999999h": bounds,
	} {
		got := problems(t, `{"template":"T","recipients":[{"to":"01012345678"}],"fallback":{"after":"`+after+`"}}`, acceptance())
		if !slices.Equal(got, []string{"/fallback/after " + want}) {
			t.Errorf("%q: %q, want %q", after, got, want)
		}
	}
}

func TestEventHasAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	const body = `{"template":"T","recipients":[{"to":"01012345678"}],"idempotencyKey":%s}`
	for key, want := range map[string]string{
		`"order-17"`: "order-17", `"!~"`: "!~", `"a b"`: "", `""`: "", `"열쇠"`: "", `17`: "", `"\u007f"`: "",
		`"` + strings.Repeat("k", 255) + `"`: strings.Repeat("k", 255), `"` + strings.Repeat("k", 256) + `"`: "",
	} {
		r, err := message.DecodeEvent(fmt.Appendf(nil, body, key))
		if err != nil {
			t.Fatal(err)
		}
		_, found := message.Accept(r, acceptance())
		if r.IdempotencyKey != want || (len(found) == 0) != (want != "") {
			t.Errorf("%s: got %q, %v", key, r.IdempotencyKey, found)
		}
	}
}

func TestFingerprintIsOfWhatIsAskedNotOfHowItIsWritten(t *testing.T) {
	t.Parallel()
	fingerprint := func(body string) string {
		t.Helper()
		r, err := message.DecodeEvent([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		return r.Fingerprint()
	}
	const base = `{"template":"T","recipients":[{"to":"01012345678","variables":{"a":"1","b":"가"}}],"sendAt":"2026-12-01T09:00:00+09:00"}`
	want := fingerprint(base)
	if len(want) != 64 {
		t.Errorf("got %q, want SHA-256 in hexadecimal", want)
	}
	// Keys of the versions before are still known by it.
	if want != "fd2689c3aede2d1c843695b8fb32cda99434e7d4733d7a879acbfab1eb1f5b70" {
		t.Errorf("requests without what came later have the fingerprint %q now", want)
	}
	for _, same := range []string{
		`{ "sendAt":"2026-12-01T00:00:00Z", "recipients":[{"variables":{"b":"\uac00","a":"1"},"to":"+82 10-1234-5678"}], "template":"T" }`,
		strings.Replace(base, `"template"`, `"idempotencyKey":"k","template"`, 1),
	} {
		if got := fingerprint(same); got != want {
			t.Errorf("%s has another fingerprint", same)
		}
	}
	for _, other := range []string{
		strings.Replace(base, `"T"`, `"U"`, 1),
		strings.Replace(base, "5678", "5679", 1),
		strings.Replace(base, `"1"`, `"2"`, 1),
		strings.Replace(base, "+09:00", "+08:00", 1),
		strings.Replace(base, `"template"`, `"reference":"r","template"`, 1),
		strings.Replace(base, `"template"`, `"fallback":{"enabled":false},"template"`, 1),
		strings.Replace(base, `"to"`, `"reference":"r","to"`, 1),
	} {
		if got := fingerprint(other); got == want {
			t.Errorf("%s has the same fingerprint", other)
		}
	}
}

func TestRequestIsNotLogged(t *testing.T) {
	t.Parallel()
	m := accept(t, `{"channel":"sms","text":"secret #{고객명}","title":"secret","recipients":[{"to":"01012345678","name":"secret",`+
		`"variables":{"x":"secret"}}]}`, acceptance())
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("message", "all", m, "to", m.Recipients[0].To, "text", m.Text)
	for _, printed := range []string{log.String(), fmt.Sprint(m), fmt.Sprintf("%+v", m), fmt.Sprintf("%#v", m),
		fmt.Sprintf("%s %q %v", m.Text, m.Text, m.Recipients)} {
		if strings.Contains(printed, "secret") || strings.Contains(printed, "01012345678") {
			t.Errorf("printed: %s", printed)
		}
	}
	if !strings.Contains(log.String(), "to=010****5678") {
		t.Errorf("the masked number is not in %s", log.String())
	}
}

func accept(t *testing.T, body string, a message.Acceptance) message.Message {
	t.Helper()
	r, err := message.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	m, found := message.Accept(r, a)
	if len(found) > 0 {
		t.Fatalf("%s: %v", body, found)
	}
	return m
}

// The JSON of a message is the input of executions that are running while the next version is deployed.
func TestMessageJSON(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"alimtalk": `{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}`,
		"everything": `{"channel":"alimtalk","template":"TX_1234","recipients":[{"to":"+82 ` +
			`10-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}},{"to":"02-123-4567"}],
			"fallback":{"enabled":true,"text":"주문 접수","title":"알림","after":"1h30m","onUnknown":"sms"},
			"sendAt":"2026-12-01T18:00:00+09:00","expiresAt":"2026-12-01T20:00:00.5+09:00","reference":"order-17"}`,
		"without-fallback": `{"template":"TX_1234","recipients":[{"to":"010-1234-5678"}],"fallback":{"enabled":false,"after":"1m"}}`,
		"sms":              `{"channel":"sms","text":"#{고객명}님 안녕하세요","title":"인사","recipients":[{"to":"010-1234-5678","name":"홍길동"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := accept(t, body, acceptance())
			got, err := json.MarshalIndent(m, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			var back message.Message
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if again, err := json.MarshalIndent(back, "", "  "); err != nil || !bytes.Equal(again, got) {
				t.Errorf("read back it is %s, %v", again, err)
			}
			testkit.Golden(t, *update, filepath.Join("testdata", name+".json"), append(got, '\n'))
		})
	}
}

// A name in the form of file systems is the same name, as a value and as the name of a placeholder.
func TestTextsAreComposed(t *testing.T) {
	t.Parallel()
	const name, key, accented = "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc", "\u1107\u1165\u11ab\u1112\u1169", "e\u0301"
	m := accept(t, `{"channel":"sms","text":"#{`+key+`} `+name+`","title":"`+key+`","recipients":[{"to":"01012345678","name":"`+name+
		`","variables":{"`+key+`":"`+accented+`"}}]}`, acceptance())
	r := m.Recipients[0]
	if string(m.Text) != "#{번호} 홍길동" || string(m.Title) != "번호" || string(r.Name) != "홍길동" || string(r.Variables["번호"]) != "é" {
		t.Errorf("accepted %q %q %q %q", string(m.Text), string(m.Title), string(r.Name), r.Values())
	}
	got := problems(t, `{"template":"T","recipients":[{"to":"01012345678","variables":{"`+key+`":"1","번호":"2"}}]}`, acceptance())
	if want := []string{"/recipients/0/variables member 2 is there twice"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	f := accept(t, `{"template":"T","fallback":{"text":"`+name+`","title":"`+key+`"},"recipients":[{"to":"01012345678"}]}`,
		acceptance()).Fallback
	if string(f.Text) != "홍길동" || string(f.Title) != "번호" {
		t.Errorf("fallback %q %q", string(f.Text), string(f.Title))
	}
}

// Whatever comes in, there is an answer; and what is accepted keeps every promise that the state machine relies on.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{
		`{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}`,
		`{"channel":"sms","text":"#{a}","recipients":[{"to":"010-1234-5678","variables":{"a":"가"}}],"sendAt":"2026-12-02T00:00:00Z"}`,
		`{"template":"T","recipients":[{"to":"01012345678"}],"fallback":{"after":"5m","onUnknown":"sms"},"expiresAt":"2026-12-01T01:00:00Z"}`,
		`{"a":[{}],"a":null,"b":1e999}`, `[]`, `{`, "\xff",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := message.Decode(body)
		if err != nil {
			var syntax *message.SyntaxError
			if !errors.As(err, &syntax) || syntax.Detail == "" {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q was decoded, but is not JSON", body)
		}
		m, found := message.Accept(r, acceptance())
		if len(found) > 0 {
			if m.ID != "" {
				t.Fatalf("%q: a message in spite of %v", body, found)
			}
			return
		}
		if len(m.Recipients) == 0 || len(m.Recipients) > 500 || !m.ExpiresAt.After(now) || m.SendAt.After(now.Add(90*24*time.Hour)) ||
			m.Fallback.After < message.Duration(5*time.Second) || (m.Channel == message.SMS) == m.Fallback.Enabled && m.Template == "" ||
			(m.Template == "") == (m.Text == "") {
			t.Fatalf("%q became %+v", body, m)
		}
		encoded, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		var back message.Message
		if err := json.Unmarshal(encoded, &back); err != nil {
			t.Fatalf("%q: %v", encoded, err)
		}
		again, found := message.Accept(r, acceptance())
		if len(found) > 0 || again.Fingerprint != m.Fingerprint {
			t.Fatalf("%q: accepted once, then %v", body, found)
		}
	})
}
