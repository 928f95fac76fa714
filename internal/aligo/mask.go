package aligo

import (
	"html"
	"iter"
	"regexp"
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
// whatever looks like a phone number. It looks for everything before it takes anything out: what one leaves is not what another is
// found in.
func (f *form) mask(text string) string {
	text = plain(clip(text, mostWords))
	hidden := make([]bool, len(text))
	hide := func(from, to int) {
		for i := range hidden[from:to] {
			hidden[from+i] = true
		}
	}
	for _, at := range digits().FindAllStringIndex(text, -1) {
		hide(at[0], at[1])
	}
	places := map[string][]int{}
	for i, part := range parts(text) {
		places[part] = append(places[part], i)
	}
	for value := range f.given() {
		for _, part := range parts(value) {
			for _, i := range places[part] {
				hide(i, i+len(part))
			}
			delete(places, part) // all of them are hidden
		}
		if utf8.RuneCountInString(value) >= partLength || utf8.RuneCountInString(value) < 2 {
			continue // a value of one character would hide half of the vendor's own words
		}
		for from := 0; ; from++ { // one may begin inside of another
			i := strings.Index(text[from:], value)
			if i < 0 {
				break
			}
			from += i
			hide(from, from+len(value))
		}
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case !hidden[i]:
			b.WriteRune(r)
		case i == 0 || !hidden[i-1]:
			b.WriteString(masked)
		}
	}
	return clip(strings.TrimSpace(b.String()), mostShown)
}

// given are the values that a call was given and nobody is to read.
func (f *form) given() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, value := range f.masked {
			if !yield(plain(value)) {
				return
			}
		}
		for _, field := range f.fields {
			if field.private && !yield(plain(field.value)) {
				return
			}
		}
	}
}

// plain is a text in the form in which words are compared: without HTML's escapes, with one form of each character, and one blank for
// whatever white space there is.
func plain(s string) string {
	return strings.Join(strings.Fields(norm.NFKC.String(html.UnescapeString(s))), " ")
}

// parts are all the partLength characters in a row that a text has, by where they begin.
func parts(s string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		var begins [partLength]int
		n := 0
		for i := range s {
			if n >= partLength && !yield(begins[n%partLength], s[begins[n%partLength]:i]) {
				return
			}
			begins[n%partLength] = i
			n++
		}
		if n >= partLength {
			yield(begins[n%partLength], s[begins[n%partLength]:])
		}
	}
}

// digits finds what could be a phone number in the vendor's words, whatever stands between its digits.
func digits() *regexp.Regexp {
	return regexp.MustCompile(`\+?\d(?:[^\pL\d]{0,3}\d){6,}`)
}
