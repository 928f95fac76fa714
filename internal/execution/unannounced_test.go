package execution_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

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
		{"running", begin(t, newMessage()), ""},
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
			o, ok, err := e.Unannounced(t.Context(), "0193")
			if err != nil || ok != (c.want != "") || o.Status != c.want {
				t.Errorf("got %s, %v, %v; want %s", o.Status, ok, err, c.want)
			}
		})
	}
}

func TestUnannouncedOfWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	e, _ := executions(nil, created)
	if _, _, err := e.Unannounced(t.Context(), "0193"); !errors.Is(err, execution.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	e, f := executions(begin(t, newMessage()).end(types.ExecutionStatusAborted), created)
	f.history = errors.New("throttled")
	if _, ok, err := e.Unannounced(t.Context(), "0193"); err == nil || ok {
		t.Errorf("got %v, %v", ok, err)
	}
}
