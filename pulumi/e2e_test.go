//go:build e2e

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	apitypes "github.com/aws/aws-sdk-go-v2/service/apigatewayv2/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
	"sms-api/internal/route"
	"sms-api/internal/testkit"
	"sms-api/internal/untrusted"
	"sms-api/statemachine"
)

// TestDeployment is a whole life of a stack with the real engine and provider: deployed, found complete, found unchanged,
// changed, its NAT gateway replaced, destroyed. What was made is read with AWS's SDK and not from Pulumi's outputs.
//
// It needs the pulumi command, its aws plugin and an AWS emulator: AWS_ENDPOINT_URL with AWS_REGION, AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY. It fails without the first, because that would be a real account. The emulator has to give back a queue's
// RedrivePolicy as it was written, or a second deployment changes it; moto 5.2 puts blanks into it. It takes 10 to 20 minutes, of
// which three are the provider's waiting for a queue to be gone: go test -tags e2e -timeout 30m -run TestDeployment ./pulumi
func TestDeployment(t *testing.T) {
	s := newStack(t)
	s.set(t, map[string]string{
		"network:analyse":         "true",
		"functions:alimtalk":      `{"reservedConcurrency":7}`,
		"events:producerAccounts": `["222233334444"]`,
		"events:routes":           orderPaid,
		"events:webhooks":         `[{"name":"crm","url":"https://crm.example.com/hooks/sms"}]`,
		"api:jwtIssuer":           "https://issuer.example.com",
		"api:jwtAudience":         "shop",
		"api:corsOrigins":         "https://shop.example.com",
		"alarms:emails":           "oncall@example.com",
	})
	s.pulumi(t, "up", "--yes", "--skip-preview")
	address := s.address(t)

	t.Run("the functions leave by the one address", func(t *testing.T) { s.checkWayOut(t, address) })
	t.Run("functions", func(t *testing.T) { s.checkFunctions(t, address) })
	t.Run("permissions", s.checkPermissions)
	t.Run("state machine", s.checkStateMachine)
	t.Run("events", s.checkEvents)
	t.Run("webhooks", s.checkWebhooks)
	t.Run("table", s.checkTable)
	t.Run("files of campaigns", s.checkFiles)
	t.Run("API", s.checkAPI)
	t.Run("logs", s.checkLogs)

	t.Run("a second deployment changes nothing", func(t *testing.T) { s.pulumi(t, "preview", "--expect-no-changes", "--diff") })
	t.Run("nothing has drifted", func(t *testing.T) { s.pulumi(t, "refresh", "--yes", "--skip-preview", "--expect-no-changes") })
	t.Run("one value, one resource", func(t *testing.T) {
		s.set(t, map[string]string{"functions:balance": `{"memory":512}`})
		if steps, want := s.steps(t), (step{"update", "aws:lambda/function:Function sms-api-" + s.name + "-balance"}); len(steps) != 1 ||
			steps[0] != want {
			t.Errorf("steps: %v", steps)
		}
		s.pulumi(t, "up", "--yes", "--skip-preview")
		same(t, "memory", aws.ToInt32(s.function(t, deployment.Balance).Configuration.MemorySize), 512)
	})
	t.Run("other settings, and back", s.checkSettings)
	t.Run("a new definition is a new version behind the same alias", s.checkVersions)
	t.Run("a new NAT gateway has the old address", func(t *testing.T) {
		steps := s.steps(t, "--replace", s.urn(t, "aws:ec2/natGateway:NatGateway", "nat"))
		if !slices.Contains(steps, step{"replace", s.nat()}) || slices.ContainsFunc(steps, isAddress) {
			t.Errorf("a replacement is more than that: %v", steps)
		}
		before := s.natGateways(t)
		s.letGo(t, address)
		s.pulumi(t, "up", "--yes", "--skip-preview")
		after := s.natGateways(t)
		if len(before) != 1 || len(after) != 1 || aws.ToString(before[0].NatGatewayId) == aws.ToString(after[0].NatGatewayId) {
			t.Errorf("NAT gateways before and after: %v %v", before, after)
		}
		same(t, "address", s.address(t), address)
		s.checkWayOut(t, address)
	})
	t.Run("other stacks", s.checkOtherStacks)
	t.Run("another way out has the old address", func(t *testing.T) { s.checkInstance(t, address) })
	t.Run("and so has the way back", func(t *testing.T) {
		s.pulumi(t, "destroy", "--yes", "--skip-preview", "--target", s.urn(t, "aws:ec2/eipAssociation:EipAssociation", "nat"),
			"--target-dependents")
		s.set(t, map[string]string{"network:egress": egressNATGateway})
		s.pulumi(t, "up", "--yes", "--skip-preview")
		same(t, "address", s.address(t), address)
		s.checkWayOut(t, address)
		s.pulumi(t, "preview", "--expect-no-changes", "--diff")
	})
	t.Run("only the address and the table outlive the stack", func(t *testing.T) {
		for _, urn := range []string{s.urn(t, "aws:ec2/eip:Eip", "egress"), s.urn(t, "aws:dynamodb/table:Table", "guards")} {
			if out, err := s.try(t, "destroy", "--yes", "--skip-preview", "--target", urn, "--target-dependents"); err == nil ||
				!strings.Contains(out, "protected") {
				t.Fatalf("%s can be destroyed: %v\n%s", urn, err, out)
			}
		}
		s.pulumi(t, "destroy", "--yes", "--skip-preview", "--exclude-protected")
		s.checkGone(t)
		same(t, "address", s.address(t), address)
		same(t, "table", s.guards(t).DeletionProtectionEnabled, aws.Bool(true))
	})
	t.Run("released on purpose, brought in again", func(t *testing.T) {
		s.pulumi(t, "state", "unprotect", "--yes", s.urn(t, "aws:ec2/eip:Eip", "egress"))
		s.pulumi(t, "state", "unprotect", "--yes", s.urn(t, "aws:dynamodb/table:Table", "guards"))
		if _, err := dynamodb.NewFromConfig(s.aws).UpdateTable(t.Context(), &dynamodb.UpdateTableInput{
			TableName: s.guards(t).TableName, DeletionProtectionEnabled: aws.Bool(false),
		}); err != nil {
			t.Fatal(err)
		}
		s.pulumi(t, "destroy", "--yes", "--skip-preview")
		same(t, "address", s.address(t), address)
		s.set(t, map[string]string{"network:egress": egressNATGateway, "network:eipAllocationId": aws.ToString(address.AllocationId)})
		steps := s.steps(t)
		if !slices.Contains(steps, step{"create", s.nat()}) || slices.ContainsFunc(steps, isAddress) {
			t.Errorf("with an address brought in: %v", steps)
		}
		if _, err := s.ec2().ReleaseAddress(t.Context(), &ec2.ReleaseAddressInput{AllocationId: address.AllocationId}); err != nil {
			t.Error(err)
		}
	})
}

