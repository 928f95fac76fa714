package message_test

import (
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"sms-api/internal/message"
)

func TestSMSText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "안녕하세요 ★ ￦": "안녕하세요 ★ ￦", "가격: 1,000₩ – 오늘까지": "가격: 1,000￦ - 오늘까지", "a—b": "a―b", "10〜12": "10~12",
		"a\u00a0b\u2009c": "a b c", "a\u200bb\ufeff\u2066c\u2069": "abc", "Café Łódź Nguyễn": "Cafe Łodz Nguyen", "x\u0302": "x",
		"☎\ufe0f": "☎", "“a” ‘b’ «c» •": "“a” ‘b’ 《c》 ·", "a\r\nb\rc\n": "a\nb\nc\n", "😀 สม": "😀 สม", "é\r\n😀": "e\n😀",
	} {
		if got := message.SMSText(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got := message.SMSText(want); got != want {
			t.Errorf("%q is replaced again: %q", want, got)
		}
	}
}

// Whatever the table has in place of a character can be sent, and of Latin letters no accent is forgotten.
func TestEveryEquivalentCanBeSent(t *testing.T) {
	t.Parallel()
	for r := rune(1); r <= 0xffff; r++ {
		if r >= 0x3400 && r < 0xf900 {
			continue // Chinese, Hangul and private characters
		}
		text := message.SMSText(string(r))
		if replaced := text != string(r) && r != '\r'; replaced && message.Unencodable(text) != nil {
			t.Errorf("%U becomes %q, which CP949 lacks", r, text)
		} else if replaced && message.Unencodable(string(r)) == nil {
			t.Errorf("%U is replaced by %q, and CP949 has it", r, text)
		}
		if (len(message.Unsendable(string(r))) > 0) != (message.Unencodable(text) != nil) {
			t.Errorf("%U becomes %q; unsendable: %v", r, text, message.Unsendable(string(r)))
		}
		plain := []rune(norm.NFD.String(string(r)))
		accented := unicode.Is(unicode.Latin, r) && len(plain) > 1 && plain[0] < 0x80
		if accented && message.Unencodable(string(r)) != nil && text != string(plain[0]) {
			t.Errorf("%U becomes %q, not %q", r, text, string(plain[0]))
		}
	}
	if long := strings.Repeat("é", 2000); message.SMSBytes(message.SMSText(long)) != 2000 {
		t.Error("a letter without its accent is one byte")
	}
}
