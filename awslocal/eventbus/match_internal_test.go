package eventbus

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// matchSlowly is what matchAll means: try every choice of leaves, one condition after the other.
func matchSlowly(conditions []condition, event flatEvent, position []element) bool {
	if len(conditions) == 0 {
		return true
	}
	cond, present := conditions[0], false
	for _, l := range event[cond.path] {
		joined, ok := join(position, l.in)
		if !ok {
			continue
		}
		present = true
		if slices.ContainsFunc(cond.any, func(m matcher) bool { return m(l) }) && matchSlowly(conditions[1:], event, joined) {
			return true
		}
	}
	return cond.absent && !present && matchSlowly(conditions[1:], event, position)
}

// generators make events, or their details, and patterns for them.
func generators() (object *rapid.Generator[map[string]any], pattern func(depth int) *rapid.Generator[map[string]any]) {
	names := rapid.SampledFrom([]string{"a", "b", "c", "a.b"})
	scalar := rapid.SampledFrom([]any{1, 2, "x", nil})
	var value func(depth int) *rapid.Generator[any]
	value = func(depth int) *rapid.Generator[any] {
		if depth == 0 {
			return scalar
		}
		return rapid.OneOf(
			scalar,
			rapid.Custom(func(t *rapid.T) any { return rapid.MapOfN(names, value(depth-1), 1, 3).Draw(t, "object") }),
			rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "array") }),
		)
	}
	test := rapid.SampledFrom([]any{1, "x", nil, map[string]any{"exists": false}, map[string]any{"exists": true},
		map[string]any{"anything-but": 1}})
	pattern = func(depth int) *rapid.Generator[map[string]any] {
		leaf := rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(test, 1, 2).Draw(t, "tests") })
		field := leaf
		if depth > 0 {
			field = rapid.OneOf(leaf, rapid.Custom(func(t *rapid.T) any { return pattern(depth-1).Draw(t, "nested") }))
		}
		return rapid.MapOfN(names, field, 1, 3)
	}
	return rapid.MapOfN(names, value(4), 1, 3), pattern
}

// Dropping the positions that no longer matter changes nothing about what matches.
func TestMatchAgreesWithTryingEverything(t *testing.T) {
	t.Parallel()
	object, pattern := generators()
	rapid.Check(t, func(t *rapid.T) {
		event, err := json.Marshal(object.Draw(t, "event"))
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(pattern(2).Draw(t, "pattern"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		flat, err := flatten(event)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := p.match(flat), matchSlowly(p.alternatives[0], flat, nil); got != want {
			t.Fatalf("%s matches %s: %t, want %t", text, event, got, want)
		}
	})
}

// A bus, which reads of a detail only what patterns look at, matches as Pattern.Match does.
func TestBusAgreesWithMatch(t *testing.T) {
	t.Parallel()
	object, pattern := generators()
	marshalled := func(t *rapid.T, value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	rapid.Check(t, func(t *rapid.T) {
		head := map[string]any{"source": rapid.SampledFrom([]string{"x", "y"}).Draw(t, "source"), "resources": []string{"r", "s"}}
		detail := marshalled(t, object.Draw(t, "detail"))
		var patterns []*Pattern
		var texts []string
		for range 2 {
			want := map[string]any{"detail": pattern(2).Draw(t, "pattern")}
			if rapid.Bool().Draw(t, "looks at the head") {
				want["source"] = []any{"x"}
			}
			if rapid.Bool().Draw(t, "has alternatives") {
				want["$or"] = []any{map[string]any{"resources": []any{"s"}}, map[string]any{"detail-type": []any{"none"}}}
			}
			texts = append(texts, marshalled(t, want))
			p, err := Compile([]byte(texts[len(texts)-1]))
			if err != nil {
				t.Fatal(err)
			}
			patterns = append(patterns, p)
		}
		flat, err := flatten([]byte(marshalled(t, head)))
		if err != nil {
			t.Fatal(err)
		}
		first := []bool{patterns[0].matchHead(flat), patterns[1].matchHead(flat)}
		if err := flat.addDetail(detail, patterns); err != nil {
			t.Fatal(err)
		}
		head["detail"] = json.RawMessage(detail)
		event := marshalled(t, head)
		for i, p := range patterns {
			if got, want := first[i] && p.match(flat), p.Match([]byte(event)); got != want {
				t.Fatalf("%s matches %s on a bus: %t, want %t", texts[i], event, got, want)
			}
		}
	})
}
