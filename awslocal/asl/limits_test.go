package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// padding is an expression for a JSON string of so many bytes, quotes included, of an execution with the input halfLimit.
func padding(bytes int) string {
	const half = "$states.context.Execution.Input"
	return fmt.Sprintf(`"{%% $substring(%s & %s, 0, %d) %%}"`, half, half, bytes-2)
}

func halfLimit() string { return `"` + strings.Repeat("x", maxDataBytes/2) + `"` }

// 262,144 bytes of UTF-8 are allowed at every boundary of a state, one more is States.DataLimitExceeded, which States.ALL does
// not take, as AWS documents it, except when it is what a task returned, as AWS has been recorded to do.
func TestDataLimit(t *testing.T) {
	t.Parallel()
	catch := func(name string) string {
		return `"Catch":[{"ErrorEquals":["` + name + `"],"Next":"B","Output":"caught"}],`
	}
	cases := []struct {
		name, states string // %s: handlers; "pad": a JSON string of the bytes to try, "pad - n": of n bytes less
		worker       func(bytes int) *worker
		cause        string
		all          bool // States.ALL takes it
	}{
		{name: "a task's arguments",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":"pad","Output":"fits",%s"End":true}`,
			cause:  "'A' returned a result"},
		{name: "a task's result", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":"fits",%s"End":true}`,
			cause:  "'lambda' returned a result",
			worker: func(bytes int) *worker { return answers(`"` + strings.Repeat("x", bytes-2) + `"`) }, all: true},
		{name: "a task's result in letters of three bytes",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":"fits",%s"End":true}`,
			cause:  "'lambda' returned a result",
			all:    true,
			worker: func(bytes int) *worker {
				return answers(`"` + strings.Repeat("가", (bytes-2)/3) + strings.Repeat("x", (bytes-2)%3) + `"`)
			}},
		{name: "a task's output",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":"pad",%s"Next":"C"},"C":{"Type":"Pass",` +
				`"Output":"fits","End":true}`, cause: "'A' returned a result"},
		{name: "a Parallel's arguments",
			states: `"A":{"Type":"Parallel","Arguments":"pad","Branches":[{"StartAt":"D","States":{"D":{"Type":"Pass","Output":1,"End":true}}}],` +
				`"Output":"fits",%s"End":true}`,
			cause: "'A' returned a result"},
		{name: "a Parallel's result",
			states: `"A":{"Type":"Parallel","Branches":[{"StartAt":"D","States":{"D":{"Type":"Pass","Output":"pad - ` +
				`2","End":true}}}],%s"Next":"C"},"C":{"Type":"Pass","Output":"fits","End":true}`,
			cause: "'A' returned a result"},
		{name: "an item", states: `"A":{"Type":"Map","Items":[1],"ItemSelector":"pad","ItemProcessor":{"StartAt":"D",` +
			`"States":{"D":{"Type":"Pass","Output":1,"End":true}}},"Output":"fits",%s"End":true}`,
			cause: "'A' returned a result"},
		{name: "the variables of one state",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Assign":{"x":1,"y":"pad - 1"},"Output":"fits",%s"End":true}`,
			cause:  "The Assign field exceeds the maximum variable assignment size by 1 bytes."},
	}
	for _, c := range cases {
		for _, over := range []int{0, 1} {
			for _, handler := range []string{"States.ALL", "States.DataLimitExceeded"} {
				t.Run(fmt.Sprintf("%s/over by %d/%s", c.name, over, handler), func(t *testing.T) {
					t.Parallel()
					size := maxDataBytes + over
					states := strings.NewReplacer(`"pad"`, padding(size), `"pad - 1"`, padding(size-1), `"pad - 2"`, padding(size-2)).
						Replace(fmt.Sprintf(c.states, catch(handler)))
					w := answers(`1`)
					if c.worker != nil {
						w = c.worker(size)
					}
					res, _ := execute(t, machine(t, states+`,"B":{"Type":"Succeed"}`), w, halfLimit())
					switch {
					case over == 0:
						wantSucceeded(t, res, `"fits"`)
					case handler == "States.ALL" && !c.all:
						wantFailed(t, res, "States.DataLimitExceeded")
						if !strings.Contains(res.Cause, c.cause) {
							t.Errorf("cause is %s", res.Cause)
						}
					default:
						wantSucceeded(t, res, `"caught"`)
					}
				})
			}
		}
	}
}

