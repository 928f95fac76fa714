package asl

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// evaluateOne runs one expression as the Output of a Pass state.
func evaluateOne(t *testing.T, expression, input string) Result {
	t.Helper()
	m := machine(t, `"A":{"Type":"Pass","Output":`+string(appendString(nil, "{% "+expression+" %}"))+`,"End":true}`)
	res, _ := execute(t, m, nil, input)
	return res
}

const exampleInput = `{"one":[5],"list":[{"n":1,"k":"a"},{"n":2,"k":"b"}],"empty":[],"o":{"k":"v"},"nul":null,"text":"한글 <&> ` +
	`\"\\\u0001","big":12345678901234567890,"zero":0}`

// JSONata as Step Functions answers it: single values, lists and nothing; numbers; null; the order of keys.
func TestExpressions(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		// A list stays a list, a selection of one becomes that one, unless [] asks for a list.
		`$states.input.one`:                                               `[5]`,
		`$states.input.one[0]`:                                            `5`,
		`$states.input.empty`:                                             `[]`,
		`$states.input.list[n > 1]`:                                       `{"n":2,"k":"b"}`,
		`[$states.input.list[n > 1]]`:                                     `[{"n":2,"k":"b"}]`,
		`[$states.input.list[n > 2]]`:                                     `[]`,
		`[$states.input.list]`:                                            `[{"n":1,"k":"a"},{"n":2,"k":"b"}]`,
		`$states.input.list.n`:                                            `[1,2]`,
		`$states.input.list[k = 'a'].n`:                                   `1`,
		`$map([1], function($v) { $v })`:                                  `1`,
		`[$map([1], function($v) { $v })]`:                                `[1]`,
		`$filter([1, 2], function($v) { $v > 1 })`:                        `2`,
		`[$filter([1, 2], function($v) { $v > 2 })]`:                      `[]`,
		`$filter([[1, 2], [3]], function($v) { $count($v) = 2 })`:         `[1,2]`,
		`$filter([1, 2, 3], function($v) { $v > 1 })`:                     `[2,3]`,
		`[1, 2] ~> $filter(function($v, $i, $a) { $i = $count($a) - 1 })`: `2`,
		`$filter([null, 1], function($v) { $v = null })`:                  `null`,
		`-$states.input.zero`:                                             `0`,
		`1.5e-10`:                                                         `1.5e-10`,
		`$append($states.input.empty, 1)`:                                 `[1]`,
		`[1..3]`:                                                          `[1,2,3]`,
		`[[1, 2], [3]]`:                                                   `[[1,2],[3]]`,
		`$sort($states.input.list, function($a, $b) { $a.n < $b.n }).k`:   `["b","a"]`,
		`$sort([3])`:                                                      `[3]`,
		`$states.input.list.{'k': k}`:                                     `[{"k":"a"},{"k":"b"}]`,
		`$states.input.list{k: n}`:                                        `{"a":1,"b":2}`,
		`$count($states.input.missing)`:                                   `0`,
		`$exists($states.input.missing)`:                                  `false`,
		`{'a': $states.input.missing, 'b': 1}`:                            `{"b":1}`,
		`[1, $states.input.missing, 2]`:                                   `[1,2]`,
		`'a' & $states.input.missing`:                                     `"a"`,
		`$states.input.missing ? 1 : 2`:                                   `2`,
		`$states.input.nul`:                                               `null`,
		`$type($states.input.nul)`:                                        `"null"`,
		`$exists($states.input.nul)`:                                      `true`,
		`[null, {'a': null}]`:                                             `[null,{"a":null}]`,
		`$states.input.text`:                                              `"한글 <&> \"\\\u0001"`,
		`$states.input.big`:                                               `12345678901234567890`,
		`10 / 4`:                                                          `2.5`,
		`10 / 5`:                                                          `2`,
		`0.1 + 0.2`:                                                       `0.30000000000000004`,
		`-0.5`:                                                            `-0.5`,
		`1e21`:                                                            `1e+21`,
		`1e-7`:                                                            `1e-7`,
		`1 / 0`:                                                           `"Infinity"`,
		`{'b': 1, 'a': {'d': 2, 'c': 3}}`:                                 `{"b":1,"a":{"d":2,"c":3}}`,
		`$keys($states.input.list[0])`:                                    `["n","k"]`,
		`$merge([$states.input.o, {'x': $states.input.zero}])`:            `{"k":"v","x":0}`,
		`$states.input.o ~> |$|{'x': 1}, ['k']|`:                          `{"x":1}`,
		`( $x := 5; $y := function($v) { $v * $x }; $y(2) )`:              `10`,
		`$reduce([1, 2, 3], function($a, $b) { $a + $b })`:                `6`,
		`$substringBefore('a.b', '.')`:                                    `"a"`,
		`$substringBefore('a.b', 'x')`:                                    `"a.b"`,
		`$substringBefore('한글.b', '.')`:                                   `"한글"`,
		`$substringBefore('a.b', $states.input.missing)`:                  `"a.b"`,
		`$substringBefore('a.b', '')`:                                     `""`,
		`'a.b' ~> $substringBefore('.')`:                                  `"a"`,
		`('a.b').$substringBefore('.')`:                                   `"a"`,
		`['a.b', 'c.d'].$substringBefore('.')`:                            `["a","c"]`,
		`$map(['a.b'], function($v) { $substringBefore($v, '.') })`:       `"a"`,
		`$substringAfter('a.b', '.')`:                                     `"b"`,
		`$substringAfter('a.b', 'x')`:                                     `"a.b"`,
		`$substringAfter('a.b', $states.input.missing)`:                   `"a.b"`,
		`('a.b').$substringAfter('.')`:                                    `"b"`,
		`$string({'a': [1, "x"]})`:                                        `"{\"a\":[1,\"x\"]}"`,
		`$states.input.text ~> $length()`:                                 `10`,

		// The clock is the execution's.
		`$now()`:                        `"2000-01-01T00:00:00.000Z"`,
		`$now('[Y]-[M01]')`:             `"2000-01"`,
		`$now('[H01]:[m01]', '+0900')`:  `"09:00"`,
		`$millis()`:                     `946684800000`,
		`$millis() = $toMillis($now())`: `true`,
		`$fromMillis($toMillis('2026-01-01T09:00:00+09:00'))`: `"2026-01-01T00:00:00.000Z"`,

		// What Step Functions adds.
		`$partition([1, 2, 3, 4, 5], 2)`:         `[[1,2],[3,4],[5]]`,
		`$partition([1, 2, 3], 9)`:               `[[1,2,3]]`,
		`$partition([1, 2, 3], 2.9)`:             `[[1,2],[3]]`,
		`$partition([0], 1)`:                     `[[0]]`,
		`$partition(7, 1)`:                       `[[7]]`,
		`$partition($states.input.list, 1)[1].k`: `"b"`,
		`$range(0, 10, 3)`:                       `[0,3,6,9]`,
		`$range(0, 9, 3)`:                        `[0,3,6,9]`,
		`$range(3, 1, -1)`:                       `[3,2,1]`,
		`$range(-1.7, 2, 1)`:                     `[-1,0,1,2]`,
		`$range(5, 5, 1)`:                        `5`,
		`$hash('hello', 'MD5')`:                  `"5d41402abc4b2a76b9719d911017c592"`,
		`$hash('hello', 'SHA-1')`:                `"aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"`,
		`$hash('hello', 'SHA-256')`:              `"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"`,
		`$hash('hello', 'SHA-384')`: `"59e1748777448c69de6b800d7a33bbfb9ff1b463e44354c3553bcdb9c666fa90125a3c79f90397bdf5f6a13de8` +
			`28684f"`,
		`$hash('hello', 'SHA-512')`: `"9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14` +
			`b8c5da0c4663475c2e5c3adef46f73bcdec043"`,
		`$random(42) = $random(42)`:          `true`,
		`$random(1) = $random(2)`:            `false`,
		`$parse('{"b":1,"a":[null,"x"]}')`:   `{"b":1,"a":[null,"x"]}`,
		`$parse('null')`:                     `null`,
		`$parse($string($states.input.o)).k`: `"v"`,
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			wantSucceeded(t, evaluateOne(t, expression, exampleInput), want)
		})
	}
}

