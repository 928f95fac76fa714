package handlers_test

import (
	"context"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/handlers"
	"sms-api/internal/message"
	"sms-api/internal/records"
)

// book keeps what it is told of a message.
type book struct{ told []told }

type told struct {
	status  message.MessageStatus
	version records.Version
	first   bool
}

func (b *book) Went(_ context.Context, _ message.Message, o message.Outcome, v records.Version, first bool) {
	b.told = append(b.told, told{o.Status, v, first})
}

// tellingVendor refuses calls, or takes them.
type tellingVendor struct {
	*aligo.Client

	refusal error
}

func (*tellingVendor) DigestKey(context.Context) ([]byte, error) { return []byte("key"), nil }

func (*tellingVendor) Ahead() time.Duration { return 0 }

func (v *tellingVendor) SendSMS(ctx context.Context, call aligo.SMS) (aligo.Accepted, error) {
	if err := call.Guard.Before(ctx, "shop"); err != nil {
		return aligo.Accepted{}, err
	}
	if v.refusal != nil {
		return aligo.Accepted{}, v.refusal
	}
	return aligo.Accepted{MID: "7", Accepted: 2}, nil
}

// Each task tells the records what the state machine goes on with: how far the message has come, or that it is parked.
func TestRecordsAreTold(t *testing.T) {
	t.Parallel()
	parked := &message.Parking{Cause: "balance", Since: noon()}
	for about, c := range map[string]struct {
		seq, redrives int
		parked        *message.Parking
		refusal       error
		want          []told
	}{
		"the first send":            {want: []told{{message.Sending, records.Version{Seq: 1}, true}}},
		"a later one, redriven":     {seq: 3, redrives: 2, want: []told{{message.Sending, records.Version{Redrives: 2, Seq: 4}, false}}},
		"a send after the repair":   {parked: parked, want: []told{{message.Sending, records.Version{Seq: 1}, true}}},
		"parked at the first send":  {refusal: noBalance(), want: []told{{message.Parked, records.Version{Parked: true}, true}}},
		"parked once more":          {parked: parked, refusal: noBalance(), want: []told{{message.Parked, records.Version{Parked: true}, false}}},
		"parked at a later send":    {seq: 3, refusal: noBalance(), want: []told{{message.Parked, records.Version{Seq: 3, Parked: true}, false}}},
		"Aligo cannot be connected": {refusal: &aligo.Error{Class: aligo.ClassTransient}},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			d, b := newDoubt(t, aligo.NotAccepted), &book{}
			d.in.Progress = message.Progress{Queue: &message.Queue{Channel: message.SMS}, Seq: c.seq, Parked: c.parked}
			d.in.Redrives = c.redrives
			if c.redrives > 0 {
				d.in.Progress.Redrives = c.redrives
			}
			h := &handlers.Dispatch{
				Aligo: &tellingVendor{Client: &aligo.Client{}, refusal: c.refusal}, Guards: &closing{}, Now: noon, Records: b,
				Log: slog.New(slog.DiscardHandler),
			}
			out, err := h.SendSMS(t.Context(), d.in)
			if (err != nil) != (c.refusal != nil) || err == nil && out.Seq != c.seq+1 {
				t.Errorf("%v, progress %d", err, out.Seq)
			}
			if !reflect.DeepEqual(b.told, c.want) {
				t.Errorf("told %+v, want %+v", b.told, c.want)
			}
		})
	}
}

func noBalance() error {
	return &aligo.Error{Class: aligo.ClassNotConfigured, Cause: aligo.CauseBalance}
}

// The end is told before it is announced, so that whoever hears of it reads it.
func TestRecordsAreToldOfTheEnd(t *testing.T) {
	t.Parallel()
	d, b := newDoubt(t, aligo.NotAccepted), &book{}
	d.in.Progress = message.Progress{
		Queue: &message.Queue{Channel: message.SMS}, Seq: 1,
		Failure: &message.Failure{Error: fault.NameInvalid, Cause: `{"errorMessage":"no"}`, Since: noon()},
	}
	h := &handlers.Dispatch{Aligo: d.vendor, Guards: d.table, Now: noon, Records: b, Log: slog.New(slog.DiscardHandler)}
	out, err := h.Reconcile(t.Context(), d.in)
	if err != nil || out.Outcome == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if want := []told{{out.Outcome.Status, records.Version{Seq: 2}, false}}; !reflect.DeepEqual(b.told, want) {
		t.Errorf("told %+v, want %+v", b.told, want)
	}
}
