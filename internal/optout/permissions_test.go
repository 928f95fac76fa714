package optout_test

import (
	"testing"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/optout"
	"sms-api/internal/testkit/tabletest"
)

// Each function may do to the list what its part of this package does there, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	heeds := func(l *optout.List) { _, _ = l.Among(t.Context(), []message.Phone{kim}) }
	writes := func(l *optout.List) {
		_, _ = l.Record(t.Context(), kim, optout.Out, noon(0), "080")
		heeds(l)
	}
	uses := map[string]func(*optout.List){
		"alimtalk": heeds, "sms": heeds, "reconcile": heeds, "plan": heeds, "campaign": heeds, deployment.Events: writes,
		deployment.API: func(l *optout.List) {
			writes(l)
			_, _, _ = l.Page(t.Context(), 1, "")
		},
	}
	tabletest.HoldPermissions(t, deployment.OptOuts, func(function string) []string {
		l, table := newList(t, "secret")
		table.Operations()
		if use := uses[function]; use != nil {
			use(l)
		}
		return table.Operations()
	})
}
