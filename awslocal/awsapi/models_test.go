package awsapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sms-api/awslocal/awsapi"
)

// model is what AWS's models say of a value, see the files.
type model struct {
	Type                string
	Required            []string
	Members             map[string]*model
	Element, Key, Value *model
	Min, Max            *int
	Pattern             string
	Enum                []string
}

// modelsOfAWS are the models of the served operations, by service and operation.
func modelsOfAWS(t *testing.T) map[string]map[string]*model {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("models", "*.json"))
	if err != nil || len(files) != 6 {
		t.Fatalf("models: %v %v", files, err)
	}
	all := map[string]map[string]*model{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ Operations map[string]*model }
		if err := json.Unmarshal(text, &document); err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = document.Operations
	}
	return all
}

// valid is a value that the model takes: of its members those that it must have.
func (m *model) valid() any {
	switch m.Type {
	case "structure":
		value := map[string]any{}
		for _, name := range m.Required {
			value[name] = m.Members[name].valid()
		}
		return value
	case "list":
		if m.Element == nil {
			return []any{}
		}
		return []any{m.Element.valid()}
	case "map":
		return map[string]any{"a": m.Value.valid()}
	case "integer", "long":
		return 60
	case "boolean":
		return true
	case "timestamp":
		return 1.5e9
	case "string":
		return m.text()
	}
	return nil
}

func (m *model) text() string {
	switch {
	case len(m.Enum) > 0:
		return m.Enum[0]
	case strings.HasPrefix(m.Pattern, "tag:"):
		return "Type"
	case strings.Contains(m.Pattern, `[\.]`):
		return "a.b"
	}
	return strings.Repeat("a", max(3, m.min()))
}

func (m *model) min() int {
	if m.Min == nil {
		return 0
	}
	return *m.Min
}

// breach is a value that breaks one constraint of a model, and what AWS says of it.
type breach struct {
	value any
	says  string
}

// breaches are the values that are just not taken.
func (m *model) breaches() (all []breach) {
	bound := func(what string, n int, more bool) string {
		direction := "less"
		if more {
			direction = "greater"
		}
		return fmt.Sprintf("Member must have %s %s than or equal to %d", what, direction, n)
	}
	sized := func(n int) any {
		switch m.Type {
		case "string":
			return strings.Repeat("a", n)
		case "list":
			return slices.Repeat([]any{m.Element.valid()}, n)
		case "map":
			entries := map[string]any{}
			for i := range n {
				entries[fmt.Sprint("k", i)] = m.Value.valid()
			}
			return entries
		}
		return n
	}
	what := "length"
	if m.Type == "integer" || m.Type == "long" {
		what = "value"
	}
	if m.Min != nil && (*m.Min > 0 || what == "value") {
		all = append(all, breach{sized(*m.Min - 1), bound(what, *m.Min, true)})
	}
	if m.Max != nil {
		all = append(all, breach{sized(*m.Max + 1), bound(what, *m.Max, false)})
	}
	if m.Pattern != "" {
		all = append(all, breach{"é\t", "Member must satisfy regular expression pattern: " + m.Pattern})
	}
	if len(m.Enum) > 0 {
		all = append(all, breach{"none of them", "Member must satisfy enum value set: [" + strings.Join(m.Enum, ", ") + "]"})
	}
	return all
}

// place is a member somewhere in a request.
type place struct {
	// name is the member's, path where it is in the request and at how AWS writes that.
	name, path, at string
	model          *model
	required       bool
	// with is a request that is valid but for the member, which has the value.
	with func(value any) any
}

