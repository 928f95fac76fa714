package eventbus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxPatternLength is the longest event pattern, in characters, that PutRule takes.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
const maxPatternLength = 4096

// maxAlternatives is how many combinations the $or of one pattern may stand for.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
const maxAlternatives = 1000

// maxNumber is the largest magnitude that numeric comparisons work with.
const maxNumber = 5e9

// Pattern is a compiled event pattern. It is immutable, so any number of goroutines may match with it.
type Pattern struct {
	// alternatives are what the pattern's $or come down to; without $or there is one.
	alternatives [][]condition
}

// condition is what one leaf of an event must be like.
type condition struct {
	// path is the names of the fields down to the leaf, joined by dots. A name that has a dot in it is therefore the same
	// as two nested names, as it is in EventBridge.
	path string
	// any of these suffices.
	any []matcher
	// absent is whether it also suffices that there is no such leaf.
	absent bool
}

type matcher func(leaf) bool

// PatternError says why a pattern was refused, and where.
type PatternError struct {
	// Path is the JSON path of the offending part, such as $.detail.amount[0].numeric; empty when it is the whole.
	Path   string
	Reason string
}

// Error has the form of EventBridge's own message, with the JSON path in place of line and column.
func (e *PatternError) Error() string {
	if e.Path == "" {
		return "Event pattern is not valid. Reason: " + e.Reason
	}
	return fmt.Sprintf("Event pattern is not valid. Reason: %s at %s", e.Reason, e.Path)
}

// Compile reads an event pattern. What EventBridge refuses is a *PatternError.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
func Compile(pattern []byte) (*Pattern, error) {
	if n := len([]rune(string(pattern))); n > maxPatternLength {
		return nil, &PatternError{"$", fmt.Sprintf("Pattern has %d characters, at most %d are allowed", n, maxPatternLength)}
	}
	var probe json.RawMessage
	if err := json.Unmarshal(pattern, &probe); err != nil {
		return nil, &PatternError{"$", err.Error()}
	}
	dec := json.NewDecoder(bytes.NewReader(pattern))
	dec.UseNumber()
	root, err := readNode(dec)
	if err != nil {
		return nil, &PatternError{"$", err.Error()}
	}
	fields, ok := root.(object)
	if !ok {
		return nil, &PatternError{"$", "Filter is not an object"}
	}
	c := &compiler{alternatives: []map[string]condition{{}}}
	if err := c.object(fields, nil, "$", false); err != nil {
		return nil, err
	}
	p := &Pattern{}
	for _, alternative := range c.alternatives {
		p.alternatives = append(p.alternatives, slices.SortedFunc(maps.Values(alternative), func(a, b condition) int {
			return strings.Compare(a.path, b.path)
		}))
	}
	return p, nil
}

// object is a JSON object with its members in their order, because a name may come twice: nested objects are then
// merged, and of two arrays the later one counts.
type object []member

type member struct {
	name  string
	value any
}

// readNode reads the next JSON value: an object, a []any, a string, a json.Number, a bool or nil.
func readNode(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		fields := object{}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			value, err := readNode(dec)
			if err != nil {
				return nil, err
			}
			fields = append(fields, member{fmt.Sprint(name), value})
		}
		_, err := dec.Token()
		return fields, err
	case json.Delim('['):
		values := []any{}
		for dec.More() {
			value, err := readNode(dec)
			if err != nil {
				return nil, err
			}
			values = append(values, value)
		}
		_, err := dec.Token()
		return values, err
	}
	return token, nil
}

type compiler struct {
	alternatives []map[string]condition
}

// object adds the conditions of a pattern's object. names leads to it in the event, at in the pattern; the two differ by $or.
func (c *compiler) object(fields object, names []string, at string, insideOr bool) error {
	if len(fields) == 0 {
		return &PatternError{at, "Empty objects are not allowed"}
	}
	for _, field := range fields {
		at := at + "." + field.name
		if field.name == "$or" {
			if err := c.or(field.value, names, at); err != nil {
				return err
			}
			continue
		}
		if insideOr && isOperator(field.name) {
			return &PatternError{at, fmt.Sprintf("%q is reserved and cannot be a field's name inside $or", field.name)}
		}
		names := append(slices.Clone(names), field.name)
		switch value := field.value.(type) {
		case object:
			if err := c.object(value, names, at, insideOr); err != nil {
				return err
			}
		case []any:
			cond, err := compileCondition(value, strings.Join(names, "."), at)
			if err != nil {
				return err
			}
			for _, alternative := range c.alternatives {
				alternative[cond.path] = cond
			}
		default:
			return &PatternError{at, fmt.Sprintf("%q must be an object or an array", field.name)}
		}
	}
	return nil
}

