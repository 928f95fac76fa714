package guard

import (
	"context"
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
	"sms-api/internal/deadline"
	"sms-api/internal/message"
)

// Guard is what the table says of a message.
type Guard struct {
	// Send is the latest attempt; only its Message is set when the message is cancelled.
	Send
	// Open says that the attempt was not closed: its call may have been accepted, or was.
	Open bool
	// Sent says that another call of the message had been accepted when this attempt was opened.
	Sent bool
	// Cancelled says that the message is never sent.
	Cancelled bool
	// Unwanted says that it will be if the attempt was not accepted.
	Unwanted bool
	// Recipients are the indices of those whom the call was for, and Digests what each of them was to get, made with Key.
	Recipients []int
	Digests    []Digest
	Key        KeyID
	// Ahead is how far Aligo's clock was ahead of ours when the attempt was opened, as far as that was known.
	Ahead time.Duration
}

// Opened is the guard of a message; ok is false when no send was ever opened and the message is not cancelled.
func (g *Guards) Opened(ctx context.Context, id string) (guard Guard, ok bool, err error) {
	out, err := g.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &g.Table, Key: guardKey(id), ConsistentRead: aws.Bool(true)})
	if err == nil && len(out.Item) > 0 {
		guard, err = readGuard(id, out.Item)
		ok = err == nil
	}
	if err != nil {
		return Guard{}, false, fmt.Errorf("read the guard of message %s: %w", id, err)
	}
	return guard, ok, nil
}

// Claim says that a batch in the history is this send's. ErrClaimed means that it is another message's, or that of a
// later call of this message.
func (g *Guards) Claim(ctx context.Context, s Send, mid string) error {
	_, err := g.claim(ctx, s, mid, viaHistory,
		"attribute_not_exists(#pk) OR #message = :message AND #sends <= :sends AND #via = :history",
		attr.Value(":message", attr.Text(s.Message)),
		attr.Value(":sends", attr.Number(int64(s.Sends))),
		attr.Value(":history", attr.Text(viaHistory)),
	)
	if errors.Is(err, ErrClaimed) {
		err = g.claimed(ctx, s, mid)
	}
	if err != nil {
		return fmt.Errorf("claim a batch for message %s: %w", s.Message, err)
	}
	g.unlist(ctx, s)
	return nil
}

// claimed tells whether the claim that stands is this message's own, by an answer that nobody got to hear of.
func (g *Guards) claimed(ctx context.Context, s Send, mid string) error {
	item, err := g.readClaim(ctx, Batch{s.Account, s.Channel, mid})
	if err != nil {
		return err
	}
	r := reader{item: item}
	if owner, sends := r.text(attrMessage), int(r.number(attrSends)); r.err == nil && owner == s.Message && sends <= s.Sends {
		return nil
	}
	return ErrClaimed
}

// Owns says whether a batch is the message's. It is not when another message has got an answer with the batch's id since
// the look-up that found it: then what was found was not this message's call, which is in doubt again.
func (g *Guards) Owns(ctx context.Context, id string, b Batch) (bool, error) {
	item, err := g.readClaim(ctx, b)
	if err != nil {
		return false, fmt.Errorf("read the claim of message %s: %w", id, err)
	}
	return attr.TextOf(item, attrMessage) == id, nil
}

