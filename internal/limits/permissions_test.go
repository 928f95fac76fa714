package limits_test

import (
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/limits"
	"sms-api/internal/testkit/tabletest"
)

// Each function may do to the counts what its part of this package does there, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	counts := func(w *world) {
		a := w.keyed("body", kim)
		for range 2 {
			_, _ = w.Take(t.Context(), a)
		}
		_ = w.Cancelled(t.Context(), a.Message, a.Body)
	}
	uses := map[string]func(*world){
		deployment.API: counts, deployment.Events: counts, "campaign": counts,
		"plan": func(w *world) {
			_, _ = w.LookAtNumbers(t.Context(), w.ask(kim))
			_, _ = w.Rooms(t.Context(), "someone", false, w.clock)
		},
	}
	tabletest.HoldPermissions(t, deployment.Limits, func(function string) []string {
		w := newWorld(t)
		w.StackDay, w.Same = 10, time.Hour
		w.Untrusted = limits.Rules{NumberHour: 1, CallerDay: 10}
		w.table.Operations()
		if use := uses[function]; use != nil {
			use(w)
		}
		return w.table.Operations()
	})
}
