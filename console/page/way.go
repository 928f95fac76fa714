package page

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
)

// way is the way that a message took through the state machine, read from the execution's history.
type way struct {
	// Status is Step Functions': RUNNING, SUCCEEDED, FAILED, ABORTED or TIMED_OUT.
	Status  string    `json:"status"`
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"`
	// Input is the message, masked.
	Input json.RawMessage `json:"input,omitempty"`
	// Error and Cause are the execution's.
	Error  string  `json:"error,omitempty"`
	Cause  string  `json:"cause,omitempty"`
	Visits []visit `json:"visits"`
	// Transitions are what AWS charges for: states entered and tasks tried again.
	Transitions int `json:"transitions"`
	// Truncated says that the history was longer than what is shown.
	Truncated bool `json:"truncated,omitempty"`
}

// visit is one stay in a state.
type visit struct {
	State string `json:"state"`
	// Type is the state's type: Task, Wait, Choice, …
	Type    string    `json:"type"`
	Entered time.Time `json:"entered"`
	Exited  time.Time `json:"exited,omitzero"`
	// Ended says how: see the constants.
	Ended ending `json:"ended"`
	// Error and Cause are what was caught, or what the execution ended with.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Input and Output are masked.
	Input    json.RawMessage `json:"input,omitempty"`
	Output   json.RawMessage `json:"output,omitempty"`
	Attempts []attempt       `json:"attempts,omitempty"`
}

// ending is how a visit to a state, or an attempt at its task, ended.
type ending string

const (
	open      ending = "running"
	succeeded ending = "succeeded"
	caught    ending = "caught" // it failed, and a catcher led on
	failed    ending = "failed"
	timedOut  ending = "timedOut"
	aborted   ending = "aborted"
)

// attempt is one call of a state's task.
type attempt struct {
	Scheduled time.Time `json:"scheduled"`
	Stopped   time.Time `json:"stopped,omitzero"`
	Ended     ending    `json:"ended"`
	// Resource is what was called, such as lambda:invoke.
	Resource string `json:"resource"`
	// Parameters are masked.
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Error      string          `json:"error,omitempty"`
	Cause      string          `json:"cause,omitempty"`
}

// readWay makes the way of a history, which must be in order and of a machine without Map and Parallel.
func readWay(events []types.HistoryEvent) way {
	w := way{Status: string(types.ExecutionStatusRunning), Visits: []visit{}}
	for i := range events {
		w.add(&events[i])
	}
	return w
}

