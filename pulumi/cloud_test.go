package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"sms-api/internal/deployment"
)

// cloud is an AWS account as far as the program sees it: it gives each resource an id, an ARN and an address, answers
// look-ups, and remembers everything, so that a test can follow what leads where.
type cloud struct {
	mu        sync.Mutex
	resources []made
	outputs   map[string]any
	// looked are the look-ups that were made.
	looked map[string]bool
	// parameters are the SSM parameters that exist.
	parameters []string
	// last are the outputs of the last deployment.
	last map[string]any
}

// made is a resource as it was registered.
type made struct {
	kind, name string
	in         map[string]any
	id         string
	rpc        *pulumirpc.RegisterResourceRequest
}

const (
	testAccount = "111122223333"
	testRegion  = "ap-northeast-2"
	theirVPC    = "vpc-0aaaaaaaaaaaaaaaa"
	theirIP     = "198.51.100.7"
)

// arnOf is the ARN of a resource of this kind, with the parts that the program itself relies on as AWS has them.
func arnOf(kind, name string) string {
	service, format := "x", "%s"
	switch kind {
	case "s3:Bucket":
		return "arn:aws:s3:::" + name
	case "lambda:Function":
		service, format = "lambda", "function:%s"
	case "sfn:StateMachine":
		service, format = "states", "stateMachine:%s"
	case "cloudwatch:EventBus":
		service, format = "events", "event-bus/%s"
	case "cloudwatch:EventRule":
		service, format = "events", "rule/%s"
	case "cloudwatch:LogGroup":
		service, format = "logs", "log-group:%s"
	case "sqs:Queue":
		service, format = "sqs", "%s"
	case "sns:Topic":
		service, format = "sns", "%s"
	case "kms:Key":
		service, format = "kms", "key/%s"
	case "dynamodb:Table":
		service, format = "dynamodb", "table/%s"
	case "iam:Role":
		service, format = "iam", "role/%s"
	}
	return fmt.Sprintf("arn:aws:%s:%s:%s:"+format, service, testRegion, testAccount, name)
}

func (c *cloud) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	kind := strings.TrimPrefix(args.TypeToken, "aws:")
	if module, rest, ok := strings.Cut(kind, "/"); ok {
		_, name, _ := strings.Cut(rest, ":")
		kind = module + ":" + name
	}
	in := plain(args.Inputs)
	name := args.Name
	if given, ok := in["name"].(string); ok {
		name = given
	}
	id := strings.ReplaceAll(strings.ToLower(kind), ":", "-") + "/" + args.Name
	out := args.Inputs.Copy()
	set := func(key, value string) {
		if _, ok := out[resource.PropertyKey(key)]; !ok {
			out[resource.PropertyKey(key)] = resource.NewProperty(value)
		}
	}
	set("name", name)
	set("arn", arnOf(kind, name))
	switch kind {
	case "ec2:Eip":
		set("allocationId", "eipalloc/"+args.Name)
		set("publicIp", map[string]string{"sms-api-dev-egress": "203.0.113.1", "sms-api-dev-egress-2": "203.0.113.2"}[args.Name])
	case "ec2:Instance":
		set("primaryNetworkInterfaceId", "interface-of/"+args.Name)
	case "ec2:NetworkInsightsAnalysis":
		out["pathFound"] = resource.NewProperty(true)
	case "lambda:Function":
		set("invokeArn", "arn:aws:apigateway:"+testRegion+":lambda:path/functions/"+arnOf(kind, name)+"/invocations")
	case "s3:Bucket":
		// Its name is completed by Pulumi.
		bucket := args.Name + "-1a2b3c4"
		set("bucket", bucket)
		out["arn"] = resource.NewProperty(arnOf(kind, bucket))
	case "sfn:StateMachine":
		set("stateMachineVersionArn", arnOf(kind, name)+":7")
	case "sfn:Alias":
		routes := in["routingConfigurations"].([]any)
		version := routes[0].(map[string]any)["stateMachineVersionArn"].(string)
		out["arn"] = resource.NewProperty(strings.TrimSuffix(version, "7") + name)
	case "sqs:Queue":
		set("url", "https://sqs/"+name)
	case "kms:Key":
		set("keyId", args.Name)
	case "apigatewayv2:Api":
		set("apiEndpoint", "https://api.example.invalid")
		set("executionArn", "arn:aws:execute-api:"+testRegion+":"+testAccount+":"+args.Name)
	case "apigatewayv2:DomainName":
		out["domainNameConfiguration"] = resource.NewProperty(resource.PropertyMap{"targetDomainName": resource.NewProperty(
			"d-target.example.invalid")})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.resources = append(c.resources, made{kind: kind, name: args.Name, in: in, id: id, rpc: args.RegisterRPC})
	return id, out, nil
}

