package awsapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/awsapi"
)

// State machines of the tests.
const (
	passing = `{"QueryLanguage": "JSONata", "StartAt": "Done", "States": {"Done": {"Type": "Pass", "Output": {"ok": true}, "End": true}}}`
	failing = `{"QueryLanguage": "JSONata", "StartAt": "Broken", "States": {"Broken": {"Type": "Fail", "Error": "Sorry", "Cause": "no luck"}}}`
	waiting = `{"QueryLanguage": "JSONata", "StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": 60, "End": true}}}`
	// calling calls the function of its input's name with the input.
	calling = `{"QueryLanguage": "JSONata", "StartAt": "Call", "States": {"Call": {"Type": "Task", "Resource": ` +
		`"arn:aws:states:::lambda:invoke",
		"Arguments": {"FunctionName": "{% $states.input.function %}", "Payload": "{% $states.input %}"}, "End": true}}}`
)

// start starts an execution and returns its ARN.
func start(t *testing.T, w world, machine, name, input string) string {
	t.Helper()
	out, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine, Name: &name, Input: &input})
	if err != nil {
		t.Fatal(err)
	}
	return *out.ExecutionArn
}

func describe(t *testing.T, w world, arn string) *sfn.DescribeExecutionOutput {
	t.Helper()
	out, err := w.states.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ids are the numbers of a page of a history.
func ids(events []types.HistoryEvent) (ids []int64) {
	for _, e := range events {
		ids = append(ids, e.Id)
	}
	return ids
}

// names are the names of a page of executions.
func names(items []types.ExecutionListItem) (names []string) {
	for _, item := range items {
		names = append(names, *item.Name)
	}
	return names
}

func TestExecution(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		arn := w.machine(t, "m", waiting)
		begin := time.Now()
		out, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{
			StateMachineArn: &arn, Name: aws.String("x"), Input: aws.String(`{"no": 1}`), TraceHeader: aws.String("Root=1"),
		})
		if err != nil {
			t.Fatal(err)
		}
		const x = "arn:aws:states:ap-northeast-2:000000000000:execution:m:x"
		if *out.ExecutionArn != x || !out.StartDate.Equal(begin) {
			t.Errorf("started %s at %v, want %s at %v", *out.ExecutionArn, out.StartDate, x, begin)
		}
		d := describe(t, w, x)
		if d.Status != types.ExecutionStatusRunning || d.StopDate != nil || d.Output != nil || *d.Input != `{"no": 1}` ||
			!d.InputDetails.Included || *d.Name != "x" ||
			*d.StateMachineArn != arn || *d.TraceHeader != "Root=1" || d.RedriveStatus != "NOT_REDRIVABLE" ||
			*d.RedriveStatusReason != "Execution is RUNNING and cannot be redriven" {
			t.Errorf("running: %+v", d)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		d = describe(t, w, x)
		if d.Status != types.ExecutionStatusSucceeded || !d.StopDate.Equal(begin.Add(time.Minute)) || *d.Output != `{"no": 1}` &&
			*d.Output != `{"no":1}` || !d.OutputDetails.Included ||
			d.Error != nil || d.Cause != nil || *d.RedriveCount != 0 || *d.RedriveStatusReason != "Execution is SUCCEEDED and cannot be redriven" {
			t.Errorf("succeeded: %+v", d)
		}
		d, err = w.states.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: aws.String(x),
			IncludedData: types.IncludedDataMetadataOnly})
		if err != nil || d.Input != nil || d.Output != nil || d.Status != types.ExecutionStatusSucceeded {
			t.Errorf("metadata only: %+v, %v", d, err)
		}
		h, err := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(x)})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, e := range h.Events {
			kinds = append(kinds, string(e.Type))
		}
		if want := []string{"ExecutionStarted", "WaitStateEntered", "WaitStateExited", "ExecutionSucceeded"}; !reflect.DeepEqual(kinds, want) {
			t.Errorf("history = %v, want %v", kinds, want)
		}
		if e := h.Events[0].ExecutionStartedEventDetails; *e.Input != `{"no": 1}` || *e.RoleArn != "arn:aws:iam::000000000000:role/states" {
			t.Errorf("ExecutionStarted = %+v", e)
		}
		if e := h.Events[2]; !e.Timestamp.Equal(begin.Add(time.Minute)) || e.PreviousEventId != 2 {
			t.Errorf("WaitStateExited = %+v", e)
		}
	})
}

// failed is an execution that is about to fail.
func failed(t *testing.T) (w world, execution string) {
	t.Helper()
	w = newWorld(t, awsapi.Options{})
	return w, start(t, w, w.machine(t, "m", failing), "x", "{}")
}

func TestExecutionFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, x := failed(t)
		synctest.Wait()
		if d := describe(t, w, x); d.Status != types.ExecutionStatusFailed || *d.Error != "Sorry" || *d.Cause != "no luck" || d.Output != nil ||
			d.OutputDetails != nil {
			t.Errorf("failed: %+v", d)
		}
	})
}

