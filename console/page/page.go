// Package page is the page on which people see what became of messages and the way each took. What it shows comes from a
// Source, of which it does not know whether that is a system on the same machine or a deployed stack; parts that only some
// systems have, such as phones, are given to it beside.
//
// The page is plain HTML, CSS and ES modules. It uses the API (/v1/…) where its system has one for it, and these endpoints,
// which are JSON in and out; errors are problem documents (RFC 9457).
//
//	GET    /inbox/system          what the page has to know of the system around it
//	GET    /inbox/stream          server-sent events: change, whenever something below may be different from before
//	GET    /inbox/messages        messages, newest first: ?q= number, id or reference, &reason= of a search by number, &status=,
//	                              &campaign= id, &cursor= the next of the page before, &limit= (1 to 100, default 50)
//	GET    /inbox/messages/{id}   one message: outcome, way through the state machine; masked
//	DELETE /inbox/messages/{id}   cancel it, whoever sent it; 409 if it is too late
//	GET    /inbox/machine         the state machine as a drawing: nodes and edges with their places
//	GET    /inbox/overview        counts of the newest messages
package page

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"sms-api/awslocal/asl"
)

// Options is what the page shows. All fields are needed but Parts, Refresh and Log.
type Options struct {
	Source Source
	// Definition is the state machine in Amazon States Language.
	Definition string
	// System says what the page has to know of the system around it.
	System func() System
	Parts  []Part
	// Refresh is how often the page reads again without having heard of anything; 0 means when Changed says so.
	Refresh time.Duration
	Log     *slog.Logger
}

// System is what the page has to know of the system around it. What a system has none of is left out.
type System struct {
	// Name is local, or the stack's.
	Name string `json:"name"`
	// Speed is how many times faster time runs than the browser's, and Now the time of the system.
	Speed           float64   `json:"speed"`
	Now             time.Time `json:"now"`
	Region          string    `json:"region,omitempty"`
	AWSURL          string    `json:"awsUrl,omitempty"`
	AligoURL        string    `json:"aligoUrl,omitempty"`
	BusName         string    `json:"busName,omitempty"`
	StateMachineARN string    `json:"stateMachineArn,omitempty"`
	DetailType      string    `json:"detailType,omitempty"`
	Sender          string    `json:"sender,omitempty"`
	ChannelName     string    `json:"channelName,omitempty"`
}

// Page is the page and its endpoints, an http.Handler for every path that is not the API's.
type Page struct {
	options Options
	// machine is laid out when it is first looked at: that takes longer than all else here.
	machine func() graph
	stream  *stream
	handler http.Handler
}

// New makes the page.
func New(o Options) (*Page, error) {
	machine, err := asl.Parse([]byte(o.Definition))
	if err != nil {
		return nil, fmt.Errorf("inbox page: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Page{
		options: o, stream: newStream(o.Refresh), machine: sync.OnceValue(func() graph { return layOut(machine.States()) }),
	}
	pages, err := newPages(o.System().Name, strings.Join(b.parts(), " "))
	if err != nil {
		return nil, fmt.Errorf("inbox page: %w", err)
	}
	mux := http.NewServeMux()
	b.routes(mux)
	pages.routes(mux)
	// Other pages in the same browser may read nothing here, and change nothing either.
	b.handler = protected(http.NewCrossOriginProtection().Handler(mux))
	return b, nil
}

// ServeHTTP answers for the page.
func (b *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.handler.ServeHTTP(w, r) }

// parts are the names of the system's parts.
func (b *Page) parts() []string {
	names := make([]string, len(b.options.Parts))
	for i, part := range b.options.Parts {
		names[i] = part.Name
	}
	return names
}

// Changed tells open pages that something has changed.
func (b *Page) Changed() { b.stream.notify() }

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

// newest are the newest messages, and whether there are more of them.
func (b *Page) newest(ctx context.Context, most int) (found Found, err error) {
	s := Search{Limit: MaxPage}
	// A page may have less than its limit.
	for range 2 * most / MaxPage {
		next, err := b.options.Source.Messages(ctx, s)
		if err != nil {
			return Found{}, err
		}
		found.Messages = append(found.Messages, next.Messages...)
		if found.Cursor = next.Cursor; next.Cursor == "" || len(found.Messages) >= most {
			break
		}
		s.Cursor = next.Cursor
	}
	return found, nil
}
