package campaign_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/campaign"
	"sms-api/internal/message"
	"sms-api/internal/testkit/tabletest"
)

// A phone that is off holds nothing up, though there is one in every chunk: all of them go out at the rate, and are looked at more and
// more rarely until the last receipts come, which settles the campaign within the hour.
func TestPhonesThatAreOff(t *testing.T) {
	t.Parallel()
	const chunks, perMinute = 300, 10
	w := newSending(t, chunks, 100*perMinute)
	w.off = func(int) bool { return true }
	begin := w.now
	most, turns := 0, 0
	for w.now.Sub(begin) < 23*time.Hour {
		w.reads = 0
		w.turn(1)
		turns++
		most = max(most, w.reads)
		if want := min(chunks, int(w.now.Sub(begin).Minutes()*perMinute)-2*perMinute); len(w.started) < want {
			t.Fatalf("%d chunks after %v, want %d", len(w.started), w.now.Sub(begin), want)
		}
	}
	if v := w.find().View(); v.Counts.Accepted != 100*chunks || v.Counts.Delivered != 99*chunks || v.Counts.Pending != chunks {
		t.Errorf("a day later it has %+v", v.Counts)
	}
	// At each turn those that are under way, and 256 of the others at most; a turn for each half of a minute while chunks are handed out.
	if most > 50+256 || turns > 60+5*60 {
		t.Errorf("%d turns, of which one has looked at %d chunks", turns, most)
	}
	w.settleAll()
	before := w.now
	for w.turn(1).Next == campaign.NextWait {
	}
	c := w.find()
	if c.Ended.Accepted != 100*chunks || c.Ended.Delivered != 90*chunks || c.View().Counts.Pending != 0 || len(c.Open)+len(c.Slow) > 0 {
		t.Errorf("in the end it has %+v", c.Ended)
	}
	if took := w.now.Sub(before); took > 2*time.Hour {
		t.Errorf("it has settled %v after the last receipt", took)
	}
}

// Another execution, as after a pause of days or a cancellation, looks at everything at once, and no more in a turn than there is time for.
func TestAnotherExecutionLooksAtEverything(t *testing.T) {
	t.Parallel()
	const chunks = 600
	w := newSending(t, chunks, 6000)
	w.off = func(int) bool { return true }
	begin, last := w.now, campaign.Next{}
	for w.now.Sub(begin) < 20*time.Hour || last.Seconds < 600 {
		last = w.turn(1)
	}
	w.settleAll()
	w.now = w.now.Add(time.Duration(1-last.Seconds) * time.Second) // an hour before the first would look at them
	begin = w.now
	for n := (campaign.Next{Next: campaign.NextWait}); n.Next == campaign.NextWait; {
		w.reads = 0
		n = w.turn(2)
		if w.reads > 50+256 {
			t.Errorf("a turn has looked at %d chunks", w.reads)
		}
	}
	if took := w.now.Sub(begin); took > 5*time.Minute || w.find().Ended.Accepted != 100*chunks {
		t.Errorf("after %v it has %+v", took, w.find().Ended)
	}
}

// A vendor whose receipts are late for everybody slows a campaign down, and does not stop it.
func TestReceiptsThatAreLateForEverybody(t *testing.T) {
	t.Parallel()
	w := newSending(t, 150, 100_000)
	begin := w.now
	for w.now.Sub(begin) < 9*time.Minute {
		w.turn(1)
	}
	if n := len(w.started); n != 50 {
		t.Errorf("%d chunks after nine minutes, want 50", n)
	}
	for w.now.Sub(begin) < 25*time.Minute {
		w.turn(1)
	}
	if n := len(w.started); n != 150 {
		t.Errorf("%d chunks after 25 minutes, want all 150", n)
	}
}

// newSlow is a campaign of which some chunks hold up no others any more, as they have a phone that is off, and some are open.
func newSlow(t *testing.T) *world {
	t.Helper()
	w := newSending(t, 100, 100_000)
	w.off = func(number int) bool { return number < 45 }
	for range 5 {
		w.turn(1)
	}
	if c := w.find(); len(c.Slow) == 0 || len(c.Open) == 0 {
		t.Fatalf("%+v", c)
	}
	return w
}

