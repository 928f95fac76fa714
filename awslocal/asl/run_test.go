package asl

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The history of each type of state: names, order, ids and predecessors as GetExecutionHistory shows them. The first
// state has no predecessor; what joins branches follows the one that was done last, and so does leaving it.
func TestHistory(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, states string
		worker       *worker
		want         []string
	}{
		{name: "Pass and Succeed", states: `"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Succeed"}`,
			want: []string{
				"1<0 ExecutionStarted",
				"2<0 PassStateEntered A", "3<2 PassStateExited A",
				"4<3 SucceedStateEntered B", "5<4 SucceedStateExited B",
				"6<5 ExecutionSucceeded",
			}},
		{name: "Fail", states: `"A":{"Type":"Fail","Error":"E","Cause":"C"}`,
			want: []string{"1<0 ExecutionStarted", "2<0 FailStateEntered A", "3<2 ExecutionFailed"}},
		{name: "Choice", states: `"A":{"Type":"Choice","Choices":[{"Condition":"{% false %}","Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 ChoiceStateEntered A", "3<2 ChoiceStateExited A",
				"4<3 SucceedStateEntered B", "5<4 SucceedStateExited B", "6<5 ExecutionSucceeded",
			}},
		{name: "Wait", states: `"A":{"Type":"Wait","Seconds":3,"End":true}`,
			want: []string{"1<0 ExecutionStarted", "2<0 WaitStateEntered A", "3<2 WaitStateExited A", "4<3 ExecutionSucceeded"}},
		{name: "Task", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`, worker: answers(`1`),
			want: []string{
				"1<0 ExecutionStarted", "2<0 TaskStateEntered A",
				"3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskSucceeded",
				"6<5 TaskStateExited A", "7<6 ExecutionSucceeded",
			}},
		{name: "a Task that fails", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`, worker: answers(`!X`),
			want: []string{
				"1<0 ExecutionStarted", "2<0 TaskStateEntered A",
				"3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskFailed",
				"6<5 ExecutionFailed",
			}},
		{name: "a Task that times out", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":2,"End":true}`,
			worker: takes(time.Minute),
			want: []string{
				"1<0 ExecutionStarted", "2<0 TaskStateEntered A",
				"3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskTimedOut",
				"6<5 ExecutionFailed",
			}},
		{name: "a retry repeats Scheduled and Started in the same state", worker: answers(`!X`, `1`),
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{"ErrorEquals":["X"]}],"End":true}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 TaskStateEntered A",
				"3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskFailed",
				"6<5 TaskScheduled", "7<6 TaskStarted", "8<7 TaskSucceeded",
				"9<8 TaskStateExited A", "10<9 ExecutionSucceeded",
			}},
		{name: "a caught error exits the state", worker: answers(`!X`),
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Catch":[{"ErrorEquals":["X"],"Next":"B"}],"End":true},` +
				`"B":{"Type":"Succeed"}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 TaskStateEntered A",
				"3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskFailed", "6<5 TaskStateExited A",
				"7<6 SucceedStateEntered B", "8<7 SucceedStateExited B", "9<8 ExecutionSucceeded",
			}},
		{name: "an expression that fails", states: `"A":{"Type":"Pass","Output":"{% $states.input.missing %}","End":true}`,
			want: []string{"1<0 ExecutionStarted", "2<0 PassStateEntered A", "3<0 EvaluationFailed", "4<3 ExecutionFailed"}},
		{name: "an expression that fails in a later state", states: `"A":{"Type":"Pass","Next":"B"},
			"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":"{% $states.input.missing %}","End":true}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 PassStateEntered A", "3<2 PassStateExited A", "4<3 TaskStateEntered B", "5<3 EvaluationFailed",
				"6<5 ExecutionFailed",
			}},
		{name: "a timestamp that is none", states: `"A":{"Type":"Wait","Timestamp":"{% 'noon' %}","End":true}`,
			want: []string{"1<0 ExecutionStarted", "2<0 WaitStateEntered A", "3<2 EvaluationFailed", "4<3 ExecutionFailed"}},
		{name: "items that are no list", states: `"A":{"Type":"Map","Items":"{% 1 %}","ItemProcessor":{"StartAt":"B","States":{
				"B":{"Type":"Succeed"}}},"End":true}`,
			want: []string{"1<0 ExecutionStarted", "2<0 MapStateEntered A", "3<0 EvaluationFailed", "4<3 MapStateFailed", "5<4 ExecutionFailed"}},
		{name: "items that do not exist, caught", states: `"A":{"Type":"Map","Items":"{% $states.input.missing %}","ItemProcessor":{
				"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"Catch":[{"ErrorEquals":["States.ALL"],"Next":"C"}],"End":true},
				"C":{"Type":"Succeed"}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 MapStateEntered A", "3<0 EvaluationFailed", "4<3 MapStateFailed", "5<4 MapStateExited A",
				"6<5 SucceedStateEntered C", "7<6 SucceedStateExited C", "8<7 ExecutionSucceeded",
			}},
		{name: "an expression that fails after the work is done", worker: answers(`{}`),
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":"{% $states.result.missing %}",
				"Catch":[{"ErrorEquals":["States.QueryEvaluationError"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 TaskStateEntered A",
				"3<2 TaskScheduled", "4<3 TaskStarted", "5<4 TaskSucceeded", "6<5 EvaluationFailed", "7<6 TaskStateExited A",
				"8<7 SucceedStateEntered B", "9<8 SucceedStateExited B", "10<9 ExecutionSucceeded",
			}},
		{name: "Parallel", states: `"A":{"Type":"Parallel","Branches":[
				{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":2,"End":true}}},
				{"StartAt":"C","States":{"C":{"Type":"Wait","Seconds":1,"End":true}}}],"End":true}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 ParallelStateEntered A", "3<2 ParallelStateStarted",
				"4<3 WaitStateEntered", "5<3 WaitStateEntered", // in no order
				"6<C WaitStateExited C", "7<B WaitStateExited B",
				"8<7 ParallelStateSucceeded", "9<7 ParallelStateExited A", "10<9 ExecutionSucceeded",
			}},
		{name: "Map, one after the other", states: `"A":{"Type":"Map","Items":["x","y"],"MaxConcurrency":1,
				"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}},"End":true}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 MapStateEntered A", "3<2 MapStateStarted",
				"4<3 MapIterationStarted 0", "5<4 PassStateEntered B", "6<5 PassStateExited B", "7<6 MapIterationSucceeded 0",
				"8<6 MapIterationStarted 1", "9<8 PassStateEntered B", "10<9 PassStateExited B", "11<10 MapIterationSucceeded 1",
				"12<11 MapStateSucceeded", "13<11 MapStateExited A", "14<13 ExecutionSucceeded",
			}},
		{name: "Map of nothing",
			states: `"A":{"Type":"Map","Items":[],"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass","End":true}}},"End":true}`,
			want: []string{
				"1<0 ExecutionStarted", "2<0 MapStateEntered A", "3<2 MapStateStarted",
				"4<3 MapStateSucceeded", "5<3 MapStateExited A", "6<5 ExecutionSucceeded",
			}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, h := execute(t, machine(t, c.states), c.worker, `{}`)
			got := h.lines()
			if c.name == "Parallel" {
				got = orderedBranches(got)
			}
			wantLines(t, got, c.want...)
		})
	}
}

// When one iteration fails the others are stopped, and every event of that follows the one that made it fail.
func TestHistoryOfMapThatFails(t *testing.T) {
	t.Parallel()
	m := machine(t, `"A":{"Type":"Map","Items":["quick","good","bad","late"],"MaxConcurrency":3,"ItemProcessor":{"StartAt":"B","States":{
		"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"{% $states.input %}"},"End":true}}},
		"Catch":[{"ErrorEquals":["X"],"Next":"C"}],"End":true},"C":{"Type":"Succeed"}`)
	w := &worker{work: func(ctx context.Context, _ int, function string, _ json.RawMessage) (string, error) {
		switch function {
		case "quick":
			return `1`, nil
		case "bad":
			time.Sleep(time.Second)
			return "", &TaskError{Name: "X"}
		}
		<-ctx.Done()
		return "", ctx.Err()
	}}
	res, h := execute(t, m, w, `{}`)
	wantSucceeded(t, res, `{"Error":"X","Cause":""}`)
	lines := h.lines()
	wantLines(t, lines[:6],
		"1<0 ExecutionStarted", "2<0 MapStateEntered A", "3<2 MapStateStarted", "4<3 MapIterationStarted 0", "5<3 MapIterationStarted 1",
		"6<3 MapIterationStarted 2")
	// Events 7 to 22 are three events of each task and how quick ended and late took its place, in several orders.
	lines = lines[slices.IndexFunc(lines, func(l string) bool { return strings.HasSuffix(l, "TaskFailed") }):]
	if !strings.HasPrefix(lines[0], "23<") {
		t.Errorf("it failed with %s", lines[0])
	}
	wantLines(t, lines[1:],
		"24<23 MapIterationFailed 2", "25<23 TaskStateAborted",
		"26<23 MapIterationAborted 1", "27<23 TaskStateAborted", "28<23 MapIterationAborted 3", "29<23 TaskStateAborted",
		"30<23 MapStateFailed", "31<30 MapStateExited A",
		"32<31 SucceedStateEntered C", "33<32 SucceedStateExited C", "34<33 ExecutionSucceeded")
}

// orderedBranches takes the order of two branches that begin together out of a history.
func orderedBranches(lines []string) []string {
	b := slices.IndexFunc(lines, func(l string) bool { return strings.HasSuffix(l, "WaitStateEntered B") }) + 1
	c := slices.IndexFunc(lines, func(l string) bool { return strings.HasSuffix(l, "WaitStateEntered C") }) + 1
	for i, l := range lines {
		l = strings.Replace(l, fmt.Sprintf("<%d WaitStateExited B", b), "<B WaitStateExited B", 1)
		l = strings.Replace(l, fmt.Sprintf("<%d WaitStateExited C", c), "<C WaitStateExited C", 1)
		l = strings.Replace(l, "WaitStateEntered B", "WaitStateEntered", 1)
		lines[i] = strings.Replace(l, "WaitStateEntered C", "WaitStateEntered", 1)
	}
	return lines
}

// The events as they stand on the wire, in awsJson1.0.
func TestHistoryOnTheWire(t *testing.T) {
	t.Parallel()
	m := machine(t, `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f"},"TimeoutSeconds":9,`+
		`"HeartbeatSeconds":3,
		"Retry":[{"ErrorEquals":["X"]}],"Assign":{"v":"{% $states.result %}"},"Next":"B"},
		"B":{"Type":"Map","Items":[1],"ItemProcessor":{"StartAt":"C","States":{"C":{"Type":"Pass","Output":"<&>","End":true}}},"Next":"D"},
		"D":{"Type":"Pass","Output":"{% $states.input.x %}","End":true}`)
	_, h := execute(t, m, answers(`!X`, `[1]`), `{ "n" : 1 }`)
	want := []string{
		`{"timestamp":946684800.000,"type":"ExecutionStarted","id":1,"previousEventId":0,"executionStartedEventDetails":{"input":"{ \"n\" : 1 ` +
			`}","inputDetails":{"truncated":false},"roleArn":"arn:aws:iam::000000000000:role/r"}}`,
		`{"timestamp":946684800.000,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A","input":"{ ` +
			`\"n\" : 1 }","inputDetails":{"truncated":false}}}`,
		`{"timestamp":946684800.000,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke","region":"ap-northeast-2","parameters":"{\"FunctionName\":\"f\"}","timeoutInSeconds":9,"heartbeatInSeconds":3}}`,
		`{"timestamp":946684800.000,"type":"TaskStarted","id":4,"previousEventId":3,"taskStartedEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke"}}`,
		`{"timestamp":946684800.000,"type":"TaskFailed","id":5,"previousEventId":4,"taskFailedEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke","error":"X","cause":"call 0"}}`,
		`{"timestamp":946684801.000,"type":"TaskScheduled","id":6,"previousEventId":5,"taskScheduledEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke","region":"ap-northeast-2","parameters":"{\"FunctionName\":\"f\"}","timeoutInSeconds":9,"heartbeatInSeconds":3}}`,
		`{"timestamp":946684801.000,"type":"TaskStarted","id":7,"previousEventId":6,"taskStartedEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke"}}`,
		`{"timestamp":946684801.000,"type":"TaskSucceeded","id":8,"previousEventId":7,"taskSucceededEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke","output":"[1]","outputDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"TaskStateExited","id":9,"previousEventId":8,"stateExitedEventDetails":{"name":"A","output":"[1]",` +
			`"outputDetails":{"truncated":false},"assignedVariables":{"v":"[1]"},"assignedVariablesDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"MapStateEntered","id":10,"previousEventId":9,"stateEnteredEventDetails":{"name":"B","input":"[1]",` +
			`"inputDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"MapStateStarted","id":11,"previousEventId":10,"mapStateStartedEventDetails":{"length":1}}`,
		`{"timestamp":946684801.000,"type":"MapIterationStarted","id":12,"previousEventId":11,"mapIterationStartedEventDetails":{"name":"B",` +
			`"index":0}}`,
		`{"timestamp":946684801.000,"type":"PassStateEntered","id":13,"previousEventId":12,"stateEnteredEventDetails":{"name":"C","input":"1",` +
			`"inputDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"PassStateExited","id":14,"previousEventId":13,"stateExitedEventDetails":{"name":"C",` +
			`"output":"\"\u003c\u0026\u003e\"","outputDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"MapIterationSucceeded","id":15,"previousEventId":14,` +
			`"mapIterationSucceededEventDetails":{"name":"B","index":0}}`,
		`{"timestamp":946684801.000,"type":"MapStateSucceeded","id":16,"previousEventId":15}`,
		`{"timestamp":946684801.000,"type":"MapStateExited","id":17,"previousEventId":15,"stateExitedEventDetails":{"name":"B",` +
			`"output":"[\"\u003c\u0026\u003e\"]","outputDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"PassStateEntered","id":18,"previousEventId":17,"stateEnteredEventDetails":{"name":"D",` +
			`"input":"[\"\u003c\u0026\u003e\"]","inputDetails":{"truncated":false}}}`,
		`{"timestamp":946684801.000,"type":"EvaluationFailed","id":19,"previousEventId":17,"evaluationFailedEventDetails":{"cause":"An error ` +
			`occurred while executing the state 'D' (entered at the event id #18). The JSONata expression '$states.input.x' specified for the ` +
			`field 'Output' returned nothing (undefined).","error":"States.QueryEvaluationError","location":"Output","state":"D"}}`,
		`{"timestamp":946684801.000,"type":"ExecutionFailed","id":20,"previousEventId":19,` +
			`"executionFailedEventDetails":{"error":"States.QueryEvaluationError","cause":"An error occurred while executing the state 'D' ` +
			`(entered at the event id #18). The JSONata expression '$states.input.x' specified for the field 'Output' returned nothing ` +
			`(undefined)."}}`,
	}
	if len(h.events) != len(want) {
		t.Fatalf("%d events, want %d", len(h.events), len(want))
	}
	for i, e := range h.events {
		got, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want[i] {
			t.Errorf("event is\n%s\nwant\n%s", got, want[i])
		}
	}
	for i, want := range map[int]string{
		0: `{"timestamp":946684800.000,"type":"ExecutionStarted","id":1,"previousEventId":0,` +
			`"executionStartedEventDetails":{"roleArn":"arn:aws:iam::000000000000:role/r"}}`,
		1: `{"timestamp":946684800.000,"type":"TaskStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"A"}}`,
		2: `{"timestamp":946684800.000,"type":"TaskScheduled","id":3,"previousEventId":2,"taskScheduledEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke","region":"ap-northeast-2","parameters":"{\"FunctionName\":\"f\"}","timeoutInSeconds":9,"heartbeatInSeconds":3}}`,
		7: `{"timestamp":946684801.000,"type":"TaskSucceeded","id":8,"previousEventId":7,"taskSucceededEventDetails":{"resourceType":"lambda",` +
			`"resource":"invoke"}}`,
		8:  `{"timestamp":946684801.000,"type":"TaskStateExited","id":9,"previousEventId":8,"stateExitedEventDetails":{"name":"A"}}`,
		10: `{"timestamp":946684801.000,"type":"MapStateStarted","id":11,"previousEventId":10,"mapStateStartedEventDetails":{"length":1}}`,
	} {
		if got, err := json.Marshal(h.events[i].WithoutData()); err != nil || string(got) != want {
			t.Errorf("event without data is\n%s (%v)\nwant\n%s", got, err, want)
		}
	}
}

