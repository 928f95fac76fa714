package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/testkit"
)

// TestREADME holds what the README and its pages name of a stack to the program: outputs, settings, saved queries, what is protected, and
// the services that whoever deploys needs rights to.
func TestREADME(t *testing.T) {
	t.Parallel()
	text := strings.Join(strings.Fields(testkit.Docs(t)), " ")
	c := deployed(t, map[string]string{"encryption:key": keyNew, "network:egress": egressNATInstance})
	for _, name := range matches(text, "pulumi stack output ([A-Za-z]+)") {
		if _, ok := c.outputs[name]; !ok {
			t.Errorf("the stack has no output %s", name)
		}
	}
	for _, key := range matches(text, "`((?:network|functions|workflow|secrets|encryption|events|api|alarms|campaigns):[A-Za-z]+)`") {
		if key == "functions:NAME" || key == "campaigns:send" { // any function's, and a scope
			continue
		}
		if _, err := readConfig("sms-api", "dev", map[string]string{key: "?"}, nil); err != nil &&
			strings.Contains(err.Error(), "there is no such setting") {
			t.Errorf("there is no setting %s", key)
		}
	}
	for _, query := range matches(text, "saved query `([^`]+)`") {
		c.one(t, "cloudwatch:QueryDefinition", query)
	}
	var protected []string
	for _, r := range c.resources {
		if r.rpc.GetProtect() && r.rpc.GetCustom() {
			protected = append(protected, r.kind)
		}
	}
	slices.Sort(protected)
	same(t, "what the page on operating says is protected", protected, []string{"dynamodb:Table", "ec2:Eip", "kms:Key"})
	_, rights, _ := strings.Cut(text, "Whoever deploys needs,")
	rights, _, _ = strings.Cut(rights, "##")
	settings := map[string]string{
		"network:egress": egressNATGatewayPerAZ, "network:analyse": "true", "api:domainName": "sms.example.com",
		"api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/abc", "api:jwtIssuer": "https://issuer.example.com",
		"api:jwtAudience": "shop", "alarms:emails": "oncall@example.com", "events:producerAccounts": `["222233334444"]`,
	}
	maps.Copy(settings, managedSettings)
	for _, c := range []*cloud{
		c, deployed(t, settings, managedKeys...), deployed(t, map[string]string{"network:vpcId": theirVPC, "network:cidr": "10.1.0.0/20",
			"network:eipAllocationId": "eipalloc-0123456789abcdef0"}),
	} {
		for _, kind := range slices.Sorted(maps.Keys(madeKinds(c))) {
			if word := right(kind); word == "" || !strings.Contains(rights, word) {
				t.Errorf("whoever deploys needs rights for %s, of which no page says anything (%q)", kind, word)
			}
		}
		for look := range c.looked {
			if word, known := rightToLook()[look]; !known || !strings.Contains(rights, word) {
				t.Errorf("whoever deploys needs rights for %s, of which no page says anything (%q)", look, word)
			}
		}
	}
}

// rightToLook is how the README names the rights for a look-up; some need none.
func rightToLook() map[string]string {
	return map[string]string{
		"readStackOutputs": "", "getPartition": "", "getRegion": "", "getPolicyDocument": "",
		"getCallerIdentity": "`sts:GetCallerIdentity`", "getParametersByPath": "`ssm:GetParametersByPath`",
		"getParameter": "`ssm:GetParameter` of `/aws/service/ami-amazon-linux-latest/*`", "getAvailabilityZones": "zones", "getVpc": "VPC",
		"getInternetGateway": "gateways", "getElasticIp": "addresses",
	}
}

// matches are the first groups of all matches.
func matches(text, pattern string) (all []string) {
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

// madeKinds are the kinds of AWS's resources that are made.
func madeKinds(c *cloud) map[string]bool {
	all := map[string]bool{}
	for _, r := range c.resources {
		if r.rpc.GetCustom() && !strings.HasPrefix(r.kind, "pulumi") {
			all[r.kind] = true
		}
	}
	return all
}

// right is how the README names the rights to make a kind of resource.
func right(kind string) string {
	module, name, _ := strings.Cut(kind, ":")
	switch {
	case module == "ec2":
		return map[string]string{
			"Vpc": "VPC", "Subnet": "subnets", "Route": "routes", "RouteTable": "routes", "RouteTableAssociation": "routes",
			"InternetGateway": "gateways", "NatGateway": "gateways", "Eip": "addresses", "EipAssociation": "addresses",
			"SecurityGroup": "security groups", "DefaultSecurityGroup": "security groups", "NetworkInterface": "interfaces",
			"NetworkInsightsPath": "insights", "NetworkInsightsAnalysis": "insights", "VpcEndpoint": "endpoints", "Instance": "instances",
		}[name]
	case module == "ssm":
		return "with managed secrets also writing them"
	case module == "sfn":
		return "`states`"
	case module == "apigatewayv2":
		return "`apigateway`"
	case module == "cloudwatch" && strings.HasPrefix(name, "Event"):
		return "`events`"
	case module == "cloudwatch" && (strings.HasPrefix(name, "Log") || name == "QueryDefinition"):
		return "`logs`"
	}
	return "`" + module + "`"
}
