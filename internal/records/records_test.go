package records_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/testkit"
	"sms-api/internal/testkit/tabletest"
)

// A message whose first task was quicker than whoever accepted it lacks nothing: a sweep would have to make it good.
func TestTheFirstTaskIsQuicker(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	m := sms(id, "01012345678")
	o := settled(m, began.Add(6*time.Second))
	w.went(m, progress(m, 1), 0)
	w.Went(ctx, m, o, records.Version{Seq: 2}, false)
	w.did()
	w.Accepted(ctx, m)
	if did := w.did(); !slices.Equal(did, []string{"BatchWriteItem", "UpdateItem", "GetItem", "UpdateItem"}) {
		t.Errorf("accepted by %q", did)
	}
	if r := w.find(t, id); testkit.JSON(t, r.Outcome) != testkit.JSON(t, o) || !r.Listed || !r.Indexed || !r.Settled() {
		t.Errorf("%+v", r)
	}
	// And so does one whose numbers were indexed by a task that told of it late.
	late := sms("late", "01012345678")
	w.Accepted(ctx, late)
	w.Went(ctx, late, settled(late, began.Add(6*time.Second)), records.Version{Seq: 2}, false)
	w.went(late, progress(late, 1), 0)
	if r := w.find(t, "late"); !r.Listed || !r.Indexed || !r.Settled() {
		t.Errorf("%+v", r)
	}
}

// A message's way, and what it costs.
func TestWay(t *testing.T) {
	t.Parallel()
	w, ctx := newWorld(t), t.Context()
	m := sms(id, "01012345678")
	w.Accepted(ctx, m)
	if did := w.did(); !slices.Equal(did, []string{"BatchWriteItem", "UpdateItem"}) {
		t.Errorf("accepted by %q", did)
	}
	r := w.find(t, id)
	if r.Outcome.Status != message.Sending || !r.Listed || r.Indexed || r.Settled() || r.Message.Fingerprint != m.Fingerprint ||
		r.Message.Caller != m.Caller || !r.Message.CreatedAt.Equal(m.CreatedAt) {
		t.Errorf("accepted: %+v", r)
	}
	w.did()
	p := progress(m, 1)
	w.went(m, p, 0)
	if did := w.did(); !slices.Equal(did, []string{"BatchWriteItem", "BatchGetItem", "UpdateItem"}) {
		t.Errorf("sent by %q", did)
	}
	if r = w.find(t, id); testkit.JSON(t, r.Outcome) != testkit.JSON(t, message.Underway(m, p)) || !r.Indexed || !r.Listed {
		t.Errorf("sent: %+v", r)
	}
	w.did()
	o := settled(m, began.Add(6*time.Second))
	w.Went(ctx, m, o, records.Version{Seq: 2}, false)
	if r = w.find(t, id); testkit.JSON(t, r.Outcome) != testkit.JSON(t, o) || !r.Settled() || r.Announced {
		t.Errorf("settled: %+v", r)
	}
	for n := range 3 {
		first, err := w.Settled(ctx, o)
		if err != nil || first != (n == 0) {
			t.Errorf("announced %d times: first %v, %v", n+1, first, err)
		}
	}
	if r = w.find(t, id); testkit.JSON(t, r.Outcome) != testkit.JSON(t, o) || !r.Announced || !r.Indexed || !r.Listed {
		t.Errorf("announced: %+v", r)
	}
	if got, want := w.kinds(t), map[string]int{"msg": 1, "list": 1, "own": 1, "to": 1}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("items: %v, want %v", got, want)
	}
	for k, item := range w.items(t) {
		if n := tabletest.Size(item); n > 1024 {
			t.Errorf("%s has %d bytes: more than a unit", k, n)
		} else {
			t.Logf("%s has %d bytes", k, n)
		}
	}
	if logs := w.logs.String(); logs != "" {
		t.Error(logs)
	}
}

