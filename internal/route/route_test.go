package route_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sms-api/internal/message"
	"sms-api/internal/route"
	"sms-api/internal/testkit"
)

// shop is a pattern that no event of this system matches.
const shop = `{"source":["com.example.shop"],"detail-type":["OrderPaid"]}`

// least is a template that makes a message.
const least = `{"template":"TX_1234","recipients":[{"to":"<$.detail.phone>"}]}`

// made is a route with this template and these named paths.
func made(template string, paths map[string]string) route.Route {
	return route.Route{Name: "order-paid", Pattern: json.RawMessage(shop), InputPaths: paths, InputTemplate: json.RawMessage(template)}
}

func event(detail string) []byte {
	return []byte(`{"version":"0","id":"e-1","detail-type":"OrderPaid","source":"com.example.shop","account":"000000000000",` +
		`"time":"2026-12-01T00:00:00Z","region":"ap-northeast-2","resources":[],"detail":` + detail + `}`)
}

const order = `{"id":12345678901234567890,"code":"A-17","paid":true,"note":null,` +
	`"customer":{"name":"O\"Neil\\\n<phone>","phone":"010-1234-5678"},` +
	`"who":[{"phone":"010-1111-2222","name":"김"},{"phone":"010-3333-4444","name":"이"}],"numbers":["010-5555-6666"],"none":[],"주문 번호":"B-1"}`

func TestFill(t *testing.T) {
	t.Parallel()
	paths := map[string]string{
		"phone": "$.detail.customer.phone", "name": "$.detail.customer.name", "id": "$.detail.id", "code": "$.detail.code",
		"theirs": "@.phone", "all": "$.detail.who", "paid": "$.detail.paid",
	}
	for about, c := range map[string]struct{ template, want string }{
		"a named path":                   {`{"to":"<phone>"}`, `{"to":"010-1234-5678"}`},
		"a path":                         {`{"to":"<$.detail.customer.phone>"}`, `{"to":"010-1234-5678"}`},
		"a path with an index":           {`{"to":"<$.detail.who[1].phone>"}`, `{"to":"010-3333-4444"}`},
		"a path with a name in brackets": {`{"a":"<$.detail['주문 번호']>"}`, `{"a":"B-1"}`},
		"a path to the event around":     {`{"a":"<$.detail-type> <$.id>"}`, `{"a":"OrderPaid e-1"}`},
		"letters that are taken apart": {
			norm.NFD.String(`{"a":"<$.detail['주문 번호']>"}`), `{"a":"B-1"}`,
		},
		"a value stays one text":          {`{"a":"<name>"}`, `{"a":"O\"Neil\\\n<phone>"}`},
		"a value in a text stays in it":   {`{"a":"from <name> of <phone>."}`, `{"a":"from O\"Neil\\\n<phone> of 010-1234-5678."}`},
		"a number is its text, all of it": {`{"a":"<id>","b":"no. <id>"}`, `{"a":"12345678901234567890","b":"no. 12345678901234567890"}`},
		"true is true":                    {`{"fallback":{"enabled":"<paid>"}}`, `{"fallback":{"enabled":true}}`},
		"what has no placeholder stays":   {`{"a":[1,2.50,false,null,"x"],"b":{}}`, `{"a":[1,2.50,false,null,"x"],"b":{}}`},
		"a < that begins no name":         {`{"a":"1 < 2, <, <>, <a b>, <주문>"}`, `{"a":"1 < 2, <, <>, <a b>, <주문>"}`},
		"a loop": {
			`{"recipients":[{"forEach":"$.detail.who","to":"<@.phone>","a":"<code>"}]}`,
			`{"recipients":[{"a":"A-17","to":"010-1111-2222"},{"a":"A-17","to":"010-3333-4444"}]}`,
		},
		"a loop over a named path": {
			`{"recipients":[{"forEach":"<all>","to":"<theirs>"}]}`,
			`{"recipients":[{"to":"010-1111-2222"},{"to":"010-3333-4444"}]}`,
		},
		"a loop over texts": {
			`{"recipients":[{"forEach":"$.detail.numbers","to":"<@>"}]}`,
			`{"recipients":[{"to":"010-5555-6666"}]}`,
		},
		"a loop over nothing": {`{"recipients":[{"forEach":"$.detail.none","to":"<@>"}]}`, `{"recipients":[]}`},
		"a loop beside others": {
			`{"recipients":[{"to":"1"},{"forEach":"$.detail.numbers","to":"<@>"},{"to":"2"}]}`,
			`{"recipients":[{"to":"1"},{"to":"010-5555-6666"},{"to":"2"}]}`,
		},
		"as a text": {testkit.JSON(t, `{ "to": "<phone>", "a": "\"<code>\"" }`), `{"a":"\"A-17\"","to":"010-1234-5678"}`},
		"as a text, with a bare name": {
			testkit.JSON(t, `{"to": <phone>, "n": <id>,
			"a": "<"}`), `{"a":"<","n":"12345678901234567890","to":"010-1234-5678"}`,
		},
		"as a text, with a bare path":       {testkit.JSON(t, `{"to": <$.detail.customer.phone>}`), `{"to":"010-1234-5678"}`},
		"the value of a name is no pattern": {`{"a":"<name><name>"}`, `{"a":"O\"Neil\\\n<phone>O\"Neil\\\n<phone>"}`},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			template, err := made(c.template, paths).Template()
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Fill(event(order))
			if err != nil || string(got.Request) != c.want || len(got.Problems) != 0 {
				t.Errorf("%v, %v\n%s, want\n%s", err, got.Problems, got.Request, c.want)
			}
		})
	}
}

