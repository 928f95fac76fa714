package announce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sms-api/internal/deadletter"
	"sms-api/internal/deadline"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// executions is what Ended calls of *execution.Executions.
type executions interface {
	Unannounced(ctx context.Context, id string, end execution.End) (o message.Outcome, ok bool, err error)
}

// Ended announces messages whose execution ended without doing so itself: cancelled ones, and those that timed out or
// failed in a way that the state machine does not handle. All fields are needed.
type Ended struct {
	Executions executions
	// Bus is where MessageSettled goes.
	Bus Bus
	Log *slog.Logger
}

// spare is what is left of the function's time when that of its calls is over, so that it says itself what has failed.
const spare = 2 * time.Second

// Handle takes a "Step Functions Execution Status Change" event, or the dead letter of one. An error is worth another try: Lambda makes it.
func (h *Ended) Handle(ctx context.Context, event deadletter.Event) error {
	var change struct {
		Name   string `json:"name"`
		Status string `json:"status"`
		// StopDate is in milliseconds since 1970.
		StopDate     int64 `json:"stopDate"`
		RedriveCount int32 `json:"redriveCount"`
	}
	if err := json.Unmarshal(event.Detail, &change); err != nil || change.Name == "" {
		return fmt.Errorf("event %s is not a status change of an execution", event.ID)
	}
	ctx, cancel := deadline.Before(ctx, spare)
	defer cancel()
	o, ok, err := h.Executions.Unannounced(ctx, change.Name,
		execution.End{At: time.UnixMilli(change.StopDate), Redrives: change.RedriveCount})
	attributes := []slog.Attr{slog.String("message", change.Name), slog.String("execution", change.Status)}
	switch {
	case errors.Is(err, execution.ErrNotFound):
		h.Log.LogAttrs(ctx, slog.LevelWarn, "an execution that holds no message has ended", attributes...)
		return nil
	case err != nil:
		return fmt.Errorf("announce: %w", err)
	case !ok:
		h.Log.LogAttrs(ctx, slog.LevelInfo, "nothing to announce", attributes...)
		return nil
	}
	if err := h.Bus.Put(ctx, statemachine.DetailTypeSettled, o.Fit()); err != nil {
		return fmt.Errorf("announce message %s: %w", change.Name, err)
	}
	h.Log.LogAttrs(ctx, slog.LevelInfo, "announced", append(attributes, slog.String("status", string(o.Status)))...)
	return nil
}
