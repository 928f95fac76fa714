package message_test

import (
	"strings"
	"testing"

	"sms-api/internal/message"
)

func TestCoverage(t *testing.T) {
	t.Parallel()
	const body = `{"template":"T","recipients":[{"to":"01012345678","name":"","variables":{"a":1,"b":"2"},"phone":1},1],"sendAt":"x"}`
	r, err := message.Decode([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	_, known := message.Accept(r, acceptance())
	covered := message.Covered(known)
	for pointer, want := range map[string]bool{
		"": false, "/template": false, "/sendAt": true, "/recipients": false, "/recipients/0": false, "/recipients/0/to": false,
		"/recipients/0/variables": false, "/recipients/0/variables/a": true, "/recipients/0/variables/b": false,
		"/recipients/0/variables/고객명": true, "/recipients/1": true, "/recipients/1/variables/a": true, "/recipients/10": false,
	} {
		if got := covered.Has(pointer); got != want {
			t.Errorf("%s of %v: %t", pointer, known, got)
		}
	}
}

// What a text may not have is told by its class: a name would be somebody's.
func TestCharactersAreToldByTheirClass(t *testing.T) {
	t.Parallel()
	for character, want := range map[string]string{
		"ส": "a Thai letter", "ั": "a Thai mark", "๗": "a Thai digit", "😀": "an emoji", "❤": "an emoji", "\ufe0f": "an invisible character",
		"\u200b": "an invisible character", "\u2066": "an invisible character", "\u00a0": "a space", "‐": "a dash", "•": "a punctuation mark",
		"₿": "a currency sign", "⌘": "a symbol", "鿃": "a Chinese letter", "ﾊ": "a Japanese letter", "\u1112": "a Hangul letter",
		"ა": "a Georgian letter", "𐌰": "a foreign letter", "ӿ": "a Cyrillic letter",
		"\ufffd": "U+FFFD, which stands for something that was lost,",
		"\ue000": "a private character", "\U0003ffff": "a character that does not exist", "\u0301": "a combining mark", "é": "a Latin letter",
	} {
		bad := []message.BadRune{{Rune: []rune(character)[0], Index: 2}}
		if got := message.UnencodableDetail(bad); got != "SMS cannot carry "+want+" at character 3" || strings.Contains(got, character) {
			t.Errorf("%q: %q, want %q", character, got, want)
		}
	}
}
