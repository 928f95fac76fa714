package guard

import (
	"slices"

	"sms-api/internal/message"
	"sms-api/internal/numberkey"
)

// Digest stands for what one recipient was sent: the number and the text, neither of which it tells.
type Digest [8]byte

// KeyID names the key that digests were made with, without telling it. Digests of different keys say nothing about each
// other.
type KeyID [4]byte

// Digester makes digests. The zero Digester is not usable; see NewDigester.
type Digester struct {
	key []byte
	id  KeyID
}

// NewDigester derives a key from a secret. The same secret gives the same digests: it must outlive the sends that are
// looked up by them.
func NewDigester(secret []byte) Digester {
	d := Digester{key: numberkey.Derive("guard", "digests", secret)}
	copy(d.id[:], numberkey.Derive("guard", "key id", secret))
	return d
}

// KeyID names the key.
func (d Digester) KeyID() KeyID { return d.id }

// Digest is the digest of a number in digits and a text, which the caller has brought into the one form that the text of
// a row in the vendor's history is brought into as well.
func (d Digester) Digest(number, text string) Digest {
	var digest Digest
	// No number has a zero byte, so no two pairs run into the same bytes.
	copy(digest[:], numberkey.Sum(d.key, number, "\x00", text))
	return digest
}

// Account is an account at Aligo, by whatever tells it from others without naming it.
type Account string

// Batch is a call that Aligo has accepted. Its ids are unique within an account and a channel.
type Batch struct {
	Account Account
	Channel message.Channel
	// MID is Aligo's id: info.mid of AlimTalk, msg_id of SMS.
	MID string
}

// pack puts digests one after the other.
func pack(digests []Digest) []byte {
	packed := make([]byte, 0, len(digests)*len(Digest{}))
	for _, d := range digests {
		packed = append(packed, d[:]...)
	}
	return packed
}

// unpack is the reverse of pack.
func unpack(packed []byte) ([]Digest, bool) {
	if len(packed)%len(Digest{}) != 0 {
		return nil, false
	}
	digests := make([]Digest, 0, len(packed)/len(Digest{}))
	for chunk := range slices.Chunk(packed, len(Digest{})) {
		digests = append(digests, Digest(chunk))
	}
	return digests, true
}
