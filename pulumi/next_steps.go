package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
)

// nextSteps says what is left for a person to do, in order.
func nextSteps(
	config config, in account, key encryptionKey, network *network, secrets *secrets, door *httpAPI, hooks *webhooks,
) pulumi.StringOutput {
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
	if secrets.numberKey != "" {
		step("Make the key that numbers are hashed with where messages are found by number. Nobody needs to know it, and until it is there "+
			"messages go out and are found otherwise:\n   %s", secrets.putParameter(secrets.numberKey, key))
	}
	step("Check the whole way to Aligo; the answer names the address to register when that is what is missing:\n   aws lambda invoke "+
		"--region %s --function-name %s-%s /dev/stdout", in.region, config.prefix, deployment.Balance)
	for _, one := range config.events.webhooks {
		write, put := hooks.connect(one)
		step("Give the webhook %s its secret, which its receiver looks for in the header %s, unless you have: make one, or write the "+
			"receiver's own into the parameter, and put it into the connection. The second line again whenever the secret or events:webhooks "+
			"changes. An event that is answered with 401 until then is tried again for 24 hours:\n   %s\n   %s", one.Name, one.Header, write, put)
	}
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

// monthlyFixedCost estimates what the stack costs when it sends nothing, with these alarms.
func monthlyFixedCost(config config, alarms []deployment.Alarm) pulumi.Map {
	prices, total, items := price.Seoul(), 0.0, pulumi.Map{}
	add := func(item string, used price.Usage) {
		cost := prices.Cost(used)
		total += cost
		items[item] = pulumi.Float64(math.Round(cost*100) / 100)
	}
	if n := config.network; !n.own() {
		ways := n.addresses()
		add(fmt.Sprintf("public IPv4 addresses: %d", ways), price.Usage{price.AddressHours: float64(ways) * price.HoursPerMonth})
		if n.egress == egressNATInstance {
			add("NAT instance t4g.nano with its disk", price.Usage{
				price.InstanceHours: price.HoursPerMonth, price.Disk: price.InstanceDisk,
			})
		} else {
			add(fmt.Sprintf("NAT gateways: %d", ways), price.Usage{price.GatewayHours: float64(ways) * price.HoursPerMonth})
		}
	}
	watched := deployment.AlarmMetrics(alarms)
	add(fmt.Sprintf("alarms: %d, on %d metrics", len(alarms), watched), price.Usage{price.Alarms: float64(watched)})
	metrics := deployment.CustomMetrics(alarms)
	add(fmt.Sprintf("custom metrics: %d", metrics), price.Usage{price.Metrics: float64(metrics)})
	add("the queue of events, asked by Lambda", price.Usage{price.QueueRequests: deployment.EventPolls(price.HoursPerMonth)})
	add("dashboard", price.Usage{price.Dashboards: deployment.Dashboards})
	if config.encryption.makes() {
		add("KMS key", price.Usage{price.Keys: 1})
	}
	return pulumi.Map{
		"usd":   pulumi.Float64(math.Round(total*100) / 100),
		"items": items,
		"basis": pulumi.String("estimate from list prices of ap-northeast-2, 730 hours, without tax and free tier; what is billed by use " +
			"(messages, logs, traffic) is not in it"),
	}
}
