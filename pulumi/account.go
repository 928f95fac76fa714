package main

import (
	"fmt"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// account is where a stack is deployed.
type account struct {
	partition, region, id string
}

func findAccount(ctx *pulumi.Context) (account, error) {
	partition, err := aws.GetPartition(ctx, nil)
	if err != nil {
		return account{}, fmt.Errorf("find the account: %w", err)
	}
	region, err := aws.GetRegion(ctx, nil)
	if err != nil {
		return account{}, fmt.Errorf("find the account: %w", err)
	}
	caller, err := aws.GetCallerIdentity(ctx, nil)
	if err != nil {
		return account{}, fmt.Errorf("find the account: %w", err)
	}
	return account{partition: partition.Partition, region: region.Region, id: caller.AccountId}, nil
}

// arn is the ARN of a resource in this account and region.
func (a account) arn(service, resource string) string {
	return "arn:" + a.partition + ":" + service + ":" + a.region + ":" + a.id + ":" + resource
}

// root is the account itself, as the principal of a policy.
func (a account) root(id string) string {
	return "arn:" + a.partition + ":iam::" + id + ":root"
}
