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
	"slices"
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

// Table is a table of one's own.
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
	t.Client = Client(t)
	Create(tb, t.Client, Name)
	return t
}

// Client makes three attempts of each request, as the SDK does, without waiting, and sends them through the way to a table.
func Client(through aws.HTTPClient) *dynamodb.Client {
	config := awsenv.New("ap-northeast-2", aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, "http://table")
	config.HTTPClient = through
	config.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.RateLimiter = ratelimit.None
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	return dynamodb.NewFromConfig(config)
}

// Create makes an empty table with the keys of the table of sends.
func Create(tb testing.TB, client *dynamodb.Client, name string) {
	tb.Helper()
	table := deployment.GuardsTable()
	_, err := client.CreateTable(tb.Context(), &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
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
}

// Read reads a request: the operation that it is of, and its body.
func Read(r *http.Request) (operation string, body []byte, err error) {
	_, operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	body, err = io.ReadAll(r.Body)
	return operation, body, err
}

// Size is what DynamoDB counts an item as, in bytes, and at the most what it counts a number as, see
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html.
func Size(item map[string]types.AttributeValue) int {
	total := 0
	for name, v := range item {
		total += len(name)
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			total += len(v.Value)
		case *types.AttributeValueMemberB:
			total += len(v.Value)
		case *types.AttributeValueMemberN:
			total += len(v.Value)/2 + 2
		default:
			total++
		}
	}
	return total
}

// Serve has a handler do a request whose body has been read.
func Serve(table http.Handler, r *http.Request, body []byte) *httptest.ResponseRecorder {
	sent := r.Clone(r.Context())
	sent.Body = io.NopCloser(bytes.NewReader(body))
	recorder := httptest.NewRecorder()
	table.ServeHTTP(recorder, sent)
	return recorder
}

// HoldPermissions holds what each function may do on a resource to what it does: its operations, in any order.
func HoldPermissions(tb testing.TB, on deployment.Resource, does func(function string) (operations []string)) {
	tb.Helper()
	for _, f := range deployment.Functions() {
		var want, got []string
		for _, operation := range does(f.Name) {
			want = append(want, "dynamodb:"+operation)
		}
		for _, p := range f.Permissions {
			if p.On == on {
				got = append(got, p.Actions...)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if want = slices.Compact(want); !slices.Equal(got, want) {
			tb.Errorf("%s may %q, and does %q", f.Name, got, want)
		}
	}
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
	operation, body, err := Read(r)
	if err != nil {
		return nil, err
	}
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
	answer := Serve(t.handler, r, body)
	if fault == After {
		return nil, ErrLost
	}
	return answer.Result(), nil
}

// Keys are keys that numbers are hashed with.
type Keys []string

// NumberKeys returns them.
func (k Keys) NumberKeys(context.Context) ([]string, error) { return k, nil }
