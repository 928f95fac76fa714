package main

import (
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/iam"
	"github.com/pulumi/pulumi-aws/sdk/v7/go/aws/s3"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"sms-api/internal/deployment"
)

// bucket has the files of campaigns: what was uploaded, the chunks that were made of it, errors and reports.
type bucket struct {
	pulumi.ResourceState
	// bucket has a name: embedded, its methods would make the component a resource that some provider had to know.
	bucket *s3.Bucket
}

type bucketArgs struct {
	key encryptionKey
	// fileDays is for how many days files are kept after a campaign has settled.
	fileDays int
	// origins are the pages that may use links to the bucket.
	origins []string
}

// newBucket makes a bucket that only those see who have a role of the stack or a link that one of these has signed, over TLS. It
// keeps no versions: a file is uploaded once, and what is deleted is gone. AWS deletes a bucket only when it is empty, and
// nothing here empties it, so that a destroy takes no campaign's numbers and reports by accident. A bucket that stays behind then
// stays closed and encrypted, and forgets.
func newBucket(ctx *pulumi.Context, name string, args bucketArgs, opts ...pulumi.ResourceOption) (*bucket, error) {
	b := &bucket{}
	name += "-campaigns"
	if err := ctx.RegisterComponentResource("sms-api:index:Bucket", name, b, opts...); err != nil {
		return nil, err
	}
	var err error
	// The names of buckets are those of all accounts together, so Pulumi completes this one.
	if b.bucket, err = s3.NewBucket(ctx, name, &s3.BucketArgs{ForceDestroy: pulumi.Bool(false)}, childOf(b)); err != nil {
		return nil, err
	}
	for _, step := range []func(*pulumi.Context, string, bucketArgs) error{b.close, b.encrypt, b.forget, b.open, b.announce} {
		if err := step(ctx, name, args); err != nil {
			return nil, err
		}
	}
	return b, ctx.RegisterResourceOutputs(b, pulumi.Map{"bucket": b.bucket.Bucket})
}

// likeTheBucket keeps what a bucket has for as long as the bucket is there: it goes with it, and not before.
func (b *bucket) likeTheBucket() []pulumi.ResourceOption {
	return []pulumi.ResourceOption{childOf(b.bucket), pulumi.RetainOnDelete(true)}
}

// objects is the ARN of all objects with such a key.
func (b *bucket) objects(key string) pulumi.StringArray {
	return pulumi.StringArray{pulumi.Sprintf("%s/%s", b.bucket.Arn, key)}
}

// close lets nobody make anything public, and denies what comes without TLS. It also denies whoever writes over a file that was
// uploaded, or would if there were one: what was planned stays what it was.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
func (b *bucket) close(ctx *pulumi.Context, name string, _ bucketArgs) error {
	block, err := s3.NewBucketPublicAccessBlock(ctx, name, &s3.BucketPublicAccessBlockArgs{
		Bucket: b.bucket.Bucket, BlockPublicAcls: pulumi.Bool(true), IgnorePublicAcls: pulumi.Bool(true),
		BlockPublicPolicy: pulumi.Bool(true), RestrictPublicBuckets: pulumi.Bool(true),
	}, b.likeTheBucket()...)
	if err != nil {
		return err
	}
	everything := append(pulumi.StringArray{b.bucket.Arn}, b.objects("*")...)
	_, err = s3.NewBucketPolicy(ctx, name, &s3.BucketPolicyArgs{
		Bucket: b.bucket.Bucket,
		Policy: document(ctx,
			withCondition(denied(everything, "s3:*"), "Bool", "aws:SecureTransport", pulumi.ToStringArray([]string{"false"})),
			withCondition(denied(b.objects(deployment.CampaignKeys()[deployment.CampaignUploads]), "s3:PutObject"),
				"Null", "s3:if-none-match", pulumi.ToStringArray([]string{"true"})),
		),
	}, append(b.likeTheBucket(), pulumi.DependsOn([]pulumi.Resource{block}))...) // S3 refuses two changes of who may what at once
	return err
}

