package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/deployment"
)

// way is how a packet from a subnet gets to the internet: the subnet's route table, found by its explicit association,
// and where that leads 0.0.0.0/0.
func way(t *testing.T, c *cloud, subnet made) string {
	t.Helper()
	var tables []string
	for _, a := range c.all("ec2:RouteTableAssociation") {
		if a.at("subnetId") == subnet.id {
			tables = append(tables, a.text("routeTableId"))
		}
	}
	if len(tables) != 1 {
		t.Fatalf("%s has %d route tables", subnet.name, len(tables))
	}
	var targets []string
	for _, r := range c.all("ec2:Route") {
		if r.at("routeTableId") != tables[0] {
			continue
		}
		for _, property := range []string{"gatewayId", "natGatewayId", "networkInterfaceId"} {
			if target := r.text(property); target != "" {
				targets = append(targets, fmt.Sprint(r.at("destinationCidrBlock"), " ", property, " ", target))
			}
		}
	}
	if len(targets) != 1 {
		t.Fatalf("the table of %s leads to %v", subnet.name, targets)
	}
	return targets[0]
}

func TestNewNetwork(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	vpc := c.one(t, "ec2:Vpc", "vpc")
	same(t, "VPC", []any{vpc.at("cidrBlock"), vpc.at("enableDnsSupport"), vpc.at("enableDnsHostnames")}, []any{"10.77.0.0/20", true, true})
	same(t, "internet gateway", c.one(t, "ec2:InternetGateway", "internet").at("vpcId"), vpc.id)

	same(t, "subnets", names(c.all("ec2:Subnet")), []string{"private-a", "private-b", "public-a", "public-b"})
	var blocks []netip.Prefix
	for _, subnet := range c.all("ec2:Subnet") {
		same(t, subnet.name+" is in the VPC", subnet.at("vpcId"), vpc.id)
		same(t, subnet.name+" gives no public addresses", subnet.at("mapPublicIpOnLaunch"), false)
		same(t, subnet.name+" zone", subnet.at("availabilityZone"), "ap-northeast-2"+subnet.name[len(subnet.name)-1:])
		block := netip.MustParsePrefix(subnet.text("cidrBlock"))
		if !netip.MustParsePrefix("10.77.0.0/20").Overlaps(block) || block.Bits() != 22 {
			t.Errorf("%s has %s", subnet.name, block)
		}
		if slices.ContainsFunc(blocks, block.Overlaps) {
			t.Errorf("%s overlaps another subnet: %s", subnet.name, block)
		}
		blocks = append(blocks, block)
		if subnet.rpc.GetCustomTimeouts().GetDelete() != "45m" {
			t.Errorf("%s waits %q for the functions' interfaces", subnet.name, subnet.rpc.GetCustomTimeouts().GetDelete())
		}
	}
	nat := c.one(t, "ec2:NatGateway", "nat")
	for _, letter := range []string{"a", "b"} {
		same(t, "way of public-"+letter, way(t, c, c.one(t, "ec2:Subnet", "public-"+letter)),
			"0.0.0.0/0 gatewayId "+c.one(t, "ec2:InternetGateway", "internet").id)
		same(t, "way of private-"+letter, way(t, c, c.one(t, "ec2:Subnet", "private-"+letter)), "0.0.0.0/0 natGatewayId "+nat.id)
	}
	same(t, "the NAT gateway is public", nat.at("subnetId"), c.one(t, "ec2:Subnet", "public-a").id)
	same(t, "the NAT gateway's address", nat.at("allocationId"), "eipalloc/sms-api-dev-egress")
	waits(t, nat, "ec2/route:Route::sms-api-dev-public")
	if !nat.rpc.GetDeleteBeforeReplace() {
		t.Error("a new NAT gateway is made while the old one holds the address")
	}
	same(t, "route tables", names(c.all("ec2:RouteTable")), []string{"private", "public"})
	same(t, "egressIps", c.outputs["egressIps"], []string{"203.0.113.1"})
	if len(c.all("ec2:NetworkInsightsAnalysis")) != 0 || len(c.all("ec2:Instance")) != 0 {
		t.Error("something is made that nobody asked for and that costs money")
	}
}

