package contract_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/intake/contract"
	"sms-api/internal/intake/contract/contracttest"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

type object = map[string]any

func document(t *testing.T) object {
	t.Helper()
	var d object
	if err := json.Unmarshal([]byte(contract.OpenAPI()), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// at follows a path of members into a document.
func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, name := range path {
		o, ok := v.(object)
		if !ok || o[name] == nil {
			t.Fatalf("the document has no %q in %q", name, path)
		}
		v = o[name]
	}
	return v
}

// draft4 rewrites a schema of JSON Schema 2020-12, as OpenAPI 3.1 has it, for draft 4, as the EventBridge schema registry
// takes it.
func draft4(v any) any {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = draft4(v[i])
		}
		return list
	case object:
		o := object{}
		for name, value := range v {
			switch name {
			case "examples", "propertyNames":
			case "const":
				o["enum"] = []any{value}
			case "$ref":
				o[name] = strings.Replace(value.(string), "#/components/schemas/", "#/definitions/", 1)
			case "properties":
				properties := object{}
				for member, schema := range value.(object) {
					properties[member] = draft4(schema)
				}
				o[name] = properties
			case "items", "anyOf", "oneOf", "allOf", "additionalProperties":
				o[name] = draft4(value)
			default:
				o[name] = value
			}
		}
		return o
	}
	return v
}

// references are the schemas that a schema needs, directly or not.
func references(t *testing.T, schemas object, v any, into object) {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			references(t, schemas, one, into)
		}
	case object:
		for name, value := range v {
			target, ok := value.(string)
			if name == "$ref" && ok {
				target = strings.TrimPrefix(target, "#/components/schemas/")
				if into[target] == nil {
					into[target] = draft4(at(t, schemas, target))
					references(t, schemas, at(t, schemas, target), into)
				}
				continue
			}
			references(t, schemas, value, into)
		}
	}
}

// eventSchema is the schema of a whole event.
func eventSchema(t *testing.T, detailType, description string, source object, detail object) []byte {
	t.Helper()
	definitions := object{}
	references(t, at(t, document(t), "components", "schemas").(object), detail, definitions)
	text := object{"type": "string"}
	schema := object{
		"$schema":     "http://json-schema.org/draft-04/schema#",
		"title":       detailType,
		"description": description,
		"type":        "object",
		"required":    []any{"version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"},
		"properties": object{
			"version": text, "id": text, "detail-type": object{"type": "string", "enum": []any{detailType}}, "source": source,
			"account": text, "time": object{"type": "string", "format": "date-time"}, "region": text,
			"resources": object{"type": "array", "items": text}, "detail": draft4(detail),
		},
	}
	if len(definitions) > 0 {
		schema["definitions"] = definitions
	}
	return testkit.Indented(t, schema)
}

func with(o object, members object) object {
	o = maps.Clone(o)
	maps.Copy(o, members)
	return o
}