// or multiplies the alternatives: each one so far, with each object of the $or.
func (c *compiler) or(value any, names []string, at string) error {
	choices, ok := value.([]any)
	if !ok {
		return &PatternError{at, "The value of $or must be an array"}
	}
	before := c.alternatives
	var after []map[string]condition
	for i, choice := range choices {
		at := fmt.Sprintf("%s[%d]", at, i)
		fields, ok := choice.(object)
		if !ok {
			return &PatternError{at, "Only JSON objects are allowed in the array of $or"}
		}
		c.alternatives = make([]map[string]condition, len(before))
		for i, alternative := range before {
			c.alternatives[i] = maps.Clone(alternative)
		}
		if err := c.object(fields, names, at, true); err != nil {
			return err
		}
		after = append(after, c.alternatives...)
		if len(after) > maxAlternatives {
			return &PatternError{at, fmt.Sprintf("The $or of the pattern make more than %d combinations", maxAlternatives)}
		}
	}
	if len(choices) < 2 {
		return &PatternError{at, "There must be at least 2 objects in $or"}
	}
	c.alternatives = after
	return nil
}

func isOperator(name string) bool {
	switch name {
	case "exactly", "prefix", "suffix", "anything-but", "numeric", "cidr", "exists", "equals-ignore-case", "wildcard":
		return true
	}
	return false
}

func compileCondition(values []any, path, at string) (condition, error) {
	cond := condition{path: path}
	if len(values) == 0 {
		return cond, &PatternError{at, "Empty arrays are not allowed"}
	}
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", at, i)
		switch value := value.(type) {
		case string:
			cond.any = append(cond.any, isString(value))
		case json.Number:
			cond.any = append(cond.any, isNumber(value))
		case bool:
			cond.any = append(cond.any, func(l leaf) bool { return l.value == value })
		case nil:
			cond.any = append(cond.any, func(l leaf) bool { return l.value == nil })
		case object:
			if err := compileOperator(value, at, &cond); err != nil {
				return cond, err
			}
		default:
			return cond, &PatternError{at, "Match value must be String, number, true, false, or null"}
		}
	}
	if complexity(wildcardsOf(values)) >= maxComplexity {
		return cond, &PatternError{Reason: tooComplex}
	}
	return cond, nil
}

// compileOperator adds a match expression such as {"prefix": "a"}.
func compileOperator(expression object, at string, cond *condition) error {
	if len(expression) == 0 {
		return &PatternError{at, "Match expression name not found"}
	}
	if len(expression) > 1 {
		return &PatternError{at, "Only one key allowed in match expression"}
	}
	name, operand := expression[0].name, expression[0].value
	at += "." + name
	if name == "exists" {
		exists, ok := operand.(bool)
		switch {
		case !ok:
			return &PatternError{at, "exists match pattern must be either true or false."}
		case exists:
			cond.any = append(cond.any, func(leaf) bool { return true })
		default:
			cond.absent = true
		}
		return nil
	}
	m, err := compileMatcher(name, operand, at)
	if err != nil {
		return err
	}
	cond.any = append(cond.any, m)
	return nil
}

func compileMatcher(name string, operand any, at string) (matcher, error) {
	switch name {
	case "prefix", "suffix":
		if fold, ok := operand.(object); ok {
			return compileFolded(name, fold, at)
		}
		text, ok := operand.(string)
		if !ok {
			return nil, &PatternError{at, name + " match pattern must be a string"}
		}
		return textMatcher(name, text, at)
	case "equals-ignore-case", "wildcard":
		text, ok := operand.(string)
		if !ok {
			return nil, &PatternError{at, name + " match pattern must be a string"}
		}
		return textMatcher(name, text, at)
	case "numeric":
		terms, ok := operand.([]any)
		if !ok {
			return nil, &PatternError{at, "Value of numeric must be an array."}
		}
		return compileNumeric(terms, at)
	case "cidr":
		text, ok := operand.(string)
		if !ok {
			return nil, &PatternError{at, "cidr match pattern must be a string"}
		}
		return compileCIDR(text, at)
	case "anything-but":
		return compileAnythingBut(operand, at)
	}
	return nil, &PatternError{at, "Unrecognized match type " + name}
}

