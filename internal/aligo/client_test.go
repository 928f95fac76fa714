package aligo_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
)

func clientOf(url string) *aligo.Client {
	return &aligo.Client{SMSURL: url, KakaoURL: url, Credentials: aligotest.Credentials()}
}

func clientWith(rt http.RoundTripper) *aligo.Client {
	c := clientOf("http://aligo.test")
	c.HTTP = &http.Client{Transport: rt}
	return c
}

// What was never written was surely not accepted.
func TestNothingWrittenIsTransient(t *testing.T) {
	t.Parallel()
	dialing := func(err error) *aligo.Client {
		return clientWith(&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }})
	}
	for name, c := range map[string]struct {
		client *aligo.Client
		ctx    func(context.Context) (context.Context, context.CancelFunc)
	}{
		"connection refused": {client: dialing(errors.New("connect: connection refused"))},
		"no such host":       {client: dialing(&net.DNSError{Err: "no such host", Name: "apis.aligo.in", IsNotFound: true})},
		"a certificate that nobody vouches for": {client: func() *aligo.Client {
			server := aligotest.NewServer(t, func(o *aligotest.ServerOptions) { o.TLS = true })
			return clientOf(server.URL)
		}()},
		"the context is over before the call": {client: clientOf("http://127.0.0.1:1"),
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				return ctx, cancel
			}},
		"the deadline comes while connecting": {
			client: clientWith(&http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}),
			ctx: func(ctx context.Context) (context.Context, context.CancelFunc) {
				return context.WithTimeout(ctx, 20*time.Millisecond)
			},
		},
		"an address that is none": {client: clientOf("http://bad host")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			if c.ctx != nil {
				var cancel context.CancelFunc
				ctx, cancel = c.ctx(ctx)
				defer cancel()
			}
			_, err := c.client.SendSMS(ctx, sms("안녕하세요", "01012345678"))
			wantError(t, err, aligo.ClassTransient, "")
			if strings.Contains(fmt.Sprint(err), "http://") {
				t.Errorf("the error names the URL: %v", err)
			}
			if c.ctx != nil && ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
				t.Errorf("the error hides %v: %v", ctx.Err(), err)
			}
		})
	}
}

// Once the request has gone out, only the API's own JSON tells whether it was accepted.
func TestNoProperAnswerIsAmbiguous(t *testing.T) {
	t.Parallel()
	const success = `{"result_code":"1","message":"success","msg_id":"583009869","success_cnt":1,"error_cnt":0,"msg_type":"SMS"}`
	say := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	reset := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
	patience, giveUp := context.WithCancel(t.Context())
	t.Cleanup(giveUp)
	for name, handler := range map[string]http.HandlerFunc{
		"reset": reset,
		"silence until the caller gives up": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			giveUp()
			<-r.Context().Done()
		},
		"500 with a page":               say(500, "text/html", "<html>"),
		"502 with a refusal of the API": say(502, "application/json", `{"result_code":-101,"message":"인증오류입니다."}`),
		"403 of a firewall":             say(403, "text/html", "<html>blocked</html>"),
		"404":                           say(404, "text/html", "<html>"),
		"200 with a page":               say(200, "text/html", "<html>점검 중입니다</html>"),
		"success with status 400":       say(400, "application/json", success),
		"nothing":                       say(200, "application/json", ""),
		"a list":                        say(200, "application/json", "[1]"),
		"JSON of somebody else":         say(200, "application/json", `{"error":"forbidden"}`),
		"a code that is no number":      say(200, "application/json", `{"result_code":"ok"}`),
		"a code that is an object":      say(200, "application/json", `{"result_code":{}}`),
		"neither success nor failure":   say(200, "application/json", `{"result_code":0,"message":""}`),
		"success without an id":         say(200, "application/json", `{"result_code":"1","message":"success","success_cnt":1}`),
		"JSON with something after it":  say(200, "application/json", success+"\n<!-- 12 ms -->"),
		"a body that ends in the middle": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, success[:40])
		},
		"JSON that ends in the middle": say(200, "application/json", success[:40]),
		"a body without end":           say(200, "application/json", `{"message":"`+strings.Repeat("a", 17<<20)+`"}`),
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere/", http.StatusTemporaryRedirect)
		},
		"a redirect that forgets what to say": func(w http.ResponseWriter,
			r *http.Request) {
			http.Redirect(w, r, "/elsewhere/", http.StatusFound)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls.Add(1)
				handler(w, r)
			}))
			t.Cleanup(server.Close)
			ctx := t.Context()
			if name == "silence until the caller gives up" {
				ctx = patience
			}
			_, err := clientOf(server.URL).SendSMS(ctx, sms("안녕하세요", "01012345678"))
			wantError(t, err, aligo.ClassAmbiguous, "")
			if n := calls.Load(); n != 1 {
				t.Errorf("the server got %d requests, want 1", n)
			}
		})
	}
}

