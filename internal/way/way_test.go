package way

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/message"
)

// noon is when the executions of these tests start; each event comes a second after the one before.
func noon() time.Time { return time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) }

// history makes events of lines such as "entered Send AlimTalk", "scheduled", "failed Transient", "exited".
func history(t *testing.T, lines ...string) []types.HistoryEvent {
	t.Helper()
	var events []types.HistoryEvent
	for i, line := range lines {
		e := types.HistoryEvent{Id: int64(i + 1), Timestamp: aws.Time(noon().Add(time.Duration(i) * time.Second))}
		what, name, _ := strings.Cut(line, " ")
		switch what {
		case "started":
			e.Type = types.HistoryEventTypeExecutionStarted
			e.ExecutionStartedEventDetails = &types.ExecutionStartedEventDetails{Input: aws.String(`{"id":"m","recipients":[{"to":"01012345678"}]}`)}
		case "entered":
			e.Type = types.HistoryEventTypeTaskStateEntered
			e.StateEnteredEventDetails = &types.StateEnteredEventDetails{Name: &name, Input: aws.String(`{"to":"01012345678"}`)}
		case "exited":
			e.Type = types.HistoryEventTypeTaskStateExited
			e.StateExitedEventDetails = &types.StateExitedEventDetails{Name: &name, Output: aws.String(`{"text":"비밀"}`)}
		case "scheduled":
			e.Type = types.HistoryEventTypeTaskScheduled
			e.TaskScheduledEventDetails = &types.TaskScheduledEventDetails{
				Resource: aws.String("invoke"), ResourceType: aws.String("lambda"), Parameters: aws.String(`{"Payload":{"name":"홍길동"}}`),
			}
		case "task-started":
			e.Type = types.HistoryEventTypeTaskStarted
			e.TaskStartedEventDetails = &types.TaskStartedEventDetails{}
		case "succeeded":
			e.Type = types.HistoryEventTypeTaskSucceeded
			e.TaskSucceededEventDetails = &types.TaskSucceededEventDetails{}
		case "failed":
			e.Type = types.HistoryEventTypeTaskFailed
			e.TaskFailedEventDetails = &types.TaskFailedEventDetails{Error: &name, Cause: aws.String("about 01012345678")}
		case "timed-out":
			e.Type = types.HistoryEventTypeTaskTimedOut
			e.TaskTimedOutEventDetails = &types.TaskTimedOutEventDetails{Error: aws.String("States.Timeout")}
		case "evaluation-failed":
			e.Type = types.HistoryEventTypeEvaluationFailed
			e.EvaluationFailedEventDetails = &types.EvaluationFailedEventDetails{Error: &name, Cause: aws.String("no such thing")}
		case "done":
			e.Type = types.HistoryEventTypeExecutionSucceeded
			e.ExecutionSucceededEventDetails = &types.ExecutionSucceededEventDetails{}
		case "broken":
			e.Type = types.HistoryEventTypeExecutionFailed
			e.ExecutionFailedEventDetails = &types.ExecutionFailedEventDetails{Error: &name}
		case "aborted":
			e.Type = types.HistoryEventTypeExecutionAborted
		case "over":
			e.Type = types.HistoryEventTypeExecutionTimedOut
		case "redriven":
			e.Type = types.HistoryEventTypeExecutionRedriven
			e.ExecutionRedrivenEventDetails = &types.ExecutionRedrivenEventDetails{}
		default:
			t.Fatalf("no event %q", what)
		}
		events = append(events, e)
	}
	return events
}

// told is a way in one line: "Send AlimTalk failed Transient, succeeded: succeeded | …", with the status and the
// transitions at the end.
func told(w Way) string {
	var visits []string
	for _, v := range w.Visits {
		text := v.State
		for i, a := range v.Attempts {
			if i > 0 {
				text += ","
			}
			text += " " + string(a.Ended)
			if a.Error != "" {
				text += " " + a.Error
			}
		}
		visits = append(visits, text+": "+strings.TrimSpace(string(v.Ended)+" "+v.Error))
	}
	return fmt.Sprintf("%s = %s, %d", strings.Join(visits, " | "), strings.TrimSpace(w.Status+" "+w.Error), w.Transitions)
}

func TestAHistoryTellsTheWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		history []string
		want    string
	}{
		"nothing yet": {nil, " = RUNNING, 0"},
		"one state after the other": {
			[]string{"started", "entered A", "scheduled", "task-started", "succeeded", "exited A", "entered B", "exited B", "done"},
			"A succeeded: succeeded | B: succeeded = SUCCEEDED, 2",
		},
		"a task tried again costs a transition": {
			[]string{"started", "entered A", "scheduled", "failed Transient", "scheduled", "timed-out", "scheduled", "succeeded", "exited A"},
			"A failed Transient, timedOut States.Timeout, succeeded: succeeded = RUNNING, 3",
		},
		"an error that leads on": {
			[]string{"started", "entered A", "scheduled", "failed NotConfigured", "exited A", "entered B"},
			"A failed NotConfigured: caught NotConfigured | B: running = RUNNING, 2",
		},
		"an expression that fails and leads on": {
			[]string{"started", "entered A", "evaluation-failed States.QueryEvaluationError", "exited A", "entered B"},
			"A: caught States.QueryEvaluationError | B: running = RUNNING, 2",
		},
		"an error that nobody catches": {
			[]string{"started", "entered A", "scheduled", "failed Boom", "broken Boom"},
			"A failed Boom: failed = FAILED Boom, 1",
		},
		"stopped in a task":   {[]string{"started", "entered A", "scheduled", "aborted"}, "A aborted: aborted = ABORTED, 1"},
		"out of time":         {[]string{"started", "entered A", "over"}, "A: timedOut = TIMED_OUT, 1"},
		"stopped in no state": {[]string{"started", "aborted"}, " = ABORTED, 0"},
		"taken up again after a failure": {
			[]string{"started", "entered A", "scheduled", "failed Boom", "broken Boom", "redriven", "scheduled", "succeeded", "exited A", "done"},
			"A failed Boom, succeeded: succeeded = SUCCEEDED, 2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := told(Read(history(t, test.history...))); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTheWayIsMasked(t *testing.T) {
	t.Parallel()
	w := Read(history(t, "started", "entered A", "scheduled", "failed X", "exited A"))
	v := w.Visits[0]
	for what, got := range map[string]string{
		string(w.Input):                  `{"id":"m","recipients":[{"to":"010****5678"}]}`,
		string(v.Input):                  `{"to":"010****5678"}`,
		string(v.Output):                 `{"text":"[2 characters]"}`,
		string(v.Attempts[0].Parameters): `{"Payload":{"name":"[3 characters]"}}`,
		v.Cause:                          `about 010****5678`,
	} {
		if what != got {
			t.Errorf("%s, want %s", what, got)
		}
	}
}

func TestACallBelongsToTheVisitInWhichItWasMade(t *testing.T) {
	t.Parallel()
	w := Read(history(t, "started", "entered A", "scheduled", "succeeded", "exited A", "entered B", "exited B", "entered C", "scheduled"))
	for after, want := range map[time.Duration]int{
		1900 * time.Millisecond:             -1, // before the task was scheduled
		2 * time.Second:                     0,
		3*time.Second + 900*time.Nanosecond: 0, // histories are in milliseconds
		3*time.Second + 2*time.Millisecond:  -1,
		5500 * time.Millisecond:             -1, // B has no task
		time.Hour:                           2,  // C's still runs
	} {
		if got := w.During(noon().Add(after)); got != want {
			t.Errorf("a call after %v belongs to visit %d, want %d", after, got, want)
		}
	}
}

// with gives the events that leave a state these outputs, one after the other.
func with(events []types.HistoryEvent, outputs ...string) []types.HistoryEvent {
	for i := range events {
		if d := events[i].StateExitedEventDetails; d != nil && len(outputs) > 0 {
			d.Output = aws.String(outputs[0])
			outputs = outputs[1:]
		}
	}
	return events
}

func TestTheWayTellsTheCallsThatWereAccepted(t *testing.T) {
	t.Parallel()
	const (
		first  = `{"channel":"alimtalk","mid":"7","at":"2026-12-01T12:00:02Z"}`
		second = `{"channel":"sms","mid":"7","at":"2026-12-01T12:00:09Z","recipients":[1]}`
		both   = `"recipients":[{"to":"010****5678"},{"to":"010****0001"}]`
	)
	w := Read(with(
		history(t, "started", "entered A", "scheduled", "succeeded", "exited A", "entered B", "exited B", "entered C", "scheduled", "exited C"),
		`{"batches":[`+first+`],`+both+`}`, `{"batches":[`+first+`],`+both+`}`, `{"batches":[`+first+`,`+second+`],`+both+`}`,
	))
	want := []Call{
		{Visit: 0, Channel: message.AlimTalk, MID: "7", At: noon().Add(2 * time.Second), Recipients: 2},
		{Visit: 2, Channel: message.SMS, MID: "7", At: noon().Add(9 * time.Second), Recipients: 1},
	}
	if !slices.Equal(w.Calls, want) {
		t.Errorf("the calls are\n%+v, want\n%+v", w.Calls, want)
	}
}

func TestALongWayIsToldWithoutItsData(t *testing.T) {
	t.Parallel()
	large := `{"a":"` + strings.Repeat("x", maxData) + `"}`
	w := Read(with(history(t, "started", "entered A", "exited A", "entered B", "exited B", "done"), large, large))
	if len(w.Visits) != 2 || w.Visits[0].Output == nil || w.Visits[1].Input != nil || w.Visits[1].Output != nil || !w.Truncated {
		t.Errorf("%d visits, with data %t, %t; truncated: %t", len(w.Visits), w.Visits[0].Output != nil, w.Visits[1].Output != nil, w.Truncated)
	}
}
