package message

import (
	"fmt"
	"log/slog"
	"unicode/utf8"
)

// Phone is a Korean telephone number in digits, such as 01012345678. Only JSON and an explicit conversion to string
// show it whole: fmt and slog print it masked.
type Phone string

// Masked shows the first three and the last four digits: 010****5678.
func (p Phone) Masked() string {
	if len(p) < 8 {
		return "****"
	}
	return string(p[:3]) + "****" + string(p[len(p)-4:])
}

// String is the masked number.
func (p Phone) String() string { return p.Masked() }

// GoString is the masked number, for %#v.
func (p Phone) GoString() string { return p.Masked() }

// LogValue is the masked number.
func (p Phone) LogValue() slog.Value { return slog.StringValue(p.Masked()) }

// Text is something a person wrote or is going to read: a text, a title, a name, a variable's value. Only JSON and an
// explicit conversion to string show it: fmt and slog print its length.
type Text string

// String tells the length only.
func (t Text) String() string {
	return fmt.Sprintf("[%d characters]", utf8.RuneCountInString(string(t)))
}

// GoString tells the length only, for %#v.
func (t Text) GoString() string { return t.String() }

// LogValue tells the length only.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }
