package records

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/message"
	"sms-api/internal/numberkey"
)

// ErrNoNumberKey says that nobody has made the key yet that numbers are hashed with.
var ErrNoNumberKey = numberkey.ErrNone

// shards is over how many partition keys each list is spread: each takes 1,000 writes a second. A page reads a few items
// more than it has for each of them.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
const shards = 4

// shardOf is the shard of a message in every list.
func shardOf(id string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(id)) // never fails
	return int(hash.Sum32() % shards)
}

// list is what a list is called, without its shard.
type list string

const everybodys list = "list"

func ownList(caller string) list          { return list("own#" + short(caller)) }
func referenceList(reference string) list { return list("ref#" + short(reference)) }
func campaignList(campaign string) list   { return list("camp#" + short(campaign)) }

// statusList is the list of the messages with a status, of everybody or of a caller; empty when it has none, because most
// messages have that status at some time.
func statusList(status message.MessageStatus, caller string) list {
	switch status {
	case message.Scheduled,
		message.Parked,
		message.PartlyDelivered,
		message.NoneDelivered,
		message.MessageExpired,
		message.MessageCancelled:
		if caller == "" {
			return list("stat#" + status)
		}
		return list("stat#" + string(status) + "#" + short(caller))
	case message.Sending, message.AllDelivered:
	}
	return ""
}

func (l list) pk(shard int) string { return fmt.Sprintf("%s#%d", l, shard) }

// short is what callers, references and campaigns are called in keys, which are a part of every item.
func short(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

// place is the item of a message in a list.
func place(pk, sk string, expires time.Time) map[string]types.AttributeValue {
	item := key(pk, sk)
	item[attrExpires] = attr.Number(expires.Unix())
	return item
}

// list gives a message its places in the lists that it never leaves.
func (s *Store) list(ctx context.Context, m message.Message) error {
	shard, sk, expires := shardOf(m.ID), position(m.CreatedAt, m.ID), s.expires(m)
	lists := []list{everybodys, ownList(m.Caller)}
	if m.Reference != "" {
		lists = append(lists, referenceList(m.Reference))
	}
	if m.Campaign != "" {
		lists = append(lists, campaignList(m.Campaign))
	}
	var writes []types.WriteRequest
	for _, l := range lists {
		writes = append(writes, putRequest(place(l.pk(shard), sk, expires)))
	}
	return s.batch(ctx, writes)
}

// moved gives a message its places in the lists of its status, and takes those of the status before away. What is lost of
// it is made good by the next change, and an item too much is left out by whoever reads it.
func (s *Store) moved(ctx context.Context, id string, created time.Time, caller string, from, to message.MessageStatus) {
	if from == to {
		return
	}
	shard, sk, expires := shardOf(id), position(created, id), s.now().Add(s.Kept+longestLife)
	whose := []string{""}
	if caller != "" {
		whose = append(whose, caller)
	}
	var writes []types.WriteRequest
	for _, who := range whose {
		if l := statusList(from, who); l != "" {
			writes = append(writes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key(l.pk(shard), sk)}})
		}
		if l := statusList(to, who); l != "" {
			writes = append(writes, putRequest(place(l.pk(shard), sk, expires)))
		}
	}
	s.missed(ctx, "status", id, s.batch(ctx, writes))
}

// longestLife is how long it may take from a message's acceptance to its expiry: 90 days of schedule, and 7 of life.
const longestLife = 97 * 24 * time.Hour

// numberKeys are the keys, the one that writes first.
func (s *Store) numberKeys(ctx context.Context) ([]numberkey.Key, error) {
	if s.Numbers == nil {
		return nil, ErrNoNumberKey
	}
	secrets, err := numberkey.Secrets(ctx, s.Numbers)
	if err != nil {
		return nil, err
	}
	return numberkey.Of("records", secrets), nil
}

// numberPK is the partition key of a number, in digits.
func numberPK(k numberkey.Key, to message.Phone) string {
	return "to#" + k.ID + "#" + base64.RawURLEncoding.EncodeToString(k.Hash(string(to))[:16])
}

