package guard_test

import (
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/guard"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

// Each function may do on the table what its part of this package does there, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	// A batch that could not be claimed when it was answered is claimed later.
	claims := func(w *world, s guard.Send) { _, _ = w.Answered(ctx, s, "1") }
	send := func(w *world) {
		s := w.mustOpen(t, opening("a", 0))
		_, _ = w.Open(ctx, opening("a", 0))
		_ = w.Close(ctx, s)
		claims(w, s)
	}
	cancels := func(w *world) {
		_ = w.Cancel(ctx, "a", expiry)
		_, _, _ = w.Opened(ctx, "a")
	}
	uses := map[string]func(*world){
		"alimtalk": send,
		"sms":      send,
		"receipts": func(w *world) {
			claims(w, guard.Send{Message: "a", Account: account, Channel: message.SMS, Expiry: expiry, At: began})
			_, _ = w.Owns(ctx, "a", guard.Batch{Account: account, Channel: message.SMS, MID: "1"})
		},
		"reconcile": func(w *world) {
			s := w.mustOpen(t, opening("a", 0))
			w.requests = nil
			_, _, _ = w.Opened(ctx, "a")
			_, _ = w.Owner(ctx, account, message.SMS, "1")
			_, _ = w.OpenSends(ctx, "a", account, message.SMS, time.Time{})
			_ = w.Claim(ctx, s, "1")
			_ = w.Raise(ctx, s, false)
		},
		deployment.API:    cancels,
		deployment.Settle: cancels,
		deployment.Sweep:  cancels,
		"campaign":        func(w *world) { cancels(w); _ = w.Unwant(ctx, "a") },
		"report":          func(w *world) { _, _, _ = w.Opened(ctx, "a") },
	}
	tabletest.HoldPermissions(t, deployment.Guards, func(function string) []string {
		w := newWorld(t)
		if use := uses[function]; use != nil {
			use(w)
		}
		return w.operations()
	})
}
