package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// TestObject pins what programs read.
func TestObject(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Command(t.Context(), []string{"-json", "-messages", "20", "-recipients", "3", "-concurrency", "7"}, &out); err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal(out.Bytes(), &object); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	keys := []string{
		"aligoCallsPerMessage", "aligoCallsPerRecipient", "concurrency", "delivered", "failed", "faults", "lambdaInvocationsPerMessage",
		"lambdaInvocationsPerRecipient", "latencyMs", "messages", "messagesPerSecond", "peakRssBytes", "processorMsPerMessage", "recipients",
		"recipientsPerSecond", "seconds", "tableCallsPerMessage", "tableProcessorMsPerMessage", "transitionsPerMessage", "unknown",
		"usdPerMessage", "usdPerMillionRecipients",
	}
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, keys) {
		t.Errorf("the keys are\n%q, want\n%q", got, keys)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	for name, holds := range map[string]bool{
		"every recipient is delivered":         r.Delivered == 60 && r.Failed == 0 && r.Unknown == 0,
		"six transitions":                      r.TransitionsPerMessage == 6,
		"three invocations":                    r.LambdaInvocationsPerMessage == 3 && r.LambdaInvocationsPerRecipient == 1,
		"two calls, and the template lists":    r.AligoCallsPerMessage > 2 && r.AligoCallsPerMessage < 3,
		"rates go together":                    r.MessagesPerSecond > 0 && about(r.RecipientsPerSecond, 3*r.MessagesPerSecond),
		"quantiles are in order":               r.LatencyMS.P50 > 0 && r.LatencyMS.P50 <= r.LatencyMS.P95 && r.LatencyMS.P95 <= r.LatencyMS.P99,
		"a message is done after its latency":  r.LatencyMS.P99 < 1000*r.Seconds,
		"six transitions are most of the cost": r.USDPerMessage > 6*0.0000271 && r.USDPerMessage < 6*0.00004,
		"cost goes by recipients":              about(r.USDPerMillionRecipients, r.USDPerMessage*1e6/3),
	} {
		if !holds {
			t.Errorf("not so: %s, in %+v", name, r)
		}
	}
}

func about(a, b float64) bool { return a > 0.999*b && a < 1.001*b }

func TestTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Command(t.Context(), []string{"-messages", "3"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3 messages of 1 recipient", "messages/s", "6.000 a message", "3 delivered, 0 failed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

// TestFaults has everything go wrong, and still every claim must be true.
func TestFaults(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Command(t.Context(), []string{"-json", "-faults", "-messages", "60", "-recipients", "7"}, &out); err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Delivered+r.Failed+r.Unknown != 60*7 || r.Delivered < 380 || r.TransitionsPerMessage <= 6 {
		t.Errorf("%+v", r)
	}
}

func TestFlags(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-messages 0":               "-messages is 0, want 1 to 10000000",
		"-recipients 501":           "-recipients is 501, want 1 to 500",
		"-concurrency -1":           "-concurrency is -1, want 1 to 1000",
		"-messages 0 -recipients 0": "-messages is 0, want 1 to 10000000\n-recipients is 0, want 1 to 500",
		"100":                       `unknown argument "100"`,
		"-messages many":            `invalid value "many" for flag -messages: parse error`,
		"-nonsense":                 "flag provided but not defined: -nonsense",
	} {
		var out bytes.Buffer
		if err := Command(t.Context(), strings.Fields(args), &out); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
	if err := Command(t.Context(), []string{"-h"}, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v, want flag.ErrHelp", err)
	}
}

// TestLedger has outcomes that are not what happened.
func TestLedger(t *testing.T) {
	t.Parallel()
	const number, other = "01012345678", "01098765432"
	type (
		outcome = message.Outcome
		result  = message.Result
		phone   = aligotest.PhoneMessage
	)
	delivered := result{To: "010****5678", Status: message.Delivered, Channel: message.AlimTalk}
	alimTalk, sms := phone{To: number, Channel: "alimtalk", Type: "AT"}, phone{To: number, Channel: "sms", Type: "SMS"}
	settled := func(r result) []outcome {
		return []outcome{{Echo: message.Echo{Reference: "m"}, Recipients: []result{r}}}
	}
	claim := func(status message.Status, channel message.Channel) result {
		return result{To: "010****5678", Status: status, Channel: channel}
	}
	for name, c := range map[string]struct {
		faults  bool
		rang    []phone
		settled []outcome
		// want is in the error; empty means none.
		want string
	}{
		"delivered":                      {rang: []phone{alimTalk}, settled: settled(delivered)},
		"delivered, but no phone rang":   {settled: settled(delivered), want: "not delivered as claimed"},
		"delivered by the other channel": {faults: true, rang: []phone{sms}, settled: settled(delivered), want: "not delivered as claimed"},
		"SMS after AlimTalk": {faults: true, rang: []phone{alimTalk, sms}, settled: settled(delivered),
			want: "more than one message"},
		"the AlimTalk twice": {rang: []phone{alimTalk, alimTalk}, settled: settled(delivered),
			want: "the phone got 2 AlimTalk and 0 SMS"},
		"failed, but the phone rang": {faults: true, rang: []phone{sms}, settled: settled(claim(message.Failed, message.SMS)),
			want: "not failed as claimed"},
		"failed for no reason": {settled: settled(claim(message.Failed, message.AlimTalk)), want: "should have been delivered"},
		"by SMS for no reason": {rang: []phone{sms}, settled: settled(claim(message.Delivered, message.SMS)),
			want: "should have been delivered"},
		"failed as claimed": {faults: true, settled: settled(claim(message.Failed, message.SMS))},
		"by SMS as claimed": {faults: true, rang: []phone{sms}, settled: settled(claim(message.Delivered, message.SMS))},
		"unknown may be either": {faults: true, rang: []phone{alimTalk},
			settled: settled(claim(message.Unknown, message.AlimTalk))},
		"still pending": {faults: true, settled: settled(claim(message.Pending, message.AlimTalk)), want: "not settled"},
		"somebody else's result": {rang: []phone{alimTalk},
			settled: settled(result{To: "010****5432", Status: message.Delivered, Channel: message.AlimTalk}), want: "somebody else's"},
		"settled twice": {rang: []phone{alimTalk}, settled: append(settled(delivered), settled(delivered)...),
			want: `"m" settled when it was not under way`},
		"nobody in the outcome": {rang: []phone{alimTalk}, settled: []outcome{{Echo: message.Echo{Reference: "m"}}},
			want: "the outcome has 0 recipients, the message 1"},
		"a phone that nobody wrote to": {rang: []phone{alimTalk, {To: other, Channel: "sms", Type: "LMS"}}, settled: settled(delivered),
			want: "…5432 got an LMS when nothing was under way to it"},
		"never settled": {rang: []phone{alimTalk}, want: "1 messages did not settle"},
		"somebody else's message has settled": {rang: []phone{alimTalk}, settled: []outcome{{Echo: message.Echo{Reference: "n"}}},
			want: `"n" settled when it was not under way`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(!c.faults)
			l.begin("m", []string{number})
			for _, m := range c.rang {
				l.ring(m)
			}
			for _, o := range c.settled {
				l.ended(o)
			}
			err := l.verdict()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	t.Run("rings after it has settled", func(t *testing.T) {
		t.Parallel()
		l := newLedger(true)
		l.begin("m", []string{number})
		l.ring(alimTalk)
		l.ended(settled(delivered)[0])
		l.ring(alimTalk)
		if err := l.verdict(); err == nil || !strings.Contains(err.Error(), "nothing was under way") {
			t.Error(err)
		}
	})
}

// TestNumbers: as long as the most that may be under way, no two numbers are the same, and all can be written to.
func TestNumbers(t *testing.T) {
	t.Parallel()
	o := options{recipients: 500, faults: true}
	seen := map[string]int{}
	for m := range 1000 {
		for _, number := range o.numbers(m) {
			if before, ok := seen[number]; ok {
				t.Fatalf("messages %d and %d have the number %s", before, m, number)
			}
			seen[number] = m
			if _, wrong := message.ParseRecipientPhone(number); wrong != "" {
				t.Fatalf("%s %s", number, wrong)
			}
		}
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %v", got)
	}
	for i := range 1000 {
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	for q, want := range map[float64]time.Duration{0.001: time.Millisecond, 0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond,
		1: time.Second} {
		if got := h.quantile(q); got < want || float64(got) > 1.011*float64(want) {
			t.Errorf("quantile %v is %v, want %v or 1 %% more", q, got, want)
		}
	}
	h.add(-time.Second)
	h.add(24 * time.Hour)
}
