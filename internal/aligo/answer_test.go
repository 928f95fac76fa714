package aligo_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
)

// resultCodes is testdata/result-codes.json: what is known of the vendor's codes, with the evidence for each.
type resultCodes struct {
	Success map[string]struct {
		Field  string `json:"field"`
		Values []any  `json:"values"`
	} `json:"success"`
	SMS      []resultCode `json:"sms"`
	Kakao    []resultCode `json:"kakao"`
	AlimTalk struct {
		Pending []string `json:"pending"`
		Codes   []struct {
			Rslt     string `json:"rslt"`
			Meaning  string `json:"meaning"`
			Final    string `json:"final"`
			Fallback bool   `json:"sms_fallback"`
			Alert    bool   `json:"alert"`
		} `json:"codes"`
	} `json:"alimtalk_rslt"`
	SMSState struct {
		Delivered []string `json:"delivered"`
		Pending   []string `json:"pending"`
		Failed    []string `json:"failed_examples"`
	} `json:"sms_state"`
	NotAligo struct {
		Codes []int `json:"cafe24_codes_often_copied"`
	} `json:"not_aligo"`
}

type resultCode struct {
	Code         int    `json:"code"`
	Class        string `json:"class"`
	Message      string `json:"message"`
	Alternatives []int  `json:"alternatives"`
}

func readResultCodes(t *testing.T) resultCodes {
	t.Helper()
	file, err := os.ReadFile("testdata/result-codes.json")
	if err != nil {
		t.Fatal(err)
	}
	var codes resultCodes
	if err := json.Unmarshal(file, &codes); err != nil {
		t.Fatal(err)
	}
	return codes
}

// answering is a client whose every call is answered with a body.
func answering(body string) *aligo.Client {
	c := clientWith(roundTripper(func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		}, nil
	}))
	c.Now = newClock().Now
	return c
}

func TestEveryRefusalThatIsKnown(t *testing.T) {
	t.Parallel()
	type meaning struct {
		class aligo.Class
		cause aligo.Cause
	}
	meanings := map[string]meaning{
		"ip_not_allowed":        {aligo.ClassNotConfigured, aligo.CauseIP},
		"auth":                  {aligo.ClassNotConfigured, aligo.CauseCredentials},
		"sender_not_registered": {aligo.ClassNotConfigured, aligo.CauseSender},
		"balance":               {aligo.ClassNotConfigured, aligo.CauseBalance},
		"cancel_too_late":       {aligo.ClassRejected, aligo.CauseTooLate},
		"bad_parameter":         {aligo.ClassRejected, aligo.CauseParameter},
		"channel_admin_phone":   {aligo.ClassRejected, aligo.CauseChannelAdmin},
		"template_not_editable": {aligo.ClassRejected, aligo.CauseNotEditable},
	}
	hosts := []struct {
		name, field string
		rows        []resultCode
		call        func(*testing.T, *aligo.Client) error
	}{
		{"sms", "result_code", readResultCodes(t).SMS, func(t *testing.T, c *aligo.Client) error {
			t.Helper()
			_, err := c.SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
			return err
		}},
		{"kakao", "code", readResultCodes(t).Kakao, func(t *testing.T, c *aligo.Client) error {
			t.Helper()
			_, err := c.SendAlimTalk(t.Context(), order("01012345678"))
			return err
		}},
	}
	for _, host := range hosts {
		for _, row := range host.rows {
			for _, code := range append(row.Alternatives, row.Code) {
				for _, format := range []string{`{%q:%d,"message":%q}`, `{%q:"%d","message":%q}`} {
					body := fmt.Sprintf(format, host.field, code, row.Message)
					t.Run(host.name+" "+body, func(t *testing.T) {
						t.Parallel()
						if row.Class == "accepted" {
							extra := `,"msg_id":"583009869","success_cnt":1,"info":{"mid":1306113822,"scnt":1}}`
							if err := host.call(t, answering(strings.TrimSuffix(body, "}")+extra)); err != nil {
								t.Error(err)
							}
							return
						}
						want, ok := meanings[row.Class]
						if !ok {
							t.Fatalf("there is no meaning for class %q", row.Class)
						}
						err := host.call(t, answering(body))
						wantError(t, err, want.class, want.cause)
						for _, raw := range []string{fmt.Sprint(code), row.Message} {
							if err != nil && !strings.Contains(err.Error(), raw) {
								t.Errorf("the error does not keep %q: %v", raw, err)
							}
						}
					})
				}
			}
		}
	}
}

