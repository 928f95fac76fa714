package clock

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Virtual is a clock whose time passes only while everybody waits for it: hours take as long as what happens in them. It counts
// the goroutines that were started by Go and are not asleep, and is at the next sleeper's time as soon as there is none. Whoever
// waits for anything else, such as an answer, counts as being at work, and so does the whole chain of those who wait for each
// other; a goroutine that was started otherwise may sleep only while one of them waits for it.
type Virtual struct {
	mu       sync.Mutex
	now      time.Time
	busy     int
	sleepers sleepers
	// number tells sleepers of the same time apart: who came first wakes first.
	number int
}

// NewVirtual makes a clock that shows this time until Go is called.
func NewVirtual(start time.Time) *Virtual { return &Virtual{now: start} }

// Now is the virtual time.
func (v *Virtual) Now() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// Go runs f in a goroutine of its own.
func (v *Virtual) Go(f func()) {
	v.mu.Lock()
	v.busy++
	v.mu.Unlock()
	go func() {
		defer v.rest()
		f()
	}()
}

// Sleep returns nil when d of the virtual time has passed, or ctx's error when ctx ends before that.
func (v *Virtual) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	v.mu.Lock()
	v.number++
	s := &sleeper{ctx: ctx, at: v.now.Add(d), number: v.number, awake: make(chan struct{})}
	heap.Push(&v.sleepers, s)
	v.mu.Unlock()
	v.rest()
	select {
	case <-s.awake:
		return ctx.Err()
	case <-ctx.Done():
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if s.index >= 0 {
		heap.Remove(&v.sleepers, s.index)
		v.busy++
	}
	return ctx.Err() // else it was woken at the same moment, and counts as busy already
}

// rest counts one less at work, and lets time pass if that was the last.
func (v *Virtual) rest() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy--; v.busy > 0 || len(v.sleepers) == 0 {
		return
	}
	s := heap.Pop(&v.sleepers).(*sleeper)
	if s.at.After(v.now) && s.ctx.Err() == nil {
		v.now = s.at
	}
	v.busy++
	close(s.awake)
}

// sleeper is who waits for a time. Its index is its place in the heap, and less than 0 once it has left.
type sleeper struct {
	ctx    context.Context //nolint:containedctx // of its Sleep, in which it lives
	at     time.Time
	number int
	index  int
	awake  chan struct{}
}

// sleepers are a heap, the next to wake first.
type sleepers []*sleeper

func (s sleepers) Len() int { return len(s) }

func (s sleepers) Less(i, j int) bool {
	if s[i].at.Equal(s[j].at) {
		return s[i].number < s[j].number
	}
	return s[i].at.Before(s[j].at)
}

func (s sleepers) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].index, s[j].index = i, j
}

// Push and Pop are container/heap's.
func (s *sleepers) Push(x any) {
	one := x.(*sleeper)
	one.index = len(*s)
	*s = append(*s, one)
}

func (s *sleepers) Pop() any {
	last := len(*s) - 1
	one := (*s)[last]
	(*s)[last], one.index = nil, -1
	*s = (*s)[:last]
	return one
}

// Go runs f in a goroutine of its own, which the clock knows of if it has to.
func Go(clock any, f func()) {
	if v, ok := clock.(interface{ Go(f func()) }); ok {
		v.Go(f)
		return
	}
	go f()
}
