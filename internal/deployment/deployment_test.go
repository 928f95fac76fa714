package deployment_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/route"
	"sms-api/statemachine"
)

// longRoute has the longest name that a route may have.
var longRoute = route.Route{
	Name: "r" + strings.Repeat("x", 29), Pattern: json.RawMessage(`{"source":["shop"]}`), InputTemplate: json.RawMessage(`{}`),
}

// TestFunctionsAreWithinTheQuotas of AWS, whatever the stack is called.
func TestFunctionsAreWithinTheQuotas(t *testing.T) {
	t.Parallel()
	prefix := strings.Repeat("x", deployment.PrefixLength)
	names, states := map[string]bool{}, map[string]bool{}
	for _, f := range deployment.Functions() {
		if names[f.Name] || f.State != "" && states[f.State] {
			t.Errorf("%s is there twice, or calls the function of %q", f.Name, f.State)
		}
		names[f.Name], states[f.State] = true, true
		if f.Does == "" || strings.HasSuffix(f.Does, ".") {
			t.Errorf("%s: it %q", f.Name, f.Does)
		}
		if f.Timeout <= 0 || f.Timeout > f.Longest || f.Longest > deployment.LongestFunction || f.Longest%time.Second != 0 {
			t.Errorf("%s may take %v, at most %v", f.Name, f.Timeout, f.Longest)
		}
		if f.Memory < deployment.LeastMemory || f.Memory > deployment.MostMemory {
			t.Errorf("%s has %d MB", f.Name, f.Memory)
		}
		if f.Concurrency != deployment.Unreserved && (f.Concurrency < 1 || f.Concurrency > deployment.AccountConcurrency) {
			t.Errorf("%s has a concurrency of %d", f.Name, f.Concurrency)
		}
		if (f.Caller == deployment.StateMachineTask || f.Caller == deployment.CampaignTask) != (f.State != "") {
			t.Errorf("%s is called by %s and by the state %q", f.Name, f.Caller, f.State)
		}
		// The role gets a hyphen and seven digits from Pulumi.
		if n := len(prefix + "-" + f.Name); n > deployment.FunctionNameLength || n+8 > deployment.RoleNameLength {
			t.Errorf("%s: names of %d characters", f.Name, n)
		}
	}
	for _, r := range deployment.Rules([]route.Route{longRoute}) {
		// A route's name and a stack's together may be too long; EventBridge then says so.
		if n := len(prefix + "-" + r.Name); n > deployment.RuleNameLength && !strings.HasPrefix(r.Name, "route-") {
			t.Errorf("rule %s: a name of %d characters", r.Name, n)
		}
	}
}

// TestWhatIsSentFits: a message's JSON and what is known of its recipients share one payload.
func TestWhatIsSentFits(t *testing.T) {
	t.Parallel()
	if message.MaxSize > deployment.PayloadSize/2 {
		t.Errorf("a message may have %d bytes, and a payload %d", message.MaxSize, deployment.PayloadSize)
	}
}

// TestVariables: each is said once what it holds, and what a stack may say fits.
func TestVariables(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	holds := map[string]string{}
	for _, f := range deployment.Functions() {
		size, seen := 0, map[string]bool{}
		for _, v := range f.Environment {
			if !form.MatchString(v.Name) || strings.HasPrefix(v.Name, "AWS_") || v.Holds == "" || seen[v.Name] {
				t.Errorf("%s: variable %+v", f.Name, v)
			}
			if known, ok := holds[v.Name]; ok && known != v.Holds {
				t.Errorf("%s holds %q, and %q in %s", v.Name, known, v.Holds, f.Name)
			}
			seen[v.Name], holds[v.Name] = true, v.Holds
			longest := 256 // ARNs are the longest values
			switch s := v.Setting; {
			case s != nil && s.Text != "":
				longest = deployment.TextSize
			case s != nil:
				longest = max(len(strings.Join(s.OneOf, "")), len(strconv.Itoa(s.Highest)))
			}
			size += len(v.Name) + longest
		}
		if size > deployment.EnvironmentSize {
			t.Errorf("%s: the environment may have %d bytes", f.Name, size)
		}
	}
	for _, v := range deployment.Settings() {
		s := v.Setting
		n, err := strconv.Atoi(s.Default)
		number := err == nil && n >= s.Lowest && n <= s.Highest && s.Lowest < s.Highest
		text := s.Text != "" && len(s.OneOf) == 0 && s.Highest == 0 && len(s.Default) <= deployment.TextSize && v.MayBeEmpty == (s.Default == "")
		if !strings.Contains(s.Key, ":") || !slices.Contains(s.OneOf, s.Default) && !number && !text {
			t.Errorf("setting %+v", s)
		}
	}
	if _, err := deployment.Pick(deployment.Functions()[0], deployment.Defaults()); err == nil ||
		!strings.Contains(err.Error(), deployment.ParameterPrefix) {
		t.Errorf("got %v, want an error that names what nobody knows", err)
	}
}