// What waits for the receipt of a phone that is off is found to be parked or cancelled as well.
func TestSlowChunksAreParkedAndCancelled(t *testing.T) {
	t.Parallel()
	w := newSlow(t)
	if c := w.find(); len(c.Slow) == 0 || slices.Contains(c.Open, 7) {
		t.Fatalf("%+v", c)
	}
	w.parked[7], w.parked[8] = true, true
	for range 5 {
		n := len(w.started)
		w.turn(1)
		if c := w.find(); c.View().Counts.Accepted != 100*n && n == len(w.started) {
			t.Errorf("%+v of %d chunks", c.View().Counts, n)
		}
	}
	if c := w.find(); c.Status != campaign.Parked || !slices.Contains(c.Open, 7) || slices.Contains(c.Open, 8) {
		t.Errorf("%+v", c)
	}
	w.parked[7], w.parked[8] = false, false
	before := len(w.started)
	w.turn(1)
	if c := w.find(); c.Status != campaign.Sending || c.View().Counts.Accepted != 100*before {
		t.Errorf("%s, %+v of %d chunks", c.Status, c.View().Counts, before)
	}
	w.set(campaign.Cancelled)
	hurry, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if n, err := w.Turn(hurry, campaign.Turn{ID: id, Run: 2}); err != nil || n.Seconds != 1 {
		t.Errorf("%+v, %v", n, err)
	}
	if c := w.find(); len(w.cancelled) > 0 || slices.ContainsFunc(c.Slow, func(b campaign.Slow) bool { return b.Looked != 0 }) {
		t.Errorf("there was no time to cancel, and the next turn does not begin with %+v", c.Slow)
	}
	n := w.turn(2)
	for ; n.Next == campaign.NextWait; n = w.turn(2) {
	}
	if c := w.find(); len(w.cancelled) != len(w.started) || c.Ended.Failed != 100*len(w.started) || n.Next != campaign.NextReport {
		t.Errorf("%d of %d chunks are cancelled, %+v", len(w.cancelled), len(w.started), c.Ended)
	}
}

// Chunks of which exactly half is known make room as well, at once when there are many.
func TestChunksThatAreHalfKnown(t *testing.T) {
	t.Parallel()
	w := newSending(t, 60, 1_000_000)
	w.half = true
	for range 8 { // four minutes
		w.turn(1)
	}
	if len(w.started) != 60 {
		t.Errorf("%d chunks are started, want all", len(w.started))
	}
}

