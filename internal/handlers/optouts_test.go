package handlers_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
)

// unreadable is a list of opt-outs that cannot be read.
type unreadable struct{}

func (unreadable) Among(context.Context, []message.Phone) (map[int]bool, error) {
	return nil, errors.New("away")
}

// While nobody can say who has opted out no advertising goes out, and nothing else waits for that.
func TestNoAdvertisingWithoutTheList(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		purpose message.Purpose
		all     bool
		waits   bool
	}{{message.Ad, false, true}, {message.Info, false, false}, {message.Info, true, true}} {
		d := newDoubt(t, aligo.NotAccepted)
		d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
		d.in.Message.Purpose, d.in.Message.NightConsent = c.purpose, c.purpose == message.Ad
		table := &closing{}
		h := &handlers.Dispatch{
			Aligo: &slow{way: func() {}}, Guards: table, Now: noon, Log: slog.New(slog.DiscardHandler), AdsUntil: 20*60 + 50,
			OptOuts: unreadable{}, OptOutsCoverInfo: c.all,
		}
		out, err := h.SendSMS(t.Context(), d.in)
		var again *fault.Transient
		if errors.As(err, &again) != c.waits || (len(out.Batches) == 0) != c.waits {
			t.Errorf("%+v: %v, %+v", c, err, out.Progress)
		}
	}
}

// What expires when the morning begins need not wait for it.
func TestAdvertisingThatEndsWithTheNight(t *testing.T) {
	t.Parallel()
	morning := time.Date(2026, 12, 2, 8, 0, 0, 0, message.Korea())
	for expires, want := range map[time.Time]string{morning: fault.NameExpired, morning.Add(time.Second): fault.NameLater} {
		d := newDoubt(t, aligo.NotAccepted)
		d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}}
		d.in.Message.Purpose, d.in.Message.ExpiresAt = message.Ad, expires
		h := &handlers.Dispatch{
			Aligo: &slow{way: func() {}}, Guards: &closing{}, Now: func() time.Time { return morning.Add(-9 * time.Hour) },
			Log: slog.New(slog.DiscardHandler), AdsUntil: 20*60 + 50,
		}
		_, err := h.SendSMS(t.Context(), d.in)
		var over *fault.Expired
		var later *fault.Later
		if errors.As(err, &over) != (want == fault.NameExpired) || errors.As(err, &later) != (want == fault.NameLater) {
			t.Errorf("expires at %s: %v, want %s", expires, err, want)
		}
	}
}