// plain are properties without Pulumi's own types; secrets are marked by being a map with "secret".
func plain(properties resource.PropertyMap) map[string]any {
	return properties.MapRepl(nil, func(v resource.PropertyValue) (any, bool) {
		switch {
		case v.IsSecret():
			return map[string]any{"secret": v.SecretValue().Element.V}, true
		case v.IsArchive():
			return v.ArchiveValue().Path, true
		}
		return nil, false
	})
}

func (c *cloud) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	in := plain(args.Args)
	reply := map[string]any{}
	c.mu.Lock()
	if c.looked == nil {
		c.looked = map[string]bool{}
	}
	c.looked[args.Token[strings.LastIndex(args.Token, ":")+1:]] = true
	c.mu.Unlock()
	switch args.Token {
	case "pulumi:pulumi:readStackOutputs":
		if name := in["name"]; name != "a-team/sms-api/dev" {
			return nil, fmt.Errorf("unknown stack %q", name)
		}
		reply["outputs"] = c.last
	case "aws:index/getPartition:getPartition":
		reply["partition"] = "aws"
	case "aws:index/getRegion:getRegion":
		reply["region"] = testRegion
	case "aws:index/getCallerIdentity:getCallerIdentity":
		reply["accountId"] = testAccount
	case "aws:index/getAvailabilityZones:getAvailabilityZones":
		zones := []any{testRegion + "a", testRegion + "b", testRegion + "c"}
		if filters := list(in["filters"]); len(filters) != 1 || fmt.Sprint(filters[0]) != "map[name:opt-in-status values:[opt-in-not-required]]" {
			// Local zones, which have no NAT gateways, come with the others unless they are left out.
			zones = append([]any{testRegion + "-wl1-cjj-wlz-1"}, zones...)
		}
		reply["names"] = zones
	case "aws:iam/getPolicyDocument:getPolicyDocument":
		text, err := policyJSON(in)
		if err != nil {
			return nil, err
		}
		reply["json"] = text
	case "aws:ssm/getParametersByPath:getParametersByPath":
		// What is looked up is kept by the engine, so nothing may be decrypted.
		if in["withDecryption"] != false {
			return nil, fmt.Errorf("values below %v are read", in["path"])
		}
		names := []any{}
		for _, name := range c.parameters {
			if strings.HasPrefix(name, in["path"].(string)+"/") {
				names = append(names, name)
			}
		}
		reply["names"] = names
	case "aws:ssm/getParameter:getParameter":
		reply["value"] = "ami-" + in["name"].(string)
	case "aws:ec2/getVpc:getVpc":
		reply["id"], reply["cidrBlock"] = in["id"], "10.0.0.0/8"
	case "aws:ec2/getInternetGateway:getInternetGateway":
		filter := in["filters"].([]any)[0].(map[string]any)
		reply["internetGatewayId"] = fmt.Sprintf("gateway-of/%v", filter["values"].([]any)[0])
	case "aws:ec2/getElasticIp:getElasticIp":
		reply["publicIp"] = theirIP
	default:
		return nil, fmt.Errorf("nobody taught the test's cloud %s", args.Token)
	}
	return resource.NewPropertyMapFromMap(reply), nil
}

// policyJSON does what the provider does with a policy document: lists of one stay lists, which is all that differs.
func policyJSON(in map[string]any) (string, error) {
	var statements []any
	for _, s := range in["statements"].([]any) {
		given := s.(map[string]any)
		statement := map[string]any{"Effect": "Allow", "Action": given["actions"]}
		if given["effect"] != nil {
			statement["Effect"] = given["effect"]
		}
		if given["resources"] != nil {
			statement["Resource"] = given["resources"]
		}
		for _, p := range list(given["principals"]) {
			principal := p.(map[string]any)
			statement["Principal"] = map[string]any{principal["type"].(string): principal["identifiers"]}
		}
		for _, c := range list(given["conditions"]) {
			condition := c.(map[string]any)
			statement["Condition"] = map[string]any{condition["test"].(string): map[string]any{condition["variable"].(string): condition["values"]}}
		}
		statements = append(statements, statement)
	}
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	return string(text), err
}

