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
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// stories are the paths on which more happens to a message than a scenario can say. Each has a world to begin with.
func stories() map[string]func(*world) {
	return map[string]func(*world){
		// Somebody does something to a message while it is under way.
		"a scheduled message is cancelled":                                         cancelScheduled,
		"a parked message is cancelled":                                            cancelParked,
		"a cancelled message whose end nobody hears of":                            cancelUnheard,
		"a message that is being sent cannot be cancelled":                         cancelTooLate,
		"an execution that is stopped in the middle of a send, and redriven":       stopAndRedrive,
		"an outcome that cannot be announced is announced after a redrive":         redriveAnnounce,
		"an execution that runs longer than any message is announced from outside": timeOut,
		"the same event twice is one message":                                      sameEvent,
		"a parked message says what to repair":                                     parkedStatus,
		"a parked message says when it is tried next":                              parkedNext,
		"a long outage of Aligo's network ends in delivery":                        unreachable,
		"a stand-in that has forgotten everything does not stand in the way":       standinForgets,

		// Who is outside AWS hears of it too.
		"a webhook that is away for a while gets the outcome when it is back":         webhookHears,
		"what a webhook refuses is a dead letter, and what it does not take in a day": webhookRefuses,

		// A promise was broken once: somebody got two messages, or none, or was told what is not so.
		"a message whose execution is stopped, redriven and stopped again":                        stopTwice,
		"a message is cancelled that was stopped, and redriven before anybody has heard of that":  cancelStopped,
		"a cancelled message that an operator redrives is announced again, and not sent":          redriveCancelled,
		"a cancelled message is redriven while the table is away for days, and stays cancelled":   redriveCancelledUnseen,
		"a message is cancelled in the moment in which its send begins":                           cancelWhileItBegins,
		"of two equal SMS to one number, one is accepted and the other sent again":                equalMessages,
		"the same text to two and to one of them: everybody gets what was meant for them":         overlappingMessages,
		"a task that Lambda is invoked for twice sends once":                                      invokedTwice,
		"an invocation that comes minutes late sends nothing":                                     ghost,
		"without the table nothing is sent, and with it everything":                               withoutTable,
		"a call whose answer is claimed by nobody, because the table is away, is its own":         unclaimed,
		"a list of templates that cannot be read for hours is no refusal of the message":          unreadableTemplates,
		"a message that may have gone out as AlimTalk is not cancelled before its SMS":            cancelAfterDoubt,
		"a message that may have gone out as AlimTalk and is stopped before its SMS is announced": stopAfterDoubt,
		"a message that has expired while it was parked does not say what was to be done":         expiredParked,
		"everything goes wrong in turn for six days, and then the message goes out":               everythingInTurn,
		"an urgent message that was scheduled gets its SMS after fallback.after, and not at once": scheduledUrgent,
		"a failure says why": failureSaysWhy,
		"a call that its message has given up is not taken by another message to the same people": givenUpAndTaken,
		"a table that does not answer holds nobody up: the API says that it cannot":               stalledTable,

		// Aligo does what nobody has promised it would not.
		"a template that is stopped after a message was accepted is no reason for no SMS":     stoppedTemplate,
		"what was sent is looked for, not what the template says today":                       changedTemplate,
		"a call in doubt is looked up in the account that made it, or waits for it":           switchedAccount,
		"receipts are read from the account that sent, or wait for it":                        receiptsElsewhere,
		"an urgent message does not wait for receipts in another account":                     urgentElsewhere,
		"a history that shows texts a little differently has the call all the same":           changedTexts,
		"a call to the same people with another text may be it: unknown, and not sent again":  anotherText,
		"a history that lags for minutes does not lead to a second message":                   laggingHistory,
		"a call that is accepted long after it was written is not made again":                 acceptedLate,
		"Aligo's clock is set right while a call is in doubt, which is found all the same":    clockSetRight,
		"Aligo's clock may be slow or fast, and the call is found at the first look":          clocksApart,
		"a history whose last day ends when it begins has today's calls":                      endIsMidnight,
		"Aligo at its ugliest: slow clock, late history, last day missing, other line breaks": atItsUgliest,
		"ten minutes of maintenance, refused in words that nobody knows, lose nothing":        maintenance,
		"receipts that are somebody's to repair are reported, and an SMS goes out":            alertingReceipts,
		"of two final receipts for a number the delivered one counts, in either order":        twoReceipts,
		"a phone that is off for as long as carriers try gets its receipt in the end":         phoneOff,

		// Advertising must not arrive from 21:00 to 08:00 in Korea.
		"advertising goes out by day, and at night only with a consent":          adsByDay,
		"advertising that is parked until the evening goes out in the morning":   adParked,
		"advertising that nobody knows of whether it went out waits for morning": adInDoubt,
		"advertising that Aligo could not be reached for waits for the morning":  adRetried,
		"advertising that would have expired by the morning expires at once":     adExpires,
		"advertising is cancelled while it waits for the morning":                adCancelled,

		// Who must not get a message, and who may not send one.
		"who has opted out gets no advertising, and the others do":                   optedOut,
		"who opts out between the door and the send gets nothing":                    optOutBeforeTheSend,
		"who opts out between two invocations of a task has got what the first sent": optOutBetweenInvocations,
		"who opts in after the door gets nothing of what was accepted before":        optInAfterTheDoor,
		"who opts out with a key that is too new for the sender gets nothing":        optOutWithANewKey,
		"who has opted out gets no information either when the stack says so":        optOutsCoverInfo,
		"who opts out between the AlimTalk and its SMS gets no SMS":                  optOutBeforeTheFallback,
		"the sixth message to a number in an hour is refused, with its Retry-After":  sixthMessage,
		"the whole stack's limit of a day is refused to everybody":                   stacksDay,
		"the same content to the same number is refused with the first one's id":     sameContent,
		"without the table frontends get a 503 and trusted callers a 202":            doorsWithoutTable,
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
func (w *world) endsAs(id, want string) message.Outcome {
	w.t.Helper()
	o := w.settlesAs(id, want)
	w.check(id, o)
	return o
}

// isNow is what the API says of a message at once.
func (w *world) isNow(id, want string) {
	w.t.Helper()
	if got := compact(w.get(id)); got != want {
		w.t.Errorf("the API says %q, want %q", got, want)
	}
}

// onPhones is all that phones have received since the world began, in order.
func (w *world) onPhones(want ...string) {
	w.t.Helper()
	if got := w.phones(); !slices.Equal(got, want) {
		w.t.Errorf("phones received %q, want %q", got, want)
	}
}

// Step Functions' events are best effort: who cancels does not depend on them.
func cancelUnheard(w *world) {
	lost := eventbus.Target{ID: "stopped", Deliver: func(context.Context, json.RawMessage) error { return nil }}
	if err := w.AWS.Bus(eventbus.Default).PutTargets("stopped", lost); err != nil {
		w.t.Fatal(err)
	}
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	w.cancels(id)
	w.endsAs(id, "cancelled: failed Cancelled")
}

func cancelScheduled(w *world) {
	id := w.post(to(`"sendAt":"2000-01-02T00:00:00Z",`, "5678"))
	time.Sleep(time.Hour)
	if got := w.get(id).Status; got != message.Scheduled {
		w.t.Errorf("status %s, want scheduled", got)
	}
	w.cancels(id)
	o := w.settlesAs(id, "cancelled: failed Cancelled")
	time.Sleep(48 * time.Hour)
	if got := w.phones(); len(got) > 0 {
		w.t.Errorf("phones received %q after the message was cancelled", got)
	}
	w.check(id, o)
}

func cancelParked(w *world) {
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1})
	id := w.post(to("", "5678"))
	time.Sleep(10 * time.Second)
	w.cancels(id)
	o := w.settle(id)
	if o.Status != message.MessageCancelled {
		w.t.Errorf("status %s, want cancelled", o.Status)
	}
	w.check(id, o)
}