func (g *Guards) readClaim(ctx context.Context, b Batch) (map[string]types.AttributeValue, error) {
	out, err := g.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &g.Table, Key: claimKey(b), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

// Owner tells whose batches those with the given ids are: mid → message id, without those that nobody has claimed. A
// look-up leaves out what belongs to other messages. A batch that is the message's own already, and that its progress
// does not know, is the call that is looked for, by an answer that nobody got to hear of: to claim another one beside it
// would take that one away from the message whose it is, which would be sent again.
func (g *Guards) Owner(ctx context.Context, account Account, channel message.Channel, mids ...string) (map[string]string, error) {
	owners := map[string]string{}
	if len(mids) == 0 {
		return owners, nil
	}
	keys, byKey := make([]map[string]types.AttributeValue, 0, len(mids)), make(map[string]string, len(mids))
	for _, mid := range mids {
		k := claimKey(Batch{account, channel, mid})
		if _, double := byKey[attr.TextOf(k, attrPK)]; double || mid == "" {
			continue // DynamoDB refuses a batch that asks for the same item twice
		}
		keys, byKey[attr.TextOf(k, attrPK)] = append(keys, k), mid
	}
	err := g.batch(ctx, keys, func(item map[string]types.AttributeValue) {
		owners[byKey[attr.TextOf(item, attrPK)]] = attr.TextOf(item, attrMessage)
	})
	if err != nil {
		return nil, fmt.Errorf("read whose batches they are: %w", err)
	}
	return owners, nil
}

// OpenSend is another message's send whose end is not known.
type OpenSend struct {
	Message string
	Sends   int
	At      time.Time
	// Digests are what its recipients are sent, made with Key; nil when nobody knows.
	Digests []Digest
	Key     KeyID
}

// MayShare says whether the send can be the same row of the history as one with these digests: a row may have some of
// the recipients only, but whoever is in it was sent the same text by both. What cannot be told is true.
func (o OpenSend) MayShare(key KeyID, digests []Digest) bool {
	return o.Digests == nil || o.Key != key ||
		slices.ContainsFunc(o.Digests, func(d Digest) bool { return slices.Contains(digests, d) })
}

// OpenSends are the sends of other messages than this one that were opened since then, in this account and channel, and
// whose end is not known. A send is listed before it is made: what the history had before this was called is in it,
// unless its end is known by now. Listings are kept for a day.
//
// A look-up that has found a batch must not claim it while one of these that may share it is younger than the longest
// time in which an answer can still come. While an older one may share it, the look-up's own send must be older than the
// longest time that the history takes to show a call: the batch it has found may be the other's, and its own to come.
func (g *Guards) OpenSends(ctx context.Context, id string, account Account, channel message.Channel, since time.Time) ([]OpenSend, error) {
	var sends []OpenSend
	for shard := range shards {
		found, err := g.listed(ctx, id, shardKey(account, channel, shard), since)
		if err != nil {
			return nil, fmt.Errorf("read the open sends for message %s: %w", id, err)
		}
		sends = append(sends, found...)
	}
	return sends, nil
}

// listed reads one shard.
func (g *Guards) listed(ctx context.Context, id, pk string, since time.Time) ([]OpenSend, error) {
	const condition = "#pk = :pk AND #sk >= :since"
	names, values := attr.Placeholders(condition, attr.Value(":pk", attr.Text(pk)), attr.Value(":since", attr.Text(listedAt(since))))
	pages := dynamodb.NewQueryPaginator(g.Client, &dynamodb.QueryInput{
		TableName: &g.Table, KeyConditionExpression: aws.String(condition), ConsistentRead: aws.Bool(true),
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	var sends []OpenSend
	var unknown []int // indices of those whose digests stand in the guard only
	var nonces []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			r := reader{item: item}
			s := OpenSend{Message: r.text(attrMessage), Sends: int(r.number(attrSends))}
			at, nonce, err := readListedAt(attr.TextOf(item, attrSK))
			if err = errors.Join(r.err, err); err != nil {
				return nil, err
			}
			s.At = at
			if s.Message == id {
				continue
			}
			if _, ok := item[attrDigests]; ok {
				s.Digests, s.Key = r.digests(), r.key()
			} else {
				unknown, nonces = append(unknown, len(sends)), append(nonces, nonce)
			}
			if r.err != nil {
				return nil, r.err
			}
			sends = append(sends, s)
		}
	}
	return g.complete(ctx, sends, unknown, nonces)
}

// complete reads the guards of those sends whose listing has no digests, and leaves out what turns out to have ended.
func (g *Guards) complete(ctx context.Context, sends []OpenSend, unknown []int, nonces []string) ([]OpenSend, error) {
	if len(unknown) == 0 {
		return sends, nil
	}
	var keys []map[string]types.AttributeValue
	asked := map[string]bool{}
	for _, i := range unknown {
		if id := sends[i].Message; !asked[id] {
			asked[id] = true
			keys = append(keys, guardKey(id))
		}
	}
	guards := map[string]map[string]types.AttributeValue{}
	err := g.batch(ctx, keys, func(item map[string]types.AttributeValue) { guards[attr.TextOf(item, attrPK)] = item })
	if err != nil {
		return nil, err
	}
	ended := map[int]bool{}
	for n, i := range unknown {
		s := &sends[i]
		item, ok := guards[attr.TextOf(guardKey(s.Message), attrPK)]
		if !ok {
			continue // listed, and about to be opened
		}
		guard, err := readGuard(s.Message, item)
		switch {
		case err != nil:
			return nil, err
		case guard.nonce == nonces[n] && (guard.Open || guard.Sends > s.Sends+1):
			// Open, or given up and a later attempt raised.
			s.Digests, s.Key = guard.Digests, guard.Key
		case guard.Cancelled, guard.nonce == nonces[n], guard.Sends == s.Sends:
			ended[i] = true // it was closed, or another invocation has opened the attempt and this one never gets it
		}
		// A later attempt has the guard when this one was given up: its batch may be in the history, and nobody claims it.
	}
	var open []OpenSend
	for i, s := range sends {
		if !ended[i] {
			open = append(open, s)
		}
	}
	return open, nil
}

// readListedAt takes the sort key of a listing apart.
func readListedAt(sk string) (at time.Time, nonce string, err error) {
	ms, nonce, ok := strings.Cut(sk, "#")
	n, err := strconv.ParseInt(ms, 10, 64)
	if !ok || err != nil {
		return time.Time{}, "", errors.New("the sort key of a listing is not what it must be")
	}
	return time.UnixMilli(n).UTC(), nonce, nil
}

// maxBatch is how many items BatchGetItem reads at most, see
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html.
const maxBatch = 100

// patience is how often what BatchGetItem has left unread is asked for again, and firstPause the wait before the first
// of these times; it doubles.
const (
	patience   = 6
	firstPause = 50 * time.Millisecond
)

// batch reads the items with these keys, in no order; those that do not exist are left out.
func (g *Guards) batch(ctx context.Context, keys []map[string]types.AttributeValue, each func(map[string]types.AttributeValue)) error {
	for chunk := range slices.Chunk(keys, maxBatch) {
		asked := map[string]types.KeysAndAttributes{g.Table: {Keys: chunk, ConsistentRead: aws.Bool(true)}}
		for try := 0; len(asked) > 0; try++ {
			if try == patience {
				return fmt.Errorf("%d items were left unread %d times", len(asked[g.Table].Keys), try)
			}
			if try > 0 {
				if err := deadline.Sleep(ctx, firstPause<<(try-1)); err != nil {
					return err
				}
			}
			out, err := g.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: asked})
			if err != nil {
				return err
			}
			for _, item := range out.Responses[g.Table] {
				each(item)
			}
			asked = out.UnprocessedKeys
		}
	}
	return nil
}
