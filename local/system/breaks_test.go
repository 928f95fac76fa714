package system

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/fault"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// breaks are stories in which a promise was broken once: somebody got two messages, or none, or was told what is not so.
func breaks() map[string]func(*testing.T) *world {
	return map[string]func(*testing.T) *world{
		"a cancelled message that an operator redrives is announced again, and not sent":          redriveCancelled,
		"a message is cancelled in the moment in which its send begins":                           cancelWhileItBegins,
		"of two equal SMS to one number, one is accepted and the other sent again":                equalMessages,
		"the same text to two and to one of them: everybody gets what was meant for them":         overlappingMessages,
		"a task that Lambda is invoked for twice sends once":                                      invokedTwice,
		"an invocation that comes minutes late sends nothing":                                     ghost,
		"without the table nothing is sent, and with it everything":                               withoutTable,
		"a call whose answer is claimed by nobody, because the table is away, is its own":         unclaimed,
		"a list of templates that cannot be read for hours is no refusal of the message":          unreadableTemplates,
		"a message that may have gone out as AlimTalk is not cancelled before its SMS":            cancelAfterDoubt,
		"a message that has expired while it was parked does not say what was to be done":         expiredParked,
		"everything goes wrong in turn for six days, and then the message goes out":               everythingInTurn,
		"an urgent message that was scheduled gets its SMS after fallback.after, and not at once": scheduledUrgent,
		"a failure says why": failureSaysWhy,
		"a call that its message has given up is not taken by another message to the same people": givenUpAndTaken,
		"a table that does not answer holds nobody up: the API says that it cannot":               stalledTable,
	}
}

func stalledTable(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	w.table.set(stalled)
	api, _ := deployment.FunctionNamed(deployment.API)
	begin := time.Now()
	status, answer := w.cancel(id)
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, `"type":"urn:sms-api:problem:unavailable"`) {
		t.Errorf("cancel: %d %s, want a problem", status, answer)
	}
	if took := time.Since(begin); took >= api.Timeout {
		t.Errorf("answered after %v, which is when Lambda kills the function", took)
	}
	w.table.set(nil)
	if status, answer := w.cancel(id); status != http.StatusOK {
		t.Errorf("cancel, when the table answers again: %d %s", status, answer)
	}
	if got, want := compact(w.settle(id)), "cancelled: failed Cancelled"; got != want {
		t.Errorf("the outcome is %q, want %q", got, want)
	}
	return w
}

func redriveCancelled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	w.cancels(id)
	w.settle(id)
	if _, err := w.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: w.arn(id)}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(72 * time.Hour)
	if got := w.phones(); len(got) > 0 {
		t.Errorf("phones received %q after the message was cancelled", got)
	}
	if got, want := compact(w.get(id)), "cancelled: failed Cancelled"; got != want {
		t.Errorf("the outcome is %q, want %q", got, want)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.settled[id] {
		if o.Status != message.MessageCancelled {
			t.Errorf("announced as %s", o.Status)
		}
	}
	return w
}

// The cancellation and the send are as close as can be: whichever wins, the outcome and the phone agree.
func cancelWhileItBegins(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for _, early := range []time.Duration{0, time.Millisecond, time.Second, 9 * time.Second} {
		before := len(w.phones())
		at := time.Now().Add(time.Hour).UTC()
		id := w.post(to(`"sendAt":"`+at.Format(time.RFC3339)+`",`, "5678"))
		time.Sleep(time.Until(at) - early)
		status, body := w.cancel(id)
		o := w.settle(id)
		time.Sleep(time.Hour)
		received := len(w.phones()) - before
		switch {
		case status == http.StatusOK && o.Status == message.MessageCancelled && received == 0:
		case status == http.StatusConflict && o.Status == message.AllDelivered && received == 1:
		default:
			t.Errorf("%v before: %d %s, outcome %s, %d messages on the phone", early, status, body, o.Status, received)
		}
	}
	return w
}

const plainSMS = `{"channel":"sms","text":"점검 안내입니다","recipients":[{"to":"01010005678"}]}`

func equalMessages(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	// The first is accepted and its answer lost; the second never arrives.
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetAfter})
	first := w.post(plainSMS)
	time.Sleep(time.Second)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	second := w.post(plainSMS)
	w.oneEach(first, second)
	return w
}

// oneEach checks that the phone has received one SMS for each of the messages.
func (w *world) oneEach(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		if got, want := compact(w.settle(id)), "delivered: delivered sms delivered"; got != want {
			w.t.Errorf("outcome %q, want %q", got, want)
		}
	}
	if got, want := w.phones(), slices.Repeat([]string{"01010005678 sms"}, len(ids)); !slices.Equal(got, want) {
		w.t.Errorf("phones received %q, want %q: one for each message", got, want)
	}
}