// compileFolded compiles {"equals-ignore-case": "text"} below prefix or suffix.
func compileFolded(name string, fold object, at string) (matcher, error) {
	switch {
	case len(fold) == 0:
		return nil, &PatternError{at, "Match expression name not found"}
	case len(fold) > 1:
		return nil, &PatternError{at, "Only one key allowed in match expression"}
	case fold[0].name != "equals-ignore-case":
		return nil, &PatternError{at, fmt.Sprintf("Unsupported %s pattern: %s", name, fold[0].name)}
	}
	text, ok := fold[0].value.(string)
	if !ok {
		return nil, &PatternError{at + ".equals-ignore-case", "equals-ignore-case match pattern must be a string"}
	}
	if name == "prefix" {
		return func(l leaf) bool { s, ok := l.value.(string); return ok && hasPrefixFold(s, text) }, nil
	}
	return func(l leaf) bool { s, ok := l.value.(string); return ok && hasSuffixFold(s, text) }, nil
}

// textMatcher compares strings; values of other types never match.
func textMatcher(name, text, at string) (matcher, error) {
	var match func(string) bool
	switch name {
	case "prefix":
		match = func(s string) bool { return strings.HasPrefix(s, text) }
	case "suffix":
		match = func(s string) bool { return strings.HasSuffix(s, text) }
	case "equals-ignore-case":
		match = func(s string) bool { return strings.EqualFold(s, text) }
	default:
		wild, err := compileWildcard(text)
		if err != nil {
			return nil, &PatternError{at, err.Error()}
		}
		match = wild.match
	}
	return func(l leaf) bool { s, ok := l.value.(string); return ok && match(s) }, nil
}

// compileAnythingBut takes a string, a number, a list of either, or one of the text operators with a string or a list of
// strings. The field must be there; any value but the listed ones will do, whatever its type.
func compileAnythingBut(operand any, at string) (matcher, error) {
	if nested, ok := operand.(object); ok {
		return compileAnythingButText(nested, at)
	}
	values, ok := operand.([]any)
	if !ok {
		values = []any{operand}
	}
	var but []matcher
	var strs, numbers int
	for i, value := range values {
		at := at
		if ok {
			at = fmt.Sprintf("%s[%d]", at, i)
		}
		switch value := value.(type) {
		case string:
			strs++
			but = append(but, func(l leaf) bool { return l.value == value })
		case json.Number:
			numbers++
			if _, err := comparableNumber(value); err != nil {
				return nil, &PatternError{at, err.Error()}
			}
			but = append(but, isNumber(value))
		default:
			if !ok {
				return nil, &PatternError{at, "Value of anything-but must be an array or single string/number value."}
			}
			return nil, &PatternError{at, "Inside anything but list, start|null|boolean is not supported."}
		}
	}
	if (strs == 0) == (numbers == 0) {
		return nil, &PatternError{at, "Inside anything but list, either all values are number or string, mixed type is not supported"}
	}
	return noneOf(but), nil
}

func compileAnythingButText(nested object, at string) (matcher, error) {
	if len(nested) == 0 {
		return nil, &PatternError{at, "Anything-But expression name not found"}
	}
	if len(nested) > 1 {
		return nil, &PatternError{at, "Only one key allowed in match expression"}
	}
	name, operand := nested[0].name, nested[0].value
	reason := "prefix/suffix match pattern must be a string"
	switch name {
	case "prefix", "suffix":
	case "equals-ignore-case":
		reason = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
	case "wildcard":
		reason = "wildcard match pattern must be a string"
	default:
		return nil, &PatternError{at, "Unsupported anything-but pattern: " + name}
	}
	at += "." + name
	var values []any
	switch operand := operand.(type) {
	case []any:
		values = operand
	case string, json.Number:
		values = []any{operand}
	default:
		return nil, &PatternError{at, "Value of anything-but must be an array or single string/number value."}
	}
	if len(values) == 0 {
		return nil, &PatternError{at, "Empty arrays are not allowed"}
	}
	var but []matcher
	for _, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, &PatternError{at, reason}
		}
		if text == "" && (name == "prefix" || name == "suffix") {
			return nil, &PatternError{at, "Null prefix/suffix not allowed"}
		}
		m, err := textMatcher(name, text, at)
		if err != nil {
			return nil, err
		}
		but = append(but, m)
	}
	return noneOf(but), nil
}

func noneOf(but []matcher) matcher {
	return func(l leaf) bool {
		return !slices.ContainsFunc(but, func(m matcher) bool { return m(l) })
	}
}

