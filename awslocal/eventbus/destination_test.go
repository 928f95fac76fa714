package eventbus_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/eventbus"
)

// receiver answers what a destination posts, one status after the other and then 200. It takes no time and no connection.
type receiver struct {
	mu      sync.Mutex
	answers []answer
	got     []*http.Request
	bodies  []string
	at      []time.Time
}

type answer struct {
	status int
	after  string
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.got, r.bodies, r.at = append(r.got, req), append(r.bodies, string(body)), append(r.at, time.Now())
	next := answer{status: http.StatusOK}
	if len(r.answers) > 0 {
		next, r.answers = r.answers[0], r.answers[1:]
	}
	if next.status == 0 {
		return nil, errors.New("connection reset by peer")
	}
	w := httptest.NewRecorder()
	if next.after != "" {
		w.Header().Set("Retry-After", next.after)
	}
	w.WriteHeader(next.status)
	return w.Result(), nil
}

func (r *receiver) destination() *eventbus.Destination {
	return &eventbus.Destination{
		URL: "https://crm.example.com/hooks", Header: "X-Webhook-Secret", Secret: func() (string, error) { return "s3cret", nil },
		Clock: bubble{}, Client: &http.Client{Transport: r},
	}
}

func TestDestinationPostsTheEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := newService(t)
		r := &receiver{}
		route(t, b, "hook", orders, eventbus.Target{ID: "hook", Deliver: r.destination().Deliver})
		id := put(t, s, order(`{"no":17}`))
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(r.got) != 1 {
			t.Fatalf("%d calls", len(r.got))
		}
		h := r.got[0].Header
		if r.got[0].Method != http.MethodPost || r.got[0].URL.String() != "https://crm.example.com/hooks" ||
			h.Get("X-Webhook-Secret") != "s3cret" || h.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s %s %v", r.got[0].Method, r.got[0].URL, h)
		}
		if !strings.Contains(r.bodies[0], id) || !strings.Contains(r.bodies[0], `"detail":{"no":17}`) {
			t.Errorf("the body is %s", r.bodies[0])
		}
	})
}

// What becomes of an event by what the receiver answers.
func TestDestinationAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers []answer
		calls   int
		dead    string        // the code of the dead letter
		least   time.Duration // how long it takes at least
	}{
		{"no content is as good", []answer{{204, ""}}, 1, "", 0},
		{"an error is tried again", []answer{{500, ""}, {503, ""}}, 3, "", time.Second},
		{"no answer, too", []answer{{0, ""}}, 2, "", time.Second / 2},
		{"a secret that is not known yet", []answer{{401, ""}, {407, ""}}, 3, "", time.Second},
		{"what cannot be taken now", []answer{{409, ""}, {429, ""}}, 3, "", time.Second},
		{"as late as it says", []answer{{429, "120"}}, 2, "", 2 * time.Minute},
		{"never, it says", []answer{{503, "-1"}}, 1, "SDK_CLIENT_ERROR", 0},
		{"a refusal", []answer{{400, ""}}, 1, "SDK_CLIENT_ERROR", 0},
		{"a wrong address", []answer{{404, ""}}, 1, "SDK_CLIENT_ERROR", 0},
		{"another address, which is not followed", []answer{{302, ""}}, 1, "SDK_CLIENT_ERROR", 0},
		{"a day of errors", slices.Repeat([]answer{{503, ""}}, 200), 186, "NO_MORE_ATTEMPTS", 20 * time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, b := newService(t)
				r := &receiver{answers: c.answers}
				route(t, b, "hook", orders, eventbus.Target{ID: "hook", Deliver: r.destination().Deliver})
				put(t, s, order(`{}`))
				start := time.Now()
				if err := s.Drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				dead := s.DeadLetters()
				if len(r.got) != c.calls || (c.dead == "") != (len(dead) == 0) || len(dead) == 1 && dead[0].Code != c.dead {
					t.Errorf("%d calls, dead letters %+v", len(r.got), dead)
				}
				if took := time.Since(start); took < c.least {
					t.Errorf("it took %v, want at least %v", took, c.least)
				}
				for _, d := range dead {
					if strings.Contains(d.Message, "s3cret") {
						t.Errorf("the dead letter says the secret: %s", d.Message)
					}
				}
			})
		})
	}
}

func TestDestinationRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, b := newService(t)
		r := &receiver{}
		d := r.destination()
		d.Rate = 2
		route(t, b, "hook", orders, eventbus.Target{ID: "hook", Deliver: d.Deliver})
		for range 5 {
			put(t, s, order(`{}`))
		}
		start := time.Now()
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); len(r.got) != 5 || took != 2*time.Second {
			t.Errorf("%d calls in %v, want 5 in 2 s", len(r.got), took)
		}
	})
}

// A receiver that does not answer is given five seconds.
func TestDestinationTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := (&receiver{}).destination()
		d.Client = &http.Client{Transport: silent{}}
		start := time.Now()
		err := d.Deliver(t.Context(), []byte(`{}`))
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != 5*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

type silent struct{}

func (silent) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}
