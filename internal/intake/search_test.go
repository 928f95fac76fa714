package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sms-api/internal/intake"
	"sms-api/internal/message"
	"sms-api/internal/records"
)

// book is the records as the API sees them: it answers everything with the same page.
type book struct {
	page   records.Page
	erased int
	err    error
	// asked is what was searched for last, and number what was erased.
	asked  records.Query
	number message.Phone
}

func (b *book) Search(_ context.Context, q records.Query) (records.Page, error) {
	b.asked = q
	return b.page, b.err
}

func (b *book) Erase(_ context.Context, to message.Phone) (int, error) {
	b.number = to
	return b.erased, b.err
}

const operator = "operator messages:admin"

// searching is a system whose records have one message to two.
func searching(t *testing.T) (*system, *book) {
	t.Helper()
	s := newSystem(t)
	m := message.Message{
		ID: "01938f2e-5c3a-7b1e-8d2f-4a6b9c0d1e2f", CreatedAt: now, Recipients: []message.Recipient{{To: "01012345678"}, {To: "01087654321"}},
	}
	o := message.NewOutcome(m, message.Pendings(m))
	o.Status, o.Parked = message.Parked, &message.Parking{Cause: "ip", Reason: "register 203.0.113.7", Since: now}
	f := records.Found{Record: records.Record{Message: m, Outcome: o}}
	b := &book{page: records.Page{Found: []records.Found{f}, Cursor: "more"}, erased: 3}
	s.serve(&intake.API{Records: b})
	return s, b
}

func TestSearchAsks(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for query, c := range map[string]struct {
		caller string
		want   records.Query
	}{
		"":                {service, records.Query{Caller: "service", Limit: 50}},
		"?limit=100":      {operator, records.Query{Limit: 100}},
		"?reference=o-17": {untrusted, records.Query{Caller: "frontend", Reference: "o-17", Limit: 50}},
		"?status=parked&from=2026-12-01T09:00:00%2B09:00&until=2026-12-01T00:00:01Z": {
			service, records.Query{Caller: "service", Status: message.Parked, From: at, Until: at.Add(time.Second), Limit: 50}},
		"?from=2026-12-01T09:00:00%2B09:00&cursor=abc&campaign=c": {operator, records.Query{From: at, Cursor: "abc", Campaign: "c", Limit: 50}},
		"?to=010-1234-5678&reason=she+asks":                       {operator, records.Query{To: "01012345678", Limit: 50}},
	} {
		s, b := searching(t)
		if r := s.do(t, http.MethodGet, "/v1/messages"+query, c.caller, ""); r.StatusCode != http.StatusOK || b.asked != c.want {
			t.Errorf("%s: %d, asked for %+v, want %+v", query, r.StatusCode, b.asked, c.want)
		}
	}
}

// A + in a query is a space, and nobody who writes a time means one. The document knows no small letters.
func TestTimesOfASearchAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, written := range []string{
		"2026-12-01T09:00:00+09:00", "2026-12-01T09:00:00%2B09:00", "2026-12-01t00:00:00z", "2026-11-30T15:00:00-09:00",
	} {
		s, b := searching(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/messages?from="+written, nil)
		r.Header.Set("X-Test-Caller", operator)
		w := httptest.NewRecorder()
		if s.handler.ServeHTTP(w, r); w.Code != http.StatusOK || !b.asked.From.Equal(at) {
			t.Errorf("%s: %d, asked for %v", written, w.Code, b.asked.From)
		}
	}
}

func TestSearchAnswers(t *testing.T) {
	t.Parallel()
	s, b := searching(t)
	read := func(caller, query string) intake.MessageList {
		t.Helper()
		r := s.do(t, http.MethodGet, "/v1/messages"+query, caller, "")
		var list intake.MessageList
		if err := json.Unmarshal(r.body, &list); err != nil || r.StatusCode != http.StatusOK || len(list.Messages) != 1 {
			t.Fatalf("%d %s, %v", r.StatusCode, r.body, err)
		}
		return list
	}
	if l := read(operator, ""); l.Cursor != "more" || len(l.Messages[0].Recipients) != 0 || l.Messages[0].Parked == nil ||
		l.Messages[0].First != b.page.Found[0].Outcome.Recipients[0].To {
		t.Errorf("a list: %+v", l)
	}
	if l := read(untrusted, ""); l.Messages[0].Parked != nil {
		t.Errorf("an untrusted caller is told what to repair: %+v", l)
	}
	b.page.Found[0].Recipient = &b.page.Found[0].Outcome.Recipients[1]
	if l := read(operator, "?to=01087654321&reason=asked"); len(l.Messages[0].Recipients) != 1 ||
		l.Messages[0].Recipients[0].To != "010****4321" {
		t.Errorf("a number: %+v", l)
	}
	b.page = records.Page{}
	if r := s.do(t, http.MethodGet, "/v1/messages", operator, ""); string(r.body) != "{\"messages\":[]}\n" {
		t.Errorf("nothing: %s", r.body)
	}
}