func cancelTooLate(w *world) {
	id := w.post(to("", "0001"))
	for range 12 {
		time.Sleep(time.Second)
		if status, body := w.cancel(id); status != http.StatusConflict {
			w.t.Errorf("cancel while or after the message is sent: %d %s, want 409", status, body)
		}
	}
	w.endsAs(id, "delivered: delivered sms delivered")
}

func (w *world) arn(id string) *string {
	return aws.String(strings.Replace(w.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + id)
}

// fault has Aligo's next calls go wrong, those of each fault in its way.
func (w *world) fault(faults ...aligotest.Fault) {
	w.t.Helper()
	for _, f := range faults {
		if err := w.Aligo.SetFault(f); err != nil {
			w.t.Fatal(err)
		}
	}
}

// stopAndRedrive stops an execution whose send Aligo has accepted but not answered. The outcome says that nobody knows;
// the redrive finds the send in Aligo's history and sends nothing again.
func stopAndRedrive(w *world) {
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultSlow})
	id := w.post(to("", "5678"))
	time.Sleep(10 * time.Second)
	w.stop(id)
	w.settlesAs(id, "partial: unknown alimtalk Stopped")
	time.Sleep(time.Hour)
	w.redrive(id)
	time.Sleep(time.Hour)
	w.isNow(id, "delivered: delivered alimtalk 0")
	w.onPhones("01010005678 alimtalk")
}

