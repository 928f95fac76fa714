package main

import (
	"slices"
	"strings"
	"testing"
)

const theirKey = "arn:aws:kms:ap-northeast-2:111122223333:key/their-key"

func TestKeyOfTheirOwn(t *testing.T) {
	t.Parallel()
	for setting, key := range map[string]string{theirKey: theirKey, keyNew: arnOf("kms:Key", "sms-api-dev")} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			c := deployed(t, map[string]string{"encryption:key": setting})
			same(t, "machines", names(c.all("sfn:StateMachine")), []string{"campaigns", "dispatch"})
			for _, machine := range c.all("sfn:StateMachine") {
				same(t, machine.name+": definition and history", machine.at("encryptionConfiguration"),
					map[string]any{"kmsDataKeyReusePeriodSeconds": 900, "kmsKeyId": key, "type": "CUSTOMER_MANAGED_KMS_KEY"})
			}
			same(t, "bucket", c.one(t, "s3:BucketServerSideEncryptionConfiguration", "campaigns").at("rules"), []any{map[string]any{
				"applyServerSideEncryptionByDefault": map[string]any{"kmsMasterKeyId": key, "sseAlgorithm": "aws:kms"}, "bucketKeyEnabled": true,
			}})
			for _, logs := range c.all("cloudwatch:LogGroup") {
				same(t, logs.name, logs.at("kmsKeyId"), key)
			}
			same(t, "queues", names(c.all("sqs:Queue")), []string{"dead-letters", "events"})
			for _, queue := range c.all("sqs:Queue") {
				same(t, queue.name, []any{queue.at("kmsMasterKeyId"), queue.at("sqsManagedSseEnabled")}, []any{key, nil})
			}
			same(t, "table", c.one(t, "dynamodb:Table", "guards").at("serverSideEncryption"), map[string]any{"enabled": true, "kmsKeyArn": key})
			for _, policy := range c.all("iam:RolePolicy") {
				if !slices.ContainsFunc(statements(t, policy.text("policy")), func(line string) bool {
					return strings.HasPrefix(line, "kms:Decrypt kms:GenerateDataKey | arn:aws:kms:key/")
				}) {
					t.Errorf("%s cannot use the key", policy.name)
				}
			}
		})
	}
	c := deployed(t, map[string]string{"encryption:key": keyNew})
	key := c.one(t, "kms:Key", "")
	same(t, "rotation", key.at("enableKeyRotation"), true)
	same(t, "who may use the key", statements(t, key.text("policy")), []string{
		"kms:* | AWS arn:aws:iam::" + testAccount + ":root | *",
		"kms:Decrypt* | Service delivery.logs.amazonaws.com | * | ArnLike kms:EncryptionContext:SourceArn arn:aws:logs:*",
		"kms:Encrypt* kms:Decrypt* kms:ReEncrypt* kms:GenerateDataKey* kms:Describe* | Service logs.ap-northeast-2.amazonaws.com | * | ArnLike " +
			"kms:EncryptionContext:aws:logs:arn arn:aws:logs:*",
		"kms:GenerateDataKey kms:Decrypt | Service events.amazonaws.com | *",
	})
	same(t, "keys by default", len(deployed(t, nil).all("kms:Key")), 0)
}

// TestKeyOfAWS: what is encrypted says that AWS's key does it, or a stack that goes back to it would change nothing.
func TestKeyOfAWS(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"encryption:key": keyOfAWS}
	for key, value := range managedSettings {
		settings[key] = value
	}
	c := deployed(t, settings, managedKeys...)
	same(t, "definition and history", c.one(t, "sfn:StateMachine", "dispatch").at("encryptionConfiguration"),
		map[string]any{"type": "AWS_OWNED_KEY"})
	for _, queue := range c.all("sqs:Queue") {
		same(t, queue.name, []any{queue.at("kmsMasterKeyId"), queue.at("sqsManagedSseEnabled")}, []any{nil, true})
	}
	same(t, "table", c.one(t, "dynamodb:Table", "guards").at("serverSideEncryption"), map[string]any{"enabled": false})
	for _, parameter := range c.all("ssm:Parameter") {
		same(t, parameter.name, parameter.at("keyId"), "alias/aws/ssm")
	}
	same(t, "bucket", c.one(t, "s3:BucketServerSideEncryptionConfiguration", "campaigns").at("rules"), []any{map[string]any{
		"applyServerSideEncryptionByDefault": map[string]any{"sseAlgorithm": "AES256"}, "bucketKeyEnabled": false,
	}})
	// Here, to say nothing is to say AWS's own.
	for _, logs := range c.all("cloudwatch:LogGroup") {
		same(t, logs.name, logs.at("kmsKeyId"), nil)
	}
}

