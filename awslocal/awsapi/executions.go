package awsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/eventbus"
	"sms-api/awslocal/rawjson"
)

// nameLifetime is how long the name of a closed execution cannot be used again.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
const nameLifetime = 90 * 24 * time.Hour

// redriveLifetime is how long after its end an execution can be redriven.
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
const redriveLifetime = 14 * 24 * time.Hour

// A client token redrives once, for so long and among the last so many.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html
const (
	tokenLifetime = 15 * time.Minute
	maxTokens     = 10
)

// maxEventData is how many bytes of escaped input and output a status change event carries.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
const maxEventData = 248 * 1024

const running = "RUNNING"

// stateMachine is a state machine with the executions it remembers.
type stateMachine struct {
	name, arn, roleARN, definition string
	created                        time.Time
	machine                        *asl.Machine

	mu     sync.Mutex
	byName map[string]*execution
	// started has the executions by their number, oldest first, and nil where one has been forgotten.
	started []*execution
	// first is the number of started[0].
	first int
	// finished has the executions that have ended, in the order in which they ended, and finishedBytes is how large their
	// histories are together.
	finished      []*execution
	finishedBytes int
}

// execution is one execution. Its own lock guards what changes while it runs, so that executions do not wait for each other.
type execution struct {
	machine *stateMachine
	// number counts the executions of the machine.
	number    int
	arn, name string
	input     string
	start     time.Time
	trace     string

	mu       sync.Mutex
	status   string
	result   asl.Result
	events   []asl.Event
	bytes    int
	redrives []time.Time
	tokens   []redriveToken
	cancel   context.CancelCauseFunc
	// ended is closed when the run has ended.
	ended chan struct{}
}

// redriveToken is a client token that has redriven an execution, and when.
type redriveToken struct {
	token string
	at    time.Time
}

// snapshot is what is known of an execution at one moment.
type snapshot struct {
	status   string
	result   asl.Result
	redrives []time.Time
}

func (x *execution) snapshot() snapshot {
	x.mu.Lock()
	defer x.mu.Unlock()
	return snapshot{x.status, x.result, slices.Clone(x.redrives)}
}

// history is the events from the one with the ID first on, at most limit of them, in either direction, and the ID of the
// one after them, or 0.
func (x *execution) history(first int64, limit int, reverse bool) (events []asl.Event, next int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	last := int64(len(x.events))
	if !reverse {
		first = max(first, 1)
		end := min(first+int64(limit)-1, last)
		if first > end {
			return nil, 0
		}
		if end < last {
			next = end + 1
		}
		return slices.Clone(x.events[first-1 : end]), next
	}
	if first == 0 {
		first = last
	}
	first = min(first, last)
	end := max(first-int64(limit), 0)
	events = slices.Clone(x.events[end:first])
	slices.Reverse(events)
	return events, end
}

// redriveStatus says whether the execution can be redriven and, if not, why.
func (s snapshot) redriveStatus(now time.Time) (status, reason string) {
	switch {
	case s.status == running || s.status == asl.Succeeded:
		return "NOT_REDRIVABLE", fmt.Sprintf("Execution is %s and cannot be redriven", s.status)
	case !s.result.Redrivable():
		return "NOT_REDRIVABLE", "Execution cannot be redriven from the point where it ended"
	case now.Sub(s.result.StopTime) > redriveLifetime:
		return "NOT_REDRIVABLE", "Execution's redrivable period exceeded"
	}
	return "REDRIVABLE", ""
}

// start starts an execution under the rules of StartExecution: a name belongs to one execution for 90 days after its end,
// and starting it again with the same input while it runs is the same start.
func (s *states) start(machine *stateMachine, name, input, trace string) (*execution, error) {
	now := s.endpoint.clock.Now()
	x := &execution{
		machine: machine, arn: executionARN(machine.name, name), name: name, input: input, start: now, trace: trace,
		status: running, ended: make(chan struct{}),
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	x.cancel = cancel

	machine.mu.Lock()
	defer machine.mu.Unlock()
	if old, ok := machine.byName[name]; ok {
		was := old.snapshot()
		if was.status == running && old.input == input {
			return old, nil
		}
		if was.status == running || now.Sub(was.result.StopTime) < nameLifetime {
			return nil, &ServiceError{Code: "ExecutionAlreadyExists", Message: fmt.Sprintf("Execution Already Exists: '%s'", old.arn)}
		}
		machine.forget(old)
	}
	x.number = machine.first + len(machine.started)
	if !s.background.startOn(s.endpoint.clock, func() {
		s.emit(x, snapshot{status: running})
		s.ended(x, machine.machine.Run(ctx, s.endpoint.env, x.description(0), x.record))
	}) {
		cancel(nil)
		return nil, &ServiceError{Code: "ServiceUnavailable", Status: 503, Message: "The local endpoint is closed."}
	}
	machine.byName[name] = x
	machine.started = append(machine.started, x)
	return x, nil
}

func (x *execution) description(redrive int) asl.Execution {
	return asl.Execution{
		ARN: x.arn, Name: x.name, StateMachineARN: x.machine.arn, StateMachineName: x.machine.name, RoleARN: x.machine.roleARN,
		Input: json.RawMessage(x.input), StartTime: x.start, RedriveCount: redrive,
	}
}

func (x *execution) record(event asl.Event) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.events = append(x.events, event)
	x.bytes += dataSize(event)
}