func (w *way) add(e *types.HistoryEvent) {
	at := aws.ToTime(e.Timestamp)
	switch {
	case e.StateEnteredEventDetails != nil:
		d := e.StateEnteredEventDetails
		w.Transitions++
		w.Visits = append(w.Visits, visit{
			State: aws.ToString(d.Name), Type: strings.TrimSuffix(string(e.Type), "StateEntered"), Entered: at, Ended: open,
			Input: maskJSON(aws.ToString(d.Input)),
		})
		return
	case e.ExecutionStartedEventDetails != nil:
		w.Started, w.Input = at, maskJSON(aws.ToString(e.ExecutionStartedEventDetails.Input))
		return
	case e.Type == types.HistoryEventTypeExecutionSucceeded:
		w.end(types.ExecutionStatusSucceeded, succeeded, at, nil, nil)
		return
	case e.ExecutionFailedEventDetails != nil:
		d := e.ExecutionFailedEventDetails
		w.end(types.ExecutionStatusFailed, failed, at, d.Error, d.Cause)
		return
	case e.Type == types.HistoryEventTypeExecutionAborted:
		d := e.ExecutionAbortedEventDetails
		if d == nil {
			d = &types.ExecutionAbortedEventDetails{}
		}
		w.end(types.ExecutionStatusAborted, aborted, at, d.Error, d.Cause)
		return
	case e.Type == types.HistoryEventTypeExecutionTimedOut:
		w.end(types.ExecutionStatusTimedOut, timedOut, at, nil, nil)
		return
	}
	if len(w.Visits) == 0 {
		return
	}
	v := &w.Visits[len(w.Visits)-1]
	switch {
	case e.Type == types.HistoryEventTypeExecutionRedriven:
		w.Status, w.Stopped, w.Error, w.Cause = string(types.ExecutionStatusRunning), time.Time{}, "", ""
		v.Ended, v.Exited = open, time.Time{}
	case e.StateExitedEventDetails != nil:
		v.exit(at, aws.ToString(e.StateExitedEventDetails.Output))
	case e.TaskScheduledEventDetails != nil:
		d := e.TaskScheduledEventDetails
		if len(v.Attempts) > 0 {
			w.Transitions++
		}
		v.Attempts = append(v.Attempts, attempt{
			Scheduled: at, Ended: open, Resource: aws.ToString(d.ResourceType) + ":" + aws.ToString(d.Resource),
			Parameters: maskJSON(aws.ToString(d.Parameters)),
		})
	case e.TaskSucceededEventDetails != nil:
		v.ended(at, succeeded, nil, nil)
	case e.TaskFailedEventDetails != nil:
		v.ended(at, failed, e.TaskFailedEventDetails.Error, e.TaskFailedEventDetails.Cause)
	case e.TaskTimedOutEventDetails != nil:
		v.ended(at, timedOut, e.TaskTimedOutEventDetails.Error, e.TaskTimedOutEventDetails.Cause)
	case e.TaskSubmitFailedEventDetails != nil:
		v.ended(at, failed, e.TaskSubmitFailedEventDetails.Error, e.TaskSubmitFailedEventDetails.Cause)
	case e.TaskStartFailedEventDetails != nil:
		v.ended(at, failed, e.TaskStartFailedEventDetails.Error, e.TaskStartFailedEventDetails.Cause)
	case e.EvaluationFailedEventDetails != nil:
		v.Error, v.Cause = aws.ToString(e.EvaluationFailedEventDetails.Error), maskText(aws.ToString(e.EvaluationFailedEventDetails.Cause))
	}
}

// end ends the execution, and with it the state that it is in.
func (w *way) end(status types.ExecutionStatus, how ending, at time.Time, name, cause *string) {
	w.Status, w.Stopped = string(status), at
	w.Error, w.Cause = aws.ToString(name), maskText(aws.ToString(cause))
	if len(w.Visits) == 0 {
		return
	}
	v := &w.Visits[len(w.Visits)-1]
	if v.Ended != open {
		return
	}
	v.Ended, v.Exited = how, at
	if n := len(v.Attempts); n > 0 && v.Attempts[n-1].Ended == open {
		v.Attempts[n-1].Ended, v.Attempts[n-1].Stopped = how, at
	}
}

// exit ends a visit in the ordinary way: with the output of its work, or led on by a catcher.
func (v *visit) exit(at time.Time, output string) {
	v.Exited, v.Ended, v.Output = at, succeeded, maskJSON(output)
	if n := len(v.Attempts); n > 0 && v.Attempts[n-1].Ended != succeeded {
		v.Error, v.Cause = v.Attempts[n-1].Error, v.Attempts[n-1].Cause
	}
	if v.Error != "" {
		v.Ended = caught
	}
}

// ended ends the newest attempt.
func (v *visit) ended(at time.Time, how ending, name, cause *string) {
	if n := len(v.Attempts); n > 0 {
		a := &v.Attempts[n-1]
		a.Stopped, a.Ended, a.Error, a.Cause = at, how, aws.ToString(name), maskText(aws.ToString(cause))
	}
}

// during is the index of the visit in which the task ran at a time, or -1. A history is in milliseconds.
func (w *way) during(at time.Time) int {
	at = at.Truncate(time.Millisecond)
	for i := range w.Visits {
		for _, a := range w.Visits[i].Attempts {
			if !at.Before(a.Scheduled) && (a.Stopped.IsZero() || !at.After(a.Stopped)) {
				return i
			}
		}
	}
	return -1
}
