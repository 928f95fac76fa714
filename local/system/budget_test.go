package system

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/testkit/machinetest"
	"sms-api/statemachine"
)

// An execution that has written too many events ends as failed, whatever it was about to do. However long something is
// out of order, a message must stay below that until it has expired and its last receipt has come. Here the events are
// computed from the definition, and then counted on the virtual clock.
const (
	// longestLife is how long a message may be sent, and longestReading how long after that a receipt is waited for: that
	// of an LMS.
	longestLife    = 7 * 24 * time.Hour
	longestReading = 81 * time.Hour
	// eventsOfState are the two of every visit, and eventsOfAttempt what a task adds for each attempt: scheduled, started,
	// and how it ended.
	eventsOfState, eventsOfAttempt = 2, 3
	// eventsAside is for the way in and out, and for the first, shorter waits of a loop.
	eventsAside = 400
)

// definition is what decides about events.
type definition struct {
	States map[string]struct {
		exit

		Type, Default  string
		Seconds        any
		Choices, Catch []exit
		Retry          []retryBlock
	}
}

// exit is a way out of a state.
type exit struct {
	Next, Condition string
	Assign          map[string]any
}

// retryBlock is one entry of a state's Retry.
type retryBlock struct {
	ErrorEquals                  []string
	IntervalSeconds, BackoffRate float64
	MaxDelaySeconds              float64
	MaxAttempts                  *int
	JitterStrategy               string
}

