package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"sms-api/internal/testkit"
)

// TestLinks: what the pages link to in the repository is there, and so is the chapter of it.
func TestLinks(t *testing.T) {
	t.Parallel()
	root := testkit.Root(t)
	pages, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, testkit.DocFiles(t)[1:]...)
	link, found := regexp.MustCompile(`\]\(([^)\s]+)\)`), 0
	for _, page := range pages {
		for _, l := range link.FindAllStringSubmatch(prose(testkit.File(t, page)), -1) {
			if strings.Contains(l[1], "://") {
				continue
			}
			found++
			path, chapter, _ := strings.Cut(l[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), filepath.FromSlash(path))
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(page), l[1], err)
			} else if chapter != "" && !chapters(testkit.File(t, target))[chapter] {
				t.Errorf("%s links to %s: there is no such chapter", filepath.Base(page), l[1])
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d links are found", found)
	}
}

// prose is a page without what stands between fences, in which # is no heading and brackets are no link.
func prose(text string) string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(text, "")
}

// chapters are the anchors that GitHub gives to the headings of a page.
func chapters(text string) map[string]bool {
	all := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(prose(text), -1) {
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, heading[1])] = true
	}
	return all
}
