package main

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
)

type deployArgs struct {
	config  config
	code    map[string]code
	schemas []schema
}

// deploy registers every resource and the stack's outputs.
func deploy(ctx *pulumi.Context, args deployArgs) error {
	config, name := args.config, args.config.prefix
	if err := ctx.RegisterStackTransformation(tagging(ctx, config.tags)); err != nil {
		return err
	}
	in, err := findAccount(ctx)
	if err != nil {
		return err
	}
	last, err := findLastDeployment(ctx)
	if err != nil {
		return err
	}
	there, err := findParameters(ctx, config.secrets.prefix)
	if err != nil {
		return err
	}
	before := there
	if last.SecretsPrefix != "" && last.SecretsPrefix != config.secrets.prefix {
		if before, err = findParameters(ctx, last.SecretsPrefix); err != nil {
			return err
		}
	}
	if err := errors.Join(in.fits(config), config.follows(last, in), config.secrets.written(last, before, there)); err != nil {
		return fmt.Errorf("the configuration of stack %s does not fit:\n%w", ctx.Stack(), err)
	}
	for _, text := range config.warnings(last, ctx.Project(), ctx.Stack()) {
		if err := ctx.Log.Warn(text, nil); err != nil {
			return err
		}
	}
	key, err := newEncryptionKey(ctx, name, encryptionKeyArgs{config: config.encryption, account: in})
	if err != nil {
		return err
	}
	network, err := newNetwork(ctx, name, networkArgs{config: config.network, account: in, zones: last.zones()})
	if err != nil {
		return err
	}
	secrets, err := newSecrets(ctx, name, secretsArgs{config: config.secrets, account: in, key: key, there: there})
	if err != nil {
		return err
	}
	bus, err := newEventBus(ctx, name, eventBusArgs{
		config: config.events, timeout: config.functions[deployment.Events].Timeout, account: in, key: key, schemas: args.schemas,
	})
	if err != nil {
		return err
	}
	hooks, err := newWebhooks(ctx, name, webhooksArgs{webhooks: config.events.webhooks, bus: bus, account: in, key: key})
	if err != nil {
		return err
	}
	guards, err := newTable(ctx, name, tableArgs{table: deployment.GuardsTable(), key: key})
	if err != nil {
		return err
	}
	files, err := newBucket(ctx, name, bucketArgs{key: key, fileDays: config.fileDays, origins: config.api.corsOrigins})
	if err != nil {
		return err
	}
	// The machine of campaigns calls functions that start it, so its name is said before it is there.
	campaignsARN := in.arn("states", "stateMachine:"+name+campaignMachine)
	values := map[string]pulumi.StringInput{
		deployment.ParameterPrefix: pulumi.String(config.secrets.prefix), deployment.EgressIPs: joined(network.egressIPs),
		deployment.EventBusName: bus.bus.Name, deployment.Stack: pulumi.String(name), deployment.GuardTable: guards.table.Name,
		deployment.CampaignBucket: files.bucket.Bucket, deployment.CampaignMachineARN: pulumi.String(campaignsARN + ":" + liveAlias),
	}
	for variable, value := range config.environment {
		values[variable] = pulumi.String(value)
	}
	resources := map[deployment.Resource]pulumi.StringArray{
		deployment.Credentials: secrets.arns, deployment.EventBus: {bus.bus.Arn}, deployment.DeadLetters: {bus.deadLetters.Arn},
		deployment.Guards: {guards.table.Arn}, deployment.Records: {guards.table.Arn},
		deployment.Limits: {guards.table.Arn}, deployment.OptOuts: {guards.table.Arn}, deployment.Campaigns: {guards.table.Arn},
		deployment.TemplateBook:    {guards.table.Arn},
		deployment.WaitingEvents:   {bus.waiting.Arn},
		deployment.FilesBucket:     {files.bucket.Arn},
		deployment.CampaignMachine: pulumi.ToStringArray([]string{campaignsARN, campaignsARN + ":" + liveAlias}),
	}
	for kind, keys := range deployment.CampaignKeys() {
		resources[kind] = files.objects(keys)
	}
	functions, err := newFunctions(ctx, name, functionsArgs{
		config: config, account: in, code: args.code, network: network, key: key, values: values, resources: resources,
	})
	if err != nil {
		return err
	}
	if err := functions.make(ctx, true); err != nil {
		return err
	}
	workflow, err := newDispatch(ctx, name, workflowArgs{config: config, account: in, key: key, bus: bus.bus, functions: functions.byName})
	if err != nil {
		return err
	}
	// Messages are started by the alias.
	values[deployment.StateMachineARN] = workflow.alias.Arn
	resources[deployment.StateMachine] = pulumi.StringArray{workflow.machine.Arn, workflow.alias.Arn}
	resources[deployment.Executions] = workflow.executions()
	if err := functions.make(ctx, false); err != nil {
		return err
	}
	if err := ctx.RegisterResourceOutputs(functions, pulumi.Map{}); err != nil {
		return err
	}
	campaigns, err := newCampaigns(ctx, name, workflowArgs{config: config, account: in, key: key, functions: functions.byName})
	if err != nil {
		return err
	}
	if _, err := newTriggers(ctx, name, triggersArgs{
		config: config, bus: bus, workflow: workflow, campaigns: campaigns, files: files, key: key, functions: functions.byName,
	}); err != nil {
		return err
	}
	door, err := newHTTPAPI(ctx, name, httpAPIArgs{config: config, key: key, function: functions.byName[deployment.API]})
	if err != nil {
		return err
	}
	watch, err := newObservability(ctx, name, observabilityArgs{
		config: config, account: in, network: network, bus: bus, workflow: workflow, campaigns: campaigns, api: door,
		functions: functions.byName, webhooks: hooks,
	})
	if err != nil {
		return err
	}
	ctx.Export(outputEgressIPs, network.egressIPs)
	ctx.Export(outputAPIURL, door.url)
	ctx.Export(outputEventBus, bus.bus.Arn)
	ctx.Export("stateMachineArn", workflow.machine.Arn)
	ctx.Export("campaignMachineArn", campaigns.machine.Arn)
	ctx.Export("campaignBucket", files.bucket.Bucket)
	ctx.Export("reachable", network.reachable)
	ctx.Export("nextSteps", nextSteps(config, in, key, network, secrets, door, hooks))
	ctx.Export(outputEncryptionKey, pulumi.String(config.encryption.key))
	ctx.Export(outputPlacement, config.network.placed(network.zones))
	ctx.Export(outputSecrets, pulumi.String(config.secrets.prefix))
	ctx.Export("monthlyFixedCost", monthlyFixedCost(config, watch.alarms))
	return nil
}

// joined are addresses in one text, separated by commas.
func joined(addresses pulumi.StringArray) pulumi.StringOutput {
	return pulumi.All(addresses).ApplyT(func(all []any) string { return strings.Join(all[0].([]string), ",") }).(pulumi.StringOutput)
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
