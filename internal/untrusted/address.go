package untrusted

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// scheme begins an address: anything before two slashes, and the schemes that need none. The x of hxxp is what people are told
// to replace.
var scheme = lazily(`:[/\\]{2}|\b(?:h..ps?|ftps?|tel|sms|smsto|mms|mmsto|mailto|javascript|vbscript|data|blob|file|about|` +
	`intent|market|geo|facetime|facetime-audio|itms[a-z-]*|skype|whatsapp|line|kakao[a-z]*):[^\s]`)

// www begins an address without a scheme.
var www = lazily(`\bwww\.\S`)

// ip is four numbers with dots between them, and no more.
var ip = lazily(`(?:^|[^\pL\pN.])((?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d))` +
	`(?:$|[^\pL\pN.]|\.(?:$|[^\pL\pN]))`)

// plain is a text as a reader, or a phone that looks for addresses, takes it: without what cannot be seen and without accents,
// which an SMS has not either, in small letters, and with each character in its usual form.
func plain(text string) string {
	text = norm.NFKC.String(strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\u115f', r == '\u1160', unicode.In(r, unicode.Cf, unicode.Mn, unicode.Me):
			return -1
		case r == '。': // as in domain names of East Asia
			return '.'
		case unicode.Is(unicode.Pd, r):
			return '-'
		}
		return r
	}, norm.NFKD.String(text)))
	return strings.ToLower(text)
}

// addresses lists what begins an address in a plain text, and the domains and numbers that are one.
func addresses(text string) []string {
	found := append(scheme().FindAllString(text, -1), www().FindAllString(text, -1)...)
	for _, m := range ip().FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	for i := strings.IndexByte(text, '.'); i >= 0; {
		if domain := domainAt(text, i); domain != "" {
			found = append(found, domain)
		}
		next := strings.IndexByte(text[i+1:], '.')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	return found
}

// domainAt is the domain whose last dot is at i; empty if there is none. Phones look for top-level domains that there are, so
// that the file photo.jpg is none, and for no others.
func domainAt(text string, i int) string {
	before, after := text[:i], text[i+1:]
	begin := strings.LastIndexFunc(before, func(r rune) bool { return !inLabel(r) && r != '.' })
	if begin >= 0 {
		_, size := utf8.DecodeRuneInString(before[begin:])
		begin += size
	}
	name := before[max(begin, 0):]
	if name == "" || strings.HasSuffix(name, ".") {
		return ""
	}
	label := after
	if end := strings.IndexFunc(after, func(r rune) bool { return !inLabel(r) }); end >= 0 {
		label = after[:end]
	}
	if top(label) {
		return name + "." + label
	}
	// A particle may follow: evil.com에서.
	ascii := label
	if end := strings.IndexFunc(label, func(r rune) bool { return r < 'a' || r > 'z' }); end >= 0 {
		if ascii = label[:end]; label[end] < utf8.RuneSelf {
			return ""
		}
	}
	if top(ascii) {
		return name + "." + ascii
	}
	return ""
}

func inLabel(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_'
}

// top says whether a label is a top-level domain, or looks like one in letters of another alphabet.
func top(label string) bool {
	if utf8.RuneCountInString(label) < 2 {
		return false
	}
	if strings.ContainsFunc(label, func(r rune) bool { return unicode.In(r, unicode.Cyrillic, unicode.Greek) }) {
		return true
	}
	ascii, err := idna.Punycode.ToASCII(label)
	if err != nil {
		return false
	}
	suffix, listed := publicsuffix.PublicSuffix("a." + ascii)
	return listed && suffix == ascii || strings.HasPrefix(ascii, "xn--") && ascii == label
}