// What comes out of each type of state.
func TestOutput(t *testing.T) {
	t.Parallel()
	input := `{"n":1,"list":["a","b"]}`
	cases := []struct {
		name, states string
		worker       *worker
		want         string
	}{
		{"Pass gives its input", `"A":{"Type":"Pass","End":true}`, nil, input},
		{"Pass gives its Output", `"A":{"Type":"Pass","Output":{"b":"{% $states.input.n %}","a":[true,null,1.50,"{% 'x' %}","x"]},"End":true}`,
			nil, `{"b":1,"a":[true,null,1.50,"x","x"]}`},
		{"Output may be any JSON", `"A":{"Type":"Pass","Output":null,"End":true}`, nil, `null`},
		{"Succeed gives its Output", `"A":{"Type":"Succeed","Output":"{% $states.input.n + 1 %}"}`, nil, `2`},
		{"Wait gives its input", `"A":{"Type":"Wait","Seconds":1,"End":true}`, nil, input},
		{"Task gives its result", `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`, answers(`{"r":[1, 2]}`),
			`{"r":[1, 2]}`},
		{"Task gives its Output",
			`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":{"r":"{% $states.result.r %}","n":"{% $states.input.n ` +
				`%}"},"End":true}`,
			answers(`{"r":[1]}`), `{"r":[1],"n":1}`},
		{"a catcher gives the error",
			`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Output":"not ` +
				`this","Catch":[{"ErrorEquals":["X"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"}`,
			answers(`!X`), `{"Error":"X","Cause":"call 0"}`},
		{"a catcher gives its Output", `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Catch":[{"ErrorEquals":["X"],"Next":"B",
			"Output":{"n":"{% $states.input.n %}","e":"{% $states.errorOutput.Error %}"}}],"End":true},"B":{"Type":"Succeed"}`, answers(`!X`),
			`{"n":1,"e":"X"}`},
		{"a caught timeout has an empty cause",
			`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":1,"Catch":[{"ErrorEquals":["States.Timeout"],` +
				`"Next":"B"}],"End":true},
			"B":{"Type":"Succeed"}`, takes(time.Minute), `{"Error":"States.Timeout","Cause":""}`},
		{"a choice rule gives its own Output",
			`"A":{"Type":"Choice","Output":"default","Choices":[{"Condition":"{% $states.input.n = 2 %}","Output":"first","Next":"B"},
			{"Condition":"{% $states.input.n = 1 %}","Output":"{% 'second' %}","Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}`, nil, `"second"`},
		{"a choice rule without Output gives the input",
			`"A":{"Type":"Choice","Output":"default","Choices":[{"Condition":true,"Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}`, nil, input},
		{"the default of a Choice gives the state's Output",
			`"A":{"Type":"Choice","Output":"default","Choices":[{"Condition":false,"Output":"first","Next":"B"}],"Default":"B"},` +
				`"B":{"Type":"Succeed"}`,
			nil, `"default"`},
		{"Parallel gives its branches' outputs in their order", `"A":{"Type":"Parallel","Branches":[
			{"StartAt":"B","States":{"B":{"Type":"Wait","Seconds":2,"Output":"slow","End":true}}},{"StartAt":"C",` +
			`"States":{"C":{"Type":"Succeed"}}}],"End":true}`, nil, `["slow",` + input + `]`},
		{"Parallel gives its Arguments to the branches", `"A":{"Type":"Parallel","Arguments":{"m":"{% $states.input.n + 1 %}"},"Branches":[
			{"StartAt":"B","States":{"B":{"Type":"Succeed"}}}],"Output":"{% $states.result[0].m + $states.input.n %}","End":true}`, nil, `3`},
		{"Map gives its iterations' outputs in their order",
			`"A":{"Type":"Map","Items":"{% $states.input.list %}","ItemProcessor":{"StartAt":"B","States":{
			"B":{"Type":"Wait","Seconds":"{% 2 - $states.context.Map.Item.Index %}","End":true}}},"End":true}`, nil, `["a","b"]`},
		{"Map selects with the item and the state's input",
			`"A":{"Type":"Map","Items":"{% $states.input.list %}","ItemSelector":{"i":"{% $states.context.Map.Item.Index %}",
			"v":"{% $states.context.Map.Item.Value %}","n":"{% $states.input.n ` +
				`%}"},"ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
			nil, `[{"i":0,"v":"a","n":1},{"i":1,"v":"b","n":1}]`},
		{"Map's item is seen inside of the iteration", `"A":{"Type":"Map","Items":["x"],"ItemProcessor":{"StartAt":"B","States":{
			"B":{"Type":"Parallel","Branches":[{"StartAt":"C","States":{"C":{"Type":"Pass","Output":"{% $states.context.Map.Item.Value & ` +
			`$states.context.Map.Item.Index %}","End":true}}}],"End":true}}},"End":true}`,
			nil, `[["x0"]]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, _ := execute(t, machine(t, c.states), c.worker, input)
			wantSucceeded(t, res, c.want)
		})
	}
}

// Map without Items runs over its input.
func TestMapOverItsInput(t *testing.T) {
	t.Parallel()
	m := machine(t, `"A":{"Type":"Map","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Pass","Output":"{% $states.input * 2 `+
		`%}","End":true}}},"End":true}`)
	res, _ := execute(t, m, nil, `[1,2]`)
	wantSucceeded(t, res, `[2,4]`)
	res, _ = execute(t, m, nil, `{"a":1}`)
	wantFailed(t, res, "States.QueryEvaluationError")
}

// No more iterations than MaxConcurrency at the same time, and never more than 40.
func TestMapConcurrency(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]int{
		``:                    40,
		`"MaxConcurrency":0,`: 40,
		`"MaxConcurrency":3,`: 3,
		`"MaxConcurrency":"{% $states.input %}",`: 7,
		`"MaxConcurrency":100,`:                   40,
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				running, most := 0, 0
				w := &worker{}
				w.work = func(context.Context, int, string, json.RawMessage) (string, error) {
					w.mu.Lock()
					running++
					most = max(most, running)
					w.mu.Unlock()
					time.Sleep(time.Second)
					w.mu.Lock()
					running--
					w.mu.Unlock()
					return `1`, nil
				}
				tr := newTrial(t, machine(t, `"A":{"Type":"Map",`+field+`"Items":"{% [1..50] %}","ItemProcessor":{"StartAt":"B","States":{
					"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}}},"Output":"{% $count($states.result) %}","End":true}`), w,
					`7`)
				wantSucceeded(t, tr.run(t.Context()), `50`)
				if most != want {
					t.Errorf("%d iterations at the same time, want %d", most, want)
				}
			})
		})
	}
}

// Output and Assign see the variables as they were when the state was entered, and so does each variable.
func TestAssignAndOutputSeeOneSnapshot(t *testing.T) {
	t.Parallel()
	m := machine(t, `
		"A":{"Type":"Pass","Assign":{"x":1,"y":10},"Output":{"count":0},"Next":"B"},
		"B":{"Type":"Pass","Assign":{"x":"{% $y %}","y":"{% $x %}"},"Output":{"x":"{% $x %}","y":"{% $y %}"},"Next":"C"},
		"C":{"Type":"Pass","Output":{"before":"{% $states.input %}","x":"{% $x %}","y":"{% $y %}"},"End":true}`)
	res, h := execute(t, m, nil, `{}`)
	wantSucceeded(t, res, `{"before":{"x":1,"y":10},"x":10,"y":1}`)
	for _, e := range h.events {
		if e.StateExited != nil && e.StateExited.Name == "B" {
			if v := e.StateExited.AssignedVariables; v["x"] != "10" || v["y"] != "1" || len(v) != 2 {
				t.Errorf("assigned %v", v)
			}
		}
	}
}

// Variables: where they may be set, and where they are seen.
func TestVariables(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, states string
		worker       *worker
		want         string
	}{
		{"a Task assigns from its result",
			`"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Assign":{"x":"{% $states.result.r ` +
				`%}"},"Output":null,"Next":"Z"},"Z":{"Type":"Succeed","Output":"{% $x %}"}`,
			answers(`{"r":5}`), `5`},
		{"a catcher assigns in the state's place", `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Assign":{"x":"state"},
			"Catch":[{"ErrorEquals":["X"],"Next":"Z","Assign":{"x":"{% $states.errorOutput.Cause ` +
			`%}"}}],"End":true},"Z":{"Type":"Succeed","Output":"{% $x %}"}`, answers(`!X`), `"call 0"`},
		{"a rule assigns in the state's place",
			`"A":{"Type":"Choice","Assign":{"x":"default"},"Choices":[{"Condition":true,"Next":"Z","Assign":{"x":"rule"}}],"Default":"Z"},` +
				`"Z":{"Type":"Succeed","Output":"{% $x %}"}`,
			nil, `"rule"`},
		{"the default assigns what the state does",
			`"A":{"Type":"Choice","Assign":{"x":"default"},"Choices":[{"Condition":false,"Next":"Z","Assign":{"x":"rule"}}],"Default":"Z"},` +
				`"Z":{"Type":"Succeed","Output":"{% $x %}"}`,
			nil, `"default"`},
		{"a Wait assigns", `"A":{"Type":"Wait","Seconds":0,"Assign":{"x":{"deep":["{% 1 + 1 ` +
			`%}"]}},"Next":"Z"},"Z":{"Type":"Succeed","Output":"{% $x.deep %}"}`, nil, `[2]`},
		{"branches see outer variables, not each other's", `"A":{"Type":"Pass","Assign":{"x":1},"Next":"B"},"B":{"Type":"Parallel","Branches":[
			{"StartAt":"C","States":{"C":{"Type":"Pass","Assign":{"y":"{% $x + 1 %}"},"Next":"D"},"D":{"Type":"Pass","Output":"{% $y %}",
				"End":true}}},
			{"StartAt":"E","States":{"E":{"Type":"Wait","Seconds":1,"Next":"F"},"F":{"Type":"Pass","Output":"{% $exists($y) %}","End":true}}}],
				"Next":"Z"},
			"Z":{"Type":"Succeed","Output":{"branches":"{% $states.input %}","y":"{% $exists($y) %}"}}`, nil, `{"branches":[2,false],"y":false}`},
		{"a Parallel assigns in the outer scope",
			`"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Succeed","Output":7}}}],"Assign":{"x":"{% $states.result[0] ` +
				`%}"},"Next":"Z"},
			"Z":{"Type":"Succeed","Output":"{% $x %}"}`, nil, `7`},
		{"a name of another execution is not seen", `"A":{"Type":"Choice","Choices":[{"Condition":"{% $exists($x) %}","Next":"Z"}],"Default":"B"},
			"B":{"Type":"Pass","Assign":{"x":1},"Output":"set here","Next":"A"},"Z":{"Type":"Succeed","Output":["{% $x %}","{% $states.input %}"]}`,
			nil, `[1,"set here"]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := machine(t, c.states)
			for range 2 { // the second execution must not see what the first has left
				res, _ := execute(t, m, c.worker, `{}`)
				if c.worker != nil {
					c.worker.calls = nil
				}
				wantSucceeded(t, res, c.want)
			}
		})
	}
}

// $states.context.
func TestContextObject(t *testing.T) {
	t.Parallel()
	m := machine(t, `"A":{"Type":"Wait","Seconds":1,"Next":"B"},
		"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":"{% $states.context %}","Retry":[{"ErrorEquals":["X"]}],
			"Next":"C"},
		"C":{"Type":"Pass","Output":"{% $states.context.State %}","End":true}`)
	w := answers(`!X`, `1`)
	res, h := execute(t, m, w, `{"n":1}`)
	wantSucceeded(t, res, `{"EnteredTime":"2000-01-01T00:00:02.000Z","Name":"C"}`)
	const want = `{"Execution":{"Id":"` + executionARN +
		`","Input":{"n":1},"Name":"one","RedriveCount":0,"RoleArn":"arn:aws:iam::000000000000:role/r","StartTime":"2000-01-01T00:00:00.000Z"},` +
		`"State":{"EnteredTime":"2000-01-01T00:00:01.000Z","Name":"B","RetryCount":%d},"StateMachine":{"Id":"` + machineARN +
		`","Name":"machine"}}`
	for i, c := range w.calls {
		if c.arguments != fmt.Sprintf(want, i) {
			t.Errorf("context of attempt %d is\n%s", i, c.arguments)
		}
	}
	if got := h.last("TaskScheduled").Task.Parameters; got != fmt.Sprintf(want, 1) {
		t.Errorf("scheduled with %s", got)
	}
}

// A Wait ends at its time, on the execution's clock.
func TestWait(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]time.Duration{
		`"Seconds":90`:                                                    90 * time.Second,
		`"Seconds":0`:                                                     0,
		`"Seconds":"{% $states.input.s %}"`:                               5 * time.Second,
		`"Timestamp":"2000-01-01T00:01:00Z"`:                              time.Minute,
		`"Timestamp":"{% $states.input.at %}"`:                            90 * 24 * time.Hour,
		`"Timestamp":"2000-01-01T09:00:30+09:00"`:                         30 * time.Second,
		`"Timestamp":"1999-12-31T00:00:00Z"`:                              0,
		`"Timestamp":"{% $fromMillis($millis() + 1500) %}"`:               1500 * time.Millisecond,
		`"Timestamp":"{% $now() %}"`:                                      0,
		`"Timestamp":"{% $fromMillis($millis() + 24855 * 86400000) %}"`:   24855 * 24 * time.Hour,
		`"Seconds":"{% $states.input.s > 3 ? 2 * $states.input.s : 1 %}"`: 10 * time.Second,
	} {
		t.Run(fields, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, machine(t, `"A":{"Type":"Wait",`+fields+`,"End":true}`), nil, `{"s":5,"at":"2000-03-31T00:00:00Z"}`)
				res := tr.run(t.Context())
				if res.Status != Succeeded || tr.after() != want || !res.StopTime.Equal(tr.began.Add(want)) {
					t.Errorf("ended %s (%s) after %v, want %v", res.Status, res.Cause, tr.after(), want)
				}
			})
		})
	}
}

// Errors that states raise themselves.
func TestErrors(t *testing.T) {
	t.Parallel()
	entered := "An error occurred while executing the state 'A' (entered at the event id #2). "
	cases := []struct {
		name, states, wantError, wantCause string
		worker                             *worker
	}{
		{name: "a Fail state's own error", states: `"A":{"Type":"Fail","Error":"E","Cause":"C"}`, wantError: "E", wantCause: "C"},
		{name: "a Fail state's computed error",
			states: `"A":{"Type":"Fail","Error":"{% 'E' & $states.input.n %}","Cause":"{% $states.input.s %}"}`, wantError: "E1", wantCause: "one"},
		{name: "a Fail state without error", states: `"A":{"Type":"Fail"}`},
		{name: "a Fail state whose error is no string", states: `"A":{"Type":"Fail","Error":"{% 1 %}"}`, wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '1' specified for the field 'Error' returned an unexpected result type. Expected " +
				"'string', but was 'number' for value: 1"},
		{name: "an undefined value in Output", states: `"A":{"Type":"Pass","Output":{"a":["{% 1 %}","{% $states.input.none %}"]},"End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$states.input.none' specified for the field 'Output/a[1]' returned nothing (undefined)."},
		{name: "an undefined value in Assign",
			states:    `"A":{"Type":"Pass","Assign":{"x":"{% $filter($states.input.list, function($v) { $v = 'z' }) %}"},"End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$filter($states.input.list, function($v) { $v = 'z' })' specified for the field " +
				"'Assign/x' returned nothing (undefined)."},
		{name: "an undefined variable", states: `"A":{"Type":"Pass","Output":"{% $x %}","End":true}`, wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$x' specified for the field 'Output' returned nothing (undefined)."},
		{name: "an undefined condition",
			states: `"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.none > 3 %}","Next":"B"}],"Default":"B"},` +
				`"B":{"Type":"Succeed"}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$states.input.none > 3' specified for the field 'Choices[0]/Condition' returned nothing " +
				"(undefined)."},
		{name: "a condition that is no boolean",
			states:    `"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input.s %}","Next":"B"}],"Default":"B"},"B":{"Type":"Succeed"}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$states.input.s' specified for the field 'Choices[0]/Condition' returned an unexpected " +
				"result type. Expected 'boolean', but was 'string' for value: \"one\""},
		{name: "no rule and no default", states: `"A":{"Type":"Choice","Choices":[{"Condition":false,"Next":"B"}]},"B":{"Type":"Succeed"}`,
			wantError: "States.NoChoiceMatched",
			wantCause: entered + "Failed to transition out of the state. The state does not point to a next state."},
		{name: "an expression that throws", states: `"A":{"Type":"Pass","Output":"{% 1 + 'a' %}","End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '1 + 'a'' specified for the field 'Output' threw an error during evaluation. T200"},
		{name: "an expression that raises", states: `"A":{"Type":"Pass","Output":"{% $error('no') %}","End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$error('no')' specified for the field 'Output' threw an error during evaluation. D3137"},
		{name: "an expression that runs away",
			states:    `"A":{"Type":"Pass","Output":"{% ( $f := function($n) { 1 + $f($n + 1) }; $f(0) ) %}","End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '( $f := function($n) { 1 + $f($n + 1) }; $f(0) )' specified for the field 'Output' " +
				"threw an error during evaluation. U1001"},
		{name: "a function as a result", states: `"A":{"Type":"Pass","Output":"{% $sum %}","End":true}`, wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$sum' specified for the field 'Output' returned an unsupported result type."},
		{name: "seconds that are no number", states: `"A":{"Type":"Wait","Seconds":"{% $states.input.s %}","End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$states.input.s' specified for the field 'Seconds' returned an unexpected result type. " +
				"Expected 'integer', but was 'string' for value: \"one\""},
		{name: "seconds that are not whole", states: `"A":{"Type":"Wait","Seconds":"{% 1.5 %}","End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '1.5' specified for the field 'Seconds' returned an unexpected result type. Expected " +
				"'integer', but was 'number' for value: 1.5"},
		{name: "seconds below zero", states: `"A":{"Type":"Wait","Seconds":"{% -1 %}","End":true}`, wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '-1' specified for the field 'Seconds' returned -1, which is not from 0 to 99999999."},
		{name: "a timestamp that is none", states: `"A":{"Type":"Wait","Timestamp":"{% $states.input.s %}","End":true}`,
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: one"},
		{name: "a wait of more than 24,855 days", states: `"A":{"Type":"Wait","Timestamp":"{% $fromMillis($millis() + 24856 * 86400000) ` +
			`%}","End":true}`,
			wantError: "States.Runtime", wantCause: entered + "Wait state delay is too long."},
		{name: "a wait beyond all time", states: `"A":{"Type":"Wait","Timestamp":"9999-12-31T23:59:59Z","End":true}`,
			wantError: "States.Runtime", wantCause: entered + "Wait state delay is too long."},
		{name: "a single item where a list is wanted",
			states: `"A":{"Type":"Map","Items":"{% $states.input.objects[k='b'] ` +
				`%}","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
			wantError: "States.QueryEvaluationError", wantCause: entered + "The JSONata expression '$states.input.objects[k='b']' specified for " +
				"the field 'Items' returned an unexpected result type. Expected 'array', but was 'object' for value: {\"k\":\"b\"}"},
		{name: "an input that is no list",
			states:    `"A":{"Type":"Map","ItemProcessor":{"StartAt":"B","States":{"B":{"Type":"Succeed"}}},"End":true}`,
			wantError: "States.QueryEvaluationError", wantCause: entered + "Map state input must be an array but was: {\"n\":1,"},
		{name: "a task timeout of zero",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","TimeoutSeconds":"{% 0 %}","End":true}`, worker: answers(`1`),
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '0' specified for the field 'TimeoutSeconds' returned 0, which is not from 1 to 99999999."},
		{name: "a task's named error", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`,
			worker: answers(`!Rejected`), wantError: "Rejected", wantCause: "call 0"},
		{name: "a task's other error", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`,
			worker:    &worker{work: func(context.Context, int, string, json.RawMessage) (string, error) { return "", errors.New("broken") }},
			wantError: "States.TaskFailed", wantCause: "broken"},
		{name: "a task's named error within another", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","End":true}`,
			worker: &worker{work: func(context.Context, int, string, json.RawMessage) (string, error) {
				return "", fmt.Errorf("invoke: %w", &TaskError{Name: "Ambiguous", Cause: "who knows"})
			}}, wantError: "Ambiguous", wantCause: "who knows"},
		{name: "a result that is not JSON",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],` +
				`"End":true},"B":{"Type":"Succeed"}`, worker: answers(`{`),
			wantError: "States.Runtime", wantCause: "The resource arn:aws:states:::lambda:invoke returned something that is not JSON."},
		{name: "a resource that nobody does", states: `"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","End":true}`,
			wantError: "States.Runtime", wantCause: entered + "There is nothing to do the work of the resource arn:aws:states:::sqs:sendMessage."},
		{name: "a branch's error",
			states:    `"A":{"Type":"Parallel","Branches":[{"StartAt":"B","States":{"B":{"Type":"Fail","Error":"Inner","Cause":"C"}}}],"End":true}`,
			wantError: "Inner", wantCause: "C"},
		{name: "a catcher's own error is not caught",
			states: `"A":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Catch":[{"ErrorEquals":["X"],"Next":"B","Output":"{% ` +
				`$states.errorOutput.none %}"},
			{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true},"B":{"Type":"Succeed"}`, worker: answers(`!X`),
			wantError: "States.QueryEvaluationError",
			wantCause: entered + "The JSONata expression '$states.errorOutput.none' specified for the field 'Catch[0]/Output' returned nothing " +
				"(undefined)."},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res, h := execute(t, machine(t, c.states), c.worker, `{"n":1,"s":"one","list":["a"],"objects":[{"k":"a"},{"k":"b"}]}`)
			wantFailed(t, res, c.wantError)
			if !strings.HasPrefix(res.Cause, c.wantCause) || c.wantCause == "" && res.Cause != "" {
				t.Errorf("cause is\n%s\nwant\n%s", res.Cause, c.wantCause)
			}
			if e := h.last("ExecutionFailed"); e.Execution == nil || e.Execution.Error != res.Error || e.Execution.Cause != res.Cause {
				t.Errorf("ExecutionFailed is %+v", e)
			}
			if res.Error == "States.QueryEvaluationError" {
				if e := h.last("EvaluationFailed"); e.Evaluation == nil || e.Evaluation.Cause != res.Cause || e.Evaluation.State != "A" ||
					(e.Evaluation.Location == "") != strings.Contains(res.Cause, "Map state input") {
					t.Errorf("EvaluationFailed is %+v", e)
				}
			}
		})
	}
}

func TestInput(t *testing.T) {
	t.Parallel()
	m := machine(t, `"A":{"Type":"Pass","Output":"{% $states.context.Execution.Input %}","End":true}`)
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, m, nil, "")
		tr.ex.Input = nil
		wantSucceeded(t, tr.run(t.Context()), `{}`)
	})
	res, h := execute(t, m, nil, `{`)
	wantFailed(t, res, "States.Runtime")
	wantLines(t, h.types(), "ExecutionStarted", "ExecutionFailed")
	res, h = execute(t, m, nil, `"`+strings.Repeat("x", maxDataBytes-1)+`"`)
	wantFailed(t, res, "States.DataLimitExceeded")
	wantLines(t, h.types(), "ExecutionStarted", "ExecutionFailed")
	res, _ = execute(t, m, nil, `"just text"`)
	wantSucceeded(t, res, `"just text"`)
}

// Trace names every branch taken, by the paths that States lists.
func TestTrace(t *testing.T) {
	t.Parallel()
	m := machine(t, `"A":{"Type":"Choice","Choices":[{"Condition":"{% $states.input = 1 %}","Next":"B"}],"Default":"D"},
		"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Retry":[{"ErrorEquals":["X"],"MaxAttempts":2},{"ErrorEquals":["Y"]}],
			"Catch":[{"ErrorEquals":["Q"],"Next":"D"},{"ErrorEquals":["States.ALL"],"Next":"C"}],"Next":"D"},
		"C":{"Type":"Pass","Output":2,"Next":"A"},"D":{"Type":"Succeed"}`)
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, m, answers(`!X`, `!Y`, `!X`, `!Z`), `1`)
		wantSucceeded(t, tr.run(t.Context()), `2`)
		want := []string{
			"/States/A/Choices[0]", "/States/B/Retry[0]", "/States/B/Retry[1]", "/States/B/Retry[0]", "/States/B/Catch[1]",
			"/States/C/Next", "/States/A/Default",
		}
		if !slices.Equal(tr.traced, want) {
			t.Errorf("traced %q, want %q", tr.traced, want)
		}
	})
}

// A thousand executions of one machine at the same time do not see each other.
func TestManyExecutions(t *testing.T) {
	t.Parallel()
	m := machineWith(t, `"TimeoutSeconds":3600,`, `"A":{"Type":"Pass","Assign":{"n":"{% $states.input.n %}"},"Next":"B"},
		"B":{"Type":"Wait","Seconds":"{% $n % 7 %}","Next":"C"},
		"C":{"Type":"Map","Items":"{% [$n, $n + 1] %}","ItemSelector":"{% $states.context.Map.Item.Value + $n %}",
			"ItemProcessor":{"StartAt":"D","States":{
			"D":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Arguments":{"FunctionName":"f","Payload":{"v":"{% $states.input %}",
				"n":"{% $n %}","i":"{% $states.context.Execution.Input.n %}"}},
				"Output":"{% $states.result.v + $n %}","End":true}}},"End":true}`)
	synctest.Test(t, func(t *testing.T) {
		done := make(chan error)
		for i := range 1000 {
			go func() {
				tr := newTrial(t, m, nil, fmt.Sprintf(`{"n":%d}`, i))
				tr.env.Trace = nil
				tr.env.Tasks[invoke] = func(_ context.Context, c Call) (json.RawMessage, error) {
					var a struct{ Payload json.RawMessage }
					if err := json.Unmarshal(c.Arguments, &a); err != nil {
						return nil, err
					}
					time.Sleep(time.Millisecond)
					return a.Payload, nil
				}
				res := tr.run(t.Context())
				var err error
				if want := fmt.Sprintf(`[%d,%d]`, 3*i, 3*i+1); res.Status != Succeeded || string(res.Output) != want {
					err = fmt.Errorf("execution %d: %s %s %s, want %s", i, res.Status, res.Output, res.Cause, want)
				}
				done <- err
			}()
		}
		for range 1000 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}
