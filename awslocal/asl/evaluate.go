package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/recolabs/gnata"
)

// frame is what the expressions of a state see while it runs.
type frame struct {
	line      *line
	state     *state
	before    int64 // event before the state was entered
	enteredID int64
	entered   time.Time
	retries   int64
	input     *value
	result    *value
	failed    *value     // $states.errorOutput
	item      *iteration // of the surrounding Map, or the one being selected
}

// iteration is $states.context.Map.Item.
type iteration struct {
	index int
	value *value
}

// evaluation is a frame looked at by one evaluator: $now stands still while it lasts.
type evaluation struct {
	*evaluator
	frame *frame
}

// evaluate lends an evaluator to f.
func (fr *frame) evaluate(f func(ev *evaluation) *failure) *failure {
	r := fr.line.run
	ev, ok := r.machine.evaluators.Get().(*evaluator)
	if !ok {
		var err error
		if ev, err = newEvaluator(); err != nil {
			return fr.failure(errRuntime, err.Error())
		}
	}
	ev.now, ev.random = r.env.Clock.Now(), r.random
	fail := f(&evaluation{evaluator: ev, frame: fr})
	clear(ev.states)
	ev.random = nil
	r.machine.evaluators.Put(ev)
	return fail
}

// failure is an error that the interpreter itself raises in the state.
func (fr *frame) failure(name, cause string) *failure {
	return &failure{name: name, cause: fmt.Sprintf("An error occurred while executing the state '%s' (entered at the event id #%d). %s",
		fr.state.name, fr.enteredID, cause)}
}

// queryFailure is an expression that cannot be evaluated, or whose value does not fit.
func (fr *frame) queryFailure(location, format string, args ...any) *failure {
	return fr.evaluationFailure(fr.predecessor(), errQueryEvaluation, location, fmt.Sprintf(format, args...))
}

// predecessor is the event that an EvaluationFailed follows: as Step Functions counts here, that is the one before the
// state was entered, as long as nothing else has happened in the state.
func (fr *frame) predecessor() int64 {
	if fr.line.previous == fr.enteredID {
		return fr.before
	}
	return fr.line.previous
}

// evaluationFailure is an error in a field, which the history mentions with its place.
func (fr *frame) evaluationFailure(previous int64, name, location, cause string) *failure {
	fail := fr.failure(name, cause)
	fr.line.previous = fr.line.run.record(previous, Event{Type: "EvaluationFailed", Evaluation: &EvaluationFailedDetails{
		Cause: fail.cause, Error: fail.name, Location: location, State: fr.state.name,
	}})
	return fail
}

// text evaluates a template to JSON.
func (ev *evaluation) text(t *template) (*value, *failure) {
	out, fail := ev.appendTemplate(ev.scratch[:0], t)
	ev.scratch = out
	if fail != nil {
		return nil, fail
	}
	return newValue(string(out)), nil
}

func (ev *evaluation) appendTemplate(out []byte, t *template) ([]byte, *failure) {
	switch {
	case t.literal != nil:
		return append(out, t.literal...), nil
	case t.expr != nil:
		return ev.appendExpression(out, t.expr)
	}
	begin, end := byte('{'), byte('}')
	if t.array {
		begin, end = '[', ']'
	}
	out = append(out, begin)
	for i, part := range t.parts {
		if i > 0 {
			out = append(out, ',')
		}
		if !t.array {
			out = append(out, t.keys[i]...)
		}
		var fail *failure
		if out, fail = ev.appendTemplate(out, part); fail != nil {
			return out, fail
		}
	}
	return append(out, end), nil
}

func (ev *evaluation) appendExpression(out []byte, e *expression) ([]byte, *failure) {
	if v := ev.whole(e); v != nil {
		if len(e.path) == 0 {
			return append(out, v.text...), nil
		}
		if out, ok := v.appendMember(out, e.path); ok {
			return out, nil
		}
	}
	result, fail := ev.value(e)
	if fail != nil {
		return out, fail
	}
	mark := len(out)
	out, err := appendValue(out, result)
	if err != nil {
		return out[:mark], ev.frame.queryFailure(e.location,
			"The JSONata expression '%s' specified for the field '%s' returned an unsupported result type.", e.source, e.location)
	}
	return out, nil
}

// whole is the value that a shortcut stands for, nil if it is undefined.
func (ev *evaluation) whole(e *expression) *value {
	switch e.shortcut {
	case noShortcut:
	case wholeInput:
		return ev.frame.input
	case wholeResult:
		return ev.frame.result
	case wholeErrorOutput:
		return ev.frame.failed
	case wholeExecutionInput:
		return ev.frame.line.executionInput
	case wholeVariable:
		return ev.frame.line.variables[e.variables[0]]
	}
	return nil
}

