// Package optout keeps the list of numbers that want no advertising any more, or want it again. What is said last counts, by
// the time at which it was said and not by when this system hears of it: events come late, twice and in any order.
//
// The list stands in the table of sends, one item a number: the partition key is optout# with one of sixteen shards, the sort
// key a hash of the number with a key that the table does not have. Of the number itself there is only what its mask leaves.
// Nothing expires: an opt-out holds until the same number opts in, and an opt-in has to outlive the opt-outs before it.
//
// One more item says with which keys numbers were written. Whoever lacks one of them, because it is too new or was taken away,
// would overlook people, and reads nothing.
package optout

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/ddb"
	"sms-api/internal/message"
	"sms-api/internal/numberkey"
)

// List is the list. It keeps nothing between calls and is safe for concurrent use. All fields are needed.
type List struct {
	Client  ddb.Client
	Table   string
	Numbers numberkey.Source
}

// Entry is what is known of a number.
type Entry struct {
	// To is the number, masked.
	To     string `json:"to"`
	Status Status `json:"status"`
	// At is when that was said, to the millisecond.
	At time.Time `json:"at"`
	// Via is where, in the words of whoever passed it on, such as 080.
	Via string `json:"via,omitempty"`
}

// Status says what the recipient wants.
type Status string

// The two that there are.
const (
	Out Status = "opted-out"
	In  Status = "opted-in"
)

// The attributes. The keys are those of every item of the table.
const (
	attrPK     = "pk"
	attrSK     = "sk"
	attrTo     = "to"
	attrStatus = "status"
	attrAt     = "at" // milliseconds since 1970
	attrVia    = "via"
	attrUsed   = "keys" // the ids of the keys, with blanks between, in an item of their own
)

// shards is over how many partition keys the list is spread: each takes 1,000 writes and 3,000 reads a second.
const shards = 16

// batchSize is how many items BatchGetItem reads.
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
const batchSize = 100

// Record writes down what a recipient wants, unless something later is known. It returns what is known then.
func (l *List) Record(ctx context.Context, to message.Phone, s Status, at time.Time, via string) (Entry, error) {
	entry := Entry{To: to.Masked(), Status: s, At: at.UTC().Truncate(time.Millisecond), Via: via}
	for {
		seen, err := l.look(ctx, []message.Phone{to})
		if err != nil {
			return Entry{}, err
		}
		if known, ok := seen.entries[to]; ok && !entry.supersedes(known) {
			return known, nil
		}
		marked, err := l.mark(ctx, seen)
		if err != nil {
			return Entry{}, err
		}
		if marked {
			return l.write(ctx, seen.keys[0], to, entry)
		}
	}
}

// mark sees to it that the key that is used for what is written is among those of the list. It has not if somebody else has done
// so with another one meanwhile.
func (l *List) mark(ctx context.Context, seen look) (bool, error) {
	if slices.Contains(seen.used, seen.keys[0].ID) {
		return true, nil
	}
	used := append(slices.Clone(seen.used), seen.keys[0].ID)
	condition := "#used = :used"
	in := &dynamodb.PutItemInput{
		TableName: &l.Table, ConditionExpression: &condition, ExpressionAttributeNames: map[string]string{"#used": attrUsed},
		ExpressionAttributeValues: map[string]types.AttributeValue{":used": attr.Text(strings.Join(seen.used, " "))},
	}
	if len(seen.used) == 0 {
		// What is there may have been written with any of them.
		used = nil
		for _, k := range seen.keys {
			used = append(used, k.ID)
		}
		condition, in.ExpressionAttributeValues = "attribute_not_exists(#used)", nil
	}
	in.Item = usedKey()
	in.Item[attrUsed] = attr.Text(strings.Join(used, " "))
	_, err := l.Client.PutItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write the keys of the list of opt-outs: %w", err)
	}
	return true, nil
}

