package aligotest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

func (w *world) behave(t *testing.T, b aligotest.Behaviour) {
	t.Helper()
	if err := w.SetBehaviour(b); err != nil {
		t.Fatal(err)
	}
}

func seconds(n int) message.Duration { return message.Duration(time.Duration(n) * time.Second) }

// The times of rows, their days and the Date header follow Aligo's clock, and nothing else does.
func TestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ahead := range []int{-130, 190} {
		w.behave(t, aligotest.Behaviour{ClockAhead: seconds(ahead)})
		if _, err := w.Client().SendSMS(t.Context(), sms("01012345678")); err != nil {
			t.Fatal(err)
		}
		want := w.Now().Add(time.Duration(ahead) * time.Second)
		batches, _, err := w.Client().SMSHistory(t.Context(), aligo.SMSPage{})
		if err != nil || !batches[0].At.Equal(want) {
			t.Errorf("%d s: registered %v, %v, want %v", ahead, batches[0].At, err, want)
		}
		resp, err := w.HTTPClient().Post(w.URL+"/remain/", "application/x-www-form-urlencoded", http.NoBody) //nolint:noctx // a test's
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := resp.Header.Get("Date"); got != want.UTC().Format(http.TimeFormat) {
			t.Errorf("%d s: Date is %s, want %v", ahead, got, want)
		}
		calls, phones := w.Calls(), w.Messages()
		if !calls[len(calls)-1].At.Equal(w.Now()) || !phones[len(phones)-1].At.Equal(w.Now()) {
			t.Errorf("%d s: calls and phones have another clock than ours", ahead)
		}
	}
}