// generated are the files that are made from the OpenAPI document, by their names.
func generated(t *testing.T) map[string][]byte {
	t.Helper()
	d := document(t)
	schema := func(name string) object { return at(t, d, "components", "schemas", name).(object) }
	ours := object{"type": "string", "enum": []any{"sms-api"}}

	request := schema("MessageRequest")
	key := object{
		"description": "Names the message among those of the event's source, for 90 days. The event's id if it is absent.",
		"type":        "string", "minLength": 1.0, "maxLength": 255.0, "pattern": "^[!-~]+$",
	}
	var branches []any
	for _, name := range []string{"AlimTalkRequest", "SMSRequest", "AdvertisingRequest"} {
		branch := schema(name)
		branches = append(branches, with(branch, object{"properties": with(branch["properties"].(object), object{"idempotencyKey": key})}))
	}
	if n := len(request["oneOf"].([]any)); n != len(branches) {
		t.Fatalf("a request is one of %d, want %d", n, len(branches))
	}
	requested := with(request, object{"oneOf": branches})
	problem := schema("Problem")
	rejected := with(problem, object{
		"description": "A problem document (RFC 9457) with what the request was named by.",
		"required":    append(slices.Clone(problem["required"].([]any)), "idempotencyKey"),
		"properties": with(problem["properties"].(object), object{
			"idempotencyKey": object{"description": "The request's, or the id of its event.", "type": "string"},
			"reference":      object{"description": "The request's.", "type": "string"},
			"route":          object{"description": "The name of the route that made the request, if one has.", "type": "string"},
		}),
	})
	settling := schema("Message")
	promised := at(t, settling, "properties").(object)
	told := object{
		"id": promised["id"], "createdAt": promised["createdAt"],
		"idempotencyKey": object{"description": "The request's, or the id of its event.", "type": "string"},
		"recipientCount": object{"description": "How many recipients it has.", "type": "integer", "minimum": 1.0, "maximum": 500.0},
	}
	for _, name := range jsonNames(reflect.TypeOf(message.Echo{})) {
		told[name] = promised[name]
	}
	accepted := object{
		"description": "A message that an event has become. It comes once more with each repetition of the event.",
		"type":        "object", "required": []any{"id", "idempotencyKey", "createdAt", "recipientCount"}, "properties": told,
	}
	status := at(t, settling, "properties", "status").(object)
	settled := with(settling, object{
		"required": append(slices.Clone(settling["required"].([]any)), "settledAt"),
		"properties": with(promised, object{
			"status": with(status, object{"enum": []any{"delivered", "partial", "failed", "expired", "cancelled"}}),
		}),
	})
	delete(settled["properties"].(object), "parked")
	files := map[string][]byte{
		"schemas/MessageRequested.json": eventSchema(t, "MessageRequested", "Put this on the bus to send a message.", object{"type": "string"},
			requested),
		"schemas/MessageAccepted.json": eventSchema(t, "MessageAccepted",
			"The message that a MessageRequested event has become, or the event of a route.", ours, accepted),
		"schemas/MessageSettled.json": eventSchema(t, "MessageSettled",
			"What has become of a message in the end. It comes once for each message.", ours,
			settled),
		"schemas/MessageRejected.json": eventSchema(t, "MessageRejected", "A MessageRequested event that cannot be accepted, and why.", ours,
			rejected),
	}

	seen := schema("Campaign")
	without := maps.Clone(at(t, seen, "properties").(object))
	delete(without, "report") // links are for those who ask, and so are texts
	plan := schema("CampaignPlan")
	public := maps.Clone(plan["properties"].(object))
	required := plan["required"].([]any)
	for _, private := range []string{"errorsUrl", "examples"} {
		delete(public, private)
		required = slices.DeleteFunc(slices.Clone(required), func(name any) bool { return name == private })
	}
	without["plan"] = with(plan, object{"properties": public, "required": required})
	for detailType, about := range map[string]string{
		"CampaignPlanned": "What would come of a campaign's file. It comes once, or with a repetition of the same.",
		"CampaignSettled": "What has become of a campaign in the end. It comes once, or with a repetition of the same.",
	} {
		files["schemas/"+detailType+".json"] = eventSchema(t, detailType, about, ours, with(seen, object{"properties": without}))
	}

	said := object{
		"description": "What a recipient has said. Of opt-outs and opt-ins the one that was said last counts.",
		"type":        "object", "required": []any{"to"},
		"properties": object{
			"to":  object{"description": "A Korean number, with or without hyphens or +82.", "type": "string"},
			"at":  object{"description": "When that was said; the event's time if it is absent.", "type": "string", "format": "date-time"},
			"via": object{"description": "Where, such as 080.", "type": "string", "maxLength": 64.0},
		},
	}
	for detailType, about := range map[string]string{
		"RecipientOptedOut": "Put this on the bus when somebody wants no advertising any more.",
		"RecipientOptedIn":  "Put this on the bus when somebody who had opted out wants advertising again.",
	} {
		files["schemas/"+detailType+".json"] = eventSchema(t, detailType, about, object{"type": "string"}, said)
	}
	event := func(detailType, source string, detail any) []byte {
		return testkit.Indented(t, object{
			"version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718", "detail-type": detailType, "source": source, "account": "000000000000",
			"time": "2026-12-01T00:00:00Z", "region": "ap-northeast-2", "resources": []any{}, "detail": detail,
		})
	}
	post := at(t, d, "paths", "/v1/messages", "post")
	body := at(t, post, "requestBody", "content", "application/json", "examples", "everything", "value").(object)
	for _, detailType := range []string{"RecipientOptedOut", "RecipientOptedIn"} {
		files["examples/"+detailType+".json"] = event(detailType, "shop.support",
			object{"to": "010-1234-5678", "at": "2026-12-01T09:00:00+09:00", "via": "080"})
	}
	files["examples/MessageRequested.json"] = event("MessageRequested", "shop.orders",
		with(body, object{"idempotencyKey": "order-17-confirmed"}))
	invalid := at(t, post, "responses", "422", "content", "application/problem+json", "examples", "invalid", "value").(object)
	files["examples/MessageRejected.json"] = event("MessageRejected", "sms-api",
		with(invalid, object{"idempotencyKey": "order-17-confirmed", "reference": "order-17"}))
	taken := at(t, post, "responses", "200", "content", "application/json", "examples", "replayed", "value", "id")
	files["examples/MessageAccepted.json"] = event("MessageAccepted", "sms-api", object{
		"id": taken, "idempotencyKey": "order-17-confirmed", "reference": "order-17", "createdAt": "2026-12-01T00:00:00Z", "recipientCount": 1,
	})
	outcomes := at(t, d, "paths", "/v1/messages/{id}", "get", "responses", "200", "content", "application/json", "examples").(object)
	campaigns := at(t, d, "paths", "/v1/campaigns/{id}", "get", "responses", "200", "content", "application/json", "examples").(object)
	for detailType, example := range map[string]string{"CampaignPlanned": "planned", "CampaignSettled": "settled"} {
		told := maps.Clone(at(t, campaigns, example, "value").(object))
		delete(told, "report")
		plan := maps.Clone(told["plan"].(object))
		delete(plan, "errorsUrl")
		delete(plan, "examples")
		told["plan"] = plan
		files["examples/"+detailType+".json"] = event(detailType, "sms-api", told)
	}
	for status := range outcomes {
		outcome := at(t, outcomes, status, "value").(object)
		if outcome["settledAt"] != nil {
			files["examples/MessageSettled-"+status+".json"] = event("MessageSettled", "sms-api", outcome)
		}
	}
	return files
}

