package aligotest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
)

var monday = time.Date(2026, 11, 23, 10, 0, 0, 0, time.FixedZone("KST", 9*60*60))

type world struct {
	*aligotest.Server
	*testkit.Clock
}

func newWorld(t *testing.T, options ...func(*aligotest.ServerOptions)) *world {
	t.Helper()
	w := &world{Clock: testkit.NewClock(monday)}
	w.Server = aligotest.NewServer(t, append([]func(*aligotest.ServerOptions){func(o *aligotest.ServerOptions) { o.Now = w.Now }},
		options...)...)
	return w
}

const orderText = "[마실상점] 주문이 접수되었습니다.\r\n\r\n홍길동님, 주문해 주셔서 감사합니다.\r\n\r\n■ 주문번호: A-17\r\n\r\n상품이 준비되는 대로 발송 소식을 알려 드리겠습니다."

// post calls an endpoint with plain form fields, as any client would, and returns the answer as it came.
func (w *world) post(ctx context.Context, path string, fields ...string) (string, error) {
	form := url.Values{}
	if strings.HasPrefix(path, "/akv10/") {
		form.Set("apikey", aligotest.APIKey)
		form.Set("userid", aligotest.UserID)
		form.Set("senderkey", aligotest.SenderKey)
	} else {
		form.Set("key", aligotest.APIKey)
		form.Set("user_id", aligotest.UserID)
	}
	form.Set("sender", "02-1234-5678")
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, body, err := w.do(req)
	return body, err
}

// do makes a request and reads the answer.
func (w *world) do(req *http.Request) (status int, body string, err error) {
	resp, err := w.HTTPClient().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// unescaped turns \uXXXX into what it stands for.
func unescaped(t *testing.T, answer string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatalf("the answer is no JSON: %v: %s", err, answer)
	}
	m, ok := v.(map[string]any)
	if !ok {
		t.Fatalf("the answer is no object: %s", answer)
	}
	code, ok := m["code"]
	if !ok {
		code = m["result_code"]
	}
	return fmt.Sprint(code, " ", m["message"])
}

func (w *world) says(t *testing.T, path, want string, fields ...string) {
	t.Helper()
	answer, err := w.post(t.Context(), path, fields...)
	if err != nil {
		t.Fatal(err)
	}
	if got := unescaped(t, answer); got != want {
		t.Errorf("%s %q says %q, want %q", path, fields, got, want)
	}
}

// The vendor's refusals, word for word where they are known.
func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sms := []string{"receiver=01012345678", "msg=hi"}
	at := []string{"tpl_code=TX_1234", "receiver_1=01012345678", "subject_1=a", "message_1=" + orderText}
	for _, c := range []struct {
		path, want string
		fields     []string
	}{
		{"/send/", "-101 API 키가 입력되지 않았습니다.", append(sms, "key=")},
		{"/send/", "-101 인증오류입니다.", append(sms, "user_id=somebody")},
		{"/send/", "-102 API 인증오류입니다.", append(sms, "key=wrong")},
		{"/send/", "-103 등록/인증되지 않은 발신번호입니다.", append(sms, "sender=0299999999")},
		{"/send/", "-99 수신번호(=receiver) 파라메더 정보가 전달되지 않았습니다.", append(sms, "receiver=")},
		{"/send/", "-99 메시지(=msg) 파라메더 정보가 전달되지 않았습니다.", append(sms, "msg=")},
		{"/send/", "-99 발신번호(=sender) 파라메더 정보가 전달되지 않았습니다.", append(sms, "sender=")},
		{"/send/", "-99 이미지(=image1) 파라메더 정보가 전달되지 않았습니다.", append(sms, "msg_type=MMS")},
		{"/send/", "-99 메시지 타입(=msg_type) 파라메더 정보가 전달되지 않았습니다.", append(sms, "msg_type=RCS")},
		{"/send/", "-99 메시지는 90바이트까지 가능합니다.", append(sms, "msg_type=SMS", "msg="+strings.Repeat("가", 46))},
		{"/send/", "-99 수신번호는 1,000개까지 가능합니다.", append(sms, "receiver="+strings.Repeat("01012345678,", 1001))},
		{"/send/", "-99 예약시간은 현재시간으로부터 10분 이후부터 가능합니다.", append(sms, "rdate=20261123", "rtime=1009")},
		{"/send_mass/", "-99 메시지 건수(=cnt) 파라메더 정보가 전달되지 않았습니다.", []string{"msg_type=SMS"}},
		{"/send_mass/", "-99 메시지 타입(=msg_type) 파라메더 정보가 전달되지 않았습니다.", []string{"cnt=1"}},
		{"/send_mass/", "-99 수신번호/메시지(=rec_2,msg_2) 파라메더 정보가 전달되지 않았습니다.", []string{"msg_type=SMS", "cnt=2", "rec_1=01012345678", "msg_1=hi"}},
		{"/cancel/", "-99 메시지 아이디(=mid) 파라메더 정보가 전달되지 않았습니다.", nil},
		{"/cancel/", "-99 존재하지 않는 메시지입니다.", []string{"mid=1"}},
		{"/akv10/alimtalk/send/", "-99 계정 아이디(=userid) 파라메더 정보가 전달되지 않았습니다.", append(at, "userid=")},
		{"/akv10/alimtalk/send/", "-99 인증오류입니다.", append(at, "userid=somebody")},
		{"/akv10/alimtalk/send/", "-99 등록되지 않은 인증키 입니다.", append(at, "apikey=wrong")},
		{"/akv10/alimtalk/send/", "-99 등록되지 않은 인증키 입니다.", append(at, "apikey=")},
		{"/akv10/alimtalk/send/", "-99 발신 프로파일 키(=senderkey)파라메더 정보가 전달되지 않았습니다.", append(at, "senderkey=")},
		{"/akv10/alimtalk/send/", "-99 등록/인증되지 않은 발신번호입니다.", append(at, "sender=0299999999")},
		{"/akv10/alimtalk/send/", "-99 템플릿 코드(=tpl_code) 파라메더 정보가 전달되지 않았습니다.", append(at, "tpl_code=")},
		{"/akv10/alimtalk/send/", "-99 메시지(=message_1) 파라메더 정보가 전달되지 않았습니다.", append(at, "message_1=")},
		{"/akv10/alimtalk/send/", "-99 제목(=subject_1) 파라메더 정보가 전달되지 않았습니다.", append(at, "subject_1=")},
		{"/akv10/alimtalk/send/", "-99 수신번호(=receiver_1) 파라메더 정보가 전달되지 않았습니다.", append(at, "receiver_1=")},
		{"/akv10/alimtalk/send/", "-99 대체 메시지(=fmessage_1) 파라메더 정보가 전달되지 않았습니다.", append(at, "failover=Y")},
		{"/akv10/alimtalk/send/", "-99 수신번호는 500개까지 가능합니다.", append(at, "receiver_501=01012345678")},
		{"/akv10/alimtalk/send/", "-99 예약시간은 현재시간으로부터 10분 이후부터 가능합니다.", append(at, "senddate=20261123100959")},
		{"/akv10/history/detail/", "-101 인증오류입니다.", []string{"mid=1", "userid=somebody"}},
		{"/akv10/history/list/", "-99 인증오류입니다.", []string{"userid=somebody"}},
		{"/akv10/heartinfo/", "-99 인증오류입니다.", []string{"userid=somebody"}},
		{"/akv10/cancel/", "-99 존재하지 않는 메시지입니다.", []string{"mid=1"}},
		{"/akv10/template/list/", "-99 등록되지 않은 발신 프로파일 키 입니다.", []string{"senderkey=wrong"}},
		{"/akv10/template/list/", "-99 발신 프로파일 키(=senderkey)파라메더 정보가 전달되지 않았습니다.", []string{"senderkey="}},
		{"/akv10/template/add/", "-99 템플릿 이름(=tpl_name) 파라메더 정보가 전달되지 않았습니다.", []string{"tpl_content=a"}},
		{"/akv10/template/add/", "-99 템플릿 내용(=tpl_content) 파라메더 정보가 전달되지 않았습니다.", []string{"tpl_name=a"}},
		{"/akv10/template/add/", "-99 버튼(=tpl_button) 파라메더 정보가 전달되지 않았습니다.", []string{"tpl_name=a", "tpl_content=a", "tpl_button={"}},
		{"/akv10/template/add/", "-99 수신동의 요청(=tpl_advert) 파라메더 정보가 전달되지 않았습니다.", []string{"tpl_name=a", "tpl_content=a", "tpl_type=AD"}},
		{"/akv10/template/add/", "-99 이미지(=image) 파라메더 정보가 전달되지 않았습니다.", []string{"tpl_name=a", "tpl_content=a", "tpl_emtype=IMAGE"}},
		{"/akv10/template/modify/", "509 수정 가능 상태가 아닙니다.", []string{"tpl_code=TX_1234", "tpl_name=a", "tpl_content=a"}},
		{"/akv10/template/modify/", "509 존재하지 않는 템플릿입니다.", []string{"tpl_code=TX_0000"}},
		{"/akv10/template/del/", "509 삭제 가능 상태가 아닙니다.", []string{"tpl_code=TX_1234"}},
		{"/akv10/template/request/", "509 검수요청 가능 상태가 아닙니다.", []string{"tpl_code=TX_9999"}},
		{"/akv10/profile/auth/", "509 요청한 번호가 카카오채널 관리자 알림 설정 되어있는지 확인해주세요.", []string{"plusid=@a", "phonenumber=01012345678"}},
		{"/akv10/profile/add/", "509 인증번호가 일치하지 않습니다.", []string{"plusid=@a", "phonenumber=" + aligotest.AdminPhone, "authnum=1",
			"categorycode=1"}},
	} {
		w.says(t, c.path, c.want, c.fields...)
	}
	if n := len(w.Messages()); n != 0 {
		t.Errorf("%d phones rang", n)
	}
	if w.Balance() != aligotest.DefaultBalance {
		t.Errorf("the refusals cost money: %v won are left", w.Balance())
	}
}