// What evaluates to nothing, or not at all, fails the state.
func TestExpressionsThatFail(t *testing.T) {
	t.Parallel()
	const undefined, thrown = "returned nothing (undefined).", "threw an error during evaluation. "
	for expression, want := range map[string]string{
		`$states.input.missing`:                        undefined,
		`$states.input.list[n > 5]`:                    undefined,
		`$states.context.Map`:                          undefined,
		`$states.context.Execution.RedriveTime`:        undefined,
		`$max([])`:                                     undefined,
		`$not($states.input.missing)`:                  undefined,
		`$partition([], 2)`:                            undefined,
		`$partition([1], 0)`:                           undefined,
		`$partition($states.input.missing, 2)`:         undefined,
		`$range(0, 10)`:                                undefined,
		`$range(0, 10, -1)`:                            undefined,
		`$hash('x')`:                                   undefined,
		`$substringBefore($states.input.missing, '.')`: undefined,
		`$substringAfter(1, '.')`:                      thrown + "T0410: argument 1 does not match",
		`$substringAfter('a', null)`:                   thrown + "T0410: $substringAfter: argument 2 must be a string",
		`[1].$substringAfter('a')`:                     thrown + "T0410: argument 1 does not match",
		`$hash($states.input.missing, 'MD5')`:          undefined,
		`$parse($states.input.missing)`:                undefined,
		`$partition([1], -1)`:                          thrown + "$partition: the size of a chunk must not be negative",
		`$partition([1], 'x')`:                         thrown + "$partition: x is not a number",
		`$range(0, 10, 0)`:                             thrown + "$range: the step must not be zero",
		`$range(1, 360146, 1)`:                         thrown + "$range: more than 360145 numbers",
		`$range('a', 1, 1)`:                            thrown + "$range: a is not a number",
		`$hash('x', 'sha-256')`:                        thrown + `$hash: "sha-256" is not one of`,
		`$hash(1, 'MD5')`:                              thrown + "$hash: 1 is not a string",
		`$hash('x', 1)`:                                thrown + "$hash: 1 is not the name of an algorithm",
		`$random('x')`:                                 thrown + "$random: x is not a number",
		`$parse('{')`:                                  thrown + "$parse: the string is not JSON",
		`$parse(1)`:                                    thrown + "$parse: 1 is not a string",
		`$unknown(1)`:                                  thrown + "T1006",
		`$assert(false, 'broken')`:                     thrown + "D3141",
		`$states.input.list.n + 1`:                     thrown + "T2001",
		`$toMillis('yesterday')`:                       thrown + "D3110",
		`[$sum]`:                                       "returned an unsupported result type.",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			res := evaluateOne(t, expression, exampleInput)
			wantFailed(t, res, "States.QueryEvaluationError")
			want = fmt.Sprintf("The JSONata expression '%s' specified for the field 'Output' %s", expression, want)
			if !strings.Contains(res.Cause, want) {
				t.Errorf("cause is\n%s\nwant\n…%s…", res.Cause, want)
			}
		})
	}
}

