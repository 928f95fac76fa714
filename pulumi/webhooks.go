package main

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sqs"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
	"sms-api/internal/webhook"
)

// placeholder is what a connection has for a secret until somebody puts the real one in, so that no state ever has it.
const placeholder = "not-set-yet"

// webhooks hand what is announced to systems outside AWS.
type webhooks struct {
	pulumi.ResourceState
	name string
	args webhooksArgs
	// letters has what was not taken; nil without webhooks.
	letters *sqs.Queue
	// rules are theirs, and endpoints the API destinations that they call.
	rules, endpoints pulumi.StringArray
}

type webhooksArgs struct {
	webhooks []webhook.Webhook
	bus      *eventBus
	account  account
	key      encryptionKey
}

func newWebhooks(ctx *pulumi.Context, name string, args webhooksArgs, opts ...pulumi.ResourceOption) (*webhooks, error) {
	w := &webhooks{name: name, args: args}
	if len(args.webhooks) == 0 {
		return w, nil
	}
	if err := ctx.RegisterComponentResource("sms-api:index:Webhooks", name+"-webhooks", w, opts...); err != nil {
		return nil, err
	}
	var err error
	if w.letters, err = newQueue(ctx, name+"-webhook-dead-letters", sqs.QueueArgs{}, args.key, childOf(w)); err != nil {
		return nil, err
	}
	made := map[string]*cloudwatch.EventRule{}
	destinations := map[string]*cloudwatch.EventApiDestination{}
	for _, one := range args.webhooks {
		if made[one.Name], destinations[one.Name], err = w.add(ctx, one); err != nil {
			return nil, fmt.Errorf("webhook %s: %w", one.Name, err)
		}
	}
	writesToIt := trustedBy(allow(pulumi.StringArray{w.letters.Arn}, "sqs:SendMessage"), "events.amazonaws.com")
	mayWrite, err := sqs.NewQueuePolicy(ctx, name+"-webhook-dead-letters", &sqs.QueuePolicyArgs{
		QueueUrl: w.letters.Url, Policy: document(ctx, withCondition(writesToIt, "ArnEquals", "aws:SourceArn", w.rules)),
	}, childOf(w.letters))
	if err != nil {
		return nil, err
	}
	here := pulumi.ToStringArray([]string{args.account.id})
	assume := iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray([]string{"sts:AssumeRole"})}
	role, mayCall, err := newRole(ctx, name+"-webhooks", roleArgs{
		description: "Calls the webhooks of " + name + " of sms-api",
		trust:       withCondition(trustedBy(assume, "events.amazonaws.com"), "StringEquals", "aws:SourceAccount", here),
		statements:  []iam.GetPolicyDocumentStatementInput{allow(w.endpoints, "events:InvokeApiDestination")},
	}, childOf(w))
	if err != nil {
		return nil, err
	}
	for _, one := range args.webhooks {
		rule := made[one.Name]
		_, err := cloudwatch.NewEventTarget(ctx, w.full(one), &cloudwatch.EventTargetArgs{
			Rule: rule.Name, EventBusName: args.bus.bus.Name, TargetId: pulumi.String(webhook.RuleName(one.Name)),
			Arn: destinations[one.Name].Arn, RoleArn: role.Arn,
			DeadLetterConfig: cloudwatch.EventTargetDeadLetterConfigArgs{Arn: w.letters.Arn.ToStringPtrOutput()},
			RetryPolicy: cloudwatch.EventTargetRetryPolicyArgs{
				MaximumEventAgeInSeconds: pulumi.Int(seconds(deployment.LongestDelivery)),
				MaximumRetryAttempts:     pulumi.Int(deployment.MostDeliveries),
			},
			// What cannot be called yet would be a dead letter at once.
		}, childOf(rule), pulumi.DependsOn([]pulumi.Resource{mayWrite, mayCall}))
		if err != nil {
			return nil, err
		}
	}
	return w, ctx.RegisterResourceOutputs(w, pulumi.Map{})
}

func (w *webhooks) full(one webhook.Webhook) string { return w.name + "-" + webhook.RuleName(one.Name) }

// add makes what a webhook has of its own, but for the target.
//
// All of the connection's authorization is set once and then left alone, the header's name included: the provider cannot change
// one without sending the other again, and the secret that it knows is the placeholder. The command of the next steps sets both.
// For the same reason nothing else of the connection may depend on a setting.
func (w *webhooks) add(ctx *pulumi.Context, one webhook.Webhook) (*cloudwatch.EventRule, *cloudwatch.EventApiDestination, error) {
	name := w.full(one)
	connection, err := cloudwatch.NewEventConnection(ctx, name, &cloudwatch.EventConnectionArgs{
		Name: pulumi.String(name), Description: pulumi.String("The secret of a webhook"), AuthorizationType: pulumi.String("API_KEY"),
		AuthParameters: cloudwatch.EventConnectionAuthParametersArgs{ApiKey: cloudwatch.EventConnectionAuthParametersApiKeyArgs{
			Key: pulumi.String(one.Header), Value: pulumi.String(placeholder),
		}},
	}, childOf(w), pulumi.IgnoreChanges([]string{"authParameters"}))
	if err != nil {
		return nil, nil, err
	}
	destination, err := cloudwatch.NewEventApiDestination(ctx, name, &cloudwatch.EventApiDestinationArgs{
		Name: pulumi.String(name), Description: pulumi.String("A webhook of sms-api"), ConnectionArn: connection.Arn,
		HttpMethod: pulumi.String("POST"), InvocationEndpoint: pulumi.String(one.URL), InvocationRateLimitPerSecond: pulumi.Int(one.Rate),
	}, childOf(connection))
	if err != nil {
		return nil, nil, err
	}
	pattern, err := one.Pattern()
	if err != nil {
		return nil, nil, err
	}
	rule, err := cloudwatch.NewEventRule(ctx, name, &cloudwatch.EventRuleArgs{
		Name: pulumi.String(name), Description: pulumi.String("What is announced goes to a webhook"), EventBusName: w.args.bus.bus.Name,
		EventPattern: pulumi.String(pattern),
	}, childOf(w))
	if err != nil {
		return nil, nil, err
	}
	w.rules, w.endpoints = append(w.rules, rule.Arn), append(w.endpoints, destination.Arn)
	return rule, destination, nil
}

// connect are the commands that make a secret and put it into the connection. The second passes it on without showing it.
func (w *webhooks) connect(one webhook.Webhook) (write, put string) {
	region := w.args.account.region
	write = fmt.Sprintf(`aws ssm put-parameter --region %s --type SecureString --name %s --value "$(openssl rand -hex 32)"`, region,
		one.SecretParameter)
	put = fmt.Sprintf(`aws ssm get-parameter --region %[1]s --with-decryption --name %[2]s --output json --query "{Name:'%[3]s',`+
		`AuthorizationType:'API_KEY',AuthParameters:{ApiKeyAuthParameters:{ApiKeyName:'%[4]s',ApiKeyValue:Parameter.Value}}}" | `+
		`aws events update-connection --region %[1]s --cli-input-json file:///dev/stdin`, region, one.SecretParameter, w.full(one), one.Header)
	return write, put
}
