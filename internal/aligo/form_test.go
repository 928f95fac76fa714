package aligo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sms-api/internal/aligo"
)

func numbers(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("0101%07d", i+1_001_000)
	}
	return all
}

// What the vendor is known to forbid is not sent. Each case names the fields that are wrong, all of them.
func TestForbiddenRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	ten := monday.Add(10 * time.Minute)
	change := func(s aligo.SMS, f func(*aligo.SMS)) aligo.SMS { f(&s); return s }
	text := func(n int) aligo.AlimTalk {
		a := order("01012345678")
		a.Recipients[0].Text = strings.Repeat("가", n)
		return a
	}
	buttons := func(b ...aligo.Button) aligo.AlimTalk {
		a := order("01012345678")
		a.Recipients[0].Buttons = b
		return a
	}
	link := aligo.Button{Name: "보기", Type: "WL", LinkMobile: "https://masil.example/"}
	reserve := func(at time.Time) aligo.AlimTalk {
		a := order("01012345678")
		a.ReserveAt = at
		return a
	}
	mass := func(n int) aligo.MassSMS {
		m := aligo.MassSMS{Type: aligo.TypeSMS}
		for _, to := range numbers(n) {
			m.Messages = append(m.Messages, aligo.MassMessage{To: to, Text: "안녕"})
		}
		return m
	}
	picture := aligo.Image{Data: png}
	good := sms("안녕하세요", "01012345678")
	lms := aligo.SMS{Type: aligo.TypeLMS, To: []string{"01012345678"}, Text: "안녕하세요"}
	mms := aligo.SMS{Type: aligo.TypeMMS, To: []string{"01012345678"}, Text: "안녕하세요",
		SMSOptions: aligo.SMSOptions{Images: []aligo.Image{picture}}}
	draft := aligo.TemplateDraft{Name: "이름", Content: "내용"}
	write := func(f func(*aligo.TemplateDraft)) any { d := draft; f(&d); return d }
	type command struct{ name, code string }
	for name, c := range map[string]struct {
		request any
		wrong   []string
	}{
		"90 bytes fit an SMS":                {sms(strings.Repeat("가", 45), "01012345678"), nil},
		"91 bytes do not":                    {sms(strings.Repeat("가", 45)+"a", "01012345678"), []string{"Text"}},
		"a line break is two of them":        {sms(strings.Repeat("가", 44)+"\na", "01012345678"), []string{"Text"}},
		"2,000 bytes fit an LMS":             {change(lms, func(s *aligo.SMS) { s.Text = strings.Repeat("가", 1000) }), nil},
		"2,001 bytes do not":                 {change(lms, func(s *aligo.SMS) { s.Text = strings.Repeat("가", 1000) + "a" }), []string{"Text"}},
		"no text":                            {sms(" \n", "01012345678"), []string{"Text"}},
		"each character that would become ?": {sms("😀안녕é", "01012345678"), []string{"Text", "Text"}},
		"unless that is wanted":              {change(good, func(s *aligo.SMS) { s.Text = "😀안녕é"; s.ReplaceUnencodable = true }), nil},
		"a title of 44 bytes":                {change(lms, func(s *aligo.SMS) { s.Title = strings.Repeat("가", 22) }), nil},
		"a title of 45":                      {change(lms, func(s *aligo.SMS) { s.Title = strings.Repeat("가", 22) + "a" }), []string{"Title"}},
		"a title of an SMS":                  {change(good, func(s *aligo.SMS) { s.Title = "제목" }), []string{"Title"}},
		"1,000 receivers":                    {sms("안녕", numbers(1000)...), nil},
		"1,001 receivers":                    {sms("안녕", numbers(1001)...), []string{"To"}},
		"no receiver":                        {sms("안녕"), []string{"To"}},
		"the same number twice":              {sms("안녕", "01012345678", "01023456789", "01012345678", "01012345678"), []string{"To[2]", "To[3]"}},
		"a number with hyphens":              {sms("안녕", "010-1234-5678"), []string{"To[0]"}},
		"an empty number":                    {sms("안녕", ""), []string{"To[0]"}},
		"a number that is too long":          {sms("안녕", "01012345678901234"), []string{"To[0]"}},
		"an unknown type":                    {change(good, func(s *aligo.SMS) { s.Type = "RCS" }), []string{"Type"}},
		"no type":                            {change(good, func(s *aligo.SMS) { s.Type = "" }), []string{"Type"}},
		"an MMS":                             {mms, nil},
		"an MMS without a picture":           {change(mms, func(s *aligo.SMS) { s.Images = nil }), []string{"Images"}},
		"an MMS with four": {change(mms, func(s *aligo.SMS) { s.Images = []aligo.Image{picture, picture, picture, picture} }),
			[]string{"Images"}},
		"an LMS with a picture": {change(lms, func(s *aligo.SMS) { s.Images = []aligo.Image{picture} }), []string{"Images"}},
		"a picture of 300 KB": {change(mms, func(s *aligo.SMS) {
			s.Images = []aligo.Image{{Data: append(slices.Clone(png), make([]byte, 300_000-len(png))...)}}
		}), nil},
		"a larger one": {change(mms, func(s *aligo.SMS) {
			s.Images = []aligo.Image{{Data: append(slices.Clone(png), make([]byte, 300_000)...)}}
		}), []string{"Images[0]"}},
		"a picture that is none": {change(mms, func(s *aligo.SMS) { s.Images = []aligo.Image{picture, {Data: []byte("<svg>")}} }),
			[]string{"Images[1]"}},
		"an empty picture":                 {change(mms, func(s *aligo.SMS) { s.Images = []aligo.Image{{}} }), []string{"Images[0]"}},
		"a reservation in ten minutes":     {change(good, func(s *aligo.SMS) { s.ReserveAt = ten }), nil},
		"a reservation a minute earlier":   {change(good, func(s *aligo.SMS) { s.ReserveAt = ten.Add(-time.Minute) }), []string{"ReserveAt"}},
		"seconds count as the next minute": {change(good, func(s *aligo.SMS) { s.ReserveAt = ten.Add(-59 * time.Second) }), nil},
		"names for all":                    {change(good, func(s *aligo.SMS) { s.Names = []string{"홍길동"} }), nil},
		"a name too many":                  {change(good, func(s *aligo.SMS) { s.Names = []string{"홍길동", "김영희"} }), []string{"Names"}},
		"a name that would break the list": {change(good, func(s *aligo.SMS) { s.Names = []string{"홍|길,동"} }), []string{"Names[0]"}},
		"everything at once": {change(aligo.SMS{Type: "X"}, func(s *aligo.SMS) { s.Title = strings.Repeat("가", 30) }),
			[]string{"To", "Type", "Title", "Text"}},
		"500 messages": {mass(500), nil},
		"501 messages": {mass(501), []string{"Messages"}},
		"no message":   {mass(0), []string{"Messages"}},
		"a long one among the short": {aligo.MassSMS{Type: aligo.TypeSMS, Messages: []aligo.MassMessage{{To: "01012345678", Text: "안녕"},
			{To: "01023456789", Text: strings.Repeat("가", 46)}}}, []string{"Messages[1].Text"}},
		"one number twice in a mass": {aligo.MassSMS{Type: aligo.TypeSMS,
			Messages: []aligo.MassMessage{{To: "01012345678", Text: "안녕"}, {To: "01012345678", Text: "또"}}}, []string{"Messages[1].To"}},
		"AlimTalk to 500":              {order(numbers(500)...), nil},
		"AlimTalk to 501":              {order(numbers(501)...), []string{"Recipients"}},
		"AlimTalk to nobody":           {order(), []string{"Recipients"}},
		"AlimTalk without a template":  {aligo.AlimTalk{Recipients: order("01012345678").Recipients}, []string{"Template"}},
		"AlimTalk to one number twice": {order("01012345678", "01012345678"), []string{"Recipients[1].To"}},
		"AlimTalk of 1,000 characters": {text(1000), nil},
		"AlimTalk of 1,001":            {text(1001), []string{"Recipients[0].Text"}},
		"AlimTalk without a text":      {text(0), []string{"Recipients[0].Text"}},
		"AlimTalk in bytes that are not UTF-8": {func() any { a := order("01012345678"); a.Recipients[0].Text = "\xff"; return a }(),
			[]string{"Recipients[0].Text"}},
		"five buttons":                         {buttons(link, link, link, link, link), nil},
		"six buttons":                          {buttons(link, link, link, link, link, link), []string{"Recipients[0].Buttons"}},
		"a button without a name":              {buttons(aligo.Button{Type: "BK"}), []string{"Recipients[0].Buttons[0].Name"}},
		"a button of a type that there is not": {buttons(aligo.Button{Name: "x", Type: "XX"}), []string{"Recipients[0].Buttons[0].Type"}},
		"a web link without an address":        {buttons(aligo.Button{Name: "x", Type: "WL"}), []string{"Recipients[0].Buttons[0].LinkMobile"}},
		"AlimTalk reserved in ten minutes":     {reserve(ten), nil},
		"AlimTalk reserved a second earlier":   {reserve(ten.Add(-time.Second)), []string{"ReserveAt"}},
		"a template":                           {draft, nil},
		"a template without anything":          {aligo.TemplateDraft{}, []string{"Name", "Content"}},
		"an ad without its advert":             {write(func(d *aligo.TemplateDraft) { d.Type = aligo.TemplateAd }), []string{"Advert"}},
		"a mixed one without either": {write(func(d *aligo.TemplateDraft) { d.Type = aligo.TemplateMixed }),
			[]string{"Advert", "Extra"}},
		"a template of an unknown type": {write(func(d *aligo.TemplateDraft) { d.Type = "ZZ"; d.EmphasisType = "ZZ" }),
			[]string{"Type", "EmphasisType"}},
		"text emphasis without text": {write(func(d *aligo.TemplateDraft) { d.EmphasisType = aligo.EmphasisText }),
			[]string{"Title", "Subtitle"}},
		"image emphasis without image": {write(func(d *aligo.TemplateDraft) { d.EmphasisType = aligo.EmphasisImage }), []string{"Image"}},
		"image emphasis with a GIF": {write(func(d *aligo.TemplateDraft) {
			d.EmphasisType = aligo.EmphasisImage
			d.Image = &aligo.Image{
				Data: gif}
		}), []string{"Image"}},
		"extra that makes a template too long": {write(func(d *aligo.TemplateDraft) {
			d.Type = aligo.TemplateExtra
			d.Content = strings.Repeat("가", 990)
			d.Extra = strings.Repeat("나", 11)
		}), []string{"Extra"}},
		"deleting a shared template":       {command{"del", "P00001"}, []string{"code"}},
		"deleting another shared template": {command{"del", "D00001"}, []string{"code"}},
		"a review of nothing":              {command{"request", ""}, []string{"code"}},
		"modifying nothing":                {command{"modify", ""}, []string{"code"}},
		"receipts of nothing":              {command{"receipts", ""}, []string{"mid"}},
		"SMS receipts of nothing":          {command{"sms-receipts", ""}, []string{"mid"}},
		"a channel without @ and a number": {aligo.NewProfile{Channel: "가게", Phone: "010-1", AuthNumber: "", Category: "1"},
			[]string{"Channel", "Phone", "AuthNumber", "Category"}},
		"an authentication for such a channel too": {command{"auth", "가게"}, []string{"Channel"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx, client := t.Context(), w.client
			var err error
			switch r := c.request.(type) {
			case aligo.SMS:
				_, err = client.SendSMS(ctx, r)
			case aligo.MassSMS:
				_, err = client.SendMassSMS(ctx, r)
			case aligo.AlimTalk:
				_, err = client.SendAlimTalk(ctx, r)
			case aligo.TemplateDraft:
				_, err = client.AddTemplate(ctx, r)
			case aligo.NewProfile:
				_, err = client.AddProfile(ctx, r)
			case command:
				switch r.name {
				case "del":
					err = client.DeleteTemplate(ctx, r.code)
				case "request":
					err = client.RequestTemplateReview(ctx, r.code)
				case "modify":
					_, err = client.ModifyTemplate(ctx, r.code, draft)
				case "receipts":
					_, err = client.AlimTalkReceipts(ctx, "", r.code)
				case "sms-receipts":
					_, err = client.SMSReceipts(ctx, "", r.code)
				case "auth":
					err = client.RequestProfileAuth(ctx, r.code, "01012345678")
				}
			}
			if len(c.wrong) == 0 {
				if err != nil {
					t.Errorf("unexpected error: %v", err)
				}
				return
			}
			wantError(t, err, aligo.ClassInvalid, "")
			var e *aligo.Error
			if !errors.As(err, &e) {
				return
			}
			var wrong []string
			for _, p := range e.Problems {
				wrong = append(wrong, p.Field)
			}
			if !slices.Equal(wrong, c.wrong) {
				t.Errorf("wrong are %q, want %q: %v", wrong, c.wrong, err)
			}
			if n := len(w.Calls()); n != 0 {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

// An error over a long list of problems stays readable, and where a character would be lost it says which and where.
func TestProblemsInWords(t *testing.T) {
	t.Parallel()
	_, err := newWorld(t).client.SendSMS(t.Context(), sms("안녕😀하세요", "01012345678"))
	const want = "aligo /send/: Invalid: Text: character 3 (U+1F600) cannot be shown by phones in Korea and would arrive as a question mark"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = newWorld(t).client.SendSMS(t.Context(), sms("안녕", make([]string, 1001)...))
	if err == nil || !strings.HasSuffix(err.Error(), "; and 997 more") {
		t.Errorf("got %v", err)
	}
}