// stack is a stack of the program of this repository, in a backend of its own.
type stack struct {
	// root is the repository, file the stack's configuration.
	root, file, name string
	environment      []string
	aws              aws.Config
}

func newStack(t *testing.T) *stack {
	t.Helper()
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		t.Fatal("AWS_ENDPOINT_URL is not set: this test makes and destroys things, and must not do so in a real account")
	}
	config, err := awsenv.Config()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 3)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := &stack{root: root, name: fmt.Sprintf("e2e-%x", id), aws: config}
	backend := filepath.Join(dir, "backend")
	if err := os.Mkdir(backend, 0o755); err != nil {
		t.Fatal(err)
	}
	s.environment = append(os.Environ(), "PULUMI_BACKEND_URL=file://"+backend, "PULUMI_CONFIG_PASSPHRASE=", "PULUMI_STACK=",
		"PULUMI_SKIP_UPDATE_CHECK=true")
	return s.sibling(t, dir, s.name)
}

// sibling is another stack in the same backend.
func (s *stack) sibling(t *testing.T, dir, name string) *stack {
	t.Helper()
	other := *s
	other.name, other.file = name, filepath.Join(dir, "Pulumi."+name+".yaml")
	// Made in another folder, so that nothing is written into the repository.
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte("name: sms-api\nruntime: go\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	other.root = dir
	if out, err := other.execute(t, "stack", "init", name); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	other.root = s.root
	other.set(t, map[string]string{"aws:region": s.aws.Region, "aws:maxRetries": "3"})
	return &other
}

func (s *stack) set(t *testing.T, settings map[string]string) {
	t.Helper()
	args := []string{"config", "set-all", "--stack", s.name, "--config-file", s.file}
	for key, value := range settings {
		args = append(args, "--plaintext", key+"="+value)
	}
	if out, err := s.execute(t, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func (s *stack) execute(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "pulumi", append(args, "--non-interactive")...)
	command.Dir, command.Env = s.root, s.environment
	var out, errors bytes.Buffer
	command.Stdout, command.Stderr = &out, &errors
	if err := command.Run(); err != nil {
		return out.String() + errors.String(), fmt.Errorf("pulumi %s: %w", strings.Join(args, " "), err)
	}
	return out.String(), nil
}

func (s *stack) try(t *testing.T, args ...string) (string, error) {
	t.Helper()
	args = append(args, "--stack", s.name)
	if args[0] != "state" && args[0] != "stack" {
		args = append(args, "--config-file", s.file)
	}
	return s.execute(t, args...)
}

func (s *stack) pulumi(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.try(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// step is one operation of a deployment that is to come.
type step struct{ op, resource string }

// steps are the operations that a deployment would make, in their order, with the resources' types and names.
func (s *stack) steps(t *testing.T, args ...string) []step {
	t.Helper()
	var preview struct {
		Steps []struct{ Op, URN string }
	}
	if err := json.Unmarshal([]byte(s.pulumi(t, append([]string{"preview", "--json"}, args...)...)), &preview); err != nil {
		t.Fatal(err)
	}
	var steps []step
	for _, one := range preview.Steps {
		if one.Op != "same" {
			// urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME
			parts := strings.Split(one.URN, "::")
			steps = append(steps, step{one.Op, parts[2][strings.LastIndex(parts[2], "$")+1:] + " " + parts[3]})
		}
	}
	return steps
}

func isAddress(one step) bool { return strings.HasPrefix(one.resource, "aws:ec2/eip:Eip ") }

func (s *stack) nat() string { return "aws:ec2/natGateway:NatGateway sms-api-" + s.name + "-nat" }

// urn finds a resource of the stack in the engine's state.
func (s *stack) urn(t *testing.T, kind, part string) string {
	t.Helper()
	return s.urnOf(t, kind+"::sms-api-"+s.name+"-"+part)
}

// guards is the table that makes sends at-most-once.
func (s *stack) guards(t *testing.T) *dynamotypes.TableDescription {
	t.Helper()
	out, err := dynamodb.NewFromConfig(s.aws).DescribeTable(t.Context(), &dynamodb.DescribeTableInput{
		TableName: aws.String("sms-api-" + s.name + "-guards"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Table
}

func (s *stack) ec2() *ec2.Client { return ec2.NewFromConfig(s.aws) }

// mine selects what has the stack's tag.
func (s *stack) mine() []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String("tag:Stack"), Values: []string{s.name}}}
}

func (s *stack) address(t *testing.T) ec2types.Address {
	t.Helper()
	found, err := s.ec2().DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{Filters: s.mine()})
	if err != nil || len(found.Addresses) != 1 {
		t.Fatalf("addresses: %v %v", found, err)
	}
	address := found.Addresses[0]
	// Where it is attached changes; what it is does not.
	return ec2types.Address{AllocationId: address.AllocationId, PublicIp: address.PublicIp}
}

// natGateways are the stack's NAT gateways that work.
func (s *stack) natGateways(t *testing.T) []ec2types.NatGateway {
	t.Helper()
	found, err := s.ec2().DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(found.NatGateways, func(nat ec2types.NatGateway) bool {
		return nat.State != ec2types.NatGatewayStateAvailable || !slices.ContainsFunc(nat.Tags, func(tag ec2types.Tag) bool {
			return aws.ToString(tag.Key) == "Stack" && aws.ToString(tag.Value) == s.name
		})
	})
}

// route is where a subnet leads 0.0.0.0/0.
func (s *stack) route(t *testing.T, subnet string) ec2types.Route {
	t.Helper()
	tables, err := s.ec2().DescribeRouteTables(t.Context(),
		&ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{subnet}}}})
	if err != nil || len(tables.RouteTables) != 1 {
		t.Fatalf("route tables of %s: %v %v", subnet, tables, err)
	}
	for _, route := range tables.RouteTables[0].Routes {
		if aws.ToString(route.DestinationCidrBlock) == anywhere {
			return route
		}
	}
	t.Fatalf("%s leads nowhere", subnet)
	return ec2types.Route{}
}

