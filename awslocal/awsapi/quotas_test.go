package awsapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/clock"
	"sms-api/awslocal/quota"
)

// limited is a world with these limits.
func limited(t *testing.T, p quota.Profile) (world, *quota.Limits) {
	t.Helper()
	c := clock.Real(1)
	l := quota.New(p, c)
	return newWorld(t, awsapi.Options{Clock: c, Limits: l, Random: func() float64 { return 0.5 }}), l
}

// Operations that are called too often fail with the names of AWS's models, and can be called again later.
func TestOperationsAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, limits := limited(t, quota.Profile{
			"AWSStepFunctions.StartExecution": {Burst: 1, PerSecond: 1}, "AWSEvents.PutEvents": {Burst: 1, PerSecond: 1},
		})
		machine := w.machine(t, "m", passing)
		once := func(o *sfn.Options) { o.RetryMaxAttempts = 1 }
		begin := func() error {
			_, err := w.states.StartExecution(t.Context(), &sfn.StartExecutionInput{StateMachineArn: &machine}, once)
			return err
		}
		put := func() error {
			_, err := w.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("default")}},
				func(o *eventbridge.Options) { o.RetryMaxAttempts = 1 })
			return err
		}
		for what, f := range map[string]func() error{"StartExecution": begin, "PutEvents": put} {
			if err := errors.Join(f()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if err := f(); code(err) != "ThrottlingException" {
				t.Errorf("%s once more: %v", what, err)
			}
		}
		time.Sleep(time.Second)
		if err := errors.Join(begin(), put()); err != nil {
			t.Errorf("a second later: %v", err)
		}
		if refused, _ := limits.Throttled(); refused["AWSStepFunctions.StartExecution"] != 1 || refused["AWSEvents.PutEvents"] != 1 {
			t.Errorf("refused: %v", refused)
		}
	})
}

// Transitions are not refused but delayed: states, and retries.
func TestTransitionsAreDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := limited(t, quota.Profile{quota.Transitions: {Burst: 1, PerSecond: 1}})
		const three = `{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"},
			"B": {"Type": "Pass", "Next": "C"}, "C": {"Type": "Pass", "End": true}}}`
		arn := start(t, w, w.machine(t, "m", three), "x", `{}`)
		time.Sleep(1500 * time.Millisecond)
		if d := describe(t, w, arn); d.Status != "RUNNING" {
			t.Errorf("after the second of three states: %s", d.Status)
		}
		time.Sleep(time.Second)
		if d := describe(t, w, arn); d.Status != "SUCCEEDED" || d.StopDate.Sub(*d.StartDate) != 2*time.Second {
			t.Errorf("after the third: %s, %v", d.Status, d.StopDate)
		}
	})
}

// Functions that are too many are refused, in the pool that they are of: their own, or everybody's.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, limits := limited(t, quota.Profile{quota.Concurrency: {Most: 5}, quota.Unreserved: {Most: 2}})
		for _, name := range []string{"own", "a", "b"} {
			w.Function(name, 0, func() error {
				time.Sleep(time.Second)
				return nil
			})
		}
		if err := w.Reserve("own", 3); err != nil {
			t.Fatal(err)
		}
		if err := w.Reserve("a", 1); err == nil || !strings.Contains(err.Error(), "below its minimum value of [2]") {
			t.Errorf("what is not there is reserved: %v", err)
		}
		type result struct {
			name string
			err  error
		}
		results := make(chan result)
		for _, name := range []string{"own", "own", "own", "own", "a", "b", "a"} {
			go func() {
				_, err := w.Invoke(t.Context(), name, []byte("{}"))
				results <- result{name, err}
			}()
			synctest.Wait()
		}
		refused := map[string]string{}
		for range 7 {
			r := <-results
			var failed *awsapi.ServiceError
			if errors.As(r.err, &failed) && failed.Code == "TooManyRequestsException" && failed.Status == http.StatusTooManyRequests {
				refused[r.name] += failed.Reason
			}
		}
		if len(refused) != 2 || refused["own"] != "ReservedFunctionConcurrentInvocationLimitExceeded" ||
			refused["a"] != "ConcurrentInvocationLimitExceeded" {
			t.Errorf("refused: %v", refused)
		}
		if n, _ := limits.Throttled(); n["Lambda.Invoke own"] != 1 {
			t.Errorf("counted: %v", n)
		}
		if _, err := w.Invoke(t.Context(), "own", []byte("{}")); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

