package handlers

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/fault"
	"sms-api/internal/guard"
	"sms-api/internal/message"
)

// guards is what the handlers call of *guard.Guards.
type guards interface {
	Open(ctx context.Context, o guard.Opening) (guard.Send, error)
	Close(ctx context.Context, s guard.Send) error
	Answered(ctx context.Context, s guard.Send, mid string) (taken bool, err error)
	Opened(ctx context.Context, id string) (g guard.Guard, ok bool, err error)
	Raise(ctx context.Context, s guard.Send, sent bool) error
	Claim(ctx context.Context, s guard.Send, mid string) error
	Owns(ctx context.Context, id string, b guard.Batch) (bool, error)
	Owner(ctx context.Context, a guard.Account, c message.Channel, mids ...string) (map[string]string, error)
	OpenSends(ctx context.Context, id string, a guard.Account, c message.Channel, since time.Time) ([]guard.OpenSend, error)
}

// tidying is the time for what the table must still be told when the time for the call is over. It is a part of reserve.
const tidying = 1500 * time.Millisecond

// sent is what guarded returns of one that Aligo has accepted.
type sent struct {
	aligo.Accepted

	account guard.Account
	// unclaimed says that the table could not be told of the MID.
	unclaimed bool
}

// batch is what the progress says of the call.
func (s sent) batch(channel message.Channel, lms bool, at time.Time) message.Batch {
	return message.Batch{
		Channel: channel, MID: s.MID, At: at.UTC().Truncate(time.Second), Refused: s.Refused, LMS: lms,
		Account: string(s.account), Unclaimed: s.unclaimed,
	}
}

// guarded makes a call that sends to the given drafts, once. It opens the send in the table before anything goes out, so
// that of two invocations only one makes the call; it closes it when Aligo has surely not got it; and it looks at the
// clock last of all, when the next thing to go is the first byte.
func (d *Dispatch) guarded(
	ctx context.Context, in Input, channel message.Channel, drafts []draft, call func(aligo.Guard) (aligo.Accepted, error),
) (sent, error) {
	m, p := in.Message, in.Progress
	var opened guard.Send
	var account guard.Account
	var refused error
	hooks := aligo.Guard{
		Before: func(ctx context.Context, a aligo.Account) error {
			if opened != (guard.Send{}) {
				// With newer credentials, after the first were refused: nothing of the call was taken.
				if refused = d.close(ctx, opened); refused != nil {
					return refused
				}
			}
			account = guard.Account(a)
			var key []byte
			if key, refused = d.Aligo.DigestKey(ctx); refused != nil {
				refused = d.fault(refused, true)
				return refused
			}
			opening := guard.Opening{
				Message: m.ID, Sends: p.Sends, Account: account, Channel: channel, Sent: p.Sent(), Expiry: m.ExpiresAt,
				Ahead: d.Aligo.Ahead(),
			}
			opening.Recipients, opening.Digests, opening.Key = digests(m, drafts, channel, key)
			opened, refused = d.open(ctx, opening)
			return refused
		},
		Gate: func() error {
			refused = d.checkTime(in)
			return refused
		},
	}
	a, err := call(hooks)
	if refused != nil {
		err = refused
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidying)
	defer cancel()
	switch {
	case err == nil && a.MID != "":
		s := sent{Accepted: a, account: account}
		s.unclaimed = !d.claim(ctx, opened, a.MID)
		return s, nil
	case err == nil:
		err = &fault.Rejected{Reason: "Aligo accepted none of the recipients"}
	case refused == nil:
		err = d.sendFault(in, err)
	}
	if opened != (guard.Send{}) && fault.NotSent(faultName(err)) {
		if e := d.close(ctx, opened); e != nil {
			// The next attempt finds it open, and asks Aligo's history.
			d.Log.LogAttrs(ctx, slog.LevelWarn, "a send stays open", slog.String("message", m.ID), slog.String("error", e.Error()))
		}
	}
	return sent{}, err
}

func (d *Dispatch) open(ctx context.Context, o guard.Opening) (guard.Send, error) {
	s, err := d.Guards.Open(ctx, o)
	if err != nil {
		return s, guardFault(err)
	}
	return s, nil
}

// raise ends the attempt that the progress counts, of which this invocation has made no call.
func (d *Dispatch) raise(ctx context.Context, m message.Message, p message.Progress) error {
	return d.Guards.Raise(ctx, guard.Send{Message: m.ID, Sends: p.Sends, Expiry: m.ExpiresAt}, p.Sent())
}

// guardFault is what the state machine is told when the table does not let an invocation send.
func guardFault(err error) error {
	switch {
	case errors.Is(err, guard.ErrOpened):
		return &fault.Ambiguous{Reason: "another invocation has opened this send"}
	case errors.Is(err, guard.ErrCancelled):
		return &fault.Cancelled{Reason: reasonCancelled}
	}
	return tableFault(err)
}

func (d *Dispatch) close(ctx context.Context, s guard.Send) error {
	if err := d.Guards.Close(ctx, s); err != nil {
		return tableFault(err)
	}
	return nil
}

// claim writes down that the accepted batch is this message's.
func (d *Dispatch) claim(ctx context.Context, s guard.Send, mid string) bool {
	taken, err := d.Guards.Answered(ctx, s, mid)
	if err != nil {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "a batch is not claimed", slog.String("message", s.Message), slog.String("error", err.Error()))
		return false
	}
	if taken {
		d.Log.LogAttrs(ctx, slog.LevelWarn, "a batch was another message's by a look-up", slog.String("message", s.Message))
	}
	return true
}

// tableFault is for a table that cannot be asked: nothing is sent without it.
func tableFault(err error) error {
	return &fault.Transient{Reason: "the table of sends: " + err.Error()}
}

// digests stand for what each recipient of a call is sent.
func digests(m message.Message, drafts []draft, channel message.Channel, key []byte) ([]int, []guard.Digest, guard.KeyID) {
	digester := guard.NewDigester(key)
	all := make([]guard.Digest, len(drafts))
	for n, one := range drafts {
		all[n] = digester.Digest(string(m.Recipients[one.recipient].To), aligo.Canonical(one.text(channel)))
	}
	return recipients(drafts), all, digester.KeyID()
}