// A transport that says nothing to httptrace might have sent anything.
func TestUnknownTransportIsAmbiguous(t *testing.T) {
	t.Parallel()
	c := clientWith(roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("something went wrong") }))
	_, err := c.SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
	wantError(t, err, aligo.ClassAmbiguous, "")
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// lines serves raw HTTP/1.1: serve gets each request with its number on its connection, and tells whether to answer it
// and whether to keep the connection.
func lines(t *testing.T, serve func(n int, body string) (answer, keep bool)) (url string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for n := 1; ; n++ {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					body, err := io.ReadAll(req.Body)
					if err != nil {
						return
					}
					answer, keep := serve(n, string(body))
					if answer {
						const ok = `{"result_code":"1","message":"success","msg_id":"1","success_cnt":1,"error_cnt":0,"msg_type":"SMS"}`
						if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(ok), ok); err != nil {
							return
						}
					}
					if !keep {
						return
					}
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

// net/http repeats some requests by itself when a connection that it reuses turns out dead. No send may be among them.
func TestTransportNeverRepeatsASend(t *testing.T) {
	t.Parallel()
	for name, serve := range map[string]func(n int) (answer, keep bool){
		"the server reads the second request and hangs up":       func(n int) (bool, bool) { return n == 1, n == 1 },
		"the server hangs up after each answer":                  func(int) (bool, bool) { return true, false },
		"the server hangs up on the first request":               func(int) (bool, bool) { return false, false },
		"the server answers every other request on a connection": func(n int) (bool, bool) { return n%2 == 1, n%2 == 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			seen := map[string]int{}
			url := lines(t, func(n int, body string) (bool, bool) {
				mu.Lock()
				defer mu.Unlock()
				seen[body]++
				return serve(n)
			})
			for _, client := range []*aligo.Client{clientOf(url), {SMSURL: url, HTTP: &http.Client{}, Credentials: aligotest.Credentials()}} {
				for i := range 20 {
					_, err := client.SendSMS(t.Context(), sms(fmt.Sprintf("%p %d", client, i), "01012345678"))
					var e *aligo.Error
					if errors.As(err, &e) && e.Class != aligo.ClassAmbiguous {
						t.Errorf("send %d: %v", i, err)
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for body, n := range seen {
				if n > 1 {
					t.Errorf("the server got one send %d times: %s", n, body)
				}
			}
			if len(seen) == 0 {
				t.Error("the server got nothing")
			}
		})
	}
}

// The vendor's own rule for repeating is the client's as well: a request is repeated only after a refusal of credentials.
func TestCredentialsAreRefreshedOnce(t *testing.T) {
	t.Parallel()
	good := aligo.Credentials(aligotest.Credentials())
	old := good
	old.APIKey = "an-old-key-that-was-rotated-away"
	for name, c := range map[string]struct {
		fresh     aligo.Credentials
		err       error
		accepted  bool
		calls     int
		refreshes int
	}{
		"newer ones are used": {fresh: good, accepted: true, calls: 2, refreshes: 1},
		"nothing newer":       {fresh: old, calls: 1, refreshes: 1},
		"newer ones that are wrong, too": {fresh: aligo.Credentials{APIKey: "x", UserID: good.UserID, Sender: good.Sender}, calls: 2,
			refreshes: 1},
		"the source fails": {err: errors.New("parameter store is down"), calls: 1, refreshes: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			source := &rotating{current: old, fresh: c.fresh, err: c.err}
			w.client.Credentials = source
			_, err := w.client.SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
			if c.accepted {
				if err != nil {
					t.Fatal(err)
				}
			} else {
				wantError(t, err, aligo.ClassNotConfigured, aligo.CauseCredentials)
				if c.err != nil && !errors.Is(err, c.err) {
					t.Errorf("the error hides that the source failed: %v", err)
				}
			}
			if n := len(w.Calls()); n != c.calls {
				t.Errorf("%d calls were made, want %d", n, c.calls)
			}
			if source.refreshes != c.refreshes {
				t.Errorf("the source was asked %d times for newer credentials, want %d", source.refreshes, c.refreshes)
			}
		})
	}
}

type rotating struct {
	current, fresh aligo.Credentials
	err            error
	refreshes      int
}

func (r *rotating) Credentials(context.Context) (aligo.Credentials, error) { return r.current, nil }

func (r *rotating) Refresh(_ context.Context, refused aligo.Credentials) (aligo.Credentials, error) {
	r.refreshes++
	if refused != r.current {
		return aligo.Credentials{}, errors.New("these were not refused")
	}
	return r.fresh, r.err
}

// Other refusals are no reason to look for newer credentials.
func TestOtherRefusalsAreNotRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	source := &rotating{current: aligo.Credentials(aligotest.Credentials())}
	w.client.Credentials = source
	setFault(t, w, aligotest.Fault{Kind: aligotest.FaultUnregisteredIP})
	_, err := w.client.SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
	wantError(t, err, aligo.ClassNotConfigured, aligo.CauseIP)
	if source.refreshes != 0 || len(w.Calls()) != 1 {
		t.Errorf("%d refreshes, %d calls", source.refreshes, len(w.Calls()))
	}
}

func TestMissingCredentialsAreFoundBeforeTheVendorDoes(t *testing.T) {
	t.Parallel()
	whole := aligotest.Credentials()
	for name, c := range map[string]struct {
		take  func(*aligo.StaticCredentials)
		cause aligo.Cause
	}{
		"API key":       {func(c *aligo.StaticCredentials) { c.APIKey = "" }, aligo.CauseCredentials},
		"user id":       {func(c *aligo.StaticCredentials) { c.UserID = "" }, aligo.CauseCredentials},
		"sender key":    {func(c *aligo.StaticCredentials) { c.SenderKey = "" }, aligo.CauseCredentials},
		"sender number": {func(c *aligo.StaticCredentials) { c.Sender = "" }, aligo.CauseSender},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			creds := whole
			c.take(&creds)
			w.client.Credentials = creds
			_, err := w.client.SendAlimTalk(t.Context(), order("01012345678"))
			wantError(t, err, aligo.ClassNotConfigured, c.cause)
			if !strings.Contains(err.Error(), name) {
				t.Errorf("the error does not name the %s: %v", name, err)
			}
			if len(w.Calls()) != 0 {
				t.Error("a call was made")
			}
		})
	}
	t.Run("no source", func(t *testing.T) {
		t.Parallel()
		_, err := (&aligo.Client{}).Remain(t.Context())
		wantError(t, err, aligo.ClassNotConfigured, aligo.CauseCredentials)
	})
	t.Run("the source fails", func(t *testing.T) {
		t.Parallel()
		down := errors.New("parameter store is down")
		_, err := (&aligo.Client{Credentials: failing{down}}).Remain(t.Context())
		wantError(t, err, aligo.ClassTransient, aligo.CauseUnknown)
		if !errors.Is(err, down) {
			t.Errorf("the error hides its reason: %v", err)
		}
	})
	t.Run("the source knows better", func(t *testing.T) {
		t.Parallel()
		own := &aligo.Error{Class: aligo.ClassNotConfigured, Cause: aligo.CauseCredentials, Message: "the parameter is missing"}
		_, err := (&aligo.Client{Credentials: failing{own}}).Remain(t.Context())
		wantError(t, err, aligo.ClassNotConfigured, aligo.CauseCredentials)
	})
}

