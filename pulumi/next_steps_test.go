package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
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
				"3. Make the key that numbers are hashed with", "4. Check the whole way to Aligo",
				"aws lambda invoke --region ap-northeast-2 --function-name sms-api-dev-balance /dev/stdout",
				"5. Nobody hears the alarms yet", "6. The API takes requests signed with AWS credentials",
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
	var lines []string
	totals := map[string]float64{}
	for _, tc := range []struct {
		name     string
		settings map[string]string
	}{
		{"a new stack", nil},
		{"a NAT instance", map[string]string{"network:egress": egressNATInstance}},
		{"a NAT instance and a key", map[string]string{"network:egress": egressNATInstance, "encryption:key": keyNew}},
		{"one way out in each zone", map[string]string{"network:egress": egressNATGatewayPerAZ}},
		{"advertising", map[string]string{
			"ads:senderName": "가나상점", "ads:contact": "02-000-0000", "ads:refusal": "무료수신거부 080-000-0000"}},
		{"webhooks", map[string]string{"events:webhooks": twoWebhooks}},
		{"a limit of a day", map[string]string{"limits:dailyRecipients": "1000"}},
		{"a network of their own", map[string]string{
			"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc"}},
	} {
		cost := deployed(t, tc.settings).outputs["monthlyFixedCost"].(map[string]any)
		lines = append(lines, fmt.Sprintf("%s: %v USD", tc.name, cost["usd"]))
		totals[tc.name] = cost["usd"].(float64)
		items, sum := cost["items"].(map[string]any), 0.0
		for _, item := range slices.Sorted(maps.Keys(items)) {
			lines = append(lines, fmt.Sprintf("  %s: %v", item, items[item]))
			sum += items[item].(float64)
		}
		// Each item is rounded to a cent by itself.
		if off := math.Abs(sum - cost["usd"].(float64)); off > 0.01*float64(len(items)) {
			t.Errorf("%s: the sum is %v, its items are %v", tc.name, cost["usd"], items)
		}
		if !strings.Contains(cost["basis"].(string), "ap-northeast-2") {
			t.Errorf("basis: %v", cost["basis"])
		}
	}
	golden(t, "fixed-cost.txt", lines)
	// The page is made of the cost model, which a deployment cannot ask.
	page, err := os.ReadFile("../docs/deploying.md")
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprintf("`monthlyFixedCost`: %.2f USD with the defaults, %.2f with a gateway in each\nzone, about %.0f with a NAT instance, "+
		"%.2f in a network of your own.\n", totals["a new stack"], totals["one way out in each zone"], totals["a NAT instance"],
		totals["a network of their own"])
	if !strings.Contains(string(page), said) {
		t.Errorf("docs/deploying.md does not say: %s", said)
	}
}
