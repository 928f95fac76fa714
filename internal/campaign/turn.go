package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"sms-api/internal/message"
)

// Messages are the messages that chunks become.
type Messages interface {
	// Start starts the message of a chunk. To start it once more does nothing. A *RefusedError says that the door takes it no
	// more, as when its template was withdrawn.
	Start(ctx context.Context, c Campaign, number int, chunk Chunk) error
	// Outcome is what became of a chunk's message so far; ok is false when it was not started.
	Outcome(ctx context.Context, c Campaign, number int) (o message.Outcome, ok bool, err error)
	// Cancel cancels a chunk's message if nothing of it was sent, and has it never start if it was not.
	Cancel(ctx context.Context, c Campaign, number int) error
}

// RefusedError says why a chunk was not taken that the plan had found right. It holds no value of the request.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// chunks are where the chunks of campaigns are.
type chunks interface {
	// Chunk reads a chunk.
	Chunk(ctx context.Context, c Campaign, number int) (Chunk, error)
}

// Sender hands out the chunks of campaigns. All fields are needed.
type Sender struct {
	Store    *Store
	Messages Messages
	Files    chunks
	// NotBefore is when advertising may go out that is due at a time, and must not arrive at night.
	NotBefore func(at time.Time) time.Time
	// Runs starts another execution of the state machine for a campaign, by a name that its run is a part of.
	Runs func(ctx context.Context, id string, run int) error
	Now  func() time.Time
	Log  *slog.Logger
}

// Turn is what the state machine asks for again and again.
type Turn struct {
	ID  string `json:"id"`
	Run int    `json:"run"`
	// Turns is how often it has asked.
	Turns int `json:"turns"`
}

// What is next after a turn.
const (
	NextWait   = "wait"
	NextReport = "report"
	NextKeep   = "keep"
	NextEnd    = "end"
)

// Next is the answer to a Turn.
type Next struct {
	ID   string `json:"id"`
	Run  int    `json:"run"`
	Next string `json:"next"`
	// Seconds is how long to wait before the next turn.
	Seconds int `json:"seconds"`
	Turns   int `json:"turns"`
}

const (
	// atOnce is how many chunks may be under way: as many messages are sent and ask for their first receipts at the same time.
	atOnce = 50
	// step is how often chunks are handed out at least, as far as the rate lets it.
	step = 30 * time.Second
	// parkedFor is after what time it is looked whether a parked chunk goes on.
	parkedFor = 2 * time.Minute
	// late is after what time what another turn has started shows for sure.
	late = 3 * time.Minute
	// longest is how long it is waited at most for the last receipts.
	longest = time.Hour
	// mostTurns is how many turns an execution has before the next one goes on. Each is about ten events of the history, which has
	// at most 25,000.
	mostTurns = 1500
)

// margin is how long before its end a function hands nothing more out: that takes a moment.
const margin = 20 * time.Second

// Turn does what is due of a campaign. Two at the same time do it once. An error is worth another try.
func (s *Sender) Turn(ctx context.Context, t Turn) (Next, error) {
	n := Next{ID: t.ID, Run: t.Run, Turns: t.Turns + 1, Next: NextEnd}
	c, left, err := s.look(ctx, t)
	if err == nil && c.Plan == nil && c.Status != Cancelled {
		return n, nil
	}
	for err == nil && c.Run == t.Run && c.Status == Sending && s.due(c) && inTime(ctx) {
		c, err = s.handOut(ctx, c, t.Run)
	}
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return n, fmt.Errorf("campaign %s: %w", t.ID, err)
	case c.Run != t.Run:
		// Another execution goes on with it.
	case len(c.Open) == 0 && len(c.Slow) == 0 && s.spent(c):
		n.Next = NextReport
	case n.Turns >= mostTurns:
		// The next one takes over with its first turn; until then nobody else does.
		return n, s.Runs(ctx, c.ID, c.Run+1)
	case left:
		n.Next, n.Seconds = NextWait, 1
	default:
		n.Next, n.Seconds = NextWait, int((s.wait(c)+time.Second-1)/time.Second)
	}
	return n, nil
}

