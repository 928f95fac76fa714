package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/announce"
	"sms-api/internal/deadletter"
	"sms-api/internal/deadline"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/route"
	"sms-api/statemachine"
)

// Events handles MessageRequested events, and the events of other services that routes make messages of. All fields are
// needed. Who may put events on the bus is trusted; that is for the bus's policy to see to.
type Events struct {
	Executions interface {
		starter
		// Recorded is Find for what has a record.
		Recorded(ctx context.Context, id string) (m message.Message, ok bool, err error)
	}
	// Made keeps the first text that it is handed over for an id, and returns what it has kept, which may be nothing.
	Made interface {
		First(ctx context.Context, id, text string) (first string, err error)
		FirstOf(ctx context.Context, id string) (first string, err error)
	}
	// Account is the account that the bus is in.
	Account string
	// Bus is where MessageAccepted and MessageRejected go.
	Bus announce.Bus
	// Routes are the templates of the routes by their names.
	Routes map[string]*route.Template
	// Ads is what the stack says about advertising.
	Ads message.Ads
	// Limits are what callers may ask for; nil is no limit.
	Limits counter
	// OptOuts are those who want no advertising; OptOutsCoverInfo says that they want no other messages either. Nil is nobody.
	OptOuts          optOutBook
	OptOutsCoverInfo bool
	// Templates are checked against when they can be had.
	Templates templates
	Now       func() time.Time
	// Sleep waits on the clock of Now.
	Sleep func(ctx context.Context, d time.Duration) error
	Log   *slog.Logger
	// Rate is how many messages a second are started by all invocations together, Runs how many of these there are at a time.
	Rate, Runs int

	pause pause
}

// Acceptance is the detail of a MessageAccepted event: from it the producer of an event knows which message that has become.
type Acceptance struct {
	ID string `json:"id"`
	// IdempotencyKey is the request's, or the id of its event.
	IdempotencyKey string `json:"idempotencyKey"`
	message.Echo
	// CreatedAt is when the message was accepted first; a repetition does not change it.
	CreatedAt      time.Time `json:"createdAt"`
	RecipientCount int       `json:"recipientCount"`
}

// Rejection is the detail of a MessageRejected event.
type Rejection struct {
	Problem

	// Route is the name of the route that the event came by.
	Route string `json:"route,omitempty"`
	// IdempotencyKey is the request's, or the id of its event.
	IdempotencyKey string `json:"idempotencyKey"`
	Reference      string `json:"reference,omitempty"`
}

// caller is who asks with an event: its source, and where that is another account, which may claim any source, the account.
func (e *Events) caller(event events.EventBridgeEvent) string {
	if event.AccountID != "" && event.AccountID != e.Account {
		return "event:" + event.AccountID + ":" + event.Source
	}
	return "event:" + event.Source
}

// Handed is what a rule hands over: a MessageRequested event as it is, or the name of a route and the event beside it that the
// route makes a message of. What EventBridge could not hand over is the event alone, in either case.
//
// Rules of stacks from before hand over a MessageRequested event that an input transformer has made of such an event. While a
// stack is upgraded some of those are still under way; they are read as what they say they are.
type Handed struct {
	// EventBridgeEvent is the event, and Text how it was written.
	events.EventBridgeEvent

	Text json.RawMessage
	// Route is the name of the route that the event came by; empty if that is not said.
	Route string
	// Rule is the ARN of the rule that could not hand the event over; empty if that is not said.
	Rule string

	// first says that the event waited in the queue and comes for the first time.
	first bool
}

// UnmarshalJSON reads what a rule hands over, also as a dead letter.
func (h *Handed) UnmarshalJSON(text []byte) error {
	var all struct {
		events.EventBridgeEvent

		Route string          `json:"route"`
		Event json.RawMessage `json:"event"`
	}
	var err error
	if h.Text, err = deadletter.Read(text, &all); err != nil {
		return err
	}
	h.EventBridgeEvent, h.Route = all.EventBridgeEvent, all.Route
	if h.Route == "" {
		return nil
	}
	if h.Text, err = deadletter.Read(all.Event, &h.EventBridgeEvent); err != nil {
		return fmt.Errorf("route %s: %w", h.Route, err)
	}
	return nil
}

