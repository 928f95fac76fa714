package execution

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/statemachine"
)

// Listed is what a list of executions says of one.
type Listed struct {
	ID string
	// Ended says that it has ended, at Stopped, and Succeeded that it has come to the end of its way.
	Ended, Succeeded bool
	Started, Stopped time.Time
	// Redrives is how often it was redriven.
	Redrives int
}

// listPage is how many executions are listed at once: what Step Functions gives at most.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html
const listPage = 1000

// ErrToken says that the token of a list is none, or is too old: after a day.
var ErrToken = errors.New("the list cannot be gone on with")

// List lists executions, those first that were started last. token is that of the page before, and empty for the first one;
// next is empty on the last one. The error is ErrToken, or Step Functions' and worth another try.
func (e *Executions) List(ctx context.Context, token string) (page []Listed, next string, err error) {
	in := &sfn.ListExecutionsInput{StateMachineArn: aws.String(e.unqualified()), MaxResults: listPage}
	if token != "" {
		in.NextToken = &token
	}
	out, err := e.Client.ListExecutions(ctx, in)
	var invalid *types.InvalidToken
	switch {
	case errors.As(err, &invalid):
		return nil, "", ErrToken
	case err != nil:
		return nil, "", fmt.Errorf("list executions: %w", err)
	}
	page = make([]Listed, len(out.Executions))
	for i, x := range out.Executions {
		page[i] = Listed{
			ID: aws.ToString(x.Name), Ended: over(x.Status), Succeeded: x.Status == types.ExecutionStatusSucceeded,
			Started: aws.ToTime(x.StartDate), Stopped: aws.ToTime(x.StopDate), Redrives: int(aws.ToInt32(x.RedriveCount)),
		}
	}
	return page, aws.ToString(out.NextToken), nil
}

// over says that an execution has ended.
func over(s types.ExecutionStatus) bool {
	return s != types.ExecutionStatusRunning && s != types.ExecutionStatusPendingRedrive
}

// Seen is what the execution of a message is found to be.
type Seen struct {
	Message message.Message
	Outcome message.Outcome
	Version records.Version
	// Ended says that it has ended, at Stopped.
	Ended   bool
	Stopped time.Time
	// Announced says that it has announced its outcome itself.
	Announced bool
	// Redrivable says that somebody may take it up again who can send what was not sent.
	Redrivable bool
}

// Look tells what has become of a message by its execution alone. A message that turns out to be cancelled is cancelled for good.
// The error is ErrNotFound, or else worth another try.
func (e *Executions) Look(ctx context.Context, id string) (Seen, error) {
	d, m, err := e.describe(ctx, id)
	if err != nil {
		return Seen{}, err
	}
	seen := Seen{
		Message: m, Ended: over(d.Status), Stopped: aws.ToTime(d.StopDate), Announced: d.Status == types.ExecutionStatusSucceeded,
		Version: ended(d),
	}
	if !seen.Ended {
		seen.Outcome, seen.Version, err = e.underWay(ctx, d, m)
	} else {
		seen.Outcome, err = e.outcome(ctx, d, m)
	}
	if err != nil {
		return Seen{}, fmt.Errorf("message %s: %w", id, err)
	}
	switch {
	case !seen.Ended || seen.Announced:
	case seen.Outcome.Status == message.MessageCancelled:
		if err := e.Guards.Cancel(ctx, id, m.ExpiresAt); err != nil {
			return Seen{}, err
		}
	default:
		seen.Redrivable = true
	}
	return seen, nil
}

// underWay is what is known of an execution that runs.
func (e *Executions) underWay(
	ctx context.Context, d *sfn.DescribeExecutionOutput, m message.Message,
) (message.Outcome, records.Version, error) {
	redrives := int(aws.ToInt32(d.RedriveCount))
	p, err := e.position(ctx, aws.ToString(d.ExecutionArn))
	if err != nil {
		return message.Outcome{}, records.Version{}, err
	}
	if p.state == statemachine.StateAnnounce {
		o, err := decodeOutcome(m, p.input)
		return o, records.Version{Redrives: redrives, Ended: true}, err
	}
	progress, err := p.progress()
	if err != nil {
		return message.Outcome{}, records.Version{}, err
	}
	o, err := e.soFar(ctx, d, m, p, progress)
	return o, records.VersionOf(progress.Progress, redrives), err
}
