package main

import (
	"encoding/json"
	"fmt"
	"strconv"
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
	// waiting has the events that become messages, deadLetters what could not be handed to a function, or what a function could
	// not handle.
	waiting, deadLetters *sqs.Queue
}

type eventBusArgs struct {
	config eventsConfig
	// timeout is that of the function that takes the events, in seconds.
	timeout int
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
		Name: pulumi.String(name),
		Description: pulumi.String("sms-api: MessageRequested in; MessageAccepted, MessageSettled, MessageRejected, CampaignPlanned and " +
			"CampaignSettled out"),
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
	if e.deadLetters, err = newQueue(ctx, name+"-dead-letters", sqs.QueueArgs{}, key, childOf(e)); err != nil {
		return nil, err
	}
	e.waiting, err = newQueue(ctx, name+"-events", sqs.QueueArgs{
		VisibilityTimeoutSeconds: pulumi.Int(seconds(deployment.EventHidden(time.Duration(args.timeout) * time.Second))),
		RedrivePolicy: pulumi.Sprintf(`{"deadLetterTargetArn":"%s","maxReceiveCount":%d}`, e.deadLetters.Arn, deployment.EventReceives).
			ToStringPtrOutput(),
	}, key, childOf(e))
	if err != nil {
		return nil, err
	}
	if err := e.publish(ctx, name, args.schemas); err != nil {
		return nil, err
	}
	return e, ctx.RegisterResourceOutputs(e, pulumi.Map{"eventBusArn": e.bus.Arn})
}

