package numberkey_test

import (
	"encoding/hex"
	"testing"

	"sms-api/internal/numberkey"
)

// What is stored was hashed like this. The values are those of another implementation of HMAC.
func TestWhatIsStoredIsFoundAgain(t *testing.T) {
	t.Parallel()
	for things, want := range map[string]struct{ id, hash string }{
		"records":  {"2bccd65a", "5a9efbcfb02eca7b348e1ccf43086814f788f6faeed4afd90f82e5755a0a95f9"},
		"opt-outs": {"9a15aaed", "5fa370a2484470fe3003e3c453ce3d831d396971d62169872fc555aed4ee76a1"},
	} {
		keys := numberkey.Of(things, []string{"secret", "older"})
		if len(keys) != 2 || keys[0].ID != want.id || hex.EncodeToString(keys[0].Hash("01012345678")) != want.hash || keys[1].ID == want.id {
			t.Errorf("%s: %d keys, the first is %s and makes %x", things, len(keys), keys[0].ID, keys[0].Hash("01012345678"))
		}
	}
	for _, c := range []struct{ things, purpose, want string }{
		{"guard", "digests", "978957dde49b05852b5b5d01ea3f24c7bff5a813d73b302a5966347542a9f409"},
		{"limits", "numbers", "d2cfb65c2ee21781cc62438dbfea886b225b7d1f91abf9ea46153389168741a1"},
	} {
		if got := hex.EncodeToString(numberkey.Derive(c.things, c.purpose, []byte("secret"))); got != c.want {
			t.Errorf("%s for %s: %s", c.things, c.purpose, got)
		}
	}
	if a, b := numberkey.Sum([]byte("k"), "a", "b"), numberkey.Sum([]byte("k"), "ab"); string(a) != string(b) {
		t.Errorf("%x, %x", a, b)
	}
}
