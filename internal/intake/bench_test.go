package intake_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"sms-api/internal/message"
)

// BenchmarkPostMessage is a request with everything but Step Functions and the network.
func BenchmarkPostMessage(b *testing.B) {
	for _, n := range []int{1, message.MaxRecipients} {
		var body bytes.Buffer
		body.WriteString(`{"template":"TX_1234","recipients":[`)
		for i := range n {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"to":"010-1234-%04d","name":"홍길동","variables":{"주문번호":"A-%d"}}`, i, i)
		}
		body.WriteString(`]}`)
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			s := newSystem(b)
			b.SetBytes(int64(body.Len()))
			b.ReportAllocs()
			for b.Loop() {
				s.log.Reset()
				clear(s.store.messages)
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/messages", bytes.NewReader(body.Bytes()))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("X-Test-Caller", service)
				w := httptest.NewRecorder()
				if s.handler.ServeHTTP(w, r); w.Code != http.StatusAccepted {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
