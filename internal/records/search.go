package records

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/message"
)

// MaxPage is how many records a page has at most.
const MaxPage = 100

// ErrCursor says that a cursor is none, or not one of this search.
var ErrCursor = errors.New("the cursor is not one of this search")

// Query is what is searched for. What is set must all hold.
type Query struct {
	// Caller is whose messages; empty is everybody's.
	Caller string
	// To is a number of a recipient.
	To                  message.Phone
	Reference, Campaign string
	Status              message.MessageStatus
	// From and Until bound when messages were accepted: from on, and before.
	From, Until time.Time
	// Limit is how many there are on a page, at most MaxPage.
	Limit int
	// Cursor is that of the page before; empty for the first page.
	Cursor string
}

// Found is a record that was searched for.
type Found struct {
	Record

	// Recipient is the result of the number that was searched for; nil without.
	Recipient *message.Result
}

// Page is a part of what was found, newest first.
type Page struct {
	Found []Found
	// Cursor leads to the next page; empty on the last one. A page may have less than its limit, and even nothing, and not be
	// the last: a page looks at a bounded number of messages.
	Cursor string
}

// mostLooked is how many messages a page looks at, at most.
const mostLooked = 1000

// Search reads a page. What is accepted meanwhile is on none of the pages that follow, and moves none. The error is ErrCursor,
// ErrNoNumberKey, or the table's and worth another try.
func (s *Store) Search(ctx context.Context, q Query) (Page, error) {
	page, err := s.search(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("search the records: %w", err)
	}
	return page, nil
}

func (s *Store) search(ctx context.Context, q Query) (Page, error) {
	high, err := q.high()
	if err != nil {
		return Page{}, err
	}
	r := reader{store: s, low: lowest(q.From), high: high}
	if err := r.open(ctx, q); err != nil {
		return Page{}, err
	}
	limit, looked, last := min(max(q.Limit, 1), MaxPage), 0, ""
	var page Page
	for looked < mostLooked && len(page.Found) < limit {
		want := limit - len(page.Found)
		if q.filters() {
			want = MaxPage
		}
		entries, err := r.next(ctx, want)
		if err != nil {
			return Page{}, err
		}
		if len(entries) == 0 {
			return page, nil
		}
		looked += len(entries)
		found, err := s.resolve(ctx, entries)
		if err != nil {
			return Page{}, err
		}
		for _, e := range entries {
			last = e.sk
			if f, ok := found[idIn(e.sk)]; ok && q.matches(f.Record) {
				f.Recipient = recipientOf(f.Record, e.index)
				if q.To == "" {
					f.Recipient = nil
				}
				if page.Found = append(page.Found, f); len(page.Found) == limit {
					break
				}
			}
		}
		if len(page.Found) < limit && r.empty() {
			return page, nil
		}
	}
	if r.empty() && last == r.last {
		return page, nil
	}
	page.Cursor = q.cursor(last)
	return page, nil
}

// filters says that not all of what is read may be searched for.
func (q Query) filters() bool {
	n := 0
	for _, one := range []bool{q.To != "", q.Reference != "", q.Campaign != "", q.Status != "", q.Caller != ""} {
		if one {
			n++
		}
	}
	return n > 1 || q.Status != ""
}

// matches says that a record is searched for, as far as it can be told from the record.
func (q Query) matches(r Record) bool {
	return !r.Over && (q.Caller == "" || r.Message.Caller == q.Caller) && (q.Reference == "" || r.Message.Reference == q.Reference) &&
		(q.Campaign == "" || r.Message.Campaign == q.Campaign) && (q.Status == "" || r.Outcome.Status == q.Status)
}

// place of the list that has the fewest messages which are not searched for.
func (q Query) list() list {
	switch {
	case q.Reference != "":
		return referenceList(q.Reference)
	case q.Campaign != "":
		return campaignList(q.Campaign)
	case statusList(q.Status, q.Caller) != "":
		return statusList(q.Status, q.Caller)
	case q.Caller != "":
		return ownList(q.Caller)
	}
	return everybodys
}

// lowest is the first sort key that a message accepted at some time may have.
func lowest(from time.Time) string { return fmt.Sprintf("%013d#", max(0, milliseconds(from))) }

// cursorJSON is what a cursor says: where the page ended, and of which search it was. It grants nothing: whose messages may be
// seen is decided for each page anew.
type cursorJSON struct {
	Last   string `json:"l"`
	Search string `json:"s"`
}

func (q Query) cursor(last string) string {
	text, err := json.Marshal(cursorJSON{Last: last, Search: q.fingerprint()})
	if err != nil {
		return "" // two strings: there is nothing that cannot be encoded
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// fingerprint tells searches apart; the number of one cannot be told from it by whoever does not know all the rest.
func (q Query) fingerprint() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{
		q.Caller, string(q.To), q.Reference, q.Campaign, string(q.Status), fmt.Sprint(milliseconds(q.From)), fmt.Sprint(milliseconds(q.Until)),
	}))
	return base64.RawURLEncoding.EncodeToString(sum[:6])
}

// sortKey is compiled at its first use: the functions that send never search.
var sortKey = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{13}#[0-9a-z-]{1,64}$`) })

