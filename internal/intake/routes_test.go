package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sms-api/internal/intake"
	"sms-api/internal/limits"
	"sms-api/internal/message"
	"sms-api/internal/route"
)

// shipped is the route that the example stack has, and another one that goes through a list.
func shipped(tb testing.TB) map[string]*route.Template {
	tb.Helper()
	const of = `"pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"],"detail":`
	templates, err := route.ReadFile([]byte(`[{"name":"order-paid",` + of + `{"order":{"id":[{"exists":true}]}}},
		"inputTemplate":{"template":"TX_1234","recipients":[{"to":"<$.detail.customer.phone>",
		"name":"<$.detail.customer.name>","variables":{"주문번호":"<$.detail.order.id>"}}],
		"idempotencyKey":"order-paid-<$.detail.order.id>","reference":"<$.detail.order.id>"}},
	{"name":"parcels",` + of + `{"who":{"name":[{"exists":true}]}}},
		"inputTemplate":{"template":"TX_1234","recipients":[{"forEach":"$.detail.who",
		"to":"<@.phone>","name":"<@.name>","variables":{"주문번호":"<$.detail.id>"}}]}}]`))
	if err != nil {
		tb.Fatal(err)
	}
	return templates
}

// byRoute is what the rule of a route hands over for an event with this detail.
func byRoute(name, detail string) string {
	e := strings.Replace(event("e-1", detail), "MessageRequested", "OrderPaid", 1)
	return strings.Replace(route.InputTemplate(name), "<aws.events.event.json>", e, 1)
}

func routed(tb testing.TB) *door {
	tb.Helper()
	d := newDoor()
	d.events.Routes = shipped(tb)
	return d
}

const customer = `{"order":{"id":"A-1"},"customer":{"name":%s,"phone":"010-1234-5678"}}`

// A customer's name is a name, whatever is in it: it is at the one recipient that the template has, or the event is refused
// because of it.
func TestAValueOfAnEventNeverBecomesStructure(t *testing.T) {
	t.Parallel()
	for about, c := range map[string]struct {
		name    string
		refused bool
	}{
		"somebody else's recipient": {name: `x","variables":{"주문번호":"1"}},{"to":"010-9999-8888","name":"m`},
		"a quote":                   {name: `O"Neil`},
		"a backslash":               {name: `back\slash`},
		"braces":                    {name: `{"to":"010-9999-8888"}`},
		"a placeholder":             {name: `<$.detail.customer.phone>`},
		"a line break":              {name: "two\nlines", refused: true},
		"a control character":       {name: "a\x00b", refused: true},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			d := routed(t)
			name, err := json.Marshal(c.name)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.handle(t, byRoute("order-paid", fmt.Sprintf(customer, name))); err != nil {
				t.Fatal(err)
			}
			rejected, ids := d.rejections(t), d.ids()
			if c.refused {
				var r intake.Rejection
				if len(rejected) != 1 || len(ids) != 0 || json.Unmarshal([]byte(rejected[0]), &r) != nil ||
					r.Errors[0].Pointer != "/recipients/0/name" ||
					!strings.Contains(r.Errors[0].Detail, `(route order-paid: <$.detail.customer.name> is $.detail.customer.name)`) {
					t.Errorf("%d messages, rejected: %s", len(ids), rejected)
				}
				return
			}
			if len(rejected) != 0 || len(ids) != 1 {
				t.Fatalf("%d messages, rejected: %s", len(ids), rejected)
			}
			m := d.store.messages[ids[0]]
			if len(m.Recipients) != 1 || m.Recipients[0].To != "01012345678" || string(m.Recipients[0].Name) != c.name ||
				m.Caller != "event:shop.orders" || m.Reference != "A-1" {
				t.Errorf("started %+v", m)
			}
		})
	}
}

// What a route cannot make a message of becomes one MessageRejected that says which placeholder and which path.
func TestWhatARouteCannotMakeAMessageOf(t *testing.T) {
	t.Parallel()
	const who = `{"order":{"id":"A-2"},"customer":{"name":"김","phone":%s}}`
	for name, c := range map[string]struct {
		event, pointer, says, key, reference string
	}{
		"a path that is not there": {
			byRoute("order-paid", `{"order":{"id":"A-2"},"customer":{"name":"김"}}`), "/recipients/0/to",
			"route order-paid: <$.detail.customer.phone> is $.detail.customer.phone, which the event does not have", "order-paid-A-2", "A-2",
		},
		"an object": {
			byRoute("order-paid", fmt.Sprintf(who, `{"a":"01099998888"}`)), "/recipients/0/to",
			"<$.detail.customer.phone> is $.detail.customer.phone, which is an object in the event", "order-paid-A-2", "A-2",
		},
		"no phone": {
			byRoute("order-paid", fmt.Sprintf(who, `"0109999888877"`)), "/recipients/0/to",
			"(route order-paid: <$.detail.customer.phone> is $.detail.customer.phone)", "order-paid-A-2", "A-2",
		},
		"no key": {
			byRoute("order-paid", `{"customer":{"name":"김","phone":"01099998888"}}`), "/idempotencyKey",
			"<$.detail.order.id> is $.detail.order.id, which the event does not have", "e-1", "",
		},
		"an empty list": {
			byRoute("parcels", `{"id":"A-2","who":[]}`), "/recipients",
			"must have at least one recipient (route parcels: forEach $.detail.who)", "e-1", "",
		},
		"one of a list": {
			byRoute("parcels", `{"id":"A-2","who":[{"phone":"01099998888","name":"김"},{"phone":"02","name":"이"}]}`), "/recipients/1/to",
			"(route parcels: <@.phone> is $.detail.who[1].phone)", "e-1", "",
		},
		"more than a message has": {
			byRoute("parcels", `{"id":"A-2","who":[`+strings.Repeat(`{"phone":"01099998888","name":"김"},`, 500)+`0]}`), "/recipients",
			"forEach goes through $.detail.who, which has 501 elements in the event; at most 500 are allowed", "e-1", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := routed(t)
			r, text := d.rejected(t, c.event)
			at := slices.IndexFunc(r.Errors, func(e message.ValidationError) bool { return e.Pointer == c.pointer })
			if at < 0 || !strings.Contains(r.Errors[at].Detail, c.says) {
				t.Errorf("got %+v, want %s at %s", r.Errors, c.says, c.pointer)
			}
			if r.Route == "" || r.IdempotencyKey != c.key || r.Reference != c.reference {
				t.Errorf("route %q, key %q, reference %q", r.Route, r.IdempotencyKey, r.Reference)
			}
			if strings.Contains(text+d.log.String(), "9999") {
				t.Errorf("a value of the event is in %s\n%s", text, d.log)
			}
		})
	}
}

func TestARouteGoesThroughAList(t *testing.T) {
	t.Parallel()
	d := routed(t)
	var who []string
	for i := range message.MaxRecipients {
		who = append(who, fmt.Sprintf(`{"phone":"010-1234-%04d","name":"김"}`, i))
	}
	if err := d.handle(t, byRoute("parcels", `{"id":17,"who":[`+strings.Join(who, ",")+`]}`)); err != nil {
		t.Fatal(err)
	}
	if len(d.ids()) != 1 || len(d.store.messages[d.ids()[0]].Recipients) != message.MaxRecipients {
		t.Fatalf("%d messages, rejected: %s", len(d.ids()), d.rejections(t))
	}
	last := d.store.messages[d.ids()[0]].Recipients[message.MaxRecipients-1]
	if last.To != "01012340499" || last.Variables["주문번호"] != "17" {
		t.Errorf("the last recipient is %+v", last)
	}
}

