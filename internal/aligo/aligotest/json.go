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

// php writes JSON as PHP's json_encode does by default: everything beyond ASCII as \uXXXX, and / as \/. With swap, it
// writes numbers as strings and strings of digits as numbers, as the vendor does in one place or another.
func php(v any, swap bool) []byte {
	var b strings.Builder
	writeValue(&b, v, swap)
	return []byte(b.String())
}

func writeValue(b *strings.Builder, v any, swap bool) {
	switch v := v.(type) {
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeString(b, m.key)
			b.WriteByte(':')
			writeValue(b, m.value, swap)
		}
		b.WriteByte('}')
	case []object:
		b.WriteByte('[')
		for i, o := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeValue(b, o, swap)
		}
		b.WriteByte(']')
	case string:
		if n, err := strconv.ParseInt(v, 10, 53); swap && err == nil && strconv.FormatInt(n, 10) == v {
			b.WriteString(v)
			return
		}
		writeString(b, v)
	case int, int64, float64:
		if swap {
			writeString(b, fmt.Sprint(v))
			return
		}
		fmt.Fprint(b, v)
	default:
		fmt.Fprint(b, v)
	}
}

func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '/':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r > 0x7e && r <= 0xffff:
			fmt.Fprintf(b, `\u%04x`, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(b, `\u%04x\u%04x`, high, low)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// unescaped is an answer with its texts as they are, for the body in another charset.
func unescaped(answer object) []byte {
	escaped := string(php(answer, false))
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
