package intake

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"sms-api/internal/message"
	"sms-api/internal/optout"
	"sms-api/statemachine"
)

// optOutBook is what is called of *optout.List by whoever writes it down.
type optOutBook interface {
	optOuts
	Record(ctx context.Context, to message.Phone, s optout.Status, at time.Time, via string) (optout.Entry, error)
}

// optOutList is what the API calls of *optout.List.
type optOutList interface {
	optOutBook
	Find(ctx context.Context, to message.Phone) (e optout.Entry, ok bool, err error)
	Page(ctx context.Context, limit int, cursor string) (entries []optout.Entry, next string, err error)
}

// optOutEvent says whether an event passes on what a recipient wants.
func optOutEvent(detailType string) bool {
	return detailType == statemachine.DetailTypeOptedOut || detailType == statemachine.DetailTypeOptedIn
}

// optOut writes down what an event says of a recipient. An event that says nothing that could be written down becomes a dead
// letter: somebody has to look, because somebody has opted out.
func (e *Events) optOut(ctx context.Context, event events.EventBridgeEvent) error {
	said, wrong, err := message.DecodeOptOutEvent(event.Detail)
	if err != nil {
		return err
	}
	// Where it was said is a note. That it cannot be kept is no reason for advertising until somebody has looked at a dead letter.
	noted := slog.Attr{}
	wrong = slices.DeleteFunc(wrong, func(w message.ValidationError) bool {
		if w.Pointer != "/via" {
			return false
		}
		noted, said.Via = slog.String("withoutVia", w.Detail), ""
		return true
	})
	if said.At.IsZero() {
		said.At = event.Time
	}
	if wrong = append(wrong, said.Ahead(e.Now())...); len(wrong) > 0 {
		return errors.New(strings.TrimSpace(wrong[0].Pointer + " " + wrong[0].Detail))
	}
	if said.At.IsZero() {
		return errors.New("it has no time")
	}
	status := optout.In
	if event.DetailType == statemachine.DetailTypeOptedOut {
		status = optout.Out
	}
	known, err := e.OptOuts.Record(ctx, said.To, status, said.At, said.Via)
	if err != nil {
		return err
	}
	e.Log.LogAttrs(ctx, slog.LevelInfo, "opt-out written", slog.String("event", event.ID), slog.String("source", event.Source),
		slog.String("status", string(known.Status)), noted)
	return nil
}

func (e *Events) rules() Rules {
	r := Rules{Ads: e.Ads, Limits: e.Limits, CoverInfo: e.OptOutsCoverInfo}
	if e.OptOuts != nil {
		r.OptOuts = e.OptOuts
	}
	return r
}

func (a *API) rules() Rules {
	r := Rules{Ads: a.Ads, CoverInfo: a.OptOutsCoverInfo}
	if a.Limits != nil {
		r.Limits = a.Limits
	}
	if a.OptOuts != nil {
		r.OptOuts = a.OptOuts
	}
	return r
}

// OptOuts is a page of the list.
type OptOuts struct {
	OptOuts []optout.Entry `json:"optOuts"`
	// Cursor is what the next page is asked for with; absent after the last.
	Cursor string `json:"cursor,omitempty"`
}

// The length of a page of opt-outs: at most, and if nobody says.
const maxOptOuts, someOptOuts = 100, 50

func (a *API) listOptOuts(w http.ResponseWriter, r *http.Request, _ Caller) error {
	p := parameters{values: map[string]string{}}
	p.read(r.URL, "limit", "cursor")
	limit := p.limit(maxOptOuts, someOptOuts)
	if len(p.wrong) > 0 {
		return problemQuery(p.wrong)
	}
	entries, next, err := a.OptOuts.Page(r.Context(), limit, p.values["cursor"])
	switch {
	case errors.Is(err, optout.ErrCursor):
		return problemParameter("cursor", "is not one of this list")
	case err != nil:
		return err
	}
	if entries == nil {
		entries = []optout.Entry{}
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", OptOuts{OptOuts: entries, Cursor: next})
	return nil
}

// numberOf is the number in the path.
func numberOf(r *http.Request) (message.Phone, error) {
	p := parameters{values: map[string]string{}}
	if p.read(r.URL); len(p.wrong) > 0 {
		return "", problemQuery(p.wrong)
	}
	to, wrong := message.ParseRecipientPhone(r.PathValue("number"))
	if wrong != "" {
		return "", problemParameter("number", wrong)
	}
	return to, nil
}

func (a *API) getOptOut(w http.ResponseWriter, r *http.Request, _ Caller) error {
	to, err := numberOf(r)
	if err != nil {
		return err
	}
	e, ok, err := a.OptOuts.Find(r.Context(), to)
	switch {
	case err != nil:
		return err
	case !ok:
		return problemNoOptOut()
	}
	return a.showOptOut(w, r, e)
}

func (a *API) putOptOut(w http.ResponseWriter, r *http.Request, caller Caller) error {
	to, err := numberOf(r)
	if err != nil {
		return err
	}
	var said message.OptOut
	if r.ContentLength != 0 {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		var wrong []message.ValidationError
		var syntax *message.SyntaxError
		if said, wrong, err = message.DecodeOptOut(body); errors.As(err, &syntax) {
			return problemMalformed(syntax.Detail)
		}
		if wrong = append(wrong, said.Ahead(a.Now())...); len(wrong) > 0 {
			return problemInvalid(wrong)
		}
	}
	if said.At.IsZero() {
		said.At = a.Now()
	}
	return a.recordOptOut(w, r, caller, to, optout.Out, said)
}

func (a *API) deleteOptOut(w http.ResponseWriter, r *http.Request, caller Caller) error {
	to, err := numberOf(r)
	if err != nil {
		return err
	}
	return a.recordOptOut(w, r, caller, to, optout.In, message.OptOut{At: a.Now()})
}

func (a *API) recordOptOut(
	w http.ResponseWriter, r *http.Request, caller Caller, to message.Phone, status optout.Status, said message.OptOut,
) error {
	e, err := a.OptOuts.Record(r.Context(), to, status, said.At, cmp.Or(said.Via, "api"))
	if err != nil {
		return err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "opt-out written", slog.String("caller", caller.ID), slog.String("status", string(e.Status)))
	return a.showOptOut(w, r, e)
}

func (a *API) showOptOut(w http.ResponseWriter, r *http.Request, e optout.Entry) error {
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", e)
	return nil
}

func problemNoOptOut() *problemError {
	return problem(http.StatusNotFound, "opt-out-not-found", "Nothing is known of this number", "it has neither opted out nor in again")
}

// problemParameter says what is wrong with one parameter.
func problemParameter(name, detail string) *problemError {
	return problemQuery([]message.ValidationError{{Pointer: "/" + name, Detail: detail}})
}
