// Package sweep makes good what was lost. Executions that have ended and were not announced are announced, records that are not
// there or say something else than their executions are written, and numbers that could not be hashed are indexed. Campaigns that do
// not go on are started again.
//
// A sweep goes through the executions that were started since the last one, compares each with its record, and notes in the
// table which messages are to be looked at, and when: those that are not as they should be at once, those under way later. Then
// it looks at those that are due, at a pace that leaves the quotas of Step Functions to others. A list costs a call for a
// thousand messages, and a record half a read unit; only what is looked at is described. What runs for long is looked at ever
// more rarely.
//
// It may be ended anywhere, and run twice at once: what is noted stays noted until it is done, and done again it changes
// nothing, but that a message may be announced once more.
package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/smithy-go"

	"sms-api/internal/deadline"
	"sms-api/internal/deployment"
	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/statemachine"
)

// executions is what a Sweeper calls of *execution.Executions.
type executions interface {
	List(ctx context.Context, token string) (page []execution.Listed, next string, err error)
	Look(ctx context.Context, id string) (execution.Seen, error)
}

// book is what it calls of *records.Store.
type book interface {
	TakeSweep(ctx context.Context, lease time.Duration) (at records.Sweep, until time.Time, err error)
	SaveSweep(ctx context.Context, at records.Sweep, until time.Time, over bool) error
	Hashes(ctx context.Context) (bool, error)
	Glances(ctx context.Context, ids []string) (map[string]records.Glance, error)
	Check(ctx context.Context, all ...records.Check) error
	Due(ctx context.Context, shard, n int, after *records.Check) ([]records.Check, error)
	Checked(ctx context.Context, c records.Check, then *records.Check) error
	Over(m message.Message) bool
	Repair(ctx context.Context, m message.Message, o message.Outcome, v records.Version, announced bool) error
}

// counter is what it calls of *tally.Recorder.
type counter interface {
	Count(ctx context.Context, o message.Outcome) (first bool, err error)
}

// bus is what it calls of announce.Bus.
type bus interface {
	Put(ctx context.Context, detailType string, detail any) error
}

// campaigns is what it calls of *campaign.Watch.
type campaigns interface {
	Look(ctx context.Context) (stuck int, err error)
}

// Sweeper sweeps. All fields are needed.
type Sweeper struct {
	Executions executions
	Records    book
	Counter    counter
	Campaigns  campaigns
	// Bus is where MessageSettled goes.
	Bus bus
	// Now is the clock by which the state machine runs, and Sleep waits on it.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	Log   *slog.Logger
}

const (
	// back is how far the first sweep of a stack looks back.
	back = 24 * time.Hour
	// settling is for how long after its start or its end an execution is left alone: its record is on its way.
	settling = 15 * time.Minute
	// often and seldom are the pauses between two looks at a message under way, which grow with its age.
	often, seldom = time.Hour, 24 * time.Hour
)

// How fast it goes. Seoul lets an account list 2 times a second, describe 10 executions and read 20 histories.
const (
	listPace = 500 * time.Millisecond
	lookPace = 200 * time.Millisecond
)

const (
	// spare is what is left of the function's time when that of its calls is over, and enough when nothing is begun any more.
	spare, enough = 2 * time.Second, 15 * time.Second
	// batch is how many records are looked at together.
	batch = 100
	// patience is how many looks AWS may refuse one after the other before the rest waits for the next sweep.
	patience = 5
)

// Report is what a sweep has done.
type Report struct {
	// Listed is how many executions were compared with their records, Looked how many were looked at themselves.
	Listed int `json:"listed"`
	Looked int `json:"looked"`
	// Announced, Recorded and Indexed are how many messages were announced, how many records were not as they should be, and of
	// how many messages the numbers alone were missing.
	Announced int `json:"announced"`
	Recorded  int `json:"recorded"`
	Indexed   int `json:"indexed"`
	// Stuck is how many campaigns did not go on.
	Stuck int `json:"stuck"`
	// Failed is how many looks have failed, and are made again.
	Failed int `json:"failed"`
	// Unfinished says that there was more than time.
	Unfinished bool `json:"unfinished"`
}

