package contract_test

import (
	"encoding/json"
	"fmt"
	"go/format"
	"maps"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/intake/contract"
	"sms-api/internal/testkit"
)

// readOperations reads the operations of an OpenAPI document, in the order of paths and, within one, of OpenAPI's methods.
func readOperations(document string) ([]contract.Operation, error) {
	type security []map[string][]string
	var parsed struct {
		Security security                              `json:"security"`
		Paths    map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	var found []contract.Operation
	for _, path := range slices.Sorted(maps.Keys(parsed.Paths)) {
		for _, method := range []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"} {
			text, ok := parsed.Paths[path][method]
			if !ok {
				continue
			}
			var described struct {
				OperationID string    `json:"operationId"`
				Security    *security `json:"security"`
			}
			if err := json.Unmarshal(text, &described); err != nil {
				return nil, fmt.Errorf("OpenAPI document: %s %s: %w", method, path, err)
			}
			required := parsed.Security
			if described.Security != nil {
				required = *described.Security
			}
			o := contract.Operation{ID: described.OperationID, Method: strings.ToUpper(method), Path: path, Public: len(required) == 0}
			for _, way := range required {
				for _, scheme := range slices.Sorted(maps.Keys(way)) {
					o.Scopes = append(o.Scopes, way[scheme]...)
				}
			}
			if o.ID == "" {
				return nil, fmt.Errorf("OpenAPI document: %s has no operationId", o.Route())
			}
			found = append(found, o)
		}
	}
	return found, nil
}

// operationsInGo is the source of operations.go.
func operationsInGo(t *testing.T) []byte {
	t.Helper()
	operations, err := readOperations(contract.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(`// Code generated from openapi.json by go test ./internal/intake/contract -update; DO NOT EDIT.

package contract

// Operations lists the operations of the OpenAPI document, in the order of paths.
func Operations() []Operation {
	return []Operation{
`)
	for _, o := range operations {
		fmt.Fprintf(&b, "{ID: %q, Method: %q, Path: %q", o.ID, o.Method, o.Path)
		if o.Public {
			b.WriteString(", Public: true")
		}
		if len(o.Scopes) > 0 {
			fmt.Fprintf(&b, ", Scopes: %#v", o.Scopes)
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n}\n")
	source, err := format.Source([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestOperationsAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	testkit.Golden(t, *update, "operations.go", operationsInGo(t))
}

func TestDocumentsWithoutOperations(t *testing.T) {
	t.Parallel()
	for document, says := range map[string]string{
		`{`: "unexpected end", `{"paths":{"/a":{"get":{}}}}`: "no operationId", `{"paths":{"/a":{"get":{"operationId":1}}}}`: "get /a",
	} {
		if _, err := readOperations(document); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", document, err)
		}
	}
}

// Nothing is open that was not meant to be.
func TestOperations(t *testing.T) {
	t.Parallel()
	var got []string
	for _, o := range contract.Operations() {
		who := "everybody"
		if !o.Public {
			who = strings.Join(o.Scopes, " or ")
		}
		got = append(got, o.Route()+": "+who)
	}
	want := []string{
		"GET /v1/balance: messages:text",
		"GET /v1/campaigns: campaigns:send or messages:admin",
		"POST /v1/campaigns: campaigns:send",
		"GET /v1/campaigns/{id}: campaigns:send or messages:admin",
		"POST /v1/campaigns/{id}/cancel: campaigns:send or messages:admin",
		"POST /v1/campaigns/{id}/pause: campaigns:send or messages:admin",
		"GET /v1/campaigns/{id}/report: campaigns:send or messages:admin",
		"POST /v1/campaigns/{id}/resume: campaigns:send or messages:admin",
		"POST /v1/campaigns/{id}/start: campaigns:send or messages:admin",
		"GET /v1/limits: messages:admin",
		"DELETE /v1/limits: messages:admin",
		"GET /v1/messages: messages:read or messages:admin",
		"POST /v1/messages: messages:send",
		"GET /v1/messages/{id}: messages:read or messages:admin",
		"DELETE /v1/messages/{id}: messages:send or messages:admin",
		"GET /v1/messages/{id}/way: messages:admin",
		"GET /v1/openapi.json: everybody",
		"GET /v1/opt-outs: messages:admin",
		"GET /v1/opt-outs/{number}: messages:admin",
		"PUT /v1/opt-outs/{number}: messages:admin",
		"DELETE /v1/opt-outs/{number}: messages:admin",
		"POST /v1/previews: messages:send",
		"DELETE /v1/recipients/{number}: messages:admin",
		"GET /v1/templates: messages:send",
		"GET /v1/templates/{code}: messages:send",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
