package execution

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/fault"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// position is where an execution is, or was when it ended.
type position struct {
	// state is the state entered last; empty while there is none.
	state   string
	entered time.Time
	// input is that state's input in JSON.
	input string
	// called says that the state's task has been scheduled and that it may have done its work.
	called bool
	// ended is when the execution ended after the last redrive that the history shows; zero if it shows no such end.
	ended time.Time
}

// pageSize is how many events are read at once. An event may hold 256 KB twice, and the state entered last is nearly
// always among the newest few; only a state with many retries is further away.
const pageSize = 20

// position reads the history backwards as far as the state entered last.
func (e *Executions) position(ctx context.Context, arn string) (position, error) {
	var p position
	harmless, redriven := false, false
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: &arn, ReverseOrder: true, IncludeExecutionData: aws.Bool(true), MaxResults: pageSize}
	for {
		page, err := e.Client.GetExecutionHistory(ctx, in)
		if err != nil {
			return position{}, fmt.Errorf("read the history: %w", err)
		}
		for _, event := range page.Events {
			switch event.Type {
			case types.HistoryEventTypeExecutionFailed, types.HistoryEventTypeExecutionTimedOut, types.HistoryEventTypeExecutionAborted,
				types.HistoryEventTypeExecutionSucceeded:
				if !redriven && p.ended.IsZero() {
					p.ended = aws.ToTime(event.Timestamp)
				}
			case types.HistoryEventTypeExecutionRedriven:
				redriven = true // from the ends further back
			case types.HistoryEventTypeTaskFailed:
				d := event.TaskFailedEventDetails
				harmless = d != nil && fault.NotSent(aws.ToString(d.Error))
			case types.HistoryEventTypeTaskSucceeded, types.HistoryEventTypeTaskTimedOut:
				harmless = false
			case types.HistoryEventTypeTaskScheduled:
				p.called = p.called || !harmless
				harmless = false
			default:
			}
			if d := event.StateEnteredEventDetails; d != nil {
				p.state, p.entered, p.input = aws.ToString(d.Name), aws.ToTime(event.Timestamp), aws.ToString(d.Input)
				return p, nil
			}
		}
		if page.NextToken == nil {
			return p, nil
		}
		in.NextToken = page.NextToken
	}
}

// progress is what is known in a state, beside the message.
type progress struct {
	message.Progress

	// Broken says that the machine gave up finding out; see the Catch of Reconcile and Read receipts.
	Broken string `json:"broken"`
}

// progress reads the state's input. The states before the first send have the message as their input: no progress.
func (p position) progress() (progress, error) {
	if p.state == "" || p.state == statemachine.StateRoute || p.state == statemachine.StateWaitUntilSendTime {
		return progress{Progress: message.Progress{Queue: &message.Queue{}}}, nil
	}
	var v progress
	if err := json.Unmarshal([]byte(p.input), &v); err != nil {
		return progress{}, fmt.Errorf("read the input of %q: %w", p.state, err)
	}
	return v, nil
}

// doubtful says that Aligo may have accepted a call for the queue of which the progress does not tell.
func (p position) doubtful(v progress) bool {
	return slices.Contains(statemachine.Sends(), p.state) && p.called || v.Doubt != nil || v.Broken != "" ||
		v.Failure != nil && !fault.NotSent(v.Failure.Error)
}

// sent says that something was sent, or that it may have been.
func (p position) sent(v progress) bool { return v.Sent() || p.doubtful(v) }
