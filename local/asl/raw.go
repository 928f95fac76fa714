package asl

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// What follows looks into JSON text without decoding all of it: a message to 500 people has 60 KB, of which most
// expressions want one field. The text is valid JSON; on any other, and on what would have to be read twice to mean the
// same as when it is decoded, each function gives up with false, and the value is decoded.

// rawSpace is the position of the first character from i on that is no white space.
func rawSpace(text string, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t' || text[i] == '\r') {
		i++
	}
	return i
}

// rawString is the position after the string that begins at i, and whether it has escapes.
func rawString(text string, i int) (end int, escaped, ok bool) {
	for i++; i < len(text); {
		quote := strings.IndexByte(text[i:], '"')
		if quote < 0 {
			break
		}
		slash := strings.IndexByte(text[i:i+quote], '\\')
		if slash < 0 {
			return i + quote + 1, escaped, true
		}
		escaped = true
		i += slash + 2
	}
	return 0, false, false
}

// rawValue is the position after the value that begins at i.
func rawValue(text string, i int) (end int, ok bool) {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			if i, _, ok = rawString(text, i); !ok {
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
			for i < len(text) && strings.IndexByte(" \n\t\r,:]}", text[i]) < 0 {
				i++
			}
		}
		if depth <= 0 {
			return i, depth == 0
		}
	}
	return 0, false
}

// rawMembers calls each with the members of the object that text is: the key as it stands, without quotes, and the
// position of its value.
func rawMembers(text string, each func(key, value string)) bool {
	i := rawSpace(text, 0)
	if i == len(text) || text[i] != '{' {
		return false
	}
	if i = rawSpace(text, i+1); i < len(text) && text[i] == '}' {
		return true
	}
	for i < len(text) && text[i] == '"' {
		end, escaped, ok := rawString(text, i)
		if !ok || escaped {
			return false
		}
		key := text[i+1 : end-1]
		if i = rawSpace(text, end); i == len(text) || text[i] != ':' {
			return false
		}
		begin := rawSpace(text, i+1)
		if end, ok = rawValue(text, begin); !ok {
			return false
		}
		each(key, text[begin:end])
		if i = rawSpace(text, end); i == len(text) {
			return false
		}
		if text[i] == '}' {
			return true
		}
		if text[i] != ',' {
			return false
		}
		i = rawSpace(text, i+1)
	}
	return false
}

// rawMember is the value of an object's member, empty if it has none of this name.
func rawMember(text, name string) (value string, ok bool) {
	times := 0
	whole := rawMembers(text, func(key, v string) {
		if key == name {
			value = v
			times++
		}
	})
	return value, whole && times <= 1
}

// rawObject is an object with only those members of another that are named.
func rawObject(text string, names []string) (object string, ok bool) {
	var b strings.Builder
	b.WriteByte('{')
	ok = rawMembers(text, func(key, value string) {
		for _, name := range names {
			if key != name {
				continue
			}
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.WriteByte('"')
			b.WriteString(key)
			b.WriteString(`":`)
			b.WriteString(value)
			break
		}
	})
	b.WriteByte('}')
	return b.String(), ok
}

// appendMember writes the value that a path of members leads to. A list on the way is not for it: JSONata looks into
// each of its values.
func appendMember(out []byte, text string, path []string) ([]byte, bool) {
	for _, name := range path {
		var ok bool
		if text, ok = rawMember(text, name); !ok || text == "" {
			return out, false
		}
	}
	written, ok := appendRaw(out, text)
	if !ok {
		return out, false
	}
	return written, true
}

// appendRaw writes a value as it would be written after it was decoded: without white space, and with as few escapes as
// possible.
func appendRaw(out []byte, text string) ([]byte, bool) {
	out, i, ok := appendRawValue(out, text, rawSpace(text, 0), 0)
	return out, ok && rawSpace(text, i) == len(text)
}

func appendRawValue(out []byte, text string, i, depth int) (_ []byte, end int, ok bool) {
	if i >= len(text) || depth > maxNesting {
		return out, i, false
	}
	switch text[i] {
	case '"':
		return appendRawString(out, text, i)
	case '{':
		return appendRawList(out, text, i, depth, '}')
	case '[':
		return appendRawList(out, text, i, depth, ']')
	}
	if end, ok = rawValue(text, i); !ok {
		return out, i, false
	}
	return append(out, text[i:end]...), end, true
}

func appendRawString(out []byte, text string, i int) (_ []byte, end int, ok bool) {
	end, escaped, ok := rawString(text, i)
	if !ok {
		return out, i, false
	}
	if !escaped && utf8.ValidString(text[i:end]) {
		return append(out, text[i:end]...), end, true
	}
	var s string
	if err := json.Unmarshal([]byte(text[i:end]), &s); err != nil {
		return out, i, false
	}
	return appendString(out, s), end, true
}

// appendRawList writes the object or array that begins at i. An object that has a key twice is given up, because only
// one of the values counts, and so is one of which that is not quickly seen.
func appendRawList(out []byte, text string, i, depth int, closing byte) (_ []byte, end int, ok bool) {
	var seen [32]string
	out = append(out, text[i])
	if i = rawSpace(text, i+1); i < len(text) && text[i] == closing {
		return append(out, closing), i + 1, true
	}
	for n := 0; ; n++ {
		if closing == '}' {
			if n == len(seen) || i >= len(text) || text[i] != '"' {
				return out, i, false
			}
			end, escaped, ok := rawString(text, i)
			if !ok || escaped || slices.Contains(seen[:n], text[i:end]) || !utf8.ValidString(text[i:end]) {
				return out, i, false
			}
			seen[n] = text[i:end]
			out = append(out, text[i:end]...)
			if i = rawSpace(text, end); i >= len(text) || text[i] != ':' {
				return out, i, false
			}
			out = append(out, ':')
			i = rawSpace(text, i+1)
		}
		if out, i, ok = appendRawValue(out, text, i, depth+1); !ok {
			return out, i, false
		}
		i = rawSpace(text, i)
		switch {
		case i >= len(text):
			return out, i, false
		case text[i] == closing:
			return append(out, closing), i + 1, true
		case text[i] != ',':
			return out, i, false
		}
		out = append(out, ',')
		i = rawSpace(text, i+1)
	}
}
