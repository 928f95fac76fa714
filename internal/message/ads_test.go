package message_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/message"
)

func shop() message.Ads {
	return message.Ads{SenderName: "가나상점", Contact: "02-000-0000", Refusal: "무료수신거부 080-000-0000", Until: 20*60 + 50}
}

// advertising is an acceptance at a time of the Korean clock.
func advertising(t *testing.T, at string) message.Acceptance {
	t.Helper()
	a := acceptance()
	a.Ads, a.Now = shop(), inKorea(t, at)
	return a
}

func inKorea(t *testing.T, at string) time.Time {
	t.Helper()
	now, err := time.ParseInLocation("2006-01-02 15:04:05", at, message.Korea())
	if err != nil {
		t.Fatal(err)
	}
	return now.UTC()
}

func ad(options string) string {
	return `{"channel":"sms","purpose":"ad",` + options + `"recipients":[{"to":"01012345678"}]}`
}

// The law wants (광고), the name and the contact in front, and the way to refuse at the end.
func TestAdvertisingHasItsFrame(t *testing.T) {
	t.Parallel()
	m := accept(t, ad(`"text":"오늘만 반값입니다","title":"오늘",`), advertising(t, "2026-12-01 12:00:00"))
	const want = "(광고)가나상점 02-000-0000\n오늘만 반값입니다\n무료수신거부 080-000-0000"
	if string(m.Text) != want || m.Title != "(광고)오늘" || m.Purpose != message.Ad || !m.SendAt.IsZero() {
		t.Errorf("%q %q %q %v", string(m.Text), string(m.Title), m.Purpose, m.SendAt)
	}
	info := accept(t, strings.Replace(ad(`"text":"안녕하세요",`), `"ad"`, `"info"`, 1), advertising(t, "2026-12-01 23:00:00"))
	if info.Text != "안녕하세요" || info.Purpose != "" || !info.SendAt.IsZero() {
		t.Errorf("info: %q %q %v", string(info.Text), info.Purpose, info.SendAt)
	}
}

// The frame's bytes count.
func TestTheFrameCounts(t *testing.T) {
	t.Parallel()
	a := advertising(t, "2026-12-01 12:00:00")
	room := message.MaxLMS - (message.SMSBytes(string(accept(t, ad(`"text":"a",`), a).Text)) - 1)
	accept(t, ad(`"text":"`+strings.Repeat("a", room)+`",`), a)
	wantProblems(t, ad(`"text":"`+strings.Repeat("a", room+1)+`",`), a,
		"/text has 2001 bytes in CP949 with what the law puts around it; an LMS has at most 2000")
	body := `{"channel":"sms","purpose":"ad","text":"#{a}","recipients":[{"to":"01012345678","variables":{"a":"` +
		strings.Repeat("가", 1000) + `"}}]}`
	if got := problems(t, body, a); len(got) != 1 || !strings.HasPrefix(got[0], "/recipients/0/variables make /text ") {
		t.Errorf("got %q", got)
	}
	accept(t, ad(`"text":"t","title":"`+strings.Repeat("가", 19)+`",`), a)
	wantProblems(t, ad(`"text":"t","title":"`+strings.Repeat("가", 20)+`",`), a, "/title has 46 bytes in CP949; a title has at most 44")
}

func wantProblems(t *testing.T, body string, a message.Acceptance, want ...string) {
	t.Helper()
	if got := problems(t, body, a); !slices.Equal(got, want) {
		t.Errorf("%.100s\n got %q\nwant %q", body, got, want)
	}
}

