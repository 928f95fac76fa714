package system

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// count counts the operations of Step Functions from now on.
func (w *world) count() (calls func() map[string]int) {
	w.t.Helper()
	var mu sync.Mutex
	n := map[string]int{}
	w.client.CloseIdleConnections()
	w.network.serve(w.t, "aws", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions."); ok {
			mu.Lock()
			n[operation]++
			mu.Unlock()
		}
		w.AWS.ServeHTTP(rw, r)
	}))
	return func() map[string]int {
		mu.Lock()
		defer mu.Unlock()
		all := n
		n = map[string]int{}
		return all
	}
}

// inBubble runs a story about records.
func inBubble(t *testing.T, story func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, story)
}

// Whoever polls costs Step Functions nothing, from the moment of the 202 on.
func TestReadingAsksNoExecution(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		calls := w.count()
		id := w.post(to("", "0001"))
		calls()
		statuses := map[message.MessageStatus]bool{}
		for range 30 {
			statuses[w.get(id).Status] = true
			time.Sleep(time.Second)
		}
		if n := calls(); len(n) > 0 {
			t.Errorf("polling makes %v", n)
		}
		if !statuses[message.Sending] || !statuses[message.AllDelivered] {
			t.Errorf("it was seen as %v", statuses)
		}
	})
}

// A message that is parked is shown as parked, and the reason of it.
func TestParkedIsShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		calls := w.count()
		end := vendorOutage(aligotest.FaultUnregisteredIP, send)(w)
		id := w.post(to("", "5678"))
		time.Sleep(10 * time.Second)
		calls()
		if o := w.get(id); o.Status != message.Parked || o.Parked == nil || o.Parked.Cause != "ip" {
			t.Errorf("%+v", o)
		}
		end()
		w.settlesAs(id, "delivered: delivered alimtalk 0")
		if o := w.get(id); o.Status != message.AllDelivered || o.Parked != nil {
			t.Errorf("%+v", o)
		}
		if n := calls(); len(n) > 0 {
			t.Errorf("reading makes %v", n)
		}
	})
}

// An archive that is replayed asks Step Functions for nothing but to start what was started.
func TestReplayAsksNoExecution(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		calls := w.count()
		post := func(n int) (int, string) {
			status, answer := w.do(http.MethodPost, "/v1/messages", to("", "5678"), "Idempotency-Key", fmt.Sprint("order-", n))
			return status, string(answer)
		}
		accepted := map[int]string{}
		for n := range 20 {
			_, accepted[n] = post(n)
		}
		time.Sleep(time.Minute)
		calls()
		for n := range 20 {
			if status, answer := post(n); status != http.StatusOK || answer != accepted[n] {
				t.Errorf("replayed: %d %s, want %s", status, answer, accepted[n])
			}
		}
		if n := calls(); len(n) != 1 || n["StartExecution"] != 20 {
			t.Errorf("20 replays make %v", n)
		}
	})
}

// Without the table messages are accepted, and what became of them is asked of their executions.
func TestReadingWithoutTable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		w := newWorld(t)
		w.table.set(func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
			return nil, &awsapi.ServiceError{
				Code: "ProvisionedThroughputExceededException", Message: "exceeded", Status: http.StatusBadRequest,
			}
		})
		began := time.Now()
		id := w.post(to("", "5678"))
		if waited := time.Since(began); waited > 2*time.Second {
			t.Errorf("202 after %v", waited)
		}
		if o := w.get(id); o.Status != message.Sending {
			t.Errorf("%+v", o)
		}
		for _, missed := range []string{"list", "accepted"} {
			if !strings.Contains(w.logs.String(), `"missed":"`+missed+`"`) {
				t.Errorf("nothing says that %s is missed", missed)
			}
		}
		w.table.set(nil)
		w.settlesAs(id, "delivered: delivered alimtalk 0")
		if o := w.get(id); o.Status != message.AllDelivered {
			t.Errorf("%+v", o)
		}
	})
}
