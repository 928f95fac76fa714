package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// childOf makes a resource or a look-up a part of another resource.
func childOf(parent pulumi.Resource) pulumi.ResourceOrInvokeOption { return pulumi.Parent(parent) }

// allow is a statement of a policy: these actions on these resources.
func allow(resources pulumi.StringArrayInput, actions ...string) iam.GetPolicyDocumentStatementArgs {
	return iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray(actions), Resources: resources}
}

// anything is for actions that AWS offers no resource for. Each use says which and where that is documented.
func anything() pulumi.StringArray { return pulumi.StringArray{pulumi.String("*")} }

// trustedBy restricts a statement to services, for policies that are attached to a resource.
func trustedBy(statement iam.GetPolicyDocumentStatementArgs, services ...string) iam.GetPolicyDocumentStatementArgs {
	statement.Principals = iam.GetPolicyDocumentStatementPrincipalArray{iam.GetPolicyDocumentStatementPrincipalArgs{
		Type: pulumi.String("Service"), Identifiers: pulumi.ToStringArray(services),
	}}
	return statement
}

// withCondition puts the statement under a condition.
func withCondition(
	statement iam.GetPolicyDocumentStatementArgs, test, variable string, values pulumi.StringArrayInput,
) iam.GetPolicyDocumentStatementArgs {
	statement.Conditions = iam.GetPolicyDocumentStatementConditionArray{iam.GetPolicyDocumentStatementConditionArgs{
		Test: pulumi.String(test), Variable: pulumi.String(variable), Values: values,
	}}
	return statement
}

// document is the statements' JSON.
func document(ctx *pulumi.Context, statements ...iam.GetPolicyDocumentStatementInput) pulumi.StringOutput {
	return iam.GetPolicyDocumentOutput(ctx, iam.GetPolicyDocumentOutputArgs{
		Statements: iam.GetPolicyDocumentStatementArray(statements),
	}).Json()
}

// roleArgs says who can take a role and what it may do.
type roleArgs struct {
	description string
	trust       iam.GetPolicyDocumentStatementArgs
	statements  []iam.GetPolicyDocumentStatementInput
}

// newRole makes a role with one policy of its own. Role names are global in an account while stacks are regional, so Pulumi
// completes them.
func newRole(
	ctx *pulumi.Context, name string, args roleArgs, opts ...pulumi.ResourceOption,
) (*iam.Role, *iam.RolePolicy, error) {
	role, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Description:      pulumi.String(args.description),
		AssumeRolePolicy: document(ctx, args.trust),
	}, opts...)
	if err != nil {
		return nil, nil, err
	}
	policy, err := iam.NewRolePolicy(ctx, name, &iam.RolePolicyArgs{
		Role: role.Name, Policy: document(ctx, args.statements...),
	}, childOf(role))
	return role, policy, err
}

// interfaces lets Lambda put a function into a VPC. Which interfaces there will be nobody knows before.
// https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
func interfaces() iam.GetPolicyDocumentStatementArgs {
	return allow(anything(), "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets",
		"ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses")
}

// tracing lets a role report its traces; X-Ray has no resources for that:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
func tracing() iam.GetPolicyDocumentStatementArgs {
	return allow(anything(), "xray:PutTraceSegments", "xray:PutTelemetryRecords")
}
