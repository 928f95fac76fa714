package main

import "testing"

func TestGuardTable(t *testing.T) {
	t.Parallel()
	c := deployed(t, nil)
	table := c.one(t, "dynamodb:Table", "guards")
	same(t, "tables", len(c.all("dynamodb:Table")), 1)
	same(t, "name", table.at("name"), "sms-api-dev-guards")
	same(t, "billing", table.at("billingMode"), "PAY_PER_REQUEST")
	same(t, "keys", []any{table.at("hashKey"), table.at("rangeKey")}, []any{"pk", "sk"})
	same(t, "attributes", table.at("attributes"), []any{
		map[string]any{"name": "pk", "type": "S"}, map[string]any{"name": "sk", "type": "S"},
	})
	same(t, "TTL", table.at("ttl"), map[string]any{"attributeName": "expires", "enabled": true})
	same(t, "point-in-time recovery", table.at("pointInTimeRecovery"), map[string]any{"enabled": true})
	same(t, "deletion protection", table.at("deletionProtectionEnabled"), true)
	if !table.rpc.GetProtect() {
		t.Error("a destroy would take the table")
	}
	same(t, "encryption by AWS's own key", table.at("serverSideEncryption"), map[string]any{"enabled": false})
	// No index, whose throttling would reach a send.
	for _, property := range []string{"globalSecondaryIndexes", "localSecondaryIndexes", "streamEnabled"} {
		if got := table.at(property); got != nil {
			t.Errorf("%s is %v", property, got)
		}
	}
}

// What goes to the table and to the bucket leaves by gateway endpoints from every private subnet of a network that is made here.
func TestWayToTableAndBucket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about    string
		settings map[string]string
		vpc      string
		tables   []string
	}{
		{"a network of ours", nil, "ec2-vpc/sms-api-dev-vpc", []string{"private"}},
		{"with a NAT instance", map[string]string{"network:egress": egressNATInstance}, "ec2-vpc/sms-api-dev-vpc", []string{"private"}},
		{"with a NAT gateway a zone", map[string]string{"network:egress": egressNATGatewayPerAZ}, "ec2-vpc/sms-api-dev-vpc",
			[]string{"private", "private-2"}},
		{"in a VPC of theirs", map[string]string{"network:vpcId": theirVPC, "network:cidr": "10.1.0.0/20"}, theirVPC, []string{"private"}},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			cloud := deployed(t, c.settings)
			same(t, "endpoints", names(cloud.all("ec2:VpcEndpoint")), []string{"dynamodb", "s3"})
			for _, service := range []string{"dynamodb", "s3"} {
				endpoint := cloud.one(t, "ec2:VpcEndpoint", service)
				same(t, service+": type", endpoint.at("vpcEndpointType"), "Gateway")
				same(t, service+": service", endpoint.at("serviceName"), "com.amazonaws.ap-northeast-2."+service)
				same(t, service+": VPC", endpoint.at("vpcId"), c.vpc)
				var want []any
				for _, name := range c.tables {
					want = append(want, cloud.one(t, "ec2:RouteTable", name).id)
				}
				same(t, service+": route tables", endpoint.at("routeTableIds"), want)
			}
		})
	}
	own := deployed(t, map[string]string{"network:subnetIds": `["subnet-0aaaaaaaaaaaaaaaa","subnet-0bbbbbbbbbbbbbbbb"]`,
		"network:securityGroupIds": `["sg-0aaaaaaaaaaaaaaaa"]`})
	same(t, "endpoints in a network of their own", len(own.all("ec2:VpcEndpoint")), 0)
}
