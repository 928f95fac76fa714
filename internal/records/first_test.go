package records_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/attr"
)

// What was made first stays, for one write each time; and it goes when records do.
func TestFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct{ id, print, want string }{
		{"a", "00ff", "00ff"}, {"a", "00fe", "00ff"}, {"b", "00fe", "00fe"}, {"a", "00ff", "00ff"}, {"b", "another", "00fe"},
	} {
		w.clock = w.clock.Add(time.Hour)
		w.did()
		got, err := w.First(t.Context(), c.id, c.print)
		if err != nil || got != c.want {
			t.Errorf("%s %s: %s, want %s, error %v", c.id, c.print, got, c.want, err)
		}
		if did := w.did(); !slices.Equal(did, []string{"UpdateItem"}) {
			t.Errorf("by %q", did)
		}
	}
	for id, want := range map[string]string{"a": "00ff", "c": ""} {
		if got, err := w.FirstOf(t.Context(), id); err != nil || got != want || !slices.Equal(w.did(), []string{"GetItem"}) {
			t.Errorf("of %s it was %q, %v", id, got, err)
		}
	}
	items := w.items(t)
	if len(items) != 2 {
		t.Errorf("%d items", len(items))
	}
	first := items["made#a first"]
	if expires := time.Unix(attr.NumberOf(first, "expires"), 0); !expires.Equal(began.Add(time.Hour + 97*24*time.Hour + w.Kept)) {
		t.Errorf("it expires at %v", expires)
	}
	w.before = func(context.Context, string) error { return errors.New("away") }
	if got, err := w.First(t.Context(), "a", "00ff"); err == nil || got != "" || strings.Contains(err.Error(), "00ff") {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := w.FirstOf(t.Context(), "a"); err == nil || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}
