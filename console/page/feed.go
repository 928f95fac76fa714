package page

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
	"sms-api/statemachine"
)

// ruleName is the name of the rules by which the page hears of events.
const ruleName = "inbox-page"

// listen lets the page hear of everything that happens from now on.
func (b *Page) listen(o Options) error {
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
		b.stream.notify()
	})
	if o.Traffic != nil {
		o.Traffic.hear(b.stream.notify)
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
func (b *Page) executionChanged(ctx context.Context, event json.RawMessage) error {
	var e struct {
		Detail struct {
			Name         string  `json:"name"`
			Status       string  `json:"status"`
			RedriveCount int     `json:"redriveCount"`
			Input        *string `json:"input"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(event, &e); err != nil {
		return fmt.Errorf("execution status: %w", err)
	}
	d := e.Detail
	running := d.Status == string(types.ExecutionStatusRunning)
	if running && d.Input != nil {
		var m message.Message
		if err := json.Unmarshal([]byte(*d.Input), &m); err != nil || m.ID != d.Name {
			return nil //nolint:nilerr // somebody has started the state machine by hand, with something else
		}
		b.store.started(m, d.RedriveCount)
		b.stream.notify()
		return nil
	}
	m, o, err := b.executions.Outcome(ctx, d.Name)
	switch {
	case errors.Is(err, execution.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("execution status: %w", err)
	case running:
		b.store.started(m, d.RedriveCount)
	default:
		if r := b.store.settled(m, d.RedriveCount, o); r != nil {
			if err := b.learnBatches(ctx, r); err != nil {
				return err
			}
		}
	}
	b.stream.notify()
	return nil
}

// eventPut hears of an event on the bus.
func (b *Page) eventPut(_ context.Context, event json.RawMessage) error {
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
		out.Detail = maskJSON(string(e.Detail))
	} else {
		// The title of a problem and of somebody else's event is none of ours.
		out.Detail = maskNumbers(string(e.Detail))
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
	b.stream.notify()
	return nil
}

// learnBatches reads from a message's history which calls Aligo has accepted for it. The newest progress in it has them
// all.
func (b *Page) learnBatches(ctx context.Context, r *record) error {
	const page, pages = 50, 4
	in := &sfn.GetExecutionHistoryInput{
		ExecutionArn: aws.String(b.executionARN(r.id)), ReverseOrder: true, MaxResults: page, IncludeExecutionData: aws.Bool(true),
	}
	ended := false
	for range pages {
		out, err := b.executions.Client.GetExecutionHistory(ctx, in)
		if err != nil {
			return fmt.Errorf("history of message %s: %w", r.id, err)
		}
		if in.NextToken == nil && len(out.Events) > 0 {
			ended = endsExecution(out.Events[0].Type)
		}
		for i := range out.Events {
			if batches := batchesOf(&out.Events[i]); len(batches) > 0 {
				b.store.accepted(r, batches, ended)
				return nil
			}
		}
		if out.NextToken == nil {
			break
		}
		in.NextToken = out.NextToken
	}
	b.store.accepted(r, nil, ended)
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

func (b *Page) executionARN(id string) string {
	return strings.Replace(b.executions.StateMachineARN, ":stateMachine:", ":execution:", 1) + ":" + id
}
