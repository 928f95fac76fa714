package aligo_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/testkit"
)

// update writes the golden files anew: go test ./internal/aligo -run TestEndpoints -update.
var update = flag.Bool("update", false, "write the golden files anew")

// A one-pixel picture of each type that an MMS takes.
var (
	png  = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01")
	jpeg = []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01")
	gif  = []byte("GIF89a\x01\x00\x01\x00")
)

// Each endpoint is called once against the stand-in, the two that the client does not know with a plain form. The golden file of
// the name has what went over the wire: the form's
// fields in their order, and the answer to the byte.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	type ctx = context.Context
	reserved := monday.Add(time.Hour)
	account := aligo.Credentials(aligotest.Credentials()).Account()
	parcel := func(t *testing.T, w *world) aligo.Rendered {
		t.Helper()
		tpl := byCode(t, w, "TX_2345")
		return must[aligo.Rendered](t)(aligo.NewRenderer(tpl).Render(map[string]string{"고객명": "홍길동", "송장번호": "6012-7788"}))
	}
	draft := aligo.TemplateDraft{
		Name: "재고 안내", Content: "#{고객명}님,\r\n#{상품명} 재고가 들어왔습니다.", Secure: true, Type: aligo.TemplateMixed, Advert: "채널을 추가해 주세요.",
		Extra: "고객센터 1577-0000", EmphasisType: aligo.EmphasisText, Title: "#{상품명}", Subtitle: "재입고",
		Buttons: []aligo.Button{{Name: "보기", Type: "WL", LinkMobile: "https://masil.example/#{상품번호}?a=1&b=2", LinkPC: "https://masil.example/"},
			{Name: "앱", Type: "AL", LinkIOS: "masil://x", LinkAndroid: "masil://y"}},
	}
	add := func(t *testing.T, w *world) {
		t.Helper()
		must[aligo.Template](t)(w.client.AddTemplate(t.Context(), draft))
	}
	for name, c := range map[string]struct {
		// before makes what the call is about.
		before func(t *testing.T, w *world)
		call   func(t *testing.T, w *world, ctx ctx) (any, error)
		want   any
	}{
		"send": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.SendSMS(ctx, aligo.SMS{Type: aligo.TypeSMS, To: []string{"01012345678", "01023456789"},
					Text: "%고객명%님, 1+1 & 50% 할인\n내일까지", Names: []string{"홍길동", "김영희"}})
			},
			want: aligo.Accepted{MID: "583009869", Accepted: 2, Type: "SMS", Account: account},
		},
		"send-lms-reserved-test": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.SendSMS(ctx, aligo.SMS{Type: aligo.TypeLMS, To: []string{"01012345678"}, Text: "긴 글",
					SMSOptions: aligo.SMSOptions{Title: "제목", ReserveAt: reserved.Add(time.Second), TestMode: true}})
			},
			want: aligo.Accepted{MID: "583009869", Accepted: 1, Type: "LMS", Account: account},
		},
		"send-mms": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.SendSMS(ctx, aligo.SMS{Type: aligo.TypeMMS, To: []string{"01012345678"}, Text: "사진",
					SMSOptions: aligo.SMSOptions{Images: []aligo.Image{{Name: "사진 1.png", Data: png}, {Data: jpeg}, {Data: gif}}}})
			},
			want: aligo.Accepted{MID: "583009869", Accepted: 1, Type: "MMS", Account: account},
		},
		"send_mass": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.SendMassSMS(ctx, aligo.MassSMS{Type: aligo.TypeSMS,
					Messages: []aligo.MassMessage{{To: "01012345678", Text: "하나"}, {To: "01023456789", Text: "둘"}}})
			},
			want: aligo.Accepted{MID: "583009869", Accepted: 2, Type: "SMS", Account: account},
		},
		"list": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), sms("첫째", "01012345678", "01012340004")))
				w.Add(time.Minute)
				must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), aligo.SMS{Type: aligo.TypeLMS, To: []string{"01012345678"}, Text: "둘째",
					SMSOptions: aligo.SMSOptions{ReserveAt: reserved}}))
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				batches, more, err := w.client.SMSHistory(ctx, aligo.SMSPage{Day: monday, Days: 2})
				return []any{batches, more}, err
			},
			want: []any{[]aligo.SMSBatch{
				{MID: "583009870", Type: aligo.TypeLMS, Sender: aligotest.Sender, Count: 1, Text: "둘째", ReserveState: "예약대기중",
					At: monday.Add(time.Minute), ReservedFor: reserved},
				{MID: "583009869", Type: aligo.TypeSMS, Sender: aligotest.Sender, Count: 2, Failed: 1, Text: "첫째", At: monday},
			}, false},
		},
		"sms_list": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), sms("첫째", "01012345678", "01012340004")))
				w.Add(time.Minute)
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) { return w.client.SMSReceipts(ctx, "", "583009869") },
			want: []aligo.SMSReceipt{
				{ID: "3246554255", Type: aligo.TypeSMS, To: "01012345678",
					Result: aligo.Receipt{State: aligo.StateDelivered, Code: "delivered", Reason: "발송완료", At: monday}},
				{ID: "3246554256", Type: aligo.TypeSMS, To: "01012340004",
					Result: aligo.Receipt{State: aligo.StateFailed, Code: "number", Reason: "발/착신 번호 에러", At: monday}},
			},
		},
		"remain": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) { return w.client.Remain(ctx) },
			want: aligo.Balance{SMS: 119047, LMS: 38610, MMS: 16666},
		},
		"cancel": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				must[aligo.Accepted](t)(w.client.SendSMS(t.Context(), aligo.SMS{Type: aligo.TypeSMS, To: []string{"01012345678"}, Text: "나중",
					SMSOptions: aligo.SMSOptions{ReserveAt: reserved}}))
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return nil, w.post(ctx, "/cancel/", "key", aligotest.APIKey, "user_id", aligotest.UserID, "mid", "583009869")
			},
		},
		"alimtalk-send": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				parcel(t, w)
			},
			call: func(t *testing.T, w *world, ctx ctx) (any, error) {
				t.Helper()
				r := parcel(t, w)
				return w.client.SendAlimTalk(ctx, aligo.AlimTalk{Template: "TX_2345", Recipients: []aligo.AlimTalkRecipient{
					{To: "01012345678", Name: "홍길동", Subject: "배송 출발", Text: r.Text, Buttons: r.Buttons},
					{To: "01023456789", Text: r.Text, Buttons: r.Buttons},
				}})
			},
			want: aligo.Accepted{MID: "1306113822", Accepted: 2, Type: "AT", Account: account},
		},
		"alimtalk-send-emphasis-reserved-test": {
			call: func(t *testing.T, w *world, ctx ctx) (any, error) {
				t.Helper()
				tpl := byCode(t, w, "TX_4567")
				r := must[aligo.Rendered](t)(aligo.NewRenderer(tpl).Render(map[string]string{"고객명": "홍길동", "예약일시": "12월 1일 10시", "장소": "본점"}))
				return w.client.SendAlimTalk(ctx, aligo.AlimTalk{Template: tpl.Code, ReserveAt: reserved, TestMode: true,
					Recipients: []aligo.AlimTalkRecipient{
						{To: "01012345678", Text: r.Text, EmphasisTitle: r.EmphasisTitle},
					}})
			},
			want: aligo.Accepted{MID: "1306113822", Accepted: 1, Type: "AT", Account: account},
		},
		"history-list": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678", "01023456789")))
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				batches, more, err := w.client.AlimTalkHistory(ctx, aligo.AlimTalkPage{Size: 50, From: monday, To: monday})
				return []any{batches, more}, err
			},
			want: []any{[]aligo.AlimTalkBatch{{MID: "1306113822", Type: "AT", Sender: aligotest.Sender, Count: 2, Text: orderText(), At: monday}},
				false},
		},
		"history-detail": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), order("01012345678", "01012340001", "01012340003")))
				w.Add(5 * time.Second)
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.AlimTalkReceipts(ctx, "", "1306113822")
			},
			want: []aligo.AlimTalkReceipt{
				{ID: "3246554255", To: "01012345678", Template: "TX_1234",
					Result: aligo.Receipt{State: aligo.StateDelivered, Code: "0", Reason: "성공", At: monday.Add(5 * time.Second)}},
				{ID: "3246554256", To: "01012340001", Template: "TX_1234",
					Result: aligo.Receipt{State: aligo.StateFailed, Code: "A", Reason: "카카오톡 미사용자", SMSUseful: true, At: monday.Add(5 * time.Second)}},
				{ID: "3246554257", To: "01012340003", Template: "TX_1234", Result: aligo.Receipt{State: aligo.StatePending}},
			},
		},
		"heartinfo": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) { return w.client.HeartInfo(ctx) },
			want: aligo.Balance{SMS: 119047, LMS: 38610, MMS: 16666, AlimTalk: 153846, AlimTalkKnown: true},
		},
		"alimtalk-cancel": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				a := order("01012345678")
				a.ReserveAt = reserved
				must[aligo.Accepted](t)(w.client.SendAlimTalk(t.Context(), a))
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return nil, w.post(ctx, "/akv10/cancel/", "apikey", aligotest.APIKey, "userid", aligotest.UserID, "mid", "1306113822")
			},
		},
		"profile-auth": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return nil, w.client.RequestProfileAuth(ctx, "@새가게", aligotest.AdminPhone)
			},
		},
		"profile-add": {
			before: func(t *testing.T, w *world) {
				t.Helper()
				if err := w.client.RequestProfileAuth(t.Context(), "@새가게", aligotest.AdminPhone); err != nil {
					t.Fatal(err)
				}
			},
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.AddProfile(ctx, aligo.NewProfile{Channel: "@새가게", Phone: aligotest.AdminPhone, AuthNumber: aligotest.AuthNumber,
					Category: "00800010001"})
			},
			want: []aligo.Profile{{
				SenderKey: "d87a3cd648c9ef5096bcaadadb3782fd7ad0c9d8", UUID: "@새가게", Name: "새가게", Status: "A", ProfileStatus: "A",
				Category: "00800010001", AlimTalk: true, CreatedAt: monday, UpdatedAt: monday,
			}},
		},
		"profile-list": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.Profiles(ctx, aligo.ProfileFilter{Channel: aligotest.ChannelName, SenderKey: aligotest.SenderKey})
			},
			want: []aligo.Profile{{
				SenderKey: aligotest.SenderKey, UUID: aligotest.ChannelName, Name: "마실상점", Status: "A", ProfileStatus: "A", Category: "00100010001",
				AlimTalk: true, CreatedAt: time.Date(2026, 1, 5, 10, 0, 0, 0, monday.Location()),
				UpdatedAt: time.Date(2026, 1, 5, 10, 0, 0, 0, monday.Location()),
			}},
		},
		"category": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) { return w.client.Categories(ctx) },
			want: aligo.Categories{
				First:  []aligo.Category{{Code: "001", Name: "건강"}, {Code: "008", Name: "쇼핑/유통"}},
				Second: []aligo.Category{{Parent: "001", Code: "0010001", Name: "병원"}, {Parent: "008", Code: "0080001", Name: "종합쇼핑몰"}},
				Third: []aligo.Category{{Parent: "0010001", Code: "00100010001", Name: "종합병원"},
					{Parent: "0080001", Code: "00800010001", Name: "온라인쇼핑몰"}},
			},
		},
		"template-list": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				all, err := w.client.Templates(ctx)
				var codes []string
				for _, tpl := range all {
					codes = append(codes, fmt.Sprintf("%s approved=%t %v", tpl.Code, tpl.Approved(), tpl.Variables()))
				}
				return codes, err
			},
			want: []string{
				"TX_1234 approved=true [고객명 주문번호]", "TX_2345 approved=true [고객명 송장번호]", "TX_3456 approved=true [인증번호]",
				"TX_4567 approved=true [고객명 예약일시 장소]", "TX_9999 approved=false [고객명 상품명]",
			},
		},
		"template-add": {
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) { return w.client.AddTemplate(ctx, draft) },
			want: aligo.Template{
				Code: "UK_0001", Name: draft.Name, Content: draft.Content, Type: aligo.TemplateMixed, EmphasisType: aligo.EmphasisText,
				Title:    draft.Title,
				Subtitle: draft.Subtitle, Buttons: draft.Buttons, InspStatus: aligo.InspRegistered, Status: aligo.StatusWaiting,
				SenderKey: aligotest.SenderKey, CreatedAt: monday,
			},
		},
		"template-modify": {
			before: add,
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return w.client.ModifyTemplate(ctx, "UK_0001", aligo.TemplateDraft{Name: "새 이름", Content: "#{이름}님", EmphasisType: aligo.EmphasisImage,
					Image: &aligo.Image{Name: "a.png", Data: png}})
			},
			want: aligo.Template{
				Code: "UK_0001", Name: "새 이름", Content: "#{이름}님", Type: aligo.TemplateBasic, EmphasisType: aligo.EmphasisImage,
				ImageName: "UK_0001.png",
				ImageURL:  "https://images.masil.example/UK_0001.png", InspStatus: aligo.InspRegistered, Status: aligo.StatusWaiting,
				SenderKey: aligotest.SenderKey, CreatedAt: monday,
			},
		},
		"template-del": {
			before: add,
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return nil, w.client.DeleteTemplate(ctx, "UK_0001")
			},
		},
		"template-request": {
			before: add,
			call: func(_ *testing.T, w *world, ctx ctx) (any, error) {
				return nil, w.client.RequestTemplateReview(ctx, "UK_0001")
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *aligotest.ServerOptions) { o.HonourLimit = name == "history-list" })
			if c.before != nil {
				c.before(t, w)
			}
			wire := &recorder{next: w.client.HTTP.Transport}
			w.client = w.Client()
			w.client.HTTP = &http.Client{Transport: wire}
			got, err := c.call(t, w, t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, c.want) {
				t.Errorf("got  %#v\nwant %#v", spell(got), spell(c.want))
			}
			golden(t, name, wire.last)
		})
	}
}

