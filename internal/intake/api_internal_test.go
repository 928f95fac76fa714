package intake

import (
	"maps"
	"slices"
	"testing"

	"sms-api/internal/intake/contract"
)

// An operation of the document without a handler, or a handler without an operation, has a name here.
func TestEveryOperationHasItsHandler(t *testing.T) {
	t.Parallel()
	var promised []string
	for _, o := range contract.Operations() {
		promised = append(promised, o.ID)
	}
	slices.Sort(promised)
	if served := slices.Sorted(maps.Keys(new(API).handlers())); !slices.Equal(served, promised) {
		t.Errorf("handlers for %q, operations %q", served, promised)
	}
}

// What the document asks for is what callers are given.
func TestScopesOfTheDocumentAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	for _, o := range contract.Operations() {
		for _, scope := range o.Scopes {
			if !slices.Contains(Scopes(), scope) {
				t.Errorf("%s asks for %s, which no caller has", o.ID, scope)
			}
		}
	}
}
