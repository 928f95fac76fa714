package aligo_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
)

var errShut = errors.New("too late")

// wire is a server on a bare socket: it answers what is whole, and tells what came beyond that.
type wire struct {
	url string
	// beyond gets, for each connection that has ended, what came on it after the last whole request.
	beyond chan []byte
}

func newWire(t *testing.T) wire {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	w := wire{url: "http://" + listener.Addr().String(), beyond: make(chan []byte, 10)}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.serve(conn)
		}
	}()
	return w
}

func (w wire) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var got strings.Builder
	in := bufio.NewReader(io.TeeReader(conn, &got))
	for {
		req, err := http.ReadRequest(in)
		if err == nil {
			_, err = io.Copy(io.Discard, req.Body)
		}
		if err != nil {
			w.beyond <- []byte(got.String())
			return
		}
		got.Reset()
		const ok = `{"result_code":"1","code":0,"message":"","msg_id":"1","success_cnt":1,"info":{"mid":"1","scnt":1}}`
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 98\r\n\r\n"+ok); err != nil {
			return
		}
	}
}

// A gate that refuses keeps every byte of the request on this machine, and its error comes back as it is.
func TestGateRefuses(t *testing.T) {
	t.Parallel()
	large := order(numbers(500)...)
	for name, send := range map[string]func(context.Context, *aligo.Client, aligo.Guard) (aligo.Accepted, error){
		"an SMS": func(ctx context.Context, c *aligo.Client, g aligo.Guard) (aligo.Accepted, error) {
			one := sms("안녕하세요", "01012345678")
			one.Guard = g
			return c.SendSMS(ctx, one)
		},
		"500 texts": func(ctx context.Context, c *aligo.Client, g aligo.Guard) (aligo.Accepted, error) {
			many := large
			many.Guard = g
			return c.SendAlimTalk(ctx, many)
		},
		"a mass": func(ctx context.Context, c *aligo.Client, g aligo.Guard) (aligo.Accepted, error) {
			mass := massSMS()
			mass.Guard = g
			return c.SendMassSMS(ctx, mass)
		},
		"pictures": func(ctx context.Context, c *aligo.Client, g aligo.Guard) (aligo.Accepted, error) {
			picture := aligo.Image{Data: append(append([]byte{}, png...), make([]byte, 200_000)...)}
			mms := aligo.SMS{Type: aligo.TypeMMS, To: []string{"01012345678"}, Text: "사진",
				SMSOptions: aligo.SMSOptions{Images: []aligo.Image{picture}, Guard: g}}
			return c.SendSMS(ctx, mms)
		},
	} {
		for _, kept := range []bool{false, true} {
			t.Run(name+map[bool]string{false: " on a new connection", true: " on one that was used before"}[kept], func(t *testing.T) {
				t.Parallel()
				w := newWire(t)
				c := clientOf(w.url)
				if kept {
					must[aligo.Accepted](t)(send(t.Context(), c, aligo.Guard{}))
				}
				asked := 0
				_, err := send(t.Context(), c, aligo.Guard{Gate: func() error { asked++; return errShut }})
				if err != errShut { //nolint:errorlint // it must not be wrapped
					t.Errorf("the error is %v", err)
				}
				if asked != 1 {
					t.Errorf("the gate was asked %d times", asked)
				}
				select {
				case beyond := <-w.beyond:
					if len(beyond) != 0 {
						t.Errorf("%d bytes arrived: %.60q", len(beyond), beyond)
					}
				case <-time.After(10 * time.Second):
					t.Error("the connection stays open with half a request on it")
				}
			})
		}
	}
}

// An open gate changes nothing, and stands after the connection.
func TestGateOpens(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var happened []string
	note := func(what string) { mu.Lock(); defer mu.Unlock(); happened = append(happened, what) }
	w := newWire(t)
	c := clientOf(w.url)
	c.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		note("dial")
		return new(net.Dialer).DialContext(ctx, network, address)
	}}}
	one := sms("안녕하세요", "01012345678")
	account := aligo.Credentials(aligotest.Credentials()).Account()
	one.Guard = aligo.Guard{
		Before: func(_ context.Context, a aligo.Account) error { note("before " + string(a)); return nil },
		Gate:   func() error { note("gate"); return nil },
	}
	a := must[aligo.Accepted](t)(c.SendSMS(t.Context(), one))
	if a.MID != "1" || a.Account != account {
		t.Errorf("%+v", a)
	}
	if got, want := strings.Join(happened, ", "), "before "+string(account)+", dial, gate"; got != want {
		t.Errorf("it went %s, want %s", got, want)
	}
}

