package inbox

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/message"
)

// What the page remembers, each the newest. What is older is gone from the page, though Step Functions and the stand-in
// may still know it.
const (
	// MaxDeliveries is how many messages on phones are kept.
	MaxDeliveries = 10_000
	// MaxEvents is how many events of the bus are kept.
	MaxEvents = 500
	// MaxBytes bounds each of them as well, in bytes of what they hold.
	MaxBytes = 64 << 20
)

// journal holds the newest things, numbered from 1 in the order in which they came.
type journal[T interface{ size() int }] struct {
	items []T
	// first is the number of items[0].
	first int64
	bytes int
	limit int
	// forgotten is told of what has to go.
	forgotten func(T)
}

// next is the number of what comes next.
func (j *journal[T]) next() int64 { return j.first + int64(len(j.items)) }

func (j *journal[T]) add(item T) {
	j.items = append(j.items, item)
	j.bytes += item.size()
	for len(j.items) > j.limit || j.bytes > MaxBytes && len(j.items) > 1 {
		oldest := j.items[0]
		// The array behind the slice lives on until append needs a new one.
		clear(j.items[:1])
		j.items = j.items[1:]
		j.first++
		j.bytes -= oldest.size()
		if j.forgotten != nil {
			j.forgotten(oldest)
		}
	}
}

// clear forgets everything; the numbers go on.
func (j *journal[T]) clear() {
	j.first = j.next()
	j.items, j.bytes = nil, 0
}

// newest goes through everything, newest first.
func (j *journal[T]) newest(yield func(T) bool) {
	for _, item := range slices.Backward(j.items) {
		if !yield(item) {
			return
		}
	}
}

// delivery is a message on a phone.
type delivery struct {
	aligotest.PhoneMessage

	number int64
	// searched is what a search looks at, in lower case.
	searched string
	// origin is the message it belongs to, nil while that is not known.
	origin *origin
}

// size is what it takes in memory, roughly.
func (d *delivery) size() int {
	n := 512 + len(d.Text) + len(d.searched)
	for _, b := range d.Buttons {
		n += 128 + len(b.Name) + len(b.Mobile) + len(b.PC) + len(b.IOS) + len(b.Android)
	}
	return n
}

// origin is a message that has led to deliveries, or may have.
type origin struct {
	id, reference, template string
	// numbers are the recipients' numbers, masked, each with a line break behind it.
	numbers string
	// batches are Aligo's ids of the calls it accepted, as far as they are known, and when it did. complete says that there
	// will be no more.
	batches  map[string]time.Time
	complete bool
}

func (o *origin) size() int {
	return 512 + len(o.numbers) + len(o.id) + len(o.reference) + len(o.template)
}

// matches tells whether a search finds the message by its id, reference or template.
func (o *origin) matches(query string) bool {
	return strings.Contains(o.id, query) || strings.Contains(strings.ToLower(o.reference), query) ||
		strings.Contains(strings.ToLower(o.template), query)
}

func (o *origin) wentTo(number string) bool {
	return strings.Contains(o.numbers, message.Phone(number).Masked()+"\n")
}

// busEvent is an event of the bus, masked.
type busEvent struct {
	Number     int64     `json:"number"`
	ID         string    `json:"id"`
	Source     string    `json:"source"`
	DetailType string    `json:"detailType"`
	Time       time.Time `json:"time"`
	// Message is the id of the message that it is about, if it says so.
	Message string          `json:"message,omitempty"`
	Detail  json.RawMessage `json:"detail"`
}

func (e *busEvent) size() int { return 512 + len(e.Detail) }

// totals count what has happened since the page was cleared, also what it has forgotten since.
type totals struct {
	rejected int
	started  int
	// phones counts what has arrived on phones, by type: AT, SMS, LMS, MMS.
	phones map[string]int
}

func newTotals() totals { return totals{phones: map[string]int{}} }

