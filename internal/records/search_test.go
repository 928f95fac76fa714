package records_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"pgregory.net/rapid"

	"sms-api/internal/message"
	"sms-api/internal/records"
)

// number n of the messages in a table that was filled by hand.
func numbered(n int) message.Message {
	m := sms(fmt.Sprintf("01933333-0000-7000-8000-%012d", n), message.Phone(fmt.Sprintf("010%08d", n%7)))
	m.Caller = []string{"shop", "shop", "shop", "clinic"}[n%4]
	m.CreatedAt = began.Add(time.Duration(n/2) * time.Second) // two at a time
	m.ExpiresAt = m.CreatedAt.Add(24 * time.Hour)
	m.Reference = fmt.Sprintf("order-%d", n%5)
	return m
}

// filled is a table with n messages: a sixth failed, a sixth parked, a third under way, a third delivered.
func filled(tb testing.TB, n int) *world {
	tb.Helper()
	w := newWorld(tb)
	for i := range n {
		m := numbered(i)
		w.clock = m.CreatedAt
		w.Accepted(context.Background(), m)
		p := progress(m, 1)
		switch i % 6 {
		case 0:
			o := settled(m, m.CreatedAt)
			o.Status, o.Recipients[0].Status = message.NoneDelivered, message.Failed
			w.went(m, p, 0)
			w.Went(context.Background(), m, o, records.Version{Seq: 2}, false)
		case 1:
			w.went(m, p, 0)
			p.Seq, p.Parked = 2, &message.Parking{Cause: "ip", Since: m.CreatedAt}
			w.went(m, p, 0)
		case 2, 3:
			w.went(m, p, 0)
		default:
			w.went(m, p, 0)
			w.Went(context.Background(), m, settled(m, m.CreatedAt), records.Version{Seq: 2}, false)
		}
	}
	w.did()
	return w
}

// pages reads all pages of a search and returns the ids.
func (w *world) pages(tb testing.TB, q records.Query) (ids []string) {
	tb.Helper()
	for range 1000 {
		page, err := w.Search(context.Background(), q)
		if err != nil {
			tb.Fatal(err)
		}
		if len(page.Found) > q.Limit {
			tb.Errorf("a page of %d, at most %d were asked for", len(page.Found), q.Limit)
		}
		for _, f := range page.Found {
			ids = append(ids, f.Message.ID)
		}
		if q.Cursor = page.Cursor; q.Cursor == "" {
			return ids
		}
	}
	tb.Fatal("it has no end")
	return nil
}

// Any search finds what a look at every message would find, newest first, on pages of any size.
func TestSearch(t *testing.T) {
	t.Parallel()
	const all = 120
	w := filled(t, all)
	w.clock = began.Add(time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		q := records.Query{Limit: rapid.IntRange(1, 100).Draw(t, "limit")}
		if rapid.Bool().Draw(t, "own") {
			q.Caller = rapid.SampledFrom([]string{"shop", "clinic", "nobody"}).Draw(t, "caller")
		}
		if rapid.Bool().Draw(t, "to?") {
			q.To = message.Phone(fmt.Sprintf("010%08d", rapid.IntRange(0, 8).Draw(t, "to")))
		}
		if rapid.Bool().Draw(t, "reference?") {
			q.Reference = fmt.Sprintf("order-%d", rapid.IntRange(0, 5).Draw(t, "reference"))
		}
		if rapid.Bool().Draw(t, "status?") {
			q.Status = rapid.SampledFrom([]message.MessageStatus{
				message.Sending, message.Parked, message.AllDelivered, message.NoneDelivered, message.MessageExpired,
			}).Draw(t, "status")
		}
		if rapid.Bool().Draw(t, "from?") {
			q.From = began.Add(time.Duration(rapid.IntRange(-1, 61).Draw(t, "from")) * time.Second)
		}
		if rapid.Bool().Draw(t, "until?") {
			q.Until = began.Add(time.Duration(rapid.IntRange(-1, 61).Draw(t, "until")) * time.Second)
		}
		var want []string
		for n := all - 1; n >= 0; n-- {
			m := numbered(n)
			status := []message.MessageStatus{
				message.NoneDelivered, message.Parked, message.Sending, message.Sending, message.AllDelivered, message.AllDelivered,
			}[n%6]
			if (q.Caller == "" || m.Caller == q.Caller) && (q.To == "" || m.Recipients[0].To == q.To) &&
				(q.Reference == "" || m.Reference == q.Reference) && (q.Status == "" || status == q.Status) &&
				!m.CreatedAt.Before(q.From) && (q.Until.IsZero() || m.CreatedAt.Before(q.Until)) {
				want = append(want, m.ID)
			}
		}
		if got := w.pages(w.tb, q); !slices.Equal(got, want) {
			t.Errorf("%+v\ngot  %d %q\nwant %d %q", q, len(got), got, len(want), want)
		}
	})
}