// A name belongs to one execution. Starting it again is the same start only as long as it runs, and with the same input.
func TestStartIsIdempotentByName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		arn := w.machine(t, "m", waiting)
		again := func(input string) (*sfn.StartExecutionOutput, error) {
			return w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: aws.String("x"), Input: &input})
		}
		first, err := again(`{"n": 1}`)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if same, err := again(`{"n": 1}`); err != nil || *same.ExecutionArn != *first.ExecutionArn || !same.StartDate.Equal(*first.StartDate) {
			t.Errorf("same name and input while it runs: %+v, %v", same, err)
		}
		if _, err := again(`{"n": 2}`); code(err) != "ExecutionAlreadyExists" {
			t.Errorf("other input while it runs: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, input := range []string{`{"n": 1}`, `{"n": 2}`} {
			_, err := again(input)
			var exists *types.ExecutionAlreadyExists
			if !errors.As(err, &exists) || *exists.Message != "Execution Already Exists: '"+*first.ExecutionArn+"'" {
				t.Errorf("%s after its end: %v", input, err)
			}
		}
		// One hour before the 90 days are over, and one after.
		time.Sleep(90*24*time.Hour - time.Hour)
		if _, err := again(`{"n": 1}`); code(err) != "ExecutionAlreadyExists" {
			t.Errorf("89 days later: %v", err)
		}
		time.Sleep(time.Hour)
		later, err := again(`{"n": 1}`)
		if err != nil || later.StartDate.Equal(*first.StartDate) {
			t.Errorf("90 days later: %+v, %v", later, err)
		}
		list, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
		if err != nil || len(list.Executions) != 1 || list.Executions[0].Status != types.ExecutionStatusRunning {
			t.Errorf("ListExecutions = %+v, %v", list, err)
		}
	})
}

// The machines' names do not mix.
func TestNamesArePerMachine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		one, two := start(t, w, w.machine(t, "one", passing), "x", "{}"), start(t, w, w.machine(t, "two", passing), "x", "{}")
		if one == two {
			t.Errorf("both are %s", one)
		}
	})
}

func TestStartConcurrently(t *testing.T) {
	t.Parallel()
	var ran atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("count", 0, func() (int32, error) { return ran.Add(1), nil })
		arn := w.machine(t, "m", `{"QueryLanguage": "JSONata", "StartAt": "Call", "States": {
			"Call": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "count"}, "Next": "Rest"},
			"Rest": {"Type": "Wait", "Seconds": 1, "End": true}}}`)
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() { start(t, w, arn, "x", `{}`) })
		}
		callers.Wait()
		time.Sleep(2 * time.Second)
	})
	if ran.Load() != 1 {
		t.Errorf("50 starts of one name ran %d executions", ran.Load())
	}
}

func TestStartWithoutNameAndInput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		arn := w.machine(t, "m", passing)
		seen := map[string]bool{}
		for range 3 {
			out, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn})
			if err != nil {
				t.Fatal(err)
			}
			d := describe(t, w, *out.ExecutionArn)
			if seen[*d.Name] || len(*d.Name) != 36 || *d.Input != "{}" {
				t.Errorf("name %s, input %s", *d.Name, *d.Input)
			}
			seen[*d.Name] = true
		}
	})
}

func TestStartRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		arn := w.machine(t, "m", passing)
		for _, c := range []struct{ about, machine, name, input, code, message string }{
			{"no ARN", "not_an_arn", "x", "{}", "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: not_an_arn'"},
			{"a short ARN", "arn:aws:states:ap-northeast-2:000000000000:stateMachine", "x", "{}", "InvalidArn",
				"Invalid Arn: 'Invalid ARN length: arn:aws:states:ap-northeast-2:000000000000:stateMachine'"},
			{"an ARN of something else", "arn:aws:states:ap-northeast-2:000000000000:activity:m", "x", "{}", "InvalidArn",
				"Invalid Arn: 'Resource type not valid in this context: activity'"},
			{"an ARN of another service", "arn:aws:lambda:ap-northeast-2:000000000000:stateMachine:m", "x", "{}", "InvalidArn",
				"Invalid Arn: 'Resource type not valid in this context: stateMachine'"},
			{"an ARN that is too long", arn + strings.Repeat("x", 256), "x", "{}", "ValidationException",
				"at 'stateMachineArn' failed to satisfy constraint: Member must have length less than or equal to 256"},
			{"a machine that does not exist", arn + "2", "x", "{}", "StateMachineDoesNotExist", "State Machine Does Not Exist: '" + arn + "2'"},
			{"a machine of another region", strings.Replace(arn, "northeast", "southeast", 1), "x", "{}", "StateMachineDoesNotExist",
				"State Machine Does Not Exist: 'arn:aws:states:ap-southeast-2:000000000000:stateMachine:m'"},
			{"a name with a blank", arn, "a b", "{}", "InvalidName", "Invalid Name: 'a b'"},
			{"a name with a slash", arn, "a/b", "{}", "InvalidName", "Invalid Name: 'a/b'"},
			{"a name with a control character", arn, "a\u0085", "{}", "InvalidName", "Invalid Name: 'a\u0085'"},
			{"a name that is too long", arn, strings.Repeat("n", 81), "{}", "ValidationException",
				"at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"},
			{"an input that is not JSON", arn, "x", "not json", "InvalidExecutionInput",
				"Invalid State Machine Execution Input: 'invalid character"},
			{"an input that is empty", arn, "x", "", "InvalidExecutionInput", "Invalid State Machine Execution Input: 'Invalid execution input.'"},
			{"an input with more behind it", arn, "x", "{} {}", "InvalidExecutionInput",
				"Invalid State Machine Execution Input: 'invalid character"},
			{"an input that is too large", arn, "x", `"` + strings.Repeat("가", 87_381) + `"`, "ValidationException",
				"at 'input' failed to satisfy constraint: Member must have length less than or equal to 262144"},
		} {
			_, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &c.machine, Name: &c.name, Input: &c.input})
			if code(err) != c.code || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%s: %v,\nwant %s: %s", c.about, err, c.code, c.message)
			}
		}
		for name, input := range map[string]string{
			"한글-이름_.()=+!@'": `{}`, strings.Repeat("n", 80): `{}`, "number": `2`, "string": `"x"`, "null": `null`, "array": `[]`,
			"largest": `"` + strings.Repeat("a", 262_142) + `"`,
		} {
			if _, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &arn, Name: &name,
				Input: &input}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		list, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
		if err != nil || len(list.Executions) != 7 {
			t.Errorf("%d executions (%v), want 7: refused starts must not leave any", len(list.Executions), err)
		}
	})
}

