package message

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ValidationError is one thing that is wrong with a request. It never holds a number or a text of the request, nor a name
// in it that is the caller's own: what somebody has written may be anybody's name or number.
type ValidationError struct {
	// Pointer is the JSON Pointer (RFC 6901) to what is wrong in the request; empty for the whole of it. It ends before a
	// name that is not known.
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`

	// about leads to what is wrong where that is not what Pointer leads to.
	about string
	// beside says that what Pointer leads to is of use all the same.
	beside bool
}

// Coverage knows which parts of a request are known to be wrong.
type Coverage map[string]bool

// Covered is what the errors are about.
func Covered(known []ValidationError) Coverage {
	c := make(Coverage, len(known))
	for _, e := range known {
		switch {
		case e.about != "":
			c[e.about] = true
		case !e.beside:
			c[e.Pointer] = true
		}
	}
	return c
}

// Has tells whether something is a part of what is known to be wrong: then nothing else can be said about it.
func (c Coverage) Has(pointer string) bool {
	if len(c) == 0 {
		return false
	}
	for {
		if c[pointer] {
			return true
		}
		end := strings.LastIndexByte(pointer, '/')
		if end < 0 {
			return false
		}
		pointer = pointer[:end]
	}
}

var pointerEscapes = strings.NewReplacer("~", "~0", "/", "~1")

// Pointer extends a JSON Pointer with member names or indices.
func Pointer(parent string, tokens ...string) string {
	for _, token := range tokens {
		parent += "/" + pointerEscapes.Replace(token)
	}
	return parent
}

// UnencodableDetail tells of the first few characters that a phone would show as "?", by their classes and positions.
func UnencodableDetail(bad []BadRune) string {
	var b strings.Builder
	b.WriteString("SMS cannot carry ")
	for i, r := range bad {
		const few = 5
		if i == few {
			fmt.Fprintf(&b, " and %d more", len(bad)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s at character %d", runeClass(r.Rune), r.Index+1)
	}
	return b.String()
}

// runeClass says what kind of character it is, such as "a Thai letter", and not which.
func runeClass(r rune) string {
	switch {
	case r == utf8.RuneError:
		return "U+FFFD, which stands for something that was lost,"
	case isEmoji(r):
		return "an emoji"
	case unicode.Is(unicode.Cc, r):
		return "a control character"
	case unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Zl, unicode.Zp):
		return "an invisible character"
	case unicode.Is(unicode.Co, r):
		return "a private character"
	case unicode.IsSpace(r), unicode.Is(unicode.Zs, r):
		return "a space"
	case unicode.Is(unicode.Pd, r):
		return "a dash"
	case unicode.IsPunct(r):
		return "a punctuation mark"
	case unicode.Is(unicode.Sc, r):
		return "a currency sign"
	case unicode.IsSymbol(r):
		return "a symbol"
	}
	script := script(r)
	switch {
	case unicode.IsLetter(r):
		return script + " letter"
	case unicode.IsMark(r):
		return script + " mark"
	case unicode.IsNumber(r):
		return script + " digit"
	}
	return "a character that does not exist"
}

// isEmoji covers the blocks whose characters phones show as pictures.
func isEmoji(r rune) bool {
	return r >= 0x1f000 && r <= 0x1fbff || r >= 0x2600 && r <= 0x27bf || r >= 0x2b00 && r <= 0x2bff
}

// script is the script of a letter with its article. Not all are named: the table of all is larger than a function's code.
func script(r rune) string {
	for _, s := range []struct {
		name  string
		table *unicode.RangeTable
	}{
		{"a Latin", unicode.Latin}, {"a Hangul", unicode.Hangul}, {"a Chinese", unicode.Han}, {"a Japanese", unicode.Hiragana},
		{"a Japanese", unicode.Katakana}, {"a Thai", unicode.Thai}, {"a Cyrillic", unicode.Cyrillic}, {"a Greek", unicode.Greek},
		{"an Arabic", unicode.Arabic}, {"a Hebrew", unicode.Hebrew}, {"a Devanagari", unicode.Devanagari}, {"a Bengali", unicode.Bengali},
		{"a Khmer", unicode.Khmer}, {"a Lao", unicode.Lao}, {"a Burmese", unicode.Myanmar}, {"a Mongolian", unicode.Mongolian},
		{"a Tamil", unicode.Tamil}, {"a Sinhala", unicode.Sinhala}, {"an Armenian", unicode.Armenian}, {"a Georgian", unicode.Georgian},
		{"an Ethiopic", unicode.Ethiopic}, {"a combining", unicode.Inherited},
	} {
		if unicode.Is(s.table, r) {
			return s.name
		}
	}
	return "a foreign"
}