// What comes in between two pages is on none of them, and shifts none.
func TestPagesAreStable(t *testing.T) {
	t.Parallel()
	w := filled(t, 40)
	w.clock = began.Add(time.Hour)
	want := w.pages(t, records.Query{Limit: 100})
	q, got := records.Query{Limit: 7}, []string(nil)
	for n := 40; ; n++ {
		page, err := w.Search(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Found {
			got = append(got, f.Message.ID)
		}
		w.Accepted(t.Context(), numbered(n))
		if q.Cursor = page.Cursor; q.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestWrongCursors(t *testing.T) {
	t.Parallel()
	w := filled(t, 12)
	page, err := w.Search(t.Context(), records.Query{Limit: 3, Caller: "shop"})
	if err != nil || page.Cursor == "" {
		t.Fatal(page, err)
	}
	for about, q := range map[string]records.Query{
		"of another caller": {Limit: 3, Caller: "clinic", Cursor: page.Cursor},
		"of another search": {Limit: 3, Caller: "shop", Status: message.Parked, Cursor: page.Cursor},
		"cut":               {Limit: 3, Caller: "shop", Cursor: page.Cursor[1:]},
		"not base64":        {Limit: 3, Caller: "shop", Cursor: "~"},
		"no position": {Limit: 3, Caller: "shop", Cursor: strings.Replace(page.Cursor, page.Cursor[:20],
			base64.RawURLEncoding.EncodeToString([]byte(`{"l":"x","s":"a`)), 1)},
	} {
		if _, err := w.Search(t.Context(), q); !errors.Is(err, records.ErrCursor) {
			t.Errorf("%s: %v", about, err)
		}
	}
	if _, err := w.Search(t.Context(), records.Query{Limit: 9, Caller: "shop", Cursor: page.Cursor}); err != nil {
		t.Errorf("with another limit: %v", err)
	}
}

// A search by number tells of that number only, also with another key than the one it was written with.
func TestSearchByNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, "01011111111", "01022222222", "01033333333")
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 1), 0)
	w.Numbers = keyed{"new", "secret"}
	w.went(m, progress(m, 1), 0) // indexed under the new key as well
	page, err := w.Search(t.Context(), records.Query{To: "01022222222", Limit: 10})
	if err != nil || len(page.Found) != 1 || page.Found[0].Recipient == nil ||
		page.Found[0].Recipient.To != "010****2222" || page.Cursor != "" {
		t.Errorf("%+v, %v", page, err)
	}
	w.Numbers = keyed{}
	if _, err := w.Search(t.Context(), records.Query{To: "01022222222", Limit: 10}); !errors.Is(err, records.ErrNoNumberKey) {
		t.Errorf("without a key: %v", err)
	}
}

