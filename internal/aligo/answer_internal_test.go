package aligo

import (
	"slices"
	"testing"
)

func TestRepairableCausesAreThoseOfTheRefusalsThatPark(t *testing.T) {
	t.Parallel()
	want := []Cause{CauseUnknown}
	for _, rule := range refusalRules() {
		if rule.class == ClassNotConfigured {
			want = append(want, rule.cause)
		}
	}
	if got := slices.Sorted(slices.Values(Repairable())); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("messages are parked because of %q, want %q", got, want)
	}
}
