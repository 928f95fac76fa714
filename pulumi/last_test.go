package main

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

// TestAddressesThatGo: the engine's refusal to delete what is protected is not the first that somebody hears of it.
func TestAddressesThatGo(t *testing.T) {
	t.Parallel()
	const first, second = "Network$aws:ec2/eip:Eip::sms-api-dev-egress'", "Network$aws:ec2/eip:Eip::sms-api-dev-egress-2'"
	perZone := map[string]string{"network:egress": egressNATGatewayPerAZ}
	theirs := map[string]string{"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"}
	for about, tc := range map[string]struct {
		last     int
		settings map[string]string
		goes     []string
	}{
		"the first deployment":   {0, nil, nil},
		"nothing changes":        {1, nil, nil},
		"one more":               {1, perZone, nil},
		"two stay":               {2, perZone, nil},
		"one less":               {2, nil, []string{second}},
		"to a NAT instance":      {2, map[string]string{"network:egress": egressNATInstance}, []string{second}},
		"to an address that is":  {1, map[string]string{"network:eipAllocationId": "eipalloc-0123456789abcdef0"}, []string{first}},
		"to a network of theirs": {2, theirs, []string{first, second}},
		"in a network of theirs": {0, theirs, nil},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			config, err := readConfig("sms-api", "dev", tc.settings, nil)
			if err != nil {
				t.Fatal(err)
			}
			text := config.leaves(lastDeployment{EgressIPs: make([]string, tc.last)}, "sms-api", "dev")
			same(t, "warns", text != "", tc.goes != nil)
			same(t, "addresses", strings.Count(text, "pulumi state unprotect 'urn:pulumi:dev::sms-api::sms-api:index:"), len(tc.goes))
			for _, one := range tc.goes {
				if !strings.Contains(text, one) {
					t.Errorf("%q is not in %s", one, text)
				}
			}
		})
	}
	// What the last deployment left is read from its outputs.
	c := &cloud{last: map[string]any{"egressIps": []any{"203.0.113.1", "203.0.113.2"}}}
	if err := tryDeploy(c, nil); err != nil {
		t.Error(err)
	}
}

// The outputs of a deployment in a network of its own, in one of somebody else's VPCs, and in somebody else's network.
func lastIn(egress string, more map[string]any) map[string]any {
	all := map[string]any{
		"eventBusArn": "arn:aws:events:" + testRegion + ":" + testAccount + ":event-bus/sms-api-dev",
		"egressIps":   []any{"203.0.113.1"}, "apiUrl": "https://a1.execute-api.ap-northeast-2.amazonaws.com",
		"network": map[string]any{
			"vpcId": "", "cidr": "10.77.0.0/20", "availabilityZones": []any{testRegion + "a", testRegion + "b"}, "egress": egress,
		},
	}
	maps.Copy(all, more)
	return all
}

// TestWhatStays: what cannot be changed in place is refused before anything is made, all of it at once.
func TestWhatStays(t *testing.T) {
	t.Parallel()
	const (
		cidr  = "network:cidr: the subnets are in 10.77.0.0/20, and cannot be moved"
		zones = "network:availabilityZones: the subnets are in ap-northeast-2a and ap-northeast-2b, in this order, and cannot be moved"
	)
	there := map[string]any{"network": map[string]any{"vpcId": theirVPC, "cidr": "10.1.0.0/20", "egress": egressNATGateway}}
	elsewhere := func(in string) map[string]any {
		return lastIn(egressNATGateway, map[string]any{"eventBusArn": "arn:aws:events:" + in + ":event-bus/sms-api-dev"})
	}
	own := map[string]any{"network": map[string]any{"subnetIds": []any{"subnet-0aaaaaaaaaaaaaaaa"}}}
	for about, tc := range map[string]struct {
		last     map[string]any
		settings map[string]string
		refused  []string
	}{
		"the first deployment": {nil, map[string]string{"network:cidr": "10.9.0.0/20"}, nil},
		"the same": {lastIn(egressNATGateway, nil),
			map[string]string{"network:cidr": "10.77.0.0/20", "network:availabilityZones": `["ap-northeast-2a","ap-northeast-2b"]`}, nil},
		"another block": {lastIn(egressNATGateway, nil), map[string]string{"network:cidr": "10.9.0.0/20"}, []string{cidr}},
		"another block and other zones": {lastIn(egressNATGateway, nil),
			map[string]string{"network:cidr": "10.9.0.0/20", "network:availabilityZones": `["ap-northeast-2a","ap-northeast-2c"]`},
			[]string{cidr, zones}},
		"the zones the other way round": {lastIn(egressNATGateway, nil),
			map[string]string{"network:availabilityZones": `["ap-northeast-2b","ap-northeast-2a"]`}, []string{zones}},
		"another block of their VPC": {lastIn(egressNATGateway, there),
			map[string]string{"network:vpcId": theirVPC, "network:cidr": "10.9.0.0/20"}, []string{"network:cidr: the subnets are in 10.1.0.0/20"}},
		"to their VPC": {lastIn(egressNATGateway, nil), map[string]string{"network:vpcId": theirVPC, "network:cidr": "10.9.0.0/20"},
			[]string{"network:vpcId: the subnets are in the stack's own VPC, and cannot be moved"}},
		"from their VPC": {lastIn(egressNATGateway, there), nil, []string{"network:vpcId: the subnets are in " + theirVPC}},
		"to their network": {lastIn(egressNATGateway, nil),
			map[string]string{"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"}, nil},
		"from their network": {lastIn(egressNATGateway, own), map[string]string{"network:cidr": "10.9.0.0/20"}, nil},
		"another account": {elsewhere(testRegion + ":444455556666"), nil,
			[]string{"this stack is in account 444455556666, ap-northeast-2, and this would be account " + testAccount + ", ap-northeast-2"}},
		"another region": {elsewhere("eu-west-1:" + testAccount), nil, []string{"Another account or region is another stack"}},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			c := &cloud{last: tc.last}
			err := tryDeploy(c, tc.settings)
			if (err == nil) != (tc.refused == nil) {
				t.Errorf("got %v", err)
			}
			for _, says := range tc.refused {
				if err != nil && !strings.Contains(err.Error(), says) {
					t.Errorf("%q is not said in: %v", says, err)
				}
			}
			if err != nil {
				same(t, "resources made before that", len(c.resources), 0)
			}
		})
	}
}