// What nobody has described stays unknown. It is a refusal all the same, so it was surely not accepted.
func TestUnknownRefusalsAreNotGuessed(t *testing.T) {
	t.Parallel()
	for _, code := range append(readResultCodes(t).NotAligo.Codes, -99, -104, -999) {
		_, err := answering(fmt.Sprintf(`{"result_code":%d,"message":"처음 보는 문구"}`, code)).SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
		wantError(t, err, aligo.ClassRejected, aligo.CauseUnknown)
	}
	for _, code := range []int{-99, -98, 1, 2, 509, -103, -201} {
		_, err := answering(fmt.Sprintf(`{"code":%d,"message":"처음 보는 문구"}`, code)).SendAlimTalk(t.Context(), order("01012345678"))
		wantError(t, err, aligo.ClassRejected, aligo.CauseUnknown)
	}
}

// Each family of endpoints has its own way to say yes.
func TestEverySuccessThatIsKnown(t *testing.T) {
	t.Parallel()
	call := map[string]func(*testing.T, *aligo.Client) error{
		"sms_send": func(t *testing.T, c *aligo.Client) error {
			t.Helper()
			_, err := c.SendSMS(t.Context(), sms("안녕하세요", "01012345678"))
			return err
		},
		"sms_list_remain": func(t *testing.T, c *aligo.Client) error { t.Helper(); _, err := c.Remain(t.Context()); return err },
		"sms_cancel": func(t *testing.T, c *aligo.Client) error {
			t.Helper()
			_, err := c.CancelSMS(t.Context(), "1")
			return err
		},
		"kakao_default":   func(t *testing.T, c *aligo.Client) error { t.Helper(); _, err := c.Templates(t.Context()); return err },
		"kakao_heartinfo": func(t *testing.T, c *aligo.Client) error { t.Helper(); _, err := c.HeartInfo(t.Context()); return err },
		"kakao_cancel":    func(t *testing.T, c *aligo.Client) error { t.Helper(); return c.CancelAlimTalk(t.Context(), "1") },
		// The package does not send brand messages.
		"brandtalk_template": nil, "brandtalk_send": nil,
	}
	for name, marker := range readResultCodes(t).Success {
		do, ok := call[name]
		if !ok {
			t.Errorf("nothing tests %s", name)
		}
		if do == nil {
			continue
		}
		for field := range strings.SplitSeq(marker.Field, "|") {
			for _, value := range marker.Values {
				written, err := json.Marshal(value)
				if err != nil {
					t.Fatal(err)
				}
				if field == "result_code" && strings.HasPrefix(name, "kakao") && fmt.Sprint(value) == "0" {
					continue
				}
				for _, counts := range []string{`"SMS_CNT":1,"LMS_CNT":1,"MMS_CNT":1,"ALT_CNT":1`,
					`"list":{"SMS_CNT":1,"LMS_CNT":1,"MMS_CNT":1,"ALT_CNT":1}`} {
					if strings.HasPrefix(counts, `"list"`) != (name == "kakao_heartinfo" && field == "code") {
						continue
					}
					body := fmt.Sprintf(`{%q:%s,"message":"success","msg_id":"1","success_cnt":1,%s}`, field, written, counts)
					t.Run(name+" "+body, func(t *testing.T) {
						t.Parallel()
						if err := do(t, answering(body)); err != nil {
							t.Error(err)
						}
					})
				}
			}
		}
	}
	t.Run("1 is no success elsewhere on the Kakao API", func(t *testing.T) {
		t.Parallel()
		_, err := answering(`{"code":1,"message":""}`).Templates(t.Context())
		wantError(t, err, aligo.ClassRejected, aligo.CauseUnknown)
	})
	t.Run("a refused balance is a refusal", func(t *testing.T) {
		t.Parallel()
		_, err := answering(`{"code":-99,"message":"인증오류입니다."}`).HeartInfo(t.Context())
		wantError(t, err, aligo.ClassNotConfigured, aligo.CauseCredentials)
		err = answering(`{"result_code":-99,"message":"발송 5분전까지만 취소가 가능합니다."}`).CancelAlimTalk(t.Context(), "1")
		wantError(t, err, aligo.ClassRejected, aligo.CauseTooLate)
	})
}

// detail is a row of the detailed history of AlimTalk.
func detail(fields string) string {
	return `{"code":0,"message":"","list":[{` + fields + `}],"currentPage":"1","totalPage":"1","totalCount":"1"}`
}

func alimTalkReceipt(t *testing.T, fields string) aligo.Receipt {
	t.Helper()
	rows := must[[]aligo.AlimTalkReceipt](t)(answering(detail(fields)).AlimTalkReceipts(t.Context(), "1"))
	if len(rows) != 1 || rows[0].To != "01012345678" {
		t.Fatalf("%d rows", len(rows))
	}
	return rows[0].Result
}