// compileNumeric compiles one comparison, ["<", 10], or a range, [">", 0, "<=", 5].
func compileNumeric(terms []any, at string) (matcher, error) {
	fail := func(i int, reason string) (matcher, error) {
		return nil, &PatternError{fmt.Sprintf("%s[%d]", at, i), reason}
	}
	if len(terms) == 0 {
		return nil, &PatternError{at, "Invalid member in numeric match: ]"}
	}
	var compare [2]func(float64) bool
	var bounds [2]float64
	n := 0
	for i := 0; i < len(terms); i += 2 {
		operator, ok := terms[i].(string)
		switch {
		case n == len(compare):
			return fail(i, "Too many terms in numeric range expression")
		case !ok && n == 0:
			return fail(i, fmt.Sprintf("Invalid member in numeric match: %v", terms[i]))
		case !ok:
			return fail(i, fmt.Sprintf("Bad value in numeric range: %v", terms[i]))
		case n == 0 && !slices.Contains([]string{"=", "<", "<=", ">", ">="}, operator):
			return fail(i, "Unrecognized numeric range operator: "+operator)
		case n == 1 && terms[0] != ">" && terms[0] != ">=":
			return fail(i, "Too many elements in numeric expression")
		case n == 1 && operator != "<" && operator != "<=":
			return fail(i, "Bad numeric range operator: "+operator)
		}
		var number json.Number
		if i+1 < len(terms) {
			number, ok = terms[i+1].(json.Number)
		}
		if i+1 == len(terms) || !ok {
			name := operator
			if operator == "=" {
				name = "equals"
			}
			return fail(i, fmt.Sprintf("Value of %s must be numeric", name))
		}
		bound, err := comparableNumber(number)
		if err != nil {
			return fail(i+1, err.Error())
		}
		bounds[n] = bound
		switch operator {
		case "=":
			compare[n] = func(v float64) bool { return v == bound }
		case "<":
			compare[n] = func(v float64) bool { return v < bound }
		case "<=":
			compare[n] = func(v float64) bool { return v <= bound }
		case ">":
			compare[n] = func(v float64) bool { return v > bound }
		default:
			compare[n] = func(v float64) bool { return v >= bound }
		}
		n++
	}
	if n == 2 && bounds[0] >= bounds[1] {
		return nil, &PatternError{at, "Bottom must be less than top"}
	}
	return func(l leaf) bool {
		return l.comparable && compare[0](l.number) && (n == 1 || compare[1](l.number))
	}, nil
}

func compileCIDR(text, at string) (matcher, error) {
	address, bits, ok := strings.Cut(text, "/")
	if !ok || strings.Contains(bits, "/") {
		return nil, &PatternError{at, "Malformed CIDR, one '/' required"}
	}
	mask, err := strconv.Atoi(bits)
	if err != nil {
		return nil, &PatternError{at, "Malformed CIDR, mask bits must be an integer"}
	}
	if mask < 0 {
		return nil, &PatternError{at, "Malformed CIDR, mask bits must not be negative"}
	}
	base, err := netip.ParseAddr(address)
	if err != nil || base.Zone() != "" {
		return nil, &PatternError{at, "Nonstandard IP address: " + address}
	}
	if base.Is4() && mask > 31 {
		return nil, &PatternError{at, "IPv4 mask bits must be < 32"}
	}
	if mask > 127 {
		return nil, &PatternError{at, "IPv6 mask bits must be < 128"}
	}
	block := netip.PrefixFrom(base, mask)
	return func(l leaf) bool {
		s, ok := l.value.(string)
		if !ok {
			return false
		}
		address, err := netip.ParseAddr(s)
		return err == nil && block.Contains(address)
	}, nil
}

// isString is the exact match of a string. Two notations of one IP address are the same string to EventBridge.
func isString(want string) matcher {
	address, err := netip.ParseAddr(want)
	if err != nil {
		return func(l leaf) bool { return l.value == want }
	}
	return func(l leaf) bool {
		s, ok := l.value.(string)
		if !ok {
			return false
		}
		got, err := netip.ParseAddr(s)
		return s == want || err == nil && got == address
	}
}

// isNumber is the exact match of a number: 300, 300.0 and 3.0e2 are one number. One that is too large to be compared is
// matched by its digits.
func isNumber(want json.Number) matcher {
	number, err := comparableNumber(want)
	if err != nil {
		return func(l leaf) bool { return l.value == want }
	}
	return func(l leaf) bool { return l.comparable && l.number == number }
}

func comparableNumber(n json.Number) (float64, error) {
	v, err := n.Float64()
	if err != nil || v < -maxNumber || v > maxNumber {
		return 0, fmt.Errorf("Value must be between -5.0E9 and 5.0E9, inclusive") //nolint:staticcheck // EventBridge's words
	}
	return v, nil
}