// checkWayOut follows a packet from each function to the internet.
func (s *stack) checkWayOut(t *testing.T, address ec2types.Address) {
	t.Helper()
	subnets := map[string]bool{}
	for _, kind := range deployment.Functions() {
		vpc := s.function(t, kind.Name).Configuration.VpcConfig
		same(t, kind.Name+": subnets, security groups", []int{len(vpc.SubnetIds), len(vpc.SecurityGroupIds)}, []int{2, 1})
		for _, subnet := range vpc.SubnetIds {
			subnets[subnet] = true
		}
	}
	same(t, "private subnets", len(subnets), 2)
	for subnet := range subnets {
		nats := s.natGateways(t)
		if len(nats) != 1 || aws.ToString(nats[0].NatGatewayId) != aws.ToString(s.route(t, subnet).NatGatewayId) {
			t.Fatalf("%s does not lead to the only NAT gateway: %v", subnet, nats)
		}
		nat := nats[0]
		same(t, "address", []*string{nat.NatGatewayAddresses[0].AllocationId, nat.NatGatewayAddresses[0].PublicIp},
			[]*string{address.AllocationId, address.PublicIp})
		if gateway := aws.ToString(s.route(t, aws.ToString(nat.SubnetId)).GatewayId); !strings.HasPrefix(gateway, "igw-") {
			t.Errorf("the NAT gateway's subnet leads to %q", gateway)
		}
	}
	groups, err := s.ec2().DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{Filters: s.mine()})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups.SecurityGroups {
		if len(group.IpPermissions) > 0 {
			t.Errorf("%s lets in %v", aws.ToString(group.GroupName), group.IpPermissions)
		}
		for _, out := range group.IpPermissionsEgress {
			if port := aws.ToInt32(out.ToPort); port != 443 && port != 53 {
				t.Errorf("%s lets out to port %d", aws.ToString(group.GroupName), port)
			}
		}
	}
}

// letGo takes the NAT gateway down, so that something else can have its address.
func (s *stack) letGo(t *testing.T, address ec2types.Address) {
	t.Helper()
	s.pulumi(t, "destroy", "--yes", "--skip-preview", "--target", s.urn(t, "aws:ec2/natGateway:NatGateway", "nat"), "--target-dependents")
	found, err := s.ec2().DescribeAddresses(t.Context(),
		&ec2.DescribeAddressesInput{AllocationIds: []string{aws.ToString(address.AllocationId)}})
	if err != nil || len(found.Addresses) != 1 {
		t.Fatalf("address: %v %v", found, err)
	}
	if found.Addresses[0].AssociationId == nil {
		return
	}
	// At AWS the deleted gateway has let go of it; moto 5.2 forgets to.
	if _, err := s.ec2().DisassociateAddress(t.Context(),
		&ec2.DisassociateAddressInput{AssociationId: found.Addresses[0].AssociationId}); err != nil {
		t.Fatal(err)
	}
}

