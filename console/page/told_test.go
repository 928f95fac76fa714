package page_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"sms-api/console/browsertest"
	"sms-api/internal/message"
)

// heard is what the page says of a recipient, to be read out on the telephone.
func heard(t *testing.T, b *browsertest.Tab, r message.Result) string {
	t.Helper()
	o := message.NewOutcome(message.Message{Recipients: []message.Recipient{{To: "01012345678"}}}, []message.Result{r})
	text, err := json.Marshal(o.Recipients[0])
	if err != nil {
		t.Fatal(err)
	}
	return browsertest.JS[string](b, fmt.Sprintf(`import("/inbox/assets/parts.js").then((m) => m.told(%s))`, text))
}

// tried is a result of a channel that was tried.
func tried(r message.Result, c message.Channel, s message.Status, code, reason string, at time.Time) message.Result {
	r.Next(c)
	r.Status, r.Code, r.Reason, r.At = s, code, reason, at
	return r
}

// Whatever became of somebody, there is one sentence for it.
func TestBrowserTellsEveryOutcome(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const kakao, sms = message.AlimTalk, message.SMS
	now := time.Now().Truncate(time.Second)
	clock := now.Format("15:04")
	none := message.Result{To: "010****5678", Status: message.Pending}
	notThere := tried(none, kakao, message.Pending, "A", "", now)
	ended := func(s message.Status, code string) message.Result {
		return message.Result{To: none.To, Status: s, Code: code, At: now}
	}
	b := browsertest.Open(t, w.url, "ko")
	b.Visit("/overview")
	b.See("the page", drawn)
	for _, c := range []struct {
		name string
		r    message.Result
		want string
	}{
		{"nothing was sent yet", none, "아직 보내지 않음"},
		{"the AlimTalk is under way", tried(none, kakao, message.Pending, "", "", time.Time{}), "알림톡: 아직 결과 없음"},
		{"the AlimTalk has arrived", tried(none, kakao, message.Delivered, "0", "", now), "알림톡 " + clock + " 도착"},
		{"and nobody knows when", tried(none, kakao, message.Delivered, "0", "", time.Time{}), "알림톡 도착"},
		{"the AlimTalk has failed, and the SMS is to follow", notThere, "알림톡: 카카오톡 미사용자 → 문자 보내기 전"},
		{"the SMS is under way", tried(notThere, sms, message.Pending, "", "", time.Time{}), "알림톡: 카카오톡 미사용자 → 문자: 아직 결과 없음"},
		{"the SMS has arrived", tried(notThere, sms, message.Delivered, "delivered", "", now), "알림톡: 카카오톡 미사용자 → 문자 " + clock + " 도착"},
		{"the SMS has failed", tried(notThere, sms, message.Failed, "number", "", now),
			"알림톡: 카카오톡 미사용자 → 문자: 문자를 전달하지 못했습니다. 받는 번호나 발신번호가 잘못되었습니다"},
		{"the AlimTalk has failed, and there is no fallback", tried(none, kakao, message.Failed, "B", "", now), "알림톡: 알림톡을 차단한 사용자"},
		{"no receipt came, and an SMS followed", tried(tried(none, kakao, message.Unknown, "NoReceipt", "", now), sms, message.Delivered,
			"delivered", "", now), "알림톡: 알리고가 접수했지만 제때 전송 결과가 오지 않았습니다 → 문자 " + clock + " 도착"},
		{"no receipt came", tried(none, kakao, message.Unknown, "NoReceipt", "", now), "알림톡: 알리고가 접수했지만 제때 전송 결과가 오지 않았습니다"},
		{"the answer was lost", tried(none, sms, message.Unknown, "Ambiguous", "", now),
			"문자: 호출의 응답을 잃었고, 알리고도 접수했는지 알려 주지 못했습니다"},
		{"the call was refused", tried(none, sms, message.Failed, "Rejected", "Aligo accepted none of the recipients", now),
			"문자: 알리고가 호출을 거절했거나 템플릿이 더는 승인된 상태가 아닙니다"},
		{"a result that Aligo has added since", tried(none, kakao, message.Unknown, "Z", "새로운 결과", now), "알림톡: 새로운 결과"},
		{"the same without words", tried(none, kakao, message.Unknown, "Z", "", now), "알림톡: 알 수 없음"},
		{"expired", ended(message.Failed, "Expired"), "보내기 전에 메시지의 발송 기한이 지났습니다"},
		{"expired after the AlimTalk", tried(notThere, sms, message.Failed, "Expired", "", now),
			"알림톡: 카카오톡 미사용자 → 문자: 보내기 전에 메시지의 발송 기한이 지났습니다"},
		{"cancelled", ended(message.Failed, "Cancelled"), "보내기 전에 메시지가 취소되었습니다"},
		{"opted out", ended(message.Failed, "OptedOut"), "받는 사람이 이런 메시지를 받지 않겠다고 했습니다"},
	} {
		if got := heard(t, b, c.r); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}

	// Every code there is, of every channel that it can stand with, alone and after an AlimTalk.
	n := 0
	for _, language := range []string{"ko", "en"} {
		if language == "en" {
			b = browsertest.Open(t, w.url, "en")
			b.Visit("/overview")
			b.See("the page", drawn)
		}
		for _, code := range message.Codes() {
			channels := []message.Channel{code.Channel}
			if code.Channel == "" {
				channels = []message.Channel{"", kakao, sms}
			}
			status := code.Status
			if status == "" {
				status = message.Unknown
			}
			for _, c := range channels {
				for _, before := range []message.Result{none, notThere} {
					r := before
					switch {
					case c == "" && before.Channel != "", c == kakao && before.Channel != "":
						continue
					case c == "":
						r.Status, r.Code, r.At = status, code.Word, now
					default:
						r = tried(r, c, status, code.Word, "", now)
					}
					n++
					got := heard(t, b, r)
					wrong := regexp.MustCompile(`undefined|null|NaN|Invalid Date|[{}]|told\.|code\.|: *$|\. →|\.$`).MatchString(got)
					if language == "ko" && !regexp.MustCompile(`\p{Hangul}`).MatchString(got) || wrong || strings.TrimSpace(got) == "" {
						t.Errorf("in %s, %s of %q after %q is told as %q", language, code.Word, c, before.Channel, got)
					}
				}
			}
		}
	}
	if n < 2*len(message.Codes()) {
		t.Errorf("only %d sentences were heard", n)
	}
}
