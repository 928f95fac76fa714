// Package inbox is the page on a system that runs on one's own machine: its messages come from the system's records and
// executions, and beside them there are the phones with what the stand-in for Aligo delivered, the events on the bus, and
// switches for the stand-in's faults.
//
// Its endpoints beside those of package page; lists of these are newest first and have at most limit (1 to 200, default 50)
// entries, and next, if it is there, is the value of before for the following ones:
//
//	GET    /inbox/phones          phones with their newest message: ?q= text, number, reference or id, &before=, &limit=
//	GET    /inbox/deliveries      messages on phones: ?to= number, ?message= id, ?q= as above, &before=, &limit=
//	GET    /inbox/calls           calls to the stand-in that were made for ?message= id, with the visits of its way
//	GET    /inbox/events          events on the bus, masked: &before=, &limit=
//	POST   /inbox/events          put an event on the bus: {"source", "detailType", "detail"}; answers {"id"}
//	GET    /inbox/usage           what AWS and Aligo would charge since the page was cleared, and the wallet
//	DELETE /inbox                 clear: forget deliveries, events, usage, and no longer show messages that have settled
//	*      /inbox/standin/…       the stand-in's own controls, /_standin/…
//
// It keeps the newest 10,000 deliveries and 500 events, or 64 MiB of each if that is less.
package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/awsapi"
	"sms-api/console/page"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/internal/way"
	"sms-api/statemachine"
)

// Options is what the page shows. All fields are needed but Traffic and Log.
type Options struct {
	// Standin is whose phones are shown.
	Standin *aligotest.Standin
	// API is the HTTP API, as the page's caller uses it.
	API http.Handler
	// AWS is where the event buses are.
	AWS *awsapi.Endpoint
	// BusName is the name of the system's event bus.
	BusName string
	// Executions are the messages, and Records what is read of them.
	Executions *execution.Executions
	Records    *records.Store
	// Definition is the state machine in Amazon States Language.
	Definition string
	// AWSURL and AligoURL are where others find the endpoint and the stand-in, for the lines that the page shows.
	AWSURL, AligoURL string
	// Speed is how many times faster time runs than the browser's.
	Speed float64
	// Traffic counts the branches that executions take. Without it there are no figures on usage and cost.
	Traffic *Traffic
	Log     *slog.Logger
}

// Inbox is the page, an http.Handler for every path that is not the API's.
type Inbox struct {
	*page.Page

	options Options
	states  []asl.StateInfo
	store   *store

	mu      sync.Mutex
	cleared time.Time

	ways ways
}

// ways remembers the way that was read last if it has succeeded: that one can grow no more, and a page that looks at a message
// with 500 recipients asks for megabytes each time that something happens elsewhere. Others may be redriven.
type ways struct {
	mu sync.Mutex
	id string
	way.Way
}

// New makes the page and lets it listen to the buses and the stand-in: what they did before is not on it.
func New(o Options) (*Inbox, error) {
	machine, err := asl.Parse([]byte(o.Definition))
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Inbox{options: o, states: machine.States(), store: newStore()}
	b.Page, err = page.New(page.Options{
		Source: b, Definition: o.Definition, System: b.system, Log: o.Log,
		Parts: []page.Part{b.phones(), b.bus(), b.standin(), b.local(), {Name: "compose"}, b.campaigns()},
	})
	if err != nil {
		return nil, err
	}
	return b, b.listen(o)
}

func (b *Inbox) system() page.System {
	o := b.options
	return page.System{
		Name: "local", Speed: cmp.Or(o.Speed, 1), Now: o.Executions.Now(), Region: awsapi.Region,
		AWSURL: o.AWSURL, AligoURL: o.AligoURL, BusName: o.BusName, StateMachineARN: o.Executions.StateMachineARN,
		DetailType: statemachine.DetailTypeRequested, Sender: aligotest.Sender, ChannelName: aligotest.ChannelName,
	}
}

// since is when the page was cleared last; zero when it was not.
func (b *Inbox) since() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cleared
}

