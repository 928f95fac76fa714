package system

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

func stalledTable(w *world) {
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	w.table.set(stalled)
	api, _ := deployment.FunctionNamed(deployment.API)
	begin := time.Now()
	status, answer := w.cancel(id)
	if status != http.StatusServiceUnavailable || !strings.Contains(answer, `"type":"urn:sms-api:problem:unavailable"`) {
		w.t.Errorf("cancel: %d %s, want a problem", status, answer)
	}
	if took := time.Since(begin); took >= api.Timeout {
		w.t.Errorf("answered after %v, which is when Lambda kills the function", took)
	}
	w.table.set(nil)
	if status, answer := w.cancel(id); status != http.StatusOK {
		w.t.Errorf("cancel, when the table answers again: %d %s", status, answer)
	}
	w.settlesAs(id, "cancelled: failed Cancelled")
}

func redriveCancelled(w *world) {
	id := w.redrivenCancelled()
	time.Sleep(72 * time.Hour)
	w.staysCancelled(id)
}

// redriveCancelledUnseen has a table that does not say so until the message would have expired.
func redriveCancelledUnseen(w *world) {
	id := w.redrivenCancelled(func() { w.table.set(tableFailed) })
	time.Sleep(72 * time.Hour)
	w.table.set(nil)
	time.Sleep(time.Hour)
	w.staysCancelled(id)
}

// stopTwice stops an execution, redrives it, and stops it again where it was: no state is entered between its two ends. However much
// later the sweeps see it, it is never anything but cancelled to whoever asks.
func stopTwice(w *world) {
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	w.stop(id)
	w.settle(id)
	w.redrive(id)
	time.Sleep(30 * time.Minute)
	w.sweep()
	w.isNow(id, "cancelled: failed Cancelled")
	time.Sleep(30 * time.Minute)
	w.stop(id)
	time.Sleep(time.Minute)
	w.isNow(id, "cancelled: failed Cancelled")
	w.mu.Lock()
	n := len(w.settled[id])
	w.mu.Unlock()
	if n != 2 {
		w.t.Errorf("announced %d times, want once for each stop", n)
	}
	if r := w.sweep(); r.Failed != 0 {
		w.t.Errorf("a sweep that comes after it says %+v", r)
	}
	if status, body := w.cancel(id); status != http.StatusOK {
		w.t.Errorf("DELETE: %d %s", status, body)
	}
	time.Sleep(72 * time.Hour)
	w.staysCancelled(id)
}

// redrivenCancelled is a message that was cancelled before it was sent, and whose execution is redriven after what is to be done
// before that.
func (w *world) redrivenCancelled(before ...func()) (id string) {
	id = w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	w.cancels(id)
	w.settle(id)
	for _, do := range before {
		do()
	}
	w.redrive(id)
	return id
}

// standinForgets has the stand-in forget everything between two messages: the batch of the second is not the first one's.
func standinForgets(w *world) {
	for range 2 {
		w.settlesAs(w.post(to("", "5678")), "delivered: delivered alimtalk 0")
		w.Aligo.Reset()
	}
}

// cancelStopped has an operator stop a message, its caller cancel it before anybody has heard of that, and the operator redrive it.
func cancelStopped(w *world) {
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	w.faults.add("settle", slices.Repeat([]invocationFault{throttled}, 3)...)
	w.stop(id)
	w.cancels(id)
	w.redrive(id)
	time.Sleep(72 * time.Hour)
	w.staysCancelled(id)
}

// staysCancelled checks that nothing was sent of a message, and that it was never announced as anything but cancelled.
func (w *world) staysCancelled(id string) {
	w.t.Helper()
	if got := w.phones(); len(got) > 0 {
		w.t.Errorf("phones received %q after the message was cancelled", got)
	}
	w.isNow(id, "cancelled: failed Cancelled")
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.settled[id] {
		if o.Status != message.MessageCancelled {
			w.t.Errorf("announced as %s", o.Status)
		}
	}
}

// The cancellation and the send are as close as can be: whichever wins, the outcome and the phone agree.
func cancelWhileItBegins(w *world) {
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
			w.t.Errorf("%v before: %d %s, outcome %s, %d messages on the phone", early, status, body, o.Status, received)
		}
	}
}

