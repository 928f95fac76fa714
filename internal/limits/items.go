package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"sms-api/internal/attr"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The attributes.
const (
	attrPK      = "pk"
	attrSK      = "sk"
	attrExpires = "expires" // seconds since 1970, as TTL wants it
	attrCount   = "count"
	attrUses    = "uses"    // one string a use: milliseconds since 1970, a space and the attempt's nonce
	attrVersion = "version" // of the uses: whoever writes them has read it
	attrMessage = "message"
	attrNonce   = "nonce"
	attrShared  = "shared" // when another attempt than the nonce's last began to go by it, as at; 1 if one of before did
	attrBody    = "body"   // the hash of the request whose attempt has written it
	attrOther   = "other"  // an attempt for another request with the same key goes by it
	attrAt      = "at"     // milliseconds since 1970
	attrNumbers = "numbers"
	attrSame    = "same"
	attrCaller  = "caller"
	attrDay     = "day"
	attrShards  = "shards" // one string a shard: its number, a space and how many were taken
)

// sk is the sort key of every item of this package: each has a partition key of its own.
const sk = "limit"

// kept is how long after the last time that an item counts for it stays. Nothing relies on its going.
const kept = 2 * 24 * time.Hour

type item = map[string]types.AttributeValue

// errBusy says that others wrote the same item all the time.
var errBusy = errors.New("too many write the same count at once")

// use is one message to a number.
type use struct {
	at    time.Time
	nonce string
}

// uses reads the uses of a number.
func (l *Limits) uses(ctx context.Context, pk string) ([]use, error) {
	found, err := l.get(ctx, pk)
	if err != nil {
		return nil, err
	}
	return usesOf(found)
}

// usesOf are the uses in the item of a number, which may be nil.
func usesOf(found item) ([]use, error) {
	var all []use
	for _, s := range texts(found, attrUses) {
		at, nonce, _ := strings.Cut(s, " ")
		ms, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("the uses of a number: %w", err)
		}
		all = append(all, use{at: time.UnixMilli(ms).UTC(), nonce: nonce})
	}
	return all, nil
}

// rounds is how often a write is repeated that somebody else was quicker with. Who comes too late finds the number full after
// as many rounds as it may get messages, at most.
const rounds = 200

// use adds a use to an item that has been read, unless a window is full: then it says which, and when there is room again.
func (l *Limits) use(
	ctx context.Context, pk string, found item, w windows, at time.Time, nonce string,
) (full []Limit, until time.Time, err error) {
	at = at.UTC().Truncate(time.Millisecond)
	err = l.change(ctx, pk, found, func(known []use) ([]use, bool) {
		if slices.ContainsFunc(known, func(u use) bool { return u.nonce == nonce }) {
			full = nil
			return nil, false // the answer to the write was lost
		}
		known = l.counting(known)
		if full, until = w.over(known, at); len(full) > 0 {
			return nil, false
		}
		return append(known, use{at: at, nonce: nonce}), true
	})
	return full, until, err
}

// counting are the uses that are still of any interest.
func (l *Limits) counting(all []use) []use {
	var left []use
	for _, u := range all {
		if counts(u.at, l.Now()) {
			left = append(left, u)
		}
	}
	return left
}

// unuse takes a use away.
func (l *Limits) unuse(ctx context.Context, pk, nonce string) error {
	found, err := l.get(ctx, pk)
	if err != nil {
		return err
	}
	return l.change(ctx, pk, found, func(known []use) ([]use, bool) {
		var left []use
		for _, u := range known {
			if u.nonce != nonce {
				left = append(left, u)
			}
		}
		return left, len(left) < len(known)
	})
}

