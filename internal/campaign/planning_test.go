package campaign_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sms-api/internal/bucket"
	"sms-api/internal/campaign"
	"sms-api/internal/testkit/tabletest"
)

// desk is where files are planned: a table, a bucket, a bus.
type desk struct {
	campaign.Planning

	t  *testing.T
	mu sync.Mutex
	// files are by key, read what was read with which ETag, told what was announced, and writing is called before a write.
	files   map[string]string
	read    []string
	told    []campaign.View
	writing func()
	// ended is what was announced of the end, and deleted how often files were.
	ended   []campaign.View
	deleted int
	away    error
}

func (d *desk) Get(_ context.Context, key, etag string) (io.ReadCloser, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.read = append(d.read, key+" "+etag)
	text, ok := d.files[key]
	if !ok {
		return nil, bucket.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (d *desk) Put(_ context.Context, key, _ string, body io.ReadSeeker) error {
	if d.writing != nil {
		d.writing()
	}
	text, err := io.ReadAll(body)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files[key] = string(text)
	return errors.Join(err, d.away)
}

func (d *desk) DeleteAll(_ context.Context, prefix string) error {
	if prefix != "campaigns/c/" {
		d.t.Errorf("%s is deleted", prefix)
	}
	d.deleted++
	return nil
}

// bell is a bus.
type bell struct{ *desk }

func (b bell) Put(_ context.Context, detailType string, detail any) error {
	v, ok := detail.(campaign.View)
	switch {
	case ok && detailType == "CampaignPlanned":
		b.told = append(b.told, v)
	case ok && detailType == "CampaignSettled":
		b.ended = append(b.ended, v)
	default:
		return fmt.Errorf("%s %T", detailType, detail)
	}
	return nil
}

func newDesk(t *testing.T, file string, change func(*campaign.Campaign)) *desk {
	t.Helper()
	d := &desk{t: t, files: map[string]string{"campaigns/c/file": file}}
	d.Planning = campaign.Planning{
		Store: &campaign.Store{Client: tabletest.New(t).Client, Table: tabletest.Name, Kept: time.Hour}, Files: &campaign.Files{Objects: d},
		Door: func(campaign.Campaign) campaign.Door { return &door{} }, Bus: bell{d}, Kept: time.Hour, Now: func() time.Time { return noon },
		Log: slog.New(slog.DiscardHandler),
	}
	c := campaign.Campaign{
		ID: "c", Rate: 5000, Status: campaign.AwaitingFile, Run: 1, CreatedAt: noon, Request: []byte(`{"channel":"sms",` +
			`"text":"#{고객명}님","columns":{"to":"전화번호","name":"이름"},"bytes":1}`),
	}
	if change != nil {
		change(&c)
	}
	if err := d.Store.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return d
}

// plans has an execution plan the file.
func (d *desk) plans(execution string) (campaign.Next, campaign.Campaign) {
	d.t.Helper()
	next, err := d.Handle(d.t.Context(), campaign.Upload{ID: "c", File: "etag", Execution: execution})
	if err != nil {
		d.t.Fatal(err)
	}
	c, err := d.Store.Find(d.t.Context(), "c")
	if err != nil {
		d.t.Fatal(err)
	}
	return next, c
}

// becomes changes the campaign as somebody else does.
func (d *desk) becomes(change func(*campaign.Campaign)) {
	d.t.Helper()
	if _, err := d.Store.Change(d.t.Context(), "c", func(c *campaign.Campaign) (bool, error) {
		change(c)
		return true, nil
	}); err != nil {
		d.t.Fatal(err)
	}
}

// chunks are the keys of what was written as a chunk.
func (d *desk) chunks() (keys []string) {
	for key := range d.files {
		if strings.HasSuffix(key, ".json") {
			keys = append(keys, key)
		}
	}
	return keys
}

const two = "이름,전화번호\n홍길동,01020000000\n홍길동,01020000001\n"

// A file is planned once, by the execution that came first, of the version that it was told of, and announced once.
func TestPlannedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	next, c := d.plans("first")
	if next != (campaign.Next{ID: "c", Run: 1, Next: campaign.NextKeep, Seconds: 3600}) || c.Status != campaign.Planned || c.Plan.Valid != 2 {
		t.Errorf("%+v, %+v", next, c)
	}
	if len(d.told) != 1 || d.told[0].Status != campaign.Planned || !c.PlanTold {
		t.Errorf("announced: %+v", d.told)
	}
	if !slices.Contains(d.read, "campaigns/c/file etag") {
		t.Errorf("read: %q", d.read)
	}
	// Its answer was lost: nothing is done again.
	if again, c := d.plans("first"); again != next || len(d.chunks()) != 1 || len(d.told) != 1 || c.Status != campaign.Planned {
		t.Errorf("once more: %+v with %q and %d announcements", again, d.chunks(), len(d.told))
	}
	if other, _ := d.plans("second"); other.Next != campaign.NextEnd || len(d.chunks()) != 1 || len(d.told) != 1 {
		t.Errorf("another execution: %+v", other)
	}
	// Somebody starts it, and its executions end here.
	d.becomes(func(c *campaign.Campaign) { c.Run = 2 })
	if next, _ := d.plans("first"); next.Next != campaign.NextEnd {
		t.Errorf("after the start: %+v", next)
	}
	if next, err := d.Handle(t.Context(), campaign.Upload{ID: "nobody's"}); err != nil || next.Next != campaign.NextEnd {
		t.Errorf("%+v, %v", next, err)
	}
}

// Another execution that comes while it is planned ends, and of two attempts of the same one the plan of the first stands.
func TestPlannedByTwo(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	var once atomic.Bool
	d.writing = func() {
		if once.CompareAndSwap(false, true) {
			if next, c := d.plans("second"); next.Next != campaign.NextEnd || c.Plan != nil {
				t.Errorf("another execution: %+v", next)
			}
			d.plans("first")
		}
	}
	_, c := d.plans("first")
	if keys := d.chunks(); len(keys) != 2 || len(d.told) != 1 || c.Plan.Valid != 2 {
		t.Errorf("%q, announced %d times", keys, len(d.told))
	}
	first, err := d.Files.Chunk(t.Context(), c, 0)
	if err != nil || len(first.Rows) != 2 {
		t.Errorf("%+v, %v", first, err)
	}
	attempt := c.Attempt
	if _, c := d.plans("first"); c.Attempt != attempt {
		t.Error("the chunks are another attempt's")
	}
}

// A plan that comes when its campaign has settled without one is none.
func TestPlannedTooLate(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	d.writing = func() {
		d.writing = nil
		d.becomes(func(c *campaign.Campaign) {
			c.Status, c.Run = campaign.Cancelled, 2
			c.Settle(d.Now())
		})
	}
	for range 2 {
		if next, c := d.plans("first"); next.Next != campaign.NextEnd || c.Plan != nil || len(d.told) > 0 {
			t.Errorf("%+v, %+v", next, c)
		}
	}
}

// The file of a campaign that was cancelled before is not planned, and deleted like others.
func TestAFileThatComesTooLate(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	d.becomes(func(c *campaign.Campaign) {
		c.Status, c.EndTold = campaign.Cancelled, true
		c.Settle(d.Now())
	})
	keep := campaign.Next{ID: "c", Run: 1, Next: campaign.NextKeep, Seconds: 3600}
	if next, c := d.plans("first"); next != keep || c.Plan != nil || len(d.chunks()) > 0 {
		t.Errorf("%+v, %+v", next, c)
	}
}

// It starts by itself when it was asked to, and no row is refused; then this very execution goes on.
func TestPlannedAndStarted(t *testing.T) {
	t.Parallel()
	auto := func(c *campaign.Campaign) { c.Auto = true }
	d := newDesk(t, two, auto)
	next, c := d.plans("first")
	if next.Next != campaign.NextWait || c.Status != campaign.Sending || c.Wanted != 0 || !c.StartedAt.Equal(noon) {
		t.Errorf("%+v, %+v", next, c)
	}
	for name, file := range map[string]string{"twice": two + "홍길동,01020000001\n", "refused": two + "홍길동,010\n"} {
		d := newDesk(t, file, auto)
		if next, c := d.plans("first"); next.Next != campaign.NextKeep || c.Status != campaign.Planned {
			t.Errorf("%s: %+v, %+v", name, next, c)
		}
	}
	// Seven days are not enough for the last of these, of whom one has opted out.
	var many strings.Builder
	many.WriteString("이름,전화번호\n")
	for i := range 7*24*60 + 2 {
		fmt.Fprintf(&many, "홍길동,010%08d\n", 20_000_000+i)
	}
	slow := func(c *campaign.Campaign) { c.Auto, c.Rate = true, 1 }
	if next, c := newDesk(t, many.String(), slow).plans("first"); next.Next != campaign.NextKeep || c.Status != campaign.Planned ||
		!c.ExpiresAt.IsZero() {
		t.Errorf("what takes too long: %+v, %+v", next, c)
	}
	slow = func(c *campaign.Campaign) { c.Auto, c.Rate, c.ExpiresAt = true, 1, noon.Add(time.Hour) }
	if next, c := newDesk(t, many.String(), slow).plans("first"); next.Next != campaign.NextWait || c.Status != campaign.Sending {
		t.Errorf("what is to end before: %+v, %+v", next, c)
	}
	d = newDesk(t, "이름,전화번호\n홍길동,010\n", auto)
	if next, c := d.plans("first"); next.Next != campaign.NextKeep || c.Status != campaign.Invalid || len(d.told) != 1 {
		t.Errorf("%+v, %+v", next, c)
	}
}

// One that is cancelled while it is planned goes to its report, and nobody is told that it is planned.
func TestCancelledWhilePlanned(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	var once sync.Once
	d.writing = func() {
		once.Do(func() { d.becomes(func(c *campaign.Campaign) { c.Status = campaign.Cancelled }) })
	}
	if next, c := d.plans("first"); next.Next != campaign.NextReport || c.Status != campaign.Cancelled || c.Plan == nil || len(d.told) > 0 {
		t.Errorf("%+v, %+v, announced %d times", next, c, len(d.told))
	}
}

// What cannot be written is planned another time, and until then nothing is said.
func TestPlanThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	d.away = errors.New("away")
	if _, err := d.Handle(t.Context(), campaign.Upload{ID: "c", File: "etag", Execution: "first"}); !errors.Is(err, d.away) {
		t.Errorf("%v", err)
	}
	if c, err := d.Store.Find(t.Context(), "c"); err != nil || c.Plan != nil || len(d.told) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
	d.away = nil
	if next, c := d.plans("first"); next.Next != campaign.NextKeep || c.Plan.Valid != 2 {
		t.Errorf("%+v", next)
	}
}

