package execution_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"sms-api/internal/execution"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/statemachine"
)

// book is the record of one message.
type book struct {
	record *records.Record
	err    error
	over   bool
	// accepted and went are what it was told.
	accepted []string
	went     []told
}

type told struct {
	status  message.MessageStatus
	version records.Version
}

func (b *book) Accepted(_ context.Context, m message.Message) { b.accepted = append(b.accepted, m.ID) }

func (b *book) Find(context.Context, string) (records.Record, bool, error) {
	if b.record == nil {
		return records.Record{}, false, b.err
	}
	return *b.record, true, b.err
}

func (b *book) Over(message.Message) bool { return b.over }

func (b *book) Went(_ context.Context, _ message.Message, o message.Outcome, v records.Version, _ bool) {
	b.went = append(b.went, told{o.Status, v})
}

// recorded is a record of the message that says something which no execution says.
func recorded() *records.Record {
	m := newMessage()
	o := message.NewOutcome(m, message.Pendings(m))
	o.Status = message.PartlyDelivered
	return &records.Record{Message: m, Outcome: o}
}

// What has a record is answered from it, and Step Functions is not asked.
func TestRecordsAnswer(t *testing.T) {
	t.Parallel()
	running, over := begin(t, newMessage()), recorded()
	over.Over = true
	for about, c := range map[string]struct {
		book   book
		status message.MessageStatus
		err    error
	}{
		"a record":                           {book{record: recorded()}, message.PartlyDelivered, nil},
		"no record":                          {book{}, message.Sending, nil},
		"a table that is away":               {book{err: errors.New("away")}, message.Sending, nil},
		"a record that is kept no longer":    {book{record: over}, "", execution.ErrNotFound},
		"no record, as it is kept no longer": {book{over: true}, "", execution.ErrNotFound},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			e, f := executions(running, created)
			e.Records = &c.book
			_, o, err := e.Outcome(t.Context(), "0193")
			if o.Status != c.status || !errors.Is(err, c.err) {
				t.Errorf("%s, %v", o.Status, err)
			}
			f.describe, f.history = errors.New("asked"), errors.New("asked")
			if c.book.record == nil {
				return
			}
			if _, o, err = e.Outcome(t.Context(), "0193"); o.Status != c.status || !errors.Is(err, c.err) {
				t.Errorf("without Step Functions: %s, %v", o.Status, err)
			}
		})
	}
}

// Whether there is a message is told by its record alone, and by Step Functions when the records are away.
func TestWhatIsRecorded(t *testing.T) {
	t.Parallel()
	without, _ := executions(begin(t, newMessage()), created)
	if m, ok, err := without.Recorded(t.Context(), "0193"); m.ID != "0193" || !ok || err != nil {
		t.Errorf("without records: %q, %v, %v", m.ID, ok, err)
	}
	for about, c := range map[string]struct {
		book book
		id   string
		ok   bool
	}{
		"a record":                         {book{record: recorded()}, "0193", true},
		"no record, though an execution":   {book{}, "0193", false},
		"a table that is away":             {book{err: errors.New("away")}, "0193", true},
		"a table that is away, and no one": {book{err: errors.New("away")}, "0194", false},
	} {
		t.Run(about, func(t *testing.T) {
			t.Parallel()
			e, f := executions(begin(t, newMessage()), created)
			e.Records = &c.book
			for _, away := range []error{nil, errors.New("away")} {
				f.describe = away
				m, ok, err := e.Recorded(t.Context(), c.id)
				if asked := c.book.err != nil && away != nil; asked != (err != nil) || ok != (c.ok && !asked) || ok && m.ID != c.id {
					t.Errorf("Step Functions says %v: %q, %v, %v", away, m.ID, ok, err)
				}
			}
		})
	}
}

func TestRecordsAreTold(t *testing.T) {
	t.Parallel()
	e, f := executions(nil, created)
	b := &book{}
	e.Records = b
	m := newMessage()
	if _, _, err := e.Start(t.Context(), m); err != nil || len(b.accepted) != 1 {
		t.Fatalf("%v, told of %q", err, b.accepted)
	}
	// A replay is found by its record, and tells nothing.
	r := recorded()
	b.record, f.describe = r, errors.New("asked")
	m.CreatedAt = created.Add(time.Minute)
	if _, replayed, err := e.Start(t.Context(), m); err != nil || !replayed || len(b.accepted) != 1 {
		t.Errorf("a replay: %v, %v, told of %q", replayed, err, b.accepted)
	}
	r.Message.Fingerprint = "another"
	if _, _, err := e.Start(t.Context(), m); !errors.Is(err, execution.ErrConflict) {
		t.Errorf("another request with the same key: %v", err)
	}
	f.describe, f.start = nil, errors.New("throttled")
	if _, _, err := e.Start(t.Context(), m); err == nil || len(b.accepted) != 1 {
		t.Errorf("not started: %v, told of %q", err, b.accepted)
	}
}

// Whoever is told of a cancellation, and whoever hears of an end, reads it in the record.
func TestRecordsOfEnds(t *testing.T) {
	t.Parallel()
	m := newMessage()
	m.SendAt, m.Guarded = created.Add(time.Hour), true
	e, f := executions(begin(t, m).entered(statemachine.StateWaitUntilSendTime, m), created)
	b := &book{}
	e.Records = b
	f.executions[executionARN+"0193"].redrives = 2
	f.onStop = func(r *run) { r.end(types.ExecutionStatusAborted) }
	if _, err := e.Cancel(t.Context(), "0193"); err != nil {
		t.Fatal(err)
	}
	want := told{message.MessageCancelled, records.Version{Redrives: 2, Ended: true}}
	if len(b.went) != 1 || b.went[0] != want {
		t.Errorf("told %+v, want %+v", b.went, want)
	}
	_, ok, err := e.Unannounced(t.Context(), "0193", execution.End{Redrives: 2})
	if !ok || err != nil || len(b.went) != 2 || b.went[1] != want {
		t.Errorf("%v, %v, told %+v", ok, err, b.went)
	}
}
