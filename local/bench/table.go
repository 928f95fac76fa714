package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
	"sms-api/internal/guard"
	"sms-api/internal/message"
)

// table counts an operation on the table of sends.
func (b *bench) table(ctx context.Context, _, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	b.tableCalls.Add(1)
	return next(ctx)
}

// tableCall measures what one operation takes of the processors, client and emulator together, by guarding sends that are
// not made. The table's share of a message is so many of them; in AWS most of it is DynamoDB's.
func (b *bench) tableCall(ctx context.Context) (time.Duration, error) {
	const name, rounds = "bench", 500
	keys := deployment.GuardsTable()
	if err := b.system.AWS.Table(name, keys.PartitionKey, keys.SortKey); err != nil {
		return 0, err
	}
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, b.aws)
	config.HTTPClient = pooled()
	guards := guard.Guards{Client: dynamodb.NewFromConfig(config), Table: name}
	digester := guard.NewDigester([]byte(name))
	calls := b.tableCalls.Load()
	before, _ := used()
	for i := range rounds {
		s, err := guards.Open(ctx, guard.Opening{
			Message: fmt.Sprintf("%032d", i), Account: name, Channel: message.AlimTalk, Recipients: []int{0},
			Digests: []guard.Digest{digester.Digest("01000000000", name)}, Key: digester.KeyID(), Expiry: time.Now(),
		})
		if err == nil {
			_, err = guards.Answered(ctx, s, fmt.Sprint(i))
		}
		if err != nil {
			return 0, fmt.Errorf("measure the table: %w", err)
		}
	}
	after, _ := used()
	return (after - before) / time.Duration(b.tableCalls.Load()-calls), nil
}
