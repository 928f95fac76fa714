package aligo_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sms-api/internal/aligo"
	"sms-api/internal/untrusted"
)

func template(content string, buttons ...aligo.Button) aligo.Template {
	return aligo.Template{Code: "TX_1", Content: content, Buttons: buttons, InspStatus: aligo.InspApproved, Status: aligo.StatusNormal}
}

func TestRender(t *testing.T) {
	t.Parallel()
	web := func(link string) aligo.Button { return aligo.Button{Name: "보기", Type: "WL", LinkMobile: link} }
	emphasised := template("본문 #{이름}")
	emphasised.EmphasisType, emphasised.Title = aligo.EmphasisText, "#{제목} 안내"
	plainTitle := template("본문")
	plainTitle.EmphasisType, plainTitle.Title = aligo.EmphasisNone, "#{제목}"
	type vars = map[string]string
	for name, c := range map[string]struct {
		template  aligo.Template
		variables vars
		want      aligo.Rendered
		err       string
	}{
		"a text":                {template("#{이름}님, #{금액}원"), vars{"이름": "홍길동", "금액": "1,000"}, aligo.Rendered{Text: "홍길동님, 1,000원"}, ""},
		"nothing to fill in":    {template("안녕하세요"), nil, aligo.Rendered{Text: "안녕하세요"}, ""},
		"what is not asked for": {template("안녕"), vars{"이름": "홍길동"}, aligo.Rendered{Text: "안녕"}, ""},
		"one variable twice":    {template("#{이름}/#{이름}"), vars{"이름": "홍"}, aligo.Rendered{Text: "홍/홍"}, ""},
		"an empty value":        {template("#{이름}님"), vars{"이름": ""}, aligo.Rendered{Text: "님"}, ""},
		"line breaks stay as they are": {template("가\r\n#{이름}\n나\u00a0\u200b다"), vars{"이름": "두\n줄"},
			aligo.Rendered{Text: "가\r\n두\n줄\n나\u00a0\u200b다"}, ""},
		"a brace without its end":       {template("#{이름 님"), nil, aligo.Rendered{Text: "#{이름 님"}, ""},
		"emphasis title":                {emphasised, vars{"이름": "홍", "제목": "배송"}, aligo.Rendered{Text: "본문 홍", EmphasisTitle: "배송 안내"}, ""},
		"a title of a template without": {plainTitle, nil, aligo.Rendered{Text: "본문"}, ""},
		"buttons go along": {
			template("본문", web("https://masil.example/#{번호}"), aligo.Button{Name: "채널 추가", Type: "AC"}), vars{"번호": "12"},
			aligo.Rendered{Text: "본문", Buttons: []aligo.Button{web("https://masil.example/12"), {Name: "채널 추가", Type: "AC"}}}, "",
		},
		"missing in text, title and buttons": {
			func() aligo.Template {
				e := emphasised
				e.Buttons = []aligo.Button{web("https://a.example/#{번호}")}
				return e
			}(), nil, aligo.Rendered{},
			"template TX_1: no value for #{이름}, #{제목}, #{번호}",
		},
		"a placeholder in a value": {
			template("#{이름}님"), vars{"이름": "#{금액}"}, aligo.Rendered{}, "template TX_1: the value of #{이름} holds a placeholder itself",
		},
		"a value that is not UTF-8": {template("#{이름}님"), vars{"이름": "\xff"}, aligo.Rendered{}, "template TX_1: the value of #{이름} is not UTF-8"},
		"1,000 characters": {template("#{글}"), vars{"글": strings.Repeat("가", 1000)}, aligo.Rendered{Text: strings.Repeat("가", 1000)},
			""},
		"too long": {
			template("#{글}"), vars{"글": strings.Repeat("가", 1001)}, aligo.Rendered{},
			"template TX_1: the text has 1001 characters, the limit is 1000",
		},
		"a link that is none": {
			template("본문", web("#{주소}")), vars{"주소": "masil.example"}, aligo.Rendered{},
			"template TX_1: button 1 has a link that is not a web address",
		},
		"a template under review": {
			aligo.Template{Code: "TX_1", Content: "본문", InspStatus: aligo.InspRequested}, nil, aligo.Rendered{},
			"template TX_1: it is not approved",
		},
		"a stopped template": {
			aligo.Template{Code: "TX_1", Content: "본문", InspStatus: aligo.InspApproved, Status: aligo.StatusStopped}, nil,
			aligo.Rendered{Text: "본문"}, "",
		},
		"a link with a space": {
			template("본문", web("https://masil.example/#{번호}")), vars{"번호": "1 2"}, aligo.Rendered{},
			"template TX_1: button 1 has a link that is not a web address",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := aligo.NewRenderer(c.template).Render(c.variables)
			if c.err != "" {
				var e *aligo.RenderError
				if !errors.As(err, &e) || err.Error() != c.err {
					t.Errorf("got  %v\nwant %s", err, c.err)
				}
				return
			}
			if err != nil || !same(got, c.want) {
				t.Errorf("got  %s, %v\nwant %s", spell(got), err, spell(c.want))
			}
		})
	}
}

