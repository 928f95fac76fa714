// Package aligo is a client of Aligo (알리고), the Korean message relay: SMS, LMS and MMS on apis.aligo.in, KakaoTalk
// AlimTalk on kakaoapi.aligo.in. It knows what the vendor's pages leave out: that failures come with status 200, that
// numbers come as strings, that "accepted" is not "delivered", and that after a timeout only the vendor's own history
// tells whether a message went out.
//
// Everything is checked before a byte is sent, every failure is an [*Error] with a [Class], and no call is ever repeated
// by the package once the vendor may have accepted it. What holds numbers, texts or credentials does not print, and they
// appear in no error.
//
// The vendor's pages: https://smartsms.aligo.in/admin/api/spec.html (SMS) and
// https://smartsms.aligo.in/alimapi.html (Kakao).
package aligo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// The vendor's hosts.
const (
	DefaultSMSURL   = "https://apis.aligo.in"
	DefaultKakaoURL = "https://kakaoapi.aligo.in"
)

const (
	// maxBody bounds the bodies that are read: a page of 500 long texts, escaped as \uXXXX, takes 4 MB.
	maxBody = 16 << 20
	// idleTimeout is how long a connection is kept for the next call. It is shorter than the 5 s after which an Apache
	// server with default settings hangs up: a call on a connection that the server is closing fails after it was
	// written, and then nobody knows whether it was accepted. A new TLS connection costs far less than that doubt.
	idleTimeout = 4 * time.Second
)

// Client calls Aligo. The zero value of every field but Credentials is ready for production. A Client may be used by
// several goroutines and must not be copied after its first call.
type Client struct {
	// SMSURL and KakaoURL are the base URLs of the two APIs, without a slash at the end; empty means the vendor's.
	SMSURL, KakaoURL string
	// HTTP makes the calls. Redirects are never followed, whatever its CheckRedirect says, because that could send a
	// message twice. It must speak HTTP/1.1, in which the header of a request waits for its body; see Guard. Nil means a
	// client of the package's own: one connection kept open, 5 s to connect, 30 s a call.
	HTTP *http.Client
	// Credentials are asked for before each call.
	Credentials CredentialsSource
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	once  sync.Once
	http  *http.Client
	ahead atomic.Int64 // what Ahead says, in nanoseconds
}

// endpoint is one of the vendor's URLs and how it marks success.
type endpoint struct {
	path  string
	kakao bool
	// one is set where the vendor's pages show 1 as the Kakao API's success code instead of 0, or contradict
	// themselves about it; both are accepted then.
	one bool
}

// call is what make makes.
type call struct {
	endpoint

	build func(Credentials) *form
	// answer is what a success is decoded into; nil for one that says nothing more.
	answer any
	// guard is a send's.
	guard Guard
	// account is the one that the call has to be made with; empty is any.
	account Account
}

// made is how a call was made.
type made struct {
	account Account
	// offset is how much the vendor's clock was ahead of ours by the answer's Date; known is false for one without.
	offset time.Duration
	known  bool
}

// credentials are those in force.
func (c *Client) credentials(ctx context.Context, ep endpoint) (Credentials, error) {
	if c.Credentials == nil {
		return Credentials{}, &Error{
			Class: ClassNotConfigured, Cause: CauseCredentials, Endpoint: ep.path, Message: "the client has no source of credentials",
		}
	}
	creds, err := c.Credentials.Credentials(ctx)
	if err != nil {
		return Credentials{}, credentialsError(ep, err)
	}
	return creds, nil
}

// post makes a call of which nothing needs to be known but its answer.
func (c *Client) post(ctx context.Context, ep endpoint, build func(Credentials) *form, answer any) error {
	_, err := c.make(ctx, call{endpoint: ep, build: build, answer: answer})
	return err
}

// make makes one call: it builds the form with the current credentials, sends it, judges the answer, and decodes it
// into the call's answer. When the vendor refuses the credentials, which proves that the call was not accepted, the source
// is asked for newer ones and the call is made once more with them. So it is when they are those of another account than
// the call has to be made with.
func (c *Client) make(ctx context.Context, one call) (made, error) {
	creds, err := c.credentials(ctx, one.endpoint)
	if err != nil {
		return made{}, err
	}
	how, err := c.makeOnce(ctx, one, creds)
	var own *guardError
	if errors.As(err, &own) {
		return how, own.err
	}
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Class != ClassNotConfigured || refusal.Cause != CauseCredentials {
		return how, err
	}
	fresh, refreshErr := c.Credentials.Refresh(ctx, creds)
	if refreshErr != nil {
		refusal.Err = errors.Join(refusal.Err, fmt.Errorf("read the credentials again: %w", refreshErr))
		return how, refusal
	}
	if fresh == creds {
		return how, refusal
	}
	how, err = c.makeOnce(ctx, one, fresh)
	if errors.As(err, &own) {
		err = own.err
	}
	return how, err
}

