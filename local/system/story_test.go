package system

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// stories are the paths on which somebody does something to a message while it is under way.
func stories() map[string]func(*testing.T) *world {
	return map[string]func(*testing.T) *world{
		"a scheduled message is cancelled":                                         cancelScheduled,
		"a parked message is cancelled":                                            cancelParked,
		"a cancelled message whose end nobody hears of":                            cancelUnheard,
		"a message that is being sent cannot be cancelled":                         cancelTooLate,
		"an execution that is stopped in the middle of a send, and redriven":       stopAndRedrive,
		"an outcome that cannot be announced is announced after a redrive":         redriveAnnounce,
		"an execution that runs longer than any message is announced from outside": timeOut,
		"the same event twice is one message":                                      sameEvent,
		"a parked message says what to repair":                                     parkedStatus,
		"a long outage of Aligo's network ends in delivery":                        unreachable,
	}
}

func (w *world) cancel(id string) (int, string) {
	w.t.Helper()
	status, body := w.do(http.MethodDelete, "/v1/messages/"+id, "")
	return status, string(body)
}

// cancels takes a message back that can be taken back.
func (w *world) cancels(id string) {
	w.t.Helper()
	if status, body := w.cancel(id); status != http.StatusOK {
		w.t.Fatalf("cancel: %d %s", status, body)
	}
}

// endsAs waits for what becomes of a message, and looks at everything that there is of it by then.
func (w *world) endsAs(id, want string) *world {
	w.t.Helper()
	w.check(id, w.settlesAs(id, want))
	return w
}

// Step Functions' events are best effort: who cancels does not depend on them.
func cancelUnheard(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	lost := eventbus.Target{ID: "stopped", Deliver: func(context.Context, json.RawMessage) error { return nil }}
	if err := w.AWS.Bus(eventbus.Default).PutTargets("stopped", lost); err != nil {
		t.Fatal(err)
	}
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	w.cancels(id)
	return w.endsAs(id, "cancelled: failed Cancelled")
}

func cancelScheduled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	if got := w.get(id).Status; got != message.Scheduled {
		t.Errorf("status %s, want scheduled", got)
	}
	w.cancels(id)
	o := w.settlesAs(id, "cancelled: failed Cancelled")
	time.Sleep(48 * time.Hour)
	if got := w.phones(); len(got) > 0 {
		t.Errorf("phones received %q after the message was cancelled", got)
	}
	w.check(id, o)
	return w
}

func cancelParked(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	id := w.post(to("", "5678"))
	time.Sleep(10 * time.Second)
	w.cancels(id)
	o := w.settle(id)
	if o.Status != message.MessageCancelled {
		t.Errorf("status %s, want cancelled", o.Status)
	}
	w.check(id, o)
	return w
}

func cancelTooLate(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	id := w.post(to("", "0001"))
	for range 12 {
		time.Sleep(time.Second)
		if status, body := w.cancel(id); status != http.StatusConflict {
			t.Errorf("cancel while or after the message is sent: %d %s, want 409", status, body)
		}
	}
	return w.endsAs(id, "delivered: delivered sms delivered")
}

func (w *world) arn(id string) *string {
	return aws.String(strings.Replace(w.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + id)
}

func (w *world) fault(f aligotest.Fault) {
	w.t.Helper()
	if err := w.Aligo.SetFault(f); err != nil {
		w.t.Fatal(err)
	}
}

// stopAndRedrive stops an execution whose send Aligo has accepted but not answered. The outcome says that nobody knows;
// the redrive finds the send in Aligo's history and sends nothing again.
func stopAndRedrive(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultSlow})
	id := w.post(to("", "5678"))
	time.Sleep(10 * time.Second)
	if _, err := w.sfn.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: w.arn(id)}); err != nil {
		t.Fatal(err)
	}
	if got, want := compact(w.settle(id)), "partial: unknown alimtalk Stopped"; got != want {
		t.Errorf("outcome %q, want %q", got, want)
	}
	time.Sleep(time.Hour)
	if _, err := w.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: w.arn(id)}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
	if got, want := compact(w.get(id)), "delivered: delivered alimtalk 0"; got != want {
		t.Errorf("after the redrive the outcome is %q, want %q", got, want)
	}
	if got, want := w.phones(), []string{"01010005678 alimtalk"}; !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
	return w
}

