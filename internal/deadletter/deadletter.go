// Package deadletter reads events, also out of what is left of them when they could not be handled, so that the function
// that gave up can be invoked with what stands in the queue.
package deadletter

import (
	"encoding/json"
	"errors"

	"github.com/aws/aws-lambda-go/events"
)

// Event is an event of EventBridge. Its JSON is the event, which is also how EventBridge puts what it could not hand over into
// a queue, or the record of an invocation that Lambda gave up, which has what the function was invoked with in requestPayload.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
type Event struct {
	events.EventBridgeEvent
}

// UnmarshalJSON reads either form. A record of an invocation with a record is that of its event.
func (e *Event) UnmarshalJSON(text []byte) error {
	text, err := Payload(text)
	if err != nil {
		return err
	}
	return problem(json.Unmarshal(text, &e.EventBridgeEvent))
}

// Payload is what the function was invoked with: what stands in the record of an invocation that Lambda gave up, and everything
// else as it is. The text must be JSON.
func Payload(text []byte) ([]byte, error) {
	for {
		var record struct {
			Context json.RawMessage `json:"requestContext"`
			Payload json.RawMessage `json:"requestPayload"`
		}
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, problem(err)
		}
		if record.Context == nil || record.Payload == nil {
			return text, nil
		}
		text = record.Payload
	}
}

// errNoEvent says nothing of the text: it may hold a message.
var errNoEvent = errors.New("neither an event of EventBridge nor the record of an invocation with one")

func problem(err error) error {
	if err != nil {
		return errNoEvent
	}
	return nil
}
