package intake

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"sms-api/internal/aligo"
	"sms-api/internal/campaign"
	"sms-api/internal/execution"
	"sms-api/internal/guard"
	"sms-api/internal/limits"
	"sms-api/internal/message"
)

// Chunks makes messages of the chunks of campaigns, by the very rules of the API. All fields are needed, but Guards and Files only to
// cancel, Limits for that and for plans, and Wallet only for plans.
type Chunks struct {
	Executions messages
	// Guards keep a message from being sent that has not been started, or once more.
	Guards interface {
		Cancel(ctx context.Context, id string, expiry time.Time) error
		Unwant(ctx context.Context, id string) error
	}
	// Files have the chunks.
	Files interface {
		Chunk(ctx context.Context, c campaign.Campaign, number int) (campaign.Chunk, error)
	}
	Rules Rules
	// Limits are looked at for plans, and have given back what a cancelled message has taken. They are those of Rules.
	Limits interface {
		// Counts says whether there are any.
		Counts(trusted bool) bool
		LookAtNumbers(ctx context.Context, a limits.Ask) ([]limits.Hit, error)
		Rooms(ctx context.Context, caller string, trusted bool, due time.Time) ([]limits.Room, error)
		Cancelled(ctx context.Context, id, body string) error
	}
	Templates templates
	Wallet    wallet
	Now       func() time.Time
	Log       *slog.Logger

	pause pause
}

func (x *Chunks) door() *door {
	return &door{
		executions: x.Executions, rules: x.Rules, now: x.Now,
		check: templateCheck{templates: x.Templates, now: x.Now, log: x.Log, pause: &x.pause},
	}
}

