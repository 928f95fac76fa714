package asl

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/recolabs/gnata"
)

// decode reads JSON as gnata.DecodeJSON does: objects keep the order of their members, numbers their digits. That one goes
// through encoding/json token by token, which takes most of the time that a machine needs for a large input.
func decode(text string) (any, error) {
	d := decoder{jsontext.NewDecoder(bytes.NewBufferString(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	tree, err := d.value()
	if err != nil {
		return nil, fmt.Errorf("decode JSON: %w", err)
	}
	return tree, nil
}

type decoder struct{ *jsontext.Decoder }

func (d decoder) value() (any, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		return token.String(), nil
	case '0':
		return json.Number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	default:
		return gnata.DecodeJSON(json.RawMessage("null"))
	}
}

// gnataObject is gnata's type of an object, which has no exported name.
type gnataObject interface{ Set(key string, value any) }

// newObject makes an empty object, in the only way in which gnata gives one away.
func newObject() (gnataObject, error) {
	empty, err := gnata.DecodeJSON(json.RawMessage("{}"))
	if err != nil {
		return nil, err
	}
	object, ok := empty.(gnataObject)
	if !ok {
		return nil, fmt.Errorf("gnata decodes an object to %T", empty)
	}
	return object, nil
}

func (d decoder) object() (any, error) {
	object, err := newObject()
	if err != nil {
		return nil, err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		member, err := d.value()
		if err != nil {
			return nil, err
		}
		object.Set(key, member)
	}
	_, err = d.ReadToken()
	return object, err
}

func (d decoder) array() (any, error) {
	array := []any{}
	for d.PeekKind() != ']' {
		element, err := d.value()
		if err != nil {
			return nil, err
		}
		array = append(array, element)
	}
	_, err := d.ReadToken()
	return array, err
}