// spent says that nothing more is handed out.
func (s *Sender) spent(c Campaign) bool {
	return c.Status == Cancelled || c.Next >= c.Plan.Messages || !s.Now().Before(c.ExpiresAt)
}

// opens is when the next chunk may be handed out.
func (s *Sender) opens(c Campaign) time.Time {
	at := s.Now()
	if c.Due.After(at) {
		at = c.Due
	}
	return c.opens(at, s.NotBefore)
}

// due says that a chunk may be handed out now.
func (s *Sender) due(c Campaign) bool {
	return !s.spent(c) && len(c.Open) < atOnce && len(c.Slow) < mostSlow && !s.opens(c).After(s.Now())
}

// wait is until when nothing needs to be done.
func (s *Sender) wait(c Campaign) time.Duration {
	now := s.Now()
	switch {
	case c.Status == Cancelled && !now.After(c.shows()):
		return min(patience(now.Sub(c.Due)), c.shows().Sub(now)+time.Second)
	case c.Status == Parked:
		return parkedFor
	case c.Status == Paused && !s.spent(c):
		return c.ExpiresAt.Sub(now) // who resumes it starts another execution
	case len(c.dueSlow(now)) > 0:
		return step
	case c.Status == Sending && !s.spent(c):
		until := max(step, s.opens(c).Sub(now))
		if len(c.Open)+len(c.Slow) > 0 {
			until = min(until, longest)
		}
		return max(time.Second, min(until, c.ExpiresAt.Sub(now)))
	}
	// Only receipts are waited for: the longer it takes, the longer it may take.
	return patience(now.Sub(c.Due))
}

// look finds out what became of the chunks that are open, and whether one of them waits for an operator. left says that more of them are
// to be looked at at once; what has failed meanwhile is an error when that is no longer so, or when this turn came no further.
func (s *Sender) look(ctx context.Context, t Turn) (_ Campaign, left bool, _ error) {
	c, err := s.Store.Change(ctx, t.ID, func(c *Campaign) (bool, error) {
		if t.Run <= c.Run {
			return false, nil
		}
		c.Run = t.Run
		c.lookAnew() // it may have been cancelled, or paused for days
		return true, nil
	})
	if err != nil || c.Run != t.Run {
		return c, false, err
	}
	numbers, slow := slices.Clone(c.Open), c.dueSlow(s.Now())
	for _, b := range slow {
		numbers = append(numbers, b.numbers()...)
	}
	if c.Status == Cancelled {
		// One that cannot be cancelled, and takes all the time, keeps no other from its turn for ever.
		rand.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	}
	found, refused, cancelled := map[int]sight{}, "", false
	var failed error // of what cannot be cancelled, or read: the others are cancelled all the same
	for i, number := range numbers {
		if c.Status == Cancelled && !inTime(ctx) {
			left = true
			break
		}
		o, ok, err := s.Messages.Outcome(ctx, c, number)
		if err != nil && c.Status != Cancelled {
			return c, false, err
		}
		done := c.Status != Cancelled || sent(o)
		if !done {
			// Nothing needs to be known of it for that, and of what was sent it does nothing.
			if wrong := s.Messages.Cancel(ctx, c, number); wrong != nil {
				failed = cmp.Or(failed, wrong)
			} else {
				done, cancelled = true, true
				o, ok, err = s.Messages.Outcome(ctx, c, number)
			}
		}
		failed = cmp.Or(failed, err)
		f := sight{unread: err != nil}
		switch {
		case ok:
			f = sightOf(o, s.Now())
		case err != nil:
		case s.Now().After(c.shows()):
			f.settled = true // it never starts: its guard says so, or the door
		case i < len(c.Open) && refused == "" && s.Now().Before(c.ExpiresAt) && (c.Status == Sending || c.Status == Parked):
			// It was about to be started when something broke off, or was refused then.
			if _, refused, err = s.start(ctx, c, number); err != nil {
				return c, false, err
			}
		}
		if !done {
			// What is cancelled has not given back what it took before that was done to the end.
			f.undone, f.settled, f.slow = true, false, false
		}
		found[number] = f
	}
	parked, went := false, false
	c, err = s.Store.Change(ctx, c.ID, func(now *Campaign) (bool, error) {
		if now.Run != t.Run {
			return false, nil
		}
		before, unlooked := now.Status, now.unlooked()
		now.see(found, slow, refused, s.Now())
		if went = cancelled || now.unlooked() < unlooked; went || failed == nil {
			now.Turned = s.Now() // when nothing but failures is left the watch is to tell of it
		}
		parked = before != Parked && now.Status == Parked
		return true, nil
	})
	if err != nil {
		return c, false, err
	}
	if parked {
		s.tellParked(ctx, c)
	}
	left = left || c.unlooked() > 0
	if failed != nil && left && went {
		// What is left is not to wait for as long as the machine does after many errors.
		s.Log.LogAttrs(ctx, slog.LevelWarn, "a chunk of a campaign is not cancelled yet", slog.String("campaign", c.ID),
			slog.String("error", failed.Error()))
		failed = nil
	}
	return c, left, failed
}

