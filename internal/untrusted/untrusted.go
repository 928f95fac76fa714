// Package untrusted has what a caller that is not trusted may put into a message, such as a frontend, whose token can be
// stolen: values that are no addresses, and whose caller cannot change an address of the template either. It knows the form of
// values and templates, and neither messages nor Aligo.
//
// What a phone makes a link of is what counts here. What a person can be talked into by words alone cannot be told from words.
package untrusted

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of values, in characters.
const (
	// maxLength is how long a value may be of which the stack says nothing.
	maxLength = 100
	// longest is how long the stack may let one be: a whole AlimTalk has no more.
	longest = 1000
)

// Limits of what a stack may say.
const (
	maxPattern   = 512
	maxTemplates = 500
	maxVariables = 100
	maxName      = 64 // of a template, a variable and a role
	maxARN       = 700
	maxRoles     = 100
)

// Rule says what the value of a variable may be. The zero value is one line of up to 100 characters without an address.
type Rule struct {
	// Pattern is a regular expression (RE2) that the whole of the value must match besides.
	Pattern string `json:"pattern,omitempty"`
	// MaxLength is how many characters it may have; 0 is 100.
	MaxLength int `json:"maxLength,omitempty"`
	// Address says that it may be an address, and that it goes into one of the template's as it is.
	Address bool `json:"address,omitempty"`
	// Lines says that it may have line breaks.
	Lines bool `json:"lines,omitempty"`

	compiled *regexp.Regexp
}

// Rules are those of a template, by the names of its variables.
type Rules map[string]Rule

// Check says what is wrong with a value, without any of it; empty when nothing is.
func (r Rule) Check(value string) string {
	limit := r.MaxLength
	if limit == 0 {
		limit = maxLength
	}
	switch n := utf8.RuneCountInString(value); {
	case n > limit:
		return fmt.Sprintf("has %d characters; at most %d are allowed", n, limit)
	case !r.Lines && strings.ContainsFunc(value, breaksLine):
		return "is more than one line"
	case strings.ContainsAny(value, "\u202d\u202e"):
		return "is written in the other direction"
	case !r.Address && len(addresses(plain(value))) > 0:
		return "has an address in it"
	case !r.matches(value):
		return "does not match the pattern that the stack has for it"
	}
	return ""
}

// breaksLine says whether a phone begins a new line at a character.
func breaksLine(r rune) bool { return strings.ContainsRune("\n\v\f\r\u0085\u2028\u2029", r) }

func (r Rule) matches(value string) bool {
	if r.Pattern == "" {
		return true
	}
	pattern := r.compiled
	if pattern == nil {
		var err error
		if pattern, err = compile(r.Pattern); err != nil {
			return false
		}
	}
	return pattern.MatchString(value)
}

// lazily compiles a pattern at its first use: most functions start without ever needing one.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

func compile(pattern string) (*regexp.Regexp, error) { return regexp.Compile(`^(?:` + pattern + `)$`) }

