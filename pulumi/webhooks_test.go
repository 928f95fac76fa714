package main

import (
	"slices"
	"strings"
	"testing"
)

const twoWebhooks = `[{"name":"crm","url":"https://crm.example.com/hooks/sms"},
{"name":"billing","url":"https://billing.example.com/","detailTypes":["MessageAccepted","MessageRejected"],"header":"Authorization",
"secretParameter":"/billing/hook","rate":50}]`

// TestWebhooks says for each webhook what it takes, whom it calls and how, and what becomes of what is not taken.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"events:webhooks": twoWebhooks})
	letters := arnOf("sqs:Queue", "sms-api-dev-webhook-dead-letters")
	for name, want := range map[string]struct {
		pattern, url, header string
		rate                 any
	}{
		"webhook-crm": {`{"detail-type":["MessageSettled"],"source":["sms-api"]}`, "https://crm.example.com/hooks/sms", "X-Webhook-Secret", 10},
		"webhook-billing": {`{"detail-type":["MessageAccepted","MessageRejected"],"source":["sms-api"]}`, "https://billing.example.com/",
			"Authorization", 50},
	} {
		full := "sms-api-dev-" + name
		rule, target := c.one(t, "cloudwatch:EventRule", name), c.one(t, "cloudwatch:EventTarget", name)
		same(t, name, []any{rule.at("eventBusName"), rule.at("eventPattern")}, []any{"sms-api-dev", want.pattern})
		destination := c.one(t, "cloudwatch:EventApiDestination", name)
		same(t, name+" calls", []any{destination.at("httpMethod"), destination.at("invocationEndpoint"),
			destination.at("invocationRateLimitPerSecond"), destination.at("connectionArn")},
			[]any{"POST", want.url, want.rate, arnOf("cloudwatch:EventConnection", full)})
		same(t, name+" target", []any{target.at("rule"), target.at("eventBusName"), target.at("arn"), target.at("roleArn"),
			target.at("deadLetterConfig.arn"), target.at("retryPolicy")},
			[]any{full, "sms-api-dev", arnOf("cloudwatch:EventApiDestination", full), arnOf("iam:Role", "sms-api-dev-webhooks"), letters,
				map[string]any{"maximumEventAgeInSeconds": 86400, "maximumRetryAttempts": 185}})
		// Until it may call, and write what it cannot hand over, every event is lost.
		waits(t, target, "iam/rolePolicy:RolePolicy::sms-api-dev-webhooks")
		waits(t, target, "sqs/queuePolicy:QueuePolicy::sms-api-dev-webhook-dead-letters")

		// The real secret is in no state: what is known of it here is a placeholder, which never goes over it again.
		connection := c.one(t, "cloudwatch:EventConnection", name)
		same(t, name+" connection", []any{connection.at("authorizationType"), connection.at("authParameters.apiKey.key")},
			[]any{"API_KEY", want.header})
		if !slices.Equal(connection.rpc.GetIgnoreChanges(), []string{"authParameters"}) {
			t.Errorf("%s: an update puts the placeholder back: ignored is %q", name, connection.rpc.GetIgnoreChanges())
		}
	}
	same(t, "who may call", statements(t, c.one(t, "iam:RolePolicy", "webhooks").text("policy")), []string{
		"events:InvokeApiDestination | arn:aws:x:sms-api-dev-webhook-crm arn:aws:x:sms-api-dev-webhook-billing",
	})
	same(t, "who may write to the dead letters", statements(t, c.one(t, "sqs:QueuePolicy", "webhook-dead-letters").text("policy")), []string{
		"sqs:SendMessage | Service events.amazonaws.com | arn:aws:sqs:sms-api-dev-webhook-dead-letters | ArnEquals aws:SourceArn " +
			"arn:aws:events:rule/sms-api-dev-webhook-crm arn:aws:events:rule/sms-api-dev-webhook-billing",
	})
	alarm := c.one(t, "cloudwatch:MetricAlarm", "webhook-dead-letters")
	same(t, "alarm", alarm.at("dimensions"), map[string]any{"QueueName": "sms-api-dev-webhook-dead-letters"})
	steps := c.outputs["nextSteps"].(string)
	for _, text := range []string{
		`aws ssm put-parameter --region ap-northeast-2 --type SecureString --name /sms-api/dev/webhooks/crm --value "$(openssl rand -hex 32)"`,
		`aws ssm get-parameter --region ap-northeast-2 --with-decryption --name /billing/hook --output json --query ` +
			`"{Name:'sms-api-dev-webhook-billing',AuthorizationType:'API_KEY',AuthParameters:{ApiKeyAuthParameters:` +
			`{ApiKeyName:'Authorization',ApiKeyValue:Parameter.Value}}}" | aws events update-connection --region ap-northeast-2 ` +
			`--cli-input-json file:///dev/stdin`,
	} {
		if !strings.Contains(steps, text) {
			t.Errorf("the next steps lack %q:\n%s", text, steps)
		}
	}
}

func TestNoWebhooks(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	for _, kind := range []string{"cloudwatch:EventConnection", "cloudwatch:EventApiDestination"} {
		same(t, kind+" nobody asked for", len(c.all(kind)), 0)
	}
	for _, r := range c.resources {
		if strings.Contains(r.name, "webhook") {
			t.Errorf("there is %s %s", r.kind, r.name)
		}
	}
}
