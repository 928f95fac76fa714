package guard

import "fmt"

// Seq orders all attempts to send a message: a later attempt has a greater one. From the most significant bit on it is
//
//	redrives 14 bits | attempt 22 bits | retry 16 bits
//
// which makes 52, so that every number is exact in JSON and in floating point.
type Seq int64

// How many bits the parts of a Seq have.
const (
	redriveBits = 14
	attemptBits = 22
	retryBits   = 16
)

// NewSeq is the place of an attempt in the order. redrives is how often the execution was redriven; it outranks the
// others, because a redrive begins the state anew with the progress that it had before. attempt is the counter in the
// progress: it rises with every end of a send that the progress knows, so that whoever has a greater one knows what
// became of all attempts with a smaller one. retry is the state machine's own count of repetitions of the state with the
// same progress. The error says that a part does not fit into its bits; nothing may be sent then.
func NewSeq(redrives, attempt, retry int) (Seq, error) {
	for _, part := range []struct {
		name        string
		value, bits int
	}{{"redrives", redrives, redriveBits}, {"attempt", attempt, attemptBits}, {"retry", retry, retryBits}} {
		if part.value < 0 || part.value >= 1<<part.bits {
			return 0, fmt.Errorf("%s is %d, want 0 to %d", part.name, part.value, 1<<part.bits-1)
		}
	}
	return Seq(redrives)<<(attemptBits+retryBits) | Seq(attempt)<<retryBits | Seq(retry), nil
}

// base is the first attempt with the same progress: what came before it has an end that the progress knows.
func (s Seq) base() Seq { return s >> retryBits << retryBits }

// String shows the parts: redrives.attempt.retry.
func (s Seq) String() string {
	return fmt.Sprintf("%d.%d.%d", s>>(attemptBits+retryBits), s>>retryBits&(1<<attemptBits-1), s&(1<<retryBits-1))
}
