package guard_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"sms-api/internal/guard"
)

// Attempts are ordered by redrives, then by the progress's counter, then by the state's repetitions.
func TestSeq(t *testing.T) {
	t.Parallel()
	if got := seq(t, 1, 2, 3).String(); got != "1.2.3" {
		t.Errorf("String = %s", got)
	}
	if greatest := seq(t, 1<<14-1, 1<<22-1, 1<<16-1); int64(float64(greatest)) != int64(greatest) || greatest != 1<<52-1 {
		t.Errorf("the greatest is %d", greatest)
	}
	for _, c := range [][3]int{{-1, 0, 0}, {0, -1, 0}, {0, 0, -1}, {1 << 14, 0, 0}, {0, 1 << 22, 0}, {0, 0, 1 << 16}} {
		if s, err := guard.NewSeq(c[0], c[1], c[2]); err == nil {
			t.Errorf("NewSeq(%v) = %v", c, s)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		parts := rapid.Custom(func(r *rapid.T) [3]int {
			below := func(bits int, part string) int { return rapid.IntRange(0, 1<<bits-1).Draw(r, part) }
			return [3]int{below(14, "redrives"), below(22, "attempt"), below(16, "retry")}
		})
		a, b := parts.Draw(r, "a"), parts.Draw(r, "b")
		less := a[0] < b[0] || a[0] == b[0] && (a[1] < b[1] || a[1] == b[1] && a[2] < b[2])
		x, y := seq(t, a[0], a[1], a[2]), seq(t, b[0], b[1], b[2])
		if (x < y) != less || x.String() != fmt.Sprintf("%d.%d.%d", a[0], a[1], a[2]) {
			r.Fatalf("%v and %v are %d and %d", a, b, x, y)
		}
	})
}

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
	if got := fmt.Sprintf("%x %x %s", hello, digests.KeyID(), guard.AccountOf("shop")); got != golden {
		t.Errorf("got %s, want %s", got, golden)
	}
}

// golden is a digest, the id of its key, and an account.
const golden = "08cf98a1dd81115e 75fc7874 e03c0924a6185c56"