// denied is a statement that takes actions away from everybody.
func denied(resources pulumi.StringArrayInput, actions ...string) iam.GetPolicyDocumentStatementArgs {
	statement := allow(resources, actions...)
	statement.Effect = pulumi.String("Deny")
	statement.Principals = iam.GetPolicyDocumentStatementPrincipalArray{iam.GetPolicyDocumentStatementPrincipalArgs{
		Type: pulumi.String("*"), Identifiers: pulumi.ToStringArray([]string{"*"}),
	}}
	return statement
}

// encrypt encrypts with the stack's key, or with S3's own.
func (b *bucket) encrypt(ctx *pulumi.Context, name string, args bucketArgs) error {
	by := s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs{SseAlgorithm: pulumi.String("AES256")}
	if args.key.arn != nil {
		by.SseAlgorithm, by.KmsMasterKeyId = pulumi.String("aws:kms"), args.key.arn.ToStringOutput().ToStringPtrOutput()
	}
	_, err := s3.NewBucketServerSideEncryptionConfiguration(ctx, name, &s3.BucketServerSideEncryptionConfigurationArgs{
		Bucket: b.bucket.Bucket,
		Rules: s3.BucketServerSideEncryptionConfigurationRuleArray{s3.BucketServerSideEncryptionConfigurationRuleArgs{
			ApplyServerSideEncryptionByDefault: by,
			// A key of the bucket's own, so that not each chunk is a request to KMS.
			BucketKeyEnabled: pulumi.Bool(args.key.arn != nil),
		}},
	}, b.likeTheBucket()...)
	return err
}

// forget deletes what the campaigns themselves have not deleted, when none can need it any more.
func (b *bucket) forget(ctx *pulumi.Context, name string, args bucketArgs) error {
	_, err := s3.NewBucketLifecycleConfiguration(ctx, name, &s3.BucketLifecycleConfigurationArgs{
		Bucket: b.bucket.Bucket,
		Rules: s3.BucketLifecycleConfigurationRuleArray{s3.BucketLifecycleConfigurationRuleArgs{
			Id: pulumi.String("left-behind"), Status: pulumi.String("Enabled"),
			Filter:     s3.BucketLifecycleConfigurationRuleFilterArgs{Prefix: pulumi.String("")},
			Expiration: s3.BucketLifecycleConfigurationRuleExpirationArgs{Days: pulumi.Int(deployment.FilesGone(args.fileDays))},
			AbortIncompleteMultipartUpload: s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs{
				DaysAfterInitiation: pulumi.Int(1),
			},
		}},
	}, b.likeTheBucket()...)
	return err
}

// open lets pages of other origins use the links that they are given.
func (b *bucket) open(ctx *pulumi.Context, name string, args bucketArgs) error {
	if len(args.origins) == 0 {
		return nil
	}
	rules := deployment.UploadCORS()
	_, err := s3.NewBucketCorsConfiguration(ctx, name, &s3.BucketCorsConfigurationArgs{
		Bucket: b.bucket.Bucket,
		CorsRules: s3.BucketCorsConfigurationCorsRuleArray{s3.BucketCorsConfigurationCorsRuleArgs{
			AllowedOrigins: pulumi.ToStringArray(args.origins),
			AllowedMethods: pulumi.ToStringArray(rules.Methods),
			AllowedHeaders: pulumi.ToStringArray(rules.Headers),
			ExposeHeaders:  pulumi.ToStringArray(rules.Exposed),
			MaxAgeSeconds:  pulumi.Int(seconds(rules.MaxAge)),
		}},
	}, childOf(b.bucket))
	return err
}

// announce tells EventBridge of each object that is written.
func (b *bucket) announce(ctx *pulumi.Context, name string, _ bucketArgs) error {
	_, err := s3.NewBucketNotification(ctx, name, &s3.BucketNotificationArgs{
		Bucket: b.bucket.Bucket, Eventbridge: pulumi.Bool(true),
	}, childOf(b.bucket))
	return err
}