// Whatever comes in whichever order, what stands there is the newest.
func TestMonotonic(t *testing.T) {
	t.Parallel()
	m := sms(id, "01012345678")
	parked := progress(m, 2)
	parked.Parked = &message.Parking{Cause: "ip", Reason: "register it", Since: began}
	write := func(p message.Progress, redrives int) func(*world) {
		return func(w *world) { w.went(m, p, redrives) }
	}
	announce := func(at time.Duration, redrives int, status message.Status) func(*world) {
		o := settled(m, began.Add(at))
		if status == message.Failed {
			o.Recipients[0].Status, o.Status = message.Failed, message.NoneDelivered
		}
		return func(w *world) {
			w.clock = began.Add(at)
			w.Went(context.Background(), m, o, records.Version{Redrives: redrives, Seq: 3}, false)
			if _, err := w.Settled(context.Background(), o); err != nil {
				w.tb.Error(err)
			}
		}
	}
	accepted := func(w *world) { w.Accepted(context.Background(), m) }
	type writes []func(*world)
	failed, delivered := announce(time.Minute, 0, message.Failed), announce(time.Hour, 1, message.Delivered)
	for about, c := range map[string]struct {
		writes writes
		want   message.MessageStatus
	}{
		"a task overtakes the door":            {writes{write(parked, 0), accepted}, message.Parked},
		"parked, and sent after the repair":    {writes{write(parked, 0), write(progress(m, 3), 0)}, message.Sending},
		"parked after what it was parked at":   {writes{write(parked, 0), write(progress(m, 2), 0)}, message.Parked},
		"an invocation that comes late":        {writes{write(progress(m, 4), 0), write(parked, 0)}, message.Sending},
		"a task after the end":                 {writes{failed, write(progress(m, 9), 0)}, message.NoneDelivered},
		"a redrive after the end":              {writes{failed, write(progress(m, 3), 1)}, message.Sending},
		"the end of a redrive":                 {writes{failed, write(progress(m, 3), 1), delivered}, message.AllDelivered},
		"the end before the redrive once more": {writes{failed, delivered, failed}, message.AllDelivered},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, write := range c.writes {
				write(w)
			}
			if r := w.find(t, id); r.Outcome.Status != c.want {
				t.Errorf("%s, want %s", r.Outcome.Status, c.want)
			}
		})
	}
	t.Run("any order", func(t *testing.T) {
		t.Parallel()
		for seed := range uint64(20) {
			w, random := newWorld(t), rand.New(rand.NewPCG(seed, 0))
			type one struct{ redrives, seq int }
			var all []one
			for range 12 {
				all = append(all, one{random.IntN(3), 1 + random.IntN(4)})
			}
			newest := slices.MaxFunc(all, func(a, b one) int { return (a.redrives-b.redrives)*10 + a.seq - b.seq })
			for _, v := range all {
				p := progress(m, v.seq)
				p.Recipients[0].Code = fmt.Sprint(v)
				w.went(m, p, v.redrives)
			}
			if got := w.find(t, id).Outcome.Recipients[0].Code; got != fmt.Sprint(newest) {
				t.Errorf("seed %d: %s, want %v of %v", seed, got, newest, all)
			}
		}
	})
}

// Of two invocations of one task the record believes the one that found everything settled, until the message goes on.
func TestSettledByAGhost(t *testing.T) {
	t.Parallel()
	m := sms(id, "01012345678")
	for _, ghostFirst := range []bool{true, false} {
		w := newWorld(t)
		ghost := func() { w.Went(t.Context(), m, settled(m, began), records.Version{Seq: 2}, false) }
		if ghostFirst {
			ghost()
		}
		w.went(m, progress(m, 2), 0)
		if !ghostFirst {
			ghost()
		}
		if r := w.find(t, id); !r.Settled() {
			t.Errorf("ghost first %v: %s", ghostFirst, r.Outcome.Status)
		}
		w.went(m, progress(m, 3), 0)
		if r := w.find(t, id); r.Settled() {
			t.Errorf("ghost first %v, and it goes on: %s", ghostFirst, r.Outcome.Status)
		}
	}
}

