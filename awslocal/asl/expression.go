package asl

import (
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/recolabs/gnata"
)

// uses says which parts of $states an expression looks at, and where a field's expressions may look.
type uses uint8

const (
	useInput uses = 1 << iota
	useResult
	useErrorOutput
	useContext
	useExecutionInput // $states.context.Execution.Input, or a step above it
)

// What may be seen where: the result only after the work is done, the error only by the catcher that took it.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-reserved-states-variable
const (
	seesInput  = useInput | useContext | useExecutionInput
	seesResult = seesInput | useResult
	seesError  = seesInput | useErrorOutput
)

// expression is one compiled JSONata expression.
type expression struct {
	source    string
	location  string // field relative to the state, "Output/a/b[0]"
	compiled  *gnata.Expression
	uses      uses
	variables []string // names used, without $
	shortcut  shortcut
	path      []string // members to follow from what shortcut stands for
	// members are the only ones that the expression looks at in a part of $states, for every part of which that is known.
	members map[uses][]string
}

// shortcut marks the expressions that are nothing but one value, or a path of members from it; its JSON is taken over
// without decoding it.
type shortcut uint8

const (
	noShortcut shortcut = iota
	wholeInput
	wholeResult
	wholeErrorOutput
	wholeExecutionInput
	wholeVariable
)

// isExpression reports whether a string of the definition is JSONata, and gives what stands between the marks.
func isExpression(s string) (string, bool) {
	if len(s) < 4 || !strings.HasPrefix(s, "{%") || !strings.HasSuffix(s, "%}") {
		return "", false
	}
	return strings.TrimSpace(s[2 : len(s)-2]), true
}

// compileExpression refuses what does not parse and what looks at something that does not exist at this place.
func compileExpression(n *node, source, location string, allowed uses, r *refusals) *expression {
	e := &expression{source: source, location: location}
	compiled, err := gnata.Compile(source)
	if err != nil {
		r.add(n.path, "JSONata expression does not parse: %v", err)
		return e
	}
	e.compiled = compiled
	tokens := scan(source)
	for i, t := range tokens {
		switch {
		case t.kind != variableToken:
		case t.text == "$":
			r.add(n.path, "$$ is not supported; the input is $states.input")
		case refusedFunctions[t.text] != "":
			r.add(n.path, "%s", refusedFunctions[t.text])
		case t.text == "states" && i+1 < len(tokens) && tokens[i+1].is(":="):
			r.add(n.path, "$states is reserved")
		case t.text == "states":
			e.uses |= statesUse(n, tokens[i+1:], allowed, r)
		case t.text != "" && !slices.Contains(e.variables, t.text):
			e.variables = append(e.variables, t.text)
		}
	}
	for _, problem := range unfaithful(tokens) {
		r.add(n.path, "%s", problem)
	}
	for _, name := range topLevelNames(tokens) {
		r.add(n.path, "reference to %q at the top level: there is no context item; the input is $states.input", name)
	}
	e.shortcut, e.path = shortcutOf(tokens)
	e.members = membersOf(tokens)
	return e
}

// unfaithful finds the operators that gnata applies otherwise than JSONata 2.0.6 does, so that a machine that relies on
// them would pass here and fail on AWS, or the other way round. It was held against jsonata-js 2.0.6.
func unfaithful(tokens []token) []string {
	var problems []string
	for i, t := range tokens {
		next := token{}
		if i+1 < len(tokens) {
			next = tokens[i+1]
		}
		switch {
		case t.is("[") && t.infix && next.is("]"):
			problems = append(problems,
				"the suffix [] is not implemented: of nothing it makes nothing, not an empty list; write [ … ] around the expression")
		case t.is("^") && next.is("("):
			problems = append(problems, "the order-by operator ^( ) is not implemented: of a single value it makes no list; use $sort")
		case t.is("?:") || t.is("??"):
			problems = append(problems, "the operator "+t.text+" is newer than JSONata 2.0.6, which Step Functions has")
		case t.is("*") && !t.infix:
			problems = append(problems, "the wildcard * is not implemented")
		case t.is(".") && next.kind == variableToken && next.text == "":
			problems = append(problems, "the step .$ is not implemented")
		}
	}
	return problems
}

// statesUse tells what follows $states: rest is the tokens after it.
func statesUse(n *node, rest []token, allowed uses, r *refusals) uses {
	step := func(i int) string { return stepOf(rest, i) }
	var used uses
	switch name := step(0); name {
	case "input":
		return useInput
	case "result":
		used = useResult
	case "errorOutput":
		used = useErrorOutput
	case "context":
		used = useContext
		if scope := step(2); scope == "" || scope == "Execution" {
			if field := step(4); scope == "" || field == "" || field == "Input" {
				used |= useExecutionInput
			}
		}
	case "":
		return allowed // $states as a whole, or by a computed step
	default:
		r.add(n.path, "$states.%s does not exist", name)
	}
	if used&^allowed != 0 {
		r.add(n.path, "$states.%s is not available here", step(0))
	}
	return used
}

