package campaign_test

import (
	"testing"
	"time"

	"sms-api/internal/campaign"
	"sms-api/internal/deployment"
	"sms-api/internal/testkit/tabletest"
)

// Each function may do to campaigns what its part of this package does there, and nothing else.
func TestPermissions(t *testing.T) {
	t.Parallel()
	changes := func(w *watched) {
		_, _ = w.Store.Change(t.Context(), "c", func(*campaign.Campaign) (bool, error) { return true, nil })
	}
	uses := map[string]func(*watched){
		deployment.API: func(w *watched) {
			_ = w.Store.Create(t.Context(), sending("d", time.Hour))
			changes(w)
			_, _, _ = w.index().Page(t.Context(), "", campaign.MaxPage, "")
		},
		"plan": changes, "campaign": changes, "report": changes,
		deployment.Sweep: func(w *watched) {
			_, _ = w.Look(t.Context())
		},
	}
	tabletest.HoldPermissions(t, deployment.Campaigns, func(function string) []string {
		gone := sending("e", 3*time.Hour)
		gone.Status = campaign.Invalid
		w := newWatched(t, sending("c", 3*time.Hour), gone)
		w.table.Operations()
		if use := uses[function]; use != nil {
			use(w)
		}
		return w.table.Operations()
	})
}