// TestAddressStays is about the one thing that a customer cannot get back: the address registered with Aligo.
func TestAddressStays(t *testing.T) {
	t.Parallel()
	for egress, addresses := range map[string][]string{
		egressNATGateway:      {"egress"},
		egressNATGatewayPerAZ: {"egress", "egress-2"},
		egressNATInstance:     {"egress"},
	} {
		t.Run(egress, func(t *testing.T) {
			t.Parallel()
			c := deployed(t, map[string]string{"network:egress": egress})
			same(t, "addresses", names(c.all("ec2:Eip")), addresses)
			for _, address := range c.all("ec2:Eip") {
				if !address.rpc.GetProtect() || !address.rpc.GetRetainOnDelete() {
					t.Errorf("%s: protected %t, retained %t", address.name, address.rpc.GetProtect(), address.rpc.GetRetainOnDelete())
				}
			}
		})
	}
	for _, r := range deployed(t, nil).resources {
		// What a bucket has goes with it.
		if r.kind != "ec2:Eip" && r.kind != "dynamodb:Table" && !strings.HasPrefix(r.kind, "s3:BucketP") &&
			!strings.HasSuffix(r.kind, "Configuration") && (r.rpc.GetProtect() || r.rpc.GetRetainOnDelete()) {
			t.Errorf("%s %s stays behind after a destroy", r.kind, r.name)
		}
	}
}

func TestAddressBroughtIn(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"network:eipAllocationId": "eipalloc-0123456789abcdef0"})
	same(t, "addresses made", len(c.all("ec2:Eip")), 0)
	same(t, "the NAT gateway's address", c.one(t, "ec2:NatGateway", "nat").at("allocationId"), "eipalloc-0123456789abcdef0")
	same(t, "egressIps", c.outputs["egressIps"], []string{theirIP})
	same(t, "EGRESS_IPS", c.one(t, "lambda:Function", "alimtalk").at("environment.variables.EGRESS_IPS"), theirIP)
}

func TestNATGatewayPerZone(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"network:egress": egressNATGatewayPerAZ,
		"network:availabilityZones": `["ap-northeast-2c","ap-northeast-2a"]`})
	for letter, nat := range map[string]string{"c": "nat", "a": "nat-2"} {
		gateway := c.one(t, "ec2:NatGateway", nat)
		same(t, "way of private-"+letter, way(t, c, c.one(t, "ec2:Subnet", "private-"+letter)), "0.0.0.0/0 natGatewayId "+gateway.id)
		same(t, nat+" is in the same zone", gateway.at("subnetId"), c.one(t, "ec2:Subnet", "public-"+letter).id)
	}
	// The functions in the second zone keep the first one's way until theirs leads out.
	waits(t, c.one(t, "ec2:RouteTableAssociation", "private-a"), "ec2/route:Route::sms-api-dev-private-2")
	same(t, "addresses", []any{c.one(t, "ec2:NatGateway", "nat").at("allocationId"), c.one(t, "ec2:NatGateway", "nat-2").at("allocationId")},
		[]string{"eipalloc/sms-api-dev-egress", "eipalloc/sms-api-dev-egress-2"})
	same(t, "egressIps", c.outputs["egressIps"], []string{"203.0.113.1", "203.0.113.2"})
	same(t, "EGRESS_IPS", c.one(t, "lambda:Function", "balance").at("environment.variables.EGRESS_IPS"), "203.0.113.1,203.0.113.2")
}

