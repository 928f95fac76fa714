package awsapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/awslocal/awsapi"
)

// queued has a queue whose messages are dead letters after so many receives.
func queued(t *testing.T, receives int) world {
	t.Helper()
	w := newWorld(t, awsapi.Options{})
	w.Queue("dead", awsapi.QueueOptions{})
	w.Queue("q", awsapi.QueueOptions{Visibility: time.Minute, DeadLetters: "dead", MaxReceives: receives})
	return w
}

// sqs calls an operation of SQS and returns the answer.
func sqs(t *testing.T, w world, operation, body string, into any) (status int) {
	t.Helper()
	status, _, answer := post(t, w, "POST", "/", body, map[string]string{"X-Amz-Target": "AmazonSQS." + operation})
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			t.Fatalf("%s: %v in %s", operation, err, answer)
		}
	}
	return status
}

// A message that somebody has received is hidden, comes again, and is a dead letter in the end unless it is deleted.
func TestQueues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := queued(t, 2)
		var url struct {
			QueueURL string `json:"QueueUrl"`
		}
		sqs(t, w, "GetQueueUrl", `{"QueueName":"q"}`, &url)
		type received struct {
			Messages []struct {
				Body, ReceiptHandle string
				Attributes          map[string]string
			}
		}
		receive := func(queue string) (r received) {
			sqs(t, w, "ReceiveMessage", fmt.Sprintf(`{"QueueUrl":%q,"MaxNumberOfMessages":10}`, queue), &r)
			return r
		}
		for _, body := range []string{"one", "two"} {
			var sent struct{ MD5OfMessageBody string }
			sqs(t, w, "SendMessage", fmt.Sprintf(`{"QueueUrl":%q,"MessageBody":%q}`, url.QueueURL, body), &sent)
			if len(sent.MD5OfMessageBody) != 32 {
				t.Errorf("sent: %+v", sent)
			}
		}
		first := receive(url.QueueURL)
		if len(first.Messages) != 2 || first.Messages[0].Body != "one" || len(receive(url.QueueURL).Messages) != 0 {
			t.Fatalf("received %+v", first)
		}
		sqs(t, w, "DeleteMessage", fmt.Sprintf(`{"QueueUrl":%q,"ReceiptHandle":%q}`, url.QueueURL, first.Messages[0].ReceiptHandle), nil)
		time.Sleep(61 * time.Second)
		if again := receive(url.QueueURL); len(again.Messages) != 1 || again.Messages[0].Body != "two" {
			t.Errorf("a minute later: %+v", again)
		}
		time.Sleep(61 * time.Second)
		if third := receive(url.QueueURL); len(third.Messages) != 0 {
			t.Errorf("the third time: %+v", third)
		}
		synctest.Wait()
		if dead := receive("dead"); len(dead.Messages) != 1 || dead.Messages[0].Body != "two" ||
			dead.Messages[0].Attributes["ApproximateReceiveCount"] != "1" {
			t.Errorf("dead letters: %+v", dead)
		}
		var attributes struct{ Attributes map[string]string }
		sqs(t, w, "GetQueueAttributes", fmt.Sprintf(`{"QueueUrl":%q,"AttributeNames":["All"]}`, url.QueueURL), &attributes)
		if a := attributes.Attributes; a["VisibilityTimeout"] != "60" || a["ApproximateNumberOfMessages"] != "0" ||
			!strings.Contains(a["RedrivePolicy"], `"maxReceiveCount":2`) {
			t.Errorf("attributes: %v", a)
		}
		var failed struct{ Message string }
		for _, c := range []struct{ operation, body, want string }{
			{"ReceiveMessage", `{"QueueUrl":"nowhere"}`, "The specified queue does not exist."},
			{"ReceiveMessage", `{"QueueUrl":"q","MaxNumberOfMessages":11}`, "MaxNumberOfMessages 1 to 10"},
			{"SendMessage", `{"QueueUrl":"q","MessageBody":""}`, "Message must be shorter"},
			{"SendMessage", `{"QueueUrl":"q","MessageBody":"x","DelaySeconds":1}`, "The local endpoint does not take DelaySeconds."},
		} {
			if status := sqs(t, w, c.operation, c.body, &failed); status != 400 || !strings.Contains(failed.Message, c.want) {
				t.Errorf("%s %s: %d %q, want %q", c.operation, c.body, status, failed.Message, c.want)
			}
		}
	})
}

// What nobody has received in time is gone.
func TestQueuesForget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Queue("q", awsapi.QueueOptions{Retention: time.Minute})
		for _, wait := range []time.Duration{2 * time.Minute, time.Minute} {
			if err := w.Send("q", wait.String()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		var r struct{ Messages []struct{ Body string } }
		if sqs(t, w, "ReceiveMessage", `{"QueueUrl":"q","MaxNumberOfMessages":10}`, &r); len(r.Messages) != 1 || r.Messages[0].Body != "1m0s" {
			t.Errorf("received %+v", r)
		}
	})
}