// store is what the page remembers of phones and buses. What became of messages is not in it.
type store struct {
	mu         sync.Mutex
	deliveries journal[*delivery]
	events     journal[*busEvent]
	origins    journal[*origin]
	byID       map[string]*origin
	byMID      map[string][]*origin
	totals     totals
}

func newStore() *store {
	s := &store{byID: map[string]*origin{}, byMID: map[string][]*origin{}, totals: newTotals()}
	s.deliveries = journal[*delivery]{first: 1, limit: MaxDeliveries}
	s.events = journal[*busEvent]{first: 1, limit: MaxEvents}
	s.origins = journal[*origin]{first: 1, limit: MaxDeliveries, forgotten: s.forgetOrigin}
	return s
}

func (s *store) forgetOrigin(o *origin) {
	delete(s.byID, o.id)
	for mid := range o.batches {
		s.byMID[mid] = slices.DeleteFunc(s.byMID[mid], func(other *origin) bool { return other == o })
		if len(s.byMID[mid]) == 0 {
			delete(s.byMID, mid)
		}
	}
}

// addDelivery notes what a phone has received.
func (s *store) addDelivery(m aligotest.PhoneMessage) {
	d := &delivery{PhoneMessage: m, searched: strings.ToLower(m.Text + "\n" + m.Title + "\n" + m.EmphasisTitle)}
	s.mu.Lock()
	defer s.mu.Unlock()
	d.number = s.deliveries.next()
	s.deliveries.add(d)
	s.totals.phones[m.Type]++
}

// addEvent notes an event of the bus.
func (s *store) addEvent(e busEvent, rejected bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rejected {
		s.totals.rejected++
	}
	e.Number = s.events.next()
	s.events.add(&e)
}

// startedOne notes that an execution was started.
func (s *store) startedOne() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.started++
}

// accepted notes the calls that Aligo has accepted for a message. complete says that these are all there will be.
func (s *store) accepted(m message.Outcome, batches []message.Batch, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.byID[m.ID]
	if o == nil {
		o = &origin{id: m.ID, reference: m.Reference, template: m.Template, batches: map[string]time.Time{}}
		var numbers strings.Builder
		for _, r := range m.Recipients {
			numbers.WriteString(r.To)
			numbers.WriteByte('\n')
		}
		o.numbers = numbers.String()
		s.byID[o.id] = o
		s.origins.add(o)
	}
	for _, b := range batches {
		if _, ok := o.batches[b.MID]; !ok {
			o.batches[b.MID] = b.At
			s.byMID[b.MID] = append(s.byMID[b.MID], o)
		}
	}
	o.complete = complete
}

// complete says that all calls that Aligo has accepted for a message are known.
func (s *store) complete(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.byID[id]
	return o != nil && o.complete
}

// link finds the message that a delivery belongs to, among what is known. The stand-in counts its ids from the beginning
// again when it is reset, so of several messages the one is meant that was accepted at about that time.
func (s *store) link(d *delivery) {
	if d.origin != nil {
		return
	}
	nearest := time.Duration(-1)
	for _, o := range s.byMID[d.MID] {
		if !o.wentTo(d.To) {
			continue
		}
		if apart := d.At.Sub(o.batches[d.MID]).Abs(); nearest < 0 || apart < nearest {
			d.origin, nearest = o, apart
		}
	}
}

// linkNewest links the newest deliveries, as far as it is known where they come from, and returns the others.
func (s *store) linkNewest() (unlinked []*delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for d := range s.deliveries.newest {
		if s.link(d); d.origin == nil {
			unlinked = append(unlinked, d)
		}
		if len(unlinked) == maxUnlinked {
			break
		}
	}
	return unlinked
}

// How many deliveries are looked at, of how many numbers messages are searched for, and how many of each, for one request of
// the page.
const (
	maxUnlinked = 200
	maxLooked   = 20
	maxSuspects = 5
)

// clockSlack is how much two times that were taken at once may differ: a message's are in milliseconds or seconds.
const clockSlack = 2 * time.Second

// clear forgets everything but where deliveries come from that may still arrive.
func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries.clear()
	s.events.clear()
	s.totals = newTotals()
}
