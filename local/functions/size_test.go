//go:build !race

// Under the race detector compressing takes minutes and says nothing else.

package functions

import (
	"path/filepath"
	"testing"

	"sms-api/internal/compile"
)

// maxZIP is how large a function's package may be, in bytes.
const maxZIP = 3_400_000

// TestPackagesAreSmall holds the size of what is deployed, which does not depend on the machine.
func TestPackagesAreSmall(t *testing.T) {
	t.Parallel()
	observe(t, "lambdas", "internal", "statemachine")
	out := build(t, compile.Lambda())
	for _, name := range names() {
		binary, packed := pack(t, filepath.Join(out, name))
		t.Logf("%-10s zip %7d bytes, executable %7d bytes", name, packed, binary)
		if packed > maxZIP {
			t.Errorf("%s: the package has %d bytes, more than %d", name, packed, maxZIP)
		}
	}
}
