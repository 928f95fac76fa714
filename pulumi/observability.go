package main

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/cloudwatch"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/sns"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
)

// observability tells people when something is wrong, and where to look.
type observability struct {
	pulumi.ResourceState
	name   string
	topic  pulumi.StringInput
	alarms []deployment.Alarm
}

type observabilityArgs struct {
	config    config
	account   account
	network   *network
	bus       *eventBus
	workflow  *workflow
	campaigns *workflow
	api       *httpAPI
	functions map[string]*function
	webhooks  *webhooks
}

// Seconds.
const (
	fiveMinutes = 5 * 60
	hour        = 60 * 60
)

func newObservability(
	ctx *pulumi.Context, name string, args observabilityArgs, opts ...pulumi.ResourceOption,
) (*observability, error) {
	o := &observability{name: name}
	if err := ctx.RegisterComponentResource("sms-api:index:Observability", name+"-observability", o, opts...); err != nil {
		return nil, err
	}
	for _, step := range []func(*pulumi.Context, observabilityArgs) error{o.notify, o.watch, o.dashboard, o.queries} {
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
	topic, err := sns.NewTopic(ctx, o.name+"-alarms", &sns.TopicArgs{
		Name: pulumi.String(o.name + "-alarms"), DisplayName: pulumi.String(o.name),
	}, childOf(o))
	if err != nil {
		return err
	}
	for _, email := range config.emails {
		_, err := sns.NewTopicSubscription(ctx, o.name+"-"+email, &sns.TopicSubscriptionArgs{
			Topic: topic.Arn, Protocol: pulumi.String("email"), Endpoint: pulumi.String(email),
		}, childOf(topic))
		if err != nil {
			return err
		}
	}
	o.topic = topic.Arn
	return nil
}

// watch makes the alarms.
func (o *observability) watch(ctx *pulumi.Context, args observabilityArgs) error {
	alarms := deployment.Alarms(deployment.Watched{
		Stack: o.name, LowBalance: args.config.alarms.lowBalance, BalanceEvery: time.Duration(args.config.alarms.balanceMinutes) * time.Minute,
		TemplatesEvery: time.Duration(args.config.alarms.templatesMinutes) * time.Minute,
		FailurePercent: args.config.alarms.failurePercent, FallbackPercent: args.config.alarms.fallbackPercent,
		Gateways: len(args.network.natGatewayIDs), Instance: args.network.natInstanceID != nil,
		Daily: args.config.environment[deployment.DailyRecipients] != "0", Open: args.config.counts(),
		Webhooks: len(args.config.events.webhooks) > 0,
	})
	for _, a := range alarms {
		if err := o.count(ctx, args, a); err != nil {
			return err
		}
		if err := o.alarm(ctx, args, a); err != nil {
			return err
		}
	}
	o.alarms = alarms
	return nil
}

// count makes the metric of an alarm of the lines in the logs of functions, if that is what it watches.
func (o *observability) count(ctx *pulumi.Context, args observabilityArgs, a deployment.Alarm) error {
	for _, function := range a.In {
		name := o.name + "-" + a.Name + "-" + function
		_, err := cloudwatch.NewLogMetricFilter(ctx, name, &cloudwatch.LogMetricFilterArgs{
			Name: pulumi.String(name), LogGroupName: args.functions[function].logGroup.Name, Pattern: pulumi.String(a.Lines),
			MetricTransformation: cloudwatch.LogMetricFilterMetricTransformationArgs{
				Namespace: pulumi.String(a.Namespace), Name: pulumi.String(a.Metric), Value: pulumi.String("1"), DefaultValue: pulumi.String("0"),
			},
		}, childOf(o))
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *observability) alarm(ctx *pulumi.Context, args observabilityArgs, a deployment.Alarm) error {
	comparison := "GreaterThanOrEqualToThreshold"
	if a.Below {
		comparison = "LessThanThreshold"
	}
	actions := pulumi.Array{o.topic}
	name := o.name + "-" + a.Name
	alarm := &cloudwatch.MetricAlarmArgs{
		Name: pulumi.String(name), AlarmDescription: pulumi.String(a.Description), EvaluationPeriods: pulumi.Int(a.Periods),
		ComparisonOperator: pulumi.String(comparison), Threshold: pulumi.Float64(a.Threshold), TreatMissingData: pulumi.String(a.Silence),
		AlarmActions: actions, OkActions: actions,
	}
	if a.Share != nil {
		alarm.MetricQueries = o.share(a)
	} else {
		alarm.Namespace, alarm.MetricName, alarm.Dimensions = pulumi.String(a.Namespace), pulumi.String(a.Metric), o.dimensions(args, a)
		alarm.Statistic, alarm.Period = pulumi.String(a.Statistic), pulumi.Int(seconds(a.Period))
	}
	_, err := cloudwatch.NewMetricAlarm(ctx, name, alarm, childOf(o))
	return err
}

// share asks for the metrics of an alarm on a share of the outcomes, and reckons it.
func (o *observability) share(a deployment.Alarm) cloudwatch.MetricAlarmMetricQueryArray {
	id := func(c deployment.Counted) string { return strings.ToLower(c.Metric) + "_" + string(c.Channel) }
	var queries cloudwatch.MetricAlarmMetricQueryArray
	for _, c := range a.Share.Whole {
		queries = append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
			Id: pulumi.String(id(c)),
			Metric: cloudwatch.MetricAlarmMetricQueryMetricArgs{
				Namespace: pulumi.String(a.Namespace), MetricName: pulumi.String(c.Metric),
				Dimensions: pulumi.StringMap{"Stack": pulumi.String(o.name), "Channel": pulumi.String(c.Channel)},
				Period:     pulumi.Int(seconds(a.Period)), Stat: pulumi.String(a.Statistic),
			},
		})
	}
	return append(queries, cloudwatch.MetricAlarmMetricQueryArgs{
		Id: pulumi.String("percent"), Label: pulumi.String(a.Name), Expression: pulumi.String(a.Share.Expression(id)),
		ReturnData: pulumi.Bool(true),
	})
}

