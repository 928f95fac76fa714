package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// encryptionKey is the customer's key for definitions, histories, logs, queues, files, table and parameters. Without one (arn is nil) AWS
// encrypts all of these with its own. Each of them says so: what is merely left out stays as it was when a stack changes.
type encryptionKey struct {
	arn pulumi.StringInput
	// former encrypted what is older.
	former pulumi.StringArray
}

// use lets a role encrypt and decrypt with the key, and decrypt with former ones: messages under way go on with the key that
// they began with.
func (k encryptionKey) use() []iam.GetPolicyDocumentStatementInput {
	var statements []iam.GetPolicyDocumentStatementInput
	if k.arn != nil {
		statements = append(statements, allow(pulumi.StringArray{k.arn}, "kms:Decrypt", "kms:GenerateDataKey"))
	}
	if len(k.former) > 0 {
		statements = append(statements, allow(k.former, "kms:Decrypt"))
	}
	return statements
}

type encryptionKeyArgs struct {
	config  encryptionConfig
	account account
}

// newEncryptionKey takes the keys that the stack names, and makes the one that it asks for.
func newEncryptionKey(
	ctx *pulumi.Context, name string, args encryptionKeyArgs, opts ...pulumi.ResourceOption,
) (encryptionKey, error) {
	config, arns := args.config, map[string]pulumi.StringInput{}
	if config.makes() {
		made, err := makeKey(ctx, name, args.account, opts...)
		if err != nil {
			return encryptionKey{}, err
		}
		arns[keyNew] = made.Arn
	}
	arn := func(setting string) pulumi.StringInput {
		if made, ok := arns[setting]; ok {
			return made
		}
		return pulumi.String(setting)
	}
	k := encryptionKey{}
	if config.key != keyOfAWS {
		k.arn = arn(config.key)
	}
	for _, setting := range config.former {
		k.former = append(k.former, arn(setting))
	}
	return k, nil
}

// makeKey makes a key that stays: without it nobody reads old histories, logs and dead letters again. The engine refuses to
// delete it, and even when it is told to forget it the key stays with AWS.
func makeKey(ctx *pulumi.Context, name string, in account, opts ...pulumi.ResourceOption) (*kms.Key, error) {
	// In the policy of a key, * is the key itself.
	// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
	administration := allow(anything(), "kms:*")
	administration.Principals = iam.GetPolicyDocumentStatementPrincipalArray{iam.GetPolicyDocumentStatementPrincipalArgs{
		Type: pulumi.String("AWS"), Identifiers: pulumi.ToStringArray([]string{in.root(in.id)}),
	}}
	logs := pulumi.ToStringArray([]string{in.arn("logs", "*")})
	key, err := kms.NewKey(ctx, name, &kms.KeyArgs{
		Description:       pulumi.String("sms-api: definitions, histories, logs, queues, files, table and parameters of " + name),
		EnableKeyRotation: pulumi.Bool(true),
		Policy: document(ctx, administration,
			// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
			withCondition(trustedBy(allow(anything(), "kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"),
				"logs."+in.region+".amazonaws.com"), "ArnLike", "kms:EncryptionContext:aws:logs:arn", logs),
			// https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
			withCondition(trustedBy(allow(anything(), "kms:Decrypt*"), "delivery.logs.amazonaws.com"),
				"ArnLike", "kms:EncryptionContext:SourceArn", logs),
			// Without a condition: none is documented for a rule's dead letters.
			// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-at-rest-dlq.html
			trustedBy(allow(anything(), "kms:GenerateDataKey", "kms:Decrypt"), "events.amazonaws.com"),
		),
	}, append(opts, pulumi.Protect(true), pulumi.RetainOnDelete(true))...)
	if err != nil {
		return nil, err
	}
	// The alias is a name and nothing more; a parent's protection would pass to it.
	_, err = kms.NewAlias(ctx, name, &kms.AliasArgs{Name: pulumi.String("alias/" + name), TargetKeyId: key.KeyId}, childOf(key),
		pulumi.Protect(false))
	return key, err
}
