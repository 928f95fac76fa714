package execution_test

import (
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// ended is when run.end says that an execution has ended.
var ended = created.Add(time.Hour)

func TestUnannounced(t *testing.T) {
	t.Parallel()
	outcome := message.Outcome{ID: "0193", Status: message.AllDelivered}
	succeeded := begin(t, newMessage())
	succeeded.status, succeeded.output = types.ExecutionStatusSucceeded, aws.String(testkit.JSON(t, outcome))
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
			o, ok, err := e.Unannounced(t.Context(), "0193", execution.End{At: ended})
			if err != nil || ok != (c.want != "") || o.Status != c.want {
				t.Errorf("got %s, %v, %v; want %s", o.Status, ok, err, c.want)
			}
		})
	}
}

func TestUnannouncedOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	e, _ := executions(nil, created)
	if _, _, err := e.Unannounced(t.Context(), "0193", execution.End{At: ended}); !errors.Is(err, execution.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	e, f := executions(begin(t, newMessage()).end(types.ExecutionStatusAborted), created)
	f.history = errors.New("throttled")
	if _, ok, err := e.Unannounced(t.Context(), "0193", execution.End{At: ended}); err == nil || ok {
		t.Errorf("got %v, %v", ok, err)
	}
}

// What Step Functions says of an execution may be older than the event that tells of its end.
func TestUnannouncedOfWhatIsDescribedAsItWas(t *testing.T) {
	t.Parallel()
	aborted := func(stopped time.Time, redrives int32) *run {
		r := begin(t, newMessage()).end(types.ExecutionStatusAborted)
		r.stopped, r.redrives = &stopped, redrives
		return r
	}
	running := func(at time.Time, redrives int32) *run {
		r := redriven(begin(t, newMessage()).end(types.ExecutionStatusFailed), at)
		r.redrives = redrives
		return r
	}
	for name, c := range map[string]struct {
		run      *run
		redrives int32
		lags     bool
	}{
		"as running": {run: begin(t, newMessage()), lags: true},
		"as redriven and running, before it ended again":         {running(ended.Add(-time.Minute), 1), 1, true},
		"as redriven and running, just before it ended again":    {running(ended.Add(-time.Millisecond), 1), 1, true},
		"as redriven and running, by an event without the count": {running(ended.Add(-time.Minute), 1), 0, true},
		"as ended before it was redriven":                        {aborted(ended.Add(-time.Hour), 0), 1, true},
		"as ended just before it was redriven":                   {aborted(ended.Add(-time.Millisecond), 0), 1, true},
		"as ended earlier, by an event without the count":        {aborted(ended.Add(-time.Hour), 0), 0, true},
		"with a history that does not show the end": {run: &run{
			t: t, status: types.ExecutionStatusAborted, input: testkit.JSON(t, newMessage()), stopped: &ended, events: begin(t, newMessage()).events,
		}, lags: true},
		"with the history of before it was redriven": {run: &run{
			t: t, status: types.ExecutionStatusAborted, input: testkit.JSON(t, newMessage()), stopped: &ended,
			events: begin(t, newMessage()).end(types.ExecutionStatusFailed).
				add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionRedriven}).events,
		}, lags: true},
		"as it is, by a clock that is a little behind":               {run: aborted(ended.Add(-time.Second), 0)},
		"as it is, by a clock that is a little behind, redriven":     {aborted(ended.Add(-time.Second), 2), 2, false},
		"as redriven since, by a clock that is a little behind":      {running(ended.Add(-time.Second), 2), 1, false},
		"as redriven since and ended, with the end still to be told": {aborted(ended.Add(time.Minute), 1), 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, _ := executions(c.run, created)
			o, ok, err := e.Unannounced(t.Context(), "0193", execution.End{At: ended, Redrives: c.redrives})
			if (err != nil) != c.lags || ok && c.lags {
				t.Errorf("got %s, %v, %v", o.Status, ok, err)
			}
		})
	}
}

// redriven is an execution that was taken up again and runs.
func redriven(r *run, at time.Time) *run {
	r.status, r.stopped, r.redriven, r.redrives = types.ExecutionStatusRunning, nil, &at, 1
	return r.add(types.HistoryEvent{Type: types.HistoryEventTypeExecutionRedriven})
}

// A history that goes as far as the end before a redrive says nothing of what was done after it: of what was sent then nobody says that
// it was not.
func TestUnannouncedWithTheHistoryOfTheEndBefore(t *testing.T) {
	t.Parallel()
	r := redriven(begin(t, newMessage()).end(types.ExecutionStatusFailed), created.Add(30*time.Minute))
	r.events = r.events[:len(r.events)-1] // the redrive, and all that came after it, are still to be shown
	r.status, r.stopped = types.ExecutionStatusAborted, &ended
	e, f := executions(r, created)
	f.table.Sent = true
	if o, ok, err := e.Unannounced(t.Context(), "0193", execution.End{At: ended, Redrives: 1}); err == nil || ok {
		t.Errorf("got %+v, %v, %v", o.Recipients, ok, err)
	}
}