// What many clients do although the documentation says otherwise, and the vendor takes.
func TestTolerance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sms := []string{"receiver=010-1234-5678,01023456789", "msg=안녕 %고객명%", "destination=01012345678|홍길동,01023456789|김영희"}
	w.says(t, "/send/", "1 success", append(sms, "user_id=", "userid="+aligotest.UserID)...)
	w.says(t, "/send/", "1 success", "receiver=01012345678", "msg="+strings.Repeat("가", 46))
	w.says(t, "/akv10/token/create/30/s/", "0 정상적으로 호출하였습니다.")
	w.says(t, "/akv10/token/create/30/s", "0 정상적으로 호출하였습니다.")
	w.says(t, "/akv10/history/list/", "0 정상적으로 호출하였습니다.", "token=whatever")
	old := `{"button":[{"name":"배송 조회","linkType":"WL","linkM":"https://masil.example/parcels/12",` +
		`"linkP":"https://masil.example/parcels/12"}]}`
	text := "[마실상점] 상품이 출발했습니다.\r\n\r\n홍길동님, 주문하신 상품을 오늘 보내 드렸습니다.\r\n\r\n■ 송장번호: 12\r\n\r\n아래 버튼에서 배송 상황을 보실 수 있습니다."
	w.says(t, "/akv10/alimtalk/send/", "0 성공적으로 전송요청 하였습니다.", "tpl_code=TX_2345", "receiver_1=01012345678", "subject_1=a", "message_1="+text,
		"button_1="+old)
	var got []string
	for _, m := range w.Messages() {
		got = append(got, fmt.Sprintf("%s %s %s", m.To, m.Type, m.Text))
	}
	want := []string{
		"01012345678 SMS 안녕 홍길동", "01023456789 SMS 안녕 김영희", "01012345678 LMS " + strings.Repeat("가", 46), "01012345678 AT " + text,
	}
	if !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
}

// What does not work with the vendor does not work here either.
func TestIntolerance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		method, path, kind, body string
		status                   int
		want                     string
	}{
		"JSON bodies": {http.MethodPost, "/send/", "application/json", `{"key":"` + aligotest.APIKey + `"}`, http.StatusOK,
			`{"result_code":-101`},
		"GET":         {http.MethodGet, "/send/?key=" + aligotest.APIKey, "", "", http.StatusNotFound, "<html>"},
		"other paths": {http.MethodPost, "/friend/", "", "", http.StatusNotFound, "<html>"},
		"query fields": {http.MethodPost, "/remain/?key=" + aligotest.APIKey + "&user_id=" + aligotest.UserID,
			"application/x-www-form-urlencoded", "", http.StatusOK,
			`{"result_code":-101,"message":"API \ud0a4\uac00 \uc785\ub825\ub418\uc9c0 ` +
				`\uc54a\uc558\uc2b5\ub2c8\ub2e4.","SMS_CNT":0,"LMS_CNT":0,"MMS_CNT":0}`},
		"half a multipart body": {http.MethodPost, "/send/", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data",
			http.StatusOK, `{"result_code":-101`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), c.method, w.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", c.kind)
			status, body, err := w.do(req)
			if err != nil {
				t.Fatal(err)
			}
			if status != c.status || !strings.HasPrefix(body, c.want) {
				t.Errorf("%d %s, want %d %s", status, body, c.status, c.want)
			}
		})
	}
}