// A call is listed late; one that is accepted late is there for nobody before.
func TestLateness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	listed := func(want int) {
		t.Helper()
		if batches, _, err := w.Client().SMSHistory(t.Context(), aligo.SMSPage{}); err != nil || len(batches) != want {
			t.Errorf("%v after: %d calls are listed, %v, want %d", w.Now().Sub(monday), len(batches), err, want)
		}
	}
	w.behave(t, aligotest.Behaviour{ListedAfter: seconds(65)})
	if _, err := w.Client().SendSMS(t.Context(), sms("01012345678")); err != nil {
		t.Fatal(err)
	}
	w.behave(t, aligotest.Behaviour{})
	w.Add(64 * time.Second)
	listed(0)
	w.Add(time.Second)
	listed(1)
	if err := w.SetFault(aligotest.Fault{Endpoint: "/send/", Kind: aligotest.FaultLate, After: seconds(95)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Client().SendSMS(t.Context(), sms("01012345679")); err == nil {
		t.Error("there was an answer")
	}
	w.Add(94 * time.Second)
	listed(1)
	if n := len(w.Messages()); n != 1 {
		t.Errorf("%d phones rang too early", n-1)
	}
	w.Add(time.Second)
	listed(2)
	if n := len(w.Messages()); n != 2 {
		t.Errorf("%d messages on phones, want 2", n)
	}
}

func TestEndIsMidnight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.Client().SendAlimTalk(t.Context(), order("01012345678")); err != nil {
		t.Fatal(err)
	}
	w.behave(t, aligotest.Behaviour{EndIsMidnight: true})
	for days, want := range []int{0, 1} {
		batches, _, err := w.Client().AlimTalkHistory(t.Context(), aligo.AlimTalkPage{To: monday.AddDate(0, 0, days)})
		if err != nil || len(batches) != want {
			t.Errorf("until %d days later: %d calls, %v, want %d", days, len(batches), err, want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	const text = "A & B\r\n'\"<🙂>\n\n1234567890 1234567890 1234567890"
	for _, c := range []struct {
		want    string
		changes []aligotest.TextChange
	}{
		{want: text},
		{"A &amp; B\r\n&#039;&quot;&lt;🙂&gt;\n\n1234567890 1234567890 1234567890", []aligotest.TextChange{aligotest.TextEscaped}},
		{"A & B<br>'\"<🙂><br><br>1234567890 1234567890 1234567890", []aligotest.TextChange{aligotest.TextBR}},
		{"A & B '\"<🙂> 1234567890 1234567890 1234567890", []aligotest.TextChange{aligotest.TextCollapsed}},
		{text + "\n무료거부 0801234567", []aligotest.TextChange{aligotest.TextSuffixed}},
		{strings.Replace(text, "🙂", "", 1), []aligotest.TextChange{aligotest.TextNoEmoji}},
		{"A & B\r\n'\"<🙂>\n\n1234567890 1234567890 1234...", []aligotest.TextChange{aligotest.TextCut}},
		{"보안을 위해 내용을 표시하지 않습니다.", []aligotest.TextChange{aligotest.TextOther}},
		{"A & B '\"<> 1234567890 1234567890 1234567890", []aligotest.TextChange{aligotest.TextNoEmoji, aligotest.TextCollapsed}},
	} {
		w := newWorld(t, func(o *aligotest.ServerOptions) { o.Behaviour.Texts = c.changes })
		call := order("01012345678")
		call.Recipients[0].Text = text
		fits := aligotest.Receipts{Ending: "5678", Channel: "alimtalk", Rows: []aligotest.ReceiptRow{{Result: "0"}}}
		if err := w.SetReceipts(fits); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Client().SendAlimTalk(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		batches, _, err := w.Client().AlimTalkHistory(t.Context(), aligo.AlimTalkPage{})
		if err != nil || batches[0].Text != c.want {
			t.Errorf("%v: the history has %q, %v, want %q", c.changes, batches[0].Text, err, c.want)
		}
		if got := w.Messages()[0].Text; got != text {
			t.Errorf("%v: the phone has %q", c.changes, got)
		}
	}
}

// What the receipts say can be set for numbers: several rows, and when they come.
func TestReceiptsAsSet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, r := range []aligotest.Receipts{
		{Ending: "5678", Channel: "alimtalk", Rows: []aligotest.ReceiptRow{{Result: "a"}}},
		{Ending: "5679", Channel: "alimtalk", Rows: []aligotest.ReceiptRow{{Result: "B"}, {Result: "0", After: seconds(60)}}},
		{Ending: "5678", Channel: "sms", Rows: []aligotest.ReceiptRow{{Result: "발송완료", After: message.Duration(25 * time.Hour)}}},
	} {
		if err := w.SetReceipts(r); err != nil {
			t.Fatal(err)
		}
	}
	call, err := w.Client().SendAlimTalk(t.Context(), order("01012345678", "01012345679"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := w.Client().SendSMS(t.Context(), sms("01012345678"))
	if err != nil {
		t.Fatal(err)
	}
	see := func(want ...string) {
		t.Helper()
		var got []string
		rows, err := w.Client().AlimTalkReceipts(t.Context(), "", call.MID)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			got = append(got, r.To[7:]+" "+string(r.Result.State)+" "+r.Result.Code)
		}
		messages, err := w.Client().SMSReceipts(t.Context(), "", text.MID)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range messages {
			got = append(got, r.To[7:]+" "+string(r.Result.State))
		}
		for _, m := range w.Messages() {
			got = append(got, m.To[7:]+" rang")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v after: %q, want %q", w.Now().Sub(monday), got, want)
		}
	}
	see("5678 pending ", "5679 pending ", "5678 pending")
	w.Add(5 * time.Second)
	see("5678 failed a", "5679 failed B", "5678 pending")
	w.Add(55 * time.Second)
	see("5678 failed a", "5679 delivered 0", "5678 pending", "5679 rang")
	w.Add(25 * time.Hour)
	see("5678 failed a", "5679 delivered 0", "5678 delivered", "5679 rang", "5678 rang")
}

// An account sees nothing of what the other has sent.
func TestTwoAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	creds := aligotest.Credentials()
	creds.APIKey, creds.UserID = aligotest.OtherAPIKey, aligotest.OtherUserID
	other := w.Client()
	other.Credentials = creds
	call, err := other.SendAlimTalk(t.Context(), order("01012345678"))
	if err != nil {
		t.Fatal(err)
	}
	w.Add(time.Minute)
	for who, client := range map[string]*aligo.Client{"the other": other, "the first": w.Client()} {
		want := 1
		if client != other {
			want = 0
		}
		batches, _, err := client.AlimTalkHistory(t.Context(), aligo.AlimTalkPage{})
		rows, rowsErr := client.AlimTalkReceipts(t.Context(), "", call.MID)
		if err != nil || rowsErr != nil || len(batches) != want || len(rows) != want {
			t.Errorf("%s sees %d calls and %d receipts, %v, %v; want %d", who, len(batches), len(rows), err, rowsErr, want)
		}
	}
	creds.APIKey = aligotest.APIKey
	other.Credentials = creds
	if _, err := other.Remain(t.Context()); err == nil {
		t.Error("the key of one account opens the other")
	}
}

func TestBehaviourIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, err := range map[string]error{
		"texts":    w.SetBehaviour(aligotest.Behaviour{Texts: []aligotest.TextChange{"upside-down"}}),
		"listed":   w.SetBehaviour(aligotest.Behaviour{ListedAfter: -1}),
		"channel":  w.SetReceipts(aligotest.Receipts{Ending: "1", Channel: "rcs"}),
		"ending":   w.SetReceipts(aligotest.Receipts{Ending: "x", Channel: "sms"}),
		"too soon": w.SetReceipts(aligotest.Receipts{Ending: "1", Channel: "sms", Rows: []aligotest.ReceiptRow{{After: -1}}}),
		"early":    w.SetFault(aligotest.Fault{Kind: aligotest.FaultLate, After: -1}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	resp, err := w.HTTPClient().Post(w.URL+"/_standin/behaviour", "application/json", //nolint:noctx // a test's
		strings.NewReader(`{"endIsMidnight":true,"clockAhead":"-130s","texts":["br"]}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if b := w.Behaviour(); !b.EndIsMidnight || b.ClockAhead != seconds(-130) || len(b.Texts) != 1 {
		t.Errorf("after a POST it is %+v", b)
	}
	w.Reset()
	if w.Behaviour().EndIsMidnight {
		t.Error("it behaves as before the reset")
	}
}
