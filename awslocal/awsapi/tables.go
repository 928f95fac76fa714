package awsapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/sivchari/kumo/inprocess"

	"sms-api/awslocal/direct"
	"sms-api/awslocal/quota"
	"sms-api/awslocal/rawjson"
)

// tables is DynamoDB. The tables themselves are github.com/sivchari/kumo's; what is here refuses what kumo would pass over,
// and DynamoDB would do or refuse. Reserved words in expressions are not among it, and items never expire.
type tables struct {
	kumo   http.Handler
	around func(ctx context.Context, operation, table string, next func(context.Context) ([]byte, error)) ([]byte, error)
	limits *quota.Limits

	mu sync.RWMutex
	// partition is the name of the partition key of the tables that Table has made.
	partition map[string]string
}

// dynamoDB is what operations of DynamoDB begin with in X-Amz-Target.
const dynamoDB = "DynamoDB_20120810"

func newTables(
	around func(ctx context.Context, operation, table string, next func(context.Context) ([]byte, error)) ([]byte, error),
	limits *quota.Limits,
) *tables {
	return &tables{kumo: inprocess.DynamoDB(), around: around, limits: limits, partition: map[string]string{}}
}

// Table makes a table on demand whose partition key and sort key are strings of these names; sort may be empty.
func (e *Endpoint) Table(name, partition, sort string) error {
	type element struct{ AttributeName, KeyType string }
	type definition struct{ AttributeName, AttributeType string }
	keys, definitions := []element{{partition, "HASH"}}, []definition{{partition, "S"}}
	if sort != "" {
		keys, definitions = append(keys, element{sort, "RANGE"}), append(definitions, definition{sort, "S"})
	}
	body, err := rawjson.Marshal(struct {
		TableName, BillingMode string
		KeySchema              []element
		AttributeDefinitions   []definition
	}{name, "PAY_PER_REQUEST", keys, definitions})
	if err == nil {
		_, err = e.tables.call(context.Background(), "CreateTable", body)
	}
	if err != nil {
		return fmt.Errorf("make the table %s: %w", name, err)
	}
	e.tables.mu.Lock()
	defer e.tables.mu.Unlock()
	e.tables.partition[name] = partition
	return nil
}

// operations are those that are served, on tables and on items.
func (t *tables) operations() map[string]operation {
	operations := map[string]operation{}
	for _, name := range []string{"CreateTable", "DeleteTable", "DescribeTable", "ListTables"} {
		operations[name] = func(ctx context.Context, body []byte) (any, error) {
			if err := takes(name, body); err != nil {
				return nil, err
			}
			return t.run(ctx, name, body, tableRequest{})
		}
	}
	for _, name := range []string{"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"} {
		operations[name] = func(ctx context.Context, body []byte) (any, error) {
			var in tableRequest
			if err := json.Unmarshal(body, &in); err != nil {
				return nil, &ServiceError{Code: "SerializationException", Message: err.Error()}
			}
			if err := takes(name, body); err != nil {
				return nil, err
			}
			if err := in.check(name); err != nil {
				return nil, err
			}
			return t.run(ctx, name, body, in)
		}
	}
	return operations
}

// tableRequest is what is looked at of an operation on items.
type tableRequest struct {
	TableName    string
	RequestItems map[string]json.RawMessage

	ConditionExpression, UpdateExpression, KeyConditionExpression, FilterExpression, ProjectionExpression string

	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]json.RawMessage
	ReturnValues              string
}

// takes refuses members of a request that would have no effect here, wherever in it they are. null, NONE and false have none at AWS
// either.
func takes(operation string, body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return &ServiceError{Code: "SerializationException", Message: err.Error()}
		}
		if kind, values := dec.StackIndex(dec.StackDepth()); kind != '{' || values%2 == 0 || token.Kind() != '"' {
			continue
		}
		switch name := token.String(); {
		case isPassedOver(operation, name):
			value, err := dec.ReadValue()
			if err != nil {
				return &ServiceError{Code: "SerializationException", Message: err.Error()}
			}
			if text := string(value); text != "null" && text != `"NONE"` && text != "false" {
				return notTaken(name)
			}
		case hasAttributes(name):
			if err := dec.SkipValue(); err != nil {
				return &ServiceError{Code: "SerializationException", Message: err.Error()}
			}
		}
	}
}

// isPassedOver tells of a member that kumo does not look at.
func isPassedOver(operation, member string) bool {
	switch member {
	case "ReturnValuesOnConditionCheckFailure", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics", "Select", "Expected", "QueryFilter",
		"ScanFilter", "AttributesToGet", "ConditionalOperator":
		return true
	case "IndexName":
		return operation == "Scan"
	case "SSESpecification", "OnDemandThroughput", "WarmThroughput", "ResourcePolicy", "GlobalTableSourceArn",
		"GlobalTableSettingsReplicationMode", "DeletionProtectionEnabled", "StreamSpecification", "Tags":
		return operation == "CreateTable"
	}
	return false
}

