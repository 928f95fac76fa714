package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"sms-api/internal/message"
	"sms-api/internal/way"
)

func (b *Page) routes(mux *http.ServeMux) {
	mux.Handle("GET /inbox/stream", b.stream)
	endpoints := []map[string]Endpoint{{
		"GET /inbox/system":           b.getSystem,
		"GET /inbox/messages":         b.getMessages,
		"GET /inbox/messages/{id}":    b.getMessage,
		"DELETE /inbox/messages/{id}": b.cancelMessage,
		"GET /inbox/machine":          func(*http.Request) (any, error) { return b.machine(), nil },
		"GET /inbox/overview":         b.getOverview,
		"/inbox/": func(r *http.Request) (any, error) {
			return nil, &ProblemError{Type: ProblemType + "not-found", Title: "There is nothing here", Status: http.StatusNotFound,
				Detail: r.Method + " " + r.URL.Path}
		},
	}}
	for _, part := range b.options.Parts {
		endpoints = append(endpoints, part.Endpoints)
		for pattern, handler := range part.Handlers {
			mux.Handle(pattern, handler)
		}
	}
	for _, some := range endpoints {
		for pattern, serve := range some {
			mux.Handle(pattern, b.answer(serve))
		}
	}
}

// answer answers with JSON.
func (b *Page) answer(serve Endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := serve(r)
		var p *ProblemError
		switch {
		case errors.As(err, &p):
			b.write(w, r, p.Status, "application/problem+json", p)
		case err != nil:
			b.options.Log.ErrorContext(r.Context(), "page not served", "path", r.URL.Path, "error", err)
			b.write(w, r, http.StatusInternalServerError, "application/problem+json", unavailable())
		default:
			b.write(w, r, http.StatusOK, "application/json", v)
		}
	})
}

