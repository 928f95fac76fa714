package aligo

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	masked = "****"
	// partLength is how many characters in a row are taken for a part of what the call had been given. Fewer are how many a sentence ends.
	partLength = 6
	// mostWords is how much of the vendor's words is looked at, and mostShown how much of them is kept.
	mostWords, mostShown = 1000, 300
)

// mask takes out of the vendor's words what the call had been given, also where they repeat a part of it or write it in another way, and
// whatever looks like a phone number.
func (f *form) mask(text string) string {
	text = digits().ReplaceAllString(plain(clip(text, mostWords)), masked)
	var values []string
	for _, value := range f.masked {
		values = append(values, plain(value))
	}
	for _, field := range f.fields {
		if field.private {
			values = append(values, plain(field.value))
		}
	}
	text = maskParts(text, values)
	// The longest first: a name may be part of another one.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, value := range values {
		// A value of one character would mask half of the vendor's own words.
		if utf8.RuneCountInString(value) > 1 {
			text = strings.ReplaceAll(text, value, masked)
		}
	}
	return clip(strings.TrimSpace(text), mostShown)
}

// plain is a text in the form in which words are compared: without HTML's escapes, with one form of each character, and one blank for
// whatever white space there is.
func plain(s string) string {
	return strings.Join(strings.Fields(norm.NFKC.String(html.UnescapeString(s))), " ")
}

// maskParts masks what a text has in common with one of the values, where that is at least partLength characters.
func maskParts(text string, values []string) string {
	runes := []rune(text)
	places := map[[partLength]rune][]int{}
	for i := range max(0, len(runes)-partLength+1) {
		part := [partLength]rune(runes[i : i+partLength])
		places[part] = append(places[part], i)
	}
	shared := make([]bool, len(runes))
	for _, value := range values {
		var part [partLength]rune
		n := 0
		for _, r := range value {
			copy(part[:], part[1:])
			part[partLength-1] = r
			if n++; n < partLength {
				continue
			}
			for _, i := range places[part] {
				for j := range partLength {
					shared[i+j] = true
				}
			}
		}
	}
	var b strings.Builder
	for i, r := range runes {
		switch {
		case !shared[i]:
			b.WriteRune(r)
		case i == 0 || !shared[i-1]:
			b.WriteString(masked)
		}
	}
	return b.String()
}

// digits finds what could be a phone number in the vendor's words, whatever stands between its digits.
func digits() *regexp.Regexp {
	return regexp.MustCompile(`\+?\d(?:[^\pL\d]{0,3}\d){6,}`)
}
