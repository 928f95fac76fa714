package asl

import (
	"context"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"sms-api/awslocal/clock"
	"sms-api/awslocal/rawjson"
)

// run is one execution on its way.
type run struct {
	machine   *Machine
	env       Env
	execution Execution
	redriven  time.Time // when it was redriven, zero if it was not
	deadline  time.Time // zero: none
	region    string
	cancel    context.CancelCauseFunc

	mu       sync.Mutex // guards what follows, and lets recorder and Env.Trace be called one at a time
	recorder func(Event)
	lastID   int64
	full     bool
}

// position is where a line of states stands: enough to go on from there.
type position struct {
	state     *state
	input     *value
	variables map[string]*value
	previous  int64 // event
	before    int64 // event before the state was entered
	enteredID int64 // event of entering state; 0: not entered yet
	entered   time.Time
	startedID int64 // event of starting the branches or iterations
	children  []child
}

// child is a branch of a Parallel or an iteration of a Map: done, begun, or (both nil) not yet begun.
type child struct {
	output *value
	at     *position
}

// Run executes the machine and returns when the execution has ended. The end of ctx aborts it, with the error and
// cause of an *Abort if that is the cause of ctx's end. record is told every event in order, one at a time; it must not
// wait for the execution. The caller has to check the input as StartExecution does: JSON of at most 262,144 bytes; an
// execution with any other ends FAILED.
func (m *Machine) Run(ctx context.Context, env Env, ex Execution, record func(Event)) Result {
	r := m.newRun(env, ex, record)
	r.record(0, Event{Type: "ExecutionStarted", Execution: &ExecutionDetails{
		Input: string(r.execution.Input), InputDetails: untruncated, RoleARN: ex.RoleARN,
	}})
	return r.execute(ctx, &position{state: m.root.start, input: newValue(string(r.execution.Input))})
}

// Redrive goes on where past has ended, with the same input and variables: the state that failed, was stopped or timed
// out runs again with all its retries, and of a Parallel or Map only what has not succeeded. The execution's timeout
// begins anew. lastEventID is the last event of the history so far; ex.RedriveCount counts this redrive.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
func (m *Machine) Redrive(ctx context.Context, env Env, ex Execution, past Result, lastEventID int64, record func(Event)) Result {
	r := m.newRun(env, ex, record)
	r.lastID = lastEventID
	r.redriven = env.Clock.Now()
	if past.resume == nil {
		return Result{Status: Failed, Error: errRuntime, Cause: "The execution cannot be redriven.", StopTime: r.redriven}
	}
	r.record(lastEventID, Event{Type: "ExecutionRedriven", Execution: &ExecutionDetails{RedriveCount: ex.RedriveCount}})
	return r.execute(ctx, past.resume.clone())
}

func (m *Machine) newRun(env Env, ex Execution, record func(Event)) *run {
	if ex.Input == nil {
		ex.Input = json.RawMessage("{}")
	}
	if ex.StartTime.IsZero() {
		ex.StartTime = env.Clock.Now()
	}
	r := &run{machine: m, env: env, execution: ex, recorder: record}
	if parts := strings.SplitN(ex.StateMachineARN, ":", 5); len(parts) == 5 {
		r.region = parts[3]
	}
	if m.timeout > 0 {
		r.deadline = env.Clock.Now().Add(m.timeout)
	}
	return r
}

// execute follows the states from a position to the end of the execution.
func (r *run) execute(ctx context.Context, at *position) Result {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.cancel = cancel
	if timeout := r.machine.timeout; timeout > 0 {
		// The states' own waits look at the deadline themselves; this one is for tasks that are under way.
		clock.Go(r.env.Clock, func() {
			if r.env.Clock.Sleep(ctx, timeout) == nil {
				cancel(errExecutionTimedOut)
			}
		})
	}
	l := &line{
		run: r, ctx: ctx, position: at,
		executionInput: newValue(string(r.execution.Input)),
	}
	if at.variables == nil {
		at.variables = map[string]*value{}
	}
	var output *value
	fail := r.validInput()
	if fail == nil {
		output, fail = l.follow()
	}
	return r.finish(ctx, l, output, fail)
}

