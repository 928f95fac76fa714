package aligo

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sms-api/internal/message"
	"sms-api/internal/untrusted"
)

// Rendered is a template with its variables filled in: what goes into an AlimTalkRecipient.
type Rendered struct {
	unlogged

	Text string
	// EmphasisTitle is empty for templates without one.
	EmphasisTitle string
	// Buttons are all of the template's.
	Buttons []Button
}

// RenderError says why a template cannot be filled in. It holds names of variables, never their values.
type RenderError struct {
	// Template is the template's code.
	Template string
	// Missing are the variables that have no value.
	Missing []string
	// Values are the values that an untrusted caller may not give.
	Values []ValueProblem
	// Problems say what is wrong with the result: limits, leftover placeholders, links that are none.
	Problems []string
}

// ValueProblem is what is wrong with the value of a variable.
type ValueProblem struct {
	// Variable is its name.
	Variable string
	// Detail goes on after "the value".
	Detail string
}

// Error lists everything that is wrong.
func (e *RenderError) Error() string {
	var parts []string
	if len(e.Missing) > 0 {
		quoted := make([]string, len(e.Missing))
		for i, name := range e.Missing {
			quoted[i] = "#{" + name + "}"
		}
		parts = append(parts, "no value for "+strings.Join(quoted, ", "))
	}
	for _, v := range e.Values {
		parts = append(parts, fmt.Sprintf("the value of #{%s} %s", v.Variable, v.Detail))
	}
	return fmt.Sprintf("template %s: %s", e.Template, strings.Join(append(parts, e.Problems...), "; "))
}

// Variables are the names of the placeholders in text, title and buttons, each once, in the order of appearance.
func (t Template) Variables() []string { return NewRenderer(t).variables }

// parts are all strings of a template that a message is compared with; those that are empty or a type hold no placeholders.
func (t Template) parts() []string {
	parts := []string{t.Content, t.emphasisTitle()}
	for _, b := range t.Buttons {
		parts = append(parts, b.Name, b.Type, b.LinkMobile, b.LinkPC, b.LinkIOS, b.LinkAndroid)
	}
	return parts
}

// emphasisTitle is the title that a message has; empty for templates without emphasis.
func (t Template) emphasisTitle() string {
	if t.EmphasisType == EmphasisText {
		return t.Title
	}
	return ""
}

// Renderer fills in one template for any number of recipients. Several goroutines may use it.
type Renderer struct {
	template  Template
	variables []string
	patterns  map[string]pattern
	// untrusted says that a caller that is not trusted gives the values, which are as rules say.
	untrusted bool
	rules     untrusted.Rules
	// places are where the placeholders of a part stand; inHost are the variables that would say whose address one is.
	places map[linked][]untrusted.Place
	inHost map[string]bool
}

// linked is a part of a template that is a link, or not.
type linked struct {
	part string
	link bool
}

// NewUntrustedRenderer takes a template apart whose values come from a caller that is not trusted. They are as the rules for
// the template say; in an address each is one segment or value of it, and none makes an address that the template has not.
func NewUntrustedRenderer(t Template, rules untrusted.Rules) *Renderer {
	r := NewRenderer(t)
	r.untrusted, r.rules = true, rules
	r.places, r.inHost = map[linked][]untrusted.Place{}, map[string]bool{}
	parts := []linked{{t.Content, false}, {t.emphasisTitle(), false}}
	for _, b := range t.Buttons {
		parts = append(parts, linked{b.Name, false}, linked{b.LinkMobile, true}, linked{b.LinkPC, true}, linked{b.LinkIOS, true},
			linked{b.LinkAndroid, true})
	}
	for _, one := range parts {
		p := r.patterns[one.part]
		r.places[one] = make([]untrusted.Place, len(p.names))
		before := p.literals[0]
		for i, name := range p.names {
			r.places[one][i] = untrusted.PlaceAfter(before, one.link)
			stands := "x"
			if r.places[one][i] == untrusted.InHost {
				r.inHost[name] = true
			}
			if r.inHost[name] || rules[name].Address {
				stands = "https://a.kr" // which may be a host alone
			}
			before += stands + p.literals[i+1]
		}
	}
	return r
}

// NewRenderer takes a template apart.
func NewRenderer(t Template) *Renderer {
	r := &Renderer{template: t, patterns: map[string]pattern{}}
	for _, part := range t.parts() {
		p := parsePattern(part)
		r.patterns[part] = p
		for _, name := range p.names {
			if !slices.Contains(r.variables, name) {
				r.variables = append(r.variables, name)
			}
		}
	}
	return r
}