// change writes the uses in an item anew that has been read, if decide says so, which may be asked several times.
func (l *Limits) change(ctx context.Context, pk string, found item, decide func([]use) (changed []use, write bool)) error {
	for range rounds {
		known, err := usesOf(found)
		if err != nil {
			return err
		}
		version := attr.NumberOf(found, attrVersion)
		changed, write := decide(known)
		if !write {
			return nil
		}
		last := l.Now()
		var list []types.AttributeValue
		for _, u := range changed {
			list = append(list, attr.Text(strconv.FormatInt(u.at.UnixMilli(), 10)+" "+u.nonce))
			if u.at.After(last) {
				last = u.at
			}
		}
		one := l.item(pk, last)
		one[attrVersion] = attr.Number(version + 1)
		one[attrUses] = &types.AttributeValueMemberL{Value: list}
		if list == nil {
			delete(one, attrUses)
		}
		condition := "#version = :version"
		if version == 0 {
			condition = "attribute_not_exists(#version) OR #version = :version"
		}
		switch err := l.put(ctx, one, condition, map[string]string{"#version": attrVersion}, item{":version": attr.Number(version)}); {
		case err == nil:
			return nil
		case !refused(err):
			return err
		}
		if found, err = l.get(ctx, pk); err != nil {
			return err
		}
	}
	return errBusy
}

// add adds to a count that must not go beyond a limit; false says that it would.
func (l *Limits) add(ctx context.Context, pk string, n, limit int, at time.Time) (bool, error) {
	if n > limit {
		return false, nil
	}
	_, err := l.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: key(pk), UpdateExpression: aws.String("ADD #count :n SET #expires = :expires"),
		ConditionExpression:      aws.String("attribute_not_exists(#count) OR #count <= :room"),
		ExpressionAttributeNames: map[string]string{"#count": attrCount, "#expires": attrExpires},
		ExpressionAttributeValues: item{
			":n": attr.Number(int64(n)), ":room": attr.Number(int64(limit - n)), ":expires": attr.Number(at.Add(kept).Unix()),
		},
	})
	switch {
	case err == nil:
		return true, nil
	case refused(err):
		return false, nil
	}
	return false, fmt.Errorf("count: %w", err)
}

// subtract gives back. A count that was reset in between has nothing to give back to. It is not repeated: a repetition of what
// was done, and whose answer was lost, would give back twice.
func (l *Limits) subtract(ctx context.Context, pk string, n int) error {
	_, err := l.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: key(pk), UpdateExpression: aws.String("ADD #count :less"),
		ConditionExpression:       aws.String("#count >= :n"),
		ExpressionAttributeNames:  map[string]string{"#count": attrCount},
		ExpressionAttributeValues: item{":n": attr.Number(int64(n)), ":less": attr.Number(int64(-n))},
	}, func(o *dynamodb.Options) { o.Retryer = aws.NopRetryer{} })
	if err != nil && !refused(err) {
		return fmt.Errorf("give back: %w", err)
	}
	return nil
}

func (l *Limits) count(ctx context.Context, pk string) (int, error) {
	found, err := l.get(ctx, pk)
	return int(attr.NumberOf(found, attrCount)), err
}

// stackUse is how much of each shard is used.
func (l *Limits) stackUse(ctx context.Context, at time.Time) ([]int, error) {
	used := make([]int, shards)
	err := each(shards, func(i int) error {
		n, err := l.count(ctx, stackPK(day(at), i))
		used[i] = n
		return err
	})
	return used, err
}

// first makes a message the first one with a content, and returns the id of the one that is: another one's, and until when it is,
// if there was one already.
func (l *Limits) first(ctx context.Context, pk string, t *Taken) (known string, until time.Time, err error) {
	id, nonce, body := t.message, t.nonce, hash(t.body)
	for range rounds {
		now := l.Now().UTC()
		one := l.item(pk, now.Add(l.Same))
		one[attrMessage], one[attrBody], one[attrNonce] = attr.Text(id), attr.Text(body), attr.Text(nonce)
		one[attrAt] = attr.Number(now.UnixMilli())
		err := l.put(ctx, one, "attribute_not_exists(#pk) OR #at <= :over", map[string]string{"#pk": attrPK, "#at": attrAt},
			item{":over": attr.Number(now.Add(-l.Same).UnixMilli())})
		if !refused(err) {
			return id, time.Time{}, err
		}
		found, err := l.get(ctx, pk)
		switch {
		case err != nil:
			return "", time.Time{}, err
		case found == nil:
			continue // it was given back in this moment
		case attr.TextOf(found, attrNonce) == nonce:
			return id, time.Time{}, nil // the answer to the write was lost
		case attr.TextOf(found, attrMessage) != id:
			return attr.TextOf(found, attrMessage), time.UnixMilli(attr.NumberOf(found, attrAt)).UTC().Add(l.Same), nil
		}
		// It is another attempt's, and this one may be the one that starts the message: now.
		if ok, err := l.rely(ctx, pk, found, now, attr.TextOf(found, attrBody) != body); err != nil || ok {
			return id, time.Time{}, err
		}
	}
	return "", time.Time{}, errBusy
}

