package aligo_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
)

// recorded answers each call with what the stand-in said to the same path and page before, so that a benchmark measures
// the client alone.
type recorded map[string][]byte

func (r recorded) RoundTrip(req *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	key := keyOf(req, form)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}}, ContentLength: int64(len(r[key])),
		Body: io.NopCloser(bytes.NewReader(r[key])), Request: req,
	}, nil
}

// keyOf is what tells a call from another one: its path, and the page that it asks for.
func keyOf(req *http.Request, form []byte) string {
	_, page, _ := strings.Cut(string(form), "&page=")
	page, _, _ = strings.Cut(page, "&")
	return req.URL.Path + page
}

// record lets a client make calls to a stand-in and gives one that gets the same answers.
func record(b *testing.B, calls func(*aligo.Client, *testkit.Clock)) *aligo.Client {
	b.Helper()
	answers, now := recorded{}, newClock()
	standin := aligotest.New(aligotest.Options{Now: now.Now})
	client := func(t http.RoundTripper) *aligo.Client {
		return &aligo.Client{Credentials: aligotest.Credentials(), Now: now.Now, HTTP: &http.Client{Transport: t}}
	}
	calls(client(roundTrip(func(req *http.Request) (*http.Response, error) {
		form, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		again := req.Clone(req.Context())
		again.Body = io.NopCloser(bytes.NewReader(form))
		answer := httptest.NewRecorder()
		standin.ServeHTTP(answer, again)
		answers[keyOf(req, form)] = answer.Body.Bytes()
		return answer.Result(), nil
	})), now)
	return client(answers)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func BenchmarkSendAlimTalk(b *testing.B) {
	for _, n := range []int{1, aligo.MaxAlimTalkRecipients} {
		message := order(numbers(n)...)
		client := record(b, func(c *aligo.Client, _ *testkit.Clock) {
			if _, err := c.SendAlimTalk(b.Context(), message); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if a, err := client.SendAlimTalk(b.Context(), message); err != nil || a.Accepted != n {
					b.Fatal(a, err)
				}
			}
		})
	}
}

func BenchmarkAlimTalkReceipts(b *testing.B) {
	for _, n := range []int{1, aligo.MaxAlimTalkRecipients} {
		var mid string
		client := record(b, func(c *aligo.Client, now *testkit.Clock) {
			a, err := c.SendAlimTalk(b.Context(), order(numbers(n)...))
			if err != nil {
				b.Fatal(err)
			}
			mid = a.MID
			now.Add(time.Minute)
			if _, err := c.AlimTalkReceipts(b.Context(), "", mid); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(fmt.Sprintf("recipients=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if receipts, err := client.AlimTalkReceipts(b.Context(), "", mid); err != nil || len(receipts) != n {
					b.Fatal(len(receipts), err)
				}
			}
		})
	}
}

func BenchmarkRender(b *testing.B) {
	t := aligo.Template{
		Code: "TX_1234", InspStatus: aligo.InspApproved, Status: "A",
		Content: "[마실상점] 주문이 접수되었습니다.\r\n\r\n#{고객명}님, 주문해 주셔서 감사합니다.\r\n\r\n■ 주문번호: #{주문번호}\r\n\r\n상품이 준비되는 대로 발송 소식을 알려 드리겠습니다.",
		Buttons: []aligo.Button{{Name: "배송 조회", Type: "WL", LinkMobile: "https://masil.example/parcels/#{주문번호}",
			LinkPC: "https://masil.example/parcels/#{주문번호}"}},
	}
	renderer := aligo.NewRenderer(t)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := renderer.Render(map[string]string{"고객명": "홍길동", "주문번호": "A-17"}); err != nil {
			b.Fatal(err)
		}
	}
}
