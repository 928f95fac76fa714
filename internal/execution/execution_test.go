package execution_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/execution"
	"sms-api/internal/guard"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

const (
	machineARN   = "arn:aws:states:ap-northeast-2:000000000000:stateMachine:sms-api-dispatch"
	executionARN = "arn:aws:states:ap-northeast-2:000000000000:execution:sms-api-dispatch:"
)

var created = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func newMessage() message.Message {
	return message.Message{
		ID: "0193", Caller: "jwt:someone", Fingerprint: "f1", Channel: message.AlimTalk, Template: "TX_1234",
		Echo:       message.Echo{Reference: "order-17"},
		Recipients: []message.Recipient{{To: "01012345678"}, {To: "01087654321"}},
		Fallback:   message.Fallback{Enabled: true, After: message.Duration(5 * time.Minute), OnUnknown: message.LeaveUnknown},
		ExpiresAt:  created.Add(24 * time.Hour), CreatedAt: created,
	}
}

// fake is Step Functions: executions by ARN, with the history that a test writes.
type fake struct {
	executions map[string]*run
	// start, describe, history, stop and list are errors to answer with.
	start, describe, history, stop, list error
	pages                                int
	table                                table
	bus                                  bus
	// onStop happens to the history between the look and the stop.
	onStop func(*run)
	// lag is for how many looks the history does not show the stop.
	lag int
}

type run struct {
	t        *testing.T
	status   types.ExecutionStatus
	input    string
	output   *string
	stopped  *time.Time
	redriven *time.Time
	redrives int32
	events   []types.HistoryEvent
}

func (f *fake) StartExecution(_ context.Context, in *sfn.StartExecutionInput, _ ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error) {
	if f.start != nil {
		return nil, f.start
	}
	if aws.ToString(in.StateMachineArn) != machineARN {
		return nil, &types.StateMachineDoesNotExist{}
	}
	arn := executionARN + aws.ToString(in.Name)
	// The same name with the same input is no error while the execution runs.
	if r := f.executions[arn]; r != nil && (r.status != types.ExecutionStatusRunning || r.input != aws.ToString(in.Input)) {
		return nil, &types.ExecutionAlreadyExists{}
	}
	f.executions[arn] = &run{status: types.ExecutionStatusRunning, input: aws.ToString(in.Input)}
	return &sfn.StartExecutionOutput{ExecutionArn: &arn, StartDate: &created}, nil
}

func (f *fake) find(arn *string) (*run, error) {
	r := f.executions[aws.ToString(arn)]
	if r == nil {
		return nil, &types.ExecutionDoesNotExist{}
	}
	return r, nil
}

func (f *fake) DescribeExecution(
	_ context.Context, in *sfn.DescribeExecutionInput, _ ...func(*sfn.Options),
) (*sfn.DescribeExecutionOutput, error) {
	if f.describe != nil {
		return nil, f.describe
	}
	r, err := f.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	return &sfn.DescribeExecutionOutput{
		ExecutionArn: in.ExecutionArn, StateMachineArn: aws.String(machineARN), StartDate: &created,
		Status: r.status, Input: &r.input, Output: r.output, StopDate: r.stopped, RedriveDate: r.redriven,
		RedriveCount: &r.redrives,
	}, nil
}

func (f *fake) StopExecution(_ context.Context, in *sfn.StopExecutionInput, _ ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error) {
	if f.stop != nil {
		return nil, f.stop
	}
	r, err := f.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if f.onStop != nil {
		f.onStop(r)
	}
	if r.status == types.ExecutionStatusRunning {
		r.status, r.stopped = types.ExecutionStatusAborted, aws.Time(created.Add(time.Minute))
		r.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionAborted})
	}
	return &sfn.StopExecutionOutput{StopDate: r.stopped}, nil
}

// ListExecutions gives two a page, by name.
func (f *fake) ListExecutions(
	_ context.Context, in *sfn.ListExecutionsInput, _ ...func(*sfn.Options),
) (*sfn.ListExecutionsOutput, error) {
	if aws.ToString(in.StateMachineArn) != machineARN || in.MaxResults != 1000 {
		return nil, fmt.Errorf("list of %s, %d a page", aws.ToString(in.StateMachineArn), in.MaxResults)
	}
	if f.list != nil {
		return nil, f.list
	}
	from := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &from); err != nil {
			return nil, &types.InvalidToken{}
		}
	}
	arns := slices.Sorted(maps.Keys(f.executions))
	to := min(from+2, len(arns))
	out := &sfn.ListExecutionsOutput{}
	for _, arn := range arns[from:to] {
		r := f.executions[arn]
		out.Executions = append(out.Executions, types.ExecutionListItem{
			ExecutionArn: &arn, Name: aws.String(strings.TrimPrefix(arn, executionARN)), Status: r.status, StartDate: &created,
			StopDate: r.stopped, RedriveCount: &r.redrives,
		})
	}
	if to < len(arns) {
		out.NextToken = aws.String(fmt.Sprint(to))
	}
	return out, nil
}

// GetExecutionHistory gives no more than three events a page, whatever is asked for, as Step Functions may.
func (f *fake) GetExecutionHistory(
	_ context.Context, in *sfn.GetExecutionHistoryInput, _ ...func(*sfn.Options),
) (*sfn.GetExecutionHistoryOutput, error) {
	f.pages++
	if f.history != nil {
		return nil, f.history
	}
	r, err := f.find(in.ExecutionArn)
	if err != nil {
		return nil, err
	}
	if !in.ReverseOrder || !aws.ToBool(in.IncludeExecutionData) {
		return nil, errors.New("the history must be read backwards and with its data")
	}
	events := slices.Clone(r.events)
	if f.lag > 0 && r.status == types.ExecutionStatusAborted {
		f.lag--
		events = events[:len(events)-1]
	}
	slices.Reverse(events)
	from := 0
	if in.NextToken != nil {
		if _, err := fmt.Sscan(*in.NextToken, &from); err != nil {
			return nil, &types.InvalidToken{}
		}
	}
	to := min(len(events), from+3)
	out := &sfn.GetExecutionHistoryOutput{Events: events[from:to]}
	if to < len(events) {
		out.NextToken = aws.String(fmt.Sprint(to))
	}
	return out, nil
}

func (r *run) add(e types.HistoryEvent) *run {
	e.Id = int64(len(r.events) + 1)
	e.Timestamp = aws.Time(created.Add(time.Duration(len(r.events)) * time.Second))
	r.events = append(r.events, e)
	return r
}

func (r *run) entered(state string, input any) *run {
	return r.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskStateEntered, StateEnteredEventDetails: &types.StateEnteredEventDetails{
		Name: &state, Input: aws.String(testkit.JSON(r.t, input)),
	}})
}

func (r *run) scheduled() *run {
	r.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskScheduled, TaskScheduledEventDetails: &types.TaskScheduledEventDetails{}})
	return r.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskStarted})
}

func (r *run) failed(name string) *run {
	return r.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskFailed,
		TaskFailedEventDetails: &types.TaskFailedEventDetails{Error: &name}})
}

func (r *run) succeeded() *run {
	return r.add(types.HistoryEvent{Type: types.HistoryEventTypeTaskSucceeded})
}

func (r *run) end(status types.ExecutionStatus) *run {
	r.status, r.stopped = status, aws.Time(created.Add(time.Hour))
	return r.add(types.HistoryEvent{Type: types.HistoryEventType("Execution" + map[types.ExecutionStatus]string{
		types.ExecutionStatusAborted: "Aborted", types.ExecutionStatusFailed: "Failed", types.ExecutionStatusTimedOut: "TimedOut",
	}[status])})
}

// begin is a message whose execution has begun.
func begin(t *testing.T, m message.Message) *run {
	t.Helper()
	r := &run{t: t, status: types.ExecutionStatusRunning, input: testkit.JSON(t, m)}
	r.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionStarted})
	return r.entered(statemachine.StateRoute, m)
}

func executions(r *run, at time.Time) (*execution.Executions, *fake) {
	f := &fake{executions: map[string]*run{}}
	if r != nil {
		f.executions[executionARN+"0193"] = r
	}
	return &execution.Executions{Client: f, Guards: &f.table, Bus: &f.bus, StateMachineARN: machineARN, Now: func() time.Time { return at }}, f
}

// bus keeps what is put on it as "detail-type status", unless it takes nothing.
type bus struct {
	put []string
	err error
}

