package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sms-api/internal/message"
)

const (
	// maxElements is how many elements a loop makes at most: more than one for each recipient that a message may have.
	maxElements = message.MaxRecipients
	// maxFilled bounds what a template makes of an event, in bytes. No message is as large by far; a long value that stands in
	// every element of a loop would be.
	maxFilled = 2 << 20
	// maxProblems bounds what is said of one event.
	maxProblems = 1000
)

// ErrNoEvent says that what a template is to be filled in with is not a JSON object.
var ErrNoEvent = errors.New("the event is not a JSON object")

// Filled is what a template makes of an event.
type Filled struct {
	// Request is the message request, the detail of a MessageRequested event. What could not be filled in is left out of it.
	Request []byte
	// Problems are what could not be filled in, each with the placeholder and the path in the event, and no value of it.
	Problems []message.ValidationError

	template *Template
	event    map[string]any
}

// Route is the name of the route.
func (f Filled) Route() string { return f.template.name }

// Fill makes a message request of an event: a JSON object, as EventBridge delivers it. The error is ErrNoEvent.
func (t *Template) Fill(event []byte) (Filled, error) {
	filled := Filled{template: t}
	decoder := json.NewDecoder(bytes.NewReader(event))
	// A number stays as it was written: an order's number may have more digits than a float64 can tell apart.
	decoder.UseNumber()
	if err := decoder.Decode(&filled.event); err != nil || filled.event == nil {
		return Filled{}, ErrNoEvent
	}
	f := filler{route: t.name, event: filled.event}
	request, _ := f.node(t.root, "", nil)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(request); err != nil {
		return Filled{}, fmt.Errorf("route %s: write the request: %w", t.name, err)
	}
	filled.Request, filled.Problems = bytes.TrimSpace(out.Bytes()), f.problems
	return filled, nil
}

// Explain adds to what is wrong with the request where it comes from: the route, and the placeholders and paths at that place.
func (f Filled) Explain(problems []message.ValidationError) []message.ValidationError {
	trace := filler{route: f.template.name, event: f.event, places: map[string][]string{}}
	trace.node(f.template.root, "", nil)
	explained := make([]message.ValidationError, len(problems))
	for i, p := range problems {
		from := "route " + f.template.name
		if places := trace.places[p.Pointer]; len(places) > 0 {
			from += ": " + strings.Join(places, ", ")
		}
		explained[i] = message.ValidationError{Pointer: p.Pointer, Detail: p.Detail + " (" + from + ")"}
	}
	return explained
}

// filler fills a template in.
type filler struct {
	route    string
	event    any
	problems []message.ValidationError
	// size is how many bytes of texts there are so far.
	size int
	full bool
	// places are the placeholders with their paths, by the pointer to where they stand; nil when nobody asks.
	places map[string][]string
}

// element is what a loop has come to.
type element struct {
	value any
	// path leads to it: $.detail.recipients[3].
	path string
}

func (f *filler) fail(at, format string, args ...any) {
	if len(f.problems) < maxProblems {
		f.problems = append(f.problems, message.ValidationError{Pointer: at, Detail: "route " + f.route + ": " + fmt.Sprintf(format, args...)})
	}
}

// node fills a part of a template in. ok is false if it is to be left out, because something is wrong with it.
func (f *filler) node(n node, at string, in *element) (value any, ok bool) {
	switch n := n.(type) {
	case fixed:
		if s, isString := n.value.(string); isString {
			return s, f.take(at, len(s))
		}
		return n.value, f.take(at, 1)
	case text:
		return f.text(n, at, in)
	case object:
		o := make(map[string]any, len(n))
		for _, m := range n {
			if v, ok := f.node(m.value, message.Pointer(at, m.name), in); ok {
				o[m.name] = v
				f.size += len(m.name)
			}
		}
		return o, !f.full
	case list:
		return f.list(n, at, in), !f.full
	}
	return nil, false
}

// list fills a list in, with the elements of its loops among its own.
func (f *filler) list(n list, at string, in *element) []any {
	values := []any{}
	add := func(element node, in *element) {
		// One that is wrong keeps its place, so that the others have the pointers that their problems say.
		v, _ := f.node(element, message.Pointer(at, strconv.Itoa(len(values))), in)
		values = append(values, v)
	}
	for _, e := range n {
		l, loops := e.(loop)
		if !loops {
			add(e, in)
			continue
		}
		if f.places != nil {
			f.places[at] = append(f.places[at], forEach+" "+l.over.text)
		}
		found, ok := l.over.find(f.event)
		elements, isList := found.([]any)
		switch {
		case !ok:
			f.fail(at, "%s goes through %s, which the event does not have", forEach, l.over.text)
		case !isList:
			f.fail(at, "%s goes through %s, which is %s in the event and not a list", forEach, l.over.text, kind(found))
		case len(elements) > maxElements:
			f.fail(at, "%s goes through %s, which has %d elements in the event; at most %d are allowed", forEach, l.over.text, len(elements),
				maxElements)
		default:
			for i, v := range elements {
				if f.full || len(f.problems) >= maxProblems {
					break
				}
				add(l.element, &element{value: v, path: fmt.Sprintf("%s[%d]", l.over.text, i)})
			}
		}
	}
	return values
}

// text fills a text in.
func (f *filler) text(n text, at string, in *element) (value any, ok bool) {
	var out strings.Builder
	ok = true
	for _, p := range n {
		if p.placeholder == "" {
			out.WriteString(p.literal)
			continue
		}
		from, where := f.event, p.path.text
		if p.path.ofElement {
			from, where = in.value, in.path+p.path.text[1:]
		}
		if f.places != nil {
			f.places[at] = append(f.places[at], p.placeholder+" is "+where)
		}
		found, exists := p.path.find(from)
		alone := len(n) == 1
		switch v := found.(type) {
		case string:
			out.WriteString(v)
		case json.Number:
			out.WriteString(v.String())
		case bool:
			if alone {
				return v, f.take(at, 1)
			}
			ok = false
			f.fail(at, "%s is %s, which is %s in the event; inside a text only a string or a number can stand", p.placeholder, where, kind(v))
		default:
			ok = false
			if !exists {
				f.fail(at, "%s is %s, which the event does not have", p.placeholder, where)
			} else {
				f.fail(at, "%s is %s, which is %s in the event, not a string or a number", p.placeholder, where, kind(v))
			}
		}
	}
	return out.String(), ok && f.take(at, out.Len())
}

// take counts what has been filled in. It is false once there is too much of it.
func (f *filler) take(at string, n int) bool {
	f.size += n
	if f.size > maxFilled && !f.full {
		f.full = true
		f.fail(at, "filled in up to here, the message has more than %d bytes", maxFilled)
	}
	return !f.full
}

// kind is what a value is, for people.
func kind(value any) string {
	switch value.(type) {
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "true or false"
	}
	return "null"
}
