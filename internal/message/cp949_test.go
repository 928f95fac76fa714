package message_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/korean"

	"sms-api/internal/message"
)

func TestCP949(t *testing.T) {
	t.Parallel()
	type bad = message.BadRune
	for name, c := range map[string]struct {
		text string
		len  int
		bad  []bad
	}{
		"nothing":                         {"", 0, nil},
		"ASCII is one byte each":          {"Order A-17", 10, nil},
		"Hangul is two bytes each":        {"홍길동", 6, nil},
		"Hangul outside KS X 1001":        {"똠방각하 펲시콜라", 17, nil},
		"symbols and Hanja of KS X 1001":  {"㈜★→ⅳ漢", 10, nil},
		"full-width forms":                {"ＡＢ", 4, nil},
		"kana, Greek, Cyrillic":           {"あΩЯ", 6, nil},
		"a line break is two bytes":       {"가\n나\n", 8, nil},
		"in each way to write it":         {"a\r\nb\rc\n\rd\n\n", 16, nil},
		"90 bytes of Hangul":              {strings.Repeat("가", 45), 90, nil},
		"an emoji is one question mark":   {"A😀가", 4, []bad{{'😀', 1}}},
		"an emoji of two code points":     {"❤️", 2, []bad{{'❤', 0}, {'\ufe0f', 1}}},
		"old Hangul jamo":                 {"\u1112\u119e", 2, []bad{{'\u1112', 0}, {'\u119e', 1}}},
		"no-break space, zero width":      {"a\u00a0b\u200bc", 5, []bad{{'\u00a0', 1}, {'\u200b', 3}}},
		"accents, euro, bullet":           {"é€•", 4, []bad{{'é', 0}, {'•', 2}}},
		"bytes that are not UTF-8":        {"가\xff\xfe", 4, []bad{{utf8.RuneError, 1}, {utf8.RuneError, 2}}},
		"positions are counted in runes":  {"가나다😀라😀", 10, []bad{{'😀', 3}, {'😀', 5}}},
		"the won sign of both code pages": {"\\￦", 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := message.SMSBytes(c.text); got != c.len {
				t.Errorf("SMSBytes(%q) = %d, want %d", c.text, got, c.len)
			}
			if got := message.Unencodable(c.text); !slices.Equal(got, c.bad) {
				t.Errorf("Unencodable(%q) = %v, want %v", c.text, got, c.bad)
			}
		})
	}
}

func TestCP949HasEverySyllable(t *testing.T) {
	t.Parallel()
	for r := '가'; r <= '힣'; r++ {
		if written, err := korean.EUCKR.NewEncoder().String(string(r)); err != nil || len(written) != 2 || message.SMSBytes(string(r)) != 2 {
			t.Errorf("%c (%U): the encoder writes %d bytes (%v), SMSBytes says %d", r, r, len(written), err, message.SMSBytes(string(r)))
		}
	}
}

// FuzzSMSBytes holds the counter against what the encoder really writes with line breaks of two bytes.
func FuzzSMSBytes(f *testing.F) {
	for _, s := range []string{"", "abc", "홍길동", "똠방각하", "😀", "\xff가", "\x00\x1a?", "é€￦\u00a0", "a\nb\r\nc\r"} {
		f.Add(s)
	}
	lineBreaks := strings.NewReplacer("\r\n", "\r\n", "\n", "\r\n", "\r", "\r\n")
	f.Fuzz(func(t *testing.T, s string) {
		valid := strings.ToValidUTF8(s, "")
		written, err := encoding.ReplaceUnsupported(korean.EUCKR.NewEncoder()).String(lineBreaks.Replace(valid))
		if err != nil {
			t.Fatalf("encode %q: %v", valid, err)
		}
		if got := message.SMSBytes(valid); got != len(written) {
			t.Errorf("SMSBytes(%q) = %d, but the encoder writes %d bytes", valid, got, len(written))
		}
		_, err = korean.EUCKR.NewEncoder().String(valid)
		if bad := message.Unencodable(valid); (err != nil) != (len(bad) > 0) {
			t.Errorf("Unencodable(%q) = %v, but the encoder says %v", valid, bad, err)
		}
		// Bytes that are not UTF-8 count one each, like the question marks that become of them.
		runes := []rune(s)
		if got, want := message.SMSBytes(s), message.SMSBytes(string(runes)); got != want {
			t.Errorf("SMSBytes(%q) = %d, but %d rune by rune", s, got, want)
		}
		for _, b := range message.Unencodable(s) {
			if b.Index >= len(runes) || runes[b.Index] != b.Rune {
				t.Errorf("Unencodable(%q): %q is not at %d", s, b.Rune, b.Index)
			}
		}
	})
}
