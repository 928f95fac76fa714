package eventbus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

// DeliveryError is a delivery of which the target has said what to do next.
type DeliveryError struct {
	// Final is the code of the dead letter that it becomes at once; empty, and it is tried again.
	Final string
	// After is how long it waits at least.
	After time.Duration
	Err   error
}

func (f *DeliveryError) Error() string { return f.Err.Error() }

// Unwrap returns what went wrong.
func (f *DeliveryError) Unwrap() error { return f.Err }

// What an API destination is called with, and what it reads of an answer.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
const (
	destinationTimeout = 5 * time.Second
	destinationAgent   = "Amazon/EventBridge/ApiDestinations"
	maxAnswer          = 64 * 1024
	// refused is the code of a dead letter that the receiver did not want.
	refused = "SDK_CLIENT_ERROR"
)

// Destination is an API destination with a connection of the type API_KEY: events are posted to an address. A redirection is
// not followed.
type Destination struct {
	URL string
	// Header has the secret, which is asked for with each call.
	Header string
	Secret func() (string, error)
	// Rate is how many calls there are in a second at most; what is over it waits.
	Rate  int
	Clock Clock
	// Client makes the calls; nil is one of its own.
	Client *http.Client
	// Called is told of each call: its error is nil if the event was taken. nil tells nobody.
	Called func(event json.RawMessage, err error)

	once   sync.Once
	client *http.Client
	mu     sync.Mutex
	// next is when the next call may be made.
	next time.Time
}

// Deliver posts an event. A *DeliveryError says what EventBridge does about an answer: 401, 407, 409, 429 and those from 500 on are
// tried again, as is what brought no answer, and Retry-After is minded; everything else that is no success is given up.
func (d *Destination) Deliver(ctx context.Context, event json.RawMessage) error {
	d.once.Do(d.setUp)
	if err := d.turn(ctx); err != nil {
		return err
	}
	err := d.post(ctx, event)
	if d.Called != nil {
		d.Called(event, err)
	}
	return err
}

func (d *Destination) post(ctx context.Context, event json.RawMessage) error {
	secret, err := d.Secret()
	if err != nil {
		return fmt.Errorf("the connection's secret: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, destinationTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(event))
	if err != nil {
		return &DeliveryError{Final: refused, Err: errors.New("the address is none")}
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", destinationAgent)
	request.Header.Set(d.Header, secret)
	response, err := d.client.Do(request)
	if err != nil {
		// The address may have something in it that no log should have.
		if of := new(url.Error); errors.As(err, &of) {
			err = of.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer))
	return meaning(response, d.Clock.Now())
}

func (d *Destination) setUp() {
	d.client = &http.Client{}
	if d.Client != nil {
		*d.client = *d.Client
	}
	d.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
}

// turn waits until there may be another call.
func (d *Destination) turn(ctx context.Context) error {
	if d.Rate <= 0 {
		return nil
	}
	d.mu.Lock()
	now := d.Clock.Now()
	if d.next.Before(now) {
		d.next = now
	}
	wait := d.next.Sub(now)
	d.next = d.next.Add(time.Second / time.Duration(d.Rate))
	d.mu.Unlock()
	if wait == 0 {
		return nil
	}
	return d.Clock.Sleep(ctx, wait)
}

// meaning is what an answer means; nil is a success.
func meaning(response *http.Response, now time.Time) error {
	code := response.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	f := &DeliveryError{Err: fmt.Errorf("the answer is %d", code)}
	switch code {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusConflict, http.StatusTooManyRequests:
	default:
		if code < http.StatusInternalServerError {
			f.Final = refused
		}
	}
	// A number of seconds, or a time; a negative number ends it.
	after := response.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(after); err == nil {
		if seconds < 0 {
			f.Final = refused
		}
		f.After = time.Duration(min(max(seconds, 0), int(defaultAge/time.Second))) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		f.After = max(0, at.Sub(now))
	}
	return f
}
