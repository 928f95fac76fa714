package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"sms-api/awslocal/eventbus"
	"sms-api/console/page"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/message"
)

// phones are what the stand-in has delivered.
func (b *Inbox) phones() page.Part {
	return page.Part{Name: "phones", Endpoints: map[string]page.Endpoint{
		"GET /inbox/phones": b.getPhones, "GET /inbox/deliveries": b.getDeliveries, "GET /inbox/calls": b.getCalls,
	}}
}

// bus is what has passed over the event bus.
func (b *Inbox) bus() page.Part {
	return page.Part{Name: "events", Endpoints: map[string]page.Endpoint{
		"GET /inbox/events": b.getEvents, "POST /inbox/events": b.putEvent,
	}}
}

// standin are the stand-in's own controls.
func (b *Inbox) standin() page.Part {
	return page.Part{Name: "faults", Handlers: map[string]http.Handler{
		"/inbox/standin/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.Path = strings.TrimSuffix("/_standin/"+strings.TrimPrefix(r.URL.Path, "/inbox/standin/"), "/")
			r.URL.RawPath = ""
			b.options.Standin.ServeHTTP(w, r)
			// Pages that are told of a change look: to look is none, or they would never stop.
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				b.Changed()
			}
		}),
	}}
}

func badRequest(format string, args ...any) error {
	return page.BadRequest(fmt.Sprintf(format, args...))
}

// span is the part of a list that is asked for.
type span struct {
	before int64
	limit  int
}

func pageOf(r *http.Request) (span, error) {
	const usual, most = 50, 200
	p := span{limit: usual}
	if s := r.FormValue("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > most {
			return p, badRequest("limit must be from 1 to %d", most)
		}
		p.limit = n
	}
	if s := r.FormValue("before"); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 {
			return p, badRequest("before must be the next of a list")
		}
		p.before = n
	}
	return p, nil
}

// list is one page of a list. Total is how many there are on all pages.
type list[T any] struct {
	Items []T   `json:"items"`
	Total int   `json:"total"`
	Next  int64 `json:"next,omitempty"`
}

// add puts an item on the page, if it belongs there.
func (l *list[T]) add(p span, number int64, item func() T) {
	l.Total++
	switch {
	case p.before != 0 && number >= p.before:
	case len(l.Items) < p.limit:
		l.Items = append(l.Items, item())
	case l.Next == 0:
		// The number of the last one on the page.
		l.Next = number + 1
	}
}

func newList[T any]() list[T] { return list[T]{Items: []T{}} }

// deliveryView is a message on a phone as the page shows it.
type deliveryView struct {
	aligotest.PhoneMessage

	// Number is the place in the list.
	Number int64 `json:"number"`
	// Characters and Bytes are the length of the text, in CP949 as carriers count it.
	Characters int `json:"characters"`
	Bytes      int `json:"bytes"`
	// Price is Aligo's list price in won, without VAT.
	Price float64 `json:"price"`
	// Message is the id of the message it belongs to, if it came through this system.
	Message   string `json:"message,omitempty"`
	Reference string `json:"reference,omitempty"`
}

func (d *delivery) view() deliveryView {
	v := deliveryView{
		PhoneMessage: d.PhoneMessage, Number: d.number, Characters: len([]rune(d.Text)), Bytes: message.SMSBytes(d.Text),
		Price: listPrice(d.Type),
	}
	if d.origin != nil {
		v.Message, v.Reference = d.origin.id, d.origin.reference
	}
	return v
}

// search is what somebody looks for.
type search struct {
	text   string
	digits string
}

func searchOf(r *http.Request) search {
	s := search{text: strings.ToLower(strings.TrimSpace(r.FormValue("q")))}
	if digits, ok := digitsOf(s.text); ok {
		s.digits = digits
	}
	return s
}

// digitsOf gives the digits of a search that may be for a number.
func digitsOf(query string) (digits string, ok bool) {
	digits = strings.NewReplacer("-", "", " ", "", ".", "").Replace(query)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return digits, digits != ""
}

func (s search) findsDelivery(d *delivery) bool {
	return s.text == "" || s.digits != "" && strings.Contains(d.To, s.digits) || strings.Contains(d.searched, s.text) ||
		d.origin != nil && d.origin.matches(s.text)
}