func TestMissingMembers(t *testing.T) {
	t.Parallel()
	endpoint := awsapi.New(awsapi.Options{})
	for operation, member := range map[string]string{
		"StartExecution": "stateMachineArn", "DescribeExecution": "executionArn", "GetExecutionHistory": "executionArn",
		"StopExecution":    "executionArn",
		"RedriveExecution": "executionArn", "DescribeStateMachine": "stateMachineArn", "ListExecutions": "stateMachineArn",
	} {
		_, _, body := post(t, endpoint, "POST", "/", "", map[string]string{"X-Amz-Target": "AWSStepFunctions." + operation})
		if want := "Value null at '" + member + "' failed to satisfy constraint: Member must not be null"; !strings.Contains(body,
			"ValidationException") || !strings.Contains(body, want) {
			t.Errorf("%s: %s, want %s", operation, body, want)
		}
	}
}

func TestExecutionDoesNotExist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.machine(t, "m", passing)
		for arn, want := range map[string]string{
			"arn:aws:states:ap-northeast-2:000000000000:execution:m:none":     "ExecutionDoesNotExist",
			"arn:aws:states:ap-northeast-2:000000000000:execution:other:none": "ExecutionDoesNotExist",
			"arn:aws:states:us-east-1:000000000000:execution:m:none":          "ExecutionDoesNotExist",
			"arn:aws:states:ap-northeast-2:000000000000:execution:m":          "InvalidArn",
			"arn:aws:states:ap-northeast-2:000000000000:stateMachine:m:none":  "InvalidArn",
			"arn:aws:states:ap-northeast-2:000000000000:express:m:none:1":     "InvalidArn",
			"none": "InvalidArn",
		} {
			_, describe := w.states.DescribeExecution(t.Context(), &sfn.DescribeExecutionInput{ExecutionArn: &arn})
			_, history := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &arn})
			_, stop := w.states.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &arn})
			_, redrive := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn})
			for operation, err := range map[string]error{"describe": describe, "history": history, "stop": stop, "redrive": redrive} {
				if code(err) != want {
					t.Errorf("%s %s: %v, want %s", operation, arn, err, want)
				}
			}
		}
	})
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		// Nine events: two for the execution, six for the three states before the last, one for Fail.
		arn := w.machine(t, "m",
			`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"},
			"C": {"Type": "Pass", "Next": "D"}, "D": {"Type": "Fail"}}}`)
		x := start(t, w, arn, "x", `{"secret": 1}`)
		synctest.Wait()
		read := func(reverse bool, size int32) (pages [][]int64) {
			var token *string
			for {
				out, err := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &x, ReverseOrder: reverse,
					MaxResults: size, NextToken: token})
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, ids(out.Events))
				if token = out.NextToken; token == nil {
					return pages
				}
			}
		}
		for _, c := range []struct {
			reverse bool
			size    int32
			want    [][]int64
		}{
			{false, 0, [][]int64{{1, 2, 3, 4, 5, 6, 7, 8, 9}}},
			{false, 9, [][]int64{{1, 2, 3, 4, 5, 6, 7, 8, 9}}},
			{false, 4, [][]int64{{1, 2, 3, 4}, {5, 6, 7, 8}, {9}}},
			{true, 0, [][]int64{{9, 8, 7, 6, 5, 4, 3, 2, 1}}},
			{true, 9, [][]int64{{9, 8, 7, 6, 5, 4, 3, 2, 1}}},
			{true, 4, [][]int64{{9, 8, 7, 6}, {5, 4, 3, 2}, {1}}},
		} {
			if got := read(c.reverse, c.size); !reflect.DeepEqual(got, c.want) {
				t.Errorf("reverse %t, %d per page: %v, want %v", c.reverse, c.size, got, c.want)
			}
		}
		one, err := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &x, MaxResults: 1})
		if err != nil {
			t.Fatal(err)
		}
		y := start(t, w, arn, "y", "{}")
		for about, in := range map[string]*sfn.GetExecutionHistoryInput{
			"a token of the other direction": {ExecutionArn: &x, ReverseOrder: true, NextToken: one.NextToken},
			"a token of another execution":   {ExecutionArn: &y, NextToken: one.NextToken},
			"a made-up token":                {ExecutionArn: &x, NextToken: aws.String("AAAA")},
			"a token that is no base64":      {ExecutionArn: &x, NextToken: aws.String("!")},
		} {
			if _, err := w.states.GetExecutionHistory(t.Context(), in); code(err) != "InvalidToken" {
				t.Errorf("%s: %v", about, err)
			}
		}
		if _, err := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &x,
			MaxResults: 1001}); code(err) != "ValidationException" {
			t.Errorf("1,001 events: %v", err)
		}
		bare, err := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &x,
			IncludeExecutionData: aws.Bool(false)})
		if err != nil || bare.Events[0].ExecutionStartedEventDetails.Input != nil || bare.Events[1].StateEnteredEventDetails.Input != nil ||
			*bare.Events[1].StateEnteredEventDetails.Name != "A" {
			t.Errorf("without data: %+v, %v", bare, err)
		}
	})
}