func overlappingMessages(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	both := w.post(`{"channel":"sms","text":"점검 안내입니다","recipients":[{"to":"01010005678"},{"to":"01010005679"}]}`)
	time.Sleep(time.Second)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetAfter})
	one := w.post(plainSMS)
	for _, id := range []string{both, one} {
		if o := w.settle(id); o.Status != message.AllDelivered {
			t.Errorf("outcome %s", compact(o))
		}
	}
	want := []string{"01010005678 sms", "01010005678 sms", "01010005679 sms"}
	if got := w.phones(); !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
	return w
}

// givenUpAndTaken are two messages with the same texts, the second to two more people. The first goes on with SMS before anybody
// knows that Aligo has accepted it.
func givenUpAndTaken(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	everybody := slices.Repeat([]string{"5678"}, 42)
	w.fault(aligotest.Fault{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1})
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultResetAfter, Times: 2})
	first := w.post(to(`"fallback":{"onUnknown":"sms"},`, everybody[:40]...))
	time.Sleep(time.Second)
	second := w.post(to("", everybody...))
	w.settle(first)
	w.Aligo.RemoveFaults(aligotest.FaultHTTP500, history)
	w.settlesAs(second, "delivered: "+strings.Join(slices.Repeat([]string{"delivered alimtalk 0"}, 42), "; "))
	if got := len(w.phones()); got != 40+40+42 {
		t.Errorf("phones received %d messages, want 40 AlimTalk and 40 SMS of the first, 42 AlimTalk of the second", got)
	}
	return w
}

func invokedTwice(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.faults.add("alimtalk", func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
		var group sync.WaitGroup
		group.Go(func() { _, _ = next(ctx) })
		answer, err := next(ctx)
		group.Wait()
		return answer, err
	})
	id := w.post(to("", "5678"))
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	if got, want := w.phones(), []string{"01010005678 alimtalk"}; !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
	w.check(id, o)
	return w
}

func ghost(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for _, late := range []time.Duration{time.Second, 4 * time.Second, time.Minute, 10 * time.Minute} {
		before := len(w.phones())
		var group sync.WaitGroup
		w.faults.add("alimtalk", func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
			group.Go(func() {
				time.Sleep(late)
				_, _ = next(context.WithoutCancel(ctx))
			})
			return crashedBefore(ctx, next)
		})
		o := w.settle(w.post(to("", "5678")))
		group.Wait()
		time.Sleep(time.Hour)
		if received := len(w.phones()) - before; received != 1 || o.Status != message.AllDelivered {
			t.Errorf("%v late: %d messages on the phone, outcome %s", late, received, compact(o))
		}
	}
	return w
}

func withoutTable(t *testing.T) *world {
	t.Helper()
	away := true
	var mu sync.Mutex
	w := newWorld(t, func(o *Options, _ *aligotest.Options) {
		o.AWS.AroundTable = func(
			ctx context.Context, _, _ string, next func(context.Context) ([]byte, error),
		) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if away {
				return nil, &awsapi.ServiceError{Code: "InternalServerError", Message: "away", Status: http.StatusInternalServerError}
			}
			return next(ctx)
		}
	})
	id := w.post(to("", "5678"))
	time.Sleep(2 * time.Hour)
	if got := w.phones(); len(got) > 0 {
		t.Errorf("phones received %q while the table was away", got)
	}
	mu.Lock()
	away = false
	mu.Unlock()
	return w.endsAs(id, "delivered: delivered alimtalk 0")
}

func unclaimed(t *testing.T) *world {
	t.Helper()
	var mu sync.Mutex
	puts, back := 0, time.Now().Add(8*time.Second)
	w := newWorld(t, func(o *Options, _ *aligotest.Options) {
		o.AWS.AroundTable = func(
			ctx context.Context, operation, _ string, next func(context.Context) ([]byte, error),
		) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			if operation == "PutItem" {
				puts++
			}
			// The listing and the guard are written, and then nothing.
			if puts > 2 && time.Now().Before(back) {
				return nil, &awsapi.ServiceError{Code: "InternalServerError", Message: "away", Status: http.StatusInternalServerError}
			}
			return next(ctx)
		}
	})
	first := w.post(plainSMS)
	time.Sleep(4 * time.Second)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	time.Sleep(4 * time.Second)
	second := w.post(plainSMS)
	w.oneEach(first, second)
	return w
}