func TestEveryAlimTalkResult(t *testing.T) {
	t.Parallel()
	for _, row := range readResultCodes(t).AlimTalk.Codes {
		t.Run(row.Rslt, func(t *testing.T) {
			t.Parallel()
			got := alimTalkReceipt(t, fmt.Sprintf(
				`"msgid":"1","phone":"010-1234-5678","rslt":%q,"rslt_message":%q,"reportdate":"2026-11-23 10:00:05"`, row.Rslt, row.Meaning))
			if string(got.State) != row.Final || got.Code != row.Rslt || got.SMSUseful != row.Fallback || got.Alert != row.Alert {
				t.Errorf("got %+v, want %+v", got, row)
			}
			if row.Rslt != "0" && got.Reason != row.Meaning || !got.At.Equal(monday.Add(5e9)) {
				t.Errorf("reason %q at %s", got.Reason, got.At)
			}
			// Without a text of the vendor's, the reason is the one that is known.
			plain := alimTalkReceipt(t, fmt.Sprintf(`"msgid":"1","phone":"01012345678","rslt":%q,"reportdate":"2026-11-23 10:00:05"`, row.Rslt))
			if row.Rslt != "0" && plain.Reason != row.Meaning {
				t.Errorf("the reason is %q, want %q", plain.Reason, row.Meaning)
			}
		})
	}
	t.Run("as a number", func(t *testing.T) {
		t.Parallel()
		if got := alimTalkReceipt(t,
			`"msgid":1,"phone":821012345678,"rslt":0,"reportdate":"2026-11-23 10:00:05"`); got.State != aligo.StateDelivered {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a letter that no list has", func(t *testing.T) {
		t.Parallel()
		got := alimTalkReceipt(t, `"msgid":"1","phone":"01012345678","rslt":"Z","reportdate":"2026-11-23 10:00:05"`)
		if got.State != aligo.StateUnknown || got.SMSUseful || !got.Alert || got.Code != "Z" {
			t.Errorf("got %+v", got)
		}
	})
}

// A list of recipients that cannot be read is in doubt: taken for an empty one it would mean that nobody was sent to.
func TestListsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		`"x"`, `1`, `true`, `{"a":1}`, `[1]`, `["x"]`, `[null]`, `[[]]`, `[{"phone":{},"receiver":{}}]`, `[{"phone":[],"receiver":[]}]`,
		`[{"phone":"1"]`,
		`[{"phone":"1",}]`, `[{"phone" "1"}]`, `[{}`, `[]}x{`, `[]},{`, `[] "a":1`, ``,
	} {
		_, err := answering(`{"code":0,"list":`+list+`}`).AlimTalkReceipts(t.Context(), "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
		_, err = answering(`{"result_code":1,"list":`+list+`}`).SMSReceipts(t.Context(), "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
	}
	for _, body := range []string{``, `[]`, `"list"`, `null`, `{"code":0,"result_code":1,"list":[`, `{"code":0,"result_code":1,"list":[]`} {
		_, err := answering(body).AlimTalkReceipts(t.Context(), "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
		_, err = answering(body).SMSReceipts(t.Context(), "1")
		wantError(t, err, aligo.ClassAmbiguous, "")
	}
	// What PHP writes although it should not can be read all the same.
	rows := must[[]aligo.AlimTalkReceipt](t)(answering(`{"code":"0","list":[{"phone":1,"ph\u006fne":821012345678,"message":"`+"\xff"+`",`+
		`"`+"\xff"+`\\":1}],"code":0}`).AlimTalkReceipts(t.Context(), "1"))
	if len(rows) != 1 || rows[0].To != "01012345678" {
		t.Errorf("the rows are %v", rows)
	}
}

func TestEveryPendingAlimTalk(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"msgid starts with Q": `"msgid":"Q1","phone":"01012345678","rslt":"0","reportdate":"2026-11-23 10:00:05"`,
		"rslt empty":          `"msgid":"1","phone":"01012345678","rslt":"","reportdate":"2026-11-23 10:00:05"`,
		"reportdate empty":    `"msgid":"1","phone":"01012345678","rslt":"0","reportdate":""`,
		"reportdate zero":     `"msgid":"1","phone":"01012345678","rslt":"0","reportdate":"0000-00-00 00:00:00"`,
		"rslt null":           `"msgid":"1","phone":"01012345678","rslt":null,"reportdate":null`,
	}
	for _, sign := range readResultCodes(t).AlimTalk.Pending {
		if _, ok := cases[sign]; !ok && sign != "row absent" {
			t.Errorf("nothing tests %q", sign)
		}
	}
	for name, fields := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := alimTalkReceipt(t, fields); got.State != aligo.StatePending || !got.At.IsZero() || got.SMSUseful {
				t.Errorf("got %+v", got)
			}
		})
	}
	t.Run("row absent", func(t *testing.T) {
		t.Parallel()
		for _, list := range []string{"[]", "null", `""`, "{}"} {
			rows, err := answering(`{"code":0,"list":`+list+`}`).AlimTalkReceipts(t.Context(), "1")
			if err != nil || len(rows) != 0 {
				t.Errorf("list %s: %d rows, %v", list, len(rows), err)
			}
		}
	})
}