// index gives each recipient of a message its item. It returns those whose numbers were erased after the message was accepted:
// they get none. Their items are written first and looked up after that, because whoever erases does it the other way round.
func (s *Store) index(ctx context.Context, m message.Message) (erasures, error) {
	keys, err := s.numberKeys(ctx)
	if err != nil {
		return nil, err
	}
	sk, expires := position(m.CreatedAt, m.ID), s.expires(m)
	writes := make([]types.WriteRequest, len(m.Recipients))
	var tombs []map[string]types.AttributeValue
	byPK := map[string]int{}
	for i, r := range m.Recipients {
		item := place(numberPK(keys[0], r.To), sk, expires)
		item[attrIndex] = attr.Number(int64(i))
		writes[i] = putRequest(item)
		for _, k := range keys {
			byPK[numberPK(k, r.To)] = i
			tombs = append(tombs, key(numberPK(k, r.To), skErased))
		}
	}
	if err := s.batch(ctx, writes); err != nil {
		return nil, err
	}
	var erased erasures
	err = s.readAll(ctx, consistently(tombs), func(item map[string]types.AttributeValue) {
		if attr.NumberOf(item, attrUntil) >= m.CreatedAt.UnixMilli() {
			erased = erased.with(erasures{byPK[attr.TextOf(item, attrPK)]})
		}
	})
	if err != nil || len(erased) == 0 {
		return nil, err
	}
	var deletes []types.WriteRequest
	for _, i := range erased {
		k := key(numberPK(keys[0], m.Recipients[i].To), sk)
		deletes = append(deletes, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: k}})
	}
	return erased, s.batch(ctx, deletes)
}

const checks list = "check"

func putRequest(item map[string]types.AttributeValue) types.WriteRequest {
	return types.WriteRequest{PutRequest: &types.PutRequest{Item: item}}
}

// What DynamoDB takes in one batch, and how often what it left is asked for again.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const (
	batchWrites = 25
	batchReads  = 100
	rounds      = 5
)

// batch makes writes without a condition, in any order.
func (s *Store) batch(ctx context.Context, writes []types.WriteRequest) error {
	for left := 0; len(writes) > 0; {
		n := min(len(writes), batchWrites)
		out, err := s.Client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{s.Table: writes[:n]},
		})
		if err != nil {
			return err
		}
		again := out.UnprocessedItems[s.Table]
		writes = append(writes[n:len(writes):len(writes)], again...)
		if left, err = rest(ctx, left, len(again)); err != nil {
			return err
		}
	}
	return nil
}

// consistently reads items as they stand now.
func consistently(keys []map[string]types.AttributeValue) types.KeysAndAttributes {
	return types.KeysAndAttributes{Keys: keys, ConsistentRead: aws.Bool(true)}
}

// readAll reads items by their keys, in any order. Those that are not there are left out.
func (s *Store) readAll(ctx context.Context, read types.KeysAndAttributes, take func(map[string]types.AttributeValue)) error {
	keys := read.Keys
	if read.ProjectionExpression != nil {
		read.ExpressionAttributeNames, _ = attr.Placeholders(*read.ProjectionExpression)
	}
	for left := 0; len(keys) > 0; {
		n := min(len(keys), batchReads)
		read.Keys = keys[:n]
		out, err := s.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{s.Table: read},
		})
		if err != nil {
			return err
		}
		for _, item := range out.Responses[s.Table] {
			take(item)
		}
		again := out.UnprocessedKeys[s.Table].Keys
		keys = append(keys[n:len(keys):len(keys)], again...)
		if left, err = rest(ctx, left, len(again)); err != nil {
			return err
		}
	}
	return nil
}

// rest waits a little for a table that leaves work undone; it does so a few times.
func rest(ctx context.Context, times, undone int) (int, error) {
	switch {
	case undone == 0:
		return times, nil
	case times == rounds:
		return times, errors.New("the table leaves work undone")
	}
	select {
	case <-time.After(10 * time.Millisecond << times):
		return times + 1, nil
	case <-ctx.Done():
		return times, ctx.Err()
	}
}