// What an untrusted caller gives cannot lead anybody elsewhere: into no address, and out of none.
func TestRenderForUntrustedCallers(t *testing.T) {
	t.Parallel()
	type vars = map[string]string
	button := func(link string) aligo.Template {
		return template("본문", aligo.Button{Name: "보기", Type: "WL", LinkMobile: link, LinkPC: link})
	}
	app := template("본문", aligo.Button{Name: "보기", Type: "AL", LinkIOS: "#{주소}", LinkAndroid: "shop://order/#{번호}"})
	open := untrusted.Rules{"주소": {Address: true}}
	const address, host = "has an address in it", "says where an address of the template leads; this caller may not give it"
	for name, c := range map[string]struct {
		template  aligo.Template
		variables vars
		rules     untrusted.Rules
		// want is the text and the mobile or Android link of the first button, err what is wrong.
		want, err string
	}{
		"a text":             {template("#{이름}님 #{번호}"), vars{"이름": "홍길동", "번호": "A-17"}, nil, "홍길동님 A-17", ""},
		"a segment":          {button("https://a.example/p/#{번호}"), vars{"번호": "A 1/7"}, nil, "본문 https://a.example/p/A%201%2F7", ""},
		"a value of a query": {button("https://a.example/p?n=#{번호}"), vars{"번호": "1&x=2"}, nil, "본문 https://a.example/p?n=1%26x%3D2", ""},
		"another page": {button("https://a.example/p/#{번호}"), vars{"번호": "../../redirect?to="}, nil,
			"본문 https://a.example/p/..%2F..%2Fredirect%3Fto%3D", ""},
		"encoded before": {button("https://a.example/p/#{번호}"), vars{"번호": "%2e%2e"}, nil, "본문 https://a.example/p/%252e%252e", ""},
		"up": {button("https://a.example/p/#{번호}"), vars{"번호": ".."}, nil,
			"", "a value that is . or .. leads out of an address of the template"},
		"up, in two parts": {button("https://a.example/p/#{번호}#{이름}/x"), vars{"번호": ".", "이름": "."}, nil,
			"", "a value that is . or .. leads out"},
		"here":                       {button("https://a.example/p/#{번호}?x"), vars{"번호": "."}, nil, "", "a value that is . or .. leads out"},
		"dots in a text":             {template("#{번호}"), vars{"번호": ".."}, nil, "..", ""},
		"an address":                 {template("#{이름}님"), vars{"이름": "https://evil.example"}, nil, "", "the value of #{이름} " + address},
		"an address, twice":          {template("#{이름}님 #{이름}"), vars{"이름": "evil.com"}, nil, "", "template TX_1: the value of #{이름} " + address},
		"an address that is none of": {template("#{이름}님"), vars{"이름": "홍", "다른": "evil.com"}, nil, "홍님", ""},
		"made of two": {template("#{이름}#{번호}"), vars{"이름": "evil", "번호": ".com"}, nil,
			"", "the values make an address together, or with what stands beside them"},
		"made with the template": {template("#{이름}.com"), vars{"이름": "evil"}, nil, "", "the values make an address together"},
		"a scheme of two": {template("#{이름}:#{번호}"), vars{"이름": "https", "번호": "//evil"}, nil,
			"", "the values make an address together"},
		"a title": {func() aligo.Template {
			e := template("본문")
			e.EmphasisType, e.Title = aligo.EmphasisText, "#{이름}#{번호}"
			return e
		}(), vars{"이름": "evil", "번호": ".com"}, nil, "", "the values make an address together"},
		"the name of a button": {
			template("본문", aligo.Button{Name: "#{이름}#{번호}", Type: "WL", LinkMobile: "https://a.example"}),
			vars{"이름": "evil", "번호": ".com"}, nil, "", "the values make an address together",
		},
		"joined to one that is allowed, in a text": {template("#{주소}#{번호}"), vars{"주소": "https://a.example", "번호": "x"}, open, "",
			"the value of #{번호} " + host},
		"beside an address":        {template("https://shop.kr 에서 #{이름}"), vars{"이름": "홍"}, nil, "https://shop.kr 에서 홍", ""},
		"in an address of a text":  {template("https://shop.kr/#{번호}"), vars{"번호": "../a?b"}, nil, "https://shop.kr/..%2Fa%3Fb", ""},
		"up, in a text":            {template("https://shop.kr/a/#{번호} 입니다"), vars{"번호": ".."}, nil, "", "a value that is . or .. leads out"},
		"a host":                   {button("https://#{주소}/a"), vars{"주소": "a"}, nil, "", "the value of #{주소} " + host},
		"a host's end":             {button("https://a.example#{주소}"), vars{"주소": "a"}, nil, "", "the value of #{주소} " + host},
		"a user's name":            {button("https://a.example:#{주소}/"), vars{"주소": "a"}, nil, "", "the value of #{주소} " + host},
		"a host in a text":         {template("https://shop.kr#{주소}"), vars{"주소": "x"}, nil, "", "the value of #{주소} " + host},
		"a whole link":             {button("#{주소}"), vars{"주소": "https://a.example/x"}, nil, "", "the value of #{주소} " + address},
		"a whole link of an app":   {app, vars{"주소": "shop", "번호": "1"}, nil, "", "the value of #{주소} " + host},
		"a whole link, as allowed": {button("#{주소}"), vars{"주소": "https://a.example/x?y"}, open, "본문 https://a.example/x?y", ""},
		"behind one that is allowed": {button("#{주소}/#{번호}"), vars{"주소": "https://a.example", "번호": "../x"}, open,
			"본문 https://a.example/..%2Fx", ""},
		"joined to one that is allowed": {button("#{주소}#{번호}"), vars{"주소": "https://a.example", "번호": "x"}, open, "",
			"the value of #{번호} " + host},
		"an address, as allowed": {template("여기 #{주소}"), vars{"주소": "https://shop.kr"}, open, "여기 https://shop.kr", ""},
		"not as allowed": {template("#{번호}"), vars{"번호": "17"}, untrusted.Rules{"번호": {Pattern: "[A-Z]-[0-9]+"}}, "",
			"does not match the pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := aligo.NewUntrustedRenderer(c.template, c.rules).Render(c.variables)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "evil") {
					t.Errorf("got  %v\nwant %s", err, c.err)
				}
				return
			}
			said := got.Text
			if len(got.Buttons) > 0 {
				said += " " + got.Buttons[0].LinkMobile
			}
			if err != nil || said != c.want {
				t.Errorf("got  %s, %v\nwant %s", said, err, c.want)
			}
		})
	}
}