// byCode is one of the stand-in's templates.
func byCode(t *testing.T, w *world, code string) aligo.Template {
	t.Helper()
	all := must[[]aligo.Template](t)(w.client.Templates(t.Context()))
	i := slices.IndexFunc(all, func(one aligo.Template) bool { return one.Code == code })
	if i < 0 {
		t.Fatalf("there is no template %s", code)
	}
	return all[i]
}

// post calls an endpoint that the client has no method for; fields are names and values in turn.
func (w *world) post(ctx context.Context, path string, fields ...string) error {
	var form []string
	for i := 0; i < len(fields); i += 2 {
		form = append(form, url.QueryEscape(fields[i])+"="+url.QueryEscape(fields[i+1]))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+path, strings.NewReader(strings.Join(form, "&")))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	resp, err := w.client.HTTP.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// same compares what calls return; times by the instant they mean.
func same(got, want any) bool { return reflect.DeepEqual(spell(got), spell(want)) }

// spell writes a value out whole, which types that are not to be logged do not do by themselves.
func spell(v any) string {
	var b strings.Builder
	spellValue(&b, reflect.ValueOf(v))
	return b.String()
}

func spellValue(b *strings.Builder, v reflect.Value) {
	if !v.IsValid() {
		b.WriteString("nil")
		return
	}
	if at, ok := v.Interface().(time.Time); ok {
		b.WriteString(at.UTC().Format(time.RFC3339Nano))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		b.WriteString(v.Type().Name() + "{")
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				b.WriteString(v.Type().Field(i).Name + ":")
				spellValue(b, v.Field(i))
				b.WriteString(" ")
			}
		}
		b.WriteString("}")
	case reflect.Slice:
		b.WriteString("[")
		for i := range v.Len() {
			spellValue(b, v.Index(i))
			b.WriteString(" ")
		}
		b.WriteString("]")
	case reflect.Interface, reflect.Pointer:
		spellValue(b, v.Elem())
	default:
		fmt.Fprintf(b, "%#v", v.Interface())
	}
}