// Handle makes a sweep. An error says that something is left to the next one.
func (s *Sweeper) Handle(ctx context.Context) (Report, error) {
	ctx, cancel := deadline.Before(ctx, spare)
	defer cancel()
	at, until, err := s.Records.TakeSweep(ctx, deployment.LongestFunction)
	switch {
	case errors.Is(err, records.ErrTaken):
		s.Log.LogAttrs(ctx, slog.LevelInfo, "another sweep is at work")
		return Report{}, nil
	case err != nil:
		return Report{}, fmt.Errorf("sweep: %w", err)
	}
	r := run{Sweeper: s, at: at, until: until, looked: map[string]bool{}}
	// Whatever of this fails, everything else is done.
	var away error
	r.report.Stuck, away = s.Campaigns.Look(ctx)
	r.hashes, err = s.Records.Hashes(ctx)
	err = errors.Join(away, err, r.list(ctx))
	if !errors.Is(err, records.ErrTaken) {
		err = errors.Join(err, r.look(ctx), s.Records.SaveSweep(ctx, r.at, r.until, true))
	}
	s.Log.LogAttrs(ctx, slog.LevelInfo, "swept", slog.Any("report", r.report))
	if err != nil {
		return r.report, fmt.Errorf("sweep: %w", err)
	}
	return r.report, nil
}

// run is one sweep.
type run struct {
	*Sweeper

	at records.Sweep
	// until is when the lease ends.
	until time.Time
	// hashes says that there is a key that numbers can be hashed with.
	hashes bool
	report Report
	// looked are the messages that were looked at, and failures how many looks at a shard's AWS has refused since one that it has not.
	looked   map[string]bool
	failures int
}

// part returns a context that is over when a part of what is left of the function's time is.
func part(ctx context.Context, share float64) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	left := time.Until(end) - enough
	return context.WithDeadline(ctx, time.Now().Add(time.Duration(share*float64(left))))
}

// list goes through the executions that were started since the last pass, as far as half of the time takes it.
func (r *run) list(ctx context.Context) error {
	inTime, cancel := part(ctx, 0.5)
	defer cancel()
	if r.at.Done.IsZero() {
		r.at.Done = r.Now().Add(-back)
		// At once, so that one that is lost does not shorten it.
		if err := r.Records.SaveSweep(ctx, r.at, r.until, false); err != nil {
			return err
		}
	}
	for {
		resumed := r.at.Token != ""
		if !resumed {
			r.at.Until = r.Now().Add(-settling)
		}
		done, err := r.pass(ctx, inTime)
		if err != nil || !done {
			r.report.Unfinished = true
			return err
		}
		if r.at.Done = r.at.Until; !resumed {
			return nil
		}
	}
}

// pass goes on with a pass; done is false when the time was over.
func (r *run) pass(ctx, inTime context.Context) (done bool, err error) {
	for !isOver(inTime) {
		page, next, err := r.Executions.List(ctx, r.at.Token)
		if errors.Is(err, execution.ErrToken) && r.at.Token != "" {
			r.at.Token = "" // it begins again
			continue
		}
		if err != nil {
			return false, err
		}
		if err := r.compare(ctx, page); err != nil {
			return false, err
		}
		if r.at.Token = next; next == "" || len(page) > 0 && page[len(page)-1].Started.Before(r.at.Done) {
			r.at.Token = ""
			return true, nil
		}
		if err := r.Records.SaveSweep(ctx, r.at, r.until, false); err != nil {
			return false, err
		}
		r.rest(inTime, listPace)
	}
	return false, nil
}

// isOver says that the time for something is over, which is no error.
func isOver(inTime context.Context) bool { return inTime.Err() != nil }

// rest waits, no longer than there is time.
func (r *run) rest(inTime context.Context, d time.Duration) { _ = r.Sleep(inTime, d) }

// compare compares executions with their records, and notes which are to be looked at.
func (r *run) compare(ctx context.Context, page []execution.Listed) error {
	var due []execution.Listed
	for _, x := range page {
		if x.Started.Before(r.at.Until) && !x.Started.Before(r.at.Done) {
			due = append(due, x)
		}
	}
	for len(due) > 0 {
		n := min(len(due), batch)
		ids := make([]string, n)
		for i, x := range due[:n] {
			ids[i] = x.ID
		}
		known, err := r.Records.Glances(ctx, ids)
		if err != nil {
			return err
		}
		var notes []records.Check
		for _, x := range due[:n] {
			g, ok := known[x.ID]
			if at, ended, ok := r.when(x, g, ok); ok {
				notes = append(notes, records.Check{ID: x.ID, At: at, Ended: ended})
			}
		}
		if err := r.Records.Check(ctx, notes...); err != nil {
			return err
		}
		r.report.Listed += n
		due = due[n:]
	}
	return nil
}

