package main

import (
	_ "embed" // for the instance's setup
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/ec2"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// network is where the functions run and the address they leave by.
type network struct {
	pulumi.ResourceState
	subnetIDs, securityGroupIDs pulumi.StringArray
	// egressIPs are the addresses to register with Aligo; none in a network of somebody else.
	egressIPs pulumi.StringArray
	// natGatewayIDs and natInstanceID are what the alarms watch.
	natGatewayIDs pulumi.StringArray
	natInstanceID pulumi.StringInput
	// zones are the availability zones of the subnets; none in a network of somebody else.
	zones []string
	// reachable says for each private subnet whether the internet is reached from it; empty without network:analyse.
	reachable pulumi.BoolArray
}

const anywhere = "0.0.0.0/0"

// slowly is for what waits until AWS gives back the functions' network interfaces.
func slowly() pulumi.ResourceOption {
	return pulumi.Timeouts(&pulumi.CustomTimeouts{Delete: "45m"})
}

type networkArgs struct {
	config  networkConfig
	account account
	// zones are those of the last deployment.
	zones []string
}

func newNetwork(ctx *pulumi.Context, name string, args networkArgs, opts ...pulumi.ResourceOption) (*network, error) {
	n, config := &network{}, args.config
	if err := ctx.RegisterComponentResource("sms-api:index:Network", name+"-network", n, opts...); err != nil {
		return nil, err
	}
	if config.own() {
		n.subnetIDs, n.securityGroupIDs = pulumi.ToStringArray(config.subnetIDs), pulumi.ToStringArray(config.securityGroupIDs)
		return n, ctx.RegisterResourceOutputs(n, pulumi.Map{})
	}
	b := &networkBuilder{ctx: ctx, prefix: name, config: config, account: args.account, network: n, lastZones: args.zones}
	for _, step := range []func() error{
		b.findZones, b.vpc, b.subnets, b.addresses, b.wayOut, b.associations, b.endpoints, b.securityGroup, b.reachability,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("network: %w", err)
		}
	}
	return n, ctx.RegisterResourceOutputs(n, pulumi.Map{"egressIps": n.egressIPs, "subnetIds": n.subnetIDs})
}

// networkBuilder makes a network step by step; each step uses what the ones before it have left here.
type networkBuilder struct {
	ctx     *pulumi.Context
	prefix  string
	config  networkConfig
	account account
	network *network

	lastZones       []string
	zones           []string
	vpcID           pulumi.StringInput
	vpcCIDR         string
	gatewayID       pulumi.StringInput
	public, private []*ec2.Subnet
	privateBlocks   []string
	privateTables   []*ec2.RouteTable
	allocationIDs   pulumi.StringArray
	// routes lead to the internet; what needs it comes after them. privateRoutes are those of the private tables.
	publicRoute           *ec2.Route
	routes, privateRoutes []pulumi.Resource
}

// name is the name of a part of the network.
func (b *networkBuilder) name(part string) string { return b.prefix + "-" + part }

// findZones picks the two availability zones, not local zones, which have no NAT gateways. A stack that is there keeps its own,
// whatever AWS lists by now: a zone that is out of order is no reason to move.
func (b *networkBuilder) findZones() error {
	defer func() { b.network.zones = b.zones }()
	if b.zones = b.config.availabilityZones; len(b.zones) == 0 {
		b.zones = b.lastZones
	}
	if len(b.zones) > 0 {
		return nil
	}
	found, err := aws.GetAvailabilityZones(b.ctx, &aws.GetAvailabilityZonesArgs{
		State:   pulumi.StringRef("available"),
		Filters: []aws.GetAvailabilityZonesFilter{{Name: "opt-in-status", Values: []string{"opt-in-not-required"}}},
	}, childOf(b.network))
	if err != nil {
		return err
	}
	if len(found.Names) < 2 {
		return fmt.Errorf("the region has %d availability zones; two are needed", len(found.Names))
	}
	b.zones = found.Names[:2]
	return nil
}

