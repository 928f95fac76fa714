package execution

import (
	"context"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/internal/message"
	"sms-api/statemachine"
)

// results are the recipients as far as they are known.
func results(m message.Message, v progress) []message.Result {
	if len(v.Recipients) > 0 {
		return slices.Clone(v.Recipients)
	}
	return message.Pendings(m)
}

// soFar is the outcome of an execution that runs. What was stopped before anything was sent is cancelled for good, and nothing else
// because somebody has redriven it.
func (e *Executions) soFar(
	ctx context.Context, d *sfn.DescribeExecutionOutput, m message.Message, p position, v progress,
) (message.Outcome, error) {
	if aws.ToInt32(d.RedriveCount) > 0 {
		g, _, err := e.Guards.Opened(ctx, m.ID)
		if err != nil {
			return message.Outcome{}, err
		}
		if g.Cancelled {
			return stopped(m, p, v, true, aws.ToTime(d.RedriveDate)), nil
		}
	}
	return e.running(m, p, v), nil
}

// running is what progress says.
func (e *Executions) running(m message.Message, p position, v progress) message.Outcome {
	if p.state != statemachine.StateWaitForMorning {
		v.Later = nil // it stands in what the next state begins with, too
	}
	o := message.Underway(m, v.Progress)
	if p.state == statemachine.StateWaitUntilSendTime || p.state == statemachine.StateWaitForMorning ||
		(p.state == "" || p.state == statemachine.StateRoute) && m.SendAt.After(e.Now()) {
		o.Status, o.Parked = message.Scheduled, nil
	}
	return o
}

// stopped is the outcome of an execution that ended before its last state. Whoever was still to be sent to has got
// nothing; of the others that are open nobody will learn any more.
func stopped(m message.Message, p position, v progress, cancelled bool, at time.Time) message.Outcome {
	at = at.UTC().Truncate(time.Second)
	settled := results(m, v)
	doubtful := p.doubtful(v)
	for i := range settled {
		r := &settled[i]
		if r.Status != message.Pending {
			continue
		}
		queued := v.Queue != nil && (len(v.Queue.Recipients) == 0 || slices.Contains(v.Queue.Recipients, i))
		if queued && v.Queue.Channel != "" && (doubtful && !cancelled || r.Code != "") {
			// Something may have been sent through the queue's channel; or its turn was after the AlimTalk that the code tells of. Of
			// what was cancelled surely nothing was: the machine says the same.
			r.Next(v.Queue.Channel)
		}
		switch {
		case cancelled:
			r.Status, r.Code = message.Failed, message.CodeCancelled
		case queued && !doubtful:
			r.Status, r.Code = message.Failed, message.CodeStopped
		default:
			r.Status, r.Code = message.Unknown, message.CodeStopped
		}
		r.Reason, r.At = "", at
	}
	return message.Settled(m, settled, at)
}