func TestEventsAreMadeFromTheDocument(t *testing.T) {
	t.Parallel()
	files := generated(t)
	for name, want := range files {
		testkit.Golden(t, *update, name, want)
	}
	for _, pattern := range []string{"schemas/*", "examples/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range found {
			if files[name] == nil {
				t.Errorf("%s is left over", name)
			}
		}
	}
}

// examples are the events that the examples show, by file.
func examples(t *testing.T) map[string]any {
	t.Helper()
	files, err := filepath.Glob("examples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, file := range files {
		all[file] = contracttest.Value(t, testkit.File(t, file))
	}
	return all
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	statuses := 0
	for file, v := range examples(t) {
		detailType, _, status := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".json"), "-")
		if status {
			statuses++
		}
		if err := contracttest.Schema(t, detailType).Validate(v); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		v.(object)["detail"] = object{}
		if err := contracttest.Schema(t, detailType).Validate(v); err == nil {
			t.Errorf("%s: its schema takes an empty detail", file)
		}
	}
	if statuses != 5 {
		t.Errorf("%d examples of MessageSettled, want one for each final status", statuses)
	}
}

func TestSchemaOfMessageRequestedRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	schema := contracttest.Schema(t, "MessageRequested")
	v := examples(t)["examples/MessageRequested.json"]
	for detail, want := range map[string]bool{
		`{"template":"T","recipients":[{"to":"010-1234-5678"}]}`:                                  true,
		`{"channel":"sms","text":"t","recipients":[{"to":"010-1234-5678"}],"idempotencyKey":"k"}`: true,
		`{"channel":"sms","template":"T","text":"t","recipients":[{"to":"010-1234-5678"}]}`:       false,
		`{"channel":"sms","recipients":[{"to":"010-1234-5678"}]}`:                                 false,
		`{"recipients":[{"to":"010-1234-5678"}]}`:                                                 false,
		`{"template":"T","text":"t","recipients":[{"to":"010-1234-5678"}]}`:                       false,
		`{"template":"T","recipients":[{"to":"010-1234-5678"}],"colour":"red"}`:                   false,
		`{"template":"T","recipients":[]}`:                                                        false,
		`{"channel":"sms","text":"t","purpose":"ad","recipients":[{"to":"010-1234-5678"}]}`:       true,
		`{"template":"T","purpose":"ad","recipients":[{"to":"010-1234-5678"}]}`:                   false,
		`{"template":"T","nightConsent":true,"recipients":[{"to":"010-1234-5678"}]}`:              false,
	} {
		v.(object)["detail"] = contracttest.Value(t, detail)
		if err := schema.Validate(v); (err == nil) != want {
			t.Errorf("%s: %v", detail, err)
		}
	}
}

func TestSchemaOfAnUnknownEvent(t *testing.T) {
	t.Parallel()
	if _, err := contract.EventSchema("MessageLost"); err == nil || !strings.Contains(err.Error(), "MessageLost") {
		t.Errorf("got %v", err)
	}
}
