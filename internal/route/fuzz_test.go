package route_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/route"
)

const fuzzed = `{"template":"TX_1234","recipients":[
{"to":"<$.detail.customer.phone>","name":"<$.detail.customer.name>님","variables":{"주문번호":"<$.detail.id>"}},
{"forEach":"$.detail.who","to":"<@.phone>","name":"<@.name>"}],"reference":"<$.detail.id>"}`

// longest is how long a value is at most, in bytes: longer than any event.
const longest = 1 << 20

// FuzzFill fills a template in with values that could break a document. What comes out is the template's own structure with
// each value as it is in its place, or what is wrong is said; nothing else is there, and nothing is missing.
func FuzzFill(f *testing.F) {
	for _, s := range []string{
		`x","variables":{"주문번호":"1"}},{"to":"010-9999-8888","name":"m`, `O"Neil`, "a\nb\\", `\ud800`, `<$.detail.customer.phone>`, "\x00\x1f\x7f",
		"\u2028\U0001F600", "</script>", `{"forEach":"$.detail.who"}`, `[[[[[[[[`, "",
	} {
		f.Add(s, "010-1234-5678", `"`+s+`"`, uint8(2), uint32(1))
		f.Add(s, s, `{"a":[{"b":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`}]}`, uint8(3), uint32(100))
	}
	f.Add(`"`, "\\", `"\udc00\ud800"`, uint8(1), uint32(longest))
	f.Add("a", "b", `1e400`, uint8(0), uint32(longest))
	f.Add("a", "b", `-0.00`, uint8(1), uint32(1))
	f.Add("a", "b", strings.Repeat("[", 9_990)+strings.Repeat("]", 9_990), uint8(1), uint32(1))
	template, err := made(fuzzed, nil).Template()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name, phone, raw string, elements uint8, times uint32) {
		// All copies of it together are as long.
		name = strings.Repeat(name, min(int(times), longest/max(len(name), 1)/(1+min(int(elements), 8))))
		who := slices.Repeat([]any{map[string]any{"phone": phone, "name": name}}, int(elements))
		if elements > 8 {
			who = slices.Repeat([]any{map[string]any{"phone": phone, "name": raw}}, int(elements))
		}
		rest, err := json.Marshal(map[string]any{"customer": map[string]string{"name": name, "phone": phone}, "who": who})
		if err != nil {
			t.Fatal(err)
		}
		// What is no JSON value stands as a text; what is one stands as it is, escapes of lone surrogates and all.
		if !json.Valid([]byte(raw)) {
			text, err := json.Marshal(raw)
			if err != nil {
				t.Fatal(err)
			}
			raw = string(text)
		}
		given := event(string(rest[:len(rest)-1]) + `,"id":` + raw + `}`)
		got, err := template.Fill(given)
		var values struct {
			Detail struct {
				ID       any
				Customer struct{ Name, Phone string }
				Who      []struct{ Phone, Name string }
			}
		}
		decoder := json.NewDecoder(bytes.NewReader(given))
		decoder.UseNumber()
		if wrong := decoder.Decode(&values); wrong != nil {
			if !errors.Is(err, route.ErrNoEvent) {
				t.Fatalf("the event is none (%v), and filled in it is %v", wrong, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		id, complete := "", true
		switch v := values.Detail.ID.(type) {
		case string:
			id = v
		case json.Number:
			id = v.String()
		default:
			// true and false stand for themselves.
			_, complete = v.(bool)
		}
		if len(got.Problems) > 0 {
			size := 2*len(id) + (len(values.Detail.Who)+1)*(len(name)+len(raw)+len(phone)+100)
			if complete && size < 2<<20 {
				t.Fatalf("everything was there, but %v", got.Problems[:1])
			}
			return
		}
		if !complete {
			t.Fatalf("nothing is said about %T", values.Detail.ID)
		}
		text := any(id)
		if b, ok := values.Detail.ID.(bool); ok {
			text = b
		}
		c := values.Detail.Customer
		want := []any{map[string]any{"to": c.Phone, "name": c.Name + "님", "variables": map[string]any{"주문번호": text}}}
		for _, w := range values.Detail.Who {
			want = append(want, map[string]any{"to": w.Phone, "name": w.Name})
		}
		equal(t, got.Request, map[string]any{"template": "TX_1234", "recipients": want, "reference": text})
	})
}

// equal holds a document to a value, byte by byte.
func equal(t *testing.T, document []byte, want map[string]any) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(document, &got); err != nil {
		t.Fatalf("%v in %.1000s", err, document)
	}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, slices.Sorted(maps.Keys(want))) {
		t.Fatalf("the members are %q", keys)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %.2000s\nwant %.2000s", fmt.Sprint(got), fmt.Sprint(want))
	}
}
