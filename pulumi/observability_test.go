package main

import (
	"fmt"
	"strings"
	"testing"

	"sms-api/internal/deployment"
)

// TestAlarms lists every alarm as a person would say it.
func TestAlarms(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"alarms:lowBalance": "500", "alarms:balanceMinutes": "30"})
	lambda := func(metric, function string, periods int) string {
		return fmt.Sprintf("AWS/Lambda %s map[FunctionName:sms-api-dev-%s] Sum >= 1 in %d × 300 s, silence notBreaching", metric, function,
			periods)
	}
	machine := "map[StateMachineArn:" + arnOf("sfn:StateMachine", "sms-api-dev-dispatch") + "]"
	want := map[string]string{
		"parked":               "sms-api/sms-api-dev parked map[] Sum >= 1 in 1 × 300 s, silence notBreaching",
		"address-refused":      "sms-api/sms-api-dev address-refused map[] Sum >= 1 in 1 × 300 s, silence notBreaching",
		"executions-failed":    "AWS/States ExecutionsFailed " + machine + " Sum >= 1 in 1 × 300 s, silence notBreaching",
		"executions-timed-out": "AWS/States ExecutionsTimedOut " + machine + " Sum >= 1 in 1 × 300 s, silence notBreaching",
		"dead-letters": "AWS/SQS ApproximateNumberOfMessagesVisible map[QueueName:sms-api-dev-dead-letters] Maximum >= 1 in 1 × 300 s, " +
			"silence notBreaching",
		"api-5xx":     "AWS/ApiGateway 5xx map[ApiId:apigatewayv2-api/sms-api-dev] Sum >= 1 in 1 × 300 s, silence notBreaching",
		"low-balance": "sms-api SmsRemaining map[Stack:sms-api-dev] Minimum < 500 in 1 × 1800 s, silence ignore",
		"no-balance":  "sms-api SmsRemaining map[Stack:sms-api-dev] SampleCount < 1 in 2 × 1800 s, silence breaching",
		"nat-gateway-gone": "AWS/NATGateway ActiveConnectionCount map[NatGatewayId:ec2-natgateway/sms-api-dev-nat] SampleCount < 1 in 3 × " +
			"300 s, silence breaching",
	}
	for _, kind := range deployment.Functions() {
		periods := 1
		if kind.Caller == deployment.StateMachineTask {
			periods = 3
		}
		want[kind.Name+"-errors"] = lambda("Errors", kind.Name, periods)
		want[kind.Name+"-throttled"] = lambda("Throttles", kind.Name, 3)
	}
	topic := []string{arnOf("sns:Topic", "sms-api-dev-alarms")}
	for _, alarm := range c.all("cloudwatch:MetricAlarm") {
		name := strings.TrimPrefix(alarm.name, "sms-api-dev-")
		comparison := map[string]string{"GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}[alarm.text("comparisonOperator")]
		dimensions, _ := alarm.at("dimensions").(map[string]any)
		got := fmt.Sprintf("%v %v %v %v %s %v in %v × %v s, silence %v", alarm.at("namespace"), alarm.at("metricName"), dimensions,
			alarm.at("statistic"),
			comparison, alarm.at("threshold"), alarm.at("evaluationPeriods"), alarm.at("period"), alarm.at("treatMissingData"))
		same(t, name, got, want[name])
		same(t, name+" tells somebody", []any{alarm.at("alarmActions"), alarm.at("okActions")}, []any{topic, topic})
		if alarm.text("alarmDescription") == "" {
			t.Errorf("%s does not say what to do", name)
		}
		delete(want, name)
	}
	if len(want) > 0 {
		t.Errorf("there are no alarms %v", want)
	}
}

// TestEgressAlarms: whatever holds the address is watched.
func TestEgressAlarms(t *testing.T) {
	t.Parallel()
	perZone := deployed(t, map[string]string{"network:egress": egressNATGatewayPerAZ})
	for name, nat := range map[string]string{"nat-gateway-gone": "nat", "nat-gateway-gone-2": "nat-2"} {
		same(t, name, perZone.one(t, "cloudwatch:MetricAlarm", name).at("dimensions.NatGatewayId"), perZone.one(t, "ec2:NatGateway", nat).id)
	}
	instance := deployed(t, map[string]string{"network:egress": egressNATInstance})
	alarm := instance.one(t, "cloudwatch:MetricAlarm", "nat-instance-down")
	same(t, "instance", []any{alarm.at("namespace"), alarm.at("metricName"), alarm.at("dimensions.InstanceId"), alarm.at("treatMissingData")},
		[]any{"AWS/EC2", "StatusCheckFailed", instance.one(t, "ec2:Instance", "nat").id, "breaching"})
}

