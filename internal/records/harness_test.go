package records_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/sivchari/kumo/inprocess"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

const tableName = "table"

var began = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// wire is the way to the table: it checks every request and counts items, and a test may answer instead of the table.
type wire struct {
	tb    testing.TB
	table http.Handler

	mu sync.Mutex
	// refuse answers instead of the table when it returns true.
	refuse func(operation string) bool
	// before is called ahead of each request, which fails with its error.
	before func(ctx context.Context, operation string) error
	// operations are the requests so far, and itemsRead how many items they read.
	operations []string
	itemsRead  int
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	operation, body, err := tabletest.Read(r)
	if err != nil {
		return nil, err
	}
	w.check(operation, body)
	w.mu.Lock()
	w.operations = append(w.operations, operation)
	refuse, before := w.refuse, w.before
	w.mu.Unlock()
	if refuse != nil && refuse(operation) {
		recorder := httptest.NewRecorder()
		recorder.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(recorder, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"no"}`)
		return recorder.Result(), nil
	}
	if before != nil {
		if err := before(r.Context(), operation); err != nil {
			return nil, err
		}
	}
	answer := tabletest.Serve(w.table, r, body)
	w.count(operation, answer.Body.Bytes())
	return answer.Result(), nil
}

// count counts the items of an answer.
func (w *wire) count(operation string, answer []byte) {
	var a struct {
		Item      json.RawMessage
		Items     []json.RawMessage
		Responses map[string][]json.RawMessage
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		w.tb.Errorf("%s: %v", operation, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.itemsRead += len(a.Items) + len(a.Responses[tableName])
	if a.Item != nil {
		w.itemsRead++
	}
}

var (
	word  = regexp.MustCompile(`[#:]?[A-Za-z_]+`)
	plain = []string{"AND", "OR", "SET", "BETWEEN", "attribute_exists", "attribute_not_exists", "if_not_exists"}
)

// check finds what DynamoDB would refuse and the stand-in does not, and what this package has promised not to do.
func (w *wire) check(operation string, body []byte) {
	type attributes map[string]map[string]any
	var f struct {
		ConditionExpression, UpdateExpression, KeyConditionExpression, IndexName string

		Item                      attributes
		ExpressionAttributeNames  map[string]string
		ExpressionAttributeValues map[string]any
		RequestItems              map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &f); err != nil {
		w.tb.Errorf("%s: %v", operation, err)
	}
	wrong := func(format string, args ...any) { w.tb.Errorf("%s: %s", operation, fmt.Sprintf(format, args...)) }
	for _, one := range word.FindAllString(f.ConditionExpression+" "+f.UpdateExpression+" "+f.KeyConditionExpression, -1) {
		_, isName := f.ExpressionAttributeNames[one]
		_, isValue := f.ExpressionAttributeValues[one]
		if !isName && !isValue && !slices.Contains(plain, one) {
			wrong("%s may be a reserved word, or stands for nothing", one)
		}
	}
	used := word.FindAllString(f.ConditionExpression+" "+f.UpdateExpression+" "+f.KeyConditionExpression, -1)
	for name := range f.ExpressionAttributeNames {
		if !slices.Contains(used, name) {
			wrong("%s is not used", name)
		}
	}
	for name := range f.ExpressionAttributeValues {
		if !slices.Contains(used, name) {
			wrong("%s is not used", name)
		}
	}
	put := func(item attributes) {
		if _, ok := item[deployment.GuardsTable().TTL]; !ok {
			wrong("the item %v never expires", item["pk"])
		}
	}
	switch operation {
	case "PutItem":
		put(f.Item)
	case "BatchWriteItem":
		var writes []struct{ PutRequest struct{ Item attributes } }
		if err := json.Unmarshal(f.RequestItems[tableName], &writes); err != nil || len(writes) == 0 || len(writes) > 25 {
			wrong("%d writes, %v", len(writes), err)
		}
		keys := map[string]bool{}
		for _, one := range writes {
			if item := one.PutRequest.Item; item != nil {
				put(item)
				if k := fmt.Sprint(item["pk"], item["sk"]); keys[k] {
					wrong("%s is written twice in a batch", k)
				} else {
					keys[k] = true
				}
			}
		}
	case "BatchGetItem":
		var reads struct{ Keys []attributes }
		if err := json.Unmarshal(f.RequestItems[tableName], &reads); err != nil || len(reads.Keys) == 0 || len(reads.Keys) > 100 {
			wrong("%d reads, %v", len(reads.Keys), err)
		}
	case "GetItem", "UpdateItem", "Query", "CreateTable", "Scan":
	default:
		wrong("is not to be used")
	}
	if f.IndexName != "" {
		wrong("there is no index")
	}
}

// keyed are keys that numbers are hashed with.
type keyed = tabletest.Keys

// world is a table of one's own with a store on it. Its clock stands still until a test sets it.
type world struct {
	*records.Store
	*wire
	clock time.Time
	logs  *testkit.Buffer
	raw   *dynamodb.Client
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	table := inprocess.DynamoDB()
	w := &world{wire: &wire{tb: tb, table: table}, clock: began, logs: &testkit.Buffer{}}
	w.raw = tabletest.Client(&wire{tb: tb, table: table})
	w.Store = &records.Store{
		Client: tabletest.Client(w.wire), Table: tableName, Numbers: keyed{"secret"}, Kept: 90 * 24 * time.Hour,
		Now: func() time.Time { return w.clock }, Log: testkit.Log(w.logs),
	}
	tabletest.Create(tb, w.raw, tableName)
	return w
}

// items are all items of the table: partition key and sort key → attributes.
func (w *world) items(tb testing.TB) map[string]map[string]types.AttributeValue {
	tb.Helper()
	all := map[string]map[string]types.AttributeValue{}
	pages := dynamodb.NewScanPaginator(w.raw, &dynamodb.ScanInput{TableName: aws.String(tableName)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			tb.Fatal(err)
		}
		for _, item := range page.Items {
			all[plainText(item["pk"])+" "+plainText(item["sk"])] = item
		}
	}
	return all
}

func plainText(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberN:
		return v.Value
	case *types.AttributeValueMemberB:
		return base64.StdEncoding.EncodeToString(v.Value)
	}
	return ""
}

// kinds counts items by what their partition keys begin with.
func (w *world) kinds(tb testing.TB) map[string]int {
	tb.Helper()
	n := map[string]int{}
	for k := range maps.Keys(w.items(tb)) {
		kind, _, _ := strings.Cut(k, "#")
		n[kind]++
	}
	return n
}

// did are the operations since the last call.
func (w *world) did() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	did := w.operations
	w.operations, w.itemsRead = nil, 0
	return did
}

