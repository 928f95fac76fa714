package main

import (
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// functionKind is what is fixed about a function.
type functionKind struct {
	name, description string
	// timeout and longest are seconds: the default, and what its caller leaves time for.
	timeout, longest int
	caller           string
	// concurrency is the default of the reserved concurrency: what sends is throttled towards Aligo by it.
	concurrency int
}

// The functions, each a folder of lambdas/.
const (
	alimtalk  = "alimtalk"
	sms       = "sms"
	receipts  = "receipts"
	reconcile = "reconcile"
	api       = "api"
	events    = "events"
	settle    = "settle"
	balance   = "balance"
)

// The callers.
const (
	stateMachineTask = "the state machine's task"
	apiGateway       = "API Gateway"
	lambdaItself     = "Lambda"
)

func functionKinds() []functionKind {
	return []functionKind{
		{alimtalk, "sends a message's AlimTalk", 30, 55, stateMachineTask, 5},
		{sms, "sends SMS to those whom AlimTalk did not reach", 30, 55, stateMachineTask, 5},
		{receipts, "reads delivery receipts", 60, 115, stateMachineTask, -1},
		{reconcile, "finds out what became of a send that failed", 60, 115, stateMachineTask, -1},
		{api, "answers the HTTP API", 10, 29, apiGateway, -1},
		{events, "takes messages from the event bus", 30, 900, lambdaItself, -1},
		{settle, "announces messages whose execution was stopped", 30, 900, lambdaItself, -1},
		{balance, "reads the balance and checks the way to Aligo", 30, 900, lambdaItself, -1},
	}
}

// functions makes the Lambda functions. They have in common the network, the way they are built and how they log.
type functions struct {
	pulumi.ResourceState
	args functionsArgs
}

type functionsArgs struct {
	config  config
	code    map[string]code
	network *network
	secrets *secrets
	key     encryptionKey
}

// function is one of them with what belongs to it.
type function struct {
	*lambda.Function
	role     *iam.Role
	logGroup *cloudwatch.LogGroup
}

// functionArgs is what differs.
type functionArgs struct {
	kind        string
	environment pulumi.StringMap
	statements  []iam.GetPolicyDocumentStatementInput
	// talksToAligo gives it the credentials.
	talksToAligo bool
	// usesKey lets it use the customer's key, if there is one.
	usesKey bool
}

func newFunctions(ctx *pulumi.Context, args functionsArgs) (*functions, error) {
	f := &functions{args: args}
	err := ctx.RegisterComponentResource("sms-api:index:Functions", args.config.prefix+"-functions", f)
	return f, err
}

// add makes a function with its role and its log group.
func (f *functions) add(ctx *pulumi.Context, args functionArgs) (*function, error) {
	var kind functionKind
	for _, k := range functionKinds() {
		if k.name == args.kind {
			kind = k
		}
	}
	config, settings := f.args.config, f.args.config.functions[args.kind]
	name := config.prefix + "-" + args.kind
	statements := append([]iam.GetPolicyDocumentStatementInput{tracing()}, args.statements...)
	environment := pulumi.StringMap{"LOG_LEVEL": pulumi.String(config.logLevel)}
	if args.talksToAligo {
		statements = append(statements, allow(f.args.secrets.arns, "ssm:GetParameters"))
		environment["PARAMETER_PREFIX"] = pulumi.String(config.secrets.prefix)
		environment["EGRESS_IPS"] = pulumi.All(f.args.network.egressIPs).ApplyT(func(all []any) string {
			return strings.Join(all[0].([]string), ",")
		}).(pulumi.StringOutput)
	}
	if args.talksToAligo || args.usesKey {
		statements = append(statements, f.args.key.use()...)
	}
	for key, value := range args.environment {
		environment[key] = value
	}

	role, policy, err := newRole(ctx, f, name, "The function "+name+" of sms-api",
		by(iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray([]string{"sts:AssumeRole"})}, "lambda.amazonaws.com"),
		statements...)
	if err != nil {
		return nil, err
	}
	// What a function in a VPC needs, in AWS's own words, and writing its logs: it names no resources.
	// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html
	attachment, err := iam.NewRolePolicyAttachment(ctx, name, &iam.RolePolicyAttachmentArgs{
		Role: role.Name, PolicyArn: pulumi.String(f.args.secrets.account.managedPolicy("service-role/AWSLambdaVPCAccessExecutionRole")),
	}, pulumi.Parent(role))
	if err != nil {
		return nil, err
	}
	logGroup, err := newLogGroup(ctx, f, name, "/aws/lambda/"+name, config.logRetention, f.args.key)
	if err != nil {
		return nil, err
	}
	made, err := lambda.NewFunction(ctx, name, &lambda.FunctionArgs{
		Name:                         pulumi.String(name),
		Description:                  pulumi.String("sms-api: " + kind.description),
		Runtime:                      pulumi.String("provided.al2023"),
		Architectures:                pulumi.ToStringArray([]string{"arm64"}),
		Handler:                      pulumi.String("bootstrap"),
		Code:                         pulumi.NewFileArchive(f.args.code[args.kind].zip),
		SourceCodeHash:               pulumi.String(f.args.code[args.kind].sha256),
		Role:                         role.Arn,
		MemorySize:                   pulumi.Int(settings.Memory),
		Timeout:                      pulumi.Int(settings.Timeout),
		ReservedConcurrentExecutions: pulumi.Int(settings.ReservedConcurrency),
		Environment:                  lambda.FunctionEnvironmentArgs{Variables: environment},
		VpcConfig: lambda.FunctionVpcConfigArgs{
			SubnetIds: f.args.network.subnetIDs, SecurityGroupIds: f.args.network.securityGroupIDs,
		},
		LoggingConfig: lambda.FunctionLoggingConfigArgs{
			LogFormat: pulumi.String("JSON"), LogGroup: logGroup.Name,
			// LOG_LEVEL decides; Lambda must not drop what the function has written, least of all metrics, which have no level.
			ApplicationLogLevel: pulumi.String("TRACE"), SystemLogLevel: pulumi.String("INFO"),
		},
		TracingConfig: lambda.FunctionTracingConfigArgs{Mode: pulumi.String("Active")},
	},
		pulumi.Parent(f),
		// The permissions come first and go last, or the network interfaces cannot be taken down. (The log group comes first
		// by its name above, or Lambda would make one that keeps everything for ever.)
		pulumi.DependsOn([]pulumi.Resource{policy, attachment}),
		// AWS takes up to 20 minutes to give back the network interfaces.
		pulumi.Timeouts(&pulumi.CustomTimeouts{Create: "15m", Update: "15m", Delete: "45m"}),
		// It follows from the name, so it is what it was when the function was made. AWS emulators that do not keep it would
		// show it as changed for ever.
		pulumi.IgnoreChanges([]string{"loggingConfig"}),
	)
	if err != nil {
		return nil, err
	}
	return &function{Function: made, role: role, logGroup: logGroup}, nil
}

// newLogGroup makes a log group that forgets.
func newLogGroup(
	ctx *pulumi.Context, parent pulumi.Resource, name, path string, days int, key encryptionKey,
) (*cloudwatch.LogGroup, error) {
	args := &cloudwatch.LogGroupArgs{Name: pulumi.String(path), RetentionInDays: pulumi.Int(days)}
	if key.arn != nil {
		args.KmsKeyId = key.arn
	}
	return cloudwatch.NewLogGroup(ctx, name, args, pulumi.Parent(parent))
}
