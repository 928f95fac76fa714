package message_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

var known = time.Date(2026, 12, 1, 0, 0, 5, 0, time.UTC)

// told are the attempts of a result as "channel status code; …", before its own.
func told(r message.Result) string {
	var b strings.Builder
	for _, a := range r.Attempts {
		fmt.Fprintf(&b, "%s %s %s; ", a.Channel, a.Status, a.Code)
	}
	fmt.Fprintf(&b, "%s %s %s", r.Channel, r.Status, r.Code)
	return b.String()
}

// A recipient that goes on to another channel leaves an attempt behind; the outcome adds the last.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		code string
		next message.Channel
		want string
	}{
		{"the AlimTalk is on its way", "", message.AlimTalk, "alimtalk pending ; alimtalk pending "},
		{"the AlimTalk failed, and the SMS is not sent yet", "A", message.AlimTalk, "alimtalk failed A; alimtalk pending A"},
		{"the SMS is on its way", "A", message.SMS, "alimtalk failed A; sms pending ; sms pending "},
		{"no receipt came", "NoReceipt", message.SMS, "alimtalk unknown NoReceipt; sms pending ; sms pending "},
		{"a result that nobody knows", "Z", message.SMS, "alimtalk unknown Z; sms pending ; sms pending "},
	} {
		r := message.Result{Status: message.Pending, Channel: message.AlimTalk, Code: c.code, At: known}
		r.Next(c.next)
		if got := told(message.NewOutcome(message.Message{}, []message.Result{r}).Recipients[0]); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	r := message.Result{Status: message.Pending}
	if r.Next(message.SMS); len(r.Attempts) > 0 {
		t.Errorf("nothing was tried before, and it has the attempts %+v", r.Attempts)
	}
	none := message.NewOutcome(message.Message{}, []message.Result{{Status: message.Failed, Code: message.CodeExpired}})
	if len(none.Recipients[0].Attempts) > 0 {
		t.Errorf("nothing was tried, and it has the attempts %+v", none.Recipients[0].Attempts)
	}
}

// An outcome that is read again is what it was, reasons included.
func TestReread(t *testing.T) {
	t.Parallel()
	m := message.Message{
		ID: "0193", Channel: message.AlimTalk, Template: "T", CreatedAt: known, ExpiresAt: known.Add(time.Hour), SendAt: known,
		Recipients: []message.Recipient{{RecipientEcho: message.RecipientEcho{Reference: "r"}}, {}, {}},
	}
	sms := message.Result{Status: message.Failed, Channel: message.SMS, Code: "number", At: known, Attempts: []message.Attempt{
		{Channel: message.AlimTalk, Status: message.Failed, Code: "A", At: known}}}
	open := message.Result{Status: message.Failed, Channel: message.SMS, Code: "other", Reason: "통신사 장애", At: known}
	o := message.Settled(m, []message.Result{
		sms, open, {Status: message.Delivered, Channel: message.AlimTalk, Code: "0", At: known},
	}, known)
	if want := (message.Counts{Delivered: 1, Failed: 2, FellBack: 1}); o.Counts != want {
		t.Errorf("counts %+v, want %+v", o.Counts, want)
	}
	whole := testkit.JSON(t, o)
	for _, want := range []string{
		`"reference":"r"`, `"reason":"The recipient does not use KakaoTalk."`, `"reason":"통신사 장애"`, `"template":"T"`,
	} {
		if !strings.Contains(whole, want) {
			t.Errorf("%s is missing in %s", want, whole)
		}
	}
	// As version 0.1.0 wrote it, and as it is written when it is too large.
	bare := o
	bare.Channel, bare.Template, bare.SendAt, bare.ExpiresAt, bare.Counts = "", "", time.Time{}, time.Time{}, message.Counts{}
	bare.Recipients = nil
	for _, r := range o.Recipients {
		if r.Code != "other" {
			r.Reason = ""
		}
		attempts := r.Attempts
		r.Attempts = nil
		for _, a := range attempts[:len(attempts)-1] {
			a.Reason = ""
			r.Attempts = append(r.Attempts, a)
		}
		bare.Recipients = append(bare.Recipients, r)
	}
	for name, written := range map[string]message.Outcome{"whole": o, "bare": bare} {
		var read message.Outcome
		if err := json.Unmarshal([]byte(testkit.JSON(t, written)), &read); err != nil {
			t.Fatal(err)
		}
		if got := testkit.JSON(t, message.Reread(m, read)); got != whole {
			t.Errorf("%s: read again it is\n%s, not\n%s", name, got, whole)
		}
	}
}

