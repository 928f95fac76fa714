package message_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/message"
	"sms-api/internal/testkit"
)

func TestEachCodeIsDescribedOnce(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, c := range message.Codes() {
		if known[c.Word] {
			t.Errorf("%q is there twice", c.Word)
		}
		known[c.Word] = true
		if !regexp.MustCompile(`^[A-Z][^\n]*[^.]\.$`).MatchString(c.Meaning) {
			t.Errorf("%q means %q, which is no sentence", c.Word, c.Meaning)
		}
		if c.Fallback && c.Status != message.Failed {
			t.Errorf("%q is %s, and an SMS follows all the same", c.Word, c.Status)
		}
	}
}

// The table of codes in docs has each of them once, with its status and whether an SMS follows, and no other.
func TestReadmeHasTheCodes(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile("`([^`]+)`")
	var told, want []string
	for _, line := range strings.Split(testkit.DocsTable(t, "| code |"), "\n")[2:] {
		cells := strings.Split(line, "|")
		for _, found := range word.FindAllStringSubmatch(cells[1], -1) {
			told = append(told, found[1]+": "+strings.TrimSpace(cells[2]))
		}
	}
	for _, c := range message.Codes() {
		status := string(cmp.Or(c.Status, "failed, unknown"))
		if c.Fallback {
			status += " →"
		}
		want = append(want, c.Word+": "+status)
	}
	slices.Sort(told)
	slices.Sort(want)
	if !slices.Equal(told, want) {
		t.Errorf("docs tell of %q, codes are %q", told, want)
	}
}