// A template may have been written where letters come in parts; its variables are those that a message names.
func TestVariablesOfATemplateInNFD(t *testing.T) {
	t.Parallel()
	tpl := template(norm.NFD.String("#{주문\u200b번호} 접수"))
	got, err := aligo.NewRenderer(tpl).Render(map[string]string{"주문번호": "A-17"})
	if want := "A-17" + norm.NFD.String(" 접수"); err != nil || got.Text != want {
		t.Errorf("got %q, %v, want %q", got.Text, err, want)
	}
}

func TestFitsTemplate(t *testing.T) {
	t.Parallel()
	button := aligo.Button{Name: "보기", Type: "WL", LinkMobile: "https://masil.example/#{번호}"}
	sent := button
	sent.LinkMobile = "https://masil.example/7"
	with := func(b ...aligo.Button) aligo.Rendered { return aligo.Rendered{Text: "본문", Buttons: b} }
	elsewhere, renamed, retyped := sent, sent, sent
	elsewhere.LinkMobile, renamed.Name, retyped.Type = "https://evil.example/7", "보기!", "AL"
	for name, c := range map[string]struct {
		template aligo.Template
		message  aligo.Rendered
		// want is where and what; empty is a fit.
		want string
	}{
		"the same":                    {template("안녕하세요"), aligo.Rendered{Text: "안녕하세요"}, ""},
		"anything in a placeholder":   {template("#{이름}님\r\n#{글}끝"), aligo.Rendered{Text: "홍 길 동님\r\n두\n줄끝"}, ""},
		"the literal also in a value": {template("#{가}님, #{나}님"), aligo.Rendered{Text: "님님, 님님"}, ""},
		"nothing in a placeholder":    {template("<#{가}#{나}>"), aligo.Rendered{Text: "<>"}, ""},
		"another character": {template("주문 번호: #{번호}"), aligo.Rendered{Text: "주문 면호: 17"},
			`the text leaves template TX_1 at character 4 (line 1, column 4): the template has "번", not another character`},
		"a line feed for both": {template("가\r\n나"), aligo.Rendered{Text: "가\n나"},
			"the text leaves template TX_1 at character 2 (line 1, column 2): the template has a carriage return, not a line feed"},
		"a plain space for one that does not break": {template("가\n나\u00a0다"), aligo.Rendered{Text: "가\n나 다"},
			"the text leaves template TX_1 at character 4 (line 2, column 2): the template has a no-break space (U+00A0), not a space"},
		"a zero-width space too many": {template("가나"), aligo.Rendered{Text: "가\u200b나"},
			`the text leaves template TX_1 at character 2 (line 1, column 2): the template has "나", not a zero-width space (U+200B)`},
		"a byte order mark": {template("가"), aligo.Rendered{Text: "\ufeff가"},
			`the text leaves template TX_1 at character 1 (line 1, column 1): the template has "가", not a byte order mark (U+FEFF)`},
		"decomposed Hangul": {template("가"), aligo.Rendered{Text: "\u1100\u1161"},
			`the text leaves template TX_1 at character 1 (line 1, column 1): the template has "가", not another character`},
		"a control character": {template("가"), aligo.Rendered{Text: "\x00가"},
			`the text leaves template TX_1 at character 1 (line 1, column 1): the template has "가", not U+0000`},
		"too short": {template("가나다"), aligo.Rendered{Text: "가나"},
			`the text leaves template TX_1 at character 3 (line 1, column 3): the template goes on with "다", but the message ends`},
		"too long": {template("가나"), aligo.Rendered{Text: "가나\n"},
			"the text leaves template TX_1 at character 3 (line 1, column 3): the template ends there"},
		"the middle": {template("#{이름}님, 안녕하세요. #{글}"), aligo.Rendered{Text: "홍길동님, 안녕 하세요. 또"},
			`the text leaves template TX_1 at character 9 (line 1, column 9): the template has "하", not a space`},
		"the end": {template("#{이름}님\r\n감사합니다."), aligo.Rendered{Text: "홍길동님\n감사합니다."},
			"the text leaves template TX_1 at character 5 (line 1, column 5): the template has a carriage return before that"},
		"an end that is in the text twice": {template("#{이름}님"), aligo.Rendered{Text: "홍님 님!"},
			`the text leaves template TX_1 at character 6 (line 1, column 6): the template has "님" before that`},
		"a title of a template without": {template("본문"), aligo.Rendered{Text: "본문", EmphasisTitle: "제목"},
			"the emphasis title leaves template TX_1 at character 1 (line 1, column 1): the template ends there"},
		"buttons": {template("본문", button), with(sent), ""},
		"no button": {template("본문", button), with(),
			"the list of buttons leaves template TX_1 at character 1 (line 1, column 1): the template has 1 buttons, the message 0"},
		"a button elsewhere": {template("본문", button), with(elsewhere),
			`the mobile link of button 1 leaves template TX_1 at character 9 (line 1, column 9): the template has "m", not another character`},
		"a button of another name": {template("본문", button), with(renamed),
			"the name of button 1 leaves template TX_1 at character 3 (line 1, column 3): the template ends there"},
		"a button of another type": {template("본문", button), with(retyped),
			`the type of button 1 leaves template TX_1 at character 1 (line 1, column 1): the template has "W", not another character`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := aligo.NewRenderer(c.template).Fits(c.message)
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFallbackText(t *testing.T) {
	t.Parallel()
	got := aligo.FallbackText(aligo.Rendered{Text: "본문\r\nhttps://b.example/ 참고", Buttons: []aligo.Button{
		{Type: "WL", LinkMobile: "https://a.example/1", LinkPC: "https://a.example/pc"}, {Type: "WL", LinkPC: "https://c.example/"},
		{Type: "AL", LinkIOS: "masil://x"}, {Type: "WL", LinkMobile: "https://b.example/"},
	}})
	if want := "본문\nhttps://b.example/ 참고\nhttps://a.example/1\nhttps://c.example/"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Whatever the template and the values, what is rendered fits, or it says why not.
func FuzzRender(f *testing.F) {
	f.Add("#{이름}님", "이름", "홍길동", "https://a.example/#{이름}")
	f.Add("#{a}#{b}#{a", "a", "#{b}", "x")
	f.Add("가\r\n#{}나", "", "\u200b", "")
	f.Fuzz(func(t *testing.T, content, name, value, link string) {
		tpl := template(content, aligo.Button{Name: "보기", Type: "WL", LinkMobile: link})
		variables := map[string]string{name: value}
		r, err := aligo.NewRenderer(tpl).Render(variables)
		if err != nil {
			var e *aligo.RenderError
			if !errors.As(err, &e) {
				t.Errorf("error is a %T", err)
			}
			return
		}
		if err := aligo.NewRenderer(tpl).Fits(r); err != nil {
			t.Errorf("rendered, but %v", err)
		}
		for _, v := range tpl.Variables() {
			if v != name {
				t.Errorf("rendered without a value for %q", v)
			}
		}
	})
}

// A message that differs from its template in one character outside the placeholders is told from one that fits.
func FuzzFitsTemplate(f *testing.F) {
	f.Add("주문 번호는 ", "입니다.\r\n", "A-17", 3)
	f.Add("", "", "", 0)
	f.Fuzz(func(t *testing.T, before, after, value string, at int) {
		if strings.Contains(before+after, "#{") || strings.Contains(before+after, "}") || !utf8.ValidString(before) || !utf8.ValidString(after) {
			return
		}
		tpl := template(before + "#{값}" + after)
		fits := aligo.Rendered{Text: before + value + after}
		if err := aligo.NewRenderer(tpl).Fits(fits); err != nil {
			t.Fatalf("%q does not fit %q: %v", fits.Text, tpl.Content, err)
		}
		runes := []rune(before)
		if len(runes) == 0 || at < 0 {
			return
		}
		at %= len(runes)
		other := slices.Clone(runes)
		other[at] ^= 1
		if string(other) == before {
			return
		}
		err := aligo.NewRenderer(tpl).Fits(aligo.Rendered{Text: string(other) + value + after})
		var e *aligo.MismatchError
		if !errors.As(err, &e) {
			t.Fatalf("%q fits %q", string(other)+value+after, tpl.Content)
		}
		if want := firstDifference(string(runes), string(other)); e.Index != want {
			t.Errorf("leaves at %d, want %d: %v", e.Index, want, fmt.Sprint(err))
		}
	})
}

func firstDifference(a, b string) int {
	x, y := []rune(a), []rune(b)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return i
		}
	}
	return min(len(x), len(y))
}