// write writes an entry under a key, unless something later stands there.
func (l *List) write(ctx context.Context, k numberkey.Key, to message.Phone, entry Entry) (Entry, error) {
	item := itemKey(k, to)
	item[attrTo], item[attrStatus], item[attrAt] = attr.Text(entry.To), attr.Text(string(entry.Status)), attr.Number(entry.At.UnixMilli())
	if entry.Via != "" {
		item[attrVia] = attr.Text(entry.Via)
	}
	// Of two that were said in the same moment the opt-out counts.
	condition := "attribute_not_exists(#pk) OR #at < :at OR #at = :at AND #status = :status"
	if entry.Status == Out {
		condition = "attribute_not_exists(#pk) OR #at <= :at"
	}
	in := &dynamodb.PutItemInput{
		TableName: &l.Table, Item: item, ConditionExpression: &condition,
		ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#at": attrAt},
		ExpressionAttributeValues: map[string]types.AttributeValue{":at": item[attrAt]},
	}
	if entry.Status == In {
		in.ExpressionAttributeNames["#status"], in.ExpressionAttributeValues[":status"] = attrStatus, attr.Text(string(In))
	}
	_, err := l.Client.PutItem(ctx, in)
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused):
		// Somebody has written something later in this moment.
		known, _, err := l.Find(ctx, to)
		return known, err
	case err != nil:
		return Entry{}, fmt.Errorf("write the list of opt-outs: %w", err)
	}
	return entry, nil
}

// supersedes says whether an entry counts where another one is known.
func (e Entry) supersedes(known Entry) bool {
	if e.At.Equal(known.At) {
		return e.Status == Out || known.Status == In
	}
	return e.At.After(known.At)
}

// Find is what is known of a number; ok is false if that is nothing.
func (l *List) Find(ctx context.Context, to message.Phone) (e Entry, ok bool, err error) {
	seen, err := l.look(ctx, []message.Phone{to})
	if err != nil {
		return Entry{}, false, err
	}
	e, ok = seen.entries[to]
	return e, ok, nil
}

// Among says which of the numbers have opted out, by their places in the list. It reads what was written a moment ago.
func (l *List) Among(ctx context.Context, to []message.Phone) (map[int]bool, error) {
	seen, err := l.look(ctx, to)
	if err != nil {
		return nil, err
	}
	out := map[int]bool{}
	for i, one := range to {
		if seen.entries[one].Status == Out {
			out[i] = true
		}
	}
	return out, nil
}

// look is what the list says of some numbers.
type look struct {
	entries map[message.Phone]Entry
	// keys are those at hand, and used the ids of those that were written with.
	keys []numberkey.Key
	used []string
}

// look reads what is known of numbers, under whatever key it was written.
func (l *List) look(ctx context.Context, to []message.Phone) (look, error) {
	keys, err := l.keys(ctx)
	if err != nil {
		return look{}, err
	}
	seen := look{entries: map[message.Phone]Entry{}, keys: keys}
	whose := map[string]message.Phone{}
	wanted := []map[string]types.AttributeValue{usedKey()}
	for _, one := range to {
		for _, k := range keys {
			at := itemKey(k, one)
			if sk := attr.TextOf(at, attrSK); whose[sk] == "" {
				whose[sk] = one
				wanted = append(wanted, at)
			}
		}
	}
	for len(wanted) > 0 {
		n := min(len(wanted), batchSize)
		out, err := l.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			l.Table: {Keys: wanted[:n], ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return look{}, fmt.Errorf("read the list of opt-outs: %w", err)
		}
		unread := out.UnprocessedKeys[l.Table].Keys
		if len(unread) == n {
			return look{}, errors.New("read the list of opt-outs: the table gives nothing")
		}
		wanted = append(wanted[n:], unread...)
		for _, item := range out.Responses[l.Table] {
			one, ok := whose[attr.TextOf(item, attrSK)]
			if !ok {
				seen.used = strings.Fields(attr.TextOf(item, attrUsed))
				continue
			}
			e, known := entryOf(item), seen.entries[one]
			if known == (Entry{}) || e.supersedes(known) {
				seen.entries[one] = e
			}
		}
	}
	for _, id := range seen.used {
		if !slices.ContainsFunc(keys, func(k numberkey.Key) bool { return k.ID == id }) {
			return look{}, &MissingKeyError{ID: id}
		}
	}
	return seen, nil
}

