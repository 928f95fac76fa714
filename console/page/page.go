// Package page is the page of the local system on which developers see what a phone would see, and the way it took: the
// phones with the messages that the stand-in for Aligo delivered, each message with its way through the state machine, a
// form to send more, switches for the stand-in's faults, and the contract of the API.
//
// The page is plain HTML, CSS and ES modules. It uses the API (/v1/…) and these endpoints, which are JSON in and out;
// errors are problem documents (RFC 9457). Lists are newest first and have at most limit (1 to 200, default 50) entries;
// next, if it is there, is the value of before for the following ones.
//
//	GET    /inbox/system          addresses, names and limits of this local system
//	GET    /inbox/stream          server-sent events: change, whenever something below is different from before
//	GET    /inbox/phones          phones with their newest message: ?q= text, number, reference or id, &before=, &limit=
//	GET    /inbox/deliveries      messages on phones: ?to= number, ?message= id, ?q= as above, &before=, &limit=
//	GET    /inbox/messages        messages: ?q= id, reference, template or number, ?status= open or a final status, &before=, &limit=
//	GET    /inbox/messages/{id}   one message: outcome, way through the state machine, deliveries, calls to the vendor; masked
//	DELETE /inbox/messages/{id}   cancel it, whoever sent it; 409 if it is too late
//	GET    /inbox/machine         the state machine as a drawing: nodes and edges with their places
//	GET    /inbox/overview        counts, usage and cost since the page was cleared
//	GET    /inbox/events          events on the bus, masked: &before=, &limit=
//	POST   /inbox/events          put an event on the bus: {"source", "detailType", "detail"}; answers {"id"}
//	DELETE /inbox                 clear: forget deliveries, events, counts and all messages that have settled
//	*      /inbox/standin/…       the stand-in's own controls, /_standin/…
//
// It keeps the newest 10,000 messages and 10,000 deliveries, or 64 MiB of each if that is less.
package page

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"

	"sms-api/awslocal/asl"
	"sms-api/awslocal/awsapi"
	"sms-api/internal/aligo/aligotest"
	"sms-api/internal/execution"
	"sms-api/internal/message"
)

// Options is what the page shows. All fields are needed but Traffic and Log.
type Options struct {
	// Standin is whose phones are shown.
	Standin *aligotest.Standin
	// AWS is where the event buses are.
	AWS *awsapi.Endpoint
	// BusName is the name of the system's event bus.
	BusName string
	// Executions are the messages. Their client is used from the first request on.
	Executions *execution.Executions
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

// Page is the page and its endpoints, an http.Handler for every path that is not the API's.
type Page struct {
	options    Options
	executions *execution.Executions
	states     []asl.StateInfo
	machine    graph
	store      *store
	stream     *stream
	handler    http.Handler
}

// New makes the page and lets it listen to the buses and the stand-in: what happened before is not on it.
func New(o Options) (*Page, error) {
	machine, err := asl.Parse([]byte(o.Definition))
	if err != nil {
		return nil, fmt.Errorf("inbox page: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Page{
		options: o, executions: o.Executions, states: machine.States(), machine: layOut(machine.States()), store: newStore(), stream: newStream(),
	}
	pages, err := newPages()
	if err != nil {
		return nil, fmt.Errorf("inbox page: %w", err)
	}
	mux := http.NewServeMux()
	b.routes(mux)
	pages.routes(mux)
	// Other pages in the same browser may read nothing here, and change nothing either.
	b.handler = protected(http.NewCrossOriginProtection().Handler(mux))
	if err := b.listen(o); err != nil {
		return nil, err
	}
	return b, nil
}

// ServeHTTP answers for the page.
func (b *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }

// policy lets the page load and call nothing but this server, and run nothing that is not a file of it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

func protected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// outcomes reads what has become so far of messages under way, some at a time. A message that cannot be read is left out.
func (b *Page) outcomes(ctx context.Context, ids []string) map[string]message.Outcome {
	const atOnce = 8
	var mu sync.Mutex
	now := map[string]message.Outcome{}
	var readers sync.WaitGroup
	next := make(chan string)
	for range min(atOnce, len(ids)) {
		readers.Go(func() {
			for id := range next {
				_, o, err := b.executions.Outcome(ctx, id)
				switch {
				case err == nil:
					b.store.settledMeanwhile(id, o)
					mu.Lock()
					now[id] = o
					mu.Unlock()
				case !errors.Is(err, execution.ErrNotFound) && ctx.Err() == nil:
					b.options.Log.WarnContext(ctx, "message not read", "message", id, "error", err)
				}
			}
		})
	}
	for _, id := range ids {
		next <- id
	}
	close(next)
	readers.Wait()
	return now
}
