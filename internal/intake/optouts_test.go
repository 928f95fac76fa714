package intake_test

import (
	"net/http"
	"strings"
	"testing"

	"sms-api/internal/optout"
	"sms-api/internal/testkit/tabletest"
)

// What is said of a recipient is read as a message is.
func TestOptOutIsReadAsAMessageIs(t *testing.T) {
	t.Parallel()
	const number = "/v1/opt-outs/010-1234-5678"
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		says                     string
	}{
		{name: "nothing", method: "PUT", path: number, status: 200, says: `"at":"2026-12-01T00:00:00Z","via":"api"`},
		{name: "everything", method: "PUT", path: number, body: `{"at":"2026-11-30T09:00:00.25Z","via":"080"}`, status: 200,
			says: `"at":"2026-11-30T09:00:00.25Z","via":"080"`},
		{name: "a pasted number", method: "PUT", path: "/v1/opt-outs/%E2%80%AA+82%2010-1234-5678%E2%80%AC", status: 200, says: "010****5678"},
		{name: "not JSON", method: "PUT", path: number, body: `{`, status: 400, says: "the body is not JSON"},
		{name: "not UTF-8", method: "PUT", path: number, body: "{\"via\":\"\xff\"}", status: 400, says: "the body is not UTF-8"},
		{name: "twice", method: "PUT", path: number, body: `{"via":"a","via":"b"}`, status: 422, says: `"/via","detail":"is there twice"`},
		{name: "unknown", method: "PUT", path: number, body: `{"VIA":"a"}`, status: 422, says: "has a member that is not known"},
		{name: "a number in via", method: "PUT", path: number, body: `{"via":"010-1234-5678 전화"}`, status: 422,
			says: `"/via","detail":"has a number in it: the list of opt-outs keeps none"`},
		{name: "no zone", method: "PUT", path: number, body: `{"at":"2026-11-30T09:00:00"}`, status: 422, says: "has no time zone"},
		{name: "ahead", method: "PUT", path: number, body: `{"at":"2026-12-01T00:10:01Z"}`, status: 422, says: "is in the future"},
		{name: "no number", method: "PUT", path: "/v1/opt-outs/010", status: 400, says: "it has 3 digits"},
		{name: "a page", method: "GET", path: "/v1/opt-outs?limit=100", status: 200, says: `"optOuts":[]`},
		{name: "too much", method: "GET", path: "/v1/opt-outs?limit=101", status: 400, says: `"/limit"`},
		{name: "a limit twice", method: "GET", path: "/v1/opt-outs?limit=1&limit=2", status: 400, says: "is there 2 times"},
		{name: "another parameter", method: "GET", path: "/v1/opt-outs?number=010", status: 400, says: "a parameter is not known"},
		{name: "a time that is not taken", method: "DELETE", path: number + "?at=now", status: 400, says: "there are no parameters"},
		{name: "half a query", method: "GET", path: "/v1/opt-outs?limit=%zz", status: 400, says: "the query is not well-formed"},
	} {
		s := newSystem(t)
		got := s.do(t, c.method, c.path, operator, c.body)
		if got.StatusCode != c.status || !strings.Contains(string(got.body), c.says) {
			t.Errorf("%s: %d %s, want %d, %s", c.name, got.StatusCode, got.body, c.status, c.says)
		}
	}
	if got := newSystem(t).do(t, http.MethodPut, number, service, ``); got.StatusCode != http.StatusForbidden {
		t.Errorf("somebody else: %d", got.StatusCode)
	}
}

// An event that says nothing that could be written down is for somebody to look at.
func TestOptOutEvents(t *testing.T) {
	t.Parallel()
	for detail, says := range map[string]string{
		`{"to":"010-1234-5678"}`: "",
		`{"to":"\u202a010-1234-5678\u202c","at":"2026-11-30t09:00:00z","by":"somebody"}`: "",
		`{"to":"010-1234-5678","at":"2016-12-31T23:59:60Z"}`:                             "",
		`{"to":"010-1234-5678","at":"2026-11-30T09:00:00"}`:                              "/at has no time zone",
		`{"to":"010-1234-5678","at":"2026-12-01T00:10:01Z"}`:                             "/at is in the future",
		`{"to":"010-1234-5678","to":"010-9999-8888"}`:                                    "/to is there twice",
		`{"at":"2026-11-30T09:00:00Z"}`:                                                  "/to is missing",
		`"010-1234-5678"`:                                                                "must be an object, and is a string",
	} {
		d := newDoor()
		d.events.OptOuts = &optout.List{Client: tabletest.New(t).Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}}
		err := d.handle(t, strings.Replace(event("e-1", detail), "MessageRequested", "RecipientOptedOut", 1))
		switch {
		case says == "" && err != nil, says != "" && (err == nil || !strings.Contains(err.Error()+d.log.String(), says)):
			t.Errorf("%s: %v, want %q; the log says %s", detail, err, says, d.log)
		case strings.Contains(d.log.String(), "5678"):
			t.Errorf("%s: the log says %s", detail, d.log)
		}
	}
}

// What says where somebody has opted out is a note: one that cannot be kept is left out, and who has opted out gets no advertising.
func TestOptOutEventWithoutItsNote(t *testing.T) {
	t.Parallel()
	for via, kept := range map[string]string{
		`"080"`:                                     "080",
		`"010-1234-5678 전화"`:                        "",
		`"a","via":"b"`:                             "",
		`"` + strings.Repeat("a", 65) + `"`:         "",
		`{"phone":"010-1234-5678","by":"somebody"}`: "",
	} {
		d := newDoor()
		list := &optout.List{Client: tabletest.New(t).Client, Table: tabletest.Name, Numbers: tabletest.Keys{"k"}}
		d.events.OptOuts = list
		detail := `{"to":"010-1234-5678","via":` + via + `}`
		err := d.handle(t, strings.Replace(event("e-1", detail), "MessageRequested", "RecipientOptedOut", 1))
		e, ok, found := list.Find(t.Context(), "01012345678")
		if err != nil || found != nil || !ok || e.Status != optout.Out || e.Via != kept {
			t.Errorf("%s: %v; known is %+v %v %v", via, err, e, ok, found)
		}
		if strings.Contains(d.log.String(), "5678") || strings.Contains(d.log.String(), `"withoutVia"`) != (kept == "") {
			t.Errorf("%s: the log says %s", via, d.log)
		}
	}
}
