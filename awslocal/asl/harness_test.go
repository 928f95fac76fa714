package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/clock"
)

const (
	invoke       = "arn:aws:states:::lambda:invoke"
	executionARN = "arn:aws:states:ap-northeast-2:000000000000:execution:machine:one"
	machineARN   = "arn:aws:states:ap-northeast-2:000000000000:stateMachine:machine"
)

// machine parses a definition whose states are given; the first one named starts it.
func machine(t *testing.T, states string) *Machine {
	t.Helper()
	return machineWith(t, "", states)
}

// machineWith is machine with further top-level fields, each followed by a comma.
func machineWith(t *testing.T, fields, states string) *Machine {
	t.Helper()
	var start string
	if _, err := fmt.Sscanf(strings.TrimSpace(states), "%q", &start); err != nil {
		t.Fatalf("states do not begin with a name: %v", err)
	}
	m, err := Parse(fmt.Appendf(nil, `{"QueryLanguage":"JSONata",%s"StartAt":%q,"States":{%s}}`, fields, start, states))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// history collects the events of an execution.
type history struct {
	events []Event
}

func (h *history) record(e Event) { h.events = append(h.events, e) }

// types lists the events as "id<previous Type name".
func (h *history) lines() []string {
	lines := make([]string, len(h.events))
	for i, e := range h.events {
		lines[i] = fmt.Sprintf("%d<%d %s", e.ID, e.PreviousEventID, e.Type)
		switch {
		case e.StateEntered != nil:
			lines[i] += " " + e.StateEntered.Name
		case e.StateExited != nil:
			lines[i] += " " + e.StateExited.Name
		case e.Map != nil && e.Map.Index != nil:
			lines[i] += fmt.Sprintf(" %d", *e.Map.Index)
		}
	}
	return lines
}

// types lists the types of the events, states with their names.
func (h *history) types() []string {
	lines := h.lines()
	for i, line := range lines {
		_, lines[i], _ = strings.Cut(line, " ")
	}
	return lines
}

func (h *history) last(kind string) Event {
	for _, e := range slices.Backward(h.events) {
		if e.Type == kind {
			return e
		}
	}
	return Event{}
}

func wantLines(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("history is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// worker is the Task of lambda:invoke. It answers call n (from 0) of each function with what the test says.
type worker struct {
	mu    sync.Mutex
	calls []call
	work  func(ctx context.Context, n int, function string, payload json.RawMessage) (string, error)
}

type call struct {
	at        time.Time
	function  string
	arguments string
}

func (w *worker) do(ctx context.Context, c Call) (json.RawMessage, error) {
	var arguments struct {
		FunctionName string
		Payload      json.RawMessage
	}
	_ = json.Unmarshal(c.Arguments, &arguments) // arguments need not be an object
	w.mu.Lock()
	n := 0
	for _, earlier := range w.calls {
		if earlier.function == arguments.FunctionName {
			n++
		}
	}
	w.calls = append(w.calls, call{at: time.Now(), function: arguments.FunctionName, arguments: string(c.Arguments)})
	w.mu.Unlock()
	result, err := w.work(ctx, n, arguments.FunctionName, arguments.Payload)
	return json.RawMessage(result), err
}

// answers lets call n return results[n], and the last one from then on; a result that begins with ! is the name of an error.
func answers(results ...string) *worker {
	return &worker{work: func(_ context.Context, n int, _ string, _ json.RawMessage) (string, error) {
		r := results[min(n, len(results)-1)]
		if name, isError := strings.CutPrefix(r, "!"); isError {
			return "", &TaskError{Name: name, Cause: "call " + fmt.Sprint(n)}
		}
		return r, nil
	}}
}

// takes lets every call take d of the machine's time, or until it is told to stop, and answer 1.
func takes(d time.Duration) *worker {
	return &worker{work: func(ctx context.Context, _ int, _ string, _ json.RawMessage) (string, error) {
		select {
		case <-time.After(d):
			return `1`, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}}
}

// trial is one execution in a bubble of its own time.
type trial struct {
	t       *testing.T
	machine *Machine
	env     Env
	ex      Execution
	history *history
	began   time.Time
	traced  []string
}

// newTrial must be called inside a bubble.
func newTrial(t *testing.T, m *Machine, w *worker, input string) *trial {
	t.Helper()
	tr := &trial{t: t, machine: m, history: &history{}, began: time.Now()}
	tr.env = Env{Clock: clock.Real(1), Tasks: map[string]Task{}, Trace: func(path string) { tr.traced = append(tr.traced, path) }}
	if w != nil {
		tr.env.Tasks[invoke] = w.do
	}
	tr.ex = Execution{
		ARN: executionARN, Name: "one", StateMachineARN: machineARN, StateMachineName: "machine",
		RoleARN: "arn:aws:iam::000000000000:role/r", Input: json.RawMessage(input),
	}
	return tr
}

func (tr *trial) run(ctx context.Context) Result {
	return tr.machine.Run(ctx, tr.env, tr.ex, tr.history.record)
}

func (tr *trial) redrive(past Result) Result {
	tr.ex.RedriveCount++
	return tr.machine.Redrive(tr.t.Context(), tr.env, tr.ex, past, int64(len(tr.history.events)), tr.history.record)
}

// after is the time since the trial began.
func (tr *trial) after() time.Duration { return time.Since(tr.began) }

// execute runs one machine to its end in a bubble.
func execute(t *testing.T, m *Machine, w *worker, input string) (res Result, h *history) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, m, w, input)
		res, h = tr.run(t.Context()), tr.history
	})
	return res, h
}

func wantSucceeded(t *testing.T, res Result, output string) {
	t.Helper()
	if res.Status != Succeeded || string(res.Output) != output {
		t.Errorf("ended %s with output %s, error %q (%s); want %s", res.Status, res.Output, res.Error, res.Cause, output)
	}
}

func wantFailed(t *testing.T, res Result, name string) {
	t.Helper()
	if res.Status != Failed || res.Error != name {
		t.Errorf("ended %s with output %s, error %q (%s); want error %q", res.Status, res.Output, res.Error, res.Cause, name)
	}
}

// refused lists what Parse has refused, as "path: message".
func refused(t *testing.T, definition string) []string {
	t.Helper()
	_, err := Parse([]byte(definition))
	if err == nil {
		return nil
	}
	var bad *DefinitionError
	if !errors.As(err, &bad) {
		t.Fatalf("Parse returned %T: %v", err, err)
	}
	lines := make([]string, len(bad.Problems))
	for i, p := range bad.Problems {
		lines[i] = p.Path + ": " + p.Message
	}
	return lines
}
