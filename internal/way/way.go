// Package way tells the way that a message took through the state machine: the visits of states, the attempts of their tasks
// and the calls that the vendor accepted, read from the execution's history and masked, so that it can be shown.
package way

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/message"
)

// Way is the way that a message took through the state machine, read from the execution's history.
type Way struct {
	// Status is Step Functions': RUNNING, SUCCEEDED, FAILED, ABORTED or TIMED_OUT.
	Status  string    `json:"status"`
	Started time.Time `json:"started"`
	Stopped time.Time `json:"stopped,omitzero"`
	// Input is the message, masked.
	Input json.RawMessage `json:"input,omitempty"`
	// Error and Cause are the execution's.
	Error  string  `json:"error,omitempty"`
	Cause  string  `json:"cause,omitempty"`
	Visits []Visit `json:"visits"`
	// Calls are those that the vendor accepted.
	Calls []Call `json:"calls"`
	// Transitions are what AWS charges for: states entered and tasks tried again.
	Transitions int `json:"transitions"`
	// Truncated says that the history was longer, or its data larger, than what is told.
	Truncated bool `json:"truncated,omitempty"`

	// data counts the bytes of all inputs, outputs and parameters.
	data int
}

// Call is a call that the vendor accepted.
type Call struct {
	// Visit is the index of the visit of a state during which it was made.
	Visit   int             `json:"visit"`
	Channel message.Channel `json:"channel"`
	// MID is Aligo's id of the call.
	MID string    `json:"mid"`
	At  time.Time `json:"at"`
	// Recipients is to how many it was.
	Recipients int `json:"recipients"`
}

// maxData bounds the data that a way tells, in bytes: an answer of Lambda may have 6 MB.
const maxData = 2 << 20

// masked is data as it may be told, and nothing when there is too much of it.
func (w *Way) masked(data string) json.RawMessage {
	if w.data > maxData {
		w.Truncated = w.Truncated || data != ""
		return nil
	}
	out := MaskJSON(data)
	w.data += len(out)
	return out
}

// calls notes the calls in the progress with which a state was entered or left.
func (w *Way) calls(progress string, visit int) {
	var p struct {
		Recipients []json.RawMessage `json:"recipients"`
		Batches    []message.Batch   `json:"batches"`
	}
	if progress == "" || json.Unmarshal([]byte(progress), &p) != nil {
		return
	}
	for _, b := range p.Batches {
		if slices.ContainsFunc(w.Calls, func(c Call) bool { return c.MID == b.MID && c.At.Equal(b.At) }) {
			continue
		}
		c := Call{Visit: max(visit, 0), Channel: b.Channel, MID: b.MID, At: b.At, Recipients: len(b.Recipients)}
		if c.Recipients == 0 {
			c.Recipients = len(p.Recipients)
		}
		w.Calls = append(w.Calls, c)
	}
}

// Visit is one stay in a state.
type Visit struct {
	State string `json:"state"`
	// Type is the state's type: Task, Wait, Choice, …
	Type    string    `json:"type"`
	Entered time.Time `json:"entered"`
	Exited  time.Time `json:"exited,omitzero"`
	// Ended says how: see the constants.
	Ended Ending `json:"ended"`
	// Error and Cause are what was caught, or what the execution ended with.
	Error string `json:"error,omitempty"`
	Cause string `json:"cause,omitempty"`
	// Input and Output are masked.
	Input    json.RawMessage `json:"input,omitempty"`
	Output   json.RawMessage `json:"output,omitempty"`
	Attempts []Attempt       `json:"attempts,omitempty"`
}

// Ending is how a visit to a state, or an attempt at its task, ended.
type Ending string

const (
	open      Ending = "running"
	succeeded Ending = "succeeded"
	caught    Ending = "caught" // it failed, and a catcher led on
	failed    Ending = "failed"
	timedOut  Ending = "timedOut"
	aborted   Ending = "aborted"
)

// Attempt is one call of a state's task.
type Attempt struct {
	Scheduled time.Time `json:"scheduled"`
	Stopped   time.Time `json:"stopped,omitzero"`
	Ended     Ending    `json:"ended"`
	// Resource is what was called, such as lambda:invoke.
	Resource string `json:"resource"`
	// Parameters are masked.
	Parameters json.RawMessage `json:"parameters,omitempty"`
	Error      string          `json:"error,omitempty"`
	Cause      string          `json:"cause,omitempty"`
}

// Read makes the way of a history, which must be in order and of a machine without Map and Parallel.
func Read(events []types.HistoryEvent) Way {
	w := Way{Status: string(types.ExecutionStatusRunning), Visits: []Visit{}, Calls: []Call{}}
	for i := range events {
		w.add(&events[i])
	}
	return w
}

func (w *Way) add(e *types.HistoryEvent) {
	at := aws.ToTime(e.Timestamp)
	switch {
	case e.StateEnteredEventDetails != nil:
		d := e.StateEnteredEventDetails
		w.Transitions++
		w.calls(aws.ToString(d.Input), len(w.Visits)-1)
		w.Visits = append(w.Visits, Visit{
			State: aws.ToString(d.Name), Type: strings.TrimSuffix(string(e.Type), "StateEntered"), Entered: at, Ended: open,
			Input: w.masked(aws.ToString(d.Input)),
		})
		return
	case e.ExecutionStartedEventDetails != nil:
		w.Started, w.Input = at, w.masked(aws.ToString(e.ExecutionStartedEventDetails.Input))
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
		output := aws.ToString(e.StateExitedEventDetails.Output)
		w.calls(output, len(w.Visits)-1)
		v.exit(at, w.masked(output))
	case e.TaskScheduledEventDetails != nil:
		d := e.TaskScheduledEventDetails
		if len(v.Attempts) > 0 {
			w.Transitions++
		}
		v.Attempts = append(v.Attempts, Attempt{
			Scheduled: at, Ended: open, Resource: aws.ToString(d.ResourceType) + ":" + aws.ToString(d.Resource),
			Parameters: w.masked(aws.ToString(d.Parameters)),
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
		v.Error, v.Cause = aws.ToString(e.EvaluationFailedEventDetails.Error), MaskText(aws.ToString(e.EvaluationFailedEventDetails.Cause))
	}
}

// end ends the execution, and with it the state that it is in.
func (w *Way) end(status types.ExecutionStatus, how Ending, at time.Time, name, cause *string) {
	w.Status, w.Stopped = string(status), at
	w.Error, w.Cause = aws.ToString(name), MaskText(aws.ToString(cause))
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
func (v *Visit) exit(at time.Time, output json.RawMessage) {
	v.Exited, v.Ended, v.Output = at, succeeded, output
	if n := len(v.Attempts); n > 0 && v.Attempts[n-1].Ended != succeeded {
		v.Error, v.Cause = v.Attempts[n-1].Error, v.Attempts[n-1].Cause
	}
	if v.Error != "" {
		v.Ended = caught
	}
}

// ended ends the newest attempt.
func (v *Visit) ended(at time.Time, how Ending, name, cause *string) {
	if n := len(v.Attempts); n > 0 {
		a := &v.Attempts[n-1]
		a.Stopped, a.Ended, a.Error, a.Cause = at, how, aws.ToString(name), MaskText(aws.ToString(cause))
	}
}

// During is the index of the visit in which the task ran at a time, or -1. A history is in milliseconds.
func (w *Way) During(at time.Time) int {
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