// A state that cannot catch ends the execution.
func TestDataLimitWithoutCatch(t *testing.T) {
	t.Parallel()
	for name, states := range map[string]string{
		"Pass":    `"A":{"Type":"Pass","Output":"pad","Next":"B"},"B":{"Type":"Succeed"}`,
		"Succeed": `"A":{"Type":"Succeed","Output":"pad"}`,
		"Choice":  `"A":{"Type":"Choice","Choices":[{"Condition":true,"Next":"B","Output":"pad"}]},"B":{"Type":"Succeed"}`,
	} {
		res, _ := execute(t, machine(t, strings.ReplaceAll(states, `"pad"`, padding(maxDataBytes+1))), nil, halfLimit())
		if wantFailed(t, res, "States.DataLimitExceeded"); t.Failed() {
			t.Fatal(name)
		}
	}
}

// All variables together may have 10 MiB.
func TestVariablesLimit(t *testing.T) {
	t.Parallel()
	var states strings.Builder
	for i := range 42 {
		if i == 40 { // all is full: to replace a variable is still possible
			fmt.Fprintf(&states, `"S40":{"Type":"Pass","Assign":{"x0":%s},"Next":"S41"},`, padding(maxDataBytes))
			continue
		}
		fmt.Fprintf(&states, `"S%d":{"Type":"Pass","Assign":{"x%d":%s},"Next":"S%d"},`, i, i, padding(maxDataBytes), i+1)
	}
	states.WriteString(`"S42":{"Type":"Succeed"}`)
	res, h := execute(t, machine(t, states.String()), nil, halfLimit())
	wantFailed(t, res, "States.DataLimitExceeded")
	if want := "Execution total variable size limit exceeded. State 'S41' assigned variables that exceed the total execution limit by " +
		"262144 bytes."; !strings.HasSuffix(res.Cause, want) {
		t.Errorf("cause is %s", res.Cause)
	}
	if e := h.last("EvaluationFailed"); e.Evaluation == nil || e.Evaluation.Location != "Assign" ||
		e.Evaluation.Error != "States.DataLimitExceeded" {
		t.Errorf("EvaluationFailed is %+v", e)
	}
}

// Overwriting a variable frees what it held.
func TestVariablesAreReplaced(t *testing.T) {
	t.Parallel()
	m := machine(t, `"Z":{"Type":"Pass","Output":0,"Next":"A"},
		"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input > 50 %}","Next":"C"}],"Default":"B"},
		"B":{"Type":"Pass","Assign":{"x":`+padding(maxDataBytes)+`},"Output":"{% $states.input + 1 %}","Next":"A"},
		"C":{"Type":"Succeed","Output":"{% $length($x) %}"}`)
	res, _ := execute(t, m, nil, halfLimit())
	wantSucceeded(t, res, `262142`)
}

// A history has 25,000 events at most, the last of which says so.
func TestEventsLimit(t *testing.T) {
	t.Parallel()
	for name, states := range map[string]string{
		"a loop": `"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Condition":false,"Next":"C"}],"Default":"A"},` +
			`"C":{"Type":"Succeed"}`,
		"a loop in branches": `"Z":{"Type":"Map","Items":[1,2,3],"ItemProcessor":{"StartAt":"A","States":{
			"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Condition":false,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}},
			"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"D"}],"Next":"D"},"D":{"Type":"Succeed"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, h := execute(t, machine(t, states), nil, `{}`)
			wantFailed(t, res, "States.Runtime")
			if res.Cause != "The execution reached the maximum number of history events (25000)." || res.Redrivable() {
				t.Errorf("cause %q, redrivable %v", res.Cause, res.Redrivable())
			}
			last := h.events[len(h.events)-1]
			if len(h.events) != 25_000 || last.ID != 25_000 || last.PreviousEventID != 24_999 || last.Type != "ExecutionFailed" {
				t.Errorf("%d events, the last is %+v", len(h.events), last)
			}
			for i, e := range h.events {
				if e.ID != int64(i+1) || e.PreviousEventID >= e.ID {
					t.Fatalf("event %d is %+v", i, e)
				}
			}
		})
	}
}

// A task whose start does not fit into the history is not called.
func TestEventsLimitStopsTasks(t *testing.T) {
	t.Parallel()
	// ExecutionStarted, a Pass (2), 6,248 rounds of 4, the Choice that leaves (2), and TaskStateEntered are 24,998.
	m := machine(t, `"S":{"Type":"Pass","Next":"A"},"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input = 6248 `+
		`%}","Next":"B"}],"Default":"C"},
		"C":{"Type":"Pass","Output":"{% $states.input + 1 %}","Next":"A"},"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",`+
		`"End":true}`)
	w := answers(`1`)
	res, h := execute(t, m, w, `0`)
	wantFailed(t, res, "States.Runtime")
	if len(w.calls) != 0 || len(h.events) != 25_000 || h.events[24_998].Type != "TaskScheduled" {
		t.Errorf("%d calls, %d events, the last but one is %s", len(w.calls), len(h.events), h.events[24_998].Type)
	}
}

