// Package quota holds what stands in for AWS to AWS's quotas: how often operations may be called in an account and region,
// how many functions may run at once, how much a table takes. A profile is JSON and says of each number where it is from.
//
// Profiles name what is limited; whoever does the work asks for it by that name. What no profile limits is not limited. The
// package is held to AWS by its profiles' sources alone: AWS documents token buckets, and that it may enlarge them at any time.
package quota

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// What is limited besides operations, which have the names that requests call them by: "AWSStepFunctions.StartExecution".
const (
	// Transitions are states entered and retries of all state machines.
	Transitions = "AWSStepFunctions.transitions"
	// Deliveries are events that are handed to targets.
	Deliveries = "AWSEvents.invocations"
	// Concurrency is how many functions run at once, and Unreserved how many of them may not be reserved.
	Concurrency = "Lambda.concurrency"
	Unreserved  = "Lambda.unreserved"
	// TableWrites and KeyWrites are write units of one table of DynamoDB, and of one partition key.
	TableWrites = "DynamoDB.tableWrites"
	KeyWrites   = "DynamoDB.keyWrites"
)

// Limit is a token bucket, or how many there may be at once.
type Limit struct {
	// Burst is the size of the bucket, and PerSecond what comes in.
	Burst     float64 `json:"burst,omitempty"`
	PerSecond float64 `json:"perSecond,omitempty"`
	// Most is how many there may be at once.
	Most int `json:"most,omitempty"`
	// Source is where the number is from, Seen the day on which it was read there, and Note what is not certain about it.
	Source string `json:"source"`
	Seen   string `json:"seen"`
	Note   string `json:"note,omitempty"`
}

// Profile has the limits of an account in a region, by name.
type Profile map[string]Limit

//go:embed seoul.json us-east-1.json new-account.json
var files embed.FS

// Names are the profiles that come with the package.
func Names() []string { return []string{"seoul", "us-east-1", "new-account"} }

// Open is the profile of this name, or that of a file.
func Open(name string) (Profile, error) {
	var text []byte
	var err error
	if slices.Contains(Names(), name) {
		text, err = files.ReadFile(name + ".json")
	} else if text, err = os.ReadFile(name); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("quotas %q: neither %s nor a file", name, strings.Join(Names(), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("quotas: %w", err)
	}
	p, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("quotas %s: %w", name, err)
	}
	return p, nil
}

// Parse reads a profile. The error says everything that is wrong with it.
func Parse(text []byte) (Profile, error) {
	var p Profile
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, err
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(p)) {
		l := p[name]
		switch {
		case l.Source == "" || l.Seen == "":
			wrong = append(wrong, fmt.Errorf("%s says no source, or no date", name))
		case l.Burst < 0 || l.PerSecond < 0 || l.Most < 0:
			wrong = append(wrong, fmt.Errorf("%s is less than nothing", name))
		case (l.Burst >= 1 && l.PerSecond > 0) == (l.Most > 0):
			wrong = append(wrong, fmt.Errorf("%s must have burst and perSecond, or else most", name))
		}
	}
	return p, errors.Join(wrong...)
}

// clock is the time in which buckets fill up.
type clock interface{ Now() time.Time }

// Limits are the limits at work. A nil *Limits limits nothing. It may be used by several goroutines at once.
type Limits struct {
	profile Profile
	clock   clock

	mu      sync.Mutex
	buckets map[string]*bucket
	// refused and delayed count, by name, what was throttled.
	refused, delayed map[string]int
}

// New makes limits whose buckets are full.
func New(p Profile, c clock) *Limits {
	return &Limits{profile: p, clock: c, buckets: map[string]*bucket{}, refused: map[string]int{}, delayed: map[string]int{}}
}

// bucket has tokens that were counted at some time; less than none are promised ones.
type bucket struct {
	tokens float64
	at     time.Time
}

// Most is how many there may be at once; ok is false when that is not limited.
func (l *Limits) Most(name string) (most int, ok bool) {
	if l == nil {
		return 0, false
	}
	limit, ok := l.profile[name]
	return limit.Most, ok && limit.Most > 0
}

// Take takes n tokens, and says whether they were there. What is refused is counted.
func (l *Limits) Take(name string, n float64) bool { return l.TakeOf(name, name, n) }

// TakeOf is Take from a bucket of its own: each table, and each key, has one of the same limit.
func (l *Limits) TakeOf(name, which string, n float64) bool {
	if l == nil {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, limit, ok := l.bucket(name, which)
	switch {
	case !ok:
		return true
	case b.tokens >= min(n, limit.Burst):
		b.tokens -= n
		return true
	}
	l.refused[name]++
	return false
}

// Reserve takes a token that may come later, and says how long it is until then: for what AWS delays and does not refuse.
func (l *Limits) Reserve(name string) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, limit, ok := l.bucket(name, name)
	if !ok {
		return 0
	}
	b.tokens--
	if b.tokens >= 0 {
		return 0
	}
	l.delayed[name]++
	return time.Duration(-b.tokens / limit.PerSecond * float64(time.Second))
}

// maxBuckets bounds the memory: a bucket that is full again is as good as none.
const maxBuckets = 10_000

// bucket is a bucket as it is now. The limits must be locked.
func (l *Limits) bucket(name, which string) (*bucket, Limit, bool) {
	limit, ok := l.profile[name]
	if !ok || limit.PerSecond == 0 {
		return nil, limit, false
	}
	now := l.clock.Now()
	b := l.buckets[which]
	if b == nil {
		if len(l.buckets) >= maxBuckets {
			maps.DeleteFunc(l.buckets, func(_ string, b *bucket) bool { return now.Sub(b.at) > time.Minute })
		}
		b = &bucket{tokens: limit.Burst, at: now}
		l.buckets[which] = b
	}
	b.tokens = min(limit.Burst, b.tokens+limit.PerSecond*now.Sub(b.at).Seconds())
	b.at = now
	return b, limit, true
}

// Refuse counts something as refused that is limited otherwise than by a bucket.
func (l *Limits) Refuse(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[name]++
}

// Throttled is how often something was refused, and how often delayed, so far and by name.
func (l *Limits) Throttled() (refused, delayed map[string]int) {
	if l == nil {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.refused), maps.Clone(l.delayed)
}