// when says when an execution is to be looked at that has this record; ok is false when never, and ended that it is one that has
// ended, whatever its record says of what is to come.
func (r *run) when(x execution.Listed, g records.Glance, known bool) (at time.Time, ended, ok bool) {
	now := r.Now()
	whole := known && g.Known && g.Listed
	switch fine := whole && g.Announced && g.Redrives >= x.Redrives; {
	case x.Ended && !fine && now.Sub(x.Stopped) < settling:
		return now.Add(often), true, true
	case x.Ended && !fine:
		return now, true, true
	case x.Ended && !g.Indexed:
		return r.whenHashed(now), false, true
	case x.Ended && !x.Succeeded && g.Status != message.MessageCancelled:
		return again(x.Stopped, now), true, true
	case x.Ended:
		return time.Time{}, false, false
	case !whole:
		return now, false, true
	case g.Told && !g.Indexed:
		return r.whenHashed(now), false, true
	}
	return next(x.Started, g.SendAt, now), false, true
}

// whenHashed is when to index numbers: now, or when there may be a key.
func (r *run) whenHashed(now time.Time) time.Time {
	if r.hashes {
		return now
	}
	return now.Add(often)
}

// next is when to look again at a message under way: an hour after it sets off, and then ever more rarely.
func next(created, sendAt, now time.Time) time.Time {
	if sendAt.After(now) {
		return sendAt.Add(often)
	}
	if sendAt.After(created) {
		created = sendAt
	}
	return again(created, now)
}

// again is when to look again at what has lasted since then.
func again(since, now time.Time) time.Time {
	return now.Add(min(max(now.Sub(since), often), seldom))
}

// look looks at the messages that are due, until there are none or the time is over.
func (r *run) look(ctx context.Context) error {
	inTime, cancel := part(ctx, 1)
	defer cancel()
	var all error
	for shard := range records.Shards {
		// What holds up one shard may leave the others alone.
		all = errors.Join(all, r.shard(ctx, inTime, shard))
	}
	return all
}

// shard looks at those of a shard.
func (r *run) shard(ctx, inTime context.Context, shard int) error {
	r.failures = 0
	var after *records.Check
	for {
		due, err := r.Records.Due(ctx, shard, batch, after)
		switch {
		case err != nil:
			return err
		case len(due) == 0:
			return nil
		case isOver(inTime):
			r.report.Unfinished = true
			return nil
		}
		if err := r.all(ctx, inTime, due); err != nil {
			return err
		}
		after = &due[len(due)-1]
	}
}

// all looks at some messages, as far as the time takes it.
func (r *run) all(ctx, inTime context.Context, due []records.Check) error {
	ids := make([]string, len(due))
	for i, c := range due {
		ids[i] = c.ID
	}
	known, err := r.Records.Glances(ctx, ids)
	if err != nil {
		return err
	}
	for _, c := range due {
		if isOver(inTime) {
			return nil
		}
		if r.looked[c.ID] {
			continue // it is noted for more than one hour: once an hour is enough
		}
		r.looked[c.ID] = true
		g, ok := known[c.ID]
		err := r.check(ctx, inTime, c, g, ok)
		if err == nil {
			r.failures = 0
		} else if err := r.failed(ctx, c, err); err != nil {
			return err
		}
	}
	return nil
}

// failed puts a message off that could not be looked at, so that the next sweep begins with others: there may be some that never
// can. The error says that it is not for the message's sake, and the rest waits, too.
func (r *run) failed(ctx context.Context, c records.Check, why error) error {
	r.report.Failed++
	r.Log.LogAttrs(ctx, slog.LevelWarn, "a message could not be looked at", slog.String("message", c.ID), slog.String("error", why.Error()))
	if err := r.Records.Checked(ctx, c, &records.Check{ID: c.ID, At: r.Now().Add(often), Ended: c.Ended}); err != nil {
		return err
	}
	var refused *smithy.OperationError
	if !errors.As(why, &refused) {
		return nil
	}
	if r.failures++; r.failures >= patience {
		return fmt.Errorf("%d looks have failed one after the other, this one at last: %w", r.failures, why)
	}
	return nil
}

