// Package contract has what the API and the events promise, as documents: the OpenAPI description of the API and the
// JSON Schemas of the events. It imports nothing, so that what deploys and serves them can use it.
//
// openapi.json is the one source. The list of operations, the events' schemas and their examples are made from it:
// go test ./internal/intake/contract -update writes them anew, and without the flag the test holds them to it.
package contract

import _ "embed"

//go:embed openapi.json
var openAPI string

// OpenAPI returns the OpenAPI 3.1 document in JSON.
func OpenAPI() string { return openAPI }

// Operation is one operation of the API, as the OpenAPI document has it.
type Operation struct {
	// ID is the operationId, such as sendMessage.
	ID string
	// Method is upper case, Path has its parameters in braces: GET and /v1/messages/{id}.
	Method, Path string
	// Public operations need no identity.
	Public bool
	// Scopes are those of which a caller needs one; without any it needs an identity only.
	Scopes []string
}

// Route is the operation in the notation of http.ServeMux, which is that of API Gateway's route keys, too:
// GET /v1/messages/{id}.
func (o Operation) Route() string { return o.Method + " " + o.Path }
