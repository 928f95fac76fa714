package handlers_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// asked is an Aligo whose history says the same to everybody, and that remembers what it was asked.
type asked struct {
	*aligo.Client

	finding aligo.Finding
	attempt aligo.Attempt
}

func (a *asked) FindSMS(_ context.Context, attempt aligo.Attempt) (aligo.Finding, error) {
	a.attempt = attempt
	return a.finding, nil
}

func (*asked) SMSReceipts(context.Context, aligo.Account, string) ([]aligo.SMSReceipt, error) {
	return nil, nil
}

func (*asked) DigestKey(context.Context) ([]byte, error)      { return []byte("key"), nil }
func (*asked) Account(context.Context) (aligo.Account, error) { return "shop", nil }

// table is a table of sends that holds one guard, or none.
type table struct {
	*guard.Guards

	guard   *guard.Guard
	others  []guard.OpenSend
	owner   map[string]string
	owns    bool
	raised  bool
	claimed string
}

func (t *table) Owns(context.Context, string, guard.Batch) (bool, error) { return t.owns, nil }

func (t *table) Opened(context.Context, string) (guard.Guard, bool, error) {
	if t.guard == nil {
		return guard.Guard{}, false, nil
	}
	return *t.guard, true, nil
}

func (t *table) Raise(context.Context, guard.Send, bool) error {
	t.raised = true
	return nil
}

func (t *table) Claim(_ context.Context, _ guard.Send, mid string) error {
	t.claimed = mid
	return nil
}

func (t *table) OpenSends(context.Context, string, guard.Account, message.Channel, time.Time) ([]guard.OpenSend, error) {
	return t.others, nil
}

func (t *table) Owner(context.Context, guard.Account, message.Channel, ...string) (map[string]string, error) {
	return t.owner, nil
}

// doubt is an SMS to two that was opened at noon and ended half a minute later, when it was first looked for.
type doubt struct {
	vendor *asked
	table  *table
	now    time.Time
	in     handlers.Input
}

// tried is how long the attempt took.
const tried = 30 * time.Second

func noon() time.Time { return time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC) }

func newDoubt(t *testing.T, verdict aligo.Verdict, candidates ...aligo.Candidate) *doubt {
	t.Helper()
	began := noon()
	m := message.Message{
		ID: "m", Channel: message.SMS, Text: "hello", Guarded: true, CreatedAt: began.Add(-time.Hour), ExpiresAt: began.Add(24 * time.Hour),
		Recipients: []message.Recipient{{To: "01010005678"}, {To: "01010005679"}},
	}
	digester := guard.NewDigester([]byte("key"))
	g := guard.Guard{
		Send: guard.Send{Message: "m", Account: "shop", Channel: message.SMS, At: began, Expiry: m.ExpiresAt}, Open: true,
		Recipients: []int{0, 1}, Key: digester.KeyID(),
		Digests: []guard.Digest{digester.Digest("01010005678", "hello"), digester.Digest("01010005679", "hello")},
	}
	return &doubt{
		vendor: &asked{finding: aligo.Finding{Verdict: verdict, Candidates: candidates}}, table: &table{guard: &g},
		in: handlers.Input{Message: m, Progress: message.Progress{
			Queue: &message.Queue{Channel: message.SMS}, Doubt: &message.Doubt{Error: fault.NameAmbiguous, Since: began, At: began.Add(tried)},
		}},
	}
}

// look reconciles at some time after noon.
func (d *doubt) look(t *testing.T, after time.Duration) message.Progress {
	t.Helper()
	d.now = noon().Add(after)
	h := &handlers.Dispatch{Aligo: d.vendor, Guards: d.table, Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler)}
	out, err := h.Reconcile(t.Context(), d.in)
	if err != nil {
		t.Fatal(err)
	}
	// As the state machine hands it on.
	return testkit.Read[message.Progress](t, testkit.JSON(t, out))
}

func TestNothingIsSentAgainBeforeTheHistoryHasHadItsTime(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		doubts  int
		earlier time.Duration // the last moment, after the attempt has ended, at which it is too early
	}{
		"the first doubt":    {0, 5 * time.Minute},
		"the second":         {1, 10 * time.Minute},
		"the third":          {2, 20 * time.Minute},
		"the fifth":          {4, 80 * time.Minute},
		"any that is beyond": {11, 80 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoubt(t, aligo.NotAccepted)
			d.in.Progress.Doubts = c.doubts
			if p := d.look(t, tried+c.earlier-time.Second); d.table.raised || p.Doubt == nil {
				t.Errorf("a second before its time is over it is sent again: %+v", p)
			}
			p := d.look(t, tried+c.earlier)
			if !d.table.raised || p.Doubt != nil || p.Queue == nil || p.Sends != 1 || p.Doubts != c.doubts+1 {
				t.Errorf("when its time is over it is not sent again: raised %v, %+v", d.table.raised, p)
			}
		})
	}
}

