// Package version says which version of this product a program is of.
package version

import (
	"fmt"
	"runtime"
)

// Number is the version, as semantic versioning writes it. While CHANGELOG.md has something unreleased it is that of the next
// release with "-dev" after it. It is a constant, not what the compiler stamps: the same sources give the same functions.
const Number = "0.2.0-dev"

// Line is what a program says of itself: the version, and what it was built with.
func Line() string {
	return fmt.Sprintf("sms-api %s, %s %s/%s", Number, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