func (b *bus) Put(_ context.Context, detailType string, detail any) error {
	if b.err != nil {
		return b.err
	}
	o, _ := detail.(message.Outcome)
	b.put = append(b.put, fmt.Sprintf("%s %s %s", detailType, o.ID, o.Status))
	return nil
}

// table is the table of sends for one message.
type table struct {
	guard.Guard

	// sentMeanwhile says that it is sent before it can be cancelled.
	sentMeanwhile bool
	err           error
}

func (t *table) Opened(context.Context, string) (guard.Guard, bool, error) {
	return t.Guard, true, t.err
}

func (t *table) Cancel(context.Context, string, time.Time) error {
	if t.sentMeanwhile {
		t.Sent = true
	}
	switch {
	case t.err != nil:
		return t.err
	case t.Open || t.Sent:
		return guard.ErrNotCancellable
	}
	t.Cancelled = true
	return nil
}

// answers are what comes of each attempt at a call: a status, or 0 for an answer that is lost.
type answers []int

func (a *answers) Do(*http.Request) (*http.Response, error) {
	status := (*a)[0]
	*a = (*a)[1:]
	if status == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(`{"__type":"ThrottlingException"}`))}, nil
}

// Only who was refused each time knows that nothing was started: an attempt before may have succeeded unheard.
func TestWhatWasSurelyNotStarted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answers answers
		want    bool
	}{
		{answers{400, 400, 400}, true},
		{answers{0, 400, 400}, false},
		{answers{400, 500, 400}, false},
		{answers{400, 400, 0}, false},
		{answers{503, 503, 503}, false},
	} {
		attempts := c.answers
		e := execution.Executions{StateMachineARN: machineARN, Client: sfn.New(sfn.Options{
			Region: "ap-northeast-2", Credentials: aws.AnonymousCredentials{}, HTTPClient: &attempts,
			Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
				o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
			}),
		})}
		_, _, err := e.Start(t.Context(), newMessage())
		if errors.Is(err, execution.ErrNotStarted) != c.want || err == nil || len(attempts) > 0 {
			t.Errorf("%v: %v, and %d attempts are left", c.answers, err, len(attempts))
		}
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	e, f := executions(nil, created)
	m := newMessage()
	got, replayed, err := e.Start(t.Context(), m)
	if err != nil || replayed || got.ID != m.ID {
		t.Fatalf("got %v, %v, %v", got, replayed, err)
	}
	if r := f.executions[executionARN+"0193"]; r == nil || r.input != testkit.JSON(t, m) {
		t.Errorf("started %+v", r)
	}
}

func TestStartAgain(t *testing.T) {
	t.Parallel()
	first, later, other := newMessage(), newMessage(), newMessage()
	later.CreatedAt = created.Add(time.Minute)
	other.Fingerprint = "f2"
	for _, c := range []struct {
		name     string
		running  *run
		damage   func(*fake)
		again    message.Message
		replayed bool
		err      error
		other    string
	}{
		{name: "the same request while it runs", running: begin(t, first), again: later, replayed: true},
		{name: "the same request when it is over", running: begin(t, first).end(types.ExecutionStatusSucceeded), again: later, replayed: true},
		{name: "a repetition of the SDK's when it is over", running: begin(t, first).end(types.ExecutionStatusSucceeded), again: first},
		{name: "another request", running: begin(t, first), again: other, err: execution.ErrConflict},
		{name: "an execution that is no message", running: &run{status: types.ExecutionStatusRunning, input: `{}`}, again: first,
			other: "cannot be read yet"},
		{name: "it exists, but cannot be read yet", running: begin(t, first),
			damage: func(f *fake) { f.describe = &types.ExecutionDoesNotExist{} }, again: later, other: "cannot be read yet"},
		{name: "it exists, but cannot be read", running: begin(t, first), damage: func(f *fake) { f.describe = errors.New("throttled") },
			again: later, other: "throttled"},
		{name: "it cannot be started", damage: func(f *fake) { f.start = errors.New("throttled") }, again: first,
			other: "start message 0193: throttled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, f := executions(c.running, created)
			if c.damage != nil {
				c.damage(f)
			}
			got, replayed, err := e.Start(t.Context(), c.again)
			switch {
			case c.err != nil && !errors.Is(err, c.err), c.other != "" && (err == nil || !strings.Contains(err.Error(), c.other)):
				t.Errorf("got error %v", err)
			case c.err == nil && c.other == "" && (err != nil || replayed != c.replayed || !got.CreatedAt.Equal(created)):
				t.Errorf("got %v, %v, %v", got, replayed, err)
			}
		})
	}
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	foreign := newMessage()
	foreign.ID = "0194"
	for name, c := range map[string]struct {
		r        *run
		describe error
	}{
		"nothing":                   {},
		"not our ARN":               {describe: &types.InvalidArn{}},
		"no JSON":                   {r: &run{input: "x"}},
		"an execution of others":    {r: &run{input: `{"order":17}`}},
		"a message of another name": {r: begin(t, foreign)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, f := executions(c.r, created)
			f.describe = c.describe
			if _, _, err := e.Outcome(t.Context(), "0193"); !errors.Is(err, execution.ErrNotFound) {
				t.Errorf("Outcome: %v", err)
			}
			if _, err := e.Find(t.Context(), "0193"); !errors.Is(err, execution.ErrNotFound) {
				t.Errorf("Find: %v", err)
			}
			if _, err := e.Cancel(t.Context(), "0193"); !errors.Is(err, execution.ErrNotFound) {
				t.Errorf("Cancel: %v", err)
			}
		})
	}
}

