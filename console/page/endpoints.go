package page

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/awsapi"
	"sms-api/awslocal/eventbus"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/deployment"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// problem is an error as the endpoints answer it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

func badRequest(format string, args ...any) error {
	return &problem{"The request is not right", http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

func (b *Page) routes(mux *http.ServeMux) {
	mux.Handle("GET /inbox/stream", b.stream)
	mux.HandleFunc("/inbox/standin/", b.standin)
	for pattern, serve := range map[string]func(*http.Request) (any, error){
		"GET /inbox/system":           b.getSystem,
		"GET /inbox/phones":           b.getPhones,
		"GET /inbox/deliveries":       b.getDeliveries,
		"GET /inbox/messages":         b.getMessages,
		"GET /inbox/messages/{id}":    b.getMessage,
		"DELETE /inbox/messages/{id}": b.cancelMessage,
		"GET /inbox/machine":          func(*http.Request) (any, error) { return b.machine, nil },
		"GET /inbox/overview":         b.getOverview,
		"GET /inbox/events":           b.getEvents,
		"POST /inbox/events":          b.putEvent,
		"DELETE /inbox":               b.clear,
		"/inbox/": func(r *http.Request) (any, error) {
			return nil, &problem{"There is nothing here", http.StatusNotFound, r.Method + " " + r.URL.Path}
		},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			v, err := serve(r)
			var p *problem
			switch {
			case errors.As(err, &p):
				b.write(w, r, p.Status, "application/problem+json", p)
			case err != nil:
				b.options.Log.ErrorContext(r.Context(), "page not served", "path", r.URL.Path, "error", err)
				b.write(w, r, http.StatusInternalServerError, "application/problem+json", problem{
					Title: "This did not work", Status: http.StatusInternalServerError, Detail: "the log of the local system says why",
				})
			default:
				b.write(w, r, http.StatusOK, "application/json", v)
			}
		})
	}
}