// TestCountedLines: the alarms on log lines count the attributes that the functions write, where they write them.
func TestCountedLines(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	var filters []string
	for _, filter := range c.all("cloudwatch:LogMetricFilter") {
		filters = append(filters, fmt.Sprint(filter.at("logGroupName"), " ", filter.at("pattern"), " → ",
			filter.at("metricTransformation.namespace"), " ",
			filter.at("metricTransformation.name"), " ", filter.at("metricTransformation.value")))
	}
	var want []string
	for _, line := range []struct{ metric, pattern, functions string }{
		{"address-refused", `{ $.cause = "ip" }`, "alimtalk balance receipts reconcile sms"},
		{"parked", `{ $.fault = "NotConfigured" }`, "alimtalk receipts reconcile sms"},
		{"receipts", `{ $.alert = "*" }`, "receipts"},
		{"unrecognised", `{ $.fault = "Unrecognised" }`, "alimtalk receipts reconcile sms"},
	} {
		for function := range strings.FieldsSeq(line.functions) {
			want = append(want, "/aws/lambda/sms-api-dev-"+function+" "+line.pattern+" → sms-api/sms-api-dev "+line.metric+" 1")
		}
	}
	same(t, "filters", filters, want)
}

func TestWhoIsTold(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"alarms:emails": `["oncall@example.com"]`})
	subscription := c.one(t, "sns:TopicSubscription", "oncall@example.com")
	same(t, "subscription", []any{subscription.at("topic"), subscription.at("protocol"), subscription.at("endpoint")},
		[]any{arnOf("sns:Topic", "sms-api-dev-alarms"), "email", "oncall@example.com"})
	const theirs = "arn:aws:sns:ap-northeast-2:111122223333:oncall"
	own := deployed(t, map[string]string{"alarms:topicArn": theirs})
	same(t, "topics made", len(own.all("sns:Topic")), 0)
	same(t, "action", own.one(t, "cloudwatch:MetricAlarm", "parked").at("alarmActions"), []string{theirs})
}

// TestDashboardAndQueries: what they name exists.
func TestDashboardAndQueries(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	body := c.one(t, "cloudwatch:Dashboard", "").text("dashboardBody")
	widgets := list(parsed(t, body)["widgets"])
	same(t, "widgets", len(widgets), 6)
	for _, w := range widgets {
		properties := w.(map[string]any)["properties"].(map[string]any)
		same(t, "region", properties["region"], testRegion)
		if len(list(properties["metrics"])) == 0 {
			t.Errorf("%v shows nothing", properties["title"])
		}
	}
	for _, named := range []string{arnOf("sfn:StateMachine", "sms-api-dev-dispatch"), "sms-api-dev-dead-letters",
		"apigatewayv2-api/sms-api-dev", "SmsRemaining"} {
		if !strings.Contains(body, named) {
			t.Errorf("the dashboard lacks %s", named)
		}
	}
	for _, f := range c.all("lambda:Function") {
		if !strings.Contains(body, `"`+f.text("name")+`"`) {
			t.Errorf("the dashboard lacks %s", f.name)
		}
	}
	groups := map[string]bool{}
	for _, logs := range c.all("cloudwatch:LogGroup") {
		groups[logs.text("name")] = true
	}
	same(t, "queries", names(c.all("cloudwatch:QueryDefinition")), []string{"faults", "one-message", "parked", "slow-calls"})
	for _, query := range c.all("cloudwatch:QueryDefinition") {
		if len(query.texts("logGroupNames")) == 0 {
			t.Errorf("%s looks nowhere", query.name)
		}
		for _, group := range query.texts("logGroupNames") {
			if !groups[group] {
				t.Errorf("%s looks into %s, which there is not", query.name, group)
			}
		}
	}
}