// checkInstance goes from the NAT gateway to a NAT instance as the README says: the old one lets go of the address first.
func (s *stack) checkInstance(t *testing.T, address ec2types.Address) {
	t.Helper()
	s.letGo(t, address)
	s.set(t, map[string]string{"network:egress": egressNATInstance, "network:analyse": "false"})
	s.pulumi(t, "up", "--yes", "--skip-preview")
	same(t, "NAT gateways", len(s.natGateways(t)), 0)
	found, err := s.ec2().DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{AllocationIds: []string{*address.AllocationId}})
	if err != nil || len(found.Addresses) != 1 {
		t.Fatalf("address: %v %v", found, err)
	}
	interfaces, err := s.ec2().DescribeNetworkInterfaces(t.Context(),
		&ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{aws.ToString(found.Addresses[0].NetworkInterfaceId)}})
	if err != nil || len(interfaces.NetworkInterfaces) != 1 {
		t.Fatalf("the address's interface: %v %v", interfaces, err)
	}
	at := interfaces.NetworkInterfaces[0]
	same(t, "the interface forwards", at.SourceDestCheck, false)
	if at.Attachment == nil || aws.ToString(at.Attachment.InstanceId) == "" {
		t.Fatalf("no machine is at the interface: %v", at)
	}
	instances, err := s.ec2().DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{*at.Attachment.InstanceId}})
	if err != nil || len(instances.Reservations) != 1 {
		t.Fatalf("the NAT instance: %v %v", instances, err)
	}
	same(t, "interfaces of the machine", len(instances.Reservations[0].Instances[0].NetworkInterfaces), 1)
	for _, subnet := range s.function(t, "sms").Configuration.VpcConfig.SubnetIds {
		same(t, "way of "+subnet, s.route(t, subnet).NetworkInterfaceId, at.NetworkInterfaceId)
	}
	s.pulumi(t, "preview", "--expect-no-changes", "--diff")
}

