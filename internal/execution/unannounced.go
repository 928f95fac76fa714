package execution

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/statemachine"
)

// End is the end of an execution that Step Functions told of.
type End struct {
	// At is when it was.
	At time.Time
	// Redrives is how often the execution had been redriven by then.
	Redrives int32
}

// tolerance is how far apart the times of one end may be in what Step Functions tells and what it describes: both are in
// milliseconds, but nowhere promised to be the same ones.
const tolerance = time.Second

// Unannounced returns the outcome of a message whose execution ended without announcing it. ok is false when there is
// nothing to announce from outside: the execution runs (again), has announced by itself, or failed in Announce, where
// an operator's redrive resumes. The error is ErrNotFound, or else worth another try: what Step Functions says of an
// execution is consistent only eventually, so that it may still describe one as running that has ended.
func (e *Executions) Unannounced(ctx context.Context, id string, end End) (o message.Outcome, ok bool, err error) {
	d, m, err := e.describe(ctx, id)
	if err != nil {
		return message.Outcome{}, false, err
	}
	if lags(d, end) {
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
	if e.Records != nil {
		e.Records.Went(ctx, m, o, ended(d), false)
	}
	return o, true, nil
}

// ended is the version of the record of an execution that has ended.
func ended(d *sfn.DescribeExecutionOutput) records.Version {
	return records.Version{Redrives: int(aws.ToInt32(d.RedriveCount)), Ended: true}
}

// lags says that the description is older than the end of the execution. How often it was redriven tells one end from the
// next, however close they are; the times alone do not.
func lags(d *sfn.DescribeExecutionOutput, end End) bool {
	redrives, since := aws.ToInt32(d.RedriveCount), end.At.Add(-tolerance)
	switch {
	case redrives < end.Redrives:
		return true
	case d.Status == types.ExecutionStatusRunning:
		return redrives == end.Redrives || d.RedriveDate == nil || d.RedriveDate.Before(since)
	}
	return d.StopDate != nil && d.StopDate.Before(since)
}
