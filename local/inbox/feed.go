package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/way"
	"sms-api/statemachine"
)

// ruleName is the name of the rules by which the page hears of events.
const ruleName = "inbox-page"

// listen lets the page hear of everything that happens from now on.
func (b *Inbox) listen(o Options) error {
	pattern := fmt.Sprintf(`{"source":["aws.states"],"detail-type":[%q],"detail":{"stateMachineArn":[%q]}}`,
		statemachine.DetailTypeStatusChange, o.Executions.StateMachineARN)
	if err := subscribe(o.AWS.Bus(eventbus.Default), pattern, b.executionChanged); err != nil {
		return err
	}
	if err := subscribe(o.AWS.Bus(o.BusName), `{"source":[{"exists":true}]}`, b.eventPut); err != nil {
		return err
	}
	o.Standin.Subscribe(func(m aligotest.PhoneMessage) {
		b.store.addDelivery(m)
		b.Changed()
	})
	if o.Traffic != nil {
		o.Traffic.hear(b.Changed)
	}
	return nil
}

func subscribe(bus *eventbus.Bus, pattern string, deliver func(context.Context, json.RawMessage) error) error {
	if _, err := bus.PutRule(eventbus.Rule{Name: ruleName, Description: "What the inbox page shows", Pattern: pattern}); err != nil {
		return fmt.Errorf("inbox page: %w", err)
	}
	if err := bus.PutTargets(ruleName, eventbus.Target{ID: ruleName, Deliver: deliver}); err != nil {
		return fmt.Errorf("inbox page: %w", err)
	}
	return nil
}

// executionChanged hears that an execution has started or ended.
func (b *Inbox) executionChanged(ctx context.Context, event json.RawMessage) error {
	var e struct {
		Detail struct {
			Name         string `json:"name"`
			Status       string `json:"status"`
			RedriveCount int    `json:"redriveCount"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return fmt.Errorf("execution status: %w", err)
	}
	d := e.Detail
	switch {
	case d.Status != string(types.ExecutionStatusRunning):
		if err := b.learn(ctx, d.Name); err != nil {
			return fmt.Errorf("execution status: %w", err)
		}
	case d.RedriveCount == 0:
		b.store.startedOne()
	}
	b.Changed()
	return nil
}

// eventPut hears of an event on the bus.
func (b *Inbox) eventPut(_ context.Context, event json.RawMessage) error {
	var e struct {
		ID         string          `json:"id"`
		Source     string          `json:"source"`
		DetailType string          `json:"detail-type"`
		Time       time.Time       `json:"time"`
		Detail     json.RawMessage `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	out := busEvent{ID: e.ID, Source: e.Source, DetailType: e.DetailType, Time: e.Time}
	if e.DetailType == statemachine.DetailTypeRequested {
		out.Detail = way.MaskJSON(string(e.Detail))
	} else {
		// The title of a problem and of somebody else's event is none of ours.
		out.Detail = way.MaskNumbers(string(e.Detail))
	}
	ofMessage := e.DetailType == statemachine.DetailTypeSettled || e.DetailType == statemachine.DetailTypeAccepted
	if ofMessage && e.Source == statemachine.EventSource {
		var about struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(e.Detail, &about) == nil {
			out.Message = about.ID
		}
	}
	b.store.addEvent(out, e.DetailType == statemachine.DetailTypeRejected && e.Source == statemachine.EventSource)
	b.Changed()
	return nil
}

// Posted shows that a webhook was called, among the events. The error is nil if it took the event.
func (b *Inbox) Posted(webhook string, event json.RawMessage, err error) {
	var e struct {
		ID         string              `json:"id"`
		DetailType string              `json:"detail-type"`
		Detail     struct{ ID string } `json:"detail"`
	}
	if json.Unmarshal(event, &e) != nil {
		return
	}
	said := struct {
		ID    string `json:"id,omitempty"`
		Event string `json:"event"`
		Taken bool   `json:"taken"`
		Why   string `json:"why,omitempty"`
	}{ID: e.Detail.ID, Event: e.DetailType, Taken: err == nil}
	if err != nil {
		said.Why = err.Error()
	}
	detail, err := json.Marshal(said)
	if err != nil {
		return
	}
	b.store.addEvent(busEvent{
		ID: e.ID, Source: webhook, DetailType: "Webhook", Time: b.options.Executions.Now(), Message: e.Detail.ID, Detail: detail,
	}, false)
	b.Changed()
}

// linkNewest finds out to which messages the newest deliveries belong. Of messages that have ended this is known; the
// histories of those that may have led to the others are read.
func (b *Inbox) linkNewest(ctx context.Context) {
	looked, learned := map[string]bool{}, map[string]bool{}
	for _, d := range b.store.linkNewest() {
		if looked[d.To] || len(looked) == maxLooked {
			continue
		}
		looked[d.To] = true
		found, err := b.options.Records.Search(ctx, records.Query{
			To: message.Phone(d.To), Until: d.At.Add(clockSlack), Limit: maxSuspects,
		})
		for _, f := range found.Found {
			// Many phones may have the same message.
			if id := f.Outcome.ID; err == nil && !learned[id] && !b.store.complete(id) {
				err = b.learn(ctx, id)
				learned[id] = true
			}
		}
		if err != nil && ctx.Err() == nil {
			b.options.Log.WarnContext(ctx, "deliveries not linked to their message", "error", err)
		}
	}
	if len(learned) > 0 {
		b.store.linkNewest()
	}
}

// learn reads from a message's history which calls Aligo has accepted for it. The newest progress in it has them all. What is no
// message has none.
func (b *Inbox) learn(ctx context.Context, id string) error {
	_, o, err := b.options.Executions.Outcome(ctx, id)
	switch {
	case errors.Is(err, execution.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	const page, pages = 50, 4
	in := &sfn.GetExecutionHistoryInput{
		ExecutionArn: aws.String(b.executionARN(id)), ReverseOrder: true, MaxResults: page, IncludeExecutionData: aws.Bool(true),
	}
	ended := false
	for range pages {
		out, err := b.options.Executions.Client.GetExecutionHistory(ctx, in)
		if err != nil {
			return fmt.Errorf("history of message %s: %w", id, err)
		}
		if in.NextToken == nil && len(out.Events) > 0 {
			ended = endsExecution(out.Events[0].Type)
		}
		for i := range out.Events {
			if batches := batchesOf(&out.Events[i]); len(batches) > 0 {
				b.store.accepted(o, batches, ended)
				return nil
			}
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	b.store.accepted(o, nil, ended)
	return nil
}

func endsExecution(t types.HistoryEventType) bool {
	switch t {
	case types.HistoryEventTypeExecutionSucceeded, types.HistoryEventTypeExecutionFailed, types.HistoryEventTypeExecutionAborted,
		types.HistoryEventTypeExecutionTimedOut:
		return true
	default:
		return false
	}
}

// batchesOf are the batches in the progress with which a state was entered or left.
func batchesOf(e *types.HistoryEvent) []message.Batch {
	var data string
	switch {
	case e.StateEnteredEventDetails != nil:
		data = aws.ToString(e.StateEnteredEventDetails.Input)
	case e.StateExitedEventDetails != nil:
		data = aws.ToString(e.StateExitedEventDetails.Output)
	}
	var progress struct {
		Batches []message.Batch `json:"batches"`
	}
	if data == "" || json.Unmarshal([]byte(data), &progress) != nil {
		return nil
	}
	return progress.Batches
}

func (b *Inbox) executionARN(id string) string {
	return strings.Replace(b.options.Executions.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + id
}
