package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sms-api/awslocal/rawjson"
)

// task calls the Task once.
func (l *line) task(fr *frame) (*value, *failure) {
	s := fr.state
	arguments := l.input
	var timeout, heartbeat int64
	fail := fr.evaluate(func(ev *evaluation) *failure {
		var fail *failure
		if s.arguments != nil {
			if arguments, fail = ev.text(s.arguments); fail != nil {
				return fail
			}
			if fail = fr.checkSize(arguments); fail != nil {
				return fail
			}
		}
		if s.timeout != nil {
			if timeout, fail = ev.number(s.timeout); fail != nil {
				return fail
			}
		}
		if s.heartbeat != nil {
			heartbeat, fail = ev.number(s.heartbeat)
		}
		return fail
	})
	if fail != nil {
		return nil, fail
	}
	work := l.run.env.Tasks[s.resource]
	if work == nil {
		return nil, fr.failure(errRuntime, fmt.Sprintf("There is nothing to do the work of the resource %s.", s.resource))
	}

	event := func(kind string, d TaskDetails) {
		d.ResourceType, d.Resource = s.resourceType, s.action
		l.record(Event{Type: kind, Task: &d})
	}
	event("TaskScheduled", TaskDetails{
		Region: l.run.region, Parameters: arguments.text, TimeoutInSeconds: timeout, HeartbeatInSeconds: heartbeat,
	})
	event("TaskStarted", TaskDetails{})
	if l.stopped() {
		return nil, &failure{stopped: true}
	}
	raw, fail := l.call(work, Call{
		Resource: s.resource, Arguments: json.RawMessage(arguments.text),
		ExecutionARN: l.run.execution.ARN, StateMachineARN: l.run.execution.StateMachineARN,
	}, timeout, heartbeat)
	var result *value
	if fail == nil {
		result = newValue(string(raw))
		switch {
		case len(raw) > maxDataBytes:
			fail = &failure{name: errDataLimitExceeded, ofTask: true, cause: fmt.Sprintf(
				"The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", s.resourceType)}
		case !rawjson.Valid(raw):
			fail = &failure{name: errRuntime, cause: fmt.Sprintf("The resource %s returned something that is not JSON.", s.resource)}
		}
	}
	switch {
	case fail == nil:
		event("TaskSucceeded", TaskDetails{Output: result.text, OutputDetails: untruncated})
	case fail.stopped:
	case fail.name == errTimeout && fail.cause == "":
		event("TaskTimedOut", TaskDetails{Error: fail.name})
	default:
		event("TaskFailed", TaskDetails{Error: fail.name, Cause: fail.cause})
	}
	return result, fail
}

// call runs the Task under its time limits. They are measured in the machine's own time and not on the execution's
// clock, which may run faster: a function takes as long as it takes. A task here cannot send heartbeats, so it has to
// be done within the first interval.
func (l *line) call(work Task, c Call, timeout, heartbeat int64) (json.RawMessage, *failure) {
	ctx := l.ctx
	limit, cause := timeout, errTaskTimedOut
	if heartbeat > 0 && (limit == 0 || heartbeat < limit) {
		limit, cause = heartbeat, errTaskSilent
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(limit)*time.Second, cause)
		defer cancel()
	}
	raw, err := work(ctx, c)
	if l.run.expired() {
		return nil, &failure{stopped: true}
	}
	return raw, taskFailure(ctx, err)
}
