package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"

	"sms-api/internal/aligo"
	"sms-api/internal/announce"
	"sms-api/internal/intake"
	"sms-api/internal/intake/contract/contracttest"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/bustest"
)

// door is the event handler as Lambda calls it, with everything around it.
type door struct {
	store  *store
	made   made
	vendor *vendor
	bus    *bustest.Bus
	log    *bytes.Buffer
	now    time.Time
	events *intake.Events
	lambda lambda.Handler
	// slept is how long the handler has waited.
	slept time.Duration
}

func newDoor() *door {
	d := &door{store: newStore(), vendor: newVendor(), bus: &bustest.Bus{}, log: &bytes.Buffer{}, now: now}
	d.events = &intake.Events{
		Executions: d.store, Made: &d.made, Account: "000000000000", Bus: announce.Bus{Client: d.bus, Name: "sms-api"}, Templates: d.vendor,
		Now: func() time.Time { return d.now }, Log: testkit.Log(d.log), Rate: 10, Runs: 3,
		Sleep: func(_ context.Context, pause time.Duration) error {
			d.slept += pause
			return nil
		},
	}
	d.lambda = lambda.NewHandler(d.events.Invoke)
	return d
}

// event is a MessageRequested as EventBridge delivers it.
func event(id, detail string) string {
	return `{"version":"0","id":"` + id + `","detail-type":"MessageRequested","source":"shop.orders","account":"000000000000",` +
		`"time":"2026-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],"detail":` + detail + `}`
}

func (d *door) handle(t *testing.T, event string) error {
	t.Helper()
	_, err := d.lambda.Invoke(t.Context(), []byte(event))
	return err
}

// rejections are the details of the MessageRejected events, acceptances those of the MessageAccepted events, each of which is
// what its schema says.
func (d *door) rejections(t *testing.T) []string {
	t.Helper()
	return d.announced(t, "MessageRejected")
}

func (d *door) acceptances(t *testing.T) []string {
	t.Helper()
	return d.announced(t, "MessageAccepted")
}

// rejected is the one rejection that an event leads to, also as it was put on the bus.
func (d *door) rejected(t *testing.T, event string) (r intake.Rejection, text string) {
	t.Helper()
	if err := d.handle(t, event); err != nil {
		t.Fatalf("a rejection is no error: %v", err)
	}
	all := d.rejections(t)
	if len(all) != 1 || len(d.ids()) != 0 {
		t.Fatalf("%d events, %d messages", len(all), len(d.ids()))
	}
	if err := json.Unmarshal([]byte(all[0]), &r); err != nil {
		t.Fatal(err)
	}
	return r, all[0]
}

func (d *door) announced(t *testing.T, detailType string) []string {
	t.Helper()
	var list []string
	for _, e := range d.bus.Entries {
		found := aws.ToString(e.DetailType)
		if aws.ToString(e.Source) != "sms-api" || found != "MessageRejected" && found != "MessageAccepted" ||
			aws.ToString(e.EventBusName) != "sms-api" {
			t.Errorf("put %s %s on %s", aws.ToString(e.Source), found, aws.ToString(e.EventBusName))
		}
		detail := aws.ToString(e.Detail)
		if len(detail) > 250<<10 {
			t.Errorf("a detail of %d bytes does not fit into an event", len(detail))
		}
		conforms(t, found, "sms-api", detail)
		if found == detailType {
			list = append(list, detail)
		}
	}
	return list
}

// conforms proves that an event with this detail is what its schema says.
func conforms(t *testing.T, detailType, source, detail string) {
	t.Helper()
	whole := strings.Replace(strings.Replace(event("1", detail), "MessageRequested", detailType, 1), "shop.orders", source, 1)
	if err := contracttest.Schema(t, detailType).Validate(contracttest.Value(t, whole)); err != nil {
		t.Errorf("%s: %v", whole, err)
	}
}

func (d *door) ids() []string { return slices.Sorted(maps.Keys(d.store.messages)) }

