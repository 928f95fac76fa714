package aligo_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

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
		wantError(t, err, aligo.ClassUnrecognised, aligo.CauseUnknown)
	}
	for _, code := range []int{-99, -98, 1, 2, 509, -103, -201} {
		_, err := answering(fmt.Sprintf(`{"code":%d,"message":"처음 보는 문구"}`, code)).SendAlimTalk(t.Context(), order("01012345678"))
		wantError(t, err, aligo.ClassUnrecognised, aligo.CauseUnknown)
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
		"kakao_default":   func(t *testing.T, c *aligo.Client) error { t.Helper(); _, err := c.Templates(t.Context()); return err },
		"kakao_heartinfo": func(t *testing.T, c *aligo.Client) error { t.Helper(); _, err := c.HeartInfo(t.Context()); return err },
		// The package makes no reservations and does not send brand messages.
		"sms_cancel": nil, "kakao_cancel": nil, "brandtalk_template": nil, "brandtalk_send": nil,
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
		wantError(t, err, aligo.ClassUnrecognised, aligo.CauseUnknown)
	})
	t.Run("a refused balance is a refusal", func(t *testing.T) {
		t.Parallel()
		_, err := answering(`{"code":-99,"message":"인증오류입니다."}`).HeartInfo(t.Context())
		wantError(t, err, aligo.ClassNotConfigured, aligo.CauseCredentials)
	})
}