// dataSize is about how many bytes an event holds. Texts that events share are counted in each.
func dataSize(e asl.Event) int {
	const fixed = 200
	switch {
	case e.Execution != nil:
		return fixed + len(e.Execution.Input) + len(e.Execution.Output) + len(e.Execution.Cause)
	case e.StateEntered != nil:
		return fixed + len(e.StateEntered.Input)
	case e.StateExited != nil:
		n := fixed + len(e.StateExited.Output)
		for _, value := range e.StateExited.AssignedVariables {
			n += len(value)
		}
		return n
	case e.Task != nil:
		return fixed + len(e.Task.Parameters) + len(e.Task.Output) + len(e.Task.Cause)
	}
	return fixed
}

// ended notes how a run ended, forgets the oldest executions that are too many, and tells the event bus.
func (s *states) ended(x *execution, result asl.Result) {
	m := x.machine
	m.mu.Lock()
	x.mu.Lock()
	x.status, x.result = result.Status, result
	x.cancel(nil)
	close(x.ended)
	is := snapshot{x.status, x.result, slices.Clone(x.redrives)}
	x.mu.Unlock()
	m.finished = append(m.finished, x)
	m.finishedBytes += x.bytes
	for len(m.finished) > s.endpoint.kept || m.finishedBytes > s.endpoint.keptBytes && len(m.finished) > 1 {
		m.forget(m.finished[0])
	}
	m.mu.Unlock()
	if s.background.isClosed() {
		// The execution ends because the process does: nobody stopped it, and nobody is to react to it.
		return
	}
	s.emit(x, is)
}

// forget removes a finished execution. The machine must be locked.
func (m *stateMachine) forget(x *execution) {
	if m.byName[x.name] == x {
		delete(m.byName, x.name)
	}
	m.unfinish(x)
	m.started[x.number-m.first] = nil
	gone := 0
	for gone < len(m.started) && m.started[gone] == nil {
		gone++
	}
	m.started, m.first = m.started[gone:], m.first+gone
}

// unfinish takes an execution out of those that have ended. The machine must be locked.
func (m *stateMachine) unfinish(x *execution) {
	switch i := slices.Index(m.finished, x); {
	case i < 0:
		return
	case i == 0:
		// The usual case: the oldest goes.
		m.finished = m.finished[1:]
	default:
		m.finished = slices.Delete(m.finished, i, i+1)
	}
	m.finishedBytes -= x.bytes
}

// stop stops an execution, waits until it has ended, and returns when that was. One that has ended already stays as it is.
func (x *execution) stop(name, cause string) time.Time {
	x.mu.Lock()
	ended := x.ended
	x.cancel(&asl.Abort{Name: name, Cause: cause})
	x.mu.Unlock()
	// No task of this endpoint outlives its context, so this is soon.
	<-ended
	return x.snapshot().result.StopTime
}

