package intake_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/execution"
	"sms-api/internal/intake"
	"sms-api/internal/intake/contract"
	"sms-api/internal/message"
)

const order = `{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}`

func TestPost(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	got := s.do(t, http.MethodPost, "/v1/messages", untrusted, order)
	id := got.id(t)
	if got.StatusCode != http.StatusAccepted || got.Header.Get("Location") != "/v1/messages/"+id || got.Header.Get("Retry-After") != "3" ||
		string(got.body) != `{"id":"`+id+`","status":"accepted"}`+"\n" {
		t.Errorf("got %d %v %s", got.StatusCode, got.Header, got.body)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("%q is not a UUIDv7", id)
	}
	m := s.store.messages[id]
	if m.Caller != "frontend" || m.Template != "TX_1234" || m.Recipients[0].To != "01012345678" {
		t.Errorf("started %+v", m)
	}
	if other := s.do(t, http.MethodPost, "/v1/messages", untrusted, order).id(t); other == id || s.store.count() != 2 {
		t.Error("without a key the same body is another message")
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	post := func(caller, body, key string) response {
		t.Helper()
		return s.do(t, http.MethodPost, "/v1/messages", caller, body, "Idempotency-Key: "+key)
	}
	first := post(service, order, "order-17")
	again := post(service, strings.ReplaceAll(order, "-", ""), "order-17")
	if first.StatusCode != http.StatusAccepted || first.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("first: %d %v", first.StatusCode, first.Header)
	}
	changed := post(service, order, "order-17")
	if changed.StatusCode != http.StatusOK || changed.Header.Get("Idempotent-Replayed") != "true" || changed.id(t) != first.id(t) ||
		changed.Header.Get("Location") != first.Header.Get("Location") || changed.Header.Get("Retry-After") != "" {
		t.Errorf("replay: %d %v %s", changed.StatusCode, changed.Header, changed.body)
	}
	if again.StatusCode != http.StatusUnprocessableEntity || again.problem(t) != "idempotency-conflict" {
		t.Errorf("another body: %d %s", again.StatusCode, again.body)
	}
	if other := post("someone messages:send", order, "order-17"); other.StatusCode != http.StatusAccepted || other.id(t) == first.id(t) {
		t.Errorf("another caller's key: %d %s", other.StatusCode, other.body)
	}
	if other := post(service, order, "order-18"); other.StatusCode != http.StatusAccepted || other.id(t) == first.id(t) {
		t.Errorf("another key: %d %s", other.StatusCode, other.body)
	}
	if s.store.count() != 3 {
		t.Errorf("%d messages, want 3", s.store.count())
	}
}

func TestSeveralKeysAreOneWithCommas(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	a := s.do(t, http.MethodPost, "/v1/messages", service, order, "Idempotency-Key: a", "Idempotency-Key: b")
	b := s.do(t, http.MethodPost, "/v1/messages", service, order, "Idempotency-Key: a,b")
	if b.StatusCode != http.StatusOK || a.id(t) != b.id(t) {
		t.Errorf("got %d %s and %d %s", a.StatusCode, a.body, b.StatusCode, b.body)
	}
}

func TestCallerAndKeyCannotBeShiftedIntoEachOther(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	a := s.do(t, http.MethodPost, "/v1/messages", "ab messages:send", order, "Idempotency-Key: c")
	b := s.do(t, http.MethodPost, "/v1/messages", "a messages:send", order, "Idempotency-Key: bc")
	if a.id(t) == b.id(t) {
		t.Error("two callers share a message")
	}
}