// While a stack is upgraded both kinds of rules may call the function, with the same event, too.
func TestEventsOfRulesFromBeforeAreRead(t *testing.T) {
	t.Parallel()
	const detail = `{"order":{"id":"A-1"},"customer":{"name":"김","phone":"010-1234-5678"}}`
	// What the rule's input transformer has made of the event.
	transformed := `{"version":"0","id":"e-1","detail-type":"MessageRequested","source":"shop.orders","account":"000000000000",` +
		`"time":"2026-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],"detail":{ "template": "TX_1234", "recipients": [{ "to": ` +
		`"010-1234-5678", "name": "김", "variables": { "주문번호": "A-1" } }], "idempotencyKey": "order-paid-A-1", "reference": "A-1" }}`
	d := routed(t)
	// A dead letter of Lambda's has what the function was invoked with.
	dead := `{"version":"1.0","requestContext":{"requestId":"r-1"},"requestPayload":` + byRoute("order-paid", detail) + `}`
	for _, e := range []string{transformed, byRoute("order-paid", detail), transformed, dead} {
		if err := d.handle(t, e); err != nil {
			t.Fatal(err)
		}
		if len(d.ids()) != 1 || len(d.rejections(t)) != 0 {
			t.Fatalf("%d messages, rejected: %s", len(d.ids()), d.rejections(t))
		}
	}
}

// What EventBridge could not hand over it puts into the queue as it was, without the route's name: that is the rule beside it,
// which the answer of aws sqs receive-message has, or the event can have come by one route only.
func TestADeadLetterOfEventBridgeFindsItsRoute(t *testing.T) {
	t.Parallel()
	raw := func(detail string) string {
		return strings.Replace(event("e-1", detail), "MessageRequested", "OrderPaid", 1)
	}
	received := func(rule, body string) string {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return `{"Messages":[{"MessageId":"m0","ReceiptHandle":"AQEB","MD5OfBody":"d41d8cd9","Body":` + string(text) +
			`,"MD5OfMessageAttributes":"9e107d9d","MessageAttributes":{` +
			`"ERROR_CODE":{"StringValue":"INVALID_PERMISSIONS","DataType":"String"},"RULE_ARN":{"StringValue":` +
			`"arn:aws:events:ap-northeast-2:000000000000:rule/sms-api/sms-api-prod-` + rule + `","DataType":"String"}}}]}`
	}
	ordered := raw(`{"order":{"id":"A-1"},"customer":{"name":"김","phone":"010-1234-5678"}}`)
	either := raw(`{"id":"A-2","who":[{"phone":"010-1234-5678","name":"김"}],"order":{"id":"A-1"}}`)
	for name, c := range map[string]struct {
		letter, reference string
		refused           bool
	}{
		"the event, of one route":             {letter: ordered, reference: "A-1"},
		"the event, of one of two routes":     {letter: either, refused: true},
		"the event, of no route":              {letter: raw(`{}`), refused: true},
		"as it was received":                  {letter: received("route-order-paid", ordered), reference: "A-1"},
		"as it was received, of two routes":   {letter: received("route-parcels", either)},
		"as it was received, of a route gone": {letter: received("route-order-gone", ordered), refused: true},
		"as it was received, of no route":     {letter: received("requested", event("e-1", order))},
		"as it was received, after its retries": {
			letter: strings.Replace(received("", byRoute("order-paid",
				`{"order":{"id":"A-1"},"customer":{"name":"김","phone":"010-1234-5678"}}`)), "RULE_ARN", "OTHER", 1), reference: "A-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := routed(t)
			output, err := d.lambda.Invoke(t.Context(), []byte(c.letter))
			if vain := err != nil || strings.Contains(string(output), `"itemIdentifier":"m0"`); vain != c.refused {
				t.Fatalf("%v, %s; the log says %s", err, output, d.log)
			}
			switch {
			case c.refused && len(d.ids())+len(d.bus.Entries) == 0 && strings.Contains(d.log.String()+fmt.Sprint(err), "OrderPaid"):
			case c.refused || len(d.ids()) != 1 || len(d.rejections(t)) != 0:
				t.Fatalf("%d messages, rejected: %s; %v; the log says %s", len(d.ids()), d.rejections(t), err, d.log)
			case d.store.messages[d.ids()[0]].Reference != c.reference || d.store.messages[d.ids()[0]].Caller != "event:shop.orders":
				t.Errorf("started %+v", d.store.messages[d.ids()[0]])
			}
		})
	}
}

// A route that is not known, or not yet, is for Lambda to try again with: the event is not lost, and in the end it is an
// operator's.
func TestARouteThatIsNotKnownIsAnError(t *testing.T) {
	t.Parallel()
	for _, e := range []string{byRoute("order-shipped", `{}`), `{"route":"order-paid"}`, `{"route":"order-paid","event":[]}`} {
		d := routed(t)
		if err := d.handle(t, e); err == nil || len(d.bus.Entries)+len(d.ids()) != 0 {
			t.Errorf("%s: %v, %d events, %d messages", e, err, len(d.bus.Entries), len(d.ids()))
		}
	}
}

// FuzzRoute has an event come by a route with values that could break a document. It becomes one message to whom the event
// says, or one MessageRejected.
func FuzzRoute(f *testing.F) {
	for _, s := range []string{
		`x","variables":{"주문번호":"1"}},{"to":"010-9999-8888","name":"m`, `O"Neil`, "a\nb\\", `"\ud800"`, `{"a":[]}`, `17`,
	} {
		f.Add(s, "010-1234-5678", s, uint32(1))
		f.Add(s, s, s, uint32(100))
	}
	f.Add(`"`, "010-1234-5678", `"\udc00"`, uint32(1<<18))
	routes := shipped(f)
	f.Fuzz(func(t *testing.T, name, phone, raw string, times uint32) {
		// An event has no more.
		name = strings.Repeat(name, min(int(times), 1<<18/max(len(name), 1)))
		if !json.Valid([]byte(raw)) {
			raw = `"A-1"`
		}
		who, err := json.Marshal(map[string]string{"name": name, "phone": phone})
		if err != nil {
			t.Fatal(err)
		}
		d := newDoor()
		d.events.Routes = routes
		if err := d.handle(t, byRoute("order-paid", `{"order":{"id":`+raw+`},"customer":`+string(who)+`}`)); err != nil {
			t.Fatal(err)
		}
		ids := slices.Sorted(maps.Keys(d.store.messages))
		if len(ids)+len(d.rejections(t)) != 1 || len(d.acceptances(t)) != len(ids) {
			t.Fatalf("%d messages, rejected %s, accepted %s", len(ids), d.rejections(t), d.acceptances(t))
		}
		for _, m := range d.store.messages {
			want, wrong := message.ParseRecipientPhone(phone)
			if len(m.Recipients) != 1 || m.Recipients[0].To != want || wrong != "" {
				t.Fatalf("it goes to %d, whose number is %v, want %q %s", len(m.Recipients), m.Recipients[0].To, want, wrong)
			}
		}
	})
}

