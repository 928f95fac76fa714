// Package records keeps what people read: what became of each message, so that status, lists and searches need no Step
// Functions call. The truth about a message is its execution; a record that could not be written stops no send, is
// counted (the log lines that have "missed"), and is made good by the next write, or with Repair from the execution.
//
// Records stand in the table of package guard, on keys of their own. There is no index: what is searched for has items of
// its own whose sort key is <milliseconds since 1970>#<message id>, the time at which the message was accepted, so that
// they sort by time and end in the id. Lists are spread over a few partition keys each.
//
//   - msg#<message id>, record: the message. Its outcome is the JSON of message.Outcome, deflated when it is long; a number
//     stands in it masked, and a text not at all.
//   - list#<shard>: all messages; own#<caller>#<shard>: a caller's; ref#<reference>#<shard>, camp#<campaign>#<shard>: those
//     with a reference or of a campaign. Callers, references and campaigns are hashes.
//   - stat#<status>#<shard> and stat#<status>#<caller>#<shard>: messages with a status that few have. The item goes when
//     the message leaves the status; one that stays is left out by whoever reads it.
//   - to#<key>#<number>: messages to a number, which is a keyed hash, and the recipient's index. Under the sort key erased
//     it says until when messages to the number were erased.
//   - made#<id of an event and a route>, first: the key of the message that the route made of the event first; of an event and a
//     fingerprint: that such a message has the event's id as key.
//   - check#<shard>: messages that are to be looked at, by the time from which on: those whose numbers could not be indexed, and
//     those that a sweep has found under way or not as their records say.
//   - sweep: how far the last sweep has come, and until when somebody is at it.
//
// A message to one recipient that is sent once takes seven writes of one unit in all: the record four times (accepted, sent,
// settled, announced), two lists and the number, and one that is scheduled the number once more.
package records

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"sms-api/internal/attr"
	"sms-api/internal/ddb"
	"sms-api/internal/message"
	"sms-api/internal/numberkey"
)

// Store is the table. It keeps nothing between calls and is safe for concurrent use.
type Store struct {
	Client ddb.Client
	// Table is the table's name.
	Table string
	// Numbers is needed by whoever sends, searches by number or erases.
	Numbers numberkey.Source
	// Kept is how long a record is kept after its message has expired.
	Kept time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log is told of what could not be written.
	Log *slog.Logger
}

// Version orders what is written of a message: by redrives of its execution, then by the progress's own sequence number. What
// is parked comes after what it was parked with.
type Version struct {
	Redrives, Seq int
	Parked        bool
	// Ended says that the execution has ended, which comes after all of its progress.
	Ended bool
}

// step is the version within a redrive.
func (v Version) step() int64 {
	n := 2 * int64(v.Seq)
	switch {
	case v.Ended:
		return lastStep - 1
	case v.Parked:
		n++
	}
	return n
}

// lastStep is that of a message which has been announced: nothing of the same redrive comes after it.
const lastStep = 1 << 40

// VersionOf is the version of a progress after so many redrives.
func VersionOf(p message.Progress, redrives int) Version {
	return Version{Redrives: max(redrives, p.Redrives), Seq: p.Seq, Parked: p.Parked != nil}
}

// How long a write may take. Nothing waits for the table longer than that: neither a caller for its 202 nor a send.
const (
	patience = 700 * time.Millisecond
	// indexing is the time for the numbers of all recipients.
	indexing = 1200 * time.Millisecond
)

// Accepted writes down a message that was accepted: its record, and its place in the lists. It returns when that is done, or
// has failed, which is counted and no error.
func (s *Store) Accepted(ctx context.Context, m message.Message) {
	o := message.NewOutcome(m, message.Pendings(m))
	o.Status = message.Sending
	if m.SendAt.After(s.now()) {
		o.Status = message.Scheduled
	}
	ctx = context.WithoutCancel(ctx)
	s.accepted(ctx, m, o)
	if o.Status == message.Scheduled {
		// Its first task, which else does it, may be months away: until then nobody would find it by a number, or erase that.
		s.indexEarly(ctx, m)
	}
}

func (s *Store) accepted(ctx context.Context, m message.Message, o message.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	listed := s.list(ctx, m)
	s.missed(ctx, "list", m.ID, listed)
	s.missed(ctx, "accepted", m.ID, s.write(ctx, m, o, Version{}, extras{listed: listed == nil}))
}

