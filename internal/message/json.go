package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// reader reads what encoding/json has found to be valid JSON. encoding/json alone would take a duplicate member's last
// value, match names without regard to case, and stop at the first value of the wrong type; token by token it takes several
// times as long.
type reader struct {
	// text is valid JSON, of which everything before at has been read.
	text string
	at   int
	// path leads to the value that is being read.
	path []string
	// duplicates are pointers to the members that an object has had before. Their values are left out.
	duplicates []string
}

// object is a JSON object with its members in the order written.
type object []member

type member struct {
	name  string
	value any
}

func tooDeep() *SyntaxError {
	return &SyntaxError{Detail: fmt.Sprintf("the body is nested deeper than %d levels", maxDepth)}
}

// value reads one value: object, []any, string, json.Number, bool or nil. The error is a *SyntaxError.
func (r *reader) value() (any, error) {
	if len(r.path) > maxDepth {
		return nil, tooDeep()
	}
	switch r.peek() {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		return r.quoted(), nil
	}
	begin := r.at
	for r.at < len(r.text) && strings.IndexByte(",]} \t\r\n", r.text[r.at]) < 0 {
		r.at++
	}
	switch word := r.text[begin:r.at]; word {
	case "true", "false":
		return word == "true", nil
	case "null":
		return nil, nil
	default:
		return json.Number(word), nil
	}
}

// peek is the first byte that is no white space.
func (r *reader) peek() byte {
	for strings.IndexByte(" \t\r\n", r.text[r.at]) >= 0 {
		r.at++
	}
	return r.text[r.at]
}

// more steps over what stands before the next element of an object or array. It tells whether there is one, and steps
// over the end if there is none.
func (r *reader) more(end byte) bool {
	c := r.peek()
	if c == ',' || c == end {
		r.at++
	}
	return c != end
}

func (r *reader) object() (any, error) {
	// Of the few members that most objects have each is compared with each, which is quicker than to look them up.
	const few = 16
	o, others := object{}, map[string]bool(nil)
	r.at++
	for r.more('}') {
		r.peek()
		m := member{name: r.quoted()}
		r.peek()
		r.at++ // the colon
		r.path = append(r.path, m.name)
		var err error
		if m.value, err = r.value(); err != nil {
			return nil, err
		}
		switch same := func(other member) bool { return other.name == m.name }; {
		case slices.ContainsFunc(o[:min(len(o), few)], same) || others[m.name]:
			r.duplicates = append(r.duplicates, Pointer("", r.path...))
		case len(o) < few:
			o = append(o, m)
		default:
			if others == nil {
				others = map[string]bool{}
			}
			others[m.name] = true
			o = append(o, m)
		}
		r.path = r.path[:len(r.path)-1]
	}
	return o, nil
}

func (r *reader) array() (any, error) {
	a := []any{}
	r.at++
	for r.more(']') {
		r.path = append(r.path, strconv.Itoa(len(a)))
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		r.path = r.path[:len(r.path)-1]
	}
	return a, nil
}

// quoted reads a string.
func (r *reader) quoted() string {
	begin := r.at
	r.at++
	end := r.at + strings.IndexByte(r.text[r.at:], '"')
	if strings.IndexByte(r.text[r.at:end], '\\') < 0 {
		r.at = end + 1
		return r.text[begin+1 : end]
	}
	for ; r.text[r.at] != '"'; r.at++ {
		if r.text[r.at] == '\\' {
			r.at++
		}
	}
	r.at++
	var s string
	// It cannot fail: the text is valid JSON.
	_ = json.Unmarshal([]byte(r.text[begin:r.at]), &s)
	return s
}