// Variables are those of the template.
func (f *Renderer) Variables() []string { return f.variables }

// Render fills in the template, which must be approved, stopped or not, and proves that the result fits it and keeps to Kakao's limits.
// Values that the template does not ask for are ignored. The error is a *RenderError.
func (f *Renderer) Render(variables map[string]string) (Rendered, error) {
	t := f.template
	problem := &RenderError{Template: t.Code}
	if t.InspStatus != InspApproved {
		problem.Problems = append(problem.Problems, "it is not approved")
	}
	for _, name := range f.variables {
		value, ok := variables[name]
		switch {
		case !ok:
			problem.Missing = append(problem.Missing, name)
		case strings.Contains(value, "#{"):
			problem.Problems = append(problem.Problems, fmt.Sprintf("the value of #{%s} holds a placeholder itself", name))
		case !utf8.ValidString(value):
			problem.Problems = append(problem.Problems, fmt.Sprintf("the value of #{%s} is not UTF-8", name))
		}
	}
	if f.untrusted {
		problem.Values = f.wrongValues(variables)
	}
	if len(problem.Missing) > 0 || len(problem.Values) > 0 || len(problem.Problems) > 0 {
		return Rendered{}, problem
	}
	fill := func(part string, link bool) string {
		if !f.untrusted {
			return f.patterns[part].fill(variables)
		}
		filled, detail := f.fillUntrusted(linked{part, link}, variables)
		if detail != "" && !slices.Contains(problem.Problems, detail) {
			problem.Problems = append(problem.Problems, detail)
		}
		return filled
	}
	r := Rendered{Text: fill(t.Content, false), EmphasisTitle: fill(t.emphasisTitle(), false)}
	for _, b := range t.Buttons {
		r.Buttons = append(r.Buttons, Button{
			Name: fill(b.Name, false), Type: b.Type, TypeName: b.TypeName,
			LinkMobile: fill(b.LinkMobile, true), LinkPC: fill(b.LinkPC, true), LinkIOS: fill(b.LinkIOS, true),
			LinkAndroid: fill(b.LinkAndroid, true),
		})
	}
	problem.Problems = append(problem.Problems, r.check()...)
	if err := f.Fits(r); err != nil {
		problem.Problems = append(problem.Problems, err.Error())
	}
	if len(problem.Problems) > 0 {
		return Rendered{}, problem
	}
	return r, nil
}

// wrongValues are the values that an untrusted caller may not give, each once.
func (f *Renderer) wrongValues(variables map[string]string) []ValueProblem {
	var wrong []ValueProblem
	for _, name := range f.variables {
		value, given := variables[name]
		if !given {
			continue
		}
		rule := f.rules[name]
		detail := rule.Check(value)
		if detail == "" && !rule.Address && f.inHost[name] {
			detail = "says where an address of the template leads; this caller may not give it"
		}
		if detail != "" {
			wrong = append(wrong, ValueProblem{Variable: name, Detail: detail})
		}
	}
	return wrong
}

// fillUntrusted fills a text or a link in with values of an untrusted caller. The detail says what they make of it that they
// must not; empty is nothing.
func (f *Renderer) fillUntrusted(to linked, variables map[string]string) (filled, detail string) {
	p := f.patterns[to.part]
	values, spaces, letters := make([]string, len(p.names)), make([]string, len(p.names)), make([]string, len(p.names))
	for i, name := range p.names {
		values[i], spaces[i], letters[i] = variables[name], " ", "x"
		switch {
		case f.rules[name].Address:
			spaces[i], letters[i] = values[i], values[i]
		case f.places[to][i] == untrusted.InURL:
			values[i] = untrusted.Component(values[i])
		}
	}
	filled = p.with(values)
	switch {
	case untrusted.Dots(filled) > untrusted.Dots(p.with(letters)):
		return filled, "a value that is . or .. leads out of an address of the template"
	case !to.link && untrusted.NewAddress(p.with(spaces), filled):
		return filled, "the values make an address together, or with what stands beside them"
	}
	return filled, ""
}

// with puts values in, one for each placeholder.
func (p pattern) with(values []string) string {
	var b strings.Builder
	b.WriteString(p.literals[0])
	for i, value := range values {
		b.WriteString(value)
		b.WriteString(p.literals[i+1])
	}
	return b.String()
}

