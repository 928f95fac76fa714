package main

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// observability tells people when something is wrong, and where to look.
type observability struct {
	pulumi.ResourceState
	prefix string
	topic  pulumi.StringInput
	// alarms and metrics count what is billed by the month.
	alarms, metrics int
}

type observabilityArgs struct {
	config    config
	account   account
	network   *network
	bus       *eventBus
	workflow  *workflow
	api       *httpAPI
	functions map[string]*function
}

// Seconds.
const (
	fiveMinutes = 5 * 60
	hour        = 60 * 60
)

// namespace is where the balance function puts its metrics, with the stack as dimension.
const namespace = "sms-api"

func newObservability(ctx *pulumi.Context, args observabilityArgs) (*observability, error) {
	o := &observability{prefix: args.config.prefix}
	if err := ctx.RegisterComponentResource("sms-api:index:Observability", o.prefix+"-observability", o); err != nil {
		return nil, err
	}
	for _, step := range []func(*pulumi.Context, observabilityArgs) error{
		o.notify, o.watchMessages, o.watchFunctions, o.watchBalance, o.watchEgress, o.dashboard, o.queries,
	} {
		if err := step(ctx, args); err != nil {
			return nil, err
		}
	}
	return o, ctx.RegisterResourceOutputs(o, pulumi.Map{"topicArn": o.topic})
}

// notify makes the topic that alarms go to. It carries no message and no number, so AWS's own encryption will do: with
// the default key of SNS, CloudWatch could not write to it.
func (o *observability) notify(ctx *pulumi.Context, args observabilityArgs) error {
	config := args.config.alarms
	if config.topicARN != "" {
		o.topic = pulumi.String(config.topicARN)
		return nil
	}
	topic, err := sns.NewTopic(ctx, o.prefix+"-alarms", &sns.TopicArgs{
		Name: pulumi.String(o.prefix + "-alarms"), DisplayName: pulumi.String(o.prefix),
	}, pulumi.Parent(o))
	if err != nil {
		return err
	}
	for _, email := range config.emails {
		_, err := sns.NewTopicSubscription(ctx, o.prefix+"-"+email, &sns.TopicSubscriptionArgs{
			Topic: topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.String(email),
		}, pulumi.Parent(topic))
		if err != nil {
			return err
		}
	}
	o.topic = topic.Arn
	return nil
}

// alarm is the part of an alarm that differs.
type alarm struct {
	name, description   string
	namespace, metric   string
	dimensions          pulumi.StringMap
	statistic           string
	period, evaluations int
	// below turns the comparison round: an alarm is a value below the threshold and not one at or above it.
	below     bool
	threshold int
	// silence says what it means that there is no data: nothing, unless it is "breaching".
	silence string
}

func (o *observability) alarm(ctx *pulumi.Context, a alarm) error {
	comparison, silence := "GreaterThanOrEqualToThreshold", "notBreaching"
	if a.below {
		comparison = "LessThanThreshold"
	}
	if a.silence != "" {
		silence = a.silence
	}
	actions := pulumi.Array{o.topic}
	name := o.prefix + "-" + a.name
	_, err := cloudwatch.NewMetricAlarm(ctx, name, &cloudwatch.MetricAlarmArgs{
		Name: pulumi.String(name), AlarmDescription: pulumi.String(a.description),
		Namespace: pulumi.String(a.namespace), MetricName: pulumi.String(a.metric), Dimensions: a.dimensions,
		Statistic: pulumi.String(a.statistic), Period: pulumi.Int(a.period), EvaluationPeriods: pulumi.Int(a.evaluations),
		ComparisonOperator: pulumi.String(comparison), Threshold: pulumi.Float64(a.threshold), TreatMissingData: pulumi.String(silence),
		AlarmActions: actions, OkActions: actions,
	}, pulumi.Parent(o))
	o.alarms++
	return err
}

