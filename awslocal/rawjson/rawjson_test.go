package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

var texts = []string{
	`{"a":{"b":1,"c":[1,2]},"d":"x","a.b":null}`, ` { "a" : { "b" : [ ] , "c" : { } } , "d" : [ 1 , { "b" : 2 } ] } `,
	`{"a":[{"b":1},{"b":2}]}`,
	`{"a":{"b":"\u003c\u00e9\ud83d\ude00\"\\\/\n"}}`, `{"a":{"b":1},"a":{"b":2}}`, `{"a":{"b":{"x":1,"x":2}}}`, `{"\u0061":{"b":1}}`,
	`{"a":{"\u0062":1}}`,
	`{"a":null}`, `{"a":{"b":-1.50e+3,"c":true}}`, `[{"a":{"b":1}}]`, `"a"`, `1`, `null`, `[]`, `{}`, `{"a":{"b":"]}{[,:"},"d":"\\"}`,
	"{\"a\":{\"b\":\"\xff\"}}",
	"{\"a\":{\"\xff\":\"b\"}}", `{"a":{"b":{"":[{}],"k":[[],"",false]}}}`, `{"a":`, `{"a" 1}`, `{"a":{"b":1}]`, `{"":, `, `{"a":1]`, `"`, `"\`,
	``, `{"a":1}}`, `}`, `[1,`, `{,}`,
}

// FuzzAgainstEncodingJSON: what encoding/json takes is valid, and its Compact does the same.
func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if got, want := Valid(text), json.Valid(text); got != want {
			t.Errorf("Valid(%q) = %v, want %v", text, got, want)
		}
		var want bytes.Buffer
		want.WriteString("before")
		wantErr := json.Compact(&want, text)
		got, err := AppendCompact([]byte("before"), text)
		if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want.Bytes()) {
			t.Errorf("AppendCompact(%q) = %q, %v, want %q, %v", text, got, err, &want, wantErr)
		}
	})
}

// FuzzAgainstDecoding: what is told without decoding is what decoding tells. Text that is no JSON does no harm.
func FuzzAgainstDecoding(f *testing.F) {
	for _, text := range texts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var all any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		valid := json.Valid([]byte(text)) && decoder.Decode(&all) == nil
		written, ok := Append(nil, text, quote)
		if valid && ok && !same(string(written), all) {
			t.Errorf("Append writes %q as %q", text, written)
		}
		fields, _ := all.(map[string]any)
		if member, ok := Member(text, "a", "b"); valid && ok {
			inner, _ := fields["a"].(map[string]any)
			if want, there := inner["b"]; !there || !same(member, want) {
				t.Errorf("a.b of %q is %q, want %v", text, member, want)
			}
		}
		if object, ok := Object(text, func(key, _ string) bool { return key == "a" || key == "d" }); valid && ok {
			want := map[string]any{}
			for _, key := range []string{"a", "d"} {
				if value, there := fields[key]; there {
					want[key] = value
				}
			}
			if !same(object, want) {
				t.Errorf("a and d of %q are %q, want %v", text, object, want)
			}
		}
	})
}

func same(text string, want any) bool {
	var got any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&got); err != nil {
		return false
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

func quote(out []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return out
	}
	return append(out, quoted...)
}

// TestGivesUp has what looks like one thing and is another, and what has no answer.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"a":{"b":1},"a":{"b":2}}`, `{"\u0061":{"b":1}}`, `{"a":[{"b":1}]}`, `{"a":1}`, `[]`, `{}`, `null`,
		`{"a":{"c":1}}`, `{"a":{"b":1}`} {
		if got, ok := Member(text, "a", "b"); ok {
			t.Errorf("a.b of %s is %s", text, got)
		}
	}
	for _, text := range []string{`{"a":1,"a":2}`, `{"\u0061":1}`, `[1`, `{"a"}`, `{"a":1,}`, `1 2`, strings.Repeat("[", 300) +
		strings.Repeat("]", 300)} {
		if got, ok := Append(nil, text, quote); ok {
			t.Errorf("%s is written as %s", text, got)
		}
	}
	var wide strings.Builder
	for i := range 33 {
		fmt.Fprintf(&wide, `,"%d":0`, i)
	}
	if _, ok := Append(nil, "{"+wide.String()[1:]+"}", quote); ok {
		t.Error("an object of 33 members is not given up")
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	text := ` { "a" : [ 1.50 , "\u003c\"" , "é" , true , null , { } , [ ] ] , "b" : -0 } `
	got, ok := Append([]byte("x"), text, func(out []byte, s string) []byte { return append(out, "<"+s+">"...) })
	if want := `x{"a":[1.50,<<">,"é",true,null,{},[]],"b":-0}`; !ok || string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func BenchmarkMember(b *testing.B) {
	text := `{"recipients":[` + strings.Repeat(`{"to":"010****5678","status":"pending","channel":"alimtalk"},`, 500) +
		`{}],"queue":{"channel":"sms"}}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Member(text, "queue", "channel"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	text := `{"recipients":[` + strings.Repeat(`{"to":"010****5678","status":"pending","channel":"alimtalk"},`, 500) +
		`{}],"queue":{"channel":"sms"}}`
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		out, _ = Append(out[:0], text, quote)
	}
}
