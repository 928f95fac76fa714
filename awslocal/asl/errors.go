package asl

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Names of errors that the language reserves.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-error-representation
const (
	errAll                    = "States.ALL"
	errTaskFailed             = "States.TaskFailed"
	errTimeout                = "States.Timeout"
	errHeartbeatTimeout       = "States.HeartbeatTimeout"
	errPermissions            = "States.Permissions"
	errBranchFailed           = "States.BranchFailed"
	errNoChoiceMatched        = "States.NoChoiceMatched"
	errQueryEvaluation        = "States.QueryEvaluationError"
	errDataLimitExceeded      = "States.DataLimitExceeded"
	errRuntime                = "States.Runtime"
	errExceedToleratedFailure = "States.ExceedToleratedFailureThreshold"
)

// What ends an execution from outside its states; the cause of its context.
var (
	errExecutionTimedOut = errors.New("the execution's TimeoutSeconds are over")
	errTaskTimedOut      = errors.New("the task's TimeoutSeconds are over")
	errTaskSilent        = errors.New("the task's HeartbeatSeconds are over")
	errSiblingFailed     = errors.New("another branch has failed")
	errHistoryFull       = errors.New("the history is full")
)

// failure is an error as the states see it.
type failure struct {
	name, cause string
	heartbeat   bool // a States.Timeout that States.HeartbeatTimeout takes as well
	ofTask      bool // a States.DataLimitExceeded of what a task returned, which States.ALL takes
	stopped     bool // not an error of a state: the line of states was ended by its context
}

// matches applies the wildcards of ErrorEquals as documented: States.Runtime always ends the execution, States.ALL does
// not take States.DataLimitExceeded either, and States.TaskFailed takes every known error but these and States.Timeout. In
// one case AWS was recorded to do otherwise: States.ALL takes the States.DataLimitExceeded of what a task returned.
func (f *failure) matches(names []string) bool {
	switch {
	case f.name == errRuntime:
		return false
	case slices.Contains(names, f.name), f.heartbeat && slices.Contains(names, errHeartbeatTimeout):
		return true
	case f.name == errDataLimitExceeded:
		return f.ofTask && slices.Contains(names, errAll)
	case slices.Contains(names, errAll):
		return true
	}
	return f.name != errTimeout && slices.Contains(names, errTaskFailed)
}

// delay is the pause before retry number n, counted from 1. random is in [0,1).
func (r *retrier) delay(n int64, random func() float64) time.Duration {
	seconds := r.interval.Seconds() * math.Pow(r.backoff, float64(n-1))
	limit := float64(maxSeconds)
	if r.maxDelay > 0 {
		limit = r.maxDelay.Seconds()
	}
	seconds = math.Min(seconds, limit)
	if r.fullJitter {
		seconds *= random()
	}
	return time.Duration(seconds * float64(time.Second))
}

// taskFailure turns what a Task returned into the error of its state.
func taskFailure(ctx context.Context, err error) *failure {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTaskTimedOut):
		return &failure{name: errTimeout}
	case errors.Is(cause, errTaskSilent):
		return &failure{name: errTimeout, heartbeat: true}
	case cause != nil:
		return &failure{stopped: true}
	case err == nil:
		return nil
	}
	var named *TaskError
	if errors.As(err, &named) && named.Name != "" {
		return &failure{name: named.Name, cause: named.Cause}
	}
	return &failure{name: errTaskFailed, cause: err.Error()}
}

// parseTimestamp reads the profile of ISO 8601 that the language allows: RFC 3339 with capital T and Z.
func parseTimestamp(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is not an RFC 3339 timestamp with a time zone", s)
	}
	return t, nil
}