// rely marks what another attempt for the same message has written, so that it does not delete it, and has it count from a time
// on; other says that it is one for another request. False says that it is there no more, or that others rely on it since.
func (l *Limits) rely(ctx context.Context, pk string, found item, at time.Time, other bool) (bool, error) {
	names := map[string]string{"#shared": attrShared, "#at": attrAt, "#nonce": attrNonce}
	update := "SET #shared = :shared, #at = :at"
	if other {
		names["#other"] = attrOther
		update += ", #other = :shared"
	}
	// It never goes back: whoever is slower with this write, or has a slower clock, would take the mark of another one away.
	now := max(l.Now().UnixMilli(), attr.NumberOf(found, attrShared))
	_, err := l.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &l.Table, Key: key(pk), UpdateExpression: &update,
		ConditionExpression:      aws.String("#nonce = :nonce AND (attribute_not_exists(#shared) OR #shared <= :shared)"),
		ExpressionAttributeNames: names,
		ExpressionAttributeValues: item{
			":shared": attr.Number(now), ":at": attr.Number(at.UnixMilli()), ":nonce": found[attrNonce],
		},
	})
	if err != nil && !refused(err) {
		return false, fmt.Errorf("share a count: %w", err)
	}
	return err == nil, nil
}

// giveUp deletes what an attempt has written that has long given up, as long as nobody else begins to go by it.
func (l *Limits) giveUp(ctx context.Context, pk string, found item) (item, error) {
	condition, values := "#nonce = :nonce AND attribute_not_exists(#shared)", item{":nonce": found[attrNonce]}
	if shared, ok := found[attrShared]; ok {
		condition, values[":shared"] = "#nonce = :nonce AND #shared = :shared", shared
	}
	return l.delete(ctx, pk, condition, map[string]string{"#nonce": attrNonce, "#shared": attrShared}, values)
}

// forgetOwn deletes that a message is the first one with a content, if the attempt alone has written it.
func (l *Limits) forgetOwn(ctx context.Context, pk string, t Taken) error {
	_, err := l.deleteOwn(ctx, pk, t)
	return err
}

// forgetAll does so whichever attempt for the message has written it.
func (l *Limits) forgetAll(ctx context.Context, pk string, t Taken) error {
	_, err := l.delete(ctx, pk, "#message = :message", map[string]string{"#message": attrMessage}, item{":message": attr.Text(t.message)})
	return err
}

// forgetVain does so whichever attempt for the request has written it, if none for another request goes by it: that may be the message.
func (l *Limits) forgetVain(ctx context.Context, pk string, t Taken) error {
	_, err := l.delete(ctx, pk, "#message = :message AND #body = :body AND attribute_not_exists(#other)",
		map[string]string{"#message": attrMessage, "#body": attrBody, "#other": attrOther},
		item{":message": attr.Text(t.message), ":body": attr.Text(hash(t.body))})
	return err
}