func TestWhatIsLookedForIsAsOldAsTheSendAndAsYoungAsTheLook(t *testing.T) {
	t.Parallel()
	d := newDoubt(t, aligo.NotAccepted)
	d.in.Progress.Batches = []message.Batch{{Channel: message.AlimTalk, MID: "5", At: noon().Add(-time.Minute)}}
	d.look(t, 16*time.Minute)
	a := d.vendor.attempt
	if len(a.Known) != 1 || a.Known[0] != "5" {
		t.Errorf("the message's other calls are %q, want 5", a.Known)
	}
	if !a.Since.Equal(noon()) || !a.Until.Equal(d.now) {
		t.Errorf("looked for from %v until %v, want from noon until %v", a.Since, a.Until, d.now)
	}
	if a.Account != "shop" || len(a.To) != 2 || a.To[1] != "01010005679" || len(a.Digests) != 2 {
		t.Errorf("looked for %+v", a)
	}
}

// A message that no table guards may have been sent at any time before it was redriven.
func TestARedriveLooksBackToTheBeginning(t *testing.T) {
	t.Parallel()
	for redrives, want := range map[int]time.Duration{0: 0, 1: -time.Hour} {
		d := newDoubt(t, aligo.NotAccepted)
		d.table.guard = nil
		d.in.Message.Guarded = false
		d.in.Redrives = redrives
		d.in.Progress.Failure = &message.Failure{Error: fault.NameAmbiguous, Since: d.in.Progress.Doubt.Since}
		d.in.Progress.Doubt = nil
		p := d.look(t, time.Minute)
		if got := d.vendor.attempt.Since.Sub(noon()); got != want || p.Redrives != redrives {
			t.Errorf("%d redrives: looked for from noon %+v on, want %+v; afterwards %d are accounted for", redrives, got, want, p.Redrives)
		}
	}
}

func TestACallThatMayBeAnotherMessagesIsNotClaimedInAHurry(t *testing.T) {
	t.Parallel()
	whole, part := aligo.Candidate{MID: "7", Accepted: 2}, aligo.Candidate{MID: "7", Accepted: 1}
	for name, c := range map[string]struct {
		candidate aligo.Candidate
		// other is when an equal send was opened, after noon; nil means that there is none.
		other   *time.Duration
		after   time.Duration
		claimed bool
	}{
		"nobody else":                                {whole, nil, time.Minute, true},
		"a part, and nobody else":                    {part, nil, time.Minute, true},
		"another is young":                           {whole, ptr(3 * time.Minute), 7*time.Minute + 59*time.Second, false},
		"another was young":                          {whole, ptr(3 * time.Minute), 8 * time.Minute, true},
		"this one is young":                          {whole, ptr(-time.Hour), 4*time.Minute + 59*time.Second, false},
		"this one was young":                         {whole, ptr(-time.Hour), 5 * time.Minute, true},
		"a part while there is another, however old": {part, ptr(-time.Hour), 10 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoubt(t, aligo.WasAccepted, c.candidate)
			if c.other != nil {
				d.table.others = []guard.OpenSend{{Message: "n", At: noon().Add(*c.other)}}
			}
			p := d.look(t, c.after)
			if claimed := d.table.claimed != ""; claimed != c.claimed || claimed != (len(p.Batches) == 1) || claimed == (p.Doubt != nil) {
				t.Errorf("claimed %q, want it %v; %+v", d.table.claimed, c.claimed, p)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func TestWhoseABatchIsDecidesWhetherALookUpSeesIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		owner map[string]string
		taken map[string]bool
	}{
		"nobody's":              {nil, map[string]bool{"1": false, "2": false}},
		"one is another's":      {map[string]string{"1": "n"}, map[string]bool{"1": true, "2": false}},
		"one is its own":        {map[string]string{"1": "m"}, map[string]bool{"1": false, "2": true}},
		"its own and another's": {map[string]string{"1": "m", "2": "n"}, map[string]bool{"1": false, "2": true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoubt(t, aligo.NotAccepted)
			d.table.owner = c.owner
			d.look(t, time.Minute)
			taken, err := d.vendor.attempt.Taken(t.Context(), []string{"1", "2"})
			if err != nil {
				t.Fatal(err)
			}
			for mid, want := range c.taken {
				if taken[mid] != want {
					t.Errorf("batch %s taken: %v, want %v", mid, taken[mid], want)
				}
			}
		})
	}
}

func TestWhatTheTableKnowsIsNotAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*doubt)
		sends  int
		queued bool
	}{
		"it was found out already": {func(d *doubt) { d.table.guard.Sends, d.table.guard.Open = 3, false }, 3, true},
		"it was cancelled":         {func(d *doubt) { d.table.guard.Cancelled = true }, 0, false},
		"it was never opened":      {func(d *doubt) { d.table.guard = nil }, 1, true},
		"it was closed":            {func(d *doubt) { d.table.guard.Open = false }, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDoubt(t, aligo.WasAccepted, aligo.Candidate{MID: "7", Accepted: 2})
			c.change(d)
			p := d.look(t, time.Minute)
			if d.vendor.attempt.To != nil || d.table.claimed != "" {
				t.Error("the history was asked")
			}
			if p.Sends != c.sends || (p.Queue != nil) != c.queued || p.Doubt != nil {
				t.Errorf("%+v", p)
			}
			if raised := name == "it was never opened" || name == "it was closed"; d.table.raised != raised {
				t.Errorf("raised %v, want %v", d.table.raised, raised)
			}
		})
	}
}

