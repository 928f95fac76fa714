package template

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/aligo"
	"sms-api/internal/attr"
	"sms-api/internal/ddb"
)

// Book is what a stack remembers of templates, in the table of sends: which it keeps an eye on, when each was last used, and who
// writes at the moment. It is safe for concurrent use.
type Book struct {
	Client ddb.Client
	// Table is the table's name.
	Table string
	Now   func() time.Time

	mu sync.Mutex
	// noted is the day up to which the use of a template has been noted, by its code.
	noted map[string]int64
}

// Kept is a template that the stack keeps an eye on.
type Kept struct {
	Name string `json:"name"`
	Code string `json:"code"`
	// Seen is the digest of what Aligo listed when it was written.
	Seen string `json:"seen"`
	// Since is since when the stack has it.
	Since time.Time `json:"since"`
}

// Memory is all that the book holds: when templates were last used, by their codes, and those that are kept.
type Memory struct {
	Kept []Kept
	Used map[string]time.Time
}

// The keys of the items. All have the same partition, which is read as a whole and hardly ever written.
const (
	partition = "templates"
	kept      = "kept"
	writing   = "writing"
	used      = "used#"
)

func key(sort string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": attr.Text(partition), "sk": attr.Text(sort)}
}

// Read reads all of it.
func (b *Book) Read(ctx context.Context) (Memory, error) {
	m := Memory{Used: map[string]time.Time{}}
	condition := "#pk = :pk"
	names, values := attr.Placeholders(condition, attr.Value(":pk", attr.Text(partition)))
	in := &dynamodb.QueryInput{
		TableName: &b.Table, KeyConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
		ConsistentRead: aws.Bool(true),
	}
	for {
		out, err := b.Client.Query(ctx, in)
		if err != nil {
			return Memory{}, fmt.Errorf("read what is known of templates: %w", err)
		}
		for _, item := range out.Items {
			sort := attr.TextOf(item, "sk")
			if code, ok := strings.CutPrefix(sort, used); ok {
				m.Used[code] = time.Unix(attr.NumberOf(item, "used"), 0).UTC()
			}
			if sort == kept {
				if err := json.Unmarshal(attr.BytesOf(item, "body"), &m.Kept); err != nil {
					return Memory{}, fmt.Errorf("read the templates that are kept: %w", err)
				}
			}
		}
		if out.LastEvaluatedKey == nil {
			return m, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// Keep has the stack keep an eye on these templates and no others. Those that it had keep their Since.
func (b *Book) Keep(ctx context.Context, all []Kept) error {
	before, err := b.Read(ctx)
	if err != nil {
		return err
	}
	since := map[string]time.Time{}
	for _, k := range before.Kept {
		since[k.Code] = k.Since
	}
	for i := range all {
		if all[i].Since = since[all[i].Code]; all[i].Since.IsZero() {
			all[i].Since = b.Now().UTC().Truncate(time.Second)
		}
	}
	body, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("keep templates: %w", err)
	}
	item := key(kept)
	item["body"] = attr.Binary(body)
	if _, err := b.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &b.Table, Item: item}); err != nil {
		return fmt.Errorf("keep templates: %w", err)
	}
	return nil
}

// Used notes that a template was used, once a day for each execution environment. It is remembered for two years.
func (b *Book) Used(ctx context.Context, code string, at time.Time) error {
	const day, kept = 24 * 60 * 60, 730 * 24 * time.Hour
	today := at.Unix() / day
	b.mu.Lock()
	last, ok := b.noted[code]
	b.mu.Unlock()
	if ok && last >= today {
		return nil
	}
	condition := "attribute_not_exists(#pk) OR #used < :used"
	item := key(used + code)
	item["used"], item["expires"] = attr.Number(at.Unix()), attr.Number(at.Add(kept).Unix())
	names, values := attr.Placeholders(condition, attr.Value(":used", item["used"]))
	_, err := b.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.Table, Item: item, ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	var later *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &later) {
		return fmt.Errorf("note the use of template %s: %w", code, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.noted == nil {
		b.noted = map[string]int64{}
	}
	b.noted[code] = max(b.noted[code], today)
	return nil
}

// Take takes the pen for so long at the most: only who has it writes templates at Aligo. ok is false while somebody else has it.
func (b *Book) Take(ctx context.Context, owner string, atMost time.Duration) (ok bool, err error) {
	now := b.Now()
	condition := "attribute_not_exists(#pk) OR #until < :now OR #owner = :owner"
	item := key(writing)
	item["owner"], item["until"] = attr.Text(owner), attr.Number(now.Add(atMost).Unix())
	names, values := attr.Placeholders(condition, attr.Value(":now", attr.Number(now.Unix())), attr.Value(":owner", item["owner"]))
	_, err = b.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &b.Table, Item: item, ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values,
	})
	var taken *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &taken):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("take the pen: %w", err)
	}
	return true, nil
}

// Lay lays the pen down. It is not there any more, or another's, when it took too long.
func (b *Book) Lay(ctx context.Context, owner string) error {
	condition := "#owner = :owner"
	names, values := attr.Placeholders(condition, attr.Value(":owner", attr.Text(owner)))
	_, err := b.Client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &b.Table, Key: key(writing), ConditionExpression: &condition, ExpressionAttributeNames: names,
		ExpressionAttributeValues: values,
	})
	var anothers *types.ConditionalCheckFailedException
	if err != nil && !errors.As(err, &anothers) {
		return fmt.Errorf("lay the pen down: %w", err)
	}
	return nil
}

// Remember puts what is known of their use beside templates that Aligo lists.
func (m Memory) Remember(listed []Listed, now time.Time) {
	for i := range listed {
		l := &listed[i]
		if l.Review != aligo.InspApproved {
			continue
		}
		at, known := m.Used[l.Code]
		switch {
		case known:
		case l.Status == aligo.StatusWaiting && !l.Created.IsZero():
			// Aligo says that it was never used.
			at, known = l.Created, true
		default:
			// Who used it before is not known, so the year begins when the stack began to look.
			for _, k := range m.Kept {
				if k.Code == l.Code {
					at, known = k.Since, true
				}
			}
		}
		if known {
			l.UnusedSince, l.Dormancy = &at, dormancy(at, now)
		}
	}
}