// recorder writes down the last exchange as a golden file has it.
type recorder struct {
	next http.RoundTripper
	last string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	sent, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(bytes.NewReader(sent))
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	form, err := readableForm(req.Header.Get("Content-Type"), sent)
	if err != nil {
		return nil, err
	}
	r.last = fmt.Sprintf("%s %s\n%s\n%d %s\n%s\n", req.Method, req.URL.Path, form, resp.StatusCode, resp.Header.Get("Content-Type"), got)
	return resp, nil
}

// readableForm is a form with one field on a line.
func readableForm(contentType string, body []byte) (string, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if kind != "multipart/form-data" {
		fmt.Fprintf(&b, "Content-Type: %s\n", contentType)
		for field := range strings.SplitSeq(string(body), "&") {
			name, value, _ := strings.Cut(field, "=")
			decoded, err := url.QueryUnescape(value)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&b, "  %s = %q\n", name, decoded)
		}
		return b.String(), nil
	}
	fmt.Fprintf(&b, "Content-Type: %s\n", kind)
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return "", err
		}
		if part.FileName() == "" {
			fmt.Fprintf(&b, "  %s = %q\n", part.FormName(), data)
			continue
		}
		fmt.Fprintf(&b, "  %s = file %q, %s, %d bytes\n", part.FormName(), part.FileName(), part.Header.Get("Content-Type"), len(data))
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	testkit.Golden(t, *update, filepath.Join("testdata", "golden", name+".txt"), []byte(got))
}