// TestKeyStays: what was encrypted can be read for ever, so the key goes only when somebody says so twice.
func TestKeyStays(t *testing.T) {
	t.Parallel()
	for about, settings := range map[string]map[string]string{
		"in use": {"encryption:key": keyNew},
		"former": {"encryption:formerKeys": keyNew},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			c := deployed(t, settings)
			key, alias := c.one(t, "kms:Key", ""), c.one(t, "kms:Alias", "")
			if !key.rpc.GetProtect() || !key.rpc.GetRetainOnDelete() {
				t.Errorf("protected %t, retained %t", key.rpc.GetProtect(), key.rpc.GetRetainOnDelete())
			}
			if alias.rpc.GetProtect() || alias.rpc.GetRetainOnDelete() {
				t.Error("the alias would stay behind, in the way of the next key's")
			}
		})
	}
}

// TestFormerKeys: with another key, or none of one's own, everybody can still read what the former ones encrypted, and
// nothing is encrypted with them.
func TestFormerKeys(t *testing.T) {
	t.Parallel()
	made := arnOf("kms:Key", "sms-api-dev")
	for about, tc := range map[string]struct {
		settings        map[string]string
		encrypts, reads []string
	}{
		"back to AWS's": {map[string]string{"encryption:formerKeys": keyNew}, nil, []string{made}},
		"on to another": {map[string]string{"encryption:key": theirKey, "encryption:formerKeys": keyNew}, []string{theirKey}, []string{made}},
		"and to a new one": {map[string]string{"encryption:key": keyNew, "encryption:formerKeys": `["` + theirKey + `"]`}, []string{made},
			[]string{theirKey}},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			c := deployed(t, tc.settings)
			for _, policy := range c.all("iam:RolePolicy") {
				may := map[string][]string{}
				for _, s := range list(parsed(t, policy.text("policy"))["Statement"]) {
					statement := s.(map[string]any)
					if actions := flat(statement["Action"]); strings.HasPrefix(actions, "kms:") {
						for _, resource := range list(statement["Resource"]) {
							may[actions] = append(may[actions], resource.(string))
						}
					}
				}
				same(t, policy.name+" encrypts", may["kms:Decrypt kms:GenerateDataKey"], tc.encrypts)
				same(t, policy.name+" reads", may["kms:Decrypt"], tc.reads)
			}
			var encrypts any
			if tc.encrypts != nil {
				encrypts = tc.encrypts[0]
			}
			same(t, "history", c.one(t, "sfn:StateMachine", "dispatch").at("encryptionConfiguration.kmsKeyId"), encrypts)
		})
	}
}

// TestKeyChanges: from one key to another without keeping the first is refused before anything is made.
func TestKeyChanges(t *testing.T) {
	t.Parallel()
	other := strings.Replace(theirKey, "their", "other", 1)
	for about, tc := range map[string]struct {
		last     map[string]any
		settings map[string]string
		way      string
	}{
		"the first deployment":     {nil, map[string]string{"encryption:key": keyNew}, ""},
		"the same":                 {map[string]any{"encryptionKey": keyNew}, map[string]string{"encryption:key": keyNew}, ""},
		"from AWS's to a new one":  {map[string]any{"encryptionKey": keyOfAWS}, map[string]string{"encryption:key": keyNew}, ""},
		"kept":                     {map[string]any{"encryptionKey": keyNew}, map[string]string{"encryption:formerKeys": keyNew}, ""},
		"from a new one to AWS's":  {map[string]any{"encryptionKey": keyNew}, nil, "'encryption:formerKeys[0]' new"},
		"from a new one to theirs": {map[string]any{"encryptionKey": keyNew}, map[string]string{"encryption:key": theirKey}, "[0]' new"},
		"from theirs to AWS's":     {map[string]any{"encryptionKey": theirKey}, nil, "[0]' " + theirKey},
		"from theirs to a new one": {map[string]any{"encryptionKey": theirKey}, map[string]string{"encryption:key": keyNew}, "[0]' " + theirKey},
		"from theirs to another":   {map[string]any{"encryptionKey": theirKey}, map[string]string{"encryption:key": other}, "[0]' " + theirKey},
		"after others": {map[string]any{"encryptionKey": theirKey}, map[string]string{"encryption:formerKeys": keyNew},
			"[1]' " + theirKey},
		"an older version's output": {map[string]any{"apiUrl": "https://api.example.invalid"}, nil, ""},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			c := &cloud{last: tc.last}
			err := tryDeploy(c, tc.settings)
			switch {
			case tc.way == "" && err != nil:
				t.Error(err)
			case tc.way == "":
				want := tc.settings["encryption:key"]
				if want == "" {
					want = keyOfAWS
				}
				same(t, "what the next deployment reads", c.outputs["encryptionKey"], want)
			case err == nil || !strings.Contains(err.Error(), "pulumi config set --path 'encryption:formerKeys") ||
				!strings.Contains(err.Error(), tc.way):
				t.Errorf("got %v", err)
			case len(c.resources) > 0:
				t.Errorf("%d resources are made before that", len(c.resources))
			}
		})
	}
}