// dimensions say whose metric it is.
func (o *observability) dimensions(args observabilityArgs, a deployment.Alarm) pulumi.StringMap {
	switch a.Of {
	case deployment.StateMachine:
		return pulumi.StringMap{"StateMachineArn": args.workflow.machine.Arn}
	case deployment.CampaignMachine:
		return pulumi.StringMap{"StateMachineArn": args.campaigns.machine.Arn}
	case deployment.DeadLetters:
		return pulumi.StringMap{"QueueName": args.bus.deadLetters.Name}
	case deployment.WebhookLetters:
		return pulumi.StringMap{"QueueName": args.webhooks.letters.Name}
	case deployment.WaitingEvents:
		return pulumi.StringMap{"QueueName": args.bus.waiting.Name}
	case deployment.Starts:
		return pulumi.StringMap{"APIName": pulumi.String("StartExecution")}
	case deployment.Transitions:
		return pulumi.StringMap{"ServiceMetric": pulumi.String("StateTransition")}
	case deployment.HTTPAPI:
		return pulumi.StringMap{"ApiId": args.api.api.ID()}
	case deployment.OneFunction:
		return pulumi.StringMap{"FunctionName": args.functions[a.Function].Name}
	case deployment.WholeStack:
		return pulumi.StringMap{"Stack": pulumi.String(o.name)}
	case deployment.NATGateway:
		return pulumi.StringMap{"NatGatewayId": args.network.natGatewayIDs[a.Gateway]}
	case deployment.NATInstance:
		return pulumi.StringMap{"InstanceId": args.network.natInstanceID}
	case deployment.Credentials, deployment.Executions, deployment.EventBus, deployment.Guards, deployment.Records, deployment.Outcomes,
		deployment.Limits, deployment.OptOuts, deployment.Campaigns, deployment.FilesBucket, deployment.CampaignUploads, deployment.CampaignPlans,
		deployment.CampaignErrors, deployment.CampaignReports, deployment.TemplateBook:
		// No alarm watches a metric of one of these by itself.
	}
	return nil
}

