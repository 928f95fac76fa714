package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
)

// listing is an Aligo that shows the same receipts to everybody, or none and an error.
type listing struct {
	*aligo.Client

	rows  []aligo.SMSReceipt
	err   error
	asked int
}

func (l *listing) SMSReceipts(context.Context, aligo.Account, string) ([]aligo.SMSReceipt, error) {
	l.asked++
	return l.rows, l.err
}

func (l *listing) AlimTalkReceipts(context.Context, aligo.Account, string) ([]aligo.AlimTalkReceipt, error) {
	l.asked++
	return nil, l.err
}

// claims is a table that is told of answers, or cannot be.
type claims struct {
	*guard.Guards

	err  error
	told string
}

func (c *claims) Answered(_ context.Context, _ guard.Send, mid string) (bool, error) {
	c.told = mid
	return false, c.err
}

// accepted is an SMS to two that was accepted at noon.
func accepted(t *testing.T) handlers.Input {
	t.Helper()
	in := newDoubt(t, aligo.NotAccepted).in
	in.Message.Fallback.After = message.Duration(5 * time.Minute)
	in.Progress = message.Progress{
		Recipients: []message.Result{
			{Status: message.Pending, Channel: message.SMS}, {Status: message.Pending, Channel: message.SMS},
		},
		Batches: []message.Batch{{Channel: message.SMS, MID: "7", At: noon()}}, Sends: 1, Wait: 5,
	}
	return in
}

func read(t *testing.T, vendor *listing, table *claims, in handlers.Input, after time.Duration) (handlers.Output, error) {
	t.Helper()
	h := &handlers.Dispatch{
		Aligo: vendor, Guards: table, Now: func() time.Time { return noon().Add(after) }, Log: slog.New(slog.DiscardHandler),
	}
	return h.Receipts(t.Context(), in)
}

func TestWhoWasLeftOut(t *testing.T) {
	t.Parallel()
	row := aligo.SMSReceipt{To: "01010005678", Result: aligo.Receipt{State: aligo.StateDelivered, Code: "delivered", At: noon()}}
	for name, c := range map[string]struct {
		refused int
		rows    []aligo.SMSReceipt
		after   time.Duration
		out     bool
	}{
		"Aligo said so, the other has a row, and there was time": {1, []aligo.SMSReceipt{row}, 5 * time.Minute, true},
		"Aligo did not say so":    {0, []aligo.SMSReceipt{row}, 5 * time.Minute, false},
		"rows may come yet":       {1, []aligo.SMSReceipt{row}, 5*time.Minute - time.Second, false},
		"the other has none, too": {1, nil, 5 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := accepted(t)
			in.Progress.Batches[0].Refused = c.refused
			out, err := read(t, &listing{rows: c.rows}, &claims{}, in, c.after)
			if err != nil {
				t.Fatal(err)
			}
			if left := out.Outcome != nil && out.Outcome.Recipients[1].Code == "NotAccepted"; left != c.out {
				t.Errorf("left out: %v, want %v; %+v %+v", left, c.out, out.Progress, out.Outcome)
			}
		})
	}
}

func TestARefusedReadIsNoRefusedSend(t *testing.T) {
	t.Parallel()
	_, err := read(t, &listing{err: &aligo.Error{Class: aligo.ClassRejected}}, &claims{}, accepted(t), time.Minute)
	var again *fault.Transient
	if !errors.As(err, &again) {
		t.Errorf("%T %v, want Transient", err, err)
	}
}

