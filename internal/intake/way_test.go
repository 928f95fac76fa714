package intake_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"sms-api/internal/message"
	"sms-api/internal/way"
)

func TestOperatorsReadTheWayOfAMessage(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	m := message.Message{
		ID: "01938f2e-5c3a-7b1e-8d2f-4a6b9c0d1e2f", Caller: "service", CreatedAt: now, Recipients: []message.Recipient{{To: "01012345678"}},
	}
	s.store.messages[m.ID] = m
	s.store.way = way.Way{
		Status: "RUNNING", Started: now, Input: way.MaskJSON(`{"recipients":[{"to":"01012345678"}]}`), Transitions: 2,
		Visits: []way.Visit{{
			State: "Send AlimTalk", Type: "Task", Entered: now, Ended: "running", Output: json.RawMessage(`{}`),
			Attempts: []way.Attempt{{Scheduled: now, Ended: "failed", Resource: "lambda:invoke", Error: "Transient"}},
		}},
		Calls: []way.Call{{Visit: 0, Channel: message.AlimTalk, MID: "7", At: now, Recipients: 1}},
	}
	const path = "/v1/messages/01938f2e-5c3a-7b1e-8d2f-4a6b9c0d1e2f/way"
	for name, c := range map[string]struct {
		path, caller string
		status       int
		says         string
	}{
		"an operator":               {path, operator, http.StatusOK, `"to":"010****5678"`},
		"its caller":                {path, service, http.StatusForbidden, "insufficient-scope"},
		"nobody":                    {path, "", http.StatusUnauthorized, "unauthenticated"},
		"a message that is not one": {strings.Replace(path, "01938f2e-", "01938f2f-", 1), operator, http.StatusNotFound, "message-not-found"},
		"an id that is none":        {"/v1/messages/x/way", operator, http.StatusNotFound, "message-not-found"},
	} {
		r := s.do(t, http.MethodGet, c.path, c.caller, "")
		if r.StatusCode != c.status || !strings.Contains(string(r.body), c.says) {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.body)
		}
	}
	if log := s.log.String(); !strings.Contains(log, `"msg":"way of a message read"`) || !strings.Contains(log, `"caller":"operator"`) {
		t.Errorf("the log does not say who looked: %s", log)
	}
	tag := s.do(t, http.MethodGet, path, operator, "").Header.Get("ETag")
	if again := s.do(t, http.MethodGet, path, operator, "", "If-None-Match: "+tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same once more: %d", again.StatusCode)
	}
}
