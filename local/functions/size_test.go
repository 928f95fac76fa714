//go:build !race

// Under the race detector compressing takes minutes and says nothing else.

package functions

import (
	"path/filepath"
	"testing"

	"sms-api/internal/compile"
)

// maxSend is how large the package of a function may be that sends, and maxZIP that of any other, in bytes.
const (
	maxSend = 3_300_000
	maxZIP  = 3_750_000
)

// TestPackagesAreSmall holds the size of what is deployed, which does not depend on the machine.
func TestPackagesAreSmall(t *testing.T) {
	t.Parallel()
	observe(t, "lambdas", "internal", "statemachine")
	out := build(t, compile.Lambda())
	for _, name := range names() {
		binary, packed := pack(t, filepath.Join(out, name))
		t.Logf("%-10s zip %7d bytes, executable %7d bytes", name, packed, binary)
		most := maxZIP
		if name == "alimtalk" || name == "sms" {
			most = maxSend
		}
		if packed > most {
			t.Errorf("%s: the package has %d bytes, more than %d", name, packed, most)
		}
	}
}