func order(to ...string) aligo.AlimTalk {
	a := aligo.AlimTalk{Template: "TX_1234"}
	for _, n := range to {
		a.Recipients = append(a.Recipients, aligo.AlimTalkRecipient{To: n, Text: orderText})
	}
	return a
}

func sms(to string) aligo.SMS {
	return aligo.SMS{Type: aligo.TypeSMS, To: []string{to}, Text: "안녕"}
}

// The numbers that make one thing happen each: what the caller sees, what the receipt says, what the phone gets.
func TestTestNumbers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		alimTalk string
		received bool
		sms      string
		smsGets  bool
	}{
		"0000": {"delivered 0", true, "delivered 발송완료", true},
		"0001": {"failed A", false, "delivered 발송완료", true},
		"0002": {"failed B", false, "delivered 발송완료", true},
		"0003": {"pending ", false, "delivered 발송완료", true},
		"0004": {"failed A", false, "failed 발/착신 번호 에러", false},
		"0005": {"lost, delivered 0", true, "delivered 발송완료", true},
		"0006": {"lost, not accepted", false, "delivered 발송완료", true},
		"0007": {"failed A", false, "lost, delivered 발송완료", true},
		"0008": {"unknown 5", true, "delivered 발송완료", true},
	}
	if got := aligotest.Endings(); !slices.Equal(append([]string{"0000"}, got...), slices.Sorted(maps.Keys(tests))) {
		t.Errorf("the numbers end in %q", got)
	}
	for number, c := range tests {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			client, to := w.Client(), "0101234"+number
			story := func(send func() (aligo.Accepted, error), receipt func(mid string) (aligo.Receipt, bool)) string {
				before := len(w.Calls())
				_, err := send()
				lost := ""
				if err != nil {
					lost = "lost, "
					if !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("the connection was not reset: %v", err)
					}
				}
				call := w.Calls()[before]
				if !call.Accepted {
					return lost + "not accepted"
				}
				w.Add(aligotest.DefaultReceiptDelay)
				r, ok := receipt(call.MID)
				if !ok {
					t.Fatal("no receipt")
				}
				text := r.Code
				if r.Code == "delivered" || r.Code == "number" {
					text = r.Reason
				}
				return lost + string(r.State) + " " + text
			}
			alimTalk := func() string {
				return story(func() (aligo.Accepted, error) { return client.SendAlimTalk(t.Context(), order(to)) },
					func(mid string) (aligo.Receipt, bool) {
						rows, err := client.AlimTalkReceipts(t.Context(), "", mid)
						if err != nil || len(rows) != 1 {
							return aligo.Receipt{}, false
						}
						return rows[0].Result, true
					})
			}
			if got := alimTalk(); got != c.alimTalk {
				t.Errorf("AlimTalk: %s, want %s", got, c.alimTalk)
			}
			if got := len(w.Messages()) == 1; got != c.received {
				t.Errorf("the phone received the AlimTalk: %t, want %t", got, c.received)
			}
			before := len(w.Messages())
			got := story(func() (aligo.Accepted, error) { return client.SendSMS(t.Context(), sms(to)) }, func(mid string) (aligo.Receipt, bool) {
				rows, err := client.SMSReceipts(t.Context(), "", mid)
				if err != nil || len(rows) != 1 {
					return aligo.Receipt{}, false
				}
				return rows[0].Result, true
			})
			if got != c.sms {
				t.Errorf("SMS: %s, want %s", got, c.sms)
			}
			if got := len(w.Messages()) == before+1; got != c.smsGets {
				t.Errorf("the phone received the SMS: %t, want %t", got, c.smsGets)
			}
			if number == "0006" {
				if got := alimTalk(); got != "delivered 0" {
					t.Errorf("the second AlimTalk: %s", got)
				}
				// Once is once for each number.
				to = "01099990006"
				if got := alimTalk(); got != "lost, not accepted" {
					t.Errorf("AlimTalk to another such number: %s", got)
				}
			}
		})
	}
}

// Accepted is not delivered: what does not fit its template is found out afterwards.
func TestResultsThatComeLater(t *testing.T) {
	t.Parallel()
	parcel := "[마실상점] 상품이 출발했습니다.\r\n\r\n홍길동님, 주문하신 상품을 오늘 보내 드렸습니다.\r\n\r\n■ 송장번호: 12\r\n\r\n아래 버튼에서 배송 상황을 보실 수 있습니다."
	button := aligo.Button{Name: "배송 조회", Type: "WL", LinkMobile: "https://masil.example/parcels/12",
		LinkPC: "https://masil.example/parcels/12"}
	away := button
	away.LinkMobile = "https://evil.example/"
	visit := "홍길동님, 방문 예약이 확정되었습니다.\r\n\r\n■ 일시: 10시\r\n■ 장소: 본점\r\n\r\n변경이나 취소는 하루 전까지 부탁드립니다."
	for name, c := range map[string]struct {
		template string
		r        aligo.AlimTalkRecipient
		want     string
	}{
		"it fits":                      {"TX_1234", aligo.AlimTalkRecipient{Text: orderText}, "0"},
		"line feeds only":              {"TX_1234", aligo.AlimTalkRecipient{Text: strings.ReplaceAll(orderText, "\r\n", "\n")}, "U"},
		"another text":                 {"TX_1234", aligo.AlimTalkRecipient{Text: "안녕하세요"}, "U"},
		"an unknown template":          {"TX_0000", aligo.AlimTalkRecipient{Text: orderText}, "M"},
		"a template under review":      {"TX_9999", aligo.AlimTalkRecipient{Text: "[마실상점] 가님, 기다리시던 나 상품이 다시 들어왔습니다."}, "M"},
		"with its button":              {"TX_2345", aligo.AlimTalkRecipient{Text: parcel, Buttons: []aligo.Button{button}}, "0"},
		"without its button":           {"TX_2345", aligo.AlimTalkRecipient{Text: parcel}, "U"},
		"with a button elsewhere":      {"TX_2345", aligo.AlimTalkRecipient{Text: parcel, Buttons: []aligo.Button{away}}, "U"},
		"with a button too many":       {"TX_1234", aligo.AlimTalkRecipient{Text: orderText, Buttons: []aligo.Button{button}}, "U"},
		"with its emphasis title":      {"TX_4567", aligo.AlimTalkRecipient{Text: visit, EmphasisTitle: "10시"}, "0"},
		"with an emphasis not its own": {"TX_1234", aligo.AlimTalkRecipient{Text: orderText, EmphasisTitle: "제목"}, "U"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			client := w.Client()
			c.r.To = "01012345678"
			a, err := client.SendAlimTalk(t.Context(), aligo.AlimTalk{Template: c.template, Recipients: []aligo.AlimTalkRecipient{c.r}})
			if err != nil {
				t.Fatal(err)
			}
			paid := w.Balance()
			w.Add(aligotest.DefaultReceiptDelay)
			rows, err := client.AlimTalkReceipts(t.Context(), "", a.MID)
			if err != nil || rows[0].Result.Code != c.want {
				t.Errorf("the receipt is %+v, %v, want %s", rows[0].Result, err, c.want)
			}
			refund := w.Balance() - paid
			if got := len(w.Messages()) == 1; got != (c.want == "0") || (refund == 6.5) == got {
				t.Errorf("received: %t, refund %v", got, refund)
			}
		})
	}
	t.Run("a sender key that nobody knows", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		client := w.Client()
		creds := aligotest.Credentials()
		creds.SenderKey = strings.Repeat("0", 40)
		client.Credentials = creds
		a, err := client.SendAlimTalk(t.Context(), order("01012345678"))
		if err != nil {
			t.Fatal(err)
		}
		w.Add(time.Minute)
		rows, err := client.AlimTalkReceipts(t.Context(), "", a.MID)
		if err != nil || rows[0].Result.Code != "1" || len(w.Messages()) != 0 {
			t.Errorf("the receipt is %+v, %v", rows[0].Result, err)
		}
	})
}