// hasAttributes tells of a member whose own members are named by whoever makes the items.
func hasAttributes(member string) bool {
	switch member {
	case "Item", "Key", "Keys", "ExclusiveStartKey", "AttributeUpdates", "KeyConditions", "ExpressionAttributeNames",
		"ExpressionAttributeValues":
		return true
	}
	return false
}

// placeholder is a name or a value of an expression.
var placeholder = regexp.MustCompile(`[#:][A-Za-z0-9_]+`)

// check refuses what cannot be given back, and placeholders that stand for nothing or are not used, as DynamoDB does.
func (r *tableRequest) check(operation string) error {
	switch r.ReturnValues {
	case "", "NONE", "ALL_OLD":
	default:
		if operation == "PutItem" || operation == "DeleteItem" {
			return &ServiceError{Code: "ValidationException", Message: "Return values set to invalid value"}
		}
	}
	unused := map[string]string{}
	for name := range r.ExpressionAttributeNames {
		unused[name] = "ExpressionAttributeNames"
	}
	for name := range r.ExpressionAttributeValues {
		unused[name] = "ExpressionAttributeValues"
	}
	defined := maps.Clone(unused)
	// kumo replaces #s in #seq as well.
	names := slices.Sorted(maps.Keys(r.ExpressionAttributeNames))
	for i := 1; i < len(names); i++ {
		if strings.HasPrefix(names[i], names[i-1]) {
			return &ServiceError{Code: "ValidationException", Message: fmt.Sprintf(
				"The local endpoint cannot tell %s and %s apart.", names[i-1], names[i])}
		}
	}
	for _, expression := range []string{
		r.ConditionExpression, r.UpdateExpression, r.KeyConditionExpression, r.FilterExpression, r.ProjectionExpression,
	} {
		for _, name := range placeholder.FindAllString(expression, -1) {
			if _, ok := defined[name]; !ok {
				return &ServiceError{Code: "ValidationException", Message: fmt.Sprintf(
					"Invalid expression: An expression attribute used in expression is not defined; attribute: %s", name)}
			}
			delete(unused, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unused)) {
		return &ServiceError{Code: "ValidationException", Message: fmt.Sprintf(
			"Value provided in %s unused in expressions: keys: {%s}", unused[name], name)}
	}
	return nil
}

// table is the table that a request is for, or empty when it is for none or for several.
func (r *tableRequest) table() string {
	if r.TableName == "" && len(r.RequestItems) == 1 {
		for name := range r.RequestItems {
			return name
		}
	}
	return r.TableName
}

// run has an operation done the way the options want it.
func (t *tables) run(ctx context.Context, operation string, body []byte, in tableRequest) (any, error) {
	next := func(ctx context.Context) ([]byte, error) {
		if err := t.throttle(operation, body, in); err != nil {
			return nil, err
		}
		return t.call(ctx, operation, body)
	}
	answer, err := []byte(nil), error(nil)
	if t.around == nil {
		answer, err = next(ctx)
	} else {
		answer, err = t.around(ctx, operation, in.table(), next)
	}
	if err != nil {
		return nil, err
	}
	return json.RawMessage(answer), nil
}

// throttle refuses writes to a table, or to a key of it, that are too many. A write counts as many units as its request has
// kilobytes, which is about what DynamoDB counts of items that are written whole.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
func (t *tables) throttle(operation string, body []byte, in tableRequest) error {
	switch operation {
	case "PutItem", "UpdateItem", "DeleteItem":
	default:
		return nil
	}
	if t.limits == nil {
		return nil
	}
	var keys struct{ Item, Key map[string]struct{ S string } }
	// What this cannot read the operation itself will refuse.
	_ = json.Unmarshal(body, &keys)
	t.mu.RLock()
	partition := t.partition[in.TableName]
	t.mu.RUnlock()
	key := in.TableName + "/" + keys.Item[partition].S + keys.Key[partition].S
	units := float64((len(body) + 1023) / 1024)
	if !t.limits.TakeOf(quota.TableWrites, in.TableName, units) || !t.limits.TakeOf(quota.KeyWrites, key, units) {
		return &ServiceError{Code: "ThrottlingException",
			Message: "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table or index so " +
				"please try again shortly."}
	}
	return nil
}

// arnOfTable begins the ARN of a table in the region that kumo takes from the environment of the process.
var arnOfTable = regexp.MustCompile(`arn:aws:dynamodb:[a-z0-9-]*:`)

// call asks kumo. Its errors are *ServiceErrors.
func (t *tables) call(ctx context.Context, operation string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Amz-Target", dynamoDB+"."+operation)
	a := direct.Do(t.kumo, r)
	answer := bytes.TrimSpace(a.Body.Bytes())
	if a.Status != http.StatusOK {
		var failed struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(answer, &failed); err != nil {
			return nil, fmt.Errorf("%s: status %d: %w", operation, a.Status, err)
		}
		return nil, &ServiceError{Code: failed.Type, Message: failed.Message, Status: a.Status}
	}
	switch operation {
	case "CreateTable", "DeleteTable", "DescribeTable":
		answer = arnOfTable.ReplaceAll(answer, []byte("arn:aws:dynamodb:"+Region+":"))
	}
	return answer, nil
}
