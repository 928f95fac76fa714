package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sms-api/internal/deployment"
)

// TestBadSettings: one case a mistake, and what the program says about it.
func TestBadSettings(t *testing.T) {
	t.Parallel()
	theirs := map[string]string{"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"}
	with := func(more map[string]string) map[string]string {
		all := map[string]string{}
		for _, m := range []map[string]string{theirs, more} {
			for key, value := range m {
				all[key] = value
			}
		}
		return all
	}
	route := func(change string) map[string]string {
		var fields map[string]any
		good := `{"name":"order-paid","pattern":{"source":["shop"]},"inputPaths":{"phone":"$.detail.phone"},` +
			`"inputTemplate":"{\"template\":\"T\",\"recipients\":[{\"to\":\"<phone>\"}]}"}`
		for _, text := range []string{good, change} {
			if err := json.Unmarshal([]byte(text), &fields); err != nil {
				t.Fatal(err)
			}
		}
		text, err := json.Marshal([]any{fields})
		if err != nil {
			t.Fatal(err)
		}
		return map[string]string{"events:routes": string(text)}
	}
	for says, settings := range map[string]map[string]string{
		`network:egress: "nat" is not one of nat-gateway, nat-gateway-per-az, nat-instance`: {"network:egress": "nat"},
		`network:cidr: "10.0.0.1/16" is not a block`:                                        {"network:cidr": "10.0.0.1/16"},
		`network:cidr: "10.0.0.0" is not a block`:                                           {"network:cidr": "10.0.0.0"},
		`network:cidr: "fd00::/20" is not a block of IPv4`:                                  {"network:cidr": "fd00::/20"},
		`network:cidr: 10.0.0.0/27 is not between /16 and /26`:                              {"network:cidr": "10.0.0.0/27"},
		`network:cidr: 10.0.0.0/8 is not between /16 and /26`:                               {"network:cidr": "10.0.0.0/8"},
		`network:cidr: 203.0.112.0/20 is not a block of private`:                            {"network:cidr": "203.0.112.0/20"},
		`network:availabilityZones: there must be two, not 1`: {
			"network:availabilityZones": "ap-northeast-2a"},
		`network:availabilityZones: "Seoul" is not the name`: {
			"network:availabilityZones": `["Seoul","ap-northeast-2a"]`},
		`network:availabilityZones: "ap-northeast-2a" is there twice`: {
			"network:availabilityZones": `["ap-northeast-2a","ap-northeast-2a"]`},
		`network:eipAllocationId: "203.0.113.1" is not the allocation ` +
			`id`: {"network:eipAllocationId": "203.0.113.1"},
		`network:eipAllocationId: nat-gateway-per-az has 2 addresses, not ` +
			`1`: {"network:egress": egressNATGatewayPerAZ, "network:eipAllocationId": "eipalloc-0123456789abcdef0"},
		`network:vpcId: "vpc" is not the id`: {"network:vpcId": "vpc",
			"network:cidr": "10.0.0.0/24"},
		`network:cidr: say which free part of ` + theirVPC: {"network:vpcId": theirVPC},
		`network:subnetIds: a network of your own is subnetIds and securityGroupIds ` +
			`together`: {"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa"},
		`network:securityGroupIds: "default" is not the id`: with(map[string]string{
			"network:securityGroupIds": "default"}),
		`network:egress: nothing is made in a network of your own`: with(map[string]string{
			"network:egress": egressNATInstance}),
		`network:eipAllocationId: nothing is made in a network of your ` +
			`own`: with(map[string]string{"network:eipAllocationId": "eipalloc-0123456789abcdef0"}),
		`network:analyse: "maybe" is not true or false`: {"network:analyse": "maybe"},
		`network:analyse: Reachability Analyzer does not look through an instance`: {"network:analyse": "true",
			"network:egress": egressNATInstance},
		`network:egres: there is no such setting`:              {"network:egres": "nat-instance"},
		`functions:alimtak: there is no such setting`:          {"functions:alimtak": "{}"},
		`functions:sms: memory 64 is not from 128 to 10240 MB`: {"functions:sms": `{"memory":64}`},
		`functions:sms: timeout 56 is not from 3 to 55 seconds: the state machine's task gives up after ` +
			`that`: {"functions:sms": `{"timeout":56}`},
		`functions:api: timeout 30 is not from 3 to 29 seconds: API Gateway gives up after ` +
			`that`: {"functions:api": `{"timeout":30}`},
		`functions:sms: reservedConcurrency 0 is neither -1`: {
			"functions:sms": `{"reservedConcurrency":0}`},
		`functions:sms: json: unknown field "mem"`:                          {"functions:sms": `{"mem":512}`},
		`functions:logLevel: "INFO" is not one of debug, info, warn, error`: {"functions:logLevel": "INFO"},
		`functions:logRetentionDays: 31 is not one of`: {
			"functions:logRetentionDays": "31"},
		`functions:logRetentionDays: "never" is not a number`: {
			"functions:logRetentionDays": "never"},
		`workflow:logLevel: "DEBUG" is not one of OFF, FATAL, ERROR, ALL`: {"workflow:logLevel": "DEBUG"},
		`encryption:key: "alias/mine" is not "aws", "new" or the ARN`:     {"encryption:key": "alias/mine"},
		`encryption:formerKeys: "aws" is not "new" or the ARN`:            {"encryption:formerKeys": "aws"},
		`encryption:formerKeys: new is encryption:key`:                    {"encryption:key": "new", "encryption:formerKeys": `["new"]`},
		`events:producerAccounts: "shop" is not an account's 12 digits`: {
			"events:producerAccounts": "shop"},
		`events:producerAccounts: YAML has read a text as a number`: {"events:producerAccounts": `[222233334444]`},
		`events:producerAccounts: "1.402433107e+09" is not`:         {"events:producerAccounts": "1.402433107e+09"},
		`sms-api:tags: YAML has read a text as a number`:            {"sms-api:tags": `{"CostCenter":4711}`},
		`events:archiveDays: "-1" is not a number from 0`:           {"events:archiveDays": "-1"},
		`events:archiveDays: "91" is not a number from 0 to 90`:     {"events:archiveDays": "91"},
		`events:webhooks[1]: url does not begin with https://`: with(map[string]string{"events:webhooks": `[
			{"name":"crm","url":"https://crm.example.com/"},{"name":"old","url":"http://127.0.0.1/"}]`}),
		`events:webhooks[1]: the name "crm" is there twice`: with(map[string]string{"events:webhooks": `[
			{"name":"crm","url":"https://crm.example.com/"},{"name":"crm","url":"https://crm.example.com/2"}]`}),
		`events:webhooks: json: unknown field "secret"`: with(map[string]string{"events:webhooks": `[
			{"name":"crm","url":"https://crm.example.com/","secret":"s"}]`}),
		`events:routes[0]: name "Order Paid" is not`:        route(`{"name":"Order Paid"}`),
		`events:routes[0]: pattern is not an event pattern`: route(`{"pattern":{}}`),
		`events:routes[0]: pattern: detail.status: what is compared stands in a ` +
			`list`: route(`{"pattern":{"detail":{"status":"PAID"}}}`),
		`events:routes[0]: pattern: source: the list is empty`: route(`{"pattern":{"source":[]}}`),
		`events:routes[0]: pattern: it could match the system's own events`: route(
			`{"pattern":{"detail":{"status":["failed"]}}}`),
		`events:routes[0]: inputPaths: phone: "detail.phone" is not a ` +
			`path`: route(`{"inputPaths":{"phone":"detail.phone"}}`),
		`events:routes[0]: inputPaths: "aws-phone" is not a name`: route(
			`{"inputPaths":{"phone":"$.detail.phone","aws-phone":"$.a"}}`),
		`events:routes[0]: inputTemplate: <number> is not among the inputPaths`: route(
			`{"inputTemplate":"{\"to\":\"<number>\"}"}`),
		`events:routes[0]: inputTemplate is not a JSON object`: route(
			`{"inputTemplate":"{\"to\":<phone>"}`),
		`events:routes[0]: inputTemplate: it is longer than`: route(
			`{"inputTemplate":"{\"text\":\"` + strings.Repeat("x", 8192) + `\"}"}`),
		`events:routes[0]: inputTemplate: /recipients/0/to is missing; no event makes it right`: route(
			`{"inputTemplate":{"template":"T","recipients":[{"phone":"<phone>"}]}}`),
		`events:routes[0]: inputTemplate: /purpose this stack does no advertising`: route(
			`{"inputTemplate":{"channel":"sms","text":"a","purpose":"ad","recipients":[{"to":"<phone>"}]}}`),
		`events:routes[1]: the name "a" is there twice`: {"events:routes": `[{"name":"a",` +
			`"pattern":{"source":["b"]},"inputTemplate":"{}"},{"name":"a","pattern":{"source":["b"]},"inputTemplate":{}}]`},
		`events:routes: there are 41; a stack has at most 40`: {"events:routes": `[` + strings.Repeat(`{},`, 40) + `{}]`},
		`events:routes: json: unknown field "template"`: {
			"events:routes": `[{"template":"x"}]`},
		`api:jwtIssuer: "issuer.example.com" is not an https URL`: {
			"api:jwtIssuer": "issuer.example.com", "api:jwtAudience": "shop"},
		`api:jwtAudience: jwtIssuer and jwtAudience go together`: {
			"api:jwtIssuer": "https://issuer.example.com"},
		`api:corsOrigins: "*" is not an origin`: {"api:corsOrigins": "*"},
		`api:corsOrigins: "http://shop.example.com" is not an origin`: {
			"api:corsOrigins": "http://shop.example.com"},
		`api:corsOrigins: "https://shop.example.com/" is not an origin`: {
			"api:corsOrigins": "https://shop.example.com/"},
		`api:frontendRoles: "a/b" is neither the name nor the ARN of a role`: {"api:frontendRoles": `["web","a/b"]`},
		`templates:TX_1: "주문번호": pattern: error parsing regexp`:              {"templates:TX_1": `{"주문번호":{"pattern":"("}}`},
		`templates:TX_1: "주문번호": maxLength 2000 is not from 1 to 1000`:       {"templates:TX_1": `{"주문번호":{"maxLength":2000}}`},
		`templates:TX_1: json: unknown field "length"`:                       {"templates:TX_1": `{"주문번호":{"length":20}}`},
		`api:throttleRate: "0" is not a number from 1`:                       {"api:throttleRate": "0"},
		`api:throttleBurst: "many" is not a number`:                          {"api:throttleBurst": "many"},
		`api:readThrottleRate: "0" is not a number`:                          {"api:readThrottleRate": "0"},
		`api:domainName: domainName and certificateArn go together`: {
			"api:domainName": "sms.example.com"},
		`api:domainName: "https://sms.example.com" is not a host name`: {
			"api:domainName": "https://sms.example.com", "api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/1"},
		`api:certificateArn: "mine" is not the ARN`: {
			"api:domainName": "sms.example.com", "api:certificateArn": "mine"},
		`ads: contact is missing: an advertisement needs senderName, contact and refusal`: {
			"ads:senderName": "가나상점", "ads:refusal": "무료수신거부 080-000-0000"},
		`ads:until: "25:00" is not a time of day such as 20:50`: {"ads:until": "25:00"},
		`ads: until is 21:00, which is not from 08:01 to 20:55`: {"ads:until": "21:00"},
		`api:untrustedMaxRecipients: "501" is not a number from 1 to 500`: {
			"api:untrustedMaxRecipients": "501"},
		`secrets:prefix: "aligo/" is not a parameter path`:                                    {"secrets:prefix": "aligo/"},
		`secrets:prefix: "/aws/aligo" is not a parameter path`:                                {"secrets:prefix": "/aws/aligo"},
		`secrets:apiKey: secrets:managed needs it: pulumi config set --secret secrets:apiKey`: {"secrets:managed": "true"},
		`secrets:senderKey: without secrets:managed the program writes no parameters`:         {"secrets:senderKey": "x"},
		`secrets:userId: it is in the stack file as plain text: pulumi config set --secret secrets:userId`: {"secrets:managed": "true",
			"secrets:userId": "shop"},
		`alarms:emails: "oncall" is not an e-mail address`: {"alarms:emails": "oncall"},
		`alarms:topicArn: "oncall" is not the ARN`:         {"alarms:topicArn": "oncall"},
		`alarms:emails: a topic of your own (alarms:topicArn) has its own ` +
			`subscriptions`: {"alarms:topicArn": "arn:aws:sns:ap-northeast-2:111122223333:oncall",
			"alarms:emails": "a@example.com"},
		`alarms:balanceMinutes: "1" is not a number from 5 to 720`: {"alarms:balanceMinutes": "1"},
		`alarms:lowBalance: "-5" is not a number from 0`:           {"alarms:lowBalance": "-5"},
		`sms-api:tags: json: cannot unmarshal`:                     {"sms-api:tags": `["a"]`},
	} {
		t.Run(says, func(t *testing.T) {
			t.Parallel()
			_, err := readConfig("sms-api", "dev", settings, nil)
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEverythingWrongAtOnce(t *testing.T) {
	t.Parallel()
	_, err := readConfig("sms-api", "dev", map[string]string{
		"network:egress": "nat", "network:cidr": "all", "api:throttleRate": "0", "alarms:emails": "nobody", "secrets:managed": "true",
		"events:rout": "[]",
	}, nil)
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	// Six settings, of which secrets:managed lacks four others.
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 9 {
		t.Errorf("%d mistakes are told:\n%v", len(lines), err)
	}
}

func TestStackNames(t *testing.T) {
	t.Parallel()
	for stack, ok := range map[string]bool{"dev": true, "prod-eu-2": true, "Dev": false, "feature.x": false, "feature_x": false,
		strings.Repeat("x", 33): false} {
		if _, err := readConfig("sms-api", stack, nil, nil); (err == nil) != ok {
			t.Errorf("stack %s: %v", stack, err)
		}
	}
}

// TestRuleNames: what is accepted here is a name that EventBridge accepts.
func TestRuleNames(t *testing.T) {
	t.Parallel()
	for length, ok := range map[int]bool{1: true, 17: true, 18: false, 30: false} {
		name := strings.Repeat("x", length)
		settings := map[string]string{"events:routes": `[{"name":"` + name + `","pattern":{"source":["shop"]},` +
			`"inputTemplate":{"template":"T","recipients":[{"to":"<$.detail.phone>"}]}}]`}
		// sms-api-STACK is as long as it may be.
		stack := strings.Repeat("s", 32)
		config, err := readConfig("sms-api", stack, settings, nil)
		if (err == nil) != ok {
			t.Errorf("route %s: %v", name, err)
		}
		if err != nil {
			continue
		}
		for _, rule := range deployment.Rules(config.events.routes) {
			if full := config.prefix + "-" + rule.Name; len(full) > deployment.RuleNameLength {
				t.Errorf("%s has %d characters", full, len(full))
			}
		}
	}
}

// TestElsewhere: what is in another region is refused before anything is made, all of it at once.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	c := &cloud{}
	err := tryDeploy(c, map[string]string{
		"api:domainName": "sms.example.com", "api:certificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/1",
		"alarms:topicArn": "arn:aws:sns:eu-west-1:111122223333:oncall", "encryption:key": strings.Replace(theirKey, "-2:", "-1:", 1),
		"network:availabilityZones": `["ap-northeast-2a","ap-northeast-1c"]`,
	})
	for _, says := range []string{
		"api:certificateArn: it is in us-east-1, and the stack in ap-northeast-2", "alarms:topicArn: it is in eu-west-1",
		"encryption:key: it is in ap-northeast-1", "network:availabilityZones: ap-northeast-1c is not in ap-northeast-2",
	} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not said in: %v", says, err)
		}
	}
	same(t, "resources made before that", len(c.resources), 0)
}

func TestManagedSecretsAreRead(t *testing.T) {
	t.Parallel()
	config, err := readConfig("sms-api", "dev", managedSettings, managedKeys)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "values", config.secrets.values, map[string]string{"api-key": "key-of-aligo", "user-id": "shop",
		"sender-key": "sender-key-of-kakao", "sender": "0212345678"})
	spaced := map[string]string{}
	for key, value := range managedSettings {
		spaced[key] = value + "\n"
	}
	spaced["secrets:managed"] = "true"
	if _, err := readConfig("sms-api", "dev", spaced, managedKeys); err == nil ||
		!strings.Contains(err.Error(), "secrets:apiKey: it has white space in it") {
		t.Errorf("a value with a line break: %v", err)
	}
}