// Went writes down how far a message has come: the outcome so far, or that it has settled. first says that this is the first
// that a task tells of it, so that its numbers are not indexed yet. Like Accepted it returns no error.
func (s *Store) Went(ctx context.Context, m message.Message, o message.Outcome, v Version, first bool) {
	var more extras
	if first {
		more = s.indexFirst(ctx, m)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s.missed(ctx, "progress", m.ID, s.write(ctx, m, o, v, more))
}

// indexFirst indexes the numbers of a message that is under way.
func (s *Store) indexFirst(ctx context.Context, m message.Message) extras {
	ctx, cancel := context.WithTimeout(ctx, indexing)
	defer cancel()
	erased, err := s.index(ctx, m)
	switch {
	case errors.Is(err, ErrNoNumberKey):
		// Nobody has made the key yet. It is noted which message it is.
		err = s.Check(ctx, Check{ID: m.ID, At: s.now().Add(checkAgain)})
		s.missed(ctx, "check", m.ID, err)
		return extras{}
	case err != nil:
		s.missed(ctx, "numbers", m.ID, err)
		return extras{}
	}
	return extras{indexed: true, erased: erased}
}

// indexEarly indexes the numbers of a message before its first task does, which does it once more. What fails is left to that. The
// record is there by now, so that whoever erases a number meanwhile finds it there.
func (s *Store) indexEarly(ctx context.Context, m message.Message) {
	ctx, cancel := context.WithTimeout(ctx, indexing)
	defer cancel()
	erased, err := s.index(ctx, m)
	for _, index := range erased {
		err = errors.Join(err, s.eraseRecipient(ctx, m.ID, index))
	}
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelInfo, "numbers are not indexed yet", slog.String("message", m.ID), slog.String("error", err.Error()))
	}
}

// checkAgain is after what time a message is to be looked at whose numbers could not be indexed.
const checkAgain = time.Hour

// Settled writes down a MessageSettled event. first says that the outcome had not been seen before, so that whoever counts
// outcomes counts each once although events repeat; an outcome that a redrive has changed is another one. An error is worth
// another try. What a message said that goes on, because it was redriven since, is passed over.
func (s *Store) Settled(ctx context.Context, o message.Outcome) (first bool, err error) {
	_, err = s.retried(ctx, o.ID, func(known erasures) error {
		err := s.announced(ctx, o, known)
		first = err == nil
		return err
	})
	if err != nil {
		return false, fmt.Errorf("record the outcome of message %s: %w", o.ID, err)
	}
	return first, nil
}

// lateTask is how long a task may go on after its execution was stopped, and tell of what it did.
const lateTask = 2 * time.Minute

func (s *Store) announced(ctx context.Context, o message.Outcome, erased erasures) error {
	stored, err := pack(erased.of(o))
	if err != nil {
		return err
	}
	at := o.SettledAt.Unix()
	before, err := s.Client.UpdateItem(ctx, s.update(
		o.ID,
		"SET #settled = :at, #seq = :last, #status = :status, #outcome = :outcome, #redrives = if_not_exists(#redrives, :zero), "+
			"#created = if_not_exists(#created, :created), #expires = if_not_exists(#expires, :expires)",
		"(attribute_not_exists(#settled) OR #settled < :at) AND (attribute_not_exists(#written) OR #written <= :latest) AND "+
			erased.condition(),
		append(
			erased.values(),
			attr.Value(":at", attr.Number(at)),
			attr.Value(":last", attr.Number(lastStep)),
			attr.Value(":status", attr.Text(string(o.Status))),
			attr.Value(":outcome", stored),
			attr.Value(":zero", attr.Number(0)),
			attr.Value(":created", attr.Number(o.CreatedAt.UnixMilli())),
			attr.Value(":latest", attr.Number(o.SettledAt.Add(lateTask).UnixMilli())),
			attr.Value(":expires", attr.Number(o.SettledAt.Add(s.Kept).Unix())),
		)...))
	if err != nil {
		return err
	}
	s.moved(ctx, o.ID, o.CreatedAt, attr.TextOf(before.Attributes, attrCaller), statusOf(before.Attributes), o.Status)
	return nil
}

