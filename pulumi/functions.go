package main

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/lambda"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
)

// functions are the Lambda functions. They have in common the network, the way they are built and how they log.
type functions struct {
	pulumi.ResourceState
	name string
	args functionsArgs
	// byName are those that have been made.
	byName map[string]*function
}

type functionsArgs struct {
	config  config
	account account
	code    map[string]code
	network *network
	key     encryptionKey
	// values are what variables of functions hold, by name, and resources what functions have permissions on. A function can
	// be made when all that it needs is there.
	values    map[string]pulumi.StringInput
	resources map[deployment.Resource]pulumi.StringArray
}

// function is one of them with what belongs to it.
type function struct {
	*lambda.Function
	role     *iam.Role
	logGroup *cloudwatch.LogGroup
}

func newFunctions(ctx *pulumi.Context, name string, args functionsArgs, opts ...pulumi.ResourceOption) (*functions, error) {
	f := &functions{name: name, args: args, byName: map[string]*function{}}
	err := ctx.RegisterComponentResource("sms-api:index:Functions", name+"-functions", f, opts...)
	return f, err
}

// make makes those functions that the state machine of messages calls, or the others.
func (f *functions) make(ctx *pulumi.Context, tasks bool) error {
	for _, one := range deployment.Functions() {
		if (one.Caller == deployment.StateMachineTask) != tasks {
			continue
		}
		made, err := f.add(ctx, one)
		if err != nil {
			return fmt.Errorf("function %s: %w", one.Name, err)
		}
		f.byName[one.Name] = made
	}
	return nil
}

// add makes a function with its role and its log group.
func (f *functions) add(ctx *pulumi.Context, kind deployment.Function) (*function, error) {
	config, settings := f.args.config, f.args.config.functions[kind.Name]
	name := f.name + "-" + kind.Name
	logGroup, err := newLogGroup(ctx, name, logGroupArgs{path: "/aws/lambda/" + name, days: config.logRetention, key: f.args.key}, childOf(f))
	if err != nil {
		return nil, err
	}
	statements := []iam.GetPolicyDocumentStatementInput{
		// Not to create the group: lines that come late would bring back the one that a destroy has deleted, without its retention
		// and in the way of the next deployment. AWS's own policies for functions allow that.
		allow(pulumi.StringArray{pulumi.Sprintf("%s:*", logGroup.Arn)}, "logs:CreateLogStream", "logs:PutLogEvents"),
		interfaces(), tracing(),
	}
	for _, p := range kind.Permissions {
		on, ok := f.args.resources[p.On]
		if !ok {
			return nil, fmt.Errorf("nothing says what %s is", p.On)
		}
		statements = append(statements, allow(on, p.Actions...))
	}
	statements = append(statements, f.args.key.use()...)
	environment, err := deployment.Pick(kind, f.args.values)
	if err != nil {
		return nil, err
	}

	role, policy, err := newRole(ctx, name, roleArgs{
		description: "The function " + name + " of sms-api",
		trust: trustedBy(iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray([]string{"sts:AssumeRole"})},
			"lambda.amazonaws.com"),
		statements: statements,
	}, childOf(f))
	if err != nil {
		return nil, err
	}
	made, err := lambda.NewFunction(ctx, name, &lambda.FunctionArgs{
		Name:                         pulumi.String(name),
		Description:                  pulumi.String(kind.Description()),
		Runtime:                      pulumi.String("provided.al2023"),
		Architectures:                pulumi.ToStringArray([]string{"arm64"}),
		Handler:                      pulumi.String("bootstrap"),
		Code:                         pulumi.NewFileArchive(f.args.code[kind.Name].zip),
		SourceCodeHash:               pulumi.String(f.args.code[kind.Name].sha256),
		Role:                         role.Arn,
		MemorySize:                   pulumi.Int(settings.Memory),
		Timeout:                      pulumi.Int(settings.Timeout),
		ReservedConcurrentExecutions: pulumi.Int(settings.ReservedConcurrency),
		Environment:                  lambda.FunctionEnvironmentArgs{Variables: pulumi.StringMap(environment)},
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
		childOf(f),
		// The permissions come first and go last, or the network interfaces cannot be taken down.
		pulumi.DependsOn([]pulumi.Resource{policy}),
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

// logGroupArgs is the path of a log group and for how many days it keeps what it is given.
type logGroupArgs struct {
	path string
	days int
	key  encryptionKey
}

// newLogGroup makes a log group that forgets.
func newLogGroup(ctx *pulumi.Context, name string, args logGroupArgs, opts ...pulumi.ResourceOption) (*cloudwatch.LogGroup, error) {
	group := &cloudwatch.LogGroupArgs{Name: pulumi.String(args.path), RetentionInDays: pulumi.Int(args.days)}
	if args.key.arn != nil {
		group.KmsKeyId = args.key.arn
	}
	return cloudwatch.NewLogGroup(ctx, name, group, opts...)
}