// everythingInTurn is what uses up the history of an execution fastest: causes that change with each attempt, so that no wait
// grows.
func everythingInTurn(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	var calls atomic.Int64
	parked := func(cause aligo.Cause) invocationFault {
		repair := fault.Repair{Cause: string(cause), Reason: "repair it", Since: time.Now(), Wait: 60}
		return func(context.Context, func(context.Context) ([]byte, error)) ([]byte, error) {
			return nil, &awsapi.FunctionError{Type: fault.NameNotConfigured, Message: repair.Error()}
		}
	}
	turns := []invocationFault{
		parked(aligo.CauseIP), parked(aligo.CauseBalance), notReached, parked(aligo.CauseSender), throttled, parked(aligo.CauseCredentials),
	}
	w.faults.always(func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
		return turns[calls.Add(1)%int64(len(turns))](ctx, next)
	}, "alimtalk")
	id := w.post(to(`"expiresAt":"2000-01-08T00:00:00Z",`, "5678"))
	time.Sleep(6 * 24 * time.Hour)
	w.faults.always(nil, "alimtalk")
	begin := time.Now()
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	w.check(id, o)
	events := len(w.history(id))
	t.Logf("%d events; it went out %v after the repair", events, time.Since(begin).Round(time.Minute))
	if events >= deployment.HistoryEvents*9/10 || !slices.Contains(w.visited(id), statemachine.StateSaveEvents) {
		t.Errorf("%d events, by way of %q: want them saved", events, statemachine.StateSaveEvents)
	}
	return w
}

func scheduledUrgent(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1})
	sendAt := time.Now().Add(24 * time.Hour)
	w.settlesAs(w.post(to(`"sendAt":"2000-01-02T00:00:00Z","fallback":{"onUnknown":"sms"},`, "0005")), "delivered: delivered sms delivered")
	if took := time.Since(sendAt); took < 5*time.Minute {
		t.Errorf("it took %v from the time of its send", took)
	}
	return w
}

func failureSaysWhy(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: list, Kind: aligotest.FaultHTTP500})
	id := w.post(`{"template":"TX_1234","recipients":[{"to":"01010005678"}]}`)
	o := w.settlesAs(id, "failed: failed Invalid")
	if reason := o.Recipients[0].Reason; !strings.Contains(reason, "주문번호") {
		t.Errorf("the reason is %q, which does not say what is missing", reason)
	}
	return w
}

func unreadableTemplates(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	for _, kind := range []aligotest.FaultKind{
		aligotest.FaultHTTP500, aligotest.FaultUnknownRefusal, aligotest.FaultUnregisteredIP, aligotest.FaultEmptyList,
	} {
		before := len(w.phones())
		w.fault(aligotest.Fault{Endpoint: list, Kind: kind, Times: -1})
		// What the door or a function has read before does not help for longer than ten minutes.
		time.Sleep(time.Hour)
		id := w.post(to("", "5678"))
		time.Sleep(3 * time.Hour)
		if received := len(w.phones()) - before; received != 0 && kind != aligotest.FaultHTTP500 {
			t.Errorf("%s: %d messages on the phone", kind, received)
		}
		w.Aligo.RemoveFaults(kind, list)
		if got, want := compact(w.settle(id)), "delivered: delivered alimtalk 0"; got != want {
			t.Errorf("%s: outcome %q, want %q", kind, got, want)
		}
	}
	return w
}

// Whether Aligo has accepted the AlimTalk nobody could tell, and the SMS that is to follow waits for a repair.
func cancelAfterDoubt(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1})
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	id := w.post(to(`"fallback":{"onUnknown":"sms"},`, "0005"))
	time.Sleep(20 * time.Hour)
	if got, want := w.phones(), []string{"01010000005 alimtalk"}; !slices.Equal(got, want) {
		t.Fatalf("phones received %q, want %q", got, want)
	}
	if status, body := w.cancel(id); status != http.StatusConflict {
		t.Errorf("cancel: %d %s", status, body)
	}
	w.Aligo.RemoveFaults(aligotest.FaultUnregisteredIP, sms)
	if got, want := compact(w.settle(id)), "delivered: delivered sms delivered"; got != want {
		t.Errorf("outcome %q, want %q", got, want)
	}
	return w
}

func expiredParked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	id := w.post(to(`"expiresAt":"2000-01-01T01:00:00Z",`, "5678"))
	o := w.settle(id)
	if reason := o.Recipients[0].Reason; strings.Contains(reason, "203.0.113.7") || strings.Contains(reason, "repair") || reason == "" {
		t.Errorf("the reason says %q", reason)
	}
	w.check(id, o)
	return w
}