// remember writes down what a message has taken; false says that another attempt has.
func (l *Limits) remember(ctx context.Context, t Taken) (bool, error) {
	one := l.item(messagePK(t.message, t.body), t.due)
	one[attrNonce], one[attrDay], one[attrCount] = attr.Text(t.nonce), attr.Text(t.day), attr.Number(int64(t.count))
	one[attrAt] = attr.Number(t.due.UnixMilli())
	if t.caller != "" {
		one[attrCaller] = attr.Text(t.caller)
	}
	put := func(name string, all []string) {
		if len(all) > 0 {
			one[name] = &types.AttributeValueMemberSS{Value: all}
		}
	}
	put(attrNumbers, t.numbers)
	put(attrSame, t.same)
	var parts []string
	for shard, n := range t.shards {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %d", shard, n))
		}
	}
	put(attrShards, parts)
	err := l.put(ctx, one, "attribute_not_exists(#pk)", map[string]string{"#pk": attrPK}, nil)
	if !refused(err) {
		return err == nil, err
	}
	// The answer to the write was lost, if it is this attempt's. It is not written anew: another one may share it by now.
	found, err := l.get(ctx, messagePK(t.message, t.body))
	return attr.TextOf(found, attrNonce) == t.nonce, err
}

func takenOf(id, body string, one item) Taken {
	t := Taken{
		message: id, body: body, due: time.UnixMilli(attr.NumberOf(one, attrAt)).UTC(),
		nonce: attr.TextOf(one, attrNonce), numbers: texts(one, attrNumbers), same: texts(one, attrSame),
		caller: attr.TextOf(one, attrCaller),
		count:  int(attr.NumberOf(one, attrCount)), day: attr.TextOf(one, attrDay), shards: map[int]int{},
	}
	for _, part := range texts(one, attrShards) {
		shard, n, _ := strings.Cut(part, " ")
		i, _ := strconv.Atoi(shard)
		t.shards[i], _ = strconv.Atoi(n)
	}
	return t
}

func (l *Limits) item(pk string, last time.Time) item {
	one := key(pk)
	one[attrExpires] = attr.Number(last.Add(kept).Unix())
	return one
}

func (l *Limits) get(ctx context.Context, pk string) (item, error) {
	out, err := l.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &l.Table, Key: key(pk), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, fmt.Errorf("read a count: %w", err)
	}
	return out.Item, nil
}

func (l *Limits) put(ctx context.Context, one item, condition string, names map[string]string, values item) error {
	_, err := l.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &l.Table, Item: one, ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	if err != nil {
		return fmt.Errorf("write a count: %w", err)
	}
	return nil
}

// delete deletes an item on a condition, or on none, and returns what it was.
func (l *Limits) delete(ctx context.Context, pk, condition string, names map[string]string, values item) (item, error) {
	in := &dynamodb.DeleteItemInput{
		TableName: &l.Table, Key: key(pk), ReturnValues: types.ReturnValueAllOld, ExpressionAttributeNames: names,
		ExpressionAttributeValues: values,
	}
	if condition != "" {
		in.ConditionExpression = &condition
	}
	out, err := l.Client.DeleteItem(ctx, in)
	switch {
	case refused(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("delete a count: %w", err)
	}
	return out.Attributes, nil
}

// deleteOwn deletes what an attempt has written, if no other one shares it, and returns what it was.
func (l *Limits) deleteOwn(ctx context.Context, pk string, t Taken) (item, error) {
	return l.delete(ctx, pk, "#nonce = :nonce AND attribute_not_exists(#shared)",
		map[string]string{"#nonce": attrNonce, "#shared": attrShared}, item{":nonce": attr.Text(t.nonce)})
}

func (l *Limits) remove(ctx context.Context, pk string) error {
	_, err := l.delete(ctx, pk, "", nil, nil)
	return err
}

// refused says that the condition of a write did not hold.
func refused(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}

func key(pk string) item { return item{attrPK: attr.Text(pk), attrSK: attr.Text(sk)} }

// texts are the members of a list or a set of strings.
func texts(one item, name string) []string {
	switch v := one[name].(type) {
	case *types.AttributeValueMemberSS:
		return v.Value
	case *types.AttributeValueMemberL:
		var all []string
		for _, member := range v.Value {
			if s, ok := member.(*types.AttributeValueMemberS); ok {
				all = append(all, s.Value)
			}
		}
		return all
	}
	return nil
}