func TestWallet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.Client()
	ctx := t.Context()
	check := func(what string, err error, won float64) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got := w.Balance(); got != won {
			t.Errorf("%s leaves %v won, want %v", what, got, won)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		var e *aligo.Error
		if !errors.As(err, &e) || e.Cause != aligo.CauseBalance {
			t.Errorf("%s: %v, want a refusal for the balance", what, err)
		}
	}
	w.SetBalance(106.5)
	_, err := client.SendAlimTalk(ctx, order("01012340008"))
	check("an AlimTalk", err, 100)
	w.Add(time.Minute)
	check("that may have arrived is not refunded", nil, 100)
	_, err = client.SendAlimTalk(ctx, order("01012345678", "01012340001"))
	check("two AlimTalk", err, 87)
	w.Add(time.Minute)
	check("a failed one is refunded", nil, 93.5)
	_, err = client.SendSMS(ctx, sms("01012345678"))
	check("an SMS", err, 85.1)
	_, err = client.SendSMS(ctx, sms("01012340004"))
	check("an SMS that fails", err, 76.7)
	w.Add(time.Minute)
	check("is not refunded", nil, 76.7)
	lms := sms("01012345678")
	lms.Type = aligo.TypeLMS
	_, err = client.SendSMS(ctx, lms)
	check("an LMS", err, 50.8)
	lms.TestMode = true
	_, err = client.SendSMS(ctx, lms)
	check("a test", err, 50.8)
	_, err = client.SendSMS(ctx, aligo.SMS{Type: aligo.TypeMMS, To: []string{"01012345678"}, Text: "가",
		SMSOptions: aligo.SMSOptions{Images: []aligo.Image{{Data: []byte("GIF89a")}}}})
	refused("an MMS for more than there is", err)
	check("a refusal", nil, 50.8)
	b, err := client.HeartInfo(ctx)
	if b.SMS != 6 || b.LMS != 1 || b.MMS != 0 || b.AlimTalk != 7 || err != nil {
		t.Errorf("the balance is %+v, %v", b, err)
	}
	_, err = client.SendAlimTalk(ctx, order("01012345678", "01012345679", "01012345670", "01012345671", "01012345672", "01012345673",
		"01012345674", "01012345675"))
	refused("more AlimTalk than there is money for", err)
}

func TestReservations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.Client()
	ctx := t.Context()
	var heard []string
	cancel := w.Subscribe(func(m aligotest.PhoneMessage) { heard = append(heard, m.Type+" "+m.At.Format("15:04")) })
	defer cancel()
	eleven := monday.Add(time.Hour)
	at := order("01012345678")
	at.ReserveAt = eleven
	a, err := client.SendAlimTalk(ctx, at)
	if err != nil {
		t.Fatal(err)
	}
	later := sms("01012345678")
	later.ReserveAt = eleven.Add(time.Minute)
	b, err := client.SendSMS(ctx, later)
	if err != nil {
		t.Fatal(err)
	}
	taken, err := client.SendSMS(ctx, later)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.Balance(); got != aligotest.DefaultBalance-6.5-2*8.4 {
		t.Errorf("%v won are left", got)
	}
	rows, err := client.SMSReceipts(ctx, "", b.MID)
	if err != nil || rows[0].Result.State != aligo.StatePending {
		t.Errorf("a reservation is %+v, %v", rows[0].Result, err)
	}
	receipts, err := client.AlimTalkReceipts(ctx, "", a.MID)
	if err != nil || receipts[0].Result.State != aligo.StatePending {
		t.Errorf("a reservation is %+v, %v", receipts[0].Result, err)
	}
	w.Add(55 * time.Minute)
	for range 2 {
		// Six minutes before.
		w.says(t, "/cancel/", "1 success", "mid="+taken.MID)
	}
	if got := w.Balance(); got != aligotest.DefaultBalance-6.5-8.4 {
		t.Errorf("%v won are left after cancelling", got)
	}
	w.Add(time.Second)
	// Less than five minutes before.
	w.says(t, "/akv10/cancel/", "-99 발송 5분전까지만 취소가 가능합니다.", "mid="+a.MID)
	w.Add(5*time.Minute - 2*time.Second)
	if n := len(w.Messages()); n != 0 {
		t.Errorf("%d phones rang early", n)
	}
	w.Add(time.Hour)
	w.Advance()
	if want := []string{"AT 11:00", "SMS 11:01"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	rows, err = client.SMSReceipts(ctx, "", b.MID)
	if err != nil || rows[0].Result.State != aligo.StateDelivered || !rows[0].Result.At.Equal(eleven.Add(time.Minute)) {
		t.Errorf("after it went out it is %+v, %v", rows[0].Result, err)
	}
	history, _, err := client.SMSHistory(ctx, aligo.SMSPage{})
	if err != nil || history[0].ReserveState != "예약취소" || history[1].ReserveState != "" {
		t.Errorf("the history is %q and %q, %v", history[0].ReserveState, history[1].ReserveState, err)
	}
}

