package system

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/internal/webhook"
	"sms-api/statemachine"
)

// crm is a system outside that webhooks call.
type crm struct {
	mu sync.Mutex
	// answer is what it says to the nth call.
	answer func(n int) int
	calls  []call
}

type call struct {
	at           time.Time
	secret, kind string
	outcome      message.Outcome
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var event struct {
		DetailType string          `json:"detail-type"`
		Detail     message.Outcome `json:"detail"`
	}
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/hooks" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, call{time.Now(), r.Header.Get("X-Shop"), event.DetailType, event.Detail})
	w.WriteHeader(c.answer(len(c.calls)))
}

// withWebhooks is a world beside this one that has these, and calls the crm.
func withWebhooks(w *world, c *crm, webhooks ...webhook.Webhook) *world {
	other := w.anew(func(o *Options, _ *aligotest.Options) { o.Webhooks, o.Post = webhooks, o.HTTP })
	other.network.serve(w.t, "localhost", c)
	return other
}

// webhookHears: who is outside hears of a message's outcome, after a while if it was not there, with the secret in the header.
func webhookHears(w *world) {
	c := &crm{answer: func(n int) int {
		if n <= 3 {
			return http.StatusServiceUnavailable
		}
		return http.StatusNoContent
	}}
	w = withWebhooks(w, c, webhook.Webhook{Name: "crm", URL: "http://localhost/hooks", Header: "X-Shop"})
	id := w.post(to("", "5678"))
	outcome := w.settle(id)
	time.Sleep(time.Hour)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) != 4 {
		w.t.Fatalf("it was called %d times, want 4", len(c.calls))
	}
	for i, got := range c.calls {
		if got.secret != WebhookSecret || got.kind != statemachine.DetailTypeSettled || got.outcome.ID != id ||
			got.outcome.Status != outcome.Status {
			w.t.Errorf("call %d is %+v", i, got)
		}
	}
	if took := c.calls[3].at.Sub(c.calls[0].at); took < 3*time.Second || took > 8*time.Second {
		w.t.Errorf("the calls are within %v, want pauses of up to 1, 2 and 4 s", took)
	}
	w.inQueue(WebhookLetters, 0)
}

// webhookRefuses: an event that is refused is a dead letter at once, and so is one that nobody takes for a day. Others get theirs.
func webhookRefuses(w *world) {
	refuses, away, takes := &crm{answer: func(int) int { return http.StatusBadRequest }},
		&crm{answer: func(int) int { return http.StatusInternalServerError }}, &crm{answer: func(int) int { return http.StatusOK }}
	w = withWebhooks(w, takes,
		webhook.Webhook{Name: "takes", URL: "http://localhost/hooks",
			DetailTypes: []string{statemachine.DetailTypeAccepted, statemachine.DetailTypeSettled}},
		webhook.Webhook{Name: "refuses", URL: "http://127.0.0.2/hooks"}, webhook.Webhook{Name: "away", URL: "http://127.0.0.3/hooks"})
	w.network.serve(w.t, "127.0.0.2", refuses)
	w.network.serve(w.t, "127.0.0.3", away)
	w.put(statemachine.DetailTypeRequested, `{"idempotencyKey":"order-1",`+to("", "5678")[1:])
	time.Sleep(time.Minute)
	w.inQueue(WebhookLetters, 1)
	time.Sleep(24 * time.Hour)
	w.inQueue(WebhookLetters, 2)
	w.inQueue(DeadLetters, 0)
	var kinds []string
	for _, got := range takes.calls {
		kinds = append(kinds, got.kind)
	}
	if slices.Sort(kinds); !slices.Equal(kinds, []string{statemachine.DetailTypeAccepted, statemachine.DetailTypeSettled}) {
		w.t.Errorf("who takes them got %q", kinds)
	}
	if len(refuses.calls) != 1 || len(away.calls) < 100 {
		w.t.Errorf("who refuses was called %d times, who is away %d times", len(refuses.calls), len(away.calls))
	}
}

// inQueue checks how many messages a queue has.
func (w *world) inQueue(name string, want int) {
	w.t.Helper()
	if got, _ := w.AWS.QueueDepth(name); got != want {
		w.t.Errorf("the queue %s has %d messages, want %d", name, got, want)
	}
}
