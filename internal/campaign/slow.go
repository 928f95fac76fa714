package campaign

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"sms-api/internal/message"
)

// Slow are chunks that make room for others: of most of their recipients it is known what became, or they were handed out long ago.
// A phone that is off has its receipt after up to 80 hours, and there may be one in every chunk. A million rows are 2,000 chunks,
// and 25,000 where forty fill one; in 391 Slow these take 90 KB of the 400 that an item may have.
type Slow struct {
	// First is the first chunk that may be among them, a multiple of 64. Open has a bit for each of the 64 from there on that is.
	First int    `json:"first"`
	Open  uint64 `json:"open"`
	Seen  Tally  `json:"seen"` // what was known of them when they were looked at last
	// Since is when the first of them was added, and Looked when they were looked at last, in seconds since 1970.
	Since  int64 `json:"since"`
	Looked int64 `json:"looked"`
}

const (
	// inSlow is how many chunks a Slow may have.
	inSlow = 64
	// mostSlow is how many Slow there may be: nothing more is handed out before one is gone, so that the item stays below 400 KB.
	mostSlow = 1000
	// slowATurn is how many of them are looked at in a turn. To cancel a chunk takes a tenth of a second, and a turn has 110.
	slowATurn = 4
	// slowAfter is after what time a chunk holds up no other, whatever became of it.
	slowAfter = 10 * time.Minute
)

// numbers are the chunks that are among them.
func (b Slow) numbers() []int {
	var all []int
	for i := range inSlow {
		if b.Open>>i&1 == 1 {
			all = append(all, b.First+i)
		}
	}
	return all
}

// due says that they are to be looked at: at first at each turn, and the longer it takes, the more rarely.
func (b Slow) due(now time.Time) bool {
	return now.Sub(time.Unix(b.Looked, 0)) >= patience(time.Duration(b.Looked-b.Since)*time.Second)
}

// patience is how long to wait for receipts before the next look when they have been waited for so long.
func patience(waited time.Duration) time.Duration { return min(max(step, waited/10), longest) }

// dueSlow are those that are looked at in this turn, those first that have not been for the longest time, and any of those that all are
// to be looked at anew.
func (c Campaign) dueSlow(now time.Time) []Slow {
	due := slices.DeleteFunc(slices.Clone(c.Slow), func(b Slow) bool { return !b.due(now) })
	rand.Shuffle(len(due), func(i, j int) { due[i], due[j] = due[j], due[i] })
	slices.SortStableFunc(due, func(a, b Slow) int { return cmp.Compare(a.Looked, b.Looked) })
	return due[:min(len(due), slowATurn)]
}

// lookAnew has all of them looked at as soon as may be.
func (c *Campaign) lookAnew() {
	for i := range c.Slow {
		c.Slow[i].Looked = 0
	}
}

// unlooked is how many of them are still to be looked at anew.
func (c *Campaign) unlooked() int {
	n := 0
	for _, b := range c.Slow {
		if b.Looked == 0 {
			n++
		}
	}
	return n
}

// slow adds a chunk to them.
func (c *Campaign) slow(number int, seen Tally, now time.Time) {
	first := number - number%inSlow
	at, found := slices.BinarySearchFunc(c.Slow, first, func(b Slow, first int) int { return cmp.Compare(b.First, first) })
	if !found {
		c.Slow = slices.Insert(c.Slow, at, Slow{First: first, Since: now.Unix(), Looked: now.Unix()})
	}
	c.Slow[at].Open |= 1 << (number - first)
	c.Slow[at].Seen.add(seen)
}

// sight is what a look at a chunk has found.
type sight struct {
	seen            Tally
	settled, parked bool
	// slow says that it holds up no other.
	slow bool
	// unread says that it could not be read, and undone that it could not be cancelled.
	unread, undone bool
}

func sightOf(o message.Outcome, now time.Time) sight {
	seen := tallyOf(o)
	return sight{
		seen: seen, settled: !o.SettledAt.IsZero(), parked: o.Status == message.Parked,
		slow: 2*seen.Pending <= seen.Accepted || now.Sub(o.CreatedAt) >= slowAfter,
	}
}

// rest is what stays known of those of some chunks that were not read: what was known of all, as nothing tells it apart, without what the
// others are by now. That is never more than is true of them, and together with the others never less than it was.
func rest(known Tally, numbers []int, found map[int]sight) Tally {
	var read Tally
	missing := false
	for _, number := range numbers {
		f, looked := found[number]
		read.add(f.seen)
		missing = missing || !looked || f.unread
	}
	if !missing {
		return Tally{}
	}
	return known.without(read)
}

// see takes down what became of chunks that are open, and of those slow ones that were looked at; refused is why one of them
// cannot be started. What was not found, for want of time, or could not be read stays as it was known.
func (c *Campaign) see(found map[int]sight, looked []Slow, refused string, now time.Time) {
	parked := refused
	counted := slices.DeleteFunc(slices.Clone(c.Open), func(number int) bool { return slices.Contains(c.Fresh, number) })
	c.Seen = rest(c.Seen, counted, found)
	c.Fresh = slices.DeleteFunc(c.Fresh, func(number int) bool { return found[number].settled || found[number].seen.Accepted > 0 })
	c.Open = slices.DeleteFunc(c.Open, func(number int) bool {
		if found[number].settled {
			c.Ended.add(found[number].seen)
		}
		return found[number].settled
	})
	// Few may stay, as they are looked at at each turn.
	crowded := len(c.Open) > atOnce/2
	c.Open = slices.DeleteFunc(c.Open, func(number int) bool {
		f := found[number]
		if f.parked {
			parked = parkedMessage
		} else if f.slow && crowded {
			c.slow(number, f.seen, now)
			return true
		}
		c.Seen.add(f.seen)
		return false
	})
	for i := range c.Slow {
		if b := &c.Slow[i]; slices.ContainsFunc(looked, func(l Slow) bool { return l.First == b.First }) {
			parked = c.seeSlow(b, found, parked, now)
		}
	}
	c.Slow = slices.DeleteFunc(c.Slow, func(b Slow) bool { return b.Open == 0 })
	switch {
	case c.Status == Sending && parked != "", c.Status == Parked && parked != "":
		c.Status, c.Cause = Parked, parked
	case c.Status == Parked:
		c.Status, c.Cause = Sending, ""
	}
}

// parkedMessage is why a campaign is parked of which a message is.
const parkedMessage = "a message of it is parked"

// seeSlow takes down what became of slow chunks. One that is parked is open again, for it to be looked at at each turn; where the
// campaign is parked for another, that will do.
func (c *Campaign) seeSlow(b *Slow, found map[int]sight, parked string, now time.Time) string {
	numbers := b.numbers()
	b.Seen = rest(b.Seen, numbers, found)
	left, again := false, false
	for _, number := range numbers {
		f, looked := found[number]
		left, again = left || !looked, again || f.unread || f.undone
		switch {
		case f.settled:
			c.Ended.add(f.seen)
		case f.parked && parked == "":
			parked, c.Open = parkedMessage, append(c.Open, number)
			c.Seen.add(f.seen)
		default:
			b.Seen.add(f.seen)
			continue
		}
		b.Open &^= 1 << (number - b.First)
	}
	switch {
	case left: // they stay as due as they were
	case again:
		// They are due at the next turn, though after those that were not looked at for longer.
		b.Since = now.Add(-step).Unix()
		b.Looked = b.Since
	default:
		b.Looked = now.Unix()
	}
	return parked
}