// TestEveryFunctionIsCalled by a state, a rule or API Gateway.
func TestEveryFunctionIsCalled(t *testing.T) {
	t.Parallel()
	called := map[string]bool{}
	for _, r := range deployment.Rules([]route.Route{longRoute}) {
		f, ok := deployment.FunctionNamed(r.Function)
		if r.Function == "" && r.Name == "campaign-file" {
			continue
		}
		if !ok || f.Caller != deployment.LambdaQueue && f.Caller != deployment.EventQueue {
			t.Errorf("rule %s calls %q, whose caller is %q", r.Name, r.Function, f.Caller)
		}
		if (r.Every == nil) != json.Valid([]byte(r.Pattern)) {
			t.Errorf("rule %s: pattern %s, schedule %+v", r.Name, r.Pattern, r.Every)
		}
		called[r.Function] = true
	}
	for _, f := range deployment.Functions() {
		if (f.Caller == deployment.LambdaQueue || f.Caller == deployment.EventQueue) && !called[f.Name] {
			t.Errorf("no rule calls %s", f.Name)
		}
	}
	if len(deployment.Tasks()) == 0 || len(deployment.CampaignTasks()) == 0 {
		t.Error("a state machine calls nothing")
	}
}

// A share is of metrics that are counted, and its part is of the whole.
func TestSharesOfOutcomes(t *testing.T) {
	t.Parallel()
	counted := map[deployment.Counted]bool{}
	for _, c := range deployment.OutcomeMetrics() {
		if counted[c] {
			t.Errorf("%v is counted twice", c)
		}
		counted[c] = true
	}
	watched := map[string]int{}
	alarms := deployment.Alarms(deployment.Watched{})
	for _, a := range alarms {
		if a.Share == nil {
			continue
		}
		watched[a.Name] = len(a.Share.Whole)
		for _, c := range a.Share.Whole {
			if !counted[c] || c.Metric == deployment.MetricLatency {
				t.Errorf("%s looks at %v", a.Name, c)
			}
		}
		for _, c := range a.Share.Part {
			if !slices.Contains(a.Share.Whole, c) {
				t.Errorf("%s: %v is not among all", a.Name, c)
			}
		}
	}
	if want := map[string]int{"failure-rate": 6, "fallback-rate": 4}; !maps.Equal(watched, want) {
		t.Errorf("watched %v, want %v", watched, want)
	}
	if got, want := deployment.AlarmMetrics(alarms), len(alarms)-2+6+4; got != want {
		t.Errorf("%d metrics are watched, want %d", got, want)
	}
	share := deployment.Share{
		Part: []deployment.Counted{{Metric: "F"}}, Whole: []deployment.Counted{{Metric: "D"}, {Metric: "F"}}, Least: 100,
	}
	const want = "IF(FILL(D, 0) + FILL(F, 0) >= 100, 100 * (FILL(F, 0)) / (FILL(D, 0) + FILL(F, 0)), 0)"
	if got := share.Expression(func(c deployment.Counted) string { return c.Metric }); got != want {
		t.Errorf("got %s", got)
	}
}

// TestAlarmsOfLimits: those on a limit of a day ring before it is reached and when it is, and that on open doors counts their lines.
func TestAlarmsOfLimits(t *testing.T) {
	t.Parallel()
	without := deployment.Alarms(deployment.Watched{Stack: "s"})
	lines := map[string]string{}
	for _, a := range deployment.Alarms(deployment.Watched{Stack: "s", Daily: true, Open: true}) {
		if !slices.ContainsFunc(without, func(b deployment.Alarm) bool { return b.Name == a.Name }) {
			lines[a.Name] = a.Lines
		}
	}
	if want := map[string]string{
		"daily-recipients-70":  `{ ($.limit = "stack-day") && ($.percent >= 70) }`,
		"daily-recipients-90":  `{ ($.limit = "stack-day") && ($.percent >= 90) }`,
		"daily-recipients-100": `{ ($.limit = "stack-day") && ($.percent >= 100) }`,
		"doors-open":           `{ $.open = "*" }`,
	}; !maps.Equal(lines, want) {
		t.Errorf("got %v", lines)
	}
}

