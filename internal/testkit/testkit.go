// Package testkit is what tests of several packages share. Only tests import it.
package testkit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Buffer takes what others write while the test goes on. The zero value is empty.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends p. It does not fail.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String is all that has been written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Log returns a logger of JSON lines as functions write them. Their times are whole minutes: the fraction of a second may have the digits
// of the number that a test looks for.
func Log(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			a.Value = slog.TimeValue(a.Value.Time().UTC().Truncate(time.Minute))
		}
		return a
	}}))
}

// Clock is a clock that stands still until it is told otherwise.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows now.
func NewClock(now time.Time) *Clock { return &Clock{now: now} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock on.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// JSON is v as JSON on one line.
func JSON(tb testing.TB, v any) string {
	tb.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Read is what JSON says of a T.
func Read[T any](tb testing.TB, text string) T {
	tb.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// Indented is v as JSON that a person can read, as files have it.
func Indented(tb testing.TB, v any) []byte {
	tb.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// Do makes a request and reads the whole answer.
func Do(tb testing.TB, client *http.Client, r *http.Request) (status int, header http.Header, body []byte) {
	tb.Helper()
	answer, err := client.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

// File is what a file has.
func File(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Docs are the repository's README.md and the pages in its folder docs, one after the other.
func Docs(tb testing.TB) string {
	tb.Helper()
	var all strings.Builder
	for _, file := range DocFiles(tb) {
		all.WriteString(File(tb, file) + "\n")
	}
	return all.String()
}

// DocFiles are where the README and the pages in docs are.
func DocFiles(tb testing.TB) []string {
	tb.Helper()
	root := Root(tb)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) == 0 {
		tb.Fatalf("no pages in docs: %v", err)
	}
	return append([]string{filepath.Join(root, "README.md")}, pages...)
}

// Root is the repository's folder.
func Root(tb testing.TB) string {
	tb.Helper()
	folder, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			tb.Fatal("there is no go.mod above this package")
		}
		folder = filepath.Dir(folder)
	}
}

// DocsTable is what stands below the head of one of the tables in the README or in docs, which begins so: its rows, each on a line.
func DocsTable(tb testing.TB, head string) string {
	tb.Helper()
	_, table, ok := strings.Cut(Docs(tb), head)
	table, _, end := strings.Cut(table, "\n\n")
	if !ok || !end {
		tb.Fatalf("neither the README nor a page in docs has a table %q", head)
	}
	return table
}

// Golden fails the test if got is not what the file has. With update it writes the file first, and its folder.
func Golden(tb testing.TB, update bool, file string, got []byte) {
	tb.Helper()
	if update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	if want := File(tb, file); string(got) != want {
		tb.Errorf("%s is another; go test with -update (-record for recorded clients) writes it.\ngot:\n%s\nwant:\n%s", file, got, want)
	}
}

// Request is the body of a request that sends template TX_1234 to so many recipients. Fields are members that it has
// besides, each with a comma behind it.
func Request(fields string, recipients int) string {
	all := make([]string, recipients)
	for i := range all {
		all[i] = fmt.Sprintf(`{"to":"010-1234-%04d","name":"홍길동","variables":{"주문번호":"A-%d"}}`, i, i)
	}
	return `{"template":"TX_1234",` + fields + `"recipients":[` + strings.Join(all, ",") + `]}`
}

// Refuses has a command refuse arguments, each with the error beside them.
func Refuses(t *testing.T, command func(ctx context.Context, args []string) error, refused map[string]string) {
	t.Helper()
	for args, want := range refused {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			if err := command(t.Context(), strings.Fields(args)); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
		})
	}
}

// Constant is a text that a package's source has a name for. Type is empty where it says none.
type Constant struct{ Name, Type, Value string }

// Constants are the texts that the package in a folder has names for and that match, in the order of its files: for tests that
// hold what other places say of each of them to the constants themselves, and not to a list that somebody must think of.
func Constants(tb testing.TB, folder string, match func(Constant) bool) []Constant {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []Constant
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if group, ok := d.(*ast.GenDecl); ok && group.Tok == token.CONST {
				all = append(all, texts(group)...)
			}
		}
	}
	all = slices.DeleteFunc(all, func(c Constant) bool { return !match(c) })
	if len(all) == 0 {
		tb.Fatalf("%s has no such constant", folder)
	}
	return all
}

func texts(group *ast.GenDecl) []Constant {
	var all []Constant
	for _, s := range group.Specs {
		spec, ok := s.(*ast.ValueSpec)
		if !ok {
			continue
		}
		kind := ""
		if name, ok := spec.Type.(*ast.Ident); ok {
			kind = name.Name
		}
		for i, value := range spec.Values {
			if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				if text, err := strconv.Unquote(literal.Value); err == nil {
					all = append(all, Constant{spec.Names[i].Name, kind, text})
				}
			}
		}
	}
	return all
}

// OfType matches the constants of one of these types.
func OfType(types ...string) func(Constant) bool {
	return func(c Constant) bool { return slices.Contains(types, c.Type) }
}

// Named matches the constants whose names begin so.
func Named(prefix string) func(Constant) bool {
	return func(c Constant) bool { return strings.HasPrefix(c.Name, prefix) }
}
