package page_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/intake"
	"sms-api/local/inbox"
	"sms-api/local/system"
)

// world is the local system with the page, on loopback.
type world struct {
	t        *testing.T
	url      string
	awsURL   string
	aligoURL string
	standin  *aligotest.Standin
	inbox    *inbox.Inbox
	front    *http.Server
	// ways counts how often the beginning of a history was read.
	ways atomic.Int64
}

type worldOptions struct {
	speed   float64
	address string
}

// newWorld starts a system whose time runs fast enough to be waited for.
func newWorld(t *testing.T, configure ...func(*worldOptions)) *world {
	t.Helper()
	o := worldOptions{speed: 20, address: "127.0.0.1:0"}
	for _, f := range configure {
		f(&o)
	}
	log := slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	w := &world{t: t}
	clock := clock.Real(o.speed)
	// The servers have to listen before there is something to serve.
	front, frontURL := listen(t, o.address)
	vendor, vendorURL := listen(t, "127.0.0.1:0")
	cloud, cloudURL := listen(t, "127.0.0.1:0")
	w.url, w.awsURL, w.aligoURL = frontURL, cloudURL, vendorURL

	traffic := &inbox.Traffic{}
	w.standin = aligotest.New(aligotest.Options{Now: clock.Now})
	s, err := system.New(system.Options{
		AWS: awsapi.Options{Clock: clock, Log: log, Trace: traffic.Trace}, Aligo: w.standin, AWSURL: cloudURL, AligoURL: vendorURL,
		EgressIPs: []string{"127.0.0.1"}, Log: slog.New(slog.DiscardHandler),
		Identify: func(*http.Request) (intake.Caller, error) {
			return intake.Caller{ID: "developer", Scopes: intake.Scopes()}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, vendor, w.standin)
	serve(t, cloud, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetExecutionHistory") {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if !bytes.Contains(body, []byte(`"reverseOrder":true`)) {
				w.ways.Add(1)
			}
		}
		s.AWS.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.AWS.Close(ctx)
	})
	w.inbox, err = inbox.New(inbox.Options{
		Standin: w.standin, API: s.API, AWS: s.AWS, BusName: system.BusName, Executions: s.Executions, Records: s.Records,
		Definition: s.Definition,
		AWSURL:     cloudURL, AligoURL: vendorURL, Speed: o.speed, Traffic: traffic, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/v1/", s.API)
	mux.Handle("/", w.inbox)
	w.front = serve(t, front, mux)
	return w
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func listen(t *testing.T, address string) (net.Listener, string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l, "http://" + l.Addr().String()
}

func serve(t *testing.T, l net.Listener, h http.Handler) *http.Server {
	t.Helper()
	// The stand-in breaks connections on purpose; there is nothing to say about it.
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// It ends with http.ErrServerClosed, or a test fails without it.
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			_ = server.Close()
		}
		<-done
	})
	return server
}