// What was right when it was first asked for may be wrong when it is asked for again.
func TestReplayOfWhatWouldNotBeAcceptedAnyMore(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	body := strings.Replace(order, `"template"`, `"expiresAt":"2026-12-01T01:00:00Z","template"`, 1)
	first := s.do(t, http.MethodPost, "/v1/messages", service, body, "Idempotency-Key: k")
	s.now = now.Add(2 * time.Hour)
	s.vendor.templates = nil
	replay := s.do(t, http.MethodPost, "/v1/messages", service, body, "Idempotency-Key: k")
	if replay.StatusCode != http.StatusOK || replay.id(t) != first.id(t) {
		t.Errorf("replay: %d %s", replay.StatusCode, replay.body)
	}
	fresh := s.do(t, http.MethodPost, "/v1/messages", service, body, "Idempotency-Key: l")
	if fresh.StatusCode != http.StatusUnprocessableEntity || fresh.problem(t) != "invalid-message" {
		t.Errorf("another key: %d %s", fresh.StatusCode, fresh.body)
	}
	other := s.do(t, http.MethodPost, "/v1/messages", service, strings.Replace(body, "A-17", "A-18", 1), "Idempotency-Key: k")
	if other.StatusCode != http.StatusUnprocessableEntity || other.problem(t) != "invalid-message" {
		t.Errorf("another body: %d %s", other.StatusCode, other.body)
	}
	s.store.err = errors.New("throttled")
	unsure := s.do(t, http.MethodPost, "/v1/messages", service, body, "Idempotency-Key: k")
	if unsure.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("while nobody knows: %d %s", unsure.StatusCode, unsure.body)
	}
	s.store.finds = 0
	if s.do(t, http.MethodPost, "/v1/messages", service, body); s.store.finds != 0 {
		t.Error("a request without a key was looked up")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("가", 900)
	var heavy strings.Builder
	for i := range 60 {
		fmt.Fprintf(&heavy, `,{"to":"0101234%04d","variables":{"a":"%s"}}`, i, big)
	}
	const json = "Content-Type: application/json"
	for _, c := range []struct {
		name, caller, body string
		headers            []string
		status             int
		problem            string
		errors             []string
	}{
		{name: "nobody", body: order, status: 401, problem: "unauthenticated"},
		{name: "no scope", caller: "someone messages:read messages:text", body: order, status: 403, problem: "insufficient-scope"},
		{name: "not JSON", caller: service, body: `{"template"`, status: 400, problem: "malformed-body"},
		{name: "no body", caller: service, headers: []string{json}, status: 400, problem: "malformed-body"},
		{name: "not UTF-8", caller: service, body: "{\"reference\":\"\xff\"}", status: 400, problem: "malformed-body"},
		{name: "a form", caller: service, body: "template=TX_1234",
			headers: []string{"Content-Type: ", "Content-Type: application/x-www-form-urlencoded"}, status: 415, problem: "unsupported-media-type"},
		{name: "no type", caller: service, body: order, headers: []string{"Content-Type: "}, status: 415, problem: "unsupported-media-type"},
		{name: "another charset", caller: service, body: order, headers: []string{"Content-Type: ", json + `; charset="euc-kr"`}, status: 415,
			problem: "unsupported-media-type"},
		{name: "compressed", caller: service, body: order, headers: []string{"Content-Encoding: gzip"}, status: 415,
			problem: "unsupported-media-type"},
		{name: "an empty key", caller: service, body: order, headers: []string{"Idempotency-Key: \t"}, status: 400,
			problem: "invalid-idempotency-key"},
		{name: "a key with a space", caller: service, body: order, headers: []string{"Idempotency-Key: a b"}, status: 400,
			problem: "invalid-idempotency-key"},
		{name: "a long key", caller: service, body: order, headers: []string{"Idempotency-Key: " + strings.Repeat("k", 256)}, status: 400,
			problem: "invalid-idempotency-key"},
		{name: "a huge body", caller: service, body: order + strings.Repeat(" ", 512<<10), status: 413, problem: "message-too-large"},
		{name: "a large message", caller: service,
			body: `{"channel":"sms","text":"#{a}","recipients":[{"to":"010-9999-9999","variables":{"a":"1"}}` + heavy.String() + `]}`, status: 413,
			problem: "message-too-large"},
		{
			name: "everything at once", caller: service, status: 422, problem: "invalid-message",
			body: `{"recipients":[{"to":"010"},{"to":"060-700-1234","colour":"red"}],"sendAt":"tomorrow"}`,
			errors: []string{
				"/recipients/0/to is not a Korean telephone number: it has 3 digits, and a mobile number that begins with 010 has 11",
				"/recipients/1/to is a premium-rate number, which messages are never sent to or from",
				"/recipients/1 has a member that is not known; there are to, name, variables, reference",
				"/sendAt must be an RFC 3339 time, such as 2026-12-01T09:00:00+09:00",
				"/template is missing: an AlimTalk is made from an approved template",
			},
		},
		{
			name: "an unknown template", caller: service, status: 422, problem: "invalid-message",
			body:   strings.Replace(order, "TX_1234", "TX_9999", 1),
			errors: []string{"/template is not the code of an approved template"},
		},
		{
			name: "a stopped template", caller: service, status: 422, problem: "invalid-message",
			body:   strings.Replace(order, "TX_1234", "TX_8888", 1),
			errors: []string{"/template is not the code of an approved template"},
		},
		{
			name: "missing variables", caller: service, status: 422, problem: "invalid-message",
			body: `{"template":"TX_1234","recipients":[{"to":"010-1234-5678"},{"to":"010-1234-5679","name":"홍길동"}]}`,
			errors: []string{
				"/recipients/0/variables/고객명 is missing: the template has #{고객명}",
				"/recipients/0/variables/주문번호 is missing: the template has #{주문번호}",
				"/recipients/1/variables/주문번호 is missing: the template has #{주문번호}",
			},
		},
		{
			name: "a value that the fallback cannot carry", caller: service, status: 422, problem: "invalid-message",
			body: `{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍😀","variables":{"주문번호":"A"}}]}`,
			errors: []string{"/recipients/0/name may follow as SMS: SMS cannot carry an emoji at character 2; write it otherwise, " +
				"give fallback.text without it, or set fallback.enabled to false"},
		},
		{
			name: "a template that the fallback cannot carry", caller: service, status: 422, problem: "invalid-message",
			body: `{"template":"TX_5678","recipients":[{"to":"010-1234-5678"},{"to":"010-1234-5679"}]}`,
			errors: []string{"/fallback needs a text, or to have enabled false: that of the template cannot be an SMS, because " +
				"SMS cannot carry an emoji at character 7"},
		},
		{
			name: "a fallback that is too long", caller: service, status: 422, problem: "invalid-message",
			body: `{"template":"TX_2345","recipients":[{"to":"010-1234-5678","name":"` + strings.Repeat("가", 100) + `","variables":{"송장번호":"` +
				strings.Repeat("가", 1000) + `"}}]}`,
			errors: []string{
				"/recipients/0/variables make the SMS that follows an undelivered AlimTalk 2256 bytes long in CP949; an LMS has at most 2000",
			},
		},
		{
			name: "a value that does not fit the template", caller: service, status: 422, problem: "invalid-message",
			body:   `{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"#{고객명}","variables":{"주문번호":"A"}}]}`,
			errors: []string{"/recipients/0/variables do not fit the template: the value of #{고객명} holds a placeholder itself"},
		},
		{
			name: "free text without its scope", caller: untrusted, status: 403, problem: "insufficient-scope",
			body: `{"channel":"sms","text":"buy","fallback":{"text":"buy","title":"now"},"recipients":[{"to":"010-1234-5678"}]}`,
			errors: []string{
				"/channel sending SMS with a text of one's own needs the scope messages:text",
				"/fallback/text a text of one's own needs the scope messages:text",
				"/fallback/title a title of one's own needs the scope messages:text",
			},
		},
		{
			name: "an untrusted caller that sends to many and to landlines", caller: untrusted, status: 422, problem: "invalid-message",
			body: `{"template":"TX_5678","fallback":{"enabled":false},"recipients":[{"to":"010-1234-5678"},{"to":"02-123-4567"}]}`,
			errors: []string{
				"/recipients has 2 recipients; this caller may send to at most 1 in a message",
				"/recipients/1/to is not a mobile number; this caller may send to no others",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			got := s.do(t, http.MethodPost, "/v1/messages", c.caller, c.body, c.headers...)
			if got.StatusCode != c.status || got.problem(t) != c.problem || !slices.Equal(got.pointers(t), c.errors) {
				t.Errorf("got %d %s\nwant %d %s %q", got.StatusCode, got.body, c.status, c.problem, c.errors)
			}
			if s.store.count() != 0 {
				t.Error("something was started")
			}
			golden(t, "post "+c.name, got.body)
		})
	}
}

