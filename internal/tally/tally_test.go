package tally_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/deadletter"
	"sms-api/internal/message"
	"sms-api/internal/tally"
)

var (
	accepted = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	printed  = accepted.Add(time.Minute)
)

func after(seconds int) time.Time { return accepted.Add(time.Duration(seconds) * time.Second) }

// outcome is one of each: reached, fallen back and reached, fallen back and not, unknown, never tried.
func outcome() message.Outcome {
	fell := func(code string) []message.Attempt {
		return []message.Attempt{{Channel: message.AlimTalk, Status: message.Failed, Code: code, At: after(5)}}
	}
	m := message.Message{ID: "0193", Channel: message.AlimTalk, Template: "TX_1234", CreatedAt: accepted}
	return message.Settled(m, []message.Result{
		{To: "010****0001", Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: after(5)},
		{To: "010****0002", Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: after(7)},
		{To: "010****0003", Status: message.Delivered, Channel: message.SMS, Code: "delivered", At: after(20), Attempts: fell("A")},
		{To: "010****0004", Status: message.Failed, Channel: message.SMS, Code: "number", At: after(21), Attempts: fell("A")},
		{To: "010****0005", Status: message.Unknown, Channel: message.AlimTalk, Code: "5", At: after(9)},
		{To: "010****0006", Status: message.Failed, Code: message.CodeInvalid, At: after(1)},
	}, after(30))
}

// told is a line without its metadata, as a person would say it.
func told(l tally.Line) string {
	fellBack := "-"
	if l.FellBack != nil {
		fellBack = fmt.Sprint(*l.FellBack)
	}
	causes := ""
	for _, c := range l.Causes {
		causes += fmt.Sprintf(" %s %s×%d", c.Status, c.Code, c.Recipients)
	}
	return fmt.Sprintf("%s: delivered %d, failed %d, unknown %d, fell back %s, latency %v;%s", l.Channel, l.Delivered, l.Failed, l.Unknown,
		fellBack, l.Latency, causes)
}

