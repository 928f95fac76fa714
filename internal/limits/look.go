package limits

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	s, err := l.see(ctx, a, nil)
	if err != nil {
		return nil, err
	}
	hits, err := l.numberHits(a, s)
	return append(hits, l.sameHits(a, s)...), err
}

// seen are counters as they were a moment ago.
type seen struct {
	// numbers and same are partition keys, one a recipient.
	numbers, same []string
	// found are the items that there are, by their partition keys.
	found map[string]item
	// stack is what is used of each shard.
	stack []int
}

// see reads the counters of the recipients, and others besides.
func (l *Limits) see(ctx context.Context, a Ask, others []string) (s seen, err error) {
	rules, class := l.rules(a.Trusted)
	numbers := rules.NumberHour > 0 || rules.NumberDay > 0
	if !numbers && l.Same == 0 {
		s.found, err = l.getAll(ctx, others)
		return s, err
	}
	secret, err := l.key(ctx)
	if err != nil {
		return s, err
	}
	for i, to := range a.Recipients {
		if numbers {
			s.numbers = append(s.numbers, numberPK(secret, class, to))
		}
		if l.Same > 0 {
			s.same = append(s.same, samePK(secret, a.Caller, to, a.Contents[i]))
		}
	}
	s.found, err = l.getAll(ctx, slices.Concat(s.numbers, s.same, others))
	return s, err
}

// look says which limits have no room for what is asked for, and takes nothing.
func (l *Limits) look(ctx context.Context, a Ask) (seen, []Hit, error) {
	rules, class := l.rules(a.Trusted)
	var others []string
	caller := callerPK(class, a.Caller, day(a.Due))
	if rules.CallerDay > 0 {
		others = append(others, caller)
	}
	for i := range shards {
		if l.StackDay > 0 {
			others = append(others, stackPK(day(a.Due), i))
		}
	}
	s, err := l.see(ctx, a, others)
	if err != nil {
		return seen{}, nil, err
	}
	hits, err := l.numberHits(a, s)
	if err != nil {
		return seen{}, nil, err
	}
	n := len(a.Recipients)
	if rules.CallerDay > 0 && int(attr.NumberOf(s.found[caller], attrCount))+n > rules.CallerDay {
		hits = append(hits, Hit{Limit: CallerDay, Max: rules.CallerDay, Until: nextDay(a.Due)})
	}
	if l.StackDay > 0 {
		for i := range shards {
			s.stack = append(s.stack, int(attr.NumberOf(s.found[stackPK(day(a.Due), i)], attrCount)))
		}
		hits = append(hits, l.stackHits(ctx, a.Due, s.stack, n)...)
	}
	return s, append(hits, l.sameHits(a, s)...), nil
}

func (l *Limits) numberHits(a Ask, s seen) ([]Hit, error) {
	rules, _ := l.rules(a.Trusted)
	w := windows{hour: rules.NumberHour, day: rules.NumberDay}
	hits := w.hits()
	for i, pk := range s.numbers {
		known, err := usesOf(s.found[pk])
		if err != nil {
			return nil, err
		}
		full, until := w.over(l.counting(known), a.Due.UTC().Truncate(time.Millisecond))
		hits.add(i, full, until)
	}
	return hits.all(), nil
}

func (l *Limits) sameHits(a Ask, s seen) []Hit {
	var hits []Hit
	for i, pk := range s.same {
		first := s.found[pk]
		until := time.UnixMilli(attr.NumberOf(first, attrAt)).UTC().Add(l.Same)
		// That of an earlier attempt of the same request is its own.
		if id := attr.TextOf(first, attrMessage); first != nil && until.After(l.Now()) && id != a.Message {
			hits = append(hits, Hit{Limit: SameContent, Max: 1, Until: until, Recipients: []int{i}, First: id})
		}
	}
	return hits
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
