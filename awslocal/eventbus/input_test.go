package eventbus_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/eventbus"
)

// receive puts an event and returns what a target with this input receives, or its dead letter.
func receive(t *testing.T, input eventbus.Input, e eventbus.Entry) (string, []eventbus.DeadLetter) {
	t.Helper()
	s, b := newService(t)
	var in inbox
	route(t, b, "paid", orders, eventbus.Target{ID: "in", Input: input, Deliver: in.deliver})
	put(t, s, e)
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	return strings.Join(in.received, "\n"), s.DeadLetters()
}

const paid = `{"order": {"no": 17, "buyer": {"phone": "010-1234-5678", "name": "홍길동"}, "lines": [{"sku": "s1"}, {"sku": "s2"}, {}], ` +
	`"gift": false, "note": null}, "odd name": "x", "quote": "say \"hi\""}`

func TestInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		about string
		input eventbus.Input
		want  string
	}{
		{"a constant", eventbus.Input{Constant: `{"always": "this"}`}, `{"always": "this"}`},
		{"a path to an object", eventbus.Input{Path: "$.detail.order.buyer"}, `{"name":"홍길동","phone":"010-1234-5678"}`},
		{"a path to a string", eventbus.Input{Path: "$.detail.order.buyer.name"}, `"홍길동"`},
		{"a path with an index", eventbus.Input{Path: "$.detail.order.lines[1].sku"}, `"s2"`},
		{"a path with brackets", eventbus.Input{Path: `$.detail['odd name']`}, `"x"`},
		{"a path with a wildcard", eventbus.Input{Path: "$.detail.order.lines[*].sku"}, `["s1","s2"]`},
		{"a path with a wildcard for names", eventbus.Input{Path: "$.detail.order.buyer.*"}, `["홍길동","010-1234-5678"]`},
		{"a path with dashes", eventbus.Input{Path: "$.detail-type"}, `"OrderPaid"`},
		{"a path that leads nowhere", eventbus.Input{Path: "$.detail.order.lines[7].sku"}, `null`},
		{"a path through a scalar", eventbus.Input{Path: "$.detail.order.no.deeper"}, `null`},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got, dead := receive(t, c.input, order(paid))
				if got != c.want || len(dead) != 0 {
					t.Errorf("received %s (dead letters %v), want %s", got, dead, c.want)
				}
			})
		})
	}
}

func TestInputTransformer(t *testing.T) {
	t.Parallel()
	paths := map[string]string{
		"no": "$.detail.order.no", "phone": "$.detail.order.buyer.phone", "buyer": "$.detail.order.buyer", "lines": "$.detail.order.lines",
		"gift": "$.detail.order.gift", "note": "$.detail.order.note", "gone": "$.detail.order.gone", "quote": "$.detail.quote",
		"type": "$.detail-type",
	}
	for _, c := range []struct{ about, template, want string }{
		{"a value that is a string gets its quotes", `{"to": <phone>}`, `{"to": "010-1234-5678"}`},
		{"a value that is a number, boolean or null is written as it is", `[<no>, <gift>, <note>]`, `[17, false, null]`},
		{"a value that is an object or array is written as it is", `{"b": <buyer>, "l": <lines>}`,
			`{"b": {"name":"홍길동","phone":"010-1234-5678"}, "l": [{"sku":"s1"},{"sku":"s2"},{}]}`},
		{"a value that is a string is escaped", `{"q": <quote>}`, `{"q": "say \"hi\""}`},
		{"inside a string values are written without quotes", `{"text": "order <no> of <phone>: <gift>, <note>."}`,
			`{"text": "order 17 of 010-1234-5678: false, null."}`},
		{"a quoted variable is a string", `{"no": "<no>"}`, `{"no": "17"}`},
		{"inside a template that is a string an object loses its quotes", `"Detail is <buyer>"`, `"Detail is {name:홍길동,phone:010-1234-5678}"`},
		{"a path that leads nowhere is an empty string, in a string and as a value", `{"a": "x<gone>y", "b": <gone>}`, `{"a": "xy", "b": ""}`},
		{"a whole template can be one string", `"Event of <type> type"`, `"Event of OrderPaid type"`},
		{"a quote in a string of the template does not end it", `{"a": "\"<no>\" \\", "b": <no>}`, `{"a": "\"17\" \\", "b": 17}`},
		{"a < that begins no name is text", `{"a": "1 < 2, <, <>, <a b>"}`, `{"a": "1 < 2, <, <>, <a b>"}`},
		{"the rule's name and ARN", `{"r": <aws.events.rule-name>, "a": "<aws.events.rule-arn>"}`,
			`{"r": "paid", "a": "arn:aws:events:ap-northeast-2:000000000000:rule/shop/paid"}`},
		{"the time of ingestion", `{"t": <aws.events.event.ingestion-time>}`, `{"t": "2000-01-01T00:00:00Z"}`},
	} {
		t.Run(c.about, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := order(paid)
				e.Time = time.Now().Add(-time.Hour)
				got, dead := receive(t, eventbus.Input{Transformer: &eventbus.Transformer{PathsMap: paths, Template: c.template}}, e)
				if got != c.want || len(dead) != 0 {
					t.Errorf("received %s (dead letters %v), want %s", got, dead, c.want)
				}
			})
		})
	}
}