// An execution that ends with event 25,000 has ended well.
func TestEventsLimitIsReachedExactly(t *testing.T) {
	t.Parallel()
	// ExecutionStarted, a Pass (2), 6,248 rounds of 4, the Choice that leaves (2), Succeed (2), ExecutionSucceeded.
	m := machine(t, `"S":{"Type":"Pass","Next":"A"},"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input = 6248 `+
		`%}","Next":"B"}],"Default":"C"},
		"C":{"Type":"Pass","Output":"{% $states.input + 1 %}","Next":"A"},"B":{"Type":"Succeed"}`)
	for start, want := range map[string]string{`0`: Succeeded, `-1`: Failed} {
		res, h := execute(t, m, nil, start)
		if res.Status != want || len(h.events) != 25_000 {
			t.Errorf("from %s: %s after %d events", start, res.Status, len(h.events))
		}
	}
}

// Redrive runs the state that has failed again, with its input and variables, and with all its retries.
func TestRedrive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machineWith(t, `"TimeoutSeconds":10,`, `"A":{"Type":"Wait","Seconds":6,"Assign":{"x":5},"Output":{"from":"A"},"Next":"B"},
			"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{"ErrorEquals":["X"],"MaxAttempts":1,"IntervalSeconds":2}],
				"Arguments":{"input":"{% $states.input %}","x":"{% $x %}",
					"execution":"{% $states.context.Execution.($string(RedriveCount) & ' ' & RedriveTime) %}",
					"retries":"{% $states.context.State.RetryCount %}"},
				"Next":"C"},
			"C":{"Type":"Wait","Seconds":6,"End":true}`)
		w := answers("!X", "!X", "!X", `"done"`)
		tr := newTrial(t, m, w, `{}`)
		res := tr.run(t.Context())
		wantFailed(t, res, "X")
		time.Sleep(time.Hour)
		res = tr.redrive(res)
		wantSucceeded(t, res, `"done"`) // 2 + 6 seconds: the timeout began anew
		wantLines(t, tr.history.lines(),
			"1<0 ExecutionStarted", "2<0 WaitStateEntered A", "3<2 WaitStateExited A",
			"4<3 TaskStateEntered B", "5<4 TaskScheduled", "6<5 TaskStarted", "7<6 TaskFailed", "8<7 TaskScheduled", "9<8 TaskStarted",
			"10<9 TaskFailed",
			"11<10 ExecutionFailed",
			"12<11 ExecutionRedriven",
			"13<4 TaskScheduled", "14<13 TaskStarted", "15<14 TaskFailed", "16<15 TaskScheduled", "17<16 TaskStarted", "18<17 TaskSucceeded",
			"19<18 TaskStateExited B",
			"20<19 WaitStateEntered C", "21<20 WaitStateExited C", "22<21 ExecutionSucceeded")
		if e := tr.history.events[11]; e.Execution.RedriveCount != 1 {
			t.Errorf("ExecutionRedriven is %+v", e.Execution)
		}
		if text, err := json.Marshal(tr.history.events[11]); err != nil ||
			!strings.HasSuffix(string(text), `"executionRedrivenEventDetails":{"redriveCount":1}}`) {
			t.Errorf("ExecutionRedriven is %s (%v)", text, err)
		}
		for i, want := range []string{
			`"execution":"0 ","retries":0`, `"execution":"0 ","retries":1`, `"execution":"1 2000-01-01T01:00:08.000Z","retries":0`,
			`"execution":"1 2000-01-01T01:00:08.000Z","retries":1`,
		} {
			if want = `{"input":{"from":"A"},"x":5,` + want + `}`; w.calls[i].arguments != want {
				t.Errorf("attempt %d was asked %s, want %s", i, w.calls[i].arguments, want)
			}
		}
	})
}