func (s *stack) function(t *testing.T, kind string) *lambda.GetFunctionOutput {
	t.Helper()
	f, err := lambda.NewFromConfig(s.aws).GetFunction(t.Context(),
		&lambda.GetFunctionInput{FunctionName: aws.String("sms-api-" + s.name + "-" + kind)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (s *stack) checkFunctions(t *testing.T, address ec2types.Address) {
	t.Helper()
	var routes []route.Route
	if err := json.Unmarshal([]byte(orderPaid), &routes); err != nil {
		t.Fatal(err)
	}
	files, err := deployment.Files(routes, untrusted.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	built, err := buildFunctions(t.Context(), s.root, "sms-api-"+s.name, deployment.Functions(), files)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range deployment.Functions() {
		f := s.function(t, kind.Name)
		c := f.Configuration
		same(t, kind.Name, []any{c.Runtime, c.Architectures, aws.ToString(c.Handler), aws.ToInt32(c.Timeout), aws.ToString(c.CodeSha256)},
			[]any{lambdatypes.RuntimeProvidedal2023, []lambdatypes.Architecture{lambdatypes.ArchitectureArm64}, "bootstrap", seconds(kind.Timeout),
				built[kind.Name].sha256})
		same(t, kind.Name+" tags", []string{f.Tags["Project"], f.Tags["Stack"]}, []string{"sms-api", s.name})
		if ip, there := c.Environment.Variables["EGRESS_IPS"]; there && ip != aws.ToString(address.PublicIp) {
			t.Errorf("%s would tell people to register %q", kind.Name, ip)
		}
	}
	same(t, "reserved concurrency of what sends", []*int32{s.function(t, "alimtalk").Concurrency.ReservedConcurrentExecutions,
		s.function(t, "sms").Concurrency.ReservedConcurrentExecutions}, []int{7, 5})
}

func (s *stack) checkPermissions(t *testing.T) {
	client := iam.NewFromConfig(s.aws)
	role := func(arn *string) string { return aws.ToString(arn)[strings.LastIndex(aws.ToString(arn), "/")+1:] }
	for _, kind := range deployment.Functions() {
		name := role(s.function(t, kind.Name).Configuration.Role)
		attached, err := client.ListAttachedRolePolicies(t.Context(), &iam.ListAttachedRolePoliciesInput{RoleName: &name})
		if err != nil || len(attached.AttachedPolicies) != 0 {
			t.Errorf("%s: policies %v %v", kind.Name, attached, err)
		}
		inline, err := client.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: &name})
		if err != nil || len(inline.PolicyNames) != 1 {
			t.Fatalf("%s: own policies %v %v", kind.Name, inline, err)
		}
	}
}

// stateMachine is the one that delivers messages.
func (s *stack) stateMachine(t *testing.T) *sfn.DescribeStateMachineOutput {
	t.Helper()
	return s.machine(t, dispatchMachine)
}

func (s *stack) machine(t *testing.T, name string) *sfn.DescribeStateMachineOutput {
	t.Helper()
	client := sfn.NewFromConfig(s.aws)
	all, err := client.ListStateMachines(t.Context(), &sfn.ListStateMachinesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all.StateMachines {
		if aws.ToString(m.Name) == "sms-api-"+s.name+name {
			machine, err := client.DescribeStateMachine(t.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: m.StateMachineArn})
			if err != nil {
				t.Fatal(err)
			}
			return machine
		}
	}
	t.Fatalf("there is no state machine %s", name)
	return nil
}

// checkStateMachine: what is deployed is what runs locally, with the ARNs that AWS gave.
func (s *stack) checkStateMachine(t *testing.T) {
	machine := s.stateMachine(t)
	functions := map[string]string{}
	for state, name := range deployment.Tasks() {
		functions[state] = aws.ToString(s.function(t, name).Configuration.FunctionArn)
	}
	want, err := statemachine.Definition(functions, "sms-api-"+s.name)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "definition", parsed(t, aws.ToString(machine.Definition)), parsed(t, want))
	same(t, "logging", []any{machine.LoggingConfiguration.Level, machine.LoggingConfiguration.IncludeExecutionData}, []any{"ERROR", false})
	same(t, "alias points to version", s.version(t), "1")
	functions = map[string]string{}
	for state, name := range deployment.CampaignTasks() {
		functions[state] = aws.ToString(s.function(t, name).Configuration.FunctionArn)
	}
	if want, err = statemachine.CampaignDefinition(functions); err != nil {
		t.Fatal(err)
	}
	campaigns := s.machine(t, campaignMachine)
	same(t, "definition of campaigns", parsed(t, aws.ToString(campaigns.Definition)), parsed(t, want))
	same(t, "what starts campaigns", s.function(t, "campaign").Configuration.Environment.Variables[deployment.CampaignMachineARN],
		aws.ToString(campaigns.StateMachineArn)+":live")
}

// version is the version that the alias points to.
func (s *stack) version(t *testing.T) string {
	t.Helper()
	alias, err := sfn.NewFromConfig(s.aws).DescribeStateMachineAlias(t.Context(), &sfn.DescribeStateMachineAliasInput{
		StateMachineAliasArn: aws.String(aws.ToString(s.stateMachine(t).StateMachineArn) + ":live"),
	})
	if err != nil || len(alias.RoutingConfiguration) != 1 {
		t.Fatalf("alias: %v %v", alias, err)
	}
	arn := aws.ToString(alias.RoutingConfiguration[0].StateMachineVersionArn)
	return arn[strings.LastIndex(arn, ":")+1:]
}

// checkVersions changes what the state machine logs, which is a new revision.
func (s *stack) checkVersions(t *testing.T) {
	s.set(t, map[string]string{"workflow:logLevel": "ALL"})
	s.pulumi(t, "up", "--yes", "--skip-preview")
	same(t, "level", s.stateMachine(t).LoggingConfiguration.Level, "ALL")
	same(t, "alias points to version", s.version(t), "2")
	s.pulumi(t, "preview", "--expect-no-changes", "--diff")
}

func (s *stack) checkEvents(t *testing.T) {
	client := eventbridge.NewFromConfig(s.aws)
	bus := "sms-api-" + s.name
	described, err := client.DescribeEventBus(t.Context(), &eventbridge.DescribeEventBusInput{Name: &bus})
	if err != nil {
		t.Fatal(err)
	}
	if policy := aws.ToString(described.Policy); !strings.Contains(policy, "222233334444") || !strings.Contains(policy, "StringNotEquals") {
		t.Errorf("who may put events: %s", policy)
	}
	queue := s.letters(t, "dead-letters")
	takes := map[string][]string{
		"requested":        {`{"detail-type":["MessageRequested"]}`, ""},
		"opt-outs":         {`{"detail-type":["RecipientOptedIn","RecipientOptedOut"]}`, ""},
		"settled":          {`{"detail-type":["MessageSettled"],"source":["sms-api"]}`, ""},
		"route-order-paid": {`{"detail-type":["OrderPaid"],"source":["com.example.shop"]}`, ""},
		"stopped": {
			`{"detail":{"stateMachineArn":["` + aws.ToString(s.stateMachine(t).StateMachineArn) + `"],"status":["FAILED","TIMED_OUT","ABORTED"]},` +
				`"detail-type":["Step Functions Execution Status Change"],"source":["aws.states"]}`, "",
		},
		"campaign-file": {
			`{"detail":{"bucket":{"name":["` + s.bucket(t) + `"]},"object":{"key":[{"wildcard":"campaigns/*/file"}]}},` +
				`"detail-type":["Object Created"],"source":["aws.s3"]}`, "",
		},
		"balance": {"", "rate(1 hour)"}, "sweep": {"", "rate(1 hour)"}, "templates": {"", "rate(24 hours)"},
	}
	seen := map[string]string{}
	for _, on := range []string{bus, "default"} {
		rules, err := client.ListRules(t.Context(), &eventbridge.ListRulesInput{EventBusName: &on, NamePrefix: aws.String(bus + "-")})
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules.Rules {
			if strings.HasPrefix(aws.ToString(rule.Name), bus+"-webhook-") { // see checkWebhooks
				continue
			}
			targets, err := client.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{EventBusName: &on, Rule: rule.Name})
			if err != nil || len(targets.Targets) != 1 {
				t.Fatalf("targets of %s: %v %v", aws.ToString(rule.Name), targets, err)
			}
			target := targets.Targets[0]
			name := strings.TrimPrefix(aws.ToString(rule.Name), bus+"-")
			seen[name] = aws.ToString(target.Arn)[strings.LastIndex(aws.ToString(target.Arn), "-")+1:]
			if target.DeadLetterConfig == nil || aws.ToString(target.DeadLetterConfig.Arn) != queue["QueueArn"] || target.RetryPolicy == nil {
				t.Errorf("%s loses events: %v", name, target)
			}
			if !strings.Contains(queue["Policy"], aws.ToString(rule.Arn)) {
				t.Errorf("%s may not write dead letters", name)
			}
			if name == "route-order-paid" && !strings.Contains(aws.ToString(target.InputTransformer.InputTemplate), "<aws.events.event.json>") {
				t.Errorf("the route's transformer: %v", target.InputTransformer)
			}
			same(t, name+" takes", []string{aws.ToString(rule.EventPattern), aws.ToString(rule.ScheduleExpression)}, takes[name])
		}
	}
	same(t, "rules", seen, map[string]string{
		"balance": "balance", "opt-outs": "events", "requested": "events", "route-order-paid": "events", "settled": "record",
		"templates": "templates", "stopped": "settle", "sweep": "sweep", "campaign-file": "campaigns",
	})
}

