package execution_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/execution"
	"sms-api/internal/guard"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

func TestList(t *testing.T) {
	t.Parallel()
	e, f := executions(nil, created)
	e.StateMachineARN += ":live" // an alias: all are listed, whichever version they were started with
	done := begin(t, newMessage()).end(types.ExecutionStatusFailed)
	done.redrives = 2
	for id, r := range map[string]*run{
		"a": begin(t, newMessage()), "b": begin(t, newMessage()).end(types.ExecutionStatusSucceeded), "c": done,
		"d": {status: types.ExecutionStatusPendingRedrive},
	} {
		f.executions[executionARN+id] = r
	}
	var got []string
	for token := ""; ; {
		page, next, err := e.List(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range page {
			got = append(got, fmt.Sprint(x.ID, " ", x.Ended, " ", x.Succeeded, " ", x.Started.Sub(created), " ", x.Stopped.Sub(created) > 0, " ",
				x.Redrives))
		}
		if token = next; token == "" {
			break
		}
	}
	want := []string{"a false false 0s false 0", "b true true 0s true 0", "c true false 0s true 2", "d false false 0s false 0"}
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
	if _, _, err := e.List(t.Context(), "x"); !errors.Is(err, execution.ErrToken) {
		t.Errorf("a token that is none: %v", err)
	}
	f.list = errors.New("throttled")
	if _, _, err := e.List(t.Context(), ""); err == nil || errors.Is(err, execution.ErrToken) {
		t.Errorf("got %v", err)
	}
}

func TestLook(t *testing.T) {
	t.Parallel()
	outcome := message.Outcome{ID: "0193", Status: message.AllDelivered, SettledAt: created.Add(time.Minute), CreatedAt: created}
	succeeded := begin(t, newMessage()).end(types.ExecutionStatusSucceeded)
	succeeded.output = aws.String(testkit.JSON(t, outcome))
	announcing := begin(t, newMessage()).entered(statemachine.StateAnnounce, outcome).scheduled()
	third := parked(oneUndelivered)
	third.Seq = 3
	underWay := redriven(begin(t, newMessage()).entered(statemachine.StateWaitForRepair, third), created)
	underWay.events = slices.Clip(underWay.events)
	for _, c := range []struct {
		name string
		run  *run
		want execution.Seen
		// status is the outcome's; cancelled says that it is cancelled for good.
		status    message.MessageStatus
		cancelled bool
	}{
		{"just started", begin(t, newMessage()), execution.Seen{}, message.Sending, false},
		{"parked after a redrive", underWay, execution.Seen{Version: records.Version{Redrives: 1, Seq: 3, Parked: true}}, message.Parked, false},
		{"about to announce", announcing, execution.Seen{Version: records.Version{Ended: true}}, message.AllDelivered, false},
		{"announced", succeeded, execution.Seen{Version: records.Version{Ended: true}, Ended: true, Stopped: ended, Announced: true},
			message.AllDelivered, false},
		{"could not be announced", begin(t, newMessage()).entered(statemachine.StateAnnounce, outcome).scheduled().end(
			types.ExecutionStatusFailed), execution.Seen{Version: records.Version{Ended: true}, Ended: true, Stopped: ended, Redrivable: true},
			message.AllDelivered, false},
		{"stopped before it was sent", begin(t, newMessage()).end(types.ExecutionStatusAborted),
			execution.Seen{Version: records.Version{Ended: true}, Ended: true, Stopped: ended}, message.MessageCancelled, true},
		// No state lies between the two ends: the older one does not hide the newer one.
		{"stopped again after a redrive, where it was", redriven(begin(t, newMessage()).end(types.ExecutionStatusAborted), created).end(
			types.ExecutionStatusAborted), execution.Seen{Version: records.Version{Redrives: 1, Ended: true}, Ended: true, Stopped: ended},
			message.MessageCancelled, true},
		{"timed out", begin(t, newMessage()).entered(statemachine.StateWaitForReceipts, accepted).end(types.ExecutionStatusTimedOut),
			execution.Seen{Version: records.Version{Ended: true}, Ended: true, Stopped: ended, Redrivable: true}, message.PartlyDelivered, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, f := executions(c.run, created)
			got, err := e.Look(t.Context(), "0193")
			if err != nil {
				t.Fatal(err)
			}
			status, id := got.Outcome.Status, got.Message.ID
			got.Outcome, got.Message = message.Outcome{}, message.Message{}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || status != c.status || id != "0193" || f.table.Cancelled != c.cancelled {
				t.Errorf("%s, cancelled %v: %+v, want %s: %+v", status, f.table.Cancelled, got, c.status, c.want)
			}
		})
	}
}

// What is cancelled for good runs again until the machine sees it, and is called cancelled all the while.
func TestARedriveOfACancelledOneShowsNothingElse(t *testing.T) {
	t.Parallel()
	scheduled := newMessage()
	scheduled.SendAt = created.Add(time.Hour)
	again := begin(t, scheduled).entered(statemachine.StateWaitUntilSendTime, scheduled).end(types.ExecutionStatusAborted)
	e, f := executions(redriven(again, created.Add(time.Minute)), created.Add(2*time.Minute))
	for cancelled, want := range map[bool]message.MessageStatus{true: message.MessageCancelled, false: message.Scheduled} {
		f.table.Cancelled = cancelled
		seen, err := e.Look(t.Context(), "0193")
		if err != nil || seen.Outcome.Status != want || seen.Ended || seen.Version != (records.Version{Redrives: 1}) {
			t.Errorf("a look: %+v, error %v, want %s", seen, err, want)
		}
		if _, o, err := e.Outcome(t.Context(), "0193"); err != nil || o.Status != want {
			t.Errorf("asked: %s, error %v, want %s", o.Status, err, want)
		}
	}
	f.table.err = errors.New("throttled")
	if _, err := e.Look(t.Context(), "0193"); err == nil {
		t.Error("whether it is cancelled could not be read, and a look says nothing of that")
	}
}

func TestLookAtWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	e, _ := executions(nil, created)
	if _, err := e.Look(t.Context(), "0193"); !errors.Is(err, execution.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	for name, r := range map[string]*run{
		"running": begin(t, newMessage()).entered(statemachine.StateWaitForReceipts, accepted), "ended": begin(t,
			newMessage()).end(types.ExecutionStatusAborted),
	} {
		e, f := executions(r, created)
		f.history = errors.New("throttled")
		if _, err := e.Look(t.Context(), "0193"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	e, f := executions(begin(t, newMessage()).end(types.ExecutionStatusAborted), created)
	f.table.err = errors.New("throttled")
	if _, err := e.Look(t.Context(), "0193"); err == nil {
		t.Error("it is cancelled, and nobody knows for how long")
	}
}

// Whoever looks cancels for good what turns out to be cancelled: that must never be what the table does not let be cancelled.
func TestLookAtAStoppedOneThatMayHaveBeenSent(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]guard.Guard{"a send is open": {Open: true}, "one was accepted before": {Sent: true}} {
		e, f := executions(begin(t, newMessage()).end(types.ExecutionStatusAborted), created)
		f.table.Guard = known
		seen, err := e.Look(t.Context(), "0193")
		if err != nil || seen.Outcome.Status == message.MessageCancelled || f.table.Cancelled {
			t.Errorf("%s: %s, error %v", name, seen.Outcome.Status, err)
		}
	}
}
