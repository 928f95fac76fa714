package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

// slow is an Aligo to which the way takes its time, after everything is ready.
type slow struct {
	*aligo.Client

	way func()
}

func (*slow) DigestKey(context.Context) ([]byte, error) { return []byte("key"), nil }

func (*slow) Ahead() time.Duration { return 0 }

func (s *slow) SendSMS(ctx context.Context, call aligo.SMS) (aligo.Accepted, error) {
	if err := call.Guard.Before(ctx, "shop"); err != nil {
		return aligo.Accepted{}, err
	}
	s.way()
	if err := call.Guard.Gate(); err != nil {
		return aligo.Accepted{}, err
	}
	return aligo.Accepted{MID: "7", Accepted: 2}, nil
}

func (s *slow) SendAlimTalk(ctx context.Context, call aligo.AlimTalk) (aligo.Accepted, error) {
	return s.SendSMS(ctx, aligo.SMS{SMSOptions: aligo.SMSOptions{Guard: call.Guard}})
}

// closing is a table that remembers whether the send was closed.
type closing struct {
	open

	closed bool
}

func (c *closing) Close(context.Context, guard.Send) error {
	c.closed = true
	return nil
}

// So is the night, in which no advertising goes out: the last second of a day, and the first of the next.
func TestNoAdvertisingLeavesAtNight(t *testing.T) {
	t.Parallel()
	const until = 20*60 + 50
	for at, later := range map[string]string{
		"20:49:59": "", "20:50:00": "2026-12-02T08:00:00+09:00", "23:59:59": "2026-12-02T08:00:00+09:00",
		"07:59:59": "2026-12-01T08:00:00+09:00", "08:00:00": "",
	} {
		d := newDoubt(t, aligo.NotAccepted)
		d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
		d.in.Message.Purpose, d.in.Message.ExpiresAt = message.Ad, time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)
		leaves, err := time.Parse(time.RFC3339, "2026-12-01T"+at+"+09:00")
		if err != nil {
			t.Fatal(err)
		}
		now, table := time.Date(2026, 11, 30, 12, 0, 0, 0, message.Korea()), &closing{}
		h := &handlers.Dispatch{
			Aligo: &slow{way: func() { now = leaves }}, Guards: table, Now: func() time.Time { return now }, AdsUntil: until,
			Log: slog.New(slog.DiscardHandler),
		}
		out, err := h.SendSMS(t.Context(), d.in)
		var l *fault.Later
		switch {
		case later == "":
			if err != nil || len(out.Batches) != 1 || table.closed {
				t.Errorf("at %s: %v, closed %v", at, err, table.closed)
			}
		case !errors.As(err, &l) || l.Until.In(message.Korea()).Format(time.RFC3339) != later || !table.closed:
			t.Errorf("at %s: %v, closed %v; want to wait until %s", at, err, table.closed, later)
		}
		now = leaves
		if _, again := h.SendSMS(t.Context(), d.in); (again == nil) != (later == "") {
			t.Errorf("called at %s: %v", at, again)
		}
		d.in.Message.NightConsent = true
		if _, err := h.SendSMS(t.Context(), d.in); err != nil {
			t.Errorf("with a consent to the night, at %s: %v", at, err)
		}
		d.in.Message.Purpose, d.in.Message.NightConsent = "", false
		if _, err := h.SendSMS(t.Context(), d.in); err != nil {
			t.Errorf("for information, at %s: %v", at, err)
		}
	}
}

// The expiry is looked at when the next thing to go is the first byte, however long credentials and handshakes took.
func TestNothingLeavesAfterTheExpiry(t *testing.T) {
	t.Parallel()
	for late, expired := range map[time.Duration]bool{-time.Second: false, 0: true} {
		d := newDoubt(t, aligo.NotAccepted)
		d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
		now, table := noon(), &closing{}
		h := &handlers.Dispatch{
			Aligo: &slow{way: func() { now = d.in.Message.ExpiresAt.Add(late) }}, Guards: table, Now: func() time.Time { return now },
			Log: slog.New(slog.DiscardHandler),
		}
		out, err := h.SendSMS(t.Context(), d.in)
		var e *fault.Expired
		if errors.As(err, &e) != expired || (len(out.Batches) == 1) == expired || table.closed != expired {
			t.Errorf("%v after the expiry: %v, closed %v, %+v", late, err, table.closed, out.Progress)
		}
	}
}

// refuses is Aligo that refuses.
type refuses struct {
	*slow

	err error
}

func (r refuses) SendSMS(context.Context, aligo.SMS) (aligo.Accepted, error) {
	return aligo.Accepted{}, r.err
}

