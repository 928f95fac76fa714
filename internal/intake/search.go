package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sms-api/internal/message"
	"sms-api/internal/records"
)

// book is what the API calls of *records.Store.
type book interface {
	Search(ctx context.Context, q records.Query) (records.Page, error)
	Erase(ctx context.Context, to message.Phone) (n int, err error)
}

// MessageList is a page of messages, newest first.
type MessageList struct {
	Messages []MessageSummary `json:"messages"`
	// Cursor leads to the next page; it is not there on the last one.
	Cursor string `json:"cursor,omitempty"`
}

// MessageSummary is a message in a list: what GET says of it without its recipients, or with the one that was searched for.
type MessageSummary struct {
	message.Outcome

	Recipients []message.Result `json:"recipients,omitempty"`
	// First is the first recipient's masked number: whom the message was for, in a list of many. Empty when all were erased.
	First string `json:"first,omitempty"`
}

// Erased is the body of a response to DELETE /v1/recipients/{number}.
type Erased struct {
	// Messages is how many records had something of the number.
	Messages int `json:"messages"`
}

// defaultPage is how many messages a page has when nobody says.
const defaultPage = 50

// The bounds of a search's parameters, in characters.
const (
	maxReference = 128
	maxCampaign  = 64
	minReason    = 3
	maxReason    = 200
)

func (a *API) listMessages(w http.ResponseWriter, r *http.Request, caller Caller) error {
	q, reason, err := searched(r.URL, caller)
	if err != nil {
		return err
	}
	if q.To != "" {
		// Before it is answered, so that no look at somebody goes unseen. The number is not to be logged.
		a.Log.LogAttrs(r.Context(), slog.LevelInfo, "searched by number", slog.String("caller", caller.ID), slog.String("reason", reason))
	}
	page, err := a.Records.Search(r.Context(), q)
	switch {
	case errors.Is(err, records.ErrCursor):
		return problemQuery([]message.ValidationError{{Pointer: "/cursor", Detail: "is not a cursor of this search"}})
	case errors.Is(err, records.ErrNoNumberKey):
		return problemNoNumberKey()
	case err != nil:
		return err
	}
	list := MessageList{Messages: make([]MessageSummary, len(page.Found)), Cursor: page.Cursor}
	for i, f := range page.Found {
		one, first := f.Outcome, ""
		if len(one.Recipients) > 0 {
			first = one.Recipients[0].To
		}
		if one.Recipients = nil; f.Recipient != nil {
			one.Recipients = []message.Result{*f.Recipient}
		}
		one = shown(one, caller)
		list.Messages[i] = MessageSummary{Outcome: one, Recipients: one.Recipients, First: first}
	}
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", list)
	return nil
}

// searched reads the parameters of a search, and why a number is searched for. The error has everything that is wrong.
func searched(u *url.URL, caller Caller) (q records.Query, reason string, err error) {
	p := parameters{values: map[string]string{}}
	p.read(u, "reference", "to", "status", "campaign", "from", "until", "limit", "cursor", "reason")
	if !caller.has(ScopeAdmin) {
		q.Caller = caller.ID
		if p.has("to") {
			return q, "", problemScope(ScopeAdmin)
		}
	}
	q.Reference, q.Campaign = p.text("reference", 1, maxReference), p.text("campaign", 1, maxCampaign)
	if s := p.values["to"]; p.has("to") {
		var wrong string
		if q.To, wrong = message.ParseRecipientPhone(s); wrong != "" {
			p.fail("to", "%s", wrong)
		}
	}
	reason = p.text("reason", minReason, maxReason)
	switch {
	case p.has("to") && !p.has("reason"):
		p.fail("reason", "is missing: whoever searches for a number says why, and the log keeps it")
	case p.has("reason") && !p.has("to"):
		p.fail("reason", "is for searches by number only")
	case message.HasNumber(reason):
		p.fail("reason", "has a number in it: the log is to have none")
	}
	if s := message.MessageStatus(p.values["status"]); p.has("status") {
		if q.Status = s; !s.Known() {
			p.fail("status", "is not a status of a message")
		}
	}
	q.From, q.Until = p.time("from"), p.time("until")
	if !q.From.IsZero() && !q.Until.IsZero() && !q.Until.After(q.From) {
		p.fail("until", "must be after from")
	}
	q.Limit = p.limit(records.MaxPage, defaultPage)
	q.Cursor = p.text("cursor", 1, maxBody)
	if len(p.wrong) > 0 {
		return q, "", problemQuery(p.wrong)
	}
	return q, reason, nil
}

