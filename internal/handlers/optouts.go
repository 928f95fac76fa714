package handlers

import (
	"context"
	"errors"
	"slices"

	"sms-api/internal/fault"
	"sms-api/internal/message"
)

// optOuts is what the handlers call of *optout.List.
type optOuts interface {
	Among(ctx context.Context, to []message.Phone) (map[int]bool, error)
}

// errOptedOut is why a draft is not sent to somebody who has opted out.
var errOptedOut = errors.New("the recipient has opted out")

// heedOptOuts marks the drafts for those who have opted out, at the door or since. Nothing is sent while the list cannot be
// read.
func (d *Dispatch) heedOptOuts(ctx context.Context, m message.Message, drafts []draft) error {
	if !m.HeedsOptOuts(d.OptOutsCoverInfo) {
		return nil
	}
	out := map[int]bool{}
	if d.OptOuts != nil {
		to := make([]message.Phone, len(drafts))
		for n, one := range drafts {
			to[n] = m.Recipients[one.recipient].To
		}
		var err error
		if out, err = d.OptOuts.Among(ctx, to); err != nil {
			return tableFault(err)
		}
	}
	for n := range drafts {
		if out[n] || slices.Contains(m.OptedOut, drafts[n].recipient) {
			drafts[n].err = errOptedOut
		}
	}
	return nil
}

// nobody ends a send that is for nobody. If that is because of opt-outs, nothing is wrong with the message: it goes on with what
// is left, which may be nothing but the look at the receipts that finds out so. Another invocation of the same task may have sent
// before they opted out; the table tells.
func (d *Dispatch) nobody(ctx context.Context, m message.Message, p message.Progress, bad []draft) (message.Progress, error) {
	if !slices.ContainsFunc(bad, func(one draft) bool { return errors.Is(one.err, errOptedOut) }) {
		return message.Progress{}, &fault.Invalid{Reason: bad[0].err.Error()}
	}
	if err := d.raise(ctx, m, p); err != nil {
		return message.Progress{}, guardFault(err)
	}
	p = d.waitFor(m, d.fail(p, bad))
	p.Sends, p.Parked, p.Wait = p.Sends+1, nil, max(p.Wait, 1)
	return p, nil
}