// What Progress looks like at certain points of a message's way.
var (
	queuedAlimTalk = message.Progress{Queue: &message.Queue{Channel: message.AlimTalk}}
	accepted       = message.Progress{
		Recipients: []message.Result{
			{To: "010****5678", Status: message.Pending, Channel: message.AlimTalk},
			{To: "010****4321", Status: message.Pending, Channel: message.AlimTalk},
		},
		Batches: []message.Batch{{Channel: message.AlimTalk, MID: "1", At: created}}, Wait: 5,
	}
	oneUndelivered = message.Progress{
		Recipients: []message.Result{
			{To: "010****5678", Status: message.Delivered, Channel: message.AlimTalk, Code: "0"},
			{To: "010****4321", Status: message.Pending, Channel: message.AlimTalk, Code: "A", Reason: "not a KakaoTalk user"},
		},
		Batches: accepted.Batches, Queue: &message.Queue{Channel: message.SMS, Recipients: []int{1}},
	}
	perhapsAlimTalk = message.Progress{
		Recipients: []message.Result{
			{To: "010****5678", Status: message.Pending, Channel: message.AlimTalk, Code: message.CodeAmbiguous},
			{To: "010****4321", Status: message.Pending, Channel: message.AlimTalk, Code: message.CodeAmbiguous},
		},
		Queue: &message.Queue{Channel: message.SMS, Recipients: []int{0, 1}},
	}
	parkedFirst = message.Progress{Queue: queuedAlimTalk.Queue,
		Parked: &message.Parking{Cause: "ip", Reason: "register it", Since: created, Wait: 60}}
)

func failedWith(p message.Progress, name string) message.Progress {
	p.Failure = &message.Failure{Error: name, Since: created}
	return p
}

func inDoubt(p message.Progress) message.Progress {
	p.Doubt = &message.Doubt{Error: "Ambiguous", Since: created, At: created, Wait: 5}
	return p
}

func parked(p message.Progress) message.Progress {
	p.Parked = parkedFirst.Parked
	return p
}