// redriveAnnounce has a bus that takes nothing for a day. The execution fails and says nothing; once the bus is there
// again, a redrive announces, and that is all it does.
func redriveAnnounce(t *testing.T) *world {
	t.Helper()
	var down atomic.Bool
	down.Store(true)
	w := newWorld(t, func(o *Options, _ *aligotest.Options) {
		o.AWS.RefuseEvent = func(e eventbus.Entry) string {
			if down.Load() && e.DetailType == statemachine.DetailTypeSettled {
				return "InternalFailure"
			}
			return ""
		}
	})
	id := w.post(to("", "5678"))
	time.Sleep(24 * time.Hour)
	d, err := w.sfn.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: w.arn(id)})
	if err != nil {
		t.Fatal(err)
	}
	if d.Status != types.ExecutionStatusFailed {
		t.Fatalf("the execution is %s, want FAILED", d.Status)
	}
	if got, want := compact(w.get(id)), "delivered: delivered alimtalk 0"; got != want {
		t.Errorf("the API says %q, want %q", got, want)
	}
	down.Store(false)
	if _, err := w.sfn.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: w.arn(id)}); err != nil {
		t.Fatal(err)
	}
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	if got, want := w.visited(id), way(alimTalkSent, toReceipts, announced); !slices.Equal(got, want) {
		t.Errorf("visited %q, want %q", got, want)
	}
	w.check(id, o)
	return w
}

// timeOut starts an execution past the door with a schedule that no message may have.
func timeOut(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	const id = "01a204bd-2a24-7c04-8735-25546e95e719"
	input, err := json.Marshal(message.Message{
		ID: id, Caller: everything.ID, Channel: message.AlimTalk, Template: "TX_1234", Recipients: []message.Recipient{{To: "01010005678"}},
		SendAt: time.Now().AddDate(1, 0, 0), ExpiresAt: time.Now().AddDate(1, 0, 1), CreatedAt: time.Now(),
		Fallback: message.Fallback{Enabled: true, After: message.Duration(5 * time.Minute), OnUnknown: message.LeaveUnknown},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.sfn.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &w.StateMachineARN, Name: aws.String(id),
		Input: aws.String(string(input))})
	if err != nil {
		t.Fatal(err)
	}
	return w.endsAs(id, "failed: failed Stopped")
}

// sameEvent puts one event several times, as a producer may and a replayed archive does. Each time the producer hears which
// message it is, and nothing that is announced asks for anything again.
func sameEvent(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	var mu sync.Mutex
	heard := map[string]int{} // by the message's id and the detail-type
	bus := w.AWS.Bus(BusName)
	if _, err := bus.PutRule(eventbus.Rule{Name: "everything", Pattern: `{"source":[{"exists":true}]}`}); err != nil {
		t.Fatal(err)
	}
	err := bus.PutTargets("everything", eventbus.Target{ID: "test", Deliver: func(_ context.Context, event json.RawMessage) error {
		var e struct {
			DetailType string              `json:"detail-type"`
			Detail     struct{ ID string } `json:"detail"`
		}
		err := json.Unmarshal(event, &e)
		mu.Lock()
		defer mu.Unlock()
		heard[e.Detail.ID+" "+e.DetailType]++
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	detail := strings.Replace(to("", "5678"), `{"template"`, `{"idempotencyKey":"order-17","template"`, 1)
	for range 3 {
		out, err := w.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
			EventBusName: aws.String(BusName), Source: aws.String("shop"), DetailType: aws.String(statemachine.DetailTypeRequested), Detail: &detail,
		}}})
		if err != nil || out.FailedEntryCount > 0 {
			t.Fatalf("put: %+v, %v", out, err)
		}
		time.Sleep(time.Hour)
	}
	if got, want := w.phones(), []string{"01010005678 alimtalk"}; !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	mu.Lock()
	defer mu.Unlock()
	if len(w.settled) != 1 {
		t.Errorf("%d messages were settled, want 1", len(w.settled))
	}
	for id := range w.settled {
		requested := " MessageRequested" // the request has no id
		want := map[string]int{requested: 3, id + " MessageAccepted": 3, id + " MessageSettled": 1}
		if !maps.Equal(heard, want) {
			t.Errorf("on the bus were %v, want %v", heard, want)
		}
	}
	return w
}

func parkedStatus(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: 2})
	id := w.post(to("", "5678"))
	time.Sleep(90 * time.Second)
	o := w.get(id)
	if o.Status != message.Parked || o.Parked == nil || o.Parked.Cause != "ip" || !strings.Contains(o.Parked.Reason, "203.0.113.7") {
		t.Errorf("status %s, parked %+v: want parked, ip, and the address to register", o.Status, o.Parked)
	}
	if logs := w.logs.String(); !strings.Contains(logs, `"fault":"NotConfigured"`) || !strings.Contains(logs, `"cause":"ip"`) {
		t.Error("the logs have nothing for the alarm to count")
	}
	settled := w.settle(id)
	if settled.Status != message.AllDelivered || settled.Parked != nil {
		t.Errorf("status %s, parked %+v after the repair", settled.Status, settled.Parked)
	}
	w.check(id, settled)
	return w
}

// unreachable keeps Aligo out of reach for more attempts than the state retries in place.
func unreachable(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.network.cut("aligo")
	id := w.post(to("", "5678"))
	time.Sleep(3 * time.Hour)
	if got := w.get(id).Status; got != message.Sending {
		t.Errorf("status %s while Aligo cannot be reached, want sending", got)
	}
	w.network.serve(t, "aligo", w.Aligo)
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	if got, want := w.phones(), []string{"01010005678 alimtalk"}; !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
	w.check(id, o)
	return w
}
