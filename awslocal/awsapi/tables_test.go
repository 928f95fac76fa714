package awsapi_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/awslocal/awsapi"
)

// item is an item whose attributes are strings.
func item(pairs ...string) map[string]types.AttributeValue {
	m := map[string]types.AttributeValue{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &types.AttributeValueMemberS{Value: pairs[i+1]}
	}
	return m
}

// withTable is a world that has the table stock, with the keys shop and thing.
func withTable(t *testing.T, o awsapi.Options) world {
	t.Helper()
	w := newWorld(t, o)
	if err := w.Table("stock", "shop", "thing"); err != nil {
		t.Fatal(err)
	}
	return w
}

// put writes an item on the condition that it is new.
func (w world) put(ctx context.Context, pairs ...string) error {
	_, err := w.tables.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: aws.String("stock"), Item: item(pairs...), ConditionExpression: aws.String("attribute_not_exists(#shop)"),
		ExpressionAttributeNames: map[string]string{"#shop": "shop"},
	})
	return err
}

func (w world) get(ctx context.Context, shop, thing string) (map[string]types.AttributeValue, error) {
	out, err := w.tables.GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("stock"), Key: item("shop", shop, "thing", thing)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

func TestItems(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, ctx := withTable(t, awsapi.Options{}), t.Context()
		if err := w.put(ctx, "shop", "a", "thing", "tea", "html", "<b>&"); err != nil {
			t.Fatal(err)
		}
		var failed *types.ConditionalCheckFailedException
		if err := w.put(ctx, "shop", "a", "thing", "tea"); !errors.As(err, &failed) {
			t.Errorf("a second time: %v", err)
		}
		if got, err := w.get(ctx, "a", "tea"); err != nil || !reflect.DeepEqual(got, item("shop", "a", "thing", "tea", "html", "<b>&")) {
			t.Errorf("GetItem = %v, %v", got, err)
		}
		var missing *types.ResourceNotFoundException
		if _, err := w.tables.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("nothing")}); !errors.As(err, &missing) {
			t.Errorf("a table that is not there: %v", err)
		}
		// Another endpoint in the same process has a table of the same name, and not its items.
		other := withTable(t, awsapi.Options{})
		if got, err := other.get(ctx, "a", "tea"); err != nil || len(got) > 0 {
			t.Errorf("another endpoint: %v, %v", got, err)
		}
	})
}

func TestTables(t *testing.T) {
	t.Parallel()
	w, ctx := withTable(t, awsapi.Options{}), t.Context()
	if err := w.Table("stock", "shop", ""); err == nil || !strings.Contains(err.Error(), "stock") {
		t.Errorf("the same table again: %v", err)
	}
	if err := w.Table("plain", "id", ""); err != nil {
		t.Fatal(err)
	}
	list, err := w.tables.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil || !slices.Equal(list.TableNames, []string{"plain", "stock"}) {
		t.Errorf("ListTables = %+v, %v", list, err)
	}
	described, err := w.tables.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: aws.String("stock")})
	if err != nil {
		t.Fatal(err)
	}
	table := described.Table
	if *table.TableArn != "arn:aws:dynamodb:ap-northeast-2:000000000000:table/stock" || len(table.KeySchema) != 2 ||
		table.BillingModeSummary.BillingMode != types.BillingModePayPerRequest {
		t.Errorf("DescribeTable = %+v", table)
	}
	if _, err := w.tables.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: aws.String("plain")}); err != nil {
		t.Error(err)
	}
}

