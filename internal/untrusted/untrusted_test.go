package untrusted_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sms-api/internal/untrusted"
)

// What shops ordinarily put into their templates goes through, and what a phone would make a link of does not, however it is
// written.
func TestValues(t *testing.T) {
	t.Parallel()
	const line, address, turned = "is more than one line", "has an address in it", "is written in the other direction"
	for value, want := range map[string]string{
		"A-17": "", "2026.11.26": "", "2026. 11. 26.": "", "3.5kg": "", "12:30": "", "010-1234-5678": "", "홍길동(주)": "", "v1.2": "",
		"10.000원": "", "v1.2.3.4": "", "26.11.26 (목) 오후 3:00": "", "": "", "https": "", "주문번호: 17": "", "A/S 접수": "", "1/2": "",
		"M.A.C 립스틱": "", "Dr.Jart 크림": "", "U.S. Polo": "", "No.5": "", "Ph.D 김": "", "감사합니다.한국으로 발송": "", "Co.,Ltd.": "", "S/N: 01-A": "",
		"서울시 강남구 테헤란로 1, 101동 202호": "", "-10%": "", "100%": "", "a@b": "", "#17": "", "C++ & C#": "", "데이터: 3GB": "", "배송중...곧 도착": "",
		"e.g. 홍차": "", "O'Neil": "", "Node.js": "", "사진.jpg": "", "〒06236": "", "한·중·일": "", "①번": "", "👍": "", "T.O.P": "", "안녕하세요.저는": "",
		"\u202a010-1234-5678\u202c": "", "\u200e홍길동": "", "1.234.567원": "", "9.9%": "", "25.7.2000": "", "Tel 02-123-4567": "", "3:2:1": "",
		strings.Repeat("가", 100): "",

		strings.Repeat("가", 101):        "has 101 characters; at most 100 are allowed",
		"A-1\nhttps://evil.example/pay": line, "A-1\r": line, "A\u2028B": line, "A\u2029B": line, "A\u0085B": line, "A\vB": line, "A\fB": line,
		"moc.live//:sptth\u202e": turned, "\u202dA": turned,
		"https://evil.example": address, "HTTPS://EVIL.EXAMPLE": address, "hTtP://x": address, "hxxp://evil": address, "http:／／evil": address,
		"ｈｔｔｐ：／／evil": address, "ht\u200btps://evil": address, "h\u2060t\u00adt\ufeffps:/\u200d/evil": address, "ht\tps://evil": address,
		"http:\\\\evil": address, "https：//evil": address, "ftp://x": address, "javascript:alert(1)": address, "intent:#Intent": address,
		"tel:0601234567": address, "TEL:060-123-4567": address, "sms:0601": address, "mailto:a@b": address, "kakaotalk://open": address,
		"kakaolink:send": address, "market://details": address, "data:text/html,x": address, "http:evil": address,
		"www.evil": address, "WWW.evil": address, "ｗｗｗ.evil": address, "ⓦⓦⓦ.evil": address, "www。evil": address,
		"evil.com": address, "EVIL.COM": address, "여기 evil.com/pay 로": address, "evil.com에서 결제": address,
		"evil。com": address, "evil．com": address,
		"evil｡com": address, "evil․com": address, "ｅｖｉｌ.ｃｏｍ": address, "e\u200bvil.c\u200com": address,
		"evil.co.kr": address, "bit.ly/abc": address,
		"me2.do/x": address, "이벤트.com": address, "이벤트.한국": address, "이벤트.닷컴": address, "xn--9q8h.xn--3e0b707e": address, "evil.com.": address,
		"evil.соm": address, "еvil.com": address, "𝐞𝐯𝐢𝐥.𝐜𝐨𝐦": address, "user@evil.com": address,
		"1.2.3.4": address, "255.249.199.99": address, "256.1.2.3": "", "evil.xn--abc": address, "192.168.0.1/pay": address,
		"１９２．１６８．０．１": address, "//evil.com": address, "evil.com:8080": address, "evil.com\u202c": address, "\u200fevil.com": address,
		"a.b.c.evil.shop": address, "(evil.com)": address, "'evil.com'": address, "evil.com?x=1": address, "evil.com#x": address,
		"evil-.com": address, "e_vil.com": address,
		// An SMS has no accents: it says evil.com.
		"evil.co\u0301m": address, "evil.cóm": address, "evil.\u3164com": address, "evil\u2010shop.com": address,
		"évil.com": address, "ⓔⓥⓘⓛ.com": address, "evil\ufe52com": address, "evil.\u200bcom": address,
		"evil\t.com": address, "www\t.evil": address, "evil\u2010.com": address, `app:\\evil`: address, `app:/\evil`: address,
		"https:\u2028//evil": line, "옵션(http://evil)": address, "결제https://evil": address, "2026.11.26.evil.com": address,
	} {
		if got := (untrusted.Rule{}).Check(value); got != want {
			t.Errorf("%+q: %q, want %q", value, got, want)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule  untrusted.Rule
		value string
		want  string
	}{
		{untrusted.Rule{MaxLength: 3}, "가나다", ""},
		{untrusted.Rule{MaxLength: 3}, "가나다라", "has 4 characters; at most 3 are allowed"},
		{untrusted.Rule{MaxLength: 200}, strings.Repeat("가", 200), ""},
		{untrusted.Rule{Pattern: `A-[0-9]+`}, "A-17", ""},
		{untrusted.Rule{Pattern: `A-[0-9]+`}, "xA-17", "does not match the pattern that the stack has for it"},
		{untrusted.Rule{Pattern: `A|B`}, "AB", "does not match the pattern that the stack has for it"},
		{untrusted.Rule{Pattern: `.*`}, "evil.com", "has an address in it"},
		{untrusted.Rule{Address: true}, "https://shop.example/a", ""},
		{untrusted.Rule{Address: true, Pattern: `https://shop\.example/[a-z]+`}, "https://shop.example/a", ""},
		{untrusted.Rule{Address: true, Pattern: `https://shop\.example/[a-z]+`}, "https://evil.example/a",
			"does not match the pattern that the stack has for it"},
		{untrusted.Rule{Pattern: `(`}, "A", "does not match the pattern that the stack has for it"},
		{untrusted.Rule{Address: true}, "a\nb", "is more than one line"},
		{untrusted.Rule{Lines: true}, "a\nb", ""},
		{untrusted.Rule{Lines: true}, "a\nevil.com", "has an address in it"},
	} {
		if got := c.rule.Check(c.value); got != c.want {
			t.Errorf("%+v, %q: %q, want %q", c.rule, c.value, got, c.want)
		}
	}
}

// A value that goes into a URL is one segment or one value of it.
func TestComponent(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"A-17": "A-17", "6012 7788": "6012%207788", "../../redirect?to=": "..%2F..%2Fredirect%3Fto%3D",
		"a&b=c": "a%26b%3Dc", "%2e%2e": "%252e%252e",
		"홍": "%ED%99%8D", "a#b": "a%23b", `\`: "%5C", "@x:1": "%40x%3A1", "a+b;c": "a%2Bb%3Bc", "~_.-": "~_.-",
	} {
		if got := untrusted.Component(value); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for link, places := range map[bool]map[string]untrusted.Place{
		true: {
			"https://shop.example/": untrusted.InURL, "https://shop.example/a?b=": untrusted.InURL,
			"https://shop.example?b=": untrusted.InURL, "shop://order/": untrusted.InURL, "https://shop.example": untrusted.InHost,
			"https://": untrusted.InHost, "": untrusted.InHost, "tel:": untrusted.InHost, "https://shop.example:": untrusted.InHost,
			"https:///": untrusted.InHost, "javascript:x/": untrusted.InHost, "http": untrusted.InHost, "/": untrusted.InHost,
		},
		false: {
			"": untrusted.InText, "주문 ": untrusted.InText, "https://shop.example 번호: ": untrusted.InText,
			"자세히: https://shop.example/": untrusted.InURL, "(https://shop.example/?x=": untrusted.InURL,
			"자세히 https://": untrusted.InHost, "자세히 https://shop.example": untrusted.InHost, "자세히 https://shop1": untrusted.InHost,
			"https://1.2.3.4": untrusted.InHost, `https:\\shop.example\`: untrusted.InURL, "shop.co.kr#": untrusted.InURL,
			"shop.co.kr에서 ": untrusted.InText, "www.": untrusted.InHost, "www.shop.example/": untrusted.InURL,
			"shop.co.kr/p/": untrusted.InURL, "shop.co.kr?p=": untrusted.InURL, "1/": untrusted.InText, "A/S ": untrusted.InText,
		},
	} {
		for before, want := range places {
			if got := untrusted.PlaceAfter(before, link); got != want {
				t.Errorf("after %q (link %v): %v, want %v", before, link, got, want)
			}
		}
	}
}

// What leads back up in a path does so however it is written.
func TestDots(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"": 0, "https://shop.example/a": 0, "/.well-known": 0, "/a..b/": 0, "/...": 0, "..": 0, "/..a": 0, "/%2e%2e%2e/": 0,
		"/..": 1, "/.": 1, "/../a": 1, "/./a": 1, "/%2e%2E/": 1, "/.%2e?a": 1, "/%2E#a": 1, `\..\`: 1, `/..\a`: 1, "/.. 로": 1,
		"/../..": 2, "/../../redirect": 2, "/./%2e/..": 3, "/../a/../b": 2,
	} {
		if got := untrusted.Dots(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// An address that the template has itself is the shop's own.
func TestNewAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		template, filled string
		want             bool
	}{
		{"주문   접수", "주문 17 접수", false},
		{"https://shop.example/ ", "https://shop.example/17", false},
		{"HTTPS://SHOP.example/ ", "https://shop.EXAMPLE/17", false},
		{"주문 ", "주문 evil.com", true},
		{"https://shop.example ", "https://shop.example evil.com", true},
		{" . ", "evil.com", true},
		{"https:// ", "https://evil.com", true},
	} {
		if got := untrusted.NewAddress(c.template, c.filled); got != c.want {
			t.Errorf("%q filled in as %q: %v, want %v", c.template, c.filled, got, c.want)
		}
	}
}

// many are so many keys.
func many[V any](n int) map[string]V {
	m := map[string]V{}
	for i := range n {
		m[fmt.Sprint("v", i)] = *new(V)
	}
	return m
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 513)
	of := func(rules untrusted.Rules) untrusted.Policy {
		return untrusted.Policy{Templates: map[string]untrusted.Rules{"T": rules}}
	}
	for _, c := range []struct {
		policy untrusted.Policy
		says   []string
	}{
		{untrusted.Policy{}, nil},
		{untrusted.Policy{Templates: map[string]untrusted.Rules{"T": {"주문번호": {Pattern: `[A-Z]-\d+`, MaxLength: 1000}}}}, nil},
		{untrusted.Policy{Templates: map[string]untrusted.Rules{"T": {"a": {Pattern: "("}, "b": {MaxLength: 1001}, "": {},
			"c": {Pattern: long}}}},
			[]string{`templates:T: "a": pattern`, `templates:T: "b": maxLength 1001 is not from 1 to 1000`,
				`templates:T: ""`, `templates:T: "c": pattern`}},
		{untrusted.Policy{Templates: map[string]untrusted.Rules{"": {}}}, []string{"templates:: "}},
		{untrusted.Policy{Templates: map[string]untrusted.Rules{"T": {"a": {Pattern: long[1:]}}}}, nil},
		{of(untrusted.Rules{"{a}": {}}), []string{`templates:T: "{a}" is not the name`}},
		{of(untrusted.Rules{norm.NFD.String("주문"): {}}), []string{
			`templates:T: "\u110c\u116e\u1106\u116e\u11ab" has letters that are taken apart`,
		}},
		{of(untrusted.Rules{"\ufeff주문": {}}), []string{`templates:T: "\ufeff\uc8fc\ubb38" has letters that are taken apart`}},
		{of(many[untrusted.Rule](100)), nil},
		{of(many[untrusted.Rule](101)), []string{"templates:T: there are 101 variables"}},
		{untrusted.Policy{Templates: many[untrusted.Rules](500)}, nil},
		{untrusted.Policy{Templates: many[untrusted.Rules](501)}, []string{"templates: there are 501"}},
		{untrusted.Policy{FrontendRoles: slices.Collect(maps.Keys(many[int](100)))}, nil},
		{untrusted.Policy{FrontendRoles: slices.Collect(maps.Keys(many[int](101)))}, []string{"api:frontendRoles: there are 101"}},
		{untrusted.Policy{FrontendRoles: []string{"web", "arn:aws:iam::123456789012:role/a/b/web"}}, nil},
		{untrusted.Policy{FrontendRoles: []string{"a/b", "arn:aws:iam::123456789012:user/web", "", "arn:aws:iam::12345:role/web",
			"arn:aws:sts::123456789012:role/web", "arn:aws:iam:ap-northeast-2:123456789012:role/web"}},
			[]string{`api:frontendRoles: "arn:aws:iam::12345:role/web"`, `api:frontendRoles: "arn:aws:sts::123456789012:role/web"`,
				`api:frontendRoles: "arn:aws:iam:ap-northeast-2:123456789012:role/web"`,
				`api:frontendRoles: "a/b"`, `api:frontendRoles: "arn:aws:iam::123456789012:user/web"`, `api:frontendRoles: ""`}},
	} {
		errs := c.policy.Check()
		for _, says := range c.says {
			found := false
			for _, err := range errs {
				found = found || strings.HasPrefix(err.Error(), says)
			}
			if !found {
				t.Errorf("%+v: %v do not say %q", c.policy, errs, says)
			}
		}
		if len(errs) != len(c.says) {
			t.Errorf("%+v: %v", c.policy, errs)
		}
		if len(c.says) > 0 {
			continue
		}
		file, err := c.policy.File()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := untrusted.ReadFile(file); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range []string{
		`{"templates":{"T":{"a":{"pattern":"("}}}}`, `{`, `{"templates":{"T":{"a":{"maxLength":1001}}}}`, `{"template":{}}`,
		`{"templates":{"T":{"a":{"host":true}}}}`, `{"frontendRoles":[""]}`,
	} {
		if _, err := untrusted.ReadFile([]byte(wrong)); err == nil {
			t.Errorf("%s was read", wrong)
		}
	}
}

func TestFrontendRoles(t *testing.T) {
	t.Parallel()
	p := untrusted.Policy{FrontendRoles: []string{"Web", "arn:aws:iam::123456789012:role/apps/mobile"}}
	for arn, want := range map[string]bool{
		"arn:aws:sts::123456789012:assumed-role/web/session":    true,
		"arn:aws:sts::000000000000:assumed-role/Web/x":          true,
		"arn:aws:sts::123456789012:assumed-role/mobile/x":       true,
		"arn:aws:sts::123456789012:assumed-role/MOBILE/x":       true,
		"arn:aws:sts::000000000000:assumed-role/mobile/x":       false,
		"arn:aws:sts::123456789012:assumed-role/orders/web":     false,
		"arn:aws:sts::123456789012:assumed-role/orders/Web/Web": false,
		"arn:aws:iam::123456789012:user/Web":                    false,
		"arn:aws:sts::123456789012:assumed-role/Webx/x":         false,
	} {
		if got := p.Frontend(arn); got != want {
			t.Errorf("%s: %v, want %v", arn, got, want)
		}
	}
}

// FuzzComponent puts a value into a path and into a query: whatever it is, the URL keeps its host, its path's length and its
// parameters, but for values that are dots alone, which Dots finds.
func FuzzComponent(f *testing.F) {
	for _, s := range []string{"A-17", "..", "../../redirect?to=", "%2e%2e", "a&b=c#d", `\\evil.com`, "홍길동", "\u2028", "@evil.com", ";"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		const template = "https://shop.example/p/x/end?n=x&m=1"
		filled := strings.ReplaceAll(template, "x/", untrusted.Component(value)+"/")
		filled = strings.Replace(filled, "n=x", "n="+untrusted.Component(value), 1)
		u, err := url.Parse(filled)
		if err != nil {
			t.Fatalf("%q: %v", filled, err)
		}
		q, err := url.ParseQuery(u.RawQuery)
		if err != nil || len(q) != 2 || q.Get("n") != value || q.Get("m") != "1" || u.Host != "shop.example" || u.Fragment != "" {
			t.Fatalf("%q: %v %v", filled, u, err)
		}
		if untrusted.Dots(filled) == untrusted.Dots(template) && u.JoinPath().EscapedPath() != u.EscapedPath() && value != "" {
			t.Fatalf("%q moves in %q", value, filled)
		}
	})
}

// FuzzCheck takes apart whatever is written: it never fails, and what it lets through has no address as it stands.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"A-17", "https://evil.example", "evil。com", "e\u200bvil.com", "www.evil", "\xff.com"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if (untrusted.Rule{MaxLength: 1000}).Check(value) != "" {
			return
		}
		lower := strings.ToLower(strings.Map(func(r rune) rune {
			if unicode.Is(unicode.Cf, r) {
				return -1
			}
			return r
		}, value))
		for _, bad := range []string{"://", "www.a", "a.com ", "a.kr/", "\n"} {
			if strings.Contains(lower, bad) {
				t.Errorf("%+q has %q", value, bad)
			}
		}
	})
}
