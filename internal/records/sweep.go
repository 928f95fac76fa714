package records

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/message"
)

// Glance is what of a record tells whether it says what its execution does.
type Glance struct {
	Status message.MessageStatus
	// SendAt is when the message is to be sent; zero for at once.
	SendAt time.Time
	// Redrives is after how many redrives it was written.
	Redrives int
	// Known says that it has whose message it is, Listed and Indexed that the lists and the numbers have the message.
	Known, Listed, Indexed bool
	// Told says that a task has written it.
	Told bool
	// Announced says that the outcome was seen on the event bus, and nothing came after it.
	Announced bool

	step int64
}

// Before says that the record is older than a version of its message.
func (g Glance) Before(v Version) bool {
	return g.Redrives < v.Redrives || g.Redrives == v.Redrives && g.step < v.step()
}

// Glances looks at the records of messages, by id. Those that are not there are left out.
func (s *Store) Glances(ctx context.Context, ids []string) (map[string]Glance, error) {
	keys := make([]map[string]types.AttributeValue, len(ids))
	for i, id := range ids {
		keys[i] = recordKey(id)
	}
	found := make(map[string]Glance, len(ids))
	err := s.readAll(ctx, types.KeysAndAttributes{
		Keys:                 keys,
		ProjectionExpression: aws.String("#pk, #status, #sendat, #redrives, #caller, #listed, #indexed, #seq"),
	}, func(item map[string]types.AttributeValue) {
		g := Glance{
			Status: statusOf(item), Redrives: int(attr.NumberOf(item, attrRedrives)), Known: attr.TextOf(item, attrCaller) != "",
			Listed: isTrue(item, attrListed), Indexed: isTrue(item, attrIndexed), step: attr.NumberOf(item, attrSeq),
		}
		g.Told, g.Announced = g.step > 0, g.step == lastStep
		if at := attr.NumberOf(item, attrSendAt); at > 0 {
			g.SendAt = time.UnixMilli(at).UTC()
		}
		found[idOf(item)] = g
	})
	if err != nil {
		return nil, fmt.Errorf("look at records: %w", err)
	}
	return found, nil
}

// Hashes says whether there is a key that numbers can be hashed with. The error is that of whoever has the keys.
func (s *Store) Hashes(ctx context.Context) (bool, error) {
	switch _, err := s.numberKeys(ctx); {
	case errors.Is(err, ErrNoNumberKey):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read the key of numbers: %w", err)
	}
	return true, nil
}

// Check is a message that is to be looked at.
type Check struct {
	ID string
	// At is from when on. Of one message there is one in an hour.
	At time.Time
	// Ended says that its execution has ended, whatever its record says of what is to come: nobody has heard of it, or it may be
	// redriven.
	Ended bool
}

func (c Check) sk() string { return position(c.At.Truncate(checkAgain), c.ID) }

// Check notes that messages are to be looked at.
func (s *Store) Check(ctx context.Context, all ...Check) error {
	writes := make([]types.WriteRequest, 0, len(all))
	written := map[string]bool{}
	for _, c := range all {
		item := place(checks.pk(shardOf(c.ID)), c.sk(), c.At.Add(s.Kept+longestLife))
		if c.Ended {
			item[attrEnded] = attr.Yes()
		}
		if !written[c.sk()] { // a batch must not have a key twice
			written[c.sk()] = true
			writes = append(writes, putRequest(item))
		}
	}
	if err := s.batch(ctx, writes); err != nil {
		return fmt.Errorf("note what is to be looked at: %w", err)
	}
	return nil
}

// Checked takes the note of a message away, for another one if then is not nil.
func (s *Store) Checked(ctx context.Context, c Check, then *Check) error {
	if then != nil {
		if err := s.Check(ctx, *then); err != nil {
			return err
		}
		if then.sk() == c.sk() {
			return nil
		}
	}
	err := s.batch(ctx, []types.WriteRequest{
		{DeleteRequest: &types.DeleteRequest{Key: key(checks.pk(shardOf(c.ID)), c.sk())}},
	})
	if err != nil {
		return fmt.Errorf("note what was looked at: %w", err)
	}
	return nil
}

// Shards is over how many shards the notes of Check are spread.
const Shards = shards