// MissingKeyError says that numbers were written with a key that is not at hand: not yet, for some minutes after a new one has come
// into use, or not any more.
type MissingKeyError struct{ ID string }

func (e *MissingKeyError) Error() string {
	return "the list of opt-outs was written with the key " + e.ID + " too, which is not in the number-key that was read last"
}

// ErrCursor says that a cursor is none that List has returned.
var ErrCursor = errors.New("the cursor is not one of this list")

// Page returns numbers that have opted out, at least one and at most limit if there are any more, in no order that means
// anything, and the cursor of the next page, which is empty after the last.
func (l *List) Page(ctx context.Context, limit int, cursor string) (entries []Entry, next string, err error) {
	shard, after := 0, ""
	if cursor != "" {
		if shard, after, err = readCursor(cursor); err != nil {
			return nil, "", err
		}
	}
	for ; shard < shards; shard, after = shard+1, "" {
		for {
			in := &dynamodb.QueryInput{
				TableName: &l.Table, KeyConditionExpression: aws.String("#pk = :pk"), FilterExpression: aws.String("#status = :out"),
				ExpressionAttributeNames:  map[string]string{"#pk": attrPK, "#status": attrStatus},
				ExpressionAttributeValues: map[string]types.AttributeValue{":pk": attr.Text(pk(shard)), ":out": attr.Text(string(Out))},
				Limit:                     aws.Int32(int32(limit - len(entries))), //nolint:gosec // at most a page
			}
			if after != "" {
				in.ExclusiveStartKey = map[string]types.AttributeValue{attrPK: attr.Text(pk(shard)), attrSK: attr.Text(after)}
			}
			out, err := l.Client.Query(ctx, in)
			if err != nil {
				return nil, "", fmt.Errorf("read the list of opt-outs: %w", err)
			}
			for _, item := range out.Items {
				entries = append(entries, entryOf(item))
			}
			if after = attr.TextOf(out.LastEvaluatedKey, attrSK); after == "" {
				break
			}
			if len(entries) == limit {
				return entries, writeCursor(shard, after), nil
			}
		}
		if len(entries) == limit && shard+1 < shards {
			return entries, writeCursor(shard+1, ""), nil
		}
	}
	return entries, "", nil
}

func writeCursor(shard int, after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(shard) + " " + after))
}

func readCursor(cursor string) (shard int, after string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return 0, "", ErrCursor
	}
	first, after, ok := strings.Cut(string(raw), " ")
	if shard, err = strconv.Atoi(first); err != nil || !ok || shard < 0 || shard >= shards || len(after) > 64 {
		return 0, "", ErrCursor
	}
	return shard, after, nil
}

func (l *List) keys(ctx context.Context) ([]numberkey.Key, error) {
	secrets, err := numberkey.Secrets(ctx, l.Numbers)
	if err != nil {
		return nil, err
	}
	return numberkey.Of("opt-outs", secrets), nil
}

// itemKey is that of a number's item.
func itemKey(k numberkey.Key, to message.Phone) map[string]types.AttributeValue {
	sum := k.Hash(string(to))
	return map[string]types.AttributeValue{
		attrPK: attr.Text(pk(int(sum[0]) % shards)), attrSK: attr.Text(k.ID + "#" + base64.RawURLEncoding.EncodeToString(sum[:16])),
	}
}

// usedKey is that of the item that says with which keys numbers were written.
func usedKey() map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrPK: attr.Text("optout#keys"), attrSK: attr.Text("keys")}
}

func pk(shard int) string { return "optout#" + strconv.Itoa(shard) }

func entryOf(item map[string]types.AttributeValue) Entry {
	e := Entry{To: attr.TextOf(item, attrTo), Status: Status(attr.TextOf(item, attrStatus)), Via: attr.TextOf(item, attrVia)}
	if n, ok := item[attrAt].(*types.AttributeValueMemberN); ok {
		if at, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
			e.At = time.UnixMilli(at).UTC()
		}
	}
	return e
}
