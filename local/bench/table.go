package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/awsenv"
)

// table counts an operation on the table of sends.
func (b *bench) table(ctx context.Context, _, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	b.tableCalls.Add(1)
	return next(ctx)
}

// tableCall measures what one write takes of the processors, client and emulator together: the table's share of a message
// is so many of them, most of which is the emulator's and its client's here and DynamoDB's own in AWS.
func (b *bench) tableCall(ctx context.Context) (time.Duration, error) {
	const name, rounds = "bench", 500
	if err := b.system.AWS.Table(name, "pk", "sk"); err != nil {
		return 0, err
	}
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, b.aws)
	config.HTTPClient = pooled()
	client := dynamodb.NewFromConfig(config)
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	before, _ := used()
	for i := range rounds {
		key := map[string]types.AttributeValue{"pk": text(fmt.Sprint(i)), "sk": text("item")}
		if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{
			TableName: aws.String(name), Item: key, ConditionExpression: aws.String("attribute_not_exists(pk)"),
		}); err != nil {
			return 0, fmt.Errorf("measure the table: %w", err)
		}
		if _, err := client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(name), Key: key}); err != nil {
			return 0, fmt.Errorf("measure the table: %w", err)
		}
	}
	after, _ := used()
	return (after - before) / (2 * rounds), nil
}
