package system

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/quota"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/intake"
	"sms-api/internal/message"
)

// count counts the operations of Step Functions from now on.
func (w *world) count() (calls func() map[string]int) {
	w.t.Helper()
	return w.counts(func(r *http.Request) string {
		if operation, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "AWSStepFunctions."); ok {
			return operation
		}
		return ""
	})
}

// counts counts the requests of AWS from now on by what of makes of them; empty is not counted.
func (w *world) counts(of func(*http.Request) string) (calls func() map[string]int) {
	w.t.Helper()
	var mu sync.Mutex
	n := map[string]int{}
	w.client.CloseIdleConnections()
	w.network.serve(w.t, "aws", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if operation := of(r); operation != "" {
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
		t.Helper()
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

var readsFor = flag.Duration("reads.for", 5*time.Second, "how long 500 reads a second are made")

// Under Seoul's quotas 500 reads a second of messages under way, beside 20 messages a second, are all answered, from the records
// alone.
func TestReadsUnderQuotas(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		profile, err := quota.Open("seoul")
		if err != nil {
			t.Fatal(err)
		}
		limits := quota.New(profile, clock.Real(1))
		w := newWorld(t, func(o *Options, _ *aligotest.Options) { o.AWS.Limits = limits })
		// Nobody's receipt comes, so that all are under way.
		w.fault(aligotest.Fault{Endpoint: detail, Kind: aligotest.FaultReceiptsLate, Times: -1})
		api, calls := w.Gateway(limits, clock.Real(1)), w.count()
		answered, statuses := map[string]int{}, map[message.MessageStatus]int{}
		var ids []string
		for at := time.Duration(0); at < *readsFor; at += 50 * time.Millisecond {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/messages", strings.NewReader(to("", "5678")))
			request.Header.Set("Content-Type", "application/json")
			answer := httptest.NewRecorder()
			api.ServeHTTP(answer, request)
			answered[fmt.Sprint("POST ", answer.Code)]++
			var accepted struct{ ID string }
			if err := json.Unmarshal(answer.Body.Bytes(), &accepted); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, accepted.ID)
			for n := range 25 {
				// Those of the last seconds, the one that was accepted just now included.
				id := ids[max(0, len(ids)-1-n*4)]
				answer := httptest.NewRecorder()
				api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/messages/"+id, nil))
				answered[fmt.Sprint("GET ", answer.Code)]++
				var o message.Outcome
				if err := json.Unmarshal(answer.Body.Bytes(), &o); err != nil {
					t.Fatal(err)
				}
				statuses[o.Status]++
			}
			time.Sleep(50 * time.Millisecond)
		}
		n := calls()
		t.Logf("%v: %v, %v; of Step Functions %v", *readsFor, answered, statuses, n)
		posts := int(*readsFor / (50 * time.Millisecond))
		if len(answered) != 2 || answered["POST 202"] != posts || answered["GET 200"] != 25*posts {
			t.Errorf("answered %v", answered)
		}
		if len(n) != 1 || n["StartExecution"] != posts {
			t.Errorf("Step Functions was asked %v", n)
		}
		refused, _ := limits.Throttled()
		if len(refused) > 0 {
			t.Errorf("throttled: %v", refused)
		}
		// The messages are still under way: what they were doing comes to its end.
		if err := w.AWS.Close(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		w.client.CloseIdleConnections()
	})
}

// A message that is parked is shown as parked, and the reason of it.
func TestParkedIsShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
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
		t.Helper()
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
		t.Helper()
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

// list reads all pages of a search.
func (w *world) list(query string) (all []intake.MessageSummary) {
	w.t.Helper()
	for cursor := ""; ; {
		path := "/v1/messages?" + query
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		status, answer := w.do(http.MethodGet, path, "")
		var page intake.MessageList
		if err := json.Unmarshal(answer, &page); err != nil || status != http.StatusOK {
			w.t.Fatalf("GET %s: %d %s", path, status, answer)
		}
		all = append(all, page.Messages...)
		if cursor = page.Cursor; cursor == "" {
			return all
		}
	}
}

// "010-1234-5678 says she got nothing": she is found, whatever became of her messages, until she is erased.
func TestANumberIsFoundAndErased(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t)
		const search = "to=010-1000-0001&reason=she+says+she+got+nothing"
		fell := w.post(to("", "0001"))
		w.settle(fell)
		time.Sleep(time.Second)
		end := vendorOutage(aligotest.FaultUnregisteredIP, send)(w)
		parked := w.post(to("", "0001"))
		w.post(to("", "5678"))
		time.Sleep(10 * time.Second)
		found := w.list(search)
		if len(found) != 2 || found[0].ID != parked || found[1].ID != fell || found[0].Status != message.Parked ||
			found[1].Recipients[0].Channel != message.SMS {
			t.Fatalf("found %+v", found)
		}
		if all, waiting := w.list("limit=1"), w.list("status=parked"); len(all) != 3 || len(waiting) != 2 {
			t.Errorf("%d messages, %d parked", len(all), len(waiting))
		}
		if status, answer := w.do(http.MethodDelete, "/v1/recipients/010-1000-0001", ""); status != http.StatusOK ||
			string(answer) != "{\"messages\":2}\n" {
			t.Errorf("erase: %d %s", status, answer)
		}
		end()
		time.Sleep(time.Hour)
		if found := w.list(search); len(found) != 0 {
			t.Errorf("found after the erasure: %+v", found)
		}
		for _, id := range []string{fell, parked} {
			if o := w.get(id); len(o.Recipients) != 0 || o.Status != message.AllDelivered {
				t.Errorf("the record after the erasure: %+v", o)
			}
		}
		if waiting := w.list("status=parked"); len(waiting) != 0 {
			t.Errorf("still parked: %+v", waiting)
		}
	})
}

// Who was erased from a message that waits is in no answer about it, its cancellation's neither. What is announced of it tells of
// everybody that it was for.
func TestACancelledMessageTellsOfNobodyWhoWasErased(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t)
		id := w.post(`{"channel":"sms","text":"hello","sendAt":"2000-01-02T00:00:00Z","recipients":[{"to":"01010000001"},{"to":"01010005678"}]}`)
		time.Sleep(time.Minute)
		if status, answer := w.do(http.MethodDelete, "/v1/recipients/010-1000-0001", ""); status != http.StatusOK {
			t.Fatalf("erase: %d %s", status, answer)
		}
		for _, often := range []string{"once", "twice"} {
			status, cancelled := w.do(http.MethodDelete, "/v1/messages/"+id, "")
			_, known := w.do(http.MethodGet, "/v1/messages/"+id, "")
			if status != http.StatusOK || strings.Contains(string(cancelled), "0001") || string(cancelled) != string(known) {
				t.Errorf("cancelled %s: %d %s and GET\n%s", often, status, cancelled, known)
			}
		}
		if o := w.settle(id); len(o.Recipients) != 2 || o.Recipients[0].To != "010****0001" || o.Counts.Failed != 2 {
			t.Errorf("announced: %+v", o)
		}
	})
}