// What cannot be filled in is said with the route, the placeholder and the path, and without a value.
func TestFillSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"phone": "$.detail.customer.tel", "customer": "$.detail.customer"}
	many := `{"who":[` + strings.Repeat(`"0101234",`, 500) + `"010"]}`
	for about, c := range map[string]struct{ template, detail, at, want string }{
		"a path that is not there": {`{"to":"<phone>"}`, order, "/to", "<phone> is $.detail.customer.tel, which the event does not have"},
		"an index past the end": {`{"to":"<$.detail.who[2].phone>"}`, order, "/to",
			"<$.detail.who[2].phone> is $.detail.who[2].phone, which the event does not have"},
		"an object": {
			`{"to":"<customer>"}`, order, "/to",
			"<customer> is $.detail.customer, which is an object in the event, not a string or a number",
		},
		"an object in a text": {`{"to":"x <customer>"}`, order, "/to", "<customer> is $.detail.customer, which is an object in the event"},
		"a list":              {`{"to":"<$.detail.who>"}`, order, "/to", "which is a list in the event"},
		"null":                {`{"to":"<$.detail.note>"}`, order, "/to", "which is null in the event"},
		"true inside a text":  {`{"a":"it is <$.detail.paid>"}`, order, "/a", "which is true or false in the event"},
		"a loop over no list": {
			`{"a":[{"forEach":"$.detail.customer","to":"<@>"}]}`, order, "/a",
			"forEach goes through $.detail.customer, which is an object",
		},
		"a loop over nothing": {
			`{"a":[{"forEach":"$.detail.gone","to":"<@>"}]}`, order, "/a",
			"forEach goes through $.detail.gone, which the event does not have",
		},
		"a loop that is long": {
			`{"a":[{"forEach":"$.detail.who","to":"<@>"}]}`, many, "/a",
			"which has 501 elements in the event; at most 500 are allowed",
		},
		"an element's path": {
			`{"a":[{"forEach":"$.detail.who","to":"<@.tel>"}]}`, `{"who":[{"tel":"1"},{"phone":"2"}]}`, "/a/1/to",
			"<@.tel> is $.detail.who[1].tel, which the event does not have",
		},
		"a long text too often": {`{"a":[{"forEach":"$.detail.who","to":"<$.detail.long>"}]}`,
			`{"who":[1,2,3],"long":"` + strings.Repeat("0101234", 150_000) + `"}`, "/a/1/to",
			"filled in up to here, the message has more than 2097152 bytes"},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			template, err := made(c.template, paths).Template()
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Fill(event(c.detail))
			if err != nil || len(got.Problems) != 1 {
				t.Fatalf("%v, %v", err, got.Problems)
			}
			p := got.Problems[0]
			if p.Pointer != c.at || !strings.HasPrefix(p.Detail, "route order-paid: ") || !strings.Contains(p.Detail, c.want) {
				t.Errorf("got %+v, want %s at %s", p, c.want, c.at)
			}
			if strings.Contains(p.Detail, "1234") {
				t.Errorf("%q has a value of the event", p.Detail)
			}
		})
	}
}

