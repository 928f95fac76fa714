package records

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/message"
)

// The attributes of all items. Those that make the table stand in internal/deployment as well, which tests compare. They are
// bytes of every item, and 1,024 bytes are the unit that writes are charged in.
const (
	attrPK       = "pk"
	attrSK       = "sk"
	attrExpires  = "expires" // when the item may go, in seconds since 1970, as TTL wants it
	attrRedrives = "redrives"
	attrSeq      = "seq"
	attrWritten  = "written" // when a task or the door wrote last, in milliseconds since 1970
	attrStatus   = "status"
	attrOutcome  = "outcome" // JSON, or deflated JSON
	attrCaller   = "caller"
	attrPrint    = "print" // the request's fingerprint
	attrFirst    = "first"
	attrCreated  = "created" // milliseconds since 1970
	attrSendAt   = "sendat"  // the same, 0 for at once
	attrSettled  = "settled" // when the announced outcome was settled, in seconds since 1970; absent until it was seen
	attrListed   = "listed"
	attrIndexed  = "indexed"
	attrErased   = "erased" // the indices of erased recipients, separated by spaces
	attrIndex    = "index"  // of the recipient, in an item of its number
	attrUntil    = "until"  // in the item of an erased number: messages accepted before are erased, in milliseconds since 1970
	attrEnded    = "ended"  // in the note of a message: its execution has ended
	// In the item that says how far the sweep is, in milliseconds since 1970, but for the token.
	attrLease = "lease"
	attrDone  = "done"
	attrToken = "token"
)

// pkSweep is both keys of that item.
const pkSweep = "sweep"

// These are sort keys; others begin with a time.
const (
	skRecord = "record"
	skErased = "erased"
	skFirst  = "first"
)

func key(pk, sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{attrPK: attr.Text(pk), attrSK: attr.Text(sk)}
}

func recordKey(id string) map[string]types.AttributeValue { return key("msg#"+id, skRecord) }

// position is the sort key of a message in lists: the milliseconds have 13 digits until the year 2286.
func position(at time.Time, id string) string { return fmt.Sprintf("%013d#%s", at.UnixMilli(), id) }

// deflateFrom is from how many bytes on JSON is deflated. What is shorter stays readable for people who look at the table.
const deflateFrom = 600

// maxOutcome bounds what is inflated, in bytes: no outcome is larger than what Step Functions takes.
const maxOutcome = 1 << 20

// pack makes the attribute of an outcome.
func pack(o message.Outcome) (types.AttributeValue, error) {
	plain, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write the outcome: %w", err)
	}
	if len(plain) < deflateFrom {
		return attr.Text(string(plain)), nil
	}
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	var deflated bytes.Buffer
	w.Reset(&deflated)
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("deflate the outcome: %w", err)
	}
	return attr.Binary(deflated.Bytes()), nil
}

// deflaters are *flate.Writers: each is more than a megabyte, and an outcome is written several times.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.BestCompression)
	if err != nil {
		panic(err) // only a level that is none is refused
	}
	return w
}}

// unpack is the reverse of pack.
func unpack(v types.AttributeValue) (o message.Outcome, err error) {
	var plain []byte
	switch v := v.(type) {
	case *types.AttributeValueMemberS:
		plain = []byte(v.Value)
	case *types.AttributeValueMemberB:
		plain, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(v.Value)), maxOutcome))
	default:
		err = errors.New("there is none")
	}
	if err == nil {
		err = json.Unmarshal(plain, &o)
	}
	if err != nil {
		return message.Outcome{}, fmt.Errorf("read the outcome: %w", err)
	}
	return o.Whole(), nil
}

// read is the record that an item is.
func (s *Store) read(id string, item map[string]types.AttributeValue) (Record, error) {
	o, err := unpack(item[attrOutcome])
	if err != nil {
		return Record{}, err
	}
	erased := erasuresOf(item)
	o.Erased = erased
	r := Record{
		Message: message.Message{
			ID: id, Caller: attr.TextOf(item, attrCaller), Fingerprint: printOf(item), Echo: o.Echo,
			CreatedAt: o.CreatedAt, Campaign: o.Campaign, Recipients: make([]message.Recipient, len(o.Recipients)+len(erased)),
		},
		Outcome: o, Listed: isTrue(item, attrListed), Indexed: isTrue(item, attrIndexed), Erased: len(erased), erased: erased,
		Over: attr.NumberOf(item, attrExpires) <= s.now().Unix(),
	}
	if at := attr.NumberOf(item, attrSendAt); at > 0 {
		r.Message.SendAt = time.UnixMilli(at).UTC()
	}
	if o.Status == message.Scheduled && !r.Message.SendAt.After(s.now()) {
		// Nobody writes at the moment in which a message sets off.
		r.Outcome.Status = message.Sending
	}
	r.Announced = !o.SettledAt.IsZero() && attr.NumberOf(item, attrSettled) >= o.SettledAt.Unix()
	return r, nil
}

// erasures are the indices of recipients that were erased, in ascending order. Their results are in no record.
type erasures []int

func erasuresOf(item map[string]types.AttributeValue) erasures {
	var e erasures
	for _, index := range strings.Fields(attr.TextOf(item, attrErased)) {
		if i, err := strconv.Atoi(index); err == nil {
			e = append(e, i)
		}
	}
	return e
}

// of is an outcome without the results of those who were erased.
func (e erasures) of(o message.Outcome) message.Outcome { return o.Without(e) }

func (e erasures) with(more erasures) erasures {
	all := slices.Concat(e, more)
	slices.Sort(all)
	return slices.Compact(all)
}

func (e erasures) equal(other erasures) bool { return slices.Equal(e, other) }

func (e erasures) value() types.AttributeValue {
	return attr.Text(strings.Trim(fmt.Sprint([]int(e)), "[]"))
}

// before is how many with a smaller index are erased.
func (e erasures) before(index int) (n int) {
	for _, i := range e {
		if i < index {
			n++
		}
	}
	return n
}

// condition holds while exactly these are erased.
func (e erasures) condition() string {
	if len(e) == 0 {
		return "attribute_not_exists(#erased)"
	}
	return "#erased = :erased"
}

func (e erasures) values() []attr.Named {
	if len(e) == 0 {
		return nil
	}
	return []attr.Named{attr.Value(":erased", e.value())}
}

// fingerprint is the attribute of a hash: in bytes, which take half of the room.
func fingerprint(hash string) types.AttributeValue {
	b, err := hex.DecodeString(hash)
	if err != nil || len(b) == 0 {
		return attr.Text(hash)
	}
	return attr.Binary(b)
}

// printOf is the reverse of fingerprint.
func printOf(item map[string]types.AttributeValue) string {
	if b := attr.BytesOf(item, attrPrint); len(b) > 0 {
		return hex.EncodeToString(b)
	}
	return attr.TextOf(item, attrPrint)
}

func statusOf(item map[string]types.AttributeValue) message.MessageStatus {
	return message.MessageStatus(attr.TextOf(item, attrStatus))
}

func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func isTrue(item map[string]types.AttributeValue, name string) bool {
	v, ok := item[name].(*types.AttributeValueMemberBOOL)
	return ok && v.Value
}