// high is the last sort key that may be read.
func (q Query) high() (string, error) {
	if q.Cursor == "" {
		if q.Until.IsZero() {
			return "9", nil
		}
		return fmt.Sprintf("%013d", max(0, q.Until.UnixMilli())), nil
	}
	var c cursorJSON
	text, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil || c.Search != q.fingerprint() || !sortKey().MatchString(c.Last) {
		return "", ErrCursor
	}
	// The greatest that is less: ids are letters and digits, before which ~ does not come.
	n := len(c.Last) - 1
	return c.Last[:n] + string(c.Last[n]-1) + "~", nil
}

// entry is a place in a list.
type entry struct {
	sk    string
	index int
}

// lane is one of the partition keys of a list.
type lane struct {
	pk   string
	read []entry
	high string
	done bool
}

// reader reads the lanes of a list as one list, newest first. It reads little more than what is asked for.
type reader struct {
	store     *Store
	low, high string
	lanes     []*lane
	// last is the sort key of the entry returned last.
	last string
}

// open finds the lanes of a query.
func (r *reader) open(ctx context.Context, q Query) error {
	if q.To == "" {
		for shard := range shards {
			r.lanes = append(r.lanes, &lane{pk: q.list().pk(shard), high: r.high})
		}
		return nil
	}
	keys, err := r.store.numberKeys(ctx)
	if err != nil {
		return err
	}
	var tombs []map[string]types.AttributeValue
	for _, k := range keys {
		r.lanes = append(r.lanes, &lane{pk: numberPK(k, q.To), high: r.high})
		tombs = append(tombs, key(numberPK(k, q.To), skErased))
	}
	return r.store.readAll(ctx, consistently(tombs), func(item map[string]types.AttributeValue) {
		// What came too late to be erased counts as erased.
		r.low = max(r.low, lowest(time.UnixMilli(attr.NumberOf(item, attrUntil)+1)))
	})
}

// empty says that there is surely nothing more.
func (r *reader) empty() bool {
	return !slices.ContainsFunc(r.lanes, func(l *lane) bool { return len(l.read) > 0 || !l.done })
}

// next takes the next entries, at most n.
func (r *reader) next(ctx context.Context, n int) ([]entry, error) {
	var taken []entry
	for len(taken) < n {
		var newest *lane
		for _, l := range r.lanes {
			if len(l.read) == 0 && !l.done {
				if err := r.fill(ctx, l, (n-len(taken)+len(r.lanes)-1)/len(r.lanes)); err != nil {
					return nil, err
				}
			}
			if len(l.read) > 0 && (newest == nil || l.read[0].sk > newest.read[0].sk) {
				newest = l
			}
		}
		if newest == nil {
			return taken, nil
		}
		e := newest.read[0]
		newest.read = newest.read[1:]
		if e.sk != r.last { // a number that was indexed under two keys
			taken, r.last = append(taken, e), e.sk
		}
	}
	return taken, nil
}

// fill reads some more of a lane.
func (r *reader) fill(ctx context.Context, l *lane, n int) error {
	if l.high < r.low {
		l.done = true
		return nil
	}
	names, values := attr.Placeholders(
		"#pk = :pk AND #sk BETWEEN :low AND :high",
		attr.Value(":pk", attr.Text(l.pk)),
		attr.Value(":low", attr.Text(r.low)),
		attr.Value(":high", attr.Text(l.high)),
	)
	out, err := r.store.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &r.store.Table, KeyConditionExpression: aws.String("#pk = :pk AND #sk BETWEEN :low AND :high"),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values, ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(n)),
	})
	if err != nil {
		return err
	}
	now := r.store.now().Unix()
	for _, item := range out.Items {
		sk := attr.TextOf(item, attrSK)
		l.high = sk[:len(sk)-1] + string(sk[len(sk)-1]-1) + "~"
		if attr.NumberOf(item, attrExpires) > now {
			l.read = append(l.read, entry{sk: sk, index: int(attr.NumberOf(item, attrIndex))})
		}
	}
	l.done = len(out.Items) < n && len(out.LastEvaluatedKey) == 0
	if len(l.read) == 0 && !l.done {
		return r.fill(ctx, l, max(n, MaxPage))
	}
	return nil
}

// resolve reads the records of entries, by the ids of their messages. Those that are not there, or say nothing, are left out.
func (s *Store) resolve(ctx context.Context, entries []entry) (map[string]Found, error) {
	keys := make([]map[string]types.AttributeValue, len(entries))
	for i, e := range entries {
		keys[i] = recordKey(idIn(e.sk))
	}
	found := make(map[string]Found, len(entries))
	err := s.readAll(ctx, types.KeysAndAttributes{Keys: keys}, func(item map[string]types.AttributeValue) {
		id := idOf(item)
		r, err := s.read(id, item)
		if err != nil {
			s.missed(ctx, "read", id, err)
			return
		}
		if r.Message.Caller != "" {
			found[id] = Found{Record: r}
		}
	})
	return found, err
}

// idIn is the message id in a sort key, idOf that of a record.
func idIn(sk string) string { return sk[min(len(sk), len("0000000000000#")):] }

func idOf(item map[string]types.AttributeValue) string {
	pk := attr.TextOf(item, attrPK)
	return pk[min(len(pk), len("msg#")):]
}

// recipientOf is the result of the recipient with this index in the message; nil when it was erased.
func recipientOf(r Record, index int) *message.Result {
	if i := index - r.erased.before(index); i < len(r.Outcome.Recipients) && !slices.Contains(r.erased, index) {
		return &r.Outcome.Recipients[i]
	}
	return nil
}
