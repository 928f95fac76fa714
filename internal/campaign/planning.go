package campaign

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sms-api/internal/bucket"
	"sms-api/internal/message"
	"sms-api/statemachine"
)

// bus is what announces.
type bus interface {
	Put(ctx context.Context, detailType string, detail any) error
}

// Planning plans what was uploaded. All fields are needed.
type Planning struct {
	Store *Store
	Files *Files
	// Door is what checks the messages of a campaign, Suffices asks for the wallet.
	Door     func(c Campaign) Door
	Suffices func(ctx context.Context, b Bills) *bool
	// NotBefore is that of a Sender.
	NotBefore func(at time.Time) time.Time
	Bus       bus
	// Kept is how long a plan waits for somebody who starts it.
	Kept time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// Upload is what the state machine hands over of a file that was uploaded.
type Upload struct {
	ID string `json:"id"`
	// File is its ETag, Execution the name of the execution that plans it.
	File      string `json:"file"`
	Execution string `json:"execution"`
}

// Handle makes the plan of a campaign. Of two events of the same file the second does nothing; once more for the same execution
// makes the same plan. An error is worth another try.
func (p *Planning) Handle(ctx context.Context, u Upload) (Next, error) {
	c, err := p.Store.Change(ctx, u.ID, func(c *Campaign) (bool, error) {
		if c.Status != AwaitingFile {
			return false, nil
		}
		c.Status, c.Execution, c.File, c.Turned = StatusPlanning, u.Execution, u.File, p.Now()
		return true, nil
	})
	n := Next{ID: u.ID, Run: 1, Next: NextEnd}
	switch {
	case errors.Is(err, ErrNotFound):
		p.Log.LogAttrs(ctx, slog.LevelWarn, "a file that no campaign has asked for", slog.String("campaign", u.ID))
		return n, nil
	case err != nil:
		return n, fmt.Errorf("plan campaign %s: %w", u.ID, err)
	case c.Execution == "":
		// It was cancelled before it had a file, which goes as those of others do.
		n.Run, n.Next, n.Seconds = c.Run, NextKeep, int(p.Kept/time.Second)
		return n, nil
	case c.Execution != u.Execution:
		return n, nil
	}
	if c.Plan == nil && c.SettledAt.IsZero() {
		if c, err = p.plan(ctx, c); err != nil {
			return n, fmt.Errorf("plan campaign %s: %w", u.ID, err)
		}
	}
	if !c.PlanTold && c.Status != Cancelled {
		told := c.Announced()
		told.Forecast = c.Forecast(p.Now(), p.NotBefore)
		if err := p.Bus.Put(ctx, statemachine.DetailTypeCampaignPlan, told); err != nil {
			return n, fmt.Errorf("plan campaign %s: %w", u.ID, err)
		}
		if c, err = p.Store.Change(ctx, c.ID, func(c *Campaign) (bool, error) {
			c.PlanTold = true
			return true, nil
		}); err != nil {
			return n, fmt.Errorf("plan campaign %s: %w", u.ID, err)
		}
	}
	switch {
	case c.Run != n.Run:
		// Somebody has started it already.
	case c.Status == Cancelled:
		n.Next = NextReport
	case c.Status == Sending:
		n.Next = NextWait
	default:
		n.Next, n.Seconds = NextKeep, int(p.Kept/time.Second)
	}
	return n, nil
}

// plan reads the file, writes the chunks, and puts down what came of it.
func (p *Planning) plan(ctx context.Context, c Campaign) (Campaign, error) {
	request, err := message.DecodeCampaign(c.Request)
	if err != nil {
		return c, err
	}
	// Another attempt may still go on whose end nobody has heard of.
	attempt := uuid.NewString()[:8]
	wrong, err := newTable(errorsHeader())
	if err != nil {
		return c, err
	}
	defer func() { _ = wrong.remove() }()
	writes := newWriters(ctx, func(ctx context.Context, number int, chunk Chunk) error {
		return p.Files.putChunk(ctx, c.ID, attempt, number, chunk)
	})
	planner := Planner{
		Door: p.Door(c), Columns: request.Columns, Rate: c.Rate, Suffices: p.Suffices, Put: writes.put,
		Refuse: func(e RowError) error {
			return wrong.Write([]string{fmt.Sprint(e.Row), unlike(e.Pointer), unlike(e.Detail)})
		},
	}
	if planner.Request, err = c.Message(nil); err != nil {
		return c, err
	}
	plan, err := p.read(ctx, c, &planner)
	if err = errors.Join(err, writes.wait()); err != nil {
		return c, err
	}
	if err := wrong.put(ctx, p.Files, planned(c.ID, attempt)+"errors.csv"); err != nil {
		return c, err
	}
	c, err = p.Store.Change(ctx, c.ID, func(c *Campaign) (bool, error) {
		if c.Plan != nil || !c.SettledAt.IsZero() || c.Status != StatusPlanning && c.Status != Cancelled {
			return false, nil // another attempt was quicker, or it was cancelled and nobody waited for the plan
		}
		c.Plan, c.Attempt = &plan, attempt
		switch now := p.Now(); {
		case c.Status == Cancelled:
		case plan.Valid == 0:
			c.Status = Invalid
		case c.Auto && plan.Refused+plan.Duplicates == 0 && !c.TooSlow(now, p.NotBefore):
			c.Begin(now, p.NotBefore)
			c.Wanted = 0 // this execution goes on
		default:
			c.Status = Planned
		}
		return true, nil
	})
	if err == nil {
		p.Log.LogAttrs(ctx, slog.LevelInfo, "campaign planned", slog.String("campaign", c.ID), slog.String("status", string(c.Status)),
			slog.Int("rows", plan.Rows), slog.Int("valid", plan.Valid))
	}
	return c, err
}

// read has the file planned, the one that was uploaded first.
func (p *Planning) read(ctx context.Context, c Campaign, planner *Planner) (Plan, error) {
	file, err := p.Files.Objects.Get(ctx, Key(c.ID), c.File)
	switch {
	case errors.Is(err, bucket.ErrReplaced), errors.Is(err, bucket.ErrNotFound):
		const detail = "the file is not there any more as it was uploaded"
		plan := Plan{Errors: []RowError{{Detail: detail}}, Examples: []Example{}}
		return plan, planner.Refuse(plan.Errors[0])
	case err != nil:
		return Plan{}, err
	}
	defer func() { _ = file.Close() }()
	return planner.Plan(ctx, file)
}

// atATime is how many chunks are written at a time.
const atATime = 8

// writers write chunks while the next ones are checked.
type writers struct {
	ctx    context.Context //nolint:containedctx // it lives exactly as long as the plan
	cancel context.CancelCauseFunc
	write  func(ctx context.Context, number int, c Chunk) error
	slots  chan struct{}
}

func newWriters(ctx context.Context, write func(ctx context.Context, number int, c Chunk) error) *writers {
	w := &writers{write: write, slots: make(chan struct{}, atATime)}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	return w
}

// put has a chunk written; the error is that of one before it.
func (w *writers) put(_ context.Context, number int, c Chunk) error {
	select {
	case w.slots <- struct{}{}:
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
	go func() {
		defer func() { <-w.slots }()
		if err := w.write(w.ctx, number, c); err != nil {
			w.cancel(err)
		}
	}()
	return nil
}

// wait waits for all of them.
func (w *writers) wait() error {
	for range atATime {
		w.slots <- struct{}{}
	}
	defer w.cancel(nil)
	return context.Cause(w.ctx)
}
