package contract_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"sms-api/internal/message"
)

// The document describes each code in the words of package message, and leaves room for those that Aligo adds.
func TestCodesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	var got, want []string
	for _, one := range at(t, document(t), "components", "schemas", "Code", "anyOf").([]any) {
		got = append(got, fmt.Sprint(one.(object)["const"], ": ", one.(object)["description"]))
	}
	for _, c := range message.Codes() {
		want = append(want, c.Word+": "+c.Meaning)
	}
	want = append(want, "<nil>: A result of Aligo's that nobody has described.")
	if !slices.Equal(got, want) {
		t.Errorf("the document has\n%q, want\n%q", got, want)
	}
}

// results calls take for each recipient's result with a code in an example.
func results(v any, take func(result object)) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			results(one, take)
		}
	case object:
		if _, ok := v["code"].(string); ok && v["to"] != nil {
			take(v)
		}
		for _, one := range v {
			results(one, take)
		}
	}
}

// The examples show nothing that is not there.
func TestCodesOfTheExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("examples/*.json")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range append(files, "openapi.json") {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(f)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		results(v, func(r object) {
			found++
			if !slices.ContainsFunc(message.Codes(), func(c message.Code) bool {
				return c.Word == r["code"] && (c.Status == "" || string(c.Status) == r["status"]) &&
					(c.Channel == "" || string(c.Channel) == r["channel"])
			}) {
				t.Errorf("%s: no recipient has %v", file, r)
			}
		})
	}
	if found == 0 {
		t.Error("no example has a code")
	}
}
