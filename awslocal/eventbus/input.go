package eventbus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"sms-api/awslocal/rawjson"
)

// Limits of an input transformer.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
const (
	maxInputPaths     = 100
	maxInputPath      = 256
	maxTemplateLength = 8192
)

// Input says what a target receives instead of the event. At most one of its fields is set; with none the target
// receives the event as it is.
type Input struct {
	// Constant is JSON that is delivered whatever the event holds.
	Constant string
	// Path is the JSON path of the part of the event that is delivered.
	Path string
	// Transformer builds a new document from parts of the event.
	Transformer *Transformer
}

// Transformer is an input transformer: variables taken from the event, and a template that uses them as <name>.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
type Transformer struct {
	// PathsMap maps a variable's name to a JSON path into the event.
	PathsMap map[string]string
	// Template is JSON in which <name> may stand for a value or inside a string.
	Template string
}

// The variables that exist without a path.
const (
	ruleARNVariable   = "aws.events.rule-arn"
	ruleNameVariable  = "aws.events.rule-name"
	ingestionVariable = "aws.events.event.ingestion-time"
	// eventVariable is the event without its detail, eventJSONVariable the whole event.
	eventVariable     = "aws.events.event"
	eventJSONVariable = "aws.events.event.json"
)

// occasion is what an input is made of.
type occasion struct {
	event    []byte
	ruleARN  string
	ruleName string
	ingested time.Time
}

// builder makes what a target receives.
type builder func(occasion) (json.RawMessage, error)

// compile checks an input; target is the ID of the target that has it.
func (in Input) compile(target string) (builder, error) {
	refuse := func(format string, args ...any) (builder, error) {
		return nil, &Error{"ValidationException", fmt.Sprintf(format, args...)}
	}
	set := 0
	for _, given := range []bool{in.Constant != "", in.Path != "", in.Transformer != nil} {
		if given {
			set++
		}
	}
	switch {
	case set > 1:
		return refuse("Only one of Input, InputPath, or InputTransformer must be provided for target %s.", target)
	case in.Constant != "":
		if !json.Valid([]byte(in.Constant)) {
			return refuse("JSON syntax error in input for target %s.", target)
		}
		return func(occasion) (json.RawMessage, error) { return json.RawMessage(in.Constant), nil }, nil
	case in.Path != "":
		path, err := parsePath(in.Path)
		if err != nil {
			return refuse("InputPath for target %s is invalid: %v.", target, err)
		}
		return func(o occasion) (json.RawMessage, error) {
			root, err := decode(o.event)
			if err != nil {
				return nil, fmt.Errorf("input path: %w", err)
			}
			value, ok := path.find(root)
			if !ok {
				return json.RawMessage("null"), nil
			}
			return rawjson.Marshal(value)
		}, nil
	case in.Transformer != nil:
		build, err := in.Transformer.compile()
		if err != nil {
			return refuse("InputTransformer for target %s is invalid: %v.", target, err)
		}
		return build, nil
	}
	return func(o occasion) (json.RawMessage, error) { return o.event, nil }, nil
}

// part is a piece of a template: a text, or the variable that stands behind the text.
type part struct {
	text     string
	variable string
	// quoted is whether the variable stands inside a string.
	quoted bool
}

func (t *Transformer) compile() (builder, error) {
	if len(t.PathsMap) > maxInputPaths {
		return nil, fmt.Errorf("input paths map: %d variables, at most %d are allowed", len(t.PathsMap), maxInputPaths)
	}
	paths := make(map[string]path, len(t.PathsMap))
	for _, name := range slices.Sorted(maps.Keys(t.PathsMap)) {
		switch {
		case strings.HasPrefix(strings.ToLower(name), "aws."):
			return nil, fmt.Errorf("input paths map: variable %q: names that start with aws. are reserved", name)
		case !isVariable(name):
			return nil, fmt.Errorf("input paths map: variable %q: letters, digits, dashes and underscores are allowed", name)
		case len(t.PathsMap[name]) > maxInputPath:
			return nil, fmt.Errorf("input paths map: variable %q: path longer than %d characters", name, maxInputPath)
		}
		p, err := parsePath(t.PathsMap[name])
		if err != nil {
			return nil, fmt.Errorf("input paths map: variable %q: %w", name, err)
		}
		paths[name] = p
	}
	if t.Template == "" || len(t.Template) > maxTemplateLength {
		return nil, fmt.Errorf("input template: must have 1 to %d characters", maxTemplateLength)
	}
	parts, err := parseTemplate(t.Template, paths)
	if err != nil {
		return nil, fmt.Errorf("input template: %w", err)
	}
	text := strings.HasPrefix(strings.TrimLeft(t.Template, " \t\r\n"), `"`)
	return func(o occasion) (json.RawMessage, error) { return render(parts, paths, text, o) }, nil
}

func isVariable(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return name != ""
}

// parseTemplate splits a template into its parts. A < that begins no variable's name is text.
func parseTemplate(template string, paths map[string]path) ([]part, error) {
	var parts []part
	var probe, text strings.Builder
	quoted := false
	for i := 0; i < len(template); i++ {
		c := template[i]
		if name, _, ok := strings.Cut(template[i+1:], ">"); c == '<' && ok && isVariable(name) {
			known := slices.Contains([]string{ruleARNVariable, ruleNameVariable, ingestionVariable, eventVariable, eventJSONVariable}, name)
			if _, defined := paths[name]; !known && !defined {
				return nil, fmt.Errorf("invalid placeholder %s: it is not in the input paths map", name)
			}
			if quoted && (name == eventVariable || name == eventJSONVariable) {
				return nil, fmt.Errorf("invalid placeholder %s: it can only be a field's value, not stand inside a string", name)
			}
			parts = append(parts, part{text: text.String(), variable: name, quoted: quoted})
			text.Reset()
			if !quoted {
				probe.WriteString("null")
			}
			i += len(name) + 1
			continue
		}
		text.WriteByte(c)
		probe.WriteByte(c)
		switch {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted && i+1 < len(template):
			i++
			text.WriteByte(template[i])
			probe.WriteByte(template[i])
		}
	}
	if !json.Valid([]byte(probe.String())) {
		return nil, fmt.Errorf("not valid JSON")
	}
	return append(parts, part{text: text.String()}), nil
}

