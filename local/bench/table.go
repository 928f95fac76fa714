package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"golang.org/x/sync/errgroup"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
	"sms-api/internal/guard"
	"sms-api/internal/message"
	"sms-api/internal/records"
)

// table counts an operation on the table of sends and records.
func (b *bench) table(ctx context.Context, _, _ string, next func(context.Context) ([]byte, error)) ([]byte, error) {
	b.tableCalls.Add(1)
	return next(ctx)
}

// tableCall measures what one operation on the table takes of the processors, client and emulator together. It does with a
// table of its own what messages do, and nothing else: they are accepted, a send is opened and answered, it is written down
// how far they have come, and what became of them. As many of them are under way as in the load. The table's share of a message
// is so many operations; in AWS most of it is DynamoDB's.
func (b *bench) tableCall(ctx context.Context) (time.Duration, error) {
	const name = "bench"
	keys := deployment.GuardsTable()
	if err := b.system.AWS.Table(name, keys.PartitionKey, keys.SortKey); err != nil {
		return 0, err
	}
	config := awsenv.New(awsapi.Region, aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, b.aws)
	config.HTTPClient = pooled()
	client := dynamodb.NewFromConfig(config)
	r := replay{
		guards:   guard.Guards{Client: client, Table: name},
		records:  *b.system.Records,
		digester: guard.NewDigester([]byte(name)),
	}
	r.records.Client, r.records.Table = client, name
	calls := b.tableCalls.Load()
	before, _ := used()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(b.concurrency)
	for i := range max(20, 1000/b.recipients) {
		group.Go(func() error { return r.message(ctx, b, i) })
	}
	if err := group.Wait(); err != nil {
		return 0, fmt.Errorf("measure the table: %w", err)
	}
	after, _ := used()
	return (after - before) / time.Duration(b.tableCalls.Load()-calls), nil
}

// replay does what messages do with their table.
type replay struct {
	guards   guard.Guards
	records  records.Store
	digester guard.Digester
}

func (r *replay) message(ctx context.Context, b *bench, i int) error {
	request, err := message.Decode(b.request("replay-"+strconv.Itoa(i), b.numbers(i)))
	if err != nil {
		return err
	}
	m, problems := message.Accept(request, message.Acceptance{ID: fmt.Sprintf("%032d", i), Caller: "bench", Now: b.clock.Now()})
	if len(problems) > 0 {
		return errors.New(problems[0].Detail)
	}
	opening := guard.Opening{Message: m.ID, Account: "bench", Channel: m.Channel, Key: r.digester.KeyID(), Expiry: m.ExpiresAt}
	results := message.Pendings(m)
	for i := range m.Recipients {
		opening.Recipients = append(opening.Recipients, i)
		opening.Digests = append(opening.Digests, r.digester.Digest(string(m.Recipients[i].To), m.Template))
	}
	progress := message.Progress{Recipients: results, Seq: 1}
	// Each step has a goroutine of its own, as an invocation has, whose stack has yet to grow to what an SDK needs.
	for _, step := range []func() error{
		func() error { r.records.Accepted(ctx, m); return nil },
		func() error {
			send, err := r.guards.Open(ctx, opening)
			if err == nil {
				_, err = r.guards.Answered(ctx, send, strconv.Itoa(i))
			}
			r.records.Went(ctx, m, message.Underway(m, progress), records.VersionOf(progress, 0), true)
			return err
		},
		func() error {
			for i := range results {
				results[i].Status = message.Delivered
			}
			progress.Seq++
			r.records.Went(ctx, m, message.Settled(m, results, b.clock.Now()), records.VersionOf(progress, 0), false)
			return nil
		},
		func() error {
			_, err := r.records.Settled(ctx, message.Settled(m, results, b.clock.Now()))
			return err
		},
	} {
		done := make(chan error, 1)
		go func() { done <- step() }()
		if err := <-done; err != nil {
			return err
		}
	}
	return nil
}