const plainSMS = `{"channel":"sms","text":"점검 안내입니다","recipients":[{"to":"01010005678"}]}`

func equalMessages(w *world) {
	// The first is accepted and its answer lost; the second never arrives.
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetAfter})
	first := w.post(plainSMS)
	time.Sleep(time.Second)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	second := w.post(plainSMS)
	w.oneEach(first, second)
}

// oneEach checks that the phone has received one SMS for each of the messages.
func (w *world) oneEach(ids ...string) {
	w.t.Helper()
	for _, id := range ids {
		w.settlesAs(id, "delivered: delivered sms delivered")
	}
	if got, want := w.phones(), slices.Repeat([]string{"01010005678 sms"}, len(ids)); !slices.Equal(got, want) {
		w.t.Errorf("phones received %q, want %q: one for each message", got, want)
	}
}

func overlappingMessages(w *world) {
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	both := w.post(`{"channel":"sms","text":"점검 안내입니다","recipients":[{"to":"01010005678"},{"to":"01010005679"}]}`)
	time.Sleep(time.Second)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetAfter})
	one := w.post(plainSMS)
	for _, id := range []string{both, one} {
		if o := w.settle(id); o.Status != message.AllDelivered {
			w.t.Errorf("outcome %s", compact(o))
		}
	}
	want := []string{"01010005678 sms", "01010005678 sms", "01010005679 sms"}
	if got := w.phones(); !slices.Equal(got, want) {
		w.t.Errorf("phones received %q, want %q", got, want)
	}
}

// givenUpAndTaken are two messages with the same texts, the second to two more people. The first goes on with SMS before anybody
// knows that Aligo has accepted it.
func givenUpAndTaken(w *world) {
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
		w.t.Errorf("phones received %d messages, want 40 AlimTalk and 40 SMS of the first, 42 AlimTalk of the second", got)
	}
}

func invokedTwice(w *world) {
	w.faults.add("alimtalk", func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
		var group sync.WaitGroup
		group.Go(func() { _, _ = next(ctx) })
		answer, err := next(ctx)
		group.Wait()
		return answer, err
	})
	id := w.post(to("", "5678"))
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	w.onPhones("01010005678 alimtalk")
	w.check(id, o)
}

func ghost(w *world) {
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
			w.t.Errorf("%v late: %d messages on the phone, outcome %s", late, received, compact(o))
		}
	}
}

func withoutTable(w *world) {
	w.table.set(tableFailed)
	id := w.post(to("", "5678"))
	time.Sleep(2 * time.Hour)
	if got := w.phones(); len(got) > 0 {
		w.t.Errorf("phones received %q while the table was away", got)
	}
	w.table.set(nil)
	w.endsAs(id, "delivered: delivered alimtalk 0")
}

func unclaimed(w *world) {
	var mu sync.Mutex
	puts, back := 0, time.Now().Add(8*time.Second)
	w.table.set(func(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		if operation == "PutItem" {
			puts++
		}
		// The listing and the guard are written, and then nothing.
		if puts > 2 && time.Now().Before(back) {
			return tableFailed(ctx, operation, next)
		}
		return next(ctx)
	})
	first := w.post(plainSMS)
	time.Sleep(4 * time.Second)
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultResetBefore})
	time.Sleep(4 * time.Second)
	second := w.post(plainSMS)
	w.oneEach(first, second)
}

// everythingInTurn is what uses up the history of an execution fastest: causes that change with each attempt, so that no wait
// grows.
func everythingInTurn(w *world) {
	var calls atomic.Int64
	turns := []invocationFault{
		parkedFor(aligo.CauseIP), parkedFor(aligo.CauseBalance), notReached, parkedFor(aligo.CauseSender), throttled,
		parkedFor(aligo.CauseCredentials),
	}
	w.faults.always(func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
		return turns[calls.Add(1)%int64(len(turns))](ctx, next)
	}, "alimtalk")
	id := w.post(to(`"expiresAt":"2000-01-08T00:00:00Z",`, "5678"))
	time.Sleep(6 * 24 * time.Hour)
	w.faults.always(nil, "alimtalk")
	begin := time.Now()
	w.endsAs(id, "delivered: delivered alimtalk 0")
	events := len(w.history(id))
	w.t.Logf("%d events; it went out %v after the repair", events, time.Since(begin).Round(time.Minute))
	if events >= deployment.HistoryEvents*9/10 || !slices.Contains(w.visited(id), statemachine.StateSaveEvents) {
		w.t.Errorf("%d events, by way of %q: want them saved", events, statemachine.StateSaveEvents)
	}
}

