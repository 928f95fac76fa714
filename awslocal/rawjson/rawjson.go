// Package rawjson looks into JSON text without decoding all of it: a message to 500 people has 60 KB, of which most
// questions are about one field.
//
// The text is valid JSON. On any other, and on what means something else than it seems to before it is decoded (keys with
// escapes, keys that come twice), each function gives up with false, and whoever asked has to decode it. It knows nothing of
// AWS: its tests hold it to encoding/json, on made-up texts.
package rawjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxNesting bounds the recursion.
const maxNesting = 200

// Valid is json.Valid in a third of the time.
func Valid(text []byte) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// Marshal is json.Marshal without escaping <, > and &, as AWS writes.
func Marshal(value any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// AppendCompact appends the text without white space, as json.Compact does, in less than half the time.
func AppendCompact(out, text []byte) ([]byte, error) {
	return jsontext.AppendFormat(out, text, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
		jsontext.PreserveRawStrings(true))
}

// space is the position of the first character from i on that is no white space.
func space(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// stringEnd is the position after the string that begins at i, and whether it has escapes.
func stringEnd(text string, i int) (end int, escaped, ok bool) {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1, escaped, true
		case '\\':
			escaped = true
			i++
		}
	}
	return 0, false, false
}

// valueEnd is the position after the value that begins at i.
func valueEnd(text string, i int) (end int, ok bool) {
	for depth := 0; i < len(text); {
		switch text[i] {
		case '"':
			if i, _, ok = stringEnd(text, i); !ok {
				return 0, false
			}
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ' ', '\n', '\t', '\r', ',', ':':
			i++
			continue
		default:
			i = scalarEnd(text, i)
		}
		if depth <= 0 {
			return i, depth == 0
		}
	}
	return 0, false
}

// scalarEnd is the position after the number, true, false or null that begins at i.
func scalarEnd(text string, i int) int {
	for i < len(text) {
		switch text[i] {
		case ' ', '\n', '\t', '\r', ',', ':', ']', '}':
			return i
		}
		i++
	}
	return i
}

// Members calls each with the members of the object that text is: the key without quotes, and its value as it stands. It may
// have done so for some when it gives up.
func Members(text string, each func(key, value string)) bool {
	i := space(text, 0)
	if i == len(text) || text[i] != '{' {
		return false
	}
	if i = space(text, i+1); i < len(text) && text[i] == '}' {
		return true
	}
	for i < len(text) && text[i] == '"' {
		end, escaped, ok := stringEnd(text, i)
		if !ok || escaped {
			return false
		}
		key := text[i+1 : end-1]
		if !utf8.ValidString(key) {
			return false
		}
		if i = space(text, end); i == len(text) || text[i] != ':' {
			return false
		}
		begin := space(text, i+1)
		if end, ok = valueEnd(text, begin); !ok {
			return false
		}
		each(key, text[begin:end])
		if i = space(text, end); i == len(text) {
			return false
		}
		if text[i] == '}' {
			return true
		}
		if text[i] != ',' {
			return false
		}
		i = space(text, i+1)
	}
	return false
}

// Member is the value that a path of members leads to, as it stands in the text. False also says that there is none, or
// that the path leads through something that is no object.
func Member(text string, path ...string) (value string, ok bool) {
	value = text
	for _, name := range path {
		times := 0
		inside := value
		if !Members(inside, func(key, v string) {
			if key == name {
				value = v
				times++
			}
		}) || times != 1 {
			return "", false
		}
	}
	return value, true
}

// Object is an object with only those members of another that are kept, in their order. keep sees each as Members gives it.
func Object(text string, keep func(key, value string) bool) (object string, ok bool) {
	var b strings.Builder
	b.WriteByte('{')
	ok = Members(text, func(key, value string) {
		if !keep(key, value) {
			return
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteByte('"')
		b.WriteString(key)
		b.WriteString(`":`)
		b.WriteString(value)
	})
	b.WriteByte('}')
	return b.String(), ok
}

// Append writes a value as it would be written after it was decoded: without white space, and with strings in which there
// is an escape written anew by quote.
func Append(out []byte, text string, quote func(out []byte, s string) []byte) ([]byte, bool) {
	w := writer{out: out, text: text, quote: quote}
	i, ok := w.value(space(text, 0), 0)
	if !ok || space(text, i) != len(text) {
		return out, false
	}
	return w.out, true
}

type writer struct {
	out   []byte
	text  string
	quote func(out []byte, s string) []byte
}

// value writes the value that begins at i.
func (w *writer) value(i, depth int) (end int, ok bool) {
	if i >= len(w.text) || depth > maxNesting {
		return i, false
	}
	switch w.text[i] {
	case '"':
		return w.string(i)
	case '{':
		return w.list(i, depth, '}')
	case '[':
		return w.list(i, depth, ']')
	}
	if end, ok = valueEnd(w.text, i); ok {
		w.out = append(w.out, w.text[i:end]...)
	}
	return end, ok
}

func (w *writer) string(i int) (end int, ok bool) {
	end, escaped, ok := stringEnd(w.text, i)
	switch {
	case !ok:
		return i, false
	case !escaped && utf8.ValidString(w.text[i:end]):
		w.out = append(w.out, w.text[i:end]...)
		return end, true
	}
	var s string
	if err := json.Unmarshal([]byte(w.text[i:end]), &s); err != nil {
		return i, false
	}
	w.out = w.quote(w.out, s)
	return end, true
}

// key writes a key of an object with its colon.
func (w *writer) key(i int, seen []string) (key string, end int, ok bool) {
	if i >= len(w.text) || w.text[i] != '"' {
		return "", i, false
	}
	end, escaped, ok := stringEnd(w.text, i)
	if !ok || escaped || slices.Contains(seen, w.text[i:end]) || !utf8.ValidString(w.text[i:end]) {
		return "", i, false
	}
	key = w.text[i:end]
	if i = space(w.text, end); i >= len(w.text) || w.text[i] != ':' {
		return "", i, false
	}
	w.out = append(append(w.out, key...), ':')
	return key, space(w.text, i+1), true
}

// list writes the object or array that begins at i. An object that has a key twice is given up, because only one of the
// values counts, and so is one of which that is not quickly seen.
func (w *writer) list(i, depth int, closing byte) (end int, ok bool) {
	var seen [32]string
	w.out = append(w.out, w.text[i])
	if i = space(w.text, i+1); i < len(w.text) && w.text[i] == closing {
		w.out = append(w.out, closing)
		return i + 1, true
	}
	for n := 0; ; n++ {
		if closing == '}' {
			if n == len(seen) {
				return i, false
			}
			if seen[n], i, ok = w.key(i, seen[:n]); !ok {
				return i, false
			}
		}
		if i, ok = w.value(i, depth+1); !ok {
			return i, false
		}
		i = space(w.text, i)
		switch {
		case i >= len(w.text):
			return i, false
		case w.text[i] == closing:
			w.out = append(w.out, closing)
			return i + 1, true
		case w.text[i] != ',':
			return i, false
		}
		w.out = append(w.out, ',')
		i = space(w.text, i+1)
	}
}