// ends is what is ended with a desk.
func (d *desk) ends(e campaign.End) campaign.Next {
	d.t.Helper()
	r := campaign.Reporting{
		Store: d.Store, Files: d.Files, Messages: archive{}, Bus: bell{d}, Kept: time.Hour, Now: d.Now, Log: d.Log,
	}
	next, err := r.Handle(d.t.Context(), e)
	if err != nil {
		d.t.Fatal(err)
	}
	return next
}

// The end is written and announced once, by the execution that goes on with the campaign, and its files are deleted by none that
// somebody else goes on after.
func TestEndedOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	d.plans("first")
	d.becomes(func(c *campaign.Campaign) { c.Status, c.Run = campaign.Sending, 2 })
	next := d.ends(campaign.End{ID: "c", Run: 1})
	if next.Next != campaign.NextEnd || len(d.ended) > 0 || d.files["campaigns/c/report.csv"] != "" {
		t.Errorf("an execution that has ended: %+v", next)
	}
	if next := d.ends(campaign.End{ID: "c", Run: 1, Delete: true}); next.Next != campaign.NextEnd || d.deleted > 0 {
		t.Errorf("an execution that has ended deletes: %+v", next)
	}
	for range 2 {
		if next := d.ends(campaign.End{ID: "c", Run: 2}); next.Seconds != 3600 || len(d.ended) != 1 || d.ended[0].Status != campaign.Settled {
			t.Errorf("%+v, announced %+v", next, d.ended)
		}
	}
	d.files["campaigns/c/report.csv"] = "as it was"
	d.ends(campaign.End{ID: "c", Run: 2})
	if d.files["campaigns/c/report.csv"] != "as it was" {
		t.Error("the report was written again")
	}
	d.ends(campaign.End{ID: "c", Run: 2, Delete: true})
	if d.deleted != 1 || len(d.ended) != 1 {
		t.Errorf("deleted %d times, announced %d times", d.deleted, len(d.ended))
	}
}

