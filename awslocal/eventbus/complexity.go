package eventbus

import (
	"encoding/binary"
	"slices"
)

// maxComplexity is from where on a pattern is too complex. EventBridge does not publish its bound; this is what its own
// example has, *:*:*:*:*:event-bus/*, which is refused.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching
const maxComplexity = 10

// maxComplexitySteps bounds the work of judging: what takes longer is too complex as well.
const maxComplexitySteps = 20_000

const tooComplex = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a " +
	"wildcard character"

// wildcardsOf lists the wildcards among the values of a condition that has been compiled.
func wildcardsOf(values []any) []string {
	var found []string
	for _, value := range values {
		expression, ok := value.(object)
		if !ok {
			continue
		}
		name, operand := expression[0].name, expression[0].value
		if nested, ok := operand.(object); ok && name == "anything-but" {
			name, operand = nested[0].name, nested[0].value
		}
		if name != "wildcard" {
			continue
		}
		list, ok := operand.([]any)
		if !ok {
			list = []any{operand}
		}
		for _, item := range list {
			if text, ok := item.(string); ok {
				found = append(found, text)
			}
		}
	}
	return found
}

// anyByte is the element of a wildcard that stands for any bytes.
const anyByte = 256

// beginning is a state of matching: so many elements of a wildcard have been matched.
type beginning struct {
	wildcard, elements uint16
}

// complexity is the largest number of beginnings of the wildcards that one text can fit, as event-ruler defines it; at most
// maxComplexity. It follows all texts at once: each step is a byte that some wildcard waits for, or one for which none does.
//
// https://github.com/aws/event-ruler#complexity-evaluation
func complexity(wildcards []string) int {
	j := judge{seen: map[string]bool{}}
	for _, text := range wildcards {
		j.wildcards = append(j.wildcards, elementsOf(text))
	}
	start := make([]beginning, 0, 2*len(j.wildcards))
	for i := range j.wildcards {
		start = j.enter(start, beginning{wildcard: uint16(i)}) //nolint:gosec // a pattern has 4,096 characters at most
	}
	most := 0
	pending := [][]beginning{start}
	for len(pending) > 0 {
		at := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		for _, next := range j.after(at) {
			most = max(most, len(next))
			if most >= maxComplexity || len(j.seen) > maxComplexitySteps {
				return maxComplexity
			}
			if j.isNew(next) {
				pending = append(pending, next)
			}
		}
	}
	return most
}

// elementsOf is the bytes of a wildcard, and anyByte for each of its stars.
func elementsOf(text string) []uint16 {
	var elements []uint16
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '*':
			elements = append(elements, anyByte)
			continue
		case '\\':
			i++
		}
		elements = append(elements, uint16(text[i]))
	}
	return elements
}

type judge struct {
	wildcards [][]uint16
	seen      map[string]bool
}

// next is the element that a wildcard waits for at its beginning b.
func (j *judge) next(b beginning) (element uint16, ok bool) {
	elements := j.wildcards[b.wildcard]
	if int(b.elements) == len(elements) {
		return 0, false
	}
	return elements[b.elements], true
}

// enter adds a beginning, and the one with the star that follows it, which fits nothing as well.
func (j *judge) enter(to []beginning, b beginning) []beginning {
	if !slices.Contains(to, b) {
		to = append(to, b)
	}
	if element, ok := j.next(b); ok && element == anyByte {
		b.elements++
		if !slices.Contains(to, b) {
			to = append(to, b)
		}
	}
	return to
}

// after lists what is fitted after one more byte, for each byte that makes a difference.
func (j *judge) after(at []beginning) [][]beginning {
	bytes := []uint16{anyByte} // for a byte that no wildcard waits for
	for _, b := range at {
		if element, ok := j.next(b); ok && !slices.Contains(bytes, element) {
			bytes = append(bytes, element)
		}
	}
	var all [][]beginning
	for _, c := range bytes {
		var next []beginning
		for _, b := range at {
			if b.elements > 0 && j.wildcards[b.wildcard][b.elements-1] == anyByte {
				next = j.enter(next, b) // a star takes any byte
			}
			if element, ok := j.next(b); ok && element == c && c != anyByte {
				next = j.enter(next, beginning{b.wildcard, b.elements + 1})
			}
		}
		if len(next) > 0 {
			all = append(all, next)
		}
	}
	return all
}

func (j *judge) isNew(at []beginning) bool {
	slices.SortFunc(at, func(a, b beginning) int {
		return (int(a.wildcard)<<16 | int(a.elements)) - (int(b.wildcard)<<16 | int(b.elements))
	})
	key := make([]byte, 0, 4*len(at))
	for _, b := range at {
		key = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(key, b.wildcard), b.elements)
	}
	if j.seen[string(key)] {
		return false
	}
	j.seen[string(key)] = true
	return true
}
