package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/clock"
)

// Which names in ErrorEquals take which error, as AWS documents it.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
func TestErrorEquals(t *testing.T) {
	t.Parallel()
	heartbeat := failure{name: "States.Timeout", heartbeat: true}
	cases := []struct {
		err   failure
		names string
		want  bool
	}{
		{failure{name: "X"}, "X", true},
		{failure{name: "X"}, "Y X", true},
		{failure{name: "X"}, "x", false},
		{failure{name: "X"}, "States.ALL", true},
		{failure{name: "X"}, "States.TaskFailed", true},
		{failure{name: "X"}, "States.Timeout", false},
		{failure{name: ""}, "States.ALL", true},

		{failure{name: "States.TaskFailed"}, "States.TaskFailed", true},
		{failure{name: "States.TaskFailed"}, "States.ALL", true},

		{failure{name: "States.Timeout"}, "States.Timeout", true},
		{failure{name: "States.Timeout"}, "States.TaskFailed", false},
		{failure{name: "States.Timeout"}, "States.HeartbeatTimeout", false},
		{failure{name: "States.Timeout"}, "States.ALL", true},
		{heartbeat, "States.HeartbeatTimeout", true},
		{heartbeat, "States.Timeout", true},
		{heartbeat, "States.TaskFailed", false},

		{failure{name: "States.QueryEvaluationError"}, "States.QueryEvaluationError", true},
		{failure{name: "States.QueryEvaluationError"}, "States.ALL", true},
		{failure{name: "States.QueryEvaluationError"}, "States.TaskFailed", true},

		{failure{name: "States.DataLimitExceeded"}, "States.ALL", false},
		{failure{name: "States.DataLimitExceeded", ofTask: true}, "States.ALL", true},
		{failure{name: "States.DataLimitExceeded", ofTask: true}, "States.TaskFailed", false},
		{failure{name: "States.DataLimitExceeded"}, "States.TaskFailed", false},
		{failure{name: "States.DataLimitExceeded"}, "States.DataLimitExceeded", true},

		{failure{name: "States.Runtime"}, "States.ALL", false},
		{failure{name: "States.Runtime"}, "States.TaskFailed", false},
		{failure{name: "States.Runtime"}, "States.Runtime", false},
	}
	for _, c := range cases {
		if got := c.err.matches(strings.Fields(c.names)); got != c.want {
			t.Errorf("[%s] takes %s (heartbeat %v): %v, want %v", c.names, c.err.name, c.err.heartbeat, got, c.want)
		}
	}
}

// The pauses between attempts.
func TestRetryDelays(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, retrier string
		random        float64
		want          []time.Duration
	}{
		{"the defaults: 3 retries after 1, 2 and 4 seconds", `"ErrorEquals":["X"]`, 0, []time.Duration{1, 2, 4}},
		{"an interval and a rate", `"ErrorEquals":["X"],"IntervalSeconds":3,"MaxAttempts":4,"BackoffRate":1.5`, 0,
			[]time.Duration{3, 4500, 6750, 10125}},
		{"a rate of one", `"ErrorEquals":["X"],"IntervalSeconds":5,"BackoffRate":1`, 0, []time.Duration{5, 5, 5}},
		{"a rate of two held by the longest delay",
			`"ErrorEquals":["X"],"IntervalSeconds":3,"BackoffRate":2,"MaxDelaySeconds":10,"MaxAttempts":5`, 0, []time.Duration{3, 6, 10, 10, 10}},
		{"a rate that overflows", `"ErrorEquals":["X"],"BackoffRate":1e300,"MaxDelaySeconds":60`, 0, []time.Duration{1, 60, 60}},
		{"a rate that overflows, held by the longest delay of all", `"ErrorEquals":["X"],"BackoffRate":1e300,"MaxAttempts":2`, 0,
			[]time.Duration{1, 99_999_999_000}},
		{"full jitter draws from zero to the delay", `"ErrorEquals":["X"],"IntervalSeconds":4,"JitterStrategy":"FULL"`, 0.25,
			[]time.Duration{1, 2, 4}},
		{"full jitter draws from the held delay", `"ErrorEquals":["X"],"IntervalSeconds":4,"MaxDelaySeconds":6,"JitterStrategy":"FULL"`, 0.5,
			[]time.Duration{2, 3, 3}},
		{"no jitter draws nothing", `"ErrorEquals":["X"],"JitterStrategy":"NONE"`, 0.5, []time.Duration{1, 2, 4}},
		{"no attempts", `"ErrorEquals":["X"],"MaxAttempts":0`, 0, nil},
		{"another error", `"ErrorEquals":["Y"]`, 0, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := answers("!X")
				tr := newTrial(t, machine(t, `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{`+c.retrier+`}],"End":true}`), w,
					`{}`)
				tr.env.Random = func() float64 { return c.random }
				wantFailed(t, tr.run(t.Context()), "X")
				var got []time.Duration
				for i := range len(w.calls) - 1 {
					got = append(got, w.calls[i+1].at.Sub(w.calls[i].at))
				}
				for i := range c.want {
					if c.want[i] < 1000 {
						c.want[i] *= 1000
					}
					c.want[i] *= time.Millisecond
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("pauses are %v, want %v", got, c.want)
				}
			})
		})
	}
}

