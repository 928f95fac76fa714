package aligo_test

import (
	"errors"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
)

// monday is when the tests take place: 10:00 on a Monday in Korea.
var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("KST", 9*60*60))

func newClock() *testkit.Clock { return testkit.NewClock(monday) }

// world is a stand-in, a client and the clock of both.
type world struct {
	*testkit.Clock
	*aligotest.Server
	client *aligo.Client
	// since is when the attempt that is looked for began, if not at the start.
	since time.Time
}

func newWorld(t *testing.T, options ...func(*aligotest.ServerOptions)) *world {
	t.Helper()
	c := newClock()
	server := aligotest.NewServer(t, append([]func(*aligotest.ServerOptions){func(o *aligotest.ServerOptions) { o.Now = c.Now }},
		options...)...)
	return &world{Clock: c, Server: server, client: server.Client()}
}

// order is an AlimTalk of template TX_1234.
func order(to ...string) aligo.AlimTalk {
	a := aligo.AlimTalk{Template: "TX_1234"}
	for _, n := range to {
		a.Recipients = append(a.Recipients, aligo.AlimTalkRecipient{To: n, Name: "홍길동", Text: orderText()})
	}
	return a
}

func orderText() string {
	return "[마실상점] 주문이 접수되었습니다.\r\n\r\n홍길동님, 주문해 주셔서 감사합니다.\r\n\r\n■ 주문번호: A-17" +
		"\r\n\r\n상품이 준비되는 대로 발송 소식을 알려 드리겠습니다."
}

func sms(text string, to ...string) aligo.SMS {
	return aligo.SMS{Type: aligo.TypeSMS, To: to, Text: text}
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return v
	}
}

func setFault(t *testing.T, w *world, f aligotest.Fault) {
	t.Helper()
	if err := w.SetFault(f); err != nil {
		t.Fatal(err)
	}
}

// wantError checks class and cause of an error.
func wantError(t *testing.T, err error, class aligo.Class, cause aligo.Cause) {
	t.Helper()
	var e *aligo.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want an *aligo.Error of class %s", err, class)
	}
	if e.Class != class || e.Cause != cause {
		t.Errorf("error is %s (%s), want %s (%s): %v", e.Class, e.Cause, class, cause, err)
	}
}
