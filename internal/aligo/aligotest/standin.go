// Package aligotest is a stand-in for Aligo: an HTTP handler that answers on the paths of both of its hosts as the vendor
// does, with a wallet, templates, a history, reservations and receipts that come later, and without a phone ringing
// anywhere. Certain numbers and faults make happen what one hopes never to see.
//
// In a test one line is enough:
//
//	server := aligotest.NewServer(t)
//	client := server.Client()
//
// Everything happens when somebody asks: the stand-in has no goroutines and no clock but Options.Now, so that it fits
// into a test with an injected clock or testing/synctest.
//
// Where nobody knows the vendor's wording of a refusal, the stand-in's own is in the vendor's style and marked as such.
package aligotest

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The stand-in's account. They are good for nothing anywhere else.
const (
	APIKey    = "standin0api0key0000000000000000"
	UserID    = "standin"
	SenderKey = "5tand1n00000000000000000000000000000cafe"
	Sender    = "0212345678"
	// ChannelName is the search name of the made-up shop's KakaoTalk channel.
	ChannelName = "@마실상점"
	// OtherUserID and OtherAPIKey are a second account's. It has a history of its own, and shares channel, templates, sender
	// numbers and wallet with the first.
	OtherUserID = "standin2"
	OtherAPIKey = "standin0api0key0000000000000002"
	// AdminPhone is the number of the channel's administrator and AuthNumber what Kakao sends there.
	AdminPhone = "01099990000"
	AuthNumber = "123456"
)

// Defaults of Options.
const (
	DefaultReceiptDelay = 5 * time.Second
	// DefaultBalance is in won.
	DefaultBalance = 1_000_000
	DefaultKeep    = 100_000
	DefaultSlow    = 60 * time.Second
)

// Options make a stand-in. The zero value is ready to use.
type Options struct {
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// ReceiptDelay is the time from a send to its receipt; 0 is DefaultReceiptDelay, less is none at all.
	ReceiptDelay time.Duration
	// Balance is what is in the wallet, in won; 0 is DefaultBalance.
	Balance float64
	// Senders are the registered sender numbers; none means Sender.
	Senders []string
	// RegisteredIPs are the addresses that may call; none means all.
	RegisteredIPs []string
	// TestModeSkipsIPCheck lets any address send AlimTalk in test mode, as one team found.
	TestModeSkipsIPCheck bool
	// HonourLimit makes pages of the Kakao history as long as was asked for. The vendor documents that, but was seen to
	// answer with 50 rows always, which is the default here.
	HonourLimit bool
	// SuccessZero makes the balance and cancel calls of the Kakao API answer code 0 as some saw, instead of 1 as documented.
	SuccessZero bool
	// Keep bounds the memory: how many recipients, phone messages and calls are remembered, each. The oldest calls are
	// forgotten first; 0 is DefaultKeep.
	Keep int
	// Slow is how long the faults slow and slow-body take; 0 is DefaultSlow.
	Slow time.Duration
	// Random decides about faults with a probability: 0 ≤ x < 1. Nil is math/rand/v2.
	Random func() float64
	// Behaviour is how Aligo behaves at the beginning and after Reset.
	Behaviour Behaviour
}

// PhoneMessage is what a phone would have received.
type PhoneMessage struct {
	ID int64 `json:"id"`
	// To is the number in digits.
	To string `json:"to"`
	// Channel is alimtalk or sms; Type is AT, SMS, LMS or MMS.
	Channel string `json:"channel"`
	Type    string `json:"type"`
	// From is the sender number of an SMS, the channel's name of an AlimTalk.
	From          string   `json:"from"`
	Text          string   `json:"text"`
	Title         string   `json:"title,omitempty"`
	EmphasisTitle string   `json:"emphasisTitle,omitempty"`
	Template      string   `json:"template,omitempty"`
	Buttons       []Button `json:"buttons,omitempty"`
	// Images is how many pictures an MMS had.
	Images int       `json:"images,omitempty"`
	MID    string    `json:"mid"`
	At     time.Time `json:"at"`
}

// Button is a button of an AlimTalk.
type Button struct {
	Name     string `json:"name"`
	Type     string `json:"linkType"`
	TypeName string `json:"linkTypeName,omitempty"`
	Mobile   string `json:"linkMo,omitempty"`
	PC       string `json:"linkPc,omitempty"`
	IOS      string `json:"linkIos,omitempty"`
	Android  string `json:"linkAnd,omitempty"`
}