func TestNATInstance(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"network:egress": egressNATInstance})
	same(t, "NAT gateways", len(c.all("ec2:NatGateway")), 0)
	nat, at := c.one(t, "ec2:Instance", "nat"), c.one(t, "ec2:NetworkInterface", "nat")
	for _, subnet := range []string{"private-a", "private-b"} {
		same(t, "way of "+subnet, way(t, c, c.one(t, "ec2:Subnet", subnet)), "0.0.0.0/0 networkInterfaceId "+at.id)
	}
	same(t, "it forwards", at.at("sourceDestCheck"), false)
	same(t, "it is public", at.at("subnetId"), c.one(t, "ec2:Subnet", "public-a").id)
	same(t, "its interface", nat.at("primaryNetworkInterface"), map[string]any{"networkInterfaceId": at.id})
	same(t, "its image", nat.at("ami"), "ami-/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64")
	same(t, "its type", nat.at("instanceType"), "t4g.nano")
	same(t, "its disk is encrypted", nat.at("rootBlockDevice.encrypted"), true)
	same(t, "its metadata needs a token", nat.at("metadataOptions.httpTokens"), "required")
	same(t, "its disk", nat.at("rootBlockDevice.encrypted"), true)
	same(t, "a new image does not replace it, nor does the provider stop it from forwarding", nat.rpc.GetIgnoreChanges(),
		[]string{"ami", "sourceDestCheck"})
	same(t, "the old one lets go of the interface first", nat.rpc.GetDeleteBeforeReplace(), true)

	// The address is there before the machine, which has no other: what leaves, leaves by it.
	association := c.one(t, "ec2:EipAssociation", "nat")
	same(t, "its address", []any{association.at("allocationId"), association.at("networkInterfaceId"), association.at("allowReassociation")},
		[]any{"eipalloc/sms-api-dev-egress", at.id, true})
	same(t, "another address", nat.at("associatePublicIpAddress"), nil)
	for _, r := range []made{nat, association} {
		waits(t, r, "ec2/route:Route::sms-api-dev-public")
	}
	waits(t, nat, "ec2/eipAssociation:EipAssociation::sms-api-dev-nat")
	// While something else has the address there is no machine, and the functions keep the way that they have.
	waits(t, c.one(t, "ec2:Route", "private"), "ec2/instance:Instance::sms-api-dev-nat")

	// The first boot is the only one that runs the script, and a new script needs a new machine.
	same(t, "a new script is a new machine", nat.at("userDataReplaceOnChange"), true)
	script := nat.text("userData")
	for _, part := range []string{
		"#!/bin/bash\n", "'net.ipv4.ip_forward = 1' >/etc/sysctl.d/90-nat.conf", "sysctl --load /etc/sysctl.d/90-nat.conf",
		"hook postrouting", " masquerade\n", "systemctl enable --now nftables",
	} {
		if !strings.Contains(script, part) {
			t.Errorf("the script lacks %q:\n%s", part, script)
		}
	}
	if strings.Contains(script, "--system\n") {
		t.Error("any other key that fails would end the script")
	}
	group := c.one(t, "ec2:SecurityGroup", "nat")
	same(t, "its security group", at.at("securityGroups"), []string{group.id})
	same(t, "what it lets in", rules(group, "ingress"), []string{"tcp 443-443 [10.77.8.0/22 10.77.12.0/22]"})
	same(t, "what it lets out", rules(group, "egress"), []string{"tcp 443-443 [0.0.0.0/0]", "udp 53-53 [10.77.0.0/20]",
		"tcp 53-53 [10.77.0.0/20]"})
	same(t, "egressIps", c.outputs["egressIps"], []string{"203.0.113.1"})
}

// waits: the resource is made after the one whose URN ends like this.
func waits(t *testing.T, r made, end string) {
	t.Helper()
	if !slices.ContainsFunc(r.rpc.GetDependencies(), func(urn string) bool { return strings.HasSuffix(urn, end) }) {
		t.Errorf("%s %s does not wait for %s", r.kind, r.name, end)
	}
}

func rules(group made, direction string) []string {
	var all []string
	for _, r := range list(group.at(direction)) {
		rule := r.(map[string]any)
		all = append(all, fmt.Sprintf("%v %v-%v %v", rule["protocol"], rule["fromPort"], rule["toPort"], rule["cidrBlocks"]))
	}
	return all
}

func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	group := c.one(t, "ec2:SecurityGroup", "functions")
	same(t, "out", rules(group, "egress"), []string{"tcp 443-443 [0.0.0.0/0]", "udp 53-53 [10.77.0.0/20]", "tcp 53-53 [10.77.0.0/20]"})
	same(t, "in", rules(group, "ingress"), nil)
	same(t, "security groups", names(c.all("ec2:SecurityGroup")), []string{"functions"})
	closed := c.one(t, "ec2:DefaultSecurityGroup", "default")
	same(t, "the default group", []any{closed.at("vpcId"), closed.at("ingress"), closed.at("egress")},
		[]any{c.one(t, "ec2:Vpc", "vpc").id, nil, nil})
	if group.rpc.GetCustomTimeouts().GetDelete() != "45m" {
		t.Errorf("the group waits %q for the functions' interfaces", group.rpc.GetCustomTimeouts().GetDelete())
	}
}

func TestNetworkOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{
		"network:subnetIds": `["subnet-0aaaaaaaaaaaaaaaa","subnet-0bbbbbbbbbbbbbbbb"]`, "network:securityGroupIds": "sg-0cccccccccccccccc",
	})
	for _, r := range c.resources {
		if len(r.kind) > 4 && r.kind[:4] == "ec2:" {
			t.Errorf("%s %s is made in a network that is not ours", r.kind, r.name)
		}
	}
	checkPlaces(t, c, []string{"sg-0cccccccccccccccc"}, []string{"subnet-0aaaaaaaaaaaaaaaa", "subnet-0bbbbbbbbbbbbbbbb"})
	same(t, "EGRESS_IPS", c.one(t, "lambda:Function", "alimtalk").at("environment.variables.EGRESS_IPS"), "")
	same(t, "egressIps", c.outputs["egressIps"], []string{})
}

func TestVPCOfTheirOwn(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"network:vpcId": theirVPC, "network:cidr": "10.9.0.0/24"})
	for _, kind := range []string{"ec2:Vpc", "ec2:InternetGateway", "ec2:DefaultSecurityGroup"} {
		same(t, kind, len(c.all(kind)), 0)
	}
	for _, subnet := range c.all("ec2:Subnet") {
		same(t, subnet.name, subnet.at("vpcId"), theirVPC)
	}
	same(t, "way of public-a", way(t, c, c.one(t, "ec2:Subnet", "public-a")), "0.0.0.0/0 gatewayId gateway-of/"+theirVPC)
	same(t, "way of private-b", way(t, c, c.one(t, "ec2:Subnet", "private-b")), "0.0.0.0/0 natGatewayId "+c.one(t, "ec2:NatGateway", "nat").id)
	same(t, "blocks", []any{c.one(t, "ec2:Subnet", "public-a").at("cidrBlock"), c.one(t, "ec2:Subnet", "private-b").at("cidrBlock")},
		[]string{"10.9.0.0/26", "10.9.0.192/26"})
	same(t, "names are looked up in the whole VPC", rules(c.one(t, "ec2:SecurityGroup", "functions"), "egress")[1], "udp 53-53 [10.0.0.0/8]")
}

func TestReachability(t *testing.T) {
	t.Parallel()
	c := deployed(t, map[string]string{"network:analyse": "true"})
	for _, letter := range []string{"a", "b"} {
		path := c.one(t, "ec2:NetworkInsightsPath", "reachability-"+letter)
		probe := c.byID(t, path.at("source"))
		same(t, "it starts as a function does", []any{probe.at("subnetId"), probe.at("securityGroups")},
			[]any{c.one(t, "ec2:Subnet", "private-"+letter).id, []string{c.one(t, "ec2:SecurityGroup", "functions").id}})
		same(t, "it ends at the internet", []any{path.at("destination"), path.at("protocol"), path.at("destinationPort")},
			[]any{c.one(t, "ec2:InternetGateway", "internet").id, "tcp", 443})
		analysis := c.one(t, "ec2:NetworkInsightsAnalysis", "reachability-"+letter)
		same(t, "it is analysed", analysis.at("networkInsightsPathId"), path.id)
		// Before the routes are there the analysis finds no path, and it is made once.
		waits(t, analysis, "ec2/route:Route::sms-api-dev-private")
		waits(t, analysis, "ec2/route:Route::sms-api-dev-public")
	}
	same(t, "reachable", c.outputs["reachable"], []bool{true, true})
	same(t, "paths without the analysis", len(deployed(t, nil).all("ec2:NetworkInsightsPath")), 2)
}

func TestFunctionsRunInThePrivateSubnets(t *testing.T) {
	t.Parallel()
	for _, egress := range []string{egressNATGateway, egressNATGatewayPerAZ, egressNATInstance} {
		c := deployed(t, map[string]string{"network:egress": egress})
		checkPlaces(t, c, []string{c.one(t, "ec2:SecurityGroup", "functions").id},
			[]string{c.one(t, "ec2:Subnet", "private-a").id, c.one(t, "ec2:Subnet", "private-b").id})
	}
}

// checkPlaces: all functions run in these subnets.
func checkPlaces(t *testing.T, c *cloud, groups, subnets []string) {
	t.Helper()
	for _, kind := range deployment.Functions() {
		same(t, kind.Name, c.one(t, "lambda:Function", kind.Name).at("vpcConfig"),
			map[string]any{"securityGroupIds": groups, "subnetIds": subnets})
	}
}
