package main

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sfn"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
	"sms-api/statemachine"
)

// workflow is a state machine with what belongs to it: the one that delivers messages, or that of campaigns.
type workflow struct {
	pulumi.ResourceState
	machine *sfn.StateMachine
	// alias is what executions are started with: it points to the version that was deployed last.
	alias    *sfn.Alias
	logGroup *cloudwatch.LogGroup
}

type workflowArgs struct {
	config  config
	account account
	key     encryptionKey
	// caller is who calls the machine's functions, and bus the bus that it announces to, nil for none.
	caller deployment.Caller
	bus    *cloudwatch.EventBus
	// functions are the tasks at least.
	functions map[string]*function
}

// The names of the state machines after the stack's own, and that of the aliases.
const (
	dispatchMachine = "-dispatch"
	// campaignMachine is not -campaign, which a function is called.
	campaignMachine = "-campaigns"
	liveAlias       = "live"
)

// newDispatch makes the state machine that delivers messages.
func newDispatch(ctx *pulumi.Context, name string, args workflowArgs, opts ...pulumi.ResourceOption) (*workflow, error) {
	args.caller = deployment.StateMachineTask
	return newWorkflow(ctx, name+"-workflow", name+dispatchMachine, args, opts...)
}

// newCampaigns makes the state machine of campaigns.
func newCampaigns(ctx *pulumi.Context, name string, args workflowArgs, opts ...pulumi.ResourceOption) (*workflow, error) {
	args.caller = deployment.CampaignTask
	return newWorkflow(ctx, name+"-campaign-workflow", name+campaignMachine, args, opts...)
}

func newWorkflow(ctx *pulumi.Context, component, name string, args workflowArgs, opts ...pulumi.ResourceOption) (*workflow, error) {
	w := &workflow{}
	if err := ctx.RegisterComponentResource("sms-api:index:Workflow", component, w, opts...); err != nil {
		return nil, err
	}
	var states []string
	var arns pulumi.StringArray
	for _, f := range deployment.Functions() {
		if f.Caller == args.caller {
			states, arns = append(states, f.State), append(arns, args.functions[f.Name].Arn)
		}
	}
	var err error
	// Below /aws/vendedlogs/ no resource policy is needed, and those are limited to ten in a region.
	// https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
	w.logGroup, err = newLogGroup(ctx, name, logGroupArgs{
		path: "/aws/vendedlogs/states/" + name, days: args.config.logRetention, key: args.key,
	}, childOf(w))
	if err != nil {
		return nil, err
	}
	statements := []iam.GetPolicyDocumentStatementInput{
		allow(arns, "lambda:InvokeFunction"),
		// https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
		allow(anything(), "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"),
		// Log deliveries have no ARNs: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
		allow(anything(), "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
			"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"),
	}
	busName := pulumi.String("").ToStringOutput()
	if args.bus != nil {
		busName = args.bus.Name
		statements = append(statements, allow(pulumi.StringArray{args.bus.Arn}, "events:PutEvents"))
	}
	here := pulumi.ToStringArray([]string{args.account.id})
	assume := iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray([]string{"sts:AssumeRole"})}
	role, policy, err := newRole(ctx, name, roleArgs{
		description: "The state machine " + name + " of sms-api",
		trust:       withCondition(trustedBy(assume, "states.amazonaws.com"), "StringEquals", "aws:SourceAccount", here),
		statements:  append(statements, args.key.use()...),
	}, childOf(w))
	if err != nil {
		return nil, err
	}
	definition := pulumi.All(arns, busName).ApplyT(func(all []any) (string, error) {
		resources := map[string]string{}
		for i, arn := range all[0].([]string) {
			resources[states[i]] = arn
		}
		if args.caller == deployment.CampaignTask {
			return statemachine.CampaignDefinition(resources)
		}
		return statemachine.Definition(resources, all[1].(string))
	}).(pulumi.StringOutput)
	machine := &sfn.StateMachineArgs{
		Name:       pulumi.String(name),
		Type:       pulumi.String("STANDARD"),
		RoleArn:    role.Arn,
		Definition: definition,
		Publish:    pulumi.Bool(true),
		LoggingConfiguration: sfn.StateMachineLoggingConfigurationArgs{
			Level: pulumi.String(args.config.workflowLog),
			// The input of an execution may be a message, with numbers and texts.
			IncludeExecutionData: pulumi.Bool(false),
			LogDestination:       pulumi.Sprintf("%s:*", w.logGroup.Arn),
		},
		TracingConfiguration: sfn.StateMachineTracingConfigurationArgs{Enabled: pulumi.Bool(true)},
	}
	machine.EncryptionConfiguration = sfn.StateMachineEncryptionConfigurationArgs{Type: pulumi.String("AWS_OWNED_KEY")}
	if args.key.arn != nil {
		machine.EncryptionConfiguration = sfn.StateMachineEncryptionConfigurationArgs{
			Type: pulumi.String("CUSTOMER_MANAGED_KMS_KEY"), KmsKeyId: args.key.arn.ToStringOutput().ToStringPtrOutput(),
			KmsDataKeyReusePeriodSeconds: pulumi.Int(900),
		}
	}
	w.machine, err = sfn.NewStateMachine(ctx, name, machine, childOf(w), pulumi.DependsOn([]pulumi.Resource{policy}),
		// Deletion waits for the executions that are still running; a scheduled message is one for up to 90 days, and a campaign until its
		// files are deleted.
		pulumi.Timeouts(&pulumi.CustomTimeouts{Delete: "20m"}))
	if err != nil {
		return nil, err
	}
	w.alias, err = sfn.NewAlias(ctx, name, &sfn.AliasArgs{
		Name:        pulumi.String(liveAlias),
		Description: pulumi.String(args.starts()),
		RoutingConfigurations: sfn.AliasRoutingConfigurationArray{sfn.AliasRoutingConfigurationArgs{
			StateMachineVersionArn: w.machine.StateMachineVersionArn, Weight: pulumi.Int(100),
		}},
	}, childOf(w))
	if err != nil {
		return nil, err
	}
	return w, ctx.RegisterResourceOutputs(w, pulumi.Map{"stateMachineArn": w.machine.Arn})
}

// starts says what the alias is for.
func (a workflowArgs) starts() string {
	if a.caller == deployment.CampaignTask {
		return "What campaigns are started with"
	}
	return "What new messages are started with"
}

// executions are the ARNs of all executions of the machine. Executions get their names from messages, so no policy can
// list them: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
func (w *workflow) executions() pulumi.StringArray {
	return pulumi.StringArray{w.machine.Arn.ApplyT(func(arn string) string {
		return strings.Replace(arn, ":stateMachine:", ":execution:", 1) + ":*"
	}).(pulumi.StringOutput)}
}
