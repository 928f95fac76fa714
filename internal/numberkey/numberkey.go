// Package numberkey makes what numbers are hashed with of the secrets in the parameter store. Each of the packages that keep such
// hashes has keys of its own, so that nothing of one can be looked up in another.
package numberkey

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
)

// ErrNone says that nobody has made a secret yet.
var ErrNone = errors.New("there is no key to hash numbers with")

// Source has the secrets: the one that is used for what is written, and after it those that were. There are none while nobody has
// made one.
type Source interface {
	NumberKeys(ctx context.Context) ([]string, error)
}

// Secrets are those of a source: one at least, or ErrNone.
func Secrets(ctx context.Context, from Source) ([]string, error) {
	secrets, err := from.NumberKeys(ctx)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the key that numbers are hashed with: %w", err)
	case len(secrets) == 0:
		return nil, ErrNone
	}
	return secrets, nil
}

// Key hashes numbers for one of the packages.
type Key struct {
	// ID names the key, in 8 hexadecimal digits. It says nothing of the secret.
	ID string

	secret []byte
}

// Of makes the keys of the package that keeps these things, such as records, in the order of the secrets.
func Of(things string, secrets []string) []Key {
	keys := make([]Key, len(secrets))
	for i, secret := range secrets {
		keys[i] = Key{ID: hex.EncodeToString(Derive(things, "key id", []byte(secret))[:4]), secret: Derive(things, "numbers", []byte(secret))}
	}
	return keys
}

// Hash is the hash of a number in digits: 32 bytes.
func (k Key) Hash(number string) []byte { return Sum(k.secret, number) }

// Derive makes a key of a secret, for one purpose of the package that keeps these things. What it makes never changes: what was
// hashed with it is stored.
func Derive(things, purpose string, secret []byte) []byte {
	return Sum(secret, "sms-api "+things+": "+purpose)
}

// Sum is the HMAC with SHA-256 of parts, one after the other. Whoever has several parts sees to it that no others run into the
// same bytes.
func Sum(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, p := range parts {
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}
