package system

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/deployment/price"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
	"sms-api/local/cost"
)

// TestREADMEsTableOfPaths measures what each path costs and holds the table in docs/way.md against it.
func TestREADMEsTableOfPaths(t *testing.T) {
	t.Parallel()
	docs := testkit.Docs(t)
	everybody := make([]string, 500)
	for i := range everybody {
		everybody[i] = "5678"
	}
	for path, s := range map[string]struct {
		request string
		vendor  []aligotest.Fault
		// from and until cut a piece out of a long path; zero is the whole of it.
		from, until time.Duration
	}{
		"AlimTalk delivered, 1 recipient":    {request: to("", "5678")},
		"AlimTalk delivered, 500 recipients": {request: to("", everybody...)},
		"not reached, SMS delivered":         {request: to("", "0001")},
		"channel `sms`": {request: `{"channel":"sms","text":"안녕하세요",` +
			`"recipients":[{"to":"01010005678"}]}`},
		"the answer to a send was lost, and it had been accepted": {request: to("", "0005")},
		"… and it had not been accepted": {request: to("", "5678"), vendor: []aligotest.Fault{
			{Endpoint: send, Kind: aligotest.FaultResetBefore},
		}},
		"each hour of being parked, after the first": {
			request: to("", "5678"), vendor: []aligotest.Fault{{Endpoint: send, Kind: aligotest.FaultUnregisteredIP, Times: -1}},
			from: 127 * time.Minute, until: 187 * time.Minute,
		},
		"each hour of a receipt that does not come, after the first": {request: to("", "0003"), from: 127 * time.Minute,
			until: 187 * time.Minute},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				// A first message warms the functions up: all of them, with 0001, but for reconcile, with 0005.
				w.settle(w.post(to("", "0001", "0005")))
				time.Sleep(time.Second) // until the outcome is counted
				w.fault(s.vendor...)
				before := w.effort("")
				id := w.post(s.request)
				if s.until > 0 {
					time.Sleep(s.from)
					before = w.effort(id)
					time.Sleep(s.until - s.from)
				} else {
					w.settle(id)
					time.Sleep(time.Second)
				}
				after := w.effort(id)
				row := fmt.Sprintf("| %s | %d | %d | %d", path, after[0]-before[0], after[1]-before[1], after[2]-before[2])
				if s.until == 0 {
					// The API's own function is called directly here.
					row = fmt.Sprintf("| %s | %d | %d | %d", path, after[0]-before[0], after[1]-before[1]+1, after[2]-before[2])
				}
				if !strings.Contains(docs, row+" ") {
					t.Errorf("no page has the row %q", row)
				}
			})
		})
	}
}

// TestTheTableIsAskedAsOftenAsTheCostModelSays counts the operations on the table of sends. Of a message to one recipient each is
// a unit: no item has more than 1 KB.
func TestTheTableIsAskedAsOftenAsTheCostModelSays(t *testing.T) {
	t.Parallel()
	model := map[string]cost.Path{}
	for _, p := range cost.Paths() {
		model[p.Name] = p
	}
	for path, s := range map[string]struct {
		request string
		vendor  []aligotest.Fault
	}{
		"AlimTalk delivered":                    {request: to("", "5678")},
		"AlimTalk not delivered, SMS instead":   {request: to("", "0001")},
		"SMS only":                              {request: `{"channel":"sms","text":"안녕하세요","recipients":[{"to":"01010005678"}]}`},
		"answer lost, found in Aligo's history": {request: to("", "0005")},
		"request lost, not found for 5 minutes, sent again": {request: to("", "5678"), vendor: []aligotest.Fault{
			{Endpoint: send, Kind: aligotest.FaultResetBefore},
		}},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				// That a template was used is noted once a day: this message has it noted, and no other writes it. It is long before
				// the others, so that nobody takes its call for theirs.
				w.settle(w.post(to("", "5679")))
				time.Sleep(time.Hour)
				w.fault(s.vendor...)
				var mu sync.Mutex
				var writes, reads, batches float64
				w.table.set(func(ctx context.Context, operation string, next func(context.Context) ([]byte, error)) ([]byte, error) {
					answer, err := next(ctx)
					mu.Lock()
					defer mu.Unlock()
					var refused *awsapi.ServiceError
					if errors.As(err, &refused) && refused.Code == "ConditionalCheckFailedException" {
						// The outcome was heard of before the last task had written its record, which it looks at then.
						reads--
					}
					switch operation {
					case "PutItem", "UpdateItem", "DeleteItem":
						writes++
					case "BatchWriteItem":
						// The door's has the two lists that the message stands in, the first task's its one number.
						batches++
						writes += max(1, 3-batches)
					default:
						reads++
					}
					return answer, err
				})
				w.settle(w.post(s.request))
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				// Half a read is the sweep's, which comes later.
				const swept = 0.5
				u := model[path].Usage(1).Plus(cost.Accepted(1))
				if writes != u[price.TableWrites] || reads+swept != u[price.TableReads] {
					t.Errorf("%v writes and %v reads, the model says %v and %v", writes, reads, u[price.TableWrites], u[price.TableReads])
				}
			})
		})
	}
}

// TestAGuardIsAsLargeAsTheCostModelSays, in KB, which is how it is paid.
func TestAGuardIsAsLargeAsTheCostModelSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		table := dynamodb.NewFromConfig(w.config)
		for _, recipients := range []int{1, 105, 106, 500} {
			id := w.post(to("", slices.Repeat([]string{"5678"}, recipients)...))
			w.settle(id)
			out, err := table.GetItem(t.Context(), &dynamodb.GetItemInput{
				TableName: aws.String(GuardTable),
				Key: map[string]types.AttributeValue{
					deployment.GuardsTable().PartitionKey: &types.AttributeValueMemberS{Value: "send#" + id},
					deployment.GuardsTable().SortKey:      &types.AttributeValueMemberS{Value: "guard"},
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			size := tabletest.Size(out.Item)
			// The other three writes are of a unit each.
			got, want := (size+1023)/1024, cost.Paths()[0].GuardUsage(recipients)[price.TableWrites]-3
			if t.Logf("%d recipients: %d bytes", recipients, size); float64(got) != want {
				t.Errorf("a guard of %d recipients has %d bytes, %d units; the model says %v", recipients, size, got, want)
			}
		}
	})
}

// effort counts the message's state transitions, retries included, and everybody's invocations and calls to Aligo.
func (w *world) effort(id string) [3]int {
	w.t.Helper()
	var n [3]int
	if id != "" {
		for _, e := range w.history(id) {
			if e.StateEnteredEventDetails != nil {
				n[0]++
			}
		}
	}
	w.faults.mu.Lock()
	defer w.faults.mu.Unlock()
	for _, calls := range w.faults.calls {
		n[1] += calls
	}
	n[2] = len(w.Aligo.Calls())
	return n
}
