package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// batch is what Lambda hands over of the queue's messages, which are called m0, m1 and so on.
func batch(t *testing.T, bodies ...string) []byte {
	t.Helper()
	var e events.SQSEvent
	for i, body := range bodies {
		e.Records = append(e.Records, events.SQSMessage{MessageId: fmt.Sprint("m", i), Body: body, EventSource: "aws:sqs"})
	}
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// again are the messages of which the handler says that they were in vain.
func again(t *testing.T, output []byte) []string {
	t.Helper()
	var r events.SQSEventResponse
	if err := json.Unmarshal(output, &r); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range r.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func keyed(key string) string { return strings.Replace(order, "{", `{"idempotencyKey":"`+key+`",`, 1) }

// Only what could not be handled comes again, and what is started takes its share of the rate.
func TestABatchFailsInParts(t *testing.T) {
	t.Parallel()
	d := newDoor()
	routed := `{"route":"gone","event":` + event("e-4", order) + `}`
	output, err := d.lambda.Invoke(t.Context(), batch(t, event("e-1", keyed("a")), `{"broken"`, event("e-2", keyed("a")),
		event("e-3", keyed("b")), routed))
	if err != nil {
		t.Fatal(err)
	}
	if ids := again(t, output); !slices.Equal(ids, []string{"m1", "m4"}) {
		t.Errorf("in vain: %q", ids)
	}
	if len(d.store.messages) != 2 || len(d.acceptances(t)) != 3 {
		t.Errorf("%d messages, %d announced", len(d.store.messages), len(d.acceptances(t)))
	}
	// Ten a second by three invocations are 0.3 s each, and the second of the same key starts nothing.
	if d.slept != 600*time.Millisecond {
		t.Errorf("it waited %v", d.slept)
	}
	if strings.Contains(d.log.String(), "broken") {
		t.Errorf("the log repeats what it cannot read: %s", d.log)
	}
}

// When the store is away, everything comes again, and Lambda is told so by name.
func TestABatchInVain(t *testing.T) {
	t.Parallel()
	d := newDoor()
	d.store.err = errors.New("away")
	output, err := d.lambda.Invoke(t.Context(), batch(t, event("e-1", keyed("a")), event("e-2", keyed("b"))))
	if err != nil {
		t.Fatal(err)
	}
	if ids := again(t, output); len(ids) != 2 || d.slept != 0 {
		t.Errorf("in vain: %q, waited %v", ids, d.slept)
	}
}

// Nothing is begun for which there is no time.
func TestABatchWithoutTime(t *testing.T) {
	t.Parallel()
	d := newDoor()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	output, err := d.lambda.Invoke(ctx, batch(t, event("e-1", keyed("a"))))
	if err != nil {
		t.Fatal(err)
	}
	if ids := again(t, output); len(ids) != 1 || len(d.store.messages) != 0 {
		t.Errorf("in vain: %q, %d messages", ids, len(d.store.messages))
	}
}

// Dead letters of the queue are the events themselves, and old ones are Lambda's records: either can be handed over.
func TestDeadLettersOfTheQueue(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{
		event("e-1", order),
		`{"version":"1.0","requestContext":{"requestId":"r-1"},"requestPayload":` + event("e-1", order) + `}`,
	} {
		d := newDoor()
		if err := d.handle(t, letter); err != nil || len(d.store.messages) != 1 {
			t.Errorf("%.40s: %v, %d messages", letter, err, len(d.store.messages))
		}
		output, err := d.lambda.Invoke(t.Context(), batch(t, letter))
		if err != nil || len(again(t, output)) != 0 {
			t.Errorf("%.40s in the queue: %v", letter, err)
		}
	}
}
