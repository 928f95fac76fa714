package main

import (
	"slices"
	"strings"
	"testing"
)

const orderPaid = `[{"name":"order-paid","pattern":{"source":["com.example.shop"],"detail-type":["OrderPaid"]},
"inputPaths":{"phone":"$.detail.customer.phone","order":"$.detail.id"},
"inputTemplate":"{\"template\":\"TX_1234\",\"recipients\":[{\"to\":\"<phone>\",\"variables\":{\"주문번호\":\"<order>\"}}]}"}]`

// TestRules says for each rule what it takes and which function it calls.
func TestRules(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"events:routes": orderPaid})
	for name, want := range map[string]struct {
		bus, pattern, schedule any
		to                     string
	}{
		"requested":        {bus: "sms-api-dev", pattern: `{"detail-type":["MessageRequested"]}`, to: "events"},
		"opt-outs":         {bus: "sms-api-dev", pattern: `{"detail-type":["RecipientOptedIn","RecipientOptedOut"]}`, to: "events"},
		"route-order-paid": {bus: "sms-api-dev", pattern: `{"source":["com.example.shop"],"detail-type":["OrderPaid"]}`, to: "events"},
		"stopped": {
			pattern: `{"detail":{"stateMachineArn":["` + arnOf("sfn:StateMachine", "sms-api-dev-dispatch") +
				`"],"status":["FAILED","TIMED_OUT","ABORTED"]},` +
				`"detail-type":["Step Functions Execution Status Change"],"source":["aws.states"]}`,
			to: "settle",
		},
		"campaign-file": {
			pattern: `{"detail":{"bucket":{"name":["sms-api-dev-campaigns-1a2b3c4"]},"object":{"key":[{"wildcard":"campaigns/*/file"}]}},` +
				`"detail-type":["Object Created"],"source":["aws.s3"]}`,
			to: "campaigns",
		},
		"settled":   {bus: "sms-api-dev", pattern: `{"detail-type":["MessageSettled"],"source":["sms-api"]}`, to: "record"},
		"sweep":     {schedule: "rate(1 hour)", to: "sweep"},
		"balance":   {schedule: "rate(1 hour)", to: "balance"},
		"templates": {schedule: "rate(24 hours)", to: "templates"},
	} {
		rule, target := c.one(t, "cloudwatch:EventRule", name), c.one(t, "cloudwatch:EventTarget", name)
		same(t, name, []any{rule.at("eventBusName"), rule.at("eventPattern"), rule.at("scheduleExpression")},
			[]any{want.bus, want.pattern, want.schedule})
		to := arnOf("lambda:Function", "sms-api-dev-"+want.to)
		role := any(nil)
		switch want.to {
		case "events":
			to = arnOf("sqs:Queue", "sms-api-dev-events")
		case "campaigns":
			to, role = arnOf("sfn:StateMachine", "sms-api-dev-campaigns"), arnOf("iam:Role", "sms-api-dev-campaign-file")
		}
		same(t, name+" target", []any{target.at("rule"), target.at("eventBusName"), target.at("arn"), target.at("roleArn")},
			[]any{"sms-api-dev-" + name, want.bus, to, role})
		if want.to == "events" || want.to == "campaigns" {
			continue
		}
		permission := c.one(t, "lambda:Permission", name)
		same(t, name+" permission", []any{permission.at("function"), permission.at("principal"), permission.at("sourceArn"),
			permission.at("action")},
			[]any{"sms-api-dev-" + want.to, "events.amazonaws.com", arnOf("cloudwatch:EventRule", "sms-api-dev-"+name), "lambda:InvokeFunction"})
	}
	same(t, "rules", len(c.all("cloudwatch:EventRule")), 9)
	same(t, "permissions of rules and of the API", len(c.all("lambda:Permission")), 6)
}