// vpc makes the VPC with its internet gateway, or finds those of network:vpcId.
func (b *networkBuilder) vpc() error {
	if b.config.vpcID != "" {
		vpc, err := ec2.LookupVpc(b.ctx, &ec2.LookupVpcArgs{Id: &b.config.vpcID}, childOf(b.network))
		if err != nil {
			return err
		}
		gateway, err := ec2.LookupInternetGateway(b.ctx, &ec2.LookupInternetGatewayArgs{
			Filters: []ec2.GetInternetGatewayFilter{{Name: "attachment.vpc-id", Values: []string{b.config.vpcID}}},
		}, childOf(b.network))
		if err != nil {
			return fmt.Errorf("%s needs an internet gateway: %w", b.config.vpcID, err)
		}
		b.vpcID, b.vpcCIDR, b.gatewayID = pulumi.String(vpc.Id), vpc.CidrBlock, pulumi.String(gateway.InternetGatewayId)
		return nil
	}
	b.vpcCIDR = b.config.cidr.String()
	vpc, err := ec2.NewVpc(b.ctx, b.name("vpc"), &ec2.VpcArgs{
		CidrBlock: pulumi.String(b.vpcCIDR), EnableDnsSupport: pulumi.Bool(true), EnableDnsHostnames: pulumi.Bool(true),
	}, childOf(b.network))
	if err != nil {
		return err
	}
	// Nothing uses the default security group, and nothing can by mistake.
	if _, err := ec2.NewDefaultSecurityGroup(b.ctx, b.name("default"), &ec2.DefaultSecurityGroupArgs{VpcId: vpc.ID()},
		childOf(b.network)); err != nil {
		return err
	}
	gateway, err := ec2.NewInternetGateway(b.ctx, b.name("internet"), &ec2.InternetGatewayArgs{VpcId: vpc.ID()}, childOf(b.network))
	if err != nil {
		return err
	}
	b.vpcID, b.gatewayID = vpc.ID(), gateway.ID()
	return nil
}

// subnets makes a public and a private subnet in each zone with their route tables. One private table serves both zones
// unless each zone has its own way out.
func (b *networkBuilder) subnets() error {
	publicTable, err := b.table("public")
	if err != nil {
		return err
	}
	b.publicRoute, err = ec2.NewRoute(b.ctx, b.name("public"), &ec2.RouteArgs{
		RouteTableId: publicTable.ID(), DestinationCidrBlock: pulumi.String(anywhere), GatewayId: b.gatewayID,
	}, childOf(b.network))
	if err != nil {
		return err
	}
	b.routes = append(b.routes, b.publicRoute)
	blocks := quarters(b.config.cidr)
	b.privateBlocks = blocks[2:]
	for i, zone := range b.zones {
		letter := b.letter(i)
		public, err := b.subnet("public-"+letter, zone, blocks[i])
		if err != nil {
			return err
		}
		if err := b.associate("public-"+letter, public, publicTable); err != nil {
			return err
		}
		if i < b.config.addresses() {
			table, err := b.table(numbered("private", i))
			if err != nil {
				return err
			}
			b.privateTables = append(b.privateTables, table)
		}
		private, err := b.subnet("private-"+letter, zone, b.privateBlocks[i])
		if err != nil {
			return err
		}
		b.public, b.private = append(b.public, public), append(b.private, private)
		b.network.subnetIDs = append(b.network.subnetIDs, private.ID())
	}
	return nil
}

// numbered names what each zone has with network:egress nat-gateway-per-az. The first has the same name in every mode, so
// that a change of mode keeps it, above all the address.
func numbered(part string, i int) string {
	if i == 0 {
		return part
	}
	return fmt.Sprintf("%s-%d", part, i+1)
}

func (b *networkBuilder) table(part string) (*ec2.RouteTable, error) {
	return ec2.NewRouteTable(b.ctx, b.name(part), &ec2.RouteTableArgs{VpcId: b.vpcID}, childOf(b.network))
}

func (b *networkBuilder) subnet(part, zone, block string) (*ec2.Subnet, error) {
	return ec2.NewSubnet(b.ctx, b.name(part), &ec2.SubnetArgs{
		VpcId: b.vpcID, AvailabilityZone: pulumi.String(zone), CidrBlock: pulumi.String(block), MapPublicIpOnLaunch: pulumi.Bool(false),
	}, childOf(b.network), slowly())
}

