// Package route maps other services' events to messages. An EventBridge rule hands such an event to the events function as
// it is, with the route's name beside it; the function fills the route's template in. The template and the event are both
// parsed JSON by then, so that a value of an event can become a text of the message and never a part of its structure: an
// input transformer, which could fill the template in as well, escapes nothing.
package route

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"sms-api/internal/message"
)

// Route maps another service's event to a message: a rule on the bus, and what the message is made of.
type Route struct {
	Name string `json:"name"`
	// Pattern is an EventBridge event pattern.
	Pattern json.RawMessage `json:"pattern,omitempty"`
	// InputPaths names parts of the event: {"phone": "$.detail.customer.phone"}. A template may hold the paths themselves instead.
	InputPaths map[string]string `json:"inputPaths,omitempty"`
	// InputTemplate is the message request, the detail of a MessageRequested event, as an object, or as a text that is one.
	// <phone>, or <$.detail.customer.phone>, stands where that part of the event goes; see Template.
	InputTemplate json.RawMessage `json:"inputTemplate"`
}

// Limits of a route, and of the routes of a stack. All that they let through fits into the deployment package of the events
// function, which holds them as a file: at most 1.5 MB of the 250 MB that it may have.
const (
	// MaxRoutes is how many there may be. Each is a rule with a statement in the policy of the events function, which may have
	// 20,480 bytes, and its ARN in that of the dead-letter queue, which may have 8,192.
	//
	// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html
	MaxRoutes = 40
	// The others are those of an EventBridge input transformer, in characters, which the template once was:
	// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
	maxInputPaths    = 100
	maxInputPath     = 256
	maxInputTemplate = 8192
	maxName          = 30
	// maxPattern is a rule's, in characters: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
	maxPattern = 4096
)

// Check returns everything that is wrong with the route in a stack that says this about advertising. A template of which no
// event could make a valid message is wrong, too.
func (r Route) Check(ads message.Ads) []error {
	var errs []error
	if !validName(r.Name) {
		errs = append(errs, fmt.Errorf("name %q is not up to %d lower-case letters, digits and hyphens", r.Name, maxName))
	}
	if err := checkPattern(r.Pattern); err != nil {
		errs = append(errs, err)
	}
	template, wrong := r.compile()
	errs = append(errs, wrong...)
	if len(wrong) == 0 {
		for _, w := range template.impossible(ads) {
			errs = append(errs, fmt.Errorf("inputTemplate: %s %s; no event makes it right", cmp.Or(w.Pointer, "the message"), w.Detail))
		}
	}
	return errs
}

func validName(name string) bool {
	return name != "" && len(name) <= maxName && name[0] >= 'a' && name[0] <= 'z' &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// CheckAll returns everything that is wrong with the routes of a stack, each with the index of its route; -1 is all of them.
func CheckAll(routes []Route, ads message.Ads) (errs []error, index []int) {
	fail := func(i int, err error) { errs, index = append(errs, err), append(index, i) }
	if len(routes) > MaxRoutes {
		fail(-1, fmt.Errorf("there are %d; a stack has at most %d", len(routes), MaxRoutes))
	}
	for i, r := range routes {
		for _, err := range r.Check(ads) {
			fail(i, err)
		}
		if slices.ContainsFunc(routes[:i], func(other Route) bool { return other.Name == r.Name }) {
			fail(i, fmt.Errorf("the name %q is there twice", r.Name))
		}
	}
	return errs, index
}

// InputTemplate is the input template of a route's rule: {"route": NAME, "event": the event}.
//
// A value of the event cannot leave its place here. EventBridge puts in <aws.events.event.json> as the JSON document that
// the whole event is, with what stands in its strings escaped as JSON has it, and takes it as a member's value only. It is
// values that a path has taken out of the event, and that go into a string, which are not escaped.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html#eb-transform-input-predefined
func InputTemplate(name string) string {
	return `{"route":"` + name + `","event":<aws.events.event.json>}`
}

// RuleName is the name of a route's rule, without that of its stack.
func RuleName(name string) string { return "route-" + name }

// OfRule is which of the routes a rule belongs to, by the rule's ARN; empty if it belongs to none.
func OfRule(arn string, names iter.Seq[string]) (found string) {
	rule := "-" + arn[strings.LastIndexByte(arn, '/')+1:]
	for name := range names {
		// The longest, since -route- may stand in the name of a route itself.
		if len(name) > len(found) && strings.HasSuffix(rule, "-"+RuleName(name)) {
			found = name
		}
	}
	return found
}

// File is the content of the file that the events function reads its routes from.
func File(routes []Route) ([]byte, error) {
	content, err := json.Marshal(routes)
	if err != nil {
		return nil, fmt.Errorf("write the routes: %w", err)
	}
	return content, nil
}

// ReadFile reads what File has written: the templates by the names of their routes.
func ReadFile(content []byte) (map[string]*Template, error) {
	var routes []Route
	if err := json.Unmarshal(content, &routes); err != nil {
		return nil, fmt.Errorf("read the routes: %w", err)
	}
	templates := make(map[string]*Template, len(routes))
	for _, r := range routes {
		t, err := r.Template()
		if err != nil {
			return nil, fmt.Errorf("read the routes: route %s: %w", r.Name, err)
		}
		templates[r.Name] = t
	}
	return templates, nil
}

// checkInputPaths reads the named paths.
func (c *compiler) inputPaths(given map[string]string) {
	if len(given) > maxInputPaths {
		c.fail("inputPaths: there are more than %d", maxInputPaths)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		// The names that EventBridge itself has are kept free: they mean something else in an input transformer.
		if !isVariable(name) || strings.HasPrefix(strings.ToUpper(name), "AWS") {
			c.fail("inputPaths: %q is not a name of letters, digits, _ and - that does not begin with AWS", name)
		}
		p, err := parsePath(given[name])
		if err != nil {
			c.fail("inputPaths: %s: %v", name, err)
		}
		c.paths[name] = p
	}
}

// templateText is the template as JSON. In the text that a route may have instead of an object a placeholder may stand for
// a value without quotes, as in an input transformer; it gets them.
func templateText(given json.RawMessage) string {
	var text string
	if json.Unmarshal(given, &text) != nil {
		return string(given)
	}
	var out strings.Builder
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted && i+1 < len(text):
			out.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			if inner, _, ok := strings.Cut(text[i+1:], ">"); ok && !strings.Contains(inner, `"`) {
				out.WriteString(`"<` + inner + `>"`)
				i += len(inner) + 1
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// templateLength is how long a template is, in characters.
func templateLength(text string) int { return utf8.RuneCountInString(text) }