func TestOutcome(t *testing.T) {
	t.Parallel()
	scheduled := newMessage()
	scheduled.SendAt = created.Add(time.Hour)
	m := newMessage()
	announced := message.Outcome{ID: "0193", Status: message.AllDelivered, CreatedAt: created, SettledAt: created.Add(12 * time.Second),
		Recipients: []message.Result{
			{To: "010****5678", Status: message.Delivered, Channel: message.AlimTalk, Code: "0"},
			{To: "010****4321", Status: message.Delivered, Channel: message.SMS},
		}}
	succeeded := begin(t, m)
	succeeded.status, succeeded.output = types.ExecutionStatusSucceeded, aws.String(testkit.JSON(t, announced))
	long := begin(t, m).entered(statemachine.StateReadReceipts, accepted)
	for range 50 {
		long.scheduled().failed("Transient")
	}
	var (
		aborted  = types.ExecutionStatusAborted
		failed   = types.ExecutionStatusFailed
		timedOut = types.ExecutionStatusTimedOut
	)
	for _, c := range []struct {
		name string
		run  *run
		want message.MessageStatus
		// recipients are "status channel code" of each.
		recipients []string
	}{
		{"announced", succeeded, message.AllDelivered, []string{"delivered alimtalk 0", "delivered sms "}},

		{"just started", &run{status: types.ExecutionStatusRunning, input: begin(t, m).input}, message.Sending,
			[]string{"pending  ", "pending  "}},
		{"just started, for later", &run{status: types.ExecutionStatusRunning, input: begin(t, scheduled).input}, message.Scheduled,
			[]string{"pending  ", "pending  "}},
		{"at Route, for later", begin(t, scheduled), message.Scheduled, []string{"pending  ", "pending  "}},
		{"waiting", begin(t, scheduled).entered(statemachine.StateWaitUntilSendTime, scheduled), message.Scheduled,
			[]string{"pending  ", "pending  "}},
		{"sending", begin(t, m).entered(statemachine.StateSendAlimTalk, queuedAlimTalk).scheduled(), message.Sending,
			[]string{"pending  ", "pending  "}},
		{"waiting for receipts", begin(t, m).entered(statemachine.StateWaitForReceipts, accepted), message.Sending,
			[]string{"pending alimtalk ", "pending alimtalk "}},
		{"reading receipts for a long time", long, message.Sending, []string{"pending alimtalk ", "pending alimtalk "}},
		{"sending the SMS", begin(t, m).entered(statemachine.StateSendSMS, oneUndelivered).scheduled(), message.Sending,
			[]string{"delivered alimtalk 0", "pending alimtalk A"}},
		{"parked", begin(t, m).entered(statemachine.StateWaitForRepair, parkedFirst), message.Parked, []string{"pending  ", "pending  "}},
		{"parked, trying again", begin(t, m).entered(statemachine.StateSendAlimTalk, parkedFirst).scheduled(), message.Parked,
			[]string{"pending  ", "pending  "}},
		{"parked before the SMS", begin(t, m).entered(statemachine.StateWaitForRepair, parked(oneUndelivered)), message.Parked,
			[]string{"delivered alimtalk 0", "pending alimtalk A"}},
		{"announcing", begin(t, m).entered(statemachine.StateAnnounce, announced).scheduled(), message.AllDelivered,
			[]string{"delivered alimtalk 0", "delivered sms "}},

		{"cancelled while it waited", begin(t, scheduled).entered(statemachine.StateWaitUntilSendTime, scheduled).end(aborted),
			message.MessageCancelled, []string{"failed  Cancelled", "failed  Cancelled"}},
		{"cancelled while it was parked", begin(t, m).entered(statemachine.StateWaitForRepair, parkedFirst).end(aborted),
			message.MessageCancelled, []string{"failed  Cancelled", "failed  Cancelled"}},
		{"stopped before the function was called", begin(t, m).entered(statemachine.StateSendAlimTalk, queuedAlimTalk).end(aborted),
			message.MessageCancelled, []string{"failed  Cancelled", "failed  Cancelled"}},
		{"stopped after throttling", begin(t, m).entered(statemachine.StateSendAlimTalk,
			queuedAlimTalk).scheduled().failed("Lambda.TooManyRequestsException").scheduled().failed("Transient").end(aborted),
			message.MessageCancelled, []string{"failed  Cancelled", "failed  Cancelled"}},
		{"stopped while sending", begin(t, m).entered(statemachine.StateSendAlimTalk, queuedAlimTalk).scheduled().end(aborted),
			message.PartlyDelivered, []string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped in the second attempt", begin(t, m).entered(statemachine.StateSendAlimTalk,
			queuedAlimTalk).scheduled().failed("Transient").scheduled().end(aborted), message.PartlyDelivered,
			[]string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped after a doubtful attempt", begin(t, m).entered(statemachine.StateSendAlimTalk,
			queuedAlimTalk).scheduled().failed("Ambiguous").end(aborted), message.PartlyDelivered,
			[]string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped right after sending", begin(t, m).entered(statemachine.StateSendAlimTalk, queuedAlimTalk).scheduled().succeeded().end(aborted),
			message.PartlyDelivered, []string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped with a failure to reconcile", begin(t, m).entered(statemachine.StateReconcile,
			failedWith(queuedAlimTalk, "Ambiguous")).scheduled().end(aborted), message.PartlyDelivered,
			[]string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped with a harmless failure to reconcile", begin(t, m).entered(statemachine.StateReconcile,
			failedWith(queuedAlimTalk, "Transient")).scheduled().end(aborted), message.MessageCancelled,
			[]string{"failed  Cancelled", "failed  Cancelled"}},
		{"stopped in doubt", begin(t, m).entered(statemachine.StateWaitToLookAgain, inDoubt(queuedAlimTalk)).end(aborted),
			message.PartlyDelivered, []string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped before the receipts", begin(t, m).entered(statemachine.StateWaitForReceipts, accepted).end(aborted), message.PartlyDelivered,
			[]string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"stopped before the SMS", begin(t, m).entered(statemachine.StateSendSMS, oneUndelivered).end(aborted), message.PartlyDelivered,
			[]string{"delivered alimtalk 0", "failed sms Stopped"}},
		{"stopped before the SMS of an AlimTalk that may have gone out", begin(t, m).entered(statemachine.StateWaitForRepair,
			parked(perhapsAlimTalk)).end(aborted), message.NoneDelivered, []string{"failed sms Stopped", "failed sms Stopped"}},
		{"stopped while sending the SMS", begin(t, m).entered(statemachine.StateSendSMS, oneUndelivered).scheduled().end(aborted),
			message.PartlyDelivered, []string{"delivered alimtalk 0", "unknown sms Stopped"}},
		{"stopped when nobody could find out", begin(t, m).entered(statemachine.StateSettled,
			map[string]any{"broken": "States.Timeout"}).end(aborted), message.PartlyDelivered, []string{"unknown  Stopped", "unknown  Stopped"}},

		{"failed before anything was sent", begin(t, m).end(failed), message.NoneDelivered, []string{"failed  Stopped", "failed  Stopped"}},
		{"failed while it waited for receipts", begin(t, m).entered(statemachine.StateWaitForReceipts, accepted).end(failed),
			message.PartlyDelivered, []string{"unknown alimtalk Stopped", "unknown alimtalk Stopped"}},
		{"could not be announced", begin(t, m).entered(statemachine.StateAnnounce,
			announced).scheduled().failed("EventBridge.FailedEntry").end(failed), message.AllDelivered,
			[]string{"delivered alimtalk 0", "delivered sms "}},
		{"timed out while it was parked", begin(t, m).entered(statemachine.StateWaitForRepair, parkedFirst).end(timedOut), message.NoneDelivered,
			[]string{"failed  Stopped", "failed  Stopped"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, _ := executions(c.run, created.Add(time.Second))
			m, o, err := e.Outcome(t.Context(), "0193")
			if err != nil {
				t.Fatal(err)
			}
			var recipients []string
			for _, r := range o.Recipients {
				recipients = append(recipients, fmt.Sprintf("%s %s %s", r.Status, r.Channel, r.Code))
			}
			if o.Status != c.want || !slices.Equal(recipients, c.recipients) || o.ID != "0193" || m.Caller != "jwt:someone" ||
				!o.CreatedAt.Equal(created) {
				t.Errorf("got %s %q (%+v)\nwant %s %q", o.Status, recipients, o, c.want, c.recipients)
			}
			final := o.Status != message.Scheduled && o.Status != message.Sending && o.Status != message.Parked
			if final == o.SettledAt.IsZero() || (o.Parked != nil) != (o.Status == message.Parked) {
				t.Errorf("%s, settled %v, parked %v", o.Status, o.SettledAt, o.Parked)
			}
			if b, err := json.Marshal(o); err != nil || strings.Contains(string(b), "01012345678") {
				t.Errorf("%s %v", b, err)
			}
		})
	}
}

func TestOutcomeOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	broken := begin(t, newMessage())
	broken.add(types.HistoryEvent{Type: types.HistoryEventTypeWaitStateEntered, StateEnteredEventDetails: &types.StateEnteredEventDetails{
		Name: aws.String(statemachine.StateWaitForReceipts), Input: aws.String(`{"recipients":[`),
	}})
	done := begin(t, newMessage())
	done.status = types.ExecutionStatusSucceeded
	for name, c := range map[string]struct {
		run    *run
		damage func(*fake)
		want   string
	}{
		"description": {begin(t, newMessage()), func(f *fake) { f.describe = errors.New("throttled") }, "message 0193: throttled"},
		"history":     {begin(t, newMessage()), func(f *fake) { f.history = errors.New("throttled") }, "read the history: throttled"},
		"input":       {broken, func(*fake) {}, `read the input of "Wait for receipts"`},
		"output":      {done, func(*fake) {}, "read the outcome"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, f := executions(c.run, created)
			c.damage(f)
			if _, _, err := e.Outcome(t.Context(), "0193"); err == nil || errors.Is(err, execution.ErrNotFound) ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	scheduled := newMessage()
	scheduled.SendAt = created.Add(time.Hour)
	waiting := func() *run { return begin(t, scheduled).entered(statemachine.StateWaitUntilSendTime, scheduled) }
	guarded := func() *run {
		m := scheduled
		m.Guarded = true
		return begin(t, m).entered(statemachine.StateWaitUntilSendTime, m)
	}
	inDoubtGuarded := func() *run {
		m := newMessage()
		m.Guarded = true
		return begin(t, m).entered(statemachine.StateWaitToLookAgain, inDoubt(queuedAlimTalk))
	}
	isParked := func() *run { return begin(t, newMessage()).entered(statemachine.StateWaitForRepair, parkedFirst) } // since second 2, for 60 s
	delivered := begin(t, newMessage())
	delivered.status, delivered.output = types.ExecutionStatusSucceeded,
		aws.String(testkit.JSON(t, message.Outcome{ID: "0193", Status: message.AllDelivered}))
	for _, c := range []struct {
		name   string
		run    *run
		at     time.Duration
		damage func(*fake)
		reason string
		err    string
		// announced is what is on the bus of a message that could not be cancelled; those that were are announced as that.
		announced string
	}{
		{name: "scheduled", run: waiting()},
		{name: "scheduled, in time", run: waiting(), at: time.Hour - 10*time.Second},
		{name: "scheduled, too late", run: waiting(), at: time.Hour - 9*time.Second, reason: "the message is about to be sent"},
		{name: "parked", run: isParked(), at: 52 * time.Second},
		{name: "parked, about to try again", run: isParked(), at: 53 * time.Second, reason: "the message is about to be sent"},
		{name: "parked in the middle", run: begin(t, newMessage()).entered(statemachine.StateWaitForRepair, parked(oneUndelivered)),
			reason: "a part of the message has been sent already"},
		{name: "being sent", run: begin(t, newMessage()).entered(statemachine.StateSendAlimTalk, queuedAlimTalk).scheduled(),
			reason: "the message is being sent"},
		{name: "on its way", run: begin(t, newMessage()).entered(statemachine.StateWaitForReceipts, accepted),
			reason: "the message is being sent"},
		{name: "just started", run: begin(t, newMessage()), reason: "the message is being sent"},
		{name: "delivered", run: delivered, reason: "the message is settled: delivered"},
		{name: "cancelled already", run: waiting().end(types.ExecutionStatusAborted), at: 2 * time.Hour},
		{name: "stopped already, and redriven since it was described", run: waiting().end(types.ExecutionStatusAborted), damage: func(f *fake) {
			f.table.sentMeanwhile = true
		}, reason: "the message has been sent, or is being sent"},
		{name: "stopped in the middle", run: begin(t, newMessage()).entered(statemachine.StateWaitForReceipts,
			accepted).end(types.ExecutionStatusAborted), reason: "the message is settled: partial"},
		{
			name: "it wakes up in that moment, but sends nothing", run: waiting(),
			damage: func(f *fake) { f.onStop = func(r *run) { r.entered(statemachine.StateSendAlimTalk, queuedAlimTalk) } },
		},
		{name: "nothing of a guarded message is open", run: guarded(), at: time.Hour - time.Second},
		{name: "in doubt, but no send of a guarded message is open", run: inDoubtGuarded()},
		{name: "a send of a guarded message is open", run: guarded(), damage: func(f *fake) { f.table.Open = true },
			reason: "the message has been sent, or is being sent"},
		{name: "the table cannot be asked", run: guarded(), damage: func(f *fake) { f.table.err = errors.New("no table") },
			err: "cancel message 0193: no table"},
		{name: "Step Functions does not stop it", run: waiting(), damage: func(f *fake) { f.stop = errors.New("throttled") },
			err: "cancel message 0193: throttled"},
		{name: "the history lags", run: waiting(), damage: func(f *fake) { f.lag = 9 }},
		{name: "the history lags for long", run: waiting(), damage: func(f *fake) { f.lag = 100 }, err: "does not go as far as the end"},
		{name: "the bus does not take it", run: waiting(), damage: func(f *fake) { f.bus.err = errors.New("no route to host") },
			err: "announce message 0193: no route to host"},
		{
			name: "it expires in that moment", run: waiting(),
			damage: func(f *fake) {
				f.onStop = func(r *run) {
					r.entered(statemachine.StateAnnounce, message.Outcome{ID: "0193", Status: message.MessageExpired})
				}
			},
			reason: "the message is settled: expired", announced: "MessageSettled 0193 expired",
		},
		{name: "the history cannot be read", run: waiting(), damage: func(f *fake) { f.history = errors.New("throttled") }, err: "throttled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, f := executions(c.run, created.Add(c.at))
			if c.damage != nil {
				c.damage(f)
			}
			var o message.Outcome
			var err error
			synctest.Test(t, func(t *testing.T) { o, err = e.Cancel(t.Context(), "0193") })
			announced := c.announced
			if c.err == "" && c.reason == "" {
				announced = "MessageSettled 0193 cancelled"
			}
			if put := strings.Join(f.bus.put, ", "); put != announced {
				t.Errorf("announced %q", put)
			}
			var not *execution.NotCancellableError
			switch {
			case c.err != "":
				if err == nil || errors.As(err, &not) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got %v, want %q", err, c.err)
				}
			case c.reason != "":
				if !errors.As(err, &not) || not.Reason != c.reason {
					t.Errorf("got %v, want %q", err, c.reason)
				}
				if c.damage == nil && c.run.status == types.ExecutionStatusAborted && c.name != "stopped in the middle" {
					t.Error("it was stopped all the same")
				}
			case err != nil || o.Status != message.MessageCancelled || c.run.status != types.ExecutionStatusAborted ||
				o.Recipients[0].Code != message.CodeCancelled || o.Recipients[0].Channel != "":
				t.Errorf("got %+v, %v; the execution is %s", o, err, c.run.status)
			case !f.table.Cancelled:
				t.Error("whoever redrives it sends it")
			}
		})
	}
}

