package asl

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDefinitionBytes is the size of a definition that CreateStateMachine takes.
const maxDefinitionBytes = 1_048_576

// maxNesting bounds the recursion over a definition; encoding/json reads deeper ones.
const maxNesting = 200

// node is a JSON value of the definition that knows where it stands.
type node struct {
	path   string
	kind   nodeKind
	text   string // string value, or the literal of a number
	truth  bool
	keys   []string // of an object, in document order
	fields map[string]*node
	items  []*node
}

type nodeKind string

const (
	nullNode   nodeKind = "null"
	boolNode   nodeKind = "boolean"
	numberNode nodeKind = "number"
	stringNode nodeKind = "string"
	arrayNode  nodeKind = "array"
	objectNode nodeKind = "object"
)

// refusals collects everything that is wrong with a definition.
type refusals struct {
	problems []Problem
}

func (r *refusals) add(path, format string, args ...any) {
	r.problems = append(r.problems, Problem{Path: path, Message: fmt.Sprintf(format, args...)})
}

// readDocument reads one JSON value. A duplicate key is refused, because the other one would be ignored.
func readDocument(text []byte, r *refusals) (*node, bool) {
	if len(text) > maxDefinitionBytes {
		r.add("", "definition has %d bytes; %d are allowed", len(text), maxDefinitionBytes)
		return nil, false
	}
	if !utf8.Valid(text) {
		r.add("", "definition is not UTF-8")
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	root, err := readNode(dec, "", 0, r)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the JSON value")
		}
	}
	if err != nil {
		r.add("", "not JSON: %v", err)
		return nil, false
	}
	return root, true
}

func readNode(dec *json.Decoder, path string, depth int, r *refusals) (*node, error) {
	if depth > maxNesting {
		return nil, fmt.Errorf("nested deeper than %d levels at %s", maxNesting, path)
	}
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	n := &node{path: path}
	switch t := token.(type) {
	case nil:
		n.kind = nullNode
	case bool:
		n.kind, n.truth = boolNode, t
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case string:
		n.kind, n.text = stringNode, t
	case json.Delim:
		if t == '[' {
			n.kind = arrayNode
			for dec.More() {
				item, err := readNode(dec, path+"["+strconv.Itoa(len(n.items))+"]", depth+1, r)
				if err != nil {
					return nil, err
				}
				n.items = append(n.items, item)
			}
		} else {
			n.kind, n.fields = objectNode, map[string]*node{}
			for dec.More() {
				if err := readField(dec, n, depth, r); err != nil {
					return nil, err
				}
			}
		}
		if _, err := dec.Token(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func readField(dec *json.Decoder, object *node, depth int, r *refusals) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	key, ok := token.(string)
	if !ok {
		return fmt.Errorf("object key expected, found %v", token)
	}
	value, err := readNode(dec, object.path+"/"+key, depth+1, r)
	if err != nil {
		return err
	}
	if _, twice := object.fields[key]; twice {
		r.add(value.path, "appears twice")
		return nil
	}
	object.keys = append(object.keys, key)
	object.fields[key] = value
	return nil
}

// object hands out the fields of a JSON object and remembers which have been asked for, so that none can be ignored.
type object struct {
	*node
	asked map[string]bool
	r     *refusals
}

// asObject refuses n unless it is an object; the object that is returned then has no fields.
func asObject(n *node, r *refusals) (object, bool) {
	if n.kind != objectNode {
		r.add(n.path, "must be an object, not a %s", n.kind)
		return object{}, false
	}
	return object{node: n, asked: map[string]bool{}, r: r}, true
}

// field is the value at key, nil if there is none.
func (o object) field(key string) *node {
	o.asked[key] = true
	return o.fields[key]
}

func (o object) required(key string) *node {
	n := o.field(key)
	if n == nil {
		o.r.add(o.path+"/"+key, "is missing")
	}
	return n
}

// str is the string at key; "" if it is absent or, which is refused, not a string.
func (o object) str(key string) string {
	n := o.field(key)
	if n == nil {
		return ""
	}
	if n.kind != stringNode {
		o.r.add(n.path, "must be a string, not a %s", n.kind)
		return ""
	}
	return n.text
}

// list is the array at key, refused if it is empty or not an array.
func (o object) list(key string) []*node {
	n := o.field(key)
	switch {
	case n == nil:
		return nil
	case n.kind != arrayNode:
		o.r.add(n.path, "must be an array, not a %s", n.kind)
		return nil
	case len(n.items) == 0:
		o.r.add(n.path, "must not be empty")
	}
	return n.items
}

// done refuses the fields nobody has asked for.
func (o object) done(what string) {
	for _, key := range o.keys {
		if o.asked[key] {
			continue
		}
		path := o.path + "/" + key
		switch {
		case jsonPathFields[key] || strings.HasSuffix(key, "Path"):
			o.r.add(path, "belongs to JSONPath; only JSONata is implemented")
		default:
			o.r.add(path, "is not a field of %s, or is not implemented", what)
		}
	}
}

// jsonPathFields exist only with QueryLanguage JSONPath.
var jsonPathFields = map[string]bool{"Parameters": true, "ResultSelector": true, "Result": true}

// integer is a whole number within [low, high]; refused otherwise.
func (n *node) integer(low, high int64, r *refusals) int64 {
	if n.kind != numberNode {
		r.add(n.path, "must be a number, not a %s", n.kind)
		return low
	}
	value, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || value < low || value > high {
		r.add(n.path, "must be a whole number from %d to %d", low, high)
		return low
	}
	return value
}

// appendJSON writes the value back as JSON, without spaces.
func (n *node) appendJSON(out []byte) []byte {
	switch n.kind {
	case nullNode:
		return append(out, "null"...)
	case boolNode:
		return strconv.AppendBool(out, n.truth)
	case numberNode:
		return append(out, n.text...)
	case stringNode:
		return appendString(out, n.text)
	case arrayNode:
		out = append(out, '[')
		for i, item := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = item.appendJSON(out)
		}
		return append(out, ']')
	default:
		out = append(out, '{')
		for i, key := range n.keys {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(appendString(out, key), ':')
			out = n.fields[key].appendJSON(out)
		}
		return append(out, '}')
	}
}