// A call that a look-up found is another message's as soon as that has an answer with its id: then this one's is in doubt
// again, of everybody whom it was for. Who has settled by the other message's receipts has not.
func TestReceiptsAreReadOfOwnBatchesOnly(t *testing.T) {
	t.Parallel()
	reached := message.Result{Status: message.Delivered, Channel: message.SMS, Code: "delivered", At: noon()}
	waits := message.Result{Status: message.Pending, Channel: message.SMS}
	for _, owns := range []bool{true, false} {
		for name, results := range map[string][]message.Result{
			"everybody waits": {waits, waits}, "one has settled": {reached, waits}, "everybody has settled": {reached, reached},
		} {
			d := newDoubt(t, aligo.NotAccepted)
			d.table.owns = owns
			d.in.Progress = message.Progress{Sends: 1, Wait: 5, Recipients: slices.Clone(results), Batches: []message.Batch{
				{Channel: message.SMS, MID: "7", At: noon(), Account: "shop", Found: true},
			}}
			h := &handlers.Dispatch{
				Aligo: d.vendor, Guards: d.table, Now: func() time.Time { return noon().Add(time.Minute) }, Log: slog.New(slog.DiscardHandler),
			}
			out, err := h.Receipts(t.Context(), d.in)
			if err != nil {
				t.Fatal(err)
			}
			p := out.Progress
			if owns {
				if p.Doubt != nil || out.Outcome == nil && len(p.Batches) != 1 || out.Outcome == nil && p.Recipients[0].Status != results[0].Status {
					t.Errorf("%s, its own: %+v %+v", name, p, out.Outcome)
				}
				continue
			}
			doubted := p.Doubt != nil && p.Queue != nil && len(p.Queue.Recipients) == len(results) && len(p.Batches) == 0 && p.Sends == 0
			settled := slices.ContainsFunc(p.Recipients, func(r message.Result) bool { return r.Status != message.Pending })
			if !doubted || settled {
				t.Errorf("%s, another's: %+v", name, p)
			}
		}
	}
}

// Whose AlimTalk turns out to be in doubt for good gets the SMS all the same where the caller wants rather two than none, also who
// is queued for it and who had settled by the other message's receipts.
func TestABatchOfAnotherWhoseRecipientsAreQueued(t *testing.T) {
	t.Parallel()
	called := message.Result{Status: message.Pending, Channel: message.SMS}
	settled := message.Result{Status: message.Delivered, Channel: message.AlimTalk, Code: "delivered", At: noon()}
	queued := message.Result{Status: message.Pending, Channel: message.AlimTalk, Code: "A"} // its LMS is the next call
	for unknown, want := range map[message.OnUnknown][]int{message.SMSUnknown: {1, 2}, message.LeaveUnknown: nil} {
		for _, queue := range []*message.Queue{{Channel: message.SMS, Recipients: []int{2}}, nil} {
			d := newDoubt(t, aligo.NotAccepted)
			d.table.owns = false
			d.in.Message = message.Message{
				ID: "0193", CreatedAt: noon(), ExpiresAt: noon().Add(time.Hour), Guarded: true, Channel: message.AlimTalk,
				Recipients: make([]message.Recipient, 3),
				Fallback:   message.Fallback{Enabled: true, OnUnknown: unknown, After: message.Duration(5 * time.Minute)},
			}
			d.in.Progress = message.Progress{Sends: 2, Wait: 5, Recipients: []message.Result{called, settled, queued}, Queue: queue,
				Batches: []message.Batch{
					{Channel: message.AlimTalk, MID: "7", At: noon(), Account: "shop", Found: true},
					{Channel: message.SMS, MID: "8", At: noon(), Account: "shop", Recipients: []int{0}},
				}}
			h := &handlers.Dispatch{
				Aligo: d.vendor, Guards: d.table, Now: func() time.Time { return noon().Add(time.Minute) }, Log: slog.New(slog.DiscardHandler),
			}
			out, err := h.Receipts(t.Context(), d.in)
			if err != nil {
				t.Fatal(err)
			}
			p, got := out.Progress, []int(nil)
			if p.Queue != nil {
				got = p.Queue.Recipients
			}
			if !slices.Equal(got, want) || p.Doubt != nil || len(p.Batches) != 1 {
				t.Errorf("%s, %+v: an SMS goes to %v, want %v: %+v", unknown, queue, got, want, p)
			}
			for i := range 2 {
				if r := p.Recipients[i+1]; (r.Status == message.Pending) != (want != nil) || r.Code != message.CodeAmbiguous {
					t.Errorf("%s, %+v: %d is %+v", unknown, queue, i+1, r)
				}
			}
		}
	}
}