func list(value any) []any {
	all, _ := value.([]any)
	return all
}

// tryDeploy runs the program for the stack dev with these settings besides the defaults.
func tryDeploy(c *cloud, settings map[string]string, secret ...string) error {
	config, err := readConfig("sms-api", "dev", settings, secret)
	if err != nil {
		return err
	}
	built := map[string]code{}
	for _, kind := range deployment.Functions() {
		built[kind.Name] = code{zip: "/dist/" + kind.Name + ".zip", sha256: "hash of " + kind.Name}
	}
	var known sync.WaitGroup
	err = pulumi.RunErr(func(ctx *pulumi.Context) error {
		err := deploy(ctx, deployArgs{config: config, code: built,
			schemas: []schema{{"MessageRequested", `{"title":"requested"}`}}})
		if err != nil {
			return err
		}
		c.outputs = map[string]any{}
		for name, value := range ctx.GetCurrentExportMap() {
			known.Add(1)
			pulumi.ToOutput(value).ApplyT(func(value any) any {
				defer known.Done()
				c.mu.Lock()
				defer c.mu.Unlock()
				c.outputs[name] = value
				return nil
			})
		}
		return nil
	}, pulumi.WithMocksWithOrganization("a-team", "sms-api", "dev", c))
	if err == nil {
		known.Wait()
	}
	return err
}

// deployed is the cloud after a deployment.
func deployed(t *testing.T, settings map[string]string, secret ...string) *cloud {
	t.Helper()
	c := &cloud{}
	if err := tryDeploy(c, settings, secret...); err != nil {
		t.Fatal(err)
	}
	return c
}

// all are the resources of a kind, by name.
func (c *cloud) all(kind string) []made {
	var found []made
	for _, r := range c.resources {
		if r.kind == kind {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b made) int { return strings.Compare(a.name, b.name) })
	return found
}

// one is the resource with this name, without the stack's prefix; "" is the prefix alone.
func (c *cloud) one(t *testing.T, kind, name string) made {
	t.Helper()
	full := strings.TrimSuffix("sms-api-dev-"+name, "-")
	for _, r := range c.all(kind) {
		if r.name == full {
			return r
		}
	}
	t.Fatalf("there is no %s %s", kind, full)
	return made{}
}

// byID is the resource with this id, whatever its kind.
func (c *cloud) byID(t *testing.T, id any) made {
	t.Helper()
	for _, r := range c.resources {
		if r.id == id {
			return r
		}
	}
	t.Fatalf("there is no resource %v", id)
	return made{}
}

// text is a property that is a text, empty when it is not there.
func (r made) text(path string) string {
	value, _ := r.at(path).(string)
	return value
}

// at is a property: "vpcConfig.subnetIds".
func (r made) at(path string) any {
	var value any = r.in
	for step := range strings.SplitSeq(path, ".") {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = fields[step]
	}
	return value
}

// texts are a property that is a list of texts.
func (r made) texts(path string) []string {
	var all []string
	for _, item := range list(r.at(path)) {
		all = append(all, item.(string))
	}
	return all
}

// names are the names of resources without the stack's prefix.
func names(resources []made) []string {
	var all []string
	for _, r := range resources {
		all = append(all, strings.TrimPrefix(strings.TrimPrefix(r.name, "sms-api-dev"), "-"))
	}
	return all
}

// same compares by JSON, in which numbers are numbers.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	g, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	w, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Errorf("%s:\n got %s\nwant %s", what, g, w)
	}
}

// parsed is a property that is JSON.
func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares lines with those of a file, which go test ./pulumi -update writes.
func golden(t *testing.T, file string, lines []string) {
	t.Helper()
	path, text := filepath.Join("testdata", file), strings.Join(lines, "\n")+"\n"
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text == string(want) {
		return
	}
	known := strings.Split(strings.TrimSuffix(string(want), "\n"), "\n")
	for _, line := range lines {
		if !slices.Contains(known, line) {
			t.Errorf("%s lacks\n%s", path, line)
		}
	}
	for _, line := range known {
		if !slices.Contains(lines, line) {
			t.Errorf("%s has\n%s", path, line)
		}
	}
	t.Errorf("go test ./pulumi -update writes %s anew", path)
}
