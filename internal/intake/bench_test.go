package intake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/intake"
	"sms-api/internal/limits"
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

// BenchmarkPlan is the plan of a million rows by the door's own rules, with an AlimTalk and the SMS that may follow it. What Lambda
// has besides is the reading and writing of the bucket.
func BenchmarkPlan(b *testing.B) {
	const rows = 1_000_000
	var file strings.Builder
	file.WriteString("이름,전화번호,주문\n")
	for i := range rows {
		fmt.Fprintf(&file, "홍길동,010-%04d-%04d,A-%d\n", 2000+i/10_000, i%10_000, i)
	}
	text := file.String()
	chunks := intake.Chunks{
		Templates: newVendor(), Limits: &limits.Limits{Now: time.Now}, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	}
	request, err := message.Decode([]byte(`{"template":"TX_1234"}`))
	if err != nil {
		b.Fatal(err)
	}
	p := campaign.Planner{
		Door: chunks.Door(campaign.Campaign{ID: "c", Caller: "me"}), Request: request, Rate: 5000,
		Columns: message.Columns{To: "전화번호", Name: "이름", Variables: map[string]string{"주문번호": "주문"}},
		Put: func(_ context.Context, _ int, c campaign.Chunk) error {
			_, err := json.Marshal(c)
			return err
		},
		Refuse: func(campaign.RowError) error { return nil },
	}
	var most atomic.Uint64
	for b.Loop() {
		plan, err := p.Plan(b.Context(), &watched{Reader: strings.NewReader(text), most: &most})
		if err != nil || plan.Valid != rows {
			b.Fatal(plan, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/rows, "µs/row")
	b.ReportMetric((float64(most.Load())-float64(len(text)))/1e6, "MB")
}

// watched is a file that looks at the memory now and then while it is read.
type watched struct {
	io.Reader

	most  *atomic.Uint64
	reads int
}

func (w *watched) Read(p []byte) (int, error) {
	const now = 64
	if w.reads++; w.reads%now == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.most.Store(max(w.most.Load(), m.HeapInuse+m.StackInuse))
	}
	return w.Reader.Read(p)
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