func shortcutOf(tokens []token) (shortcut, []string) {
	var words []string
	for i, t := range tokens {
		if i%2 == 1 {
			if !t.is(".") {
				return noShortcut, nil
			}
			continue
		}
		if (i == 0) != (t.kind == variableToken) || i > 0 && t.kind != nameToken {
			return noShortcut, nil
		}
		words = append(words, t.text)
	}
	if len(words) == 1 && words[0] != "states" && words[0] != "" && words[0] != "$" {
		return wholeVariable, nil
	}
	for _, root := range []struct {
		shortcut shortcut
		words    []string
	}{
		{wholeInput, []string{"states", "input"}},
		{wholeResult, []string{"states", "result"}},
		{wholeErrorOutput, []string{"states", "errorOutput"}},
		{wholeExecutionInput, []string{"states", "context", "Execution", "Input"}},
	} {
		if n := len(root.words); len(words) >= n && slices.Equal(words[:n], root.words) {
			return root.shortcut, words[n:]
		}
	}
	return noShortcut, nil
}

// membersOf finds the parts of $states that an expression never looks at as a whole, and their members that it looks at.
func membersOf(tokens []token) map[uses][]string {
	members, whole := map[uses][]string{}, uses(0)
	for i, t := range tokens {
		if t.is("@") || t.is("|") || t.is("%") && !t.infix {
			// From a member these lead back to what it is in.
			return nil
		}
		if t.kind != variableToken || t.text != "states" {
			continue
		}
		part, rest := partOf(tokens[i+1:])
		if part == 0 {
			continue
		}
		name := stepOf(rest, 0)
		if name == "" || rest[1].kind != nameToken || len(rest) > 2 && rest[2].is("(") {
			whole |= part
			continue
		}
		if !slices.Contains(members[part], name) {
			members[part] = append(members[part], name)
		}
	}
	maps.DeleteFunc(members, func(part uses, _ []string) bool { return part&whole != 0 })
	return members
}

// partOf tells which parts with JSON of their own a path from $states leads to, and what follows there.
func partOf(rest []token) (part uses, after []token) {
	switch stepOf(rest, 0) {
	case "input":
		return useInput, rest[2:]
	case "result":
		return useResult, rest[2:]
	case "errorOutput":
		return useErrorOutput, rest[2:]
	case "context":
		scope, field := stepOf(rest, 2), stepOf(rest, 4)
		switch {
		case scope == "Execution" && field == "Input":
			return useExecutionInput, rest[6:]
		case scope == "", scope == "Execution" && field == "":
			return useExecutionInput, nil
		}
		return 0, nil
	}
	return useInput | useResult | useErrorOutput | useExecutionInput, nil
}

// stepOf is the member that the tokens from i on step to by its name, empty if they do something else.
func stepOf(tokens []token, i int) string {
	if i+1 < len(tokens) && tokens[i].is(".") && (tokens[i+1].kind == nameToken || tokens[i+1].kind == stringToken) {
		return tokens[i+1].text
	}
	return ""
}

// token is a lexical element of JSONata; only as much as the checks above need.
type token struct {
	kind tokenKind
	text string
	// infix: something stands before it that an operator could apply to.
	infix bool
}

type tokenKind uint8

const (
	operatorToken tokenKind = iota
	nameToken
	variableToken
	stringToken
	literalToken // number, regular expression, true, false, null
)

func (t token) is(operator string) bool { return t.kind == operatorToken && t.text == operator }

// operand reports whether an operator may follow t.
func (t token) operand() bool {
	switch t.kind {
	case operatorToken:
		switch t.text {
		case ")", "]", "}":
			return true
		case "*", "**", "%":
			return !t.infix // wildcard, descendants, parent
		}
		return false
	case nameToken:
		return !t.infix || (t.text != "and" && t.text != "or" && t.text != "in")
	case variableToken, stringToken, literalToken:
	}
	return true
}

const operatorBytes = ".[]{}(),@#;:?+-*/%|=<>^&!~"

