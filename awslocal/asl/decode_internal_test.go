package asl

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/recolabs/gnata"
)

// FuzzDecode holds decode against gnata's own.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{
		`{"z":1,"a":{"n":null,"t":true,"f":false},"l":[],"o":{}}`, `[1,-2.50e+3,12345678901234567890,"\u00e9\ud83d\ude00\ud800\"\\\/\n"]`,
		`{"a":1,"b":2,"a":3}`, " [ { \"\" : [ [ ] ] } ]\n", `null`, `"x"`, `0`, "\"\xff\"", "{\"\xff\":1}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		got, err := decode(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		want, err := gnata.DecodeJSON(json.RawMessage(text))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %#v, want %#v", text, got, want)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `{`, `{"a"`, `{"a":`, `{"a":1`, `{"a" 1}`, `[`, `[1`, `[1 2]`, `"a`, `tru`, `{"a":}`, `]`} {
		if v, err := decode(text); err == nil {
			t.Errorf("%q is %v", text, v)
		}
	}
}
