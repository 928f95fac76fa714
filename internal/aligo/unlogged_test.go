package aligo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
)

// The secrets of the full run: every one of them is in some request or answer, and none may be in an error or a log.
var secrets = []string{
	aligotest.APIKey, aligotest.UserID, aligotest.SenderKey, aligotest.Sender, aligotest.AdminPhone,
	"01012345678", "1012345678", "010-1234-5678", "1234-5678", "홍길동", "A-17", "주문해 주셔서 감사합니다", "비밀번호", "masil.example",
}

// leaks finds secrets in what was printed.
func leaks(t *testing.T, where, printed string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(printed, secret) {
			t.Errorf("%s shows %q: %s", where, secret, printed)
		}
	}
}

// printings are all the ways in which a value gets into a log.
func printings(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		slog.New(h).Info("it", "value", v, "list", []any{v}, slog.Group("group", "value", v))
	}
	if text, err := json.Marshal(v); err == nil {
		b.Write(text)
	}
	return b.String()
}

// A full run: every call, with every fault, and with a vendor that repeats what it was told.
func TestNothingLeaksIntoErrors(t *testing.T) {
	t.Parallel()
	for _, format := range []string{
		// A refusal that repeats the request, one value after the other, with numbers as people write them.
		`{"result_code":-99,"code":-99,"message":%q}`, `{"result_code":-101,"code":"-101","message":%q}`,
		`{"result_code":1012345678,"code":1012345678,"message":%q}`, `<html>%q</html>`, `{"result_code":%q}`, `{"code":%q}`,
		`{"code":0,"result_code":1,"list":%q,"data":%[1]q,"info":%[1]q,"msg_id":[%[1]q]}`,
	} {
		for _, status := range []int{http.StatusOK, http.StatusForbidden, http.StatusBadGateway} {
			c := clientWith(roundTripper(func(r *http.Request) (*http.Response, error) {
				if err := r.ParseMultipartForm(1 << 20); err != nil && !errors.Is(err, http.ErrNotMultipart) {
					return nil, err
				}
				echo := "010-1234-5678 "
				for _, values := range r.PostForm {
					echo += values[0] + " "
				}
				return &http.Response{
					StatusCode: status, Header: http.Header{"Content-Type": {"text/html; charset=" + aligotest.APIKey}},
					Body: io.NopCloser(strings.NewReader(fmt.Sprintf(format, echo))),
				}, nil
			}))
			c.Now = newClock().Now
			everySecretCall(t, c)
		}
	}
	for _, kind := range []aligotest.FaultKind{
		aligotest.FaultResetAfter, aligotest.FaultResetBefore, aligotest.FaultHTTP500, aligotest.FaultHTML200, aligotest.FaultUnregisteredIP,
		aligotest.FaultNoBalance, aligotest.FaultBadCredentials, aligotest.FaultUnregisteredSender, aligotest.FaultUnknownRefusal,
		aligotest.FaultCutOff,
	} {
		w := newWorld(t)
		setFault(t, w, aligotest.Fault{Kind: kind, Times: -1})
		everySecretCall(t, w.client)
	}
	everySecretCall(t, clientWith(roundTripper(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("%s %s: refused", r.Method, r.URL)
	})))
}

// everySecretCall makes every call, right and wrong ones, and looks through its errors.
func everySecretCall(t *testing.T, c *aligo.Client) {
	t.Helper()
	check := func(name string, err error) {
		if err == nil {
			return
		}
		leaks(t, name, printings(err))
		for e := err; e != nil; e = errors.Unwrap(e) {
			leaks(t, name, printings(e))
		}
	}
	everyCall(t.Context(), c, check)
	ctx := t.Context()
	for range 2 {
		wrong := order("01012345678", "01012345678", "010-1234-5678")
		wrong.Recipients[0].Text += strings.Repeat("비밀번호", 300)
		wrong.Recipients[1].Buttons = []aligo.Button{{Name: "홍길동", Type: "홍길동", LinkMobile: "https://masil.example/"}}
		wrong.ReserveAt = time.Unix(1, 0)
		_, err := c.SendAlimTalk(ctx, wrong)
		check("a wrong AlimTalk", err)
		_, err = c.SendSMS(ctx, aligo.SMS{Type: "홍길동", To: []string{"010-1234-5678", "01012345678", "01012345678"},
			Text: strings.Repeat("비밀번호", 300), Names: []string{"홍길동|"},
			SMSOptions: aligo.SMSOptions{Title: strings.Repeat("홍길동", 30)}})
		check("a wrong SMS", err)
		_, err = c.AddProfile(ctx, aligo.NewProfile{Channel: "홍길동", Phone: "010-1234-5678", Category: "홍길동"})
		check("a wrong profile", err)
	}
	tpl := template("주문해 주셔서 감사합니다 #{이름}\u00a0", aligo.Button{Name: "#{이름}", Type: "WL", LinkMobile: "#{주소}"})
	_, err := aligo.NewRenderer(tpl).Render(map[string]string{"이름": "홍길동#{", "주소": "masil.example"})
	check("rendering", err)
	_, err = aligo.NewRenderer(tpl).Render(map[string]string{"이름": "홍길동", "주소": "masil.example 비밀번호"})
	check("rendering", err)
	check("comparing", aligo.NewRenderer(template("본문 #{이름}")).Fits(aligo.Rendered{Text: "홍길동 비밀번호 01012345678"}))
}

// What holds numbers, texts or credentials does not print, whatever it is put into.
func TestNothingLeaksWhenPrinted(t *testing.T) {
	t.Parallel()
	creds := aligotest.Credentials()
	button := aligo.Button{Name: "홍길동", LinkMobile: "https://masil.example/"}
	at := order("01012345678")
	for _, v := range []any{
		creds, &creds, aligo.Credentials(creds), at, &at, at.Recipients, at.Recipients[0],
		sms("비밀번호", "01012345678"), aligo.MassSMS{Messages: []aligo.MassMessage{{To: "01012345678"}}},
		aligo.MassMessage{To: "01012345678", Text: "비밀번호"},
		button, aligo.Rendered{Text: "홍길동", Buttons: []aligo.Button{button}}, aligo.Attempt{To: []string{"01012345678"}, Texts: []string{"홍길동"}},
		aligo.AlimTalkReceipt{To: "01012345678"}, aligo.SMSReceipt{To: "01012345678"}, aligo.SMSBatch{Text: "홍길동", Sender: aligotest.Sender},
		aligo.AlimTalkBatch{Text: "홍길동"}, aligo.NewProfile{Phone: "01012345678"}, aligo.Image{Name: "홍길동"},
		struct{ Inner aligo.SMS }{sms("비밀번호", "01012345678")}, map[string]any{"a": creds, "b": at},
	} {
		leaks(t, fmt.Sprintf("%T", v), printings(v))
	}
}
