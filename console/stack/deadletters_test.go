package stack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const requested = `{"id":"e1","source":"shop","detail-type":"MessageRequested","time":"2026-12-01T00:00:00Z",` +
	`"detail":{"template":"TX_1234","recipients":[{"to":"01012345678","name":"홍길동"}]}}`

func letter(body string, attributes ...string) types.Message {
	m := types.Message{MessageId: aws.String("m1"), Body: &body, ReceiptHandle: aws.String("r1"),
		Attributes: map[string]string{"SentTimestamp": "1796083200000"}, MessageAttributes: map[string]types.MessageAttributeValue{}}
	for i := 0; i < len(attributes); i += 2 {
		m.MessageAttributes[attributes[i]] = types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &attributes[i+1]}
	}
	return m
}

func TestDeadLettersAreExplained(t *testing.T) {
	t.Parallel()
	s := New(aws.Config{Region: "ap-northeast-2"}, "prod", "123456789012", nil)
	const rule = "arn:aws:events:ap-northeast-2:123456789012:rule/sms-api-prod/sms-api-prod-"
	lambda := func(function, payload string) string {
		return `{"requestContext":{"functionArn":"arn:aws:lambda:ap-northeast-2:123456789012:function:sms-api-prod-` + function +
			`:$LATEST","condition":"RetriesExhausted"},"requestPayload":` + payload +
			`,"responsePayload":{"errorType":"errorString","errorMessage":"no room for 010-1234-5678"}}`
	}
	for name, c := range map[string]struct {
		letter                       types.Message
		from, rule, function, why    string
		event, source, kind, payload string
	}{
		"what EventBridge could not hand over": {
			letter(requested, "RULE_ARN", rule+"requested", "ERROR_CODE", "NO_PERMISSIONS", "ERROR_MESSAGE", "not allowed"),
			"eventbridge", "requested", "events", "NO_PERMISSIONS: not allowed", "e1", "shop", "MessageRequested", `{"Messages":[`,
		},
		"what a function failed with": {
			letter(lambda("settle", requested)), "lambda", "", "settle", "errorString: no room for 010****5678", "e1", "shop",
			"MessageRequested", `{"requestContext"`,
		},
		"an outcome that EventBridge could not hand over": {
			letter(requested, "RULE_ARN", rule+"settled"), "eventbridge", "settled", "record", "", "e1", "shop", "MessageRequested", `{"id":"e1"`,
		},
		"what was left in the queue": {letter(requested), "queue", "", "events", "", "e1", "shop", "MessageRequested", `{"Messages":[`},
		"what a route handed over": {
			letter(`{"route":"orders","event":` + requested + `}`), "queue", "orders", "events", "", "e1", "shop", "MessageRequested",
			`{"Messages":[`,
		},
		"no event": {letter("01012345678"), "queue", "", "events", "", "", "", "", `{"Messages":[`},
	} {
		l := s.explain(c.letter)
		got := []string{l.From, l.Rule, l.Function, l.Why, l.Event, l.Source, l.DetailType}
		want := []string{c.from, c.rule, c.function, c.why, c.event, c.source, c.kind}
		if strings.Join(got, "|") != strings.Join(want, "|") || !l.Sent.Equal(time.UnixMilli(1796083200000)) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		text, err := json.Marshal(l)
		if err != nil || strings.Contains(string(text), "01012345678") || strings.Contains(string(text), "홍길동") {
			t.Errorf("%s: it shows a number or a name: %s %v", name, text, err)
		}
		if payload, err := l.payload(); err != nil || !strings.HasPrefix(string(payload), c.payload) {
			t.Errorf("%s: the function is handed %s %v", name, payload, err)
		}
	}
}