// Each retrier counts its own retries, in the order of the list, and what is used up goes to Catch.
func TestRetryCountersAreSeparate(t *testing.T) {
	t.Parallel()
	const states = `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[
			{"ErrorEquals":["X"],"MaxAttempts":2,"IntervalSeconds":1,"BackoffRate":1},
			{"ErrorEquals":["Y","Z"],"MaxAttempts":1,"IntervalSeconds":10},
			{"ErrorEquals":["States.ALL"],"MaxAttempts":1,"IntervalSeconds":100}],
		"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B","Output":"{% $states.errorOutput.Error & $states.context.State.RetryCount %}"}],
			"End":true},
		"B":{"Type":"Succeed"}`
	cases := []struct {
		name, errors, want string
		after              time.Duration
	}{
		{"the first retrier is used up", "X X X", `"X2"`, 2 * time.Second},
		{"two retriers in turn", "X Y X X", `"X3"`, 12 * time.Second},
		{"one retrier counts for all its names", "Y Z", `"Z1"`, 10 * time.Second},
		{"a used-up retrier does not pass on to a later one", "X X X", `"X2"`, 2 * time.Second},
		{"the wildcard takes what no other takes", "X Q X Q", `"Q3"`, 102 * time.Second},
		{"it succeeds in the end", "X Y Q ok", `1`, 111 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				results := strings.Fields(c.errors)
				for i, r := range results {
					results[i] = map[bool]string{true: "1", false: "!" + r}[r == "ok"]
				}
				w := answers(results...)
				tr := newTrial(t, machine(t, states), w, `{}`)
				wantSucceeded(t, tr.run(t.Context()), c.want)
				if len(w.calls) != len(results) || tr.after() != c.after {
					t.Errorf("%d calls in %v, want %d in %v", len(w.calls), tr.after(), len(results), c.after)
				}
			})
		})
	}
}

// Arguments are evaluated again for every attempt.
func TestRetryEvaluatesArgumentsAgain(t *testing.T) {
	t.Parallel()
	w := answers("!X", "!X", "1")
	res, _ := execute(t, machine(t, `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{"ErrorEquals":["X"]}],
		"Arguments":{"at":"{% $now() %}","retry":"{% $states.context.State.RetryCount %}"},"End":true}`), w, `{}`)
	wantSucceeded(t, res, `1`)
	for i, want := range []string{
		`{"at":"2000-01-01T00:00:00.000Z","retry":0}`, `{"at":"2000-01-01T00:00:01.000Z","retry":1}`,
		`{"at":"2000-01-01T00:00:03.000Z","retry":2}`,
	} {
		if w.calls[i].arguments != want {
			t.Errorf("attempt %d was asked %s, want %s", i, w.calls[i].arguments, want)
		}
	}
}

