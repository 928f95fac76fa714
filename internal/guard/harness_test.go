package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/sivchari/kumo/inprocess"

	"sms-api/internal/deployment"
	"sms-api/internal/guard"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

const tableName = "guards"

// The world of most tests: two messages with the same text to the same number.
var (
	began   = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	expiry  = began.Add(24 * time.Hour)
	account = guard.Account("shop")
	digests = guard.NewDigester([]byte("secret"))
	hello   = digests.Digest("01012345678", "hello")
)

// wire is the way to the table: it checks every request, and lets a test answer instead of the table.
type wire struct {
	table http.Handler
	// around is called for each request and calls next to have it done.
	around func(r *request, next func() *http.Response) (*http.Response, error)

	mu       sync.Mutex
	requests []*request
}

// request is one request of the SDK.
type request struct {
	operation string
	body      []byte
	fields    fields
	http      *http.Request
}

// fields are what requests are made of, as far as they are looked at.
type fields struct {
	TableName, ConditionExpression, UpdateExpression, KeyConditionExpression string

	Item, Key                 map[string]map[string]any
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]any
	ConsistentRead            bool
	RequestItems              map[string]struct{ ConsistentRead bool }
}

func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	asked := &request{operation: operation, body: body, http: r}
	if err := json.Unmarshal(body, &asked.fields); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.requests = append(w.requests, asked)
	w.mu.Unlock()
	if w.around != nil {
		return w.around(asked, func() *http.Response { return w.serve(asked) })
	}
	return w.serve(asked), nil
}

func (w *wire) serve(r *request) *http.Response {
	return tabletest.Serve(w.table, r.http, r.body).Result()
}

// refuse is an error answer of DynamoDB.
func refuse(status int, code string) *http.Response {
	recorder := httptest.NewRecorder()
	recorder.WriteHeader(status)
	fmt.Fprintf(recorder, `{"__type":"com.amazonaws.dynamodb.v20120810#%s","message":"no"}`, code)
	return recorder.Result()
}

func throttle() *http.Response {
	return refuse(http.StatusBadRequest, "ProvisionedThroughputExceededException")
}

var errLost = errors.New("connection reset by peer")

// world is a table of one's own and what reaches it.
type world struct {
	*guard.Guards
	*wire
	clock time.Time
	raw   *dynamodb.Client // past the wire's around and checks
}

// newWorld makes a table. Its clock stands still until a test sets it.
func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{wire: &wire{table: inprocess.DynamoDB()}, clock: began}
	w.raw = tabletest.Client(&wire{table: w.table})
	w.Guards = &guard.Guards{Client: tabletest.Client(w.wire), Table: tableName, Now: func() time.Time { return w.clock }}
	tabletest.Create(tb, w.raw, tableName)
	tb.Cleanup(func() {
		for _, r := range w.requests {
			for _, wrong := range mistakes(r) {
				tb.Errorf("%s: %s", r.operation, wrong)
			}
		}
	})
	return w
}

var (
	word  = regexp.MustCompile(`[#:]?[A-Za-z_]+`)
	plain = []string{"AND", "OR", "SET", "attribute_exists", "attribute_not_exists"}
	reads = []string{"GetItem", "Query", "BatchGetItem"}
)

// mistakes are what DynamoDB would refuse and the stand-in does not, and what this package has promised not to do.
func mistakes(r *request) (wrong []string) {
	f := r.fields
	if !slices.Contains(append([]string{"PutItem", "UpdateItem", "DeleteItem"}, reads...), r.operation) {
		wrong = append(wrong, "is not to be used")
	}
	if slices.Contains(reads, r.operation) && !f.ConsistentRead && !f.RequestItems[tableName].ConsistentRead {
		wrong = append(wrong, "the read is not strongly consistent")
	}
	used := map[string]bool{}
	for _, w := range word.FindAllString(f.ConditionExpression+" "+f.UpdateExpression+" "+f.KeyConditionExpression, -1) {
		used[w] = true
		_, isName := f.ExpressionAttributeNames[w]
		_, isValue := f.ExpressionAttributeValues[w]
		if !isName && !isValue && !slices.Contains(plain, w) {
			wrong = append(wrong, w+" may be a reserved word, or stands for nothing")
		}
	}
	for name := range f.ExpressionAttributeNames {
		if !used[name] {
			wrong = append(wrong, name+" is not used")
		}
	}
	for name := range f.ExpressionAttributeValues {
		if !used[name] {
			wrong = append(wrong, name+" is not used")
		}
	}
	if bytes := size(f.Item); strings.HasPrefix(fmt.Sprint(f.Item["pk"]["S"]), "open#") && bytes > 1024 {
		wrong = append(wrong, fmt.Sprintf("a listing has %d bytes", bytes))
	}
	if _, ok := f.Item[deployment.GuardsTable().TTL]; r.operation == "PutItem" && !ok {
		wrong = append(wrong, "the item never expires")
	}
	return wrong
}

// size is at least what DynamoDB counts an item as, in bytes, see
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html.
func size(item map[string]map[string]any) int {
	total := 0
	for name, value := range item {
		total += len(name)
		for kind, v := range value {
			n := len(fmt.Sprint(v))
			if kind == "B" {
				n = n / 4 * 3
			}
			total += n
		}
	}
	return total
}

// opening is a call to one recipient.
func opening(id string, sends int) guard.Opening {
	return guard.Opening{
		Message: id, Sends: sends, Account: account, Channel: message.SMS, Recipients: []int{0}, Digests: []guard.Digest{hello},
		Key: digests.KeyID(), Expiry: expiry,
	}
}

// mustOpen opens a send, or fails the test.
func (w *world) mustOpen(tb testing.TB, o guard.Opening) guard.Send {
	tb.Helper()
	s, err := w.Open(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

type ctx = context.Context

// openAnd opens a send of message a and does something with it.
func (w *world) openAnd(tb testing.TB, sent bool, do func(ctx, guard.Send) error) error {
	tb.Helper()
	o := opening("a", 0)
	o.Sent = sent
	s, err := w.Open(tb.Context(), o)
	if err != nil || do == nil {
		return err
	}
	return do(tb.Context(), s)
}

// answer is an answer of DynamoDB.
func answer(body any) *http.Response {
	recorder := httptest.NewRecorder()
	_ = json.NewEncoder(recorder).Encode(body) // what tests make of JSON can be written as JSON
	return recorder.Result()
}

// listed are the messages that a look-up of another message sees as open.
func (w *world) listed(tb testing.TB) []string {
	tb.Helper()
	sends, err := w.OpenSends(tb.Context(), "somebody else", account, message.SMS, time.UnixMilli(0))
	if err != nil {
		tb.Fatal(err)
	}
	var ids []string
	for _, s := range sends {
		ids = append(ids, s.Message)
	}
	slices.Sort(ids)
	return ids
}

// operations are what was asked for since the last call, without the table's creation.
func (w *world) operations() []string {
	var all []string
	for _, r := range w.requests {
		all = append(all, r.operation)
	}
	w.requests = nil
	return all
}
