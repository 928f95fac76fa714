package bench

import (
	"math"
	"time"
)

// The classes of a histogram: the first begins at shortest, and each is 1 % wider than the one before. The last begins
// after six days.
const (
	shortest = time.Microsecond
	growth   = 1.01
	classes  = 2720
)

// histogram counts durations in classes, so that it takes the same memory for any number of them.
type histogram struct {
	counts [classes]int
	total  int
}

func (h *histogram) add(d time.Duration) {
	class := 0
	if d > shortest {
		class = min(int(math.Log(float64(d)/float64(shortest))/math.Log(growth)), classes-1)
	}
	h.counts[class]++
	h.total++
}

// quantile is the duration that the share q of all durations do not exceed, at most 1 % too long; 0 without any.
func (h *histogram) quantile(q float64) time.Duration {
	rank, seen := int(math.Ceil(q*float64(h.total))), 0
	for class, n := range h.counts {
		if seen += n; n > 0 && seen >= rank {
			return time.Duration(float64(shortest) * math.Pow(growth, float64(class+1)))
		}
	}
	return 0
}