// validInput refuses what StartExecution does not let through.
func (r *run) validInput() *failure {
	switch {
	case !rawjson.Valid(r.execution.Input):
		return &failure{name: errRuntime, cause: "The execution's input is not JSON."}
	case len(r.execution.Input) > maxDataBytes:
		return &failure{name: errDataLimitExceeded, cause: "The execution's input has more than 262144 bytes."}
	}
	return nil
}

// finish records how the execution ended.
func (r *run) finish(ctx context.Context, l *line, output *value, fail *failure) Result {
	res := Result{StopTime: r.env.Clock.Now()}
	switch cause := context.Cause(ctx); {
	case r.full:
		res.Status, res.Error = Failed, errRuntime
		res.Cause = "The execution reached the maximum number of history events (25000)."
		r.record(r.lastID, Event{Type: "ExecutionFailed", Execution: &ExecutionDetails{Error: res.Error, Cause: res.Cause}})
		return res
	case fail == nil:
		res.Status, res.Output = Succeeded, json.RawMessage(output.text)
		r.record(l.previous, Event{Type: "ExecutionSucceeded", Execution: &ExecutionDetails{
			Output: output.text, OutputDetails: untruncated,
		}})
		return res
	case !fail.stopped:
		res.Status, res.Error, res.Cause = Failed, fail.name, fail.cause
		r.record(l.previous, Event{Type: "ExecutionFailed", Execution: &ExecutionDetails{Error: res.Error, Cause: res.Cause}})
	case errors.Is(cause, errExecutionTimedOut):
		res.Status = TimedOut
		r.record(0, Event{Type: "ExecutionTimedOut", Execution: &ExecutionDetails{Error: errTimeout}})
	default:
		res.Status = Aborted
		var abort *Abort
		if errors.As(cause, &abort) {
			res.Error, res.Cause = abort.Name, abort.Cause
		}
		r.record(0, Event{Type: "ExecutionAborted", Execution: &ExecutionDetails{Error: res.Error, Cause: res.Cause}})
	}
	res.resume = l.position
	return res
}

// record adds an event and returns its id. When the history has room for the last event only, any other stops the
// execution.
func (r *run) record(previous int64, e Event) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastID >= maxEvents-1 && e.Type != "ExecutionSucceeded" && e.Type != "ExecutionFailed" {
		r.full = true
		if r.cancel != nil {
			r.cancel(errHistoryFull)
		}
		return previous
	}
	r.lastID++
	e.ID, e.PreviousEventID, e.Timestamp = r.lastID, previous, r.env.Clock.Now()
	r.recorder(e)
	return e.ID
}

// random is the source of jitter and $random.
func (r *run) random() float64 {
	if r.env.Random != nil {
		return r.env.Random()
	}
	return mathrand.Float64() //nolint:gosec // not for secrets
}

func (r *run) trace(path string) {
	if r.env.Trace != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.env.Trace(path)
	}
}

// expired reports whether the execution's TimeoutSeconds are over, and stops it if they are. That makes a wait that
// ends at the very deadline time out, always.
func (r *run) expired() bool {
	if r.deadline.IsZero() || r.env.Clock.Now().Before(r.deadline) {
		return false
	}
	r.cancel(errExecutionTimedOut)
	return true
}

// clone is a position that another run may change.
func (p *position) clone() *position {
	if p == nil {
		return nil
	}
	c := *p
	c.input = p.input.share()
	c.variables = shareAll(p.variables)
	c.children = make([]child, len(p.children))
	for i, ch := range p.children {
		c.children[i] = child{output: ch.output, at: ch.at.clone()}
	}
	return &c
}

func shareAll(variables map[string]*value) map[string]*value {
	c := make(map[string]*value, len(variables))
	for name, v := range variables {
		c[name] = v.share()
	}
	return c
}
