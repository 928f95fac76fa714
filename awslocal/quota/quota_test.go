package quota_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sms-api/awslocal/quota"
)

type hands struct{ now time.Time }

func (h *hands) Now() time.Time { return h.now }

// TestProfilesAreComplete: each has every limit, and each limit says where it is from.
func TestProfilesAreComplete(t *testing.T) {
	t.Parallel()
	seoul, err := quota.Open("seoul")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range quota.Names() {
		p, err := quota.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for limit := range seoul {
			if _, ok := p[limit]; !ok {
				t.Errorf("%s says nothing of %s", name, limit)
			}
		}
		for _, limit := range []string{quota.Transitions, quota.Deliveries, quota.Concurrency, quota.Unreserved, quota.TableWrites,
			quota.KeyWrites} {
			if _, ok := p[limit]; !ok {
				t.Errorf("%s has no %s", name, limit)
			}
		}
	}
	start, describe := seoul["AWSStepFunctions.StartExecution"], seoul["AWSStepFunctions.DescribeExecution"]
	if start.Burst != 800 || start.PerSecond != 150 || describe.Burst != 250 || describe.PerSecond != 10 {
		t.Errorf("Seoul: %+v, %+v", start, describe)
	}
}

func TestProfilesOfFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mine.json")
	for text, want := range map[string]string{
		`{"AWSEvents.PutEvents":{"burst":1,"perSecond":2,"source":"us","seen":"today"}}`: "",
		`{"a":{"burst":1,"perSecond":2}}`:                                                "a says no source",
		`{"a":{"burst":1,"perSecond":2,"source":"us"}}`:                                  "a says no source, or no date",
		`{"a":{"perSecond":2,"source":"us","seen":"today"}}`:                             "a must have burst and perSecond",
		`{"a":{"most":-1,"source":"us","seen":"today"}}`:                                 "a is less than nothing",
		`{"a":{"size":1}}`: "unknown field",
		`[]`:               "cannot unmarshal",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := quota.Open(file)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := quota.Open("mars"); err == nil || !strings.Contains(err.Error(), "seoul") {
		t.Errorf("an unknown profile: %v", err)
	}
}

// TestBuckets: what is in them can be had at once, and then what comes in.
func TestBuckets(t *testing.T) {
	t.Parallel()
	c := &hands{now: time.Unix(0, 0)}
	l := quota.New(quota.Profile{"a": {Burst: 3, PerSecond: 2}, "b": {Most: 4}}, c)
	took := func(n int) (taken int) {
		for range n {
			if l.Take("a", 1) {
				taken++
			}
		}
		return taken
	}
	if n := took(5); n != 3 {
		t.Errorf("%d of 5 at once, want the 3 that are there", n)
	}
	c.now = c.now.Add(time.Second)
	if n := took(5); n != 2 {
		t.Errorf("%d a second later, want 2", n)
	}
	c.now = c.now.Add(time.Hour)
	if n := took(5); n != 3 {
		t.Errorf("%d an hour later, want the 3 that it holds", n)
	}
	c.now = c.now.Add(time.Hour)
	if !l.Take("a", 2) || took(5) != 1 {
		t.Error("two at once are not two")
	}
	c.now = c.now.Add(time.Hour)
	if !l.Take("a", 100) {
		t.Error("more than a bucket holds is never to be had")
	}
	if most, ok := l.Most("b"); !ok || most != 4 || !l.Take("b", 9) || !l.Take("c", 9) {
		t.Errorf("b: %d %v", most, ok)
	}
	if refused, _ := l.Throttled(); refused["a"] != 11 || len(refused) != 1 {
		t.Errorf("refused: %v", refused)
	}
}

// TestReservations come one after the other.
func TestReservations(t *testing.T) {
	t.Parallel()
	c := &hands{now: time.Unix(0, 0)}
	l := quota.New(quota.Profile{"a": {Burst: 1, PerSecond: 10}}, c)
	for i, want := range []time.Duration{0, 100 * time.Millisecond, 200 * time.Millisecond} {
		if got := l.Reserve("a"); got != want {
			t.Errorf("reservation %d is in %v, want %v", i, got, want)
		}
	}
	if _, delayed := l.Throttled(); delayed["a"] != 2 {
		t.Errorf("delayed: %v", delayed)
	}
	if l.Reserve("b") != 0 || (*quota.Limits)(nil).Reserve("a") != 0 {
		t.Error("what nobody limits is delayed")
	}
}
