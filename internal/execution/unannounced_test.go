package execution_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// ended is when run.end says that an execution has ended.
var ended = created.Add(time.Hour)

func TestUnannounced(t *testing.T) {
	t.Parallel()
	outcome := message.Outcome{ID: "0193", Status: message.AllDelivered}
	succeeded := begin(t, newMessage())
	succeeded.status, succeeded.output = types.ExecutionStatusSucceeded, aws.String(encode(t, outcome))
	announcing := func() *run {
		return begin(t, newMessage()).entered(statemachine.StateAnnounce, outcome).scheduled().failed("EventBridge.FailedEntry")
	}
	for _, c := range []struct {
		name string
		run  *run
		want message.MessageStatus // empty: there is nothing to announce
	}{
		{"redriven since, and running", redriven(begin(t, newMessage()).end(types.ExecutionStatusFailed), ended), ""},
		{"announced by itself", succeeded, ""},
		{"failed to announce, for an operator to redrive", announcing().end(types.ExecutionStatusFailed), ""},
		{"stopped while announcing", announcing().end(types.ExecutionStatusAborted), message.AllDelivered},
		{"cancelled", begin(t, newMessage()).entered(statemachine.StateWaitForRepair, parkedFirst).end(types.ExecutionStatusAborted),
			message.MessageCancelled},
		{"timed out", begin(t, newMessage()).entered(statemachine.StateWaitForReceipts, accepted).end(types.ExecutionStatusTimedOut),
			message.PartlyDelivered},
		{"failed elsewhere", begin(t, newMessage()).end(types.ExecutionStatusFailed), message.NoneDelivered},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, _ := executions(c.run, created)
			o, ok, err := e.Unannounced(t.Context(), "0193", ended)
			if err != nil || ok != (c.want != "") || o.Status != c.want {
				t.Errorf("got %s, %v, %v; want %s", o.Status, ok, err, c.want)
			}
		})
	}
}

func TestUnannouncedOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	e, _ := executions(nil, created)
	if _, _, err := e.Unannounced(t.Context(), "0193", ended); !errors.Is(err, execution.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	e, f := executions(begin(t, newMessage()).end(types.ExecutionStatusAborted), created)
	f.history = errors.New("throttled")
	if _, ok, err := e.Unannounced(t.Context(), "0193", ended); err == nil || ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

// What Step Functions says of an execution may be older than the event that tells of its end.
func TestUnannouncedOfWhatIsDescribedAsItWas(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*run{
		"as running": begin(t, newMessage()),
		"as redriven and running, before it ended again": redriven(begin(t, newMessage()).end(types.ExecutionStatusFailed),
			ended.Add(-time.Minute)),
		"as ended before it was redriven": {
			t: t, status: types.ExecutionStatusFailed, input: encode(t, newMessage()), stopped: aws.Time(ended.Add(-time.Hour)),
		},
		"with a history that does not show the end": {
			t: t, status: types.ExecutionStatusAborted, input: encode(t, newMessage()), stopped: &ended, events: begin(t, newMessage()).events,
		},
		"with the history of before it was redriven": {
			t: t, status: types.ExecutionStatusAborted, input: encode(t, newMessage()), stopped: &ended,
			events: begin(t, newMessage()).end(types.ExecutionStatusFailed).
				add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionRedriven}).events,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := executions(r, created)
			if o, ok, err := e.Unannounced(t.Context(), "0193", ended); err == nil || ok {
				t.Errorf("got %s, %v, %v", o.Status, ok, err)
			}
		})
	}
}

// redriven is an execution that was taken up again and runs.
func redriven(r *run, at time.Time) *run {
	r.status, r.stopped, r.redriven = types.ExecutionStatusRunning, nil, &at
	return r.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionRedriven})
}
