package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/schemas"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
	"sms-api/statemachine"
)

// eventBus is where other services ask for messages and hear what became of them.
type eventBus struct {
	pulumi.ResourceState
	bus *cloudwatch.EventBus
	// deadLetters keeps what could not be handed to a function, or what a function could not handle.
	deadLetters *sqs.Queue
}

type eventBusArgs struct {
	config  eventsConfig
	account account
	key     encryptionKey
	schemas []schema
}

func newEventBus(ctx *pulumi.Context, name string, args eventBusArgs, opts ...pulumi.ResourceOption) (*eventBus, error) {
	e, config, key := &eventBus{}, args.config, args.key
	if err := ctx.RegisterComponentResource("sms-api:index:EventBus", name+"-event-bus", e, opts...); err != nil {
		return nil, err
	}
	var err error
	e.bus, err = cloudwatch.NewEventBus(ctx, name, &cloudwatch.EventBusArgs{
		Name: pulumi.String(name), Description: pulumi.String("sms-api: MessageRequested in; MessageAccepted, MessageSettled and MessageRejected out"),
	}, childOf(e))
	if err != nil {
		return nil, err
	}
	if len(config.producerAccounts) > 0 {
		if err := e.admit(ctx, name, config.producerAccounts, args.account); err != nil {
			return nil, err
		}
	}
	if config.archiveDays > 0 {
		// What this system itself announces can be had from the executions.
		pattern, err := json.Marshal(map[string]any{"source": []any{map[string]any{"anything-but": []string{statemachine.EventSource}}}})
		if err != nil {
			return nil, err
		}
		_, err = cloudwatch.NewEventArchive(ctx, name, &cloudwatch.EventArchiveArgs{
			Name:           pulumi.String(name),
			Description:    pulumi.String("What was asked for; a replay sends nothing twice"),
			EventSourceArn: e.bus.Arn,
			EventPattern:   pulumi.String(string(pattern)),
			RetentionDays:  pulumi.Int(config.archiveDays),
		}, childOf(e.bus))
		if err != nil {
			return nil, err
		}
	}
	queue := &sqs.QueueArgs{
		Name:                    pulumi.String(name + "-dead-letters"),
		MessageRetentionSeconds: pulumi.Int(seconds(deployment.LongestRetention)),
	}
	if key.arn != nil {
		queue.KmsMasterKeyId = key.arn.ToStringOutput().ToStringPtrOutput()
	} else {
		queue.SqsManagedSseEnabled = pulumi.Bool(true)
	}
	if e.deadLetters, err = sqs.NewQueue(ctx, name+"-dead-letters", queue, childOf(e)); err != nil {
		return nil, err
	}
	if err := e.publish(ctx, name, args.schemas); err != nil {
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
		Policy: document(ctx, withCondition(statement, "StringNotEquals", "events:source",
			pulumi.ToStringArray([]string{statemachine.EventSource}))),
	}, childOf(e.bus))
	return err
}

// publish puts the events' schemas where other teams' tools find them.
func (e *eventBus) publish(ctx *pulumi.Context, prefix string, contracts []schema) error {
	registry, err := schemas.NewRegistry(ctx, prefix, &schemas.RegistryArgs{
		Name: pulumi.String(prefix), Description: pulumi.String("The events of sms-api"),
	}, childOf(e))
	if err != nil {
		return err
	}
	for _, contract := range contracts {
		_, err := schemas.NewSchema(ctx, prefix+"-"+contract.name, &schemas.SchemaArgs{
			Name:         pulumi.String(statemachine.EventSource + "@" + contract.name),
			RegistryName: registry.Name,
			Type:         pulumi.String("JSONSchemaDraft4"),
			Content:      pulumi.String(contract.content),
		}, childOf(registry))
		if err != nil {
			return err
		}
	}
	return nil
}

// triggers are the rules that call functions.
type triggers struct {
	pulumi.ResourceState
	name  string
	args  triggersArgs
	rules pulumi.StringArray
}

type triggersArgs struct {
	config    config
	bus       *eventBus
	workflow  *workflow
	functions map[string]*function
}

