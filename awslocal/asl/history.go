package asl

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode"
)

// Event is one entry of an execution's history. Its JSON is that of Step Functions' HistoryEvent in awsJson1.0.
//
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
type Event struct {
	ID int64
	// PreviousEventID is the event before it on the same line of states; it is 0
	// for the first state and for what happens to the execution as a whole.
	PreviousEventID int64
	Timestamp       time.Time
	Type            string // ExecutionStarted, TaskStateEntered, TaskScheduled, …

	// At most one of these is set; which one follows from Type.
	Execution    *ExecutionDetails
	StateEntered *StateEnteredDetails
	StateExited  *StateExitedDetails
	Task         *TaskDetails
	Map          *MapDetails
	Evaluation   *EvaluationFailedDetails
}

// ExecutionDetails belongs to ExecutionStarted, -Succeeded, -Failed, -Aborted, -TimedOut and -Redriven.
type ExecutionDetails struct {
	Input         string            `json:"input,omitempty"`
	InputDetails  *executionDataTag `json:"inputDetails,omitempty"`
	Output        string            `json:"output,omitempty"`
	OutputDetails *executionDataTag `json:"outputDetails,omitempty"`
	RoleARN       string            `json:"roleArn,omitempty"`
	Error         string            `json:"error,omitempty"`
	Cause         string            `json:"cause,omitempty"`
	RedriveCount  int               `json:"redriveCount,omitempty"`
}

// StateEnteredDetails belongs to the events whose type ends in StateEntered. Input is JSON text.
type StateEnteredDetails struct {
	Name         string            `json:"name"`
	Input        string            `json:"input,omitempty"`
	InputDetails *executionDataTag `json:"inputDetails,omitempty"`
}

// StateExitedDetails belongs to the events whose type ends in StateExited. Output and the variables are JSON text.
type StateExitedDetails struct {
	Name                     string            `json:"name"`
	Output                   string            `json:"output,omitempty"`
	OutputDetails            *executionDataTag `json:"outputDetails,omitempty"`
	AssignedVariables        map[string]string `json:"assignedVariables,omitempty"`
	AssignedVariablesDetails *executionDataTag `json:"assignedVariablesDetails,omitempty"`
}

// TaskDetails belongs to TaskScheduled, -Started, -Succeeded, -Failed and -TimedOut.
type TaskDetails struct {
	ResourceType       string            `json:"resourceType"`
	Resource           string            `json:"resource"`
	Region             string            `json:"region,omitempty"`
	Parameters         string            `json:"parameters,omitempty"`
	TimeoutInSeconds   int64             `json:"timeoutInSeconds,omitempty"`
	HeartbeatInSeconds int64             `json:"heartbeatInSeconds,omitempty"`
	Output             string            `json:"output,omitempty"`
	OutputDetails      *executionDataTag `json:"outputDetails,omitempty"`
	Error              string            `json:"error,omitempty"`
	Cause              string            `json:"cause,omitempty"`
}

// MapDetails belongs to MapStateStarted (Length) and to MapIterationStarted, -Succeeded, -Failed and -Aborted (Name, Index).
type MapDetails struct {
	Length *int   `json:"length,omitempty"`
	Name   string `json:"name,omitempty"`
	Index  *int   `json:"index,omitempty"`
}

// EvaluationFailedDetails belongs to EvaluationFailed. Location is the field, relative to the state: "Output/a/b[0]".
type EvaluationFailedDetails struct {
	Cause    string `json:"cause,omitempty"`
	Error    string `json:"error,omitempty"`
	Location string `json:"location,omitempty"`
	State    string `json:"state"`
}

// executionDataTag stands beside every input and output; this runner never truncates.
type executionDataTag struct {
	Truncated bool `json:"truncated"`
}

var untruncated = &executionDataTag{}

// WithoutData is the event as GetExecutionHistory gives it with includeExecutionData false.
func (e Event) WithoutData() Event {
	switch {
	case e.Execution != nil:
		d := *e.Execution
		d.Input, d.InputDetails, d.Output, d.OutputDetails = "", nil, "", nil
		e.Execution = &d
	case e.StateEntered != nil:
		e.StateEntered = &StateEnteredDetails{Name: e.StateEntered.Name}
	case e.StateExited != nil:
		e.StateExited = &StateExitedDetails{Name: e.StateExited.Name}
	case e.Task != nil:
		d := *e.Task
		d.Output, d.OutputDetails = "", nil
		e.Task = &d
	}
	return e
}

// MarshalJSON writes the event as it stands on the wire: the time in seconds since 1970 with milliseconds.
func (e Event) MarshalJSON() ([]byte, error) {
	out := fmt.Appendf(nil, `{"timestamp":%.3f,"type":%q,"id":%d,"previousEventId":%d`,
		float64(e.Timestamp.UnixMilli())/1000, e.Type, e.ID, e.PreviousEventID)
	key, details := e.details()
	if key != "" {
		text, err := json.Marshal(details)
		if err != nil {
			return nil, fmt.Errorf("history event %d: %w", e.ID, err)
		}
		out = fmt.Appendf(out, `,%q:`, key)
		out = append(out, text...)
	}
	return append(out, '}'), nil
}

func (e Event) details() (key string, value any) {
	switch {
	case e.StateEntered != nil:
		return "stateEnteredEventDetails", e.StateEntered
	case e.StateExited != nil:
		return "stateExitedEventDetails", e.StateExited
	case e.Execution != nil:
		value = e.Execution
	case e.Task != nil:
		value = e.Task
	case e.Map != nil:
		value = e.Map
	case e.Evaluation != nil:
		value = e.Evaluation
	default:
		return "", nil
	}
	name := []rune(e.Type)
	name[0] = unicode.ToLower(name[0])
	return string(name) + "EventDetails", value
}
