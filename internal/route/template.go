package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sms-api/internal/message"
)

// Template is a route's template, ready to be filled in.
//
// A text of it may hold placeholders: <name>, of a path among the route's inputPaths, or <$.detail.order.id>, a path itself. In
// a text that is one placeholder and nothing else goes a string, a number (as its text, as it was written) or a boolean (as
// it is); inside a longer text a string or a number.
//
// An element of a list that is an object with a member forEach, a path to a list of the event, stands for as many elements
// as that list has, at most 500. In it a path may begin with @, which is the list's element instead of the event.
type Template struct {
	name string
	// pattern is the route's.
	pattern json.RawMessage
	root    node
}

// Template reads the route's template. The error has everything that is wrong with it.
func (r Route) Template() (*Template, error) {
	t, errs := r.compile()
	return t, errors.Join(errs...)
}

// node is a part of a template: fixed, text, object or list.
type node any

type (
	// fixed is a value that no event changes.
	fixed struct{ value any }
	// text is a string with placeholders in it.
	text []piece
	// object has its members in the order of their names.
	object []member
	list   []node
	// loop is an element of a list that stands for as many as there are in the event.
	loop struct {
		over    path
		element node
	}
)

type member struct {
	name  string
	value node
}

// piece is a placeholder, or a part of a text between two of them.
type piece struct {
	literal string
	// placeholder is what stands in the template, with its < and >; empty for a literal.
	placeholder string
	path        path
}

// forEach is the member that makes an element a loop.
const forEach = "forEach"

// structures are members of a request that are no single values.
func structures() []string { return []string{"recipients", "variables", "fallback"} }

type compiler struct {
	paths map[string]path
	errs  []error
}

func (c *compiler) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// compile reads the template, or says everything that is wrong with it.
func (r Route) compile() (*Template, []error) {
	c := &compiler{paths: map[string]path{}}
	c.inputPaths(r.InputPaths)
	source := templateText(r.InputTemplate)
	if templateLength(source) > maxInputTemplate {
		c.fail("inputTemplate: it is longer than %d characters", maxInputTemplate)
		return nil, c.errs
	}
	var request map[string]any
	decoder := json.NewDecoder(strings.NewReader(source))
	decoder.UseNumber()
	if err := decoder.Decode(&request); err != nil || request == nil {
		if err == nil {
			err = errors.New("it is null")
		}
		c.fail("inputTemplate is not a JSON object with <names> in it: %v", err)
		return nil, c.errs
	}
	if decoder.More() {
		c.fail("inputTemplate is not a JSON object with <names> in it: something follows the object")
	}
	t := &Template{name: r.Name, pattern: r.Pattern, root: c.node(request, "", false)}
	return t, c.errs
}

// node compiles the part of a template at a pointer; inLoop says that @ has a meaning there.
func (c *compiler) node(value any, at string, inLoop bool) node {
	switch value := value.(type) {
	case string:
		return c.text(value, at, inLoop)
	case map[string]any:
		return c.object(value, at, inLoop)
	case []any:
		l := list{}
		for i, element := range value {
			l = append(l, c.element(element, message.Pointer(at, fmt.Sprint(i)), inLoop))
		}
		return l
	}
	return fixed{value}
}

func (c *compiler) object(value map[string]any, at string, inLoop bool) node {
	o := object{}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		here := message.Pointer(at, name)
		if pieces := c.pieces(name, here, true); len(pieces) != 1 || pieces[0].placeholder != "" {
			c.fail("inputTemplate: %s: a name cannot have a placeholder in it", here)
		}
		if name == forEach {
			c.fail("inputTemplate: %s: only what is an element of a list, and not of one inside of a loop, can be one", here)
			continue
		}
		n := c.node(value[name], here, inLoop)
		if _, single := n.(text); single && slices.Contains(structures(), name) {
			c.fail("inputTemplate: %s: nothing of an event becomes an object or a list; %s goes through a list", here, forEach)
		}
		o = append(o, member{name, n})
	}
	return o
}

// element compiles an element of a list.
func (c *compiler) element(value any, at string, inLoop bool) node {
	o, ok := value.(map[string]any)
	if _, loops := o[forEach]; !ok || !loops || inLoop {
		return c.node(value, at, inLoop)
	}
	source, _ := o[forEach].(string)
	if named, ok := c.paths[strings.TrimSuffix(strings.TrimPrefix(source, "<"), ">")]; ok {
		source = named.text
	}
	over, err := parsePath(source)
	switch {
	case err != nil:
		c.fail("inputTemplate: %s: %v", message.Pointer(at, forEach), err)
	case over.ofElement:
		c.fail("inputTemplate: %s: %q begins with @, which is an element of this loop", message.Pointer(at, forEach), source)
	}
	rest := maps.Clone(o)
	delete(rest, forEach)
	return loop{over: over, element: c.node(rest, at, true)}
}

func (c *compiler) text(value, at string, inLoop bool) node {
	pieces := c.pieces(value, at, inLoop)
	if len(pieces) == 1 && pieces[0].placeholder == "" {
		return fixed{value}
	}
	return text(pieces)
}

// pieces splits a text at its placeholders. A < that begins no name and no path is text. There is at least one piece.
func (c *compiler) pieces(value, at string, inLoop bool) []piece {
	var pieces []piece
	begin := 0
	for i := 0; i < len(value); i++ {
		if value[i] != '<' {
			continue
		}
		inner, _, closed := strings.Cut(value[i+1:], ">")
		isPath := strings.HasPrefix(inner, "$") || strings.HasPrefix(inner, "@")
		if !closed {
			if isPath {
				c.fail("inputTemplate: %s: a placeholder begins with %.20q and does not end", at, "<"+inner)
			}
			break
		}
		p, known := c.paths[inner]
		switch {
		case isPath:
			var err error
			if p, err = parsePath(inner); err != nil {
				c.fail("inputTemplate: %s: %v", at, err)
			}
		case !isVariable(inner):
			continue
		case !known:
			c.fail("inputTemplate: <%s> is not among the inputPaths", inner)
		}
		if p.ofElement && !inLoop {
			c.fail("inputTemplate: %s: <%s> begins with @, which has a meaning only beside a %s", at, inner, forEach)
		}
		if i > begin {
			pieces = append(pieces, piece{literal: value[begin:i]})
		}
		pieces = append(pieces, piece{placeholder: "<" + inner + ">", path: p})
		i += len(inner) + 1
		begin = i + 1
	}
	if begin < len(value) || len(pieces) == 0 {
		pieces = append(pieces, piece{literal: value[begin:]})
	}
	return pieces
}

// isVariable says whether a text could be the name of a path. Dots are among what EventBridge's own variables have.
func isVariable(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == ""
}
