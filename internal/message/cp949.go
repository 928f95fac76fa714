package message

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/transform"
)

// BadRune is a character that the carriers cannot show: it has no place in CP949 and reaches the phone as "?".
type BadRune struct {
	Rune rune
	// Index is the character's position in the text, counted in characters from 0.
	Index int
}

// SMSBytes is how many bytes a text takes in an SMS or LMS: in CP949 (Microsoft's superset of EUC-KR), the code in which
// carriers carry and charge it, one for ASCII, two for everything else that can be shown, one for the "?" that stands for
// the rest. A line break is two, however it is written. Aligo hints that some carriers count it so and others one: what
// keeps to a limit by this count keeps to it by either.
// https://smartsms.aligo.in/admin/api/spec.html
func SMSBytes(s string) int {
	n := 0
	var c counter
	for i, r := range s {
		switch {
		case r == '\n' && i > 0 && s[i-1] == '\r':
			// It has been counted.
		case r == '\n', r == '\r':
			n += 2
		default:
			n += c.size(r)
		}
	}
	return n
}

// Unencodable lists the characters of a text that CP949 does not have, such as emoji, in order; nil when there are none.
func Unencodable(s string) []BadRune {
	var bad []BadRune
	var c counter
	index := 0
	for _, r := range s {
		if r >= utf8.RuneSelf && c.size(r) == 1 {
			bad = append(bad, BadRune{Rune: r, Index: index})
		}
		index++
	}
	return bad
}

// The syllables of modern Hangul, nearly all that most messages have beside ASCII. CP949 has all of them, which sets it
// apart from EUC-KR.
const (
	firstSyllable = '가'
	lastSyllable  = '힣'
)

// counter tells how many bytes characters take in CP949. Bytes that are not UTF-8 count as the character U+FFFD, one for
// each byte.
type counter struct {
	// encoder is made for the first character that needs one.
	encoder transform.Transformer
	src     [utf8.UTFMax]byte
	dst     [2]byte
}

func (c *counter) size(r rune) int {
	switch {
	case r < utf8.RuneSelf:
		return 1
	case r >= firstSyllable && r <= lastSyllable:
		return 2
	case c.encoder == nil:
		c.encoder = korean.EUCKR.NewEncoder().Transformer
	}
	n, _, err := c.encoder.Transform(c.dst[:], c.src[:utf8.EncodeRune(c.src[:], r)], true)
	if err != nil {
		return 1
	}
	return n
}
