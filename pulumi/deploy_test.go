package main

import (
	"strings"
	"testing"
)

// TestComponents: the engine looks for a provider of whatever is not a component, and for these there is none.
func TestComponents(t *testing.T) {
	t.Parallel()
	components := 0
	for _, r := range deployed(t, nil).resources {
		component := strings.HasPrefix(r.kind, "sms-api:")
		if component {
			components++
		}
		if r.rpc.GetCustom() == component {
			t.Errorf("%s %s: custom is %t", r.kind, r.name, r.rpc.GetCustom())
		}
	}
	same(t, "components", components, 9)
}
