package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sms-api/internal/announce"
	"sms-api/internal/deadletter"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// Events handles MessageRequested events. All fields are needed. Who may put events on the bus is trusted; that is for
// the bus's policy to see to.
type Events struct {
	Executions starter
	// Account is the account that the bus is in.
	Account string
	// Bus is where MessageRejected goes.
	Bus announce.Bus
	// Templates are checked against when they can be had.
	Templates templates
	Now       func() time.Time
	Log       *slog.Logger

	pause pause
}

// Rejection is the detail of a MessageRejected event.
type Rejection struct {
	Problem

	// IdempotencyKey is the request's, or the id of its event.
	IdempotencyKey string `json:"idempotencyKey"`
	Reference      string `json:"reference,omitempty"`
}

// caller is who asks with an event: its source, and where that is another account, which may claim any source, the account.
func (e *Events) caller(event deadletter.Event) string {
	if event.AccountID != "" && event.AccountID != e.Account {
		return "event:" + event.AccountID + ":" + event.Source
	}
	return "event:" + event.Source
}

// Handle starts the message that an event asks for. What cannot be accepted becomes one MessageRejected, and that is no
// error. An error is ours: Lambda tries again, and then puts the event into the dead-letter queue. The same event may
// come any number of times, and as a dead letter.
func (e *Events) Handle(ctx context.Context, event deadletter.Event) error {
	if event.DetailType != statemachine.DetailTypeRequested {
		return fmt.Errorf("event %q has the detail-type %q, not %s: the rule is wrong", event.ID, event.DetailType,
			statemachine.DetailTypeRequested)
	}
	d := door{executions: e.Executions, check: templateCheck{templates: e.Templates, now: e.Now, log: e.Log, pause: &e.pause}, now: e.Now}
	r, err := message.DecodeEvent(event.Detail)
	key := r.IdempotencyKey
	if key == "" {
		key = event.ID
	}
	if key == "" {
		return errors.New("an event without id and idempotencyKey could not be told from its repetitions")
	}
	var m message.Message
	var replayed bool
	var syntax *message.SyntaxError
	if errors.As(err, &syntax) {
		err = problemMalformed(syntax.Detail)
	} else {
		m, replayed, err = d.submit(ctx, r, submission{caller: e.caller(event), key: key, requestedAt: event.Time})
	}
	attributes := []slog.Attr{slog.String("event", event.ID), slog.String("source", event.Source)}
	var refusal *problemError
	switch {
	case err == nil:
		e.Log.LogAttrs(ctx, slog.LevelInfo, "message accepted", append(attributes, slog.String("message", m.ID),
			slog.Bool("replayed", replayed))...)
		return nil
	case !errors.As(err, &refusal):
		e.Log.LogAttrs(ctx, slog.LevelError, "event not handled", append(attributes, slog.String("error", err.Error()))...)
		return fmt.Errorf("event %s: %w", event.ID, err)
	}
	e.Log.LogAttrs(ctx, slog.LevelWarn, "event rejected", append(attributes, slog.String("problem", refusal.Type),
		slog.Int("errors", len(refusal.Errors)))...)
	return e.Bus.Put(ctx, statemachine.DetailTypeRejected, Rejection{Problem: refusal.Problem, IdempotencyKey: key, Reference: r.Reference})
}
