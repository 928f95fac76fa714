package guard_test

import (
	"fmt"
	"testing"

	"sms-api/internal/guard"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	same, other := guard.NewDigester([]byte("secret")), guard.NewDigester([]byte("another"))
	seen := map[guard.Digest]string{}
	for _, c := range [][2]string{{"0101", "2hello"}, {"01012", "hello"}, {"01012", "hello "}, {"01012", ""}} {
		d := digests.Digest(c[0], c[1])
		if d != same.Digest(c[0], c[1]) || d == other.Digest(c[0], c[1]) {
			t.Errorf("%q: the digest does not follow from the secret", c)
		}
		if before, ok := seen[d]; ok {
			t.Errorf("%q has the digest of %s", c, before)
		}
		seen[d] = fmt.Sprint(c)
	}
	if digests.KeyID() != same.KeyID() || digests.KeyID() == other.KeyID() {
		t.Error("the key's id does not follow from the secret")
	}
	// Other people's programs do not read digests, but guards outlive deployments.
	if got := fmt.Sprintf("%x %x", hello, digests.KeyID()); got != golden {
		t.Errorf("got %s, want %s", got, golden)
	}
}

// golden is a digest and the id of its key.
const golden = "08cf98a1dd81115e 75fc7874"