// ruleARN is the attribute in which EventBridge says whose event it has put into the queue for dead letters.
//
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
const ruleARN = "RULE_ARN"

// read reads a message of the queue, or of that for dead letters.
func (h *Handed) read(m events.SQSMessage) error {
	if err := h.UnmarshalJSON([]byte(m.Body)); err != nil {
		return err
	}
	if arn := m.MessageAttributes[ruleARN].StringValue; arn != nil {
		h.Rule = *arn
	}
	var replay struct {
		Name string `json:"replay-name"`
	}
	// What operators hand over says nothing of where it comes from.
	h.first = m.EventSource == queueSource && m.Attributes["ApproximateReceiveCount"] == "1" &&
		json.Unmarshal(h.Text, &replay) == nil && replay.Name == ""
	return nil
}

// queueSource is the source of what Lambda takes out of a queue.
const queueSource = "aws:sqs"

// spare is what is left of the function's time when that of its calls is over, so that it says itself what has failed.
const spare = 2 * time.Second

// Call is what the function is invoked with: events that waited in the queue, or what a rule hands over itself. The latter
// comes from rules of stacks from before, while a stack is upgraded, and from operators with a dead letter.
type Call struct {
	Records []events.SQSMessage
	Handed  Handed
}

// UnmarshalJSON reads either. Operators may also pass on the answer of aws sqs receive-message as it is: its Messages have the
// members of Lambda's Records, but for capital letters, which encoding/json takes for the same.
//
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
func (c *Call) UnmarshalJSON(text []byte) error {
	var batch struct{ Records, Messages []events.SQSMessage }
	if json.Unmarshal(text, &batch) == nil {
		switch {
		case len(batch.Records) > 0 && batch.Records[0].EventSource == queueSource:
			c.Records = batch.Records
			return nil
		case len(batch.Messages) > 0:
			c.Records = batch.Messages
			return nil
		}
	}
	return c.Handed.UnmarshalJSON(text)
}

// roomForOne is how much of the function's time must be left for it to begin with another event.
const roomForOne = 8 * time.Second

// Invoke takes events, in their order, and says which of the queue's were in vain: they come again. Each message that it starts
// takes its share of a second, so that no more are started than are sent; what was started before does not.
func (e *Events) Invoke(ctx context.Context, call Call) (events.SQSEventResponse, error) {
	var r events.SQSEventResponse
	if call.Records == nil {
		return r, e.Handle(ctx, call.Handed)
	}
	share := time.Second * time.Duration(e.Runs) / time.Duration(e.Rate)
	for _, record := range call.Records {
		again := func() {
			r.BatchItemFailures = append(r.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: record.MessageId})
		}
		end, ends := ctx.Deadline()
		var handed Handed
		switch err := handed.read(record); {
		case ends && time.Until(end) < roomForOne+share:
			again()
			continue
		case err != nil:
			e.Log.LogAttrs(ctx, slog.LevelError, "event not handled", slog.String("error", err.Error()))
			again()
			continue
		}
		begin := e.Now()
		started, err := e.handle(ctx, handed)
		if err != nil {
			again()
		}
		if started {
			// When the time is over, so is the sleep, and nothing else begins.
			_ = e.Sleep(ctx, share-e.Now().Sub(begin))
		}
	}
	return r, nil
}

// Handle starts the message that an event asks for, and announces it with MessageAccepted. What cannot be accepted becomes one
// MessageRejected, and that is no error. An error is ours: Lambda tries again, and then puts the event into the dead-letter
// queue. The same event may come any number of times, and as a dead letter; each time it is announced anew. So it is when the
// bus did not take the announcement: the message is started by then, and the next try finds it and says so.
func (e *Events) Handle(ctx context.Context, handed Handed) error {
	_, err := e.handle(ctx, handed)
	return err
}

