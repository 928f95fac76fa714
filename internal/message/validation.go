package message

import "strings"

// ValidationError is one thing that is wrong with a request. It never holds a number or a text of the request.
type ValidationError struct {
	// Pointer is the JSON Pointer (RFC 6901) to what is wrong in the request; empty for the whole of it.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer extends a JSON Pointer with member names or indices.
func Pointer(parent string, tokens ...string) string {
	for _, token := range tokens {
		parent += "/" + pointerEscapes.Replace(token)
	}
	return parent
}
