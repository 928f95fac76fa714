package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// place is a folder whose code writes sentences that come to the page: the details of problems, and reasons. Handed says from which
// argument on what is handed to a function is one, where that is not seen from what the function does with it, and in sentences are
// functions that put them together.
type place struct {
	folder    string
	handed    map[string]int
	sentences []string
}

// nobody is from which argument on something is for nobody but whoever has written the code: that Aligo's client was called in vain.
const nobody = 1 << 10

func places() []place {
	return []place{
		{"../../internal/message", map[string]int{"wrong": 0, "visible": 3, "Fprintf": 1, "WriteString": 0}, []string{
			"parsePhone", "misfit", "ParseRecipientPhone", "ParseTime", "parseTime", "UnencodableDetail", "runeClass", "script", "wayOut", "kind",
			"missingDetail", "told", "lmsBytes", "members", "variables", "text", "fallback", "times", "channel",
		}},
		{"../../internal/intake", nil, []string{
			"message", "values", "detailOf", "problemInvalid", "problemQuery", "vendorFailed",
		}},
		{"../../internal/untrusted", nil, []string{"Check"}},
		{"../../internal/aligo", map[string]int{"append": 1, "add": nobody}, []string{"Reason", "values", "check", "fillUntrusted"}},
		{"../../internal/sheet", nil, []string{"lostBySpreadsheet", "read", "recipient"}},
		{"../../internal/campaign", nil, []string{"see"}},
		{"../../internal/execution", nil, nil},
		{"../../internal/handlers", nil, []string{"repair"}},
		{"../../internal/route", nil, []string{"kind"}},
	}
}

var (
	verb = regexp.MustCompile(`%[+#]?[0-9.]*[a-z]`)
	hole = regexp.MustCompile(`\{\}`)
)

// texts evaluates a text, with {} for what is known only when it runs.
func texts(e ast.Expr, constants map[string]ast.Expr, depth int) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil && e.Kind == token.STRING {
			return verb.ReplaceAllString(s, "{}")
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return texts(e.X, constants, depth) + texts(e.Y, constants, depth)
		}
	case *ast.ParenExpr:
		return texts(e.X, constants, depth)
	case *ast.Ident:
		if value, ok := constants[e.Name]; ok && depth > 0 {
			return texts(value, constants, depth-1)
		}
	case *ast.CallExpr:
		if name := called(e); name == "Sprintf" && len(e.Args) > 0 {
			i := 0
			return hole.ReplaceAllStringFunc(texts(e.Args[0], constants, depth), func(string) string {
				if i++; i < len(e.Args) {
					return texts(e.Args[i], constants, depth)
				}
				return "{}"
			})
		}
	}
	return "{}"
}

func called(e *ast.CallExpr) string {
	switch f := e.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// sentence says that a text is one for people, and no pointer, name or place.
func sentence(s string) bool {
	return strings.Contains(s, " ") && strings.ContainsFunc(strings.ReplaceAll(s, "{}", ""), func(r rune) bool { return r >= 'a' && r <= 'z' })
}

// read are the folder's files without its tests, and its constants.
func (p place) read(t *testing.T) (files []*ast.File, constants map[string]ast.Expr) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	constants = map[string]ast.Expr{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.ValueSpec); ok {
				for i, name := range s.Names[:min(len(s.Names), len(s.Values))] {
					constants[name.Name] = s.Values[i]
				}
			}
			return true
		})
	}
	return files, constants
}

// passers adds to what is handed to functions what they pass on as one: whoever makes a problem of a detail is handed a sentence.
func (p *place) passers(files []*ast.File) {
	all := map[string]int{}
	maps.Copy(all, p.handed)
	p.handed = all
	for before := -1; before != len(all); {
		before = len(all)
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					p.passer(n.Name.Name, n.Type, n.Body)
				case *ast.AssignStmt:
					name, named := n.Lhs[0].(*ast.Ident)
					if inner, ok := n.Rhs[0].(*ast.FuncLit); ok && named {
						p.passer(name.Name, inner.Type, inner.Body)
					}
				}
				return true
			})
		}
	}
}