// A task that goes on for a little when its execution has been stopped does not wake the message up.
func TestStoppedBesideATask(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, "01012345678")
	o := message.Settled(m, []message.Result{{To: "010****5678", Status: message.Unknown, Code: message.CodeStopped}}, began.Add(time.Second))
	w.clock = began.Add(3 * time.Second)
	w.went(m, progress(m, 1), 0)
	for range 2 {
		if _, err := w.Settled(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if r := w.find(t, id); testkit.JSON(t, r.Outcome) != testkit.JSON(t, o) {
			t.Errorf("%+v", r)
		}
		w.went(m, progress(m, 2), 0)
	}
}

// What is found out of an execution long after its end is announced then, which is the first time.
func TestAnnouncedLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, "01012345678")
	w.went(m, progress(m, 1), 0)
	o := settled(m, began.Add(time.Second))
	w.clock = began.Add(5 * time.Hour)
	w.Went(t.Context(), m, o, records.Version{Ended: true}, false)
	if r := w.find(t, id); !r.Settled() || r.Announced {
		t.Errorf("%+v", r)
	}
	if first, err := w.Settled(t.Context(), o); err != nil || !first {
		t.Errorf("%v, %v", first, err)
	}
}

// The record of a message that nobody could write anything of before its end does not say whose it is.
func TestOutcomeWithoutRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, "01012345678")
	o := settled(m, began)
	if first, err := w.Settled(t.Context(), o); err != nil || !first {
		t.Errorf("%v, %v", first, err)
	}
	if _, ok, err := w.Find(t.Context(), id); ok || err != nil {
		t.Errorf("found: %v, %v", ok, err)
	}
	// A repair says it, though what it has found is older than the outcome.
	if err := w.Repair(t.Context(), m, message.Underway(m, progress(m, 1)), records.Version{Seq: 1}, false); err != nil {
		t.Fatal(err)
	}
	if r := w.find(t, id); r.Message.Caller != m.Caller || r.Outcome.Status != o.Status {
		t.Errorf("%+v", r)
	}
	for _, caller := range []string{"", m.Caller} {
		if got := w.pages(t, records.Query{Caller: caller, Status: o.Status, Limit: 10}); !slices.Equal(got, []string{id}) {
			t.Errorf("the list of %q has %q", caller, got)
		}
	}
}

func TestScheduled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := sms(id, "01012345678")
	m.SendAt = began.Add(time.Hour)
	m.ExpiresAt = began.Add(25 * time.Hour)
	w.Accepted(t.Context(), m)
	if r := w.find(t, id); r.Outcome.Status != message.Scheduled || !r.Message.SendAt.Equal(m.SendAt) {
		t.Errorf("%+v", r)
	}
	if n := w.kinds(t); n["stat"] != 2 {
		t.Errorf("items: %v", n)
	}
	w.clock = m.SendAt
	if r := w.find(t, id); r.Outcome.Status != message.Sending {
		t.Errorf("at its time: %s", r.Outcome.Status)
	}
	w.went(m, progress(m, 1), 0)
	if n := w.kinds(t); n["stat"] != 0 {
		t.Errorf("items once it is sent: %v", n)
	}
	w.clock = m.ExpiresAt.Add(w.Kept - time.Second)
	if r := w.find(t, id); r.Over || w.Over(m) {
		t.Error("over before its time")
	}
	w.clock = m.ExpiresAt.Add(w.Kept)
	if r := w.find(t, id); !r.Over || !w.Over(m) {
		t.Error("not over")
	}
}

// The largest message is one item that DynamoDB takes, and the table holds neither numbers nor texts.
func TestLargest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, largest) // the table takes no time there
}

