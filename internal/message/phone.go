package message

import (
	"regexp"
	"strings"
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

// phoneSeparators are what people write between the digits.
var phoneSeparators = strings.NewReplacer("-", "", " ", "", ".", "", "(", "", ")", "")

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
	return "", notKorean
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
	return "", notKorean
}

const notKorean = "is not a Korean telephone number"

// parsePhone brings a number into digits with the leading 0 and refuses premium-rate ones.
func parsePhone(s string) (Phone, string) {
	digits := phoneSeparators.Replace(s)
	abroad := strings.HasPrefix(digits, "+")
	digits = strings.TrimPrefix(digits, "+")
	for _, r := range digits {
		if r < '0' || r > '9' {
			return "", notKorean
		}
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
