package message

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// The kinds of Korean numbers, by the numbering plan of the Ministry of Science and ICT (전기통신번호관리세칙), in digits
// with the leading 0.
var (
	mobile   = regexp.MustCompile(`^(010[0-9]{8}|01[16789][0-9]{7,8})$`)
	landline = regexp.MustCompile(`^(02|03[1-3]|04[1-4]|05[1-5]|06[1-4])[1-9][0-9]{6,7}$`)
	internet = regexp.MustCompile(`^070[0-9]{8}$`)
	personal = regexp.MustCompile(`^050[2-9][0-9]{7,8}$`) // safe numbers and lifelong numbers, which forward to another one
	business = regexp.MustCompile(`^1[568][0-9]{6}$`)     // such as 1588-0000: they can send, but nothing can be sent to them
	tollFree = regexp.MustCompile(`^080[0-9]{7,8}$`)
)

// premium is how the numbers of information services begin, which are charged to whoever calls.
const premium = "060"

// separator tells whether people, or what they paste from, put a character between or around the digits: spaces and dashes of
// all kinds, vowels and long-vowel marks that look like a dash, dots, parentheses, and marks of direction and style.
func separator(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) || strings.ContainsRune("−ㅡー\u00ad.．·()（）", r) ||
		unicode.Is(unicode.Cf, r)
}

// ParseRecipientPhone reads the number of a recipient: mobile, landline, 070 or 050, written with or without hyphens,
// spaces, dots, parentheses and the country code. The second result says what is wrong, and is empty when nothing is.
func ParseRecipientPhone(s string) (Phone, string) {
	p, wrong := parsePhone(s)
	switch {
	case wrong != "":
		return "", wrong
	case p.Mobile(), landline.MatchString(string(p)), internet.MatchString(string(p)), personal.MatchString(string(p)):
		return p, ""
	case business.MatchString(string(p)), tollFree.MatchString(string(p)):
		return "", "is a business number, which cannot receive messages"
	}
	return "", misfit(p)
}

// ParseSenderPhone reads a sender number (발신번호), which may also be a business number (15xx, 16xx, 18xx) or a toll-free
// one. The second result says what is wrong, and is empty when nothing is.
func ParseSenderPhone(s string) (Phone, string) {
	p, wrong := parsePhone(s)
	switch {
	case wrong != "":
		return "", wrong
	case p.Mobile(), landline.MatchString(string(p)), internet.MatchString(string(p)), personal.MatchString(string(p)),
		business.MatchString(string(p)), tollFree.MatchString(string(p)):
		return p, ""
	}
	return "", misfit(p)
}

const notKorean = "is not a Korean telephone number: it "

// misfit says why digits are no number, without telling them.
func misfit(p Phone) string {
	if p == "" {
		return notKorean + "has no digits"
	}
	for _, k := range []struct {
		begins      string
		what        string
		least, most int
	}{
		{"010", "a mobile number that begins with 010", 11, 11},
		{"011 016 017 018 019", "a mobile number that does not begin with 010", 10, 11},
		{"02", "a number of Seoul", 9, 10},
		{"031 032 033 041 042 043 044 051 052 053 054 055 061 062 063 064", "a landline number", 10, 11},
		{"070", "an internet telephone number", 11, 11},
		{"0502 0503 0504 0505 0506 0507 0508 0509", "a number that begins with 050", 11, 12},
		{"080", "a toll-free number", 10, 11},
		{"15 16 18", "a business number", 8, 8},
	} {
		n := len(p)
		switch {
		case !slices.ContainsFunc(strings.Fields(k.begins), func(begin string) bool { return strings.HasPrefix(string(p), begin) }):
		case k.least == k.most && n != k.most:
			return fmt.Sprintf("%shas %d digits, and %s has %d", notKorean, n, k.what, k.most)
		case n < k.least || n > k.most:
			return fmt.Sprintf("%shas %d digits, and %s has %d or %d", notKorean, n, k.what, k.least, k.most)
		default:
			return notKorean + "goes on after its area code as none does"
		}
	}
	if mobile.MatchString("0" + string(p)) {
		return notKorean + "lacks the 0 that it begins with, which a table of numbers may have dropped"
	}
	return notKorean + "begins as none does"
}

// parsePhone brings a number into digits with the leading 0 and refuses premium-rate ones.
func parsePhone(s string) (Phone, string) {
	var b strings.Builder
	abroad, position := false, 0
	for _, r := range s {
		position++
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= '０' && r <= '９':
			b.WriteRune(r - '０' + '0')
		case (r == '+' || r == '＋') && b.Len() == 0 && !abroad:
			abroad = true
		case !separator(r):
			return "", fmt.Sprintf("%shas %s at character %d", notKorean, runeClass(r), position)
		}
	}
	digits := b.String()
	if strings.HasPrefix(digits, "0082") && !abroad {
		digits = digits[len("00"):] // as it is dialled from abroad
	}
	national, korean := strings.CutPrefix(digits, "82")
	switch {
	case korean && !strings.HasPrefix(national, "0"):
		digits = "0" + national
	case korean:
		digits = national // +82 010-…, a common slip that has one meaning only
	case abroad:
		return "", "has a country code other than 82; only Korean numbers can be reached"
	}
	if strings.HasPrefix(digits, premium) {
		return "", "is a premium-rate number, which messages are never sent to or from"
	}
	return Phone(digits), ""
}

// Mobile says whether it is the number of a Korean mobile phone.
func (p Phone) Mobile() bool { return mobile.MatchString(string(p)) }

// longNumber is what may be a telephone number, when nothing stands between its digits.
var longNumber = regexp.MustCompile(`[0-9]{7}`)

// HasNumber says whether there may be a telephone number in a text that somebody keeps, however it is written.
func HasNumber(s string) bool { return longNumber.MatchString(strings.Map(bare, s)) }

// bare leaves a text's digits and letters, and one kind of each.
func bare(r rune) rune {
	switch {
	case unicode.IsDigit(r):
		return digitOf(r)
	case unicode.IsLetter(r):
		return r
	}
	return -1
}

// digitOf is a decimal digit of any script in ASCII: those of each stand in tens, from zero on.
func digitOf(r rune) rune {
	for n := rune(0); n < 10; n++ {
		if r < n || !unicode.IsDigit(r-n) {
			return '0' + n - 1
		}
	}
	return '9'
}