// An answer that is none, or that names what nobody has handed over, fails the whole batch; what is given up after that can be
// taken to a function, too.
func TestAnAnswerThatIsNoneFailsTheBatch(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{`"fine"`, `{"batchItemFailures":[{"itemIdentifier":"somebody"}]}`} {
		synctest.Test(t, func(t *testing.T) {
			w := queued(t, 2)
			calls, dead := 0, 0
			w.Function("f", 0, func() (json.RawMessage, error) {
				calls++
				return json.RawMessage(answer), nil
			})
			w.Function("g", 0, func(e events.SQSEvent) error {
				dead += len(e.Records)
				return nil
			})
			for queue, function := range map[string]string{"q": "f", "dead": "g"} {
				if err := w.Take(queue, awsapi.Source{Function: function, Batch: 10, Concurrency: 1}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Send("q", "one"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
			if calls != 2 || dead != 1 {
				t.Errorf("%s: %d calls, %d dead letters", answer, calls, dead)
			}
		})
	}
}

// Lambda takes messages to a function, some at a time, in as many invocations at a time as it may, and what the function
// could not do comes again when it is visible again.
func TestAFunctionTakesMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := queued(t, 3)
		var mu sync.Mutex
		running, most, batches := 0, 0, []int{}
		seen := map[string]int{}
		w.Function("f", 0, func(e events.SQSEvent) (r events.SQSEventResponse, err error) {
			mu.Lock()
			running++
			most = max(most, running)
			batches = append(batches, len(e.Records))
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			running--
			for _, record := range e.Records {
				seen[record.Body]++
				switch {
				case record.EventSource != "aws:sqs" || record.Attributes["ApproximateReceiveCount"] != fmt.Sprint(seen[record.Body]):
					err = fmt.Errorf("record %+v", record)
				case record.Body == "bad", record.Body == "slow" && seen["slow"] == 1:
					r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
				}
			}
			return r, err
		})
		for i := range 28 {
			if err := w.Send("q", fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, body := range []string{"bad", "slow"} {
			if err := w.Send(awsapi.QueueARN("q"), body); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Take("q", awsapi.Source{Function: "nobody", Batch: 10, Concurrency: 2}); err == nil {
			t.Error("a function that does not exist takes messages")
		}
		if err := w.Take("q", awsapi.Source{Function: "f", Batch: 10, Concurrency: 2}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if most != 2 || !slices.Equal(batches, []int{10, 10, 10, 2, 1}) {
			t.Errorf("at most %d at a time, batches of %d", most, batches)
		}
		for body, want := range map[string]int{"0": 1, "27": 1, "slow": 2, "bad": 3} {
			if seen[body] != want {
				t.Errorf("%q was seen %d times, want %d", body, seen[body], want)
			}
		}
		if ready, hidden := w.QueueDepth("q"); ready+hidden != 0 {
			t.Errorf("%d and %d messages are left", ready, hidden)
		}
		if dead, _ := w.QueueDepth("dead"); dead != 1 {
			t.Errorf("%d dead letters, want the bad one", dead)
		}
	})
}

// An invocation that nobody waits for is repeated twice after errors, and a record of it kept then.
func TestWhatIsInvokedLaterIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Queue("dead", awsapi.QueueOptions{})
		var at []time.Time
		w.Function("f", 0, func() error {
			at = append(at, time.Now())
			return errors.New("never")
		})
		if err := w.Async("f", awsapi.Async{Retries: 2, Age: time.Hour, OnFailure: awsapi.QueueARN("dead")}); err != nil {
			t.Fatal(err)
		}
		if err := w.InvokeLater("f", []byte(`{"n":1}`)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(at) != 3 || at[1].Sub(at[0]) != time.Minute || at[2].Sub(at[1]) != 2*time.Minute {
			t.Errorf("invoked at %v", at)
		}
		var dead struct{ Messages []struct{ Body string } }
		sqs(t, w, "ReceiveMessage", `{"QueueUrl":"dead"}`, &dead)
		if len(dead.Messages) != 1 || !strings.Contains(dead.Messages[0].Body, `"condition":"RetriesExhausted","approximateInvokeCount":3`) ||
			!strings.Contains(dead.Messages[0].Body, `"requestPayload":{"n":1}`) {
			t.Errorf("dead letters: %+v", dead)
		}
		if err := w.InvokeLater("nobody", nil); err == nil {
			t.Error("a function that does not exist is invoked later")
		}
	})
}