// count makes a metric of the lines that match in the logs of functions, and an alarm for the first of them.
func (o *observability) count(ctx *pulumi.Context, pattern string, in []*function, kinds []string, a alarm) error {
	// A filter's metric cannot have the stack as a dimension, as that is not in the lines; hence the namespace.
	a.namespace, a.metric, a.statistic, a.period, a.evaluations, a.threshold = namespace+"/"+o.prefix, a.name, "Sum", fiveMinutes, 1, 1
	for i, f := range in {
		name := o.prefix + "-" + a.name + "-" + kinds[i]
		_, err := cloudwatch.NewLogMetricFilter(ctx, name, &cloudwatch.LogMetricFilterArgs{
			Name: pulumi.String(name), LogGroupName: f.logGroup.Name, Pattern: pulumi.String(pattern),
			MetricTransformation: cloudwatch.LogMetricFilterMetricTransformationArgs{
				Namespace: pulumi.String(a.namespace), Name: pulumi.String(a.metric), Value: pulumi.String("1"), DefaultValue: pulumi.String("0"),
			},
		}, pulumi.Parent(o))
		if err != nil {
			return err
		}
	}
	o.metrics++
	return o.alarm(ctx, a)
}

func (o *observability) watchMessages(ctx *pulumi.Context, args observabilityArgs) error {
	var tasks, all []*function
	kinds := []string{alimtalk, sms, receipts, reconcile, balance}
	for _, kind := range kinds {
		all = append(all, args.functions[kind])
	}
	tasks = all[:4]
	err := o.count(ctx, `{ $.fault = "NotConfigured" }`, tasks, kinds[:4], alarm{
		name: "parked", description: "Messages wait for a repair: address, credentials, balance or sender number. The query " + o.prefix +
			"/parked says which. They go out by themselves after it.",
	})
	if err != nil {
		return err
	}
	err = o.count(ctx, `{ $.cause = "ip" }`, all, kinds, alarm{
		name: "address-refused",
		description: "Aligo refuses our address. Register egressIps (pulumi stack output) at smartsms.aligo.in, or find out why the calls " +
			"leave from another address.",
	})
	if err != nil {
		return err
	}
	for _, ended := range []struct{ name, metric, description string }{
		{"executions-failed", "ExecutionsFailed", "A message could not be announced or its execution broke. Redrive it in Step Functions."},
		{"executions-timed-out", "ExecutionsTimedOut", "A message was not settled in 98 days."},
	} {
		err := o.alarm(ctx, alarm{
			name: ended.name, description: ended.description, namespace: "AWS/States", metric: ended.metric,
			dimensions: pulumi.StringMap{"StateMachineArn": args.workflow.machine.Arn}, statistic: "Sum", period: fiveMinutes, evaluations: 1,
			threshold: 1,
		})
		if err != nil {
			return err
		}
	}
	return o.alarm(ctx, alarm{
		name:        "dead-letters",
		description: "Events could not be handled. Look into the queue, repair, then replay the archive: what was sent is not sent again.",
		namespace:   "AWS/SQS",
		metric:      "ApproximateNumberOfMessagesVisible", dimensions: pulumi.StringMap{"QueueName": args.bus.deadLetters.Name},
		statistic: "Maximum", period: fiveMinutes, evaluations: 1, threshold: 1,
	})
}

func (o *observability) watchFunctions(ctx *pulumi.Context, args observabilityArgs) error {
	for _, kind := range functionKinds() {
		dimensions := pulumi.StringMap{"FunctionName": args.functions[kind.name].Name}
		errors := alarm{
			name: kind.name + "-errors", description: "The function fails; its log group says why.",
			namespace: "AWS/Lambda", metric: "Errors", dimensions: dimensions, statistic: "Sum", period: fiveMinutes, evaluations: 1, threshold: 1,
		}
		if kind.caller == stateMachineTask {
			// A task reports faults of Aligo as errors too, for the state machine to handle; only what lasts is news.
			errors.evaluations = 3
		}
		if err := o.alarm(ctx, errors); err != nil {
			return err
		}
		// With reserved concurrency a short wait is what throttling is for.
		err := o.alarm(ctx, alarm{
			name: kind.name + "-throttled", description: "The function is throttled for a quarter of an hour: raise functions:" + kind.name +
				" reservedConcurrency, or the account's limit.",
			namespace: "AWS/Lambda", metric: "Throttles", dimensions: dimensions, statistic: "Sum", period: fiveMinutes, evaluations: 3,
			threshold: 1,
		})
		if err != nil {
			return err
		}
	}
	return o.alarm(ctx, alarm{
		name: "api-5xx", description: "The API answers with errors of its own.", namespace: "AWS/ApiGateway", metric: "5xx",
		dimensions: pulumi.StringMap{"ApiId": args.api.api.ID()}, statistic: "Sum", period: fiveMinutes, evaluations: 1, threshold: 1,
	})
}

