package aligo

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

var errNotScalar = errors.New("neither a string nor a number")

// scalar is a value that Aligo sends as a string or as a number, sometimes both within one API. It holds the string.
type scalar string

// UnmarshalJSON takes a string, a number, true, false or null.
func (s *scalar) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) == 0 || b[0] == '{' || b[0] == '[':
		return errNotScalar
	case b[0] == '"':
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		*s = scalar(text)
	case bytes.Equal(b, []byte("null")):
		*s = ""
	default:
		*s = scalar(b)
	}
	return nil
}

// int is the number, or 0 for what is none.
func (s scalar) int() int {
	text := strings.TrimSpace(string(s))
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	// Counts have been documented as Float; anything beyond an int is no count.
	if f, err := strconv.ParseFloat(text, 64); err == nil && f > -1e15 && f < 1e15 {
		return int(f)
	}
	return 0
}

// id is an identifier in digits. A number that went through a float on its way, such as 1.306113822e9, becomes its
// digits again; null, "0" and what is no number are no identifier.
func (s scalar) id() string {
	text := strings.TrimSpace(string(s))
	if f, err := strconv.ParseFloat(text, 64); err == nil && strings.ContainsAny(text, ".eE") && f == float64(int64(f)) && f < 1<<53 {
		text = strconv.FormatInt(int64(f), 10)
	}
	if strings.Trim(text, "0") == "" {
		return ""
	}
	return text
}

// time reads the vendor's notation "2026-03-29 02:54:45" in Korean time. Empty, "0000-00-00 00:00:00" and what is no
// time are the zero time.
func (s scalar) time() time.Time {
	t, err := time.ParseInLocation(time.DateTime, strings.TrimSpace(string(s)), kst)
	if err != nil {
		return time.Time{}
	}
	return t
}

// list is an array that may also come as null, false or "", which is how PHP writes an empty one now and then.
type list[T any] []T

// UnmarshalJSON takes an array or an empty scalar.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if emptyList(b) {
		*l = nil
		return nil
	}
	return json.Unmarshal(b, (*[]T)(l))
}

func emptyList(value []byte) bool {
	switch string(value) {
	case "null", `""`, "false", "{}":
		return true
	}
	return false
}

// decode reads a body that must be one JSON object. Its errors are not passed on: they quote the body.
func decode(body []byte, into any) error {
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return errors.New("not an object")
	}
	return json.Unmarshal(body, into)
}
