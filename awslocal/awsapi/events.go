package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/eventbus"
	"sms-api/awslocal/rawjson"
)

// maxListed is how many rules, targets and buses are in one page.
const maxListed = 100

type putEventsEntry struct {
	Source       string
	DetailType   string
	Detail       string
	Resources    []string
	Time         epoch
	EventBusName string
}

type putEventsInput struct {
	Entries    []putEventsEntry
	EndpointID string `json:"EndpointId"`
}

type putEventsOutput struct {
	FailedEntryCount int
	Entries          []eventbus.Result
}

func (e *Endpoint) putEvents(ctx context.Context, in putEventsInput) (any, error) {
	if in.EndpointID != "" {
		return nil, &ServiceError{Code: "ValidationException", Message: "The local endpoint has no global endpoints."}
	}
	return e.put(ctx, in.Entries)
}

func (e *Endpoint) put(ctx context.Context, in []putEventsEntry) (putEventsOutput, error) {
	entries := make([]eventbus.Entry, len(in))
	for i, entry := range in {
		entries[i] = eventbus.Entry{
			Source: entry.Source, DetailType: entry.DetailType, Detail: entry.Detail, Resources: entry.Resources,
			Time: time.Time(entry.Time), EventBusName: entry.EventBusName,
		}
	}
	results, err := e.events.Put(ctx, entries)
	if err != nil {
		return putEventsOutput{}, err
	}
	out := putEventsOutput{Entries: results}
	for _, result := range results {
		if result.ErrorCode != "" {
			out.FailedEntryCount++
		}
	}
	return out, nil
}

// putEventsTask is the optimised integration with EventBridge: Detail may be an object, the ARNs of the state machine and
// the execution join the entry's Resources, and an entry that is refused fails the task.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html
func (e *Endpoint) putEventsTask(ctx context.Context, call asl.Call) (json.RawMessage, error) {
	var in struct {
		Entries []struct {
			Source       string
			DetailType   string
			Detail       json.RawMessage
			Resources    []string
			Time         epoch
			EventBusName string
		}
	}
	dec := json.NewDecoder(bytes.NewReader(call.Arguments))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return nil, &asl.TaskError{Name: "States.Runtime", Cause: fmt.Sprintf("events:putEvents: %v", err)}
	}
	entries := make([]putEventsEntry, len(in.Entries))
	for i, entry := range in.Entries {
		detail := string(entry.Detail)
		if strings.HasPrefix(detail, `"`) || detail == "null" {
			detail = ""
			if err := json.Unmarshal(entry.Detail, &detail); err != nil {
				return nil, fmt.Errorf("events:putEvents: %w", err)
			}
		}
		entries[i] = putEventsEntry{
			Source: entry.Source, DetailType: entry.DetailType, Detail: detail, Time: entry.Time, EventBusName: entry.EventBusName,
			Resources: append(entry.Resources, call.StateMachineARN, call.ExecutionARN),
		}
	}
	out, err := e.put(ctx, entries)
	var refused *eventbus.Error
	switch {
	case errors.As(err, &refused):
		return nil, &asl.TaskError{Name: "EventBridge." + refused.Code, Cause: refused.Message}
	case err != nil:
		return nil, fmt.Errorf("events:putEvents: %w", err)
	}
	result, err := rawjson.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("events:putEvents: %w", err)
	}
	if out.FailedEntryCount > 0 {
		return nil, &asl.TaskError{Name: "EventBridge.FailedEntry", Cause: string(result)}
	}
	return result, nil
}

// bus finds the bus of a request.
func (e *Endpoint) bus(nameOrARN string) (*eventbus.Bus, error) {
	b, ok := e.events.Lookup(nameOrARN)
	if !ok {
		return nil, &ServiceError{Code: "ResourceNotFoundException", Message: fmt.Sprintf("Event bus %s does not exist.", nameOrARN)}
	}
	return b, nil
}

func ruleNotFound(rule string, bus *eventbus.Bus) error {
	return &ServiceError{Code: "ResourceNotFoundException", Message: fmt.Sprintf("Rule %s does not exist on EventBus %s.", rule, bus.Name)}
}

type putRuleInput struct {
	Name               string
	EventPattern       string
	EventBusName       string
	State              string
	Description        string
	RoleARN            string `json:"RoleArn"`
	ScheduleExpression string
}

// The states of a rule. The third is for events of CloudTrail, which are none here.
const (
	enabled        = "ENABLED"
	disabled       = "DISABLED"
	enabledWithAll = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
)