// checkWebhooks: outcomes go to the webhook, what it does not take is kept and told of, and the secret that somebody puts into its
// connection is neither put back nor known to the engine.
func (s *stack) checkWebhooks(t *testing.T) {
	client, bus := eventbridge.NewFromConfig(s.aws), "sms-api-"+s.name
	name := bus + "-webhook-crm"
	rule, err := client.DescribeRule(t.Context(), &eventbridge.DescribeRuleInput{EventBusName: &bus, Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "it takes", rule.EventPattern, `{"detail-type":["MessageSettled"],"source":["sms-api"]}`)
	targets, err := client.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{EventBusName: &bus, Rule: &name})
	if err != nil || len(targets.Targets) != 1 {
		t.Fatalf("targets: %v %v", targets, err)
	}
	destination, err := client.DescribeApiDestination(t.Context(), &eventbridge.DescribeApiDestinationInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	connection, err := client.DescribeConnection(t.Context(), &eventbridge.DescribeConnectionInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "it calls", []any{destination.HttpMethod, destination.InvocationEndpoint, destination.InvocationRateLimitPerSecond,
		destination.ConnectionArn}, []any{"POST", "https://crm.example.com/hooks/sms", 10, connection.ConnectionArn})
	same(t, "it is known by", []any{connection.AuthorizationType, connection.AuthParameters.ApiKeyAuthParameters.ApiKeyName},
		[]any{"API_KEY", "X-Webhook-Secret"})
	target, queue := targets.Targets[0], s.letters(t, "webhook-dead-letters")
	same(t, "target", target.Arn, destination.ApiDestinationArn)
	if target.DeadLetterConfig == nil || aws.ToString(target.DeadLetterConfig.Arn) != queue["QueueArn"] || target.RetryPolicy == nil ||
		aws.ToInt32(target.RetryPolicy.MaximumEventAgeInSeconds) != 24*60*60 {
		t.Errorf("it loses events: %v", target)
	}
	if !strings.Contains(queue["Policy"], aws.ToString(rule.Arn)) {
		t.Error("it may not write dead letters")
	}
	alarms, err := cloudwatch.NewFromConfig(s.aws).DescribeAlarms(t.Context(),
		&cloudwatch.DescribeAlarmsInput{AlarmNames: []string{bus + "-webhook-dead-letters"}})
	if err != nil || len(alarms.MetricAlarms) != 1 || len(alarms.MetricAlarms[0].Dimensions) != 1 {
		t.Fatalf("alarm: %v %v", alarms, err)
	}
	same(t, "alarm", alarms.MetricAlarms[0].Dimensions[0].Value, bus+"-webhook-dead-letters")

	const secret = "somebody-has-made-this-one"
	if _, err := client.UpdateConnection(t.Context(), &eventbridge.UpdateConnectionInput{
		Name: &name, AuthorizationType: eventtypes.ConnectionAuthorizationTypeApiKey,
		AuthParameters: &eventtypes.UpdateConnectionAuthRequestParameters{
			ApiKeyAuthParameters: &eventtypes.UpdateConnectionApiKeyAuthRequestParameters{
				ApiKeyName: aws.String("X-Webhook-Secret"), ApiKeyValue: aws.String(secret),
			},
		},
	}); err != nil {
		t.Fatal(err)
	}
	s.pulumi(t, "preview", "--expect-no-changes", "--diff")
	if strings.Contains(s.pulumi(t, "stack", "export"), secret) {
		t.Error("the secret is in the stack's state")
	}
}

// letters are the attributes of one of the queues of what could not be handed over.
func (s *stack) letters(t *testing.T, name string) map[string]string {
	t.Helper()
	client := sqs.NewFromConfig(s.aws)
	queue, err := client.GetQueueUrl(t.Context(), &sqs.GetQueueUrlInput{QueueName: aws.String("sms-api-" + s.name + "-" + name)})
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl,
		AttributeNames: []sqstypes.QueueAttributeName{"All"}})
	if err != nil {
		t.Fatal(err)
	}
	return attributes.Attributes
}

