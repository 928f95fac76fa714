package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/ssm"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// secrets are the Aligo credentials in SSM. By default only their names are the program's business; somebody with the
// right to know them writes the values, and they are in no state and in no stack file.
type secrets struct {
	pulumi.ResourceState
	account account
	// arns are the parameters, whether they exist or not.
	arns pulumi.StringArray
	// missing are the names of those that do not exist; numberKey is that of the key for numbers, empty when it exists.
	missing   []string
	numberKey string
}

type secretsArgs struct {
	config  secretsConfig
	account account
	key     encryptionKey
	there   parameters
}

// parameters are the full names of those that exist below a path.
type parameters struct {
	prefix string
	names  []string
}

func (p parameters) has(name string) bool { return slices.Contains(p.names, p.prefix+"/"+name) }

// findParameters finds out which parameters exist. Their values are asked for without decryption and are not kept.
func findParameters(ctx *pulumi.Context, prefix string) (parameters, error) {
	decrypt := false
	found, err := ssm.GetParametersByPath(ctx, &ssm.GetParametersByPathArgs{Path: prefix, WithDecryption: &decrypt})
	if err != nil {
		return parameters{}, fmt.Errorf("look for the Aligo credentials: %w", err)
	}
	return parameters{prefix: prefix, names: found.Names}, nil
}

func newSecrets(ctx *pulumi.Context, name string, args secretsArgs, opts ...pulumi.ResourceOption) (*secrets, error) {
	config := args.config
	s := &secrets{account: args.account}
	if err := ctx.RegisterComponentResource("sms-api:index:Secrets", name+"-secrets", s, opts...); err != nil {
		return nil, err
	}
	for _, parameter := range append(parameterNames(), numberKeyName) {
		s.arns = append(s.arns, pulumi.String(s.account.arn("ssm", "parameter"+config.prefix+"/"+parameter)))
	}
	for _, name := range parameterNames() {
		if !args.there.has(name) {
			s.missing = append(s.missing, config.prefix+"/"+name)
		}
	}
	if !args.there.has(numberKeyName) {
		s.numberKey = config.prefix + "/" + numberKeyName
	}
	if !config.managed {
		return s, ctx.RegisterResourceOutputs(s, pulumi.Map{})
	}
	s.missing = nil
	for _, parameter := range parameterNames() {
		written := &ssm.ParameterArgs{
			Name:        pulumi.String(config.prefix + "/" + parameter),
			Description: pulumi.String("Aligo: " + parameter),
			Type:        pulumi.String("SecureString"),
			Value:       pulumi.String(config.values[parameter]), // the SDK makes a secret of it
			// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
			KeyId: pulumi.String("alias/aws/ssm"),
			// One that somebody has written by hand is taken over.
			Overwrite: pulumi.Bool(true),
		}
		if args.key.arn != nil {
			written.KeyId = args.key.arn.ToStringOutput().ToStringPtrOutput()
		}
		// It stays when the stack no longer writes it: what sends messages needs it all the same.
		if _, err := ssm.NewParameter(ctx, name+"-"+parameter, written, childOf(s), pulumi.RetainOnDelete(true)); err != nil {
			return nil, err
		}
	}
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{})
}

// putParameter is the command that writes a parameter.
func (s *secrets) putParameter(name string, key encryptionKey) pulumi.StringOutput {
	value := "'YOUR-" + strings.ToUpper(path.Base(name)) + "'"
	if path.Base(name) == numberKeyName {
		value = `"$(openssl rand -base64 32)"`
	}
	command := fmt.Sprintf("aws ssm put-parameter --region %s --type SecureString --name %s --value %s", s.account.region, name, value)
	if key.arn == nil {
		return pulumi.String(command).ToStringOutput()
	}
	return pulumi.Sprintf("%s --key-id %s", command, key.arn)
}