func TestListExecutions(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		// Odd numbers wait, even ones fail.
		arn := w.machine(t, "m", `{"QueryLanguage": "JSONata", "StartAt": "Choose", "States": {
			"Choose": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input % 2 = 1 %}", "Next": "Rest"}], "Default": "Broken"},
			"Rest": {"Type": "Wait", "Seconds": 60, "End": true}, "Broken": {"Type": "Fail"}}}`)
		for i := range 7 {
			start(t, w, arn, fmt.Sprint("x", i), fmt.Sprint(i))
		}
		synctest.Wait()
		read := func(status types.ExecutionStatus, size int32) (pages [][]string) {
			var token *string
			for {
				out, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn, StatusFilter: status, MaxResults: size,
					NextToken: token})
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, names(out.Executions))
				if token = out.NextToken; token == nil {
					return pages
				}
			}
		}
		for _, c := range []struct {
			status types.ExecutionStatus
			size   int32
			want   [][]string
		}{
			{"", 0, [][]string{{"x6", "x5", "x4", "x3", "x2", "x1", "x0"}}},
			{"", 3, [][]string{{"x6", "x5", "x4"}, {"x3", "x2", "x1"}, {"x0"}}},
			{"", 7, [][]string{{"x6", "x5", "x4", "x3", "x2", "x1", "x0"}}},
			{"RUNNING", 2, [][]string{{"x5", "x3"}, {"x1"}}},
			{"FAILED", 4, [][]string{{"x6", "x4", "x2", "x0"}}},
			{"SUCCEEDED", 0, [][]string{nil}},
			{"PENDING_REDRIVE", 0, [][]string{nil}},
		} {
			if got := read(c.status, c.size); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s, %d per page: %v, want %v", c.status, c.size, got, c.want)
			}
		}
		// A page that was begun goes on where it was, whatever starts meanwhile.
		first, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn, MaxResults: 5})
		if err != nil {
			t.Fatal(err)
		}
		start(t, w, arn, "x7", "7")
		rest, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn, MaxResults: 5,
			NextToken: first.NextToken})
		if err != nil || !reflect.DeepEqual(names(rest.Executions), []string{"x1", "x0"}) {
			t.Errorf("second page = %v, %v", rest, err)
		}
		other := w.machine(t, "other", passing)
		for about, c := range map[string]struct {
			in   *sfn.ListExecutionsInput
			want string
		}{
			"a token of another list": {&sfn.ListExecutionsInput{StateMachineArn: &other, NextToken: first.NextToken}, "InvalidToken"},
			"a token of another filter": {&sfn.ListExecutionsInput{StateMachineArn: &arn, StatusFilter: "FAILED", NextToken: first.NextToken},
				"InvalidToken"},
			"an unknown status":         {&sfn.ListExecutionsInput{StateMachineArn: &arn, StatusFilter: "failed"}, "ValidationException"},
			"an unknown redrive filter": {&sfn.ListExecutionsInput{StateMachineArn: &arn, RedriveFilter: "MAYBE"}, "ValidationException"},
			"a page that is too large":  {&sfn.ListExecutionsInput{StateMachineArn: &arn, MaxResults: 1001}, "ValidationException"},
			"a negative page":           {&sfn.ListExecutionsInput{StateMachineArn: &arn, MaxResults: -1}, "ValidationException"},
			"a map run": {&sfn.ListExecutionsInput{MapRunArn: aws.String("arn:aws:states:ap-northeast-2:000000000000:mapRun:m/x:1")},
				"ResourceNotFound"},
			"no such machine": {&sfn.ListExecutionsInput{StateMachineArn: aws.String(arn + "x")}, "StateMachineDoesNotExist"},
		} {
			if _, err := w.states.ListExecutions(t.Context(), c.in); code(err) != c.want {
				t.Errorf("%s: %v, want %s", about, err, c.want)
			}
		}
	})
}

