package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/testkit/machinetest"
	"sms-api/statemachine"
)

func TestFunctions(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	same(t, "functions", names(c.all("lambda:Function")), functionNames())
	for _, kind := range deployment.Functions() {
		f := c.one(t, "lambda:Function", kind.Name)
		same(t, kind.Name+" runs", []any{f.at("name"), f.at("runtime"), f.at("architectures"), f.at("handler"), f.at("code"),
			f.at("sourceCodeHash")},
			[]any{"sms-api-dev-" + kind.Name, "provided.al2023", []string{"arm64"}, "bootstrap", "/dist/" + kind.Name + ".zip", "hash of " +
				kind.Name})
		same(t, kind.Name+" traces", f.at("tracingConfig.mode"), "Active")
		same(t, kind.Name+" logs", f.at("loggingConfig"), map[string]any{
			"applicationLogLevel": "TRACE", "logFormat": "JSON", "logGroup": "/aws/lambda/sms-api-dev-" + kind.Name, "systemLogLevel": "INFO",
		})
		same(t, kind.Name+" has its role", f.at("role"), arnOf("iam:Role", "sms-api-dev-"+kind.Name))
		// Before the function: the log group with its retention, and the policy, which must outlive its interfaces.
		waits(t, f, "cloudwatch/logGroup:LogGroup::"+f.name)
		waits(t, f, "iam/rolePolicy:RolePolicy::"+f.name)
		// Everything else that is changed by hand is put right by the next deployment.
		same(t, f.name+" may differ in", f.rpc.GetIgnoreChanges(), []string{"loggingConfig"})
		// Network interfaces come in minutes and go in up to 20.
		limits := f.rpc.GetCustomTimeouts()
		same(t, f.name+" may take", []string{limits.GetCreate(), limits.GetUpdate(), limits.GetDelete()}, []string{"15m", "15m", "45m"})
	}
}

// functionNames are the functions' names in order.
func functionNames() []string {
	var all []string
	for _, f := range deployment.Functions() {
		all = append(all, f.Name)
	}
	slices.Sort(all)
	return all
}

// TestWhatFunctionsAreGiven lists for each function its limits, the variables that it finds, and all that its role may do,
// and at last what the roles of the state machines may do, and that of the rule which starts campaigns.
func TestWhatFunctionsAreGiven(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"api:untrustedMaxRecipients": "3"})
	var lines []string
	may := func(name string) {
		policy := c.one(t, "iam:RolePolicy", name)
		same(t, name+" is on its role", policy.at("role"), "sms-api-dev-"+name)
		for _, line := range statements(t, policy.text("policy")) {
			lines = append(lines, "  may "+line)
		}
	}
	for _, name := range functionNames() {
		f := c.one(t, "lambda:Function", name)
		lines = append(lines, fmt.Sprintf("%s: %v MB, %v s, concurrency %v", name, f.at("memorySize"), f.at("timeout"),
			f.at("reservedConcurrentExecutions")))
		variables, _ := f.at("environment.variables").(map[string]any)
		for _, variable := range slices.Sorted(maps.Keys(variables)) {
			lines = append(lines, fmt.Sprintf("  finds %s=%v", variable, variables[variable]))
		}
		may(name)
	}
	others := []string{"dispatch", "campaigns", "campaign-file"}
	for _, name := range others {
		lines = append(lines, name)
		may(name)
	}
	golden(t, "functions.txt", lines)
	same(t, "roles with a policy", len(c.all("iam:RolePolicy")), len(functionNames())+len(others))
}