// several are routes that make messages of one event without a key: for the customer, for the seller, and twice the same for the shop.
func several(tb testing.TB, greeting string) map[string]*route.Template {
	tb.Helper()
	var all []string
	for name, to := range map[string]string{"customer": "customer", "seller": "seller", "shop": "shop", "shop-too": "shop"} {
		greeted := `<$.detail.name>`
		if name == "customer" {
			greeted += greeting
		}
		all = append(all, `{"name":"`+name+`","pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"]},
			"inputTemplate":{"template":"TX_1234","recipients":[{"to":"<$.detail.`+to+`>","name":"`+greeted+`",
			"variables":{"주문번호":"<$.detail.id>"}}]}}`)
	}
	templates, err := route.ReadFile([]byte("[" + strings.Join(all, ",") + "]"))
	if err != nil {
		tb.Fatal(err)
	}
	return templates
}

const paid = `{"customer":"010-1234-5678","seller":"010-1234-0000","shop":"010-1234-1111","name":"홍길동","id":"A-1"}`

// to are the numbers that messages were started to.
func (d *door) to() []string {
	var all []string
	for _, id := range d.ids() {
		all = append(all, string(d.store.messages[id].Recipients[0].To))
	}
	slices.Sort(all)
	return all
}

// What several routes make of one event is sent once each, and the same message once, however often and in whatever order the event
// comes by each of them, while Step Functions is away now and then.
func TestSeveralRoutesOfOneEvent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 3))
		d := newDoor()
		d.events.Routes = several(t, "")
		names := slices.Repeat(slices.Sorted(maps.Keys(d.events.Routes)), 3)
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			for random.IntN(3) == 0 {
				d.store.err = errors.New("away")
				if err := d.handle(t, byRoute(name, paid)); err == nil {
					t.Error("the event was handled without Step Functions")
				}
			}
			d.store.err = nil
			if err := d.handle(t, byRoute(name, paid)); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.to(); !slices.Equal(got, []string{"01012340000", "01012341111", "01012345678"}) || len(d.rejections(t)) != 0 {
			t.Fatalf("%v: sent to %v, rejected %s", names, got, d.rejections(t))
		}
		// Each is told of as its event's.
		if got := d.acceptances(t); len(got) != len(names) || strings.Count(strings.Join(got, ""), `"idempotencyKey":"e-1"`) != len(names) {
			t.Errorf("accepted %s", got)
		}
		// A replay is one also when the request would not be accepted any more.
		d.vendor.templates = nil
		for _, name := range names {
			if err := d.handle(t, byRoute(name, paid)); err != nil {
				t.Fatal(err)
			}
		}
		if len(d.acceptances(t)) != 2*len(names) {
			t.Errorf("seed %d: of the replays were rejected %s", seed, d.rejections(t))
		}
	}
}

// An event that was handled before its route was changed is not sent anew when an archive is replayed, nor are the messages of the
// other routes.
func TestAChangedRouteSendsNothingAgain(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"customer"}, {"customer", "seller"}, {"seller", "customer"}} {
		d := newDoor()
		d.events.Routes = several(t, "")
		for _, greeting := range []string{"", "님"} {
			d.events.Routes = several(t, greeting)
			for _, name := range names {
				if err := d.handle(t, byRoute(name, paid)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got := d.to(); len(got) != len(names) || len(d.rejections(t)) != 1 || !strings.Contains(d.rejections(t)[0], `"route":"customer"`) {
			t.Errorf("%v: sent to %v, rejected %s", names, got, d.rejections(t))
		}
	}
}

// Nor is it when another route makes the same message from then on.
func TestANewRouteSendsNothingAgain(t *testing.T) {
	t.Parallel()
	d := newDoor()
	all := several(t, "")
	d.events.Routes = map[string]*route.Template{"customer": all["customer"], "shop-too": all["shop-too"]}
	for _, name := range []string{"customer", "shop-too", "shop-too", "shop", "customer"} {
		if name == "shop" {
			d.events.Routes = all
		}
		if err := d.handle(t, byRoute(name, paid)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.to(); len(got) != 2 || len(d.rejections(t)) != 0 {
		t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
	}
}

// A route whose first try has taken its part of the limits under the event's id, and whose start was lost, is not refused in favour of
// itself when it finds another route's message there.
func TestARouteIsNotRefusedInFavourOfItself(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*limits.Limits){
		"the same content": func(l *limits.Limits) { l.Same = time.Hour },
		"of a number":      func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} },
		"of a caller":      func(l *limits.Limits) { l.Trusted = limits.Rules{CallerDay: 2} },
	} {
		for _, names := range [][]string{{"customer", "!seller", "seller"}, {"!seller", "customer", "seller"}} {
			l := newLimited(t, set)
			d := l.bus
			d.store, d.events.Routes = l.store, several(t, "")
			for _, one := range names {
				route, lost := strings.CutPrefix(one, "!")
				if lost {
					d.events.Executions = lostStart{l.store}
				}
				if err := d.handle(t, byRoute(route, paid)); (err != nil) != lost {
					t.Errorf("%s, %v: %s: %v", name, names, one, err)
				}
				d.events.Executions = l.store
			}
			if got := d.to(); !slices.Equal(got, []string{"01012340000", "01012345678"}) {
				t.Errorf("%s, %v: sent to %v, rejected %s", name, names, got, d.rejections(t))
			}
		}
	}
}

// Who comes after another route does not take its part under a key that is not its own, only to give it back: each time that the event
// comes, that would be several operations of the table for each recipient.
func TestALaterRouteTakesOnceOnly(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted, l.Same = limits.Rules{NumberDay: 9}, time.Hour })
	d := l.bus
	d.store, d.events.Routes = l.store, several(t, "")
	for i, c := range []struct {
		route string
		want  []string
	}{
		{"customer", []string{"GetItem", "BatchGetItem", "PutItem", "PutItem", "PutItem"}},
		{"seller", []string{"GetItem", "BatchGetItem", "PutItem", "PutItem", "PutItem"}},
		{"seller", []string{"GetItem"}},
	} {
		l.table.Operations()
		if err := d.handle(t, byRoute(c.route, paid)); err != nil {
			t.Fatal(err)
		}
		if got := l.table.Operations(); !slices.Equal(got, c.want) {
			t.Errorf("%d: %s: the table had %v, want %v", i, c.route, got, c.want)
		}
		l.now = l.now.Add(2 * time.Minute)
	}
}

// A replay by a later route is one also when its limit is full by now, and when the other route is gone.
func TestAReplayByALaterRouteNeedsNoRoom(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	d := l.bus
	d.store, d.events.Routes = l.store, several(t, "")
	for i, name := range []string{"customer", "seller", "seller", "customer", "seller"} {
		if i == 4 {
			d.events.Routes = map[string]*route.Template{name: d.events.Routes[name]}
		}
		if err := d.handle(t, byRoute(name, paid)); err != nil {
			t.Fatal(err)
		}
		l.now = l.now.Add(2 * time.Minute)
	}
	if got := d.acceptances(t); len(got) != 5 || l.store.count() != 2 {
		t.Errorf("%d messages, accepted %s, rejected %s", l.store.count(), got, d.rejections(t))
	}
}