// dashboard is one page: are messages going out, does anything wait, is there money, does anything break.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
func (o *observability) dashboard(ctx *pulumi.Context, args observabilityArgs) error {
	body := pulumi.All(args.workflow.machine.Arn, args.api.api.ID(), args.bus.deadLetters.Name).ApplyT(func(all []any) (string, error) {
		machine, api, queue := all[0].(string), string(all[1].(pulumi.ID)), all[2].(string)
		var errors, durations [][]any
		for _, kind := range deployment.Functions() {
			errors = append(errors, []any{"AWS/Lambda", "Errors", "FunctionName", o.name + "-" + kind.Name})
			durations = append(durations, []any{"AWS/Lambda", "Duration", "FunctionName", o.name + "-" + kind.Name, map[string]any{"stat": "p99"}})
		}
		var outcomes, latencies [][]any
		for _, c := range deployment.OutcomeMetrics() {
			metric := []any{deployment.MetricNamespace, c.Metric, "Stack", o.name, "Channel", string(c.Channel)}
			if c.Metric == deployment.MetricLatency {
				latencies = append(latencies, metric, append(slices.Clone(metric), map[string]any{"stat": "p95"}))
			} else {
				outcomes = append(outcomes, metric)
			}
		}
		widgets := []any{
			o.widget(args, 0, "Messages", "Sum", fiveMinutes,
				[]any{"AWS/States", "ExecutionsStarted", "StateMachineArn", machine},
				[]any{"AWS/States", "ExecutionsSucceeded", "StateMachineArn", machine},
				[]any{"AWS/States", "ExecutionsFailed", "StateMachineArn", machine},
				[]any{"AWS/States", "ExecutionsAborted", "StateMachineArn", machine}),
			o.widget(args, 1, "Waiting for a repair, dead letters", "Maximum", fiveMinutes,
				[]any{deployment.MetricNamespace + "/" + o.name, "parked"},
				[]any{deployment.MetricNamespace + "/" + o.name, "address-refused"},
				[]any{"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue}),
			o.widget(args, 2, "What the Aligo wallet pays for", "Minimum", hour,
				[]any{deployment.MetricNamespace, "AlimTalkRemaining", "Stack", o.name},
				[]any{deployment.MetricNamespace, "SmsRemaining", "Stack", o.name},
				[]any{deployment.MetricNamespace, "LmsRemaining", "Stack", o.name}),
			o.widget(args, 3, "API", "Sum", fiveMinutes,
				[]any{"AWS/ApiGateway", "Count", "ApiId", api},
				[]any{"AWS/ApiGateway", "4xx", "ApiId", api},
				[]any{"AWS/ApiGateway", "5xx", "ApiId", api}),
			o.widget(args, 4, "What became of recipients", "Sum", hour, outcomes...),
			o.widget(args, 5, "From acceptance to delivery, median and 95th percentile", "p50", hour, latencies...),
			o.widget(args, 6, "Errors of the functions", "Sum", fiveMinutes, errors...),
			o.widget(args, 7, "Duration of the functions, 99th percentile", "p99", fiveMinutes, durations...),
		}
		encoded, err := json.Marshal(map[string]any{"widgets": widgets})
		return string(encoded), err
	}).(pulumi.StringOutput)
	_, err := cloudwatch.NewDashboard(ctx, o.name, &cloudwatch.DashboardArgs{DashboardName: pulumi.String(o.name), DashboardBody: body},
		childOf(o))
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
	for _, kind := range deployment.Functions() {
		all = append(all, args.functions[kind.Name].logGroup.Name)
		if kind.Caller == deployment.StateMachineTask {
			tasks = append(tasks, args.functions[kind.Name].logGroup.Name)
		}
	}
	// What the record function counts: each line has a list of causes.
	// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Unnest.html
	const (
		counted = "filter ispresent(Channel) and ispresent(Delivered)\n| fields jsonParse(@message) as line"
		byCause = "\n| unnest line.causes into cause\n| stats sum(cause.recipients) as recipients by Channel, cause.status, cause.code\n" +
			"| sort recipients desc"
	)
	counts := pulumi.StringArray{args.functions[deployment.Record].logGroup.Name}
	for _, query := range []struct {
		name, text string
		in         pulumi.StringArray
	}{
		{"parked", "filter fault = \"NotConfigured\" or fault = \"Unrecognised\"\n| stats count(*) as times, latest(error) as reason, " +
			"latest(vendor) as words, latest(@timestamp) as last by message, cause\n| sort last desc", tasks},
		{"receipts", "filter ispresent(alert)\n| stats sum(recipients) as people, count(*) as messages by alert, bin(1h)", tasks},
		{"by-cause", counted + byCause, counts},
		// Yesterday in Korea, out of the last two days, over which it is to be run.
		{"yesterday-by-cause", counted + ", floor((toMillis(@timestamp) + 32400000) / 86400000) as day, " +
			"floor((now() * 1000 + 32400000) / 86400000) as today\n| filter day = today - 1" + byCause, counts},
		{"faults", "filter ispresent(fault)\n| stats count(*) as times by fault, cause, bin(1h)", all},
		{"one-message", "filter message = \"PUT-THE-ID-HERE\"\n| sort @timestamp asc\n| display @timestamp, @log, level, msg, fault, cause, " +
			"error, vendor", all},
		{"one-campaign", "filter campaign = \"PUT-THE-ID-HERE\" or stuck = \"PUT-THE-ID-HERE\"\n| sort @timestamp asc\n| display @timestamp, " +
			"@log, level, msg, chunk, reason, error", all},
		{"slow-calls", "filter type = \"platform.report\"\n| stats max(record.metrics.durationMs) as slowest, pct(record.metrics.durationMs, " +
			"99) as p99, max(record.metrics.maxMemoryUsedMB) as memory by @log", all},
	} {
		_, err := cloudwatch.NewQueryDefinition(ctx, o.name+"-"+query.name, &cloudwatch.QueryDefinitionArgs{
			Name: pulumi.String(o.name + "/" + query.name), QueryString: pulumi.String(query.text), LogGroupNames: query.in,
		}, childOf(o))
		if err != nil {
			return err
		}
	}
	return nil
}
