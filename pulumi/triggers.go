package main

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/schemas"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/statemachine"
)

// eventBus is where other services ask for messages and hear what became of them.
type eventBus struct {
	pulumi.ResourceState
	bus *cloudwatch.EventBus
	// deadLetters keeps what could not be handed to a function, or what a function could not handle.
	deadLetters *sqs.Queue
}

func newEventBus(
	ctx *pulumi.Context, prefix string, config eventsConfig, in account, key encryptionKey, contracts []schema,
) (*eventBus, error) {
	e := &eventBus{}
	if err := ctx.RegisterComponentResource("sms-api:index:EventBus", prefix+"-event-bus", e); err != nil {
		return nil, err
	}
	var err error
	e.bus, err = cloudwatch.NewEventBus(ctx, prefix, &cloudwatch.EventBusArgs{
		Name: pulumi.String(prefix), Description: pulumi.String("sms-api: MessageRequested in, MessageSettled and MessageRejected out"),
	}, pulumi.Parent(e))
	if err != nil {
		return nil, err
	}
	if len(config.producerAccounts) > 0 {
		if err := e.admit(ctx, prefix, config.producerAccounts, in); err != nil {
			return nil, err
		}
	}
	if config.archiveDays > 0 {
		// What this system itself announces can be had from the executions.
		pattern, err := json.Marshal(map[string]any{"source": []any{map[string]any{"anything-but": []string{statemachine.EventSource}}}})
		if err != nil {
			return nil, err
		}
		_, err = cloudwatch.NewEventArchive(ctx, prefix, &cloudwatch.EventArchiveArgs{
			Name:           pulumi.String(prefix),
			Description:    pulumi.String("What was asked for; a replay sends nothing twice"),
			EventSourceArn: e.bus.Arn,
			EventPattern:   pulumi.String(string(pattern)),
			RetentionDays:  pulumi.Int(config.archiveDays),
		}, pulumi.Parent(e.bus))
		if err != nil {
			return nil, err
		}
	}
	queue := &sqs.QueueArgs{
		Name:                    pulumi.String(prefix + "-dead-letters"),
		MessageRetentionSeconds: pulumi.Int(14 * 24 * 60 * 60), // SQS's longest
	}
	if key.arn != nil {
		queue.KmsMasterKeyId = key.arn.ToStringOutput().ToStringPtrOutput()
	} else {
		queue.SqsManagedSseEnabled = pulumi.Bool(true)
	}
	if e.deadLetters, err = sqs.NewQueue(ctx, prefix+"-dead-letters", queue, pulumi.Parent(e)); err != nil {
		return nil, err
	}
	if err := e.publish(ctx, prefix, contracts); err != nil {
		return nil, err
	}
	return e, ctx.RegisterResourceOutputs(e, pulumi.Map{"eventBusArn": e.bus.Arn})
}

// admit lets other accounts put events on the bus, but not in the name of this system: MessageSettled is its word alone.
func (e *eventBus) admit(ctx *pulumi.Context, prefix string, accounts []string, in account) error {
	var roots []string
	for _, id := range accounts {
		roots = append(roots, in.root(id))
	}
	statement := allow(pulumi.StringArray{e.bus.Arn}, "events:PutEvents")
	statement.Sid = pulumi.String("producers")
	statement.Principals = iam.GetPolicyDocumentStatementPrincipalArray{iam.GetPolicyDocumentStatementPrincipalArgs{
		Type: pulumi.String("AWS"), Identifiers: pulumi.ToStringArray(roots),
	}}
	_, err := cloudwatch.NewEventBusPolicy(ctx, prefix, &cloudwatch.EventBusPolicyArgs{
		EventBusName: e.bus.Name,
		Policy: document(ctx, when(statement, "StringNotEquals", "events:source",
			pulumi.ToStringArray([]string{statemachine.EventSource}))),
	}, pulumi.Parent(e.bus))
	return err
}

