// Package announce tells other services on the event bus what has become of their messages.
package announce

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"sms-api/statemachine"
)

// putter is what a Bus calls of *eventbridge.Client.
type putter interface {
	PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, opts ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Bus is the event bus. Both fields are needed.
type Bus struct {
	Client putter
	// Name is the bus's name or ARN.
	Name string
}

// Put puts an event on the bus, with the JSON of detail. After an error the event may be on the bus all the same: who
// tries again may announce twice.
func (b Bus) Put(ctx context.Context, detailType string, detail any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("put %s: %w", detailType, err)
	}
	out, err := b.Client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &b.Name,
		Source:       aws.String(statemachine.EventSource),
		DetailType:   &detailType,
		Detail:       aws.String(string(text)),
	}}})
	if err != nil {
		return fmt.Errorf("put %s: %w", detailType, err)
	}
	if out.FailedEntryCount > 0 {
		// There is one result for each entry.
		refusal := out.Entries[0]
		return fmt.Errorf("put %s: %s: %s", detailType, aws.ToString(refusal.ErrorCode), aws.ToString(refusal.ErrorMessage))
	}
	return nil
}