// With as many of them as an item is to have nothing more is handed out, and of those whose message is not there none is started: who
// has made room was.
func TestSlowChunksThatAreTooMany(t *testing.T) {
	t.Parallel()
	for many, want := range map[int]int{1000: 0, 999: 1} {
		w := newSending(t, 64*1001, 100)
		_, err := w.store.Change(t.Context(), id, func(c *campaign.Campaign) (bool, error) {
			c.Next = 64 * 1000
			for n := range many {
				c.Slow = append(c.Slow, campaign.Slow{First: 64 * n, Open: 1, Since: w.now.Unix(), Looked: w.now.Add(-time.Hour).Unix()})
			}
			return true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if w.turn(1); len(w.started) != want {
			t.Errorf("with %d, %d chunks are started, want %d: %v", many, len(w.started), want, w.started)
		}
	}
}

// A campaign that an earlier version has begun goes on, and its counts stay right.
func TestCampaignsOfEarlierVersions(t *testing.T) {
	t.Parallel()
	w := newSending(t, 120, 100_000)
	w.off = func(int) bool { return true }
	var open []string
	for number := range 60 {
		w.started[number] = w.now.Add(-time.Hour)
		if number >= 10 {
			open = append(open, fmt.Sprint(number))
		}
	}
	body := fmt.Sprintf(`{"id":%q,"caller":"shop","rate":100000,"bytes":9,"createdAt":"2026-12-01T00:00:00Z","status":"sending","run":1,
		"plan":{"rows":12000,"valid":12000,"messages":120},"expiresAt":"2026-12-02T00:00:00Z","due":"2026-12-01T00:00:00Z","next":60,
		"open":[%s],"seen":{"accepted":5000,"delivered":4950,"pending":50,"by":{"alimtalk":4950,"sms":0}},
		"ended":{"accepted":1000,"delivered":1000,"by":{"alimtalk":1000,"sms":0}}}`, id, strings.Join(open, ","))
	if _, err := w.table.Client.PutItem(t.Context(), &dynamodb.PutItemInput{
		TableName: aws.String(tabletest.Name), Item: map[string]types.AttributeValue{
			"pk": &types.AttributeValueMemberS{Value: "campaign#" + id}, "sk": &types.AttributeValueMemberS{Value: "campaign"},
			"version": &types.AttributeValueMemberN{Value: "7"}, "body": &types.AttributeValueMemberB{Value: []byte(body)},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if n := w.find().View().Counts; n.Accepted != 6000 || n.Pending != 50 {
		t.Errorf("%+v", n)
	}
	for range 10 {
		w.turn(1)
	}
	if n := w.find().View().Counts; len(w.started) != 120 || n.Accepted != 12_000 || n.Delivered != 1000+99*110 || n.Pending != 110 {
		t.Errorf("%d chunks, %+v", len(w.started), n)
	}
	w.settleAll()
	for w.turn(1).Next == campaign.NextWait {
	}
	if c := w.find(); c.Ended.Accepted != 12_000 || c.Ended.Delivered != 1000+90*110 {
		t.Errorf("%+v", c.Ended)
	}
}

// The item of a campaign fits into the table, though every chunk of a million rows stays open, forty of which fill one.
func TestItemsOfLargeCampaigns(t *testing.T) {
	t.Parallel()
	const chunks = 1_000_000 / 40
	c := campaign.Campaign{Request: json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`), Plan: &campaign.Plan{Messages: chunks}}
	for range campaign.MaxErrors {
		c.Plan.Errors = append(c.Plan.Errors, campaign.RowError{
			Row: 999_999, Pointer: "/variables/" + strings.Repeat("x", 50), Detail: strings.Repeat("x", 200),
		})
	}
	all := campaign.Tally{
		Accepted: 32_000, Counts: message.Counts{Delivered: 30_000, Failed: 10_000, Unknown: 10_000, Pending: 10_000, FellBack: 10_000},
		By: campaign.Channels{AlimTalk: 30_000, SMS: 10_000},
	}
	for first := 0; first < chunks; first += 64 {
		c.Slow = append(c.Slow, campaign.Slow{First: first, Open: 1<<64 - 1, Since: noon.Unix(), Looked: noon.Unix(), Seen: all})
	}
	body, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes, in %d parts", len(body), len(c.Slow))
	if len(body) > 200<<10 {
		t.Errorf("the item has %d bytes, and may have 400 KB", len(body))
	}
	var read campaign.Campaign
	if err := json.Unmarshal(body, &read); err != nil || !slices.Equal(read.Slow, c.Slow) {
		t.Errorf("it is read as something else: %v", err)
	}
}

// What a turn has not come to cancel, because another cancellation failed, is due at once, also where it is slow.
func TestSlowChunksAfterACancellationThatFailed(t *testing.T) {
	t.Parallel()
	w := newSlow(t)
	w.now = w.now.Add(5 * time.Hour)
	w.set(campaign.Cancelled)
	broken := true
	w.undo = func(int) error {
		if broken {
			return errAway
		}
		return nil
	}
	if _, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) {
		t.Fatalf("got %v", err)
	}
	broken = false
	before := w.now
	w.toItsEnd()
	if len(w.cancelled) != len(w.started) || w.now.Sub(before) > 5*time.Minute {
		t.Errorf("%d of %d chunks are cancelled after %v", len(w.cancelled), len(w.started), w.now.Sub(before))
	}
}

// newBlocks is a campaign in each of whose chunks phones are off: most of them are slow.
func newBlocks(t *testing.T, chunks int) *world {
	t.Helper()
	w := newSending(t, chunks, 6000)
	w.off = func(int) bool { return true }
	for begin := w.now; w.now.Sub(begin) < 12*time.Hour; {
		w.turn(1)
	}
	if c := w.find(); c.Next != chunks || len(c.Slow) < chunks/64-1 {
		t.Fatalf("%d blocks of %d chunks", len(c.Slow), c.Next)
	}
	return w
}

// One chunk that cannot be cancelled, time and again, keeps none of the slow ones from its turn, also where each block of them has
// one that was sent and whose receipt is days away.
func TestOneFailingCancellationKeepsNoSlowBlockFromItsTurn(t *testing.T) {
	t.Parallel()
	const chunks = 600
	w := newBlocks(t, chunks)
	w.sent = map[int]bool{}
	for n := 0; n < chunks; n += 64 {
		w.sent[n] = true
	}
	w.set(campaign.Cancelled)
	w.undo = func(number int) error {
		if number == 5 {
			return errAway
		}
		return nil
	}
	for range 200 { // of the machine's repetitions, which are up to a quarter of an hour apart
		_, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2})
		if err == nil {
			w.now = w.now.Add(30 * time.Second)
		}
		w.now = w.now.Add(5 * time.Minute)
	}
	if want := chunks - len(w.sent) - 1; len(w.cancelled) != want {
		t.Errorf("%d chunks are cancelled after 200 turns and %v, want %d", len(w.cancelled), 200*5*time.Minute, want)
	}
}

// A turn in which nothing was left to cancel has come further all the same: the others are looked at at once, and not after the pause that
// the machine makes of an error. The error comes when none is left.
func TestAnErrorWaitsUntilAllBlocksWereLookedAt(t *testing.T) {
	t.Parallel()
	const chunks = 600
	w := newBlocks(t, chunks)
	fails := w.find().Slow[0].First
	w.sent = map[int]bool{}
	for n := range chunks {
		w.sent[n] = n != fails
	}
	w.undo = func(int) error { return errAway }
	w.set(campaign.Cancelled)
	blocks, turns := len(w.find().Slow), 1
	for ; ; turns++ {
		n, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2})
		if err != nil {
			break
		}
		if n.Next != campaign.NextWait || n.Seconds != 1 || turns > blocks {
			t.Fatalf("turn %d: %+v", turns, n)
		}
	}
	if want := (blocks + 3) / 4; blocks < 8 || turns != want {
		t.Errorf("an error after %d turns, want %d for %d blocks", turns, want, blocks)
	}
}

// Blocks of which a chunk cannot be cancelled take no turn from the others: the receipts of these are read.
func TestBlocksThatFailLeaveTurnsForTheOthers(t *testing.T) {
	t.Parallel()
	const chunks = 600
	w := newBlocks(t, chunks)
	w.sent = map[int]bool{}
	for n := range chunks {
		w.sent[n] = n >= 4*64 || n%64 != 5
	}
	w.undo = func(int) error { return errAway }
	w.set(campaign.Cancelled)
	turns := func(n int, pause time.Duration) {
		for range n {
			_, _ = w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}) // always an error, of the four
			w.now = w.now.Add(pause)
		}
	}
	turns(20, 5*time.Minute)
	for n := range chunks {
		w.settled[n] = w.sent[n]
	}
	turns(200, 15*time.Minute)
	if c := w.find(); c.Ended.Delivered != 90*(chunks-4) {
		t.Errorf("the receipts of %d recipients are known, want %d", c.Ended.Delivered, 90*(chunks-4))
	}
}

// A cancellation reaches everything that was not sent in as many turns as that takes, one at once after the other, though one chunk cannot
// be cancelled and of another nothing can be read: these make an error, after which the machine waits, only when the others are cancelled.
func TestNoChunkKeepsACancellationFromTheOthers(t *testing.T) {
	t.Parallel()
	const chunks = 16 * 64
	w := newSending(t, chunks, 1_000_000_000)
	w.half = true
	for range 200 {
		if w.turn(1); len(w.started) == chunks {
			break
		}
	}
	w.turn(1)
	c := w.find()
	blocks := len(c.Slow)
	if len(w.started) != chunks || blocks < 15 || len(c.Open) < 2 {
		t.Fatalf("%d started, %d slow, %v open", len(w.started), blocks, c.Open)
	}
	u := w.unread(c.Open[0])
	u.away = true
	fails := c.Open[1]
	w.undo = func(number int) error {
		if number == fails {
			return errAway
		}
		return nil
	}
	w.set(campaign.Cancelled)
	for left := blocks - slowATurn; left > 0; left -= slowATurn {
		if n, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); err != nil || n.Next != campaign.NextWait || n.Seconds != 1 {
			t.Fatalf("with %d slow blocks left: %+v, %v", left, n, err)
		}
	}
	if n, err := w.Turn(t.Context(), campaign.Turn{ID: id, Run: 2}); !errors.Is(err, errAway) {
		t.Errorf("two chunks are not done with: %+v, %v", n, err)
	}
	if c := w.find(); len(w.cancelled) != chunks-1 || c.Ended.Failed != 100*(chunks-2) || c.View().Counts.Accepted != 100*chunks {
		t.Errorf("%d chunks of %d are cancelled, %+v", len(w.cancelled), chunks, c.View().Counts)
	}
}

// slowATurn is how many blocks of slow chunks are looked at in a turn.
const slowATurn = 4