// What people's keyboards and other people's libraries write is taken, or refused for what it is.
func TestWhatKeyboardsAndLibrariesWrite(t *testing.T) {
	t.Parallel()
	const composed = "\u1112\u1169\u11bc\u1100\u1175\u11af\u1103\u1169\u11bc" // 홍길동 as macOS writes it
	for _, c := range []struct {
		name, body string
		errors     []string
	}{
		{"a name in NFD", strings.Replace(order, "홍길동", composed, 1), nil},
		{"faithful equivalents", `{"channel":"sms","text":"가격: 1,000₩ – 오늘까지","recipients":[{"to":"01012345678"}]}`, nil},
		{"an accent in a name that an SMS may have to carry", strings.Replace(order, "홍길동", "José\u00a0Núñez", 1), nil},
		{"a number as it is pasted", strings.Replace(order, "010-1234-5678", "\u202a010-1234-5678\u202c", 1), nil},
		{"a number that is too short", strings.Replace(order, "010-1234-5678", "010-1234-567", 1), []string{
			"/recipients/0/to is not a Korean telephone number: it has 10 digits, and a mobile number that begins with 010 has 11",
		}},
		{"null", strings.Replace(order, `"template"`, `"fallback":null,"sendAt":null,"template"`, 1), nil},
		{"no time zone", strings.Replace(order, `"template"`, `"sendAt":"2026-12-01T09:00:00","template"`, 1),
			[]string{"/sendAt has no time zone; it needs one such as +09:00 or Z"}},
		{"an array", `[]`, []string{" must be an object, and is an array"}},
		{"an empty name", strings.Replace(order, "홍길동", "", 1), []string{"/recipients/0/name must not be empty"}},
		{"a wrong channel", strings.Replace(order, `"template"`, `"channel":"SMS","template"`, 1),
			[]string{`/channel must be "alimtalk" or "sms"`}},
	} {
		s := newSystem(t)
		got := s.do(t, http.MethodPost, "/v1/messages", service, c.body)
		switch {
		case c.errors == nil && got.StatusCode != http.StatusAccepted:
			t.Errorf("%s: %d %s", c.name, got.StatusCode, got.body)
		case c.errors != nil && !slices.Equal(got.pointers(t), c.errors):
			t.Errorf("%s: %q, want %q", c.name, got.pointers(t), c.errors)
		}
	}
}

