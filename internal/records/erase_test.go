package records_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/attr"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

const erasedNumber, keptNumber = "01022222222", "01033333333"

// ids of messages that tell nothing.
const second = "01933333-0000-7000-8000-000000000002"

// nothingOf checks that the table has nothing of the number any more, and everything of the others.
func (w *world) nothingOf(tb testing.TB, messages ...string) {
	tb.Helper()
	for _, id := range messages {
		o := w.find(tb, id).Outcome
		if text := testkit.JSON(tb, o); strings.Contains(text, "2222") || !strings.Contains(text, "3333") {
			tb.Errorf("%s: %s", id, text)
		}
	}
	page, err := w.Search(tb.Context(), records.Query{To: erasedNumber, Limit: 10})
	if err != nil || len(page.Found) != 0 {
		tb.Errorf("found %+v, %v", page.Found, err)
	}
	page, err = w.Search(tb.Context(), records.Query{To: keptNumber, Limit: 10})
	if err != nil || len(page.Found) != len(messages) {
		tb.Errorf("of the other %d, %v", len(page.Found), err)
	}
	for _, f := range page.Found {
		if f.Recipient == nil || f.Recipient.To != "010****3333" {
			tb.Errorf("the other is %+v", f.Recipient)
		}
	}
}

func TestErase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, two := sms(id, "01011111111", erasedNumber, keptNumber), sms(second, keptNumber, erasedNumber)
	one.CreatedAt, two.CreatedAt = began, began.Add(time.Second)
	for _, m := range []message.Message{one, two} {
		w.Accepted(t.Context(), m)
		w.went(m, progress(m, 1), 0)
	}
	w.clock = began.Add(time.Minute)
	if n, err := w.Erase(t.Context(), erasedNumber); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	w.nothingOf(t, one.ID, two.ID)
	if o := w.find(t, one.ID).Outcome; !slices.Equal(o.Erased, []int{1}) || o.Counts.Pending != 3 {
		t.Errorf("erased are %v, %+v", o.Erased, o.Counts)
	}
	// What comes late brings nothing back: a task, an outcome and its repetition, a repair.
	w.went(one, progress(one, 2), 0)
	w.nothingOf(t, one.ID, two.ID)
	for range 2 {
		if _, err := w.Settled(t.Context(), settled(one, w.clock)); err != nil {
			t.Fatal(err)
		}
		w.nothingOf(t, one.ID, two.ID)
	}
	if err := w.Repair(t.Context(), two, settled(two, w.clock), records.Version{Ended: true}, true); err != nil {
		t.Fatal(err)
	}
	w.nothingOf(t, one.ID, two.ID)
	if r := w.find(t, two.ID); !r.Announced || r.Outcome.Status != message.AllDelivered || r.Erased != 1 {
		t.Errorf("%+v", r)
	}
	// A second one of the same messages, and once more the first.
	for _, number := range []message.Phone{"01011111111", erasedNumber, "01011111111"} {
		if _, err := w.Erase(t.Context(), number); err != nil {
			t.Fatal(err)
		}
		w.nothingOf(t, one.ID, two.ID)
	}
	if text := testkit.JSON(t, w.find(t, one.ID).Outcome); strings.Contains(text, "1111") {
		t.Error(text)
	}
	// What is sent to the number from now on is another matter.
	three := sms("01933333-0000-7000-8000-000000000003", erasedNumber)
	three.CreatedAt = w.clock.Add(time.Second)
	w.Accepted(t.Context(), three)
	w.went(three, progress(three, 1), 0)
	if page, err := w.Search(t.Context(), records.Query{To: erasedNumber, Limit: 10}); err != nil || len(page.Found) != 1 {
		t.Errorf("%+v, %v", page, err)
	}
}

// Of one message two are erased, one after the other.
func TestEraseAnotherOfTheSameMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, erasedNumber, keptNumber, "01044444444")
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 1), 0)
	for _, number := range []message.Phone{erasedNumber, "01044444444"} {
		if n, err := w.Erase(t.Context(), number); err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
	w.nothingOf(t, id)
	if text := testkit.JSON(t, w.find(t, id).Outcome); strings.Contains(text, "4444") {
		t.Error(text)
	}
}