// failover=Y is the vendor's own fallback; other people's clients use it.
func TestFailover(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.says(t, "/akv10/alimtalk/send/", "0 성공적으로 전송요청 하였습니다.", "tpl_code=TX_1234", "failover=Y",
		"receiver_1=01012345678", "subject_1=a", "message_1="+orderText, "fmessage_1=짧은 글",
		"receiver_2=01012340001", "subject_2=a", "message_2="+orderText, "fmessage_2=짧은 글", "fsubject_2=제목",
		"receiver_3=01012340002", "subject_3=a", "message_3="+orderText, "fmessage_3="+strings.Repeat("긴", 50))
	w.Add(aligotest.DefaultReceiptDelay)
	client := w.Client()
	rows, err := client.AlimTalkReceipts(t.Context(), "", "1306113822")
	if err != nil || len(rows) != 3 || rows[0].FallbackMID != "" || rows[1].FallbackMID == "" || rows[2].FallbackMID == rows[1].FallbackMID {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	var got []string
	for _, m := range w.Messages() {
		got = append(got, m.To+" "+m.Type)
	}
	if want := []string{"01012345678 AT", "01012340001 SMS", "01012340002 LMS"}; !slices.Equal(got, want) {
		t.Errorf("phones received %q, want %q", got, want)
	}
	w.Add(aligotest.DefaultReceiptDelay)
	instead, err := client.SMSReceipts(t.Context(), "", rows[1].FallbackMID)
	if err != nil || len(instead) != 1 || instead[0].Result.State != aligo.StateDelivered {
		t.Errorf("the SMS instead: %+v, %v", instead, err)
	}
	if got := w.Balance(); got != aligotest.DefaultBalance-6.5-8.4-25.9 {
		t.Errorf("%v won are left", got)
	}
}

func TestTestMode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.Client()
	s, at := sms("01012345678"), order("01012345678")
	s.TestMode, at.TestMode = true, true
	a, err := client.SendSMS(t.Context(), s)
	if err != nil || a.MID == "" {
		t.Errorf("%+v, %v", a, err)
	}
	b, err := client.SendAlimTalk(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	w.Add(time.Hour)
	rows, err := client.AlimTalkReceipts(t.Context(), "", b.MID)
	if err != nil || rows[0].Result.State != aligo.StatePending {
		t.Errorf("the receipt of a test is %+v, %v", rows[0].Result, err)
	}
	if len(w.Messages()) != 0 || w.Balance() != aligotest.DefaultBalance {
		t.Errorf("%d phones rang, %v won are left", len(w.Messages()), w.Balance())
	}
}

func TestRegisteredIPs(t *testing.T) {
	t.Parallel()
	const sms, kakao = "-101 인증오류입니다.-IP", "-99 인증되지 않는 서버 IP로 부터의 호출 입니다."
	at := []string{"tpl_code=TX_1234", "receiver_1=01012345678", "subject_1=a", "message_1=" + orderText, "testMode=Y"}
	elsewhere := newWorld(t, func(o *aligotest.ServerOptions) { o.RegisteredIPs = []string{"203.0.113.1"} })
	elsewhere.says(t, "/remain/", sms)
	elsewhere.says(t, "/list/", sms)
	elsewhere.says(t, "/akv10/heartinfo/", kakao)
	elsewhere.says(t, "/akv10/alimtalk/send/", kakao, at...)
	// Wrong credentials are found first.
	elsewhere.says(t, "/remain/", "-102 API 인증오류입니다.", "key=wrong")
	here := newWorld(t, func(o *aligotest.ServerOptions) { o.RegisteredIPs = []string{"127.0.0.1"} })
	here.says(t, "/remain/", "1 success")
	skips := newWorld(t, func(o *aligotest.ServerOptions) {
		o.RegisteredIPs, o.TestModeSkipsIPCheck = []string{"203.0.113.1"}, true
	})
	skips.says(t, "/akv10/alimtalk/send/", "0 성공적으로 전송요청 하였습니다.", at...)
	skips.says(t, "/akv10/alimtalk/send/", kakao, append(at, "testMode=N")...)
}

func TestIPsAreRegisteredWhileItRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.says(t, "/remain/", "1 success")
	w.SetRegisteredIPs([]string{"203.0.113.1"})
	w.says(t, "/remain/", "-101 인증오류입니다.-IP")
	w.SetRegisteredIPs([]string{"203.0.113.1", "127.0.0.1"})
	w.says(t, "/remain/", "1 success")
	w.SetRegisteredIPs([]string{"203.0.113.1"})
	w.Reset()
	w.says(t, "/remain/", "1 success")
}

func TestFaultsAreListedAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const send, remain = "/send/", "/remain/"
	for _, f := range []aligotest.Fault{
		{Kind: aligotest.FaultNoBalance, Times: -1},
		{Kind: aligotest.FaultNoBalance, Endpoint: send, Times: 2},
		{Kind: aligotest.FaultBadCredentials, Endpoint: remain, Times: 2},
	} {
		if err := w.SetFault(f); err != nil {
			t.Fatal(err)
		}
	}
	left := func(want ...aligotest.Fault) {
		t.Helper()
		if got := w.Faults(); !slices.Equal(got, want) {
			t.Errorf("the faults are %+v, want %+v", got, want)
		}
	}
	onSend := aligotest.Fault{Kind: aligotest.FaultNoBalance, Endpoint: send, Times: 2}
	w.RemoveFaults(aligotest.FaultNoBalance, "")
	left(onSend, aligotest.Fault{Kind: aligotest.FaultBadCredentials, Endpoint: remain, Times: 2})
	w.says(t, remain, "-102 API 인증오류입니다.")
	left(onSend, aligotest.Fault{Kind: aligotest.FaultBadCredentials, Endpoint: remain, Times: 1})
	w.RemoveFaults(aligotest.FaultBadCredentials, send)
	left(onSend, aligotest.Fault{Kind: aligotest.FaultBadCredentials, Endpoint: remain, Times: 1})
	w.RemoveFaults(aligotest.FaultBadCredentials, remain)
	left(onSend)
	w.RemoveFaults("", "")
	left()
	w.says(t, remain, "1 success")
}