// The oldest that have finished are forgotten, and their names are free; what runs is never forgotten.
func TestKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{Kept: 3})
		slow, fast := "slow", "fast"
		arn := w.machine(t, "m",
			`{"QueryLanguage": "JSONata", "StartAt": "Rest", "States": {"Rest": {"Type": "Wait", "Seconds": "{% $states.input %}", "End": true}}}`)
		start(t, w, arn, slow, "3600")
		for i := range 10 {
			start(t, w, arn, fmt.Sprint(fast, i), "1")
			time.Sleep(2 * time.Second)
		}
		synctest.Wait()
		out, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
		if want := []string{"fast9", "fast8", "fast7", slow}; err != nil || !reflect.DeepEqual(names(out.Executions), want) {
			t.Errorf("kept %v, %v; want %v", names(out.Executions), err, want)
		}
		if _, err := w.states.DescribeExecution(t.Context(),
			&sfn.DescribeExecutionInput{ExecutionArn: aws.String("arn:aws:states:ap-northeast-2:000000000000:execution:m:fast0")}); code(
			err) != "ExecutionDoesNotExist" {
			t.Errorf("fast0: %v", err)
		}
		start(t, w, arn, "fast0", "1")
		time.Sleep(time.Hour)
		synctest.Wait()
		out, err = w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
		if want := []string{"fast0", "fast9", slow}; err != nil || !reflect.DeepEqual(names(out.Executions), want) {
			t.Errorf("kept %v, %v; want %v", names(out.Executions), err, want)
		}
	})
}

// Memory is bounded by the size of the histories as well.
func TestKeptBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{KeptBytes: 100_000})
		arn := w.machine(t, "m", passing)
		kept := func() []string {
			synctest.Wait()
			out, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn})
			if err != nil {
				t.Fatal(err)
			}
			return names(out.Executions)
		}
		text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
		for i := range 10 {
			// The input is in the history twice.
			start(t, w, arn, fmt.Sprint("x", i), text(15_000))
			synctest.Wait()
		}
		if want := []string{"x9", "x8", "x7"}; !reflect.DeepEqual(kept(), want) {
			t.Errorf("kept %v, want %v", kept(), want)
		}
		start(t, w, arn, "large", text(200_000))
		if want := []string{"large"}; !reflect.DeepEqual(kept(), want) {
			t.Errorf("kept %v, want %v", kept(), want)
		}
		start(t, w, arn, "small", text(1))
		if want := []string{"small"}; !reflect.DeepEqual(kept(), want) {
			t.Errorf("kept %v, want %v", kept(), want)
		}
	})
}

func TestStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		x := start(t, w, w.machine(t, "m", waiting), "x", "{}")
		time.Sleep(time.Second)
		out, err := w.states.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &x, Error: aws.String("Cancelled"),
			Cause: aws.String("by hand")})
		if err != nil {
			t.Fatal(err)
		}
		stopped := time.Now()
		if !out.StopDate.Equal(stopped) {
			t.Errorf("stopped at %v, want %v", out.StopDate, stopped)
		}
		if d := describe(t, w, x); d.Status != types.ExecutionStatusAborted || *d.Error != "Cancelled" || *d.Cause != "by hand" ||
			!d.StopDate.Equal(stopped) {
			t.Errorf("stopped: %+v", d)
		}
		// Stopping what has ended changes nothing.
		time.Sleep(time.Second)
		out, err = w.states.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &x, Error: aws.String("Again")})
		if err != nil || !out.StopDate.Equal(stopped) || *describe(t, w, x).Error != "Cancelled" {
			t.Errorf("stopped again: %+v, %v", out, err)
		}
		for about, in := range map[string]*sfn.StopExecutionInput{
			"error": {ExecutionArn: &x, Error: aws.String(strings.Repeat("x", 257))},
			"cause": {ExecutionArn: &x, Cause: aws.String(strings.Repeat("x", 32_769))},
		} {
			if _, err := w.states.StopExecution(t.Context(), in); code(err) != "ValidationException" {
				t.Errorf("%s too long: %v", about, err)
			}
		}
	})
}

// Lambda does not notice that the execution which called it was stopped: what it is doing, it does.
func TestStopLeavesFunctionRunning(t *testing.T) {
	t.Parallel()
	var done atomic.Bool
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("slow", 0, func(ctx context.Context) error {
			time.Sleep(10 * time.Second)
			done.Store(ctx.Err() == nil)
			return nil
		})
		x := start(t, w, w.machine(t, "m", calling), "x", `{"function": "slow"}`)
		time.Sleep(time.Second)
		if _, err := w.states.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &x}); err != nil {
			t.Fatal(err)
		}
		if d := describe(t, w, x); d.Status != types.ExecutionStatusAborted || done.Load() {
			t.Errorf("status = %s, function done: %t", d.Status, done.Load())
		}
		time.Sleep(10 * time.Second)
		if !done.Load() {
			t.Error("the function was interrupted")
		}
	})
}