// publish puts the events' schemas where other teams' tools find them.
func (e *eventBus) publish(ctx *pulumi.Context, prefix string, contracts []schema) error {
	registry, err := schemas.NewRegistry(ctx, prefix, &schemas.RegistryArgs{
		Name: pulumi.String(prefix), Description: pulumi.String("The events of sms-api"),
	}, pulumi.Parent(e))
	if err != nil {
		return err
	}
	for _, contract := range contracts {
		_, err := schemas.NewSchema(ctx, prefix+"-"+contract.name, &schemas.SchemaArgs{
			Name:         pulumi.String(statemachine.EventSource + "@" + contract.name),
			RegistryName: registry.Name,
			Type:         pulumi.String("JSONSchemaDraft4"),
			Content:      pulumi.String(contract.content),
		}, pulumi.Parent(registry))
		if err != nil {
			return err
		}
	}
	return nil
}

// triggers are the rules that call functions.
type triggers struct {
	pulumi.ResourceState
	prefix string
	bus    *eventBus
	rules  pulumi.StringArray
}

type triggersArgs struct {
	config                  config
	bus                     *eventBus
	workflow                *workflow
	events, settle, balance *function
}

func newTriggers(ctx *pulumi.Context, args triggersArgs) (*triggers, error) {
	t := &triggers{prefix: args.config.prefix, bus: args.bus}
	if err := ctx.RegisterComponentResource("sms-api:index:Triggers", t.prefix+"-triggers", t); err != nil {
		return nil, err
	}
	err := t.add(ctx, rule{
		name: "requested", description: "MessageRequested events become messages", bus: args.bus.bus.Name,
		pattern: pattern(map[string]any{"detail-type": []string{statemachine.DetailTypeRequested}}), to: args.events,
	})
	if err != nil {
		return nil, err
	}
	for _, r := range args.config.events.routes {
		err := t.add(ctx, rule{
			name: "route-" + r.Name, description: "Events of another service become messages", bus: args.bus.bus.Name,
			pattern: pulumi.String(string(r.Pattern)), to: args.events,
			transformer: cloudwatch.EventTargetInputTransformerArgs{
				InputPaths: pulumi.ToStringMap(r.Paths()), InputTemplate: pulumi.String(r.Template()),
			},
		})
		if err != nil {
			return nil, err
		}
	}
	stopped := args.workflow.machine.Arn.ApplyT(func(arn string) (string, error) {
		text, err := json.Marshal(map[string]any{
			"source": []string{"aws.states"}, "detail-type": []string{statemachine.DetailTypeStatusChange},
			"detail": map[string]any{"stateMachineArn": []string{arn}, "status": []string{"FAILED", "TIMED_OUT", "ABORTED"}},
		})
		return string(text), err
	}).(pulumi.StringOutput)
	// Step Functions announces to the default bus.
	err = t.add(ctx, rule{name: "stopped", description: "Executions that did not come to their end are settled", pattern: stopped,
		to: args.settle})
	if err != nil {
		return nil, err
	}
	err = t.add(ctx, rule{
		name: "balance", description: "Reads the balance and checks the way to Aligo",
		schedule: every(args.config.alarms.balanceMinutes), to: args.balance,
	})
	if err != nil {
		return nil, err
	}
	_, err = sqs.NewQueuePolicy(ctx, t.prefix+"-dead-letters", &sqs.QueuePolicyArgs{
		QueueUrl: args.bus.deadLetters.Url,
		Policy: document(ctx, when(by(allow(pulumi.StringArray{args.bus.deadLetters.Arn}, "sqs:SendMessage"), "events.amazonaws.com"),
			"ArnEquals", "aws:SourceArn", t.rules)),
	}, pulumi.Parent(args.bus.deadLetters))
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		kind    string
		to      *function
		retries int
	}{
		{events, args.events, 2},
		{settle, args.settle, 2},
		// The next hour's reading is as good as a repetition of this one.
		{balance, args.balance, 0},
	} {
		_, err := lambda.NewFunctionEventInvokeConfig(ctx, t.prefix+"-"+f.kind, &lambda.FunctionEventInvokeConfigArgs{
			FunctionName:             f.to.Name,
			MaximumRetryAttempts:     pulumi.Int(f.retries),
			MaximumEventAgeInSeconds: pulumi.Int(6 * 60 * 60), // Lambda's longest
			DestinationConfig: lambda.FunctionEventInvokeConfigDestinationConfigArgs{
				OnFailure: lambda.FunctionEventInvokeConfigDestinationConfigOnFailureArgs{Destination: args.bus.deadLetters.Arn},
			},
		}, pulumi.Parent(t))
		if err != nil {
			return nil, err
		}
	}
	return t, ctx.RegisterResourceOutputs(t, pulumi.Map{})
}