// newQueue makes a queue that keeps messages for as long as a queue can.
func newQueue(ctx *pulumi.Context, name string, args sqs.QueueArgs, key encryptionKey, opts ...pulumi.ResourceOption) (*sqs.Queue, error) {
	args.Name, args.MessageRetentionSeconds = pulumi.String(name), pulumi.Int(seconds(deployment.LongestRetention))
	if key.arn != nil {
		args.KmsMasterKeyId = key.arn.ToStringOutput().ToStringPtrOutput()
	} else {
		args.SqsManagedSseEnabled = pulumi.Bool(true)
	}
	return sqs.NewQueue(ctx, name, &args, opts...)
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

// triggers are the rules that call functions, and the one that starts campaigns.
type triggers struct {
	pulumi.ResourceState
	name string
	args triggersArgs
	// rules are all of them, events those that put events into the queue, and made are the rules by name.
	rules, events pulumi.StringArray
	made          map[string]*cloudwatch.EventRule
	// policy lets the rules put events into the queue.
	policy *sqs.QueuePolicy
}

type triggersArgs struct {
	config              config
	bus                 *eventBus
	workflow, campaigns *workflow
	files               *bucket
	key                 encryptionKey
	functions           map[string]*function
}

func newTriggers(ctx *pulumi.Context, name string, args triggersArgs, opts ...pulumi.ResourceOption) (*triggers, error) {
	t := &triggers{name: name, args: args, made: map[string]*cloudwatch.EventRule{}}
	if err := ctx.RegisterComponentResource("sms-api:index:Triggers", name+"-triggers", t, opts...); err != nil {
		return nil, err
	}
	rules := deployment.Rules(args.config.events.routes)
	for _, r := range rules {
		if err := t.add(ctx, r); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	for _, q := range []struct {
		name  string
		queue *sqs.Queue
		rules pulumi.StringArray
	}{{"-dead-letters", args.bus.deadLetters, t.rules}, {"-events", args.bus.waiting, t.events}} {
		writesToIt := trustedBy(allow(pulumi.StringArray{q.queue.Arn}, "sqs:SendMessage"), "events.amazonaws.com")
		policy, err := sqs.NewQueuePolicy(ctx, name+q.name, &sqs.QueuePolicyArgs{
			QueueUrl: q.queue.Url, Policy: document(ctx, withCondition(writesToIt, "ArnEquals", "aws:SourceArn", q.rules)),
		}, childOf(q.queue))
		if err != nil {
			return nil, err
		}
		t.policy = policy // the last one is that of the events
	}
	for _, r := range rules {
		if err := t.aim(ctx, r); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	for _, f := range deployment.Functions() {
		if f.Caller == deployment.EventQueue {
			if err := t.take(ctx, f); err != nil {
				return nil, err
			}
		}
		// What takes events from the queue may still be called by a rule of before, while a stack is upgraded.
		if f.Caller != deployment.LambdaQueue && f.Caller != deployment.EventQueue {
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

// take has Lambda take the queue's events to the function.
func (t *triggers) take(ctx *pulumi.Context, f deployment.Function) error {
	rate, err := strconv.Atoi(t.args.config.environment[deployment.EventRate])
	if err != nil {
		return fmt.Errorf("%s: %w", deployment.EventRate, err)
	}
	name := t.name + "-" + f.Name
	_, err = lambda.NewEventSourceMapping(ctx, name, &lambda.EventSourceMappingArgs{
		EventSourceArn: t.args.bus.waiting.Arn.ToStringPtrOutput(), FunctionName: t.args.functions[f.Name].Arn,
		BatchSize:             pulumi.Int(deployment.EventBatch),
		FunctionResponseTypes: pulumi.ToStringArray([]string{"ReportBatchItemFailures"}),
		ScalingConfig: lambda.EventSourceMappingScalingConfigArgs{
			MaximumConcurrency: pulumi.Int(deployment.EventRuns(rate)),
		},
	}, childOf(t))
	return err
}

// add makes the rule.
func (t *triggers) add(ctx *pulumi.Context, r deployment.Rule) error {
	name := t.name + "-" + r.Name
	rule := &cloudwatch.EventRuleArgs{Name: pulumi.String(name), Description: pulumi.String(r.Description)}
	switch {
	case r.Every != nil:
		rule.ScheduleExpression = pulumi.String(every(t.args.config.schedules[r.Name]))
	case r.OnDefaultBus:
		rule.EventPattern = pulumi.All(t.args.workflow.machine.Arn, t.args.files.bucket.Bucket).ApplyT(func(all []any) string {
			return r.PatternFor(all[0].(string), all[1].(string))
		}).(pulumi.StringOutput)
	default:
		rule.EventBusName, rule.EventPattern = t.args.bus.bus.Name, pulumi.String(r.Pattern)
	}
	made, err := cloudwatch.NewEventRule(ctx, name, rule, childOf(t))
	if err != nil {
		return err
	}
	t.made[r.Name] = made
	t.rules = append(t.rules, made.Arn)
	if queued(r) {
		t.events = append(t.events, made.Arn)
	}
	return nil
}

// queued says that a rule puts events into the queue.
func queued(r deployment.Rule) bool {
	f, _ := deployment.FunctionNamed(r.Function)
	return f.Caller == deployment.EventQueue
}

// aim makes a rule's target, and the permission to call it. What cannot be handed over for a day goes to the dead-letter queue,
// and what may not be handed over at once, so the permission comes first.
//
// The target also waits for the function, so that a function that is changed comes first, with the templates of the routes, and
// then what the rule hands over. For a moment a rule may be older than the function, which reads what it hands over all the
// same (see intake.Call), but not newer: a function that were to run its former code once more refuses what it does not
// know, and is given it again minutes later.
func (t *triggers) aim(ctx *pulumi.Context, r deployment.Rule) error {
	name, made := t.name+"-"+r.Name, t.made[r.Name]
	to, err := t.way(ctx, r)
	if err != nil {
		return err
	}
	target := &cloudwatch.EventTargetArgs{
		Rule: made.Name, TargetId: pulumi.String(r.Name), Arn: to.arn, RoleArn: to.role,
		DeadLetterConfig: cloudwatch.EventTargetDeadLetterConfigArgs{Arn: t.args.bus.deadLetters.Arn.ToStringPtrOutput()},
		RetryPolicy: cloudwatch.EventTargetRetryPolicyArgs{
			MaximumEventAgeInSeconds: pulumi.Int(seconds(deployment.LongestDelivery)), MaximumRetryAttempts: pulumi.Int(deployment.MostDeliveries),
		},
	}
	if r.Every == nil && !r.OnDefaultBus {
		target.EventBusName = t.args.bus.bus.Name
	}
	if r.InputTemplate != "" {
		target.InputTransformer = cloudwatch.EventTargetInputTransformerArgs{InputTemplate: pulumi.String(r.InputTemplate)}
	}
	_, err = cloudwatch.NewEventTarget(ctx, name, target, childOf(made), pulumi.DependsOn(to.after))
	return err
}

// destination is where a rule hands its events, with the role that it takes for that, if any, and what has to be there before.
type destination struct {
	arn   pulumi.StringInput
	role  pulumi.StringPtrInput
	after []pulumi.Resource
}

// way makes what a rule needs to hand its events over.
func (t *triggers) way(ctx *pulumi.Context, r deployment.Rule) (destination, error) {
	name, made := t.name+"-"+r.Name, t.made[r.Name]
	if r.Function == "" {
		machine := t.args.campaigns.machine
		role, policy, err := newRole(ctx, name, roleArgs{
			description: "The rule " + name + " of sms-api",
			trust: withCondition(trustedBy(iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray([]string{"sts:AssumeRole"})},
				"events.amazonaws.com"), "ArnEquals", "aws:SourceArn", pulumi.StringArray{made.Arn}),
			statements: append([]iam.GetPolicyDocumentStatementInput{allow(pulumi.StringArray{machine.Arn}, "states:StartExecution")},
				t.args.key.use()...),
		}, childOf(made))
		if err != nil {
			return destination{}, err
		}
		return destination{machine.Arn, role.Arn.ToStringPtrOutput(), []pulumi.Resource{policy}}, nil
	}
	to := t.args.functions[r.Function]
	if queued(r) {
		return destination{t.args.bus.waiting.Arn, nil, []pulumi.Resource{t.policy, to.Function}}, nil
	}
	permission, err := lambda.NewPermission(ctx, name, &lambda.PermissionArgs{
		Action: pulumi.String("lambda:InvokeFunction"), Function: to.Name,
		Principal: pulumi.String("events.amazonaws.com"), SourceArn: made.Arn.ToStringPtrOutput(),
	}, childOf(made))
	return destination{to.Arn, nil, []pulumi.Resource{permission, to.Function}}, err
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