// A message that is found twice is one message: its first task was tried again, and the key had changed.
func TestEraseCountsMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, erasedNumber, keptNumber)
	for _, keys := range []tabletest.Keys{{"old"}, {"new", "old"}} {
		w.Numbers = keys
		w.went(m, progress(m, 1), 0)
	}
	if n, err := w.Erase(t.Context(), erasedNumber); err != nil || n != 1 {
		t.Errorf("%d messages, %v", n, err)
	}
	w.nothingOf(t, id)
}

// What was accepted before the erasure, up to the same millisecond, is erased however late it is sent; so long its stone lasts.
func TestEraseLasts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, erasedNumber, keptNumber)
	m.CreatedAt = began
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 1), 0)
	if n, err := w.Erase(t.Context(), erasedNumber); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	w.nothingOf(t, id)
	const day = 24 * time.Hour
	// The longest schedule and life, in which it is sent, and a redrive after that.
	last, stones := began.Add(w.Kept+97*day+14*day), 0
	for name, item := range w.items(t) {
		if !strings.HasSuffix(name, " erased") {
			continue
		}
		if stones++; attr.NumberOf(item, "expires") < last.Unix() {
			t.Errorf("%s ends at %d, before %d", name, attr.NumberOf(item, "expires"), last.Unix())
		}
	}
	if stones != 1 {
		t.Errorf("%d stones", stones)
	}
}

// A message that is scheduled loses the number at once. Where its numbers could not be indexed yet it does when it is sent.
func TestEraseBeforeTheFirstSend(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]keyed{"with a key": {"secret"}, "with one that comes later": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Numbers = key
			m := sms(id, erasedNumber, keptNumber)
			m.SendAt = began.Add(time.Hour)
			w.Accepted(t.Context(), m)
			w.Numbers, w.clock = keyed{"secret"}, began.Add(time.Minute)
			for _, to := range []message.Phone{erasedNumber, keptNumber} {
				found, err := w.Search(t.Context(), records.Query{To: to})
				if err != nil || len(found.Found) != len(key) {
					t.Errorf("found %+v, error %v, want %d", found, err, len(key))
				}
			}
			if n, err := w.Erase(t.Context(), erasedNumber); err != nil || n != len(key) {
				t.Fatalf("erased in %d messages, error %v, want %d", n, err, len(key))
			}
			if len(key) > 0 {
				w.nothingOf(t, id)
			}
			w.clock = m.SendAt
			w.went(m, progress(m, 1), 0)
			w.nothingOf(t, id)
			w.went(m, progress(m, 2), 0)
			if _, err := w.Settled(t.Context(), settled(m, w.clock)); err != nil {
				t.Fatal(err)
			}
			w.nothingOf(t, id)
		})
	}
}

// A record that is newer than what a sweep has found loses the number all the same.
func TestEraseBeforeTheIndexOfWhatGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Numbers = keyed{}
	m := sms(id, erasedNumber, keptNumber)
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 3), 1)
	w.Numbers, w.clock = keyed{"secret"}, began.Add(time.Hour)
	if _, err := w.Erase(t.Context(), erasedNumber); err != nil {
		t.Fatal(err)
	}
	if err := w.Repair(t.Context(), m, message.Underway(m, progress(m, 2)), records.Version{Redrives: 1, Seq: 2}, false); err != nil {
		t.Fatal(err)
	}
	w.nothingOf(t, id)
}

// Which record is older, and a note that is kept because it is noted again for the same hour.
func TestGlanceAndNotes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, keptNumber)
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 2), 1)
	all, err := w.Glances(t.Context(), []string{id, second})
	g := all[id]
	if err != nil || len(all) != 1 || g.Before(records.Version{Redrives: 1, Seq: 2}) || g.Before(records.Version{Seq: 9}) ||
		!g.Before(records.Version{Redrives: 1, Seq: 3}) || !g.Before(records.Version{Redrives: 2}) {
		t.Errorf("%+v %v", all, err)
	}
	c := records.Check{ID: id, At: began}
	if err := w.Check(t.Context(), c, c); err != nil {
		t.Fatal(err)
	}
	for _, then := range []*records.Check{{ID: id, At: began.Add(time.Minute)}, {ID: id, At: began.Add(time.Hour)}, nil} {
		if err := w.Checked(t.Context(), c, then); err != nil {
			t.Fatal(err)
		}
		want := 1
		if then == nil {
			want = 0
		} else {
			c = *then
		}
		if n := w.kinds(t)["check"]; n != want {
			t.Errorf("%d notes, want %d", n, want)
		}
	}
}