// TestZonesStay: a stack is where it is, whichever zones AWS lists first by now.
func TestZonesStay(t *testing.T) {
	t.Parallel()
	zones := []any{testRegion + "b", testRegion + "c"}
	c := &cloud{last: map[string]any{"network": map[string]any{"cidr": "10.77.0.0/20", "availabilityZones": zones}}}
	if err := tryDeploy(c, nil); err != nil {
		t.Fatal(err)
	}
	same(t, "subnets", names(c.all("ec2:Subnet")), []string{"private-b", "private-c", "public-b", "public-c"})
	same(t, "what the next deployment reads", c.outputs["network"].(map[string]any)["availabilityZones"], zones)
}

// TestWarnings: who changes a setting that interrupts somebody hears it before it is so.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const (
		turns  = "pulumi destroy --target 'urn:pulumi:dev::sms-api::sms-api:index:Network$aws:ec2/natGateway:NatGateway::sms-api-dev-nat'"
		back   = "--target 'urn:pulumi:dev::sms-api::sms-api:index:Network$aws:ec2/eipAssociation:EipAssociation::sms-api-dev-nat'"
		moves  = "Messages will leave by an address that is not 203.0.113.1"
		closes = "https://a1.execute-api.ap-northeast-2.amazonaws.com no longer answers"
		mine   = "https://sms.example.com"
		goes   = "pulumi state unprotect"
	)
	named := map[string]string{
		"api:domainName": "sms.example.com", "api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/abc",
	}
	instance, perZone := map[string]string{"network:egress": egressNATInstance}, map[string]string{"network:egress": egressNATGatewayPerAZ}
	const theirAddress = "eipalloc-0123456789abcdef0"
	brought := map[string]any{"network": map[string]any{"egress": egressNATGateway, "eipAllocationIds": []any{theirAddress}}}
	bring := map[string]string{"network:eipAllocationId": theirAddress}
	for about, tc := range map[string]struct {
		last     map[string]any
		settings map[string]string
		says     []string
	}{
		"the first deployment":          {nil, instance, nil},
		"nothing changes":               {lastIn(egressNATGateway, nil), nil, nil},
		"to a NAT instance":             {lastIn(egressNATGateway, nil), instance, []string{turns}},
		"and back":                      {lastIn(egressNATInstance, nil), nil, []string{back}},
		"a NAT instance stays":          {lastIn(egressNATInstance, nil), instance, nil},
		"a gateway in the second zone":  {lastIn(egressNATGateway, nil), perZone, []string{moves}},
		"an address that is stays":      {lastIn(egressNATGateway, brought), bring, nil},
		"an address that is goes":       {lastIn(egressNATGateway, brought), nil, []string{moves}},
		"an address that is brought in": {lastIn(egressNATGateway, nil), bring, []string{goes}},
		"a domain":                      {lastIn(egressNATGateway, nil), named, []string{closes}},
		"a domain stays":                {lastIn(egressNATGateway, map[string]any{"apiUrl": mine}), named, nil},
		"a domain goes":                 {lastIn(egressNATGateway, map[string]any{"apiUrl": mine}), nil, []string{mine + " no longer answers"}},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			config, err := readConfig("sms-api", "dev", tc.settings, nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(tc.last)
			if err != nil {
				t.Fatal(err)
			}
			last := lastDeployment{}
			if err := json.Unmarshal(text, &last); err != nil {
				t.Fatal(err)
			}
			warnings := config.warnings(last, "sms-api", "dev")
			if len(warnings) != len(tc.says) {
				t.Errorf("warnings: %q", warnings)
			}
			for _, says := range tc.says {
				if !strings.Contains(strings.Join(warnings, "\n"), says) {
					t.Errorf("%q is not said in %q", says, warnings)
				}
			}
		})
	}
}