func TestTrustedCallersWriteTexts(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"channel":"sms","text":"안녕하세요","recipients":[{"to":"010-1234-5678"},{"to":"02-123-4567"}]}`,
		`{"template":"TX_5678","fallback":{"text":"축하합니다"},"recipients":[{"to":"010-1234-5678"},{"to":"010-1234-5679"}]}`,
		`{"template":"TX_5678","fallback":{"enabled":false},"recipients":[{"to":"0504-1234-5678"}]}`,
	} {
		if got := newSystem(t).do(t, http.MethodPost, "/v1/messages", service, body); got.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %d %s", body, got.StatusCode, got.body)
		}
	}
}

func TestContentTypeMayNameTheCharset(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"Application/JSON; charset=UTF-8", "application/json;charset=utf8", "application/json;"} {
		got := newSystem(t).do(t, http.MethodPost, "/v1/messages", service, order, "Content-Type: ", "Content-Type: "+kind)
		if got.StatusCode != http.StatusAccepted {
			t.Errorf("%s: got %d %s", kind, got.StatusCode, got.body)
		}
	}
}

func TestAligoBeingDownDoesNotCloseTheDoor(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.vendor.err = &aligo.Error{Class: aligo.ClassNotConfigured, Cause: aligo.CauseIP, Endpoint: "/akv10/template/list/"}
	post := func() {
		t.Helper()
		if got := s.do(t, http.MethodPost, "/v1/messages", service,
			`{"template":"nobody knows","recipients":[{"to":"010-1234-5678"}]}`); got.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("an impossible code: %d", got.StatusCode)
		}
		if got := s.do(t, http.MethodPost, "/v1/messages", service,
			`{"template":"TX_9999","recipients":[{"to":"010-1234-5678"}]}`); got.StatusCode != http.StatusAccepted {
			t.Errorf("got %d %s", got.StatusCode, got.body)
		}
	}
	post()
	if log := s.log.String(); !strings.Contains(log, "template not checked at the door") ||
		!strings.Contains(log, `"fault":"NotConfigured","cause":"ip"`) {
		t.Errorf("log: %s", log)
	}
	post()
	if s.vendor.asked != 1 {
		t.Errorf("Aligo was asked %d times within the pause, want once", s.vendor.asked)
	}
	s.now = now.Add(31 * time.Second)
	s.vendor.err = nil
	if got := s.do(t, http.MethodPost, "/v1/messages", service,
		`{"template":"TX_9999","recipients":[{"to":"010-1234-5678"}]}`); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("after the pause: %d %s", got.StatusCode, got.body)
	}
}

func TestAligoBeingSlowDoesNotSlowTheDoorForLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSystem(t)
		s.vendor.slow = true
		begin := time.Now()
		for range 3 {
			if got := s.do(t, http.MethodPost, "/v1/messages", service, order); got.StatusCode != http.StatusAccepted {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("three messages took %v, want 2 s", took)
		}
	})
}

func TestNoTemplateIsAskedForWhenThereIsNone(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.do(t, http.MethodPost, "/v1/messages", service, `{"channel":"sms","text":"안녕하세요","recipients":[{"to":"010-1234-5678"}]}`)
	s.do(t, http.MethodPost, "/v1/messages", service, `{"recipients":[]}`)
	if s.vendor.asked != 0 {
		t.Error("Aligo was asked")
	}
}

func TestOurOwnFaultsAreAProblemToo(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", service, order).id(t)
	s.store.err = errors.New("secret detail")
	for _, r := range []struct{ method, path, body string }{
		{http.MethodPost, "/v1/messages", order}, {http.MethodGet, "/v1/messages/" + id, ""}, {http.MethodDelete, "/v1/messages/" + id, ""},
	} {
		got := s.do(t, r.method, r.path, service, r.body)
		if got.StatusCode != http.StatusServiceUnavailable || got.problem(t) != "unavailable" || got.Header.Get("Retry-After") != "5" ||
			strings.Contains(string(got.body), "secret") {
			t.Errorf("%s: %d %s", r.method, got.StatusCode, got.body)
		}
	}
	if strings.Count(s.log.String(), "secret detail") != 3 {
		t.Errorf("log: %s", s.log)
	}
}

// outcomes is one outcome per status, as the state machine leaves them.
func outcomes() map[message.MessageStatus]message.Outcome {
	at := func(s int) time.Time { return now.Add(time.Duration(s) * time.Second) }
	m := message.Message{Channel: message.AlimTalk, Template: "TX_1234", Echo: message.Echo{Reference: "order-17"}, CreatedAt: now,
		ExpiresAt: now.Add(24 * time.Hour)}
	with := func(status message.MessageStatus, settled int, results ...message.Result) message.Outcome {
		o := message.NewOutcome(m, results)
		o.Status = status
		if settled > 0 {
			o.SettledAt = at(settled)
		}
		return o
	}
	pending := message.Result{To: "010****5678", Status: message.Pending}
	onItsWay := pending
	onItsWay.Channel = message.AlimTalk
	delivered := message.Result{To: "010****5678", Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: at(5)}
	parked := with(message.Parked, 0, pending)
	parked.Parked = &message.Parking{Cause: "ip", Reason: "register 203.0.113.7 with Aligo", Since: at(1), Wait: 60, Next: at(61)}
	return map[message.MessageStatus]message.Outcome{
		message.Scheduled:    with(message.Scheduled, 0, pending),
		message.Sending:      with(message.Sending, 0, onItsWay),
		message.Parked:       parked,
		message.AllDelivered: with(message.AllDelivered, 12, delivered),
		message.PartlyDelivered: with(message.PartlyDelivered, 312, delivered,
			message.Result{To: "010****4321", Status: message.Unknown, Channel: message.AlimTalk, Code: "NoReceipt", At: at(305)}),
		message.NoneDelivered: with(message.NoneDelivered, 22,
			message.Result{To: "010****0004", Status: message.Failed, Channel: message.SMS, Code: "number", At: at(20), Attempts: []message.Attempt{
				{Channel: message.AlimTalk, Status: message.Failed, Code: "A", At: at(5)}}}),
		message.MessageExpired: with(message.MessageExpired, 86407,
			message.Result{To: "010****5678", Status: message.Failed, Code: message.CodeExpired, At: at(86407)}),
		message.MessageCancelled: with(message.MessageCancelled, 180,
			message.Result{To: "010****5678", Status: message.Failed, Code: message.CodeCancelled, At: at(180)}),
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	for status, o := range outcomes() {
		t.Run(string(status), func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			id := s.do(t, http.MethodPost, "/v1/messages", service, order, "Idempotency-Key: k").id(t)
			o.ID = id
			s.store.outcomes[id] = o
			got := s.do(t, http.MethodGet, "/v1/messages/"+id, service, "")
			final := !o.SettledAt.IsZero()
			if got.StatusCode != http.StatusOK || (got.Header.Get("Retry-After") == "") != final ||
				got.Header.Get("Cache-Control") != "private, no-cache" {
				t.Errorf("%d %v", got.StatusCode, got.Header)
			}
			golden(t, "get "+string(status), got.body)
			for _, known := range []string{got.Header.Get("ETag"), "W/" + got.Header.Get("ETag"), `"other", ` + got.Header.Get("ETag"), "*"} {
				if again := s.do(t, http.MethodGet, "/v1/messages/"+id, service, "",
					"If-None-Match: "+known); again.StatusCode != http.StatusNotModified ||
					len(again.body) > 0 || again.Header.Get("ETag") != got.Header.Get("ETag") || (again.Header.Get("Retry-After") == "") != final {
					t.Errorf("If-None-Match %s: %d %v %s", known, again.StatusCode, again.Header, again.body)
				}
			}
			if other := s.do(t, http.MethodGet, "/v1/messages/"+id, service, "", `If-None-Match: "other"`); other.StatusCode != http.StatusOK {
				t.Errorf("another tag: %d", other.StatusCode)
			}
		})
	}
}

// People read answers, too, and click what leads to "발송 서버 IP" by way of ">".
func TestAnswersAreReadable(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	const reference = `문자API > 신청 & <인증>`
	id := s.do(t, http.MethodPost, "/v1/messages", service, strings.Replace(order, "{", `{"reference":"`+reference+`",`, 1)).id(t)
	o := outcomes()[message.Sending]
	o.ID, o.Reference = id, reference
	s.store.outcomes[id] = o
	if got := s.do(t, http.MethodGet, "/v1/messages/"+id, service, ""); !strings.Contains(string(got.body), reference) {
		t.Errorf("%s", got.body)
	}
}

// What a request and its outcome both have is given back, before and after the message has settled.
func TestWhatIsGivenBack(t *testing.T) {
	t.Parallel()
	s, members := newSystem(t), schemas(t)
	given := map[string]any{}
	for name := range members["AlimTalkRequest"] {
		if members["Message"][name] != nil && name != "recipients" {
			given[name] = "given-" + name
		}
	}
	delete(given, "purpose") // that of every AlimTalk is not told
	// Not every text is one of these.
	for name, value := range map[string]string{
		"channel": "alimtalk", "template": "TX_1234", "sendAt": "2026-12-01T00:10:00Z", "expiresAt": "2026-12-01T01:00:00Z",
	} {
		if given[name] != nil {
			given[name] = value
		}
	}
	recipient := map[string]any{"to": "010-1234-5678", "name": "홍길동", "variables": map[string]string{"주문번호": "A-17"}}
	for name := range members["Recipient"] {
		// The number is given back masked.
		if members["Result"][name] != nil && name != "to" {
			recipient[name] = "given-" + name
		}
	}
	request := maps.Clone(given)
	request["recipients"] = []any{recipient}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	id := s.do(t, http.MethodPost, "/v1/messages", service, string(body)).id(t)
	for _, settled := range []bool{false, true} {
		if m := s.store.messages[id]; settled {
			s.store.outcomes[id] = message.Settled(m, message.Pendings(m), now)
		}
		var got map[string]any
		if err := json.Unmarshal(s.do(t, http.MethodGet, "/v1/messages/"+id, service, "").body, &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range given {
			if got[name] != value {
				t.Errorf("settled %t: %s is %v, not %v", settled, name, got[name], value)
			}
		}
		first := got["recipients"].([]any)[0].(map[string]any)
		for name, value := range recipient {
			if members["Result"][name] != nil && name != "to" && first[name] != value {
				t.Errorf("settled %t: %s of the recipient is %v, not %v", settled, name, first[name], value)
			}
		}
	}
	if len(given) < 5 || recipient["reference"] == nil {
		t.Errorf("only %v and %v are given back", given, recipient)
	}
}

func TestRetryAfterGrowsWithAge(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", service, order).id(t)
	scheduled := s.do(t, http.MethodPost, "/v1/messages", service,
		strings.Replace(order, `"template"`, `"sendAt":"2026-12-01T00:30:00Z","template"`, 1))
	later := s.do(t, http.MethodPost, "/v1/messages", service, strings.Replace(order, `"template"`,
		`"sendAt":"2026-12-09T00:00:00Z","template"`, 1))
	if got := scheduled.Header.Get("Retry-After"); got != "1801" {
		t.Errorf("scheduled in half an hour: %s", got)
	}
	if got := later.Header.Get("Retry-After"); got != "3601" {
		t.Errorf("scheduled next week: %s", got)
	}
	for age, want := range map[time.Duration]string{0: "3", 59 * time.Second: "3", time.Minute: "15", 10 * time.Minute: "60"} {
		s.now = now.Add(age)
		if got := s.do(t, http.MethodGet, "/v1/messages/"+id, service, "").Header.Get("Retry-After"); got != want {
			t.Errorf("after %v: %s, want %s", age, got, want)
		}
	}
}

func TestUntrustedCallersDoNotSeeWhatOperatorsHaveToRepair(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", untrusted, order).id(t)
	o := outcomes()[message.Parked]
	o.ID = id
	s.store.outcomes[id] = o
	got := s.do(t, http.MethodGet, "/v1/messages/"+id, untrusted, "")
	if strings.Contains(string(got.body), "203.0.113.7") || !strings.Contains(string(got.body), `"status":"parked"`) {
		t.Errorf("got %s", got.body)
	}
}

// What parked hides, reasons hide as well: those that are in the history of executions say what they said once.
func TestReasonsTellUntrustedCallersWhatTheCodeMeans(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", untrusted, order).id(t)
	for code, want := range map[string]string{
		message.CodeExpired:  "The message expired before it could be sent to the recipient.",
		message.CodeRejected: "Aligo refused the call, or the template is not approved any more.", "Z": "",
	} {
		o := outcomes()[message.MessageExpired]
		o.ID, o.Recipients = id, []message.Result{{
			To: "010****5678", Status: message.Failed, Channel: message.SMS, Code: code,
			Reason: "ip: register 203.0.113.7 with Aligo", At: o.SettledAt, Attempts: []message.Attempt{
				{Channel: message.AlimTalk, Status: message.Failed, Code: code, Reason: "ip: register 203.0.113.7 with Aligo"},
			},
		}}
		s.store.outcomes[id] = o
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			var got message.Outcome
			answer := s.do(t, method, "/v1/messages/"+id, untrusted, "")
			if err := json.Unmarshal(answer.body, &got); err != nil || len(got.Recipients) != 1 ||
				strings.Contains(string(answer.body), "203.0.113.7") {
				t.Fatalf("%s: %s, %v", method, answer.body, err)
			}
			if method == http.MethodGet && got.Recipients[0].Reason != want {
				t.Errorf("%s: %q, want %q", code, got.Recipients[0].Reason, want)
			}
		}
		if o.Recipients[0].Reason == want {
			t.Error("the outcome itself was changed")
		}
	}
	s.store.messages[id] = message.Message{ID: id, Caller: "service"}
	if got := s.do(t, http.MethodGet, "/v1/messages/"+id, service, ""); !strings.Contains(string(got.body), "203.0.113.7") {
		t.Errorf("an operator does not learn what to repair: %s", got.body)
	}
}

func TestMessagesOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", service, order).id(t)
	for _, r := range []struct{ caller, id string }{
		{"someone messages:read messages:send messages:text", id},
		{service, "0193a1b2-0000-7000-8000-000000000000"},
		{service, strings.Repeat("a", 52)},
		{service, "x"},
		{service, "arn:aws:states:ap-northeast-2:000000000000:execution:other:1"},
		{service, strings.ToUpper(id)},
		{service, strings.ReplaceAll(id, "-", "")},
		{service, "0193a1b2-0000-4000-8000-000000000000"},
		{service, "0193a1b2-0000-7000-c000-000000000000"},
		{service, strings.Repeat("A", 52)},
		{service, strings.Repeat("a", 5000)},
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			got := s.do(t, method, "/v1/messages/"+r.id, r.caller, "")
			if got.StatusCode != http.StatusNotFound || got.problem(t) != "message-not-found" {
				t.Errorf("%s %.80s as %s: %d %s", method, r.id, r.caller, got.StatusCode, got.body)
			}
		}
	}
	if s.store.asked != 6 {
		t.Errorf("Step Functions was asked %d times, want only for what can be an id", s.store.asked)
	}
	golden(t, "get not found", s.do(t, http.MethodGet, "/v1/messages/x", service, "").body)
}

func TestOperatorsReadAndCancelEverybodysMessages(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", untrusted, order).id(t)
	event := "event:shop.orders"
	s.store.messages[strings.Repeat("a", 52)] = message.Message{ID: strings.Repeat("a", 52), Caller: event, Channel: message.AlimTalk,
		CreatedAt: now, ExpiresAt: now.Add(time.Hour), Recipients: []message.Recipient{{To: "01012345678"}}}
	parked := outcomes()[message.Parked]
	parked.ID = id
	s.store.outcomes[id] = parked
	for _, c := range []struct {
		method, id, caller string
		status             int
	}{
		{http.MethodGet, id, operator, 200},
		{http.MethodGet, strings.Repeat("a", 52), operator, 200},
		{http.MethodGet, strings.Repeat("b", 52), operator, 404},
		{http.MethodGet, id, "someone messages:read", 404},
		{http.MethodGet, id, "someone messages:send", 403},
		{http.MethodDelete, id, "someone messages:send messages:read messages:text", 404},
		{http.MethodDelete, id, "someone messages:read", 403},
		{http.MethodDelete, id, operator, 200},
		{http.MethodDelete, strings.Repeat("a", 52), operator, 200},
		{http.MethodDelete, strings.Repeat("b", 52), operator, 404},
	} {
		got := s.do(t, c.method, "/v1/messages/"+c.id, c.caller, "")
		if got.StatusCode != c.status {
			t.Errorf("%s %s as %q: %d %s", c.method, c.id, c.caller, got.StatusCode, got.body)
		}
	}
	if got := s.do(t, http.MethodGet, "/v1/messages/"+id, operator, ""); !strings.Contains(string(got.body), "203.0.113.7") {
		t.Errorf("an operator is not told what to repair: %s", got.body)
	}
	if got := s.do(t, http.MethodPost, "/v1/messages", operator, order); got.StatusCode != http.StatusForbidden {
		t.Errorf("an operator sends: %d", got.StatusCode)
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	id := s.do(t, http.MethodPost, "/v1/messages", untrusted, order, "Idempotency-Key: k").id(t)
	got := s.do(t, http.MethodDelete, "/v1/messages/"+id, untrusted, "")
	if got.StatusCode != http.StatusOK {
		t.Errorf("got %d", got.StatusCode)
	}
	golden(t, "delete", got.body)
	s.store.refusal = &execution.NotCancellableError{Reason: "the message is being sent"}
	got = s.do(t, http.MethodDelete, "/v1/messages/"+id, untrusted, "")
	if got.StatusCode != http.StatusConflict || got.problem(t) != "not-cancellable" {
		t.Errorf("got %d", got.StatusCode)
	}
	golden(t, "delete too late", got.body)
	if got := s.do(t, http.MethodDelete, "/v1/messages/"+id, "frontend messages:read", ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("without messages:send: %d", got.StatusCode)
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	got := s.do(t, http.MethodGet, "/v1/templates", untrusted, "")
	golden(t, "templates", got.body)
	if again := s.do(t, http.MethodGet, "/v1/templates", untrusted, "",
		"If-None-Match: "+got.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("got %d", again.StatusCode)
	}
	golden(t, "template", s.do(t, http.MethodGet, "/v1/templates/TX_2345", untrusted, "").body)
	for _, code := range []string{"TX_8888", "TX_9999", "a%20b"} {
		if got := s.do(t, http.MethodGet, "/v1/templates/"+code, untrusted, ""); got.StatusCode != http.StatusNotFound ||
			got.problem(t) != "template-not-found" {
			t.Errorf("%s: %d %s", code, got.StatusCode, got.body)
		}
	}
	s.vendor.templates = nil
	if got := s.do(t, http.MethodGet, "/v1/templates", untrusted, ""); string(got.body) != `{"templates":[]}`+"\n" {
		t.Errorf("no templates: %s", got.body)
	}
}

// A template that Aligo cannot send is not offered, and whoever asks for it is told why.
func TestTemplatesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	linked := approved("TX_7777", "공지입니다.")
	linked.Unsendable = []string{"대표링크"}
	s.vendor.templates = []aligo.Template{linked}
	if got := s.do(t, http.MethodGet, "/v1/templates", service, ""); string(got.body) != `{"templates":[]}`+"\n" {
		t.Errorf("it is offered: %s", got.body)
	}
	got := s.do(t, http.MethodGet, "/v1/templates/TX_7777", service, "")
	if got.problem(t) != "template-not-found" || !strings.Contains(string(got.body), "대표링크") {
		t.Errorf("got %s", got.body)
	}
	got = s.do(t, http.MethodPost, "/v1/messages", service, `{"template":"TX_7777","recipients":[{"to":"010-1234-5678"}]}`)
	if got.problem(t) != "invalid-message" || !strings.Contains(string(got.body), "대표링크") {
		t.Errorf("got %s", got.body)
	}
}

func TestExamplesOfTemplatesCanBeSent(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var list struct {
		Templates []struct {
			Code    string
			Example json.RawMessage
		}
	}
	if err := json.Unmarshal(s.do(t, http.MethodGet, "/v1/templates", untrusted, "").body, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Templates) != 5 {
		t.Fatalf("%d templates", len(list.Templates))
	}
	for _, template := range list.Templates {
		body := string(template.Example)
		if template.Code == "TX_5678" { // has an emoji, which no SMS can follow
			body = strings.Replace(body, "{", `{"fallback":{"enabled":false},`, 1)
		}
		caller := untrusted
		if template.Code == "TX_6789" { // has a button that leads wherever a value says
			caller = service
		}
		if got := s.do(t, http.MethodPost, "/v1/messages", caller, body); got.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %s: %s", template.Code, body, got.body)
		}
	}
}

func TestBalance(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	golden(t, "balance", s.do(t, http.MethodGet, "/v1/balance", service, "").body)
	s.vendor.balance.AlimTalkKnown = false
	if got := s.do(t, http.MethodGet, "/v1/balance", service, ""); strings.Contains(string(got.body), "alimtalk") {
		t.Errorf("what is not known is told: %s", got.body)
	}
	if got := s.do(t, http.MethodGet, "/v1/balance", untrusted, ""); got.StatusCode != http.StatusForbidden {
		t.Errorf("an untrusted caller sees the wallet: %d", got.StatusCode)
	}
}

func TestAligoBeingDown(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.vendor.err = &aligo.Error{Class: aligo.ClassNotConfigured, Cause: aligo.CauseCredentials, Message: "secret"}
	for _, path := range []string{"/v1/templates", "/v1/templates/TX_1234", "/v1/balance"} {
		got := s.do(t, http.MethodGet, path, service, "")
		if got.StatusCode != http.StatusServiceUnavailable || got.problem(t) != "unavailable" || got.Header.Get("Retry-After") != "30" ||
			strings.Contains(string(got.body), "secret") {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
	golden(t, "vendor unavailable", s.do(t, http.MethodGet, "/v1/balance", service, "").body)
}

func TestContractIsServedToEverybody(t *testing.T) {
	t.Parallel()
	got := newSystem(t).do(t, http.MethodGet, "/v1/openapi.json", "", "")
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || string(got.body) != contract.OpenAPI() {
		t.Errorf("got %d %v", got.StatusCode, got.Header)
	}
}

func TestRoutesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	routes := contract.Operations()
	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
	for _, route := range routes {
		path := strings.NewReplacer("{id}", "x", "{code}", "x").Replace(route.Path)
		for _, method := range methods {
			got := s.do(t, method, path, "", "")
			promised := slices.ContainsFunc(routes, func(r contract.Operation) bool { return r.Path == route.Path && r.Method == method })
			switch {
			case !promised && got.StatusCode != http.StatusMethodNotAllowed:
				t.Errorf("%s %s: %d, but the contract does not have it", method, path, got.StatusCode)
			case promised && route.Method == method && route.Public != (got.StatusCode == http.StatusOK):
				t.Errorf("%s %s without a caller: %d, public: %v", method, path, got.StatusCode, route.Public)
			}
		}
	}
}

func TestMethodsAndPaths(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{http.MethodOptions, "/v1/messages", 204, "GET, HEAD, POST, OPTIONS"},
		{http.MethodOptions, "/v1/messages/x", 204, "GET, HEAD, DELETE, OPTIONS"},
		{http.MethodPut, "/v1/messages/x", 405, "GET, HEAD, DELETE, OPTIONS"},
		{http.MethodGet, "/v1/previews", 405, "POST, OPTIONS"},
		{http.MethodHead, "/v1/openapi.json", 200, ""},
		{http.MethodHead, "/v1/messages/x", 404, ""},
		{http.MethodGet, "/", 404, ""},
		{http.MethodGet, "/v1", 404, ""},
		{http.MethodGet, "/v1/messages/", 404, ""},
		{http.MethodPost, "/v1/messages/", 404, ""},
		{http.MethodGet, "/v1//messages/x", 404, ""},
		{http.MethodGet, "/v1/../v1/templates", 404, ""},
		{http.MethodGet, "/V1/templates", 404, ""},
		{http.MethodGet, "/v1/templates/x/y", 404, ""},
		{http.MethodGet, "/v1/messages/..%2F..%2Fother", 404, ""},
	} {
		got := s.do(t, c.method, c.path, service, "")
		if got.StatusCode != c.status || got.Header.Get("Allow") != c.allow || c.method == http.MethodHead && len(got.body) > 0 ||
			got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d %v %s", c.method, c.path, got.StatusCode, got.Header, got.body)
		}
	}
	golden(t, "method not allowed", s.do(t, http.MethodPut, "/v1/previews", service, "").body)
	golden(t, "no such path", s.do(t, http.MethodGet, "/v2/messages", service, "").body)
}

func TestAnswersSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	if got := s.do(t, http.MethodGet, "/v1/balance", "", "").Header.Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("nobody: %q", got)
	}
	if got := s.do(t, http.MethodGet, "/v1/balance", untrusted,
		"").Header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_scope", scope="messages:text"` {
		t.Errorf("an untrusted caller: %q", got)
	}
}

// A list of errors stays small enough for an event, however much is wrong.
func TestListOfErrorsIsBounded(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	got := s.do(t, http.MethodPost, "/v1/messages", service, `{"recipients":[`+strings.Repeat(`1,`, 20000)+`1]}`)
	var p intake.Problem
	if err := json.Unmarshal(got.body, &p); err != nil {
		t.Fatal(err)
	}
	if got.StatusCode != http.StatusUnprocessableEntity || len(got.body) > 110<<10 || len(p.Errors) < 1000 ||
		!strings.HasPrefix(p.Detail, "20003 things are wrong; the first ") {
		t.Errorf("%d, %d bytes, %d errors, %s", got.StatusCode, len(got.body), len(p.Errors), p.Detail)
	}
}

// What a template says about a request that is wrong anyway is bounded before anything is compared.
func TestTemplateIsHeldAgainstFewProblemsOnly(t *testing.T) {
	t.Parallel()
	for each, want := range map[int]struct{ asked, most int }{
		1:   {1, 500 + 499 + 1000 + 2}, // a wrong value each, a number that is there 499 times too often, and what the template adds
		100: {0, 50_000 + 499},         // more than anybody reads
	} {
		s := newSystem(t)
		got := s.send(t, wrongEverywhere(each))
		var p intake.Problem
		var all int
		if err := json.Unmarshal(got.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscanf(p.Detail, "%d things", &all); err != nil || all > want.most || s.vendor.asked != want.asked {
			t.Errorf("%d wrong values each: %s, asked for the template %d times; %v", each, p.Detail, s.vendor.asked, err)
		}
	}
}

// Nothing that a request holds gets into the log but what identifies the message.
func TestLogHasNoNumbersAndTexts(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.do(t, http.MethodPost, "/v1/messages", service, order)
	s.do(t, http.MethodPost, "/v1/messages", service, `{"channel":"sms","text":"비밀","recipients":[{"to":"01012345678","name":"홍길동"}]}`)
	s.do(t, http.MethodPost, "/v1/messages", service, `{"channel":"sms","text":"비밀 #{x}","recipients":[{"to":"0101234567","name":"홍길동"}]}`)
	log := s.log.String()
	for _, secret := range []string{"1234", "홍길동", "비밀", "A-17"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log: %s", secret, log)
		}
	}
	if !strings.Contains(log, `"recipients":1`) {
		t.Errorf("log: %s", log)
	}
}