// redriveAnnounce has a bus that takes nothing for a day. The execution fails and says nothing; once the bus is there
// again, a redrive announces, and that is all it does.
func redriveAnnounce(w *world) {
	var down atomic.Bool
	down.Store(true)
	w = w.anew(func(o *Options, _ *aligotest.Options) {
		o.AWS.RefuseEvent = func(e eventbus.Entry) string {
			if down.Load() && e.DetailType == statemachine.DetailTypeSettled {
				return "InternalFailure"
			}
			return ""
		}
	})
	id := w.post(to("", "5678"))
	time.Sleep(24 * time.Hour)
	if is := w.describe(id).Status; is != types.ExecutionStatusFailed {
		w.t.Fatalf("the execution is %s, want FAILED", is)
	}
	w.isNow(id, "delivered: delivered alimtalk 0")
	down.Store(false)
	w.redrive(id)
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	if got, want := w.visited(id), way(alimTalkSent, toReceipts, announced); !slices.Equal(got, want) {
		w.t.Errorf("visited %q, want %q", got, want)
	}
	w.check(id, o)
}

// timeOut is an execution with a schedule that no message may have.
func timeOut(w *world) {
	const id = "01a204bd-2a24-7c04-8735-25546e95e719"
	w.start(id, testkit.JSON(w.t, message.Message{
		ID: id, Caller: everything.ID, Channel: message.AlimTalk, Template: "TX_1234", Recipients: []message.Recipient{{To: "01010005678"}},
		SendAt: time.Now().AddDate(1, 0, 0), ExpiresAt: time.Now().AddDate(1, 0, 1), CreatedAt: time.Now(),
		Fallback: message.Fallback{Enabled: true, After: message.Duration(5 * time.Minute), OnUnknown: message.LeaveUnknown},
	}))
	w.endsAs(id, "failed: failed Stopped")
}