func TestEventStartsAMessage(t *testing.T) {
	t.Parallel()
	d := newDoor()
	if err := d.handle(t, event("e-1", order)); err != nil {
		t.Fatal(err)
	}
	if len(d.ids()) != 1 || len(d.bus.Entries) != 1 {
		t.Fatalf("messages %q, events %v", d.ids(), d.bus.Entries)
	}
	m := d.store.messages[d.ids()[0]]
	if m.Caller != "event:shop.orders" || m.Template != "TX_1234" {
		t.Errorf("started %+v", m)
	}
}

// Whoever has put an event on the bus hears which message it has become, and with each repetition hears the same again.
func TestTheProducerLearnsTheID(t *testing.T) {
	t.Parallel()
	d := newDoor()
	withKey := strings.Replace(order, "{", `{"idempotencyKey":"k","reference":"order-17",`, 1)
	for _, e := range []string{event("e-1", withKey), event("e-2", withKey)} {
		if err := d.handle(t, e); err != nil {
			t.Fatal(err)
		}
		d.now = d.now.Add(time.Hour)
	}
	told := d.acceptances(t)
	want := `{"id":"` + d.ids()[0] + `","idempotencyKey":"k","reference":"order-17","createdAt":"2026-12-01T00:00:00Z","recipientCount":1}`
	if !slices.Equal(told, []string{want, want}) {
		t.Errorf("told %s, want %s twice", told, want)
	}
	d = newDoor()
	if err := d.handle(t, event("e-1", order)); err != nil {
		t.Fatal(err)
	}
	want = `{"id":"` + d.ids()[0] + `","idempotencyKey":"e-1","createdAt":"2026-12-01T00:00:00Z","recipientCount":1}`
	if told := d.acceptances(t); !slices.Equal(told, []string{want}) {
		t.Errorf("told %s, want %s", told, want)
	}
}

// What cannot be told at once is told when Lambda tries the event again. The message is sent once.
func TestAnAcceptanceThatCannotBeToldIsToldLater(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.bus.Err = errors.New("no route to host")
	for range 3 {
		if err := d.handle(t, event("e-1", order)); err == nil || !strings.Contains(err.Error(), "MessageAccepted: no route to host") {
			t.Errorf("got %v", err)
		}
	}
	d.bus.Err = nil
	if err := d.handle(t, event("e-1", order)); err != nil || len(d.ids()) != 1 || len(d.acceptances(t)) != 1 {
		t.Errorf("%v, %d messages, told %s", err, len(d.ids()), d.acceptances(t))
	}
}

func TestTheSameEventSendsOnce(t *testing.T) {
	t.Parallel()
	withKey := func(key string) string { return strings.Replace(order, "{", `{"idempotencyKey":"`+key+`",`, 1) }
	for _, c := range []struct {
		name   string
		events []string
		want   int
	}{
		{"delivered twice", []string{event("e-1", order), event("e-1", order)}, 1},
		{"put twice with a key", []string{event("e-1", withKey("k")), event("e-2", withKey("k"))}, 1},
		{"the event's id is the key", []string{event("e-1", order), event("e-2", withKey("e-1"))}, 1},
		{"two events", []string{event("e-1", order), event("e-2", order)}, 2},
		{"another source", []string{event("e-1", withKey("k")), strings.Replace(event("e-2", withKey("k")), "shop.orders", "shop.parcels", 1)},
			2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDoor()
			for _, e := range c.events {
				if err := d.handle(t, e); err != nil {
					t.Fatal(err)
				}
			}
			if got := len(d.ids()); got != c.want || len(d.rejections(t)) != 0 || len(d.acceptances(t)) != len(c.events) {
				t.Errorf("%d messages, want %d; events: %v %v", got, c.want, d.rejections(t), d.acceptances(t))
			}
		})
	}
}

func TestReplayedArchiveSendsNothingAgain(t *testing.T) {
	t.Parallel()
	d := newDoor()
	if err := d.handle(t, event("e-1", order)); err != nil {
		t.Fatal(err)
	}
	// A month later the message exists still: nothing happens, and nothing is rejected.
	d.now = now.Add(30 * 24 * time.Hour)
	if err := d.handle(t, event("e-1", order)); err != nil || len(d.ids()) != 1 || len(d.rejections(t)) != 0 {
		t.Errorf("after a month: %v, %d messages, %d events", err, len(d.ids()), len(d.bus.Entries))
	}
	// After 90 days Step Functions has forgotten it, but what was asked for then has expired.
	d.now = now.Add(120 * 24 * time.Hour)
	clear(d.store.messages)
	if err := d.handle(t, event("e-1", order)); err != nil || len(d.ids()) != 0 || len(d.rejections(t)) != 1 {
		t.Errorf("after four months: %v, %d messages, %d events", err, len(d.ids()), len(d.bus.Entries))
	}
}

