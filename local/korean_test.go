package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sms-api/internal/testkit"
)

// TestKorean: the Korean README has what the English one has, in the same order: headings, tables with as many rows, code, pictures,
// links, and in each chapter the same names in code.
func TestKorean(t *testing.T) {
	t.Parallel()
	english := testkit.File(t, filepath.Join("..", "README.md"))
	korean := testkit.File(t, filepath.Join("..", "README.ko.md"))
	for what, pattern := range map[string]string{
		"code":        "(?ms)^```.*?^```$",
		"links":       `\]\((?:docs/|CONTRIBUTING|CHANGELOG|console/|http)[^)]*\)`,
		"test number": `(?m)^\| [0-9, ]+ \|`,
	} {
		find := regexp.MustCompile(pattern)
		if got, want := find.FindAllString(korean, -1), find.FindAllString(english, -1); !slices.Equal(got, want) {
			t.Errorf("%s: the Korean README has\n%s\nthe English one\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	got, want := inChapters(korean), inChapters(english)
	if len(got) != len(want) {
		t.Fatalf("the Korean README has %d chapters, the English one %d", len(got), len(want))
	}
	for i, chapter := range want {
		if got[i].rows != chapter.rows || !slices.Equal(got[i].names, chapter.names) {
			t.Errorf("%q has %d rows of tables and %q, %q has %d and %q", got[i].heading, got[i].rows, got[i].names, chapter.heading,
				chapter.rows, chapter.names)
		}
	}
}

// inChapter is what a chapter has that no translation changes.
type inChapter struct {
	heading string
	rows    int
	// names are what stands in code, sorted, each once.
	names []string
}

func inChapters(text string) (all []inChapter) {
	heading := regexp.MustCompile(`(?m)^#+ .*$`)
	text = prose(text)
	starts := heading.FindAllStringIndex(text, -1)
	for i, at := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		body := strings.Join(strings.Fields(text[at[1]:end]), " ")
		one := inChapter{heading: text[at[0]:at[1]], rows: strings.Count(text[at[1]:end], "\n|")}
		one.names = regexp.MustCompile("`[^`]+`").FindAllString(body, -1)
		slices.Sort(one.names)
		one.names = slices.Compact(one.names)
		all = append(all, one)
	}
	return all
}