// What Aligo has said of a refusal stands in the log, for whoever is called, and nowhere else.
func TestTheLogHasTheWordsOfARefusal(t *testing.T) {
	t.Parallel()
	for class, cause := range map[aligo.Class]aligo.Cause{
		aligo.ClassUnrecognised: aligo.CauseUnknown, aligo.ClassRejected: aligo.CauseParameter, aligo.ClassNotConfigured: aligo.CauseBalance,
	} {
		d := newDoubt(t, aligo.NotAccepted)
		d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
		var log testkit.Buffer
		h := &handlers.Dispatch{
			Aligo:  refuses{&slow{}, &aligo.Error{Class: class, Cause: cause, Endpoint: "/send/", Code: "-999", Message: "점검 중입니다"}},
			Guards: &closing{}, Now: noon, Log: testkit.Log(&log),
		}
		_, err := h.SendSMS(t.Context(), d.in)
		if err == nil || class != aligo.ClassNotConfigured && strings.Contains(err.Error(), "점검") {
			t.Errorf("%s: %v", class, err)
		}
		if text := log.String(); strings.Count(text, "code -999: 점검 중입니다") != 1 {
			t.Errorf("%s: the log says %s", class, text)
		}
	}
}

// unheard is a table that cannot be told of an answer.
type unheard struct{ closing }

func (*unheard) Answered(context.Context, guard.Send, string) (bool, error) {
	return false, errors.New("away")
}

func TestASendRemembersThatNobodyWasToldOfItsBatch(t *testing.T) {
	t.Parallel()
	d := newDoubt(t, aligo.NotAccepted)
	d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
	h := &handlers.Dispatch{Aligo: &slow{way: func() {}}, Guards: &unheard{}, Now: noon, Log: slog.New(slog.DiscardHandler)}
	out, err := h.SendSMS(t.Context(), d.in)
	if err != nil || len(out.Batches) != 1 || !out.Batches[0].Unclaimed {
		t.Errorf("%+v, %v", out.Progress, err)
	}
}

// What an execution did before it was redriven is in doubt, whoever opened it.
func TestARedrivenSendIsLookedUpFirst(t *testing.T) {
	t.Parallel()
	d := newDoubt(t, aligo.NotAccepted)
	d.in.Progress, d.in.Redrives = message.Progress{Queue: &message.Queue{Channel: message.SMS}}, 1
	h := &handlers.Dispatch{
		Aligo: &slow{way: func() { t.Error("it was sent") }}, Guards: &closing{}, Now: noon, Log: slog.New(slog.DiscardHandler),
	}
	_, err := h.SendSMS(t.Context(), d.in)
	var doubt *fault.Ambiguous
	if !errors.As(err, &doubt) {
		t.Errorf("%T %v, want Ambiguous", err, err)
	}
}

// opened is a table that remembers what was opened and closed, in order.
type opened struct {
	*guard.Guards

	steps    []string
	openings []guard.Opening
}

func (o *opened) Open(_ context.Context, opening guard.Opening) (guard.Send, error) {
	o.steps, o.openings = append(o.steps, "open"), append(o.openings, opening)
	return guard.Send{Message: "m"}, nil
}

func (o *opened) Close(context.Context, guard.Send) error {
	o.steps = append(o.steps, "close")
	return nil
}

func (o *opened) Answered(context.Context, guard.Send, string) (bool, error) {
	o.steps = append(o.steps, "answered")
	return false, nil
}

// rotated is an Aligo that refuses the first credentials, and whose clock is fast.
type rotated struct{ *aligo.Client }

func (*rotated) DigestKey(context.Context) ([]byte, error) { return []byte("key"), nil }

func (*rotated) Ahead() time.Duration { return time.Minute }

func (*rotated) SendSMS(ctx context.Context, call aligo.SMS) (aligo.Accepted, error) {
	for _, account := range []aligo.Account{"old", "new"} {
		if err := call.Guard.Before(ctx, account); err != nil {
			return aligo.Accepted{}, err
		}
	}
	return aligo.Accepted{MID: "7", Accepted: 2}, nil
}

func TestASendIsOpenedAsItIsMade(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{false, true} {
		d, table := newDoubt(t, aligo.NotAccepted), &opened{}
		d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
		if before {
			d.in.Progress.Batches = []message.Batch{{Channel: message.AlimTalk, MID: "1", At: noon()}}
		}
		h := &handlers.Dispatch{Aligo: &rotated{}, Guards: table, Now: noon, Log: slog.New(slog.DiscardHandler)}
		out, err := h.SendSMS(t.Context(), d.in)
		if err != nil {
			t.Fatal(err)
		}
		// What was opened with the old credentials is closed before it is opened with the new ones.
		if want := []string{"open", "close", "open", "answered"}; !slices.Equal(table.steps, want) {
			t.Errorf("%q, want %q", table.steps, want)
		}
		last := table.openings[len(table.openings)-1]
		if last.Sent != before || last.Ahead != time.Minute || last.Account != "new" || out.Batches[len(out.Batches)-1].Account != "new" {
			t.Errorf("after another call %v: opened as %+v, accepted as %+v", before, last, out.Batches)
		}
	}
}
