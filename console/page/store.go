package page

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
	// MaxMessages is how many messages are listed.
	MaxMessages = 10_000
	// MaxEvents is how many events of the bus are kept.
	MaxEvents = 500
	// MaxBytes bounds each of the three as well, in bytes of what they hold.
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
	// record is the message it belongs to, nil while that is not known.
	record *record
}

// size is what it takes in memory, roughly.
func (d *delivery) size() int {
	n := 512 + len(d.Text) + len(d.searched)
	for _, b := range d.Buttons {
		n += 128 + len(b.Name) + len(b.Mobile) + len(b.PC) + len(b.IOS) + len(b.Android)
	}
	return n
}

// record is a message.
type record struct {
	// heard says that the news of the end has come.
	heard               bool
	number              int64
	id, caller          string
	reference, template string
	channel             message.Channel
	recipients          int
	// numbers are the recipients' numbers, each with a line break behind it.
	numbers         string
	created, sendAt time.Time
	// redrives counts the redrives that are known of.
	redrives int
	// outcome is nil until the message has settled.
	outcome *outcome
	// batches are Aligo's ids of the calls it accepted, as far as they are known, and when it did. complete says that there
	// will be no more.
	batches  map[string]time.Time
	complete bool
}

func (r *record) size() int {
	return 512 + len(r.numbers) + len(r.id) + len(r.caller) + len(r.reference) + len(r.template)
}

// matches tells whether a search finds the message by its id, reference or template.
func (r *record) matches(query string) bool {
	return strings.Contains(r.id, query) || strings.Contains(strings.ToLower(r.reference), query) ||
		strings.Contains(strings.ToLower(r.template), query)
}

// outcome is what became of a message, counted in recipients.
type outcome struct {
	status  message.MessageStatus
	settled time.Time
	results map[message.Status]int
	// last counts the recipients by the channel that was tried last.
	last map[message.Channel]int
}