// Retry and Catch take the errors of the state's own expressions, too.
func TestHandlersTakeQueryErrors(t *testing.T) {
	t.Parallel()
	w := answers(`{}`, `{"x":1}`)
	res, _ := execute(t, machine(t, `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":"{% $states.result.x %}",
		"Retry":[{"ErrorEquals":["States.QueryEvaluationError"]}],"End":true}`), w, `{}`)
	wantSucceeded(t, res, `1`)
	res, h := execute(t, machine(t, `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":"{% $states.input.x %}",
		"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Next":"B","Output":"caught"}],"End":true},"B":{"Type":"Succeed"}`), w, `{}`)
	wantSucceeded(t, res, `"caught"`)
	wantLines(t, h.types()[1:4], "TaskStateEntered A", "EvaluationFailed", "TaskStateExited A")
}

// Catchers are tried in their order.
func TestCatchOrder(t *testing.T) {
	t.Parallel()
	const states = `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":1,"Catch":[
			{"ErrorEquals":["X"],"Next":"B","Output":"first"},
			{"ErrorEquals":["Y","X"],"Next":"B","Output":"second"},
			{"ErrorEquals":["States.TaskFailed"],"Next":"B","Output":"third"},
			{"ErrorEquals":["States.ALL"],"Next":"B","Output":"fourth"}],"End":true},
		"B":{"Type":"Succeed"}`
	for answer, want := range map[string]string{"!X": `"first"`, "!Y": `"second"`, "!Z": `"third"`, "!States.Timeout": `"fourth"`} {
		res, _ := execute(t, machine(t, states), answers(answer), `{}`)
		wantSucceeded(t, res, want)
	}
	res, _ := execute(t, machine(t, states), takes(time.Minute), `{}`)
	wantSucceeded(t, res, `"fourth"`)
}

// Parallel and Map are retried as a whole, and their errors are caught.
func TestHandlersOfParallelAndMap(t *testing.T) {
	t.Parallel()
	inner := `{"StartAt":"B","States":{"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}}}`
	for _, state := range []string{`"Type":"Parallel","Branches":[` + inner + `]`, `"Type":"Map","Items":[1],"ItemProcessor":` + inner} {
		res, h := execute(t, machine(t, `"A":{`+state+`,"Retry":[{"ErrorEquals":["X"],"MaxAttempts":1}],
			"Catch":[{"ErrorEquals":["X"],"Next":"C","Output":"{% $states.errorOutput.Cause %}"}],"End":true},"C":{"Type":"Succeed"}`),
			answers("!X"), `{}`)
		wantSucceeded(t, res, `"call 1"`)
		kind := strings.TrimSuffix(h.types()[1], "StateEntered A")
		started := slices.DeleteFunc(h.lines(), func(l string) bool {
			return !strings.Contains(l, kind+"StateStarted") && !strings.Contains(l, kind+"StateFailed")
		})
		if len(started) != 4 || !strings.HasPrefix(started[2], fmt.Sprintf("%d<%d", h.events[slices.Index(h.lines(), started[2])].ID,
			h.events[slices.Index(h.lines(), started[1])].ID)) {
			t.Errorf("started and failed: %q", started)
		}
	}
}

