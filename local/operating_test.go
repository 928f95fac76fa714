package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/guard"
	"sms-api/internal/parameters"
	"sms-api/internal/testkit"
	"sms-api/statemachine"
)

// operating is the page docs/operating.md, each of its runs of white space one blank.
func operating(t *testing.T) string {
	t.Helper()
	return strings.Join(strings.Fields(testkit.File(t, filepath.Join("..", "docs", "operating.md"))), " ")
}

// TestFiguresOfOperating: for how long things can be done is what the code and AWS's quotas say.
func TestFiguresOfOperating(t *testing.T) {
	t.Parallel()
	text := operating(t)
	definition, err := statemachine.Definition(placeholders(), "bus")
	if err != nil {
		t.Fatal(err)
	}
	var machine struct{ TimeoutSeconds int }
	if err := json.Unmarshal([]byte(definition), &machine); err != nil {
		t.Fatal(err)
	}
	days := func(d time.Duration) int { return int(d / (24 * time.Hour)) }
	longest := days(time.Duration(machine.TimeoutSeconds) * time.Second)
	for _, want := range []string{
		fmt.Sprintf("Guards end by themselves %d days after the message's expiry, when nothing can be redriven", days(guard.Kept)),
		fmt.Sprintf("AWS takes for %d days after the end", days(deployment.Redrivable)),
		fmt.Sprintf("Functions take them within %.0f minutes", parameters.DefaultTTL.Minutes()),
		fmt.Sprintf("After %d days no message is under way that began with it", longest),
		fmt.Sprintf("its history can be read for %d more", days(deployment.UniqueName)),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say: %s", want)
		}
	}
	if days(guard.Kept) <= days(deployment.Redrivable) {
		t.Error("a guard ends before its message can no longer be redriven")
	}
	if !strings.Contains(deploymentAlarm(t, "executions-timed-out").Description, fmt.Sprintf("%d days", longest)) {
		t.Error("the alarm has another figure")
	}
}

func placeholders() map[string]string {
	functions := map[string]string{}
	for state, name := range deployment.Tasks() {
		functions[state] = "arn:aws:lambda:ap-northeast-2:000000000000:function:" + name
	}
	return functions
}

func deploymentAlarm(t *testing.T, name string) deployment.Alarm {
	t.Helper()
	all := deployment.Alarms(deployment.Watched{Stack: "sms-api-prod", Gateways: 1, Webhooks: true})
	at := slices.IndexFunc(all, func(a deployment.Alarm) bool { return a.Name == name })
	if at < 0 {
		t.Fatalf("there is no alarm %s", name)
	}
	return all[at]
}

// TestNamesInOperating: the alarms, functions and rules that the page names are there.
func TestNamesInOperating(t *testing.T) {
	t.Parallel()
	text := operating(t)
	named := regexp.MustCompile(`An alarm "([^"]+)"`).FindAllStringSubmatch(text, -1)
	if len(named) < 3 {
		t.Errorf("only %d alarms are found in the text", len(named))
	}
	for _, name := range named {
		deploymentAlarm(t, name[1])
	}
	rules := deployment.Rules(nil)
	for _, one := range regexp.MustCompile("For the rule `([^`]+)`, invoke `([^`]+)`").FindAllStringSubmatch(text, -1) {
		if !slices.ContainsFunc(rules, func(r deployment.Rule) bool { return r.Name == one[1] && r.Function == one[2] }) {
			t.Errorf("the rule %s does not call %s", one[1], one[2])
		}
	}
}

// command is a command of AWS's CLI: aws SERVICE OPERATION and its flags.
var command = regexp.MustCompile("aws ([a-z0-9]+) ([a-z]+(?:-[a-z]+)*)((?: (?:--[a-z-]+|[^-`|][^ `|]*|-[a-z]+))*)")

// TestCommandsOfOperating: each aws command is one of an operation whose model has the members that the flags stand for. Of
// what the local endpoint serves the models are at hand.
func TestCommandsOfOperating(t *testing.T) {
	t.Parallel()
	services := map[string]string{
		"stepfunctions": "AWSStepFunctions", "ssm": "AmazonSSM", "dynamodb": "DynamoDB_20120810", "lambda": "AWSLambda",
		"sqs": "AmazonSQS",
	}
	// From AWS's reference of its CLI.
	others := map[string][]string{
		"kms schedule-key-deletion": {"--key-id"}, "ec2 release-address": {"--allocation-id"},
		"events start-replay":     {"--replay-name", "--event-source-arn", "--event-start-time", "--event-end-time", "--destination"},
		"events describe-archive": {"--archive-name"}, "sqs purge-queue": {"--queue-url"},
		"dynamodb update-table": {"--no-deletion-protection-enabled", "--table-name"}, "s3 rm": {"--recursive"},
	}
	global := []string{"--query", "--output"}
	// One ends where the next begins.
	found := command.FindAllStringSubmatch(strings.NewReplacer(" aws ", " `aws ", "(aws ", "(`aws ").Replace(operating(t)), -1)
	if len(found) < 10 {
		t.Errorf("only %d commands are found in the text", len(found))
	}
	for _, one := range found {
		service, operation := one[1], one[2]
		members, known := others[service+" "+operation]
		if !known {
			members = cliFlags(t, services[service], operation)
		}
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(one[3], -1) {
			if !slices.Contains(members, flag) && !slices.Contains(global, flag) {
				t.Errorf("aws %s %s has no %s", service, operation, flag)
			}
		}
	}
}

// cliFlags are those of an operation that the local endpoint serves.
func cliFlags(t *testing.T, service, operation string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "awslocal", "awsapi", "models", service+".json"))
	if err != nil {
		t.Fatalf("aws … %s: %v", operation, err)
	}
	var model struct {
		Operations map[string]struct{ Members map[string]any }
	}
	if err := json.Unmarshal(data, &model); err != nil {
		t.Fatal(err)
	}
	var name strings.Builder
	for word := range strings.SplitSeq(operation, "-") {
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	of, ok := model.Operations[name.String()]
	if !ok {
		t.Errorf("%s has no operation %s", service, name.String())
	}
	var all []string
	for member := range of.Members {
		kebab := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(member, "$1-$2")
		all = append(all, "--"+strings.ToLower(kebab))
	}
	return all
}