func (b *Page) write(w http.ResponseWriter, r *http.Request, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		b.options.Log.ErrorContext(r.Context(), "page not served", "path", r.URL.Path, "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// The page is gone when this fails; there is nobody to tell.
	_, _ = w.Write(body)
}

// standin hands a request on to the stand-in's controls.
func (b *Page) standin(w http.ResponseWriter, r *http.Request) {
	r = r.Clone(r.Context())
	r.URL.Path = strings.TrimSuffix("/_standin/"+strings.TrimPrefix(r.URL.Path, "/inbox/standin/"), "/")
	r.URL.RawPath = ""
	b.options.Standin.ServeHTTP(w, r)
	b.stream.notify()
}

// page is the part of a list that is asked for.
type page struct {
	before int64
	limit  int
}

func pageOf(r *http.Request) (page, error) {
	const usual, most = 50, 200
	p := page{limit: usual}
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
func (l *list[T]) add(p page, number int64, item func() T) {
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
	if d.record != nil {
		v.Message, v.Reference = d.record.id, d.record.reference
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
		d.record != nil && d.record.matches(s.text)
}

func (s search) findsRecord(r *record) bool {
	return s.text == "" || r.matches(s.text) || s.digits != "" && strings.Contains(r.numbers, s.digits)
}

// phoneView is a phone with its newest message that was looked for.
type phoneView struct {
	Number string `json:"number"`
	// Count is how many of its messages were found.
	Count  int          `json:"count"`
	Newest deliveryView `json:"newest"`
}

func (b *Page) getPhones(r *http.Request) (any, error) {
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

func (b *Page) getDeliveries(r *http.Request) (any, error) {
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
		if (to == "" || d.To == to) && (id == "" || d.record != nil && d.record.id == id) && q.findsDelivery(d) {
			deliveries.add(p, d.number, d.view)
		}
	}
	return deliveries, nil
}

// linkNewest finds out to which messages the newest deliveries belong. Of messages that have settled this is known; the
// histories of those under way are read.
func (b *Page) linkNewest(ctx context.Context) {
	b.store.mu.Lock()
	records := b.store.suspects(b.store.linkNewest())
	b.store.mu.Unlock()
	if len(records) == 0 {
		return
	}
	for _, r := range records {
		if err := b.learnBatches(ctx, r); err != nil {
			b.options.Log.WarnContext(ctx, "deliveries not linked to their message", "message", r.id, "error", err)
		}
	}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.linkNewest()
}

// messageView is a message in a list.
type messageView struct {
	Number     int64                 `json:"number"`
	ID         string                `json:"id"`
	Status     message.MessageStatus `json:"status"`
	Reference  string                `json:"reference,omitempty"`
	Channel    message.Channel       `json:"channel"`
	Template   string                `json:"template,omitempty"`
	Caller     string                `json:"caller"`
	Recipients int                   `json:"recipients"`
	// Results counts the recipients by status, Last by the channel that was tried last.
	Results map[message.Status]int  `json:"results"`
	Last    map[message.Channel]int `json:"last"`
	Created time.Time               `json:"created"`
	SendAt  time.Time               `json:"sendAt,omitzero"`
	Settled time.Time               `json:"settled,omitzero"`
	Parked  *message.Parking        `json:"parked,omitempty"`
}

func (r *record) view() messageView {
	v := messageView{
		Number: r.number, ID: r.id, Status: message.Sending, Reference: r.reference, Channel: r.channel, Template: r.template,
		Caller: r.caller, Recipients: r.recipients, Created: r.created, SendAt: r.sendAt,
	}
	if r.outcome != nil {
		v.take(r.outcome)
	}
	return v
}

func (v *messageView) take(o *outcome) {
	v.Status, v.Settled, v.Results, v.Last = o.status, o.settled, o.results, o.last
}

// statusOpen is the filter for messages that have not settled.
const statusOpen = "open"

func (b *Page) getMessages(r *http.Request) (any, error) {
	p, err := pageOf(r)
	if err != nil {
		return nil, err
	}
	q, status := searchOf(r), r.FormValue("status")
	messages := newList[messageView]()
	b.store.mu.Lock()
	for record := range b.store.messages.newest {
		isOpen := record.outcome == nil
		if q.findsRecord(record) && (status == "" || isOpen && status == statusOpen || !isOpen && status == string(record.outcome.status)) {
			messages.add(p, record.number, record.view)
		}
	}
	b.store.mu.Unlock()
	var under []string
	for _, m := range messages.Items {
		if m.Settled.IsZero() {
			under = append(under, m.ID)
		}
	}
	now := b.outcomes(r.Context(), under)
	for i := range messages.Items {
		if o, ok := now[messages.Items[i].ID]; ok {
			messages.Items[i].take(countOutcome(o))
			messages.Items[i].Parked = o.Parked
		}
	}
	return messages, nil
}

// messageDetail is everything about one message, masked.
type messageDetail struct {
	message.Outcome

	Channel      message.Channel `json:"channel"`
	Template     string          `json:"template,omitempty"`
	Caller       string          `json:"caller"`
	SendAt       time.Time       `json:"sendAt,omitzero"`
	ExpiresAt    time.Time       `json:"expiresAt"`
	Fallback     fallbackView    `json:"fallback"`
	ExecutionARN string          `json:"executionArn"`
	// Cancellable says that cancelling is worth a try.
	Cancellable bool           `json:"cancellable"`
	Way         way            `json:"way"`
	Calls       []callView     `json:"calls"`
	Deliveries  []deliveryView `json:"deliveries"`
}

// fallbackView is a message's fallback without its texts.
type fallbackView struct {
	Enabled   bool              `json:"enabled"`
	After     message.Duration  `json:"after"`
	OnUnknown message.OnUnknown `json:"onUnknown,omitempty"`
	// OwnText says that the message brings a text of its own.
	OwnText bool `json:"ownText"`
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

func (b *Page) getMessage(r *http.Request) (any, error) {
	ctx, id := r.Context(), r.PathValue("id")
	m, o, err := b.executions.Outcome(ctx, id)
	if err != nil {
		return nil, notFound(err)
	}
	events, truncated, err := b.history(ctx, id)
	if err != nil {
		return nil, notFound(err)
	}
	w := readWay(events)
	w.Truncated = truncated
	mids := map[string]bool{}
	for i := range events {
		for _, batch := range batchesOf(&events[i]) {
			mids[batch.MID] = true
		}
	}
	detail := messageDetail{
		Outcome: o, Channel: m.Channel, Template: m.Template, Caller: m.Caller, SendAt: m.SendAt, ExpiresAt: m.ExpiresAt,
		Fallback: fallbackView{
			Enabled: m.Fallback.Enabled, After: m.Fallback.After, OnUnknown: m.Fallback.OnUnknown, OwnText: m.Fallback.Text != "",
		},
		ExecutionARN: b.executionARN(id),
		Cancellable:  o.Status == message.Scheduled || o.Status == message.Parked && len(mids) == 0,
		Way:          w, Calls: b.callsOf(w, mids), Deliveries: []deliveryView{},
	}
	b.linkNewest(ctx)
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for d := range b.store.deliveries.newest {
		if d.record != nil && d.record.id == id && len(detail.Deliveries) < maxShownDeliveries {
			detail.Deliveries = append(detail.Deliveries, d.view())
		}
	}
	return detail, nil
}

func notFound(err error) error {
	if errors.Is(err, execution.ErrNotFound) {
		return &problem{"There is no such message", http.StatusNotFound, "it was never here, or it has been forgotten"}
	}
	return err
}

// maxShownDeliveries is how many deliveries a message shows; the list of deliveries has all.
const maxShownDeliveries = 20

// maxHistory is how many events of a history are read: a message that waits for a receipt for a day has less.
const maxHistory = 5000

func (b *Page) history(ctx context.Context, id string) (events []types.HistoryEvent, truncated bool, err error) {
	in := &sfn.GetExecutionHistoryInput{ExecutionArn: aws.String(b.executionARN(id)), MaxResults: 1000, IncludeExecutionData: aws.Bool(true)}
	for {
		out, err := b.executions.Client.GetExecutionHistory(ctx, in)
		if err != nil {
			return nil, false, fmt.Errorf("history of message %s: %w", id, err)
		}
		events = append(events, out.Events...)
		if out.NextToken == nil {
			return events, false, nil
		}
		if len(events) >= maxHistory {
			return events, true, nil
		}
		in.NextToken = out.NextToken
	}
}

// callsOf are the calls to the vendor that were made for a message, oldest first.
func (b *Page) callsOf(w way, mids map[string]bool) []callView {
	calls := []callView{}
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	for _, call := range b.options.Standin.Calls() {
		v := callView{Call: call, Visit: w.during(call.At), Certain: call.MID != "" && mids[call.MID]}
		// The stand-in counts from the beginning again when it is reset, so an id counts only while the message was under way.
		under := !call.At.Before(w.Started.Add(-clockSlack)) && (w.Stopped.IsZero() || !call.At.After(w.Stopped.Add(clockSlack)))
		others := call.MID != "" && len(b.store.byMID[call.MID]) > 0
		if v.Certain && under || v.Visit >= 0 && !others {
			calls = append(calls, v)
		}
	}
	return calls
}

func (b *Page) cancelMessage(r *http.Request) (any, error) {
	o, err := b.executions.Cancel(r.Context(), r.PathValue("id"))
	var not *execution.NotCancellableError
	switch {
	case errors.As(err, &not):
		return nil, &problem{"The message cannot be cancelled any more", http.StatusConflict, not.Reason}
	case err != nil:
		return nil, notFound(err)
	}
	return o, nil
}

// overview is what has happened since the page was cleared.
type overview struct {
	Messages   map[message.MessageStatus]int `json:"messages"`
	Recipients map[message.Status]int        `json:"recipients"`
	// Last counts the recipients by the channel that was tried last.
	Last map[message.Channel]int `json:"last"`
	// Fallbacks are the recipients of AlimTalk messages who were sent an SMS in its place, of so many who were sent to.
	Fallbacks  int `json:"fallbacks"`
	FallbackOf int `json:"fallbackOf"`
	// Rejected are the events that could not be accepted.
	Rejected int     `json:"rejected"`
	Balance  float64 `json:"balance"`
	Usage    *usage  `json:"usage,omitempty"`
	Cost     *bill   `json:"cost,omitempty"`
	// Kept is how much the page remembers, and can at most.
	Kept map[string][2]int `json:"kept"`
}

// maxParked is how many of the messages that have been under way longest are asked whether they are parked.
const maxParked = 200

func (b *Page) getOverview(r *http.Request) (any, error) {
	s := b.store
	s.mu.Lock()
	var ids []string
	for _, record := range s.messages.items {
		if record.outcome == nil && len(ids) < maxParked {
			ids = append(ids, record.id)
		}
	}
	s.mu.Unlock()
	now := b.outcomes(r.Context(), ids)
	balance := b.options.Standin.Balance()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.totals
	o := overview{
		Messages: maps.Clone(t.messages), Recipients: maps.Clone(t.recipients), Last: maps.Clone(t.last),
		Fallbacks: t.fallbacks, FallbackOf: t.alimTalk, Rejected: t.rejected, Balance: balance,
		Kept: map[string][2]int{
			"deliveries": {len(s.deliveries.items), MaxDeliveries}, "messages": {len(s.messages.items), MaxMessages},
			"events": {len(s.events.items), MaxEvents},
		},
	}
	for _, record := range s.messages.items {
		if record.outcome == nil {
			o.Messages[cmp.Or(now[record.id].Status, message.Sending)]++
		}
	}
	if b.options.Traffic == nil {
		return o, nil
	}
	o.Usage = &usage{AlimTalk: t.phones["AT"], SMS: t.phones["SMS"], LMS: t.phones["LMS"], MMS: t.phones["MMS"]}
	o.Usage.count(b.states, t.started, b.options.Traffic.counts())
	cost := o.Usage.bill()
	o.Cost = &cost
	return o, nil
}

func (b *Page) getEvents(r *http.Request) (any, error) {
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

func (b *Page) putEvent(r *http.Request) (any, error) {
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

func (b *Page) clear(*http.Request) (any, error) {
	b.store.clear()
	if b.options.Traffic != nil {
		b.options.Traffic.reset()
	}
	b.stream.notify()
	return struct{}{}, nil
}

// systemView is what the page has to know of the system around it.
type systemView struct {
	AWSURL          string  `json:"awsUrl"`
	AligoURL        string  `json:"aligoUrl"`
	Region          string  `json:"region"`
	BusName         string  `json:"busName"`
	StateMachineARN string  `json:"stateMachineArn"`
	DetailType      string  `json:"detailType"`
	Speed           float64 `json:"speed"`
	Sender          string  `json:"sender"`
	ChannelName     string  `json:"channelName"`
	// Now is the time of this system, which may run faster than others'.
	Now time.Time `json:"now"`
}

func (b *Page) getSystem(*http.Request) (any, error) {
	return systemView{
		AWSURL: b.options.AWSURL, AligoURL: b.options.AligoURL, Region: awsapi.Region, BusName: b.options.BusName,
		StateMachineARN: b.executions.StateMachineARN, DetailType: statemachine.DetailTypeRequested, Speed: cmp.Or(b.options.Speed, 1),
		Sender: aligotest.Sender, ChannelName: aligotest.ChannelName, Now: b.executions.Now(),
	}, nil
}
