package system

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/awsenv"
	"sms-api/internal/fault"
	"sms-api/internal/intake"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// world is a whole system in a bubble of testing/synctest: time passes only while everybody waits, so a day takes as
// long as what happens in it.
type world struct {
	*System

	t       *testing.T
	network *memory
	client  *http.Client
	config  aws.Config
	sfn     *sfn.Client
	events  *eventbridge.Client
	logs    *testkit.Buffer
	// taken are the branches of the state machine that executions took, by their JSON path.
	taken map[string]bool
	// faults are what happens to invocations of functions, by function name, one invocation each.
	faults *invocationFaults
	// table is what happens to the operations of DynamoDB.
	table *tableFaults
	// crew is what goes on though nobody waits for it.
	crew crew

	// others are the worlds that were made beside this one.
	others []*world

	mu      sync.Mutex
	settled map[string][]message.Outcome
	news    chan struct{}
}

// invocationFault replaces one invocation of a function, or wraps it.
type invocationFault func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error)

type invocationFaults struct {
	mu    sync.Mutex
	queue map[string][]invocationFault
	// lasting are what happens to every invocation while nothing is queued.
	lasting map[string]invocationFault
	calls   map[string]int
}

// always has a fault come over every invocation of some functions from now on; nil is none.
func (f *invocationFaults) always(fault invocationFault, functions ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range functions {
		f.lasting[name] = fault
	}
}

// tableFault replaces one operation of DynamoDB, or wraps it.
type tableFault func(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error)

// crew is goroutines that a test waits for. Unlike those of a sync.WaitGroup they may begin while somebody waits already.
type crew struct {
	mu      sync.Mutex
	running int
	waiting []chan struct{}
}

func (c *crew) Go(f func()) {
	c.mu.Lock()
	c.running++
	c.mu.Unlock()
	go func() {
		defer c.ended()
		f()
	}()
}

func (c *crew) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running--; c.running > 0 {
		return
	}
	for _, w := range c.waiting {
		close(w)
	}
	c.waiting = nil
}

// Wait waits until none of them runs.
func (c *crew) Wait() {
	c.mu.Lock()
	if c.running == 0 {
		c.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	c.waiting = append(c.waiting, idle)
	c.mu.Unlock()
	<-idle
}

// tableFaults have one fault come over every operation, once nothing is queued any more.
type tableFaults struct {
	mu    sync.Mutex
	queue []tableFault
	fault tableFault
}

// add has faults come over operations, one each; nil is none.
func (f *tableFaults) add(faults ...tableFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, faults...)
}

// clear takes away what was added and has not happened.
func (f *tableFaults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = nil
}