// handle is Handle, and says whether it has started a message. What fails stands in the log: of a message of the queue nobody
// else is told why.
func (e *Events) handle(ctx context.Context, handed Handed) (started bool, err error) {
	handed.Route = e.route(handed)
	attributes := []slog.Attr{slog.String("event", handed.ID), slog.String("source", handed.Source)}
	if handed.Route != "" {
		attributes = append(attributes, slog.String("route", handed.Route))
	}
	if handed.Route == "" && optOutEvent(handed.DetailType) {
		err = e.optOut(ctx, handed.EventBridgeEvent)
	} else {
		started, err = e.start(ctx, handed, attributes)
	}
	if err != nil {
		e.Log.LogAttrs(ctx, slog.LevelError, "event not handled", append(attributes, slog.String("error", err.Error()))...)
		err = fmt.Errorf("event %s: %w", handed.ID, err)
	}
	return started, err
}

// start starts the message that an event asks for, and announces what has become of it.
func (e *Events) start(ctx context.Context, handed Handed, attributes []slog.Attr) (started bool, _ error) {
	ctx, cancel := deadline.Before(ctx, spare)
	defer cancel()
	asked, err := e.read(handed)
	if err != nil {
		return false, err
	}
	event, r := handed.EventBridgeEvent, asked.request
	key := r.IdempotencyKey
	if key == "" {
		key = event.ID
	}
	if key == "" {
		return false, errors.New("without id and idempotencyKey it could not be told from its repetitions")
	}
	d := door{
		executions: e.Executions, check: templateCheck{templates: e.Templates, now: e.Now, log: e.Log, pause: &e.pause}, now: e.Now,
		rules: e.rules(), explain: asked.explain,
	}
	var m message.Message
	var replayed bool
	if err = asked.refusal(); err == nil {
		s := submission{caller: e.caller(event), key: key, requestedAt: event.Time}
		switch {
		case r.IdempotencyKey == "" && handed.Route != "":
			err = e.keyOfRoute(ctx, handed, r, &s)
		case key == event.ID:
			err = e.keyOfEvent(handed, r, &s)
		}
		if err == nil {
			m, replayed, err = d.submit(ctx, r, s)
		}
	}
	var refusal *problemError
	switch {
	case err == nil:
		e.Log.LogAttrs(ctx, slog.LevelInfo, "message accepted", append(attributes, slog.String("message", m.ID),
			slog.Bool("replayed", replayed))...)
		return !replayed, e.Bus.Put(ctx, statemachine.DetailTypeAccepted, Acceptance{
			ID: m.ID, IdempotencyKey: key, Echo: m.Echo, CreatedAt: m.CreatedAt, RecipientCount: len(m.Recipients),
		})
	case !errors.As(err, &refusal):
		return false, err
	}
	e.Log.LogAttrs(ctx, slog.LevelWarn, "event rejected", append(attributes, slog.String("problem", refusal.Type),
		slog.Int("errors", len(refusal.Errors)))...)
	return false, e.Bus.Put(ctx, statemachine.DetailTypeRejected,
		Rejection{Problem: refusal.Problem, Route: handed.Route, IdempotencyKey: key, Reference: r.Reference})
}

// beside is a key that belongs to an event. No key that somebody gives has a space in it.
func beside(event, what string) string { return event + " " + what }

