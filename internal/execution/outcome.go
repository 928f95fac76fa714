package execution

import (
	"slices"
	"time"

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

// running is the outcome so far.
func (e *Executions) running(m message.Message, p position, v progress) message.Outcome {
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
		queued := v.Queue != nil && (len(v.Queue.Recipients) == 0 || slices.Contains(v.Queue.Recipients, i))
		switch {
		case r.Status != message.Pending:
			continue
		case cancelled:
			r.Status, r.Code, r.Reason = message.Failed, message.CodeCancelled, "the message was cancelled before it was sent"
		case queued && !doubtful && r.Code != "":
			// AlimTalk did not reach this recipient; the code says why.
			r.Status, r.Reason = message.Failed, r.Reason+"; the execution was stopped before an SMS was sent"
		case queued && !doubtful:
			r.Status, r.Code, r.Reason = message.Failed, message.CodeStopped, "the execution was stopped before anything was sent"
		default:
			r.Status, r.Code, r.Reason = message.Unknown, message.CodeStopped, "the execution was stopped before a receipt came"
		}
		r.At = at
	}
	return message.Settled(m, settled, at)
}
