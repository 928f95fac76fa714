package main

import (
	"reflect"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// deployment is what is deployed.
type deployment struct {
	config  config
	code    map[string]code
	schemas []schema
}

// deploy registers every resource and the stack's outputs.
func deploy(ctx *pulumi.Context, d deployment) error {
	prefix := d.config.prefix
	if err := ctx.RegisterStackTransformation(tagging(ctx, d.config.tags)); err != nil {
		return err
	}
	in, err := findAccount(ctx)
	if err != nil {
		return err
	}
	key, err := newEncryptionKey(ctx, prefix, d.config.encryption, in)
	if err != nil {
		return err
	}
	network, err := newNetwork(ctx, prefix, d.config.network)
	if err != nil {
		return err
	}
	secrets, err := newSecrets(ctx, prefix, d.config.secrets, in, key)
	if err != nil {
		return err
	}
	bus, err := newEventBus(ctx, prefix, d.config.events, in, key, d.schemas)
	if err != nil {
		return err
	}
	functions, err := newFunctions(ctx, functionsArgs{config: d.config, code: d.code, network: network, secrets: secrets, key: key})
	if err != nil {
		return err
	}
	made := map[string]*function{}
	for _, kind := range []string{alimtalk, sms, receipts, reconcile} {
		if made[kind], err = functions.add(ctx, functionArgs{kind: kind, talksToAligo: true}); err != nil {
			return err
		}
	}
	workflow, err := newWorkflow(ctx, workflowArgs{
		config: d.config, account: in, key: key, bus: bus.bus,
		alimtalk: made[alimtalk], sms: made[sms], receipts: made[receipts], reconcile: made[reconcile],
	})
	if err != nil {
		return err
	}
	announce := allow(pulumi.StringArray{bus.bus.Arn}, "events:PutEvents")
	bury := allow(pulumi.StringArray{bus.deadLetters.Arn}, "sqs:SendMessage")
	stateMachine := pulumi.StringMap{"STATE_MACHINE_ARN": workflow.alias.Arn}
	for _, args := range []functionArgs{
		{
			kind: api, talksToAligo: true,
			environment: merge(stateMachine, pulumi.StringMap{"UNTRUSTED_MAX_RECIPIENTS": pulumi.Sprintf("%d", d.config.api.recipientsLimit)}),
			statements: []iam.GetPolicyDocumentStatementInput{
				workflow.start(),
				allow(workflow.executions(), "states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"),
			},
		},
		{
			kind: events, talksToAligo: true,
			environment: merge(stateMachine, pulumi.StringMap{"EVENT_BUS_NAME": bus.bus.Name}),
			statements: []iam.GetPolicyDocumentStatementInput{
				workflow.start(), allow(workflow.executions(), "states:DescribeExecution"), announce, bury,
			},
		},
		{
			kind: settle, usesKey: true,
			environment: merge(stateMachine, pulumi.StringMap{"EVENT_BUS_NAME": bus.bus.Name}),
			statements: []iam.GetPolicyDocumentStatementInput{
				allow(workflow.executions(), "states:DescribeExecution", "states:GetExecutionHistory"), announce, bury,
			},
		},
		{
			kind: balance, talksToAligo: true,
			environment: pulumi.StringMap{"STACK": pulumi.String(prefix)},
			statements:  []iam.GetPolicyDocumentStatementInput{bury},
		},
	} {
		if made[args.kind], err = functions.add(ctx, args); err != nil {
			return err
		}
	}
	if err := ctx.RegisterResourceOutputs(functions, pulumi.Map{}); err != nil {
		return err
	}
	_, err = newTriggers(ctx, triggersArgs{
		config: d.config, bus: bus, workflow: workflow, events: made[events], settle: made[settle], balance: made[balance],
	})
	if err != nil {
		return err
	}
	door, err := newHTTPAPI(ctx, httpAPIArgs{config: d.config, key: key, function: made[api]})
	if err != nil {
		return err
	}
	watch, err := newObservability(ctx, observabilityArgs{
		config: d.config, account: in, network: network, bus: bus, workflow: workflow, api: door, functions: made,
	})
	if err != nil {
		return err
	}
	ctx.Export("egressIps", network.egressIPs)
	ctx.Export("apiUrl", door.url)
	ctx.Export("eventBusArn", bus.bus.Arn)
	ctx.Export("stateMachineArn", workflow.machine.Arn)
	ctx.Export("reachable", network.reachable)
	ctx.Export("nextSteps", nextSteps(d.config, in, key, network, secrets, door))
	ctx.Export("monthlyFixedCost", monthlyFixedCost(d.config, watch.alarms, watch.metrics))
	return nil
}

func merge(maps ...pulumi.StringMap) pulumi.StringMap {
	merged := pulumi.StringMap{}
	for _, m := range maps {
		for key, value := range m {
			merged[key] = value
		}
	}
	return merged
}

// tagging gives every resource that takes tags its name, the project, the stack and the tags of the configuration.
// It is a transformation because a provider's default tags would take the provider's configuration (profile, assumed
// role) out of the hands of the stack.
func tagging(ctx *pulumi.Context, more map[string]string) pulumi.ResourceTransformation {
	return func(args *pulumi.ResourceTransformationArgs) *pulumi.ResourceTransformationResult {
		props := reflect.ValueOf(args.Props)
		if props.Kind() != reflect.Pointer || props.Elem().Kind() != reflect.Struct {
			return nil
		}
		field := props.Elem().FieldByName("Tags")
		if !field.IsValid() || field.Type() != reflect.TypeFor[pulumi.StringMapInput]() {
			return nil
		}
		tags := pulumi.StringMap{
			"Name": pulumi.String(args.Name), "Project": pulumi.String(ctx.Project()), "Stack": pulumi.String(ctx.Stack()),
			"ManagedBy": pulumi.String("Pulumi"),
		}
		for key, value := range more {
			tags[key] = pulumi.String(value)
		}
		field.Set(reflect.ValueOf(tags))
		return &pulumi.ResourceTransformationResult{Props: args.Props, Opts: args.Opts}
	}
}