func TestUUIDAndRandom(t *testing.T) {
	t.Parallel()
	v4 := regexp.MustCompile(`^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$`)
	seen := map[string]bool{}
	for range 20 {
		id := string(evaluateOne(t, `$uuid()`, `{}`).Output)
		if !v4.MatchString(id) || seen[id] {
			t.Errorf("uuid %s", id)
		}
		seen[id] = true
	}
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, machine(t, `"A":{"Type":"Pass","Output":"{% [$random(), $random()] %}","End":true}`), nil, `{}`)
		next := 0.0
		tr.env.Random = func() float64 { next += 0.25; return next }
		wantSucceeded(t, tr.run(t.Context()), `[0.25,0.5]`)
	})
	var drawn []float64
	if err := json.Unmarshal(evaluateOne(t, `[1..100].$random()`, `{}`).Output, &drawn); err != nil || len(drawn) != 100 {
		t.Fatalf("drew %v (%v)", drawn, err)
	}
	if slices.Min(drawn) < 0 || slices.Max(drawn) >= 1 || slices.Min(drawn) == slices.Max(drawn) {
		t.Errorf("drew %v", drawn)
	}
}

// No function changes what it is given: what follows sees the input as it was.
func TestExpressionsDoNotChangeTheirInput(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		`$sort($states.input.list, function($a, $b) { $a.n < $b.n })`, `$reverse($states.input.list)`,
		`$shuffle($states.input.list)`, `$append($states.input.list, 1)`, `$states.input ~> |list|{'n': 9}|`, `$merge([$states.input, {'o': 1}])`,
		`$partition($states.input.list, 1)`, `$sift($states.input, function($v, $k) { $k = 'o' })`,
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			m := machine(t, `"A":{"Type":"Pass","Output":[`+string(appendString(nil,
				"{% "+expression+" %}"))+`,"{% $string($states.input) %}"],"End":true}`)
			res, _ := execute(t, m, nil, exampleInput)
			var got []json.RawMessage
			if err := json.Unmarshal(res.Output, &got); err != nil || len(got) != 2 {
				t.Fatalf("%s %s %s", res.Status, res.Output, res.Cause)
			}
			var after string
			if err := json.Unmarshal(got[1], &after); err != nil || after != exampleInput {
				t.Errorf("the input became %s", after)
			}
		})
	}
}

// What an expression evaluates to, and what passes through unread, is the same JSON.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{exampleInput, `[]`, `[[],[[]]]`, `{"":{"":[null]}}`, `"\ud83d\ude00\u2028"`, `1E400`, `-0`, `0.1e-10`,
		`[1,[2,[3]]]`} {
		f.Add(seed)
	}
	read, err := Parse([]byte(`{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Output":{"v":"{% [$states.input] ` +
		`%}"},"End":true}}}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, input string) {
		if !json.Valid([]byte(input)) || len(input) > 10_000 {
			return
		}
		res := read.Run(t.Context(), Env{Clock: instantly{}}, Execution{Input: json.RawMessage(input)}, func(Event) {})
		if res.Status != Succeeded {
			t.Fatalf("%s: %s", res.Error, res.Cause)
		}
		if !json.Valid(res.Output) {
			t.Errorf("%s became %s", input, res.Output)
		}
	})
}
