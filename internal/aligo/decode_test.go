package aligo_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
)

// everyCall calls every endpoint once and hands over what each returned.
func everyCall(ctx context.Context, c *aligo.Client, check func(name string, err error)) {
	now := monday
	attempt := aligo.Attempt{Since: now.Add(-time.Minute), Until: now, To: []string{"01012345678"}, Texts: []string{orderText()}}
	draft := aligo.TemplateDraft{Name: "이름", Content: "내용"}
	for name, call := range map[string]func() error{
		"SendSMS":               func() error { _, err := c.SendSMS(ctx, sms("안녕하세요", "01012345678")); return err },
		"SendMassSMS":           func() error { _, err := c.SendMassSMS(ctx, massSMS()); return err },
		"SMSHistory":            func() error { _, _, err := c.SMSHistory(ctx, aligo.SMSPage{}); return err },
		"SMSReceipts":           func() error { _, err := c.SMSReceipts(ctx, "", "1"); return err },
		"Remain":                func() error { _, err := c.Remain(ctx); return err },
		"SendAlimTalk":          func() error { _, err := c.SendAlimTalk(ctx, order("01012345678")); return err },
		"AlimTalkHistory":       func() error { _, _, err := c.AlimTalkHistory(ctx, aligo.AlimTalkPage{}); return err },
		"AlimTalkReceipts":      func() error { _, err := c.AlimTalkReceipts(ctx, "", "1"); return err },
		"HeartInfo":             func() error { _, err := c.HeartInfo(ctx); return err },
		"RequestProfileAuth":    func() error { return c.RequestProfileAuth(ctx, "@가게", "01012345678") },
		"AddProfile":            func() error { _, err := c.AddProfile(ctx, newProfile()); return err },
		"Profiles":              func() error { _, err := c.Profiles(ctx, aligo.ProfileFilter{}); return err },
		"Categories":            func() error { _, err := c.Categories(ctx); return err },
		"Templates":             func() error { _, err := c.Templates(ctx); return err },
		"AddTemplate":           func() error { _, err := c.AddTemplate(ctx, draft); return err },
		"ModifyTemplate":        func() error { _, err := c.ModifyTemplate(ctx, "TX_1", draft); return err },
		"DeleteTemplate":        func() error { return c.DeleteTemplate(ctx, "TX_1") },
		"RequestTemplateReview": func() error { return c.RequestTemplateReview(ctx, "TX_1") },
		"FindAlimTalk":          func() error { _, err := c.FindAlimTalk(ctx, attempt); return err },
		"FindSMS":               func() error { _, err := c.FindSMS(ctx, attempt); return err },
	} {
		check(name, call())
	}
}

func massSMS() aligo.MassSMS {
	return aligo.MassSMS{Type: aligo.TypeSMS, Messages: []aligo.MassMessage{{To: "01012345678", Text: "안녕하세요"}}}
}

func newProfile() aligo.NewProfile {
	return aligo.NewProfile{Channel: "@가게", Phone: "01012345678", AuthNumber: "123456", Category: "00800010001"}
}

// Whatever comes back, no decoder panics, and every failure has a class that the answer justifies.
func FuzzAnswers(f *testing.F) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		exchange, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, answer, _ := strings.Cut(string(exchange), "\n200 ")
		_, body, _ := strings.Cut(answer, "\n")
		f.Add(200, body)
	}
	for _, body := range []string{
		"", "null", "[]", `"x"`, "<html>", `{"result_code":1e999,"message":[]}`, `{"code":"-99","message":{"a":1}}`, `{"code":0,"list":{"0":{}}}`,
		`{"result_code":"1","msg_id":1e15,"success_cnt":"-3","error_cnt":null}`, `{"code":0,"info":[]}`, `{"code":0,"list":[null,[],3]}`,
		"\xef\xbb\xbf{\"code\":1}", "\xc0\xce\xc1\xf5",
		`{"code":0,"list":[{"msgid":{},"rslt":[]}],"totalPage":99999999,"totalCount":"x"}`, `{"result_code":1,"list":[],"next_yn":"Y"}`,
	} {
		f.Add(200, body)
		f.Add(503, body)
	}
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		c := clientWith(roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		}))
		c.Now = newClock().Now
		everyCall(t.Context(), c, func(name string, err error) {
			if err == nil {
				if status >= 300 {
					t.Errorf("%s: status %d is a success", name, status)
				}
				return
			}
			var e *aligo.Error
			if !errors.As(err, &e) {
				t.Errorf("%s: the error is a %T: %v", name, err, err)
				return
			}
			switch e.Class {
			case aligo.ClassAmbiguous:
			case aligo.ClassRejected, aligo.ClassNotConfigured, aligo.ClassUnrecognised:
				if status >= 500 || e.Code == "" || e.Cause == "" {
					t.Errorf("%s: status %d and code %q are no refusal: %v", name, status, e.Code, err)
				}
			case aligo.ClassTransient, aligo.ClassInvalid:
				t.Errorf("%s: an answer cannot make a call %s", name, e.Class)
			default:
				t.Errorf("%s: class %q", name, e.Class)
			}
		})
	})
}
