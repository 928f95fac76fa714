package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/sweep"
)

// onSchedule has what has a schedule go on from now on, until the test ends.
func (w *world) onSchedule() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.crew.Go(func() { w.Schedule(ctx) })
	w.t.Cleanup(func() {
		cancel()
		w.crew.Wait()
	})
}

// sweep makes a sweep, as an operator does.
func (w *world) sweep() sweep.Report {
	w.t.Helper()
	out, err := lambda.NewFromConfig(w.config).Invoke(w.t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String(StackName + "-" + deployment.Sweep), Payload: []byte(`{}`),
	})
	if err != nil || out.FunctionError != nil {
		w.t.Fatalf("sweep: %v %s", err, out.Payload)
	}
	var r sweep.Report
	if err := json.Unmarshal(out.Payload, &r); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// A message whose records were lost from the first to the last is found in every way after a sweep, and the next one has
// nothing to do.
func TestSweepWritesLostRecords(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t)
		w.table.set(recordsAway)
		id := w.post(to("", "0001"))
		w.settlesAs(id, "delivered: delivered sms delivered")
		time.Sleep(30 * time.Minute)
		w.table.set(nil)
		if found := w.list(byNumber); len(found) != 0 {
			t.Errorf("found before: %+v", found)
		}
		if r := w.sweep(); r.Listed != 1 || r.Looked != 1 || r.Recorded != 1 || r.Announced != 0 || r.Failed != 0 || r.Unfinished {
			t.Errorf("%+v", r)
		}
		found := w.list(byNumber)
		if len(found) != 1 || found[0].ID != id || found[0].Status != message.AllDelivered || len(w.list("")) != 1 {
			t.Errorf("found %+v", found)
		}
		calls := w.count()
		if o := w.get(id); compact(o) != "delivered: delivered sms delivered" || len(calls()) != 0 {
			t.Errorf("%+v", o)
		}
		time.Sleep(time.Hour)
		if r := w.sweep(); r != (sweep.Report{}) {
			t.Errorf("the next one: %+v", r)
		}
	})
}

const byNumber = "to=010-1000-0001&reason=a+test"

// recordsAway is a table that opens sends and keeps no records.
func recordsAway(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	if operation == "UpdateItem" || operation == "BatchWriteItem" {
		return nil, &awsapi.ServiceError{Code: "ProvisionedThroughputExceededException", Message: "no", Status: http.StatusBadRequest}
	}
	return next(ctx)
}

// Executions that were stopped while nobody heard of it are announced, once each, and counted.
func TestSweepAnnounces(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		t.Helper()
		w := newWorld(t)
		w.faults.always(throttled, deployment.Settle)
		end := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
		id := w.post(fmt.Sprintf(`{"template":"TX_1234","sendAt":%q,"recipients":[{"to":"01012345678","name":"홍길동",`+
			`"variables":{"주문번호":"A-17"}}]}`, end))
		w.stop(id)
		time.Sleep(20 * time.Minute)
		w.onSchedule()
		time.Sleep(2*time.Hour + 10*time.Minute) // until the second sweep is over
		if n := len(w.settled[id]); n != 1 {
			t.Errorf("announced %d times in two hours, though it was to be sent tomorrow", n)
		}
		w.settlesAs(id, "cancelled: failed Cancelled")
		if o := w.get(id); o.Status != message.MessageCancelled {
			t.Errorf("%+v", o)
		}
		time.Sleep(24 * time.Hour)
		w.mu.Lock()
		n := len(w.settled[id])
		w.mu.Unlock()
		if n != 1 {
			t.Errorf("announced %d times", n)
		}
		if !strings.Contains(w.logs.String(), `"repaired":"announced"`) {
			t.Error("nothing says so")
		}
	})
}
