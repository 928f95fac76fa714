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
	_, err := Read(text, &e.EventBridgeEvent)
	return err
}

// Read reads what the function was invoked with into v: what stands in the record of an invocation that Lambda gave up, and
// everything else as it is. It returns the text that it has read.
func Read(text []byte, v any) ([]byte, error) {
	for {
		var record struct {
			Context json.RawMessage `json:"requestContext"`
			Payload json.RawMessage `json:"requestPayload"`
		}
		if err := json.Unmarshal(text, &record); err != nil {
			return nil, errNoEvent
		}
		if record.Context == nil || record.Payload == nil {
			if err := json.Unmarshal(text, v); err != nil {
				return nil, errNoEvent
			}
			return text, nil
		}
		text = record.Payload
	}
}

// errNoEvent says nothing of the text: it may hold a message.
var errNoEvent = errors.New("neither an event of EventBridge nor the record of an invocation with one")