const id = "01933333-0000-7000-8000-000000000001"

// sms is a message to these numbers.
func sms(id string, to ...message.Phone) message.Message {
	m := message.Message{
		ID: id, Caller: "shop", Fingerprint: strings.Repeat("ab", 32), Channel: message.AlimTalk, Template: "TX_1234",
		CreatedAt: began, ExpiresAt: began.Add(24 * time.Hour), Guarded: true,
	}
	for _, number := range to {
		m.Recipients = append(m.Recipients, message.Recipient{
			To: number, Name: "홍길동", Variables: map[string]message.Text{"주문번호": "A-17-secret"},
		})
	}
	return m
}

func progress(m message.Message, seq int) message.Progress {
	p := message.Progress{Recipients: message.Pendings(m), Seq: seq}
	for i := range p.Recipients {
		p.Recipients[i].Channel = message.AlimTalk
	}
	return p
}

// settled is the outcome of a message that arrived.
func settled(m message.Message, at time.Time) message.Outcome {
	all := message.Pendings(m)
	for i := range all {
		all[i].Status, all[i].Channel, all[i].At = message.Delivered, message.AlimTalk, at
		all[i].Code = "delivered"
	}
	return message.Settled(m, all, at)
}

// went tells the store of a progress, as the tasks do.
func (w *world) went(m message.Message, p message.Progress, redrives int) {
	w.Went(context.Background(), m, message.Underway(m, p), records.VersionOf(p, redrives), p.Seq == 1)
}

// find is the record of a message; it fails the test when there is none.
func (w *world) find(tb testing.TB, id string) records.Record {
	tb.Helper()
	r, ok, err := w.Find(context.Background(), id)
	if err != nil || !ok {
		tb.Fatalf("the record: %v, %v", ok, err)
	}
	return r
}