// TestPolled: what pages ask again and again, and nothing else.
func TestPolled(t *testing.T) {
	t.Parallel()
	for request, want := range map[string]bool{
		"GET /v1/messages": true, "GET /v1/messages/m-1": true, "GET /v1/campaigns/c-1": true, "GET /v1/campaigns/{id}": true,
		"GET /v1/campaigns/c-1/report": false, "GET /v1/campaigns": false, "POST /v1/messages": false, "POST /v1/campaigns": false,
		"DELETE /v1/messages/m-1": false, "GET /v1/messages/m-1/way": false, "GET /v1/balance": false, "GET /v1/templates": false,
	} {
		if method, path, _ := strings.Cut(request, " "); deployment.Polled(method, path) != want {
			t.Errorf("%s: polled is %t", request, !want)
		}
	}
}

// TestFilesOfCampaigns: what the rule takes for a file is what may be uploaded, whoever plans takes no report for one, and the
// bucket keeps what an execution may still need.
func TestFilesOfCampaigns(t *testing.T) {
	t.Parallel()
	keys := deployment.CampaignKeys()
	rules := deployment.Rules(nil)
	i := slices.IndexFunc(rules, func(r deployment.Rule) bool { return r.Name == "campaign-file" })
	if i < 0 || !strings.Contains(rules[i].Pattern, `{"wildcard":"`+keys[deployment.CampaignUploads]+`"}`) {
		t.Errorf("no rule takes %s", keys[deployment.CampaignUploads])
	}
	for on, key := range keys {
		if !strings.HasPrefix(key, "campaigns/*/") {
			t.Errorf("%s have the key %s", on, key)
		}
		granted := false
		for _, f := range deployment.Functions() {
			granted = granted || slices.ContainsFunc(f.Permissions, func(p deployment.Permission) bool { return p.On == on })
		}
		if !granted {
			t.Errorf("nobody may do anything with %s", on)
		}
	}
	text, err := statemachine.CampaignDefinition(deployment.CampaignTasks())
	if err != nil {
		t.Fatal(err)
	}
	var machine struct{ TimeoutSeconds int }
	if err := json.Unmarshal([]byte(text), &machine); err != nil {
		t.Fatal(err)
	}
	longest := deployment.LongestCampaign + time.Duration(deployment.CampaignFilesKept().Highest)*24*time.Hour
	if limit := time.Duration(machine.TimeoutSeconds) * time.Second; limit < longest || limit > deployment.LongestExecution {
		t.Errorf("an execution may run for %v, and a campaign lives with its files for %v", limit, longest)
	}
	for _, days := range []int{1, deployment.CampaignFilesKept().Highest} {
		if gone := deployment.FilesGone(days); time.Duration(gone)*24*time.Hour != deployment.LongestCampaign+time.Duration(days)*24*time.Hour {
			t.Errorf("files that are kept for %d days are gone after %d", days, gone)
		}
	}
	if deployment.LongestCampaign < message.MaxSchedule+7*24*time.Hour {
		t.Errorf("a campaign lives for %v", deployment.LongestCampaign)
	}
}

// TestAlarmsSayWhatToDo, have names of their own, and watch functions that there are.
func TestAlarmsSayWhatToDo(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, a := range deployment.Alarms(deployment.Watched{
		Stack: "s", LowBalance: 1, BalanceEvery: time.Hour,
		TemplatesEvery: 24 * time.Hour, Gateways: 2, Instance: true, FailurePercent: 20, FallbackPercent: 50,
		Daily: true, Open: true, Webhooks: true,
	}) {
		if names[a.Name] || !strings.HasSuffix(a.Description, ".") || a.Namespace == "" || (a.Metric == "") != (a.Share != nil) ||
			a.Statistic == "" || a.Period < time.Minute || a.Periods < 1 || a.Threshold < 1 || a.Silence == "" {
			t.Errorf("alarm %+v", a)
		}
		names[a.Name] = true
		if (a.Lines == "") != (len(a.In) == 0) || (a.Of == deployment.OneFunction) != (a.Function != "") {
			t.Errorf("%s: whose metric is it? %+v", a.Name, a)
		}
		for _, name := range append(a.In, a.Function) {
			if _, ok := deployment.FunctionNamed(name); !ok && name != "" {
				t.Errorf("%s watches %q, which there is not", a.Name, name)
			}
		}
	}
}