// Routes that make the same message send it once also when the event comes by both at the same time, and each finds nothing of the other.
func TestRoutesAtTheSameTimeSendTheSameMessageOnce(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"shop", "shop-too"}, {"shop-too", "shop"}} {
		for after := 1; ; after++ {
			d := newDoor()
			d.events.Routes = several(t, "")
			if err := d.handle(t, byRoute("customer", paid)); err != nil {
				t.Fatal(err)
			}
			meanwhile := &overtaken{store: d.store, after: after, by: func() {
				if err := d.handle(t, byRoute(names[1], paid)); err != nil {
					t.Error(err)
				}
			}}
			d.events.Executions = meanwhile
			if err := d.handle(t, byRoute(names[0], paid)); err != nil {
				t.Fatal(err)
			}
			if got := d.to(); !slices.Equal(got, []string{"01012341111", "01012345678"}) || len(d.rejections(t)) != 0 {
				t.Errorf("%v, after %d: sent to %v, rejected %s", names, after, got, d.rejections(t))
			}
			if meanwhile.after > 0 {
				if after == 1 {
					t.Error("it never looks for another one")
				}
				break
			}
		}
	}
}

// overtaken is what is known of messages to one who is overtaken when so many were not found.
type overtaken struct {
	*store

	after int
	by    func()
}

func (o *overtaken) Find(ctx context.Context, id string) (message.Message, error) {
	m, err := o.store.Find(ctx, id)
	o.found(err == nil)
	return m, err
}

func (o *overtaken) Recorded(ctx context.Context, id string) (message.Message, bool, error) {
	m, ok, err := o.store.Recorded(ctx, id)
	o.found(ok)
	return m, ok, err
}

func (o *overtaken) found(ok bool) {
	if !ok {
		if o.after--; o.after == 0 {
			o.by()
		}
	}
}

// What a route has sent is not sent again by another one that makes the very same message, though the first was changed or removed since.
func TestARouteBesideOneThatIsGone(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(map[string]*route.Template){
		"removed": func(all map[string]*route.Template) { delete(all, "shop") },
		"changed": func(all map[string]*route.Template) { all["shop"] = all["seller"] },
		"alone": func(all map[string]*route.Template) {
			delete(all, "shop")
			delete(all, "customer")
			delete(all, "seller")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoor()
			d.events.Routes = several(t, "")
			for _, name := range []string{"customer", "shop", "shop-too"} {
				if err := d.handle(t, byRoute(name, paid)); err != nil {
					t.Fatal(err)
				}
			}
			before := d.to()
			d.events.Routes = maps.Clone(d.events.Routes)
			after(d.events.Routes)
			if err := d.handle(t, byRoute("shop-too", paid)); err != nil {
				t.Fatal(err)
			}
			if got := d.to(); !slices.Equal(got, before) {
				t.Errorf("sent to %v, and the event once more to %v", before, got)
			}
		})
	}
}

// A route whose turn comes when another one of the event has sent its message, and was changed since, sends its own.
func TestARouteThatComesAfterAChangeOfAnother(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes = several(t, "")
	if err := d.handle(t, byRoute("customer", paid)); err != nil {
		t.Fatal(err)
	}
	d.events.Routes = several(t, "님") // while the event waits in the queue for the seller's route
	if err := d.handle(t, byRoute("seller", paid)); err != nil {
		t.Fatal(err)
	}
	if got := d.to(); len(got) != 2 {
		t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
	}
}

// withoutRecords is what is known of messages that have no records yet.
type withoutRecords struct{ *store }

func (withoutRecords) Recorded(context.Context, string) (message.Message, bool, error) {
	return message.Message{}, false, nil
}

// What was sent before a route was taken away, and has no record yet, is found when it is refused in favour of itself.
func TestARouteIsNotRefusedInFavourOfItsOwnMessage(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	d := l.bus
	d.store, d.events.Routes = l.store, several(t, "")
	if err := d.handle(t, byRoute("customer", paid)); err != nil {
		t.Fatal(err)
	}
	d.events.Routes = map[string]*route.Template{"customer": d.events.Routes["customer"]}
	d.events.Executions = withoutRecords{l.store}
	l.now = l.now.Add(3 * time.Minute)
	if err := d.handle(t, byRoute("customer", paid)); err != nil {
		t.Fatal(err)
	}
	if got := d.acceptances(t); len(got) != 2 || got[0] != got[1] || l.store.count() != 1 {
		t.Errorf("%d messages, accepted %s, rejected %s", l.store.count(), got, d.rejections(t))
	}
}

// described counts what Step Functions is asked for.
type described struct {
	*store

	n int
}

func (d *described) Find(ctx context.Context, id string) (message.Message, error) {
	d.n++
	return d.store.Find(ctx, id)
}

// An event waits in the queue because its start was not answered, and routes are added, or taken away, before it comes again: what
// its first attempt has taken of the limits does not keep it from being sent, nor what it has sent.
func TestRoutesAreChangedWhileAnEventWaits(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*limits.Limits){
		"same content": func(l *limits.Limits) { l.Same = time.Hour },
		"number":       func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} },
	} {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 5))
			l := newLimited(t, set)
			d := l.bus
			d.store = l.store
			for tries := range 4 {
				d.events.Routes = several(t, "")
				maps.DeleteFunc(d.events.Routes, func(name string, _ *route.Template) bool { return name != "shop" && random.IntN(2) == 0 })
				d.events.Executions = lostStart{l.store}
				if started := tries == 3 || random.IntN(4) == 0; started {
					d.events.Executions = l.store
				}
				err := d.handle(t, byRoute("shop", paid))
				if _, lost := d.events.Executions.(lostStart); err != nil && !lost {
					t.Fatal(err)
				}
				l.now = l.now.Add(3 * time.Minute)
			}
			if got := d.to(); !slices.Equal(got, []string{"01012341111"}) || len(d.rejections(t)) != 0 {
				t.Errorf("%s, %d: sent to %v, rejected %s", name, seed, got, d.rejections(t))
			}
		}
	}
}