func (b *networkBuilder) associate(part string, subnet *ec2.Subnet, table *ec2.RouteTable, opts ...pulumi.ResourceOption) error {
	_, err := ec2.NewRouteTableAssociation(b.ctx, b.name(part), &ec2.RouteTableAssociationArgs{
		SubnetId: subnet.ID(), RouteTableId: table.ID(),
	}, append(opts, childOf(subnet))...)
	return err
}

// associations gives the private subnets their route tables. One that gets a table of its own gets it when that leads out: the
// functions in it are at work.
func (b *networkBuilder) associations() error {
	for i, subnet := range b.private {
		at, opts := min(i, len(b.privateTables)-1), []pulumi.ResourceOption{}
		if at > 0 {
			opts = append(opts, pulumi.DependsOn(b.privateRoutes[at:at+1]))
		}
		if err := b.associate("private-"+b.letter(i), subnet, b.privateTables[at], opts...); err != nil {
			return err
		}
	}
	return nil
}

// letter tells the zones of a region apart.
func (b *networkBuilder) letter(i int) string { return b.zones[i][len(b.zones[i])-1:] }

// addresses makes the Elastic IPs, or finds the ones that are brought in. The ones made here are what a customer has
// registered with Aligo: the engine refuses to delete them, and even when it is told to forget them they stay with AWS.
func (b *networkBuilder) addresses() error {
	for i := range b.config.addresses() {
		if len(b.config.eipAllocationIDs) > 0 {
			address, err := ec2.GetElasticIp(b.ctx, &ec2.GetElasticIpArgs{Id: &b.config.eipAllocationIDs[i]}, childOf(b.network))
			if err != nil {
				return err
			}
			b.allocationIDs = append(b.allocationIDs, pulumi.String(b.config.eipAllocationIDs[i]))
			b.network.egressIPs = append(b.network.egressIPs, pulumi.String(address.PublicIp))
			continue
		}
		address, err := ec2.NewEip(b.ctx, b.name(numbered("egress", i)), &ec2.EipArgs{Domain: pulumi.String("vpc")},
			childOf(b.network), pulumi.Protect(true), pulumi.RetainOnDelete(true))
		if err != nil {
			return err
		}
		b.allocationIDs = append(b.allocationIDs, address.AllocationId)
		b.network.egressIPs = append(b.network.egressIPs, address.PublicIp)
	}
	return nil
}

// wayOut puts the addresses to use and leads the private subnets there.
func (b *networkBuilder) wayOut() error {
	for i, table := range b.privateTables {
		to, opts := &ec2.RouteArgs{RouteTableId: table.ID(), DestinationCidrBlock: pulumi.String(anywhere)}, []pulumi.ResourceOption{}
		if b.config.egress == egressNATInstance {
			at, instance, err := b.natInstance()
			if err != nil {
				return err
			}
			to.NetworkInterfaceId = at.ID()
			b.network.natInstanceID = instance.ID()
			// While a gateway has the address there is no machine, and the functions keep the way that they have.
			opts = append(opts, pulumi.DependsOn([]pulumi.Resource{instance}))
		} else {
			gateway, err := ec2.NewNatGateway(b.ctx, b.name(numbered("nat", i)), &ec2.NatGatewayArgs{
				SubnetId: b.public[i].ID(), AllocationId: b.allocationIDs[i].ToStringOutput().ToStringPtrOutput(),
			},
				childOf(b.network), pulumi.DependsOn([]pulumi.Resource{b.publicRoute}),
				// The address can be at one gateway only, so a new one has to wait until the old one has let go of it.
				pulumi.DeleteBeforeReplace(true))
			if err != nil {
				return err
			}
			to.NatGatewayId = gateway.ID()
			b.network.natGatewayIDs = append(b.network.natGatewayIDs, gateway.ID())
		}
		route, err := ec2.NewRoute(b.ctx, b.name(numbered("private", i)), to, append(opts, childOf(b.network))...)
		if err != nil {
			return err
		}
		b.routes, b.privateRoutes = append(b.routes, route), append(b.privateRoutes, route)
	}
	return nil
}

