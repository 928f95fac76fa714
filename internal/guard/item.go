package guard

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/message"
)

// The attributes of all items. Those that make the table stand in internal/deployment as well, which tests compare.
const (
	attrPK         = "pk"
	attrSK         = "sk"
	attrMessage    = "message"
	attrSends      = "sends"
	attrNonce      = "nonce"
	attrAccount    = "account"
	attrChannel    = "channel"
	attrState      = "state"
	attrAt         = "at"         // milliseconds since 1970
	attrSent       = "sent"       // there, and true, when another call of the message was accepted before
	attrRecipients = "recipients" // indices as varints; absent when it is 0, 1, 2, …
	attrDigests    = "digests"    // 8 bytes each
	attrKey        = "key"
	attrAhead      = "ahead"     // milliseconds; absent when it is 0
	attrExpiry     = "expiry"    // the message's, in milliseconds since 1970
	attrExpires    = "expires"   // when the item may go, in seconds since 1970, as TTL wants it
	attrCancelled  = "cancelled" // milliseconds since 1970
	attrUnwanted   = "unwanted"  // milliseconds since 1970
	attrVia        = "via"
)

// The values of attrState and attrVia.
const (
	stateOpen   = "open"
	stateClosed = "closed"
	viaAnswer   = "answer"
	viaHistory  = "history"
)

// shards is over how many partition keys the listings of a channel are spread: each takes 1,000 writes a second, and a
// send makes two. See https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html.
const shards = 8

// listedDigests is for how many recipients a listing has the digests itself: 32 make 256 bytes, and a listing must stay
// below 1,024, the unit that writes are charged in. A look-up reads the guards of the others.
const listedDigests = 32

func key(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrPK: attr.Text(pk), attrSK: attr.Text(sk)}
}

func guardKey(id string) map[string]types.AttributeValue { return key("send#"+id, "guard") }

func claimKey(b Batch) map[string]types.AttributeValue {
	return key(fmt.Sprintf("mid#%s#%s#%s", b.Account, b.Channel, b.MID), "claim")
}

// listingKey begins with the time, so that a look-up reads the young listings only, however many were left over.
func listingKey(s Send) map[string]types.AttributeValue {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(s.Message)) // never fails
	return key(shardKey(s.Account, s.Channel, int(hash.Sum32()%shards)), listedAt(s.At)+"#"+s.nonce)
}

func shardKey(account Account, channel message.Channel, shard int) string {
	return fmt.Sprintf("open#%s#%s#%d", account, channel, shard)
}

// listedAt is the time as it sorts: the milliseconds have 13 digits until the year 2286.
func listedAt(t time.Time) string { return fmt.Sprintf("%013d", t.UnixMilli()) }

func listingItem(s Send, o Opening) map[string]types.AttributeValue {
	item := listingKey(s)
	item[attrMessage] = attr.Text(s.Message)
	item[attrSends] = attr.Number(int64(s.Sends))
	if len(o.Digests) <= listedDigests {
		item[attrDigests], item[attrKey] = attr.Binary(pack(o.Digests)), attr.Binary(o.Key[:])
	}
	item[attrExpires] = attr.Number(s.At.Add(listingKept).Unix())
	return item
}

func guardItem(s Send, o Opening) map[string]types.AttributeValue {
	item := guardKey(s.Message)
	item[attrSends] = attr.Number(int64(s.Sends))
	item[attrNonce] = attr.Text(s.nonce)
	item[attrAccount] = attr.Text(string(s.Account))
	item[attrChannel] = attr.Text(string(s.Channel))
	item[attrState] = attr.Text(stateOpen)
	item[attrAt] = attr.Number(s.At.UnixMilli())
	item[attrDigests], item[attrKey] = attr.Binary(pack(o.Digests)), attr.Binary(o.Key[:])
	if o.Sent {
		item[attrSent] = attr.Yes()
	}
	if packed := packIndices(o.Recipients); packed != nil {
		item[attrRecipients] = attr.Binary(packed)
	}
	if ahead := o.Ahead.Milliseconds(); ahead != 0 {
		item[attrAhead] = attr.Number(ahead)
	}
	item[attrExpiry] = attr.Number(s.Expiry.UnixMilli())
	item[attrExpires] = attr.Number(s.Expiry.Add(Kept).Unix())
	return item
}