// What was throttled waits in Lambda's queue, however often that was.
func TestThrottledInvocationsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := limited(t, quota.Profile{quota.Concurrency: {Most: 1}, quota.Unreserved: {Most: 1}})
		done := 0
		w.Function("f", 0, func() error {
			time.Sleep(10 * time.Second)
			done++
			return nil
		})
		for range 50 {
			if err := w.InvokeLater("f", []byte("{}")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		if done != 50 {
			t.Errorf("%d of 50 were invoked", done)
		}
	})
}

// An invocation that is throttled for too long is given up. The longer it waits, the more rarely it is tried.
func TestThrottledInvocationsAreGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, limits := limited(t, quota.Profile{quota.Concurrency: {Most: 1}, quota.Unreserved: {Most: 1}})
		w.Queue("dead", awsapi.QueueOptions{})
		w.Function("f", 0, func() error {
			time.Sleep(14 * time.Minute)
			return nil
		})
		if err := w.Async("f", awsapi.Async{Retries: 2, Age: 10 * time.Minute, OnFailure: awsapi.QueueARN("dead")}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := w.InvokeLater("f", []byte("{}")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		var dead struct{ Messages []struct{ Body string } }
		sqs(t, w, "ReceiveMessage", `{"QueueUrl":"dead"}`, &dead)
		if len(dead.Messages) != 1 || !strings.Contains(dead.Messages[0].Body, `"condition":"EventAgeExceeded"`) {
			t.Errorf("dead letters: %+v", dead)
		}
		if refused, _ := limits.Throttled(); refused["Lambda.Invoke f"] < 7 || refused["Lambda.Invoke f"] > 20 {
			t.Errorf("it was tried %d times in ten minutes", refused["Lambda.Invoke f"])
		}
	})
}

// A table takes so many writes, and so does each key.
func TestTableWritesAreThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := limited(t, quota.Profile{quota.TableWrites: {Burst: 4, PerSecond: 4}, quota.KeyWrites: {Burst: 2, PerSecond: 2}})
		if err := w.Table("t", "pk", "sk"); err != nil {
			t.Fatal(err)
		}
		write := func(key string) string {
			body := fmt.Sprintf(`{"TableName":"t","Item":{"pk":{"S":%q},"sk":{"S":"x"}}}`, key)
			status, _, answer := post(t, w, "POST", "/", body, map[string]string{"X-Amz-Target": "DynamoDB_20120810.PutItem"})
			if status == http.StatusOK {
				return "ok"
			}
			if !strings.Contains(answer, "ThrottlingException") {
				t.Errorf("%d %s", status, answer)
			}
			return "throttled"
		}
		var got []string
		for _, key := range []string{"a", "a", "a", "b", "c"} {
			got = append(got, write(key))
		}
		// The third of a has been counted of the table, which has none left for c.
		if fmt.Sprint(got) != "[ok ok throttled ok throttled]" {
			t.Error(got)
		}
		time.Sleep(time.Second)
		if got := write("c"); got != "ok" {
			t.Errorf("a second later: %s", got)
		}
	})
}

// EventBridge delivers no faster than its quota, and loses nothing by that.
func TestDeliveriesAreDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := limited(t, quota.Profile{quota.Deliveries: {Burst: 1, PerSecond: 2}})
		w.Queue("q", awsapi.QueueOptions{})
		name := aws.String("r")
		if _, err := w.events.PutRule(t.Context(),
			&eventbridge.PutRuleInput{Name: name, EventPattern: aws.String(`{"source":["shop"]}`)}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: name,
			Targets: []types.Target{{Id: name, Arn: aws.String(awsapi.QueueARN("q"))}}}); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := w.events.PutEvents(t.Context(),
				&eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("default")}}); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []int{2, 4, 5} {
			time.Sleep(900 * time.Millisecond)
			synctest.Wait()
			if ready, _ := w.QueueDepth("q"); ready != want {
				t.Errorf("look %d: %d delivered, want %d", i, ready, want)
			}
		}
	})
}
