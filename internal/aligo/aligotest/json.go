package aligotest

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// object is a JSON object with its members in order, as the vendor writes them.
type object []member

type member struct {
	key   string
	value any
}

// appendPHP writes JSON as PHP's json_encode does by default: everything beyond ASCII as \uXXXX, and / as \/. With swap, it
// writes numbers as strings and strings of digits as numbers, as the vendor does in one place or another.
func appendPHP(b []byte, v any, swap bool) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, m.key), ':')
			b = appendPHP(b, m.value, swap)
		}
		return append(b, '}')
	case []object:
		b = append(b, '[')
		for i, o := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendPHP(b, o, swap)
		}
		return append(b, ']')
	case string:
		if swap {
			if n, err := strconv.ParseInt(v, 10, 53); err == nil && strconv.FormatInt(n, 10) == v {
				return append(b, v...)
			}
		}
		return appendString(b, v)
	case int, int64, float64:
		if swap {
			return appendString(b, fmt.Sprint(v))
		}
	}
	return fmt.Append(b, v)
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '/':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r >= 0x20 && r <= 0x7e:
			b = append(b, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			b = appendUnit(appendUnit(b, high), low)
		default:
			b = appendUnit(b, r)
		}
	}
	return append(b, '"')
}

// appendUnit writes one unit of UTF-16.
func appendUnit(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// unescaped is an answer with its texts as they are, for the body in another charset.
func unescaped(answer object) []byte {
	escaped := string(appendPHP(nil, answer, false))
	var b strings.Builder
	for {
		at := strings.Index(escaped, `\u`)
		if at < 0 || at+6 > len(escaped) {
			b.WriteString(escaped)
			return []byte(b.String())
		}
		b.WriteString(escaped[:at])
		code, err := strconv.ParseUint(escaped[at+2:at+6], 16, 16)
		if err != nil || code < 0x80 {
			b.WriteString(escaped[at : at+6])
		} else {
			b.WriteRune(rune(code))
		}
		escaped = escaped[at+6:]
	}
}