// redrive takes an execution up again where it failed, once for a token that is not empty.
func (s *states) redrive(x *execution, token string) (time.Time, error) {
	now := s.endpoint.clock.Now()
	x.machine.mu.Lock()
	defer x.machine.mu.Unlock()
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, earlier := range x.tokens {
		if token != "" && earlier.token == token && now.Sub(earlier.at) <= tokenLifetime {
			return earlier.at, nil
		}
	}
	was := snapshot{x.status, x.result, slices.Clone(x.redrives)}
	if status, reason := was.redriveStatus(now); status != "REDRIVABLE" {
		return now, &ServiceError{Code: "ExecutionNotRedrivable", Message: fmt.Sprintf("Execution '%s' is not redrivable. %s", x.arn, reason)}
	}
	if x.machine.byName[x.name] != x {
		return now, executionDoesNotExist(x.arn)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	is := snapshot{status: running, redrives: append(was.redrives, now)}
	lastEvent := int64(len(x.events))
	if !s.background.startOn(s.endpoint.clock, func() {
		s.emit(x, is)
		s.ended(x, x.machine.machine.Redrive(ctx, s.endpoint.env, x.description(len(is.redrives)), was.result, lastEvent, x.record))
	}) {
		cancel(nil)
		return now, &ServiceError{Code: "ServiceUnavailable", Status: 503, Message: "The local endpoint is closed."}
	}
	x.status, x.result, x.redrives, x.cancel, x.ended = is.status, is.result, is.redrives, cancel, make(chan struct{})
	if token != "" {
		x.tokens = append(x.tokens, redriveToken{token, now})
		x.tokens = x.tokens[max(0, len(x.tokens)-maxTokens):]
	}
	x.machine.unfinish(x)
	return now, nil
}

// dataDetails stands beside an input or output and says whether it is there.
type dataDetails struct {
	Included bool `json:"included"`
}

// emit puts the status of an execution on the default bus, as Step Functions does.
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
func (s *states) emit(x *execution, is snapshot) {
	now := s.endpoint.clock.Now()
	milliseconds := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		ms := t.UnixMilli()
		return &ms
	}
	optional := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	redriveStatus, redriveReason := is.redriveStatus(now)
	var redriveDate *int64
	if n := len(is.redrives); n > 0 {
		redriveDate = milliseconds(is.redrives[n-1])
	}
	input, inputDetails := optional(x.input), &dataDetails{true}
	output, outputDetails := optional(string(is.result.Output)), &dataDetails{true}
	if escapedSize(x.input)+escapedSize(string(is.result.Output)) > maxEventData {
		input, inputDetails = nil, &dataDetails{false}
	}
	switch {
	case output == nil:
		outputDetails = nil
	case escapedSize(*output) > maxEventData:
		output, outputDetails = nil, &dataDetails{false}
	}
	detail := func(input, output *string) (string, error) {
		text, err := rawjson.Marshal(struct {
			ExecutionARN           string       `json:"executionArn"`
			StateMachineARN        string       `json:"stateMachineArn"`
			Name                   string       `json:"name"`
			Status                 string       `json:"status"`
			StartDate              *int64       `json:"startDate"`
			StopDate               *int64       `json:"stopDate"`
			Input                  *string      `json:"input"`
			InputDetails           *dataDetails `json:"inputDetails"`
			Output                 *string      `json:"output"`
			OutputDetails          *dataDetails `json:"outputDetails"`
			Error                  *string      `json:"error"`
			Cause                  *string      `json:"cause"`
			StateMachineVersionARN *string      `json:"stateMachineVersionArn"`
			StateMachineAliasARN   *string      `json:"stateMachineAliasArn"`
			RedriveCount           int          `json:"redriveCount"`
			RedriveDate            *int64       `json:"redriveDate"`
			RedriveStatus          string       `json:"redriveStatus"`
			RedriveStatusReason    *string      `json:"redriveStatusReason"`
		}{
			x.arn, x.machine.arn, x.name, is.status, milliseconds(x.start), milliseconds(is.result.StopTime),
			input, inputDetails, output, outputDetails, optional(is.result.Error), optional(is.result.Cause),
			nil, nil, len(is.redrives), redriveDate, redriveStatus, optional(redriveReason),
		})
		return string(text), err
	}
	brief, err := detail(nil, nil)
	if err == nil {
		_, err = s.endpoint.events.Emit(context.Background(), eventbus.Entry{
			Source: "aws.states", DetailType: "Step Functions Execution Status Change", Resources: []string{x.arn}, Time: now,
		}, eventbus.Detail{
			Brief: brief, Large: []string{"input", "output"}, Whole: func() (string, error) { return detail(input, output) },
		})
	}
	if err != nil {
		s.endpoint.log.Error("execution status event not put", "execution", x.arn, "status", is.status, "error", err)
	}
}

// escapedSize is how long a text is inside a JSON string.
func escapedSize(text string) int {
	return len(text) + strings.Count(text, `"`) + strings.Count(text, `\`) + strings.Count(text, "\n")
}

// close stops all executions and waits for them to end.
func (s *states) close(ctx context.Context) error {
	s.background.close()
	s.mu.RLock()
	machines := s.machines
	s.mu.RUnlock()
	for _, m := range machines {
		m.mu.Lock()
		for _, x := range m.started {
			if x != nil {
				x.mu.Lock()
				x.cancel(&asl.Abort{Cause: "the local endpoint was closed"})
				x.mu.Unlock()
			}
		}
		m.mu.Unlock()
	}
	if err := s.background.wait(ctx); err != nil {
		return fmt.Errorf("executions still running: %w", err)
	}
	return nil
}
