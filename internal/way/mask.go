package way

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"sms-api/internal/message"
)

// maxShown is how many elements of an array are shown; the 500 recipients of a message would hide everything else.
const maxShown = 20

// phoneNumber finds Korean numbers inside other texts, such as the cause of an error.
var phoneNumber = regexp.MustCompile(`\b(0[0-9]{1,2})-?[0-9]{3,4}-?([0-9]{4})\b`)

// MaskText masks the numbers in a text that is shown as it is.
func MaskText(s string) string { return phoneNumber.ReplaceAllString(s, "$1****$2") }

// MaskJSON is an execution's data as it may be shown: of numbers the ends, of texts the length. It keeps the members'
// order and leaves out what is more than maxShown in an array. Data that is not JSON is masked as a text.
func MaskJSON(data string) json.RawMessage { return mask(data, maskMember) }

// MaskNumbers masks nothing but the numbers, for what is neither a message nor about its texts.
func MaskNumbers(data string) json.RawMessage {
	return mask(data, func(_, s string) string { return MaskText(s) })
}

func mask(data string, member func(key, s string) string) json.RawMessage {
	if data == "" {
		return nil
	}
	m := masker{in: json.NewDecoder(strings.NewReader(data)), member: member}
	m.in.UseNumber()
	err := m.value("")
	if _, more := m.in.Token(); err == nil && errors.Is(more, io.EOF) {
		return m.out.Bytes()
	}
	m.out.Reset()
	m.write(MaskText(data))
	return m.out.Bytes()
}

type masker struct {
	in     *json.Decoder
	out    bytes.Buffer
	member func(key, s string) string
}

// value copies one value. key is the name of the member that it is, or its parent is when that is variables.
func (m *masker) value(key string) error {
	token, err := m.in.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		return m.object(key)
	case json.Delim('['):
		return m.array(key)
	}
	if s, ok := token.(string); ok {
		token = m.member(key, s)
	}
	m.write(token)
	return nil
}

// maskMember masks a string by what it is called in a message, a request or an event.
func maskMember(key, s string) string {
	switch key {
	case "to":
		return message.Phone(s).Masked()
	case "text", "title", "name", "variables":
		return message.Text(s).String()
	}
	return MaskText(s)
}

func (m *masker) object(key string) error {
	m.out.WriteByte('{')
	for n := 0; m.in.More(); n++ {
		if n > 0 {
			m.out.WriteByte(',')
		}
		token, err := m.in.Token()
		if err != nil {
			return err
		}
		name := fmt.Sprint(token)
		m.write(name)
		m.out.WriteByte(':')
		if key == "variables" {
			name = key
		}
		if err := m.value(name); err != nil {
			return err
		}
	}
	m.out.WriteByte('}')
	_, err := m.in.Token()
	return err
}

func (m *masker) array(key string) error {
	m.out.WriteByte('[')
	left := 0
	for n := 0; m.in.More(); n++ {
		if n >= maxShown {
			left++
			var skipped json.RawMessage
			if err := m.in.Decode(&skipped); err != nil {
				return err
			}
			continue
		}
		if n > 0 {
			m.out.WriteByte(',')
		}
		if err := m.value(key); err != nil {
			return err
		}
	}
	if left > 0 {
		m.out.WriteByte(',')
		m.write(fmt.Sprintf("… and %d more", left))
	}
	m.out.WriteByte(']')
	_, err := m.in.Token()
	return err
}

func (m *masker) write(v any) {
	// Texts, numbers, true, false and null always have a JSON form.
	text, _ := json.Marshal(v)
	m.out.Write(text)
}