// places are all members of a request whose model is m, each in a request that has no others but those that it must have.
func (m *model) places(path, at string, with func(value any) any) (all []place) {
	switch m.Type {
	case "structure":
		for _, name := range slices.Sorted(maps.Keys(m.Members)) {
			one := place{
				name: name, path: join(path, name), at: join(at, strings.ToLower(name[:1])+name[1:]), model: m.Members[name],
				required: slices.Contains(m.Required, name),
				with: func(value any) any {
					whole := m.valid().(map[string]any) //nolint:forcetypeassert // a structure is one
					whole[name] = value
					return with(whole)
				},
			}
			all = append(all, one)
			all = append(all, one.model.places(one.path, one.at, one.with)...)
		}
	case "list":
		if m.Element != nil {
			element := place{path: path, at: at + ".1.member", model: m.Element, with: func(value any) any { return with([]any{value}) }}
			all = append(all, element)
			all = append(all, m.Element.places(path, element.at, element.with)...)
		}
	case "map":
		value := place{path: path, at: at + ".a.member", model: m.Value, with: func(value any) any { return with(map[string]any{"a": value}) }}
		all = append(all, value)
		all = append(all, m.Value.places(path, value.at, value.with)...)
	}
	return all
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// ask sends a request and returns the error's code and message, both empty when there is none.
func ask(t *testing.T, endpoint http.Handler, service, operation string, request any) (code, message string) {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	path, header := "/", map[string]string{"X-Amz-Target": service + "." + operation}
	if service == "AWSLambda" {
		path, header = invocation(t, body)
		body = []byte("{}")
	}
	method := http.MethodPost
	if operation == "GetFunctionConfiguration" {
		method, path, body = http.MethodGet, strings.Replace(path, "/invocations", "/configuration", 1), nil
	}
	status, _, answer := post(t, endpoint, method, path, string(body), header)
	if status < http.StatusBadRequest {
		return "", ""
	}
	var failed struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(answer), &failed); err != nil || status >= http.StatusInternalServerError {
		t.Errorf("%s.%s: status %d, %s", service, operation, status, answer)
	}
	return failed.Type, failed.Message
}

// invocation is where the members of Invoke stand in a request of Lambda's REST API.
func invocation(t *testing.T, body []byte) (path string, header map[string]string) {
	t.Helper()
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		t.Fatal(err)
	}
	path = "/2015-03-31/functions/" + url.PathEscape(fmt.Sprint(in["FunctionName"])) + "/invocations"
	if qualifier, ok := in["Qualifier"]; ok {
		path += "?Qualifier=" + url.QueryEscape(fmt.Sprint(qualifier))
	}
	header = map[string]string{}
	for member, name := range map[string]string{
		"InvocationType": "X-Amz-Invocation-Type", "LogType": "X-Amz-Log-Type", "ClientContext": "X-Amz-Client-Context",
		"DurableExecutionName": "X-Amz-Durable-Execution-Name", "TenantId": "X-Amz-Tenant-Id",
	} {
		if value, ok := in[member]; ok {
			header[name] = fmt.Sprint(value)
		}
	}
	return path, header
}

// Whatever AWS's model bounds, enumerates or demands of a request, the endpoint refuses in AWS's words.
func TestRequestsAreRefusedAsAWSRefusesThem(t *testing.T) {
	t.Parallel()
	checked := 0
	endpoint := awsapi.New(awsapi.Options{})
	for service, operations := range modelsOfAWS(t) {
		for operation, m := range operations {
			for _, p := range m.places("", "", func(value any) any { return value }) {
				if service == "AWSLambda" && (p.name == "Payload" || p.required) {
					// The payload is the body, and the name is in the path.
					continue
				}
				all := p.model.breaches()
				if p.required {
					all = append(all, breach{nil, "Member must not be null"})
				}
				for _, b := range all {
					if service == "AWSLambda" && b.value == "" && p.name != "Qualifier" {
						// A header without a value is none.
						continue
					}
					checked++
					code, message := ask(t, endpoint, service, operation, p.with(b.value))
					if want := "at '" + p.at + "' failed to satisfy constraint: " + b.says; code != "ValidationException" ||
						!strings.Contains(message, want) {
						t.Errorf("%s, %s: %s: %.300s,\nwant %s", operation, p.path, code, message, want)
					}
				}
			}
		}
	}
	if checked < 250 {
		t.Errorf("only %d constraints were looked at", checked)
	}
}

// The names in a map are bounded like its values, and lengths are in characters.
func TestNamesAndCharactersAreCounted(t *testing.T) {
	t.Parallel()
	endpoint := awsapi.New(awsapi.Options{})
	const names = "Map keys must satisfy constraint: [Member must "
	transformer := func(name string) any {
		return map[string]any{"Rule": "r", "Targets": []any{map[string]any{
			"Id": "t", "Arn": "a", "InputTransformer": map[string]any{"InputPathsMap": map[string]any{name: "$.a"}, "InputTemplate": "{}"},
		}}}
	}
	for _, c := range []struct {
		about, service, operation string
		request                   any
		says                      string
	}{
		{"a table without a name", "DynamoDB_20120810", "BatchGetItem",
			map[string]any{"RequestItems": map[string]any{"": map[string]any{"Keys": []any{map[string]any{"pk": map[string]any{"S": "a"}}}}}},
			names + "have length greater than or equal to 1]"},
		{"a blank in the name of a path", "AWSEvents", "PutTargets", transformer("a b"), names + "satisfy regular expression pattern: "},
		{"a name of a path that is too long", "AWSEvents", "PutTargets", transformer(strings.Repeat("a", 257)),
			names + "have length less than or equal to 256]"},
		{"a description in Korean, as long as it may be", "AWSEvents", "PutRule",
			map[string]any{"Name": "r", "ScheduleExpression": "rate(1 hour)", "Description": strings.Repeat("가", 512)}, ""},
		{"and longer", "AWSEvents", "PutRule",
			map[string]any{"Name": "r", "ScheduleExpression": "rate(1 hour)", "Description": strings.Repeat("가", 513)},
			"Member must have length less than or equal to 512"},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			_, message := ask(t, endpoint, c.service, c.operation, c.request)
			if bad := strings.Contains(message, "failed to satisfy constraint"); bad != (c.says != "") || !strings.Contains(message, c.says) {
				t.Errorf("got %.300q, want %q", message, c.says)
			}
		})
	}
}

