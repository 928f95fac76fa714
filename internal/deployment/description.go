package deployment

import (
	"strings"

	"sms-api/internal/version"
)

const describedBy = "sms-api "

// Description is how a deployed function is described. It begins with the version, so that whoever may read a function's configuration
// sees which one runs.
func (f Function) Description() string { return describedBy + version.Number + ": " + f.Does }

// VersionIn is the version in a function's description; empty if there is none.
func VersionIn(description string) string {
	rest, ok := strings.CutPrefix(description, describedBy)
	number, _, told := strings.Cut(rest, ": ")
	if !ok || !told {
		return ""
	}
	return number
}