// value evaluates an expression; undefined is an error.
func (ev *evaluation) value(e *expression) (any, *failure) {
	fr := ev.frame
	if err := ev.bindAll(e); err != nil {
		return nil, fr.queryFailure(e.location, "%v", err)
	}
	result, err := ev.eval(fr.line.ctx, e.compiled)
	switch {
	case err != nil && fr.line.ctx.Err() != nil && errors.Is(err, fr.line.ctx.Err()):
		return nil, &failure{stopped: true}
	case err != nil:
		return nil, fr.queryFailure(e.location,
			"The JSONata expression '%s' specified for the field '%s' threw an error during evaluation. %v", e.source, e.location, err)
	case result == nil:
		return nil, fr.queryFailure(e.location,
			"The JSONata expression '%s' specified for the field '%s' returned nothing (undefined).", e.source, e.location)
	}
	return result, nil
}

// bindAll sets $states and the variables that the expression uses. A name that has no value is bound to undefined,
// since another execution may have left one.
func (ev *evaluation) bindAll(e *expression) error {
	fr := ev.frame
	for _, part := range []struct {
		use   uses
		name  string
		value *value
	}{
		{useInput, "input", fr.input},
		{useResult, "result", fr.result},
		{useErrorOutput, "errorOutput", fr.failed},
	} {
		if e.uses&part.use == 0 || part.value == nil {
			continue
		}
		tree, err := part.value.part(e.members[part.use])
		if err != nil {
			return err
		}
		ev.states[part.name] = tree
	}
	if e.uses&useContext != 0 {
		context, err := fr.context(e)
		if err != nil {
			return err
		}
		ev.states["context"] = context
	}
	if e.uses != 0 {
		ev.bind("states", ev.states)
	}
	for _, name := range e.variables {
		v := fr.line.variables[name]
		if v == nil {
			if fr.line.run.machine.variables[name] {
				ev.bind(name, nil)
			}
			continue
		}
		tree, err := v.decode()
		if err != nil {
			return err
		}
		ev.bind(name, tree)
	}
	return nil
}

// timeLayout is how Step Functions writes times into the context object.
const timeLayout = "2006-01-02T15:04:05.000Z"

// context is $states.context.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
func (fr *frame) context(e *expression) (map[string]any, error) {
	r := fr.line.run
	execution := map[string]any{
		"Id":           r.execution.ARN,
		"Name":         r.execution.Name,
		"RoleArn":      r.execution.RoleARN,
		"StartTime":    r.execution.StartTime.UTC().Format(timeLayout),
		"RedriveCount": float64(r.execution.RedriveCount),
	}
	if !r.redriven.IsZero() {
		execution["RedriveTime"] = r.redriven.UTC().Format(timeLayout)
	}
	if e.uses&useExecutionInput != 0 {
		tree, err := fr.line.executionInput.part(e.members[useExecutionInput])
		if err != nil {
			return nil, err
		}
		execution["Input"] = tree
	}
	state := map[string]any{"Name": fr.state.name, "EnteredTime": fr.entered.UTC().Format(timeLayout)}
	if fr.state.kind == "Task" || fr.state.kind == "Parallel" || fr.state.kind == "Map" {
		state["RetryCount"] = float64(fr.retries)
	}
	context := map[string]any{
		"Execution":    execution,
		"State":        state,
		"StateMachine": map[string]any{"Id": r.execution.StateMachineARN, "Name": r.execution.StateMachineName},
	}
	if fr.item != nil {
		tree, err := fr.item.value.decode()
		if err != nil {
			return nil, err
		}
		context["Map"] = map[string]any{"Item": map[string]any{"Index": float64(fr.item.index), "Value": tree}}
	}
	return context, nil
}

// truth evaluates a Condition.
func (ev *evaluation) truth(e *expression) (bool, *failure) {
	result, fail := ev.value(e)
	if fail != nil {
		return false, fail
	}
	if b, ok := result.(bool); ok {
		return b, nil
	}
	return false, ev.wrongType(e, "boolean", result)
}

// number evaluates a quantity.
func (ev *evaluation) number(q *quantity) (int64, *failure) {
	if q.expr == nil {
		return q.fixed, nil
	}
	result, fail := ev.value(q.expr)
	if fail != nil {
		return 0, fail
	}
	var n float64
	switch t := result.(type) {
	case float64:
		n = t
	case json.Number:
		f, err := t.Float64()
		if err != nil {
			return 0, ev.wrongType(q.expr, "integer", result)
		}
		n = f
	default:
		return 0, ev.wrongType(q.expr, "integer", result)
	}
	if n != float64(int64(n)) {
		return 0, ev.wrongType(q.expr, "integer", result)
	}
	if int64(n) < q.low || int64(n) > maxSeconds {
		return 0, ev.frame.queryFailure(q.field,
			"The JSONata expression '%s' specified for the field '%s' returned %s, which is not from %d to %d.",
			q.expr.source, q.field, shown(result), q.low, maxSeconds)
	}
	return int64(n), nil
}

