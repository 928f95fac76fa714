package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"sms-api/internal/execution"
	"sms-api/internal/limits"
	"sms-api/internal/message"
)

// counter is what the door calls of *limits.Limits.
type counter interface {
	Take(ctx context.Context, a limits.Ask) (limits.Taken, error)
	Undo(ctx context.Context, t limits.Taken)
	Vain(ctx context.Context, id, body string)
}

// optOuts is what the door calls of *optout.List.
type optOuts interface {
	Among(ctx context.Context, to []message.Phone) (map[int]bool, error)
}

// Rules are what a door holds messages to beside what is right and wrong in the request. The zero value is none.
type Rules struct {
	// Ads is what the stack says about advertising.
	Ads message.Ads
	// Limits count what callers ask for.
	Limits counter
	// OptOuts are those who want no advertising; CoverInfo says that they want no other messages either.
	OptOuts   optOuts
	CoverInfo bool
}

// unread tells of a table that could not be asked, with the words that an alarm counts. What depends on it is open to trusted
// callers: rather a message too many than a service that stands still.
func unread(ctx context.Context, log *slog.Logger, what string, m message.Message, err error) {
	log.LogAttrs(ctx, slog.LevelWarn, "accepted without looking", slog.String("open", what), slog.String("message", m.ID),
		slog.String("error", err.Error()))
}

// markOptedOut puts down in a message who has opted out by now. Right before the send it is looked at once more, so that a list
// that cannot be read holds up no trusted caller.
func (d *door) markOptedOut(ctx context.Context, m *message.Message, trusted bool) error {
	if d.rules.OptOuts == nil || !m.HeedsOptOuts(d.rules.CoverInfo) {
		return nil
	}
	to := make([]message.Phone, len(m.Recipients))
	for i, r := range m.Recipients {
		to[i] = r.To
	}
	out, err := d.rules.OptOuts.Among(ctx, to)
	switch {
	case err != nil && !trusted:
		return err
	case err != nil:
		unread(ctx, d.check.log, "opt-outs", *m, err)
	}
	for i := range to {
		if out[i] {
			m.OptedOut = append(m.OptedOut, i)
		}
	}
	return nil
}

// take takes from the limits what a message needs. The error is a *problemError if there is no room.
func (d *door) take(ctx context.Context, m message.Message, s submission) (limits.Taken, error) {
	if d.rules.Limits == nil {
		return limits.Taken{}, nil
	}
	a := ask(m, d.now(), s.untrusted == nil)
	a.Again = s.key != ""
	a.Started = func(ctx context.Context) (bool, error) {
		_, err := d.executions.Find(ctx, m.ID)
		if errors.Is(err, execution.ErrNotFound) {
			return false, nil
		}
		return err == nil, err
	}
	taken, err := d.rules.Limits.Take(ctx, a)
	var over *limits.ExceededError
	switch {
	case errors.As(err, &over):
		return limits.Taken{}, problemExceeded(over, d.now())
	case err != nil && s.untrusted == nil && !errors.Is(err, limits.ErrInDoubt):
		unread(ctx, d.check.log, "limits", m, err)
		return limits.Taken{}, nil
	}
	return taken, err
}

// ask is what a message needs of the limits that is asked for now.
func ask(m message.Message, now time.Time, trusted bool) limits.Ask {
	a := limits.Ask{
		Message: m.ID, Body: m.Fingerprint, Caller: m.Caller, Trusted: trusted, Due: now,
		Recipients: make([]message.Phone, len(m.Recipients)), Contents: make([]string, len(m.Recipients)),
	}
	if m.SendAt.After(a.Due) {
		a.Due = m.SendAt
	}
	for i, r := range m.Recipients {
		a.Recipients[i], a.Contents[i] = r.To, content(m, r)
	}
	return a
}

// content is what a recipient gets, in a form that is the same for the same.
func content(m message.Message, r message.Recipient) string {
	// Neither type can fail.
	text, _ := json.Marshal([]any{m.Channel, m.Template, m.Text, m.Title, m.Fallback.Text, m.Fallback.Title, r.Name, r.Variables})
	return string(text)
}

// LimitHit is a limit that has no room for a message.
type LimitHit struct {
	Limit limits.Limit `json:"limit"`
	// Max is what it allows.
	Max int `json:"max"`
	// Until is when there is room again, if nobody takes it.
	Until time.Time `json:"until"`
}

// problemExceeded tells of all limits that have no room, and nothing of who has used them.
func problemExceeded(over *limits.ExceededError, now time.Time) *problemError {
	p := problem(http.StatusTooManyRequests, "limit-exceeded", "This is more than the limits allow", "%s", "")
	p.retryAfter = max(1, int((over.Until().Sub(now)+time.Second-1)/time.Second))
	var names []string
	for _, h := range over.Hits {
		until := h.Until.UTC().Truncate(time.Second)
		if until.Before(h.Until) {
			until = until.Add(time.Second)
		}
		told := LimitHit{Limit: h.Limit, Max: h.Max, Until: until}
		if n := len(p.Limits); n == 0 || p.Limits[n-1].Limit != h.Limit {
			p.Limits, names = append(p.Limits, told), append(names, string(h.Limit))
		} else if until.After(p.Limits[n-1].Until) {
			p.Limits[n-1].Until = until
		}
		if h.Recipients == nil {
			p.Errors = append(p.Errors, message.ValidationError{Pointer: "/recipients", Detail: detailOf(h, until)})
		}
		for _, i := range h.Recipients {
			p.Errors = append(p.Errors, message.ValidationError{
				Pointer: message.Pointer("/recipients", fmt.Sprint(i), "to"), Detail: detailOf(h, until),
			})
		}
	}
	p.Errors = bounded(p.Errors)
	p.Detail = "there is no room in " + strings.Join(names, ", ")
	return p
}

func detailOf(h limits.Hit, until time.Time) string {
	again := "; there is room at " + until.Format(time.RFC3339)
	switch h.Limit {
	case limits.NumberHour:
		return fmt.Sprintf("gets at most %d messages in an hour%s", h.Max, again)
	case limits.NumberDay:
		return fmt.Sprintf("gets at most %d messages on a day%s", h.Max, again)
	case limits.CallerDay:
		return fmt.Sprintf("this caller sends to at most %d recipients on a day%s", h.Max, again)
	case limits.StackDay:
		return fmt.Sprintf("this system sends to at most %d recipients on a day%s", h.Max, again)
	case limits.SameContent:
		return "has the same content already, from message " + h.First + again
	}
	return string(h.Limit) + again
}