// A message that was sent before there was a key has nothing of a number that was erased once there was, as soon as a sweep
// has come to it: under way, or settled and announced, with a record or without.
func TestEraseBeforeTheIndex(t *testing.T) {
	t.Parallel()
	for name, announced := range map[string]bool{"under way": false, "announced": true} {
		for _, recorded := range []bool{true, false} {
			w := newWorld(t)
			w.Numbers = keyed{}
			m := sms(id, erasedNumber, keptNumber)
			p := progress(m, 1)
			if recorded {
				w.Accepted(t.Context(), m)
				w.went(m, p, 0)
			}
			o, v := message.Underway(m, p), records.VersionOf(p, 0)
			if announced {
				o, v = settled(m, began.Add(time.Second)), records.Version{Ended: true}
			}
			if announced && recorded {
				if _, err := w.Settled(t.Context(), o); err != nil {
					t.Fatal(err)
				}
			}
			w.Numbers, w.clock = keyed{"secret"}, began.Add(time.Hour)
			if n, err := w.Erase(t.Context(), erasedNumber); err != nil || n != 0 {
				t.Fatal(n, err)
			}
			for range 2 {
				if err := w.Repair(t.Context(), m, o, v, announced); err != nil {
					t.Fatal(err)
				}
				w.nothingOf(t, id)
			}
			if r := w.find(t, id); !r.Indexed || !r.Listed || r.Erased != 1 || r.Announced != announced {
				t.Errorf("%s, recorded %v: %+v", name, recorded, r)
			}
			// What is newer than what was found stays, and has nothing of the number either.
			w.went(m, progress(m, 3), 1)
			if err := w.Repair(t.Context(), m, o, v, announced); err != nil {
				t.Fatal(err)
			}
			w.nothingOf(t, id)
		}
	}
}

func TestEraseWithoutKeyOrTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, erasedNumber, keptNumber)
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 1), 0)
	w.clock = began.Add(time.Minute)
	// Whatever operation fails, to repeat it finishes it.
	for _, operation := range []string{"PutItem", "Query", "GetItem", "UpdateItem", "BatchWriteItem"} {
		w.refuse = func(o string) bool { return o == operation }
		if _, err := w.Erase(t.Context(), erasedNumber); err == nil {
			t.Errorf("%s is refused, and there is no error", operation)
		}
	}
	w.refuse = nil
	if _, err := w.Erase(t.Context(), erasedNumber); err != nil {
		t.Error(err)
	}
	w.nothingOf(t, id)
	w.Numbers = keyed{}
	if _, err := w.Erase(t.Context(), erasedNumber); !errors.Is(err, records.ErrNoNumberKey) {
		t.Error(err)
	}
}

// Whenever in the acceptance of a scheduled message a number is erased, its record has nothing of it in the end, and is not brought it
// back.
func TestEraseWhileItIsAccepted(t *testing.T) {
	t.Parallel()
	for at := range 6 {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			m := sms(id, erasedNumber, keptNumber)
			m.SendAt = began.Add(80 * 24 * time.Hour)
			w.clock = began.Add(time.Second)
			other := *w.Store
			other.Client = w.raw
			operations := 0
			w.before = func(context.Context, string) error {
				if operations++; operations == at+1 {
					if _, err := other.Erase(t.Context(), erasedNumber); err != nil {
						t.Error(err)
					}
				}
				return nil
			}
			w.Accepted(t.Context(), m)
			w.before = nil
			if operations <= at {
				// It has come to an end before: then it is found.
				if n, err := other.Erase(t.Context(), erasedNumber); err != nil || n != 1 {
					t.Errorf("erased in %d messages, error %v, want 1", n, err)
				}
			}
			w.nothingOf(t, id)
			w.clock = m.SendAt
			w.went(m, progress(m, 1), 0)
			w.nothingOf(t, id)
		})
	}
}