func readDefinition(t *testing.T, edits ...string) definition {
	t.Helper()
	var d definition
	if err := json.Unmarshal([]byte(strings.NewReplacer(edits...).Replace(machinetest.Text(t))), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// delay is the wait before the given retry, the first is 0, when nothing is random about it.
func (r retryBlock) delay(n int) float64 {
	d := max(r.IntervalSeconds, 1) * math.Pow(max(r.BackoffRate, 1), float64(n))
	if r.MaxDelaySeconds > 0 {
		d = min(d, r.MaxDelaySeconds)
	}
	return d
}

// attempts is how often the task is tried during an outage, so often that it is hardly ever more. It does not end with
// MaxAttempts: what leads out of the state leads back into it. With full jitter each wait is anything from nothing to the
// whole, half of it in the mean, and the waits are independent of each other.
func (r retryBlock) attempts(during time.Duration) int {
	const sure = 6 // standard deviations
	mean, variance, n := 0.0, 0.0, 0
	for ; mean-sure*math.Sqrt(variance) <= during.Seconds(); n++ {
		d := r.delay(n)
		if r.JitterStrategy != "FULL" {
			mean += d
			continue
		}
		mean, variance = mean+d/2, variance+d*d/12
	}
	return n
}

// lasts is after how long the attempts are used up, in the mean.
func (r retryBlock) lasts() time.Duration {
	sum := 0.0
	for n := range *r.MaxAttempts {
		sum += r.delay(n) / 2
	}
	return time.Duration(sum) * time.Second
}

// loop is a way round the machine that takes as long as its wait.
type loop struct {
	states []string
	wait   time.Duration
	during time.Duration
}

// loops are what a message goes round in while something does not end. The waits are the longest, which all of them reach
// after some rounds; eventsAside is for the rounds before.
func (d definition) loops() map[string]loop {
	const often, seldom = 15 * time.Minute, time.Hour
	looking := []string{statemachine.StateWaitToLookAgain, statemachine.StateReconcile, statemachine.StateSettled}
	all := map[string]loop{
		"a doubt":                   {looking, often, longestLife},
		"receipts in the first day": {toReceipts, often, 24 * time.Hour},
		"receipts after that":       {toReceipts, seldom, longestReading - 24*time.Hour},
	}
	for state := range d.States {
		if d.leads(state, statemachine.StateWaitForRepair) {
			all["parked at "+state] = loop{[]string{statemachine.StateWaitForRepair, statemachine.StateSettled, state}, often, longestLife}
		}
		if d.leads(state, statemachine.StateReconcile) && d.States[state].Type == "Task" {
			all["a function that dies at "+state] = loop{
				way(looking, []string{state, statemachine.StateReconcile, statemachine.StateSettled}), often, longestLife,
			}
		}
	}
	return all
}

// budget computes the events that each Retry block and each loop writes at most in the longest outage.
func (d definition) budget() map[string]int {
	events := map[string]int{}
	for name, s := range d.States {
		for i, r := range s.Retry {
			if r.MaxAttempts != nil && *r.MaxAttempts == 0 {
				continue // it is there for Catch
			}
			during := longestLife
			if name == statemachine.StateReadReceipts || name == statemachine.StateReconcile {
				during += longestReading
			}
			n := r.attempts(during)
			if name == statemachine.StateAnnounce {
				n = *r.MaxAttempts // and then the execution has failed
			}
			events[fmt.Sprintf("%s, Retry %d", name, i)] = eventsAside + n*eventsOfAttempt
		}
	}
	for what, l := range d.loops() {
		round := 0
		for _, name := range l.states {
			round += eventsOfState
			if d.States[name].Type == "Task" {
				round += eventsOfAttempt
			}
		}
		events[what] = eventsAside + int(l.during/l.wait)*round
	}
	return events
}

// leads says that one state can follow another.
func (d definition) leads(from, to string) bool {
	s := d.States[from]
	next := []string{s.Next, s.Default}
	for _, c := range slices.Concat(s.Choices, s.Catch) {
		next = append(next, c.Next)
	}
	return slices.Contains(next, to)
}

func TestEventsOfEveryPathAreBudgeted(t *testing.T) {
	t.Parallel()
	d := readDefinition(t)
	budget := d.budget()
	for _, what := range slices.Sorted(maps.Keys(budget)) {
		t.Logf("%6d events: %s", budget[what], what)
	}
	// What is out of order while the message is sent, and then something else while its receipts are read.
	sending, reading := 0, budget["receipts in the first day"]+budget["receipts after that"]
	for what, events := range budget {
		if what == fmt.Sprintf("%s, Retry 1", statemachine.StateReadReceipts) {
			reading = max(reading, events)
		}
		sending = max(sending, events)
	}
	if sum := sending + reading; sum >= deployment.HistoryEvents {
		t.Errorf("%d events while it is sent and %d while its receipts are read: an execution may have %d", sending, reading,
			deployment.HistoryEvents)
	}
	for what, l := range d.loops() {
		for i, name := range l.states {
			if next := l.states[(i+1)%len(l.states)]; !d.leads(name, next) {
				t.Errorf("%s: %q does not lead to %q", what, name, next)
			}
		}
	}
	for name, s := range d.States {
		if s.Type != "Task" || name == statemachine.StateAnnounce {
			continue
		}
		for i, r := range s.Retry {
			if r.MaxAttempts != nil && *r.MaxAttempts == 0 {
				continue
			}
			if lasts := r.lasts(); lasts < longestLife {
				t.Errorf("%s, Retry %d lasts %v, a message lives %v", name, i, lasts, longestLife)
			}
		}
	}
}

// The computation is worth something: delays that are too short are found, in every state by itself.
func TestShorterDelaysAreOverTheBudget(t *testing.T) {
	t.Parallel()
	budget := readDefinition(t, `"MaxDelaySeconds": 900`, `"MaxDelaySeconds": 60`).budget()
	for _, state := range slices.Sorted(maps.Keys(deployment.Tasks())) {
		events := 0
		for i := range 2 {
			events = max(events, budget[fmt.Sprintf("%s, Retry %d", state, i)])
		}
		if events < deployment.HistoryEvents {
			t.Errorf("%s: %d events with a delay of a minute at most, which should be too many", state, events)
		}
	}
}

// counted is how many events a way out of a task adds to the variable events, its retries aside; ok is false when it does not
// count as it must.
func counted(e exit) (n int, ok bool) {
	text, _ := e.Assign["events"].(string)
	_, err := fmt.Sscanf(text, "{%% $sum([$events, %d, 3 * $states.context.State.RetryCount]) %%}", &n)
	return n, err == nil
}

// tasks are the states that can be visited again.
func (d definition) tasks() []string {
	var names []string
	for name, s := range d.States {
		if s.Type == "Task" && name != statemachine.StateAnnounce {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// longest is the most expensive way from a state on, without what the state itself costs: over states that go on says yes to,
// as far as the first to which it says no.
func (d definition) longest(from string, price func(string) float64, goOn func(string) bool, depth int) (float64, error) {
	if depth > len(d.States) {
		return 0, fmt.Errorf("from %q one can go round", from)
	}
	s := d.States[from]
	most := 0.0
	for _, e := range slices.Concat(s.Choices, s.Catch, []exit{s.exit, {Next: s.Default}}) {
		if e.Next == "" || !goOn(e.Next) {
			continue
		}
		rest, err := d.longest(e.Next, price, goOn, depth+1)
		if err != nil {
			return 0, err
		}
		most = max(most, price(e.Next)+rest)
	}
	return most, nil
}

// mixed computes how many events there are at most, whatever goes wrong and in whatever order: nothing is assumed of what the
// functions say but that they send nobody to Wait for the morning twice a night.
//
// Up to the number of events that is enough, the execution counts them itself, and never too few. Then every way round, all
// of which lead through Settled?, begins with the wait of Save events. So each further event comes from one of two kinds of
// time: that wait, which buys one way round with the first retries of its tasks, or the wait before a further retry.
func (d definition) mixed() (events float64, err error) {
	waits := d.States[statemachine.StateSaveEvents]
	saving, isNumber := waits.Seconds.(float64)
	first := d.States[statemachine.StateSettled].Choices[0]
	again, _ := waits.Assign["enough"].(string)
	if !isNumber || first.Next != statemachine.StateSaveEvents || !strings.HasPrefix(first.Condition, "{% $events > $enough and ") ||
		again != "{% $events %}" {
		return 0, fmt.Errorf("%q does not begin with %q", statemachine.StateSettled, statemachine.StateSaveEvents)
	}
	enough := 0.0
	for _, e := range append(d.States[statemachine.StateRoute].Choices, d.States[statemachine.StateRoute].exit) {
		enough = max(enough, number(e.Assign["enough"]))
	}
	// The retries with the longest waits that may be had for ever, and the mean of these.
	long := math.Inf(1)
	for _, name := range d.tasks() {
		for _, r := range d.States[name].Retry {
			if r.MaxAttempts == nil || *r.MaxAttempts > 0 {
				long = min(long, r.delay(*r.MaxAttempts)/2)
			}
		}
	}
	price := func(name string) float64 {
		p := float64(eventsOfState)
		if d.States[name].Type != "Task" {
			return p
		}
		p += eventsOfAttempt
		for _, r := range d.States[name].Retry {
			for n := 0; (r.MaxAttempts == nil || n < *r.MaxAttempts) && r.delay(n)/2 < long; n++ {
				p += eventsOfAttempt * (1 - r.delay(n)/2/long)
			}
		}
		return p
	}
	outside := []string{
		statemachine.StateSettled, statemachine.StateSaveEvents, statemachine.StateWaitForMorning, statemachine.StateAnnounce, "",
	}
	round, err := d.longest(statemachine.StateSettled, price, func(s string) bool { return !slices.Contains(outside, s) }, 0)
	if err != nil {
		return 0, err
	}
	round += 3 * eventsOfState // Settled? twice, and Save events
	lives := (longestLife + longestReading).Seconds() + saving
	nights := math.Ceil(lives/(24*60*60)) * (eventsOfState + price(statemachine.StateSendSMS))
	// With full jitter the waits may be shorter than in the mean, but not all of them.
	const sure = 6 // standard deviations
	luck := sure * math.Sqrt(lives/long/3)
	return enough + round + nights + eventsOfAttempt*luck + lives*max(round/saving, eventsOfAttempt/long) + eventsAside, nil
}

func number(v any) float64 { n, _ := v.(float64); return n }

// The variable events is never less than what the history has, as the definition has it: each way out of a task adds what
// the task has cost, and what the states cost up to the next task.
func TestEventsAreCounted(t *testing.T) {
	t.Parallel()
	d := readDefinition(t)
	idle := func(s string) bool { return d.States[s].Type != "Task" && s != statemachine.StateSaveEvents }
	price := func(string) float64 { return eventsOfState }
	for _, name := range d.tasks() {
		s := d.States[name]
		for _, e := range append(s.Catch, s.exit) {
			least := 0.0
			if idle(e.Next) {
				rest, err := d.longest(e.Next, price, idle, 0)
				if err != nil {
					t.Fatal(err)
				}
				least = eventsOfState + rest
			}
			if n, ok := counted(e); !ok || float64(n) != eventsOfState+eventsOfAttempt+least {
				t.Errorf("from %q to %q counts %d (%v), want %.0f", name, e.Next, n, e.Assign, eventsOfState+eventsOfAttempt+least)
			}
		}
	}
}

func TestEventsOfAnyMixtureAreBudgeted(t *testing.T) {
	t.Parallel()
	events, err := readDefinition(t).mixed()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.0f events at most", events)
	if events >= deployment.HistoryEvents {
		t.Errorf("%.0f events, an execution may have %d", events, deployment.HistoryEvents)
	}
	for what, edits := range map[string][]string{
		"shorter delays":     {`"MaxDelaySeconds": 900`, `"MaxDelaySeconds": 300`},
		"a shorter wait":     {`"Seconds": 10800`, `"Seconds": 3600`},
		"it begins too late": {`"enough": 17200`, `"enough": 20000`},
		"it never begins":    {`$events > $enough`, `false`},
		"it goes on once":    {`"enough": "{% $events %}"`, `"enough": 25000`},
		// A way round that does not pass Settled?.
		"a short way back": {`"Next": "Settled?"`, `"Next": "Reconcile"`},
	} {
		if events, err := readDefinition(t, edits...).mixed(); err == nil && events < deployment.HistoryEvents {
			t.Errorf("%s: %.0f events, which should be too many", what, events)
		}
	}
}

// outage is something that is out of order for as long as a message lives.
type outage struct {
	// request is what is asked for, for one recipient.
	request string
	// begin makes the outage and returns what ends it.
	begin func(w *world) (end func())
	// outcome is what the message says when all is over.
	outcome string
}

func vendorOutage(kind aligotest.FaultKind, endpoints ...string) func(*world) func() {
	return func(w *world) func() {
		for _, e := range endpoints {
			w.fault(aligotest.Fault{Endpoint: e, Kind: kind, Times: -1})
		}
		return func() {
			for _, e := range endpoints {
				w.Aligo.RemoveFaults(kind, e)
			}
		}
	}
}

// functionOutage has every invocation of a function go wrong.
func functionOutage(fault invocationFault, functions ...string) func(*world) func() {
	return func(w *world) func() {
		w.faults.always(fault, functions...)
		return func() { w.faults.always(nil, functions...) }
	}
}

func unreachableVendor(w *world) func() {
	w.network.cut("aligo")
	return func() { w.network.serve(w.t, "aligo", w.Aligo) }
}

func unreachableTable(w *world) func() {
	w.table.set(func(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
		return nil, &awsapi.ServiceError{Code: "InternalServerError", Message: "away", Status: http.StatusInternalServerError}
	})
	return func() { w.table.set(nil) }
}

// inARow begins several outages.
func inARow(begin ...func(*world) func()) func(*world) func() {
	return func(w *world) func() {
		var ends []func()
		for _, b := range begin {
			ends = append(ends, b(w))
		}
		return func() {
			for _, end := range ends {
				end()
			}
		}
	}
}

func outages() map[string]outage {
	weekOf := func(ending string) string { return to(`"expiresAt":"2000-01-08T00:00:00Z",`, ending) }
	const smsWeek = `{"channel":"sms","text":"안녕하세요","expiresAt":"2000-01-08T00:00:00Z","recipients":[{"to":"01010005678"}]}`
	const (
		expired = "expired: failed Expired"
		unknown = "partial: unknown alimtalk Ambiguous"
		found   = "delivered: delivered alimtalk 0"
	)
	none := func(*world) func() { return func() {} }
	return map[string]outage{
		"the sending function is throttled": {weekOf("5678"), functionOutage(throttled, "alimtalk"), expired},
		"the SMS function is throttled": {weekOf("0001"), functionOutage(throttled, "sms"),
			"expired: failed sms Expired"},
		"the sending function dies":                           {weekOf("5678"), functionOutage(crashedBefore, "alimtalk"), expired},
		"the reading function dies":                           {weekOf("5678"), functionOutage(crashedBefore, "receipts"), found},
		"the reconciling function is throttled, with a doubt": {weekOf("0005"), functionOutage(throttled, "reconcile"), found},
		"server errors wherever one asks": {weekOf("5678"), vendorOutage(aligotest.FaultHTTP500, list, send, history, detail, sms, smsHist,
			smsList), expired},
		// The last of the calls is in doubt when the message expires.
		"server errors of AlimTalk":     {weekOf("5678"), vendorOutage(aligotest.FaultHTTP500, send), "expired: failed Expired"},
		"server errors of SMS":          {smsWeek, vendorOutage(aligotest.FaultHTTP500, sms), "expired: failed Expired"},
		"server errors of the history":  {weekOf("0005"), vendorOutage(aligotest.FaultHTTP500, history), found},
		"server errors of the receipts": {weekOf("5678"), vendorOutage(aligotest.FaultHTTP500, detail), "partial: unknown alimtalk NoReceipt"},
		"nobody reaches Aligo":          {weekOf("5678"), unreachableVendor, expired},
		"an address that is not registered, for AlimTalk": {weekOf("5678"), vendorOutage(aligotest.FaultUnregisteredIP, list, send),
			expired},
		"an empty wallet, for SMS": {smsWeek, vendorOutage(aligotest.FaultNoBalance, sms), expired},
		"refusals in unknown words, of an SMS": {smsWeek, vendorOutage(aligotest.FaultUnknownRefusal, sms),
			expired},
		"an address that is not registered, for receipts": {weekOf("5678"), vendorOutage(aligotest.FaultUnregisteredIP, detail),
			"partial: unknown alimtalk NoReceipt"},
		"an address that is not registered, for the history": {weekOf("0005"), vendorOutage(aligotest.FaultUnregisteredIP, history),
			found},
		"receipts that never come": {weekOf("0003"), none, "partial: unknown alimtalk NoReceipt"},
		"nobody reaches the table": {weekOf("5678"), unreachableTable, expired},
		"nobody reaches the table, with a doubt": {weekOf("5678"), inARow(functionOutage(crashedBefore, "alimtalk"), unreachableTable),
			expired},
	}
}

func TestEventsOfEveryOutageStayInTheBudget(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("the scenarios have all that is concurrent in this, in less time")
	}
	most := 0
	for _, events := range readDefinition(t).budget() {
		most = max(most, events)
	}
	for what, o := range outages() {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(&lockedSource{source: rand.NewPCG(1, 0)})
				w := newWorld(t, func(o *Options, _ *aligotest.Options) { o.AWS.Random = random.Float64 })
				end := o.begin(w)
				id, number := w.post(o.request), numberIn(o.request)
				// The last look comes when the message expires, and is to find what there is to be found.
				lasts := longestLife
				if strings.HasPrefix(o.outcome, string(message.AllDelivered)) {
					lasts -= time.Second
				}
				time.Sleep(lasts)
				end()
				outcome := w.settle(id)
				events := w.history(id)
				t.Logf("%d events, %d of them retries' failures; %s after %v", len(events), failures(events), compact(outcome),
					events[len(events)-1].Timestamp.Sub(*events[0].Timestamp).Round(time.Minute))
				if got := compact(outcome); got != o.outcome {
					t.Errorf("outcome %q, want %q", got, o.outcome)
				}
				if last := events[len(events)-1].Type; last != types.HistoryEventTypeExecutionSucceeded {
					t.Errorf("the execution ended with %s", last)
				}
				if slices.Contains(w.visited(id), statemachine.StateSaveEvents) {
					t.Errorf("it was slowed down by %q, which is for several faults", statemachine.StateSaveEvents)
				}
				if len(events) > most {
					t.Errorf("%d events, and the definition says %d at most", len(events), most)
				}
				for _, v := range w.violations([]sent{{
					id: id, onUnknown: message.LeaveUnknown, numbers: []string{number}, contents: []string{contentOf(o.request)},
				}}) {
					t.Error(v)
				}
			})
		})
	}
}

// numberIn is the one number in a request.
func numberIn(request string) string {
	_, rest, _ := strings.Cut(request, `"to":"`)
	number, _, _ := strings.Cut(rest, `"`)
	return number
}

func failures(events []types.HistoryEvent) int {
	n := 0
	for _, e := range events {
		if e.Type == types.HistoryEventTypeTaskFailed || e.Type == types.HistoryEventTypeTaskTimedOut {
			n++
		}
	}
	return n
}
