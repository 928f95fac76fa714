package aligo

import (
	"strings"
	"testing"
)

// Aligo may repeat what it was given in part, and in another form.
func TestMask(t *testing.T) {
	t.Parallel()
	const text = "홍길동님, 주문 A-20 이 접수되었습니다\n연락처 <gildong@example.com>"
	begin := string([]rune(text)[:20])
	alimTalk, sms := &form{}, &form{}
	alimTalk.hide("receiver_1", "01012345678")
	alimTalk.hide("recvname_1", "홍길동")
	alimTalk.hide("message_1", text)
	sms.hide("rec_1", "01012345678")
	sms.hide("msg_1", text)
	for words, c := range map[string]struct {
		f    *form
		want string
	}{
		"템플릿과 다름: " + text:         {alimTalk, "템플릿과 다름: ****"},
		"템플릿과 다름: " + begin + "…":  {alimTalk, "템플릿과 다름: ****..."},
		"내용 오류: " + begin + " 입니다": {sms, "내용 오류: **** 입니다"},
		"내용 오류: " + strings.NewReplacer("<", "&lt;", ">", "&gt;", "\n", "\r\n").Replace(text): {sms, "내용 오류: ****"},
		"이름 홍길동 오류":                     {alimTalk, "이름 **** 오류"},
		"수신번호 오류 010/1234/5678 입니다":     {sms, "수신번호 오류 **** 입니다"},
		"수신번호 오류 (010) 1234 - 5678":     {sms, "수신번호 오류 (****"},
		"수신번호 오류 ０１０１２３４５６７８":           {sms, "수신번호 오류 ****"},
		"수신번호 오류 +82 10 1234-5678":      {sms, "수신번호 오류 ****"},
		"수신번호 오류 %2B821012345678":       {sms, "수신번호 오류 %2B****"},
		"점검 중이오니 10시 이후에 이용 바랍니다. -999": {sms, "점검 중이오니 10시 이후에 이용 바랍니다. -999"},
		"인증오류입니다.-IP":                   {alimTalk, "인증오류입니다.-IP"},
	} {
		if got := c.f.mask(words); got != c.want {
			t.Errorf("%q became %q, want %q", words, got, c.want)
		}
	}
}