// Whatever ended the execution, a redrive goes on from there; and it can be redriven again.
func TestRedriveAfterAnyEnd(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, states string
		stop         time.Duration
		want         []string // after ExecutionRedriven
	}{
		{"aborted in a Wait: it waits again", `"A":{"Type":"Wait","Seconds":60,"End":true}`, 5 * time.Second,
			[]string{"WaitStateExited A", "ExecutionSucceeded"}},
		{"timed out in a Wait", `"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Wait","Seconds":60,"End":true}`, 0,
			[]string{"WaitStateExited B", "ExecutionSucceeded"}},
		{"aborted in a Task", `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`, 5 * time.Second,
			[]string{"TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited A", "ExecutionSucceeded"}},
		{"aborted in the pause of a retry",
			`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":1,"Retry":[{"ErrorEquals":["States.ALL"],` +
				`"IntervalSeconds":40}],"End":true}`, 5 * time.Second,
			[]string{"TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited A", "ExecutionSucceeded"}},
		{"an expression that does not fail any more",
			`"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.context.Execution.RedriveCount = 1 %}","Next":"B"}]},"B":{"Type":"Succeed"}`,
			0,
			[]string{"ChoiceStateExited A", "SucceedStateEntered B", "SucceedStateExited B", "ExecutionSucceeded"}},
		{"a Fail state fails again", `"A":{"Type":"Fail","Error":"E"}`, 0, []string{"ExecutionFailed"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &worker{work: func(ctx context.Context, n int, _ string, _ json.RawMessage) (string, error) {
					if n > 0 {
						return `1`, nil
					}
					<-ctx.Done()
					return "", ctx.Err()
				}}
				tr := newTrial(t, machineWith(t, `"TimeoutSeconds":60,`, c.states), w, `{}`)
				ctx, cancel := context.WithCancel(t.Context())
				if c.stop > 0 {
					time.AfterFunc(c.stop, cancel)
				}
				res := tr.run(ctx)
				cancel()
				if res.Status == Succeeded || !res.Redrivable() {
					t.Fatalf("ended %+v", res)
				}
				tr.machine.timeout = 61 * time.Second // a wait of 60 seconds now fits
				before := len(tr.history.events)
				res = tr.redrive(res)
				types := tr.history.types()[before:]
				wantLines(t, types, append([]string{"ExecutionRedriven"}, c.want...)...)
				if (res.Status == Succeeded) == res.Redrivable() {
					t.Errorf("ended %s, redrivable %v", res.Status, res.Redrivable())
				}
			})
		})
	}
}

// Of a Parallel or a Map only what has not succeeded runs again.
func TestRedriveOfBranches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := machine(t, `"A":{"Type":"Map","Items":["quick","bad","slow","late"],"MaxConcurrency":3,"ItemProcessor":{"StartAt":"P","States":{
				"P":{"Type":"Pass","Assign":{"mine":"{% $states.input & '!' %}"},"Next":"B"},
				"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"{% $states.input %}"},
					"Output":"{% $mine & $states.result %}","Next":"E"},
				"E":{"Type":"Succeed"}}},"End":true}`)
		w := &worker{work: func(ctx context.Context, n int, function string, _ json.RawMessage) (string, error) {
			pause := map[string]time.Duration{"quick": 2, "bad": 2, "slow": 9, "late": 1}[function]
			select {
			case <-time.After(pause * time.Second):
			case <-ctx.Done():
				return "", ctx.Err()
			}
			if function == "bad" && n == 0 {
				time.Sleep(time.Millisecond) // after quick
				return "", &TaskError{Name: "X"}
			}
			return fmt.Sprint(n), nil
		}}
		tr := newTrial(t, m, w, `{}`)
		first := tr.run(t.Context())
		wantFailed(t, first, "X")
		failedEvents := len(tr.history.events)
		for range 2 { // the same result can be redriven twice: the first time leaves it as it is
			tr.history.events = tr.history.events[:failedEvents]
			tr.ex.RedriveCount = 0
			n := len(w.calls)
			res := tr.redrive(first)
			if res.Status != Succeeded || !strings.HasPrefix(string(res.Output), `["quick!0","bad!`) {
				t.Errorf("ended %s %s: %s", res.Status, res.Output, res.Cause)
			}
			for _, c := range w.calls[n:] {
				if c.function == "quick" {
					t.Error("what had succeeded ran again")
				}
			}
			if ran := len(w.calls) - n; ran != 3 {
				t.Errorf("%d tasks ran again, want 3", ran)
			}
		}
		for _, line := range tr.history.types()[failedEvents:] {
			if line == "MapStateStarted" || line == "MapStateEntered A" || line == "MapIterationStarted 1" ||
				strings.HasPrefix(line, "PassStateEntered") && w.calls[len(w.calls)-1].function != "late" {
				t.Errorf("%s again", line)
			}
		}
	})
}

// When the joined result was too large, a redrive has to do all branches again.
func TestRedriveAfterDataLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		big := `"` + strings.Repeat("x", 200_000) + `"`
		w := answers(big, big, `1`, `2`)
		tr := newTrial(t, machine(t, `"A":{"Type":"Map","Items":[1,2],"MaxConcurrency":1,"ItemProcessor":{"StartAt":"B","States":{
			"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}}},"End":true}`), w, `{}`)
		res := tr.run(t.Context())
		wantFailed(t, res, "States.DataLimitExceeded")
		wantSucceeded(t, tr.redrive(res), `[1,2]`)
	})
}

func TestRedriveOfWhatCannotBe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, machine(t, `"A":{"Type":"Pass","End":true}`), nil, `{}`)
		res := tr.run(t.Context())
		wantSucceeded(t, res, `{}`)
		before := len(tr.history.events)
		if res = tr.redrive(res); res.Status != Failed || res.Error != "States.Runtime" || len(tr.history.events) != before {
			t.Errorf("ended %+v with %d events more", res, len(tr.history.events)-before)
		}
	})
}
