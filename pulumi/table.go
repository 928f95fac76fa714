package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/dynamodb"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
)

// table is a table in DynamoDB with what belongs to it.
type table struct {
	pulumi.ResourceState
	// table has a name: embedded, its methods would make the component a resource that some provider had to know.
	table *dynamodb.Table
}

type tableArgs struct {
	table deployment.Table
	key   encryptionKey
}

// newTable makes a table that a destroy leaves alone and whose every second of the last 35 days can be brought back: without
// it, messages that may have been sent look as if they had not. AWS refuses to delete it as well.
func newTable(ctx *pulumi.Context, name string, args tableArgs, opts ...pulumi.ResourceOption) (*table, error) {
	t := &table{}
	name += "-" + args.table.Name
	if err := ctx.RegisterComponentResource("sms-api:index:Table", name, t, opts...); err != nil {
		return nil, err
	}
	one := &dynamodb.TableArgs{
		Name:        pulumi.String(name),
		BillingMode: pulumi.String("PAY_PER_REQUEST"),
		HashKey:     pulumi.String(args.table.PartitionKey),
		RangeKey:    pulumi.String(args.table.SortKey),
		Attributes: dynamodb.TableAttributeArray{
			dynamodb.TableAttributeArgs{Name: pulumi.String(args.table.PartitionKey), Type: pulumi.String("S")},
			dynamodb.TableAttributeArgs{Name: pulumi.String(args.table.SortKey), Type: pulumi.String("S")},
		},
		Ttl:                       dynamodb.TableTtlArgs{AttributeName: pulumi.String(args.table.TTL), Enabled: pulumi.Bool(true)},
		PointInTimeRecovery:       dynamodb.TablePointInTimeRecoveryArgs{Enabled: pulumi.Bool(true)},
		DeletionProtectionEnabled: pulumi.Bool(true),
	}
	// Not enabled means the key that AWS owns: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSESpecification.html
	one.ServerSideEncryption = dynamodb.TableServerSideEncryptionArgs{Enabled: pulumi.Bool(false)}
	if args.key.arn != nil {
		one.ServerSideEncryption = dynamodb.TableServerSideEncryptionArgs{
			Enabled: pulumi.Bool(true), KmsKeyArn: args.key.arn.ToStringOutput().ToStringPtrOutput(),
		}
	}
	var err error
	if t.table, err = dynamodb.NewTable(ctx, name, one, childOf(t), pulumi.Protect(true)); err != nil {
		return nil, err
	}
	return t, ctx.RegisterResourceOutputs(t, pulumi.Map{"tableArn": t.table.Arn})
}
