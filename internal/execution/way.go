package execution

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/way"
)

// How much of a history is read: a message that waits for a receipt for a day has less.
const (
	wayPage   = 1000
	wayEvents = 5000
)

// Way tells the way that a message took through the state machine so far. The error is ErrNotFound, also of a message of which
// there is nothing but its record any more, or Step Functions'.
func (e *Executions) Way(ctx context.Context, id string) (way.Way, error) {
	arn := e.arn(id)
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, MaxResults: wayPage, IncludeExecutionData: aws.Bool(true)}
	var events []types.HistoryEvent
	truncated := false
	for {
		out, err := e.Client.GetExecutionHistory(ctx, in)
		var missing *types.ExecutionDoesNotExist
		var malformed *types.InvalidArn
		switch {
		case errors.As(err, &missing), errors.As(err, &malformed):
			return way.Way{}, ErrNotFound
		case err != nil:
			return way.Way{}, fmt.Errorf("history of message %s: %w", id, err)
		}
		events = append(events, out.Events...)
		if truncated = out.NextToken != nil; !truncated || len(events) >= wayEvents {
			break
		}
		in.NextToken = out.NextToken
	}
	w := way.Read(events)
	w.Truncated = w.Truncated || truncated
	return w, nil
}
