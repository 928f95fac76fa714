package message

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzReader holds the reader against encoding/json.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		`{"template":"TX_1234","recipients":[{"to":"010-1234-5678","name":"홍길동","variables":{"주문번호":"A-17"}}]}`,
		" {\n\t\"a\" : [ ] , \"b\":{ },\"c\":[1 ,-2.5e+3\r\n,true , false, null]} ", `"\u0000\ud800\"\\\/\uD83D\uDE00"`,
		`{"a":1,"a":{"b":2,"b":3}}`,
		`{"\u0061":1,"a":2}`, `0`, `-0.0`, `""`, `[]`, `{"":{"":[{}]}}`, strings.Repeat("[", 17) + strings.Repeat("]", 17),
		`{"a":0,"b":0,"c":0,"d":0,"e":0,"f":0,"g":0,"h":0,"i":0,"j":0,"k":0,"l":0,"m":0,"n":0,"o":0,"p":0,"q":0,"r":0,"q":1,"a":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || !json.Valid(text) {
			t.Skip("the reader is given valid JSON only")
		}
		r := reader{text: string(text)}
		got, err := r.value()
		if err != nil {
			if depth(text) <= maxDepth {
				t.Fatalf("%v of %s", err, text)
			}
			return
		}
		if rest := strings.Trim(r.text[r.at:], " \t\r\n"); rest != "" {
			t.Fatalf("%q of %s was not read", rest, text)
		}
		var want any
		if err := tokens(text).Decode(&want); err != nil {
			t.Fatal(err)
		}
		// Of members that are there twice encoding/json takes the last, which it then tells nobody.
		if got := plain(got); len(r.duplicates) == 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is\n%#v, want\n%#v", text, got, want)
		}
		if n := duplicates(t, text); n != len(r.duplicates) {
			t.Fatalf("%s has %d members twice, not %q", text, n, r.duplicates)
		}
	})
}

func tokens(text []byte) *json.Decoder {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d
}

// plain is a value as encoding/json has it.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := map[string]any{}
		for _, member := range v {
			m[member.name] = plain(member.value)
		}
		return m
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	}
	return v
}

// depth is how many arrays and objects are in each other.
func depth(text []byte) int {
	d, deepest, now := tokens(text), 0, 0
	for {
		token, err := d.Token()
		switch {
		case err != nil:
			return deepest
		case token == json.Delim('{') || token == json.Delim('['):
			now++
			deepest = max(deepest, now)
		case token == json.Delim('}') || token == json.Delim(']'):
			now--
		}
	}
}

// duplicates counts the members that an object has had before.
func duplicates(t *testing.T, text []byte) int {
	t.Helper()
	d, n := tokens(text), 0
	var value func()
	value = func() {
		token, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		seen := map[any]bool{}
		switch token {
		case json.Delim('{'):
			for d.More() {
				name, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				if seen[name] {
					n++
				}
				seen[name] = true
				value()
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				value()
			}
			_, _ = d.Token()
		}
	}
	value()
	return n
}
