package message

import (
	"regexp"
	"slices"
	"strings"
)

// Limits of what carriers take, in bytes of CP949. A text of more than MaxSMS goes out as LMS.
// https://smartsms.aligo.in/admin/api/spec.html
const (
	MaxSMS        = 90
	MaxLMS        = 2000
	maxTitleBytes = 44
)

// NamePlaceholder is the placeholder that a recipient's name fills.
const NamePlaceholder = "고객명"

var placeholder = regexp.MustCompile(`#\{([^{}]+)\}`)

// Placeholders lists the names in a text's placeholders, each once, in order of appearance: 주문번호 for #{주문번호}.
func Placeholders(text string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if name := PlaceholderName(m[1]); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// MissingError says which placeholders have no value.
type MissingError struct {
	// Names are in order of appearance, each once.
	Names []string
}

func (e *MissingError) Error() string {
	return "no value for #{" + strings.Join(e.Names, "}, #{") + "}"
}

// Fill puts values into a text's placeholders, in one pass: a value that looks like a placeholder stays as it is. The
// error is a *MissingError.
func Fill(text string, values map[string]string) (string, error) {
	var missing []string
	filled := placeholder.ReplaceAllStringFunc(text, func(p string) string {
		name := PlaceholderName(p[len("#{") : len(p)-len("}")])
		value, ok := values[name]
		if !ok && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		return value
	})
	if missing != nil {
		return "", &MissingError{Names: missing}
	}
	return filled, nil
}

// Values are the values of the recipient's placeholders, the name's among them.
func (r Recipient) Values() map[string]string {
	values := make(map[string]string, len(r.Variables)+1)
	if r.Name != "" {
		values[NamePlaceholder] = string(r.Name)
	}
	for name, value := range r.Variables {
		values[name] = string(value)
	}
	return values
}