// Repair writes down what an execution is found to be: announced says that its outcome has been announced. It also makes good
// what else the record should have, and the places of the message in the lists and under its numbers, as far as these can be
// hashed. An error is worth another try.
func (s *Store) Repair(ctx context.Context, m message.Message, o message.Outcome, v Version, announced bool) error {
	if err := s.list(ctx, m); err != nil {
		return fmt.Errorf("list message %s: %w", m.ID, err)
	}
	more := extras{listed: true, announced: announced}
	erased, err := s.index(ctx, m)
	switch {
	case err == nil:
		more.indexed, more.erased = true, erased
	case !errors.Is(err, ErrNoNumberKey):
		return fmt.Errorf("index the numbers of message %s: %w", m.ID, err)
	}
	if err := s.write(ctx, m, o, v, more); err != nil {
		return fmt.Errorf("record message %s: %w", m.ID, err)
	}
	// What is newer stays, and may lack the same.
	if err := s.complete(ctx, m, more); err != nil {
		return fmt.Errorf("complete the record of message %s: %w", m.ID, err)
	}
	for _, index := range erased {
		if err := s.eraseRecipient(ctx, m.ID, index); err != nil {
			return fmt.Errorf("erase a recipient of message %s: %w", m.ID, err)
		}
	}
	return nil
}

// complete writes what a record has of its message beside what became of it.
func (s *Store) complete(ctx context.Context, m message.Message, more extras) error {
	set := "SET #caller = :caller, #print = :print, #created = :created, #sendat = :sendat, #expires = :expires"
	flags, values := more.flags()
	before, err := s.Client.UpdateItem(ctx, s.update(m.ID, set+flags, "attribute_exists(#pk)", append(values, s.identity(m)...)...))
	if err != nil || attr.TextOf(before.Attributes, attrCaller) != "" {
		return err
	}
	// Nobody knew in whose list it stands.
	s.moved(ctx, m.ID, m.CreatedAt, m.Caller, "", statusOf(before.Attributes))
	return nil
}

// identity is what a record has of its message.
func (s *Store) identity(m message.Message) []attr.Named {
	return []attr.Named{
		attr.Value(":caller", attr.Text(m.Caller)), attr.Value(":print", fingerprint(m.Fingerprint)),
		attr.Value(":created", attr.Number(m.CreatedAt.UnixMilli())), attr.Value(":sendat", attr.Number(milliseconds(m.SendAt))),
		attr.Value(":expires", attr.Number(s.expires(m).Unix())),
	}
}

// extras is what is written beside an outcome.
type extras struct {
	listed, indexed bool
	// announced says that the outcome has been seen on the event bus.
	announced bool
	erased    erasures
}

// flags are those of listed and indexed that are to be set.
func (e extras) flags() (set string, values []attr.Named) {
	if e.listed {
		set += ", #listed = :listed"
		values = append(values, attr.Value(":listed", attr.Yes()))
	}
	if e.indexed {
		set += ", #indexed = :indexed"
		values = append(values, attr.Value(":indexed", attr.Yes()))
	}
	return set, values
}

// write writes a record unless what stands there is newer. Where the message stands by now is written even then.
func (s *Store) write(ctx context.Context, m message.Message, o message.Outcome, v Version, more extras) error {
	older, err := s.retried(ctx, m.ID, func(known erasures) error { return s.put(ctx, m, o, v, more, known) })
	set, values := more.flags()
	if err != nil || !older || set == "" {
		return err
	}
	_, err = s.Client.UpdateItem(ctx, s.update(m.ID, "SET "+strings.TrimPrefix(set, ", "), "attribute_exists(#pk)", values...))
	if refused(err) {
		return nil // it has gone meanwhile
	}
	return err
}

// retried makes a write, and once more when the record turns out to have lost other recipients than the write knows of: it
// must not bring them back. older says that it was refused because what stands there is newer, which is no failure.
func (s *Store) retried(ctx context.Context, id string, write func(known erasures) error) (older bool, _ error) {
	var known erasures
	for range 3 {
		err := write(known)
		if !refused(err) {
			return false, err
		}
		item, err := s.get(ctx, id)
		if err != nil {
			return false, err
		}
		now := erasuresOf(item)
		if now.equal(known) {
			return true, nil
		}
		known = now
	}
	return false, errors.New("recipients of the record are being erased")
}