// Whatever becomes of the routes between one coming of an event and the next, no route has two messages. And where every start is
// answered no message goes out twice, whoever makes it, and no route is rejected but for what it has sent before it was changed.
func TestRoutesThatComeGoAndChange(t *testing.T) {
	t.Parallel()
	all := several(t, "")
	templates := []*route.Template{all["customer"], several(t, "님")["customer"], all["seller"], all["shop"]}
	names := []string{"w", "x", "y", "z"}
	for seed := range uint64(600) {
		random := rand.New(rand.NewPCG(seed, 4))
		d := newDoor()
		d.events.Routes = map[string]*route.Template{}
		had := map[string]string{} // the message of each route
		answered := seed%2 == 0
		var way []string
		for range 12 {
			if name := names[random.IntN(len(names))]; random.IntN(2) == 0 {
				d.events.Routes = maps.Clone(d.events.Routes)
				if random.IntN(4) == 0 {
					delete(d.events.Routes, name)
					way = append(way, "without "+name)
				} else {
					to := random.IntN(len(templates))
					d.events.Routes[name] = templates[to]
					way = append(way, fmt.Sprintf("%s is %d", name, to))
				}
			}
			if len(d.events.Routes) == 0 {
				continue
			}
			name := slices.Sorted(maps.Keys(d.events.Routes))[random.IntN(len(d.events.Routes))]
			way = append(way, "by "+name)
			if d.events.Executions = d.store; !answered && random.IntN(3) == 0 {
				d.events.Executions = unheard{d.store, random.IntN(2) == 0}
				way = append(way, "unheard")
			}
			before := len(d.store.messages)
			if err := d.handle(t, byRoute(name, paid)); err != nil {
				if _, lost := d.events.Executions.(unheard); !lost {
					t.Fatal(err)
				}
				if len(d.store.messages) > before {
					had[name] = "unheard"
				}
				continue
			}
			var told struct{ ID string } // has none where it is rejected
			if err := json.Unmarshal([]byte(aws.ToString(d.bus.Entries[len(d.bus.Entries)-1].Detail)), &told); err != nil {
				t.Fatal(err)
			}
			switch earlier := had[name]; {
			case told.ID == "" && earlier == "" && answered:
				t.Fatalf("seed %d: %s: %s has never sent anything, and is rejected", seed, way, name)
			case len(d.store.messages) > before && earlier != "":
				t.Fatalf("seed %d: %s: %s has two messages", seed, way, name)
			case told.ID != "":
				had[name] = told.ID
			}
			out := map[string]bool{}
			for _, m := range d.store.messages {
				out[string(m.Recipients[0].To)+string(m.Recipients[0].Name)] = true
			}
			if answered && len(out) != len(d.store.messages) {
				t.Fatalf("seed %d: %s: of %d messages two are the same", seed, way, len(d.store.messages))
			}
		}
	}
}

// unheard is Step Functions whose answer to who starts a message is lost, or who never heard of that.
type unheard struct {
	*store

	started bool
}

func (u unheard) Start(ctx context.Context, m message.Message) (message.Message, bool, error) {
	if u.started {
		if _, _, err := u.store.Start(ctx, m); err != nil {
			return message.Message{}, false, err
		}
	}
	return message.Message{}, false, errors.New("away")
}

// lostStart is Step Functions that does not answer who starts a message.
type lostStart struct{ *store }

func (lostStart) Start(context.Context, message.Message) (message.Message, bool, error) {
	return message.Message{}, false, errors.New("away")
}

