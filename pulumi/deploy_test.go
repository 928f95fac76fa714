package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestComponents: the engine looks for a provider of whatever is not a component, and for these there is none.
func TestComponents(t *testing.T) {
	t.Parallel()
	components := 0
	for _, r := range deployed(t, nil).resources {
		component := strings.HasPrefix(r.kind, "sms-api:")
		if component {
			components++
		}
		if r.rpc.GetCustom() == component {
			t.Errorf("%s %s: custom is %t", r.kind, r.name, r.rpc.GetCustom())
		}
	}
	same(t, "components", components, 11)
}

// TestDescriptions: AWS refuses some characters, and what is too long, only when a resource is made.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
	inEC2 := regexp.MustCompile(`^[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}$`)
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
	inIAM := regexp.MustCompile(`^[\t\n\r\x20-\x7e\x{a1}-\x{ff}]{0,1000}$`)
	longest := map[string]int{
		"lambda:Function": 256, "sfn:Alias": 256, "schemas:Registry": 256, "cloudwatch:EventBus": 512, "cloudwatch:EventRule": 512,
		"cloudwatch:EventArchive": 512, "ssm:Parameter": 1024, "apigatewayv2:Api": 1024, "cloudwatch:MetricAlarm": 1024, "kms:Key": 8192,
	}
	seen := 0
	for _, egress := range []string{egressNATGateway, egressNATInstance} {
		settings := map[string]string{"network:egress": egress, "encryption:key": keyNew, "events:routes": orderPaid}
		for key, value := range managedSettings {
			settings[key] = value
		}
		for _, r := range deployed(t, settings, managedKeys...).resources {
			texts := []string{r.text("description"), r.text("alarmDescription")}
			for _, direction := range []string{"ingress", "egress"} {
				for _, rule := range list(r.at(direction)) {
					texts = append(texts, rule.(map[string]any)["description"].(string))
				}
			}
			for _, text := range texts {
				if text == "" {
					continue
				}
				seen++
				most, known := longest[r.kind]
				switch {
				case strings.HasPrefix(r.kind, "ec2:") && inEC2.MatchString(text):
				case r.kind == "iam:Role" && inIAM.MatchString(text):
				case known && utf8.RuneCountInString(text) <= most:
				default:
					t.Errorf("AWS refuses the description of %s %s, or nobody has said what it takes: %q", r.kind, r.name, text)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d descriptions are there", seen)
	}
}
