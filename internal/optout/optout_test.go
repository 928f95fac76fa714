package optout_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/message"
	"sms-api/internal/optout"
	"sms-api/internal/testkit/tabletest"
)

const kim, lee = message.Phone("01012345678"), message.Phone("01087654321")

func noon(minutes int) time.Time { return time.Date(2026, 12, 1, 12, minutes, 0, 0, time.UTC) }

func newList(t *testing.T, keys ...string) (*optout.List, *tabletest.Table) {
	t.Helper()
	table := tabletest.New(t)
	return &optout.List{Client: table.Client, Table: tabletest.Name, Numbers: tabletest.Keys(keys)}, table
}

// What was said last counts, in whatever order it is heard.
func TestWhatWasSaidLastCounts(t *testing.T) {
	t.Parallel()
	type said struct {
		status  optout.Status
		minutes int
	}
	out, in := optout.Out, optout.In
	for _, c := range []struct {
		said []said
		want optout.Status
	}{
		{[]said{{out, 1}}, out},
		{[]said{{in, 1}}, in},
		{[]said{{out, 1}, {in, 2}}, in},
		{[]said{{in, 2}, {out, 1}}, in},
		{[]said{{out, 3}, {in, 2}, {out, 1}}, out},
		{[]said{{in, 1}, {out, 1}}, out},
		{[]said{{out, 1}, {in, 1}}, out},
		{[]said{{out, 1}, {out, 1}, {in, 2}, {in, 2}}, in},
	} {
		l, _ := newList(t, "secret")
		for _, s := range c.said {
			if _, err := l.Record(t.Context(), kim, s.status, noon(s.minutes), "080"); err != nil {
				t.Fatal(err)
			}
		}
		e, ok, err := l.Find(t.Context(), kim)
		if err != nil || !ok || e.Status != c.want || e.To != "010****5678" || e.Via != "080" {
			t.Errorf("%v: %+v %v %v, want %s", c.said, e, ok, err, c.want)
		}
		among, err := l.Among(t.Context(), []message.Phone{lee, kim})
		if err != nil || among[0] || among[1] != (c.want == out) {
			t.Errorf("%v: %v %v", c.said, among, err)
		}
	}
}

// A new key does not forget who opted out with the old one, and an opt-in with the new one counts.
func TestKeysChange(t *testing.T) {
	t.Parallel()
	l, _ := newList(t, "old")
	if _, err := l.Record(t.Context(), kim, optout.Out, noon(1), ""); err != nil {
		t.Fatal(err)
	}
	l.Numbers = tabletest.Keys{"new", "old"}
	if e, ok, err := l.Find(t.Context(), kim); err != nil || !ok || e.Status != optout.Out {
		t.Errorf("%+v %v %v", e, ok, err)
	}
	if _, err := l.Record(t.Context(), kim, optout.In, noon(0), ""); err != nil {
		t.Fatal(err)
	}
	if e, _, _ := l.Find(t.Context(), kim); e.Status != optout.Out {
		t.Errorf("an older opt-in counts: %+v", e)
	}
	if _, err := l.Record(t.Context(), kim, optout.In, noon(2), ""); err != nil {
		t.Fatal(err)
	}
	if e, _, _ := l.Find(t.Context(), kim); e.Status != optout.In {
		t.Errorf("a later opt-in does not count: %+v", e)
	}
}

// Whoever lacks a key that was written with would overlook people: one whose keys are some minutes old, and everybody when a key
// is taken away.
func TestMissingKeysOverlookNobody(t *testing.T) {
	t.Parallel()
	l, _ := newList(t, "old")
	late := *l
	record := func(to message.Phone) {
		t.Helper()
		if _, err := l.Record(t.Context(), to, optout.Out, noon(1), ""); err != nil {
			t.Fatal(err)
		}
	}
	record(kim)
	l.Numbers = tabletest.Keys{"new", "old"}
	if out, err := late.Among(t.Context(), []message.Phone{kim, lee}); err != nil || !out[0] || out[1] {
		t.Errorf("before the new key is written with: %v %v", out, err)
	}
	record(lee)
	newest := *l
	newest.Numbers = tabletest.Keys{"new"}
	for name, l := range map[string]*optout.List{"too old": &late, "too new": &newest} {
		var missing *optout.MissingKeyError
		if out, err := l.Among(t.Context(), []message.Phone{kim, lee}); !errors.As(err, &missing) {
			t.Errorf("keys that are %s: %v %v", name, out, err)
		}
		if e, err := l.Record(t.Context(), kim, optout.In, noon(2), ""); !errors.As(err, &missing) {
			t.Errorf("keys that are %s: written %+v, %v", name, e, err)
		}
	}
	if out, err := l.Among(t.Context(), []message.Phone{kim, lee}); err != nil || !out[0] || !out[1] {
		t.Errorf("with both keys: %v %v", out, err)
	}
}

