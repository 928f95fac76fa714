package campaign_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"sms-api/internal/campaign"
)

// made is a campaign that a caller made so long before noon.
func made(id, caller string, ago time.Duration) campaign.Campaign {
	c := sending(id, ago)
	c.Caller = caller
	return c
}

// pages reads a list to its end.
func (w *watched) pages(caller string, limit int) [][]string {
	w.t.Helper()
	var all [][]string
	for cursor := ""; ; {
		page, next, err := w.index().Page(w.t.Context(), caller, limit, cursor)
		if err != nil {
			w.t.Fatal(err)
		}
		ids := []string{}
		for _, c := range page {
			ids = append(ids, c.ID)
		}
		if all = append(all, ids); next == "" {
			return all
		}
		cursor = next
	}
}

func TestCampaignsAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	over := made("b", "shop", 2*time.Hour)
	over.Status = campaign.Invalid
	w := newWatched(t, made("a", "shop", 3*time.Hour), over, made("c", "notices", time.Hour), made("d", "shop", time.Minute))
	if _, err := w.Look(t.Context()); err != nil { // who takes those that have ended off its own list
		t.Fatal(err)
	}
	for _, c := range []struct {
		caller string
		limit  int
		want   [][]string
	}{
		{"", 10, [][]string{{"d", "c", "b", "a"}}},
		{"", 3, [][]string{{"d", "c", "b"}, {"a"}}},
		{"shop", 2, [][]string{{"d", "b"}, {"a"}}},
		{"notices", 2, [][]string{{"c"}}},
		{"nobody", 2, [][]string{{}}},
	} {
		if got := w.pages(c.caller, c.limit); !slices.EqualFunc(got, c.want, slices.Equal) {
			t.Errorf("%q, %d on a page: %q, want %q", c.caller, c.limit, got, c.want)
		}
	}
}

// A request that came twice at the same time has left two places, and the campaign is on the list once.
func TestACampaignIsListedOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t, made("a", "shop", time.Hour))
	if err := w.Store.Create(t.Context(), made("a", "shop", time.Minute)); !errors.Is(err, campaign.ErrExists) {
		t.Fatalf("it was made once more: %v", err)
	}
	if got := w.pages("", 1); !slices.EqualFunc(got, [][]string{{}, {"a"}}, slices.Equal) {
		t.Errorf("it is listed as %q", got)
	}
	for _, wrong := range []string{"a", "!", "MTc5NjA5MzI4MDAwMCNh_", "Y2FtcGFpZ25z"} {
		if _, _, err := w.index().Page(t.Context(), "", 1, wrong); !errors.Is(err, campaign.ErrCursor) {
			t.Errorf("the cursor %s: %v", wrong, err)
		}
	}
}