func (o *observability) watchBalance(ctx *pulumi.Context, args observabilityArgs) error {
	config := args.config.alarms
	// SMS, LMS and AlimTalk, as the balance function writes them.
	o.metrics += 3
	err := o.alarm(ctx, alarm{
		name: "low-balance", description: fmt.Sprintf("The Aligo wallet pays for fewer than %d SMS. Charge it before messages are parked.",
			config.lowBalance),
		namespace: namespace, metric: "SmsRemaining", dimensions: o.stack(), statistic: "Minimum",
		period: config.balanceMinutes * 60, evaluations: 1, below: true, threshold: config.lowBalance, silence: "ignore",
	})
	if err != nil {
		return err
	}
	// The balance is read through the whole way out, so a reading that does not come means that the way is not open: the
	// address is gone or not registered, the credentials are wrong, or Aligo is down.
	return o.alarm(ctx, alarm{
		name: "no-balance", description: "The balance could not be read: nothing can be sent. Invoke " + o.prefix +
			"-balance; its answer says what is wrong.",
		namespace: namespace, metric: "SmsRemaining", dimensions: o.stack(), statistic: "SampleCount",
		period: config.balanceMinutes * 60, evaluations: 2, below: true, threshold: 1, silence: "breaching",
	})
}

func (o *observability) stack() pulumi.StringMap {
	return pulumi.StringMap{"Stack": pulumi.String(o.prefix)}
}

// watchEgress notices that what holds the address is gone. A NAT gateway keeps its first address as long as it lives, so
// the gateway's metrics falling silent is the address being let go.
func (o *observability) watchEgress(ctx *pulumi.Context, args observabilityArgs) error {
	for i, id := range args.network.natGatewayIDs {
		err := o.alarm(ctx, alarm{
			name:        numbered("nat-gateway-gone", i),
			description: "The NAT gateway is gone, and with it the address that Aligo knows is not in use: pulumi refresh, then pulumi up.",
			namespace:   "AWS/NATGateway",
			metric:      "ActiveConnectionCount", dimensions: pulumi.StringMap{"NatGatewayId": id}, statistic: "SampleCount",
			period: fiveMinutes, evaluations: 3, below: true, threshold: 1, silence: "breaching",
		})
		if err != nil {
			return err
		}
	}
	if args.network.natInstanceID == nil {
		return nil
	}
	return o.alarm(ctx, alarm{
		name: "nat-instance-down", description: "The NAT instance fails its checks or is gone: nothing gets out.",
		namespace: "AWS/EC2", metric: "StatusCheckFailed", dimensions: pulumi.StringMap{"InstanceId": args.network.natInstanceID},
		statistic: "Maximum",
		period:    fiveMinutes, evaluations: 2, threshold: 1, silence: "breaching",
	})
}