// A task's own limits end the task, the execution's ends everything and cannot be caught.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	const catch = `"Retry":[{"ErrorEquals":["Other"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"B","Output":"{% $states.errorOutput ` +
		`%}"}],`
	cases := []struct {
		name, top, task    string
		status, error, out string
		after              time.Duration
		last               []string
	}{
		{"a task's timeout is an error of its state", ``, `"TimeoutSeconds":5,`, Failed, "States.Timeout", ``, 5 * time.Second,
			[]string{"TaskStarted", "TaskTimedOut", "ExecutionFailed"}},
		{"a task's timeout can be caught", ``, `"TimeoutSeconds":5,` + catch, Succeeded, ``, `{"Error":"States.Timeout","Cause":""}`,
			5 * time.Second,
			[]string{"TaskTimedOut", "TaskStateExited A", "SucceedStateEntered B", "SucceedStateExited B", "ExecutionSucceeded"}},
		{"a task's timeout can be computed", ``, `"TimeoutSeconds":"{% $states.input.n * 2 %}",`, Failed, "States.Timeout", ``, 6 * time.Second,
			[]string{"TaskTimedOut", "ExecutionFailed"}},
		{"a task's timeout can be retried, each attempt with its full time", ``,
			`"TimeoutSeconds":5,"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":1}],`,
			Failed, "States.Timeout", ``, 11 * time.Second, []string{"TaskScheduled", "TaskStarted", "TaskTimedOut", "ExecutionFailed"}},
		{"a task without heartbeat", ``,
			`"TimeoutSeconds":9,"HeartbeatSeconds":4,"Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"B"}],`,
			Succeeded, ``, `{"Error":"States.Timeout","Cause":""}`, 4 * time.Second,
			[]string{"TaskTimedOut", "TaskStateExited A", "SucceedStateEntered B", "SucceedStateExited B", "ExecutionSucceeded"}},
		{"the execution's timeout during a task", `"TimeoutSeconds":3,`, `"TimeoutSeconds":5,` + catch, TimedOut, ``, ``, 3 * time.Second,
			[]string{"TaskStarted", "ExecutionTimedOut"}},
		{"the execution's timeout during the pause before a retry", `"TimeoutSeconds":7,`,
			`"TimeoutSeconds":5,"Retry":[{"ErrorEquals":["States.Timeout"],"IntervalSeconds":10}],`,
			TimedOut, ``, ``, 7 * time.Second, []string{"TaskTimedOut", "ExecutionTimedOut"}},
		{"both at the same moment: the execution's", `"TimeoutSeconds":5,`, `"TimeoutSeconds":5,` + catch, TimedOut, ``, ``, 5 * time.Second,
			[]string{"TaskStarted", "ExecutionTimedOut"}},
		{"neither", `"TimeoutSeconds":61,`, `"TimeoutSeconds":61,`, Succeeded, ``, `1`, time.Minute,
			[]string{"TaskSucceeded", "TaskStateExited A", "ExecutionSucceeded"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				states := `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",` + c.task + `"End":true}`
				if strings.Contains(c.task, `"B"`) {
					states += `,"B":{"Type":"Succeed"}`
				}
				tr := newTrial(t, machineWith(t, c.top, states), takes(time.Minute), `{"n":3}`)
				res := tr.run(t.Context())
				if res.Status != c.status || res.Error != c.error || res.Cause != "" || string(res.Output) != c.out || tr.after() != c.after {
					t.Errorf("ended %s %s %q (%s) after %v; want %s %s %q after %v", res.Status, res.Output, res.Error, res.Cause, tr.after(), c.status,
						c.out, c.error, c.after)
				}
				types := tr.history.types()
				wantLines(t, types[len(types)-len(c.last):], c.last...)
				if e := tr.history.last("ExecutionTimedOut"); c.status == TimedOut &&
					(e.PreviousEventID != 0 || e.Execution.Error != "States.Timeout") {
					t.Errorf("ExecutionTimedOut is %+v", e)
				}
			})
		})
	}
}

