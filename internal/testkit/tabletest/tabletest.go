// Package tabletest has a table in DynamoDB for the tests of packages that keep something in it, and faults that come over its
// operations.
package tabletest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/sivchari/kumo/inprocess"

	"sms-api/internal/awsenv"
	"sms-api/internal/deployment"
)

// Name is the table's.
const Name = "table"

// Fault says what becomes of one request: nothing is done, or it is done and nobody hears of it.
type Fault int

// The faults.
const (
	None Fault = iota
	// Before is an error of a request that has done nothing.
	Before
	// After is an answer that is lost.
	After
)

// ErrLost is what a client sees of either.
var ErrLost = errors.New("connection reset by peer")

// Table is a table of one's own. The client makes three attempts of each request, as the SDK does, without waiting.
type Table struct {
	Client *dynamodb.Client

	handler http.Handler

	mu sync.Mutex
	// fault chooses what becomes of a request; nil means that it is answered.
	fault      func(operation string) Fault
	operations []string
}

// New makes an empty table with the keys of the table of sends.
func New(tb testing.TB) *Table {
	tb.Helper()
	t := &Table{handler: inprocess.DynamoDB()}
	config := awsenv.New("ap-northeast-2", aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "http://table")
	config.HTTPClient = t
	config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.RateLimiter = ratelimit.None
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	t.Client = dynamodb.NewFromConfig(config)
	table := deployment.GuardsTable()
	_, err := t.Client.CreateTable(tb.Context(), &dynamodb.CreateTableInput{
		TableName: aws.String(Name), BillingMode: types.BillingModePayPerRequest,
		KeySchema: []types.KeySchemaElement{
			{AttributeName: &table.PartitionKey, KeyType: types.KeyTypeHash}, {AttributeName: &table.SortKey, KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: &table.PartitionKey, AttributeType: types.ScalarAttributeTypeS},
			{AttributeName: &table.SortKey, AttributeType: types.ScalarAttributeTypeS},
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// Fail has faults come over requests from now on; nil is none.
func (t *Table) Fail(fault func(operation string) Fault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = fault
}

// Operations are the requests so far, and forgets them.
func (t *Table) Operations() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.operations
	t.operations = nil
	return all
}

// Do is the way to the table.
func (t *Table) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	t.mu.Lock()
	t.operations = append(t.operations, operation)
	fault := None
	if t.fault != nil {
		fault = t.fault(operation)
	}
	t.mu.Unlock()
	if fault == Before {
		return nil, ErrLost
	}
	sent := r.Clone(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	t.handler.ServeHTTP(recorder, sent)
	if fault == After {
		return nil, ErrLost
	}
	return recorder.Result(), nil
}

// Keys are keys that numbers are hashed with.
type Keys []string

// NumberKeys returns them.
func (k Keys) NumberKeys(context.Context) ([]string, error) { return k, nil }
