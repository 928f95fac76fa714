package records_test

import (
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/testkit/tabletest"
)

// Each function may do to the records what its part of this package does there, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	ctx, m := t.Context(), sms(id, "01012345678")
	task := func(w *world) {
		_, _, _ = w.Find(ctx, id)
		w.went(m, progress(m, 1), 0)
	}
	accepts := func(w *world) {
		w.Accepted(ctx, m)
		_, _, _ = w.Find(ctx, id)
		w.Went(ctx, m, settled(m, began), records.Version{Seq: 2}, false)
	}
	door := func(w *world) {
		accepts(w)
		later := m
		later.SendAt = began.Add(time.Hour)
		w.Numbers = keyed{"key"}
		w.Accepted(ctx, later)
	}
	api := func(w *world) {
		door(w)
		_, _ = w.Search(ctx, records.Query{Limit: 1})
		_, _ = w.Erase(ctx, "01012345678")
	}
	events := func(w *world) {
		door(w)
		_, _ = w.First(ctx, id, "f")
	}
	uses := map[string]func(*world){
		deployment.API: api, deployment.Events: events, deployment.Settle: accepts, "campaign": door,
		"report": func(w *world) { _, _, _ = w.Find(ctx, id) },
	}
	uses[deployment.Record] = func(w *world) {
		o := settled(m, began)
		o.Status = message.NoneDelivered
		_, _ = w.Settled(ctx, o)
		_, _ = w.Settled(ctx, o) // an event that comes again
	}
	uses[deployment.Sweep] = func(w *world) {
		at, until, _ := w.TakeSweep(ctx, time.Minute)
		_ = w.SaveSweep(ctx, at, until, true)
		_, _ = w.Glances(ctx, []string{id})
		_ = w.Check(ctx, records.Check{ID: id, At: began})
		_, _ = w.Due(ctx, 0, 1, nil)
		_ = w.Checked(ctx, records.Check{ID: id, At: began}, nil)
		for range 2 { // once more of what was redriven since
			_ = w.Repair(ctx, m, settled(m, began), records.Version{Ended: true}, true)
			w.went(m, progress(m, 1), 1)
		}
	}
	for _, name := range deployment.Tasks() {
		uses[name] = func(w *world) {
			task(w)
			w.Numbers = keyed{}
			w.went(m, progress(m, 1), 1)
		}
	}
	tabletest.HoldPermissions(t, deployment.Records, func(function string) []string {
		w := newWorld(t)
		if use := uses[function]; use != nil {
			use(w)
		}
		return w.did()
	})
}
