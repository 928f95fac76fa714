package execution

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/message"
	"sms-api/statemachine"
)

// Unannounced returns the outcome of a message whose execution ended without announcing it. ok is false when there is
// nothing to announce from outside: the execution runs (again), has announced by itself, or failed in Announce, where
// an operator's redrive resumes. The error is ErrNotFound, or Step Functions' and worth another try.
func (e *Executions) Unannounced(ctx context.Context, id string) (o message.Outcome, ok bool, err error) {
	d, m, err := e.describe(ctx, id)
	if err != nil {
		return message.Outcome{}, false, err
	}
	if d.Status == types.ExecutionStatusRunning || d.Status == types.ExecutionStatusPendingRedrive ||
		d.Status == types.ExecutionStatusSucceeded {
		return message.Outcome{}, false, nil
	}
	p, err := e.position(ctx, aws.ToString(d.ExecutionArn))
	if err != nil {
		return message.Outcome{}, false, fmt.Errorf("message %s: %w", id, err)
	}
	if p.state == statemachine.StateAnnounce && d.Status == types.ExecutionStatusFailed {
		return message.Outcome{}, false, nil
	}
	o, err = e.outcome(ctx, d, m)
	if err != nil {
		return message.Outcome{}, false, fmt.Errorf("message %s: %w", id, err)
	}
	if o.Status == message.MessageCancelled {
		// It is final once it is announced, also when an operator has stopped it and redrives it later.
		if err := e.Guards.Cancel(ctx, id, m.ExpiresAt); err != nil {
			return message.Outcome{}, false, err
		}
	}
	return o, true, nil
}