// keyOfRoute sets the key of a message that a route makes of an event without a key of its own: the event's id with the message's
// fingerprint. Which other routes there are has no part in it, so that they may come and go while the event waits or is replayed, and
// routes that make the very same message send it once. What the key was first it stays: a route that makes another message of
// the event by now is in conflict with its first. The event waits for the table, without which nothing is sent.
func (e *Events) keyOfRoute(ctx context.Context, handed Handed, r message.Request, s *submission) error {
	key, conflict, err := e.newKey(ctx, handed, r.Fingerprint(), s.caller)
	if err != nil {
		return err
	}
	id, err := messageID(s.caller, beside(handed.ID, handed.Route))
	if err != nil {
		return err
	}
	s.key, s.first = key, func(ctx context.Context, keep bool) (string, error) {
		// What is in conflict with an earlier version's is no first key. What this route has sent itself is a replay all the same.
		if keep && !conflict {
			return e.Made.First(ctx, id, key)
		}
		kept, err := e.Made.FirstOf(ctx, id)
		return cmp.Or(kept, key), err
	}
	return nil
}

// keyOfEvent has it kept that a message has an event's id as key, where routes take the event: newKey is to know that no earlier version
// has sent it, also when a route without a key has come meanwhile.
func (e *Events) keyOfEvent(handed Handed, r message.Request, s *submission) error {
	takes := func(t *route.Template) bool { return t.CouldTake(handed.Text) }
	if !slices.ContainsFunc(slices.Collect(maps.Values(e.Routes)), takes) {
		return nil
	}
	// No route has a fingerprint for its name.
	id, err := messageID(s.caller, beside(handed.ID, r.Fingerprint()))
	s.first = func(ctx context.Context, keep bool) (string, error) {
		if !keep {
			return handed.ID, nil
		}
		_, err := e.Made.First(ctx, id, handed.ID)
		return handed.ID, err
	}
	return err
}

// newKey is the key of what a route has not made before. It is the event's id where the event, or a route with that key, asks for the same;
// and where an earlier version, whose key that was, has sent it. conflict says that an earlier version has sent what nothing makes any
// more, perhaps for this route.
func (e *Events) newKey(ctx context.Context, handed Handed, fingerprint, caller string) (key string, conflict bool, _ error) {
	made := map[string]bool{fingerprint: true}
	for _, other := range e.underID(handed) {
		f := other.request.Fingerprint()
		if made[f] = true; f == fingerprint && other.keyed {
			return handed.ID, false, nil
		}
	}
	id, err := messageID(caller, handed.ID)
	if err != nil {
		return "", false, err
	}
	if handed.first {
		// Step Functions need not be asked: an earlier version has handled it only if EventBridge has delivered it twice.
		m, ok, err := e.Executions.Recorded(ctx, id)
		if ok && m.Fingerprint == fingerprint {
			return handed.ID, false, err
		}
		return beside(handed.ID, fingerprint), false, err
	}
	m, err := e.Executions.Find(ctx, id)
	switch {
	case errors.Is(err, execution.ErrNotFound):
	case err != nil:
		return "", false, err
	case m.Fingerprint == fingerprint:
		return handed.ID, false, nil
	case !made[m.Fingerprint]:
		// A template that has been changed since made it, of this route or another. It is another's if this version has sent it.
		if id, err = messageID(caller, beside(handed.ID, m.Fingerprint)); err != nil {
			return "", false, err
		}
		if kept, err := e.Made.FirstOf(ctx, id); err != nil || kept == "" {
			return handed.ID, true, err
		}
	}
	return beside(handed.ID, fingerprint), false, nil
}

// routed is a request that a route makes of an event; keyed says that the event's id is its key, as it is of what the event asks
// for itself.
type routed struct {
	request message.Request
	keyed   bool
}

// underID are the requests that are made of an event and had its id as key in an earlier version, or have it.
func (e *Events) underID(handed Handed) []routed {
	var all []routed
	for _, name := range append(slices.Collect(maps.Keys(e.Routes)), "") {
		if name != "" && !e.Routes[name].CouldTake(handed.Text) {
			continue
		}
		handed.Route = name
		a, err := e.read(handed)
		if err != nil || a.refusal() != nil {
			continue
		}
		if key := a.request.IdempotencyKey; key == "" || key == handed.ID {
			all = append(all, routed{a.request, name == "" || key != ""})
		}
	}
	return all
}

