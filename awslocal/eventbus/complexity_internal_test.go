package eventbus

import (
	"errors"
	"strings"
	"testing"
)

// The first column is what AWS's pattern library (github.com/aws/event-ruler) gives as the complexity of these wildcards: how
// many beginnings of them one text can fit at the same time.
func TestComplexity(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want      int
		wildcards string // divided by spaces
		fits      string
	}{
		{1, "*", "a"},
		{1, "abc", "abc"},
		{3, "* ab*c", "abc"},
		{2, "*ab", "ab"},
		{3, "*aa", "aa"},
		{2, "aa*", "aa"},
		{3, "a*bcb", "abcb"},
		{4, "a*bbb", "abbb"},
		{4, "*ab*ad", "aba"},
		{3, "*ab*d", "abd"},
		{5, "a*b*bb", "abbb"},
		{3, "a*b*cd", "abcd"},
		{4, "*abc *abcde", "abc"},
		{7, "a*aaa aa*aa", "aaaa"},
		{6, "ab*cd ab*wx ab*yz", "ab"},
		{7, "*ab*b*b*", "abbbab"},
		{2, `\**`, "*"},
		{3, "*가가", "가가 by its bytes"},
	} {
		if got := complexity(strings.Fields(c.wildcards)); got != c.want {
			t.Errorf("%s: %d, want %d, as of %s", c.wildcards, got, c.want, c.fits)
		}
	}
}

// What AWS says to be too complex is refused, wherever a wildcard may stand; what it gives as an example is taken.
func TestComplexPatterns(t *testing.T) {
	t.Parallel()
	for pattern, tooComplex := range map[string]bool{
		`{"EventBusArn": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}`:                               true,
		`{"detail": {"EventBusArn": [{"anything-but": {"wildcard": "*:*:*:*:*:event-bus/*"}}]}}`: true,
		`{"a": [{"anything-but": {"wildcard": ["*a", "*:*:*:*:*:event-bus/*"]}}]}`:               true,
		`{"$or": [{"a": ["x"]}, {"b": [{"wildcard": "*a*a*a*a*a*a*a*a*"}]}]}`:                    true,
		`{"a": [{"wildcard": "*aaaa"}, {"wildcard": "*aaaaa"}]}`:                                 true,
		`{"a": [{"wildcard": "*aaaa"}], "b": [{"wildcard": "*aaaaa"}]}`:                          false,
		`{"EventBusArn": [{"wildcard": "arn:aws:events:us-east-1:*:event-bus/*"}]}`:              false,
		`{"FileName": [{"wildcard": "/Users/*/dir/dir/dir/dir/dir/doc.txt"}]}`:                   false,
		`{"FilePath": [{"anything-but": {"wildcard": ["*/lib/*", "*/bin/*"]}}]}`:                 false,
		`{"a": [{"anything-but": ["*:*:*:*:*:*:*:*:*"]}]}`:                                       false,
	} {
		_, err := Compile([]byte(pattern))
		var refused *PatternError
		switch {
		case !tooComplex && err != nil:
			t.Errorf("%s: %v", pattern, err)
		case tooComplex && (!errors.As(err, &refused) || err.Error() != "Event pattern is not valid. Reason: Rule is too complex - try using "+
			"fewer wildcard characters or fewer repeating character sequences after a wildcard character"):
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// Long wildcards are judged soon.
func TestComplexityOfLongWildcards(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"ab", "abcdefgh", "aab"} {
		long := strings.Repeat(text, 120)
		complexity([]string{"*" + long + "*" + long, "*x" + long + "*" + long, "y*" + long + "*x"})
	}
}
