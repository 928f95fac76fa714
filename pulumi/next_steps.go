package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// nextSteps says what is left for a person to do, in order.
func nextSteps(config config, in account, key encryptionKey, network *network, secrets *secrets, door *httpAPI) pulumi.StringOutput {
	var steps pulumi.StringArray
	step := func(text string, values ...any) { steps = append(steps, pulumi.Sprintf(text, values...)) }
	if len(network.egressIPs) == 0 {
		step("The network is yours, so you know the address it leaves by. Register that address: smartsms.aligo.in > 문자API > 신청/인증 > 발송 서버 IP")
	} else {
		ips := network.egressIPs.ToStringArrayOutput().ApplyT(func(ips []string) string {
			return strings.Join(ips,
				" and ")
		}).(pulumi.StringOutput)
		step("Register %s: smartsms.aligo.in > 문자API > 신청/인증 > 발송 서버 IP", ips)
	}
	if len(secrets.missing) > 0 {
		lines := []any{}
		format := "Write the Aligo credentials. A line that begins with a space stays out of the history of most shells:"
		for _, name := range secrets.missing {
			format += "\n   %s"
			lines = append(lines, secrets.putParameter(name, key))
		}
		step(format, lines...)
	}
	step("Check the whole way to Aligo; the answer names the address to register when that is what is missing:\n   aws lambda invoke "+
		"--region %s --function-name %s-%s /dev/stdout", in.region, config.prefix, balance)
	if len(config.alarms.emails) > 0 {
		step("Confirm the subscription in the mail to %s, or alarms reach nobody.", strings.Join(config.alarms.emails, ", "))
	} else if config.alarms.topicARN == "" {
		step("Nobody hears the alarms yet: pulumi config set alarms:emails you@example.com, or subscribe to the topic %s-alarms.", config.prefix)
	}
	if config.api.domainName != "" {
		step("Point %s to %s (CNAME, or an alias record in Route 53).", config.api.domainName, door.target.Elem())
	}
	if config.api.jwtIssuer == "" {
		step("The API takes requests signed with AWS credentials. For a frontend, set api:jwtIssuer and api:jwtAudience.")
	}
	return steps.ToStringArrayOutput().ApplyT(func(steps []string) string {
		var text strings.Builder
		for i, step := range steps {
			fmt.Fprintf(&text, "%d. %s\n", i+1, step)
		}
		return text.String()
	}).(pulumi.StringOutput)
}

// List prices of ap-northeast-2 in USD without tax, as known when this was written; a month has 730 hours.
const (
	hoursPerMonth     = 730
	natGatewayHour    = 0.059      // https://aws.amazon.com/vpc/pricing/
	publicAddressHour = 0.005      // the same page
	natInstanceHour   = 0.0052     // t4g.nano, https://aws.amazon.com/ec2/pricing/on-demand/
	natInstanceDisk   = 8 * 0.0912 // gp3, https://aws.amazon.com/ebs/pricing/
	alarmMonth        = 0.10       // https://aws.amazon.com/cloudwatch/pricing/
	metricMonth       = 0.30       // the same page
	dashboardMonth    = 3.00       // the same page
	keyMonth          = 1.00       // https://aws.amazon.com/kms/pricing/
)

// monthlyFixedCost estimates what the stack costs when it sends nothing.
func monthlyFixedCost(config config, alarms, metrics int) pulumi.Map {
	total, items := 0.0, pulumi.Map{}
	add := func(item string, cost float64) {
		total += cost
		items[item] = pulumi.Float64(math.Round(cost*100) / 100)
	}
	if n := config.network; !n.own() {
		ways := n.addresses()
		add(fmt.Sprintf("public IPv4 addresses: %d", ways), float64(ways)*publicAddressHour*hoursPerMonth)
		if n.egress == egressNATInstance {
			add("NAT instance t4g.nano with its disk", natInstanceHour*hoursPerMonth+natInstanceDisk)
		} else {
			add(fmt.Sprintf("NAT gateways: %d", ways), float64(ways)*natGatewayHour*hoursPerMonth)
		}
	}
	add(fmt.Sprintf("alarms: %d", alarms), float64(alarms)*alarmMonth)
	add(fmt.Sprintf("custom metrics: %d", metrics), float64(metrics)*metricMonth)
	add("dashboard", dashboardMonth)
	if config.encryption.create {
		add("KMS key", keyMonth)
	}
	return pulumi.Map{
		"usd":   pulumi.Float64(math.Round(total*100) / 100),
		"items": items,
		"basis": pulumi.String("estimate from list prices of ap-northeast-2, 730 hours, without tax and free tier; what is billed by use " +
			"(messages, logs, traffic) is not in it"),
	}
}