// Version 0.1.0 wrote the result of the AlimTalk into the words of the SMS after it.
func TestResultsOfVersionsWithoutAttempts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, written, want, reason string }{
		{"an SMS on its way", `{"status":"pending","channel":"sms","reason":"AlimTalk A: 카카오톡 미사용자"}`,
			"alimtalk failed A; sms pending ", ""},
		{"a delivered SMS", `{"status":"delivered","channel":"sms","code":"delivered","reason":"AlimTalk B: 차단"}`,
			"alimtalk failed B; sms delivered delivered", ""},
		{"an SMS that failed", `{"status":"failed","channel":"sms","code":"number","reason":"발/착신 번호 에러 (AlimTalk A: 카카오톡 미사용자)"}`,
			"alimtalk failed A; sms failed number", "발/착신 번호 에러"},
		{"cut short", `{"status":"failed","channel":"sms","code":"number","reason":"발/착신 번호 에러 (AlimTalk NoReceipt: no rec…"}`,
			"alimtalk unknown NoReceipt; sms failed number", "발/착신 번호 에러"},
		{"an SMS that expired", `{"status":"failed","channel":"alimtalk","code":"Expired","reason":"it was over (AlimTalk A: 카카오톡 미사용자)"}`,
			"alimtalk failed A; sms failed Expired", "it was over"},
		{"an AlimTalk before its SMS", `{"status":"pending","channel":"alimtalk","code":"A","reason":"카카오톡 미사용자"}`,
			"alimtalk pending A", "카카오톡 미사용자"},
		{"an SMS from the beginning", `{"status":"failed","channel":"sms","code":"other","reason":"words (in brackets)"}`,
			"sms failed other", "words (in brackets)"},
		{"words that begin alike", `{"status":"failed","channel":"alimtalk","code":"Rejected","reason":"AlimTalk is off today: sorry"}`,
			"alimtalk failed Rejected", "AlimTalk is off today: sorry"},
	} {
		var r message.Result
		if err := json.Unmarshal([]byte(c.written), &r); err != nil {
			t.Fatal(err)
		}
		if got := told(r); got != c.want || r.Reason != c.reason {
			t.Errorf("%s: %q %q, want %q %q", c.name, got, r.Reason, c.want, c.reason)
		}
	}
}

// An outcome that would be too large keeps its reasons as long as there is room: first go those that the codes give again.
func TestFit(t *testing.T) {
	t.Parallel()
	outcome := func(n, words, reference int) message.Outcome {
		m, results := message.Message{Recipients: make([]message.Recipient, n)}, make([]message.Result, n)
		for i := range results {
			m.Recipients[i].Reference = strings.Repeat("가", reference)
			results[i] = message.Result{
				To: "010****0004", Status: message.Failed, Channel: message.SMS, Code: "other", Reason: strings.Repeat("x", words), At: known,
				Attempts: []message.Attempt{{Channel: message.AlimTalk, Status: message.Failed, Code: "NotAccepted", At: known}},
			}
		}
		return message.Settled(m, results, known)
	}
	const meaning, detail = "left the recipient out", `"reason":"xx`
	for _, c := range []struct {
		name                string
		o                   message.Outcome
		hasMeaning, hasWord bool
	}{
		{"one recipient", outcome(1, 100, 64), true, true},
		{"many recipients", outcome(500, 40, 1), true, true},
		{"many with references", outcome(500, 30, 30), false, true},
		{"many with the longest references", outcome(500, 40, 64), false, false},
	} {
		before := testkit.JSON(t, c.o)
		got := testkit.JSON(t, c.o.Fit())
		if strings.Contains(got, meaning) != c.hasMeaning || strings.Contains(got, detail) != c.hasWord {
			t.Errorf("%s: it has %d bytes of %d, and %.700s", c.name, len(got), len(before), got)
		}
		if limit := 262_144 - 2_000; len(got) > limit {
			t.Errorf("%s: it has %d bytes", c.name, len(got))
		}
		if testkit.JSON(t, c.o) != before {
			t.Errorf("%s: the outcome itself has changed", c.name)
		}
	}
}

func TestReferencesOfRecipients(t *testing.T) {
	t.Parallel()
	for reference, want := range map[string]string{
		"member-1": "member-1", strings.Repeat("가", 64): strings.Repeat("가", 64), "\u1100\u1161": "가",
		strings.Repeat("a", 65): "has 65 characters; at most 64 are allowed",
		strings.Repeat("😀", 49): "has 196 bytes in UTF-8; at most 192 are allowed",
		"":                      "must not be empty", "a\tb": "has a control character, or U+FFFD, which stands for something that was lost",
	} {
		body := testkit.JSON(t, map[string]any{"template": "T", "recipients": []any{map[string]any{"to": "01012345678", "reference": reference}}})
		r, err := message.Decode([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		m, wrong := message.Accept(r, acceptance())
		switch {
		case len(wrong) == 1 && wrong[0].Pointer == "/recipients/0/reference" && wrong[0].Detail == want:
		case len(wrong) == 0 && m.Recipients[0].Reference == want:
		default:
			t.Errorf("%q: %+v %+v", reference, m.Recipients, wrong)
		}
	}
}
