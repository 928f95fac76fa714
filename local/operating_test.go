package main

import (
	"encoding/json"
	"fmt"
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