// Messages searches the records. What had settled when the page was cleared is left out.
func (b *Inbox) Messages(ctx context.Context, s page.Search) (page.Found, error) {
	const pages = 20 // of records that are left out
	var found page.Found
	since := b.since()
	q := records.Query{To: s.To, Reference: s.Reference, Campaign: s.Campaign, Status: s.Status, Limit: s.Limit, Cursor: s.Cursor}
	for range pages {
		p, err := b.options.Records.Search(ctx, q)
		switch {
		case errors.Is(err, records.ErrCursor):
			return page.Found{}, page.BadRequest("cursor is not one of this search")
		case err != nil:
			return page.Found{}, err
		}
		for _, f := range p.Found {
			if !since.IsZero() && f.Outcome.CreatedAt.Before(since) && !f.Outcome.SettledAt.IsZero() {
				continue
			}
			one := page.List(f.Outcome)
			if f.Recipient != nil {
				one.Recipients = []message.Result{*f.Recipient}
			}
			found.Messages = append(found.Messages, one)
		}
		if found.Cursor = p.Cursor; p.Cursor == "" || len(found.Messages) > 0 {
			break
		}
		q.Cursor = p.Cursor
	}
	return found, nil
}

// Message tells what has become of a message so far.
func (b *Inbox) Message(ctx context.Context, id string) (message.Outcome, error) {
	_, o, err := b.options.Executions.Outcome(ctx, id)
	return o, told(err)
}

// Way tells the way that it took. Who asks while the same is being read waits for it.
func (b *Inbox) Way(ctx context.Context, id string) (way.Way, error) {
	b.ways.mu.Lock()
	defer b.ways.mu.Unlock()
	if b.ways.id == id {
		return b.ways.Way, nil
	}
	w, err := b.options.Executions.Way(ctx, id)
	if err == nil && w.Status == string(types.ExecutionStatusSucceeded) {
		b.ways.id, b.ways.Way = id, w
	}
	return w, told(err)
}

// Cancel cancels it, whoever sent it.
func (b *Inbox) Cancel(ctx context.Context, id string) (message.Outcome, error) {
	o, err := b.options.Executions.Cancel(ctx, id)
	return o, told(err)
}

// told is an error as the page tells it.
func told(err error) error {
	var not *execution.NotCancellableError
	switch {
	case errors.As(err, &not):
		return page.NotCancellable(not.Reason)
	case errors.Is(err, execution.ErrNotFound):
		return page.NoMessage()
	}
	return err
}

// local is what only a system of one's own can do.
func (b *Inbox) local() page.Part {
	return page.Part{Name: "local", Endpoints: map[string]page.Endpoint{"GET /inbox/usage": b.getUsage, "DELETE /inbox": b.clear}}
}

// usageView is what has been used since the page was cleared.
type usageView struct {
	Usage *usage `json:"usage,omitempty"`
	Cost  *bill  `json:"cost,omitempty"`
	// Rejected are the events that could not be accepted.
	Rejected int     `json:"rejected"`
	Balance  float64 `json:"balance"`
	// Kept is how much the page remembers, and can at most.
	Kept map[string][2]int `json:"kept"`
}

func (b *Inbox) getUsage(*http.Request) (any, error) {
	balance := b.options.Standin.Balance()
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.totals
	v := usageView{Rejected: t.rejected, Balance: balance, Kept: map[string][2]int{
		"deliveries": {len(s.deliveries.items), MaxDeliveries}, "events": {len(s.events.items), MaxEvents},
	}}
	if b.options.Traffic == nil {
		return v, nil
	}
	v.Usage = &usage{AlimTalk: t.phones["AT"], SMS: t.phones["SMS"], LMS: t.phones["LMS"], MMS: t.phones["MMS"]}
	v.Usage.count(b.states, t.started, b.options.Traffic.counts())
	cost := v.Usage.bill()
	v.Cost = &cost
	return v, nil
}

func (b *Inbox) clear(*http.Request) (any, error) {
	b.mu.Lock()
	b.cleared = b.options.Executions.Now()
	b.mu.Unlock()
	b.store.clear()
	if b.options.Traffic != nil {
		b.options.Traffic.reset()
	}
	b.Changed()
	return struct{}{}, nil
}