// A plan that nobody has started is cancelled with its files, and one that somebody has just started is not.
func TestAPlanThatIsNotStarted(t *testing.T) {
	t.Parallel()
	d := newDesk(t, two, nil)
	d.plans("first")
	d.becomes(func(c *campaign.Campaign) { c.Wanted = 2 })
	if d.ends(campaign.End{ID: "c", Run: 1, Delete: true}); d.deleted > 0 || len(d.ended) > 0 {
		t.Errorf("its files are deleted while it starts")
	}
	d.becomes(func(c *campaign.Campaign) { c.Wanted = 0 })
	d.ends(campaign.End{ID: "c", Run: 1, Delete: true})
	if c, err := d.Store.Find(t.Context(), "c"); err != nil || c.Status != campaign.Cancelled || d.deleted != 1 || len(d.ended) != 1 {
		t.Errorf("%+v, %v, deleted %d times", c, err, d.deleted)
	}
	// Of a file that has nothing to send there is no end to announce.
	d = newDesk(t, "이름,전화번호\n홍길동,010\n", nil)
	d.plans("first")
	if d.ends(campaign.End{ID: "c", Run: 1, Delete: true}); d.deleted != 1 || len(d.ended) > 0 {
		t.Errorf("deleted %d times, announced %+v", d.deleted, d.ended)
	}
}
