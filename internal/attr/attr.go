// Package attr makes and reads attributes of items in DynamoDB, for the packages that keep something in the table of
// sends. What is read of an attribute that is missing or of another type is the zero value.
package attr

import (
	"regexp"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Text is a string attribute.
func Text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// Binary is a binary attribute.
func Binary(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

// Yes is an attribute that is true.
func Yes() types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: true} }

// Number is a number attribute.
func Number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// TextOf is a string attribute, or empty.
func TextOf(item map[string]types.AttributeValue, name string) string {
	if v, ok := item[name].(*types.AttributeValueMemberS); ok {
		return v.Value
	}
	return ""
}

// BytesOf is a binary attribute, or empty.
func BytesOf(item map[string]types.AttributeValue, name string) []byte {
	if v, ok := item[name].(*types.AttributeValueMemberB); ok {
		return v.Value
	}
	return nil
}

// NumberOf is a number attribute, or 0.
func NumberOf(item map[string]types.AttributeValue, name string) int64 {
	if v, ok := item[name].(*types.AttributeValueMemberN); ok {
		if n, err := strconv.ParseInt(v.Value, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// Named is a value of an expression under its placeholder, which begins with a colon.
type Named struct {
	Name  string
	Value types.AttributeValue
}

// Value is one of them.
func Value(placeholder string, v types.AttributeValue) Named {
	return Named{Name: placeholder, Value: v}
}

var namePlaceholder = regexp.MustCompile(`#[a-z]+`)

// Placeholders are the names and values of an expression, nil where there are none. Attributes are only ever written as #name,
// because some of their names are words that DynamoDB reserves (state, at, key), and nobody remembers which.
func Placeholders(expression string, values ...Named) (map[string]string, map[string]types.AttributeValue) {
	names := map[string]string{}
	for _, p := range namePlaceholder.FindAllString(expression, -1) {
		names[p] = p[1:]
	}
	byName := make(map[string]types.AttributeValue, len(values))
	for _, v := range values {
		byName[v.Name] = v.Value
	}
	if len(byName) == 0 {
		return names, nil
	}
	return names, byName
}
