package eventbus

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// wildcard is a compiled wildcard pattern: the texts between its stars.
type wildcard []string

// compileWildcard reads a pattern in which * stands for any characters, \* for a star and \\ for a backslash.
func compileWildcard(pattern string) (wildcard, error) {
	var parts wildcard
	var part strings.Builder
	for i := 0; i < len(pattern); i++ {
		// Positions count from the string's opening quote, as EventBridge's do.
		switch pattern[i] {
		case '\\':
			i++
			if i == len(pattern) || pattern[i] != '*' && pattern[i] != '\\' {
				return nil, fmt.Errorf("Invalid escape character at pos %d", i) //nolint:staticcheck // EventBridge's words
			}
			part.WriteByte(pattern[i])
		case '*':
			if i+1 < len(pattern) && pattern[i+1] == '*' {
				return nil, fmt.Errorf("Consecutive wildcard characters at pos %d", i+1) //nolint:staticcheck // EventBridge's words
			}
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(pattern[i])
		}
	}
	return append(parts, part.String()), nil
}

func (w wildcard) match(s string) bool {
	first, last := w[0], w[len(w)-1]
	if len(w) == 1 {
		return s == first
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range w[1 : len(w)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// hasPrefixFold compares character by character, because a letter's other case may have another length in UTF-8.
func hasPrefixFold(s, prefix string) bool {
	for prefix != "" {
		_, n := utf8.DecodeRuneInString(prefix)
		_, m := utf8.DecodeRuneInString(s)
		if !strings.EqualFold(prefix[:n], s[:m]) {
			return false
		}
		prefix, s = prefix[n:], s[m:]
	}
	return true
}

func hasSuffixFold(s, suffix string) bool {
	for suffix != "" {
		_, n := utf8.DecodeLastRuneInString(suffix)
		_, m := utf8.DecodeLastRuneInString(s)
		if !strings.EqualFold(suffix[len(suffix)-n:], s[len(s)-m:]) {
			return false
		}
		suffix, s = suffix[:len(suffix)-n], s[:len(s)-m]
	}
	return true
}
