package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/ddb"
)

// Store keeps campaigns in the table of sends, each as one item that is written as a whole on the condition that nobody else has
// written it since it was read. It is safe for concurrent use.
type Store struct {
	Client ddb.Client
	// Table is the table's name.
	Table string
	// Kept is how long a campaign is kept after it has expired.
	Kept time.Duration
}

// What Find, Create and Change say besides errors of the table.
var (
	ErrNotFound = errors.New("there is no such campaign")
	ErrExists   = errors.New("there is such a campaign already")
)

const sortKey = "campaign"

func itemKey(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": attr.Text("campaign#" + id), "sk": attr.Text(sortKey)}
}

// Create keeps a new campaign, and lists it. To create it once more is an ErrExists.
func (s *Store) Create(ctx context.Context, c Campaign) error {
	c.version = 0
	if err := s.list(ctx, c); err != nil {
		return err
	}
	if err := s.index(ctx, c); err != nil {
		return err
	}
	return s.put(ctx, c)
}

// Find reads a campaign as it stands now. The error may be ErrNotFound.
func (s *Store) Find(ctx context.Context, id string) (Campaign, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: itemKey(id), ConsistentRead: aws.Bool(true)})
	switch {
	case err != nil:
		return Campaign{}, fmt.Errorf("read campaign %s: %w", id, err)
	case out.Item == nil:
		return Campaign{}, ErrNotFound
	}
	var c Campaign
	if err := json.Unmarshal(attr.BytesOf(out.Item, "body"), &c); err != nil {
		return Campaign{}, fmt.Errorf("read campaign %s: %w", id, err)
	}
	c.version = attr.NumberOf(out.Item, "version")
	return c, nil
}

// contended is how often a change is tried again that somebody else was quicker than.
const contended = 10

// Change changes a campaign, and returns what it is then. change is called with what it is, once more when somebody else has
// changed it in between, and says whether it does anything; its error ends everything.
func (s *Store) Change(ctx context.Context, id string, change func(*Campaign) (changed bool, err error)) (Campaign, error) {
	for range contended {
		c, err := s.Find(ctx, id)
		if err != nil {
			return Campaign{}, err
		}
		changed, err := change(&c)
		if err != nil || !changed {
			return c, err
		}
		switch err := s.put(ctx, c); {
		case errors.Is(err, ErrExists):
			continue
		case err != nil:
			return Campaign{}, err
		}
		c.version++
		return c, nil
	}
	return Campaign{}, fmt.Errorf("change campaign %s: others change it all the time", id)
}

// gone is when nothing becomes of a campaign any more, at the latest.
func (c Campaign) gone() time.Time {
	until := c.CreatedAt
	for _, at := range []time.Time{c.SendAt, c.ExpiresAt} {
		if at.After(until) {
			until = at
		}
	}
	return until.Add(longestLife)
}

// put writes a campaign over the version that it was read from. The SDK's repetition of a write that was made and whose answer
// was lost finds another version and is an ErrExists; whoever changes reads again then, and finds what it wanted to be so.
func (s *Store) put(ctx context.Context, c Campaign) error {
	body, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("write campaign %s: %w", c.ID, err)
	}
	item := itemKey(c.ID)
	item["body"] = attr.Binary(body)
	item["version"] = attr.Number(c.version + 1)
	item["expires"] = attr.Number(c.gone().Add(s.Kept).Unix())
	condition := "attribute_not_exists(#pk)"
	var values []attr.Named
	if c.version > 0 {
		condition, values = "#version = :version", []attr.Named{attr.Value(":version", attr.Number(c.version))}
	}
	names, byName := attr.Placeholders(condition, values...)
	_, err = s.Client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &s.Table, Item: item, ConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: byName,
	})
	var refused *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &refused):
		return ErrExists
	case err != nil:
		return fmt.Errorf("write campaign %s: %w", c.ID, err)
	}
	return nil
}