// sent says that something of a message was sent: it can no longer be cancelled. What Aligo has refused was not, and what was cancelled
// before its turn came. Of what somebody has stopped nobody knows, but its guard: a redrive may send it.
func sent(o message.Outcome) bool {
	return slices.ContainsFunc(o.Recipients, func(r message.Result) bool {
		return r.Channel != "" && r.Code != message.CodeRejected && r.Code != message.CodeCancelled && r.Code != message.CodeStopped
	})
}

// shows is after what time a chunk that is handed out and does not show never will: what was being started when nothing more was to
// be has come by then.
func (c Campaign) shows() time.Time {
	if c.Status == Cancelled {
		return c.CancelledAt.Add(late)
	}
	return c.ExpiresAt.Add(late)
}

// inTime says that there is time for something that takes a moment, as it does to cancel what goes to 500 recipients.
func inTime(ctx context.Context) bool {
	end, ends := ctx.Deadline()
	return !ends || time.Until(end) > margin
}

// tellParked writes the line that an alarm counts.
func (s *Sender) tellParked(ctx context.Context, c Campaign) {
	s.Log.LogAttrs(ctx, slog.LevelError, "campaign parked", slog.String("campaign", c.ID), slog.String("parked", c.Cause))
}

// handOut hands the next chunk out: first it is put down that it is open, so that whoever cancels knows of it, then its message
// is started.
func (s *Sender) handOut(ctx context.Context, c Campaign, run int) (Campaign, error) {
	number := -1
	c, err := s.Store.Change(ctx, c.ID, func(now *Campaign) (bool, error) {
		number = -1
		if now.Run != run || now.Status != Sending || !s.due(*now) {
			return false, nil
		}
		number = now.Next
		now.Open, now.Fresh, now.Next = append(now.Open, number), append(now.Fresh, number), now.Next+1
		return true, nil
	})
	if err != nil || number < 0 {
		return c, err
	}
	c, _, err = s.start(ctx, c, number)
	return c, err
}

// start starts the message of a chunk that is open, or says why it is refused, which parks the campaign. The next chunk is due
// when this one's recipients have had their time.
func (s *Sender) start(ctx context.Context, c Campaign, number int) (_ Campaign, refused string, _ error) {
	chunk, err := s.Files.Chunk(ctx, c, number)
	if err != nil {
		return c, "", err
	}
	err = s.Messages.Start(ctx, c, number, chunk)
	var wrong *RefusedError
	switch {
	case errors.As(err, &wrong):
		refused = wrong.Reason
		s.Log.LogAttrs(ctx, slog.LevelWarn, "a chunk of a campaign is refused", slog.String("campaign", c.ID), slog.Int("chunk", number),
			slog.String("reason", refused))
	case err != nil:
		return c, "", err
	}
	now, parked := s.Now(), false
	c, err = s.Store.Change(ctx, c.ID, func(c *Campaign) (bool, error) {
		if parked = refused != "" && c.Status == Sending; parked {
			c.Status, c.Cause = Parked, refused
		}
		if refused != "" {
			return parked, nil
		}
		begin := c.Due
		if begin.Before(now.Add(-2 * step)) {
			begin = now // what was missed in a pause is not made up for
		}
		c.Due = begin.Add(pace(chunk.size(), c.Rate))
		return true, nil
	})
	if parked && err == nil {
		s.tellParked(ctx, c)
	}
	return c, refused, err
}
