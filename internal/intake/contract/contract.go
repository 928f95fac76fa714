// Package contract has what the API and the events promise, as documents: the OpenAPI description of the API and the
// JSON Schemas of the events. It imports nothing, so that what deploys and serves them can use it.
package contract

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed openapi.json
var openAPI string

//go:embed schemas/*.json
var schemas embed.FS

// OpenAPI returns the OpenAPI 3.1 document in JSON.
func OpenAPI() string { return openAPI }

// Route is one operation of the API.
type Route struct {
	// Method is upper case, Path has its parameters in braces: GET /v1/messages/{id}.
	Method, Path string
	// Public says that the operation needs no identity.
	Public bool
}

// Routes lists the operations of the OpenAPI document, in the order of paths and methods.
func Routes() ([]Route, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal([]byte(openAPI), &document); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	var routes []Route
	for _, path := range slices.Sorted(maps.Keys(document.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(document.Paths[path])) {
			if method == "parameters" {
				continue
			}
			var operation struct {
				Security []any `json:"security"`
			}
			if err := json.Unmarshal(document.Paths[path][method], &operation); err != nil {
				return nil, fmt.Errorf("OpenAPI document: %s %s: %w", method, path, err)
			}
			routes = append(routes, Route{
				Method: strings.ToUpper(method), Path: path, Public: operation.Security != nil && len(operation.Security) == 0,
			})
		}
	}
	return routes, nil
}

// EventSchema returns the JSON Schema (draft 4, which the EventBridge schema registry takes) of the whole event with this
// detail-type: MessageRequested, MessageSettled or MessageRejected.
func EventSchema(detailType string) (string, error) {
	b, err := schemas.ReadFile("schemas/" + detailType + ".json")
	if err != nil {
		return "", fmt.Errorf("schema of %s: %w", detailType, err)
	}
	return string(b), nil
}
