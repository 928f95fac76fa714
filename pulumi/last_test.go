package main

import (
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
			text := config.leaves(lastDeployment{addresses: tc.last}, "sms-api", "dev")
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