func claimItem(s Send, mid, via string, at time.Time) map[string]types.AttributeValue {
	item := claimKey(Batch{s.Account, s.Channel, mid})
	item[attrMessage] = attr.Text(s.Message)
	item[attrSends] = attr.Number(int64(s.Sends))
	item[attrVia] = attr.Text(via)
	item[attrAt] = attr.Number(at.UnixMilli())
	item[attrExpires] = attr.Number(s.Expiry.Add(Kept).Unix())
	return item
}

// readGuard is the reverse of guardItem. An item that this package cannot have written is an error: what was sent, and
// from where, must not be guessed.
func readGuard(id string, item map[string]types.AttributeValue) (Guard, error) {
	r := reader{item: item}
	_, cancelled := item[attrCancelled]
	_, unwanted := item[attrUnwanted]
	_, sent := item[attrSent]
	if cancelled || unwanted && !sent && r.text(attrState) == stateClosed {
		return Guard{Send: Send{Message: id}, Cancelled: true}, nil
	}
	if _, ok := item[attrNonce]; !ok && r.text(attrState) == stateClosed {
		// Raised before anything was opened.
		return Guard{Send: Send{Message: id, Sends: int(r.number(attrSends))}}, r.err
	}
	g := Guard{
		Send: Send{
			Message: id, Sends: int(r.number(attrSends)), Account: Account(r.text(attrAccount)), Channel: message.Channel(r.text(attrChannel)),
			At: r.time(attrAt), Expiry: r.time(attrExpiry), nonce: r.text(attrNonce),
		},
		Digests:  r.digests(),
		Key:      r.key(),
		Unwanted: unwanted && !sent,
	}
	switch state := r.text(attrState); state {
	case stateOpen:
		g.Open = true
	case stateClosed:
	default:
		r.fail(attrState)
	}
	if sent, ok := item[attrSent].(*types.AttributeValueMemberBOOL); ok {
		g.Sent = sent.Value
	}
	if _, ok := item[attrAhead]; ok {
		g.Ahead = time.Duration(r.number(attrAhead)) * time.Millisecond
	}
	g.Recipients = r.indices(len(g.Digests))
	return g, r.err
}

// reader takes attributes out of an item and remembers the first that is not what it must be.
type reader struct {
	item map[string]types.AttributeValue
	err  error
}

func (r *reader) fail(name string) {
	if r.err == nil {
		r.err = fmt.Errorf("the attribute %s of an item is not what it must be", name)
	}
}

func (r *reader) text(name string) string {
	s := attr.TextOf(r.item, name)
	if s == "" {
		r.fail(name)
	}
	return s
}

func (r *reader) number(name string) int64 {
	v, ok := r.item[name].(*types.AttributeValueMemberN)
	if !ok {
		r.fail(name)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		r.fail(name)
	}
	return n
}

func (r *reader) time(name string) time.Time { return time.UnixMilli(r.number(name)).UTC() }

func (r *reader) digests() []Digest {
	digests, ok := unpack(attr.BytesOf(r.item, attrDigests))
	if !ok || len(digests) == 0 {
		r.fail(attrDigests)
	}
	return digests
}

func (r *reader) key() KeyID {
	b := attr.BytesOf(r.item, attrKey)
	if len(b) != len(KeyID{}) {
		r.fail(attrKey)
		return KeyID{}
	}
	return KeyID(b)
}

func (r *reader) indices(n int) []int {
	packed, there := r.item[attrRecipients].(*types.AttributeValueMemberB)
	if !there {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	indices := make([]int, 0, n)
	for b := packed.Value; len(b) > 0; {
		index, size := binary.Uvarint(b)
		if size <= 0 {
			r.fail(attrRecipients)
			return nil
		}
		indices, b = append(indices, int(index)), b[size:]
	}
	if len(indices) != n {
		r.fail(attrRecipients)
	}
	return indices
}

// packIndices is nil when the indices are 0, 1, 2, …
func packIndices(indices []int) []byte {
	var packed []byte
	plain := true
	for i, index := range indices {
		plain = plain && index == i
		packed = binary.AppendUvarint(packed, uint64(index))
	}
	if plain {
		return nil
	}
	return packed
}