// Try says what Handle would make of what a rule hands over, right now: the message request, and everything that is wrong with
// it, as far as that can be said without the list of templates. Only Account, Routes and Ads are needed. The error is one that
// Handle has, too, or says that the request is none.
func (e *Events) Try(handed Handed, now time.Time) (request []byte, wrong []message.ValidationError, err error) {
	asked, err := e.read(handed)
	switch {
	case err != nil:
		return nil, nil, err
	case asked.filled != nil && len(asked.filled.Problems) > 0:
		return nil, asked.filled.Problems, nil
	case asked.syntax != nil:
		return nil, nil, asked.syntax
	}
	request = handed.Detail
	if asked.filled != nil {
		request = asked.filled.Request
	}
	_, wrong = message.Accept(asked.request, message.Acceptance{
		ID: handed.ID, Caller: e.caller(handed.EventBridgeEvent), Now: now, Ads: e.Ads,
	})
	return request, asked.explain(wrong), nil
}

// asked is what an event asks for.
type asked struct {
	request message.Request
	// syntax says that the request is not one.
	syntax *message.SyntaxError
	// filled is what the request was made of; nil without a route.
	filled *route.Filled
}

// read reads the request that was handed over, or makes it. The error is ours.
func (e *Events) read(handed Handed) (a asked, err error) {
	detail := handed.Detail
	switch {
	case handed.Route != "":
		if a.filled, err = e.fill(handed); err != nil {
			return a, err
		}
		detail = a.filled.Request
	case handed.DetailType != statemachine.DetailTypeRequested:
		return a, fmt.Errorf("it has the detail-type %q, not %s, and not one route is the only one that could have brought it",
			handed.DetailType, statemachine.DetailTypeRequested)
	}
	a.request, err = message.DecodeEvent(detail)
	if err != nil && !errors.As(err, &a.syntax) {
		return a, err
	}
	return a, nil
}

// fill fills the template of a route in. A route that this function does not know is one that the stack has no more, or not
// yet in what runs here: it is worth another try, and then an operator's look at the dead letter, rather than a lost event.
func (e *Events) fill(handed Handed) (*route.Filled, error) {
	template, ok := e.Routes[handed.Route]
	if !ok {
		return nil, fmt.Errorf("it came by the route %q, which is not known here", handed.Route)
	}
	filled, err := template.Fill(handed.Text)
	if err != nil {
		return nil, fmt.Errorf("route %s: %w", handed.Route, err)
	}
	return &filled, nil
}

// route is the name of the route that an event came by, or was to come by: EventBridge puts what it cannot hand over into the
// queue for dead letters as it was, without what the rule would have added. It names the rule beside it. Without that it is the
// one route whose pattern could have let the event through; with several it could be a message that nobody has asked for.
func (e *Events) route(handed Handed) string {
	switch {
	case handed.Route != "":
		return handed.Route
	case handed.Rule != "":
		return route.OfRule(handed.Rule, maps.Keys(e.Routes))
	case handed.DetailType == statemachine.DetailTypeRequested, optOutEvent(handed.DetailType):
		return ""
	}
	var could []string
	for name, template := range e.Routes {
		if template.CouldTake(handed.Text) {
			could = append(could, name)
		}
	}
	if len(could) != 1 {
		return ""
	}
	return could[0]
}

// refusal is what makes the request none that could be submitted: a *problemError, or nil.
func (a asked) refusal() error {
	switch {
	case a.syntax != nil:
		return problemMalformed(a.syntax.Detail)
	case a.filled != nil && len(a.filled.Problems) > 0:
		return problemInvalid(a.filled.Problems)
	}
	return nil
}

// explain adds to problems where they come from, if the request was made by a route.
func (a asked) explain(problems []message.ValidationError) []message.ValidationError {
	if a.filled == nil {
		return problems
	}
	return a.filled.Explain(problems)
}