// Component is a value as one segment of a path, or one value of a query: nothing in it separates anything.
func Component(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

var dots = lazily(`[/\\](?:\.|%2[eE]){1,2}(?:[/\\?#\s]|$)`)

// Dots counts the segments of addresses in a text that lead back up: . and .., which no encoding makes harmless.
func Dots(text string) int {
	n := 0
	for {
		at := dots().FindStringIndex(text)
		if at == nil {
			return n
		}
		// What ends one segment begins the next.
		n, text = n+1, text[at[0]+1:]
	}
}

// Place is where in a template a value stands.
type Place int

// The places.
const (
	// InText is among words.
	InText Place = iota
	// InURL is behind the host of an address.
	InURL
	// InHost is where a value would say whose address it is.
	InHost
)

var authority = lazily(`^[a-z][a-z0-9+.-]*://[^/?#\\\s]+[/?#]`)

// PlaceAfter tells the place that comes after a part of a template, which is a link, or a text that may hold addresses.
// Other values in that part have a letter in their place.
func PlaceAfter(before string, link bool) Place {
	if link {
		if authority().MatchString(strings.ToLower(before)) {
			return InURL
		}
		return InHost
	}
	word := before[strings.LastIndexFunc(before, unicode.IsSpace)+1:]
	found := plain(word)
	if len(addresses(found)) == 0 && len(addresses(found+"x")) == 0 {
		return InText
	}
	if at := scheme().FindStringIndex(found + "x"); at != nil {
		_, behind, _ := strings.Cut(found[at[0]:], ":")
		found = strings.TrimLeft(behind, `/\`)
	}
	last, _ := utf8.DecodeLastRuneInString(word)
	switch {
	case strings.ContainsAny(found, `/?#\`):
		return InURL
	case last < utf8.RuneSelf && (unicode.IsLetter(last) || unicode.IsDigit(last) || strings.ContainsRune(`.-_:@/\`, last)):
		return InHost
	}
	return InText
}

// NewAddress says whether a filled-in text has an address that its template has not: values may make one together, or with
// what stands beside them. The template has a space in place of each value.
func NewAddress(template, filled string) bool {
	known := addresses(plain(template))
	return slices.ContainsFunc(addresses(plain(filled)), func(a string) bool { return !slices.Contains(known, a) })
}

// Policy is what a stack says of callers that are not trusted.
type Policy struct {
	// FrontendRoles are IAM roles whose callers are not trusted: names, or ARNs.
	FrontendRoles []string `json:"frontendRoles,omitempty"`
	// Templates are the rules of templates by their codes.
	Templates map[string]Rules `json:"templates,omitempty"`
}

// isRole says whether a text is the name of a role, or the ARN of one.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
func isRole(text string) bool {
	name := text
	if rest, isARN := strings.CutPrefix(text, "arn:"); isARN {
		const partitionToResource = 5
		parts := strings.SplitN(rest, ":", partitionToResource)
		if len(parts) < partitionToResource || parts[1] != "iam" || parts[2] != "" || !strings.HasPrefix(parts[4], "role/") ||
			len(text) > maxARN || len(parts[3]) != 12 || strings.Trim(parts[3], "0123456789") != "" {
			return false
		}
		name = text[strings.LastIndexByte(text, '/')+1:]
	}
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool {
		return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("+=,.@_-", r)
	})
}

func unseen(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Variation_Selector) }

func isCode(text string) bool {
	return text != "" && len(text) <= maxName && !strings.ContainsFunc(text, func(r rune) bool { return r < '!' || r > '~' })
}

// Check returns everything that is wrong with the policy, each beginning with the setting.
func (p Policy) Check() []error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if len(p.FrontendRoles) > maxRoles {
		fail("api:frontendRoles: there are %d; at most %d are allowed", len(p.FrontendRoles), maxRoles)
	}
	for _, role := range p.FrontendRoles {
		if !isRole(role) {
			fail("api:frontendRoles: %q is neither the name nor the ARN of a role", role)
		}
	}
	if len(p.Templates) > maxTemplates {
		fail("templates: there are %d; at most %d are allowed", len(p.Templates), maxTemplates)
	}
	for _, template := range slices.Sorted(maps.Keys(p.Templates)) {
		rules := p.Templates[template]
		if !isCode(template) {
			fail("templates:%s: %q is not a template code", template, template)
		}
		if len(rules) > maxVariables {
			fail("templates:%s: there are %d variables; at most %d are allowed", template, len(rules), maxVariables)
		}
		for _, name := range slices.Sorted(maps.Keys(rules)) {
			rule := rules[name]
			if n := utf8.RuneCountInString(name); n == 0 || n > maxName || strings.ContainsAny(name, "{}") {
				fail("templates:%s: %q is not the name of a variable", template, name)
			} else if !norm.NFC.IsNormalString(name) || strings.ContainsFunc(name, unseen) {
				// It would be another one than the template's, and hold for none.
				fail("templates:%s: %+q has letters that are taken apart, or characters that cannot be seen", template, name)
			}
			if rule.MaxLength < 0 || rule.MaxLength > longest {
				fail("templates:%s: %q: maxLength %d is not from 1 to %d", template, name, rule.MaxLength, longest)
			}
			if _, err := compile(rule.Pattern); err != nil {
				fail("templates:%s: %q: pattern: %w", template, name, err)
			} else if len(rule.Pattern) > maxPattern {
				fail("templates:%s: %q: pattern has more than %d bytes", template, name, maxPattern)
			}
		}
	}
	return errs
}

// File is the content of the file that functions read the policy from.
func (p Policy) File() ([]byte, error) {
	content, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("write the policy for untrusted callers: %w", err)
	}
	return content, nil
}

// ReadFile reads what File has written.
func ReadFile(content []byte) (Policy, error) {
	var p Policy
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return Policy{}, fmt.Errorf("read the policy for untrusted callers: %w", err)
	}
	if err := errors.Join(p.Check()...); err != nil {
		return Policy{}, fmt.Errorf("read the policy for untrusted callers: %w", err)
	}
	for _, rules := range p.Templates {
		for name, rule := range rules {
			var err error
			if rule.compiled, err = compile(rule.Pattern); err != nil {
				return Policy{}, fmt.Errorf("read the policy for untrusted callers: %w", err)
			}
			rules[name] = rule
		}
	}
	return p, nil
}

// Frontend says whether a principal is a session of a role whose callers are not trusted. Its ARN is that of an assumed role,
// which lacks the role's path; a name alone is that of a role of any account.
func (p Policy) Frontend(arn string) bool {
	before, after, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return false
	}
	name, _, _ := strings.Cut(after, "/")
	account := before[strings.LastIndexByte(before, ':')+1:]
	return slices.ContainsFunc(p.FrontendRoles, func(role string) bool {
		const accountOfARN = 4
		if parts := strings.Split(role, ":"); len(parts) > accountOfARN {
			return parts[accountOfARN] == account && strings.EqualFold(role[strings.LastIndexByte(role, '/')+1:], name)
		}
		return strings.EqualFold(role, name)
	})
}