func TestAdvertisingHasNoFrameOfItsOwn(t *testing.T) {
	t.Parallel()
	a := advertising(t, "2026-12-01 12:00:00")
	const mark, refusal = "has a mark of advertising of its own: (광고) is put in front",
		"has a way to refuse of its own: that of ads:refusal is put at the end"
	for text, want := range map[string]string{
		"(광고) 반값":              mark,
		"[광고] 반값":              mark,
		"(광 고) 반값":             mark,
		"（광고）반값":               mark,
		"(광.고) 반값":             mark,
		"(광/고) 반값":             mark,
		"(\u200b광\u200b고) 반값":  mark,
		"\\\"광고\\\" 반값":        mark,
		"반값 (광고)":              mark,
		"<광고> 반값":              mark,
		"【광고】반값":               mark,
		"*광고* 반값":              mark,
		"(대출광고) 반값":            mark,
		"광고: 반값":               mark,
		"반값 무료수신거부 080-1-1":    refusal,
		"반값 수신차단 080-1-1":      refusal,
		"반값 수 신-거 부":           refusal,
		"반값\\n무료 수신 거부: 080":   refusal,
		"반값\\n무료거부 0801231234": refusal,
		"광고 문구를 만들어 드립니다":      "",
		"옥외광고 반값":              "",
		"무료로 드립니다 (서울)":        "",
	} {
		var wants []string
		if want != "" {
			wants = []string{"/text " + want}
		}
		wantProblems(t, ad(`"text":"`+text+`",`), a, wants...)
		for i := range wants {
			wants[i] = "/recipients/0/variables " + want
		}
		body := `{"channel":"sms","purpose":"ad","text":"#{a}","recipients":[{"to":"01012345678","variables":{"a":"` + text + `"}}]}`
		wantProblems(t, body, a, wants...)
	}
	wantProblems(t, ad(`"text":"t","title":"[광고]",`), a, "/title "+mark)
}

func TestWhereAdvertisingIsRefused(t *testing.T) {
	t.Parallel()
	a := advertising(t, "2026-12-01 12:00:00")
	wantProblems(t, `{"template":"T","purpose":"ad","recipients":[{"to":"01012345678"}]}`, a,
		"/purpose ad is for channel sms only: an AlimTalk must not advertise")
	wantProblems(t, `{"channel":"sms","text":"t","nightConsent":true,"recipients":[{"to":"01012345678"}]}`, a,
		"/nightConsent is for purpose ad only: nothing else waits for the morning")
	wantProblems(t, ad(`"text":"t","nightConsent":"yes",`), a, "/nightConsent must be true or false")
	wantProblems(t, strings.Replace(ad(`"text":"t",`), `"ad"`, `"spam"`, 1), a, `/purpose must be "info" or "ad"`)
	a.Ads = message.Ads{Until: 20*60 + 50}
	wantProblems(t, ad(`"text":"t",`), a,
		"/purpose this stack does no advertising: ads:senderName, ads:contact and ads:refusal are not set")
}

