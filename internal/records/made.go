package records

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
)

// Made keeps which message was made first of what the id stands for, and returns its fingerprint: the one that is handed over, if
// there was none. It does not say that this message was started.
func (s *Store) Made(ctx context.Context, id, hash string) (first string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const set = "SET #print = if_not_exists(#print, :print), #expires = if_not_exists(#expires, :expires)"
	names, values := attr.Placeholders(set, attr.Value(":print", fingerprint(hash)),
		attr.Value(":expires", attr.Number(s.now().Add(s.Kept).Unix())))
	out, err := s.Client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: key("made#"+id, skFirst), UpdateExpression: aws.String(set), ExpressionAttributeNames: names,
		ExpressionAttributeValues: values, ReturnValues: types.ReturnValueAllNew,
	})
	if err != nil {
		return "", fmt.Errorf("keep what was made: %w", err)
	}
	return printOf(out.Attributes), nil
}