// endpoints lead what goes to DynamoDB and S3 past the NAT, where every gigabyte costs money. This way is free:
// https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
func (b *networkBuilder) endpoints() error {
	var routeTables pulumi.StringArray
	for _, table := range b.privateTables {
		routeTables = append(routeTables, table.ID())
	}
	for _, service := range []string{"dynamodb", "s3"} {
		_, err := ec2.NewVpcEndpoint(b.ctx, b.name(service), &ec2.VpcEndpointArgs{
			VpcId: b.vpcID, VpcEndpointType: pulumi.String("Gateway"), RouteTableIds: routeTables,
			ServiceName: pulumi.String("com.amazonaws." + b.account.region + "." + service),
		}, childOf(b.network))
		if err != nil {
			return err
		}
	}
	return nil
}

// securityGroup lets the functions call HTTPS servers and look up names, and lets nobody in.
func (b *networkBuilder) securityGroup() error {
	group, err := ec2.NewSecurityGroup(b.ctx, b.name("functions"), &ec2.SecurityGroupArgs{
		VpcId: b.vpcID, Description: pulumi.String("sms-api functions: HTTPS out, nothing in"),
		Egress: ec2.SecurityGroupEgressArray{https("Aligo and AWS"), b.nameLookups("udp"), b.nameLookups("tcp")},
	}, childOf(b.network), slowly())
	if err != nil {
		return err
	}
	b.network.securityGroupIDs = pulumi.StringArray{group.ID()}
	return nil
}

// https is the rule for calls to HTTPS servers.
func https(description string) ec2.SecurityGroupEgressArgs {
	return ec2.SecurityGroupEgressArgs{
		Description: pulumi.String(description), Protocol: pulumi.String("tcp"),
		FromPort: pulumi.Int(443), ToPort: pulumi.Int(443), CidrBlocks: pulumi.ToStringArray([]string{anywhere}),
	}
}

// nameLookups is the rule for the VPC's own resolver.
func (b *networkBuilder) nameLookups(protocol string) ec2.SecurityGroupEgressArgs {
	return ec2.SecurityGroupEgressArgs{
		Description: pulumi.String("resolver of the VPC"), Protocol: pulumi.String(protocol),
		FromPort: pulumi.Int(53), ToPort: pulumi.Int(53), CidrBlocks: pulumi.ToStringArray([]string{b.vpcCIDR}),
	}
}

// reachability describes the way from a network interface such as the functions have, in each private subnet, to the
// internet. The description is free; the analysis costs money each time it is made.
// https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html
func (b *networkBuilder) reachability() error {
	if b.config.egress == egressNATInstance {
		return nil
	}
	for i, subnet := range b.private {
		name := b.name("reachability-" + b.letter(i))
		probe, err := ec2.NewNetworkInterface(b.ctx, name, &ec2.NetworkInterfaceArgs{
			Description: pulumi.String("where Reachability Analyzer starts; carries no traffic"),
			SubnetId:    subnet.ID(), SecurityGroups: b.network.securityGroupIDs,
		}, childOf(b.network))
		if err != nil {
			return err
		}
		path, err := ec2.NewNetworkInsightsPath(b.ctx, name, &ec2.NetworkInsightsPathArgs{
			Source: probe.ID(), Destination: b.gatewayID.ToStringOutput().ToStringPtrOutput(),
			Protocol: pulumi.String("tcp"), DestinationPort: pulumi.Int(443),
		}, childOf(b.network))
		if err != nil {
			return err
		}
		if !b.config.analyse {
			continue
		}
		analysis, err := ec2.NewNetworkInsightsAnalysis(b.ctx, name, &ec2.NetworkInsightsAnalysisArgs{
			NetworkInsightsPathId: path.ID(), WaitForCompletion: pulumi.Bool(true),
		}, childOf(b.network), pulumi.DependsOn(b.routes))
		if err != nil {
			return err
		}
		b.network.reachable = append(b.network.reachable, analysis.PathFound)
	}
	return nil
}

// natInstanceSetup makes the instance forward what the private subnets send.
//
//go:embed natinstance.sh
var natInstanceSetup string

