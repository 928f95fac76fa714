package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"sms-api/internal/message"
	"sms-api/statemachine"
)

// bus is what the event handler calls of *eventbridge.Client.
type bus interface {
	PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, opts ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// Events handles MessageRequested events. All fields are needed. Who may put events on the bus is trusted; that is for
// the bus's policy to see to.
type Events struct {
	Executions starter
	Bus        bus
	// EventBusName is where MessageRejected goes.
	EventBusName string
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

// Handle starts the message that an event asks for. What cannot be accepted becomes one MessageRejected, and that is no
// error. An error is ours: Lambda tries again, and then puts the event into the dead-letter queue. The same event may
// come any number of times.
func (e *Events) Handle(ctx context.Context, event events.EventBridgeEvent) error {
	if event.DetailType != statemachine.DetailTypeRequested {
		return fmt.Errorf("event %q has the detail-type %q, not %s: the rule is wrong", event.ID, event.DetailType, statemachine.DetailTypeRequested)
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
		m, replayed, err = d.submit(ctx, r, submission{caller: "event:" + event.Source, key: key, requestedAt: event.Time})
	}
	attributes := []slog.Attr{slog.String("event", event.ID), slog.String("source", event.Source)}
	var refusal *problemError
	switch {
	case err == nil:
		e.Log.LogAttrs(ctx, slog.LevelInfo, "message accepted", append(attributes, slog.String("message", m.ID), slog.Bool("replayed", replayed))...)
		return nil
	case !errors.As(err, &refusal):
		e.Log.LogAttrs(ctx, slog.LevelError, "event not handled", append(attributes, slog.String("error", err.Error()))...)
		return fmt.Errorf("event %s: %w", event.ID, err)
	}
	e.Log.LogAttrs(ctx, slog.LevelWarn, "event rejected", append(attributes, slog.String("problem", refusal.Type), slog.Int("errors", len(refusal.Errors)))...)
	return e.reject(ctx, Rejection{Problem: refusal.Problem, IdempotencyKey: key, Reference: r.Reference})
}

func (e *Events) reject(ctx context.Context, r Rejection) error {
	detail, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("put %s: %w", statemachine.DetailTypeRejected, err)
	}
	out, err := e.Bus.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{{
		EventBusName: &e.EventBusName,
		Source:       aws.String(statemachine.EventSource),
		DetailType:   aws.String(statemachine.DetailTypeRejected),
		Detail:       aws.String(string(detail)),
	}}})
	switch {
	case err != nil:
		return fmt.Errorf("put %s: %w", statemachine.DetailTypeRejected, err)
	case out.FailedEntryCount > 0:
		entry := out.Entries[0]
		return fmt.Errorf("put %s: %s: %s", statemachine.DetailTypeRejected, aws.ToString(entry.ErrorCode), aws.ToString(entry.ErrorMessage))
	}
	return nil
}
