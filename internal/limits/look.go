package limits

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
)

// Room is how many more recipients a limit has room for on a day.
type Room struct {
	Limit     Limit
	Max, Free int
}

// Rooms say how much room there is on the day of a time in the limits that have nothing to do with who the recipients are, for a
// caller of a class. There are none without such limits.
func (l *Limits) Rooms(ctx context.Context, caller string, trusted bool, due time.Time) ([]Room, error) {
	var rooms []Room
	rules, class := l.rules(trusted)
	if rules.CallerDay > 0 {
		n, err := l.count(ctx, callerPK(class, caller, day(due)))
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, Room{Limit: CallerDay, Max: rules.CallerDay, Free: max(0, rules.CallerDay-n)})
	}
	if l.StackDay > 0 {
		used, err := l.stackUse(ctx, due)
		if err != nil {
			return nil, err
		}
		rooms = append(rooms, Room{Limit: StackDay, Max: l.StackDay, Free: l.free(used)})
	}
	return rooms, nil
}

// LookAtNumbers says which recipients of what is asked for Take would refuse, by the limits on what a number gets, and takes nothing.
func (l *Limits) LookAtNumbers(ctx context.Context, a Ask) ([]Hit, error) {
	rules, class := l.rules(a.Trusted)
	w := windows{hour: rules.NumberHour, day: rules.NumberDay}
	if w == (windows{}) && l.Same == 0 {
		return nil, nil
	}
	secret, err := l.key(ctx)
	if err != nil {
		return nil, err
	}
	var wanted []string
	for i, to := range a.Recipients {
		if w != (windows{}) {
			wanted = append(wanted, numberPK(secret, class, to))
		}
		if l.Same > 0 {
			wanted = append(wanted, samePK(secret, a.Caller, to, a.Contents[i]))
		}
	}
	found, err := l.getAll(ctx, wanted)
	if err != nil {
		return nil, err
	}
	hits := []Hit{{Limit: NumberHour, Max: w.hour}, {Limit: NumberDay, Max: w.day}, {Limit: SameContent, Max: 1}}
	now := l.Now()
	for i, to := range a.Recipients {
		known, err := usesOf(found[numberPK(secret, class, to)])
		if err != nil {
			return nil, err
		}
		var times []time.Time
		for _, u := range known {
			if counts(u.at, now) {
				times = append(times, u.at)
			}
		}
		hour, sameDay := w.full(times, a.Due)
		same := false
		if l.Same > 0 {
			first := found[samePK(secret, a.Caller, to, a.Contents[i])]
			same = first != nil && time.UnixMilli(attr.NumberOf(first, attrAt)).After(now.Add(-l.Same))
		}
		for n, full := range []bool{hour, sameDay, same} {
			if full {
				hits[n].Recipients = append(hits[n].Recipients, i)
			}
		}
	}
	var full []Hit
	for _, h := range hits {
		if len(h.Recipients) > 0 {
			full = append(full, h)
		}
	}
	return full, nil
}

// most is how many items DynamoDB reads at a time.
const most = 100

// getAll reads items, by their partition keys.
func (l *Limits) getAll(ctx context.Context, wanted []string) (map[string]item, error) {
	found := make(map[string]item, len(wanted))
	var keys []item
	for _, pk := range wanted {
		keys = append(keys, key(pk))
	}
	for len(keys) > 0 {
		n := min(len(keys), most)
		out, err := l.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			l.Table: {Keys: keys[:n], ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return nil, fmt.Errorf("read counts: %w", err)
		}
		unread := out.UnprocessedKeys[l.Table].Keys
		if len(unread) == n {
			return nil, errors.New("read counts: the table gives nothing")
		}
		keys = append(keys[n:], unread...)
		for _, one := range out.Responses[l.Table] {
			found[attr.TextOf(one, attrPK)] = one
		}
	}
	return found, nil
}
