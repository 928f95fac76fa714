package route

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sms-api/statemachine"
)

// checkPattern finds what EventBridge would refuse only during the deployment, and what would make a loop.
func checkPattern(given json.RawMessage) error {
	var pattern map[string]any
	if err := json.Unmarshal(given, &pattern); err != nil || len(pattern) == 0 {
		return errors.New("pattern is not an event pattern: a JSON object with at least one field")
	}
	if utf8.RuneCount(given) > maxPattern {
		return fmt.Errorf("pattern: it is longer than %d characters", maxPattern)
	}
	if err := cmp.Or(checkLeaves(pattern), checkFields(pattern)); err != nil {
		return fmt.Errorf("pattern: %w", err)
	}
	if slices.ContainsFunc(alternatives(pattern), alternative.matchesOwn) {
		return fmt.Errorf("pattern: it could match the system's own events, and a message's outcome would then ask for the next message: "+
			`say which source it takes, such as "source": ["com.example.shop"], and not %q`, statemachine.EventSource)
	}
	return nil
}

// checkLeaves finds a leaf that is not a list, and an empty object.
func checkLeaves(pattern map[string]any) error {
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
			if err := checkLeaves(value); err != nil {
				return fmt.Errorf("%s.%w", key, err)
			}
		default:
			return errors.New(key + ": what is compared stands in a list, such as [\"OrderPaid\"]")
		}
	}
	return nil
}

// eventFields are what an event has at its top; replay-name only one that an archive replays.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
func eventFields() []string {
	return []string{"source", "detail-type", "detail", "account", "region", "resources", "time", "id", "version", "replay-name"}
}

// checkFields finds a condition on what no event has: EventBridge takes it, and its rule never matches.
func checkFields(pattern map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(pattern)) {
		choices, several := pattern[key].([]any)
		switch {
		case key == "$or" && several:
			for _, choice := range choices {
				of, _ := choice.(map[string]any)
				if err := checkFields(of); err != nil {
					return err
				}
			}
		case !slices.Contains(eventFields(), key):
			return fmt.Errorf("no event has %q at its top: there are %s", key, strings.Join(eventFields(), ", "))
		}
	}
	return nil
}

// alternative is one of the ways in which an event can match a pattern, as far as its source and detail-type are concerned:
// the conditions on them. There is more than one where a $or has one beside another: which of them counts depends on their
// order.
type alternative struct {
	sources, detailTypes [][]any
}

// alternatives are the ways in which an event can match a pattern: one, or as many as its $or have.
func alternatives(pattern map[string]any) []alternative {
	own := alternative{}
	for name, conditions := range map[string]*[][]any{"source": &own.sources, "detail-type": &own.detailTypes} {
		if given, ok := pattern[name].([]any); ok {
			*conditions = [][]any{given}
		}
	}
	all := []alternative{own}
	choices, ok := pattern["$or"].([]any)
	if !ok {
		return all
	}
	all = nil
	for _, choice := range choices {
		// What is no object EventBridge refuses; as an empty one it matches everything.
		fields, _ := choice.(map[string]any)
		for _, a := range alternatives(fields) {
			all = append(all, alternative{slices.Concat(own.sources, a.sources), slices.Concat(own.detailTypes, a.detailTypes)})
		}
	}
	return all
}

// matchesOwn says whether an event of this system could match. What is not understood could.
func (a alternative) matchesOwn() bool {
	return admit(a.sources, statemachine.EventSource) && slices.ContainsFunc(statemachine.DetailTypes(), func(own string) bool {
		return admit(a.detailTypes, own)
	})
}

// admit says whether one of the conditions could hold for a text, or there are none.
func admit(conditions [][]any, value string) bool {
	return len(conditions) == 0 || slices.ContainsFunc(conditions, func(list []any) bool {
		return slices.ContainsFunc(list, func(c any) bool { return admits(c, value) })
	})
}

// CouldTake says whether the route's pattern could let an event through. It is sure where it says no: what EventBridge does with
// numbers, and with objects in lists, is its own.
func (t *Template) CouldTake(event []byte) bool {
	var pattern, fields map[string]any
	return json.Unmarshal(t.pattern, &pattern) == nil && json.Unmarshal(event, &fields) == nil && couldMatch(pattern, fields)
}

func couldMatch(pattern, event map[string]any) bool {
	for name, want := range pattern {
		found, there := event[name]
		could := true
		switch want := want.(type) {
		case map[string]any:
			if _, several := found.([]any); !several {
				inside, _ := found.(map[string]any)
				could = couldMatch(want, inside)
			}
		case []any:
			could = slices.ContainsFunc(want, func(condition any) bool {
				fields, ok := condition.(map[string]any)
				switch {
				case ok && name == "$or":
					return couldMatch(fields, event)
				case there:
					return couldHold(condition, found)
				}
				return fields["exists"] == false
			})
		}
		if !could {
			return false
		}
	}
	return true
}

// couldHold says whether a condition of a pattern could hold for a value, or for one of those in a list.
func couldHold(condition, value any) bool {
	switch value := value.(type) {
	case []any:
		return len(value) == 0 || slices.ContainsFunc(value, func(one any) bool { return couldHold(condition, one) })
	case string:
		return admits(condition, value)
	}
	if fields, ok := condition.(map[string]any); ok {
		return fields["exists"] != false
	}
	return condition == value
}

// admits says whether a condition of a pattern could hold for a text.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
func admits(condition any, value string) bool {
	switch condition := condition.(type) {
	case map[string]any:
		for operator, operand := range condition {
			switch operator {
			case "exists":
				return operand != false
			case "numeric", "cidr":
				return false
			case "anything-but":
				return !excludes(operand, value)
			default:
				return compare(operator, operand, value, true)
			}
		}
		return true
	case string:
		return condition == value
	}
	// A number, true, false or null.
	return false
}

// excludes says whether what stands below anything-but surely excludes a text.
func excludes(operand any, value string) bool {
	switch operand := operand.(type) {
	case string:
		return operand == value
	case []any:
		return slices.ContainsFunc(operand, func(one any) bool { return excludes(one, value) })
	case map[string]any:
		for operator, texts := range operand {
			list, ok := texts.([]any)
			if !ok {
				list = []any{texts}
			}
			if slices.ContainsFunc(list, func(one any) bool { return compare(operator, one, value, false) }) {
				return true
			}
		}
	}
	return false
}

// compare says whether an operator on texts holds, or otherwise if it is not known.
func compare(operator string, operand any, value string, otherwise bool) bool {
	if fold, ok := operand.(map[string]any); ok && len(fold) == 1 {
		if text, ok := fold["equals-ignore-case"].(string); ok {
			operand, value = strings.ToLower(text), strings.ToLower(value)
		}
	}
	text, ok := operand.(string)
	if !ok {
		return otherwise
	}
	switch operator {
	case "prefix":
		return strings.HasPrefix(value, text)
	case "suffix":
		return strings.HasSuffix(value, text)
	case "equals-ignore-case":
		return strings.EqualFold(value, text)
	case "wildcard":
		return wildcard(text, value)
	}
	return otherwise
}

// wildcard says whether a text is as a wildcard has it: * stands for anything, \* and \\ for * and \.
func wildcard(pattern, value string) bool {
	var expression strings.Builder
	expression.WriteString(`(?s)^`)
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '*':
			expression.WriteString(`.*`)
			continue
		case pattern[i] == '\\' && i+1 < len(pattern):
			i++
		}
		expression.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
	}
	expression.WriteString(`$`)
	matched, err := regexp.MatchString(expression.String(), value)
	return err != nil || matched
}