func TestRedrive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		var repaired atomic.Bool
		w.Function("f", 0, func() (string, error) {
			if !repaired.Load() {
				return "", errors.New("broken")
			}
			return "fine", nil
		})
		events := w.listen(t, "default", `{"source": ["aws.states"], "detail": {"redriveCount": [{"numeric": [">", 0]}]}}`)
		arn := w.machine(t, "m", calling)
		x := start(t, w, arn, "x", `{"function": "f"}`)
		synctest.Wait()
		if d := describe(t, w, x); d.Status != types.ExecutionStatusFailed || *d.Error != "errorString" ||
			d.RedriveStatus != types.ExecutionRedriveStatusRedrivable || d.RedriveStatusReason != nil {
			t.Fatalf("failed: %+v", d)
		}
		repaired.Store(true)
		time.Sleep(time.Hour)
		out, err := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &x})
		if err != nil || !out.RedriveDate.Equal(time.Now()) {
			t.Fatalf("RedriveExecution = %+v, %v", out, err)
		}
		synctest.Wait()
		d := describe(t, w, x)
		if d.Status != types.ExecutionStatusSucceeded || *d.RedriveCount != 1 || !d.RedriveDate.Equal(*out.RedriveDate) ||
			!strings.Contains(*d.Output, "fine") || d.Error != nil {
			t.Errorf("redriven: %+v", d)
		}
		h, err := w.states.GetExecutionHistory(t.Context(), &sfn.GetExecutionHistoryInput{ExecutionArn: &x, ReverseOrder: true})
		if err != nil || h.Events[0].Type != "ExecutionSucceeded" || h.Events[0].Id != int64(len(h.Events)) {
			t.Errorf("history = %+v, %v", h.Events, err)
		}
		list, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn, RedriveFilter: "REDRIVEN"})
		if err != nil || len(list.Executions) != 1 || *list.Executions[0].RedriveCount != 1 {
			t.Errorf("redriven executions: %+v, %v", list, err)
		}
		if list, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &arn,
			RedriveFilter: "NOT_REDRIVEN"}); err != nil || len(list.Executions) != 0 {
			t.Errorf("not redriven executions: %+v, %v", list, err)
		}
		if len(*events) != 2 {
			t.Errorf("%d events of the redrive, want RUNNING and SUCCEEDED", len(*events))
		}
		_, err = w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &x})
		if code(err) != "ExecutionNotRedrivable" || !strings.Contains(err.Error(), "SUCCEEDED") {
			t.Errorf("redriving what succeeded: %v", err)
		}
	})
}

// One client token redrives once: sent again within 15 minutes it gets the same answer, whatever has become of the execution.
func TestRedriveOncePerClientToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, x := failed(t)
		redrive := func(token string) (time.Time, error) {
			synctest.Wait()
			out, err := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &x, ClientToken: &token})
			if err != nil {
				return time.Time{}, err
			}
			return *out.RedriveDate, nil
		}
		redriven := func(want int32) {
			t.Helper()
			synctest.Wait()
			if d := describe(t, w, x); *d.RedriveCount != want {
				t.Errorf("redriven %d times, want %d", *d.RedriveCount, want)
			}
		}
		began := time.Now()
		for range 2 {
			if at, err := redrive("one"); err != nil || !at.Equal(began) {
				t.Errorf("redriven %v, %v, want %v", at, err, began)
			}
			redriven(1)
			time.Sleep(15 * time.Minute)
		}
		if at, err := redrive("one"); err != nil || at.Equal(began) {
			t.Errorf("after its time the token redrove %v, %v", at, err)
		}
		redriven(2)
		// The last ten are remembered.
		for i := range 10 {
			if _, err := redrive(fmt.Sprint("token ", i)[6:]); err != nil {
				t.Fatal(err)
			}
		}
		redriven(12)
		if _, err := redrive("0"); err != nil {
			t.Error(err)
		}
		redriven(12)
		if _, err := redrive("one"); err != nil {
			t.Error(err)
		}
		redriven(13)
		for _, token := range []string{"", strings.Repeat("x", 65), "a token"} {
			if _, err := redrive(token); code(err) != "ValidationException" {
				t.Errorf("token %q: %v", token, err)
			}
		}
	})
}

func TestRedriveHasItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, x := failed(t)
		y := start(t, w, w.machine(t, "w", waiting), "y", "{}")
		if _, err := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &y}); code(err) != "ExecutionNotRedrivable" {
			t.Errorf("while it runs: %v", err)
		}
		time.Sleep(14*24*time.Hour + time.Second)
		if _, err := w.states.RedriveExecution(t.Context(),
			&sfn.RedriveExecutionInput{ExecutionArn: &x}); code(err) != "ExecutionNotRedrivable" ||
			!strings.Contains(err.Error(), "period exceeded") {
			t.Errorf("after 14 days: %v", err)
		}
	})
}

// A redriven execution runs again, so it is not among those that may be forgotten.
func TestRedrivenIsNotForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{Kept: 1})
		var calls atomic.Int32
		w.Function("f", 0, func() error {
			if calls.Add(1) == 1 {
				return errors.New("broken")
			}
			time.Sleep(time.Minute)
			return nil
		})
		w.Function("quick", 0, func() error { return nil })
		arn := w.machine(t, "m", calling)
		x := start(t, w, arn, "x", `{"function": "f"}`)
		synctest.Wait()
		if _, err := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &x}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			start(t, w, arn, fmt.Sprint(i), `{"function": "quick"}`)
			synctest.Wait()
		}
		if d := describe(t, w, x); d.Status != types.ExecutionStatusRunning {
			t.Errorf("status = %s", d.Status)
		}
	})
}

// Nobody publishes versions here, or names aliases, so there are none.
func TestVersionsAndAliasesDoNotExist(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		arn := w.machine(t, "m", passing)
		for _, qualifier := range []string{":3", ":live", ":"} {
			qualified := arn + qualifier
			_, start := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &qualified})
			_, describe := w.states.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &qualified})
			_, list := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &qualified})
			for what, err := range map[string]error{"start": start, "describe": describe, "list": list} {
				if code(err) != "StateMachineDoesNotExist" || !strings.Contains(err.Error(), "State Machine Does Not Exist: '"+qualified+"'") {
					t.Errorf("%s %s: %v", what, qualified, err)
				}
			}
		}
	})
}