func (c *Client) makeOnce(ctx context.Context, one call, creds Credentials) (made, error) {
	f := one.build(creds)
	if err := creds.check(one.endpoint, f); err != nil {
		return made{}, err
	}
	how := made{account: creds.Account()}
	if one.account != "" && one.account != how.account {
		return how, &Error{Class: ClassNotConfigured, Cause: CauseCredentials, Endpoint: one.path, Err: ErrOtherAccount}
	}
	if one.guard.Before != nil {
		if err := one.guard.Before(ctx, how.account); err != nil {
			return how, &guardError{err}
		}
	}
	status, header, body, err := c.roundTrip(ctx, one.endpoint, f, one.guard.Gate)
	if err != nil {
		return how, err
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		how.offset, how.known = date.Sub(c.now()), true
		c.ahead.Store(int64(how.offset))
	}
	return how, judge(one.endpoint, f, status, header.Get("Content-Type"), body, one.answer)
}

// roundTrip sends a form, unless the gate refuses, and returns the whole body of the answer.
func (c *Client) roundTrip(
	ctx context.Context, ep endpoint, f *form, gate func() error,
) (status int, header http.Header, body []byte, err error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, nil, &Error{Class: ClassTransient, Endpoint: ep.path, Err: err}
	}
	payload, payloadType := f.encode()
	base := cmp.Or(c.SMSURL, DefaultSMSURL)
	if ep.kakao {
		base = cmp.Or(c.KakaoURL, DefaultKakaoURL)
	}
	var asked atomic.Bool
	last := departure{gate: gate, body: bytes.NewReader(payload)}
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		// The header is complete in the transport's buffer, and from here on it may leave this machine. The hook
		// WroteRequest comes too late: at the end of a body of which the vendor may have got all but the last bytes.
		WroteHeaders: last.ask,
	})
	// Without GetBody the transport never repeats the request on another connection, not even one that it believes unsent.
	// Of a body that it knows to be in memory, as it does of this one, it keeps the header back until the body follows; of
	// any other it sends the header first.
	req, err := http.NewRequestWithContext(traced, http.MethodPost, strings.TrimSuffix(base, "/")+ep.path, io.NopCloser(last.body))
	if err != nil {
		return 0, nil, nil, &Error{Class: ClassTransient, Endpoint: ep.path, Err: stripURL(err)}
	}
	req.ContentLength = int64(len(payload))
	req.Header.Set("Content-Type", payloadType)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sms-api")

	client := c.client()
	if gate != nil && !isPlain(client.Transport) {
		// Nobody knows whether it asks.
		if err := gate(); err != nil {
			return 0, nil, nil, &guardError{err}
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		left, refused := last.callOff()
		// A transport that reports nothing to httptrace leaves open whether it has sent something.
		left = left || !asked.Load() && !isPlain(client.Transport)
		if refused != nil && !left {
			return 0, nil, nil, &guardError{refused}
		}
		e := &Error{Class: ClassTransient, Endpoint: ep.path, Err: stripURL(err)}
		if left {
			e.Class = ClassAmbiguous
		}
		return 0, nil, nil, e
	}
	defer func() { _ = resp.Body.Close() }()
	if left, refused := last.callOff(); refused != nil && !left {
		// Somebody answers who was not asked.
		return 0, nil, nil, &guardError{refused}
	}
	body, err = readBody(resp)
	if err != nil {
		return 0, nil, nil, &Error{Class: ClassAmbiguous, Endpoint: ep.path, Status: resp.StatusCode, Message: "the answer was cut off",
			Err: stripURL(err)}
	}
	if len(body) > maxBody {
		return 0, nil, nil, &Error{Class: ClassAmbiguous, Endpoint: ep.path, Status: resp.StatusCode, Message: "the answer is too long"}
	}
	return resp.StatusCode, resp.Header, body, nil
}

// readBody reads at most one byte more than maxBody. Where the vendor says how long the body is, nothing is copied.
func readBody(resp *http.Response) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(resp.ContentLength, 0), maxBody)) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(resp.Body, maxBody+1))
	return b.Bytes(), err
}

func (c *Client) client() *http.Client {
	c.once.Do(func() {
		client := http.Client{Timeout: 30 * time.Second}
		if c.HTTP != nil {
			client = *c.HTTP
		} else {
			client.Transport = newTransport()
		}
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.http = &client
	})
	return c.http
}

// Ahead is how far the vendor's clock was ahead of ours by the Date of the latest answer, and 0 before the first.
func (c *Client) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// isPlain tells whether a transport is net/http's own, which fires the hooks of httptrace.
func isPlain(t http.RoundTripper) bool {
	if t == nil {
		return true
	}
	_, ok := t.(*http.Transport)
	return ok
}

// stripURL takes off the layer of an error that names the URL.
func stripURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// toUTF8 makes a body readable that came in the carriers' code instead of UTF-8; one public client guards against it.
func toUTF8(body []byte) []byte {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if utf8.Valid(body) {
		return body
	}
	if decoded, err := korean.EUCKR.NewDecoder().Bytes(body); err == nil {
		return decoded
	}
	return body
}

// kst is Korean standard time, the vendor's clock; Korea has no daylight saving time.
var kst = time.FixedZone("KST", 9*60*60)

// newTransport is net/http's with tighter times. It speaks HTTP/1.1 only, in which a request that was not answered was
// sent once and no more.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: 25 * time.Second,
		IdleConnTimeout:       idleTimeout,
		MaxIdleConnsPerHost:   4,
		Protocols:             protocols,
	}
}
