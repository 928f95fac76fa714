package main

import (
	"strings"
	"testing"
)

func TestNextSteps(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings map[string]string
		says     []string
		silent   []string
	}{
		"a new stack": {
			says: []string{
				"1. Register 203.0.113.1: smartsms.aligo.in", "문자API > 신청/인증 > 발송 서버 IP", "2. Write the Aligo credentials",
				"3. Check the whole way to Aligo", "aws lambda invoke --region ap-northeast-2 --function-name sms-api-dev-balance /dev/stdout",
				"4. Nobody hears the alarms yet", "5. The API takes requests signed with AWS credentials",
			},
		},
		"one address in each zone": {
			settings: map[string]string{"network:egress": egressNATGatewayPerAZ},
			says:     []string{"Register 203.0.113.1 and 203.0.113.2:"},
		},
		"a network of their own": {
			settings: map[string]string{"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"},
			says:     []string{"1. The network is yours, so you know the address it leaves by."},
		},
		"a key of their own": {
			settings: map[string]string{"encryption:key": "arn:aws:kms:ap-northeast-2:111122223333:key/1"},
			says:     []string{`--value 'YOUR-SENDER' --key-id arn:aws:kms:ap-northeast-2:111122223333:key/1`},
		},
		"a domain, tokens and mail": {
			settings: map[string]string{
				"api:domainName": "sms.example.com", "api:certificateArn": "arn:aws:acm:ap-northeast-2:111122223333:certificate/abc",
				"api:jwtIssuer": "https://issuer.example.com", "api:jwtAudience": "shop", "alarms:emails": "oncall@example.com",
			},
			says:   []string{"Point sms.example.com to d-target.example.invalid", "Confirm the subscription in the mail to oncall@example.com"},
			silent: []string{"signed with AWS credentials", "Nobody hears"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := deployed(t, tc.settings).outputs["nextSteps"].(string)
			for _, text := range tc.says {
				if !strings.Contains(steps, text) {
					t.Errorf("the next steps lack %q:\n%s", text, steps)
				}
			}
			for _, text := range tc.silent {
				if strings.Contains(steps, text) {
					t.Errorf("the next steps say %q:\n%s", text, steps)
				}
			}
		})
	}
}

func TestMonthlyFixedCost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		settings map[string]string
		usd      float64
		items    map[string]float64
	}{
		"a new stack": {
			usd: 53.72,
			items: map[string]float64{"NAT gateways: 1": 43.07, "public IPv4 addresses: 1": 3.65, "alarms: 25": 2.5, "custom metrics: 5": 1.5,
				"dashboard": 3},
		},
		"a NAT instance": {
			settings: map[string]string{"network:egress": egressNATInstance, "encryption:key": keyNew},
			usd:      16.18,
			items: map[string]float64{"NAT instance t4g.nano with its disk": 4.53, "public IPv4 addresses: 1": 3.65, "alarms: 25": 2.5,
				"custom metrics: 5": 1.5, "dashboard": 3, "KMS key": 1},
		},
		"one way out in each zone": {
			settings: map[string]string{"network:egress": egressNATGatewayPerAZ},
			usd:      100.54,
			items: map[string]float64{"NAT gateways: 2": 86.14, "public IPv4 addresses: 2": 7.3, "alarms: 26": 2.6, "custom metrics: 5": 1.5,
				"dashboard": 3},
		},
		"a network of their own": {
			settings: map[string]string{"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"},
			usd:      6.9,
			items:    map[string]float64{"alarms: 24": 2.4, "custom metrics: 5": 1.5, "dashboard": 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cost := deployed(t, tc.settings).outputs["monthlyFixedCost"].(map[string]any)
			same(t, "sum", cost["usd"], tc.usd)
			same(t, "items", cost["items"], tc.items)
			if !strings.Contains(cost["basis"].(string), "ap-northeast-2") {
				t.Errorf("basis: %v", cost["basis"])
			}
		})
	}
}