// What is over is not found, whether it has gone or not.
func TestSearchLeavesOutWhatIsOver(t *testing.T) {
	t.Parallel()
	w := filled(t, 10)
	w.clock = numbered(5).ExpiresAt.Add(w.Kept)
	if got := w.pages(t, records.Query{Limit: 100}); len(got) != 4 {
		t.Errorf("%q", got)
	}
	w.clock = w.clock.Add(time.Hour)
	if got := w.pages(t, records.Query{Limit: 100}); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// A page that finds little stops after a bounded number of messages, and the next one goes on.
func TestSearchIsBounded(t *testing.T) {
	t.Parallel()
	million := newMillion(t, 10_000)
	page, err := million.store().Search(t.Context(), records.Query{Limit: 10, Status: message.AllDelivered, Caller: "shop"})
	if err != nil || len(page.Found) != 0 || page.Cursor == "" || million.records > 1200 {
		t.Errorf("%d found, cursor %q, %d records read, %v", len(page.Found), page.Cursor, million.records, err)
	}
}

// A list of 100 out of a million reads 100 records, and little more of the list than their places: counted, because the time
// that an emulator takes says nothing.
func TestAPageOfAMillionReadsAPage(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1000, 1_000_000} {
		million := newMillion(t, n)
		var cursor string
		for range 3 {
			million.records, million.places = 0, 0
			page, err := million.store().Search(t.Context(), records.Query{Limit: 100, Cursor: cursor})
			if err != nil || len(page.Found) != 100 {
				t.Fatalf("%d found, %v", len(page.Found), err)
			}
			t.Logf("of %d: %d records and %d places in %d queries", n, million.records, million.places, million.queries)
			if million.records != 100 || million.places > 130 {
				t.Errorf("of %d: %d records and %d places read", n, million.records, million.places)
			}
			cursor = page.Cursor
		}
	}
}

// million is a table with many messages that answers what searches ask, and counts.
type million struct {
	// lanes are the positions of the messages by shard, in ascending order.
	lanes                    map[string][]string
	record                   map[string]types.AttributeValue
	records, places, queries int
}

func newMillion(tb testing.TB, n int) *million {
	tb.Helper()
	m := &million{lanes: map[string][]string{}}
	random := rand.New(rand.NewPCG(1, 1))
	for i := range n {
		shard := fmt.Sprintf("#%d", random.IntN(4))
		m.lanes[shard] = append(m.lanes[shard], fmt.Sprintf("%013d#01933333-0000-7000-8000-%012d", began.UnixMilli()+int64(i), i))
	}
	w := newWorld(tb)
	w.Accepted(context.Background(), numbered(0))
	m.record = w.items(tb)["msg#"+numbered(0).ID+" record"]
	return m
}

func (m *million) store() *records.Store {
	return &records.Store{Client: tableOf{million: m}, Table: tableName, Kept: time.Hour, Now: func() time.Time { return began }}
}

// tableOf is the DynamoDB of a million messages.
type tableOf struct {
	*dynamodb.Client // for what is not asked
	*million
}

func (t tableOf) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	pk := plainText(in.ExpressionAttributeValues[":pk"])
	lane := t.lanes[pk[strings.LastIndexByte(pk, '#'):]]
	from, _ := slices.BinarySearch(lane, plainText(in.ExpressionAttributeValues[":low"]))
	until, _ := slices.BinarySearch(lane, plainText(in.ExpressionAttributeValues[":high"]))
	out := &dynamodb.QueryOutput{}
	t.queries++
	for i := until - 1; i >= from && len(out.Items) < int(*in.Limit); i-- {
		t.places++
		out.Items = append(out.Items, map[string]types.AttributeValue{
			"pk": in.ExpressionAttributeValues[":pk"], "sk": &types.AttributeValueMemberS{Value: lane[i]},
			"expires": &types.AttributeValueMemberN{Value: fmt.Sprint(began.Unix() + 3600)},
		})
	}
	return out, nil
}

func (t tableOf) BatchGetItem(
	_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	var items []map[string]types.AttributeValue
	for _, k := range in.RequestItems[tableName].Keys {
		t.records++
		item := maps.Clone(t.record)
		item["pk"] = k["pk"]
		items = append(items, item)
	}
	return &dynamodb.BatchGetItemOutput{Responses: map[string][]map[string]types.AttributeValue{tableName: items}}, nil
}
