package records

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
)

// First keeps the first text that it is handed over for an id, and returns it: this one, if there was none. It is kept for as long as
// the record of a message may be that is accepted now.
func (s *Store) First(ctx context.Context, id, text string) (first string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const set = "SET #first = if_not_exists(#first, :first), #expires = if_not_exists(#expires, :expires)"
	names, values := attr.Placeholders(set, attr.Value(":first", attr.Text(text)),
		attr.Value(":expires", attr.Number(s.now().Add(longestLife+s.Kept).Unix())))
	out, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: key("made#"+id, skFirst), UpdateExpression: aws.String(set), ExpressionAttributeNames: names,
		ExpressionAttributeValues: values, ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return "", fmt.Errorf("keep what was made first: %w", err)
	}
	return attr.TextOf(out.Attributes, attrFirst), nil
}

// FirstOf is what First has kept for an id, empty if that is nothing.
func (s *Store) FirstOf(ctx context.Context, id string) (first string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &s.Table, Key: key("made#"+id, skFirst), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return "", fmt.Errorf("read what was made first: %w", err)
	}
	return attr.TextOf(out.Item, attrFirst), nil
}