// natInstance makes one small machine that does what a NAT gateway does, for a tenth of the price and without its
// availability: while it is broken or replaced, nothing gets out. Its network interface has the fixed address before there is
// a machine, so that no packet ever leaves by another one, and keeps it from one machine to the next.
// https://docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html
func (b *networkBuilder) natInstance() (*ec2.NetworkInterface, *ec2.Instance, error) {
	image, err := ssm.LookupParameter(b.ctx, &ssm.LookupParameterArgs{
		Name: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64",
	}, childOf(b.network))
	if err != nil {
		return nil, nil, err
	}
	group, err := ec2.NewSecurityGroup(b.ctx, b.name("nat"), &ec2.SecurityGroupArgs{
		VpcId: b.vpcID, Description: pulumi.String("sms-api NAT instance: HTTPS of the functions"),
		Ingress: ec2.SecurityGroupIngressArray{ec2.SecurityGroupIngressArgs{
			Description: pulumi.String("functions"), Protocol: pulumi.String("tcp"),
			FromPort: pulumi.Int(443), ToPort: pulumi.Int(443), CidrBlocks: pulumi.ToStringArray(b.privateBlocks),
		}},
		Egress: ec2.SecurityGroupEgressArray{https("calls of the functions, package updates"), b.nameLookups("udp"), b.nameLookups("tcp")},
	}, childOf(b.network))
	if err != nil {
		return nil, nil, err
	}
	at, err := ec2.NewNetworkInterface(b.ctx, b.name("nat"), &ec2.NetworkInterfaceArgs{
		Description: pulumi.String("sms-api NAT instance"), SubnetId: b.public[0].ID(), SecurityGroups: pulumi.StringArray{group.ID()},
		SourceDestCheck: pulumi.Bool(false),
	}, childOf(b.network))
	if err != nil {
		return nil, nil, err
	}
	address, err := ec2.NewEipAssociation(b.ctx, b.name("nat"), &ec2.EipAssociationArgs{
		AllocationId: b.allocationIDs[0].ToStringOutput().ToStringPtrOutput(), NetworkInterfaceId: at.ID(), AllowReassociation: pulumi.Bool(true),
	}, childOf(b.network), pulumi.DependsOn([]pulumi.Resource{b.publicRoute}))
	if err != nil {
		return nil, nil, err
	}
	instance, err := ec2.NewInstance(b.ctx, b.name("nat"), &ec2.InstanceArgs{
		Ami:                     pulumi.String(image.Value),
		InstanceType:            pulumi.String("t4g.nano"),
		PrimaryNetworkInterface: ec2.InstancePrimaryNetworkInterfaceArgs{NetworkInterfaceId: at.ID()},
		MetadataOptions:         ec2.InstanceMetadataOptionsArgs{HttpTokens: pulumi.String("required")},
		RootBlockDevice: ec2.InstanceRootBlockDeviceArgs{
			Encrypted: pulumi.Bool(true), VolumeType: pulumi.String("gp3"), VolumeSize: pulumi.Int(8),
		},
		UserData:                pulumi.String(natInstanceSetup),
		UserDataReplaceOnChange: pulumi.Bool(true),
	},
		childOf(b.network), pulumi.DependsOn([]pulumi.Resource{b.publicRoute, address}),
		// The interface can be at one machine only.
		pulumi.DeleteBeforeReplace(true),
		// Amazon publishes a new image every few weeks; that alone is no reason to interrupt the way out. Whether packets of
		// others are forwarded is the interface's to say; the provider would set it to its own default at the machine.
		pulumi.IgnoreChanges([]string{"ami", "sourceDestCheck"}))
	return at, instance, err
}

// quarters divides a block into four.
func quarters(block netip.Prefix) []string {
	var parts []string
	first := block.Addr().As4()
	for i := range uint32(4) {
		var address [4]byte
		binary.BigEndian.PutUint32(address[:], binary.BigEndian.Uint32(first[:])+i<<(30-block.Bits()))
		parts = append(parts, netip.PrefixFrom(netip.AddrFrom4(address), block.Bits()+2).String())
	}
	return parts
}
