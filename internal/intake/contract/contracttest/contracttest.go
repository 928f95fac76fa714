// Package contracttest lets tests hold events to the contract.
package contracttest

import (
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sms-api/internal/intake/contract"
)

// Schema reads the schema of an event as the registry does: as draft 4, with formats.
func Schema(t *testing.T, detailType string) *jsonschema.Schema {
	t.Helper()
	text, err := contract.EventSchema(detailType)
	if err != nil {
		t.Fatal(err)
	}
	v := Value(t, text)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(detailType, v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(detailType)
	if err != nil {
		t.Fatal(err)
	}
	if s.DraftVersion != 4 {
		t.Fatalf("%s is of draft %d", detailType, s.DraftVersion)
	}
	return s
}

// Value reads JSON as schemas take it.
func Value(t *testing.T, text string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