// Due are the messages that are to be looked at by now, of one shard: at most n, after one of them or from the beginning.
func (s *Store) Due(ctx context.Context, shard, n int, after *Check) ([]Check, error) {
	low := lowest(time.Time{})
	if after != nil {
		low = after.sk() + "~"
	}
	const condition = "#pk = :pk AND #sk BETWEEN :low AND :high"
	names, values := attr.Placeholders(
		condition,
		attr.Value(":pk", attr.Text(checks.pk(shard))),
		attr.Value(":low", attr.Text(low)),
		attr.Value(":high", attr.Text(position(s.now(), "~"))),
	)
	if low > position(s.now(), "~") {
		return nil, nil
	}
	out, err := s.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &s.Table, KeyConditionExpression: aws.String(condition), ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(n)),
	})
	if err != nil {
		return nil, fmt.Errorf("read what is to be looked at: %w", err)
	}
	due := make([]Check, len(out.Items))
	for i, item := range out.Items {
		sk := attr.TextOf(item, attrSK)
		due[i] = Check{ID: idIn(sk), At: timeIn(sk), Ended: isTrue(item, attrEnded)}
	}
	return due, nil
}

// timeIn is the time in a sort key.
func timeIn(sk string) time.Time {
	var ms int64
	digits, _, _ := strings.Cut(sk, "#")
	if _, err := fmt.Sscan(strings.TrimLeft(digits, "0"), &ms); err != nil {
		return time.Time{} // only this package writes them
	}
	return time.UnixMilli(ms).UTC()
}

// Sweep is how far the executions were gone through.
type Sweep struct {
	// Done says that those which were started before it were.
	Done time.Time
	// Until is up to when the pass under way goes, and Token where it is; empty while none is under way.
	Until time.Time
	Token string
}

// ErrTaken says that another has taken the sweep over.
var ErrTaken = errors.New("another has taken the sweep over")

// TakeSweep takes the sweep for a while, so that two that run at once do not do the same. It returns how far the last one has
// come, and when the lease ends. The error is ErrTaken while another has it.
func (s *Store) TakeSweep(ctx context.Context, lease time.Duration) (at Sweep, until time.Time, err error) {
	now := s.now()
	until = now.Add(lease).Truncate(time.Millisecond)
	set, condition := "SET #lease = :lease, #expires = :expires", "attribute_not_exists(#lease) OR #lease < :now"
	names, values := attr.Placeholders(
		set+condition,
		attr.Value(":lease", attr.Number(until.UnixMilli())),
		attr.Value(":now", attr.Number(now.UnixMilli())),
		attr.Value(":expires", attr.Number(now.Add(s.Kept).Unix())),
	)
	out, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: key(pkSweep, pkSweep), UpdateExpression: &set, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values, ReturnValues: types.ReturnValueAllNew,
	})
	switch {
	case refused(err):
		return Sweep{}, until, ErrTaken
	case err != nil:
		return Sweep{}, until, fmt.Errorf("take the sweep: %w", err)
	}
	return Sweep{
		Done: timeOf(out.Attributes, attrDone), Until: timeOf(out.Attributes, attrUntil), Token: attr.TextOf(out.Attributes, attrToken),
	}, until, nil
}

// SaveSweep writes down how far the executions were gone through, for whoever has the lease until then. over gives it back.
func (s *Store) SaveSweep(ctx context.Context, at Sweep, until time.Time, over bool) error {
	set, condition := "SET #lease = :lease, #done = :done, #until = :until, #token = :token", "#lease = :mine"
	lease := until
	if over {
		lease = time.UnixMilli(0)
	}
	names, values := attr.Placeholders(
		set+condition,
		attr.Value(":lease", attr.Number(lease.UnixMilli())),
		attr.Value(":mine", attr.Number(until.UnixMilli())),
		attr.Value(":done", attr.Number(milliseconds(at.Done))),
		attr.Value(":until", attr.Number(milliseconds(at.Until))),
		attr.Value(":token", attr.Text(at.Token)),
	)
	_, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: key(pkSweep, pkSweep), UpdateExpression: &set, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	switch {
	case refused(err):
		return ErrTaken
	case err != nil:
		return fmt.Errorf("write down how far the sweep is: %w", err)
	}
	return nil
}

// timeOf is a time in milliseconds since 1970; zero when there is none.
func timeOf(item map[string]types.AttributeValue, name string) time.Time {
	if at := attr.NumberOf(item, name); at > 0 {
		return time.UnixMilli(at).UTC()
	}
	return time.Time{}
}