// TestSecretsMove: the functions are not sent to a path on which there is nothing.
func TestSecretsMove(t *testing.T) {
	t.Parallel()
	var old, renewed []string
	for _, name := range append(parameterNames(), numberKeyName) {
		old, renewed = append(old, "/sms-api/dev/aligo/"+name), append(renewed, "/team/aligo/"+name)
	}
	last := map[string]any{"secretsPrefix": "/sms-api/dev/aligo"}
	managed := maps.Clone(managedSettings)
	managed["secrets:prefix"] = "/team/aligo"
	for about, tc := range map[string]struct {
		last     map[string]any
		there    []string
		settings map[string]string
		missing  string
	}{
		"the first deployment": {nil, nil, map[string]string{"secrets:prefix": "/team/aligo"}, ""},
		"copied":               {last, append(renewed, old...), map[string]string{"secrets:prefix": "/team/aligo"}, ""},
		"none is copied":       {last, old, map[string]string{"secrets:prefix": "/team/aligo"}, strings.Join(renewed, ", ")},
		"one is forgotten": {last, append(renewed[:4:4], old...), map[string]string{"secrets:prefix": "/team/aligo"},
			"/team/aligo/number-key"},
		"there was none":                     {last, nil, map[string]string{"secrets:prefix": "/team/aligo"}, ""},
		"the program writes all but the key": {last, old, managed, "/team/aligo/number-key"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			c := &cloud{last: tc.last, parameters: tc.there}
			err := tryDeploy(c, tc.settings, managedKeys...)
			if tc.missing == "" {
				if err != nil {
					t.Fatal(err)
				}
				same(t, "what the next deployment reads", c.outputs["secretsPrefix"], tc.settings["secrets:prefix"])
				return
			}
			if err == nil || !strings.Contains(err.Error(), "found by number any more): "+tc.missing+"\n") {
				t.Errorf("got %v", err)
			}
			same(t, "resources made before that", len(c.resources), 0)
		})
	}
}

// TestWhatIsLeftIsRead: a stack that is deployed again as it is hears nothing, whatever its settings are.
func TestWhatIsLeftIsRead(t *testing.T) {
	t.Parallel()
	for about, settings := range map[string]map[string]string{
		"a new stack":    nil,
		"a NAT instance": {"network:egress": egressNATInstance, "secrets:prefix": "/team/aligo"},
		"in each zone":   {"network:egress": egressNATGatewayPerAZ, "network:cidr": "10.9.0.0/20"},
		"their VPC":      {"network:vpcId": theirVPC, "network:cidr": "10.1.0.0/20", "encryption:key": keyNew},
		"their network":  {"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"},
		"their address":  {"network:eipAllocationId": "eipalloc-0123456789abcdef0"},
		"their domain": {"api:domainName": "sms.example.com",
			"api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/abc"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			outputs := deployed(t, settings).outputs
			// Here the API has an address of its own.
			if url := outputs["apiUrl"].(string); strings.HasSuffix(url, ".invalid") {
				outputs["apiUrl"] = "https://a1.execute-api.ap-northeast-2.amazonaws.com"
			}
			text, err := json.Marshal(outputs)
			if err != nil {
				t.Fatal(err)
			}
			last := lastDeployment{}
			if err := json.Unmarshal(text, &last); err != nil {
				t.Fatal(err)
			}
			config, err := readConfig("sms-api", "dev", settings, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := config.follows(last, account{region: testRegion, id: testAccount}); err != nil {
				t.Error(err)
			}
			same(t, "warnings", config.warnings(last, "sms-api", "dev"), []string{})
			if last.SecretsPrefix != config.secrets.prefix || last.Placement == nil || len(last.EgressIPs) > 0 && last.Placement.Egress == "" {
				t.Errorf("left %+v", last)
			}
		})
	}
}