func TestAnAliasStartsExecutionsThatHaveTheMachinesName(t *testing.T) {
	t.Parallel()
	e, _ := executions(&run{t: t, status: types.ExecutionStatusRunning, input: testkit.JSON(t, newMessage())}, created)
	e.StateMachineARN += ":live"
	if m, err := e.Find(t.Context(), "0193"); err != nil || m.ID != "0193" {
		t.Errorf("found %q, %v", m.ID, err)
	}
}

// What is cancelled between a refused AlimTalk and its SMS was cancelled as the SMS: campaigns tell by that that nothing was sent.
func TestWhatACancellationAfterARefusalLooksLike(t *testing.T) {
	t.Parallel()
	m := newMessage()
	m.Guarded = true
	refused := message.Result{Status: message.Pending, Channel: message.AlimTalk, Code: message.CodeRejected}
	p := parked(message.Progress{
		Sends: 1, Recipients: []message.Result{refused, refused}, Queue: &message.Queue{Channel: message.SMS, Recipients: []int{0, 1}},
	})
	e, _ := executions(begin(t, m).entered(statemachine.StateWaitForRepair, p), created)
	synctest.Test(t, func(t *testing.T) {
		o, err := e.Cancel(t.Context(), "0193")
		if err != nil || o.Recipients[0].Channel != message.SMS || o.Recipients[0].Code != message.CodeCancelled {
			t.Errorf("%+v, %v", o, err)
		}
	})
}