func newTriggers(ctx *pulumi.Context, name string, args triggersArgs, opts ...pulumi.ResourceOption) (*triggers, error) {
	t := &triggers{name: name, args: args}
	if err := ctx.RegisterComponentResource("sms-api:index:Triggers", name+"-triggers", t, opts...); err != nil {
		return nil, err
	}
	for _, r := range deployment.Rules(args.config.events.routes) {
		if err := t.add(ctx, r); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	writesToIt := trustedBy(allow(pulumi.StringArray{args.bus.deadLetters.Arn}, "sqs:SendMessage"), "events.amazonaws.com")
	_, err := sqs.NewQueuePolicy(ctx, name+"-dead-letters", &sqs.QueuePolicyArgs{
		QueueUrl: args.bus.deadLetters.Url,
		Policy:   document(ctx, withCondition(writesToIt, "ArnEquals", "aws:SourceArn", t.rules)),
	}, childOf(args.bus.deadLetters))
	if err != nil {
		return nil, err
	}
	for _, f := range deployment.Functions() {
		if f.Caller != deployment.LambdaQueue {
			continue
		}
		_, err := lambda.NewFunctionEventInvokeConfig(ctx, name+"-"+f.Name, &lambda.FunctionEventInvokeConfigArgs{
			FunctionName:             args.functions[f.Name].Name,
			MaximumRetryAttempts:     pulumi.Int(f.Retries),
			MaximumEventAgeInSeconds: pulumi.Int(seconds(deployment.LongestQueued)),
			DestinationConfig: lambda.FunctionEventInvokeConfigDestinationConfigArgs{
				OnFailure: lambda.FunctionEventInvokeConfigDestinationConfigOnFailureArgs{Destination: args.bus.deadLetters.Arn},
			},
		}, childOf(t))
		if err != nil {
			return nil, err
		}
	}
	return t, ctx.RegisterResourceOutputs(t, pulumi.Map{})
}

// add makes the rule, its target and the permission to call it. What cannot be handed over for a day goes to the
// dead-letter queue.
//
// The target needs the function's ARN, so that a function that is changed comes first, with the templates of the routes, and
// then what the rule hands over. For a moment a rule may be older than the function, which reads what it hands over all the
// same (see intake.Handed), but not newer: a function that were to run its former code once more refuses what it does not
// know, and Lambda calls it again one minute and two minutes later, before the event becomes a dead letter.
func (t *triggers) add(ctx *pulumi.Context, r deployment.Rule) error {
	name, to := t.name+"-"+r.Name, t.args.functions[r.Function]
	rule := &cloudwatch.EventRuleArgs{Name: pulumi.String(name), Description: pulumi.String(r.Description)}
	switch {
	case r.Every != nil:
		rule.ScheduleExpression = pulumi.String(every(t.args.config.schedules[r.Name]))
	case r.OnDefaultBus:
		rule.EventPattern = t.args.workflow.machine.Arn.ApplyT(r.PatternFor).(pulumi.StringOutput)
	default:
		rule.EventBusName, rule.EventPattern = t.args.bus.bus.Name, pulumi.String(r.Pattern)
	}
	made, err := cloudwatch.NewEventRule(ctx, name, rule, childOf(t))
	if err != nil {
		return err
	}
	permission, err := lambda.NewPermission(ctx, name, &lambda.PermissionArgs{
		Action: pulumi.String("lambda:InvokeFunction"), Function: to.Name,
		Principal: pulumi.String("events.amazonaws.com"), SourceArn: made.Arn.ToStringPtrOutput(),
	}, childOf(made))
	if err != nil {
		return err
	}
	target := &cloudwatch.EventTargetArgs{
		Rule: made.Name, EventBusName: rule.EventBusName, TargetId: pulumi.String(r.Name), Arn: to.Arn,
		DeadLetterConfig: cloudwatch.EventTargetDeadLetterConfigArgs{Arn: t.args.bus.deadLetters.Arn.ToStringPtrOutput()},
		RetryPolicy: cloudwatch.EventTargetRetryPolicyArgs{
			MaximumEventAgeInSeconds: pulumi.Int(seconds(deployment.LongestDelivery)), MaximumRetryAttempts: pulumi.Int(deployment.MostDeliveries),
		},
	}
	if r.InputTemplate != "" {
		target.InputTransformer = cloudwatch.EventTargetInputTransformerArgs{InputTemplate: pulumi.String(r.InputTemplate)}
	}
	if _, err = cloudwatch.NewEventTarget(ctx, name, target, childOf(made), pulumi.DependsOn([]pulumi.Resource{permission})); err != nil {
		return err
	}
	t.rules = append(t.rules, made.Arn)
	return nil
}

// seconds is a duration as AWS takes it.
func seconds(d time.Duration) int { return int(d / time.Second) }

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