// render fills a template in, which is one string (text) or more. As in EventBridge, a string that stands for a value gets its
// quotes, but nothing that is put into a string is escaped; what is then no JSON any more fails. So does an object or a list
// inside a string of a larger template, while in a template that is one string it loses its quotes.
func render(parts []part, paths map[string]path, text bool, o occasion) (json.RawMessage, error) {
	root, err := decode(o.event)
	if err != nil {
		return nil, fmt.Errorf("input transformer: %w", err)
	}
	var out bytes.Buffer
	for _, p := range parts {
		out.WriteString(p.text)
		if p.variable == "" {
			continue
		}
		var value any
		ok := true
		switch p.variable {
		case ruleARNVariable:
			value = o.ruleARN
		case ruleNameVariable:
			value = o.ruleName
		case ingestionVariable:
			value = o.ingested.UTC().Format(time.RFC3339)
		case eventJSONVariable:
			value = root
		case eventVariable:
			if fields, isObject := root.(map[string]any); isObject {
				// EventBridge spells detail-type in another way here.
				fields = maps.Clone(fields)
				fields["detailType"] = fields["detail-type"]
				delete(fields, "detail-type")
				delete(fields, "detail")
				value = fields
			}
		default:
			value, ok = paths[p.variable].find(root)
		}
		if p.quoted && !text && isComposite(value) {
			return nil, fmt.Errorf("input transformer: variable %q: an object or a list cannot stand inside a string", p.variable)
		}
		if err := writeValue(&out, value, ok, p.quoted); err != nil {
			return nil, fmt.Errorf("input transformer: variable %q: %w", p.variable, err)
		}
	}
	if !json.Valid(out.Bytes()) {
		return nil, fmt.Errorf("input transformer: the filled in template is not valid JSON")
	}
	return out.Bytes(), nil
}

func isComposite(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// writeValue writes a variable. One whose path leads nowhere is empty.
func writeValue(out *bytes.Buffer, value any, found, quoted bool) error {
	if !found {
		if !quoted {
			out.WriteString(`""`)
		}
		return nil
	}
	text, isString := value.(string)
	if quoted && isString {
		out.WriteString(text)
		return nil
	}
	encoded, err := rawjson.Marshal(value)
	if err != nil {
		return err
	}
	if quoted {
		// EventBridge takes the quotes out of an object in a template that is one string.
		encoded = bytes.ReplaceAll(encoded, []byte(`"`), nil)
	}
	out.Write(encoded)
	return nil
}

// path is a JSON path of the kind EventBridge understands: names, array indices and wildcards.
type path []step

type step struct {
	name  string
	index int
	kind  stepKind
}

type stepKind int

const (
	byName stepKind = iota
	byIndex
	byWildcard
)

func parsePath(text string) (path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, fmt.Errorf("JSON path %q does not start with $", text)
	}
	p := path{}
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, "."):
			end := strings.IndexAny(rest[1:], ".[")
			if end < 0 {
				end = len(rest) - 1
			}
			name := rest[1 : 1+end]
			rest = rest[1+end:]
			switch name {
			case "":
				return nil, fmt.Errorf("JSON path %q has an empty name", text)
			case "*":
				p = append(p, step{kind: byWildcard})
			default:
				p = append(p, step{name: name})
			}
		case strings.HasPrefix(rest, "["):
			inner, after, ok := strings.Cut(rest[1:], "]")
			if !ok {
				return nil, fmt.Errorf("JSON path %q has an open bracket", text)
			}
			rest = after
			if inner == "*" {
				p = append(p, step{kind: byWildcard})
				continue
			}
			if name, ok := unquote(inner); ok {
				p = append(p, step{name: name})
				continue
			}
			index, err := strconv.Atoi(inner)
			if err != nil || index < 0 {
				return nil, fmt.Errorf("JSON path %q has an invalid index %q", text, inner)
			}
			p = append(p, step{index: index, kind: byIndex})
		default:
			return nil, fmt.Errorf("JSON path %q is not understood from %q on", text, rest)
		}
	}
	return p, nil
}

func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != s[len(s)-1] || s[0] != '\'' && s[0] != '"' {
		return "", false
	}
	return s[1 : len(s)-1], true
}

// find follows the path. With a wildcard it finds an array of all that fits.
func (p path) find(value any) (any, bool) {
	for i, s := range p {
		switch s.kind {
		case byName:
			fields, ok := value.(map[string]any)
			if !ok {
				return nil, false
			}
			if value, ok = fields[s.name]; !ok {
				return nil, false
			}
		case byIndex:
			values, ok := value.([]any)
			if !ok || s.index >= len(values) {
				return nil, false
			}
			value = values[s.index]
		case byWildcard:
			found := []any{}
			for _, child := range children(value) {
				if v, ok := p[i+1:].find(child); ok {
					found = append(found, v)
				}
			}
			return found, true
		}
	}
	return value, true
}

func children(value any) []any {
	switch value := value.(type) {
	case []any:
		return value
	case map[string]any:
		values := make([]any, 0, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) {
			values = append(values, value[name])
		}
		return values
	}
	return nil
}