// dashboard is one page: are messages going out, does anything wait, is there money, does anything break.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
func (o *observability) dashboard(ctx *pulumi.Context, args observabilityArgs) error {
	body := pulumi.All(args.workflow.machine.Arn, args.api.api.ID(), args.bus.deadLetters.Name).ApplyT(func(all []any) (string, error) {
		machine, api, queue := all[0].(string), string(all[1].(pulumi.ID)), all[2].(string)
		var errors, durations [][]any
		for _, kind := range functionKinds() {
			errors = append(errors, []any{"AWS/Lambda", "Errors", "FunctionName", o.prefix + "-" + kind.name})
			durations = append(durations, []any{"AWS/Lambda", "Duration", "FunctionName", o.prefix + "-" + kind.name, map[string]any{"stat": "p99"}})
		}
		widgets := []any{
			o.widget(args, 0, "Messages", "Sum", fiveMinutes,
				[]any{"AWS/States", "ExecutionsStarted", "StateMachineArn", machine},
				[]any{"AWS/States", "ExecutionsSucceeded", "StateMachineArn", machine},
				[]any{"AWS/States", "ExecutionsFailed", "StateMachineArn", machine},
				[]any{"AWS/States", "ExecutionsAborted", "StateMachineArn", machine}),
			o.widget(args, 1, "Waiting for a repair, dead letters", "Maximum", fiveMinutes,
				[]any{namespace + "/" + o.prefix, "parked"},
				[]any{namespace + "/" + o.prefix, "address-refused"},
				[]any{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue}),
			o.widget(args, 2, "What the Aligo wallet pays for", "Minimum", hour,
				[]any{namespace, "AlimTalkRemaining", "Stack", o.prefix},
				[]any{namespace, "SmsRemaining", "Stack", o.prefix},
				[]any{namespace, "LmsRemaining", "Stack", o.prefix}),
			o.widget(args, 3, "API", "Sum", fiveMinutes,
				[]any{"AWS/ApiGateway", "Count", "ApiId", api},
				[]any{"AWS/ApiGateway", "4xx", "ApiId", api},
				[]any{"AWS/ApiGateway", "5xx", "ApiId", api}),
			o.widget(args, 4, "Errors of the functions", "Sum", fiveMinutes, errors...),
			o.widget(args, 5, "Duration of the functions, 99th percentile", "p99", fiveMinutes, durations...),
		}
		encoded, err := json.Marshal(map[string]any{"widgets": widgets})
		return string(encoded), err
	}).(pulumi.StringOutput)
	_, err := cloudwatch.NewDashboard(ctx, o.prefix, &cloudwatch.DashboardArgs{DashboardName: pulumi.String(o.prefix), DashboardBody: body},
		pulumi.Parent(o))
	return err
}

// widget is one of the dashboard's graphs, two in a row.
func (o *observability) widget(args observabilityArgs, place int, title, stat string, period int, metrics ...[]any) map[string]any {
	const width, height = 12, 6
	return map[string]any{
		"type": "metric", "x": place % 2 * width, "y": place / 2 * height, "width": width, "height": height,
		"properties": map[string]any{
			"title": title, "region": args.account.region, "stat": stat, "period": period, "view": "timeSeries", "metrics": metrics,
		},
	}
}

// queries are what one looks for in the logs.
func (o *observability) queries(ctx *pulumi.Context, args observabilityArgs) error {
	var tasks, all pulumi.StringArray
	for _, kind := range functionKinds() {
		all = append(all, args.functions[kind.name].logGroup.Name)
		if kind.caller == stateMachineTask {
			tasks = append(tasks, args.functions[kind.name].logGroup.Name)
		}
	}
	for _, query := range []struct {
		name, text string
		in         pulumi.StringArray
	}{
		{"parked", "filter fault = \"NotConfigured\"\n| stats count(*) as times, latest(error) as reason, latest(@timestamp) as last by " +
			"message, cause\n| sort last desc", tasks},
		{"faults", "filter ispresent(fault)\n| stats count(*) as times by fault, cause, bin(1h)", all},
		{"one-message", "filter message = \"PUT-THE-ID-HERE\"\n| sort @timestamp asc\n| display @timestamp, @log, level, msg, fault, cause, " +
			"error", all},
		{"slow-calls", "filter type = \"platform.report\"\n| stats max(record.metrics.durationMs) as slowest, pct(record.metrics.durationMs, " +
			"99) as p99, max(record.metrics.maxMemoryUsedMB) as memory by @log", all},
	} {
		_, err := cloudwatch.NewQueryDefinition(ctx, o.prefix+"-"+query.name, &cloudwatch.QueryDefinitionArgs{
			Name: pulumi.String(o.prefix + "/" + query.name), QueryString: pulumi.String(query.text), LogGroupNames: query.in,
		}, pulumi.Parent(o))
		if err != nil {
			return err
		}
	}
	return nil
}
