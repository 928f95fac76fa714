package route

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// path leads to a part of an event: names and indices, as $.detail.lines[0].sku. It begins with $, the event, or with @, the
// element that a forEach has come to.
type path struct {
	// text is the path as it was written.
	text  string
	steps []step
	// ofElement says that it begins with @.
	ofElement bool
}

// step is a name, or an index where the name is empty.
type step struct {
	name  string
	index int
}

// parsePath reads a path of the kind that EventBridge has, but for wildcards.
func parsePath(text string) (path, error) {
	p := path{text: text, ofElement: strings.HasPrefix(text, "@")}
	if text == "" || text[0] != '$' && text[0] != '@' {
		return p, fmt.Errorf("%q is not a path such as $.detail.phone", text)
	}
	if utf8.RuneCountInString(text) > maxInputPath {
		return p, fmt.Errorf("a path has more than %d characters", maxInputPath)
	}
	for rest := text[1:]; rest != ""; {
		var s step
		switch rest[0] {
		case '.':
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			s.name, rest = rest[1:1+end], rest[1+end:]
			if s.name == "" {
				return p, fmt.Errorf("the path %q has an empty name", text)
			}
		case '[':
			inner, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return p, fmt.Errorf("the path %q has an open bracket", text)
			}
			rest = after
			if n := len(inner); n > 2 && (inner[0] == '\'' || inner[0] == '"') && inner[n-1] == inner[0] {
				s.name = inner[1 : n-1]
				break
			}
			if strings.Trim(inner, "0123456789") == "" {
				if index, err := strconv.Atoi(inner); err == nil {
					s.index = index
					break
				}
			}
			if inner != "*" {
				return p, fmt.Errorf("the path %q has %q where an index belongs", text, inner)
			}
			s.name = inner
		default:
			return p, fmt.Errorf("the path %q is not understood from %q on", text, rest)
		}
		if s.name == "*" {
			return p, fmt.Errorf("the path %q has a wildcard, which leads to a list; forEach goes through one", text)
		}
		if strings.ContainsFunc(s.name, func(r rune) bool { return r == '<' || r == '>' || unicode.IsControl(r) }) {
			return p, fmt.Errorf("the path %q has a name with < or > or a control character", text)
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

// named finds a member by its name, however its letters are put together: file systems take Hangul apart, and nobody sees it.
func named(o map[string]any, name string) (value any, ok bool) {
	if value, ok = o[name]; ok {
		return value, true
	}
	whole := norm.NFC.String(name)
	for other, value := range o {
		if norm.NFC.String(other) == whole {
			return value, true
		}
	}
	return nil, false
}

// find follows the path from a value.
func (p path) find(value any) (found any, ok bool) {
	for _, s := range p.steps {
		switch at := value.(type) {
		case map[string]any:
			if s.name == "" {
				return nil, false
			}
			if value, ok = named(at, s.name); !ok {
				return nil, false
			}
		case []any:
			if s.name != "" || s.index >= len(at) {
				return nil, false
			}
			value = at[s.index]
		default:
			return nil, false
		}
	}
	return value, true
}
