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
	// missing are the names of those that do not exist.
	missing []string
}

func newSecrets(ctx *pulumi.Context, prefix string, config secretsConfig, in account, key encryptionKey) (*secrets, error) {
	s := &secrets{account: in}
	if err := ctx.RegisterComponentResource("sms-api:index:Secrets", prefix+"-secrets", s); err != nil {
		return nil, err
	}
	for _, name := range parameterNames() {
		s.arns = append(s.arns, pulumi.String(in.arn("ssm", "parameter"+config.prefix+"/"+name)))
	}
	if !config.managed {
		if err := s.look(ctx, config.prefix); err != nil {
			return nil, fmt.Errorf("look for the Aligo credentials: %w", err)
		}
		return s, ctx.RegisterResourceOutputs(s, pulumi.Map{})
	}
	for _, name := range parameterNames() {
		args := &ssm.ParameterArgs{
			Name:        pulumi.String(config.prefix + "/" + name),
			Description: pulumi.String("Aligo: " + name),
			Type:        pulumi.String("SecureString"),
			Value:       pulumi.String(config.values[name]), // the SDK makes a secret of it
		}
		if key.arn != nil {
			args.KeyId = key.arn.ToStringOutput().ToStringPtrOutput()
		}
		if _, err := ssm.NewParameter(ctx, prefix+"-"+name, args, pulumi.Parent(s)); err != nil {
			return nil, err
		}
	}
	return s, ctx.RegisterResourceOutputs(s, pulumi.Map{})
}

// look finds out which parameters exist. Their values are asked for without decryption and are not kept.
func (s *secrets) look(ctx *pulumi.Context, prefix string) error {
	decrypt := false
	found, err := ssm.GetParametersByPath(ctx, &ssm.GetParametersByPathArgs{Path: prefix, WithDecryption: &decrypt}, pulumi.Parent(s))
	if err != nil {
		return err
	}
	for _, name := range parameterNames() {
		if full := prefix + "/" + name; !slices.Contains(found.Names, full) {
			s.missing = append(s.missing, full)
		}
	}
	return nil
}

// putParameter is the command that writes a parameter.
func (s *secrets) putParameter(name string, key encryptionKey) pulumi.StringOutput {
	command := fmt.Sprintf("aws ssm put-parameter --region %s --type SecureString --name %s --value 'YOUR-%s'",
		s.account.region, name, strings.ToUpper(path.Base(name)))
	if key.arn == nil {
		return pulumi.String(command).ToStringOutput()
	}
	return pulumi.Sprintf("%s --key-id %s", command, key.arn)
}