// parameters are those of a request's query.
type parameters struct {
	values map[string]string
	wrong  []message.ValidationError
}

// read reads the parameters that there may be, each once.
func (p *parameters) read(u *url.URL, known ...string) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		p.wrong = append(p.wrong, message.ValidationError{Detail: "the query is not well-formed"})
	}
	unknown := 0
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			// Its name may be anything, a number too.
			unknown++
		case len(values) > 1:
			p.fail(name, "is there %d times", len(values))
		case !utf8.ValidString(values[0]):
			p.fail(name, "is not in UTF-8")
		default:
			p.values[name] = values[0]
		}
	}
	switch all := strings.Join(known, ", "); {
	case unknown > 0 && all == "":
		p.wrong = append(p.wrong, message.ValidationError{Detail: "there are no parameters"})
	case unknown == 1:
		p.wrong = append(p.wrong, message.ValidationError{Detail: "a parameter is not known; there are " + all})
	case unknown > 1:
		p.wrong = append(p.wrong, message.ValidationError{Detail: fmt.Sprintf("%d parameters are not known; there are %s", unknown, all)})
	}
	slices.SortFunc(p.wrong, func(a, b message.ValidationError) int { return strings.Compare(a.Pointer, b.Pointer) })
}

func (p *parameters) has(name string) bool {
	_, ok := p.values[name]
	return ok
}

func (p *parameters) fail(name, format string, args ...any) {
	p.wrong = append(p.wrong, message.ValidationError{Pointer: "/" + name, Detail: fmt.Sprintf(format, args...)})
}

// text is a parameter with so many characters; empty when it is not there.
func (p *parameters) text(name string, least, most int) string {
	s := p.values[name]
	if n := utf8.RuneCountInString(s); p.has(name) && (n < least || n > most) {
		p.fail(name, "has %d characters; %d to %d are allowed", n, least, most)
	}
	return s
}

// time is a parameter with a time; zero when it is not there.
func (p *parameters) time(name string) time.Time {
	if !p.has(name) {
		return time.Time{}
	}
	// In a query a + is a space, and a time has none.
	at, wrong := message.ParseTime(strings.ReplaceAll(p.values[name], " ", "+"))
	if wrong == "" && at.Year() > latestYear {
		wrong = "is out of range"
	}
	if wrong != "" {
		p.fail(name, "%s", wrong)
		return time.Time{}
	}
	return at
}

// latestYear bounds the times of a search.
const latestYear = 2200

// limit is how many a page has, from 1 to most.
func (p *parameters) limit(most, unsaid int) int {
	if !p.has("limit") {
		return unsaid
	}
	n, err := strconv.Atoi(p.values["limit"])
	if err != nil || n < 1 || n > most {
		p.fail("limit", "is not a number from 1 to %d", most)
	}
	return n
}

func (a *API) eraseRecipient(w http.ResponseWriter, r *http.Request, caller Caller) error {
	to, wrong := message.ParseRecipientPhone(r.PathValue("number"))
	if wrong != "" {
		return problemQuery([]message.ValidationError{{Pointer: "/number", Detail: wrong}})
	}
	n, err := a.Records.Erase(r.Context(), to)
	switch {
	case errors.Is(err, records.ErrNoNumberKey):
		return problemNoNumberKey()
	case err != nil:
		return err
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "recipient erased", slog.String("caller", caller.ID), slog.Int("messages", n))
	w.Header().Set("Cache-Control", "no-store")
	a.writeJSON(w, r, http.StatusOK, "application/json", Erased{Messages: n})
	return nil
}