func TestWhatIsWrongWithARequestIsTracedToTheEvent(t *testing.T) {
	t.Parallel()
	template, err := made(`{"recipients":[{"to":"010-1234-5678"},`+
		`{"forEach":"$.detail.who","to":"<@.phone>","name":"<$.detail.code>-<@.name>"}]}`, nil).Template()
	if err != nil {
		t.Fatal(err)
	}
	filled, err := template.Fill(event(order))
	if err != nil {
		t.Fatal(err)
	}
	got := filled.Explain([]message.ValidationError{
		{Pointer: "/template", Detail: "is missing"}, {Pointer: "/recipients/2/to", Detail: "is wrong"},
		{Pointer: "/recipients/1/name", Detail: "is long"}, {Pointer: "/recipients", Detail: "is long"},
	})
	want := []message.ValidationError{
		{Pointer: "/template", Detail: "is missing (route order-paid)"},
		{Pointer: "/recipients/2/to", Detail: "is wrong (route order-paid: <@.phone> is $.detail.who[1].phone)"},
		{Pointer: "/recipients/1/name", Detail: "is long (route order-paid: <$.detail.code> is $.detail.code, <@.name> is $.detail.who[0].name)"},
		{Pointer: "/recipients", Detail: "is long (route order-paid: forEach $.detail.who)"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v,\nwant %v", got, want)
	}
}

func TestFillNeedsAnEvent(t *testing.T) {
	t.Parallel()
	template, err := made(`{}`, nil).Template()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{``, `null`, `[]`, `"x"`, `{`, strings.Repeat(`{"a":`, 20_000)} {
		if _, err := template.Fill([]byte(e)); err == nil {
			t.Errorf("%.20q was filled in", e)
		}
	}
}

// An event of this system that made a message, whose outcome is such an event again, would go on for ever.
func TestPatternsThatCouldMatchTheSystemsOwnEventsAreRefused(t *testing.T) {
	t.Parallel()
	for pattern, refused := range map[string]bool{
		shop:                            false,
		`{"detail-type":["OrderPaid"]}`: false,
		`{"source":[{"anything-but":["sms-api"]}]}`:                              false,
		`{"source":[{"anything-but":"sms-api"}],"detail":{"status":["failed"]}}`: false,
		`{"source":[{"anything-but":{"prefix":"sms-"}}]}`:                        false,
		`{"source":[{"prefix":"com."},{"suffix":".shop"}]}`:                      false,
		`{"source":[{"prefix":{"equals-ignore-case":"COM."}}]}`:                  false,
		`{"source":[{"wildcard":"com.*"}]}`:                                      false,
		`{"source":[{"wildcard":"sms\\*"}]}`:                                     false,
		`{"source":["sms-api"],"detail-type":["OrderPaid"]}`:                     false,
		`{"source":[{"numeric":[">",1]},{"cidr":"10.0.0.0/8"},null,1,true]}`:     false,
		`{"source":[{"exists":false}]}`:                                          false,
		`{"$or":[{"source":["a"]},{"source":["b"]}]}`:                            false,
		`{"source":["a"],"detail":{"$or":[{"typ":["b"]},{"c":["d"]}]}}`:          false,
		`{"source":["a"],"replay-name":[{"exists":false}]}`:                      false,
		`{"source":["a"],"version":["0"],"id":["1"],"time":["2026-12-01T00:00:00Z"],"region":["ap-northeast-2"],"resources":["b"]}`: false,
		`{"source":["a"],"$or":[{"detail":{"x":[1]}},{"detail":{"x":[2]}}]}`:                                                        false,
		`{"source":["sms-api"]}`:                                                   true,
		`{"source":["com.example.shop","sms-api"]}`:                                true,
		`{"detail":{"status":["failed"]}}`:                                         true,
		`{"account":["111122223333"]}`:                                             true,
		`{"detail-type":["MessageSettled"]}`:                                       true,
		`{"detail-type":["OrderPaid","MessageRejected"]}`:                          true,
		`{"detail-type":["MessageAccepted"]}`:                                      true,
		`{"detail-type":["CampaignSettled"]}`:                                      true,
		`{"detail-type":[{"prefix":"Message"}]}`:                                   true,
		`{"detail-type":[{"suffix":"Settled"}]}`:                                   true,
		`{"detail-type":[{"equals-ignore-case":"messagesettled"}]}`:                true,
		`{"detail-type":[{"anything-but":["MessageSettled","MessageRejected"]}]}`:  true,
		`{"source":[{"prefix":""}]}`:                                               true,
		`{"source":[{"prefix":"sms"}]}`:                                            true,
		`{"source":[{"suffix":"-api"}]}`:                                           true,
		`{"source":[{"suffix":{"equals-ignore-case":"-API"}}]}`:                    true,
		`{"source":[{"wildcard":"s*i"}]}`:                                          true,
		`{"source":[{"anything-but":["aws.s3"]}]}`:                                 true,
		`{"source":[{"anything-but":{"prefix":"aws."}}]}`:                          true,
		`{"source":[{"exists":true}]}`:                                             true,
		`{"source":[{"invented-tomorrow":"x"}]}`:                                   true,
		`{"$or":[{"source":["a"]},{"detail":{"status":["failed"]}}]}`:              true,
		`{"source":["a"],"$or":[{"source":["sms-api"]},{"detail":{"x":[1]}}]}`:     true,
		`{"source":["sms-api"],"$or":[{"source":["a"]},{"source":["b"]}]}`:         true,
		`{"$or":[{"$or":[{"source":["a"]},{"source":["sms-api"]}]},{"id":["b"]}]}`: true,
	} {
		r := made(least, nil)
		r.Pattern = json.RawMessage(pattern)
		errs := r.Check(message.Ads{})
		if (len(errs) == 1) != refused || refused && !strings.Contains(errs[0].Error(), "pattern: it could match the system's own events") {
			t.Errorf("%s: refused is %v, want %v: %v", pattern, !refused, refused, errs)
		}
	}
}

// EventBridge names the rule of what it could not hand over.
func TestOfRule(t *testing.T) {
	t.Parallel()
	const bus = "arn:aws:events:ap-northeast-2:111122223333:rule/sms-api/"
	for rule, want := range map[string]string{
		"sms-api-dev-route-paid":           "paid",
		"route-paid":                       "paid",
		"sms-api-dev-route-order-paid":     "order-paid",
		"sms-api-dev-route-new-route-paid": "new-route-paid",
		"sms-api-dev-requested":            "",
		"sms-api-dev-paid":                 "",
		"sms-api-dev-route-paid-2":         "",
		"enroute-paid":                     "",
	} {
		if got := route.OfRule(bus+rule, slices.Values([]string{"paid", "new-route-paid", "order-paid"})); got != want {
			t.Errorf("%s is of %q, want %q", rule, got, want)
		}
	}
	if got := route.OfRule("", slices.Values([]string{"paid"})); got != "" {
		t.Errorf("no rule is of %q", got)
	}
}

func TestCouldTake(t *testing.T) {
	t.Parallel()
	given := event(`{"state":"PAID","total":300,"paid":true,"note":null,"tags":["a","b"],"none":[],"lines":[{"sku":"x"}],"who":{"name":"김"}}`)
	for pattern, want := range map[string]bool{
		shop:                               true,
		`{"source":["com.example.shop"]}`:  true,
		`{"source":["com.example.stock"]}`: false,
		`{"source":[{"prefix":"com.example."}],"detail-type":["OrderShipped"]}`:         false,
		`{"source":["com.example.shop"],"detail":{"state":["OPEN","PAID"]}}`:            true,
		`{"source":["com.example.shop"],"detail":{"state":["OPEN"]}}`:                   false,
		`{"source":["com.example.shop"],"detail":{"state":[{"anything-but":"PAID"}]}}`:  false,
		`{"source":["com.example.shop"],"detail":{"who":{"name":["이"]}}}`:               false,
		`{"source":["com.example.shop"],"detail":{"who":{"name":["김"]}}}`:               true,
		`{"source":["com.example.shop"],"detail":{"who":{"tel":["1"]}}}`:                false,
		`{"source":["com.example.shop"],"detail":{"who":{"tel":[{"exists":false}]}}}`:   true,
		`{"source":["com.example.shop"],"detail":{"state":{"is":["1"]}}}`:               false,
		`{"source":["com.example.shop"],"detail":{"tags":["b"]}}`:                       true,
		`{"source":["com.example.shop"],"detail":{"tags":["c"]}}`:                       false,
		`{"source":["com.example.shop"],"detail":{"gone":["c"]}}`:                       false,
		`{"source":["com.example.shop"],"detail":{"gone":[{"exists":false}]}}`:          true,
		`{"source":["com.example.shop"],"detail":{"state":[{"exists":false}]}}`:         false,
		`{"source":["com.example.shop"],"detail":{"total":[{"exists":false}]}}`:         false,
		`{"source":["com.example.shop"],"detail":{"total":[300]}}`:                      true,
		`{"source":["com.example.shop"],"detail":{"total":[301]}}`:                      false,
		`{"source":["com.example.shop"],"detail":{"total":["300"]}}`:                    false,
		`{"source":["com.example.shop"],"detail":{"paid":[true],"note":[null]}}`:        true,
		`{"source":["com.example.shop"],"detail":{"paid":[false]}}`:                     false,
		`{"source":["com.example.shop"],"$or":[{"detail":{"state":["A"]}},{"id":[1]}]}`: false,
		`{"$or":[{"detail":{"state":["A"]}},{"source":["com.example.shop"]}]}`:          true,
		// What is not looked into could be.
		`{"source":["com.example.shop"],"detail":{"total":[{"numeric":[">",1000]}]}}`: true,
		`{"source":["com.example.shop"],"detail":{"lines":{"sku":["y"]}}}`:            true,
		`{"source":["com.example.shop"],"detail":{"none":["a"]}}`:                     true,
		// A route without a pattern is one of a file from before.
		``: false,
	} {
		r := made(`{}`, nil)
		r.Pattern = json.RawMessage(pattern)
		template, err := r.Template()
		if err != nil {
			t.Fatal(err)
		}
		if got := template.CouldTake(given); got != want {
			t.Errorf("%s could take it: %v, want %v", pattern, got, want)
		}
	}
	template, err := made(`{}`, nil).Template()
	if err != nil || template.CouldTake([]byte(`[]`)) || template.CouldTake([]byte(`{`)) {
		t.Errorf("%v, or it could take what is no event", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"phone": "$.detail.phone", "theirs": "@.phone"}
	for says, r := range map[string]route.Route{
		`name "Order" is not up to 30 lower-case`: {Name: "Order", Pattern: json.RawMessage(shop), InputTemplate: json.RawMessage(`{}`)},
		`inputPaths: there are more than 100`: made(`{}`, func() map[string]string {
			m := map[string]string{}
			for i := range 101 {
				m[fmt.Sprint("p", i)] = "$.a"
			}
			return m
		}()),
		`inputPaths: a: "detail.phone" is not a path such as $.detail.phone`: made(`{}`, map[string]string{"a": "detail.phone"}),
		`inputPaths: a: the path "$..a" has an empty name`:                   made(`{}`, map[string]string{"a": "$..a"}),
		`inputPaths: a: the path "$.a[*].b" has a wildcard`:                  made(`{}`, map[string]string{"a": "$.a[*].b"}),
		`inputPaths: a: the path "$.*" has a wildcard`:                       made(`{}`, map[string]string{"a": "$.*"}),
		`inputPaths: a: the path "$.a[0" has an open bracket`:                made(`{}`, map[string]string{"a": "$.a[0"}),
		`inputPaths: a: the path "$.a[-1]" has "-1" where an index`:          made(`{}`, map[string]string{"a": "$.a[-1]"}),
		`inputPaths: a: the path "$a" is not understood from "a" on`:         made(`{}`, map[string]string{"a": "$a"}),
		`inputPaths: a: a path has more than 256 characters`:                 made(`{}`, map[string]string{"a": "$." + strings.Repeat("x", 255)}),
		`inputPaths: "aws-phone" is not a name`:                              made(`{}`, map[string]string{"aws-phone": "$.a"}),
		`inputTemplate: <number> is not among the inputPaths`:                made(`{"to":"<number>"}`, paths),
		`inputTemplate: <aws.events.event.json> is not among`:                made(`{"to":"<aws.events.event.json>"}`, paths),
		`inputTemplate: /to: the path "$..x" has an empty name`:              made(`{"to":"<$..x>"}`, paths),
		`inputTemplate: /to: a placeholder begins with "<$.x"`:               made(`{"to":"<$.x"}`, paths),
		`inputTemplate: /to: <@.phone> begins with @, which has`:             made(`{"to":"<@.phone>"}`, paths),
		`inputTemplate: /to: <theirs> begins with @, which has`:              made(`{"to":"<theirs>"}`, paths),
		`inputTemplate: /<phone>: a name cannot have a placeholder`:          made(`{"<phone>":"x"}`, paths),
		`inputTemplate: /recipients: nothing of an event becomes an object`:  made(`{"recipients":"<phone>"}`, paths),
		`inputTemplate: /r/0/variables: nothing of an event becomes`:         made(`{"r":[{"variables":"<phone>"}]}`, paths),
		`inputTemplate: /forEach: only what is an element of a list`:         made(`{"forEach":"$.a"}`, paths),
		`inputTemplate: /r/0/x/0/forEach: only what is an element`:           made(`{"r":[{"forEach":"$.a","x":[{"forEach":"$.b"}]}]}`, paths),
		`inputTemplate: /r/0/forEach: "@.a" begins with @`:                   made(`{"r":[{"forEach":"@.a"}]}`, paths),
		`inputTemplate: /r/0/forEach: "" is not a path`:                      made(`{"r":[{"forEach":17}]}`, paths),
		`inputTemplate is not a JSON object with <names> in it: it is null`:  made(testkit.JSON(t, `null`), paths),
		`inputTemplate is not a JSON object with <names> in it: json`:        made(`[]`, paths),
		`inputTemplate is not a JSON object with <names> in it: unexpected`:  made(testkit.JSON(t, `{"to":<phone>`), paths),
		`inputTemplate is not a JSON object with <names> in it: EOF`:         made(``, paths),
		`something follows the object`:                                       made(testkit.JSON(t, `{} {}`), paths),
		`inputTemplate: it is longer than 8192 characters`:                   made(`{"text":"`+strings.Repeat("가", 8192)+`"}`, paths),
		`pattern: no event has "detail-typ" at its top: there are source, detail-type, `: {
			Name: "a", Pattern: json.RawMessage(`{"source":["com.example.shop"],"detail-typ":["OrderPaid"]}`), InputTemplate: json.RawMessage(least),
		},
		`pattern: no event has "Source" at its top`: {
			Name: "a", Pattern: json.RawMessage(`{"$or":[{"source":["a"]},{"Source":["b"]}]}`), InputTemplate: json.RawMessage(least),
		},
		`pattern: it is longer than 4096 characters`: {
			Name: "a", Pattern: json.RawMessage(`{"source":["` + strings.Repeat("가", 4096-len(`{"source":[""]}`)+1) + `"]}`),
		},
	} {
		if errs := r.Check(message.Ads{}); !slices.ContainsFunc(errs, func(err error) bool { return strings.Contains(err.Error(), says) }) {
			t.Errorf("got %v, want %s", errs, says)
		}
	}
	many := make([]route.Route, route.MaxRoutes+1)
	for i := range many {
		many[i] = made(least, nil)
		many[i].Name = fmt.Sprint("r", i)
	}
	if errs, _ := route.CheckAll(many[1:], message.Ads{}); len(errs) != 0 {
		t.Errorf("%d routes: %v", route.MaxRoutes, errs)
	}
	many[0].Name = "r1"
	errs, at := route.CheckAll(many, message.Ads{})
	if len(errs) != 2 || !slices.Equal(at, []int{-1, 1}) || !strings.Contains(errs[0].Error(), "there are 41; a stack has at most 40") ||
		!strings.Contains(errs[1].Error(), `the name "r1" is there twice`) {
		t.Errorf("got %v at %v", errs, at)
	}
}

// The largest routes that there may be come through the file as they are, and the file has at most 1.5 megabytes.
func TestFileHoldsTheLargestRoutes(t *testing.T) {
	t.Parallel()
	// A value has a thousand characters at most.
	largest := `{"template":"T","recipients":[{"to":"<$.detail.phone>","variables":{"0":"` + strings.Repeat("가", 100)
	for i := range 8 {
		largest += fmt.Sprintf(`","%d":"`, i+1) + strings.Repeat("가", 990)
	}
	largest += `"}}]}`
	largest += strings.Repeat(" ", 8192-utf8.RuneCountInString(largest))
	routes := make([]route.Route, route.MaxRoutes)
	for i := range routes {
		routes[i] = made(largest, nil)
		routes[i].Name = fmt.Sprintf("r%029d", i)
		routes[i].Pattern = json.RawMessage(`{"source":["` + strings.Repeat("가", 4096-len(`{"source":[""]}`)) + `"]}`)
		if errs := routes[i].Check(message.Ads{}); len(errs) != 0 {
			t.Fatal(errs)
		}
	}
	content, err := route.File(routes)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d routes: %d bytes", len(routes), len(content))
	if len(content) > 3<<19 {
		t.Errorf("the file has %d bytes", len(content))
	}
	templates, err := route.ReadFile(content)
	if err != nil || len(templates) != len(routes) {
		t.Errorf("%d templates, %v", len(templates), err)
	}
	for _, wrong := range []string{``, `{}`, `[{"name":"a","inputTemplate":"{"}]`} {
		if _, err := route.ReadFile([]byte(wrong)); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}
