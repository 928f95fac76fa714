package main

import (
	"encoding/json"
	"strings"
	"testing"
)

var managedSettings = map[string]string{
	"secrets:managed": "true", "secrets:apiKey": "key-of-aligo", "secrets:userId": "shop", "secrets:senderKey": "sender-key-of-kakao",
	"secrets:sender": "0212345678",
}

var managedKeys = []string{"secrets:apiKey", "secrets:userId", "secrets:senderKey", "secrets:sender"}

// TestSecretsAreTheirs: by default the program writes no value anywhere, and says what to do.
func TestSecretsAreTheirs(t *testing.T) {
	t.Parallel()
	c := &cloud{parameters: []string{"/sms-api/dev/aligo/user-id", "/sms-api/dev/aligo/sender", "/sms-api/dev/aligo/other",
		"/somebody/else/api-key"}}
	if err := tryDeploy(c, nil); err != nil {
		t.Fatal(err)
	}
	same(t, "parameters written", len(c.all("ssm:Parameter")), 0)
	steps := c.outputs["nextSteps"].(string)
	for _, name := range []string{"api-key", "sender-key"} {
		line := "   aws ssm put-parameter --region ap-northeast-2 --type SecureString --name /sms-api/dev/aligo/" + name + " --value 'YOUR-" +
			strings.ToUpper(name) + "'\n"
		if !strings.Contains(steps, line) {
			t.Errorf("the next steps lack\n%sin\n%s", line, steps)
		}
	}
	for _, there := range []string{"user-id", "aligo/sender --value"} {
		if strings.Contains(steps, there) {
			t.Errorf("the next steps ask for what is there (%s):\n%s", there, steps)
		}
	}
	complete := &cloud{}
	if line := "   aws ssm put-parameter --region ap-northeast-2 --type SecureString --name /sms-api/dev/aligo/number-key " +
		"--value \"$(openssl rand -base64 32)\"\n"; !strings.Contains(steps, line) {
		t.Errorf("the next steps lack\n%sin\n%s", line, steps)
	}
	for _, name := range append(parameterNames(), numberKeyName) {
		complete.parameters = append(complete.parameters, "/sms-api/dev/aligo/"+name)
	}
	if err := tryDeploy(complete, nil); err != nil {
		t.Fatal(err)
	}
	if steps := complete.outputs["nextSteps"].(string); strings.Contains(steps, "put-parameter") {
		t.Errorf("nothing is missing:\n%s", steps)
	}
}

func TestManagedSecrets(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"secrets:prefix": "/team/aligo", "encryption:key": "arn:aws:kms:ap-northeast-2:111122223333:key/1"}
	for key, value := range managedSettings {
		settings[key] = value
	}
	c := deployed(t, settings, managedKeys...)
	for name, value := range map[string]string{"api-key": "key-of-aligo", "user-id": "shop", "sender-key": "sender-key-of-kakao",
		"sender": "0212345678"} {
		parameter := c.one(t, "ssm:Parameter", name)
		same(t, name, []any{parameter.at("name"), parameter.at("type"), parameter.at("keyId")},
			[]any{"/team/aligo/" + name, "SecureString", "arn:aws:kms:ap-northeast-2:111122223333:key/1"})
		// Written by hand before, it is taken over; it stays when it is to be written by hand again.
		same(t, name+" is taken over", parameter.at("overwrite"), true)
		same(t, name+" stays", parameter.rpc.GetRetainOnDelete(), true)
		same(t, name+" is a secret for the engine", parameter.at("value"), map[string]any{"secret": value})
	}
	// Nothing but the parameters themselves knows a value.
	for _, r := range c.resources {
		text, err := json.Marshal(r.in)
		if err != nil {
			t.Fatal(err)
		}
		if r.kind != "ssm:Parameter" && (strings.Contains(string(text), "key-of-aligo") ||
			strings.Contains(string(text), "sender-key-of-kakao")) {
			t.Errorf("%s %s has a credential in it", r.kind, r.name)
		}
	}
	same(t, "PARAMETER_PREFIX", c.one(t, "lambda:Function", "sms").at("environment.variables.PARAMETER_PREFIX"), "/team/aligo")
	if steps := c.outputs["nextSteps"].(string); strings.Contains(steps, "YOUR-") || !strings.Contains(steps, "/team/aligo/number-key") {
		t.Errorf("the next steps ask for parameters that the program writes, or not for the one that it never writes:\n%s", steps)
	}
}