// phoneView is a phone with its newest message that was looked for.
type phoneView struct {
	Number string `json:"number"`
	// Count is how many of its messages were found.
	Count  int          `json:"count"`
	Newest deliveryView `json:"newest"`
}

func (b *Inbox) getPhones(r *http.Request) (any, error) {
	p, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	q := searchOf(r)
	b.linkNewest(r.Context())
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	phones := newList[*phoneView]()
	known := map[string]*phoneView{}
	for d := range b.store.deliveries.newest {
		switch phone := known[d.To]; {
		case !q.findsDelivery(d):
		case phone != nil:
			phone.Count++
		default:
			phone = &phoneView{Number: d.To, Count: 1}
			known[d.To] = phone
			phones.add(p, d.number, func() *phoneView {
				phone.Newest = d.view()
				return phone
			})
		}
	}
	return phones, nil
}

func (b *Inbox) getDeliveries(r *http.Request) (any, error) {
	p, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	q, to, id := searchOf(r), r.FormValue("to"), r.FormValue("message")
	b.linkNewest(r.Context())
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	deliveries := newList[deliveryView]()
	for d := range b.store.deliveries.newest {
		if (to == "" || d.To == to) && (id == "" || d.origin != nil && d.origin.id == id) && q.findsDelivery(d) {
			deliveries.add(p, d.number, d.view)
		}
	}
	return deliveries, nil
}

// callView is a call to the vendor.
type callView struct {
	aligotest.Call

	// Visit is the index of the visit during which it was made, -1 if none is known.
	Visit int `json:"visit"`
	// Certain says that the vendor's id is the message's. Without that a call was made while one of the message's tasks ran;
	// another message's may have run then, too.
	Certain bool `json:"certain"`
}

// getCalls are the calls to the stand-in that were made for a message, oldest first.
func (b *Inbox) getCalls(r *http.Request) (any, error) {
	w, err := b.Way(r.Context(), r.FormValue("message"))
	if err != nil {
		return nil, err
	}
	mids := map[string]bool{}
	for _, c := range w.Calls {
		mids[c.MID] = true
	}
	calls := []callView{}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for _, call := range b.options.Standin.Calls() {
		v := callView{Call: call, Visit: w.During(call.At), Certain: call.MID != "" && mids[call.MID]}
		// The stand-in counts from the beginning again when it is reset, so an id counts only while the message was under way.
		under := !call.At.Before(w.Started.Add(-clockSlack)) && (w.Stopped.IsZero() || !call.At.After(w.Stopped.Add(clockSlack)))
		others := call.MID != "" && len(b.store.byMID[call.MID]) > 0
		if v.Certain && under || v.Visit >= 0 && !others {
			calls = append(calls, v)
		}
	}
	return calls, nil
}

func (b *Inbox) getEvents(r *http.Request) (any, error) {
	p, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	events := newList[*busEvent]()
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for e := range b.store.events.newest {
		events.add(p, e.Number, func() *busEvent { return e })
	}
	return events, nil
}

func (b *Inbox) putEvent(r *http.Request) (any, error) {
	var in struct {
		Source     string          `json:"source"`
		DetailType string          `json:"detailType"`
		Detail     json.RawMessage `json:"detail"`
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, deployment.EventSize+1))
	switch {
	case err != nil:
		return nil, badRequest("the body could not be read: %v", err)
	case len(body) > deployment.EventSize:
		return nil, badRequest("the body has more than %d bytes", deployment.EventSize)
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, badRequest("the body is not the JSON of an event: %v", err)
	}
	results, err := b.options.AWS.Events().Put(r.Context(), []eventbus.Entry{{
		Source: in.Source, DetailType: in.DetailType, Detail: string(in.Detail), EventBusName: b.options.BusName,
	}})
	var refused *eventbus.Error
	switch {
	case errors.As(err, &refused):
		return nil, badRequest("%s", refused.Message)
	case err != nil:
		return nil, fmt.Errorf("put an event: %w", err)
	case results[0].ErrorCode != "":
		return nil, badRequest("%s", results[0].ErrorMessage)
	}
	return map[string]string{"id": results[0].EventID}, nil
}