func TestLines(t *testing.T) {
	t.Parallel()
	sms := message.Settled(message.Message{ID: "1", Channel: message.SMS, CreatedAt: accepted, SendAt: after(3600)}, []message.Result{
		{Status: message.Delivered, Channel: message.SMS, Code: "delivered", At: after(3606)},
	}, after(3610))
	early := message.Settled(message.Message{ID: "1", Channel: message.AlimTalk, CreatedAt: accepted}, []message.Result{
		{Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: after(-1)},
	}, after(1))
	expired := message.Settled(message.Message{ID: "1", Channel: message.SMS, CreatedAt: accepted}, []message.Result{
		{Status: message.Failed, Code: message.CodeExpired, At: after(9)}, {Status: message.Failed, Code: message.CodeExpired, At: after(9)},
	}, after(9))
	for _, c := range []struct {
		name string
		of   message.Outcome
		want []string
	}{
		{"one of each", outcome(), []string{
			"alimtalk: delivered 2, failed 1, unknown 1, fell back 2, latency [5 7]; delivered 0×2 failed A×2 unknown 5×1 failed Invalid×1",
			"sms: delivered 1, failed 1, unknown 0, fell back -, latency [20]; delivered delivered×1 failed number×1",
		}},
		{"from the time that it was to be sent", sms,
			[]string{"sms: delivered 1, failed 0, unknown 0, fell back -, latency [6]; delivered delivered×1"}},
		{"Aligo's clock is behind", early,
			[]string{"alimtalk: delivered 1, failed 0, unknown 0, fell back 0, latency [0]; delivered 0×1"}},
		{"nothing was tried", expired, []string{"sms: delivered 0, failed 2, unknown 0, fell back -, latency []; failed Expired×2"}},
	} {
		var got []string
		for _, l := range tally.Lines(c.of, "dev", printed) {
			got = append(got, told(l))
		}
		if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

// CloudWatch takes up to 100 values of a metric in a line.
func TestLatencyOfMany(t *testing.T) {
	t.Parallel()
	var results []message.Result
	for i := range message.MaxRecipients {
		results = append(results, message.Result{Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: after(500 - i)})
	}
	got := tally.Lines(message.Settled(message.Message{Channel: message.AlimTalk, CreatedAt: accepted}, results, after(600)), "dev", printed)
	if values := got[0].Latency; len(values) != 100 || values[0] != 1 || values[99] != 500 {
		t.Errorf("%d values: %v", len(values), values)
	}
}

// once is a store of outcomes.
type once struct {
	seen map[string]bool
	err  error
}

func (o *once) Settled(_ context.Context, settled message.Outcome) (bool, error) {
	if o.err != nil {
		return false, o.err
	}
	first := !o.seen[settled.ID]
	o.seen[settled.ID] = true
	return first, nil
}

func event(t *testing.T, detail any) deadletter.Event {
	t.Helper()
	b, err := json.Marshal(detail)
	if err != nil {
		t.Fatal(err)
	}
	return deadletter.Event{EventBridgeEvent: events.EventBridgeEvent{ID: "e1", Detail: b}}
}

// An event that comes twice is recorded twice and counted once; one that cannot be recorded is not counted, and comes again.
func TestHandle(t *testing.T) {
	t.Parallel()
	store, out := &once{seen: map[string]bool{}, err: errors.New("throttled")}, &bytes.Buffer{}
	r := &tally.Recorder{
		Records: store, Stack: "dev", Metrics: out, Now: func() time.Time { return printed }, Log: slog.New(slog.DiscardHandler),
	}
	if err := r.Handle(t.Context(), event(t, outcome())); err == nil || !strings.Contains(err.Error(), "throttled") || out.Len() > 0 {
		t.Errorf("not recorded: %v, %s", err, out)
	}
	store.err = nil
	for range 2 {
		if err := r.Handle(t.Context(), event(t, outcome())); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want one for each channel: %s", len(lines), out)
	}
	const want = `{"_aws":{"Timestamp":1796083260000,"CloudWatchMetrics":[{"Namespace":"sms-api",` +
		`"Dimensions":[["Stack","Channel"]],"Metrics":[` +
		`{"Name":"Delivered","Unit":"Count"},{"Name":"Failed","Unit":"Count"},{"Name":"Unknown","Unit":"Count"},` +
		`{"Name":"Latency","Unit":"Seconds"}]}]},` +
		`"Stack":"dev","Channel":"sms","Delivered":1,"Failed":1,"Unknown":0,"Latency":[20],"message":"0193","template":"TX_1234",` +
		`"causes":[{"status":"delivered","code":"delivered","recipients":1},{"status":"failed","code":"number","recipients":1}]}`
	if lines[1] != want {
		t.Errorf("the line is\n%s\nwant\n%s", lines[1], want)
	}
	if strings.Contains(out.String(), "010") {
		t.Errorf("a line has a number: %s", out)
	}
	for _, detail := range []any{"text", map[string]any{"id": ""}, []int{1}} {
		if err := r.Handle(t.Context(), event(t, detail)); err == nil || strings.Contains(err.Error(), "text") {
			t.Errorf("%v: %v", detail, err)
		}
	}
}

// The use of a template is noted of what has reached somebody by AlimTalk, and holds nothing up.
func TestUsesOfTemplatesAreNoted(t *testing.T) {
	t.Parallel()
	settled := func(id, template string, results ...message.Result) message.Outcome {
		return message.Settled(message.Message{ID: id, Template: template, Channel: message.AlimTalk, CreatedAt: accepted}, results, after(60))
	}
	reached := message.Result{Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: after(5)}
	bySMS := message.Result{Status: message.Delivered, Channel: message.SMS, Code: "delivered", At: after(20)}
	var noted []string
	r := &tally.Recorder{
		Records: &once{seen: map[string]bool{}}, Stack: "dev", Metrics: io.Discard, Now: func() time.Time { return printed },
		Log: slog.New(slog.DiscardHandler),
		Used: func(_ context.Context, template string, at time.Time) error {
			noted = append(noted, template+" "+at.Sub(accepted).String())
			return errors.New("throttled")
		},
	}
	for _, o := range []message.Outcome{
		settled("1", "TX_1", bySMS, reached, reached), settled("1", "TX_1", reached), settled("2", "TX_2", bySMS), settled("3", "", reached),
	} {
		if _, err := r.Count(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(noted, []string{"TX_1 5s"}) {
		t.Errorf("noted are %q", noted)
	}
}