// kept are the members that have an effect here, by operation; all others that AWS knows are refused by name.
func kept() map[string][]string {
	item := []string{"ExpressionAttributeNames", "TableName"}
	condition := slices.Concat(item, []string{"ConditionExpression", "ExpressionAttributeValues"})
	return map[string][]string{
		"StartExecution":       {"stateMachineArn", "name", "input", "traceHeader"},
		"DescribeExecution":    {"executionArn", "includedData"},
		"GetExecutionHistory":  {"executionArn", "maxResults", "reverseOrder", "nextToken", "includeExecutionData"},
		"ListExecutions":       {"stateMachineArn", "statusFilter", "maxResults", "nextToken", "redriveFilter", "mapRunArn"},
		"StopExecution":        {"executionArn", "error", "cause"},
		"RedriveExecution":     {"executionArn", "clientToken"},
		"DescribeStateMachine": {"stateMachineArn", "includedData"},
		"ListStateMachines":    {"maxResults", "nextToken"},
		"PutEvents": {"Entries", "Entries.Time", "Entries.Source", "Entries.Resources", "Entries.DetailType", "Entries.Detail",
			"Entries.EventBusName"},
		"PutRule": {"Name", "EventPattern", "State", "Description", "RoleArn", "EventBusName"},
		"PutTargets": {
			"Rule", "EventBusName", "Targets", "Targets.Id", "Targets.Arn", "Targets.RoleArn", "Targets.Input", "Targets.InputPath",
			"Targets.InputTransformer", "Targets.InputTransformer.InputPathsMap", "Targets.InputTransformer.InputTemplate",
			"Targets.DeadLetterConfig", "Targets.DeadLetterConfig.Arn", "Targets.RetryPolicy", "Targets.RetryPolicy.MaximumRetryAttempts",
			"Targets.RetryPolicy.MaximumEventAgeInSeconds",
		},
		"ListRules":         {"NamePrefix", "EventBusName", "NextToken", "Limit"},
		"ListTargetsByRule": {"Rule", "EventBusName", "NextToken", "Limit"},
		"DescribeRule":      {"Name", "EventBusName"},
		"DescribeEventBus":  {"Name"},
		"ListEventBuses":    {"NamePrefix", "NextToken", "Limit"},
		"TestEventPattern":  {"EventPattern", "Event"},
		// The key, the tier and the data type may be named when they are those that are here.
		"PutParameter":  {"Name", "Value", "Type", "Overwrite", "AllowedPattern", "Tier", "KeyId"},
		"GetParameter":  {"Name", "WithDecryption"},
		"GetParameters": {"Names", "WithDecryption"},
		"GetParametersByPath": {"Path", "Recursive", "ParameterFilters", "ParameterFilters.Key", "ParameterFilters.Option",
			"ParameterFilters.Values", "WithDecryption", "MaxResults", "NextToken"},
		"DescribeParameters": {
			"ParameterFilters", "ParameterFilters.Key", "ParameterFilters.Option", "ParameterFilters.Values", "MaxResults", "NextToken",
		},
		"GetFunctionConfiguration": {"FunctionName", "Qualifier"},
		"Invoke":                   {"FunctionName", "InvocationType", "LogType", "Payload", "Qualifier"},
		"CreateTable": {
			"AttributeDefinitions", "AttributeDefinitions.AttributeName", "AttributeDefinitions.AttributeType", "TableName", "KeySchema",
			"KeySchema.AttributeName", "KeySchema.KeyType", "LocalSecondaryIndexes", "LocalSecondaryIndexes.IndexName",
			"LocalSecondaryIndexes.KeySchema", "LocalSecondaryIndexes.KeySchema.AttributeName", "LocalSecondaryIndexes.KeySchema.KeyType",
			"LocalSecondaryIndexes.Projection", "LocalSecondaryIndexes.Projection.ProjectionType",
			"LocalSecondaryIndexes.Projection.NonKeyAttributes", "GlobalSecondaryIndexes", "GlobalSecondaryIndexes.IndexName",
			"GlobalSecondaryIndexes.KeySchema", "GlobalSecondaryIndexes.KeySchema.AttributeName", "GlobalSecondaryIndexes.KeySchema.KeyType",
			"GlobalSecondaryIndexes.Projection", "GlobalSecondaryIndexes.Projection.ProjectionType",
			"GlobalSecondaryIndexes.Projection.NonKeyAttributes", "GlobalSecondaryIndexes.ProvisionedThroughput",
			"GlobalSecondaryIndexes.ProvisionedThroughput.ReadCapacityUnits", "GlobalSecondaryIndexes.ProvisionedThroughput.WriteCapacityUnits",
			"BillingMode", "ProvisionedThroughput", "ProvisionedThroughput.ReadCapacityUnits", "ProvisionedThroughput.WriteCapacityUnits",
			"TableClass",
		},
		"DeleteTable":   {"TableName"},
		"DescribeTable": {"TableName"},
		"ListTables":    {"ExclusiveStartTableName", "Limit"},
		"GetItem":       slices.Concat(item, []string{"Key", "ConsistentRead", "ProjectionExpression"}),
		"PutItem":       slices.Concat(condition, []string{"Item", "ReturnValues"}),
		"UpdateItem": slices.Concat(condition, []string{"Key", "AttributeUpdates", "AttributeUpdates.Value", "AttributeUpdates.Action",
			"ReturnValues", "UpdateExpression"}),
		"DeleteItem": slices.Concat(condition, []string{"Key", "ReturnValues"}),
		"Query": slices.Concat(item, []string{"IndexName", "Limit", "ConsistentRead", "KeyConditions", "KeyConditions.AttributeValueList",
			"KeyConditions.ComparisonOperator", "ScanIndexForward", "ExclusiveStartKey", "ProjectionExpression", "FilterExpression",
			"KeyConditionExpression", "ExpressionAttributeValues"}),
		"Scan": slices.Concat(item, []string{"Limit", "ExclusiveStartKey", "TotalSegments", "Segment", "ProjectionExpression",
			"FilterExpression", "ExpressionAttributeValues", "ConsistentRead"}),
		"SendMessage": {"QueueUrl", "MessageBody", "MessageAttributes", "MessageAttributes.DataType", "MessageAttributes.StringValue"},
		// Receiving gives all attributes, whichever are asked for.
		"ReceiveMessage": {"QueueUrl", "AttributeNames", "MessageSystemAttributeNames", "MessageAttributeNames", "MaxNumberOfMessages",
			"VisibilityTimeout", "WaitTimeSeconds"},
		"DeleteMessage":      {"QueueUrl", "ReceiptHandle"},
		"GetQueueUrl":        {"QueueName"},
		"GetQueueAttributes": {"QueueUrl", "AttributeNames"},
		"ListQueues":         {"QueueNamePrefix"},
		"BatchGetItem": {"RequestItems", "RequestItems.Keys", "RequestItems.ConsistentRead", "RequestItems.ProjectionExpression",
			"RequestItems.ExpressionAttributeNames"},
		"BatchWriteItem": {"RequestItems", "RequestItems.PutRequest", "RequestItems.PutRequest.Item", "RequestItems.DeleteRequest",
			"RequestItems.DeleteRequest.Key"},
	}
}

// Each member that AWS knows is kept or refused, never dropped in silence.
func TestEachMemberIsKeptOrRefused(t *testing.T) {
	t.Parallel()
	for service, operations := range modelsOfAWS(t) {
		for operation, m := range operations {
			t.Run(operation, func(t *testing.T) {
				t.Parallel()
				var taken []string
				endpoint := awsapi.New(awsapi.Options{})
				for _, p := range m.places("", "", func(value any) any { return value }) {
					if p.name == "" || slices.Contains(taken, p.path) {
						continue
					}
					if _, message := ask(t, endpoint, service, operation, p.with(p.model.valid())); !strings.Contains(message, "The local endpoint ") {
						taken = append(taken, p.path)
					}
				}
				want := kept()[operation]
				slices.Sort(taken)
				slices.Sort(want)
				if !slices.Equal(taken, want) {
					t.Errorf("taken and not said to be: %v\nsaid to be taken, and refused: %v", without(taken, want), without(want, taken))
				}
			})
		}
	}
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(name string) bool { return slices.Contains(some, name) })
}