func (s *Store) put(ctx context.Context, m message.Message, o message.Outcome, v Version, more extras, known erasures) error {
	erased := known.with(more.erased)
	stored, err := pack(erased.of(o))
	if err != nil {
		return err
	}
	set := "SET #redrives = :redrives, #seq = :seq, #status = :status, #outcome = :outcome, #caller = :caller, " +
		"#print = :print, #created = :created, #sendat = :sendat, #expires = :expires"
	// Of two invocations of a task the one is believed that found everything settled: if the other goes on, its next step says so.
	newer, step := "#seq <= :seq", v.step()
	flags, values := more.flags()
	set += flags
	if more.announced {
		step = lastStep
		set += ", #settled = :settled"
		values = append(values, attr.Value(":settled", attr.Number(o.SettledAt.Unix())))
	}
	values = append(append(values, s.identity(m)...),
		attr.Value(":redrives", attr.Number(int64(v.Redrives))), attr.Value(":seq", attr.Number(step)),
		attr.Value(":status", attr.Text(string(o.Status))), attr.Value(":outcome", stored),
	)
	if o.SettledAt.IsZero() {
		newer = "(#seq < :seq OR #seq = :seq AND (#status = :sending OR #status = :parked OR #status = :scheduled))"
		for _, open := range []message.MessageStatus{message.Sending, message.Parked, message.Scheduled} {
			values = append(values, attr.Value(":"+string(open), attr.Text(string(open))))
		}
	}
	if !v.Ended {
		set += ", #written = :written"
		values = append(values, attr.Value(":written", attr.Number(s.now().UnixMilli())))
	}
	if !erased.equal(known) {
		set += ", #erased = :lost"
		values = append(values, attr.Value(":lost", erased.value()))
	}
	before, err := s.Client.UpdateItem(ctx, s.update(m.ID, set,
		"(attribute_not_exists(#pk) OR #redrives < :redrives OR #redrives = :redrives AND "+newer+") AND "+known.condition(),
		append(values, known.values()...)...))
	if err != nil {
		return err
	}
	from := statusOf(before.Attributes)
	if attr.TextOf(before.Attributes, attrCaller) == "" {
		from = "" // nobody knew in whose list it stands
	}
	s.moved(ctx, m.ID, m.CreatedAt, m.Caller, from, o.Status)
	return nil
}

// update is a conditional update of a record that answers with what stood there before.
func (s *Store) update(id, set, condition string, values ...attr.Named) *dynamodb.UpdateItemInput {
	names, byName := attr.Placeholders(set+condition, values...)
	return &dynamodb.UpdateItemInput{
		TableName: &s.Table, Key: recordKey(id), UpdateExpression: &set, ConditionExpression: &condition,
		ExpressionAttributeNames: names, ExpressionAttributeValues: byName, ReturnValues: types.ReturnValueAllOld,
	}
}

// expires is when a message's record may go.
func (s *Store) expires(m message.Message) time.Time { return m.ExpiresAt.Add(s.Kept) }

// Over says that the message is older than records are kept.
func (s *Store) Over(m message.Message) bool { return !s.now().Before(s.expires(m)) }

// missed logs a write that was not made; alarms count the lines. The next write makes a lost one good.
func (s *Store) missed(ctx context.Context, what, id string, err error) {
	if err != nil {
		s.Log.LogAttrs(ctx, slog.LevelWarn, "a record is not written", slog.String("missed", what), slog.String("message", id),
			slog.String("error", err.Error()))
	}
}

// Record is what the table says of a message.
type Record struct {
	// Message has of the message what is kept: ID, Caller, Fingerprint, CreatedAt, SendAt, what its caller says of it for
	// itself, and how many recipients it had, of whom nothing is known here.
	Message message.Message
	Outcome message.Outcome
	// Announced says that the outcome was seen on the event bus.
	Announced bool
	// Listed and Indexed say that the lists and the numbers have the message.
	Listed, Indexed bool
	// Over says that the record may go, and has not gone yet.
	Over bool
	// Erased is how many recipients were erased.
	Erased int

	erased erasures
}

// Settled says that nothing more is to come of the message.
func (r Record) Settled() bool { return !r.Outcome.SettledAt.IsZero() }

// Find reads the record of a message as it stands now. ok is false when there is none, or none that says whose it is.
func (s *Store) Find(ctx context.Context, id string) (r Record, ok bool, err error) {
	item, err := s.get(ctx, id)
	if err == nil && attr.TextOf(item, attrCaller) != "" {
		r, err = s.read(id, item)
		ok = err == nil
	}
	if err != nil {
		return Record{}, false, fmt.Errorf("read the record of message %s: %w", id, err)
	}
	return r, ok, nil
}

func (s *Store) get(ctx context.Context, id string) (map[string]types.AttributeValue, error) {
	out, err := s.Client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: recordKey(id), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// refused says that the condition of a write did not hold.
func refused(err error) bool {
	var failed *types.ConditionalCheckFailedException
	return errors.As(err, &failed)
}