func TestStateMachines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		created := time.Now()
		arn := w.machine(t, "b", passing)
		w.machine(t, "a", failing)
		w.machine(t, "c", failing)
		d, err := w.states.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn})
		if err != nil || *d.Definition != passing || *d.Name != "b" || d.Type != "STANDARD" || d.Status != "ACTIVE" ||
			*d.RoleArn != "arn:aws:iam::000000000000:role/states" ||
			!d.CreationDate.Equal(created) || *d.StateMachineArn != arn || d.LoggingConfiguration.Level != "OFF" || d.TracingConfiguration.Enabled {
			t.Errorf("DescribeStateMachine = %+v, %v", d, err)
		}
		if _, err := w.states.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(arn +
			"x")}); code(err) != "StateMachineDoesNotExist" {
			t.Error(err)
		}
		first, err := w.states.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{MaxResults: 2})
		if err != nil || len(first.StateMachines) != 2 || *first.StateMachines[0].Name != "a" || first.NextToken == nil {
			t.Fatalf("ListStateMachines = %+v, %v", first, err)
		}
		second, err := w.states.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{MaxResults: 2, NextToken: first.NextToken})
		if err != nil || len(second.StateMachines) != 1 || *second.StateMachines[0].Name != "c" || second.NextToken != nil {
			t.Errorf("ListStateMachines = %+v, %v", second, err)
		}
		if _, err := w.states.ListStateMachines(t.Context(),
			&sfn.ListStateMachinesInput{NextToken: aws.String("x")}); code(err) != "InvalidToken" {
			t.Error(err)
		}
		if _, err := w.states.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{MaxResults: 2000}); code(err) != "ValidationException" {
			t.Error(err)
		}
	})
}

func TestStateMachineRefused(t *testing.T) {
	t.Parallel()
	endpoint := awsapi.New(awsapi.Options{})
	var definition *asl.DefinitionError
	if _, err := endpoint.StateMachine("m", "", []byte(`{}`)); !errors.As(err, &definition) {
		t.Errorf("a bad definition: %v", err)
	}
	if _, err := endpoint.StateMachine("m m", "", []byte(passing)); err == nil {
		t.Error("a bad name is taken")
	}
	if _, err := endpoint.StateMachine("m", "", []byte(passing)); err != nil {
		t.Error(err)
	}
	if _, err := endpoint.StateMachine("m", "", []byte(passing)); err == nil {
		t.Error("the same name is taken twice")
	}
}

// Resources that the endpoint does not serve, and arguments that what it serves does not know, are refused when the machine
// is made, and not when an execution comes to them.
func TestStateMachineRefusesWhatNobodyServes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ about, resource, arguments, path, message string }{
		{"a resource of another service", "dynamodb:query", `{}`, "/Resource", "does not serve arn:aws:states:::dynamodb:query"},
		{"an API call", "aws-sdk:sfn:startExecution", `{}`, "/Resource", "does not serve arn:aws:states:::aws-sdk:sfn:startExecution"},
		{"a function's version", "lambda:invoke", `{"FunctionName": "f", "Qualifier": "live"}`, "/Arguments/Qualifier",
			"Qualifier is no argument"},
		{"an invocation of another kind", "lambda:invoke", `{"FunctionName": "f", "InvocationType": "Event"}`, "/Arguments/InvocationType",
			"InvocationType is no argument"},
		{"a misspelt argument", "events:putEvents", `{"Events": []}`, "/Arguments/Events", "Events is no argument"},
		{"a misspelt argument in a list", "events:putEvents",
			`{"Entries": [{"Source": "a"}, {"DetailType": "b", "Detial": {"any": "thing"}}]}`, "/Arguments/Entries[1]/Detial",
			"Detial is no argument"},
		{"what an expression gives is seen when it is evaluated", "events:putEvents", `{"Entries": "{% $states.input %}"}`, "", ""},
		{"arguments that are one expression", "lambda:invoke", `"{% $states.input %}"`, "", ""},
		{"a payload may hold anything", "lambda:invoke", `{"FunctionName": "f", "Payload": {"Qualifier": [{"any": "thing"}]}}`, "", ""},
		{"a detail may hold anything", "events:putEvents", `{"Entries": [{"Detail": {"any": {"thing": 1}}, "EventBusName": "b"}]}`, "", ""},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			_, err := awsapi.New(awsapi.Options{}).StateMachine("m", "", []byte(`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {`+
				`"Type": "Task", "Resource": "arn:aws:states:::`+c.resource+`", "Arguments": `+c.arguments+`, "End": true}}}`))
			var refused *asl.DefinitionError
			switch {
			case c.message == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.message == "":
			case !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Path != "/States/A"+c.path ||
				!strings.Contains(refused.Problems[0].Message, c.message):
				t.Errorf("%v, want %s at %s", err, c.message, c.path)
			}
		})
	}
}

func TestStatusEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		events := w.listen(t, "default", `{"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"]}`)
		begin := time.Now()
		arn := w.machine(t, "m", waiting)
		x := start(t, w, arn, "x", `{"n": 1}`)
		time.Sleep(time.Second)
		synctest.Wait()
		if _, err := w.states.StopExecution(t.Context(), &sfn.StopExecutionInput{ExecutionArn: &x, Error: aws.String("E"),
			Cause: aws.String("C")}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		common := func(status string) map[string]any {
			return map[string]any{
				"executionArn": x, "stateMachineArn": arn, "name": "x", "status": status, "startDate": float64(begin.UnixMilli()), "stopDate": nil,
				"input": `{"n": 1}`, "inputDetails": map[string]any{"included": true}, "output": nil, "outputDetails": nil, "error": nil, "cause": nil,
				"stateMachineVersionArn": nil, "stateMachineAliasArn": nil, "redriveCount": 0.0, "redriveDate": nil,
				"redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
			}
		}
		aborted := common("ABORTED")
		aborted["stopDate"], aborted["error"], aborted["cause"] = float64(begin.Add(time.Second).UnixMilli()), "E", "C"
		aborted["redriveStatus"], aborted["redriveStatusReason"] = "REDRIVABLE", nil
		if len(*events) != 2 {
			t.Fatalf("%d events", len(*events))
		}
		for i, want := range []map[string]any{common("RUNNING"), aborted} {
			e := (*events)[i]
			var got map[string]any
			if err := json.Unmarshal(e.Detail, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("detail %d = %v,\nwant       %v", i, got, want)
			}
			if !reflect.DeepEqual(e.Resources, []string{x}) {
				t.Errorf("resources = %v", e.Resources)
			}
		}
	})
}

// What does not fit into an event is left out of it, the input first.
func TestStatusEventsAreSmall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		events := w.listen(t, "default", `{"source": ["aws.states"], "detail": {"status": ["SUCCEEDED"]}}`)
		// A quote is two bytes of JSON, and four of JSON inside JSON.
		w.Function("quotes", 0, func(in struct{ N int }) (string, error) { return strings.Repeat(`"`, in.N), nil })
		arn := w.machine(t, "m", calling)
		for _, c := range []struct {
			name          string
			input, output int
			hasInput      bool
			hasOutput     bool
		}{{"both", 1000, 1000, true, true}, {"output", 200_000, 20_000, false, true}, {"none", 10, 65_000, false, false}} {
			*events = nil
			start(t, w, arn, c.name, fmt.Sprintf(`{"function": "quotes", "n": %d, "x": "%s"}`, c.output, strings.Repeat("x", c.input)))
			synctest.Wait()
			var d struct {
				Input, Output               *string
				InputDetails, OutputDetails struct{ Included bool }
			}
			if len(*events) != 1 {
				t.Fatalf("%s: %d events", c.name, len(*events))
			}
			if err := json.Unmarshal((*events)[0].Detail, &d); err != nil {
				t.Fatal(err)
			}
			if (d.Input != nil) != c.hasInput || d.InputDetails.Included != c.hasInput || (d.Output != nil) != c.hasOutput ||
				d.OutputDetails.Included != c.hasOutput {
				t.Errorf("%s: input there %t, output there %t", c.name, d.Input != nil, d.Output != nil)
			}
		}
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		endpoint := awsapi.New(awsapi.Options{})
		w := world{endpoint, newClients("http://endpoint", direct{endpoint})}
		events := w.listen(t, "default", `{"source": ["aws.states"], "detail": {"status": [{"anything-but": "RUNNING"}]}}`)
		release := make(chan struct{})
		endpoint.Function("stubborn", 0, func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
		calls := w.machine(t, "calls", calling)
		x := start(t, w, calls, "x", `{"function": "stubborn"}`)
		y := start(t, w, w.machine(t, "waits", waiting), "y", `{}`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := endpoint.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close with a function that goes on: %v", err)
		}
		if len(*events) != 0 {
			t.Errorf("%d events of executions that only the end of the process has stopped", len(*events))
		}
		for _, arn := range []string{x, y} {
			if d := describe(t, w, arn); d.Status != types.ExecutionStatusAborted || *d.Cause != "the local endpoint was closed" {
				t.Errorf("%s: %s, %v", arn, d.Status, d.Cause)
			}
		}
		if _, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &calls}); code(err) != "ServiceUnavailable" {
			t.Errorf("start after the end: %v", err)
		}
		if _, err := w.states.RedriveExecution(t.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &x}); code(err) != "ServiceUnavailable" {
			t.Errorf("redrive after the end: %v", err)
		}
		if _, err := endpoint.Invoke(t.Context(), "stubborn", []byte("{}")); err == nil {
			t.Error("a function runs after the end")
		}
		if err := endpoint.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

// How fast executions start and end, with a task each and an event of every status.
func BenchmarkExecutions(b *testing.B) {
	endpoint := awsapi.New(awsapi.Options{})
	endpoint.Function("f", 0, func() (string, error) { return "ok", nil })
	arn, err := endpoint.StateMachine("m", "", []byte(calling))
	if err != nil {
		b.Fatal(err)
	}
	c := newClients("http://endpoint", direct{endpoint})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.states.StartExecution(context.Background(),
				&sfn.StartExecutionInput{StateMachineArn: &arn, Input: aws.String(`{"function": "f"}`)}); err != nil {
				b.Error(err)
			}
		}
	})
	if err := endpoint.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