// A list from before it was written down which keys it has may have been written with any of them.
func TestKeysOfAnOlderList(t *testing.T) {
	t.Parallel()
	l, _ := newList(t, "new", "old")
	if _, err := l.Record(t.Context(), kim, optout.Out, noon(1), ""); err != nil {
		t.Fatal(err)
	}
	l.Numbers = tabletest.Keys{"new"}
	if out, err := l.Among(t.Context(), []message.Phone{lee}); err == nil {
		t.Errorf("without the old key: %v", out)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	l, _ := newList(t, "secret")
	want := map[string]bool{}
	for i := range 57 {
		to, status := message.Phone(fmt.Sprintf("0101000%04d", i)), optout.Out
		if i%5 == 0 {
			status = optout.In
		} else {
			want[to.Masked()] = true
		}
		if _, err := l.Record(t.Context(), to, status, noon(1), ""); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 7, 45, 46, 100} {
		var got []string
		cursor := ""
		for {
			entries, next, err := l.Page(t.Context(), limit, cursor)
			if err != nil || len(entries) > limit || next != "" && len(entries) == 0 {
				t.Fatalf("limit %d: %d entries, %q, %v", limit, len(entries), next, err)
			}
			for _, e := range entries {
				got = append(got, e.To)
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != len(want) {
			t.Errorf("limit %d: %d numbers, want %d", limit, len(got), len(want))
		}
	}
	for _, wrong := range []string{"x", "OTk", "====", strings.Repeat("A", 1000)} {
		if _, _, err := l.Page(t.Context(), 1, wrong); !errors.Is(err, optout.ErrCursor) {
			t.Errorf("cursor %q: %v", wrong, err)
		}
	}
}

// A write whose answer is lost is repeated, and nothing is known of a number that the table cannot be asked about.
func TestFaults(t *testing.T) {
	t.Parallel()
	l, table := newList(t, "secret")
	for _, fault := range []tabletest.Fault{tabletest.Before, tabletest.After} {
		n := 0
		table.Fail(func(operation string) tabletest.Fault {
			if operation == "PutItem" {
				if n++; n == 1 {
					return fault
				}
			}
			return tabletest.None
		})
		for _, status := range []optout.Status{optout.Out, optout.In} {
			n = 0
			e, err := l.Record(t.Context(), kim, status, noon(int(fault)*2+len(status)%3), "")
			if err != nil || e.Status != status {
				t.Errorf("%v %s: %+v %v", fault, status, e, err)
			}
		}
	}
	table.Fail(func(string) tabletest.Fault { return tabletest.Before })
	if _, err := l.Among(t.Context(), []message.Phone{kim}); err == nil {
		t.Error("a table that cannot be asked knows nothing")
	}
}

// halting is a table that reads half of what it is asked for, as DynamoDB may, and lets something happen before a write.
type halting struct {
	*dynamodb.Client

	before func()
	stale  bool
}

func (h *halting) BatchGetItem(
	ctx context.Context, in *dynamodb.BatchGetItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.BatchGetItemOutput, error) {
	keys := in.RequestItems[tabletest.Name].Keys
	h.stale = h.stale || !aws.ToBool(in.RequestItems[tabletest.Name].ConsistentRead)
	half := (len(keys) + 1) / 2
	out, err := h.Client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
		RequestItems: map[string]types.KeysAndAttributes{tabletest.Name: {Keys: keys[:half], ConsistentRead: aws.Bool(true)}},
	}, o...)
	if err == nil && half < len(keys) {
		out.UnprocessedKeys = map[string]types.KeysAndAttributes{tabletest.Name: {Keys: keys[half:]}}
	}
	return out, err
}

func (h *halting) PutItem(
	ctx context.Context, in *dynamodb.PutItemInput, o ...func(*dynamodb.Options),
) (*dynamodb.PutItemOutput, error) {
	if happens := h.before; happens != nil {
		h.before = nil
		happens()
	}
	return h.Client.PutItem(ctx, in, o...)
}

// Nobody is overlooked whom the table did not read at once, and what it reads is not from before.
func TestNobodyIsOverlooked(t *testing.T) {
	t.Parallel()
	l, table := newList(t, "secret")
	var all []message.Phone
	for i := range 250 {
		to := message.Phone(fmt.Sprintf("0101000%04d", i))
		all = append(all, to)
		if i%10 == 0 {
			if _, err := l.Record(t.Context(), to, optout.Out, noon(1), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := &halting{Client: table.Client}
	l.Client = h
	out, err := l.Among(t.Context(), all)
	if err != nil || len(out) != 25 || !out[0] || !out[240] || h.stale {
		t.Errorf("%d have opted out, want 25; %v, reads what was before: %v", len(out), err, h.stale)
	}
}

// What somebody else writes between the look and the write counts by when it was said.
func TestTwoWriteAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second     optout.Status
		firstAt, secondAt int
		want              optout.Status
	}{
		"an older opt-in comes after the opt-out":  {optout.Out, optout.In, 2, 1, optout.Out},
		"an opt-in of the same moment":             {optout.Out, optout.In, 1, 1, optout.Out},
		"an opt-out of the same moment":            {optout.In, optout.Out, 1, 1, optout.Out},
		"an older opt-out comes after the opt-in":  {optout.In, optout.Out, 2, 1, optout.In},
		"a younger opt-in comes after the opt-out": {optout.Out, optout.In, 1, 2, optout.In},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other, table := newList(t, "secret")
			l := *other
			l.Client = &halting{Client: table.Client, before: func() {
				if _, err := other.Record(t.Context(), kim, c.first, noon(c.firstAt), ""); err != nil {
					t.Error(err)
				}
			}}
			if e, err := l.Record(t.Context(), kim, c.second, noon(c.secondAt), ""); err != nil || e.Status != c.want {
				t.Errorf("told %+v, %v; want %s", e, err, c.want)
			}
			if e, _, err := other.Find(t.Context(), kim); err != nil || e.Status != c.want {
				t.Errorf("found %+v, %v; want %s", e, err, c.want)
			}
		})
	}
}