func countOutcome(o message.Outcome) *outcome {
	c := outcome{status: o.Status, settled: o.SettledAt, results: map[message.Status]int{}, last: map[message.Channel]int{}}
	for _, r := range o.Recipients {
		c.results[r.Status]++
		if r.Channel != "" {
			c.last[r.Channel]++
		}
	}
	return &c
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

// totals count what has settled since the page was cleared, also what it has forgotten since.
type totals struct {
	messages   map[message.MessageStatus]int
	recipients map[message.Status]int
	// last counts recipients by the channel that was tried last, and fallbacks those of them for whom that was not the
	// channel of the message.
	last      map[message.Channel]int
	alimTalk  int // recipients of messages of channel alimtalk that were sent to at all
	fallbacks int
	rejected  int
	started   int
	// phones counts what has arrived on phones, by type: AT, SMS, LMS, MMS.
	phones map[string]int
}

func newTotals() totals {
	return totals{messages: map[message.MessageStatus]int{}, recipients: map[message.Status]int{}, last: map[message.Channel]int{},
		phones: map[string]int{}}
}

// count adds a message that has settled, or takes it away with sign -1.
func (t *totals) count(r *record, sign int) {
	t.messages[r.outcome.status] += sign
	for status, n := range r.outcome.results {
		t.recipients[status] += sign * n
	}
	for channel, n := range r.outcome.last {
		t.last[channel] += sign * n
		if r.channel == message.AlimTalk {
			t.alimTalk += sign * n
			if channel == message.SMS {
				t.fallbacks += sign * n
			}
		}
	}
}

// store is what the page remembers.
type store struct {
	mu         sync.Mutex
	deliveries journal[*delivery]
	messages   journal[*record]
	events     journal[*busEvent]
	byID       map[string]*record
	byMID      map[string][]*record
	// unheard are messages that were asked after, found settled and cleared away before the news of their end came.
	unheard map[string]bool
	totals  totals
}

func newStore() *store {
	s := &store{byID: map[string]*record{}, unheard: map[string]bool{}, byMID: map[string][]*record{}, totals: newTotals()}
	s.deliveries = journal[*delivery]{first: 1, limit: MaxDeliveries}
	s.messages = journal[*record]{first: 1, limit: MaxMessages, forgotten: s.forgetRecord}
	s.events = journal[*busEvent]{first: 1, limit: MaxEvents}
	return s
}

func (s *store) forgetRecord(r *record) {
	delete(s.byID, r.id)
	for mid := range r.batches {
		s.byMID[mid] = slices.DeleteFunc(s.byMID[mid], func(other *record) bool { return other == r })
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

// started notes that a message was started, or redriven for the nth time. What comes late changes nothing.
func (s *store) started(m message.Message, redrives int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record(m)
	r := s.byID[m.ID]
	if redrives <= r.redrives {
		return
	}
	r.redrives = redrives
	if r.outcome != nil {
		s.totals.count(r, -1)
		r.outcome, r.complete = nil, false
	}
}

// record makes the record of a message if there is none.
func (s *store) record(m message.Message) *record {
	if r, ok := s.byID[m.ID]; ok {
		return r
	}
	r := &record{
		number: s.messages.next(), id: m.ID, caller: m.Caller, reference: m.Reference, template: m.Template, channel: m.Channel,
		recipients: len(m.Recipients), created: m.CreatedAt, sendAt: m.SendAt, batches: map[string]time.Time{},
	}
	var numbers strings.Builder
	for _, to := range m.Recipients {
		numbers.WriteString(string(to.To))
		numbers.WriteByte('\n')
	}
	r.numbers = numbers.String()
	s.byID[r.id] = r
	s.messages.add(r)
	s.totals.started++
	return r
}

// settled notes what became of a message after so many redrives. It is nil for the late news of a message that was
// settled and cleared away already.
func (s *store) settled(m message.Message, redrives int, o message.Outcome) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unheard[m.ID] {
		delete(s.unheard, m.ID)
		return nil
	}
	r := s.record(m)
	r.heard = true
	if redrives < r.redrives || redrives == r.redrives && r.outcome != nil {
		return r
	}
	if r.outcome != nil {
		s.totals.count(r, -1)
	}
	r.redrives, r.outcome = redrives, countOutcome(o)
	s.totals.count(r, 1)
	return r
}

// settledMeanwhile notes what became of a message that was asked after before the news of its end was heard.
func (s *store) settledMeanwhile(id string, o message.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.byID[id]; r != nil && r.outcome == nil && !o.SettledAt.IsZero() {
		r.outcome = countOutcome(o)
		s.totals.count(r, 1)
	}
}

// accepted notes the calls that Aligo has accepted for a message. complete says that these are all there will be.
func (s *store) accepted(r *record, batches []message.Batch, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID[r.id] != r {
		return // it has been forgotten meanwhile
	}
	for _, b := range batches {
		if _, ok := r.batches[b.MID]; !ok {
			r.batches[b.MID] = b.At
			s.byMID[b.MID] = append(s.byMID[b.MID], r)
		}
	}
	r.complete = complete
}

// link finds the message that a delivery belongs to, among what is known. The stand-in counts its ids from the beginning
// again when it is reset, so of several messages the one is meant that was accepted at about that time.
func (s *store) link(d *delivery) {
	if d.record != nil {
		return
	}
	nearest := time.Duration(-1)
	for _, r := range s.byMID[d.MID] {
		if !strings.Contains(r.numbers, d.To+"\n") {
			continue
		}
		if apart := d.At.Sub(r.batches[d.MID]).Abs(); nearest < 0 || apart < nearest {
			d.record, nearest = r, apart
		}
	}
}

// linkNewest links the newest deliveries, as far as it is known where they come from, and returns the others.
func (s *store) linkNewest() (unlinked []*delivery) {
	for d := range s.deliveries.newest {
		if s.link(d); d.record == nil {
			unlinked = append(unlinked, d)
		}
		if len(unlinked) == maxUnlinked {
			break
		}
	}
	return unlinked
}

// suspects are the messages that may have led to deliveries of which nobody knows where they come from, newest first.
func (s *store) suspects(unlinked []*delivery) []*record {
	var records []*record
	if len(unlinked) == 0 {
		return nil
	}
	for r := range s.messages.newest {
		if !r.complete && slices.ContainsFunc(unlinked, func(d *delivery) bool {
			return !r.created.After(d.At.Add(clockSlack)) && strings.Contains(r.numbers, d.To+"\n")
		}) {
			records = append(records, r)
		}
		if len(records) == maxSuspects {
			break
		}
	}
	return records
}

// How much is looked at, and how many histories are read at most, for one request of the page.
const (
	maxUnlinked = 200
	maxSuspects = 50
)

// clockSlack is how much two times that were taken at once may differ: a message's are in milliseconds or seconds.
const clockSlack = 2 * time.Second

// clear forgets everything but the messages that have not settled.
func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries.clear()
	s.events.clear()
	s.totals = newTotals()
	all := s.messages.items
	s.messages.clear()
	for _, r := range all {
		if r.outcome != nil {
			if !r.heard {
				s.unheard[r.id] = true
			}
			s.forgetRecord(r)
			continue
		}
		r.number = s.messages.next()
		s.messages.add(r)
	}
}