// check looks at a message that is due and notes when it is to be looked at again, if it is.
func (r *run) check(ctx, inTime context.Context, c records.Check, g records.Glance, known bool) error {
	then, err := r.settle(ctx, inTime, c, g, known)
	if err != nil {
		return err
	}
	return r.Records.Checked(ctx, c, then)
}

// settle makes a message as it should be, and returns when to look at it again; nil is never.
func (r *run) settle(ctx, inTime context.Context, c records.Check, g records.Glance, known bool) (*records.Check, error) {
	now := r.Now()
	later := func(at time.Time, ended bool) (*records.Check, error) {
		return &records.Check{ID: c.ID, At: at, Ended: ended}, nil
	}
	whole := known && g.Known && g.Listed
	switch {
	case c.Ended || !whole:
	case g.Announced && !g.Indexed && !r.hashes:
		return later(again(c.At, now), false)
	case g.Announced && g.Indexed && (g.Status == message.AllDelivered || g.Status == message.MessageCancelled):
		return nil, nil //nolint:nilnil // there is nothing to come, and nobody redrives it
	case g.Status == message.Scheduled && g.SendAt.After(now):
		return later(g.SendAt.Add(often), false)
	}
	if r.rest(inTime, lookPace); isOver(inTime) {
		return &c, nil // it stays noted
	}
	r.report.Looked++
	seen, err := r.Executions.Look(ctx, c.ID)
	switch {
	case errors.Is(err, execution.ErrNotFound):
		return nil, nil //nolint:nilnil // executions are kept for 90 days
	case err != nil:
		return nil, err
	case r.Records.Over(seen.Message):
		return nil, nil //nolint:nilnil // its record has gone, as it should
	case !seen.Ended:
		if !whole || g.Before(seen.Version) || g.Told && !g.Indexed && r.hashes {
			if err := r.repair(ctx, seen, false, g, whole); err != nil {
				return nil, err
			}
		}
		return later(next(seen.Message.CreatedAt, seen.Message.SendAt, now), false)
	case now.Sub(seen.Stopped) < settling:
		return later(now.Add(often), false)
	}
	announced := known && g.Announced && g.Redrives >= seen.Version.Redrives
	if !announced {
		if err := r.announce(ctx, seen); err != nil {
			return nil, err
		}
	}
	if !announced || !whole || !g.Indexed && r.hashes {
		if err := r.repair(ctx, seen, true, g, announced && whole); err != nil {
			return nil, err
		}
	}
	switch {
	case !g.Indexed && !r.hashes:
		return later(again(seen.Stopped, now), false)
	case seen.Redrivable && now.Before(seen.Stopped.Add(deployment.Redrivable)):
		return later(again(seen.Stopped, now), true)
	}
	return nil, nil //nolint:nilnil // it is done
}

// announce announces an outcome, if its execution has not done so itself, and counts it if nobody has.
func (r *run) announce(ctx context.Context, seen execution.Seen) error {
	if !seen.Announced {
		if err := r.Bus.Put(ctx, statemachine.DetailTypeSettled, seen.Outcome.Fit()); err != nil {
			return fmt.Errorf("announce message %s: %w", seen.Message.ID, err)
		}
		r.report.Announced++
		r.made(ctx, "announced", seen)
	}
	_, err := r.Counter.Count(ctx, seen.Outcome)
	return err
}

// repair writes the record of a message that has settled or goes on. fine says that only the numbers may be missing.
func (r *run) repair(ctx context.Context, seen execution.Seen, settled bool, g records.Glance, fine bool) error {
	if err := r.Records.Repair(ctx, seen.Message, seen.Outcome, seen.Version, settled); err != nil {
		return err
	}
	if fine && !g.Before(seen.Version) {
		r.report.Indexed++
		return nil
	}
	r.report.Recorded++
	r.made(ctx, "record", seen)
	return nil
}

// made tells what was made good; an alarm counts the lines.
func (r *run) made(ctx context.Context, what string, seen execution.Seen) {
	r.Log.LogAttrs(ctx, slog.LevelWarn, "made good", slog.String("repaired", what), slog.String("message", seen.Message.ID),
		slog.String("status", string(seen.Outcome.Status)))
}