func (e *Endpoint) putRule(_ context.Context, in putRuleInput) (any, error) {
	b, err := e.bus(in.EventBusName)
	switch {
	case err != nil:
		return nil, err
	case in.State == enabledWithAll:
		return nil, &ServiceError{Code: "ValidationException", Message: "The local endpoint has no events of CloudTrail."}
	case in.ScheduleExpression != "":
		return nil, &ServiceError{Code: "ValidationException", Message: "The local endpoint has no scheduled rules."}
	case in.EventPattern == "":
		return nil, &ServiceError{Code: "ValidationException", Message: "Parameter(s) EventPattern or ScheduleExpression must be specified."}
	}
	arn, err := b.PutRule(eventbus.Rule{Name: in.Name, Description: in.Description, RoleARN: in.RoleARN, Pattern: in.EventPattern,
		Disabled: in.State == disabled})
	if err != nil {
		return nil, err
	}
	return struct {
		RuleARN string `json:"RuleArn"`
	}{arn}, nil
}

type targetInput struct {
	ID               string `json:"Id"`
	ARN              string `json:"Arn"`
	RoleARN          string `json:"RoleArn,omitempty"`
	Input            string `json:",omitempty"`
	InputPath        string `json:",omitempty"`
	InputTransformer *struct {
		InputPathsMap map[string]string `json:",omitempty"`
		InputTemplate string
	} `json:",omitempty"`
	RetryPolicy *struct {
		MaximumRetryAttempts     *int `json:",omitempty"`
		MaximumEventAgeInSeconds *int `json:",omitempty"`
	} `json:",omitempty"`
	DeadLetterConfig *deadLetterConfig `json:",omitempty"`
}

type deadLetterConfig struct {
	ARN string `json:"Arn"`
}

// queueARN is what a dead-letter queue is called.
var queueARN = regexp.MustCompile(`^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}(\.fifo)?$`)

// check refuses a dead-letter queue that is none.
func (t targetInput) check() error {
	if t.DeadLetterConfig != nil && !queueARN.MatchString(t.DeadLetterConfig.ARN) {
		return &ServiceError{Code: "ValidationException",
			Message: fmt.Sprintf("Target %s: DeadLetterConfig needs the ARN of an SQS queue.", t.ID)}
	}
	return nil
}

type putTargetsInput struct {
	Rule         string
	EventBusName string
	Targets      []targetInput
}

func (e *Endpoint) putTargets(_ context.Context, in putTargetsInput) (any, error) {
	b, err := e.bus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	targets := make([]eventbus.Target, len(in.Targets))
	for i, t := range in.Targets {
		if err := t.check(); err != nil {
			return nil, err
		}
		deliver, err := e.deliverTo(t.ARN)
		if err != nil {
			return nil, err
		}
		targets[i] = eventbus.Target{ID: t.ID, ARN: t.ARN, RoleARN: t.RoleARN,
			Input: eventbus.Input{Constant: t.Input, Path: t.InputPath}, Deliver: deliver}
		if t.DeadLetterConfig != nil {
			targets[i].QueueARN = t.DeadLetterConfig.ARN
		}
		if t.InputTransformer != nil {
			targets[i].Input.Transformer = &eventbus.Transformer{PathsMap: t.InputTransformer.InputPathsMap,
				Template: t.InputTransformer.InputTemplate}
		}
		if p := t.RetryPolicy; p != nil {
			retry := eventbus.DefaultRetry()
			if p.MaximumRetryAttempts != nil {
				retry.Attempts = *p.MaximumRetryAttempts
			}
			if p.MaximumEventAgeInSeconds != nil {
				retry.Age = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
			}
			targets[i].Retry = &retry
		}
	}
	if err := b.PutTargets(in.Rule, targets...); err != nil {
		return nil, err
	}
	return struct {
		FailedEntryCount int
		FailedEntries    []struct{}
	}{0, []struct{}{}}, nil
}

// deliverTo hands events to a function or a state machine of this endpoint.
func (e *Endpoint) deliverTo(arn string) (func(context.Context, json.RawMessage) error, error) {
	switch {
	case strings.HasPrefix(arn, FunctionARN("")):
		return func(_ context.Context, event json.RawMessage) error { return e.InvokeLater(arn, event) }, nil
	case strings.HasPrefix(arn, QueueARN("")):
		return func(_ context.Context, event json.RawMessage) error { return e.queues.send(arn, string(event)) }, nil
	case strings.HasPrefix(arn, StateMachineARN("")):
		return func(ctx context.Context, event json.RawMessage) error {
			input := string(event)
			_, err := e.states.startExecution(ctx, startExecutionInput{StateMachineARN: arn, Input: &input})
			return err
		}, nil
	}
	return nil, &ServiceError{Code: "ValidationException", Message: fmt.Sprintf(
		"Provided Arn is not in correct format. Parameter %s is not valid: the local endpoint delivers to its own functions, queues "+
			"and state machines.",
		arn)}
}

