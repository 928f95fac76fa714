// Package intake is the door: the HTTP API and the handler of MessageRequested events. Both decode a request, accept it
// or say everything that is wrong with it, and start its execution. A request that was accepted before is a replay.
package intake

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sms-api/internal/execution"
	"sms-api/internal/limits"
	"sms-api/internal/message"
)

// starter is what both ways in call of *execution.Executions.
type starter interface {
	Start(ctx context.Context, m message.Message) (accepted message.Message, replayed bool, err error)
	Find(ctx context.Context, id string) (message.Message, error)
}

// door is what both ways in have in common.
type door struct {
	executions starter
	check      templateCheck
	rules      Rules
	now        func() time.Time
	// explain adds to what is wrong with a request where that comes from; nil when the caller has written the request.
	explain func([]message.ValidationError) []message.ValidationError
}

// submission is who asks for a message, and how.
type submission struct {
	caller string
	// key is the idempotency key; without one each request is a message of its own.
	key string
	// first is the key that was kept first, if one was, else the key; of what can be sent it is told to keep it. nil if the key is
	// what it is.
	first func(ctx context.Context, keep bool) (key string, err error)
	// id is the message's where it follows from something else, and campaign that of the campaign that it is a part of.
	id, campaign string
	// requestedAt is zero for a request that is made right now.
	requestedAt time.Time
	// untrusted is nil for a trusted caller.
	untrusted *message.Untrusted
}

// submit accepts a request and starts its execution. An error that is a *problemError is the caller's; any other is ours.
func (d *door) submit(ctx context.Context, r message.Request, s submission) (m message.Message, replayed bool, err error) {
	id := s.id
	if id == "" {
		if id, err = messageID(s.caller, s.key); err != nil {
			return message.Message{}, false, err
		}
	}
	m, refusal := d.accept(ctx, r, message.Acceptance{
		ID: id, Caller: s.caller, Campaign: s.campaign, Now: d.now(), RequestedAt: s.requestedAt, Untrusted: s.untrusted,
	})
	if s.first != nil {
		if s.key, err = s.first(ctx, refusal == nil); err != nil {
			return message.Message{}, false, err
		}
		if id, err = messageID(s.caller, s.key); err != nil {
			return message.Message{}, false, err
		}
		m.ID = id
	}
	var taken limits.Taken
	if refusal == nil {
		if err := d.markOptedOut(ctx, &m, s.untrusted == nil); err != nil {
			return message.Message{}, false, err
		}
		if taken, err = d.take(ctx, m, s); err != nil && !errors.As(err, &refusal) {
			return message.Message{}, false, err
		}
	}
	if refusal == nil {
		m, replayed, err = d.executions.Start(ctx, m)
		conflict := errors.Is(err, execution.ErrConflict)
		switch {
		case d.rules.Limits == nil:
		case conflict:
			// An earlier attempt whose start was lost may have taken it: under another key this request would be refused in its favour.
			d.rules.Limits.Vain(ctx, id, r.Fingerprint())
		case replayed || errors.Is(err, execution.ErrNotStarted):
			d.rules.Limits.Undo(ctx, taken)
		}
		if conflict {
			return message.Message{}, false, problemConflict()
		}
		return m, replayed, err
	}
	if s.key == "" {
		return message.Message{}, false, refusal
	}
	// What was right when it was first asked for may be wrong by now: it has expired, its template is gone. A replay of
	// it is answered as before all the same.
	stored, err := d.executions.Find(ctx, id)
	switch {
	case errors.Is(err, execution.ErrNotFound):
		return message.Message{}, false, refusal
	case err != nil:
		return message.Message{}, false, err
	case stored.Fingerprint != r.Fingerprint():
		return message.Message{}, false, refusal
	}
	return stored, true, nil
}

// accept makes a message of a request. The result is a *problemError or nil.
func (d *door) accept(ctx context.Context, r message.Request, a message.Acceptance) (message.Message, *problemError) {
	a.Ads = d.rules.Ads
	m, problems := message.Accept(r, a)
	if len(problems) > 0 {
		return message.Message{}, d.invalid(append(problems, d.alsoWrong(ctx, r, a.Untrusted != nil, problems)...))
	}
	input, err := json.Marshal(m)
	if err != nil {
		return message.Message{}, problemMalformed(err.Error())
	}
	if len(input) > message.MaxSize {
		return message.Message{}, problemTooLarge("the message with its defaults filled in", len(input), message.MaxSize)
	}
	if problems = d.check.message(ctx, m); len(problems) > 0 {
		return message.Message{}, d.invalid(problems)
	}
	return m, nil
}

// maxCompared bounds how many problems a request may have to be held against its template as well, and how many the template
// may add: the list that its caller gets is not longer.
const maxCompared = 1000

func (d *door) invalid(problems []message.ValidationError) *problemError {
	if d.explain != nil {
		problems = d.explain(problems)
	}
	return problemInvalid(problems)
}

// alsoWrong is what the template says about a request that cannot be accepted anyway, so that its caller learns of
// everything at once. It says nothing about what is known to be wrong.
func (d *door) alsoWrong(
	ctx context.Context, r message.Request, untrusted bool, known []message.ValidationError,
) []message.ValidationError {
	if r.Template == "" || len(r.Recipients) > message.MaxRecipients || len(known) > maxCompared {
		return nil
	}
	covered := message.Covered(known)
	if covered.Has("/channel") || covered.Has("/recipients") {
		return nil
	}
	partial := message.Message{
		Channel: cmp.Or(r.Channel, message.AlimTalk), Template: r.Template, Recipients: r.Recipients, Fallback: message.Fallback{Enabled: true},
		Untrusted: untrusted,
	}
	if f := r.Fallback; f != nil {
		partial.Fallback = message.Fallback{Enabled: f.Enabled == nil || *f.Enabled, Text: f.Text}
	}
	if covered.Has("/fallback/enabled") || covered.Has("/fallback/text") {
		// Nobody knows which text an SMS would have.
		partial.Fallback.Enabled = false
	}
	return slices.DeleteFunc(d.check.message(ctx, partial), func(p message.ValidationError) bool { return covered.Has(p.Pointer) })
}

// messageID is the name of the execution: for a key a hash of caller and key, so that the same key of the same caller is
// the same message, and of another caller another one; else a new UUID. Both are legal names of executions.
func messageID(caller, key string) (string, error) {
	if key == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return "", fmt.Errorf("make a message id: %w", err)
		}
		return id.String(), nil
	}
	sum := sha256.Sum256([]byte(strconv.Itoa(len(caller)) + ":" + caller + key))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])), nil
}

// isMessageID says whether messageID could have made an id. Nothing else is asked for at Step Functions.
func isMessageID(id string) bool {
	if u, err := uuid.Parse(id); err == nil {
		// Parse also takes other notations, such as upper case.
		return u.String() == id && u.Version() == 7 && u.Variant() == uuid.RFC4122
	}
	return len(id) == 52 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}