func TestEventWithoutTimeCountsFromNow(t *testing.T) {
	t.Parallel()
	// A route's input transformer need not pass everything on.
	d := newDoor()
	if err := d.handle(t, `{"id":"e-1","source":"shop.orders","detail-type":"MessageRequested","detail":`+order+`}`); err != nil ||
		len(d.ids()) != 1 {
		t.Errorf("%v, %d messages", err, len(d.ids()))
	}
}

func TestWhatCannotBeAcceptedIsRejectedOnce(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`{"to":"1"},`, 20000)
	for name, c := range map[string]struct {
		detail string
		errors []string
		key    string
		many   bool
	}{
		"invalid": {
			detail: `{"template":"TX_1234","recipients":[{"to":"010"}],"colour":1,"reference":"order-17","idempotencyKey":"k"}`,
			errors: []string{"/recipients/0/to", "", "/recipients/0/variables/고객명", "/recipients/0/variables/주문번호"}, key: "k",
		},
		"unknown template": {detail: `{"template":"TX_9999","recipients":[{"to":"010-1234-5678"}],"reference":"order-17"}`,
			errors: []string{"/template"}, key: "e-1"},
		"wrong key": {detail: `{"template":"TX_5678","fallback":{"enabled":false},"recipients":[{"to":"010-1234-5678"}],` +
			`"reference":"order-17","idempotencyKey":"a b"}`, errors: []string{"/idempotencyKey"}, key: "e-1"},
		"not an object":     {detail: `"text"`, errors: []string{""}, key: "e-1"},
		"too much is wrong": {detail: `{"template":"TX_1234","recipients":[` + many + `{"to":"1"}]}`, key: "e-1", many: true},
		"nested too deeply": {detail: strings.Repeat("[", 30) + strings.Repeat("]", 30), key: "e-1"},
		"expired": {detail: `{"template":"TX_1234","recipients":[{"to":"010-1234-5678"}],"expiresAt":"2026-11-30T00:00:00Z"}`,
			errors: []string{"/expiresAt", "/recipients/0/variables/고객명", "/recipients/0/variables/주문번호"}, key: "e-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor()
			r, text := d.rejected(t, event("e-1", c.detail))
			var pointers []string
			for _, e := range r.Errors {
				pointers = append(pointers, e.Pointer)
			}
			if r.IdempotencyKey != c.key || !c.many && !slices.Equal(pointers, c.errors) {
				t.Errorf("got %.1000s", text)
			}
			if !strings.Contains(d.log.String(), `"msg":"event rejected"`) || strings.Contains(d.log.String(), "1234-5678") {
				t.Errorf("log: %s", d.log)
			}
			if !c.many {
				golden(t, "rejected "+name, []byte(text))
			}
		})
	}
}

func TestKeyOfAnotherMessageIsRejected(t *testing.T) {
	t.Parallel()
	d := newDoor()
	first := event("e-1", order)
	if err := d.handle(t, first); err != nil {
		t.Fatal(err)
	}
	if err := d.handle(t, strings.Replace(first, "A-17", "A-18", 1)); err != nil {
		t.Fatal(err)
	}
	rejected := d.rejections(t)
	if len(rejected) != 1 || !strings.Contains(rejected[0], "urn:sms-api:problem:idempotency-conflict") {
		t.Fatalf("got %q", rejected)
	}
	golden(t, "rejected conflict", []byte(rejected[0]))
}

