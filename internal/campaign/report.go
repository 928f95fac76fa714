package campaign

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"sms-api/internal/message"
	"sms-api/statemachine"
)

// Reporter writes reports.
type Reporter struct {
	Messages interface {
		// Outcome is what became of a chunk's message; ok is false when it was not started.
		Outcome(ctx context.Context, c Campaign, number int) (o message.Outcome, ok bool, err error)
	}
	Files interface {
		chunks
		// Refused opens the list of what is wrong with the rows of the file.
		Refused(ctx context.Context, c Campaign) (next func() (RowError, error), end func(), err error)
	}
}

// results of rows beside those of recipients.
const (
	resultRefused   = "refused"
	resultCancelled = "cancelled"
	resultExpired   = "expired"
	// resultErased is that of somebody of whom nothing is to be known any more, not even the number.
	resultErased = "erased"
)

// columns of a report.
func reportHeader() []string {
	return []string{"row", "reference", "to", "result", "channel", "code", "reason", "at"}
}

// Report writes what became of each of the file's rows below the header: those that were sent, chunk by chunk, and then those that
// were refused, one line for each thing that was wrong with them.
func (r *Reporter) Report(ctx context.Context, c Campaign, out *csv.Writer) error {
	if c.Plan == nil {
		return nil
	}
	for number := range c.Plan.Messages {
		if err := r.chunk(ctx, c, number, out); err != nil {
			return fmt.Errorf("report chunk %d of campaign %s: %w", number, c.ID, err)
		}
	}
	if err := r.refused(ctx, c, out); err != nil {
		return fmt.Errorf("report what was refused of campaign %s: %w", c.ID, err)
	}
	out.Flush()
	return out.Error()
}

