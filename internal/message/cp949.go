package message

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// BadRune is a character that the carriers cannot show: it has no place in CP949 and reaches the phone as "?".
type BadRune struct {
	Rune rune
	// Index is the character's position in the text, counted in characters from 0.
	Index int
}

// CP949Len is how many bytes a text takes in CP949 (Microsoft's superset of EUC-KR), the code in which carriers carry
// and charge SMS: one for ASCII, two for everything else that can be shown, one for the "?" that stands for the rest.
// A line break is one byte here; Aligo hints that some carriers count two.
func CP949Len(s string) int {
	n := 0
	eachCP949(s, func(_ int, _ rune, size int) { n += size })
	return n
}

// Unencodable lists the characters of a text that CP949 does not have, such as emoji, in order; nil when there are none.
func Unencodable(s string) []BadRune {
	var bad []BadRune
	eachCP949(s, func(i int, r rune, size int) {
		if size == 1 && r >= utf8.RuneSelf {
			bad = append(bad, BadRune{Rune: r, Index: i})
		}
	})
	return bad
}

// The syllables of modern Hangul, nearly all that most messages have beside ASCII. CP949 has all of them, which sets it
// apart from EUC-KR.
const (
	firstSyllable = '가'
	lastSyllable  = '힣'
)

// eachCP949 calls visit for each character with its position and its size in CP949. Bytes that are not UTF-8 count as
// the character U+FFFD, one for each byte.
func eachCP949(s string, visit func(index int, r rune, size int)) {
	encoder := korean.EUCKR.NewEncoder().Transformer
	var src [utf8.UTFMax]byte
	var dst [2]byte
	index := 0
	for _, r := range s {
		size := 1
		switch {
		case r < utf8.RuneSelf:
		case r >= firstSyllable && r <= lastSyllable:
			size = 2
		default:
			n, _, err := encoder.Transform(dst[:], src[:utf8.EncodeRune(src[:], r)], true)
			if err == nil {
				size = n
			}
		}
		visit(index, r, size)
		index++
	}
}