// scan splits an expression that gnata has parsed. It follows the same rules, so it cannot fail on such a one.
func scan(source string) []token {
	var tokens []token
	infix := false
	add := func(kind tokenKind, text string) {
		t := token{kind: kind, text: text, infix: infix}
		tokens = append(tokens, t)
		infix = t.operand()
	}
	for i := 0; i < len(source); {
		c := source[i]
		switch {
		case strings.IndexByte(" \t\n\r\v", c) >= 0:
			i++
		case strings.HasPrefix(source[i:], "/*"):
			end := strings.Index(source[i+2:], "*/")
			if end < 0 {
				return tokens
			}
			i += end + 4
		case c == '"' || c == '\'':
			end := stringEnd(source, i)
			add(stringToken, source[i+1:max(i+1, end-1)])
			i = end
		case c == '`':
			end := strings.IndexByte(source[i+1:], '`')
			if end < 0 {
				return tokens
			}
			add(nameToken, source[i+1:i+1+end])
			i += end + 2
		case c == '/' && !infix:
			i = regexEnd(source, i)
			add(literalToken, "")
		case strings.IndexByte(operatorBytes, c) >= 0:
			size := 1
			if i+1 < len(source) {
				switch source[i : i+2] {
				case "..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??":
					size = 2
				}
			}
			add(operatorToken, source[i:i+size])
			i += size
		default:
			end := i + 1
			for end < len(source) && strings.IndexByte(" \t\n\r\v"+operatorBytes, source[end]) < 0 {
				end++
			}
			word := source[i:end]
			switch {
			case c == '$':
				add(variableToken, word[1:])
			case c >= '0' && c <= '9', word == "true", word == "false", word == "null":
				add(literalToken, word)
			default:
				add(nameToken, word)
			}
			i = end
		}
	}
	return tokens
}

func stringEnd(source string, start int) int {
	for i := start + 1; i < len(source); i++ {
		switch source[i] {
		case '\\':
			i++
		case source[start]:
			return i + 1
		}
	}
	return len(source)
}

func regexEnd(source string, start int) int {
	depth := 0
	for i := start + 1; i < len(source); i++ {
		switch source[i] {
		case '\\':
			i++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case '/':
			if depth == 0 {
				flags := strings.IndexFunc(source[i+1:], func(r rune) bool { return !unicode.IsLetter(r) })
				if flags < 0 {
					return len(source)
				}
				return i + 1 + flags
			}
		}
	}
	return len(source)
}

// topLevelNames lists the names that would be read from the top-level context, which Step Functions does not have: a
// name that begins a path, unless it stands where another value is the context (a predicate, a step in parentheses, a
// sort term, a grouping). The body of a function has the context of its surroundings.
func topLevelNames(tokens []token) []string {
	type bracket struct{ hasContext, parameters bool }
	var names []string
	stack := []bracket{{}}
	signature := false // between a function's parameters and its body
	for i, t := range tokens {
		var before token
		if i > 0 {
			before = tokens[i-1]
		}
		top := stack[len(stack)-1]
		switch {
		case t.is("|"):
			return nil // a transform gives its clauses a context of their own
		case t.is("(") || t.is("[") || t.is("{"):
			b := bracket{hasContext: top.hasContext}
			switch {
			case t.is("{") && signature:
				signature = false
			case t.is("(") && isFunctionKeyword(before):
				b.parameters = true
			case i > 0 && (before.is(".") || before.is("^")), t.infix && !t.is("("):
				b.hasContext = true
			}
			stack = append(stack, b)
		case t.is(")") || t.is("]") || t.is("}"):
			if len(stack) > 1 {
				signature = signature || top.parameters
				stack = stack[:len(stack)-1]
			}
		case signature, top.hasContext, i > 0 && before.is("."):
		case isFunctionKeyword(t) && i+1 < len(tokens) && tokens[i+1].is("("):
		case t.kind == nameToken && t.operand():
			names = append(names, t.text)
		case t.kind == variableToken && t.text == "":
			names = append(names, "$")
		case t.operand() && (t.is("**") || t.is("%")):
			names = append(names, t.text)
		}
	}
	return names
}

func isFunctionKeyword(t token) bool {
	return t.kind == nameToken && (t.text == "function" || t.text == "λ")
}

// template is a JSON value of the definition in which strings may be expressions.
type template struct {
	literal []byte // JSON of a part without expressions
	expr    *expression
	keys    [][]byte // of an object: `"key":`
	parts   []*template
	array   bool
}

// compileTemplate walks a field; location is its name relative to the state.
func compileTemplate(n *node, location string, allowed uses, r *refusals) *template {
	switch n.kind {
	case nullNode, boolNode, numberNode:
	case stringNode:
		if source, ok := isExpression(n.text); ok {
			return &template{expr: compileExpression(n, source, location, allowed, r)}
		}
		if strings.HasPrefix(n.text, "{%") != strings.HasSuffix(n.text, "%}") {
			r.add(n.path, "JSONata expressions begin with {%% and end with %%}")
		}
	case arrayNode:
		t := &template{array: true}
		for i, item := range n.items {
			t.parts = append(t.parts, compileTemplate(item, location+indexed(i), allowed, r))
		}
		if !t.constant() {
			return t
		}
	case objectNode:
		t := &template{}
		for _, key := range n.keys {
			t.keys = append(t.keys, append(appendString(nil, key), ':'))
			t.parts = append(t.parts, compileTemplate(n.fields[key], location+"/"+key, allowed, r))
		}
		if !t.constant() {
			return t
		}
	}
	return &template{literal: n.appendJSON(nil)}
}

func (t *template) constant() bool {
	return !slices.ContainsFunc(t.parts, func(p *template) bool { return p.literal == nil })
}