// The execution's timeout ends a Wait, and branches, and wins when it falls on the end of a Wait.
func TestExecutionTimeoutElsewhere(t *testing.T) {
	t.Parallel()
	wait := func(seconds int) string { return fmt.Sprintf(`{"Type":"Wait","Seconds":%d,"End":true}`, seconds) }
	for name, states := range map[string]string{
		"a longer wait":           `"A":` + wait(60),
		"a wait to the very same": `"A":` + wait(10),
		"a wait in a branch": `"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":` + wait(60) +
			`}},{"StartAt":"C","States":{"C":` + wait(1) +
			`}}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"D"}],"Next":"D"},"D":{"Type":"Succeed"}`,
		"a loop": `"A":{"Type":"Wait","Seconds":3,"Next":"B"},"B":{"Type":"Choice","Choices":[{"Condition":false,"Next":"C"}],` +
			`"Default":"A"},"C":{"Type":"Succeed"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, machineWith(t, `"TimeoutSeconds":10,`, states), nil, `{}`)
				if res := tr.run(t.Context()); res.Status != TimedOut || res.Error != "" || tr.after() != 10*time.Second {
					t.Errorf("ended %s %q after %v", res.Status, res.Error, tr.after())
				}
				types := tr.history.types()
				if types[len(types)-1] != "ExecutionTimedOut" || slices.Contains(types, "WaitStateExited B") {
					t.Errorf("history is %q", types)
				}
			})
		})
	}
}

// Task limits run in the machine's time even when the execution's runs faster; waits and the execution's own do not.
func TestTimeoutsOnAFasterClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machineWith(t, `"TimeoutSeconds":100000,`, `"A":{"Type":"Wait","Seconds":1000,"Next":"B"},
			"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":5,"Catch":[{"ErrorEquals":["States.Timeout"],
				"Next":"C"}],"End":true},
			"C":{"Type":"Wait","Seconds":1000000,"End":true}`)
		tr := newTrial(t, m, takes(time.Hour), `{}`)
		tr.env.Clock = clock.Real(1000)
		if res := tr.run(t.Context()); res.Status != TimedOut || tr.after().Round(time.Millisecond) != 100*time.Second {
			t.Errorf("ended %s after %v", res.Status, tr.after())
		}
		if e := tr.history.last("TaskTimedOut"); e.Type == "" {
			t.Error("the task did not time out")
		}
	})
}

// The end of the context aborts the execution, with the error and cause that StopExecution was given.
func TestAbort(t *testing.T) {
	t.Parallel()
	states := map[string]string{
		"a wait": `"A":{"Type":"Wait","Seconds":60,"End":true}`,
		"a task": `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],` +
			`"End":true},"B":{"Type":"Succeed"}`,
		"a retry": `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":1,` +
			`"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":60}],"End":true}`,
		"some branches": `"A":{"Type":"Map","Items":[1,2],"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":60,` +
			`"End":true}}},"End":true}`,
	}
	for name, s := range states {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				tr := newTrial(t, machine(t, s), takes(time.Hour), `{}`)
				go func() {
					time.Sleep(5 * time.Second)
					cancel(fmt.Errorf("stop: %w", &Abort{Name: "Cancelled", Cause: "by the caller"}))
				}()
				res := tr.run(ctx)
				if res.Status != Aborted || res.Error != "Cancelled" || res.Cause != "by the caller" || tr.after() != 5*time.Second ||
					!res.Redrivable() {
					t.Errorf("ended %+v after %v", res, tr.after())
				}
				if e := tr.history.events[len(tr.history.events)-1]; e.Type != "ExecutionAborted" || e.PreviousEventID != 0 ||
					e.Execution.Error != "Cancelled" || e.Execution.Cause != "by the caller" {
					t.Errorf("last event is %+v", e)
				}
			})
		})
	}
}

func TestAbortWithoutReason(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := machine(t, `"A":{"Type":"Pass","End":true}`)
	h := &history{}
	res := m.Run(ctx, Env{Clock: clock.Real(1)}, Execution{}, h.record)
	if res.Status != Aborted || res.Error != "" || res.Cause != "" {
		t.Errorf("ended %+v", res)
	}
	wantLines(t, h.lines(), "1<0 ExecutionStarted", "2<0 ExecutionAborted")
	if text, err := json.Marshal(h.events[1]); err != nil || !strings.HasSuffix(string(text),
		`"previousEventId":0,"executionAbortedEventDetails":{}}`) {
		t.Errorf("event is %s (%v)", text, err)
	}
}