// Success is 1 or 0 in two calls, depending on whom one asks.
func TestSuccessOfBalanceAndCancel(t *testing.T) {
	t.Parallel()
	newWorld(t).says(t, "/akv10/heartinfo/", "1 ")
	newWorld(t, func(o *aligotest.ServerOptions) { o.SuccessZero = true }).says(t, "/akv10/heartinfo/", "0 ")
}

func TestTemplatesLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.Client()
	ctx := t.Context()
	check := func(what string, err error, cause aligo.Cause) {
		t.Helper()
		var e *aligo.Error
		if cause == "" && err != nil || cause != "" && (!errors.As(err, &e) || e.Cause != cause) {
			t.Errorf("%s: %v, want %q", what, err, cause)
		}
	}
	find := func(code string) (aligo.Template, bool) {
		t.Helper()
		all, err := client.Templates(ctx)
		check("read", err, "")
		for _, one := range all {
			if one.Code == code {
				return one, true
			}
		}
		return aligo.Template{}, false
	}
	draft := aligo.TemplateDraft{Name: "새것", Content: "#{이름}님"}
	added, err := client.AddTemplate(ctx, draft)
	check("add", err, "")
	_, err = client.ModifyTemplate(ctx, added.Code, draft)
	check("modify", err, "")
	check("request", client.RequestTemplateReview(ctx, added.Code), "")
	check("request again", client.RequestTemplateReview(ctx, added.Code), aligo.CauseUnknown)
	_, err = client.ModifyTemplate(ctx, added.Code, draft)
	check("modify under review", err, aligo.CauseNotEditable)
	check("reject", w.SetTemplateState(aligotest.TemplateState{Code: added.Code, InspStatus: "REJ", Comment: "변수가 너무 많습니다."}), "")
	rejected, there := find(added.Code)
	if !there || rejected.InspStatus != aligo.InspRejected || !slices.Equal(rejected.Comments, []string{"변수가 너무 많습니다."}) {
		t.Errorf("the rejected template is %+v", rejected)
	}
	_, err = client.ModifyTemplate(ctx, added.Code, draft)
	check("modify the rejected", err, "")
	check("request", client.RequestTemplateReview(ctx, added.Code), "")
	check("approve", w.SetTemplateState(aligotest.TemplateState{Code: added.Code, InspStatus: "APR"}), "")
	if unused, _ := find(added.Code); unused.Status != aligo.StatusWaiting {
		t.Errorf("the approved template that was never used is in status %s", unused.Status)
	}
	_, err = client.SendAlimTalk(ctx, aligo.AlimTalk{Template: added.Code,
		Recipients: []aligo.AlimTalkRecipient{{To: "01012345678", Text: "홍길동님"}}})
	check("send", err, "")
	if len(w.Messages()) != 1 {
		t.Error("the approved template did not arrive")
	}
	if used, _ := find(added.Code); used.Status != aligo.StatusNormal {
		t.Errorf("the template that was used is in status %s", used.Status)
	}
	check("delete the approved", client.DeleteTemplate(ctx, added.Code), aligo.CauseUnknown)
	check("delete", client.DeleteTemplate(ctx, "TX_9999"), "")
	if _, there := find("TX_9999"); there {
		t.Error("the deleted template is still there")
	}
	for _, wrong := range []aligotest.TemplateState{{Code: "TX_0000"}, {Code: "TX_1234", InspStatus: "OK"}, {Code: "TX_1234", Status: "OK"}} {
		if w.SetTemplateState(wrong) == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	class := func(err error) string {
		var e *aligo.Error
		switch {
		case err == nil:
			return "ok"
		case errors.As(err, &e):
			return string(e.Class) + " " + string(e.Cause)
		}
		return err.Error()
	}
	for kind, c := range map[aligotest.FaultKind]struct {
		seen     string
		accepted bool
	}{
		aligotest.FaultResetAfter:         {"Ambiguous ", true},
		aligotest.FaultResetBefore:        {"Ambiguous ", false},
		aligotest.FaultHTTP500:            {"Ambiguous ", false},
		aligotest.FaultHTML200:            {"Ambiguous ", false},
		aligotest.FaultSlow:               {"Ambiguous ", true},
		aligotest.FaultUnregisteredIP:     {"NotConfigured ip", false},
		aligotest.FaultNoBalance:          {"NotConfigured balance", false},
		aligotest.FaultBadCredentials:     {"NotConfigured credentials", false},
		aligotest.FaultUnregisteredSender: {"NotConfigured sender", false},
		aligotest.FaultUnknownRefusal:     {"Unrecognised unknown", false},
		aligotest.FaultPartial:            {"ok", true},
		aligotest.FaultCutOff:             {"Ambiguous ", true},
		aligotest.FaultSlowBody:           {"Ambiguous ", true},
		aligotest.FaultTypesSwapped:       {"ok", true},
		aligotest.FaultEUCKR:              {"ok", true},
	} {
		for path, send := range map[string]func(context.Context, *aligo.Client) error{
			"/send/": func(ctx context.Context, c *aligo.Client) error {
				_, err := c.SendSMS(ctx, sms("01012345678"))
				return err
			},
			"/send_mass/": func(ctx context.Context, c *aligo.Client) error {
				_, err := c.SendMassSMS(ctx, aligo.MassSMS{Type: aligo.TypeSMS, Messages: []aligo.MassMessage{{To: "01012345678", Text: "가"}}})
				return err
			},
			"/akv10/alimtalk/send/": func(ctx context.Context, c *aligo.Client) error {
				_, err := c.SendAlimTalk(ctx, order("01012345678"))
				return err
			},
		} {
			for _, tls := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s%s tls=%t", path, kind, tls), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, func(o *aligotest.ServerOptions) { o.TLS = tls })
					if err := w.SetFault(aligotest.Fault{Endpoint: path, Kind: kind}); err != nil {
						t.Fatal(err)
					}
					if _, err := w.Client().Remain(t.Context()); err != nil {
						t.Errorf("another endpoint: %v", err)
					}
					// The connection is there, so that the time is that of the request alone, also on a busy machine.
					ctx := t.Context()
					if kind == aligotest.FaultSlow || kind == aligotest.FaultSlowBody {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, time.Second)
						defer cancel()
					}
					err := send(ctx, w.Client())
					if got := class(err); got != c.seen {
						t.Errorf("the caller sees %q, want %q", got, c.seen)
					}
					if reset := strings.HasPrefix(string(kind), "reset"); reset != errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("the error is %v", err)
					}
					if got := len(w.Messages()) == 1; got != c.accepted {
						t.Errorf("the phone rang: %t, want %t", got, c.accepted)
					}
					calls := w.Calls()
					if last := calls[len(calls)-1]; last.Fault != kind || last.Accepted != c.accepted || last.Endpoint != path {
						t.Errorf("the call is noted as %+v", last)
					}
					if got := class(send(t.Context(), w.Client())); got != "ok" {
						t.Errorf("the next call sees %q", got)
					}
				})
			}
		}
	}
}

