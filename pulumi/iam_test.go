package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/deployment"
)

// statements are a policy's statements, one line each: who, what, on what, when.
func statements(t *testing.T, policy string) []string {
	t.Helper()
	var all []string
	for _, s := range list(parsed(t, policy)["Statement"]) {
		statement := s.(map[string]any)
		line := fmt.Sprint(flat(statement["Action"]))
		if statement["Effect"] != "Allow" {
			line = fmt.Sprint(statement["Effect"], " ", line)
		}
		for _, field := range []string{"Principal", "Resource", "Condition"} {
			if statement[field] != nil {
				line += " | " + flat(statement[field])
			}
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// flat writes a list or an object of a policy in one line, without the account and the region of the test.
func flat(value any) string {
	switch value := value.(type) {
	case []any:
		var all []string
		for _, item := range value {
			all = append(all, flat(item))
		}
		return strings.Join(all, " ")
	case map[string]any:
		var all []string
		for key, item := range value {
			all = append(all, key+" "+flat(item))
		}
		slices.Sort(all)
		return strings.Join(all, ", ")
	}
	return strings.ReplaceAll(fmt.Sprint(value), testRegion+":"+testAccount+":", "")
}

const busARN = "arn:aws:events:event-bus/sms-api-dev"

// TestRoles: each function has one, and so have the state machines and the rule that starts campaigns. What they may do is in
// testdata/functions.txt.
func TestRoles(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	want := append(functionNames(), "dispatch", "campaigns", "campaign-file")
	slices.Sort(want)
	same(t, "roles", names(c.all("iam:Role")), want)
	// AWS's own policies for functions let them create log groups.
	same(t, "policies of AWS's", len(c.all("iam:RolePolicyAttachment")), 0)
	for _, policy := range c.all("iam:RolePolicy") {
		if strings.Contains(policy.text("policy"), "logs:CreateLogGroup") {
			t.Errorf("%s makes a log group again that was deleted", policy.name)
		}
	}
}

// TestWildcards finds every * of every policy and compares with the list of those that AWS leaves no choice about.
func TestWildcards(t *testing.T) {
	t.Parallel()
	documented := []string{
		// Lambda names log streams and network interfaces.
		"logs:CreateLogStream", "logs:PutLogEvents",
		"ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
		"ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses",
		// X-Ray and log deliveries have no resources.
		"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
		"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
		"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
		// Executions are named by messages.
		"states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution",
	}
	// Objects are named by campaigns.
	const objects = "arn:aws:s3:::sms-api-dev-campaigns-1a2b3c4/campaigns/*/"
	c := deployed(t, map[string]string{
		"events:producerAccounts": `["222233334444"]`, "encryption:key": "arn:aws:kms:ap-northeast-2:111122223333:key/1",
	})
	for _, r := range c.resources {
		for _, property := range []string{"policy", "assumeRolePolicy"} {
			if r.text(property) == "" {
				continue
			}
			for _, s := range list(parsed(t, r.text(property))["Statement"]) {
				statement := s.(map[string]any)
				if statement["Effect"] == "Deny" {
					continue // the more, the better
				}
				if strings.Contains(flat(statement["Action"]), "*") {
					t.Errorf("%s %s: %v", r.kind, r.name, statement)
				}
				if strings.Contains(flat(statement["Principal"]), "*") {
					t.Errorf("%s %s: anybody may: %v", r.kind, r.name, statement)
				}
				if !strings.Contains(flat(statement["Resource"]), "*") {
					continue
				}
				for _, action := range list(statement["Action"]) {
					if name := action.(string); strings.HasPrefix(name, "s3:") && strings.HasSuffix(name, "Object") &&
						!slices.ContainsFunc(list(statement["Resource"]), func(on any) bool { return !strings.HasPrefix(on.(string), objects) }) {
						continue
					}
					if !slices.Contains(documented, action.(string)) {
						t.Errorf("%s %s: %v on %v", r.kind, r.name, action, statement["Resource"])
					}
				}
			}
		}
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	for _, role := range c.all("iam:Role") {
		want := []string{"sts:AssumeRole | Service lambda.amazonaws.com"}
		switch role.name {
		case "sms-api-dev-dispatch", "sms-api-dev-campaigns":
			want = []string{"sts:AssumeRole | Service states.amazonaws.com | StringEquals aws:SourceAccount " + testAccount}
		case "sms-api-dev-campaign-file":
			want = []string{"sts:AssumeRole | Service events.amazonaws.com | ArnEquals aws:SourceArn arn:aws:events:rule/sms-api-dev-campaign-file"}
		}
		same(t, role.name, statements(t, role.text("assumeRolePolicy")), want)
	}
	users := map[string]string{}
	for _, f := range c.all("lambda:Function") {
		users[f.text("role")] = f.name
	}
	same(t, "each function has a role of its own", len(users), len(deployment.Functions()))
	for _, machine := range []string{"dispatch", "campaigns"} {
		same(t, machine+"'s role", c.one(t, "sfn:StateMachine", machine).at("roleArn"), arnOf("iam:Role", "sms-api-dev-"+machine))
	}
}
