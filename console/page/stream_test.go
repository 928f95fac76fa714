package page

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/testkit"
)

// listener is a page that reads the stream.
type listener struct {
	*httptest.ResponseRecorder
	testkit.Buffer
}

func (l *listener) Write(p []byte) (int, error) { return l.Buffer.Write(p) }

func (l *listener) changes() int { return strings.Count(l.String(), "event: change") }

func TestAPageHearsOfChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStream(0)
		page := &listener{ResponseRecorder: httptest.NewRecorder()}
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/inbox/stream", nil))
		}()
		synctest.Wait()
		if got := page.Header().Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("the type is %q", got)
		}
		if n := page.changes(); n != 1 {
			t.Fatalf("%d events at the beginning, want 1: the page may have missed something before it listened", n)
		}
		for range 1000 {
			s.notify()
		}
		time.Sleep(streamPause)
		synctest.Wait()
		if n := page.changes(); n != 2 {
			t.Errorf("%d events after a thousand changes at once, want 2", n)
		}
		if !strings.Contains(page.String(), `data: {"version":1000}`) {
			t.Errorf("the stream does not say the version: %s", page.String())
		}
		time.Sleep(2 * streamIdle)
		synctest.Wait()
		// Once more, because what was heard of may have been written a moment later.
		if n := page.changes(); n != 3 || !strings.Contains(page.String(), ": still here") {
			t.Errorf("a quiet stream is %q", page.String())
		}
		s.close()
		s.close()
		<-done
		if len(s.listeners) != 0 {
			t.Error("a page that has left is still told")
		}
	})
}

func TestAPageThatLeavesIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStream(0)
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.ServeHTTP(&listener{ResponseRecorder: httptest.NewRecorder()},
				httptest.NewRequestWithContext(ctx, http.MethodGet, "/inbox/stream", nil))
		}()
		synctest.Wait()
		if len(s.listeners) != 1 {
			t.Fatal("nobody listens")
		}
		leave()
		<-done
		if len(s.listeners) != 0 {
			t.Error("a page that has left is still told")
		}
	})
}
