package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sms-api/internal/intake/contract"
	"sms-api/statemachine"
)

// operation is one operation of the OpenAPI document, which the API's routes come from.
type operation struct {
	id, method, path string
	// public operations need no identity. The document says so of itself, and of nothing else.
	public bool
	// scopes are those of which a token needs one.
	scopes []string
}

// routeKey is the operation in API Gateway's notation, which is the document's.
func (o operation) routeKey() string { return o.method + " " + o.path }

// tokenScopes are the scopes as they stand in tokens: Amazon Cognito puts the resource server's identifier before them.
func (o operation) tokenScopes() []string {
	var scopes []string
	for _, scope := range o.scopes {
		scopes = append(scopes, scope, "sms-api/"+scope)
	}
	return scopes
}

// operations reads the OpenAPI document.
func operations(document string) ([]operation, error) {
	type security []map[string][]string
	var parsed struct {
		Security security                              `json:"security"`
		Paths    map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(document), &parsed); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	var found []operation
	for _, path := range slices.Sorted(maps.Keys(parsed.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(parsed.Paths[path])) {
			if !slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, method) {
				continue
			}
			var described struct {
				OperationID string    `json:"operationId"`
				Security    *security `json:"security"`
			}
			if err := json.Unmarshal(parsed.Paths[path][method], &described); err != nil {
				return nil, fmt.Errorf("OpenAPI document: %s %s: %w", method, path, err)
			}
			required := parsed.Security
			if described.Security != nil {
				required = *described.Security
			}
			o := operation{id: described.OperationID, method: strings.ToUpper(method), path: path, public: len(required) == 0}
			for _, way := range required {
				for _, scheme := range slices.Sorted(maps.Keys(way)) {
					o.scopes = append(o.scopes, way[scheme]...)
				}
			}
			if o.id == "" {
				return nil, fmt.Errorf("OpenAPI document: %s has no operationId", o.routeKey())
			}
			found = append(found, o)
		}
	}
	return found, nil
}

// schema describes one of the events.
type schema struct{ name, content string }

func eventSchemas() ([]schema, error) {
	var found []schema
	for _, name := range []string{statemachine.DetailTypeRequested, statemachine.DetailTypeSettled, statemachine.DetailTypeRejected} {
		content, err := contract.EventSchema(name)
		if err != nil {
			return nil, err
		}
		found = append(found, schema{name, content})
	}
	return found, nil
}
