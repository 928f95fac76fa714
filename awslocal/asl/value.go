package asl

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/recolabs/gnata"

	"sms-api/awslocal/rawjson"
)

// value is JSON text that is decoded only when an expression looks into it. It belongs to one line of states: what
// crosses into a branch is copied, so that no two goroutines decode the same value.
type value struct {
	text    string
	tree    any
	decoded bool
	// members are those of an object that somebody has asked for a part of.
	members []valueMember
}

type valueMember struct {
	name  string
	value *value
}

func newValue(text string) *value { return &value{text: text} }

// share is the same JSON for another goroutine. The tree may be shared, since evaluation only reads it.
func (v *value) share() *value {
	if v == nil {
		return nil
	}
	c := *v
	c.members = nil // they may still be decoded
	return &c
}

// decode is the value as gnata sees it.
func (v *value) decode() (any, error) {
	if v.decoded {
		return v.tree, nil
	}
	tree, err := decode(v.text)
	if err != nil {
		return nil, err
	}
	v.tree, v.decoded = tree, true
	return tree, nil
}

// part is the value as decode has it, or at least those members of it that are named; nil names all.
func (v *value) part(names []string) (any, error) {
	if names == nil || v.decoded {
		return v.decode()
	}
	if v.members == nil && !rawjson.Members(v.text, func(name, text string) {
		v.members = append(v.members,
			valueMember{name, newValue(text)})
	}) {
		v.members = nil
		return v.decode()
	}
	object, err := newObject()
	if err != nil {
		return nil, err
	}
	for _, m := range v.members {
		if slices.Contains(names, m.name) {
			tree, err := m.value.decode()
			if err != nil {
				return nil, err
			}
			object.Set(m.name, tree)
		}
	}
	return object, nil
}

// appendMember writes the value that a path of members leads to, if that can be told without decoding.
func (v *value) appendMember(out []byte, path []string) ([]byte, bool) {
	member, ok := rawjson.Member(v.text, path...)
	if !ok {
		return out, false
	}
	return rawjson.Append(out, member, appendString)
}

// forget drops the decoded form, for states that may wait for days.
func (v *value) forget() {
	if v != nil {
		v.tree, v.decoded, v.members = nil, false, nil
	}
}

// ordered is gnata's object type, which keeps the order of keys and has no exported name.
type ordered interface {
	Keys() []string
	Get(key string) (any, bool)
}

// unsupportedError is a result that JSON cannot hold: a function.
type unsupportedError struct{ value any }

func (e *unsupportedError) Error() string {
	return fmt.Sprintf("a result of type %T is not JSON", e.value)
}

// appendValue writes what an expression has evaluated to as JSON.
func appendValue(out []byte, v any) ([]byte, error) {
	switch t := v.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, t), nil
	case string:
		return appendString(out, t), nil
	case json.Number:
		return append(out, t...), nil
	case float64:
		return appendFloat(out, t), nil
	case []any:
		return appendArray(out, t)
	case ordered:
		return appendObject(out, t.Keys(), t.Get)
	case map[string]any:
		keys := make([]string, 0, len(t))
		for k := range t {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		return appendObject(out, keys, func(k string) (any, bool) { x, ok := t[k]; return x, ok })
	}
	// What is left is gnata's null and its sequences, which only gnata can take apart.
	if gnata.IsNull(v) {
		return append(out, "null"...), nil
	}
	switch t := gnata.NormalizeValue(v).(type) {
	case nil, bool, string, json.Number, float64, []any, map[string]any:
		return appendValue(out, t)
	}
	return out, &unsupportedError{value: v}
}

func appendArray(out []byte, items []any) ([]byte, error) {
	out = append(out, '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		var err error
		if out, err = appendValue(out, item); err != nil {
			return out, err
		}
	}
	return append(out, ']'), nil
}

func appendObject(out []byte, keys []string, get func(string) (any, bool)) ([]byte, error) {
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, key), ':')
		member, _ := get(key)
		var err error
		if out, err = appendValue(out, member); err != nil {
			return out, err
		}
	}
	return append(out, '}'), nil
}

// appendFloat writes a number as JavaScript does. What JSON has no number for becomes a string, as AWS writes it.
func appendFloat(out []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(out, `"NaN"`...)
	case math.IsInf(f, 1):
		return append(out, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(out, `"-Infinity"`...)
	}
	switch abs := math.Abs(f); {
	case abs == 0:
		return append(out, '0') // also for -0
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(out, f, 'f', -1, 64)
	}
	out = strconv.AppendFloat(out, f, 'e', -1, 64)
	if n := len(out); out[n-2] == '0' && (out[n-3] == '-' || out[n-3] == '+') {
		out = append(out[:n-2], out[n-1]) // Go writes two digits of the exponent at least, JavaScript one
	}
	return out
}

const hexDigits = "0123456789abcdef"

// appendString quotes a JSON string; unlike encoding/json it leaves <, > and & alone, as AWS does.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			out = append(out, s[start:i]...)
			switch c {
			case '"', '\\':
				out = append(out, '\\', c)
			case '\n':
				out = append(out, '\\', 'n')
			case '\r':
				out = append(out, '\\', 'r')
			case '\t':
				out = append(out, '\\', 't')
			default:
				out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			out = append(append(out, s[start:i]...), "\uFFFD"...)
			start = i + size
		}
		i += size
	}
	return append(append(out, s[start:]...), '"')
}