// check finds what keeps a filled-in message from being shown.
func (r Rendered) check() []string {
	var p problems
	checkAlimTalkText(&p, "the text", r.Text)
	checkButtons(&p, "buttons", r.Buttons)
	for i, b := range r.Buttons {
		if b.Type != "WL" {
			continue
		}
		for _, link := range []string{b.LinkMobile, b.LinkPC} {
			if link != "" && !isWebLink(link) {
				p.add(fmt.Sprintf("button %d", i+1), "has a link that is not a web address")
			}
		}
	}
	var found []string
	for _, one := range p {
		found = append(found, one.Field+" "+one.Detail)
	}
	return found
}

func isWebLink(link string) bool {
	u, err := url.Parse(link)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.IndexFunc(link, unicode.IsSpace) < 0
}

// FallbackText is a message as an SMS says it: the text, and on lines of their own the addresses behind the web-link
// buttons, which an SMS cannot show as buttons.
func FallbackText(r Rendered) string {
	text := strings.ReplaceAll(r.Text, "\r\n", "\n")
	for _, b := range r.Buttons {
		link := b.LinkMobile
		if link == "" {
			link = b.LinkPC
		}
		if b.Type == "WL" && link != "" && !strings.Contains(text, link) {
			text += "\n" + link
		}
	}
	return text
}

// MismatchError says where a message leaves its template. It quotes the template, never the message.
type MismatchError struct {
	// Template is the template's code.
	Template string
	// Part is the text, the emphasis title, or such as "link of button 2".
	Part string
	// Index counts the characters before the first that does not fit; Line and Column count from 1.
	Index, Line, Column int
	// Detail says what the template has there.
	Detail string
}

// Error says where and what.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s leaves template %s at character %d (line %d, column %d): %s", e.Part, e.Template, e.Index+1, e.Line, e.Column,
		e.Detail)
}

// Fits proves that a message fits the template as Kakao compares them: equal outside of the placeholders, to the character,
// in text, emphasis title and buttons. The error is a *MismatchError.
func (f *Renderer) Fits(r Rendered) error {
	t := f.template
	compare := []struct{ part, want, got string }{
		{"the text", t.Content, r.Text},
		{"the emphasis title", t.emphasisTitle(), r.EmphasisTitle},
	}
	for i := range min(len(t.Buttons), len(r.Buttons)) {
		want, got := t.Buttons[i], r.Buttons[i]
		of := fmt.Sprintf("of button %d", i+1)
		compare = append(compare, []struct{ part, want, got string }{
			{"the name " + of, want.Name, got.Name},
			{"the type " + of, want.Type, got.Type},
			{"the mobile link " + of, want.LinkMobile, got.LinkMobile},
			{"the PC link " + of, want.LinkPC, got.LinkPC},
			{"the iOS link " + of, want.LinkIOS, got.LinkIOS},
			{"the Android link " + of, want.LinkAndroid, got.LinkAndroid},
		}...)
	}
	for _, c := range compare {
		if at, detail, ok := f.patterns[c.want].match(c.got); !ok {
			return mismatch(t.Code, c.part, c.got, at, detail)
		}
	}
	if len(t.Buttons) != len(r.Buttons) {
		return &MismatchError{Template: t.Code, Part: "the list of buttons", Index: min(len(t.Buttons), len(r.Buttons)), Line: 1, Column: 1,
			Detail: fmt.Sprintf("the template has %d buttons, the message %d", len(t.Buttons), len(r.Buttons))}
	}
	return nil
}

func mismatch(code, part, text string, at int, detail string) error {
	before := text[:at]
	line := strings.LastIndexByte(before, '\n') + 1
	return &MismatchError{
		Template: code, Part: part, Index: utf8.RuneCountInString(before),
		Line: strings.Count(before, "\n") + 1, Column: utf8.RuneCountInString(before[line:]) + 1, Detail: detail,
	}
}

// pattern is a text with placeholders, taken apart: a literal, then a name and a literal for each placeholder.
type pattern struct {
	literals []string
	names    []string
}

// parsePattern takes a text apart. "#{" without "}" is plain text. The names are in NFC, as those of a message's variables are.
func parsePattern(text string) pattern {
	var p pattern
	literal := ""
	for {
		open := strings.Index(text, "#{")
		if open < 0 {
			break
		}
		length := strings.IndexByte(text[open:], '}')
		if length < 0 {
			break
		}
		literal += text[:open]
		p.literals, literal = append(p.literals, literal), ""
		p.names = append(p.names, message.PlaceholderName(text[open+2:open+length]))
		text = text[open+length+1:]
	}
	p.literals = append(p.literals, literal+text)
	return p
}

