// Package route maps other services' events to messages: an EventBridge rule whose input transformer makes a
// MessageRequested event of an event that knows nothing of messages. The deployed stack and the local system make the same
// rule of it.
package route

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"sms-api/statemachine"
)

// Route maps another service's event to a message: a rule on the bus with an input transformer.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
type Route struct {
	Name string `json:"name"`
	// Pattern is an EventBridge event pattern.
	Pattern json.RawMessage `json:"pattern"`
	// InputPaths names parts of the event: {"phone": "$.detail.customer.phone"}.
	InputPaths map[string]string `json:"inputPaths"`
	// InputTemplate is the message request, the detail of a MessageRequested event, with <phone> where that part goes.
	InputTemplate string `json:"inputTemplate"`
}

// Limits of PutTargets: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
const (
	maxInputPaths    = 100
	maxInputTemplate = 8192
)

var (
	routeName   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,29}$`)
	pathName    = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	placeholder = regexp.MustCompile(`<([A-Za-z0-9_.-]+)>`)
)

// envelope names what the transformed event keeps of the original one: the events function takes the id as idempotency
// key and the source as caller, as for an event that nobody transformed.
func envelope() map[string]string {
	return map[string]string{
		"eventId": "$.id", "eventSource": "$.source", "eventAccount": "$.account", "eventTime": "$.time", "eventRegion": "$.region",
	}
}

// Paths are the input paths of the rule's transformer: the route's own, and those of the event around the message.
func (r Route) Paths() map[string]string {
	paths := envelope()
	maps.Copy(paths, r.InputPaths)
	return paths
}

// Template is the input template of the rule's transformer: the route's own, as the detail of a MessageRequested event.
func (r Route) Template() string {
	return `{"version":"0","id":"<eventId>","detail-type":"` + statemachine.DetailTypeRequested + `","source":"<eventSource>",` +
		`"account":"<eventAccount>","time":"<eventTime>","region":"<eventRegion>","resources":[],"detail":` + r.InputTemplate + `}`
}

// Check returns everything that is wrong with the route.
func (r Route) Check() []error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !routeName.MatchString(r.Name) {
		fail("name %q is not up to 30 lower-case letters, digits and hyphens", r.Name)
	}
	var pattern map[string]any
	if err := json.Unmarshal(r.Pattern, &pattern); err != nil || len(pattern) == 0 {
		fail("pattern is not an event pattern: a JSON object with at least one field")
	} else if err := checkPattern(pattern); err != nil {
		fail("pattern: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.InputPaths)) {
		switch path := r.InputPaths[name]; {
		case !pathName.MatchString(name) || strings.HasPrefix(strings.ToUpper(name), "AWS"):
			fail("inputPaths: %q is not a name of letters, digits, _ and - that does not begin with AWS", name)
		case envelope()[name] != "":
			fail("inputPaths: %q is taken by the event around the message", name)
		case path != "$" && !strings.HasPrefix(path, "$."):
			fail("inputPaths: %s is %q, not a path such as $.detail.phone", name, path)
		}
	}
	if len(r.Paths()) > maxInputPaths {
		fail("inputPaths: there are more than %d", maxInputPaths-len(envelope()))
	}
	if len(r.Template()) > maxInputTemplate {
		fail("inputTemplate: it is longer than %d characters", maxInputTemplate-len(Route{}.Template()))
	}
	for _, match := range placeholder.FindAllStringSubmatch(r.InputTemplate, -1) {
		if _, ok := r.Paths()[match[1]]; !ok && !strings.HasPrefix(match[1], "aws.events.") {
			fail("inputTemplate: <%s> is not among the inputPaths", match[1])
		}
	}
	// A number fits both where a value stands alone and inside of a text.
	var request map[string]any
	if err := json.Unmarshal([]byte(placeholder.ReplaceAllString(r.InputTemplate, "0")), &request); err != nil {
		fail("inputTemplate is not a JSON object with <names> in it: %v", err)
	}
	return errs
}

// checkPattern finds what EventBridge would refuse only during the deployment: a leaf that is not a list, an empty object.
func checkPattern(pattern map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		switch value := pattern[key].(type) {
		case []any:
			if len(value) == 0 {
				return fmt.Errorf("%s: the list is empty", key)
			}
		case map[string]any:
			if len(value) == 0 {
				return fmt.Errorf("%s: the object is empty", key)
			}
			if err := checkPattern(value); err != nil {
				return fmt.Errorf("%s.%w", key, err)
			}
		default:
			return errors.New(key + ": what is compared stands in a list, such as [\"OrderPaid\"]")
		}
	}
	return nil
}