func TestOurOwnFaultsAreForLambdaToRetry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event  string
		damage func(*door)
		want   string
	}{
		"Step Functions": {event("e-1", order), func(d *door) { d.store.err = errors.New("throttled") }, "throttled"},
		"Step Functions, while it is not known whether it is a replay": {
			event("e-1", `{"template":"TX_1234","recipients":[]}`), func(d *door) { d.store.err = errors.New("throttled") }, "throttled",
		},
		"the bus":                   {event("e-1", `{}`), func(d *door) { d.bus.Err = errors.New("no route to host") }, "no route to host"},
		"the bus, with status 200":  {event("e-1", `{}`), func(d *door) { d.bus.Refuses = true }, "ThrottlingException: Rate exceeded"},
		"a rule that is wrong":      {strings.Replace(event("e-1", order), "MessageRequested", "OrderPaid", 1), func(*door) {}, "OrderPaid"},
		"a transformer without ids": {`{"source":"s","detail-type":"MessageRequested","detail":` + order + `}`, func(*door) {}, "without id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor()
			c.damage(d)
			if err := d.handle(t, c.event); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if len(d.bus.Entries) != 0 || len(d.ids()) != 0 {
				t.Errorf("%d events, %d messages", len(d.bus.Entries), len(d.ids()))
			}
		})
	}
}

func TestEventsAreTrustedAndSurviveAligoBeingDown(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.vendor.err = &aligo.Error{Class: aligo.ClassTransient}
	for i, detail := range []string{
		`{"channel":"sms","text":"안녕하세요","recipients":[{"to":"010-1234-5678"},{"to":"02-123-4567"}]}`,
		`{"template":"TX_9999","recipients":[{"to":"010-1234-5678"}]}`,
	} {
		if err := d.handle(t, event("e-"+string(rune('1'+i)), detail)); err != nil || len(d.rejections(t)) != 0 || len(d.ids()) != i+1 {
			t.Errorf("%s: %v, rejected %s, %d messages", detail, err, d.rejections(t), len(d.ids()))
		}
	}
}

// MessageSettled is put by the state machine; its detail is the outcome.
func TestOutcomesAreWhatTheSchemaOfMessageSettledSays(t *testing.T) {
	t.Parallel()
	for _, o := range outcomes() {
		o.ID = "0193"
		detail, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if !o.SettledAt.IsZero() {
			conforms(t, "MessageSettled", "sms-api", string(detail))
		}
	}
}

// Two accounts may claim the same source, so a foreign one is a part of who asks: its keys are its own.
func TestAForeignAccountHasKeysOfItsOwn(t *testing.T) {
	t.Parallel()
	d := newDoor()
	const detail = `{"template":"TX_1234","idempotencyKey":"order-1","recipients":[{"to":"01012345678","name":"홍길동",` +
		`"variables":{"주문번호":"A-1"}}]}`
	own := event("e-1", detail)
	for _, e := range []string{own, strings.Replace(own, `"account":"000000000000"`, `"account":"111122223333"`, 1), own} {
		if err := d.handle(t, e); err != nil {
			t.Fatal(err)
		}
	}
	var callers []string
	for _, m := range d.store.messages {
		callers = append(callers, m.Caller)
	}
	slices.Sort(callers)
	if want := []string{"event:111122223333:shop.orders", "event:shop.orders"}; !slices.Equal(callers, want) {
		t.Errorf("the callers are %q, want %q", callers, want)
	}
}

// Somebody invokes the function with what stands in the queue of dead letters, whoever has put it there.
func TestADeadLetterIsItsEvent(t *testing.T) {
	t.Parallel()
	d := newDoor()
	e := event("e-1", `{"template":"TX_1234","recipients":[{"to":"01012345678","variables":{"고객명":"a","주문번호":"b"}}]}`)
	for _, letter := range []string{e, `{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":` + e + `}`} {
		if err := d.handle(t, letter); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.store.count(); n != 1 {
		t.Errorf("%d messages, want 1; the log says %s", n, d.log)
	}
}

// stalled is a store that does not answer as long as somebody waits for it.
type stalled struct{ *store }

func (stalled) Start(ctx context.Context, _ message.Message) (message.Message, bool, error) {
	<-ctx.Done()
	return message.Message{}, false, ctx.Err()
}

func TestEventThatIsWaitedForInVainIsSaidToBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDoor()
		d.events.Executions = stalled{d.store}
		function, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := lambda.NewHandler(d.events.Handle).Invoke(function, []byte(event("e-1", order)))
		if err == nil || function.Err() != nil || !strings.Contains(d.log.String(), "event not handled") {
			t.Errorf("%v; the function: %v; the log: %s", err, function.Err(), d.log)
		}
	})
}
