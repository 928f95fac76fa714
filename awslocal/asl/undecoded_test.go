package asl

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
)

// FuzzUndecoded holds what is read out of JSON text against what comes out when all of it is decoded.
func FuzzUndecoded(f *testing.F) {
	for _, text := range []string{
		`{"a":{"b":1,"c":[1,2]},"d":"x","a.b":null}`, ` { "a" : { "b" : [ ] , "c" : { } } , "d" : [ 1 , { "b" : 2 } ] } `,
		`{"a":[{"b":1},{"b":2}]}`,
		`{"a":{"b":"\u003c\u00e9\ud83d\ude00\"\\\/\n"}}`, `{"a":{"b":1},"a":{"b":2}}`, `{"a":{"b":{"x":1,"x":2}}}`, `{"\u0061":{"b":1}}`,
		`{"a":{"\u0062":1}}`,
		`{"a":null}`, `{"a":{"b":null}}`, `{"a":{"b":-1.50e+3,"c":true}}`, `[{"a":{"b":1}}]`, `"a"`, `1`, `null`, `[]`, `{}`, `{"a":{"b":[1]}}`,
		`{"a":{"b":[[1]]}}`,
		`{"a":{"b":"]}{[,:"},"d":"\\"}`, "{\"a\":{\"b\":\"\xff\"}}", "{\"a\":{\"\xff\":\"b\"}}", `{"a":{"b":{"":[{}],"k":[[],"",false]}}}`,
		`{"a":`, `{"a" 1}`, `{"a":{"b":1}]`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !json.Valid([]byte(text)) {
			return
		}
		for _, source := range []string{
			"$states.input.a", "$states.input.a.b", "$states.input.`a.b`", `$exists($states.input.a)`, `[$states.input.a.b, $states.input.d]`,
			"$states.input.d[0].b", `$states.context.Execution.Input.a`, "$keys($states.input.a)", "$states.input", `$states.input.a[b=1]`,
			`$count($states.input.d)`,
			"$states.context.Execution.Input.d.b & $states.input.a.c", `($p := $states.input; $p.a)`,
			`$merge([$states.input, {'d': $states.input.d}])`,
		} {
			var r refusals
			e := compileExpression(&node{path: "/"}, source, "Output", seesInput, &r)
			if len(r.problems) > 0 {
				t.Fatal(r.problems)
			}
			plain := *e
			plain.shortcut, plain.path, plain.members = noShortcut, nil, nil
			got, gotFails := evaluated(t, text, e)
			want, wantFails := evaluated(t, text, &plain)
			if e.shortcut == wholeInput && len(e.path) == 0 {
				want = text // taken over as it is
			}
			if got != want || gotFails != wantFails {
				t.Errorf("%s of %q is %q (fails: %v), and %q (fails: %v) when all is decoded", source, text, got, gotFails, want, wantFails)
			}
		}
	})
}

func evaluated(t *testing.T, text string, e *expression) (result string, fails bool) {
	t.Helper()
	m := &Machine{}
	r := m.newRun(Env{Clock: instantly{}}, Execution{}, func(Event) {})
	l := &line{run: r, ctx: context.Background(), position: &position{}, executionInput: newValue(text)}
	fr := &frame{line: l, state: &state{}, input: newValue(text)}
	var out []byte
	fail := fr.evaluate(func(ev *evaluation) (fail *failure) {
		out, fail = ev.appendExpression(nil, e)
		return fail
	})
	return string(out), fail != nil
}

func TestMembersOf(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]map[uses][]string{
		"$states.input.a + $states.input.b.c":           {useInput: {"a", "b"}},
		"$states.input.`a b`":                           {useInput: {"a b"}},
		"$states.input":                                 {},
		"$states.input.a & $states.input":               {},
		"$states":                                       {},
		"($s := $states; $s.input.a) & $states.input.b": {},
		"$states.input[0].a":                            {},
		"$states.input.(a & b)":                         {},
		"$states.input.**.a":                            {},
		`$states.input."a"`:                             {},
		"$states.input.a.%.b":                           {},
		"$states.input.a@$x.b":                          {},
		"$states.input.a % 2":                           {useInput: {"a"}},
		"$states.input.*":                               {},
		"$states.input ~> $keys":                        {},
		"$states.input.a ~> $count":                     {useInput: {"a"}},
		"$states.result.Payload.x":                      {useResult: {"Payload"}},
		"$states.errorOutput.Cause":                     {useErrorOutput: {"Cause"}},
		"$states.context.Execution.Input.id":            {useExecutionInput: {"id"}},
		"$states.context.Execution.Input":               {},
		"$states.context.Execution.Name":                {},
		"$states.context.Execution.Input.id & $states.context.Execution.Input":    {},
		"$states.context.Execution.Input.id & $string($states.context)":           {},
		"$states.context.Execution.Input.id & $string($states.context.Execution)": {},
		"$states.context.State.Name & $states.context.Execution.Input.id":         {useExecutionInput: {"id"}},
	} {
		got := membersOf(scan(source))
		same := len(got) == len(want)
		for part, names := range want {
			same = same && slices.Equal(got[part], names)
		}
		if !same {
			t.Errorf("%s: %v, want %v", source, got, want)
		}
	}
}
