// Package machinetest has the state machine that is deployed, for the tests of what reads it.
package machinetest

import (
	"encoding/json"
	"testing"

	"sms-api/awslocal/asl"
	"sms-api/internal/deployment"
	"sms-api/statemachine"
)

// Text is its definition.
func Text(tb testing.TB) string {
	tb.Helper()
	text, err := statemachine.Definition(deployment.Tasks(), "bus")
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// Parsed is the machine as it is run.
func Parsed(tb testing.TB) *asl.Machine {
	tb.Helper()
	machine, err := asl.Parse([]byte(Text(tb)))
	if err != nil {
		tb.Fatal(err)
	}
	return machine
}

// As reads the definition into a type that has what a test looks at.
func As[M any](tb testing.TB) M {
	tb.Helper()
	var machine M
	if err := json.Unmarshal([]byte(Text(tb)), &machine); err != nil {
		tb.Fatal(err)
	}
	return machine
}