// What another account alone can tell holds up nobody for whom an SMS is due without it.
func TestReceiptsInAnotherAccount(t *testing.T) {
	t.Parallel()
	const failed, open = "A", ""
	for name, c := range map[string]struct {
		codes     []string // what the receipts before said
		onUnknown message.OnUnknown
		after     time.Duration
		sms       []int // nil is parked
	}{
		"nothing is known yet":                       {[]string{open, open}, message.LeaveUnknown, time.Hour, nil},
		"AlimTalk has reached none of them":          {[]string{failed, failed}, message.LeaveUnknown, time.Minute, []int{0, 1}},
		"one of them, and the other's may yet come":  {[]string{failed, open}, message.LeaveUnknown, time.Minute, nil},
		"one of them, and the other's does not come": {[]string{failed, open}, message.LeaveUnknown, time.Hour, []int{0}},
		"no receipt means an SMS":                    {[]string{open, open}, message.SMSUnknown, time.Hour, []int{0, 1}},
		"the time for receipts is over":              {[]string{failed, open}, message.LeaveUnknown, 26 * time.Hour, []int{0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := accepted(t)
			in.Message.Fallback.Enabled, in.Message.Fallback.OnUnknown = true, c.onUnknown
			in.Progress.Batches[0].Channel = message.AlimTalk
			for i, code := range c.codes {
				in.Progress.Recipients[i] = message.Result{Status: message.Pending, Channel: message.AlimTalk, Code: code}
			}
			other := &aligo.Error{Class: aligo.ClassNotConfigured, Cause: aligo.CauseCredentials, Err: aligo.ErrOtherAccount}
			out, err := read(t, &listing{err: other}, &claims{}, in, c.after)
			var parked *fault.NotConfigured
			switch {
			case c.sms == nil && !errors.As(err, &parked):
				t.Errorf("%v, %+v; want it parked", err, out.Progress)
			case c.sms != nil && (err != nil || out.Queue == nil || !slices.Equal(out.Queue.Recipients, c.sms)):
				t.Errorf("%v, %+v; want an SMS for %d", err, out.Progress, c.sms)
			}
		})
	}
}

func TestABatchThatNobodyWasToldOfIsToldOfFirst(t *testing.T) {
	t.Parallel()
	in := accepted(t)
	in.Progress.Batches[0].Unclaimed = true
	vendor, table := &listing{}, &claims{err: errors.New("away")}
	_, err := read(t, vendor, table, in, time.Minute)
	var again *fault.Transient
	if !errors.As(err, &again) || vendor.asked > 0 {
		t.Errorf("while the table is away: %T %v, asked %d times", err, err, vendor.asked)
	}
	table.err = nil
	out, err := read(t, vendor, table, in, time.Minute)
	if err != nil || table.told != "7" || out.Batches[0].Unclaimed || vendor.asked != 1 {
		t.Errorf("then: %v, told %q, %+v", err, table.told, out.Progress)
	}
}

func TestADoubtEndsWithTheMessage(t *testing.T) {
	t.Parallel()
	for after, ends := range map[time.Duration]bool{24*time.Hour - time.Second: false, 24 * time.Hour: true} {
		d := newDoubt(t, aligo.CannotTell)
		h := &handlers.Dispatch{
			Aligo: d.vendor, Guards: d.table, Now: func() time.Time { return noon().Add(after) }, Log: slog.New(slog.DiscardHandler),
		}
		out, err := h.Reconcile(t.Context(), d.in)
		if err != nil {
			t.Fatal(err)
		}
		if ended := out.Outcome != nil && out.Outcome.Recipients[0].Status == message.Unknown; ended != ends {
			t.Errorf("after %v: %+v %+v", after, out.Progress, out.Outcome)
		}
	}
}

// A history that can be read and does not have the call only needs its time, also when the message expires meanwhile: that
// nothing was sent is worth more than unknown.
func TestADoubtThatIsNearlyCertainOutlivesTheMessage(t *testing.T) {
	t.Parallel()
	d := newDoubt(t, aligo.NotAccepted)
	doubt := *d.in.Progress.Doubt
	doubt.At = noon().Add(24*time.Hour - time.Minute)
	d.in.Progress.Doubt = &doubt
	h := &handlers.Dispatch{
		Aligo: d.vendor, Guards: d.table, Now: func() time.Time { return noon().Add(24*time.Hour + time.Minute) },
		Log: slog.New(slog.DiscardHandler),
	}
	if out, err := h.Reconcile(t.Context(), d.in); err != nil || out.Doubt == nil || d.table.raised {
		t.Errorf("%+v %+v, %v; want another look", out.Progress, out.Outcome, err)
	}
}
