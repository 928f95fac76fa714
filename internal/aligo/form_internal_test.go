package aligo

import (
	"net/url"
	"testing"
)

func TestEscapedAsNetURLDoes(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		s := "a" + string([]byte{byte(c)}) + "b"
		if got, want := string(appendEscaped(nil, s)), url.QueryEscape(s); got != want {
			t.Errorf("%q becomes %q, want %q", s, got, want)
		}
	}
}