func scheduledUrgent(w *world) {
	w.fault(aligotest.Fault{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1})
	sendAt := time.Now().Add(24 * time.Hour)
	w.settlesAs(w.post(to(`"sendAt":"2000-01-02T00:00:00Z","fallback":{"onUnknown":"sms"},`, "0005")), "delivered: delivered sms delivered")
	if took := time.Since(sendAt); took < 5*time.Minute {
		w.t.Errorf("it took %v from the time of its send", took)
	}
}

func failureSaysWhy(w *world) {
	w.fault(aligotest.Fault{Endpoint: list, Kind: aligotest.FaultHTTP500})
	id := w.post(`{"template":"TX_1234","recipients":[{"to":"01010005678"}]}`)
	o := w.settlesAs(id, "failed: failed Invalid")
	if reason := o.Recipients[0].Reason; !strings.Contains(reason, "주문번호") {
		w.t.Errorf("the reason is %q, which does not say what is missing", reason)
	}
}

func unreadableTemplates(w *world) {
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
			w.t.Errorf("%s: %d messages on the phone", kind, received)
		}
		w.Aligo.RemoveFaults(kind, list)
		if got, want := compact(w.settle(id)), "delivered: delivered alimtalk 0"; got != want {
			w.t.Errorf("%s: outcome %q, want %q", kind, got, want)
		}
	}
}

// Whether Aligo has accepted the AlimTalk nobody could tell, and the SMS that is to follow waits for a repair.
func cancelAfterDoubt(w *world) {
	id := w.parkedAfterDoubt()
	if status, body := w.cancel(id); status != http.StatusConflict {
		w.t.Errorf("cancel: %d %s", status, body)
	}
	w.Aligo.RemoveFaults(aligotest.FaultUnregisteredIP, sms)
	w.settlesAs(id, "delivered: delivered sms delivered")
}

// parkedAfterDoubt is a message of which nobody could tell whether Aligo has accepted its AlimTalk, which it has, and whose SMS is
// parked.
func (w *world) parkedAfterDoubt() (id string) {
	w.t.Helper()
	w.fault(aligotest.Fault{Endpoint: history, Kind: aligotest.FaultHTTP500, Times: -1})
	w.fault(aligotest.Fault{Endpoint: sms, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	id = w.post(to(`"fallback":{"onUnknown":"sms"},`, "0005"))
	time.Sleep(20 * time.Hour)
	if got, want := w.phones(), []string{"01010000005 alimtalk"}; !slices.Equal(got, want) {
		w.t.Fatalf("phones received %q, want %q", got, want)
	}
	return id
}

// It cannot be said to be cancelled, and nobody has to look at it for ever.
func stopAfterDoubt(w *world) {
	id := w.parkedAfterDoubt()
	w.stop(id)
	w.settlesAs(id, "failed: failed sms Stopped")
	if r := w.sweep(); r.Failed != 0 {
		w.t.Errorf("a sweep that comes after it says %+v", r)
	}
}

func expiredParked(w *world) {
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	id := w.post(to(`"expiresAt":"2000-01-01T01:05:00Z",`, "5678"))
	o := w.settle(id)
	if reason := o.Recipients[0].Reason; strings.Contains(reason, "203.0.113.7") || strings.Contains(reason, "repair") || reason == "" {
		w.t.Errorf("the reason says %q", reason)
	}
	if late := o.SettledAt.Sub(o.ExpiresAt); late < 0 || late > 10*time.Second {
		w.t.Errorf("it is told %v after it has expired", late)
	}
	w.check(id, o)
}