// TestForeignSettings: other programs and providers have settings in the same file.
func TestForeignSettings(t *testing.T) {
	t.Parallel()
	if _, err := readConfig("sms-api", "dev", map[string]string{"aws:region": "eu-central-1", "aws:profile": "work", "pulumi:tags": "{}"},
		nil); err != nil {
		t.Error(err)
	}
}

// TestExamplesSayNothing: a stack file that was copied and not read gives nobody rights, and nobody is written to.
func TestExamplesSayNothing(t *testing.T) {
	t.Parallel()
	settings := stackFile(t, filepath.Join("..", "Pulumi.prod.yaml"), false)
	for key, value := range settings {
		if strings.Contains(strings.ToLower(value), "example") || regexp.MustCompile(`\d{12}`).MatchString(value) {
			t.Errorf("%s is %s", key, value)
		}
	}
	c := deployed(t, settings)
	same(t, "others who may put events", len(c.all("cloudwatch:EventBusPolicy")), 0)
	same(t, "others whose tokens are taken", len(c.all("apigatewayv2:Authorizer")), 0)
	same(t, "subscriptions", len(c.all("sns:TopicSubscription")), 0)
}

// TestExampleStacks deploys the stack files of the repository with their examples.
func TestExampleStacks(t *testing.T) {
	t.Parallel()
	for stack, check := range map[string]func(*testing.T, *cloud){
		"dev": func(t *testing.T, c *cloud) {
			t.Helper()
			c.one(t, "ec2:Instance", "nat")
			same(t, "route", c.one(t, "cloudwatch:EventRule", "route-order-paid").at("eventPattern"),
				`{"detail-type":["OrderPaid"],"source":["com.example.shop"]}`)
			same(t, "concurrency", c.one(t, "lambda:Function", "sms").at("reservedConcurrentExecutions"), -1)
		},
		"prod": func(t *testing.T, c *cloud) {
			t.Helper()
			c.one(t, "kms:Key", "")
			c.one(t, "apigatewayv2:Authorizer", "")
			same(t, "concurrency", c.one(t, "lambda:Function", "api").at("reservedConcurrentExecutions"), 50)
			same(t, "tags", c.one(t, "lambda:Function", "sms").at("tags.CostCenter"), "4711")
			same(t, "alarm", c.one(t, "cloudwatch:MetricAlarm", "low-balance").at("threshold"), 5000)
		},
	} {
		t.Run(stack, func(t *testing.T) {
			t.Parallel()
			check(t, deployed(t, stackFile(t, filepath.Join("..", "Pulumi."+stack+".yaml"), true)))
		})
	}
}

// stackFile reads a stack's settings the way Pulumi hands them to a program: texts as they are, all else as JSON. With examples,
// what begins with #: is a setting.
func stackFile(t *testing.T, path string, examples bool) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if examples {
		data = bytes.ReplaceAll(data, []byte("#: "), nil)
	}
	var file struct {
		Config map[string]any `yaml:"config"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	settings := map[string]string{}
	for key, value := range file.Config {
		switch value := value.(type) {
		case map[string]any, []any:
			text, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			settings[key] = string(text)
		default:
			settings[key] = fmt.Sprint(value)
		}
	}
	return settings
}
