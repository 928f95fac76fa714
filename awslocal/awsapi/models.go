package awsapi

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	jsonv2 "github.com/go-json-experiment/json"
)

// modelFiles are AWS's models of what the served operations take, one file a service. Each names its source.
//
//go:embed models/*.json
var modelFiles embed.FS

// models are the shapes of the requests by service, as in X-Amz-Target, and operation.
type models map[string]map[string]*shape

// shape is what AWS's model says of a value: which members it has and must have, and what bounds them.
type shape struct {
	Type     string
	Required []string
	Members  map[string]*shape
	// Element is a list's, Key and Value are a map's.
	Element, Key, Value *shape
	// Min and Max are characters of a text, elements of a list or a map, or the bounds of a number.
	Min, Max  *float64
	Pattern   string
	Enum      []string
	Sensitive bool

	pattern func() *regexp.Regexp
}

// loadModels reads the models.
func loadModels() (models, error) {
	files, err := modelFiles.ReadDir("models")
	if err != nil {
		return nil, fmt.Errorf("models of AWS: %w", err)
	}
	m := models{}
	for _, file := range files {
		text, err := modelFiles.ReadFile("models/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("models of AWS: %w", err)
		}
		var model struct{ Operations map[string]*shape }
		if err := json.Unmarshal(text, &model); err != nil {
			return nil, fmt.Errorf("model %s: %w", file.Name(), err)
		}
		for _, s := range model.Operations {
			s.prepare()
		}
		m[strings.TrimSuffix(file.Name(), ".json")] = model.Operations
	}
	return m, nil
}

// prepare has the patterns of a shape compiled when they are first used: there are dozens, of which a run needs a few.
func (s *shape) prepare() {
	if s == nil {
		return
	}
	if s.Pattern != "" {
		s.pattern = sync.OnceValue(func() *regexp.Regexp {
			// The patterns are Java's, which match the whole text.
			return regexp.MustCompile(`\A(?:` + strings.ReplaceAll(s.Pattern, `\p{ASCII}`, `[\x00-\x7F]`) + `)\z`)
		})
	}
	for _, member := range s.Members {
		member.prepare()
	}
	for _, part := range []*shape{s.Element, s.Key, s.Value} {
		part.prepare()
	}
}

// check refuses a request that breaks AWS's model, in AWS's words, and members that are not in it, which AWS passes over.
// A body that is no object, and values of another type, are for the operation to refuse.
func (m models) check(service, operation string, body []byte) error {
	s, ok := m[service][operation]
	if !ok {
		return fmt.Errorf("there is no model of %s.%s", service, operation)
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	var value any
	// The former is the faster one, but takes no member that is there twice, as AWS does.
	if jsonv2.Unmarshal(body, &value) != nil {
		if err := json.Unmarshal(body, &value); err != nil {
			return nil //nolint:nilerr // the operation says it better
		}
	}
	return s.checkValue(value)
}

func (s *shape) checkValue(value any) error {
	var found violations
	if unknown := s.look(value, "", &found); unknown != "" {
		return notTaken(unknown)
	}
	return found.err()
}

func notTaken(member string) error {
	return &ServiceError{Code: "ValidationException", Message: fmt.Sprintf("The local endpoint does not take %s.", member)}
}

// violations are what is wrong with a request.
type violations []string

func (v *violations) add(value, at, constraint string) {
	*v = append(*v, fmt.Sprintf("Value %sat '%s' failed to satisfy constraint: %s", value, at, constraint))
}

func (v violations) err() error {
	switch len(v) {
	case 0:
		return nil
	case 1:
		return &ServiceError{Code: "ValidationException", Message: "1 validation error detected: " + v[0]}
	}
	return &ServiceError{Code: "ValidationException", Message: fmt.Sprintf("%d validation errors detected: %s", len(v), strings.Join(v, "; "))}
}

// look adds what breaks the model, and returns the first member that is not in it. at is where the value is, as AWS
// writes it: targets.1.member.id.
func (s *shape) look(value any, at string, found *violations) (unknown string) {
	for _, constraint := range s.broken(value) {
		found.add(s.shown(value), at, "Member must "+constraint)
	}
	switch value := value.(type) {
	case map[string]any:
		if s.Type == "map" {
			return s.lookAtMap(value, at, found)
		}
		return s.lookAtMembers(value, at, found)
	case []any:
		if s.Element == nil {
			return ""
		}
		for i, element := range value {
			if unknown := s.Element.look(element, fmt.Sprintf("%s.%d.member", at, i+1), found); unknown != "" {
				return unknown
			}
		}
	}
	return ""
}

func (s *shape) lookAtMembers(value map[string]any, at string, found *violations) (unknown string) {
	if s.Members == nil {
		return ""
	}
	for _, name := range s.Required {
		if value[name] == nil {
			found.add("null ", join(at, name), "Member must not be null")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(value)) {
		member, ok := s.Members[name]
		if !ok {
			return name
		}
		if value[name] == nil {
			continue
		}
		if unknown := member.look(value[name], join(at, name), found); unknown != "" {
			return unknown
		}
	}
	return ""
}

func (s *shape) lookAtMap(value map[string]any, at string, found *violations) (unknown string) {
	for _, key := range slices.Sorted(maps.Keys(value)) {
		if broken := s.Key.broken(key); len(broken) > 0 {
			found.add(s.Key.shown(key), at, "Map keys must satisfy constraint: [Member must "+strings.Join(broken, ", Member must ")+"]")
		}
		if unknown := s.Value.look(value[key], at+"."+key+".member", found); unknown != "" {
			return unknown
		}
	}
	return ""
}

// join is the way to a member, which AWS begins with a small letter.
func join(at, name string) string {
	first, size := utf8.DecodeRuneInString(name)
	name = string(unicode.ToLower(first)) + name[size:]
	if at == "" {
		return name
	}
	return at + "." + name
}

// broken are the constraints that a value breaks by itself.
func (s *shape) broken(value any) (constraints []string) {
	size, what := 0.0, "length"
	switch value := value.(type) {
	case string:
		if s.Type != "string" {
			return nil
		}
		size = float64(utf8.RuneCountInString(value))
		if s.pattern != nil && !s.pattern().MatchString(value) {
			constraints = append(constraints, "satisfy regular expression pattern: "+s.Pattern)
		}
		if s.Enum != nil && !slices.Contains(s.Enum, value) {
			constraints = append(constraints, fmt.Sprintf("satisfy enum value set: [%s]", strings.Join(s.Enum, ", ")))
		}
	case []any:
		size = float64(len(value))
	case map[string]any:
		size = float64(len(value))
	case float64:
		if s.Type != "integer" && s.Type != "long" {
			return nil
		}
		size, what = value, "value"
	default:
		return nil
	}
	if s.Min != nil && size < *s.Min {
		constraints = append(constraints, fmt.Sprintf("have %s greater than or equal to %.0f", what, *s.Min))
	}
	if s.Max != nil && size > *s.Max {
		constraints = append(constraints, fmt.Sprintf("have %s less than or equal to %.0f", what, *s.Max))
	}
	return constraints
}

// maxShown is how many characters of a value an error repeats; AWS repeats them all.
const maxShown = 256

// shown is a value in an error, with a blank after it, or nothing when it is not for everybody.
func (s *shape) shown(value any) string {
	text := fmt.Sprint(value)
	if number, ok := value.(float64); ok {
		text = strconv.FormatFloat(number, 'f', -1, 64)
	}
	if s.Sensitive || utf8.RuneCountInString(text) > maxShown {
		return ""
	}
	return "'" + text + "' "
}
