package system

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/intake"
)

// door is the API of a system over real sockets, and how many executions it has asked Step Functions for.
type door struct {
	api    http.Handler
	starts atomic.Int64
}

func newDoor(f *testing.F) *door {
	f.Helper()
	d := &door{}
	clock := clock.Real(1000)
	standin := aligotest.New(aligotest.Options{Now: clock.Now, Balance: 1e12})
	var endpoint http.Handler
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "AWSStepFunctions.StartExecution" {
			d.starts.Add(1)
		}
		endpoint.ServeHTTP(w, r)
	}))
	f.Cleanup(aws.Close)
	vendor := httptest.NewServer(standin)
	f.Cleanup(vendor.Close)
	s, err := New(Options{
		AWS: awsapi.Options{Clock: clock, Kept: 100}, Aligo: standin, AWSURL: aws.URL, AligoURL: vendor.URL,
		Identify: func(*http.Request) (intake.Caller, error) { return everything, nil }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.AWS.Close(f.Context()) })
	endpoint, d.api = s.AWS, s.API
	return d
}

// post fails the test when a body gets an answer that is no answer, or starts something although it was refused.
func (d *door) post(t *testing.T, body string) {
	t.Helper()
	before := d.starts.Load()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/messages", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.api.ServeHTTP(w, r)
	started := d.starts.Load() - before
	switch {
	case w.Code >= 500:
		t.Errorf("%d %s for %q", w.Code, w.Body, body)
	case w.Code == http.StatusAccepted && started != 1:
		t.Errorf("accepted, and %d executions started, for %q", started, body)
	case w.Code >= 400 && started != 0:
		t.Errorf("refused with %d, and an execution started, for %q", w.Code, body)
	case w.Code >= 400 && !json.Valid(w.Body.Bytes()):
		t.Errorf("the problem document is not JSON: %s", w.Body)
	}
}

// FuzzAnyBody posts whatever comes.
func FuzzAnyBody(f *testing.F) {
	d := newDoor(f)
	for _, body := range []string{
		to("", "5678"), to(`"sendAt":"2030-01-01T00:00:00Z",`, "5678", "0001"),
		`{"channel":"sms","text":"안녕하세요","recipients":[{"to":"+82 10-1000-5678"}]}`,
		`{}`, `[]`, ``, `{"template":"TX_9999","recipients":[{"to":"010"}]}`, "\xff\xfe", `{"recipients":{"to":1}}`, strings.Repeat("[", 1000),
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) { d.post(t, body) })
}

// FuzzLikelyBody posts bodies of the right shape with whatever in them.
func FuzzLikelyBody(f *testing.F) {
	d := newDoor(f)
	f.Add("alimtalk", "TX_1234", "010-1234-5678", "홍길동", "주문번호", "A-17", "", "5m", "none", "", "", "order-17")
	f.Add("sms", "", "+82 10 1234 5678", "", "x", "1", "#{x} 안녕", "", "", "2030-01-01T00:00:00+09:00", "", "")
	f.Add("", "TX_2345", "0601234567", "😀", "송장번호", "\x00", "", "-1s", "sms", "1999-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "r")
	f.Fuzz(func(t *testing.T, channel, template, number, name, variable, value, text, after, onUnknown, sendAt, expiresAt, reference string) {
		request := map[string]any{"recipients": []any{
			map[string]any{"to": number, "name": name, "variables": map[string]string{variable: value}},
		}}
		for member, value := range map[string]string{
			"channel": channel, "template": template, "text": text, "sendAt": sendAt, "expiresAt": expiresAt, "reference": reference,
		} {
			if value != "" {
				request[member] = value
			}
		}
		if after != "" || onUnknown != "" {
			request["fallback"] = map[string]string{"after": after, "onUnknown": onUnknown}
		}
		body, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		d.post(t, string(body))
	})
}
