package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/deployment"
	"sms-api/statemachine"
)

func TestStateMachine(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	machine := c.one(t, "sfn:StateMachine", "dispatch")
	same(t, "kind", []any{machine.at("name"), machine.at("type"), machine.at("publish")}, []any{"sms-api-dev-dispatch", "STANDARD", true})

	// What is deployed is the definition that runs locally, with these resources.
	functions := map[string]string{}
	for state, name := range deployment.Tasks() {
		functions[state] = arnOf("lambda:Function", "sms-api-dev-"+name)
	}
	want, err := statemachine.Definition(functions, "sms-api-dev")
	if err != nil {
		t.Fatal(err)
	}
	same(t, "definition", machine.text("definition"), want)
	if left := regexp.MustCompile(`\$\{[^}]*\}`).FindAllString(machine.text("definition"), -1); left != nil {
		t.Errorf("the definition has %v left in it", left)
	}
	same(t, "log", machine.at("loggingConfiguration"), map[string]any{
		"includeExecutionData": false, "level": "ERROR", "logDestination": arnOf("cloudwatch:LogGroup",
			"/aws/vendedlogs/states/sms-api-dev-dispatch") + ":*",
	})
	// Longer than a message takes that is not scheduled: what is scheduled is stopped before a tear-down.
	same(t, "deletion waits for executions", machine.rpc.GetCustomTimeouts().GetDelete(), "20m")
	same(t, "traces", machine.at("tracingConfiguration.enabled"), true)
	same(t, "encryption by default", machine.at("encryptionConfiguration"), map[string]any{"type": "AWS_OWNED_KEY"})
	if !slices.ContainsFunc(machine.rpc.GetDependencies(), func(urn string) bool {
		return strings.HasSuffix(urn,
			"RolePolicy::"+machine.name)
	}) {
		t.Error("the state machine is made before it may do anything")
	}

	alias := c.one(t, "sfn:Alias", "dispatch")
	same(t, "alias", []any{alias.at("name"), alias.at("routingConfigurations")},
		[]any{"live", []any{map[string]any{"stateMachineVersionArn": arnOf("sfn:StateMachine", "sms-api-dev-dispatch") + ":7", "weight": 100}}})
	same(t, "stateMachineArn", c.outputs["stateMachineArn"], arnOf("sfn:StateMachine", "sms-api-dev-dispatch"))
	campaigns := c.one(t, "sfn:StateMachine", "campaigns")
	functions = map[string]string{}
	for state, name := range deployment.CampaignTasks() {
		functions[state] = arnOf("lambda:Function", "sms-api-dev-"+name)
	}
	if want, err = statemachine.CampaignDefinition(functions); err != nil {
		t.Fatal(err)
	}
	same(t, "definition of campaigns", campaigns.text("definition"), want)
	for _, property := range []string{"type", "publish", "loggingConfiguration.includeExecutionData", "loggingConfiguration.level",
		"tracingConfiguration", "encryptionConfiguration"} {
		same(t, "campaigns: "+property, campaigns.at(property), machine.at(property))
	}
	// It is called what its functions, and the API, start.
	started := arnOf("sfn:StateMachine", campaigns.text("name")) + ":" + c.one(t, "sfn:Alias", "campaigns").text("name")
	for _, name := range []string{"api", "campaign"} {
		same(t, "what "+name+" starts", c.one(t, "lambda:Function", name).at("environment.variables.CAMPAIGN_MACHINE_ARN"), started)
	}

	same(t, "log level from the settings", deployed(t, map[string]string{"workflow:logLevel": "ALL"}).one(t, "sfn:StateMachine",
		"dispatch").at("loggingConfiguration.level"), "ALL")
}
