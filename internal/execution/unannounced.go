package execution

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/message"
	"sms-api/statemachine"
)

// Unannounced returns the outcome of a message whose execution ended without announcing it. ok is false when there is
// nothing to announce from outside: the execution runs (again), has announced by itself, or failed in Announce, where
// an operator's redrive resumes. The error is ErrNotFound, or else worth another try: what Step Functions says of an
// execution is consistent only eventually, so that it may still describe one as running that has ended.
func (e *Executions) Unannounced(ctx context.Context, id string, ended time.Time) (o message.Outcome, ok bool, err error) {
	d, m, err := e.describe(ctx, id)
	if err != nil {
		return message.Outcome{}, false, err
	}
	if lags(d, ended) {
		return message.Outcome{}, false, fmt.Errorf("message %s: its execution has ended, but is described as it was before", id)
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

// lags says that the description is older than the end of the execution that somebody was told of.
func lags(d *sfn.DescribeExecutionOutput, ended time.Time) bool {
	if d.Status == types.ExecutionStatusRunning {
		return d.RedriveDate == nil || d.RedriveDate.Before(ended)
	}
	return d.StopDate != nil && d.StopDate.Before(ended)
}
