package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
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