// Each look for a number leaves a line that says who looked and why, and not for whom.
func TestSearchByNumberIsLogged(t *testing.T) {
	t.Parallel()
	s, b := searching(t)
	b.err = errors.New("away")
	s.do(t, http.MethodGet, "/v1/messages?to=010-1234-5678&reason=she+says+she+got+nothing", operator, "")
	line := s.log.String()
	for _, part := range []string{`"msg":"searched by number"`, `"caller":"operator"`, `"reason":"she says she got nothing"`, `"time":`} {
		if !strings.Contains(line, part) {
			t.Errorf("the log has no %s: %s", part, line)
		}
	}
	if strings.Contains(line, "5678") {
		t.Error(line)
	}
}

func TestWrongSearches(t *testing.T) {
	t.Parallel()
	for query, pointers := range map[string]string{
		"limit=0":              "/limit",
		"limit=101":            "/limit",
		"limit=ten":            "/limit",
		"status=lost":          "/status",
		"from=yesterday":       "/from",
		"until=2026-12-01":     "/until",
		"reference=":           "/reference",
		"cursor=":              "/cursor",
		"colour=blue":          "",
		"limit=1&limit=2":      "/limit",
		"to=12345&reason=asks": "/to",
		"to=010-1234-5678":     "/reason",
		"reason=asks":          "/reason",
		"to=010-1234-5678&reason=asks about 010-1234-5678":     "/reason",
		"to=010-1234-5678&reason=asks about 010 1234 five 6":   "/reason",
		"to=010-1234-5678&reason=asks about ０１０１２３４５６７８":       "/reason",
		"from=2026-12-02T00:00:00Z&until=2026-12-01T00:00:00Z": "/until",
		"from=x&until=y&limit=z&01012345678=1":                 "|/from|/until|/limit",
	} {
		s, b := searching(t)
		escaped := strings.ReplaceAll(url.PathEscape(query), "%26", "&")
		escaped = strings.ReplaceAll(escaped, "%3D", "=")
		r := s.do(t, http.MethodGet, "/v1/messages?"+escaped, operator, "")
		var p intake.Problem
		if err := json.Unmarshal(r.body, &p); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range p.Errors {
			got = append(got, e.Pointer)
		}
		if r.StatusCode != http.StatusBadRequest || strings.Join(got, "|") != pointers || b.asked.Limit != 0 {
			t.Errorf("%s: %d %q, want %q, asked %+v", query, r.StatusCode, got, pointers, b.asked)
		}
		if strings.Contains(string(r.body), "5678") || strings.Contains(s.log.String(), "5678") {
			t.Errorf("%s: the number is told: %s\n%s", query, r.body, s.log)
		}
	}
}

func TestWhoMaySearchAndErase(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, path, caller string
		err                  error
		want                 int
	}{
		{http.MethodGet, "/v1/messages", "", nil, http.StatusUnauthorized},
		{http.MethodGet, "/v1/messages", "sender messages:send", nil, http.StatusForbidden},
		{http.MethodGet, "/v1/messages?to=010-1234-5678&reason=asks", service, nil, http.StatusForbidden},
		{http.MethodDelete, "/v1/recipients/010-1234-5678", service, nil, http.StatusForbidden},
		{http.MethodDelete, "/v1/recipients/010-1234-5678", operator, nil, http.StatusOK},
		{http.MethodDelete, "/v1/recipients/12", operator, nil, http.StatusBadRequest},
		{http.MethodDelete, "/v1/recipients/010-1234-5678", operator, records.ErrNoNumberKey, http.StatusConflict},
		{http.MethodDelete, "/v1/recipients/010-1234-5678", operator, errors.New("away"), http.StatusServiceUnavailable},
		{http.MethodGet, "/v1/messages?to=010-1234-5678&reason=asks", operator, records.ErrNoNumberKey, http.StatusConflict},
		{http.MethodGet, "/v1/messages", operator, errors.New("away"), http.StatusServiceUnavailable},
		{http.MethodGet, "/v1/messages?cursor=x", operator, records.ErrCursor, http.StatusBadRequest},
	} {
		s, b := searching(t)
		b.err = c.err
		r := s.do(t, c.method, c.path, c.caller, "")
		if r.StatusCode != c.want {
			t.Errorf("%s %s by %q: %d %s, want %d", c.method, c.path, c.caller, r.StatusCode, r.body, c.want)
		}
		if r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", c.path)
		}
		if c.method == http.MethodDelete && (b.number == "01012345678") == (c.caller == service || c.want == http.StatusBadRequest) {
			t.Errorf("%s %s by %q erases %v", c.method, c.path, c.caller, b.number != "")
		}
		if strings.Contains(s.log.String()+string(r.body), "5678") {
			t.Errorf("%s: the number is told", c.path)
		}
	}
}