// chunkID is the message of a chunk: the same one however often it is started. No key of any caller leads to it.
func chunkID(id string, number int) string {
	sum := sha256.Sum256([]byte("chunk\x00" + id + "\x00" + strconv.Itoa(number)))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// Door checks the messages of a campaign.
func (x *Chunks) Door(c campaign.Campaign) campaign.Door { return chunkDoor{x, c} }

type chunkDoor struct {
	*Chunks

	campaign campaign.Campaign
}

// Check says what would come of a request. The error is ours, and worth another try: a plan waits for Aligo's templates.
func (x chunkDoor) Check(ctx context.Context, r message.Request) (campaign.Checked, error) {
	d := x.door()
	m, wrong := message.Accept(r, message.Acceptance{
		ID: chunkID(x.campaign.ID, 0), Caller: x.campaign.Caller, Campaign: x.campaign.ID, Now: x.Now(), Ads: x.Rules.Ads,
	})
	if len(wrong) > 0 {
		return campaign.Checked{Wrong: append(wrong, d.alsoWrong(ctx, r, false, wrong)...)}, nil
	}
	var renderer *aligo.Renderer
	if m.Channel == message.AlimTalk {
		t, err := d.check.template(ctx, m.Template)
		if err != nil && !errors.Is(err, aligo.ErrNoTemplate) {
			return campaign.Checked{}, err
		}
		renderer = d.check.renderer(t, m)
	}
	if wrong := d.check.message(ctx, m); len(wrong) > 0 {
		return campaign.Checked{Wrong: wrong}, nil
	}
	input, err := json.Marshal(m)
	if err != nil {
		return campaign.Checked{}, err
	}
	if err := d.markOptedOut(ctx, &m, false); err != nil {
		return campaign.Checked{}, err
	}
	limited, err := x.limited(ctx, m)
	if err != nil {
		return campaign.Checked{}, err
	}
	checked := campaign.Checked{Limited: limited, Size: len(input), OptedOut: m.OptedOut, Texts: make([]string, len(m.Recipients))}
	p, cost, err := preview(m, renderer)
	if err != nil {
		return campaign.Checked{}, err
	}
	checked.PriceKRW, checked.PriceAtMostKRW = p.PriceKRW, p.PriceAtMostKRW
	checked.Bills = campaign.Bills{AlimTalk: cost.alimTalk, SMS: cost.sms, LMS: cost.lms}
	for i, one := range p.Recipients {
		switch {
		case one.AlimTalk != nil:
			checked.Texts[i] = one.AlimTalk.Text
		case one.SMS != nil:
			checked.Texts[i] = one.SMS.Text
		}
	}
	return checked, nil
}

// limited says which recipients of a message that would be sent now, or at its campaign's time, are over a limit.
func (x chunkDoor) limited(ctx context.Context, m message.Message) ([]campaign.LimitHit, error) {
	if !x.Limits.Counts(true) {
		return nil, nil
	}
	a := ask(m, x.begins(), true)
	hits, err := x.Limits.LookAtNumbers(ctx, a)
	if err != nil {
		return nil, err
	}
	limited := make([]campaign.LimitHit, len(hits))
	for i, h := range hits {
		limited[i] = campaign.LimitHit{Limit: string(h.Limit), Max: h.Max, Recipients: h.Recipients}
	}
	return limited, nil
}

// begins is when the campaign would begin if it was started now.
func (x chunkDoor) begins() time.Time {
	if now := x.Now(); x.campaign.SendAt.Before(now) {
		return now
	}
	return x.campaign.SendAt
}

// Rooms are the limits that have nothing to do with who the recipients are, on the day on which the campaign would begin.
func (x chunkDoor) Rooms(ctx context.Context) ([]campaign.Room, error) {
	found, err := x.Limits.Rooms(ctx, x.campaign.Caller, true, x.begins())
	if err != nil {
		return nil, err
	}
	rooms := make([]campaign.Room, len(found))
	for i, r := range found {
		rooms[i] = campaign.Room{Limit: string(r.Limit), Max: r.Max, Free: r.Free}
	}
	return rooms, nil
}

// Suffices says whether the wallet pays for so much; nil when Aligo does not tell.
func (x *Chunks) Suffices(ctx context.Context, b campaign.Bills) *bool {
	return walletSuffices(ctx, x.Wallet, x.Log, bills{alimTalk: b.AlimTalk, sms: b.SMS, lms: b.LMS})
}

// Start starts the message of a chunk. To start it once more does nothing. The error is a *campaign.RefusedError when the door takes
// it no more.
func (x *Chunks) Start(ctx context.Context, c campaign.Campaign, number int, chunk campaign.Chunk) error {
	r, err := c.Message(chunk.Recipients)
	if err != nil {
		return err
	}
	id := chunkID(c.ID, number)
	_, _, err = x.door().submit(ctx, r, submission{caller: c.Caller, key: id, id: id, campaign: c.ID})
	var refusal *problemError
	if errors.As(err, &refusal) {
		reason := refusal.Detail
		if len(refusal.Errors) > 0 {
			reason = strings.TrimSpace(refusal.Errors[0].Pointer + " " + refusal.Errors[0].Detail)
		}
		return &campaign.RefusedError{Reason: reason}
	}
	return err
}

// Outcome is what became of a chunk's message so far; ok is false when it was not started.
func (x *Chunks) Outcome(ctx context.Context, c campaign.Campaign, number int) (o message.Outcome, ok bool, err error) {
	_, o, err = x.Executions.Outcome(ctx, chunkID(c.ID, number))
	if errors.Is(err, execution.ErrNotFound) {
		return message.Outcome{}, false, nil
	}
	return o, err == nil, err
}

// Cancel cancels a chunk's message if nothing of it was sent, and has it never sent if it was not started, nor again if Aligo has
// not got what is being sent.
func (x *Chunks) Cancel(ctx context.Context, c campaign.Campaign, number int) error {
	id := chunkID(c.ID, number)
	err := x.cancel(ctx, id)
	var late *execution.NotCancellableError
	switch {
	case errors.Is(err, execution.ErrNotFound):
		err = x.shut(ctx, c, number)
	case errors.As(err, &late):
		// What somebody has stopped is not sent by a redrive. Of what is being sent it may turn out that Aligo has not got it: it is not
		// sent once more.
		switch err = x.Guards.Cancel(ctx, id, c.ExpiresAt); {
		case err == nil:
			err = x.giveBack(ctx, id)
		case errors.Is(err, guard.ErrNotCancellable):
			err = x.Guards.Unwant(ctx, id)
		}
	}
	if err != nil {
		return fmt.Errorf("cancel chunk %d: %w", number, err)
	}
	return nil
}

// cancel cancels a message that was started.
func (x *Chunks) cancel(ctx context.Context, id string) error {
	if _, err := x.Executions.Cancel(ctx, id); err != nil {
		return err
	}
	return x.giveBack(ctx, id)
}

// giveBack gives back what a message has taken that was started and is never sent.
func (x *Chunks) giveBack(ctx context.Context, id string) error {
	m, err := x.Executions.Find(ctx, id)
	if err != nil {
		return err
	}
	return x.Limits.Cancelled(ctx, id, m.Fingerprint)
}

// shut has a message never sent that does not show, and gives back what it has taken, as it has when its start was lost. It is called until
// nobody can be starting it any more.
func (x *Chunks) shut(ctx context.Context, c campaign.Campaign, number int) error {
	id := chunkID(c.ID, number)
	// What its guard does not let be cancelled was sent, though its execution does not show yet: it does to the next try.
	if err := x.Guards.Cancel(ctx, id, c.ExpiresAt); err != nil {
		return err
	}
	chunk, err := x.Files.Chunk(ctx, c, number)
	if err != nil {
		return err
	}
	r, err := c.Message(chunk.Recipients)
	if err != nil {
		return err
	}
	return x.Limits.Cancelled(ctx, id, r.Fingerprint())
}
