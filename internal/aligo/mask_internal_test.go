package aligo

import (
	"strconv"
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
	dated := &form{masked: []string{"김영희", "남궁에스더", "김수한무거북", "이랑이"}}
	dated.hide("rec_1", "01012345678")
	const reservation = "홍길동님 2026-11-28 12:00 예약 [48 29]"
	dated.hide("msg_1", reservation)
	// Two stars are a name like any other.
	stars := &form{}
	for i := range 50 {
		stars.hide("recvname_"+strconv.Itoa(i), "**")
	}
	for words, c := range map[string]struct {
		f    *form
		want string
	}{
		"템플릿과 다름: " + text:         {alimTalk, "템플릿과 다름: ****"},
		"템플릿과 다름: " + begin + "…":  {alimTalk, "템플릿과 다름: ****..."},
		"내용 오류: " + begin + " 입니다": {sms, "내용 오류: **** 입니다"},
		"내용 오류: " + strings.NewReplacer("<", "&lt;", ">", "&gt;", "\n", "\r\n").Replace(text): {sms, "내용 오류: ****"},
		"이름 홍길동 오류":                          {alimTalk, "이름 **** 오류"},
		"수신번호 오류 010/1234/5678 입니다":          {sms, "수신번호 오류 **** 입니다"},
		"수신번호 오류 (010) 1234 - 5678":          {sms, "수신번호 오류 (****"},
		"수신번호 오류 ０１０１２３４５６７８":                {sms, "수신번호 오류 ****"},
		"수신번호 오류 +82 10 1234-5678":           {sms, "수신번호 오류 ****"},
		"수신번호 오류 %2B821012345678":            {sms, "수신번호 오류 %2B****"},
		"점검 중이오니 10시 이후에 이용 바랍니다. -999":      {sms, "점검 중이오니 10시 이후에 이용 바랍니다. -999"},
		"인증오류입니다.-IP":                        {alimTalk, "인증오류입니다.-IP"},
		"내용 오류: " + reservation:              {dated, "내용 오류: ****"},
		"내용 오류(예약 [4자리)":                     {dated, "내용 오류(예약 [4자리)"},
		"내용 오류(예약 [48자리)":                    {dated, "내용 오류(****자리)"},
		"이름 남궁에스더 오류":                        {dated, "이름 **** 오류"},
		"이름 이랑이랑이 오류":                        {dated, "이름 **** 오류"},
		strings.Repeat("가", 298) + "홍길동":     {alimTalk, strings.Repeat("가", 298) + "**…"},
		"이름 김수한무거북 오류":                       {dated, "이름 **** 오류"},
		"이름 김영희 오류":                          {dated, "이름 **** 오류"},
		"잔액 9876543원":                        {alimTalk, "잔액 ****원"},
		"잔액 987654원":                         {alimTalk, "잔액 987654원"},
		"문의 1544-1234 **":                    {stars, "문의 **** ****"},
		"내용 오류: " + strings.Repeat("가", 400): {alimTalk, "내용 오류: " + strings.Repeat("가", 293) + "…"},
	} {
		if got := c.f.mask(words); got != c.want {
			t.Errorf("%q became %q, want %q", words, got, c.want)
		}
	}
}
