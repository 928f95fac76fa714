package main

import (
	"errors"
	"fmt"
	"strings"

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

// fits says which settings name what cannot be used from here, every one of them.
func (a account) fits(c config) error {
	var errs []error
	for _, one := range []struct{ key, arn string }{
		{"api:certificateArn", c.api.certificateARN}, {"alarms:topicArn", c.alarms.topicARN}, {"encryption:key", c.encryption.key},
	} {
		// arn:PARTITION:SERVICE:REGION:ACCOUNT:...
		if parts := strings.Split(one.arn, ":"); len(parts) > 3 && parts[3] != a.region {
			errs = append(errs, fmt.Errorf("%s: it is in %s, and the stack in %s", one.key, parts[3], a.region))
		}
	}
	for _, zone := range c.network.availabilityZones {
		if strings.TrimRight(zone, "abcdefghijklmnopqrstuvwxyz") != a.region {
			errs = append(errs, fmt.Errorf("network:availabilityZones: %s is not in %s", zone, a.region))
		}
	}
	return errors.Join(errs...)
}

// same says that a stack whose event bus this is lies elsewhere: nothing of it is to be made anew here.
func (a account) same(bus string) error {
	parts := strings.Split(bus, ":")
	if len(parts) < 6 || parts[3] == a.region && parts[4] == a.id {
		return nil
	}
	return fmt.Errorf("aws:region: this stack is in account %s, %s, and this would be account %s, %s. Another account or region is another "+
		"stack", parts[4], parts[3], a.id, a.region)
}

// arn is the ARN of a resource in this account and region.
func (a account) arn(service, resource string) string {
	return "arn:" + a.partition + ":" + service + ":" + a.region + ":" + a.id + ":" + resource
}

// root is the account itself, as the principal of a policy.
func (a account) root(id string) string {
	return "arn:" + a.partition + ":iam::" + id + ":root"
}
