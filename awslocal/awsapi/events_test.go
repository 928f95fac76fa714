package awsapi_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"

	"sms-api/awslocal/awsapi"
)

func entry(bus string) types.PutEventsRequestEntry {
	return types.PutEventsRequestEntry{EventBusName: &bus, Source: aws.String("shop"), DetailType: aws.String("OrderPaid"),
		Detail: aws.String(`{"n": 1}`)}
}

func TestPutEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		events := w.listen(t, "shop", `{"source": ["shop"]}`)
		good, old, bad := entry("shop"), entry("shop"), entry("shop")
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		old.Time, old.Resources = &at, []string{"arn:aws:x"}
		bad.Source = aws.String("aws.ec2")
		out, err := w.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{good, bad, old}})
		if err != nil || out.FailedEntryCount != 1 || len(out.Entries) != 3 {
			t.Fatalf("PutEvents = %+v, %v", out, err)
		}
		if e := out.Entries[1]; aws.ToString(e.ErrorCode) != "NotAuthorizedForSourceException" || e.EventId != nil ||
			len(*out.Entries[0].EventId) != 36 {
			t.Errorf("entries = %+v", out.Entries)
		}
		synctest.Wait()
		if len(*events) != 2 {
			t.Fatalf("%d events", len(*events))
		}
		if !slices.ContainsFunc(*events, func(e event) bool {
			return e.Time.Equal(at) &&
				reflect.DeepEqual(e.Resources, []string{"arn:aws:x"})
		}) {
			t.Errorf("events = %+v", *events)
		}
		if _, err := w.events.PutEvents(t.Context(), &eventbridge.PutEventsInput{Entries: slices.Repeat([]types.PutEventsRequestEntry{good},
			11)}); code(err) != "ValidationException" {
			t.Errorf("eleven entries: %v", err)
		}
		if out, err := w.events.PutEvents(t.Context(),
			&eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("nowhere")}}); err != nil || out.FailedEntryCount != 0 {
			t.Errorf("unknown bus: %+v, %v", out, err)
		}
	})
}

// A global endpoint needs another signature than the SDK makes here, so the request is raw.
func TestPutEventsToGlobalEndpoint(t *testing.T) {
	t.Parallel()
	_, _, body := post(t, awsapi.New(awsapi.Options{}), "POST", "/", `{"EndpointId": "abc.veo", "Entries": [{}]}`,
		map[string]string{"X-Amz-Target": "AWSEvents.PutEvents"})
	if !strings.Contains(body, "ValidationException") || !strings.Contains(body, "global endpoints") {
		t.Errorf("answer = %s", body)
	}
}

// putting is a state machine that puts the entries of its input onto a bus.
const putting = `{"QueryLanguage": "JSONata", "StartAt": "Put", "States": {"Put": {"Type": "Task", "Resource": ` +
	`"arn:aws:states:::events:putEvents",
	"Arguments": "{% $states.input %}", "End": true}}}`

func TestPutEventsTask(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		events := w.listen(t, "shop", `{"source": ["shop"]}`)
		arn := w.machine(t, "m", putting)
		x := start(t, w, arn, "x", `{"Entries": [
			{"EventBusName": "shop", "Source": "shop", "DetailType": "AsObject", "Detail": {"n": 1, "html": "<b>"}},
			{"EventBusName": "shop", "Source": "shop", "DetailType": "AsText", "Detail": "{\"n\": 2}", "Resources": ["arn:aws:x"], "Time": `+
			`"2026-01-02T03:04:05Z"}]}`)
		synctest.Wait()
		d := describe(t, w, x)
		if d.Status != "SUCCEEDED" {
			t.Fatalf("%s: %s", d.Status, *d.Cause)
		}
		var result struct {
			FailedEntryCount int
			Entries          []map[string]string
		}
		if err := json.Unmarshal([]byte(*d.Output), &result); err != nil || result.FailedEntryCount != 0 || len(result.Entries) != 2 ||
			len(result.Entries[0]) != 1 || result.Entries[1]["EventId"] == "" {
			t.Errorf("result = %s, %v", *d.Output, err)
		}
		slices.SortFunc(*events, func(a, b event) int { return strings.Compare(a.DetailType, b.DetailType) })
		if len(*events) != 2 {
			t.Fatalf("%d events", len(*events))
		}
		first, second := (*events)[0], (*events)[1]
		if string(first.Detail) != `{"n": 1, "html": "<b>"}` && string(first.Detail) != `{"n":1,"html":"<b>"}` ||
			!reflect.DeepEqual(first.Resources, []string{arn, x}) {
			t.Errorf("first event: %s %v", first.Detail, first.Resources)
		}
		if !reflect.DeepEqual(second.Resources, []string{"arn:aws:x", arn, x}) || second.Time.Year() != 2026 {
			t.Errorf("second event: %+v", second)
		}
	})
}

func TestPutEventsTaskFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ about, input, name, cause string }{
		{
			"an entry is refused, the others are put",
			`{"Entries": [{"Source": "a", "DetailType": "b", "Detail": {}}, {"DetailType": "b", "Detail": {}}]}`,
			"EventBridge.FailedEntry", `"ErrorMessage":"Parameter Source is not valid. Reason: Source is a required argument."`,
		},
		{"a detail that is no object", `{"Entries": [{"Source": "a", "DetailType": "b", "Detail": "\"text\""}]}`, "EventBridge.FailedEntry",
			`{"FailedEntryCount":1,"Entries":[{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}]}`},
		{"no detail", `{"Entries": [{"Source": "a", "DetailType": "b"}]}`, "EventBridge.FailedEntry", `Detail is a required argument.`},
		{"no entries", `{"Entries": []}`, "EventBridge.ValidationException", "Member must have length greater than or equal to 1"},
		{"an unknown argument", `{"Entries": [{"Sauce": "a"}]}`, "States.Runtime", "Sauce"},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, awsapi.Options{})
				x := start(t, w, w.machine(t, "m", putting), "x", c.input)
				synctest.Wait()
				if d := describe(t, w, x); d.Status != "FAILED" || *d.Error != c.name || !strings.Contains(*d.Cause, c.cause) {
					t.Errorf("%s %s: %s, want %s: %s", d.Status, aws.ToString(d.Error), aws.ToString(d.Cause), c.name, c.cause)
				}
			})
		})
	}
}

// Rules that are made over the API route to functions and state machines, with retries and transformed inputs.
func TestRulesOverTheAPI(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Bus("shop")
		var attempts []time.Time
		w.Function("f", 0, func(text string) error {
			attempts = append(attempts, time.Now())
			if text != "order 1" {
				return fmt.Errorf("received %s", text)
			}
			if len(attempts) < 3 {
				return &transient{why: "not yet"}
			}
			return nil
		})
		machine := w.machine(t, "m", passing)
		bus := "arn:aws:events:ap-northeast-2:000000000000:event-bus/shop"
		put, err := w.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("paid"), EventBusName: &bus,
			EventPattern: aws.String(`{"source": ["shop"]}`), Description: aws.String("d")})
		if err != nil || *put.RuleArn != "arn:aws:events:ap-northeast-2:000000000000:rule/shop/paid" {
			t.Fatalf("PutRule = %+v, %v", put, err)
		}
		targets := []types.Target{
			{
				Id: aws.String("function"), Arn: aws.String(awsapi.FunctionARN("f")),
				RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(2), MaximumEventAgeInSeconds: aws.Int32(60)},
				InputTransformer: &types.InputTransformer{InputPathsMap: map[string]string{"n": "$.detail.n"},
					InputTemplate: aws.String(`"order <n>"`)},
			},
			{Id: aws.String("machine"), Arn: &machine, InputPath: aws.String("$.detail")},
		}
		out, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("paid"), EventBusName: &bus, Targets: targets})
		if err != nil || out.FailedEntryCount != 0 {
			t.Fatalf("PutTargets = %+v, %v", out, err)
		}
		if _, err := w.events.PutEvents(t.Context(),
			&eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("shop")}}); err != nil {
			t.Fatal(err)
		}
		// EventBridge has handed it over with the first; Lambda tries again after a minute, and after two.
		time.Sleep(4 * time.Minute)
		synctest.Wait()
		if len(attempts) != 3 {
			t.Errorf("%d attempts, want 3", len(attempts))
		}
		list, err := w.states.ListExecutions(t.Context(), &sfn.ListExecutionsInput{StateMachineArn: &machine})
		if err != nil || len(list.Executions) != 1 {
			t.Fatalf("executions = %+v, %v", list, err)
		}
		if d := describe(t, w, *list.Executions[0].ExecutionArn); *d.Input != `{"n":1}` {
			t.Errorf("input = %s", *d.Input)
		}

		listed, err := w.events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("paid"),
			EventBusName: aws.String("shop")})
		if err != nil || !reflect.DeepEqual(listed.Targets, targets) {
			t.Errorf("ListTargetsByRule = %+v, %v; want %+v", listed.Targets, err, targets)
		}
		rule, err := w.events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String("paid"), EventBusName: &bus})
		if err != nil || *rule.Arn != *put.RuleArn || rule.State != "ENABLED" || *rule.EventPattern != `{"source": ["shop"]}` ||
			*rule.Description != "d" || *rule.EventBusName != "shop" {
			t.Errorf("DescribeRule = %+v, %v", rule, err)
		}
		for _, name := range []string{"a", "b", "paid-too"} {
			if _, err := w.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: &name, EventBusName: &bus,
				EventPattern: aws.String(`{"source": ["x"]}`), State: "DISABLED"}); err != nil {
				t.Fatal(err)
			}
		}
		rules, err := w.events.ListRules(t.Context(), &eventbridge.ListRulesInput{EventBusName: &bus, NamePrefix: aws.String("paid"),
			Limit: aws.Int32(1)})
		if err != nil || len(rules.Rules) != 1 || *rules.Rules[0].Name != "paid" || rules.NextToken == nil {
			t.Fatalf("ListRules = %+v, %v", rules, err)
		}
		rules, err = w.events.ListRules(t.Context(), &eventbridge.ListRulesInput{EventBusName: &bus, NamePrefix: aws.String("paid"),
			Limit: aws.Int32(1), NextToken: rules.NextToken})
		if err != nil || len(rules.Rules) != 1 || *rules.Rules[0].Name != "paid-too" || rules.Rules[0].State != "DISABLED" ||
			rules.NextToken != nil {
			t.Errorf("ListRules = %+v, %v", rules, err)
		}
	})
}

func TestEventBuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		created := time.Now()
		w.Bus("sms-api")
		out, err := w.events.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{})
		if err != nil || len(out.EventBuses) != 2 || *out.EventBuses[0].Name != "default" || *out.EventBuses[1].Name != "sms-api" {
			t.Errorf("ListEventBuses = %+v, %v", out, err)
		}
		if out, err = w.events.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{NamePrefix: aws.String("sms")}); err != nil ||
			len(out.EventBuses) != 1 {
			t.Errorf("ListEventBuses = %+v, %v", out, err)
		}
		bus, err := w.events.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: aws.String("sms-api")})
		if err != nil || *bus.Arn != "arn:aws:events:ap-northeast-2:000000000000:event-bus/sms-api" || !bus.CreationTime.Equal(created) {
			t.Errorf("DescribeEventBus = %+v, %v", bus, err)
		}
		if bus, err := w.events.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{}); err != nil || *bus.Name != "default" {
			t.Errorf("DescribeEventBus = %+v, %v", bus, err)
		}
	})
}

func TestEventRequestsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		w.Function("f", 0, raw("1"))
		long := func(n int) *string { return aws.String(strings.Repeat("x", n)) }
		pattern, nowhere, name := aws.String(`{"source": ["x"]}`), aws.String("nowhere"), aws.String("r")
		if _, err := w.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: name, EventPattern: pattern}); err != nil {
			t.Fatal(err)
		}
		for i, in := range []struct {
			in   *eventbridge.PutRuleInput
			want string
		}{
			{&eventbridge.PutRuleInput{Name: name, EventPattern: pattern, EventBusName: nowhere},
				"ResourceNotFoundException: Event bus nowhere does not exist."},
			{&eventbridge.PutRuleInput{Name: name, ScheduleExpression: aws.String("rate(1 minute)")},
				"ValidationException: The local endpoint has no scheduled rules."},
			{&eventbridge.PutRuleInput{Name: name}, "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified."},
			{&eventbridge.PutRuleInput{Name: name, EventPattern: aws.String(`{"source": "x"}`)},
				`InvalidEventPatternException: Event pattern is not valid. Reason: "source" must be an object or an array at $.source`},
			{&eventbridge.PutRuleInput{Name: aws.String("r r"), EventPattern: pattern}, "Value 'r r' at 'name' failed to satisfy constraint"},
			{&eventbridge.PutRuleInput{Name: name, EventPattern: pattern, Tags: []types.Tag{{Key: name, Value: name}}},
				"ValidationException: The local endpoint does not take Tags"},
			{&eventbridge.PutRuleInput{Name: name, EventPattern: pattern, State: "PAUSED"}, "ValidationException: 1 validation error detected: " +
				"Value 'PAUSED' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, " +
				"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"},
			{&eventbridge.PutRuleInput{Name: name, EventPattern: pattern, State: types.RuleStateEnabledWithAllCloudtrailManagementEvents},
				"ValidationException: The local endpoint has no events of CloudTrail"},
			{&eventbridge.PutRuleInput{Name: name, EventPattern: pattern, Description: long(513)},
				"at 'description' failed to satisfy constraint: Member must have length less than or equal to 512"},
			{&eventbridge.PutRuleInput{Name: name, EventPattern: pattern, RoleArn: long(1601)},
				"at 'roleArn' failed to satisfy constraint: Member must have length less than or equal to 1600"},
		} {
			if _, err := w.events.PutRule(t.Context(), in.in); err == nil || !strings.Contains(err.Error(), in.want) {
				t.Errorf("PutRule %d: %v, want %s", i, err, in.want)
			}
		}
		target := func(change func(*types.Target)) []types.Target {
			one := types.Target{Id: aws.String("t"), Arn: aws.String(awsapi.FunctionARN("f"))}
			change(&one)
			return []types.Target{one}
		}
		several := func(n int) (targets []types.Target) {
			for i := range n {
				targets = append(targets, target(func(t *types.Target) { t.Id = aws.String(fmt.Sprint(i)) })...)
			}
			return targets
		}
		for i, in := range []struct {
			in   *eventbridge.PutTargetsInput
			want string
		}{
			{&eventbridge.PutTargetsInput{Rule: name, EventBusName: nowhere, Targets: target(func(*types.Target) {})},
				"ResourceNotFoundException: Event bus nowhere does not exist."},
			{&eventbridge.PutTargetsInput{Rule: nowhere, Targets: target(func(*types.Target) {})},
				"ResourceNotFoundException: Rule nowhere does not exist on EventBus default."},
			{&eventbridge.PutTargetsInput{Rule: name,
				Targets: target(func(t *types.Target) { t.Arn = aws.String("arn:aws:sns:ap-northeast-2:000000000000:t") })},
				"ValidationException: Provided Arn is not in correct format."},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: target(func(t *types.Target) {
				t.Input, t.InputPath = aws.String("{}"),
					aws.String("$")
			})}, "ValidationException: Only one of Input, InputPath, or InputTransformer must be provided for target t."},
			{&eventbridge.PutTargetsInput{Rule: name,
				Targets: target(func(t *types.Target) { t.RetryPolicy = &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(200)} })},
				"at 'targets.1.member.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal " +
					"to 185"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: several(6)},
				"LimitExceededException: The requested resource exceeds the maximum number allowed."},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: []types.Target{}},
				"ValidationException: 1 validation error detected: Value '[]' at 'targets' failed to satisfy constraint: Member must have length " +
					"greater than or equal to 1"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: slices.Repeat(target(func(*types.Target) {}), 101)},
				"at 'targets' failed to satisfy constraint: Member must have length less than or equal to 100"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: target(func(t *types.Target) { t.RoleArn = long(1601) })},
				"at 'targets.1.member.roleArn' failed to satisfy constraint: Member must have length less than or equal to 1600"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: target(func(t *types.Target) { t.Input = aws.String(`"` + *long(8191) + `"`) })},
				"at 'targets.1.member.input' failed to satisfy constraint: Member must have length less than or equal to 8192"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: target(func(t *types.Target) { t.InputPath = aws.String("$." + *long(255)) })},
				"at 'targets.1.member.inputPath' failed to satisfy constraint: Member must have length less than or equal to 256"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: target(func(t *types.Target) {
				t.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(awsapi.FunctionARN("f"))}
			})}, "ValidationException: Target t: DeadLetterConfig needs the ARN of an SQS queue"},
			{&eventbridge.PutTargetsInput{Rule: name, Targets: target(func(t *types.Target) {
				t.SqsParameters = &types.SqsParameters{MessageGroupId: name}
			})}, "ValidationException: The local endpoint does not take SqsParameters"},
		} {
			if _, err := w.events.PutTargets(t.Context(), in.in); err == nil || !strings.Contains(err.Error(), in.want) {
				t.Errorf("PutTargets %d: %v, want %s", i, err, in.want)
			}
		}
		// A rule has five; putting them again is no more of them.
		for range 2 {
			if _, err := w.events.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: name, Targets: several(5)}); err != nil {
				t.Error(err)
			}
		}
		_, listRules := w.events.ListRules(t.Context(), &eventbridge.ListRulesInput{EventBusName: nowhere})
		_, describeRule := w.events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: name, EventBusName: nowhere})
		_, describeNone := w.events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: nowhere})
		_, listTargets := w.events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: name, EventBusName: nowhere})
		_, listNone := w.events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: nowhere})
		_, describeBus := w.events.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: nowhere})
		for what, err := range map[string]error{
			"ListRules": listRules, "DescribeRule": describeRule, "DescribeRule of none": describeNone, "ListTargetsByRule": listTargets,
			"ListTargetsByRule of none": listNone, "DescribeEventBus": describeBus,
		} {
			if code(err) != "ResourceNotFoundException" {
				t.Errorf("%s: %v", what, err)
			}
		}
		_, token := w.events.ListRules(t.Context(), &eventbridge.ListRulesInput{NextToken: aws.String("x")})
		_, limit := w.events.ListEventBuses(t.Context(), &eventbridge.ListEventBusesInput{Limit: aws.Int32(101)})
		_, targets := w.events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: name, NextToken: aws.String("x")})
		for what, err := range map[string]error{"token": token, "limit": limit, "token of targets": targets} {
			if code(err) != "ValidationException" {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// What a rule and a target are given besides is given back, and a dead letter says which queue it would be in.
func TestRolesAndDeadLetterQueuesAreKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		// Nobody has made the function f: handing over fails.
		w.Queue("dead", awsapi.QueueOptions{})
		role, queue := "arn:aws:iam::000000000000:role/r", "arn:aws:sqs:ap-northeast-2:000000000000:dead"
		if _, err := w.events.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), RoleArn: &role,
			EventPattern: aws.String(`{"source": ["shop"]}`)}); err != nil {
			t.Fatal(err)
		}
		want := types.Target{Id: aws.String("t"), Arn: aws.String(awsapi.FunctionARN("f")), RoleArn: &role,
			DeadLetterConfig: &types.DeadLetterConfig{Arn: &queue}, RetryPolicy: &types.RetryPolicy{MaximumRetryAttempts: aws.Int32(0),
				MaximumEventAgeInSeconds: aws.Int32(60)}}
		if _, err := w.events.PutTargets(t.Context(),
			&eventbridge.PutTargetsInput{Rule: aws.String("r"), Targets: []types.Target{want}}); err != nil {
			t.Fatal(err)
		}
		rule, err := w.events.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{Name: aws.String("r")})
		if err != nil || aws.ToString(rule.RoleArn) != role {
			t.Errorf("DescribeRule = %+v, %v", rule, err)
		}
		rules, err := w.events.ListRules(t.Context(), &eventbridge.ListRulesInput{})
		if err != nil || len(rules.Rules) != 1 || aws.ToString(rules.Rules[0].RoleArn) != role {
			t.Errorf("ListRules = %+v, %v", rules, err)
		}
		targets, err := w.events.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("r")})
		if err != nil || len(targets.Targets) != 1 || !reflect.DeepEqual(targets.Targets[0], want) {
			t.Errorf("ListTargetsByRule = %+v, %v", targets, err)
		}
		if _, err := w.events.PutEvents(t.Context(),
			&eventbridge.PutEventsInput{Entries: []types.PutEventsRequestEntry{entry("default")}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if dead := w.Events().DeadLetters(); len(dead) != 1 || dead[0].QueueARN != queue {
			t.Errorf("dead letters %+v", dead)
		}
		if ready, _ := w.QueueDepth("dead"); ready != 1 {
			t.Errorf("%d dead letters in the queue", ready)
		}
	})
}

func TestTestEventPattern(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, awsapi.Options{})
		const good = `{"id": "1", "source": "s", "detail-type": "d", "account": "a", "region": "r", "time": "t"}`
		test := func(pattern, event string) (bool, error) {
			out, err := w.events.TestEventPattern(t.Context(), &eventbridge.TestEventPatternInput{EventPattern: &pattern, Event: &event})
			if err != nil {
				return false, err
			}
			return out.Result, nil
		}
		if yes, err := test(`{"source": ["s"]}`, good); err != nil || !yes {
			t.Errorf("%t, %v", yes, err)
		}
		if yes, err := test(`{"source": ["x"]}`, good); err != nil || yes {
			t.Errorf("%t, %v", yes, err)
		}
		if _, err := test(`{}`, good); code(err) != "InvalidEventPatternException" {
			t.Error(err)
		}
		if _, err := test(`{"source": ["s"]}`, `plain`); code(err) != "ValidationException" {
			t.Error(err)
		}
	})
}
