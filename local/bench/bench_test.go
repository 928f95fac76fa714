package bench

import (
	"bytes"
	"context"
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
	"sms-api/internal/testkit"
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
		"three invocations, and the count":     r.LambdaInvocationsPerMessage > 3 && r.LambdaInvocationsPerMessage <= 4,
		"two calls, and the template lists":    r.AligoCallsPerMessage > 2 && r.AligoCallsPerMessage < 3,
		"rates go together":                    r.MessagesPerSecond > 0 && about(r.RecipientsPerSecond, 3*r.MessagesPerSecond),
		"quantiles are in order":               r.LatencyMS.P50 > 0 && r.LatencyMS.P50 <= r.LatencyMS.P95 && r.LatencyMS.P95 <= r.LatencyMS.P99,
		"a message is done after its latency":  r.LatencyMS.P99 < 1000*r.Seconds,
		"six transitions are most of the cost": r.USDPerMessage > 6*0.0000271 && r.USDPerMessage < 6*0.00004,
		"the table's is a part":                r.TableCallsPerMessage >= 11 && r.TableProcessorMSPerMessage < r.ProcessorMSPerMessage,
		"cost goes by recipients":              about(r.USDPerMillionRecipients, r.USDPerMessage*1e6/3),
	} {
		if !holds {
			t.Errorf("not so: %s, in %+v", name, r)
		}
	}
}

// burstOf is what a run on the virtual clock reports as JSON.
func burstOf(t *testing.T, args string) BurstReport {
	t.Helper()
	var out bytes.Buffer
	if err := Command(t.Context(), append(strings.Fields(args), "-json"), &out); err != nil {
		t.Fatalf("%s: %v", args, err)
	}
	var object map[string]any
	var r BurstReport
	if err := errors.Join(json.Unmarshal(out.Bytes(), &object), json.Unmarshal(out.Bytes(), &r)); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	want := []string{"deadLetters", "lost", "messages", "rejected", "seconds", "settled", "transitionsPerMessage", "twice", "usd"}
	if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) {
		t.Errorf("the keys are %q, want %q", got, want)
	}
	return r
}

// TestBursts are small ones of what must hold under AWS's quotas: nothing is lost, nothing comes twice, and how many transitions
// and seconds it takes. At ten messages a second, 300 take half a minute.
func TestBursts(t *testing.T) {
	t.Parallel()
	for args, most := range map[string]struct{ transitions, seconds float64 }{
		"-burst 300 -over 1s":                   {6, 1.1*30 + 10},
		"-burst 300 -over 1s -quotas us-east-1": {6, 1.1*30 + 10},
		// What a busy sender has turned away three times comes again within 20 minutes, at a random moment.
		"-burst 100 -over 3s -quotas new-account": {9, 1500},
		"-burst 300 -over 1s -rate 1000":          {12, 3600},
		"-burst 300 -over 1s -at-once":            {12, 3600 + 3600},
		"-burst 60 -over 3s -through api":         {9, 1500},
		"-burst 100 -over 1s -again":              {0, 900},
		// Three chunks in a turn each, whose messages have six transitions.
		"-burst 1200 -over 1m -through campaign -reads 5":                    {0.05, 240},
		"-burst 700 -over 1s -through campaign -at-once -quotas new-account": {0.05, 3600 + 240},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			r := burstOf(t, args)
			if r.Settled != r.Messages || r.Rejected+r.DeadLetters+r.Lost+r.Twice != 0 {
				t.Errorf("%+v", r)
			}
			if r.TransitionsPerMessage > most.transitions || r.Seconds > most.seconds || r.USD <= 0 {
				t.Errorf("%.2f transitions a message in %.0f s, %.4f USD; at most %+v", r.TransitionsPerMessage, r.Seconds, r.USD, most)
			}
		})
	}
}