// The two predefined events differ in the detail, and EventBridge spells detail-type in another way in the one without it.
func TestInputTransformerEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got, _ := receive(t, eventbus.Input{Transformer: &eventbus.Transformer{Template: `{"bare": <aws.events.event>, "whole": ` +
			`<aws.events.event.json>}`}}, order(`{"n": 1}`))
		var received struct{ Bare, Whole map[string]any }
		if err := json.Unmarshal([]byte(got), &received); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(received.Whole["detail"], map[string]any{"n": 1.0}) || received.Whole["detail-type"] != "OrderPaid" {
			t.Errorf("aws.events.event.json = %v", received.Whole)
		}
		want := received.Whole
		want["detailType"] = want["detail-type"]
		delete(want, "detail-type")
		delete(want, "detail")
		if !reflect.DeepEqual(received.Bare, want) {
			t.Errorf("aws.events.event = %v, want %v", received.Bare, want)
		}
	})
}

// An object or a list inside a string of a template that is more than this string delivers nothing, whatever is in it.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-issues
func TestInputTransformerObjectInQuotes(t *testing.T) {
	t.Parallel()
	paths := map[string]string{"buyer": "$.detail.order.buyer", "lines": "$.detail.order.lines[*].sku", "none": "$.detail.order.buyer[*].none"}
	for _, template := range []string{
		`{"payload": "<buyer>"}`, `{"text": "order of <buyer>"}`, `{"skus": "<lines>"}`, `{"none": "<none>"}`, `["<buyer>"]`,
		`{"a": {"b": ["of <lines>"]}}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			got, dead := receive(t, eventbus.Input{Transformer: &eventbus.Transformer{PathsMap: paths, Template: template}}, order(paid))
			if got != "" || len(dead) != 1 || dead[0].Code != "INPUT_INVALID" || dead[0].Attempts != 0 {
				t.Errorf("%s: received %s, dead letters %+v", template, got, dead)
			}
		})
	}
}

// EventBridge escapes nothing that it puts into a string. What is no JSON any more is not delivered, and never would be.
func TestInputTransformerMakesNoJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transformer := &eventbus.Transformer{PathsMap: map[string]string{"quote": "$.detail.quote"}, Template: `{"q": "<quote>"}`}
		got, dead := receive(t, eventbus.Input{Transformer: transformer}, order(paid))
		if got != "" || len(dead) != 1 || dead[0].Code != "INPUT_INVALID" || dead[0].Attempts != 0 {
			t.Errorf("received %s, dead letters %+v", got, dead)
		}
	})
}

func TestInputRefused(t *testing.T) {
	t.Parallel()
	transformer := func(template string, paths map[string]string) eventbus.Input {
		return eventbus.Input{Transformer: &eventbus.Transformer{PathsMap: paths, Template: template}}
	}
	many := map[string]string{}
	for _, a := range "abcdefghij" {
		for _, b := range "0123456789" {
			many[string(a)+string(b)] = "$"
		}
	}
	if err := putTarget(t, transformer(`"<a1>"`, many)); err != nil {
		t.Errorf("100 variables: %v", err)
	}
	many["onemore"] = "$"
	for _, c := range []struct {
		input eventbus.Input
		want  string
	}{
		{eventbus.Input{Constant: "{", Path: ""}, "JSON syntax error in input for target in."},
		{eventbus.Input{Constant: "{}", Path: "$"}, "Only one of Input, InputPath, or InputTransformer must be provided for target in."},
		{eventbus.Input{Path: "$", Transformer: &eventbus.Transformer{Template: "{}"}},
			"Only one of Input, InputPath, or InputTransformer must be provided for target in."},
		{eventbus.Input{Path: "detail"}, `JSON path "detail" does not start with $`},
		{eventbus.Input{Path: "$..detail"}, `JSON path "$..detail" has an empty name`},
		{eventbus.Input{Path: "$.a[0"}, `JSON path "$.a[0" has an open bracket`},
		{eventbus.Input{Path: "$.a[-1]"}, `JSON path "$.a[-1]" has an invalid index "-1"`},
		{eventbus.Input{Path: "$.a[?(@.b)]"}, `JSON path "$.a[?(@.b)]" has an invalid index "?(@.b)"`},
		{eventbus.Input{Path: "$a"}, `JSON path "$a" is not understood from "a" on`},
		{transformer("", nil), "input template: must have 1 to 8192 characters"},
		{transformer(`"`+strings.Repeat("x", 8191)+`"`, nil), "input template: must have 1 to 8192 characters"},
		{transformer(`{"a": <unknown>}`, map[string]string{"known": "$"}), "input template: invalid placeholder unknown"},
		{transformer(`{"a": "<unknown>"}`, nil), "input template: invalid placeholder unknown"},
		{transformer(`{"a": "<aws.events.event>"}`, nil), "invalid placeholder aws.events.event: it can only be a field's value"},
		{transformer(`{"a": "x <aws.events.event.json>"}`, nil), "invalid placeholder aws.events.event.json: it can only be a field's value"},
		{transformer(`{"a": <known> <known>}`, map[string]string{"known": "$"}), "input template: not valid JSON"},
		{transformer(`plain <known>`, map[string]string{"known": "$"}), "input template: not valid JSON"},
		{transformer(`{<known>: 1}`, map[string]string{"known": "$"}), "input template: not valid JSON"},
		{transformer(`{}`, map[string]string{"AWS.mine": "$"}), `variable "AWS.mine": names that start with aws. are reserved`},
		{transformer(`{}`, map[string]string{"my var": "$"}), `variable "my var": letters, digits, dashes and underscores are allowed`},
		{transformer(`{}`, map[string]string{"v": "nowhere"}), `variable "v": JSON path "nowhere" does not start with $`},
		{transformer(`{}`, map[string]string{"v": "$." + strings.Repeat("x", 255)}), `variable "v": path longer than 256 characters`},
		{transformer(`{}`, many), "101 variables, at most 100 are allowed"},
	} {
		err := putTarget(t, c.input)
		var refused *eventbus.Error
		if !errors.As(err, &refused) || refused.Code != "ValidationException" || !strings.Contains(refused.Message, c.want) {
			t.Errorf("%+v: %v,\nwant %s", c.input, err, c.want)
		}
	}
}

// putTarget adds a target with this input to a rule.
func putTarget(t *testing.T, input eventbus.Input) error {
	t.Helper()
	_, b := newService(t)
	if _, err := b.PutRule(eventbus.Rule{Name: "r", Pattern: orders}); err != nil {
		t.Fatal(err)
	}
	return b.PutTargets("r", eventbus.Target{ID: "in", Input: input})
}

func FuzzTransformer(f *testing.F) {
	f.Add(`{"a": "<v> \" <aws.events.rule-name>", "b": <v>}`, "$.detail[0].x", `{"x": ["<v>", {"y": null}]}`)
	f.Add(`"<v>"`, "$.*[*]['a']", `{}`)
	f.Fuzz(func(t *testing.T, template, path, detail string) {
		s, b := newService(t)
		var in inbox
		if _, err := b.PutRule(eventbus.Rule{Name: "r", Pattern: orders}); err != nil {
			t.Fatal(err)
		}
		err := b.PutTargets("r", eventbus.Target{ID: "in", Deliver: in.deliver, Input: eventbus.Input{Transformer: &eventbus.Transformer{
			PathsMap: map[string]string{"v": path}, Template: template,
		}}})
		if err != nil {
			return
		}
		results, err := s.Put(t.Context(), []eventbus.Entry{order(detail)})
		if err != nil || results[0].ErrorCode != "" {
			return
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(in.received)+len(s.DeadLetters()) != 1 {
			t.Errorf("%d delivered, %d dead letters", len(in.received), len(s.DeadLetters()))
		}
		for _, text := range in.received {
			if !json.Valid([]byte(text)) {
				t.Errorf("delivered %s", text)
			}
		}
	})
}