// str evaluates a template that must be a string.
func (ev *evaluation) str(t *template) (string, *failure) {
	if t.expr == nil {
		var s string
		if err := json.Unmarshal(t.literal, &s); err != nil {
			return "", ev.frame.failure(errRuntime, err.Error())
		}
		return s, nil
	}
	result, fail := ev.value(t.expr)
	if fail != nil {
		return "", fail
	}
	if s, ok := result.(string); ok {
		return s, nil
	}
	return "", ev.wrongType(t.expr, "string", result)
}

func (ev *evaluation) wrongType(e *expression, want string, got any) *failure {
	return ev.frame.queryFailure(e.location,
		"The JSONata expression '%s' specified for the field '%s' returned an unexpected result type. Expected '%s', but was '%s' for value: %s",
		e.source, e.location, want, typeName(got), shown(got))
}

func typeName(v any) string {
	switch v.(type) {
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64, json.Number:
		return "number"
	case []any:
		return "array"
	case ordered, map[string]any:
		return "object"
	}
	if gnata.IsNull(v) {
		return "null"
	}
	return "function"
}

// shown is a value in an error message, cut short.
func shown(v any) string {
	const most = 200
	text, err := appendValue(nil, v)
	if err != nil {
		return typeName(v)
	}
	if len(text) > most {
		return strings.ToValidUTF8(string(text[:most]), "") + "… (" + strconv.Itoa(len(text)) + " bytes)"
	}
	return string(text)
}

// outcome is what a state, a choice rule or a catcher leaves behind.
type outcome struct {
	output    *value
	variables []variable
}

type variable struct {
	name  string
	value *value
}

// leave evaluates Output and Assign from the same snapshot: no variable is set before both are done. fallback is the
// output of a state without Output.
func (fr *frame) leave(output *template, assign []assignment, fallback *value) (outcome, *failure) {
	out := outcome{output: fallback}
	if output == nil && len(assign) == 0 {
		return out, fr.checkSize(out.output)
	}
	fail := fr.evaluate(func(ev *evaluation) *failure {
		if output != nil {
			var fail *failure
			if out.output, fail = ev.text(output); fail != nil {
				return fail
			}
		}
		if fail := fr.checkSize(out.output); fail != nil {
			return fail
		}
		total := 0
		for _, a := range assign {
			v, fail := ev.text(a.value)
			if fail != nil {
				return fail
			}
			total += len(v.text)
			out.variables = append(out.variables, variable{name: a.name, value: v})
		}
		if over := total - maxDataBytes; over > 0 {
			return fr.evaluationFailure(fr.predecessor(), errDataLimitExceeded, "Assign",
				fmt.Sprintf("The Assign field exceeds the maximum variable assignment size by %d bytes.", over))
		}
		if over := fr.line.variableBytes(out.variables) - maxVariablesBytes; over > 0 {
			return fr.evaluationFailure(fr.predecessor(), errDataLimitExceeded, "Assign", fmt.Sprintf(
				"Execution total variable size limit exceeded. "+
					"State '%s' assigned variables that exceed the total execution limit by %d bytes.", fr.state.name, over))
		}
		return nil
	})
	return out, fail
}

// checkSize holds an input or output against the limit, in bytes of UTF-8.
func (fr *frame) checkSize(v *value) *failure {
	if len(v.text) <= maxDataBytes {
		return nil
	}
	return &failure{name: errDataLimitExceeded, cause: fmt.Sprintf(
		"The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", fr.state.name)}
}

// items evaluates the Items of a Map, the input being the default.
func (fr *frame) items() ([]*value, *failure) {
	source := fr.input
	if t := fr.state.items; t != nil {
		fail := fr.evaluate(func(ev *evaluation) *failure {
			var fail *failure
			source, fail = ev.text(t)
			return fail
		})
		if fail != nil {
			return nil, fail
		}
	}
	var parts []json.RawMessage
	if err := json.Unmarshal([]byte(source.text), &parts); err != nil || parts == nil {
		return nil, fr.noItems(source)
	}
	items := make([]*value, len(parts))
	for i, part := range parts {
		items[i] = newValue(string(part))
	}
	return items, nil
}

// noItems says that what a Map is to go through is no list.
func (fr *frame) noItems(source *value) *failure {
	text := shown(json.Number(source.text))
	if t := fr.state.items; t != nil && t.expr != nil {
		return fr.queryFailure("Items", "The JSONata expression '%s' specified for the field 'Items' returned an unexpected result type. "+
			"Expected 'array', but was '%s' for value: %s", t.expr.source, jsonType(source.text), text)
	}
	return fr.queryFailure("", "Map state input must be an array but was: %s", text)
}

// jsonType is the type of a JSON text without white space before it.
func jsonType(text string) string {
	switch text[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}