func TestBurstTable(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Command(t.Context(), strings.Fields("-burst 30 -over 1s -rate 1000"), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"30 messages", "lost 0, twice 0", "until sent", "Lambda.Invoke alimtalk"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
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

// TestCampaign sends one, from its request to its report, and looks at each phone.
func TestCampaign(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := Command(t.Context(), []string{"-json", "-campaign", "1200"}, &out); err != nil {
		t.Fatal(err)
	}
	var r CampaignReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if r.Recipients != 1200 || r.Messages != 3 || r.PlanSeconds <= 0 || r.Seconds < r.PlanSeconds || r.Transitions < 3*6 {
		t.Errorf("%+v", r)
	}
	out.Reset()
	if err := (CampaignReport{Recipients: 7}).print(&out); err != nil || !strings.Contains(out.String(), "a campaign of 7 recipients") {
		t.Errorf("%s, %v", &out, err)
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
	command := func(ctx context.Context, args []string) error { return Command(ctx, args, &bytes.Buffer{}) }
	testkit.Refuses(t, command, map[string]string{
		"-messages 0":                       "-messages is 0, want 1 to 10000000",
		"-recipients 501":                   "-recipients is 501, want 1 to 500",
		"-concurrency -1":                   "-concurrency is -1, want 1 to 1000",
		"-messages 0 -recipients 0":         "-messages is 0, want 1 to 10000000\n-recipients is 0, want 1 to 500",
		"-burst 5 -through post":            `-through is "post", want events, api or campaign`,
		"-burst 5 -through campaign -again": "-through campaign goes without -again, and with -burst 1 to 1000000",
		"-campaign -1":                      "-campaign is -1, want 1 to 1000000",
		"-campaign 5 more":                  `unknown argument "more"`,
		"-campaign 5 -recipients 5":         "-recipients says nothing of a run of -campaign",
		"-burst 5 -campaign 5 -faults":      "-campaign says nothing of a run of -burst\n-faults says nothing of a run of -burst",
		"-at-once -reads 5":                 "-at-once says nothing of a run of -messages\n-reads says nothing of a run of -messages",
		"-burst -5 -over 0s":                "-burst is -5, want 1 to 10000000\n-over is 0s, want more than nothing and at most 168h",
		"-burst 5 -quotas mars":             `quotas "mars": neither seoul, us-east-1, new-account nor a file`,
		"100":                               `unknown argument "100"`,
		"-messages many":                    `invalid value "many" for flag -messages: parse error`,
		"-nonsense":                         "flag provided but not defined: -nonsense",
	})
	if err := Command(t.Context(), []string{"-h"}, &bytes.Buffer{}); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v, want flag.ErrHelp", err)
	}
}

// TestLedger has outcomes that are not what happened.
func TestLedger(t *testing.T) {
	t.Parallel()
	const number, other = "01012345678", "01098765432"
	type phone = aligotest.PhoneMessage
	delivered := claim{To: "010****5678", Status: message.Delivered, Channel: message.AlimTalk}
	alimTalk, sms := phone{To: number, Channel: "alimtalk", Type: "AT"}, phone{To: number, Channel: "sms", Type: "SMS"}
	settled := func(c claim) []outcome {
		return []outcome{{Reference: "m", Recipients: []claim{c}}}
	}
	claims := func(status message.Status, channel message.Channel) claim {
		return claim{To: "010****5678", Status: status, Channel: channel}
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
		"failed, but the phone rang": {faults: true, rang: []phone{sms}, settled: settled(claims(message.Failed, message.SMS)),
			want: "not failed as claimed"},
		"failed for no reason": {settled: settled(claims(message.Failed, message.AlimTalk)), want: "should have been delivered"},
		"by SMS for no reason": {rang: []phone{sms}, settled: settled(claims(message.Delivered, message.SMS)),
			want: "should have been delivered"},
		"failed as claimed": {faults: true, settled: settled(claims(message.Failed, message.SMS))},
		"by SMS as claimed": {faults: true, rang: []phone{sms}, settled: settled(claims(message.Delivered, message.SMS))},
		"unknown may be either": {faults: true, rang: []phone{alimTalk},
			settled: settled(claims(message.Unknown, message.AlimTalk))},
		"still pending": {faults: true, settled: settled(claims(message.Pending, message.AlimTalk)), want: "not settled"},
		"somebody else's result": {rang: []phone{alimTalk},
			settled: settled(claim{To: "010****5432", Status: message.Delivered, Channel: message.AlimTalk}), want: "somebody else's"},
		"settled twice": {rang: []phone{alimTalk}, settled: append(settled(delivered), settled(delivered)...),
			want: `"m" settled when it was not under way`},
		"nobody in the outcome": {rang: []phone{alimTalk}, settled: []outcome{{Reference: "m"}},
			want: "the outcome has 0 recipients, the message 1"},
		"a phone that nobody wrote to": {rang: []phone{alimTalk, {To: other, Channel: "sms", Type: "LMS"}}, settled: settled(delivered),
			want: "…5432 got an LMS when nothing was under way to it"},
		"never settled": {rang: []phone{alimTalk}, want: "1 messages did not settle"},
		"somebody else's message has settled": {rang: []phone{alimTalk}, settled: []outcome{{Reference: "n"}},
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

// A run that takes hours says every minute how far it is.
func TestARunSaysHowFarItIs(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	b, err := newBurst(burstOptions{messages: 3, over: time.Second, through: "events", quotas: "seoul", progress: &said})
	if err != nil {
		t.Fatal(err)
	}
	b.toldAt = time.Now().Add(-time.Hour)
	b.tell()
	b.tell()
	if got, want := said.String(), "after 0s of virtual time: 0 of 3 messages have ended\n"; got != want {
		t.Errorf("it said %q, want %q", got, want)
	}
}