func TestFunctionSettings(t *testing.T) {
	t.Parallel()
	limits := func(c *cloud, name string) []any {
		f := c.one(t, "lambda:Function", name)
		return []any{f.at("memorySize"), f.at("timeout"), f.at("reservedConcurrentExecutions")}
	}
	c := deployed(t, map[string]string{
		"functions:sms": `{"memory":512,"timeout":20,"reservedConcurrency":-1}`, "functions:api": `{"memory":1024}`,
		"functions:logLevel": "debug", "functions:logRetentionDays": "90",
	})
	same(t, "sms", limits(c, "sms"), []any{512, 20, -1})
	same(t, "api", limits(c, "api"), []any{1024, 10, -1})
	same(t, "alimtalk", limits(c, "alimtalk"), []any{256, 30, 5})
	same(t, "log level", c.one(t, "lambda:Function", "settle").at("environment.variables.LOG_LEVEL"), "debug")
	for _, logs := range c.all("cloudwatch:LogGroup") {
		same(t, logs.name, logs.at("retentionInDays"), 90)
	}
}

func TestLogGroups(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	paths := map[string]bool{}
	for _, logs := range c.all("cloudwatch:LogGroup") {
		same(t, logs.name+" forgets", logs.at("retentionInDays"), 30)
		paths[logs.text("name")] = true
	}
	for _, kind := range deployment.Functions() {
		if !paths["/aws/lambda/sms-api-dev-"+kind.Name] {
			t.Errorf("%s has no log group", kind.Name)
		}
	}
	same(t, "log groups", len(paths), len(deployment.Functions())+3)
}

// TestTimeoutsFit: a task that gives up before its function does would send again while the first call is still under way.
func TestTimeoutsFit(t *testing.T) {
	t.Parallel()
	type machine struct {
		States map[string]struct {
			Arguments      json.RawMessage
			TimeoutSeconds int
		}
	}
	text, err := statemachine.CampaignDefinition(deployment.CampaignTasks())
	if err != nil {
		t.Fatal(err)
	}
	var campaigns machine
	if err := json.Unmarshal([]byte(text), &campaigns); err != nil {
		t.Fatal(err)
	}
	definitions := map[deployment.Caller]machine{
		deployment.StateMachineTask: machinetest.As[machine](t), deployment.CampaignTask: campaigns,
	}
	checked := 0
	for _, f := range deployment.Functions() {
		for name, state := range definitions[f.Caller].States {
			if !strings.Contains(string(state.Arguments), `"`+f.Name+`"`) {
				continue
			}
			checked++
			waits := time.Duration(state.TimeoutSeconds) * time.Second
			if f.Longest >= waits || f.Timeout > f.Longest {
				t.Errorf("%s may take %v of at most %v, but %q waits %v", f.Name, f.Timeout, f.Longest, name, waits)
			}
		}
	}
	same(t, "tasks", checked, len(deployment.Tasks())+len(deployment.CampaignTasks())+1) // that of the report has two states
}

func TestTags(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"sms-api:tags": `{"Team":"messaging"}`, "api:domainName": "sms.example.com",
		"api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/1", "encryption:key": "new"})
	tagged := []string{
		"apigatewayv2:Api", "apigatewayv2:DomainName", "apigatewayv2:Stage", "cloudwatch:EventBus", "cloudwatch:EventRule", "cloudwatch:LogGroup",
		"cloudwatch:MetricAlarm",
		"ec2:DefaultSecurityGroup", "ec2:Eip", "ec2:InternetGateway", "ec2:NatGateway", "ec2:NetworkInsightsPath", "ec2:NetworkInterface",
		"ec2:RouteTable",
		"ec2:SecurityGroup", "ec2:Subnet", "ec2:Vpc", "iam:Role", "kms:Key", "lambda:Function", "s3:Bucket", "schemas:Registry", "schemas:Schema",
		"sfn:StateMachine", "sns:Topic", "sqs:Queue",
	}
	seen := map[string]bool{}
	for _, r := range c.resources {
		if !slices.Contains(tagged, r.kind) {
			continue
		}
		seen[r.kind] = true
		same(t, r.kind+" "+r.name, r.at("tags"), map[string]string{"ManagedBy": "Pulumi", "Name": r.name, "Project": "sms-api", "Stack": "dev",
			"Team": "messaging"})
	}
	same(t, "kinds with tags", len(seen), len(tagged))
	for _, r := range c.resources {
		if !strings.HasPrefix(r.name, "sms-api-dev") {
			t.Errorf("%s %s would collide with another stack", r.kind, r.name)
		}
	}
}