// Those whose SMS has been sent already stay as that goes, and the batch is forgotten.
func TestABatchOfAnotherWhoseRecipientsWentOn(t *testing.T) {
	t.Parallel()
	d := newDoubt(t, aligo.NotAccepted)
	d.table.owns = false
	d.in.Message.Fallback = message.Fallback{Enabled: true, OnUnknown: message.SMSUnknown, After: message.Duration(5 * time.Minute)}
	sms := message.Result{Status: message.Pending, Channel: message.SMS}
	d.in.Progress = message.Progress{Sends: 2, Wait: 5, Recipients: []message.Result{sms, sms}, Batches: []message.Batch{
		{Channel: message.AlimTalk, MID: "7", At: noon(), Account: "shop", Found: true, Sends: 1},
		{Channel: message.SMS, MID: "8", At: noon(), Account: "shop"},
	}}
	h := &handlers.Dispatch{
		Aligo: d.vendor, Guards: d.table, Now: func() time.Time { return noon().Add(time.Minute) }, Log: slog.New(slog.DiscardHandler),
	}
	out, err := h.Receipts(t.Context(), d.in)
	if err != nil {
		t.Fatal(err)
	}
	if p := out.Progress; p.Doubt != nil || p.Queue != nil || len(p.Batches) != 1 || p.Batches[0].MID != "8" || p.Wait == 0 {
		t.Errorf("%+v", p)
	}
}

func (a *asked) FindAlimTalk(_ context.Context, attempt aligo.Attempt) (aligo.Finding, error) {
	a.attempt = attempt
	return a.finding, nil
}

type noTemplates struct{}

func (noTemplates) Template(context.Context, string) (aligo.Template, error) {
	return aligo.Template{}, aligo.ErrNoTemplate
}

func (noTemplates) Reviewed(context.Context, string) (aligo.Template, error) {
	return aligo.Template{}, aligo.ErrNoTemplate
}

// Who is queued and was not in the call that is given up, because the template did not fit or of an opt-out, stays queued: else
// nobody ever settles it.
func TestGivingUpACallForgetsNobodyWhoWasNotInIt(t *testing.T) {
	t.Parallel()
	d := newDoubt(t, aligo.CannotTell)
	d.in.Message.Channel, d.in.Message.Template = message.AlimTalk, "TX_1234"
	d.in.Message.Fallback = message.Fallback{Enabled: true, OnUnknown: message.SMSUnknown, After: message.Duration(5 * time.Minute)}
	d.in.Progress.Queue = &message.Queue{Channel: message.AlimTalk, Recipients: []int{0, 1}}
	d.table.guard.Channel, d.table.guard.Recipients, d.table.guard.Digests = message.AlimTalk, []int{0}, d.table.guard.Digests[:1]
	h := &handlers.Dispatch{
		Aligo: d.vendor, Guards: d.table, Templates: noTemplates{}, Now: func() time.Time { return noon().Add(6 * time.Minute) },
		Log: slog.New(slog.DiscardHandler),
	}
	out, err := h.Reconcile(t.Context(), d.in)
	if err != nil {
		t.Fatal(err)
	}
	if p := out.Progress; p.Queue == nil || len(p.Queue.Recipients) != 2 && p.Recipients[1].Status == message.Pending {
		t.Errorf("nobody goes on with the second: %+v, %+v", p.Queue, p.Recipients)
	}
}