// Call is one call to the vendor's API. It holds no credentials, numbers or texts.
type Call struct {
	Endpoint string    `json:"endpoint"`
	At       time.Time `json:"at"`
	// MID is the id of what the call made or asked about.
	MID string `json:"mid,omitempty"`
	// Recipients is how many recipients a send had.
	Recipients int `json:"recipients,omitempty"`
	// Accepted tells that a send was accepted, whether or not the caller came to know.
	Accepted bool `json:"accepted,omitempty"`
	// Code is the answer's code as it was sent; empty when the caller got something else.
	Code string `json:"code,omitempty"`
	// Fault is the fault that came over the call, a test number's included.
	Fault FaultKind `json:"fault,omitempty"`
}

// Standin is the stand-in. It is an http.Handler and safe for concurrent use.
type Standin struct {
	options Options
	mux     *http.ServeMux
	// bodies are the bodies of earlier answers, to write later ones into.
	bodies sync.Pool

	mu sync.Mutex
	state
	subscribers map[int]func(PhoneMessage)
	subscribed  int
}

// state is everything that Reset clears.
type state struct {
	// wallet is in tenths of a won.
	wallet   int
	batches  []*batch
	byMID    map[string]*batch
	rows     int
	due      dueHeap
	messages []PhoneMessage
	calls    []Call
	faults   []*Fault
	// registered are the addresses that may call; none means all.
	registered []string
	behaviour  Behaviour
	receipts   []Receipts
	templates  []*template
	profiles   []profile
	// authRequested are the channels that an authentication number was sent for.
	authRequested map[string]bool
	// resetOnce are the numbers with EndResetOnce that have had their reset.
	resetOnce map[string]bool
	ids

	// unsent are phone messages that the subscribers have not been told of.
	unsent []PhoneMessage
}

// ids count up from numbers like the vendor's, and go on when everything else is forgotten: no batch has the id of another one.
type ids struct {
	nextMID, nextSMSMID, nextRow, nextMessage int64
	nextTemplate                              int
}

// New returns a stand-in.
func New(o Options) *Standin {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	o.ReceiptDelay = max(0, cmp.Or(o.ReceiptDelay, DefaultReceiptDelay))
	o.Balance = cmp.Or(o.Balance, DefaultBalance)
	o.Keep = cmp.Or(o.Keep, DefaultKeep)
	o.Slow = cmp.Or(o.Slow, DefaultSlow)
	if len(o.Senders) == 0 {
		o.Senders = []string{Sender}
	}
	s := &Standin{options: o, subscribers: map[int]func(PhoneMessage){}}
	s.ids = ids{nextMID: 1306113822, nextSMSMID: 583009869, nextRow: 3246554255, nextMessage: 1, nextTemplate: 1}
	s.clear()
	s.routes()
	return s
}

func (s *Standin) clear() {
	s.state = state{
		registered: slices.Clone(s.options.RegisteredIPs), behaviour: s.options.Behaviour,
		wallet: won(s.options.Balance), byMID: map[string]*batch{}, templates: approvedTemplates(), profiles: []profile{shop()},
		authRequested: map[string]bool{}, resetOnce: map[string]bool{}, ids: s.ids,
	}
}

// won turns won into the wallet's unit, tenths of a won.
func won(w float64) int { return int(w*10 + 0.5) }

// Reset forgets everything but which ids there were, and fills the wallet again, like DELETE /_standin. Subscribers stay.
func (s *Standin) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clear()
}

// Messages are what phones would have received so far, oldest first.
func (s *Standin) Messages() []PhoneMessage {
	s.Advance()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Calls are the calls to the vendor's API so far, oldest first.
func (s *Standin) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// SetBalance sets the wallet, in won.
func (s *Standin) SetBalance(w float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wallet = won(w)
}

// Balance is what is in the wallet, in won.
func (s *Standin) Balance() float64 {
	s.Advance()
	s.mu.Lock()
	defer s.mu.Unlock()
	return float64(s.wallet) / 10
}

// SetRegisteredIPs says which addresses may call; none means all.
func (s *Standin) SetRegisteredIPs(ips []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.registered = slices.Clone(ips)
}

// RegisteredIPs are the addresses that may call; none means all.
func (s *Standin) RegisteredIPs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.registered)
}