func largest(t *testing.T) {
	w := newWorld(t)
	numbers := make([]message.Phone, message.MaxRecipients)
	for i := range numbers {
		numbers[i] = message.Phone(fmt.Sprintf("0107%07d", i*7919))
	}
	m := sms(id, numbers...)
	random := rand.New(rand.NewPCG(1, 2))
	hangul := func(n int) string { // which nothing makes shorter
		text := make([]rune, n)
		for i := range text {
			text[i] = '가' + random.Int32N(11172)
		}
		return string(text)
	}
	m.Reference = hangul(128)
	for i := range m.Recipients {
		m.Recipients[i].Reference, m.Recipients[i].Variables = hangul(64), nil
	}
	m.Text = message.Text(strings.Repeat("x", message.MaxSize-len(testkit.JSON(t, m))-len(`"text":"",`)))
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 1), 0)
	under := progress(m, 9)
	for i := range under.Recipients {
		r := &under.Recipients[i]
		r.Attempts = []message.Attempt{{Channel: message.AlimTalk, Status: message.Failed, Code: "A", At: began}}
		r.Channel, r.Status, r.Code, r.At = message.SMS, message.Failed, "number", began
	}
	o := message.Settled(m, under.Recipients, began).Fit()
	input, most := len(testkit.JSON(t, m)), len(testkit.JSON(t, m))+len(testkit.JSON(t, under))
	t.Logf("a message of %d bytes, with its progress %d, the outcome %d", input, most, len(testkit.JSON(t, o)))
	if input != message.MaxSize || most > deployment.PayloadSize || len(testkit.JSON(t, o)) > deployment.EventSize {
		t.Error("they are too large, or not as large as they may be")
	}
	w.went(m, under, 0)
	for i := range o.Recipients {
		o.Recipients[i].Reason = hangul(40)
	}
	o = o.Whole()
	if _, err := w.Settled(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := w.find(t, id); testkit.JSON(t, got.Outcome) != testkit.JSON(t, o) || !got.Indexed {
		t.Error("what is read is not what was written")
	}
	all := w.items(t)
	for k, item := range all {
		if n := tabletest.Size(item); n > 400<<10 {
			t.Errorf("%s has %d bytes", k, n)
		} else if strings.HasPrefix(k, "msg#") {
			t.Logf("the record has %d bytes", n)
		}
		text, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"A-17-secret", "홍길동", string(numbers[1]), string(numbers[499])} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds %s", k, secret)
			}
		}
	}
	if n := w.kinds(t)["to"]; n != message.MaxRecipients {
		t.Errorf("%d numbers", n)
	}
	if logs := w.logs.String(); logs != "" {
		t.Error(logs)
	}
}

// A table that is away is waited for shortly, and what it missed is counted.
func TestTableAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.refuse = func(string) bool { return true }
		m := sms(id, "01012345678")
		w.Accepted(t.Context(), m)
		w.went(m, progress(m, 1), 0)
		for _, missed := range []string{"list", "accepted", "numbers", "progress"} {
			if !strings.Contains(w.logs.String(), `"missed":"`+missed+`"`) {
				t.Errorf("nothing says that %s is missed:\n%s", missed, w.logs.String())
			}
		}
		if _, _, err := w.Find(t.Context(), id); err == nil {
			t.Error("a record of a table that is away")
		}
		w.refuse = nil
		w.before = func(ctx context.Context, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		}
		asked := time.Now()
		w.Accepted(t.Context(), m)
		if waited := time.Since(asked); waited > time.Second {
			t.Errorf("a caller waits %v for the table", waited)
		}
		asked = time.Now()
		w.went(m, progress(m, 1), 0)
		if waited := time.Since(asked); waited > 2*time.Second {
			t.Errorf("a task waits %v for the table", waited)
		}
	})
}

// Without the key messages go out, and it is noted which have no items of their numbers.
func TestNoNumberKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Numbers = keyed{}
	m := sms(id, "01012345678")
	w.Accepted(t.Context(), m)
	w.went(m, progress(m, 1), 0)
	if r := w.find(t, id); r.Indexed || r.Outcome.Status != message.Sending {
		t.Errorf("%+v", r)
	}
	if n := w.kinds(t); n["to"] != 0 || n["check"] != 1 {
		t.Errorf("items: %v", n)
	}
	w.Numbers = keyed{"new", "old"}
	if err := w.Repair(t.Context(), m, settled(m, began), records.Version{Ended: true}, true); err != nil {
		t.Fatal(err)
	}
	if r := w.find(t, id); !r.Indexed || !r.Announced {
		t.Errorf("%+v", r)
	}
}