// Whoever refuses before the connection has none made.
func TestBeforeRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// An error of the package's own is no exception: it is not taken for the vendor's.
	for _, mine := range []error{errShut, &aligo.Error{Class: aligo.ClassNotConfigured, Cause: aligo.CauseCredentials}} {
		a := order("01012345678")
		a.Guard = aligo.Guard{
			Before: func(context.Context, aligo.Account) error { return mine },
			Gate:   func() error { t.Error("the gate was asked"); return nil },
		}
		_, err := w.client.SendAlimTalk(t.Context(), a)
		if err != mine { //nolint:errorlint // it must not be wrapped
			t.Errorf("the error is %v, want %v", err, mine)
		}
	}
	bad := order("1")
	bad.Recipients[0].Text = ""
	bad.Guard.Before = func(context.Context, aligo.Account) error { t.Error("it was asked about what is not sent"); return nil }
	_, err := w.client.SendAlimTalk(t.Context(), bad)
	wantError(t, err, aligo.ClassInvalid, "")
	if n := len(w.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// A refusal of the credentials is followed by a second try with newer ones, and the guard is asked about that, too.
func TestGuardOfTheSecondTry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	right := aligo.Credentials(aligotest.Credentials())
	wrong := right
	wrong.UserID, wrong.APIKey = "somebody", "old"
	w.client.Credentials = &rotating{current: wrong, fresh: right}
	var asked []aligo.Account
	gates := 0
	a := order("01012345678")
	a.Guard = aligo.Guard{
		Before: func(_ context.Context, account aligo.Account) error { asked = append(asked, account); return nil },
		Gate:   func() error { gates++; return nil },
	}
	got := must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), a))
	if len(asked) != 2 || asked[0] != wrong.Account() || asked[1] != right.Account() || gates != 2 || got.Account != right.Account() {
		t.Errorf("asked about %v and %d times last, accepted as %s", asked, gates, got.Account)
	}
}

// A transport that has given up before the last moment finds nothing to send when it gets there after all.
func TestGivenUpStaysGivenUp(t *testing.T) {
	t.Parallel()
	var req *http.Request
	c := clientWith(roundTripper(func(r *http.Request) (*http.Response, error) {
		req = r
		httptrace.ContextClientTrace(r.Context()).GetConn("aligo.test:80")
		return nil, context.DeadlineExceeded
	}))
	_, err := c.SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
	wantError(t, err, aligo.ClassTransient, "")
	httptrace.ContextClientTrace(req.Context()).WroteHeaders()
	if body, err := io.ReadAll(req.Body); err != nil || len(body) != 0 {
		t.Errorf("%d bytes are left to send, %v", len(body), err)
	}
}

// A transport that is not net/http's may tell nobody when it sends: the gate is asked before it.
func TestGateBeforeAnUnknownTransport(t *testing.T) {
	t.Parallel()
	c := clientWith(roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("it was called")
		return nil, io.EOF
	}))
	one := sms("안녕하세요", "01012345678")
	one.Guard.Gate = func() error { return errShut }
	if _, err := c.SendSMS(t.Context(), one); !errors.Is(err, errShut) {
		t.Errorf("the error is %v", err)
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	one, other := aligo.Credentials{UserID: "one", APIKey: "a"}, aligo.Credentials{UserID: "other", APIKey: "a"}
	same := aligo.Credentials{UserID: "one", APIKey: "b", Sender: "0212345678"}
	if one.Account() != same.Account() || one.Account() == other.Account() || (aligo.Credentials{}).Account() != "" {
		t.Errorf("%q, %q, %q", one.Account(), same.Account(), other.Account())
	}
	// It is stored, so it must not change.
	if got := one.Account(); got != "c60a199a5e71" {
		t.Errorf("the account is %q", got)
	}
	got, err := clientOf("http://127.0.0.1:1").Account(t.Context())
	if err != nil || got != aligo.Credentials(aligotest.Credentials()).Account() {
		t.Errorf("%q, %v", got, err)
	}
}
