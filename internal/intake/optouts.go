package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

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

// said is what somebody passes on about a recipient: the detail of RecipientOptedOut and RecipientOptedIn, and without To the
// body of PUT /v1/opt-outs/{number}.
type said struct {
	To  string    `json:"to"`
	At  time.Time `json:"at"`
	Via string    `json:"via"`
}

// mostAhead is how far the clock of whoever says so may be ahead. What is said to be much later would hold against
// everything that is said until then.
const mostAhead = 10 * time.Minute

// check says what is wrong with what was said at a time; nil if nothing is.
func (s said) check(now time.Time) (wrong []message.ValidationError) {
	add := func(pointer, detail string) {
		wrong = append(wrong, message.ValidationError{Pointer: pointer, Detail: detail})
	}
	if s.At.After(now.Add(mostAhead)) {
		add("/at", "is in the future")
	}
	if n := utf8.RuneCountInString(s.Via); n > optout.MaxVia {
		add("/via", fmt.Sprintf("has %d characters; at most %d are allowed", n, optout.MaxVia))
	}
	return wrong
}

// optOutEvent says whether an event passes on what a recipient wants.
func optOutEvent(detailType string) bool {
	return detailType == statemachine.DetailTypeOptedOut || detailType == statemachine.DetailTypeOptedIn
}

// optOut writes down what an event says of a recipient. An event that says nothing that could be written down becomes a dead
// letter: somebody has to look, because somebody has opted out.
func (e *Events) optOut(ctx context.Context, event events.EventBridgeEvent) error {
	var s said
	if err := json.Unmarshal(event.Detail, &s); err != nil {
		return errors.New("its detail is not an object with to, at and via")
	}
	to, wrong := message.ParseRecipientPhone(s.To)
	if wrong != "" {
		return errors.New("/to " + wrong)
	}
	if s.At.IsZero() {
		s.At = event.Time
	}
	if s.At.IsZero() {
		return errors.New("it has no time")
	}
	if wrong := s.check(e.Now()); len(wrong) > 0 {
		return errors.New(wrong[0].Pointer + " " + wrong[0].Detail)
	}
	status := optout.In
	if event.DetailType == statemachine.DetailTypeOptedOut {
		status = optout.Out
	}
	known, err := e.OptOuts.Record(ctx, to, status, s.At, s.Via)
	if err != nil {
		return err
	}
	e.Log.LogAttrs(ctx, slog.LevelInfo, "opt-out written", slog.String("event", event.ID), slog.String("source", event.Source),
		slog.String("status", string(known.Status)))
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
	limit := someOptOuts
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxOptOuts {
			return problemParameter("limit", fmt.Sprintf("must be from 1 to %d", maxOptOuts))
		}
		limit = n
	}
	entries, next, err := a.OptOuts.Page(r.Context(), limit, r.URL.Query().Get("cursor"))
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
	s := said{At: a.Now()}
	if r.ContentLength != 0 {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		var asked struct {
			At  *time.Time `json:"at"`
			Via string     `json:"via"`
		}
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&asked); err != nil || d.More() {
			return problemMalformed("the body must be an object with at, an RFC 3339 time, and via, a string, or absent")
		}
		if s.Via = asked.Via; asked.At != nil {
			s.At = *asked.At
		}
	}
	if wrong := s.check(a.Now()); len(wrong) > 0 {
		return problemInvalid(wrong)
	}
	return a.recordOptOut(w, r, caller, to, optout.Out, s)
}

func (a *API) deleteOptOut(w http.ResponseWriter, r *http.Request, caller Caller) error {
	to, err := numberOf(r)
	if err != nil {
		return err
	}
	return a.recordOptOut(w, r, caller, to, optout.In, said{At: a.Now()})
}

func (a *API) recordOptOut(w http.ResponseWriter, r *http.Request, caller Caller, to message.Phone, status optout.Status, s said) error {
	if s.Via == "" {
		s.Via = "api"
	}
	e, err := a.OptOuts.Record(r.Context(), to, status, s.At, s.Via)
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