// The night ends at 08:00 in Korea and begins with the last minute in which something can be handed to Aligo.
func TestAdvertisingWaitsForTheMorning(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ now, options, sendAt, wrong string }{
		{now: "2026-12-01 08:00:00"},
		{now: "2026-12-01 20:49:59"},
		{now: "2026-12-01 20:50:00", sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-01 23:59:59", sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-02 00:00:00", sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-02 07:59:59", sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-31 20:50:00", sendAt: "2027-01-01 08:00:00"},
		{now: "2028-02-28 21:00:00", sendAt: "2028-02-29 08:00:00"},
		// Where other countries change their clocks.
		{now: "2026-03-28 22:00:00", sendAt: "2026-03-29 08:00:00"},
		{now: "2026-07-01 20:50:00", sendAt: "2026-07-02 08:00:00"},
		{now: "2026-12-01 23:00:00", options: `"nightConsent":true,`},
		{now: "2026-12-01 12:00:00", options: `"sendAt":"2026-12-01T20:49:59+09:00",`, sendAt: "2026-12-01 20:49:59"},
		{now: "2026-12-01 12:00:00", options: `"sendAt":"2026-12-01T20:50:00+09:00",`, sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-01 12:00:00", options: `"sendAt":"2026-12-01T22:00:00+09:00","nightConsent":true,`, sendAt: "2026-12-01 22:00:00"},
		{now: "2026-12-01 22:00:00", options: `"sendAt":"2026-12-01T12:00:00+09:00",`, sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-01 21:00:00", options: `"expiresAt":"2026-12-02T08:00:01+09:00",`, sendAt: "2026-12-02 08:00:00"},
		{now: "2026-12-01 21:00:00", options: `"expiresAt":"2026-12-02T08:00:00+09:00",`,
			wrong: "/expiresAt is before 2026-12-01T23:00:00Z, and advertising must not arrive at night without nightConsent"},
		{now: "2026-12-01 21:00:00", options: `"expiresAt":"2026-12-01T23:00:00+09:00","nightConsent":true,`},
		{now: "2026-12-01 20:49:59", options: `"expiresAt":"2026-12-01T20:51:00+09:00",`},
	} {
		a := advertising(t, c.now)
		body := ad(`"text":"t",` + c.options)
		if c.wrong != "" {
			wantProblems(t, body, a, c.wrong)
			continue
		}
		m, want := accept(t, body, a), time.Time{}
		if c.sendAt != "" {
			want = inKorea(t, c.sendAt)
		}
		if !m.SendAt.Equal(want) {
			t.Errorf("at %s with %s it is sent at %v, want %v", c.now, c.options, m.SendAt, want)
		}
		if start := want; !strings.Contains(c.options, "expiresAt") && !start.IsZero() && !m.ExpiresAt.Equal(start.Add(24*time.Hour)) {
			t.Errorf("at %s with %s it expires at %v", c.now, c.options, m.ExpiresAt)
		}
	}
}

func TestWhatAStackSaysAboutAdvertising(t *testing.T) {
	t.Parallel()
	fine := shop()
	for _, c := range []struct {
		change func(*message.Ads)
		wrong  string
	}{
		{change: func(*message.Ads) {}},
		{change: func(a *message.Ads) { *a = message.Ads{Until: a.Until} }},
		{func(a *message.Ads) { a.Contact = "" }, "contact is missing: an advertisement needs senderName, contact and refusal"},
		{func(a *message.Ads) { a.SenderName = "가게🙂" }, "senderName: SMS cannot carry an emoji at character 3"},
		{func(a *message.Ads) { a.SenderName = strings.Repeat("가", 16) }, "senderName has 32 bytes in CP949; at most 30 are allowed"},
		{func(a *message.Ads) { a.SenderName = "(광고)가게" }, "senderName and contact must not have a (광고) of their own"},
		{func(a *message.Ads) { a.Contact = "#{x}" }, "contact must be one line, without placeholders and white space around it"},
		{func(a *message.Ads) { a.Refusal = "수신거부 080" },
			"refusal must say that it costs nothing and what it is, such as 무료수신거부 080-000-0000"},
		{func(a *message.Ads) { a.Until = 20*60 + 56 }, "until is 20:56, which is not from 08:01 to 20:55"},
		{func(a *message.Ads) { a.Until = 8 * 60 }, "until is 08:00, which is not from 08:01 to 20:55"},
	} {
		a := fine
		c.change(&a)
		got := ""
		if err := a.Check(); err != nil {
			got = err.Error()
		}
		if got != c.wrong {
			t.Errorf("%+v: %q, want %q", a, got, c.wrong)
		}
	}
	for text, want := range map[string]message.TimeOfDay{"20:50": 20*60 + 50, "08:01": 8*60 + 1, "24:00": 0, "8:01": 0, "20:60": 0, "": 0} {
		if got, err := message.ParseTimeOfDay(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v %v", text, got, err)
		}
	}
}

// What was asked for before there was advertising has the fingerprint that it had.
func TestOldRequestsKeepTheirFingerprint(t *testing.T) {
	t.Parallel()
	m := accept(t, `{"template":"T","reference":"r","recipients":[{"to":"01012345678","name":"n","variables":{"a":"b"}}]}`, acceptance())
	if want := "7c325b212995276eccb2b8dfef4c9f21f6c57f63bab100f51e15d43117aec1d7"; m.Fingerprint != want {
		t.Errorf("fingerprint %s", m.Fingerprint)
	}
}

func TestWordsOfAdvertising(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"주문하신 상품이 출발했습니다":   nil,
		"오늘만 할인, 쿠폰을 드립니다":  {"할인", "쿠폰"},
		"쿠\u200b폰 할\u00ad인": {"할인", "쿠폰"},
	} {
		if got := message.AdWords(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
