package eventbus

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sms-api/awslocal/rawjson"
)

// leaf is a value of an event that is neither an object nor an array.
type leaf struct {
	// value is a string, a json.Number, a bool or nil.
	value any
	// number is set when value is a number that can be compared.
	number     float64
	comparable bool
	// in is the elements of arrays that the leaf lies in, outermost first.
	in []element
}

// element is a position in one particular array of an event.
type element struct {
	array, index int
}

// flatEvent has an event's leaves by their path: the names of the fields, joined by dots.
type flatEvent map[string][]leaf

func flatten(event []byte) (flatEvent, error) {
	root, err := decode(event)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	fields, ok := root.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("event: not a JSON object")
	}
	f := flattener{event: flatEvent{}}
	for name, value := range fields {
		f.add(name, value, nil)
	}
	return f.event, nil
}

// detailPath begins the paths of what is in an event's detail.
const detailPath = "detail."

// addDetail adds those leaves of an event's detail that the patterns look at.
func (event flatEvent) addDetail(detail string, patterns []*Pattern) error {
	if !looksAt(patterns, "detail") {
		return nil
	}
	part, ok := rawjson.Object(detail, func(name, _ string) bool { return looksAt(patterns, detailPath+name) })
	if !ok {
		part = detail
	}
	root, err := decode([]byte(part))
	if err != nil {
		return fmt.Errorf("event: %w", err)
	}
	// The array that is there already is the envelope's resources.
	f := flattener{event: event, arrays: 1}
	f.add("detail", root, nil)
	return nil
}

// looksAt tells whether one of the patterns has a condition on the path or on something below it.
func looksAt(patterns []*Pattern, path string) bool {
	return slices.ContainsFunc(patterns, func(p *Pattern) bool { return p.looksAt(path) })
}

// looksAt tells whether the pattern has a condition on the path or on something below it.
func (p *Pattern) looksAt(path string) bool {
	return slices.ContainsFunc(p.alternatives, func(conditions []condition) bool {
		return slices.ContainsFunc(conditions, func(cond condition) bool {
			return cond.path == path || strings.HasPrefix(cond.path, path+".")
		})
	})
}

// matchHead tells whether an event may match of which everything but the detail is known.
func (p *Pattern) matchHead(event flatEvent) bool {
	return slices.ContainsFunc(p.alternatives, func(conditions []condition) bool {
		return matchAll(slices.DeleteFunc(slices.Clone(conditions), func(cond condition) bool {
			return strings.HasPrefix(cond.path, detailPath)
		}), event)
	})
}

func decode(data []byte) (any, error) {
	var root any
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.UseNumber()
	if err := dec.Decode(&root); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, fmt.Errorf("more than one JSON value")
	}
	return root, nil
}

type flattener struct {
	event  flatEvent
	arrays int
}

func (f *flattener) add(path string, value any, in []element) {
	switch value := value.(type) {
	case map[string]any:
		for name, value := range value {
			f.add(path+"."+name, value, in)
		}
	case []any:
		f.arrays++
		array := f.arrays
		for i, value := range value {
			switch value.(type) {
			case map[string]any, []any:
				f.add(path, value, append(slices.Clone(in), element{array, i}))
			default:
				// The scalars of an array go with all of its elements.
				f.add(path, value, in)
			}
		}
	default:
		l := leaf{value: value, in: in}
		if n, ok := value.(json.Number); ok {
			if v, err := comparableNumber(n); err == nil {
				l.number, l.comparable = v, true
			}
		}
		f.event[path] = append(f.event[path], l)
	}
}

// Match tells whether an event, a JSON object, matches. What is no JSON object never does.
func (p *Pattern) Match(event []byte) bool {
	flat, err := flatten(event)
	return err == nil && p.match(flat)
}

func (p *Pattern) match(event flatEvent) bool {
	return slices.ContainsFunc(p.alternatives, func(conditions []condition) bool { return matchAll(conditions, event) })
}

// matchAll looks for leaves that satisfy all conditions and fit together: when two of them lie in the same array, they
// must lie in the same element of it. So {"a": {"x": [1], "y": [2]}} does not match {"a": [{"x": 1}, {"y": 2}]}.
func matchAll(conditions []condition, event flatEvent) bool {
	// positions are the choices of elements that satisfy all conditions so far.
	positions := [][]element{nil}
	for i, cond := range conditions {
		var next [][]element
		seen := map[string]bool{}
		keep := func(position []element) {
			position = relevant(position, conditions[i+1:], event)
			if key := key(position); !seen[key] {
				seen[key] = true
				next = append(next, position)
			}
		}
		for _, position := range positions {
			present := false
			for _, l := range event[cond.path] {
				joined, ok := join(position, l.in)
				if !ok {
					continue
				}
				present = true
				if slices.ContainsFunc(cond.any, func(m matcher) bool { return m(l) }) {
					keep(joined)
				}
			}
			if cond.absent && !present {
				keep(position)
			}
		}
		if positions = next; len(positions) == 0 {
			return false
		}
	}
	return true
}

// join unites two positions; it fails when they disagree on the element of an array.
func join(a, b []element) ([]element, bool) {
	joined := slices.Clone(a)
	for _, e := range b {
		i := slices.IndexFunc(joined, func(other element) bool { return other.array == e.array })
		switch {
		case i < 0:
			joined = append(joined, e)
		case joined[i].index != e.index:
			return nil, false
		}
	}
	return joined, true
}

// relevant drops from a position the arrays that no later condition looks into. It keeps the number of positions to
// follow small: they would otherwise multiply with every array of the event.
func relevant(position []element, later []condition, event flatEvent) []element {
	var kept []element
	for _, e := range position {
		if slices.ContainsFunc(later, func(cond condition) bool {
			return slices.ContainsFunc(event[cond.path], func(l leaf) bool {
				return slices.ContainsFunc(l.in, func(other element) bool { return other.array == e.array })
			})
		}) {
			kept = append(kept, e)
		}
	}
	slices.SortFunc(kept, func(a, b element) int { return a.array - b.array })
	return kept
}

func key(position []element) string {
	var b strings.Builder
	for _, e := range position {
		b.WriteString(strconv.Itoa(e.array))
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(e.index))
		b.WriteByte(' ')
	}
	return b.String()
}