// passer adds a function, if it passes a text on.
func (p *place) passer(name string, of *ast.FuncType, body *ast.BlockStmt) {
	if _, known := p.handed[name]; known || body == nil {
		return
	}
	var passed []string
	for _, e := range p.expressions(body, false) {
		passed = append(passed, names(e)...)
	}
	i := 0
	for _, field := range of.Params.List {
		kind, _ := field.Type.(*ast.Ident)
		for _, parameter := range field.Names {
			if kind != nil && kind.Name == "string" && slices.Contains(passed, parameter.Name) {
				p.handed[name] = i
				return
			}
			i++
		}
	}
}

// names are those that stand in a text for others.
func names(e ast.Expr) (all []string) {
	switch e := e.(type) {
	case *ast.Ident:
		all = append(all, e.Name)
	case *ast.BinaryExpr:
		all = append(names(e.X), names(e.Y)...)
	case *ast.CallExpr:
		if called(e) == "Sprintf" {
			for _, arg := range e.Args {
				all = append(all, names(arg)...)
			}
		}
	}
	return all
}

// rows are the texts of the tables that a function goes through, by the name that a row has there.
func rows(function *ast.FuncDecl, tables map[string]ast.Expr) map[string][]ast.Expr {
	all := map[string][]ast.Expr{}
	ast.Inspect(function, func(n ast.Node) bool {
		through, ok := n.(*ast.RangeStmt)
		if !ok {
			return true
		}
		row, isName := through.Value.(*ast.Ident)
		table, named := through.X.(*ast.Ident)
		if isName && named && tables[table.Name] != nil {
			ast.Inspect(tables[table.Name], func(n ast.Node) bool {
				if text, ok := n.(*ast.BasicLit); ok {
					all[row.Name] = append(all[row.Name], text)
				}
				return true
			})
		}
		return true
	})
	return all
}

// expressions are those in a function that may be sentences; whole says that any may be.
func (p place) expressions(function ast.Node, whole bool) (all []ast.Expr) {
	ast.Inspect(function, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if from, ok := p.handed[called(n)]; ok {
				all = append(all, n.Args[min(from, len(n.Args)):]...)
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "Detail" || key.Name == "Reason") {
				all = append(all, n.Value)
			}
		case *ast.CompositeLit:
			if whole || called(&ast.CallExpr{Fun: n.Type}) == "FormatError" {
				all = append(all, n.Elts...)
			}
		case *ast.ReturnStmt:
			if whole {
				all = append(all, n.Results...)
			}
		case *ast.AssignStmt:
			if whole {
				all = append(all, n.Rhs...)
			}
		}
		return true
	})
	return all
}

// details are all sentences of all places.
func details(t *testing.T) []string {
	t.Helper()
	const depth = 3 // of constants that stand for one another
	all := map[string]bool{}
	for _, p := range places() {
		files, constants := p.read(t)
		p.passers(files)
		for _, f := range files {
			for _, d := range f.Decls {
				function, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				tables := rows(function, constants)
				expressions := p.expressions(function, slices.Contains(p.sentences, function.Name.Name))
				for _, e := range expressions {
					if part, ok := e.(*ast.SelectorExpr); ok {
						if row, ok := part.X.(*ast.Ident); ok {
							expressions = append(expressions, tables[row.Name]...)
						}
					}
				}
				for _, e := range expressions {
					if s := texts(e, constants, depth); sentence(s) {
						all[s] = true
					}
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Every sentence that the API may say has its words in Korean, and there are no words for one that it does not say.
func TestDetailsAreSaidInKorean(t *testing.T) {
	t.Parallel()
	// These are put together of parts.
	parts := []string{
		"SMS cannot carry {}", "{} and {} more", "{}; without it, or with fallback.enabled false, the message can be sent",
		"{}; the first {} are listed", "aligo {}: NotConfigured ({}): code {}: {}", "{} (route {})", "{} (route {}: {})", "{} is ${}",
		"must be \"{}\" or \"{}\"", "this needs the scope {} or {}",
	}
	// These go to whoever sets the stack up.
	others := []string{"API key", "user id", "sender key", "sender number"}
	var known []string
	for _, quoted := range found(`(?m)^  ("(?:[^"\\]|\\.)*"): "`, sources(t)["strings/details.js"]) {
		s, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, s)
	}
	all := slices.DeleteFunc(append(details(t), parts...), func(s string) bool { return slices.Contains(others, s) })
	for _, s := range missing(known, all) {
		t.Errorf("there is no Korean for %q", s)
	}
	for _, s := range missing(all, known) {
		t.Errorf("nobody says %q", s)
	}
}