func (f *tableFaults) set(fault tableFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

func (f *tableFaults) around(
	ctx context.Context, operation, _ string, next func(context.Context) ([]byte, error),
) ([]byte, error) {
	f.mu.Lock()
	fault := f.fault
	if len(f.queue) > 0 {
		fault, f.queue = f.queue[0], f.queue[1:]
	}
	f.mu.Unlock()
	if fault == nil {
		return next(ctx)
	}
	return fault(ctx, operation, next)
}

func (f *invocationFaults) add(function string, faults ...invocationFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue[function] = append(f.queue[function], faults...)
}

func (f *invocationFaults) around(ctx context.Context, function string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	f.mu.Lock()
	f.calls[function]++
	happens := f.lasting[function]
	if q := f.queue[function]; len(q) > 0 {
		happens, f.queue[function] = q[0], q[1:]
	}
	f.mu.Unlock()
	if happens == nil {
		return next(ctx)
	}
	return happens(ctx, next)
}

// tableThrottled is an operation that is not carried out, tableFailed one that may have been.
func tableThrottled(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
	return nil, &awsapi.ServiceError{
		Code: "ProvisionedThroughputExceededException", Message: "The level of configured provisioned throughput was exceeded.",
		Status: http.StatusBadRequest,
	}
}

func tableFailed(context.Context, string, func(context.Context) ([]byte, error)) ([]byte, error) {
	return nil, &awsapi.ServiceError{Code: "InternalServerError", Message: "away", Status: http.StatusInternalServerError}
}

func tableFailedAfter(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	_, _ = next(ctx)
	return tableFailed(ctx, operation, next)
}

// stalled is an operation that is not carried out, nor answered as long as somebody waits for it.
func stalled(ctx context.Context, _ string, _ func(context.Context) ([]byte, error)) ([]byte, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// stalledAfter is carried out, and not answered.
func stalledAfter(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	_, _ = next(ctx)
	return stalled(ctx, operation, next)
}

// late is an operation that is carried out so much later, whether somebody still waits for it or not.
func (w *world) late(by time.Duration) tableFault {
	return func(ctx context.Context, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
		type answer struct {
			body []byte
			err  error
		}
		answers := make(chan answer, 1)
		w.crew.Go(func() {
			time.Sleep(by)
			body, err := next(context.WithoutCancel(ctx))
			answers <- answer{body, err}
		})
		select {
		case a := <-answers:
			return a.body, a.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// doubled is an invocation that is made once more so much later, beside what is heard of it: heard is the first of them, the
// second, or neither.
func (w *world) doubled(late time.Duration, heard hearing) invocationFault {
	return func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
		second := func(ctx context.Context) ([]byte, error) {
			time.Sleep(late)
			return next(ctx)
		}
		one, other := next, second
		if heard == hearsSecond {
			one, other = second, next
		}
		// It has as much time as any invocation, and nobody waits for it.
		w.crew.Go(func() { _, _ = other(context.WithoutCancel(ctx)) })
		if heard == hearsNone {
			return crashedBefore(ctx, next)
		}
		return one(ctx)
	}
}

// hearing is which of two invocations is heard.
type hearing int

const (
	hearsFirst hearing = iota
	hearsSecond
	// hearsNone is a crash, with the second on its way.
	hearsNone
)

// throttled is an invocation that does not happen.
func throttled(context.Context, func(context.Context) ([]byte, error)) ([]byte, error) {
	return nil, &awsapi.ServiceError{Code: "TooManyRequestsException", Message: "Rate Exceeded.", Status: http.StatusTooManyRequests}
}

// notReached is a function that could not connect to Aligo.
func notReached(context.Context, func(context.Context) ([]byte, error)) ([]byte, error) {
	return nil, &awsapi.FunctionError{Type: fault.NameTransient, Message: "no connection"}
}

// untouched is an invocation over which nothing comes.
func untouched(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	return next(ctx)
}

// parkedFor is a function to which Aligo says that an operator has to repair something, which it waits a minute for.
func parkedFor(cause aligo.Cause) invocationFault {
	return func(context.Context, func(context.Context) ([]byte, error)) ([]byte, error) {
		repair := fault.Repair{Cause: string(cause), Reason: "repair it", Since: time.Now(), Wait: 60}
		return nil, &awsapi.FunctionError{Type: fault.NameNotConfigured, Message: repair.Error()}
	}
}

// crashedBefore is a function that dies before it has done anything.
func crashedBefore(context.Context, func(context.Context) ([]byte, error)) ([]byte, error) {
	return nil, &awsapi.FunctionError{Type: "Runtime.ExitError", Message: "RequestId: 1 Error: Runtime exited with error: signal: killed"}
}

// crashedAfter is a function that has done its work and dies before it can say so.
func crashedAfter(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	if _, err := next(ctx); err != nil {
		return nil, err
	}
	return crashedBefore(ctx, next)
}

// timedOutAfter is a function that has done its work and then hangs until its time is over.
func timedOutAfter(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	if _, err := next(ctx); err != nil {
		return nil, err
	}
	return nil, &awsapi.FunctionError{Type: "Sandbox.Timedout", Message: "RequestId: 1 Error: Task timed out after 30.00 seconds"}
}

// hungAfter is a function that has done its work, and an invocation that goes on for longer than the task may take.
func hungAfter(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	_, _ = next(ctx)
	time.Sleep(2 * time.Minute)
	return crashedBefore(ctx, next)
}

// lostAfter is a function that has done its work while the connection to Lambda breaks.
func lostAfter(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
	if _, err := next(ctx); err != nil {
		return nil, err
	}
	return nil, &awsapi.ServiceError{Code: "Unknown", Message: "The Lambda function returned an unknown error.",
		Status: http.StatusInternalServerError}
}

// newWorld makes a system in the bubble of t.
func newWorld(t *testing.T, configure ...func(*Options, *aligotest.Options)) *world {
	t.Helper()
	network := &memory{}
	w := &world{
		t: t, network: network, client: network.client(t), logs: &testkit.Buffer{}, settled: map[string][]message.Outcome{},
		news:  make(chan struct{}),
		taken: map[string]bool{},
		faults: &invocationFaults{
			queue: map[string][]invocationFault{}, lasting: map[string]invocationFault{}, calls: map[string]int{},
		},
		table: &tableFaults{},
	}
	vendor := aligotest.Options{Now: time.Now}
	o := Options{
		AWS: awsapi.Options{
			Clock: clock.Real(1), Around: w.faults.around, AroundTable: w.table.around, Random: func() float64 { return 0.999 }, Trace: w.take,
			KeptBytes: 8 << 30, // the end of a storm looks at each execution once more
		},
		AWSURL:    "http://aws",
		AligoURL:  "http://aligo",
		HTTP:      w.client,
		EgressIPs: []string{"203.0.113.7"},
		Identify:  func(*http.Request) (intake.Caller, error) { return everything, nil },
		Log:       slog.New(slog.NewJSONHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range configure {
		c(&o, &vendor)
	}
	o.Aligo = aligotest.New(vendor)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	w.System = s
	network.serve(t, "aws", s.AWS)
	network.serve(t, "aligo", s.Aligo)
	network.serve(t, "api", s.API)
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, o.AWSURL)
	config.HTTPClient = w.client
	w.config = config
	w.sfn, w.events = sfn.NewFromConfig(config), eventbridge.NewFromConfig(config)
	w.listen()
	t.Cleanup(func() {
		if err := s.AWS.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// anew makes another world beside this one, which has been nowhere yet and may be configured.
func (w *world) anew(configure ...func(*Options, *aligotest.Options)) *world {
	w.t.Helper()
	other := newWorld(w.t, configure...)
	w.others = append(w.others, other)
	return other
}

// everything is a caller who may do everything.
var everything = intake.Caller{ID: "test", Scopes: intake.Scopes()}

// listen subscribes to MessageSettled the way another service would.
func (w *world) listen() {
	w.t.Helper()
	bus := w.AWS.Bus(BusName)
	if _, err := bus.PutRule(eventbus.Rule{Name: "settled", Pattern: `{"source":["sms-api"],"detail-type":["MessageSettled"]}`}); err != nil {
		w.t.Fatal(err)
	}
	err := bus.PutTargets("settled", eventbus.Target{ID: "test", Deliver: func(_ context.Context, event json.RawMessage) error {
		var e struct{ Detail message.Outcome }
		if err := json.Unmarshal(event, &e); err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.settled[e.Detail.ID] = append(w.settled[e.Detail.ID], e.Detail)
		close(w.news)
		w.news = make(chan struct{})
		return nil
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) take(path string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.taken[path] = true
}

// post asks for a message and returns its id.
func (w *world) post(body string) string {
	w.t.Helper()
	status, answer := w.do(http.MethodPost, "/v1/messages", body)
	if status != http.StatusAccepted {
		w.t.Fatalf("POST /v1/messages: %d %s", status, answer)
	}
	var accepted struct{ ID string }
	if err := json.Unmarshal(answer, &accepted); err != nil {
		w.t.Fatal(err)
	}
	return accepted.ID
}

// do makes a request of the API; header are names and values.
func (w *world) do(method, path, body string, header ...string) (int, []byte) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://api"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	status, _, answer := testkit.Do(w.t, w.client, req)
	return status, answer
}

// get is the outcome as GET /v1/messages/{id} tells it now.
func (w *world) get(id string) message.Outcome {
	w.t.Helper()
	status, answer := w.do(http.MethodGet, "/v1/messages/"+id, "")
	if status != http.StatusOK {
		w.t.Fatalf("GET /v1/messages/%s: %d %s", id, status, answer)
	}
	var o message.Outcome
	if err := json.Unmarshal(answer, &o); err != nil {
		w.t.Fatal(err)
	}
	return o
}

// longest is more than any message can take: 90 days of schedule, 7 of life, 3 of late receipts, and what is left open.
const longest = 110 * 24 * time.Hour

// putEvent puts an event on the bus.
func (w *world) putEvent(source, detailType, detail string) error {
	out, err := w.events.PutEvents(w.t.Context(), &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{{
		EventBusName: aws.String(BusName), Source: &source, DetailType: &detailType, Detail: &detail,
	}}})
	if err == nil && out.FailedEntryCount > 0 {
		err = errors.New(aws.ToString(out.Entries[0].ErrorMessage))
	}
	return err
}

// start starts an execution past the door.
func (w *world) start(id, input string) {
	w.t.Helper()
	_, err := w.sfn.StartExecution(w.t.Context(), &sfn.StartExecutionInput{StateMachineArn: &w.StateMachineARN, Name: &id, Input: &input})
	if err != nil {
		w.t.Fatal(err)
	}
}

// describe is what Step Functions says of a message's execution.
func (w *world) describe(id string) *sfn.DescribeExecutionOutput {
	w.t.Helper()
	d, err := w.sfn.DescribeExecution(w.t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: w.arn(id)})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// stop and redrive do to a message's execution what operators may.
func (w *world) stop(id string) {
	w.t.Helper()
	if _, err := w.sfn.StopExecution(w.t.Context(), &sfn.StopExecutionInput{ExecutionArn: w.arn(id)}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) redrive(id string) {
	w.t.Helper()
	if _, err := w.sfn.RedriveExecution(w.t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: w.arn(id)}); err != nil {
		w.t.Fatal(err)
	}
}

// settlesAs waits for the message's MessageSettled, which is to have this outcome.
func (w *world) settlesAs(id, want string) message.Outcome {
	w.t.Helper()
	o := w.settle(id)
	if got := compact(o); got != want {
		w.t.Errorf("outcome %q, want %q", got, want)
	}
	return o
}

// settle waits for the message's MessageSettled.
func (w *world) settle(id string) message.Outcome {
	w.t.Helper()
	limit := time.After(longest)
	for {
		w.mu.Lock()
		outcomes, news := w.settled[id], w.news
		w.mu.Unlock()
		if len(outcomes) > 0 {
			return outcomes[0]
		}
		select {
		case <-news:
		case <-limit:
			w.t.Fatalf("message %s was never settled; it is in %q", id, w.visited(id))
		}
	}
}

// history is the execution's event history, oldest first.
func (w *world) history(id string) []types.HistoryEvent {
	w.t.Helper()
	arn := strings.Replace(w.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + id
	pages := sfn.NewGetExecutionHistoryPaginator(w.sfn, &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: 1000})
	var events []types.HistoryEvent
	for pages.HasMorePages() {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		events = append(events, page.Events...)
	}
	return events
}

// visited are the states that the execution entered, in order.
func (w *world) visited(id string) []string {
	w.t.Helper()
	var names []string
	for _, e := range w.history(id) {
		if d := e.StateEnteredEventDetails; d != nil {
			names = append(names, aws.ToString(d.Name))
		}
	}
	return names
}

// phones is what phones have received, oldest first, as "number channel text".
func (w *world) phones() []string {
	var all []string
	for _, m := range w.Aligo.Messages() {
		all = append(all, fmt.Sprintf("%s %s", m.To, m.Channel))
	}
	slices.Sort(all)
	return all
}

// vendorCalls are the paths of the calls that Aligo has got, in order, repetitions counted.
func (w *world) vendorCalls() []string {
	var all []string
	for _, c := range w.Aligo.Calls() {
		all = append(all, c.Endpoint)
	}
	return all
}

// The ways through the machine that most scenarios share.
var (
	toReceipts = []string{statemachine.StateWaitForReceipts, statemachine.StateReadReceipts, statemachine.StateSettled}
	announced  = []string{statemachine.StateAnnounce}
)

func way(parts ...[]string) []string { return slices.Concat(parts...) }