// What would be passed over is refused, and so is what DynamoDB refuses.
func TestTablesRefuse(t *testing.T) {
	t.Parallel()
	w, ctx := withTable(t, awsapi.Options{}), t.Context()
	names := map[string]string{"#shop": "shop"}
	put := func(change func(*dynamodb.PutItemInput)) error {
		in := &dynamodb.PutItemInput{TableName: aws.String("stock"), Item: item("shop", "a", "thing", "tea")}
		change(in)
		_, err := w.tables.PutItem(ctx, in)
		return err
	}
	_, transaction := w.tables.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{TransactItems: []types.TransactGetItem{
		{Get: &types.Get{TableName: aws.String("stock"), Key: item("shop", "a", "thing", "tea")}},
	}})
	_, ttl := w.tables.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName:               aws.String("stock"),
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("x"), Enabled: aws.Bool(true)},
	})
	_, scan := w.tables.Scan(ctx, &dynamodb.ScanInput{TableName: aws.String("stock"), IndexName: aws.String("by-price")})
	for _, c := range []struct {
		about       string
		err         error
		code, means string
	}{
		{"an operation that is not served", transaction, "UnknownOperationException", "TransactGetItems"},
		{"items that would not expire", ttl, "UnknownOperationException", "UpdateTimeToLive"},
		{"a member without effect", put(func(in *dynamodb.PutItemInput) {
			in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
		}), "ValidationException", "does not take ReturnValuesOnConditionCheckFailure"},
		{"a member without effect in one operation", scan, "ValidationException", "does not take IndexName"},
		{"a value of a table that is changed", put(func(in *dynamodb.PutItemInput) { in.ReturnValues = types.ReturnValueUpdatedNew }),
			"ValidationException", "Return values set to invalid value"},
		{"a name that is not used", put(func(in *dynamodb.PutItemInput) { in.ExpressionAttributeNames = names }),
			"ValidationException", "unused in expressions: keys: {#shop}"},
		{"a value that is not used", put(func(in *dynamodb.PutItemInput) {
			in.ConditionExpression, in.ExpressionAttributeNames = aws.String("attribute_exists(#shop)"), names
			in.ExpressionAttributeValues = item(":x", "y")
		}), "ValidationException", "unused in expressions: keys: {:x}"},
		{"a value that is not there", put(func(in *dynamodb.PutItemInput) {
			in.ConditionExpression, in.ExpressionAttributeNames = aws.String("#shop = :x"), names
		}), "ValidationException", "not defined; attribute: :x"},
		{"names of which one begins like the other", put(func(in *dynamodb.PutItemInput) {
			in.ConditionExpression = aws.String("attribute_exists(#s) AND attribute_exists(#shop)")
			in.ExpressionAttributeNames = map[string]string{"#shop": "shop", "#s": "thing"}
		}), "ValidationException", "cannot tell #s and #shop apart"},
		{"an item without its key", put(func(in *dynamodb.PutItemInput) { in.Item = item("shop", "a") }), "ValidationException", "key"},
	} {
		if code(c.err) != c.code || !strings.Contains(c.err.Error(), c.means) {
			t.Errorf("%s: %v, want %s about %q", c.about, c.err, c.code, c.means)
		}
	}
	target := map[string]string{"X-Amz-Target": "DynamoDB_20120810.GetItem"}
	status, _, body := post(t, w.Endpoint, "POST", "/", `{"TableName": 1, "Key": {}}`, target)
	if status != http.StatusBadRequest || !strings.Contains(body, "SerializationException") {
		t.Errorf("%d %s", status, body)
	}
}

// The table throttles, fails after it has written, and answers late or never.
func TestAroundTable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var around func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error)
		var seen []string
		w := withTable(t, awsapi.Options{
			AroundTable: func(ctx context.Context, operation, table string, next func(context.Context) ([]byte, error)) ([]byte, error) {
				seen = append(seen, operation+" "+table)
				if around == nil {
					return next(ctx)
				}
				return around(ctx, next)
			},
		})
		ctx := t.Context()
		try := func(about string, ctx context.Context, thing, want string, written bool,
			how func(context.Context, func(context.Context) ([]byte, error)) ([]byte, error),
		) {
			t.Helper()
			around = how
			if err := w.put(ctx, "shop", "a", "thing", thing); err == nil && want != "" || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", about, err, want)
			}
			around = nil
			if got, err := w.get(t.Context(), "a", thing); err != nil || (len(got) > 0) != written {
				t.Errorf("%s: %v, %v", about, got, err)
			}
		}
		try("throttled", ctx, "1", "ProvisionedThroughputExceededException", false,
			func(context.Context, func(context.Context) ([]byte, error)) ([]byte, error) {
				return nil, &awsapi.ServiceError{Code: "ProvisionedThroughputExceededException"}
			})
		try("after writing", ctx, "2", "InternalServerError", true,
			func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
				if _, err := next(ctx); err != nil {
					return nil, err
				}
				return nil, &awsapi.ServiceError{Code: "InternalServerError", Status: http.StatusInternalServerError}
			})
		begin := time.Now()
		try("late", ctx, "3", "", true, func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
			time.Sleep(time.Minute)
			return next(ctx)
		})
		if late := time.Since(begin); late != time.Minute {
			t.Errorf("it took %v", late)
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		try("never", short, "4", "", true, func(ctx context.Context, next func(context.Context) ([]byte, error)) ([]byte, error) {
			if _, err := next(ctx); err != nil {
				return nil, err
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if err := w.put(ctx, "shop", "a", "thing", "2"); code(err) != "ConditionalCheckFailedException" {
			t.Errorf("an error of DynamoDB's goes through: %v", err)
		}
		_, err := w.tables.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			"stock": {Keys: []map[string]types.AttributeValue{item("shop", "a", "thing", "2")}},
		}})
		if err != nil {
			t.Error(err)
		}
		if seen[0] != "PutItem stock" || seen[1] != "GetItem stock" || seen[len(seen)-1] != "BatchGetItem stock" {
			t.Errorf("seen: %q", seen)
		}
	})
}