func TestNoEventIsLost(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"events:routes": orderPaid})
	same(t, "a target for each rule", names(c.all("cloudwatch:EventTarget")), names(c.all("cloudwatch:EventRule")))
	queue := arnOf("sqs:Queue", "sms-api-dev-dead-letters")
	var rules []string
	for _, target := range c.all("cloudwatch:EventTarget") {
		same(t, target.name+" dead letters", target.at("deadLetterConfig.arn"), queue)
		same(t, target.name+" retries", target.at("retryPolicy"), map[string]any{"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185})
		rules = append(rules, arnOf("cloudwatch:EventRule", target.name))
	}
	for name, retries := range map[string]int{"events": 2, "settle": 2, "record": 2, "sweep": 0, "balance": 0, "templates": 0} {
		config := c.one(t, "lambda:FunctionEventInvokeConfig", name)
		same(t, name+" on failure", []any{config.at("functionName"), config.at("maximumRetryAttempts"),
			config.at("destinationConfig.onFailure.destination")},
			[]any{"sms-api-dev-" + name, retries, queue})
		same(t, name+" waits in Lambda's queue for hours", config.at("maximumEventAgeInSeconds"), 6*60*60)
	}
	same(t, "functions that Lambda's queue calls", len(c.all("lambda:FunctionEventInvokeConfig")), 6)
	letters := c.one(t, "sqs:Queue", "dead-letters")
	waiting := c.one(t, "sqs:Queue", "events")
	same(t, "events wait", []any{waiting.at("visibilityTimeoutSeconds"), waiting.at("messageRetentionSeconds"),
		waiting.at("sqsManagedSseEnabled"), waiting.at("redrivePolicy")},
		[]any{180, 1209600, true, `{"deadLetterTargetArn":"` + queue + `","maxReceiveCount":50}`})
	taken := c.one(t, "lambda:EventSourceMapping", "events")
	same(t, "who takes them", []any{taken.at("eventSourceArn"), taken.at("functionName"), taken.at("batchSize"),
		taken.at("functionResponseTypes"), taken.at("scalingConfig.maximumConcurrency")},
		[]any{arnOf("sqs:Queue", "sms-api-dev-events"), arnOf("lambda:Function", "sms-api-dev-events"), 10,
			[]string{"ReportBatchItemFailures"}, 3})
	other := deployed(t, map[string]string{"functions:events": `{"timeout":60}`, "events:rate": "30"})
	same(t, "with another time limit and another pace", []any{
		other.one(t, "sqs:Queue", "events").at("visibilityTimeoutSeconds"),
		other.one(t, "lambda:EventSourceMapping", "events").at("scalingConfig.maximumConcurrency"),
	}, []any{360, 6})
	same(t, "who may put them there", statements(t, c.one(t, "sqs:QueuePolicy", "events").text("policy")), []string{
		"sqs:SendMessage | Service events.amazonaws.com | arn:aws:sqs:sms-api-dev-events | ArnEquals aws:SourceArn " +
			"arn:aws:events:rule/sms-api-dev-requested arn:aws:events:rule/sms-api-dev-opt-outs arn:aws:events:rule/sms-api-dev-route-order-paid",
	})
	same(t, "queue", []any{letters.at("name"), letters.at("messageRetentionSeconds"), letters.at("sqsManagedSseEnabled")},
		[]any{"sms-api-dev-dead-letters", 1209600, true})
	policy := c.one(t, "sqs:QueuePolicy", "dead-letters")
	got := parsed(t, policy.text("policy"))["Statement"].([]any)
	same(t, "who may write to it", got, []any{map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"Service": []string{"events.amazonaws.com"}}, "Action": []string{"sqs:SendMessage"},
		"Resource": []string{queue}, "Condition": map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": []string{
			arnOf("cloudwatch:EventRule", "sms-api-dev-requested"), arnOf("cloudwatch:EventRule", "sms-api-dev-opt-outs"),
			arnOf("cloudwatch:EventRule", "sms-api-dev-route-order-paid"),
			arnOf("cloudwatch:EventRule", "sms-api-dev-stopped"), arnOf("cloudwatch:EventRule", "sms-api-dev-campaign-file"),
			arnOf("cloudwatch:EventRule", "sms-api-dev-settled"),
			arnOf("cloudwatch:EventRule", "sms-api-dev-sweep"), arnOf("cloudwatch:EventRule", "sms-api-dev-balance"),
			arnOf("cloudwatch:EventRule", "sms-api-dev-templates"),
		}}},
	}})
	same(t, "rules in it", len(rules), 9)
}

