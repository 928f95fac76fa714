package apigateway_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/apigateway"
)

// patient answers when it is told that its time is over, and stubborn does not listen.
func patient(w http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"status":503}`)
}

func stubborn(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(time.Minute)
	w.WriteHeader(http.StatusOK)
}

func TestAnAnswerLeavesBeforeTheFunctionIsEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		h := &apigateway.Handler{HTTP: http.HandlerFunc(patient), Log: slog.New(slog.DiscardHandler)}
		function, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if answer, err := h.Invoke(function, []byte(request(""))); err != nil {
			t.Errorf("%s, %v", answer, err)
		}
		if took := time.Since(begin); took >= 10*time.Second {
			t.Errorf("answered after %v", took)
		}
	})
}

func TestLimited(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler     http.HandlerFunc
		within      time.Duration
		status      int
		contentType string
		body        string
	}{
		"at once": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 0,
			http.StatusNoContent, "", ""},
		"in the last moment": {patient, 9500 * time.Millisecond,
			http.StatusServiceUnavailable, "application/problem+json", `{"status":503}`},
		"never": {stubborn, 10 * time.Second,
			http.StatusServiceUnavailable, "application/json", `{"message":"Service Unavailable"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				t.Cleanup(func() { time.Sleep(time.Minute) }) // until the one who does not listen has come to an end, too
				begin := time.Now()
				gone, hangUp := context.WithCancel(t.Context())
				hangUp()
				w := httptest.NewRecorder()
				apigateway.Limited(c.handler, 10*time.Second).ServeHTTP(w, httptest.NewRequestWithContext(gone, http.MethodGet, "/", http.NoBody))
				if took := time.Since(begin); took != c.within {
					t.Errorf("answered after %v, want %v", took, c.within)
				}
				if got := w.Header().Get("Content-Type"); w.Code != c.status || w.Body.String() != c.body || got != c.contentType {
					t.Errorf("%d %q %s, want %d %q %s", w.Code, got, w.Body, c.status, c.contentType, c.body)
				}
			})
		})
	}
}