// unavailable is what an error is told as that is ours.
func unavailable() *ProblemError {
	return &ProblemError{Type: ProblemType + "failed", Title: "This did not work", Status: http.StatusInternalServerError,
		Detail: "the log of the command that serves this page says why"}
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
	if r.Method == http.MethodGet && status == http.StatusOK {
		// A page that reads again whenever something has changed somewhere is mostly told what it knows.
		tag := tagOf(body)
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.WriteHeader(status)
	// The page is gone when this fails; there is nobody to tell.
	_, _ = w.Write(body)
}

// messageID is what ids of messages look like, near enough to tell them from references.
var messageID = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z2-7]{52})$`)

// searchOf reads what is looked for. id is set when it may be one, and a reference as well then.
func searchOf(r *http.Request) (s Search, id string, err error) {
	const usual = 50
	s = Search{
		Limit: usual, Status: message.MessageStatus(r.FormValue("status")), Cursor: r.FormValue("cursor"), Reason: r.FormValue("reason"),
		Campaign: r.FormValue("campaign"),
	}
	if limit := r.FormValue("limit"); limit != "" {
		if s.Limit, err = strconv.Atoi(limit); err != nil || s.Limit < 1 || s.Limit > MaxPage {
			return s, "", BadRequest(fmt.Sprintf("limit must be from 1 to %d", MaxPage))
		}
	}
	q := strings.TrimSpace(r.FormValue("q"))
	to, wrong := message.ParseRecipientPhone(q)
	switch {
	case q == "":
	case wrong == "":
		s.To = to
	default:
		s.Reference = q
		if lower := strings.ToLower(q); messageID.MatchString(lower) {
			id = lower
		}
	}
	return s, id, nil
}

// List is a message as lists have it, without its recipients.
func List(o message.Outcome) Listed {
	l := Listed{Outcome: o}
	if len(o.Recipients) > 0 {
		l.First = o.Recipients[0].To
	}
	l.Recipients = nil
	return l
}

// messageList is a page of messages.
type messageList struct {
	Items []Listed `json:"items"`
	// Next is the cursor of the next page.
	Next string `json:"next,omitempty"`
}

func (b *Page) getMessages(r *http.Request) (any, error) {
	s, id, err := searchOf(r)
	if err != nil {
		return nil, err
	}
	if id != "" {
		o, err := b.options.Source.Message(r.Context(), id)
		var p *ProblemError
		switch {
		case err == nil && (s.Status == "" || s.Status == o.Status):
			return messageList{Items: []Listed{List(o)}}, nil
		case err == nil:
			return messageList{Items: []Listed{}}, nil
		case !errors.As(err, &p) || p.Status != http.StatusNotFound:
			return nil, err
		}
	}
	found, err := b.options.Source.Messages(r.Context(), s)
	if err != nil {
		return nil, err
	}
	list := messageList{Items: found.Messages, Next: found.Cursor}
	if list.Items == nil {
		list.Items = []Listed{}
	}
	return list, nil
}

// messageDetail is everything about one message, masked.
type messageDetail struct {
	message.Outcome

	// Caller and Fallback are nothing when nobody knows the way any more.
	Caller   string        `json:"caller,omitempty"`
	Fallback *fallbackView `json:"fallback,omitempty"`
	// Cancellable says that cancelling is worth a try.
	Cancellable bool `json:"cancellable"`
	// Way is nil for a message of which nothing but the record is there any more.
	Way *way.Way `json:"way,omitempty"`
	// Untold says why there is no way though there may be one.
	Untold *ProblemError `json:"untold,omitempty"`
}

// fallbackView is a message's fallback without its texts.
type fallbackView struct {
	Enabled   bool              `json:"enabled"`
	After     message.Duration  `json:"after"`
	OnUnknown message.OnUnknown `json:"onUnknown,omitempty"`
	// OwnText says that the message brings a text of its own.
	OwnText bool `json:"ownText"`
}

func (b *Page) getMessage(r *http.Request) (any, error) {
	ctx, id := r.Context(), r.PathValue("id")
	o, err := b.options.Source.Message(ctx, id)
	if err != nil {
		return nil, err
	}
	detail := messageDetail{Outcome: o, Cancellable: o.Status == message.Scheduled || o.Status == message.Parked}
	w, err := b.options.Source.Way(ctx, id)
	var p *ProblemError
	switch {
	case err == nil:
		detail.tell(w)
	case !errors.As(err, &p):
		return nil, err
	case p.Status != http.StatusNotFound:
		detail.Untold = p
	}
	return detail, nil
}

// tell adds what the way tells.
func (d *messageDetail) tell(w way.Way) {
	d.Way = &w
	d.Cancellable = d.Cancellable && len(w.Calls) == 0
	var input struct {
		Caller   string `json:"caller"`
		Fallback struct {
			fallbackView

			Text string `json:"text"`
		} `json:"fallback"`
	}
	if json.Unmarshal(w.Input, &input) == nil {
		input.Fallback.OwnText = input.Fallback.Text != ""
		d.Caller, d.Fallback = input.Caller, &input.Fallback.fallbackView
	}
}

func (b *Page) cancelMessage(r *http.Request) (any, error) {
	return b.options.Source.Cancel(r.Context(), r.PathValue("id"))
}

// overview is what has become of the newest messages.
type overview struct {
	Messages   map[message.MessageStatus]int `json:"messages"`
	Recipients map[message.Status]int        `json:"recipients"`
	// Last counts the recipients by the channel that was tried last.
	Last map[message.Channel]int `json:"last"`
	// Fallbacks are the recipients of AlimTalk messages who were sent an SMS in its place, of so many who were sent to.
	Fallbacks  int `json:"fallbacks"`
	FallbackOf int `json:"fallbackOf"`
	// Counted is how many messages these are, and More says that there are older ones.
	Counted int  `json:"counted"`
	More    bool `json:"more"`
}

// unknown is the status of a message that surely nobody has, and perhaps somebody.
const unknown = message.MessageStatus(message.Unknown)

// maxCounted is how many messages the overview counts.
const maxCounted = 1000

func (b *Page) getOverview(r *http.Request) (any, error) {
	found, err := b.newest(r.Context(), maxCounted)
	if err != nil {
		return nil, err
	}
	o := overview{
		Messages: map[message.MessageStatus]int{}, Recipients: map[message.Status]int{}, Last: map[message.Channel]int{},
		Counted: len(found.Messages), More: found.Cursor != "",
	}
	for _, m := range found.Messages {
		o.count(m.Outcome)
	}
	return o, nil
}

func (o *overview) count(m message.Outcome) {
	status := m.Status
	if status == message.PartlyDelivered && m.Counts.Delivered == 0 {
		// Nobody knows whether anybody has it.
		status = unknown
	}
	o.Messages[status]++
	if m.SettledAt.IsZero() {
		return
	}
	c := m.Counts
	for status, n := range map[message.Status]int{
		message.Delivered: c.Delivered, message.Failed: c.Failed, message.Unknown: c.Unknown, message.Pending: c.Pending,
	} {
		if n > 0 {
			o.Recipients[status] += n
		}
	}
	if m.Status == message.MessageCancelled || m.Status == message.MessageExpired && c.FellBack == 0 {
		return // nothing was tried
	}
	tried := c.Delivered + c.Failed + c.Unknown
	if m.Channel == message.AlimTalk {
		o.FallbackOf += tried
		o.Fallbacks += c.FellBack
		o.Last[message.AlimTalk] += tried - c.FellBack
		tried = c.FellBack
	}
	o.Last[message.SMS] += tried
}

func (b *Page) getSystem(*http.Request) (any, error) {
	return b.options.System(), nil
}