type failing struct{ err error }

func (f failing) Credentials(context.Context) (aligo.Credentials, error) {
	return aligo.Credentials{}, f.err
}

func (f failing) Refresh(context.Context, aligo.Credentials) (aligo.Credentials, error) {
	return aligo.Credentials{}, f.err
}

func TestOneConnectionServesManyCalls(t *testing.T) {
	t.Parallel()
	standin := aligotest.New(aligotest.Options{})
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(standin)
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	c := clientOf(server.URL)
	c.HTTP = server.Client()
	for range 20 {
		if _, err := c.Remain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("20 calls took %d connections", n)
	}
}

// The default client is the one in production; it must work without a line of set-up.
func TestDefaultHTTPClient(t *testing.T) {
	t.Parallel()
	server := aligotest.NewServer(t)
	c := clientOf(server.URL + "/")
	for range 3 {
		if _, err := c.Remain(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// Some body readers defend against answers in the carriers' code, and PHP files like to begin with a byte order mark.
func TestAnswersInOtherCodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	setFault(t, w, aligotest.Fault{Kind: aligotest.FaultEUCKR})
	templates := must[[]aligo.Template](t)(w.client.Templates(t.Context()))
	if templates[0].Name != "주문 접수" {
		t.Errorf("name is %q", templates[0].Name)
	}
	c := clientWith(roundTripper(func(*http.Request) (*http.Response, error) {
		body := "\ufeff" + `{"result_code":1,"message":"success","SMS_CNT":"5936","LMS_CNT":1925.0,"MMS_CNT":831}`
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewBufferString(body))}, nil
	}))
	if b := must[aligo.Balance](t)(c.Remain(t.Context())); b.SMS != 5936 || b.LMS != 1925 || b.MMS != 831 {
		t.Errorf("balance is %+v", b)
	}
}
