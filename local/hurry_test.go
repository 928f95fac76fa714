package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/intake"
	"sms-api/internal/pipenet"
)

// serve runs a server until the test ends and returns what opens a connection to it.
func serve(t *testing.T, handler http.Handler) (dial func() net.Conn) {
	t.Helper()
	listener := pipenet.Listen()
	server := newServer(handler)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		time.Sleep(time.Second) // of the bubble: a connection lingers for half a second after its last answer
	})
	return func() net.Conn {
		here, there := net.Pipe()
		t.Cleanup(func() { _ = here.Close() })
		if err := listener.Hand(t.Context(), there); err != nil {
			t.Error(err)
		}
		return here
	}
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// echo answers with what it was sent, or says why that did not come.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusRequestTimeout)
		return
	}
	_, _ = w.Write(body)
}

func TestNobodyIsWaitedForLongerThanAgreed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about, sent string
		status      int // 0: the connection is closed without an answer
		after       time.Duration
	}{
		{"headers that do not end", "POST / HTTP/1.1\r\nHost: x\r\n", 0, headerTime},
		{"a body of which one byte comes", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n{", http.StatusRequestTimeout, bodyTime},
		{"a body in chunks that stops", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
			http.StatusRequestTimeout, bodyTime},
		{"nothing after an answer", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{", http.StatusOK, idleTime},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				connection := serve(t, http.HandlerFunc(echo))()
				say(t, connection, c.sent)
				answers := bufio.NewReader(connection)
				status := 0
				if resp, err := http.ReadResponse(answers, nil); err == nil {
					status = resp.StatusCode
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				_, err := answers.ReadByte()
				if status != c.status || err != io.EOF {
					t.Errorf("answered %d, then %v; want %d, then the end", status, err, c.status)
				}
				// A server that closes a connection waits half a second for the client to have read its answer.
				if took := time.Since(began); took < c.after || took > c.after+time.Second {
					t.Errorf("closed after %v, want %v", took, c.after)
				}
			})
		})
	}
}

// Once a request is there, its answer may take longer than any of the limits: functions run for minutes.
func TestAnAnswerMayTakeAnyTime(t *testing.T) {
	t.Parallel()
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			connection := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				select {
				case <-r.Context().Done():
					w.WriteHeader(http.StatusServiceUnavailable)
				case <-time.After(time.Hour):
				}
			}))()
			for range 2 { // and the connection is as good as before
				say(t, connection, request)
				resp, err := http.ReadResponse(bufio.NewReader(connection), nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("answered %d", resp.StatusCode)
				}
			}
		})
	}
}

// A connection that announces half a megabyte and sends one byte costs each of the three servers what one byte costs.
func TestNoMemoryForWhatHasNotCome(t *testing.T) { //nolint:paralleltest // it measures what the whole process allocates
	const connections, announced, bound = 300, 500_000, 64 << 10
	endpoint := awsapi.New(awsapi.Options{})
	t.Cleanup(func() { _ = endpoint.Close(context.Background()) })
	developer, err := caller("developer", allScopes())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		handler http.Handler
		request string
	}{
		"API": {(&intake.API{Identify: developer}).Handler(), "POST /v1/messages HTTP/1.1\r\nContent-Type: application/json\r\n"},
		"AWS": {endpoint, "POST / HTTP/1.1\r\nX-Amz-Target: AWSEvents.PutEvents\r\n"},
		"Lambda": {endpoint,
			"POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nContent-Type: application/json\r\n"},
		"Aligo": {aligotest.New(aligotest.Options{}), "POST /send/ HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"},
	} {
		t.Run(name, func(t *testing.T) { //nolint:paralleltest // as above
			synctest.Test(t, func(t *testing.T) {
				dial := serve(t, c.handler)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for range connections {
					say(t, dial(), c.request+fmt.Sprintf("Host: x\r\nContent-Length: %d\r\n\r\n{", announced))
				}
				synctest.Wait()
				runtime.ReadMemStats(&after)
				each := (after.TotalAlloc - before.TotalAlloc) / connections
				t.Logf("%d bytes each", each)
				if each > bound {
					t.Errorf("%d bytes are allocated for a connection, want at most %d", each, bound)
				}
			})
		})
	}
}

func TestABodyArrivesWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		connection := serve(t, http.HandlerFunc(echo))()
		text := strings.Repeat("x", 100_000)
		go func() {
			_, _ = fmt.Fprintf(connection, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
		}()
		resp, err := http.ReadResponse(bufio.NewReader(connection), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != text {
			t.Errorf("%d bytes, %v", len(body), err)
		}
	})
}