// rule calls a function for each event that matches the pattern, or on a schedule.
type rule struct {
	name, description string
	// bus is nil for the default bus.
	bus         pulumi.StringPtrInput
	pattern     pulumi.StringPtrInput
	schedule    string
	transformer cloudwatch.EventTargetInputTransformerPtrInput
	to          *function
}

// add makes the rule, its target and the permission to call it. What cannot be handed over for a day goes to the
// dead-letter queue.
func (t *triggers) add(ctx *pulumi.Context, r rule) error {
	name := t.prefix + "-" + r.name
	args := &cloudwatch.EventRuleArgs{
		Name: pulumi.String(name), Description: pulumi.String(r.description), EventBusName: r.bus, EventPattern: r.pattern,
	}
	if r.schedule != "" {
		args.ScheduleExpression = pulumi.String(r.schedule)
	}
	made, err := cloudwatch.NewEventRule(ctx, name, args, pulumi.Parent(t))
	if err != nil {
		return fmt.Errorf("rule %s: %w", r.name, err)
	}
	permission, err := lambda.NewPermission(ctx, name, &lambda.PermissionArgs{
		Action: pulumi.String("lambda:InvokeFunction"), Function: r.to.Name,
		Principal: pulumi.String("events.amazonaws.com"), SourceArn: made.Arn.ToStringPtrOutput(),
	}, pulumi.Parent(made))
	if err != nil {
		return fmt.Errorf("rule %s: %w", r.name, err)
	}
	_, err = cloudwatch.NewEventTarget(ctx, name, &cloudwatch.EventTargetArgs{
		Rule: made.Name, EventBusName: r.bus, TargetId: pulumi.String(r.name), Arn: r.to.Arn,
		InputTransformer: r.transformer,
		DeadLetterConfig: cloudwatch.EventTargetDeadLetterConfigArgs{Arn: t.bus.deadLetters.Arn.ToStringPtrOutput()},
		RetryPolicy: cloudwatch.EventTargetRetryPolicyArgs{
			MaximumEventAgeInSeconds: pulumi.Int(24 * 60 * 60), MaximumRetryAttempts: pulumi.Int(185), // EventBridge's most
		},
	}, pulumi.Parent(made), pulumi.DependsOn([]pulumi.Resource{permission}))
	if err != nil {
		return fmt.Errorf("rule %s: %w", r.name, err)
	}
	t.rules = append(t.rules, made.Arn)
	return nil
}

// pattern is an event pattern that is known before the deployment.
func pattern(fields map[string]any) pulumi.StringInput { return pulumi.JSONMarshal(fields) }

// every is a schedule expression; EventBridge wants the unit in the singular for one.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
func every(minutes int) string {
	if minutes%60 == 0 {
		if minutes == 60 {
			return "rate(1 hour)"
		}
		return fmt.Sprintf("rate(%d hours)", minutes/60)
	}
	return fmt.Sprintf("rate(%d minutes)", minutes)
}
