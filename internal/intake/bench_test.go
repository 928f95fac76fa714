package intake_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// BenchmarkPostMessage is a request with everything but Step Functions and the network.
func BenchmarkPostMessage(b *testing.B) {
	for _, n := range []int{1, message.MaxRecipients} {
		body := testkit.Request("", n)
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			s := newSystem(b)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				s.log.Reset()
				clear(s.store.messages)
				if w := s.send(b, body); w.Code != http.StatusAccepted {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

// send has a message asked for, without a look at the document.
func (s *system) send(tb testing.TB, body string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v1/messages", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Test-Caller", service)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// wrongEverywhere is a body of nearly the size that is read, in which each of 500 recipients has many things wrong that the
// rules find, and others that the template would.
func wrongEverywhere(each int) string {
	recipient := `{"to":"01012345678","variables":{`
	for i := range each {
		if i > 0 {
			recipient += ","
		}
		recipient += fmt.Sprintf(`"k%d":1`, i)
	}
	recipient += `}}`
	return `{"template":"TX_1234","recipients":[` + strings.Repeat(recipient+",", message.MaxRecipients-1) + recipient + `]}`
}

// BenchmarkWrongEverywhere is the most that a body can have wrong with it.
func BenchmarkWrongEverywhere(b *testing.B) {
	s := newSystem(b)
	body := wrongEverywhere(100)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if w := s.send(b, body); w.Code != http.StatusUnprocessableEntity {
			b.Fatalf("%d %.200s", w.Code, w.Body)
		}
	}
}