// fill puts values in.
func (p pattern) fill(variables map[string]string) string {
	if len(p.names) == 0 {
		return p.literals[0]
	}
	size := len(p.literals[0])
	for i, name := range p.names {
		size += len(variables[name]) + len(p.literals[i+1])
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(p.literals[0])
	for i, name := range p.names {
		b.WriteString(variables[name])
		b.WriteString(p.literals[i+1])
	}
	return b.String()
}

// match tells whether a text is the pattern with something, or nothing, in place of each placeholder. If not, it tells
// the byte where the text leaves the pattern and what the pattern has there.
func (p pattern) match(text string) (at int, detail string, ok bool) {
	last := len(p.literals) - 1
	first := p.literals[0]
	if n := commonPrefix(first, text); n < len(first) {
		return n, expected(first[n:], text[n:]), false
	}
	if last == 0 {
		if len(text) > len(first) {
			return len(first), "the template ends there", false
		}
		return 0, "", true
	}
	at = len(first)
	// For literals between placeholders the first place is as good as any other: it leaves the most for the rest.
	for _, literal := range p.literals[1:last] {
		next := strings.Index(text[at:], literal)
		if next < 0 {
			where, n := closest(literal, text[at:])
			return at + where + n, expected(literal[n:], text[at+where+n:]), false
		}
		at += next + len(literal)
	}
	tail := p.literals[last]
	if n := commonSuffix(tail, text[at:]); n < len(tail) {
		end := len(text) - n
		return end, fmt.Sprintf("the template has %s before that", describe(lastRune(tail[:len(tail)-n]), true)), false
	}
	return 0, "", true
}

// closest finds where a text comes closest to holding a literal: the place and how many bytes agree.
func closest(literal, text string) (where, agree int) {
	for i := range text {
		if n := commonPrefix(literal, text[i:]); n > agree {
			where, agree = i, n
		}
	}
	return where, agree
}

// commonPrefix is the length of what two strings begin with, in whole characters.
func commonPrefix(a, b string) int {
	if strings.HasPrefix(b, a) {
		return len(a)
	}
	n := 0
	for n < len(a) {
		r, size := utf8.DecodeRuneInString(a[n:])
		other, _ := utf8.DecodeRuneInString(b[n:])
		if n >= len(b) || r != other {
			break
		}
		n += size
	}
	return n
}

// commonSuffix is the length of what two strings end with, in whole characters.
func commonSuffix(a, b string) int {
	if strings.HasSuffix(b, a) {
		return len(a)
	}
	n := 0
	for n < len(a) {
		r, size := utf8.DecodeLastRuneInString(a[:len(a)-n])
		other, _ := utf8.DecodeLastRuneInString(b[:len(b)-n])
		if n >= len(b) || r != other {
			break
		}
		n += size
	}
	return n
}

// expected says what the template has where the text goes another way.
func expected(template, text string) string {
	want, _ := utf8.DecodeRuneInString(template)
	if text == "" {
		return fmt.Sprintf("the template goes on with %s, but the message ends", describe(want, true))
	}
	got, _ := utf8.DecodeRuneInString(text)
	return fmt.Sprintf("the template has %s, not %s", describe(want, true), describe(got, false))
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}

// describe names a character. The message's own are named only if they cannot be seen: they say nothing then.
func describe(r rune, own bool) string {
	names := map[rune]string{
		' ': "a space", '\t': "a tab", '\n': "a line feed", '\r': "a carriage return", '\u00a0': "a no-break space (U+00A0)",
		'\u200b': "a zero-width space (U+200B)", '\u200c': "a zero-width non-joiner (U+200C)", '\u200d': "a zero-width joiner (U+200D)",
		'\u2060': "a word joiner (U+2060)", '\u3000': "an ideographic space (U+3000)", '\ufeff': "a byte order mark (U+FEFF)",
	}
	switch {
	case names[r] != "":
		return names[r]
	case !unicode.IsGraphic(r) || unicode.IsSpace(r):
		return fmt.Sprintf("%U", r)
	case own:
		return fmt.Sprintf("%q", string(r))
	}
	return "another character"
}
