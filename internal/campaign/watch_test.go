package campaign_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/campaign"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

// watched is what a Watch finds and does.
type watched struct {
	*campaign.Watch

	t     *testing.T
	table *tabletest.Table
	now   time.Time
	log   bytes.Buffer
	runs  []string
	fail  map[string]error
	// told is what was announced, unless nobody answers.
	told []string
	away error
}

// Put announces.
func (w *watched) Put(_ context.Context, detailType string, detail any) error {
	if w.away != nil {
		return w.away
	}
	w.told = append(w.told, fmt.Sprintf("%s %s", detailType, detail.(campaign.View).Status))
	return nil
}

var noon = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

func newWatched(t *testing.T, all ...campaign.Campaign) *watched {
	t.Helper()
	w := &watched{t: t, table: tabletest.New(t), now: noon, fail: map[string]error{}}
	store := &campaign.Store{Client: w.table.Client, Table: tabletest.Name, Kept: time.Hour}
	w.Watch = &campaign.Watch{
		Store: store, List: w.table.Client, Now: func() time.Time { return w.now }, Log: testkit.Log(&w.log),
		NotBefore: func(at time.Time) time.Time { return at.Add(8 * time.Hour) }, Bus: w,
		Runs: func(_ context.Context, id string, run int) error {
			w.runs = append(w.runs, fmt.Sprintf("%s-%d", id, run))
			return w.fail[id]
		},
	}
	for _, c := range all {
		if err := store.Create(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// index lists the campaigns of the table.
func (w *watched) index() *campaign.Index {
	return &campaign.Index{Client: w.table.Client, Table: tabletest.Name}
}

// sending is a campaign that has chunks to hand out, and about which something was done so long before noon.
func sending(id string, ago time.Duration) campaign.Campaign {
	return campaign.Campaign{
		ID: id, Rate: 5000, Status: campaign.Sending, Run: 1, Plan: &campaign.Plan{Messages: 3, Valid: 1500}, CreatedAt: noon.Add(-ago),
		Turned: noon.Add(-ago), Due: noon.Add(-ago), ExpiresAt: noon.Add(48 * time.Hour),
	}
}

// stuck are the ids in the lines that the alarm counts.
func (w *watched) stuck() []string {
	var ids []string
	for _, line := range bytes.Split(bytes.TrimSpace(w.log.Bytes()), []byte("\n")) {
		var said struct{ Stuck string }
		if json.Unmarshal(line, &said) == nil && said.Stuck != "" {
			ids = append(ids, said.Stuck)
		}
	}
	w.log.Reset()
	return ids
}

// listed are the campaigns that will be looked at next time.
func (w *watched) listed() []string {
	w.t.Helper()
	out, err := w.table.Client.Query(w.t.Context(), &dynamodb.QueryInput{
		TableName: aws.String(tabletest.Name), KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "campaigns"}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, item := range out.Items {
		ids = append(ids, item["sk"].(*types.AttributeValueMemberS).Value)
	}
	return ids
}

// A campaign goes on again when nothing was done about it for an hour, though something was due.
func TestCampaignsThatDoNotGoOn(t *testing.T) {
	t.Parallel()
	// with is such a campaign that is different.
	with := func(ago time.Duration, change func(*campaign.Campaign)) campaign.Campaign {
		c := sending("c", ago)
		change(&c)
		return c
	}
	is := func(s campaign.Status) func(*campaign.Campaign) { return func(c *campaign.Campaign) { c.Status = s } }
	again := []string{"c-2"}
	for name, tc := range map[string]struct {
		campaign campaign.Campaign
		stuck    bool
		runs     []string
		off      bool // taken off the list
	}{
		"a turn was a moment ago": {campaign: sending("c", time.Minute)},
		"a turn is late":          {campaign: sending("c", time.Hour)},
		"its start was lost": {
			campaign: with(2*time.Hour, func(c *campaign.Campaign) { c.Wanted = 2 }), stuck: true, runs: []string{"c-3"},
		},
		"its execution is gone": {campaign: sending("c", 2*time.Hour), stuck: true, runs: again},
		"it begins tomorrow": {campaign: with(90*time.Minute, func(c *campaign.Campaign) {
			c.Next, c.Open, c.Due = 3, []int{2}, noon.Add(-20*time.Hour)
		})},
		"it should have begun": {
			campaign: with(9*time.Hour, func(c *campaign.Campaign) { c.Due = noon.Add(-2 * time.Hour) }),
			stuck:    true, runs: again,
		},
		"it waits for the morning": {campaign: with(8*time.Hour, func(c *campaign.Campaign) { c.Daytime = true })},
		"the morning has come": {
			campaign: with(10*time.Hour, func(c *campaign.Campaign) { c.Daytime = true }),
			stuck:    true, runs: again,
		},
		"it waits for receipts": {campaign: with(90*time.Minute, func(c *campaign.Campaign) {
			c.Next, c.Open, c.Due = 3, []int{2}, noon.Add(-20*time.Hour)
		})},
		"it waited for receipts": {
			campaign: with(3*time.Hour, func(c *campaign.Campaign) { c.Next, c.Open = 3, []int{2} }),
			stuck:    true, runs: again,
		},
		"parked, and nobody looks":   {campaign: with(2*time.Hour, is(campaign.Parked)), stuck: true, runs: again},
		"cancelled, and not settled": {campaign: with(3*time.Hour, is(campaign.Cancelled)), stuck: true, runs: again},
		"cancelled and settled": {campaign: with(3*time.Hour, func(c *campaign.Campaign) {
			c.Status, c.SettledAt, c.EndTold = campaign.Cancelled, noon, true
		}), off: true},
		"paused": {campaign: with(30*time.Hour, is(campaign.Paused))},
		"paused, and nobody has ended it when it expired": {campaign: with(30*time.Hour, func(c *campaign.Campaign) {
			c.Status, c.ExpiresAt = campaign.Paused, noon.Add(-2*time.Hour)
		}), stuck: true, runs: again},
		"planned":       {campaign: with(30*time.Hour, is(campaign.Planned))},
		"being planned": {campaign: with(time.Hour, is(campaign.StatusPlanning))},
		"not planned":   {campaign: with(2*time.Hour, is(campaign.StatusPlanning)), stuck: true},
		"invalid":       {campaign: with(2*time.Hour, is(campaign.Invalid)), off: true},
		"settled": {
			campaign: with(2*time.Hour, func(c *campaign.Campaign) { c.Status, c.SettledAt, c.EndTold = campaign.Settled, noon, true }),
			off:      true,
		},
		"without a file": {campaign: with(90*time.Minute, func(c *campaign.Campaign) {
			c.Next, c.Open, c.Due = 3, []int{2}, noon.Add(-20*time.Hour)
		})},
		"never uploaded": {
			campaign: with(73*time.Hour, func(c *campaign.Campaign) { c.Status, c.Plan = campaign.AwaitingFile, nil }),
			off:      true,
		},
		"cancelled early": {
			campaign: with(3*time.Hour, func(c *campaign.Campaign) { c.Status, c.Plan = campaign.Cancelled, nil }),
			stuck:    true, runs: again,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t, tc.campaign)
			n, err := w.Look(t.Context())
			if err != nil || (n == 1) != tc.stuck || n > 1 || (len(w.stuck()) == 1) != tc.stuck || !slices.Equal(w.runs, tc.runs) {
				t.Errorf("%d stuck, runs %v, error %v", n, w.runs, err)
			}
			if got := w.listed(); (len(got) == 0) != tc.off {
				t.Errorf("listed: %v", got)
			}
		})
	}
}

// Whoever cancels a campaign announces its end. Where that failed and nobody has come again, the end is announced all the same, once,
// and stays on the list until then.
func TestAnEndThatWasNotAnnounced(t *testing.T) {
	t.Parallel()
	w := newWatched(t, campaign.Campaign{ID: "c", Status: campaign.Cancelled, CreatedAt: noon, SettledAt: noon})
	look := func() {
		t.Helper()
		if _, err := w.Look(t.Context()); !errors.Is(err, w.away) {
			t.Error(err)
		}
	}
	look() // a moment later somebody may be about to do it
	if len(w.told) > 0 {
		t.Errorf("announced: %q", w.told)
	}
	w.now, w.away = noon.Add(time.Hour), errors.New("away")
	look()
	w.away = nil
	look()
	if got := w.listed(); len(got) != 1 || !slices.Equal(w.told, []string{"CampaignSettled cancelled"}) {
		t.Errorf("announced: %q, listed %q", w.told, got)
	}
	look()
	if got := w.listed(); len(got) > 0 || len(w.told) != 1 || len(w.runs)+len(w.stuck()) > 0 {
		t.Errorf("announced: %q, listed %q, started %q", w.told, got, w.runs)
	}
}

// A new run has a new name each time, however the ones before it have ended.
func TestEachRestartIsAnother(t *testing.T) {
	t.Parallel()
	w := newWatched(t, sending("c", 2*time.Hour))
	for range 2 {
		if _, err := w.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
	}
	if want := []string{"c-2", "c-3"}; !slices.Equal(w.runs, want) {
		t.Errorf("runs %v, want %v", w.runs, want)
	}
}

// One that cannot be started holds up no other, and is tried again.
func TestOneThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	w := newWatched(t, sending("a", 2*time.Hour), sending("b", 2*time.Hour))
	w.fail["a"] = away
	n, err := w.Look(t.Context())
	if n != 2 || !errors.Is(err, away) || !slices.Equal(w.stuck(), []string{"a", "b"}) || !slices.Equal(w.runs, []string{"a-2", "b-2"}) {
		t.Errorf("%d stuck, runs %v, error %v", n, w.runs, err)
	}
	if got := w.listed(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("listed: %v", got)
	}
}

// What was listed and never made is forgotten, but not while it is being made.
func TestListedAndNeverMade(t *testing.T) {
	t.Parallel()
	w := newWatched(t, campaign.Campaign{ID: "c", Status: campaign.AwaitingFile, CreatedAt: noon})
	_, err := w.table.Client.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{
		TableName: aws.String(tabletest.Name), Key: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "campaign#c"}, "sk": &types.AttributeValueMemberS{Value: "campaign"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} {
		if _, err := w.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.listed(); len(got) != want {
			t.Errorf("listed: %v", got)
		}
		w.now = w.now.Add(2 * time.Hour)
	}
}

// Whoever was quicker is left alone: a turn that comes between the look and the order.
func TestATurnThatComesInBetween(t *testing.T) {
	t.Parallel()
	w := newWatched(t, sending("c", 2*time.Hour))
	others := *w.Store
	w.Store.Client = &meddling{Client: w.table.Client, after: func() {
		if _, err := others.Change(t.Context(), "c", func(c *campaign.Campaign) (bool, error) {
			c.Turned = noon
			return true, nil
		}); err != nil {
			t.Error(err)
		}
	}}
	if _, err := w.Look(t.Context()); err != nil || len(w.runs) > 0 {
		t.Errorf("runs %v, error %v", w.runs, err)
	}
	if c, err := others.Find(t.Context(), "c"); err != nil || c.Wanted != 0 {
		t.Errorf("run %d is wanted, error %v", c.Wanted, err)
	}
}

// meddling does something after the first item was read.
type meddling struct {
	*dynamodb.Client

	after func()
}

func (m *meddling) GetItem(
	ctx context.Context, in *dynamodb.GetItemInput, opts ...func(*dynamodb.Options),
) (*dynamodb.GetItemOutput, error) {
	out, err := m.Client.GetItem(ctx, in, opts...)
	if after := m.after; after != nil {
		m.after = nil
		after()
	}
	return out, err
}