func (r *Reporter) chunk(ctx context.Context, c Campaign, number int, out *csv.Writer) error {
	chunk, err := r.Files.Chunk(ctx, c, number)
	if err != nil {
		return err
	}
	o, ok := message.Outcome{}, false
	if number < c.Next {
		if o, ok, err = r.Messages.Outcome(ctx, c, number); err != nil {
			return err
		}
	}
	switch n := len(o.Recipients) + len(o.Erased); {
	case !ok:
	case n != chunk.size():
		return fmt.Errorf("its message has %d recipients, and it %d", n, chunk.size())
	case o.SettledAt.IsZero():
		return errors.New("its message has settled, and its record does not say so yet")
	}
	unsent := resultCancelled
	if c.Status != Cancelled {
		unsent = resultExpired
	}
	results := o.Recipients
	for i, recipient := range chunk.Recipients {
		line := []string{strconv.Itoa(chunk.Rows[i]), unlike(recipient.Reference), recipient.To.Masked(), unsent, "", "", "", ""}
		switch {
		case slices.Contains(o.Erased, i):
			line = []string{line[0], "", "", resultErased, "", "", "", ""}
		case ok:
			result := results[0]
			results = results[1:]
			at := ""
			if !result.At.IsZero() {
				at = result.At.In(message.Korea()).Format(time.DateTime)
			}
			line = append(line[:3], string(result.Status), string(result.Channel), result.Code, unlike(result.Reason), at)
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reporter) refused(ctx context.Context, c Campaign, out *csv.Writer) error {
	next, end, err := r.Files.Refused(ctx, c)
	if err != nil {
		return err
	}
	defer end()
	for {
		e, err := next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		line := []string{strconv.Itoa(e.Row), "", "", resultRefused, "", "", unlike(strings.TrimSpace(e.Pointer + " " + e.Detail)), ""}
		if err := out.Write(line); err != nil {
			return err
		}
	}
}

// Reporting ends campaigns: it writes their reports, announces them, and deletes their files. All fields are needed.
type Reporting struct {
	Store    *Store
	Files    *Files
	Messages interface {
		Outcome(ctx context.Context, c Campaign, number int) (o message.Outcome, ok bool, err error)
	}
	Bus bus
	// Kept is how long the files are kept.
	Kept time.Duration
	Now  func() time.Time
	Log  *slog.Logger
}

// End is what the state machine asks for when everything was sent, and once more with Delete when the files were kept long enough.
type End struct {
	ID     string `json:"id"`
	Run    int    `json:"run"`
	Delete bool   `json:"delete"`
}

// Handle writes the report and announces the end, or deletes the files. An error is worth another try.
func (r *Reporting) Handle(ctx context.Context, e End) (Next, error) {
	n := Next{ID: e.ID, Run: e.Run, Next: NextEnd, Seconds: int(r.Kept / time.Second)}
	c, err := r.Store.Find(ctx, e.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return n, nil
	case err == nil && c.Run != e.Run:
		// Another execution goes on with it, and keeps its files for as long as it takes.
		return n, nil
	case err == nil && e.Delete:
		err = r.delete(ctx, c)
	case err == nil:
		err = r.end(ctx, c)
	}
	if err != nil {
		return n, fmt.Errorf("end campaign %s: %w", e.ID, err)
	}
	return n, nil
}

func (r *Reporting) end(ctx context.Context, c Campaign) error {
	if c.SettledAt.IsZero() {
		out, err := newTable(reportHeader())
		if err != nil {
			return err
		}
		defer func() { _ = out.remove() }()
		if err := (&Reporter{Messages: r.Messages, Files: r.Files}).Report(ctx, c, out.Writer); err != nil {
			return err
		}
		if err := out.put(ctx, r.Files, ReportKey(c.ID)); err != nil {
			return err
		}
		if c, err = r.Store.Change(ctx, c.ID, func(c *Campaign) (bool, error) {
			c.Settle(r.Now())
			c.Reported = true
			return true, nil
		}); err != nil {
			return err
		}
	}
	return r.tell(ctx, c)
}

// Settle says that nothing more becomes of a campaign.
func (c *Campaign) Settle(now time.Time) {
	if !c.SettledAt.IsZero() {
		return
	}
	if c.Status != Cancelled {
		c.Status = Settled
	}
	c.SettledAt, c.Cause = now.UTC().Truncate(time.Second), ""
	c.forget()
}

// forget forgets the examples of the plan: masked numbers, and texts with names.
func (c *Campaign) forget() {
	if c.Plan != nil {
		c.Plan.Examples = []Example{}
	}
}

// tell announces the end.
func (r *Reporting) tell(ctx context.Context, c Campaign) error { return Tell(ctx, r.Store, r.Bus, c) }

// Tell announces the end of a campaign if that has not been done.
func Tell(ctx context.Context, s *Store, b bus, c Campaign) error {
	if c.EndTold {
		return nil
	}
	if err := b.Put(ctx, statemachine.DetailTypeCampaignEnded, c.Announced()); err != nil {
		return err
	}
	_, err := s.Change(ctx, c.ID, func(c *Campaign) (bool, error) {
		c.EndTold = true
		return true, nil
	})
	return err
}

// delete deletes all files. A plan that nobody has started is cancelled: nothing can be sent without them.
func (r *Reporting) delete(ctx context.Context, c Campaign) error {
	c, err := r.Store.Change(ctx, c.ID, func(now *Campaign) (bool, error) {
		if now.Run != c.Run || now.Wanted > now.Run {
			return false, nil
		}
		if now.Status == Planned {
			now.Status = Cancelled
			now.Settle(r.Now())
		}
		now.Deleted = true
		now.forget() // also of one that is invalid, or that an earlier version has settled
		return true, nil
	})
	if err != nil || !c.Deleted {
		return err
	}
	if err := r.Files.Objects.DeleteAll(ctx, prefix(c.ID)); err != nil {
		return err
	}
	if c.SettledAt.IsZero() {
		return nil
	}
	return r.tell(ctx, c)
}

// unlike is a field that no spreadsheet takes for a formula.
// https://owasp.org/www-community/attacks/CSV_Injection
func unlike(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r", s[0]) >= 0 {
		return "'" + s
	}
	return s
}
