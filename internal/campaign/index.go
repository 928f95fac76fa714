package campaign

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
)

// Index lists campaigns, those that have ended as well, newest first. All fields are needed.
type Index struct {
	Client interface {
		Query(ctx context.Context, in *dynamodb.QueryInput, opts ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
		BatchGetItem(
			ctx context.Context, in *dynamodb.BatchGetItemInput, opts ...func(*dynamodb.Options),
		) (*dynamodb.BatchGetItemOutput, error)
	}
	// Table is that of the Store.
	Table string
}

// MaxPage is how many campaigns a page has at most: each may have some ten kilobytes, and one answer of the table 16 MB.
const MaxPage = 50

// ErrCursor says that a cursor is none of this list's.
var ErrCursor = errors.New("the cursor is not one of this list")

// everybodys is where all campaigns are listed, and ownKey where those of a caller are. There is an item for each, whose sort key
// is when it was made and its id. It goes with the campaign.
const everybodys = "campaigns#all"

func ownKey(caller string) string {
	sum := sha256.Sum256([]byte(caller))
	return "campaigns#own#" + base64.RawURLEncoding.EncodeToString(sum[:12])
}

func position(c Campaign) string { return fmt.Sprintf("%013d#%s", c.CreatedAt.UnixMilli(), c.ID) }

// positions is compiled at its first use: few functions list.
var positions = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{13}#[0-9a-z-]{1,80}$`) })

// index gives a campaign that is about to be made its places. A request that comes again at the same moment leaves places with
// another time, which no page has.
func (s *Store) index(ctx context.Context, c Campaign) error {
	for _, pk := range []string{everybodys, ownKey(c.Caller)} {
		item := map[string]types.AttributeValue{
			"pk": attr.Text(pk), "sk": attr.Text(position(c)), "expires": attr.Number(c.gone().Add(s.Kept).Unix()),
		}
		if _, err := s.Client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: item}); err != nil {
			return fmt.Errorf("list campaign %s: %w", c.ID, err)
		}
	}
	return nil
}

// Page reads a page of a caller's campaigns, or of everybody's without one. A page may have less than its limit and not be the
// last one: next is empty then. The error may be ErrCursor.
func (x *Index) Page(ctx context.Context, caller string, limit int, cursor string) (page []Campaign, next string, _ error) {
	pk := everybodys
	if caller != "" {
		pk = ownKey(caller)
	}
	limit = min(max(limit, 1), MaxPage)
	condition, values := "#pk = :pk", []attr.Named{attr.Value(":pk", attr.Text(pk))}
	if cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil || !positions().Match(last) {
			return nil, "", ErrCursor
		}
		condition, values = "#pk = :pk AND #sk < :sk", append(values, attr.Value(":sk", attr.Text(string(last))))
	}
	names, byName := attr.Placeholders(condition, values...)
	out, err := x.Client.Query(ctx, &dynamodb.QueryInput{
		TableName: &x.Table, KeyConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: byName,
		ScanIndexForward: aws.Bool(false), Limit: aws.Int32(int32(limit)),
	})
	if err != nil {
		return nil, "", fmt.Errorf("list campaigns: %w", err)
	}
	var places []string
	for _, item := range out.Items {
		places = append(places, attr.TextOf(item, "sk"))
	}
	known, err := x.read(ctx, places)
	if err != nil {
		return nil, "", fmt.Errorf("list campaigns: %w", err)
	}
	for _, place := range places {
		if c, ok := known[place]; ok {
			page = append(page, c)
		}
	}
	if len(places) == limit && len(out.LastEvaluatedKey) > 0 {
		next = base64.RawURLEncoding.EncodeToString([]byte(places[len(places)-1]))
	}
	return page, next, nil
}

// rounds is how often the table is asked for what it has left out of an answer.
const rounds = 5

// read reads campaigns by their places. What is not there any more, or was made at another time, is left out.
func (x *Index) read(ctx context.Context, places []string) (map[string]Campaign, error) {
	known := make(map[string]Campaign, len(places))
	var keys []map[string]types.AttributeValue
	asked := map[string]bool{}
	for _, place := range places {
		if _, id, _ := strings.Cut(place, "#"); !asked[id] {
			asked[id], keys = true, append(keys, itemKey(id))
		}
	}
	for range rounds {
		if len(keys) == 0 {
			return known, nil
		}
		out, err := x.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{x.Table: {Keys: keys}},
		})
		if err != nil {
			return nil, err
		}
		for _, item := range out.Responses[x.Table] {
			var c Campaign
			if err := json.Unmarshal(attr.BytesOf(item, "body"), &c); err != nil {
				return nil, fmt.Errorf("%s: %w", attr.TextOf(item, "pk"), err)
			}
			known[position(c)] = c
		}
		keys = out.UnprocessedKeys[x.Table].Keys
	}
	return nil, errors.New("the table leaves work undone")
}
