package main

import (
	"fmt"
	"strings"
	"testing"

	"sms-api/internal/deployment"
)

// TestAlarms lists every alarm as a person would say it, and holds their number, which is paid for.
func TestAlarms(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"alarms:lowBalance": "500", "alarms:balanceMinutes": "30"})
	topic := []string{arnOf("sns:Topic", "sms-api-dev-alarms")}
	var lines []string
	watched := 0
	for _, alarm := range c.all("cloudwatch:MetricAlarm") {
		name := strings.TrimPrefix(alarm.name, "sms-api-dev-")
		same(t, name+" tells somebody", []any{alarm.at("alarmActions"), alarm.at("okActions")}, []any{topic, topic})
		if alarm.text("alarmDescription") == "" {
			t.Errorf("%s does not say what to do", name)
		}
		comparison := map[string]string{"GreaterThanOrEqualToThreshold": ">=", "LessThanThreshold": "<"}[alarm.text("comparisonOperator")]
		dimensions, _ := alarm.at("dimensions").(map[string]any)
		if queries, ok := alarm.at("metricQueries").([]any); ok {
			lines = append(lines, fmt.Sprintf("%s: %s %s %v in %v periods, silence %v", name, shareOf(queries), comparison, alarm.at("threshold"),
				alarm.at("evaluationPeriods"), alarm.at("treatMissingData")))
			watched += len(queries) - 1
			continue
		}
		watched++
		lines = append(lines, fmt.Sprintf("%s: %v %v %v %v %s %v in %v × %v s, silence %v", name, alarm.at("namespace"), alarm.at("metricName"),
			dimensions, alarm.at("statistic"), comparison, alarm.at("threshold"), alarm.at("evaluationPeriods"), alarm.at("period"),
			alarm.at("treatMissingData")))
	}
	lines = append(lines, countedLines(c)...)
	golden(t, "alarms.txt", lines)
	modelled := deployment.AlarmMetrics(deployment.Alarms(deployment.Watched{Gateways: 1}))
	same(t, "metrics of alarms that the cost model counts", watched, modelled)
	metrics := map[string]bool{}
	for _, filter := range c.all("cloudwatch:LogMetricFilter") {
		metrics[filter.text("metricTransformation.namespace")+" "+filter.text("metricTransformation.name")] = true
	}
	same(t, "metrics that the cost model counts", len(metrics)+len(deployment.BalanceMetrics())+len(deployment.OutcomeMetrics()),
		deployment.CustomMetrics(deployment.Alarms(deployment.Watched{Gateways: 1})))
	same(t, "dashboards that the cost model counts", len(c.all("cloudwatch:Dashboard")), deployment.Dashboards)
}

// shareOf is what an alarm reckons, with the metrics that it does it with.
func shareOf(queries []any) string {
	var metrics []string
	expression := ""
	for _, q := range queries {
		query := q.(map[string]any)
		if text, ok := query["expression"].(string); ok {
			expression = text
			continue
		}
		m := query["metric"].(map[string]any)
		metrics = append(metrics, fmt.Sprintf("%v = %v of %v %v in %v s", query["id"], m["stat"], m["metricName"], m["dimensions"], m["period"]))
	}
	return expression + " (" + strings.Join(metrics, ", ") + ")"
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

// countedLines are the filters behind the alarms on log lines: which attributes of the lines of which functions they count.
func countedLines(c *cloud) []string {
	var lines []string
	for _, filter := range c.all("cloudwatch:LogMetricFilter") {
		lines = append(lines, fmt.Sprint(filter.at("logGroupName"), " ", filter.at("pattern"), " → ",
			filter.at("metricTransformation.namespace"), " ", filter.at("metricTransformation.name"), " ",
			filter.at("metricTransformation.value")))
	}
	return lines
}

// TestFiltersCountLines: a line is one, and no line is none, or an alarm would ring in silence.
func TestFiltersCountLines(t *testing.T) {
	t.Parallel()
	filters := deployed(t, nil).all("cloudwatch:LogMetricFilter")
	if len(filters) == 0 {
		t.Error("there is no filter")
	}
	for _, filter := range filters {
		same(t, filter.name, []any{filter.at("metricTransformation.value"), filter.at("metricTransformation.defaultValue")}, []any{"1", "0"})
	}
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
	same(t, "widgets", len(widgets), 8)
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
	for _, counted := range deployment.OutcomeMetrics() {
		if !strings.Contains(body, fmt.Sprintf(`"%s","Stack","sms-api-dev","Channel","%s"`, counted.Metric, counted.Channel)) {
			t.Errorf("the dashboard lacks %v", counted)
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
	same(t, "queries", names(c.all("cloudwatch:QueryDefinition")), []string{
		"by-cause", "faults", "one-campaign", "one-message", "parked", "receipts", "slow-calls", "yesterday-by-cause",
	})
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