type busInput struct {
	EventBusName string
	Name         string
	NamePrefix   string
	Rule         string
	Limit        int
	NextToken    string
}

// page answers with a page of a list. member is what AWS calls the list.
func page[T any](member string, all []T, in busInput, scope string) (any, error) {
	size := in.Limit
	if size == 0 {
		size = maxListed
	}
	from, err := readToken(in.NextToken, scope)
	if err != nil {
		return nil, &ServiceError{Code: "ValidationException", Message: "The token isn't valid."}
	}
	out := map[string]any{member: append([]T{}, all[min(from, len(all)):min(from+size, len(all))]...)}
	if from+size < len(all) {
		out["NextToken"] = writeToken(from+size, scope)
	}
	return out, nil
}

type ruleOutput struct {
	Name         string
	ARN          string `json:"Arn"`
	EventPattern string
	State        string
	Description  string `json:",omitempty"`
	RoleARN      string `json:"RoleArn,omitempty"`
	EventBusName string
}

func ruleOf(b *eventbus.Bus, r eventbus.Rule) ruleOutput {
	arn, _ := b.RuleARN(r.Name)
	state := enabled
	if r.Disabled {
		state = disabled
	}
	return ruleOutput{Name: r.Name, ARN: arn, EventPattern: r.Pattern, State: state, Description: r.Description, RoleARN: r.RoleARN,
		EventBusName: b.Name}
}

func (e *Endpoint) listRules(_ context.Context, in busInput) (any, error) {
	b, err := e.bus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	var all []ruleOutput
	for _, r := range b.Rules() {
		if strings.HasPrefix(r.Name, in.NamePrefix) {
			all = append(all, ruleOf(b, r))
		}
	}
	return page("Rules", all, in, "rules "+b.Name+" "+in.NamePrefix)
}

func (e *Endpoint) describeRule(_ context.Context, in busInput) (any, error) {
	b, err := e.bus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	for _, r := range b.Rules() {
		if r.Name == in.Name {
			return ruleOf(b, r), nil
		}
	}
	return nil, ruleNotFound(in.Name, b)
}

func (e *Endpoint) listTargetsByRule(_ context.Context, in busInput) (any, error) {
	b, err := e.bus(in.EventBusName)
	if err != nil {
		return nil, err
	}
	targets, ok := b.Targets(in.Rule)
	if !ok {
		return nil, ruleNotFound(in.Rule, b)
	}
	var all []targetInput
	for _, t := range targets {
		out := targetInput{ID: t.ID, ARN: t.ARN, RoleARN: t.RoleARN, Input: t.Input.Constant, InputPath: t.Input.Path}
		if t.QueueARN != "" {
			out.DeadLetterConfig = &deadLetterConfig{t.QueueARN}
		}
		if tr := t.Input.Transformer; tr != nil {
			out.InputTransformer = &struct {
				InputPathsMap map[string]string `json:",omitempty"`
				InputTemplate string
			}{tr.PathsMap, tr.Template}
		}
		if t.Retry != nil {
			seconds := int(t.Retry.Age.Seconds())
			out.RetryPolicy = &struct {
				MaximumRetryAttempts     *int `json:",omitempty"`
				MaximumEventAgeInSeconds *int `json:",omitempty"`
			}{&t.Retry.Attempts, &seconds}
		}
		all = append(all, out)
	}
	return page("Targets", all, in, "targets "+b.Name+" "+in.Rule)
}

type busOutput struct {
	Name         string
	ARN          string `json:"Arn"`
	CreationTime epoch
}

func (e *Endpoint) describeEventBus(_ context.Context, in busInput) (any, error) {
	b, err := e.bus(in.Name)
	if err != nil {
		return nil, err
	}
	return busOutput{b.Name, b.ARN, epoch(b.Created)}, nil
}

func (e *Endpoint) listEventBuses(_ context.Context, in busInput) (any, error) {
	var all []busOutput
	for _, b := range e.events.Buses() {
		if strings.HasPrefix(b.Name, in.NamePrefix) {
			all = append(all, busOutput{b.Name, b.ARN, epoch(b.Created)})
		}
	}
	return page("EventBuses", all, in, "buses "+in.NamePrefix)
}

type testEventPatternInput struct {
	EventPattern, Event string
}

func (e *Endpoint) testEventPattern(_ context.Context, in testEventPatternInput) (any, error) {
	pattern, err := eventbus.Compile([]byte(in.EventPattern))
	if err != nil {
		return nil, err
	}
	if err := eventbus.CheckEvent([]byte(in.Event)); err != nil {
		return nil, err
	}
	return struct{ Result bool }{pattern.Match([]byte(in.Event))}, nil
}