// Subscribe calls hear for each phone message from now on, in no particular goroutine, until cancel is called. hear may
// use the stand-in.
func (s *Standin) Subscribe(hear func(PhoneMessage)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribed++
	id := s.subscribed
	s.subscribers[id] = hear
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.subscribers, id)
	}
}

// Advance lets happen what is due by the clock: reservations go out, failed AlimTalk is refunded. Every call to the
// stand-in does so first; a program that waits for a reservation without calling has to do it now and then.
func (s *Standin) Advance() {
	s.locked(func(time.Time) {})
}

// locked runs do with everything that is due done, and tells the subscribers afterwards.
func (s *Standin) locked(do func(now time.Time)) {
	s.mu.Lock()
	now := s.clock()
	s.advance(now)
	do(now)
	unsent := s.unsent
	s.unsent = nil
	var hearers []func(PhoneMessage)
	if len(unsent) > 0 {
		for _, id := range slices.Sorted(maps.Keys(s.subscribers)) {
			hearers = append(hearers, s.subscribers[id])
		}
	}
	s.mu.Unlock()
	for _, m := range unsent {
		for _, hear := range hearers {
			hear(m)
		}
	}
}

// A due is something that happens to a batch at a time.
type due struct {
	at    time.Time
	batch *batch
	do    func(*batch, time.Time)
}

type dueHeap []due

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is for container/heap.
func (h *dueHeap) Push(x any) {
	if d, ok := x.(due); ok {
		*h = append(*h, d)
	}
}

// Pop is for container/heap.
func (h *dueHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func (s *Standin) advance(now time.Time) {
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		if d, ok := heap.Pop(&s.due).(due); ok {
			d.do(d.batch, d.at)
		}
	}
}

func (s *Standin) at(t time.Time, b *batch, do func(*batch, time.Time)) {
	heap.Push(&s.due, due{t, b, do})
}

// A batch is an accepted call.
type batch struct {
	mid string
	// user is the account that made it.
	user string
	// kind is AT, SMS, LMS or MMS.
	kind              string
	sender, senderKey string
	template          string
	text, title       string
	images            int
	test              bool
	failover          bool
	acceptedAt        time.Time
	// day is that of acceptedAt in Korea, as 20060102.
	day string
	// listedAt is when the history has it, by the clock of Options.Now.
	listedAt         time.Time
	reservedFor      time.Time
	sentAt           time.Time
	cancelled, fired bool
	rows             []row
	// unit is the price of one message in tenths of a won.
	unit int
}

// A row is one recipient of a batch.
type row struct {
	id                        int64
	to, text                  string
	emphasisTitle, buttonJSON string
	buttons                   []Button
	// result is what the receipt is going to say: a letter of rslt, or an sms_state. Empty never says anything.
	result string
	// after is the time from the send to that; 0 is Options.ReceiptDelay. more are further rows for the same number.
	after time.Duration
	more  []ReceiptRow
	// arrives tells whether the phone gets it, which need not be what the receipt says; rings is how long after the send.
	arrives bool
	rings   time.Duration
	// fallback is the SMS of failover=Y, and fallbackMID its batch once it went out.
	fallbackText, fallbackTitle string
	fallbackMID                 string
}

// reserved tells whether the batch still waits for its time.
func (b *batch) reserved() bool { return !b.fired && !b.cancelled }

// reported tells whether the receipt of a row is there.
func (s *Standin) reported(b *batch, r *row, now time.Time) bool {
	return b.fired && !now.Before(b.sentAt.Add(r.wait(s.options.ReceiptDelay)))
}

