package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/kms"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// encryptionKey is the customer's key for definition, history, logs, queue, table and parameters. Without one (arn is nil) AWS
// encrypts all of these with its own.
type encryptionKey struct {
	arn pulumi.StringInput
}

// use lets a role encrypt and decrypt with the key.
func (k encryptionKey) use() []iam.GetPolicyDocumentStatementInput {
	if k.arn == nil {
		return nil
	}
	return []iam.GetPolicyDocumentStatementInput{allow(pulumi.StringArray{k.arn}, "kms:Decrypt", "kms:GenerateDataKey")}
}

type encryptionKeyArgs struct {
	config  encryptionConfig
	account account
}

// newEncryptionKey makes the key, or takes the one that the stack names.
func newEncryptionKey(
	ctx *pulumi.Context, name string, args encryptionKeyArgs, opts ...pulumi.ResourceOption,
) (encryptionKey, error) {
	config, in := args.config, args.account
	if config.keyARN != "" {
		return encryptionKey{arn: pulumi.String(config.keyARN)}, nil
	}
	if !config.create {
		return encryptionKey{}, nil
	}
	// In the policy of a key, * is the key itself.
	// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html
	administration := allow(anything(), "kms:*")
	administration.Principals = iam.GetPolicyDocumentStatementPrincipalArray{iam.GetPolicyDocumentStatementPrincipalArgs{
		Type: pulumi.String("AWS"), Identifiers: pulumi.ToStringArray([]string{in.root(in.id)}),
	}}
	logs := pulumi.ToStringArray([]string{in.arn("logs", "*")})
	key, err := kms.NewKey(ctx, name, &kms.KeyArgs{
		Description:       pulumi.String("sms-api: definition, history, logs, queue, table and parameters of " + name),
		EnableKeyRotation: pulumi.Bool(true),
		Policy: document(ctx, administration,
			// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
			withCondition(trustedBy(allow(anything(), "kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"),
				"logs."+in.region+".amazonaws.com"), "ArnLike", "kms:EncryptionContext:aws:logs:arn", logs),
			// https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
			withCondition(trustedBy(allow(anything(), "kms:Decrypt*"), "delivery.logs.amazonaws.com"), "ArnLike", "kms:EncryptionContext:SourceArn", logs),
			// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
			withCondition(trustedBy(allow(anything(), "kms:GenerateDataKey", "kms:Decrypt"), "events.amazonaws.com"),
				"StringEquals", "aws:SourceAccount", pulumi.ToStringArray([]string{in.id})),
		),
	}, opts...)
	if err != nil {
		return encryptionKey{}, err
	}
	_, err = kms.NewAlias(ctx, name, &kms.AliasArgs{Name: pulumi.String("alias/" + name), TargetKeyId: key.KeyId}, childOf(key))
	return encryptionKey{arn: key.Arn}, err
}