func (s *stack) checkAPI(t *testing.T) {
	client := apigatewayv2.NewFromConfig(s.aws)
	apis, err := client.GetApis(t.Context(), &apigatewayv2.GetApisInput{})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(apis.Items, func(api apitypes.Api) bool { return aws.ToString(api.Name) == "sms-api-"+s.name })
	if at < 0 {
		t.Fatal("there is no API")
	}
	same(t, "CORS", apis.Items[at].CorsConfiguration.AllowOrigins, []string{"https://shop.example.com"})
	found, err := client.GetRoutes(t.Context(), &apigatewayv2.GetRoutesInput{ApiId: apis.Items[at].ApiId})
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string][]string{}
	for _, route := range found.Items {
		if key := aws.ToString(route.RouteKey); key != openRoute {
			routes[key] = slices.Sorted(slices.Values(route.AuthorizationScopes))
			same(t, key, route.AuthorizationType, "JWT")
		}
	}
	// The scopes of a route are a set.
	want := contractRoutes()
	for _, scopes := range want {
		slices.Sort(scopes)
	}
	same(t, "routes", routes, want)
}

func (s *stack) checkLogs(t *testing.T) {
	client := cloudwatchlogs.NewFromConfig(s.aws)
	found := 0
	for _, prefix := range []string{"/aws/lambda/", "/aws/vendedlogs/states/", "/aws/vendedlogs/apigateway/"} {
		groups, err := client.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String(prefix +
			"sms-api-" + s.name)})
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range groups.LogGroups {
			found++
			same(t, aws.ToString(group.LogGroupName), group.RetentionInDays, 30)
		}
	}
	same(t, "log groups", found, len(deployment.Functions())+3)
}

// checkTable: what was sent cannot be forgotten, but what may go does.
func (s *stack) checkTable(t *testing.T) {
	table, client := s.guards(t), dynamodb.NewFromConfig(s.aws)
	same(t, "deletion protection", table.DeletionProtectionEnabled, true)
	same(t, "billing", table.BillingModeSummary.BillingMode, "PAY_PER_REQUEST")
	backups, err := client.DescribeContinuousBackups(t.Context(), &dynamodb.DescribeContinuousBackupsInput{TableName: table.TableName})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "point-in-time recovery", backups.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus, "ENABLED")
	ttl, err := client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: table.TableName})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "TTL", []any{ttl.TimeToLiveDescription.TimeToLiveStatus, ttl.TimeToLiveDescription.AttributeName},
		[]any{"ENABLED", deployment.GuardsTable().TTL})
}

// bucket is the name of the bucket of campaigns, which the engine has completed.
func (s *stack) bucket(t *testing.T) string {
	t.Helper()
	name := s.function(t, deployment.API).Configuration.Environment.Variables[deployment.CampaignBucket]
	if !strings.HasPrefix(name, "sms-api-"+s.name+"-campaigns-") {
		t.Fatalf("the bucket is called %q", name)
	}
	return name
}

// checkFiles reads what S3 says of the bucket of campaigns, by its own requests: there is no client for it in this module.
func (s *stack) checkFiles(t *testing.T) {
	bucket := s.bucket(t)
	for query, want := range map[string][]string{
		"publicAccessBlock": {
			"<BlockPublicAcls>true<", "<IgnorePublicAcls>true<", "<BlockPublicPolicy>true<", "<RestrictPublicBuckets>true<",
		},
		"encryption": {"<SSEAlgorithm>AES256<"}, "policy": {"aws:SecureTransport", "s3:if-none-match", "Deny"},
		"lifecycle": {"<Days>117<", "<DaysAfterInitiation>1<"}, "notification": {"EventBridgeConfiguration"},
		"cors": {"https://shop.example.com", "PUT", "if-none-match"},
	} {
		text := s.ask(t, bucket, query)
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %s: %s", query, part, text)
			}
		}
	}
	if text := s.ask(t, bucket, "versioning"); strings.Contains(text, "Enabled") {
		t.Errorf("there are versions: %s", text)
	}
}

// ask asks S3 for something of a bucket.
func (s *stack) ask(t *testing.T, bucket, what string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, os.Getenv("AWS_ENDPOINT_URL")+"/"+bucket+"?"+what, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := s.aws.Credentials.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // SHA-256 of an empty body
	r.Header.Set("X-Amz-Content-Sha256", nothing)
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, r, nothing, "s3", s.aws.Region, time.Now()); err != nil {
		t.Fatal(err)
	}
	_, _, body := testkit.Do(t, http.DefaultClient, r)
	return string(body)
}

// inPlace are settings that change while messages are under way, each to a value that is not its default.
var inPlace = map[string]string{
	"functions:sms": `{"memory":512,"timeout":40,"reservedConcurrency":-1}`, "functions:events": `{"timeout":60}`,
	"functions:api": `{"timeout":20}`, "functions:logLevel": "debug", "functions:logRetentionDays": "90",
	"events:archiveDays": "14", "events:rate": "30",
	"api:untrustedMaxRecipients": "3",
	"api:untrustedMaxSchedule":   "48", "api:frontendRoles": `["web-app"]`, "templates:TX_1234": `{"주문번호":{"maxLength":20}}`,
	"records:retentionDays": "30", "records:sweepMinutes": "30", "limits:trustedNumberHour": "2", "limits:trustedNumberDay": "3",
	"limits:trustedCallerDay": "1000", "limits:dailyRecipients": "100000", "limits:sameContentWithin": "10",
	"limits:optOutsCoverInfo": "true", "limits:numberHour": "2",
	"limits:numberDay": "4", "limits:callerDay": "100",
	"ads:senderName": "가나상점", "ads:contact": "02-123-4567", "ads:refusal": "무료수신거부 080-000-0000", "ads:until": "20:00",
	"alarms:lowBalance": "500", "alarms:balanceMinutes": "30", "alarms:templatesMinutes": "720",
	"alarms:failurePercent": "10", "alarms:fallbackPercent": "101",
	"secrets:prefix": "/team/aligo", "campaigns:fileDays": "30",
}