// accept charges a batch, remembers it and sends it, now or when its time comes. The wallet must hold enough.
func (s *Standin) accept(b *batch, now time.Time) {
	id := &s.nextSMSMID
	if b.kind == kindAlimTalk {
		id = &s.nextMID
	}
	b.mid = strconv.FormatInt(*id, 10)
	*id++
	for i := range b.rows {
		b.rows[i].id = s.nextRow
		s.nextRow += 1 + int64(len(b.rows[i].more))
	}
	b.acceptedAt, b.day, b.listedAt = now, now.In(kst).Format("20060102"), s.ours(now).Add(time.Duration(s.behaviour.ListedAfter))
	if !b.test {
		s.wallet -= b.unit * len(b.rows)
	}
	s.batches = append(s.batches, b)
	s.byMID[b.mid] = b
	s.rows += len(b.rows)
	for s.rows > s.options.Keep && len(s.batches) > 1 {
		oldest := s.batches[0]
		s.batches = s.batches[1:]
		s.rows -= len(oldest.rows)
		delete(s.byMID, oldest.mid)
	}
	if b.reservedFor.After(now) {
		s.at(b.reservedFor, b, s.fire)
		return
	}
	s.fire(b, now)
}

// fire sends a batch out.
func (s *Standin) fire(b *batch, now time.Time) {
	if b.cancelled {
		return
	}
	b.fired, b.sentAt = true, now
	if b.test {
		return
	}
	if len(s.subscribers) > 0 {
		s.unsent = slices.Grow(s.unsent, len(b.rows))
	}
	for i := range b.rows {
		switch r := &b.rows[i]; {
		case r.rings > 0:
			s.at(now.Add(r.rings), b, func(b *batch, at time.Time) { s.ring(b, r, at) })
		case r.arrives:
			s.ring(b, r, now)
		}
	}
	if b.kind == kindAlimTalk && slices.ContainsFunc(b.rows, row.failed) {
		s.at(now.Add(s.options.ReceiptDelay), b, s.makeGood)
	}
}

// makeGood refunds the AlimTalk that failed, and sends the SMS of failover=Y in their place.
func (s *Standin) makeGood(b *batch, now time.Time) {
	instead := map[string]*batch{}
	var order []*batch
	for i := range b.rows {
		r := &b.rows[i]
		if !r.failed() {
			continue
		}
		s.wallet += b.unit
		if !b.failover || r.fallbackText == "" {
			continue
		}
		kind := kindOf(r.fallbackText, 0)
		if instead[kind] == nil {
			instead[kind] = &batch{kind: kind, user: b.user, sender: b.sender, text: r.fallbackText, title: r.fallbackTitle, unit: unitPrice(kind)}
			order = append(order, instead[kind])
		}
		instead[kind].rows = append(instead[kind].rows, s.smsRow(r.to, r.fallbackText))
	}
	for _, sms := range order {
		s.accept(sms, now)
		for i := range b.rows {
			if b.rows[i].failed() && kindOf(b.rows[i].fallbackText, 0) == sms.kind {
				b.rows[i].fallbackMID = sms.mid
			}
		}
	}
}

// ring lets a phone receive a message.
func (s *Standin) ring(b *batch, r *row, now time.Time) {
	m := PhoneMessage{
		ID: s.nextMessage, To: r.to, Channel: "sms", Type: b.kind, From: b.sender, Text: onPhone(r.text), Title: onPhone(b.title),
		Images: b.images, MID: b.mid, At: s.ours(now),
	}
	if b.kind == kindAlimTalk {
		m.Channel, m.From, m.Text, m.Title = "alimtalk", s.channelName(b.senderKey), r.text, ""
		m.EmphasisTitle, m.Template, m.Buttons = r.emphasisTitle, b.template, r.buttons
	}
	s.nextMessage++
	s.messages = keepLast(append(s.messages, m), s.options.Keep)
	if len(s.subscribers) > 0 {
		s.unsent = append(s.unsent, m)
	}
}

// called remembers a call.
func (s *Standin) called(c Call) {
	s.calls = keepLast(append(s.calls, c), s.options.Keep)
}

// keepLast forgets the oldest elements, a good part at a time. What is handed out is a copy.
func keepLast[T any](all []T, n int) []T {
	if len(all) <= n+n/4 {
		return all
	}
	return slices.Delete(all, 0, len(all)-n)
}

// stamp is the vendor's notation of a time.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(kst).Format(time.DateTime)
}

var kst = time.FixedZone("KST", 9*60*60)

// channelName is the name of the channel with a sender key.
func (s *Standin) channelName(key string) string {
	for _, p := range s.profiles {
		if p.senderKey == key {
			return p.uuid
		}
	}
	return fmt.Sprintf("(%s)", key)
}