// A message that is asked for by an event, the same and another one that routes make of that event.
func TestARouteBesideTheMessageOfAnEvent(t *testing.T) {
	t.Parallel()
	const copying = `"pattern":{"source":["shop.orders"]},"inputTemplate":{"template":"TX_1234","recipients":[{"to":`
	templates, err := route.ReadFile([]byte(`[{"name":"seller",` + copying + `"010-1234-0000",
		"name":"<$.detail.recipients[0].name>","variables":{"주문번호":"A-17"}}]}},
		{"name":"copy",` + copying + `"<$.detail.recipients[0].to>",
		"name":"<$.detail.recipients[0].name>","variables":{"주문번호":"<$.detail.recipients[0].variables.주문번호>"}}]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	direct := event("e-1", `{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}`)
	by := func(name string) string {
		return strings.Replace(route.InputTemplate(name), "<aws.events.event.json>", direct, 1)
	}
	for _, events := range [][]string{
		{direct, by("seller"), direct, by("copy")}, {by("copy"), direct, by("seller"), direct}, {by("seller"), by("copy"), by("seller"), direct},
	} {
		d := newDoor()
		d.events.Routes = templates
		for _, one := range events {
			before := d.store.finds
			if err := d.handle(t, one); err != nil {
				t.Fatal(err)
			}
			if one == direct && d.store.finds != before {
				t.Error("for what an event asks for itself something else is looked for")
			}
		}
		if got := d.to(); len(got) != 2 || len(d.rejections(t)) != 0 {
			t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
		}
	}
}

// A dead letter of a route whose pattern would not take its event any more is the route's all the same.
func TestARouteWhosePatternWasChanged(t *testing.T) {
	t.Parallel()
	all := several(t, "")
	narrower, err := route.ReadFile([]byte(`[{"name":"seller","pattern":{"source":["shop.orders"],"detail-type":["OrderSent"]},
		"inputTemplate":{"template":"TX_1234","recipients":[{"to":"<$.detail.seller>","name":"<$.detail.name>",
		"variables":{"주문번호":"<$.detail.id>"}}]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor()
	d.events.Routes = map[string]*route.Template{"customer": all["customer"], "seller": narrower["seller"]}
	for _, name := range []string{"customer", "seller", "customer", "seller"} {
		if err := d.handle(t, byRoute(name, paid)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.to(); len(got) != 2 || len(d.rejections(t)) != 0 {
		t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
	}
}

// Routes of one event, one of whose templates has the event's id as its idempotencyKey: all send in any order, and the same message once.
func TestARouteBesideOneWhoseKeyIsTheEventsID(t *testing.T) {
	t.Parallel()
	const of = `"pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"]},` +
		`"inputTemplate":{"template":"TX_1234","recipients":[{"to":"<$.detail.`
	const rest = `>","name":"<$.detail.name>","variables":{"주문번호":"<$.detail.id>"}}]`
	templates, err := route.ReadFile([]byte(`[{"name":"customer",` + of + `customer` + rest + `}},
		{"name":"shop",` + of + `shop` + rest + `}},
		{"name":"same",` + of + `seller` + rest + `}},
		{"name":"seller",` + of + `seller` + rest + `,"idempotencyKey":"<$.id>"}}]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"customer", "shop", "seller", "same"}, {"same", "seller", "customer", "shop"}} {
		d := newDoor()
		d.events.Routes = templates
		for _, name := range names {
			if err := d.handle(t, byRoute(name, paid)); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.to(); !slices.Equal(got, []string{"01012340000", "01012341111", "01012345678"}) {
			t.Errorf("%v: sent to %v, rejected %s", names, got, d.rejections(t))
		}
	}
}

// startedMeanwhile is Step Functions where something happens just before a message is started.
type startedMeanwhile struct {
	*store

	by func()
}

func (s *startedMeanwhile) Start(ctx context.Context, m message.Message) (message.Message, bool, error) {
	if by := s.by; by != nil {
		s.by = nil
		by()
	}
	return s.store.Start(ctx, m)
}

// An event comes twice at once while its routes are changed, in the limits of a number that gets one an hour, now and later: it is sent
// once, and neither is rejected.
func TestAnEventThatComesTwiceAtOnce(t *testing.T) {
	t.Parallel()
	for _, later := range []string{"", `,"sendAt":"<$.detail.later>"`} {
		l := newLimited(t, func(l *limits.Limits) { l.Trusted, l.Same = limits.Rules{NumberHour: 1}, time.Hour })
		d := l.bus
		one, err := route.ReadFile([]byte(`[{"name":"customer","pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"]},"inputTemplate":{
			"template":"TX_1234","recipients":[{"to":"<$.detail.customer>","name":"<$.detail.name>","variables":{"주문번호":"A-1"}}]` + later + `}}]`))
		if err != nil {
			t.Fatal(err)
		}
		come := byRoute("customer", strings.Replace(paid, "{", `{"later":"2026-12-01T05:00:00Z",`, 1))
		d.store, d.events.Routes = l.store, one
		newer := newDoor()
		newer.store, newer.events.Executions, newer.events.Limits, newer.events.Now = l.store, l.store, l.Limits, l.Now
		newer.events.Routes, newer.events.Made = maps.Clone(one), &d.made
		newer.events.Routes["seller"] = several(t, "")["seller"]
		d.events.Executions = &startedMeanwhile{store: l.store, by: func() {
			if err := newer.handle(t, come); err != nil {
				t.Error(err)
			}
		}}
		if err := d.handle(t, come); err != nil {
			t.Fatal(err)
		}
		if got := d.to(); !slices.Equal(got, []string{"01012345678"}) || len(d.rejections(t))+len(newer.rejections(t)) != 0 {
			t.Errorf("sent to %v, rejected %s and %s", got, d.rejections(t), newer.rejections(t))
		}
	}
}

// An event that a limit refuses asks Step Functions once, as one without a
// route does: whoever has a loop in a producer must not use up what the whole account may describe.
func TestARefusedEventOfARouteDescribesOnce(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{CallerDay: 1} })
	d := l.bus
	d.store, d.events.Routes = l.store, map[string]*route.Template{"customer": several(t, "")["customer"]}
	if err := d.handle(t, byRoute("customer", paid)); err != nil || len(d.to()) != 1 {
		t.Fatal(err, d.to())
	}
	counted := &described{store: d.store}
	d.events.Executions = counted
	l.table.Operations()
	refused := queued(t, 1, strings.Replace(byRoute("customer", paid), "e-1", "e-2", 1))
	if err := d.handle(t, refused); err != nil || len(d.rejections(t)) != 1 {
		t.Fatal(err, d.rejections(t))
	}
	if counted.n > 1 {
		t.Errorf("%d executions were described, and the table had %v, to refuse one event", counted.n, l.table.Operations())
	}
}

// queued is an event as the queue hands it over for the nth time.
func queued(t *testing.T, n int, event string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"Records": []map[string]any{{
		"messageId": "m", "eventSource": "aws:sqs", "body": event, "attributes": map[string]string{"ApproximateReceiveCount": strconv.Itoa(n)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// receive has the door receive an event out of the queue, for the n-th time; the error says that it is to come again.
func receive(t *testing.T, d *door, n int, event string) error {
	t.Helper()
	out, err := d.lambda.Invoke(t.Context(), []byte(queued(t, n, event)))
	if err == nil && strings.Contains(string(out), `"m"`) {
		return errors.New("again")
	}
	return err
}

// routesTo are routes name:to[:key] of the same event.
func routesTo(t *testing.T, all ...string) map[string]*route.Template {
	t.Helper()
	routes := map[string]*route.Template{}
	for _, one := range all {
		p := append(strings.SplitN(one, ":", 3), "")
		routes[p[0]] = sameAs(t, p[0], p[1], "TX_1234", p[2])
	}
	return routes
}

// Step Functions is asked for ten descriptions a second, which is events:rate: an event of a route that waited in the queue and comes for
// the first time asks it for none, however old it is. Any other may have been handled by a version that kept no records.
func TestAnEventThatComesForTheFirstTimeDescribesNothing(t *testing.T) {
	t.Parallel()
	replayed := strings.Replace(byRoute("customer", paid), `"version":"0"`, `"version":"0","replay-name":"repaired"`, 1)
	for name, c := range map[string]struct {
		call string
		n    int
	}{
		"for the first time":  {queued(t, 1, byRoute("customer", paid)), 0},
		"for the second time": {queued(t, 2, byRoute("customer", paid)), 1},
		"out of the archive":  {queued(t, 1, replayed), 1},
		"as a dead letter":    {byRoute("customer", paid), 1},
		"from the queue of dead letters": {strings.NewReplacer(`"Records"`, `"Messages"`, `"eventSource":"aws:sqs",`, ``).Replace(
			queued(t, 1, byRoute("customer", paid))), 1},
	} {
		d := newDoor()
		d.events.Routes, d.now = several(t, ""), now.Add(time.Hour)
		counted := &described{store: d.store}
		d.events.Executions = counted
		if err := d.handle(t, c.call); err != nil || len(d.to()) != 1 || counted.n != c.n {
			t.Errorf("%s: %d executions were described to send to %v, want %d; %v", name, counted.n, d.to(), c.n, err)
		}
	}
}

// describesNothing is Step Functions that describes no execution, beside a table that cannot be read.
type describesNothing struct{ *store }

func (describesNothing) Recorded(context.Context, string) (message.Message, bool, error) {
	return message.Message{}, false, errors.New("away")
}

// Where nothing can be kept of what a route has made, the event waits: the message could be followed by another one when the route is
// changed. What is refused anyway needs no table.
func TestARouteWithoutTheTable(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes, d.made.err = several(t, ""), errors.New("away")
	if err := d.handle(t, byRoute("customer", paid)); err == nil || len(d.to())+len(d.rejections(t)) != 0 {
		t.Errorf("sent to %v, rejected %s, %v", d.to(), d.rejections(t), err)
	}
	if err := d.handle(t, byRoute("customer", `{}`)); err != nil || len(d.rejections(t)) != 1 {
		t.Errorf("rejected %s, %v", d.rejections(t), err)
	}
	d.events.Routes = routesTo(t, "seller:seller:<$.id>")
	if err := d.handle(t, byRoute("seller", paid)); err == nil || len(d.to()) != 0 {
		t.Errorf("sent to %v, rejected %s, %v", d.to(), d.rejections(t), err)
	}
	if err := d.handle(t, byRoute("seller", strings.Replace(paid, "010-1234-0000", "0", 1))); err != nil || len(d.rejections(t)) != 2 {
		t.Errorf("rejected %s, %v", d.rejections(t), err)
	}
	// Of what no route can take nothing has to be kept.
	if err := d.handle(t, event("e-2", orders("5678"))); err != nil || len(d.to()) != 1 {
		t.Errorf("sent to %v, rejected %s, %v", d.to(), d.rejections(t), err)
	}
}

// No key that a route's template makes of an event is that of another route's message.
func TestARouteBesideOneWhoseKeyHasItsName(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"<$.id>#customer", "<$.id> customer", "<$.id>"} {
		d := newDoor()
		d.events.Routes = several(t, "")
		keyed, err := route.ReadFile([]byte(`[{"name":"keyed","pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"]},"inputTemplate":{
			"template":"TX_1234","idempotencyKey":"` + key + `","recipients":[{"to":"010-9999-0000","name":"홍길동","variables":{"주문번호":"A"}}]}}]`))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(d.events.Routes, keyed)
		for _, name := range []string{"keyed", "customer", "seller"} {
			if err := d.handle(t, byRoute(name, paid)); err != nil {
				t.Fatal(err)
			}
		}
		// A key with a space is none.
		if got := d.to(); len(got)+len(d.rejections(t)) != 3 || !slices.Contains(got, "01012345678") || !slices.Contains(got, "01012340000") {
			t.Errorf("%s: sent to %v, rejected %s", key, got, d.rejections(t))
		}
	}
}

// A route with the event's id as key has sent its own before one without came, which is not taken for an earlier version of it.
func TestARouteThatComesAfterOneWithTheEventsID(t *testing.T) {
	t.Parallel()
	for name, later := range map[string][]string{
		"as it was":  {"customer:customer", "seller:seller:<$.id>"},
		"removed":    {"customer:customer"},
		"other key":  {"customer:customer", "seller:seller:s-<$.detail.id>"},
		"other text": {"customer:customer", "seller:shop:<$.id>"},
	} {
		d := newDoor()
		d.events.Routes = routesTo(t, "seller:seller:<$.id>")
		if err := receive(t, d, 1, byRoute("seller", paid)); err != nil {
			t.Fatal(err)
		}
		d.events.Routes = routesTo(t, later...)
		if err := receive(t, d, 2, byRoute("customer", paid)); err != nil {
			t.Fatal(err)
		}
		if len(d.to()) != 2 || len(d.rejections(t)) != 0 {
			t.Errorf("%s: sent to %v, rejected %s", name, d.to(), d.rejections(t))
		}
	}
}

// What an earlier version has sent had the event's id as its key. It is not sent again, whether there is a record of it or not, nor by a
// route that was changed since; another route of the event sends its own.
func TestAnEventFromBefore(t *testing.T) {
	t.Parallel()
	before, err := route.ReadFile([]byte(`[{"name":"customer","pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"]},
		"inputTemplate":{"template":"TX_1234","idempotencyKey":"<$.id>","recipients":[{"to":"<$.detail.customer>","name":"<$.detail.name>",
		"variables":{"주문번호":"<$.detail.id>"}}]}}]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, greeting string
		recorded       bool
		come           func(event string) string
		sent, rejected int
	}{
		{"the same", "", true, func(event string) string { return queued(t, 1, event) }, 2, 0},
		{"the same, without a record", "", false, func(event string) string { return queued(t, 2, event) }, 2, 0},
		{"changed", "님", true, func(event string) string { return queued(t, 2, event) }, 1, 2},
		{"changed, without a record", "님", false, func(event string) string { return event }, 1, 2},
	} {
		d := newDoor()
		d.events.Routes = before
		if err := d.handle(t, byRoute("customer", paid)); err != nil {
			t.Fatal(err)
		}
		d.made.first = nil // it kept nothing of this kind
		if d.events.Routes = several(t, c.greeting); !c.recorded {
			d.events.Executions = withoutRecords{d.store}
		}
		for _, name := range []string{"customer", "seller"} {
			if err := d.handle(t, c.come(byRoute(name, paid))); err != nil {
				t.Fatal(err)
			}
		}
		if got := d.to(); len(got) != c.sent || len(d.rejections(t)) != c.rejected {
			t.Errorf("%s: sent to %v, rejected %s", c.name, got, d.rejections(t))
		}
	}
}

func (describesNothing) Find(context.Context, string) (message.Message, error) {
	return message.Message{}, errors.New("throttled")
}

// Whether an earlier version has sent something is not guessed: while it cannot be said the event waits.
func TestAnEventThatMayHaveBeenHandledWaits(t *testing.T) {
	t.Parallel()
	for name, deliver := range map[string]func(*door) error{
		"as a dead letter":   func(d *door) error { return d.handle(t, byRoute("customer", paid)) },
		"for the first time": func(d *door) error { return receive(t, d, 1, byRoute("customer", paid)) },
	} {
		d := newDoor()
		d.events.Routes, d.events.Executions = several(t, ""), describesNothing{d.store}
		if err := deliver(d); err == nil || len(d.to())+len(d.rejections(t)) != 0 {
			t.Errorf("%s: sent to %v, rejected %s, %v", name, d.to(), d.rejections(t), err)
		}
	}
}

// Two events of the same routes are two messages, though routes that make the same make one.
func TestTwoEventsOfTheSameRoutes(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes = several(t, "")
	second := strings.NewReplacer("e-1", "e-2", "A-1", "A-2")
	for _, one := range []string{
		byRoute("shop", paid), second.Replace(byRoute("shop", paid)), second.Replace(byRoute("shop-too", paid)),
	} {
		if err := d.handle(t, one); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.to(); len(got) != 2 || len(d.acceptances(t)) != 3 {
		t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
	}
}

// sameAs is a route that makes the message of the customer's, or of whom it is said, with this template and key.
func sameAs(tb testing.TB, name, to, template, key string) *route.Template {
	tb.Helper()
	if key != "" {
		key = `"idempotencyKey":"` + key + `",`
	}
	all, err := route.ReadFile([]byte(`[{"name":"` + name + `","pattern":{"source":["shop.orders"],"detail-type":["OrderPaid"]},
		"inputTemplate":{"template":"` + template + `",` + key + `"recipients":[{"to":"<$.detail.` + to + `>","name":"<$.detail.name>",
		"variables":{"주문번호":"<$.detail.id>"}}]}}]`))
	if err != nil {
		tb.Fatal(err)
	}
	return all[name]
}

// What a route has sent it does not send again because another one that makes the same message, with the event's id as its key, was
// added meanwhile.
func TestARouteWhoseKeyIsTheEventsIDIsAdded(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes = map[string]*route.Template{"customer": several(t, "")["customer"]}
	for range 2 {
		if err := d.handle(t, byRoute("customer", paid)); err != nil {
			t.Fatal(err)
		}
		d.events.Routes = maps.Clone(d.events.Routes)
		d.events.Routes["keyed"] = sameAs(t, "keyed", "customer", "TX_1234", "<$.id>")
	}
	if got := d.to(); len(got) != 1 {
		t.Errorf("sent to %v", got)
	}
}

// A route whose template was wrong, so that its message was rejected, is mended, and makes what another route has sent by now: that is
// not sent again.
func TestAMendedRouteSendsNothingThatAnotherHasSent(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes = map[string]*route.Template{
		"shop": sameAs(t, "shop", "shop", "TX_0000", ""), "shop-too": sameAs(t, "shop-too", "shop", "TX_1234", ""),
	}
	for _, name := range []string{"shop", "shop-too"} {
		if err := d.handle(t, byRoute(name, paid)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.to(); len(got) != 1 || len(d.rejections(t)) != 1 {
		t.Fatalf("sent to %v, rejected %s", got, d.rejections(t))
	}
	d.events.Routes = several(t, "")
	if err := d.handle(t, byRoute("shop", paid)); err != nil {
		t.Fatal(err)
	}
	if got := d.to(); len(got) != 1 {
		t.Errorf("sent to %v", got)
	}
}

// A route whose turn comes when another one, whose key is the event's id, has sent its message and was taken away or changed since,
// sends its own.
func TestARouteAfterOneWhoseKeyIsTheEventsID(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(map[string]*route.Template){
		"removed": func(all map[string]*route.Template) { delete(all, "keyed") },
		"changed": func(all map[string]*route.Template) {
			all["keyed"] = sameAs(t, "keyed", "shop", "TX_1234", "<$.id>")
		},
	} {
		d := newDoor()
		d.events.Routes = map[string]*route.Template{
			"customer": several(t, "")["customer"], "keyed": sameAs(t, "keyed", "seller", "TX_1234", "<$.id>"),
		}
		if err := d.handle(t, queued(t, 1, byRoute("keyed", paid))); err != nil {
			t.Fatal(err)
		}
		after(d.events.Routes)
		if err := d.handle(t, queued(t, 1, byRoute("customer", paid))); err != nil {
			t.Fatal(err)
		}
		if got := d.to(); len(got) != 2 || len(d.rejections(t)) != 0 {
			t.Errorf("%s: sent to %v, rejected %s", name, got, d.rejections(t))
		}
	}
}

// A route that made the very message that its event asks for was changed since: the event that comes again sends nothing anew.
func TestAChangedRouteBesideTheMessageOfAnEvent(t *testing.T) {
	t.Parallel()
	const of = `[{"name":"copy","pattern":{"source":["shop.orders"]},"inputTemplate":{"template":"TX_1234","recipients":[{
		"to":"<$.detail.recipients[0].to>","name":"%","variables":{"주문번호":"A-17"}}]}}]`
	direct := event("e-1", `{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}`)
	d := newDoor()
	for _, name := range []string{"<$.detail.recipients[0].name>", "<$.detail.recipients[0].name>님"} {
		var err error
		if d.events.Routes, err = route.ReadFile([]byte(strings.Replace(of, "%", name, 1))); err != nil {
			t.Fatal(err)
		}
		if err = d.handle(t, strings.Replace(route.InputTemplate("copy"), "<aws.events.event.json>", direct, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.to(); len(got) != 1 {
		t.Errorf("sent to %v", got)
	}
}

// A route whose turn comes late sends its own, though one that had the event's id as its key has gone or makes something else by now:
// what stands under that id is no earlier version's.
func TestARouteThatComesLateAfterOneWhoseKeyIsTheEventsID(t *testing.T) {
	t.Parallel()
	for name, after := range map[string][]string{
		"removed":     {"customer:customer"},
		"rekeyed":     {"customer:customer", "seller:seller:s-<$.detail.id>"},
		"readdressed": {"customer:customer", "seller:shop:<$.id>"},
	} {
		d := newDoor()
		// What the keyed route made before that was not started.
		d.events.Routes = routesTo(t, "customer:customer", "seller:shop:<$.id>")
		d.store.err = errors.New("throttled")
		if err := receive(t, d, 1, byRoute("seller", paid)); err == nil {
			t.Fatal("it was to wait")
		}
		d.store.err, d.events.Routes = nil, routesTo(t, "customer:customer", "seller:seller:<$.id>")
		if err := receive(t, d, 1, byRoute("seller", paid)); err != nil {
			t.Fatal(err)
		}
		d.made.err = errors.New("throttled")
		if err := receive(t, d, 1, byRoute("customer", paid)); err == nil {
			t.Fatal("it was to wait")
		}
		d.made.err, d.events.Routes = nil, routesTo(t, after...)
		if err := receive(t, d, 2, byRoute("customer", paid)); err != nil {
			t.Fatal(err)
		}
		if got := d.to(); !slices.Equal(got, []string{"01012340000", "01012345678"}) || len(d.rejections(t)) != 0 {
			t.Errorf("%s: sent to %v, rejected %s", name, got, d.rejections(t))
		}
	}
}

// A conflict with what an earlier version may have sent is none for ever: when the routes are as they were the event can be repeated.
func TestAConflictWithAnEarlierVersionIsNotKept(t *testing.T) {
	t.Parallel()
	d := newDoor()
	before := routesTo(t, "customer:customer", "seller:seller:<$.id>")
	d.events.Routes = before
	if err := receive(t, d, 1, byRoute("seller", paid)); err != nil {
		t.Fatal(err)
	}
	d.made.first, d.events.Routes = nil, routesTo(t, "customer:customer") // an earlier version would have kept nothing
	if err := receive(t, d, 2, byRoute("customer", paid)); err != nil || len(d.rejections(t)) != 1 {
		t.Fatalf("rejected %s, %v", d.rejections(t), err)
	}
	d.events.Routes = before
	if err := receive(t, d, 2, byRoute("customer", paid)); err != nil {
		t.Fatal(err)
	}
	if got := d.to(); len(got) != 2 {
		t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
	}
}

// What a route has sent is a replay also when it could not be accepted any more and a route of the same message has come meanwhile.
func TestAReplayThatCannotBeAcceptedAnyMoreBesideANewRoute(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes = routesTo(t, "customer:customer")
	if err := d.handle(t, byRoute("customer", paid)); err != nil {
		t.Fatal(err)
	}
	d.events.Routes, d.vendor.templates = routesTo(t, "customer:customer", "too:customer:<$.id>"), nil
	if err := d.handle(t, byRoute("customer", paid)); err != nil {
		t.Fatal(err)
	}
	if len(d.acceptances(t)) != 2 {
		t.Errorf("accepted %s, rejected %s", d.acceptances(t), d.rejections(t))
	}
	d.made.err = errors.New("away")
	if err := d.handle(t, byRoute("customer", paid)); err == nil || len(d.rejections(t)) != 0 {
		t.Errorf("while nobody knows: rejected %s, %v", d.rejections(t), err)
	}
}

// A changed route that is in conflict with what it has sent gives back what it has taken of the limits.
func TestAConflictOfAChangedRouteGivesBack(t *testing.T) {
	t.Parallel()
	l := newLimited(t, func(l *limits.Limits) { l.Trusted = limits.Rules{NumberHour: 1} })
	d := l.bus
	d.store, d.events.Routes = l.store, routesTo(t, "a:customer")
	if err := d.handle(t, byRoute("a", paid)); err != nil {
		t.Fatal(err)
	}
	d.events.Routes = routesTo(t, "a:seller")
	l.now = l.now.Add(3 * time.Minute)
	if err := d.handle(t, byRoute("a", paid)); err != nil || len(d.rejections(t)) != 1 {
		t.Fatal(err, d.rejections(t))
	}
	if err := d.handle(t, strings.ReplaceAll(byRoute("a", paid), "e-1", "e-2")); err != nil {
		t.Fatal(err)
	}
	if got := d.to(); len(got) != 2 {
		t.Errorf("sent to %v, rejected %s", got, d.rejections(t))
	}
}

// What a route has sent is a replay, whatever of an earlier version's stands under the event's id that nothing makes any more.
func TestAReplayBesideAnEarlierVersionsMessage(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.events.Routes = routesTo(t, "customer:customer", "seller:seller:<$.id>")
	if err := d.handle(t, byRoute("seller", paid)); err != nil {
		t.Fatal(err)
	}
	d.made.first = nil // an earlier version would have kept nothing
	for range 2 {
		if err := d.handle(t, byRoute("customer", paid)); err != nil {
			t.Fatal(err)
		}
		d.events.Routes = routesTo(t, "customer:customer")
	}
	if len(d.to()) != 2 || len(d.acceptances(t)) != 3 || len(d.rejections(t)) != 0 {
		t.Errorf("sent to %v, accepted %s, rejected %s", d.to(), d.acceptances(t), d.rejections(t))
	}
}