// planned are such settings that moto 5.2 fails to carry out: it tags no path of Reachability Analyzer, has a domain before it is
// made, and changes no throttle of a stage.
var planned = map[string]string{
	"sms-api:tags": `{"Team":"messaging"}`, "api:throttleRate": "50", "api:throttleBurst": "100", "api:readThrottleRate": "100",
	"api:domainName": "sms.example.com", "api:certificateArn": "arn:aws:acm:ap-northeast-2:123456789012:certificate/abc",
}

// checkSettings: nothing that holds something is replaced or deleted, there and back.
func (s *stack) checkSettings(t *testing.T) {
	holds := []string{
		"dynamodb/table:", "sqs/queue:", "ec2/eip:", "cloudwatch/logGroup:", "cloudwatch/eventBus:", "cloudwatch/eventArchive:", "kms/key:",
		"sfn/stateMachine:", "sfn/alias:", "lambda/function:", "lambda/eventSourceMapping:", "apigatewayv2/api:", "apigatewayv2/stage:",
		"sns/topic:", "s3/bucket:", "ec2/natGateway:", "ec2/subnet:", "ec2/securityGroup:", "ec2/vpc:",
	}
	keeps := func(t *testing.T) {
		t.Helper()
		for _, one := range s.steps(t) {
			if one.op == "update" || one.op == "create" {
				continue
			}
			if t.Log(one); slices.ContainsFunc(holds, func(kind string) bool { return strings.HasPrefix(one.resource, "aws:"+kind) }) {
				t.Errorf("%s is lost: %s", one.resource, one.op)
			}
		}
	}
	deploys := func(t *testing.T) {
		t.Helper()
		s.pulumi(t, "up", "--yes", "--skip-preview")
		s.pulumi(t, "preview", "--expect-no-changes", "--diff")
	}
	unset := func(t *testing.T, settings map[string]string) {
		t.Helper()
		s.pulumi(t, append([]string{"config", "rm-all"}, slices.Sorted(maps.Keys(settings))...)...)
	}
	s.set(t, inPlace)
	s.set(t, planned)
	keeps(t)
	unset(t, planned)
	deploys(t)
	variables := s.function(t, "api").Configuration.Environment.Variables
	for name, want := range map[string]string{
		deployment.RetentionDays: "30", deployment.AdsSenderName: "가나상점", deployment.SameContentWithin: "10",
	} {
		same(t, name, variables[name], want)
	}
	unset(t, inPlace)
	keeps(t)
	deploys(t)
}

// checkOtherStacks asks the engine and the provider about the other ways to deploy, without deploying them.
func (s *stack) checkOtherStacks(t *testing.T) {
	vpcs, err := s.ec2().DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: s.mine()})
	if err != nil || len(vpcs.Vpcs) != 1 {
		t.Fatalf("VPCs: %v %v", vpcs, err)
	}
	for name, settings := range map[string]map[string]string{
		"there": {"network:vpcId": aws.ToString(vpcs.Vpcs[0].VpcId), "network:cidr": "10.77.15.0/24"},
		"theirs": {
			"network:subnetIds": "subnet-0aaaaaaaaaaaaaaaa", "network:securityGroupIds": "sg-0cccccccccccccccc",
		},
		"dev":  stackFile(t, filepath.Join("..", "Pulumi.dev.yaml"), false),
		"prod": stackFile(t, filepath.Join("..", "Pulumi.prod.yaml"), true),
	} {
		other := s.sibling(t, t.TempDir(), s.name+"-"+name)
		other.set(t, settings)
		if steps := other.steps(t); len(steps) < 120 {
			t.Errorf("%s makes %d resources", name, len(steps))
		}
	}
}

// checkGone: of all that has the stack's tag or name, nothing is left but the address.
func (s *stack) checkGone(t *testing.T) {
	t.Helper()
	vpcs, err := s.ec2().DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{Filters: s.mine()})
	if err != nil || len(vpcs.Vpcs) > 0 {
		t.Errorf("VPCs: %v %v", vpcs, err)
	}
	functions, err := lambda.NewFromConfig(s.aws).ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range functions.Functions {
		if strings.Contains(aws.ToString(f.FunctionName), s.name) {
			t.Errorf("function %s is left", aws.ToString(f.FunctionName))
		}
	}
	roles, err := iam.NewFromConfig(s.aws).ListRoles(t.Context(), &iam.ListRolesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range roles.Roles {
		if strings.Contains(aws.ToString(role.RoleName), s.name) {
			t.Errorf("role %s is left", aws.ToString(role.RoleName))
		}
	}
	buses, err := eventbridge.NewFromConfig(s.aws).ListEventBuses(t.Context(),
		&eventbridge.ListEventBusesInput{NamePrefix: aws.String("sms-api-" + s.name)})
	if err != nil || len(buses.EventBuses) > 0 {
		t.Errorf("event buses: %v %v", buses, err)
	}
}
