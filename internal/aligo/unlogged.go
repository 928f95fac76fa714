package aligo

import (
	"fmt"
	"io"
	"log/slog"
)

// unlogged, embedded, keeps a struct with numbers or texts of people from being printed, logged or written as JSON.
type unlogged struct{}

const notLogged = "[not logged]"

// Format prints "[not logged]" for every verb.
func (unlogged) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, notLogged) }

// LogValue is "[not logged]".
func (unlogged) LogValue() slog.Value { return slog.StringValue(notLogged) }

// MarshalJSON writes "[not logged]".
func (unlogged) MarshalJSON() ([]byte, error) { return []byte(`"` + notLogged + `"`), nil }