func TestEverySMSState(t *testing.T) {
	t.Parallel()
	states := readResultCodes(t).SMSState
	check := func(state aligo.State, texts ...string) {
		for _, text := range texts {
			t.Run(text, func(t *testing.T) {
				t.Parallel()
				body := fmt.Sprintf(`{"result_code":1,"list":[{"mdid":"1","receiver":"01012345678","sms_state":%q,"send_date":"2026-11-23 `+
					`10:00:00"}],"next_yn":"N"}`, text)
				rows := must[[]aligo.SMSReceipt](t)(answering(body).SMSReceipts(t.Context(), "1"))
				got := rows[0].Result
				if got.State != state || got.Reason != text || got.SMSUseful {
					t.Errorf("got %+v, want %s", got, state)
				}
				if got.At.IsZero() != (state == aligo.StatePending) {
					t.Errorf("at %s", got.At)
				}
			})
		}
	}
	check(aligo.StateDelivered, append(states.Delivered, "발송 완료")...)
	check(aligo.StatePending, append(states.Pending, "", "예약대기중")...)
	check(aligo.StateFailed, append(states.Failed, "규격 오류", "전송경로 없음", "MMS를 미지원 단말")...)
}

// A final row counts, wherever it stands among rows of the same number that are still pending.
func TestAFinalRowWins(t *testing.T) {
	t.Parallel()
	const pending = `{"msgid":"Q1","phone":"01012345678","rslt":"","reportdate":""}`
	const final = `{"msgid":"1","phone":"010-1234-5678","rslt":"A","reportdate":"2026-11-23 10:00:05"}`
	const other = `{"msgid":"2","phone":"01012345678","rslt":"0","reportdate":"2026-11-23 10:00:06"}`
	for _, rows := range [][]string{{pending, final}, {final, pending}, {pending, final, pending}, {pending, pending, final}, {final, other}} {
		body := `{"code":0,"list":[` + strings.Join(rows, ",") + `],"totalPage":"1","totalCount":"1"}`
		got := must[[]aligo.AlimTalkReceipt](t)(answering(body).AlimTalkReceipts(t.Context(), "1"))
		if len(got) != 1 || got[0].Result.Code != "A" {
			t.Errorf("%s: %d rows, %+v", body, len(got), got[0].Result)
		}
	}
}

// Templates come in two dialects, with notes of no documented shape.
func TestTemplatesAsTheyCome(t *testing.T) {
	t.Parallel()
	body := `{"code":"0","list":[{"templtCode":"TX_1","templtContent":"가\r\n나","inspStatus":"APR","status":"R","cdate":"2026-01-05 10:00:00",
		"comments":["반려",{"content":"변수가 많음","status":"REJ"},{"other":1},7,[],null],
		"buttons":[{"ordering":"2","name":"둘","linkType":"AL","linkI":"a://x","linkA":"b://x"},{"ordering":1,"name":"하나","linkType":"WL",
			"linkTypeName":"웹링크","linkM":"https://m.example/","linkP":"https://p.example/"},
			{"ordering":"3","name":"셋","linkType":"WL","linkMo":"https://m.example/","linkPc":"https://p.example/",
				"linkM":"https://old.example/"}]}]}`
	want := []aligo.Template{{
		Code: "TX_1", Content: "가\r\n나", InspStatus: aligo.InspApproved, Status: aligo.StatusWaiting, Comments: []string{"반려", "변수가 많음", "7"},
		CreatedAt: time.Date(2026, 1, 5, 10, 0, 0, 0, monday.Location()),
		Buttons: []aligo.Button{
			{Name: "하나", Type: "WL", TypeName: "웹링크", LinkMobile: "https://m.example/", LinkPC: "https://p.example/"},
			{Name: "둘", Type: "AL", LinkIOS: "a://x", LinkAndroid: "b://x"},
			{Name: "셋", Type: "WL", LinkMobile: "https://m.example/", LinkPC: "https://p.example/"},
		},
	}}
	got := must[[]aligo.Template](t)(answering(body).Templates(t.Context()))
	if !same(got, want) {
		t.Errorf("got  %s\nwant %s", spell(got), spell(want))
	}
}