// TestRoute: what the rule of a route hands over, and that the function which reads it comes before.
func TestRoute(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"events:routes": orderPaid})
	target := c.one(t, "cloudwatch:EventTarget", "route-order-paid")
	same(t, "transformer", target.at("inputTransformer"),
		map[string]any{"inputTemplate": `{"route":"order-paid","event":<aws.events.event.json>}`})
	if !slices.ContainsFunc(target.rpc.GetDependencies(), func(urn string) bool {
		return strings.HasSuffix(urn, "lambda/function:Function::sms-api-dev-events")
	}) {
		t.Errorf("the rule may be newer than the function: it waits for %q", target.rpc.GetDependencies())
	}
	// Until the permission is there, every event is refused.
	for _, target := range c.all("cloudwatch:EventTarget") {
		permission := "lambda/permission:Permission::" + target.name
		if strings.HasSuffix(target.text("arn"), ":sms-api-dev-events") && strings.Contains(target.text("arn"), ":sqs:") {
			permission = "sqs/queuePolicy:QueuePolicy::sms-api-dev-events"
		}
		if strings.Contains(target.text("arn"), ":stateMachine:") {
			permission = "iam/rolePolicy:RolePolicy::" + target.name
		}
		waits(t, target, permission)
	}
}

func TestBus(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"events:producerAccounts": `["222233334444","333344445555"]`, "events:archiveDays": "14"})
	same(t, "bus", c.one(t, "cloudwatch:EventBus", "").at("name"), "sms-api-dev")
	same(t, "eventBusArn", c.outputs["eventBusArn"], arnOf("cloudwatch:EventBus", "sms-api-dev"))
	policy := c.one(t, "cloudwatch:EventBusPolicy", "")
	same(t, "who may put events", statements(t, policy.text("policy")), []string{
		"events:PutEvents | AWS arn:aws:iam::222233334444:root arn:aws:iam::333344445555:root | " + busARN +
			" | StringNotEquals events:source sms-api",
	})
	same(t, "the policy's bus", policy.at("eventBusName"), "sms-api-dev")
	archive := c.one(t, "cloudwatch:EventArchive", "")
	same(t, "archive", []any{archive.at("eventSourceArn"), archive.at("retentionDays"), archive.at("eventPattern")},
		[]any{arnOf("cloudwatch:EventBus", "sms-api-dev"), 14, `{"source":[{"anything-but":["sms-api"]}]}`})
	schema := c.one(t, "schemas:Schema", "MessageRequested")
	same(t, "schema", []any{schema.at("name"), schema.at("registryName"), schema.at("type"), schema.at("content")},
		[]any{"sms-api@MessageRequested", "sms-api-dev", "JSONSchemaDraft4", `{"title":"requested"}`})

	closed := deployed(t, map[string]string{"events:archiveDays": "0"})
	same(t, "policies and archives nobody asked for", len(closed.all("cloudwatch:EventBusPolicy"))+len(closed.all("cloudwatch:EventArchive")),
		0)
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	for minutes, want := range map[int]string{5: "rate(5 minutes)", 60: "rate(1 hour)", 90: "rate(90 minutes)", 120: "rate(2 hours)",
		720: "rate(12 hours)"} {
		if got := every(minutes); got != want {
			t.Errorf("%d minutes: %s, not %s", minutes, got, want)
		}
	}
}
