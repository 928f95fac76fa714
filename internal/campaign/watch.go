package campaign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
)

// listKey is under which campaigns are listed that have not ended, an item each whose sort key is the id.
const listKey = "campaigns"

func listed(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": attr.Text(listKey), "sk": attr.Text(id)}
}

// list puts a campaign that is about to be made on the list. It is taken off by whoever watches, when it has ended.
func (s *Store) list(ctx context.Context, c Campaign) error {
	item := listed(c.ID)
	item["at"], item["expires"] = attr.Number(c.CreatedAt.Unix()), attr.Number(c.gone().Add(s.Kept).Unix())
	if _, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: item}); err != nil {
		return fmt.Errorf("list campaign %s: %w", c.ID, err)
	}
	return nil
}

// Watch looks for campaigns that do not go on: whose start was lost, or whose execution is gone; and for those whose end was not
// announced. All fields are needed.
type Watch struct {
	Store *Store
	List  interface {
		Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
		DeleteItem(ctx context.Context, in *dynamodb.DeleteItemInput, opts ...func(*dynamodb.Options)) (*dynamodb.DeleteItemOutput, error)
	}
	// Runs and NotBefore are those of a Sender.
	Runs      func(ctx context.Context, id string, run int) error
	NotBefore func(at time.Time) time.Time
	Bus       bus
	Now       func() time.Time
	Log       *slog.Logger
}

const (
	// silent is for how long nothing may be done about a campaign for which something was due.
	silent = time.Hour
	// forgotten is after what time a campaign without a file gets none any more: its link is valid for minutes, and S3's event is
	// handed over for a day.
	forgotten = 3 * 24 * time.Hour
)

// Look looks at all campaigns that have not ended, and has those go on about which nothing was done for an hour: stuck is how many
// these are, and each has a line in the log. An error is about some of them, and the others were looked at.
func (w *Watch) Look(ctx context.Context) (stuck int, err error) {
	names, values := attr.Placeholders("#pk = :pk", attr.Value(":pk", attr.Text(listKey)))
	in := &dynamodb.QueryInput{
		TableName: &w.Store.Table, KeyConditionExpression: aws.String("#pk = :pk"), ExpressionAttributeNames: names,
		ExpressionAttributeValues: values,
	}
	for {
		page, wrong := w.List.Query(ctx, in)
		if wrong != nil {
			return stuck, errors.Join(err, fmt.Errorf("list campaigns: %w", wrong))
		}
		for _, item := range page.Items {
			was, wrong := w.look(ctx, attr.TextOf(item, "sk"), time.Unix(attr.NumberOf(item, "at"), 0))
			if was {
				stuck++
			}
			err = errors.Join(err, wrong)
		}
		if in.ExclusiveStartKey = page.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 || ctx.Err() != nil {
			return stuck, err
		}
	}
}

// look looks at one that was listed then.
func (w *Watch) look(ctx context.Context, id string, listedAt time.Time) (stuck bool, _ error) {
	now := w.Now()
	c, err := w.Store.Find(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound) && now.Sub(listedAt) < silent:
		return false, nil // it is just being made
	case err == nil && !c.SettledAt.IsZero() && !c.EndTold:
		if now.Sub(c.SettledAt) < silent {
			return false, nil // it is just being told
		}
		// Once that is known to be done the next look takes it off the list.
		return false, Tell(ctx, w.Store, w.Bus, c)
	case errors.Is(err, ErrNotFound), err == nil && c.Over(), err == nil && c.Status == AwaitingFile && now.Sub(c.CreatedAt) > forgotten:
		_, err := w.List.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &w.Store.Table, Key: listed(id)})
		return false, err
	case err != nil || !w.overdue(c, now):
		return false, err
	}
	w.Log.LogAttrs(ctx, slog.LevelError, "a campaign does not go on", slog.String("stuck", id), slog.String("status", string(c.Status)))
	if c.Status == StatusPlanning {
		return true, nil // only its own execution knows the file
	}
	moved := false
	c, err = w.Store.Change(ctx, id, func(c *Campaign) (bool, error) {
		if moved = !w.overdue(*c, now); moved {
			return false, nil
		}
		c.Wanted = max(c.Run, c.Wanted) + 1
		return true, nil
	})
	if err != nil || moved {
		return true, err
	}
	return true, w.Runs(ctx, id, c.Wanted)
}

// overdue says that something was to be done about a campaign an hour ago.
func (w *Watch) overdue(c Campaign, now time.Time) bool {
	var pause time.Duration
	switch c.Status {
	case StatusPlanning:
	case Sending, Parked, Paused, Cancelled:
		if !c.SettledAt.IsZero() {
			return false
		}
		then := Sender{NotBefore: w.NotBefore, Now: func() time.Time { return c.Turned }}
		pause = then.wait(c)
	case AwaitingFile, Invalid, Planned, Settled:
		return false
	}
	return now.Sub(c.Turned) > pause+silent
}
