//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	sfntypes "github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"sms-api/internal/deployment"
)

// TestKeyChange goes from AWS's keys to one of the stack's own and back, and looks at what encrypts and what can still be
// read. It needs what TestDeployment needs, and an emulator that knows DisassociateKmsKey of CloudWatch Logs and takes
// SSESpecification in UpdateTable, which moto 5.2 does not by itself.
func TestKeyChange(t *testing.T) {
	s := newStack(t)
	secret := []string{"config", "set-all", "--stack", s.name, "--config-file", s.file}
	for i, key := range managedKeys {
		secret = append(secret, "--secret", fmt.Sprintf("%s=021234567%d", key, i))
	}
	if out, err := s.execute(t, secret...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.set(t, map[string]string{"secrets:managed": "true", "encryption:key": keyNew})
	s.pulumi(t, "up", "--yes", "--skip-preview")
	var key string
	if err := json.Unmarshal([]byte(s.pulumi(t, "stack", "export")), &exportedKey{&key}); err != nil || key == "" {
		t.Fatalf("the stack has made no key: %v", err)
	}
	t.Run("its own key encrypts everything", func(t *testing.T) { s.checkKeys(t, key) })
	var encrypted struct{ CiphertextBlob string }
	s.kms(t, "Encrypt", map[string]string{"KeyId": key, "Plaintext": "b2xk"}, &encrypted)

	t.Run("without keeping it, nothing is changed", func(t *testing.T) {
		s.set(t, map[string]string{"encryption:key": keyOfAWS})
		if out, err := s.try(t, "up", "--yes", "--skip-preview"); err == nil || !strings.Contains(out, "'encryption:formerKeys[0]' new") {
			t.Fatalf("%v\n%s", err, out)
		}
		s.checkKeys(t, key)
	})
	s.pulumi(t, "config", "set", "--path", "encryption:formerKeys[0]", keyNew) // as the refusal says
	for _, one := range s.steps(t) {
		if strings.Contains(one.resource, "aws:kms/") || strings.Contains(one.op, "delete") || strings.Contains(one.op, "replace") {
			t.Errorf("step %v", one)
		}
	}
	s.pulumi(t, "up", "--yes", "--skip-preview")
	t.Run("back to AWS's own", func(t *testing.T) { s.checkKeys(t, "") })
	t.Run("what the old key encrypted can be read", func(t *testing.T) {
		var described struct{ KeyMetadata struct{ KeyState string } }
		s.kms(t, "DescribeKey", map[string]string{"KeyId": key}, &described)
		same(t, "state of the key", described.KeyMetadata.KeyState, "Enabled")
		var decrypted struct{ Plaintext string }
		s.kms(t, "Decrypt", map[string]string{"CiphertextBlob": encrypted.CiphertextBlob}, &decrypted)
		same(t, "text", decrypted.Plaintext, "b2xk")
		for _, kind := range deployment.Functions() {
			if policy := s.policy(t, kind.Name); !strings.Contains(policy, key) || strings.Contains(policy, "kms:GenerateDataKey") {
				t.Errorf("%s: %s", kind.Name, policy)
			}
		}
	})
	t.Run("a second deployment changes nothing", func(t *testing.T) { s.pulumi(t, "preview", "--expect-no-changes", "--diff") })
	t.Run("the key is protected", func(t *testing.T) {
		urn := s.urnOf(t, "aws:kms/key:Key::sms-api-"+s.name)
		if out, err := s.try(t, "destroy", "--yes", "--skip-preview", "--target", urn, "--target-dependents"); err == nil ||
			!strings.Contains(out, "protected") {
			t.Fatalf("it can be destroyed: %v\n%s", err, out)
		}
		// As the README says: out of encryption:formerKeys, and unprotected.
		s.pulumi(t, "state", "unprotect", "--yes", urn)
		s.set(t, map[string]string{"encryption:formerKeys": `[]`})
		s.pulumi(t, "up", "--yes", "--skip-preview")
		var described struct{ KeyMetadata struct{ KeyState string } }
		s.kms(t, "DescribeKey", map[string]string{"KeyId": key}, &described)
		same(t, "state of the key that the stack has forgotten", described.KeyMetadata.KeyState, "Enabled")
		// By its id: moto does not find it by its ARN here.
		s.kms(t, "ScheduleKeyDeletion", map[string]string{"KeyId": key[strings.LastIndex(key, "/")+1:]}, &struct{}{})
	})
	s.pulumi(t, "destroy", "--yes", "--skip-preview", "--exclude-protected")
}

// exportedKey finds the ARN of the key in an exported state.
type exportedKey struct{ arn *string }

func (e *exportedKey) UnmarshalJSON(text []byte) error {
	var exported struct {
		Deployment struct {
			Resources []struct {
				Type    string
				Outputs map[string]any
			}
		}
	}
	if err := json.Unmarshal(text, &exported); err != nil {
		return err
	}
	for _, r := range exported.Deployment.Resources {
		if r.Type == "aws:kms/key:Key" {
			*e.arn, _ = r.Outputs["arn"].(string)
		}
	}
	return nil
}

// checkKeys looks at what encrypts: the key with this ARN, or AWS's own when it is empty.
func (s *stack) checkKeys(t *testing.T, arn string) {
	t.Helper()
	encryption := &sfntypes.EncryptionConfiguration{Type: sfntypes.EncryptionTypeAwsOwnedKey}
	if arn != "" {
		encryption = &sfntypes.EncryptionConfiguration{Type: sfntypes.EncryptionTypeCustomerManagedKmsKey, KmsKeyId: &arn,
			KmsDataKeyReusePeriodSeconds: aws.Int32(900)}
	}
	machine, err := sfn.NewFromConfig(s.aws).DescribeStateMachine(t.Context(),
		&sfn.DescribeStateMachineInput{StateMachineArn: s.stateMachine(t).StateMachineArn})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "definition and history", machine.EncryptionConfiguration, encryption)
	groups, err := cloudwatchlogs.NewFromConfig(s.aws).DescribeLogGroups(t.Context(),
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/lambda/sms-api-" + s.name)})
	if err != nil || len(groups.LogGroups) != len(deployment.Functions()) {
		t.Fatalf("log groups: %v %v", groups, err)
	}
	for _, group := range groups.LogGroups {
		same(t, aws.ToString(group.LogGroupName), aws.ToString(group.KmsKeyId), arn)
	}
	queue := s.letters(t, "dead-letters")
	same(t, "queue", queue["KmsMasterKeyId"], arn)
	if arn == "" {
		// With a key of KMS moto says so too; AWS has one or the other.
		same(t, "queue by the key of SQS", queue["SqsManagedSseEnabled"], "true")
	}
	table := s.guards(t).SSEDescription
	if table == nil {
		table = &dynamotypes.SSEDescription{}
	}
	same(t, "table", aws.ToString(table.KMSMasterKeyArn), arn)
	parameters, err := ssm.NewFromConfig(s.aws).DescribeParameters(t.Context(), &ssm.DescribeParametersInput{
		ParameterFilters: []ssmtypes.ParameterStringFilter{{Key: aws.String("Path"), Values: []string{"/sms-api/" + s.name + "/aligo"}}},
	})
	if err != nil || len(parameters.Parameters) != len(parameterNames()) {
		t.Fatalf("parameters: %v %v", parameters, err)
	}
	want := "alias/aws/ssm"
	if arn != "" {
		want = arn
	}
	for _, parameter := range parameters.Parameters {
		same(t, aws.ToString(parameter.Name), aws.ToString(parameter.KeyId), want)
	}
}

// policy is what a function may do.
func (s *stack) policy(t *testing.T, function string) string {
	t.Helper()
	client, arn := iam.NewFromConfig(s.aws), aws.ToString(s.function(t, function).Configuration.Role)
	role := arn[strings.LastIndex(arn, "/")+1:]
	names, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &role})
	if err != nil || len(names.PolicyNames) != 1 {
		t.Fatalf("policies of %s: %v %v", role, names, err)
	}
	policy, err := client.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: &role, PolicyName: &names.PolicyNames[0]})
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("%3A", ":", "%2F", "/").Replace(aws.ToString(policy.PolicyDocument))
}

// urnOf finds the one resource in the engine's state whose URN ends so.
func (s *stack) urnOf(t *testing.T, end string) string {
	t.Helper()
	var exported struct {
		Deployment struct {
			Resources []struct{ URN string }
		}
	}
	if err := json.Unmarshal([]byte(s.pulumi(t, "stack", "export")), &exported); err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(exported.Deployment.Resources, func(r struct{ URN string }) bool { return strings.HasSuffix(r.URN, end) })
	if at < 0 {
		t.Fatalf("there is no %s", end)
	}
	return exported.Deployment.Resources[at].URN
}

// kms calls KMS, whose SDK nothing else here needs. An emulator looks at no signature, but for whom it is.
func (s *stack) kms(t *testing.T, operation string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, os.Getenv("AWS_ENDPOINT_URL"), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "TrentService."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+os.Getenv("AWS_ACCESS_KEY_ID")+"/20260101/"+s.aws.Region+
		"/kms/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d, %s %v", operation, answer.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%s: %v in %s", operation, err, text)
	}
}