func TestFaultsByCountAndProbability(t *testing.T) {
	t.Parallel()
	draws := []float64{0.9, 0.1, 0.9, 0.1, 0.1}
	w := newWorld(t, func(o *aligotest.ServerOptions) {
		o.Random = func() float64 {
			x := draws[0]
			draws = draws[1:]
			return x
		}
	})
	client := w.Client()
	run := func() string {
		if _, err := client.Remain(t.Context()); err != nil {
			return "x"
		}
		return "."
	}
	story := func(n int) (s string) {
		for range n {
			s += run()
		}
		return s
	}
	set := func(f aligotest.Fault) {
		t.Helper()
		if err := w.SetFault(f); err != nil {
			t.Fatal(err)
		}
	}
	set(aligotest.Fault{Endpoint: "/remain", Kind: aligotest.FaultHTTP500, Times: 3})
	if got := story(5); got != "xxx.." {
		t.Errorf("three times: %s", got)
	}
	set(aligotest.Fault{Kind: aligotest.FaultHTTP500, Times: 2, Probability: 0.5})
	if got := story(6); got != ".x.x.." {
		t.Errorf("every now and then, twice: %s", got)
	}
	set(aligotest.Fault{Kind: aligotest.FaultHTTP500, Times: -1})
	if got := story(5); got != "xxxxx" {
		t.Errorf("always: %s", got)
	}
	w.Reset()
	if got := story(2); got != ".." {
		t.Errorf("after a reset: %s", got)
	}
	for _, wrong := range []aligotest.Fault{{Kind: "no-such"}, {Endpoint: "/no/such/", Kind: aligotest.FaultSlow},
		{Kind: aligotest.FaultSlow, Probability: 2}} {
		if w.SetFault(wrong) == nil {
			t.Errorf("%+v was taken", wrong)
		}
	}
}

func TestControls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	do := func(method, path, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, w.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		status, answer, err := w.do(req)
		if err != nil {
			t.Fatal(err)
		}
		return status, answer
	}
	if _, body := do(http.MethodGet, "/_standin/messages", ""); strings.TrimSpace(body) != "[]" {
		t.Errorf("no messages are %s", body)
	}
	if _, err := w.Client().SendSMS(t.Context(), aligo.SMS{Type: aligo.TypeSMS, To: []string{"01012345678"}, Text: "안녕😀",
		SMSOptions: aligo.SMSOptions{ReplaceUnencodable: true}}); err != nil {
		t.Fatal(err)
	}
	_, body := do(http.MethodGet, "/_standin/messages", "")
	var messages []aligotest.PhoneMessage
	if err := json.Unmarshal([]byte(body), &messages); err != nil || len(messages) != 1 {
		t.Fatalf("%v: %s", err, body)
	}
	want := aligotest.PhoneMessage{ID: 1, To: "01012345678", Channel: "sms", Type: "SMS", From: aligotest.Sender, Text: "안녕?",
		MID: "583009869"}
	if m := messages[0]; m.At.Equal(monday) {
		m.At = time.Time{}
		if fmt.Sprintf("%+v", m) != fmt.Sprintf("%+v", want) {
			t.Errorf("the message is %+v, want %+v", m, want)
		}
	} else {
		t.Errorf("the message is of %s", m.At)
	}
	if _, body := do(http.MethodGet, "/_standin/calls", ""); !strings.Contains(body, `"endpoint": "/send/"`) ||
		strings.Contains(body, "01012345678") || strings.Contains(body, aligotest.APIKey) {
		t.Errorf("the calls are %s", body)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPost, "/_standin/faults", `{"endpoint":"/akv10/alimtalk/send/","fault":"reset-after","times":3}`, http.StatusNoContent},
		{http.MethodPost, "/_standin/faults", `{"endpoint":"/akv10/alimtalk/send/","fault":"explode"}`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/faults", `{"fault":"slow","when":"now"}`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/faults", `{"fault":"slow"} and more`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/faults", ``, http.StatusBadRequest},
		{http.MethodPost, "/_standin/balance", `{"balance":12.5}`, http.StatusNoContent},
		{http.MethodPost, "/_standin/balance", `{"balance":-1}`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/balance", `{}`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/ips", `{"ips":["127.0.0.1","::1"]}`, http.StatusNoContent},
		{http.MethodPost, "/_standin/ips", `{"ips":["somewhere"]}`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/ips", `{}`, http.StatusBadRequest},
		{http.MethodPost, "/_standin/templates", `{"code":"TX_9999","inspStatus":"APR"}`, http.StatusNoContent},
		{http.MethodPost, "/_standin/templates", `{"code":"TX_0000"}`, http.StatusBadRequest},
	} {
		status, body := do(c.method, c.path, c.body)
		if status != c.status || (status == http.StatusBadRequest) != strings.Contains(body, "error") {
			t.Errorf("%s %s: %d %s, want %d", c.path, c.body, status, body, c.status)
		}
	}
	if _, body := do(http.MethodGet, "/_standin/balance", ""); !strings.Contains(body, "12.5") {
		t.Errorf("the balance is %s", body)
	}
	if _, body := do(http.MethodGet, "/_standin/ips", ""); !strings.Contains(body, `"::1"`) {
		t.Errorf("the registered addresses are %s", body)
	}
	if _, body := do(http.MethodGet, "/_standin/faults", ""); !strings.Contains(body, `"reset-after"`) ||
		!strings.Contains(body, `"times": 3`) {
		t.Errorf("the faults are %s", body)
	}
	if status, _ := do(http.MethodDelete, "/_standin/faults?fault=reset-after&endpoint=/akv10/alimtalk/send/",
		""); status != http.StatusNoContent || len(w.Faults()) != 0 {
		t.Errorf("DELETE of a fault answers %d and leaves %v", status, w.Faults())
	}
	if _, body := do(http.MethodGet, "/_standin/faults", ""); strings.TrimSpace(body) != "[]" {
		t.Errorf("no faults are %s", body)
	}
	if status, _ := do(http.MethodDelete, "/_standin", ""); status != http.StatusNoContent {
		t.Errorf("DELETE answers %d", status)
	}
	if len(w.RegisteredIPs()) != 0 {
		t.Error("addresses are registered after DELETE")
	}
	if len(w.Messages()) != 0 || len(w.Calls()) != 0 || w.Balance() != aligotest.DefaultBalance {
		t.Error("something is left after DELETE")
	}
	if _, err := w.Client().SendAlimTalk(t.Context(), order("01012345678")); err != nil {
		t.Errorf("a fault is left: %v", err)
	}
}

