package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// allow is a statement of a policy: these actions on these resources.
func allow(resources pulumi.StringArrayInput, actions ...string) iam.GetPolicyDocumentStatementArgs {
	return iam.GetPolicyDocumentStatementArgs{Actions: pulumi.ToStringArray(actions), Resources: resources}
}

// anything is for actions that AWS offers no resource for. Each use says which and where that is documented.
func anything() pulumi.StringArray { return pulumi.StringArray{pulumi.String("*")} }

// by restricts a statement to services, for policies that are attached to a resource.
func by(statement iam.GetPolicyDocumentStatementArgs, services ...string) iam.GetPolicyDocumentStatementArgs {
	statement.Principals = iam.GetPolicyDocumentStatementPrincipalArray{iam.GetPolicyDocumentStatementPrincipalArgs{
		Type: pulumi.String("Service"), Identifiers: pulumi.ToStringArray(services),
	}}
	return statement
}

// when puts the statement under a condition.
func when(
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

// newRole makes a role that the service can take, with one policy of its own. Role names are global in an account while
// stacks are regional, so Pulumi completes them.
func newRole(ctx *pulumi.Context, parent pulumi.Resource, name, description string,
	trust iam.GetPolicyDocumentStatementArgs, statements ...iam.GetPolicyDocumentStatementInput,
) (*iam.Role, *iam.RolePolicy, error) {
	role, err := iam.NewRole(ctx, name, &iam.RoleArgs{
		Description:      pulumi.String(description),
		AssumeRolePolicy: document(ctx, trust),
	}, pulumi.Parent(parent))
	if err != nil {
		return nil, nil, err
	}
	policy, err := iam.NewRolePolicy(ctx, name, &iam.RolePolicyArgs{
		Role: role.Name, Policy: document(ctx, statements...),
	}, pulumi.Parent(role))
	return role, policy, err
}

// tracing lets a role report its traces; X-Ray has no resources for that:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
func tracing() iam.GetPolicyDocumentStatementArgs {
	return allow(anything(), "xray:PutTraceSegments", "xray:PutTelemetryRecords")
}
