package intake_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/intake"
	"sms-api/internal/message"
	"sms-api/internal/optout"
)

func TestPreviews(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, caller, body string }{
		{"an AlimTalk", untrusted, order},
		{"an AlimTalk with buttons", service,
			`{"template":"TX_2345","recipients":[{"to":"010-1234-5678","name":"김","variables":{"송장번호":"689"}}]}`},
		{"an AlimTalk with a title and no fallback", service,
			`{"template":"TX_4567","fallback":{"enabled":false},"recipients":[{"to":"010-1234-5678","name":"김","variables":{"날짜":"내일"}}]}`},
		{"a fallback text and no receipts", service,
			`{"template":"TX_5678","fallback":{"text":"#{고객명}님 축하합니다","onUnknown":"sms"},"recipients":[{"to":"010-1234-5678","name":"김"}]}`},
		{"an SMS with equivalents", service,
			`{"channel":"sms","text":"가격: 1,000₩ – 오늘₩까지","recipients":[{"to":"010-1234-5678"}]}`},
		{"advertising", service,
			`{"channel":"sms","purpose":"ad","text":"오늘만 할인","title":"오늘","recipients":[{"to":"010-1234-5678"}]}`},
		{"what reads like advertising", service,
			`{"channel":"sms","text":"오늘만 #{a}","recipients":[{"to":"010-1234-5678","variables":{"a":"할인"}},` +
				`{"to":"010-1234-5679","variables":{"a":"쿠폰"}}]}`},
		{"a fallback that reads like advertising", service,
			`{"template":"TX_5678","fallback":{"text":"이벤트에 당첨"},"recipients":[{"to":"010-1234-5678","name":"김"}]}`},
		{"an SMS and an LMS", service,
			`{"channel":"sms","title":"제목","text":"#{a}","recipients":[{"to":"010-1234-5678","variables":{"a":"짧게"}},` +
				`{"to":"010-1234-5679","variables":{"a":"` + strings.Repeat("가", 46) + `"}}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			got := s.do(t, http.MethodPost, "/v1/previews", c.caller, c.body)
			if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%d %s", got.StatusCode, got.body)
			}
			golden(t, "preview "+c.name, got.body)
			if s.store.count() != 0 || s.store.finds != 0 {
				t.Error("something was started or looked up")
			}
		})
	}
}

// What nobody gets, or only in the morning, a preview says, with what that costs. Who has opted out is not for a frontend to find out
// with questions that count nowhere.
func TestPreviewsOfWhatIsNotSentNow(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.serve(&intake.API{OptOutsCoverInfo: true})
	s.do(t, http.MethodPut, "/v1/opt-outs/010-1234-5678", operator, "")
	preview := func(caller, body string) (p intake.Preview) {
		t.Helper()
		answer := s.do(t, http.MethodPost, "/v1/previews", caller, body)
		if err := json.Unmarshal(answer.body, &p); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", answer.StatusCode, answer.body)
		}
		return p
	}
	const ad = `"channel":"sms","purpose":"ad","text":"오늘만 할인","recipients":[{"to":"010-1234-5678","reference":"a"},{"to":"010-1234-5679"}]`
	p := preview(service, `{"sendAt":"2026-12-01T21:30:00+09:00",`+ad+`}`)
	if one := p.Recipients[0]; one.Code != message.CodeOptedOut || one.SMS != nil || one.To != "010****5678" || one.Reference != "a" {
		t.Errorf("who has opted out: %+v", one)
	}
	if other := p.Recipients[1]; other.Code != "" || other.SMS == nil || p.PriceKRW != other.SMS.PriceKRW || p.PriceAtMostKRW != p.PriceKRW {
		t.Errorf("the other one: %+v, at %v", other, p.PriceKRW)
	}
	if want := time.Date(2026, 12, 2, 8, 0, 0, 0, message.Korea()); !p.SendAt.Equal(want) {
		t.Errorf("goes out at %v, want %v", p.SendAt, want)
	}
	if p := preview(service, `{"sendAt":"2026-12-01T21:30:00+09:00","nightConsent":true,`+ad+`}`); p.SendAt.Hour() != 12 {
		t.Errorf("with a consent: %v", p.SendAt)
	}
	for _, at := range []string{"", `"sendAt":"2026-12-01T08:59:00+09:00",`} {
		if p := preview(service, `{`+at+ad+`}`); !p.SendAt.IsZero() {
			t.Errorf("by day: %v", p.SendAt)
		}
	}
	if one := preview(service, order).Recipients[0]; one.Code != message.CodeOptedOut || one.AlimTalk != nil {
		t.Errorf("information, where opt-outs cover it: %+v", one)
	}
	if p := preview(untrusted, order); p.Recipients[0].Code != "" || p.Recipients[0].AlimTalk == nil || p.PriceKRW == 0 {
		t.Errorf("a frontend is told: %+v", p)
	}
	s.serve(&intake.API{OptOuts: unreadable{}})
	if one := preview(service, `{`+ad+`}`).Recipients[0]; one.Code != "" || one.SMS == nil {
		t.Errorf("while the list cannot be read: %+v", one)
	}
}

// unreadable is a list of opt-outs that cannot be read.
type unreadable struct{ *optout.List }

func (unreadable) Among(context.Context, []message.Phone) (map[int]bool, error) {
	return nil, errors.New("down")
}

// What cannot be sent cannot be previewed, and the reasons are the same.
func TestPreviewsAreRefusedAsMessagesAre(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ caller, body string }{
		{"", order},
		{"someone messages:read messages:text messages:admin", order},
		{service, `{"template"`},
		{service, `{"recipients":[{"to":"010"}],"sendAt":"2025-01-01T00:00:00Z"}`},
		{service, strings.Replace(order, "TX_1234", "TX_9999", 1)},
		{service, `{"template":"TX_1234","recipients":[{"to":"010-1234-5678"}]}`},
		{untrusted, `{"channel":"sms","text":"buy","recipients":[{"to":"010-1234-5678"}]}`},
		{untrusted, `{"template":"TX_5678","fallback":{"enabled":false},"recipients":[{"to":"010-1234-5678"},{"to":"02-123-4567"}]}`},
	} {
		s := newSystem(t)
		preview := s.do(t, http.MethodPost, "/v1/previews", c.caller, c.body)
		message := s.do(t, http.MethodPost, "/v1/messages", c.caller, c.body)
		if preview.StatusCode != message.StatusCode || preview.StatusCode < http.StatusBadRequest ||
			string(preview.body) != string(message.body) {
			t.Errorf("%s: the preview is answered\n%s, the message\n%s", c.body, preview.body, message.body)
		}
	}
	s := newSystem(t)
	if got := s.do(t, http.MethodPost, "/v1/previews", service, order, "Content-Type: "); got.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("no type: %d", got.StatusCode)
	}
	s.vendor.err = errors.New("down")
	if got := s.do(t, http.MethodPost, "/v1/previews", service, order); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("without templates: %d %s", got.StatusCode, got.body)
	}
}

// The wallet's counts are the same money: what is needed of each is a part of it.
func TestPreviewAsksWhetherTheWalletSuffices(t *testing.T) {
	t.Parallel()
	two := strings.Replace(order, `]}`, `,{"to":"010-1234-5679","name":"김","variables":{"주문번호":"A-18"}}]}`, 1)
	sms := `{"channel":"sms","text":"#{a}","recipients":[{"to":"010-1234-5678","variables":{"a":"짧게"}},` +
		`{"to":"010-1234-5679","variables":{"a":"` + strings.Repeat("가", 46) + `"}}]}`
	alone := `{"fallback":{"enabled":false},` + two[1:]
	yes, no := new(bool), new(bool)
	*yes = true
	for name, c := range map[string]struct {
		caller, body string
		wallet       aligo.Balance
		err          error
		want         *bool
	}{
		"enough for two SMS":              {service, two, aligo.Balance{SMS: 2, LMS: 1}, nil, yes},
		"enough for one SMS":              {service, two, aligo.Balance{SMS: 1}, nil, no},
		"empty":                           {service, two, aligo.Balance{}, nil, no},
		"an SMS and an LMS of one wallet": {service, sms, aligo.Balance{SMS: 4, LMS: 1}, nil, no},
		"enough for both":                 {service, sms, aligo.Balance{SMS: 5, LMS: 2}, nil, yes},
		"AlimTalk alone":                  {service, alone, aligo.Balance{AlimTalk: 2, AlimTalkKnown: true}, nil, yes},
		"too few AlimTalk":                {service, alone, aligo.Balance{SMS: 9, AlimTalk: 1, AlimTalkKnown: true}, nil, no},
		"AlimTalk that is not told":       {service, alone, aligo.Balance{SMS: 2}, nil, yes},
		"a caller who may not know":       {untrusted, order, aligo.Balance{SMS: 9}, nil, nil},
		"Aligo does not tell":             {service, sms, aligo.Balance{SMS: 9}, errors.New("down"), nil},
	} {
		s := newSystem(t)
		s.vendor.balance, s.vendor.err = c.wallet, c.err
		var got intake.Preview
		answer := s.do(t, http.MethodPost, "/v1/previews", c.caller, c.body)
		if err := json.Unmarshal(answer.body, &got); err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != http.StatusOK || (got.WalletSuffices == nil) != (c.want == nil) ||
			c.want != nil && *got.WalletSuffices != *c.want {
			t.Errorf("%s: %d %s", name, answer.StatusCode, answer.body)
		}
	}
}

// A preview shows what phones get, and no more of a number than everything else does.
func TestPreviewMasksNumbers(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	got := s.do(t, http.MethodPost, "/v1/previews", service, order)
	if strings.Contains(string(got.body), "12345678") || !strings.Contains(string(got.body), `"to":"010****5678"`) {
		t.Errorf("got %s", got.body)
	}
	if log := s.log.String(); strings.Contains(log, "홍길동") || strings.Contains(log, "A-17") {
		t.Errorf("log: %s", log)
	}
	var members map[string]any
	if err := json.Unmarshal(got.body, &members); err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(maps.Keys(members)); slices.Contains(names, "id") {
		t.Errorf("a preview has an id: %q", names)
	}
}