// Pages of the Kakao history have 50 rows whatever is asked for, or as many as are asked for; those of the SMS history do
// as they are told, unless a fault has it otherwise.
func TestPageSizes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path, size string
		honour     bool
		fault      aligotest.FaultKind
		want       int
	}{
		{"/akv10/history/list/", "limit=500", false, "", 50},
		{"/akv10/history/list/", "limit=500", true, "", 60},
		{"/akv10/history/list/", "limit=500", true, aligotest.FaultLimitIgnored, 50},
		{"/akv10/history/list/", "limit=10", true, "", 50},
		{"/akv10/history/list/", "limit=", true, "", 50},
		{"/list/", "page_size=500", false, "", 60},
		{"/list/", "page_size=", false, "", 30},
		{"/list/", "page_size=500", false, aligotest.FaultLimitIgnored, 30},
	} {
		w := newWorld(t, func(o *aligotest.ServerOptions) { o.HonourLimit = c.honour })
		for range 60 {
			if _, err := w.Client().SendSMS(t.Context(), sms("01012345678")); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Client().SendAlimTalk(t.Context(), order("01012345678")); err != nil {
				t.Fatal(err)
			}
		}
		if c.fault != "" {
			if err := w.SetFault(aligotest.Fault{Kind: c.fault}); err != nil {
				t.Fatal(err)
			}
		}
		answer, err := w.post(t.Context(), c.path, c.size)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(answer, `"mid"`); n != c.want {
			t.Errorf("%s %s: %d rows, want %d", c.path, c.size, n, c.want)
		}
	}
}

// Subscribers hear each message once, may use the stand-in, and hear nothing any more once they have cancelled.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.Client()
	var heard []int64
	cancel := w.Subscribe(func(m aligotest.PhoneMessage) { heard = append(heard, m.ID, int64(len(w.Messages()))) })
	for i := range 3 {
		if i == 2 {
			cancel()
		}
		if _, err := client.SendSMS(t.Context(), sms("01012345678")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []int64{1, 1, 2, 2}; !slices.Equal(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}

// However long it runs, it remembers so much and no more.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	standin := aligotest.New(aligotest.Options{Keep: 100})
	var last string
	for i := range 1000 {
		form := url.Values{
			"key": {aligotest.APIKey}, "user_id": {aligotest.UserID}, "sender": {aligotest.Sender},
			"receiver": {fmt.Sprintf("0101234%04d,01099991111", i)}, "msg": {"hi"},
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/send/", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		standin.ServeHTTP(w, req)
		last = w.Body.String()
	}
	if !strings.Contains(last, `"result_code":"1"`) {
		t.Fatalf("the last answer is %s", last)
	}
	form := url.Values{"key": {aligotest.APIKey}, "user_id": {aligotest.UserID}, "page_size": {"500"}}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/list/", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	standin.ServeHTTP(w, req)
	if n := strings.Count(w.Body.String(), `"mid"`); n != 50 {
		t.Errorf("%d calls of two recipients each are in the history, want 50", n)
	}
	if n := len(standin.Messages()); n < 100 || n > 125 {
		t.Errorf("%d messages are kept, want about 100", n)
	}
	if n := len(standin.Calls()); n < 100 || n > 125 {
		t.Errorf("%d calls are kept, want about 100", n)
	}
}

// It works where time is not real: in a bubble of testing/synctest.
func TestInSynctest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := aligotest.NewServer(t, func(o *aligotest.ServerOptions) { o.InMemory = true })
		client := server.Client()
		for _, kind := range []aligotest.FaultKind{aligotest.FaultResetAfter, aligotest.FaultSlow, aligotest.FaultSlowBody} {
			if err := server.SetFault(aligotest.Fault{Kind: kind}); err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			_, err := client.SendSMS(ctx, sms("01012345678"))
			cancel()
			var e *aligo.Error
			if !errors.As(err, &e) || e.Class != aligo.ClassAmbiguous {
				t.Errorf("%s: %v", kind, err)
			}
			want := 10 * time.Second
			if kind == aligotest.FaultResetAfter {
				want = 0
			}
			if took := time.Since(begin); took != want {
				t.Errorf("%s took %s, want %s", kind, took, want)
			}
		}
		a, err := client.SendAlimTalk(t.Context(), order("01012345678"))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(aligotest.DefaultReceiptDelay)
		rows, err := client.AlimTalkReceipts(t.Context(), "", a.MID)
		if err != nil || rows[0].Result.State != aligo.StateDelivered {
			t.Errorf("after the delay: %+v, %v", rows[0].Result, err)
		}
	})
}

// A recorder and HTTP/2 have no connection that could be reset; that must not bring anything down.
func TestResetWithoutAConnection(t *testing.T) {
	t.Parallel()
	standin := aligotest.New(aligotest.Options{})
	if err := standin.SetFault(aligotest.Fault{Kind: aligotest.FaultResetBefore}); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	standin.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/remain/", http.NoBody))
	if w.Code != http.StatusBadGateway {
		t.Errorf("status %d", w.Code)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	certificate, err := aligotest.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"apis.aligo.in", "kakaoapi.aligo.in", "localhost", "127.0.0.1"} {
		if err := certificate.Leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
}

// BenchmarkSend is a whole call over loopback, client included; BenchmarkHandler the stand-in's part of it.
func BenchmarkSend(b *testing.B) {
	server := aligotest.NewServer(b)
	client := server.Client()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.SendAlimTalk(b.Context(), order("01012345678")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHandler(b *testing.B) {
	standin := aligotest.New(aligotest.Options{Balance: 1e12})
	form := url.Values{
		"apikey": {aligotest.APIKey}, "userid": {aligotest.UserID}, "senderkey": {aligotest.SenderKey}, "tpl_code": {"TX_1234"},
		"sender":     {aligotest.Sender},
		"receiver_1": {"01012345678"}, "subject_1": {"a"}, "message_1": {orderText},
	}.Encode()
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/akv10/alimtalk/send/", strings.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		standin.ServeHTTP(httptest.NewRecorder(), req)
	}
}