// sameEvent puts one event several times, as a producer may and a replayed archive does. Each time the producer hears which
// message it is, and nothing that is announced asks for anything again.
func sameEvent(w *world) {
	var mu sync.Mutex
	heard := map[string]int{} // by the message's id and the detail-type
	bus := w.AWS.Bus(BusName)
	if _, err := bus.PutRule(eventbus.Rule{Name: "everything", Pattern: `{"source":[{"exists":true}]}`}); err != nil {
		w.t.Fatal(err)
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
		w.t.Fatal(err)
	}
	detail := strings.Replace(to("", "5678"), `{"template"`, `{"idempotencyKey":"order-17","template"`, 1)
	for range 3 {
		if err := w.putEvent("shop", statemachine.DetailTypeRequested, detail); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(time.Hour)
	}
	w.onPhones("01010005678 alimtalk")
	w.mu.Lock()
	defer w.mu.Unlock()
	mu.Lock()
	defer mu.Unlock()
	if len(w.settled) != 1 {
		w.t.Errorf("%d messages were settled, want 1", len(w.settled))
	}
	for id := range w.settled {
		requested := " MessageRequested" // the request has no id
		want := map[string]int{requested: 3, id + " MessageAccepted": 3, id + " MessageSettled": 1}
		if !maps.Equal(heard, want) {
			w.t.Errorf("on the bus were %v, want %v", heard, want)
		}
	}
}

// parkedNext has a message tried again when it says so, however long the waits have become, and while reading receipts as well.
func parkedNext(w *world) {
	time.Sleep(300 * time.Millisecond) // a time that is no whole second
	waits := func(id string, attempts ...int) {
		w.t.Helper()
		time.Sleep(30 * time.Second)
		for i, minutes := range attempts {
			made, p := len(w.vendorCalls()), w.get(id).Parked
			if p == nil || p.Wait != 60*minutes || !p.Next.Equal(p.Next.Truncate(time.Second)) {
				w.t.Fatalf("attempt %d: parked %+v, want %d minutes between two attempts", i+1, p, minutes)
			}
			time.Sleep(time.Until(p.Next) - time.Second)
			if n := len(w.vendorCalls()) - made; n != 0 {
				w.t.Errorf("attempt %d: %d calls before %s", i+1, n, p.Next)
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if n := len(w.vendorCalls()) - made; n == 0 {
				w.t.Errorf("attempt %d: nothing is tried at %s", i+1, p.Next)
			}
		}
	}
	refused := func(endpoint string, times int) {
		w.fault(aligotest.Fault{Endpoint: endpoint, Kind: aligotest.FaultUnregisteredIP, Times: times})
	}
	refused(send, 6)
	refused(detail, 3)
	id := w.post(to("", "5678"))
	waits(id, 1, 2, 4, 8, 15, 15)
	waits(id, 1, 2, 4)
	w.settlesAs(id, "delivered: delivered alimtalk 0")
}

func parkedStatus(w *world) {
	w.fault(aligotest.Fault{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: 2})
	id := w.post(to("", "5678"))
	time.Sleep(90 * time.Second)
	o := w.get(id)
	if o.Status != message.Parked || o.Parked == nil || o.Parked.Cause != "ip" || !strings.Contains(o.Parked.Reason, "203.0.113.7") {
		w.t.Errorf("status %s, parked %+v: want parked, ip, and the address to register", o.Status, o.Parked)
	}
	if logs := w.logs.String(); !strings.Contains(logs, `"fault":"NotConfigured"`) || !strings.Contains(logs, `"cause":"ip"`) {
		w.t.Error("the logs have nothing for the alarm to count")
	}
	settled := w.settle(id)
	if settled.Status != message.AllDelivered || settled.Parked != nil {
		w.t.Errorf("status %s, parked %+v after the repair", settled.Status, settled.Parked)
	}
	w.check(id, settled)
}

// unreachable keeps Aligo out of reach for more attempts than the state retries in place.
func unreachable(w *world) {
	w.network.cut("aligo")
	id := w.post(to("", "5678"))
	time.Sleep(3 * time.Hour)
	if got := w.get(id).Status; got != message.Sending {
		w.t.Errorf("status %s while Aligo cannot be reached, want sending", got)
	}
	w.network.serve(w.t, "aligo", w.Aligo)
	o := w.settlesAs(id, "delivered: delivered alimtalk 0")
	w.onPhones("01010005678 alimtalk")
	w.check(id, o)
}
