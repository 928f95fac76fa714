// Package execution sees messages as executions of the state machine: it starts and stops them, and tells from an
// execution's description and history what has become of a message. That is the truth; what is asked for often is answered
// from its record, and whether a message may still be sent the guards say.
package execution

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"sms-api/internal/guard"
	"sms-api/internal/message"
	"sms-api/internal/records"
	"sms-api/statemachine"
)

// ErrNotFound says that there is no message with this id (any more: executions are kept for 90 days, records for as long as
// the stack says).
var ErrNotFound = errors.New("there is no such message")

// ErrConflict says that another message has this id already.
var ErrConflict = errors.New("another message has this id")

// ErrNotStarted says that Step Functions has refused to start a message, each time that it was asked: surely nothing was started.
var ErrNotStarted = errors.New("it was not started")

// errIncomplete says that the history of an execution that has ended does not show it yet; it is consistent only eventually.
var errIncomplete = errors.New("the history does not go as far as the end of the execution")

// NotCancellableError says why a message cannot be cancelled.
type NotCancellableError struct {
	// Reason is for people.
	Reason string
}

func (e *NotCancellableError) Error() string { return e.Reason }

// client is what this package calls of *sfn.Client.
type client interface {
	StartExecution(ctx context.Context, in *sfn.StartExecutionInput, opts ...func(*sfn.Options)) (*sfn.StartExecutionOutput, error)
	StopExecution(ctx context.Context, in *sfn.StopExecutionInput, opts ...func(*sfn.Options)) (*sfn.StopExecutionOutput, error)
	DescribeExecution(ctx context.Context, in *sfn.DescribeExecutionInput, opts ...func(*sfn.Options)) (*sfn.DescribeExecutionOutput, error)
	GetExecutionHistory(ctx context.Context, in *sfn.GetExecutionHistoryInput, opts ...func(*sfn.Options)) (*sfn.GetExecutionHistoryOutput,
		error)
	ListExecutions(ctx context.Context, in *sfn.ListExecutionsInput, opts ...func(*sfn.Options)) (*sfn.ListExecutionsOutput, error)
}

// guards is what this package calls of *guard.Guards.
type guards interface {
	Opened(ctx context.Context, id string) (g guard.Guard, ok bool, err error)
	Cancel(ctx context.Context, id string, expiry time.Time) error
}

// book is what this package calls of *records.Store.
type book interface {
	Accepted(ctx context.Context, m message.Message)
	Find(ctx context.Context, id string) (r records.Record, ok bool, err error)
	Over(m message.Message) bool
	Went(ctx context.Context, m message.Message, o message.Outcome, v records.Version, first bool)
}

// bus is what this package calls of announce.Bus.
type bus interface {
	Put(ctx context.Context, detailType string, detail any) error
}

// Executions are the executions of one state machine. All fields are needed, but Guards only to cancel and to tell what
// became of a message, and Bus only to cancel.
type Executions struct {
	Client client
	// Guards knows which messages are cancelled.
	Guards guards
	// Bus is where Cancel announces.
	Bus bus
	// Records answer for executions, and are told of messages that are accepted and cancelled; nil for whoever wants the truth
	// alone.
	Records book
	// StateMachineARN is arn:aws:states:REGION:ACCOUNT:stateMachine:NAME, or that of a version or an alias of it, which has
	// its name behind a further colon.
	StateMachineARN string
	// Now is the clock by which the state machine runs.
	Now func() time.Time
}

// Start starts the execution of a message. A message with the same id and fingerprint that exists already is a replay:
// nothing is started, and the message that was accepted then is returned. One with another fingerprint is ErrConflict. Another error
// than ErrNotStarted leaves open whether it was started.
func (e *Executions) Start(ctx context.Context, m message.Message) (accepted message.Message, replayed bool, err error) {
	input, err := json.Marshal(m)
	if err != nil {
		return message.Message{}, false, fmt.Errorf("start message %s: %w", m.ID, err)
	}
	doubt := false
	_, err = e.Client.StartExecution(ctx, &sfn.StartExecutionInput{
		StateMachineArn: &e.StateMachineARN, Name: &m.ID, Input: aws.String(string(input)),
	}, eachAttempt(func(err error) { doubt = doubt || !refused(err) }))
	var exists *types.ExecutionAlreadyExists
	switch {
	case err == nil:
		e.accepted(ctx, m)
		return m, false, nil
	case !errors.As(err, &exists) && refused(err) && !doubt:
		return message.Message{}, false, fmt.Errorf("start message %s: %w: %w", m.ID, ErrNotStarted, err)
	case !errors.As(err, &exists):
		return message.Message{}, false, fmt.Errorf("start message %s: %w", m.ID, err)
	}
	stored, err := e.Find(ctx, m.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		// What has just been started cannot always be described yet.
		return message.Message{}, false, fmt.Errorf("start message %s: it exists but cannot be read yet", m.ID)
	case err != nil:
		return message.Message{}, false, fmt.Errorf("start message %s: %w", m.ID, err)
	case stored.Fingerprint != m.Fingerprint:
		return message.Message{}, false, ErrConflict
	}
	if !stored.CreatedAt.Equal(m.CreatedAt) {
		return stored, true, nil
	}
	// This very message: the answer to the request that started it was lost, the SDK has asked again, and it had ended by then.
	e.accepted(ctx, m)
	return m, false, nil
}

// eachAttempt tells what each attempt has failed with that the SDK makes of a call: the last one may be refused when an earlier one
// has succeeded unheard.
func eachAttempt(failed func(error)) func(*sfn.Options) {
	return func(o *sfn.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("EachAttempt", func(
				ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler,
			) (middleware.FinalizeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleFinalize(ctx, in)
				if err != nil {
					failed(err)
				}
				return out, metadata, err
			}), "Retry", middleware.After)
		})
	}
}

// refused says that Step Functions has answered that it will not.
func refused(err error) bool {
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() >= 400 && answer.HTTPStatusCode() < 500
}

// accepted has the message written down.
func (e *Executions) accepted(ctx context.Context, m message.Message) {
	if e.Records != nil {
		e.Records.Accepted(ctx, m)
	}
}

// Find returns the message with this id as it was accepted; of one that has a record, what that has of it. The error is
// ErrNotFound or Step Functions'.
func (e *Executions) Find(ctx context.Context, id string) (message.Message, error) {
	if r, ok, err := e.record(ctx, id); ok && err == nil {
		return r.Message, nil
	}
	_, m, err := e.describe(ctx, id)
	return m, err
}

// Recorded is Find for ids most of which are no message's, ten of which a second Step Functions would be asked for: it is asked only
// when there are no records to be read. ok is false when there is none; a message that has just been accepted may have none yet.
func (e *Executions) Recorded(ctx context.Context, id string) (m message.Message, ok bool, _ error) {
	if e.Records != nil {
		if r, ok, err := e.record(ctx, id); err == nil {
			return r.Message, ok, nil
		}
	}
	_, m, err := e.describe(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return message.Message{}, false, nil
	}
	return m, err == nil, err
}

// record is the record of a message; ok is false when there is none.
func (e *Executions) record(ctx context.Context, id string) (_ records.Record, ok bool, _ error) {
	if e.Records == nil {
		return records.Record{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, recordPatience)
	defer cancel()
	return e.Records.Find(ctx, id)
}

// recordPatience is how long a record is waited for before the execution is asked.
const recordPatience = time.Second

// Outcome tells what has become of a message so far: what its record says, or without one its execution. The error is
// ErrNotFound, or else it is Step Functions' and worth another try.
func (e *Executions) Outcome(ctx context.Context, id string) (message.Message, message.Outcome, error) {
	if r, ok, err := e.record(ctx, id); ok && err == nil {
		if r.Over {
			return message.Message{}, message.Outcome{}, ErrNotFound
		}
		return r.Message, r.Outcome, nil
	}
	d, m, err := e.describe(ctx, id)
	if err != nil {
		return message.Message{}, message.Outcome{}, err
	}
	if e.Records != nil && e.Records.Over(m) {
		return message.Message{}, message.Outcome{}, ErrNotFound
	}
	o, err := e.outcome(ctx, d, m)
	if err != nil {
		return message.Message{}, message.Outcome{}, fmt.Errorf("message %s: %w", id, err)
	}
	return m, o, nil
}

func (e *Executions) outcome(ctx context.Context, d *sfn.DescribeExecutionOutput, m message.Message) (message.Outcome, error) {
	if d.Status == types.ExecutionStatusSucceeded {
		return decodeOutcome(m, aws.ToString(d.Output))
	}
	p, err := e.position(ctx, aws.ToString(d.ExecutionArn))
	switch {
	case err != nil:
		return message.Outcome{}, err
	case p.state == statemachine.StateAnnounce:
		return decodeOutcome(m, p.input)
	case d.Status != types.ExecutionStatusRunning && (p.ended.IsZero() || p.ended.Before(aws.ToTime(d.RedriveDate))):
		// The last states may be missing, and what they knew: of whom a send was tried, or that the machine has announced.
		return message.Outcome{}, errIncomplete
	}
	progress, err := p.progress()
	switch {
	case err != nil:
		return message.Outcome{}, err
	case d.Status == types.ExecutionStatusAborted || d.Status == types.ExecutionStatusFailed || d.Status == types.ExecutionStatusTimedOut:
		g, _, err := e.Guards.Opened(ctx, m.ID)
		if err != nil {
			return message.Outcome{}, err
		}
		// What the guard would not let be cancelled is not: whoever tells of it cancels it for good.
		cancelled := g.Cancelled || d.Status == types.ExecutionStatusAborted && !p.sent(progress) && !g.Open && !g.Sent
		return stopped(m, p, progress, cancelled, aws.ToTime(d.StopDate)), nil
	}
	return e.soFar(ctx, d, m, p, progress)
}

func decodeOutcome(m message.Message, s string) (message.Outcome, error) {
	var o message.Outcome
	if err := json.Unmarshal([]byte(s), &o); err != nil {
		return message.Outcome{}, fmt.Errorf("read the outcome: %w", err)
	}
	return message.Reread(m, o), nil
}

// Cancel stops a message of which nothing has been sent, announces its outcome and returns it. To cancel it once more is no
// error, and announces it again: Step Functions tells of executions that were stopped with best effort only, and whoever
// got an error cannot know whether it has been announced. Other errors are ErrNotFound and *NotCancellableError.
func (e *Executions) Cancel(ctx context.Context, id string) (message.Outcome, error) {
	d, m, err := e.describe(ctx, id)
	if err != nil {
		return message.Outcome{}, err
	}
	if d.Status != types.ExecutionStatusRunning {
		o, err := e.outcome(ctx, d, m)
		switch {
		case err != nil:
			return message.Outcome{}, fmt.Errorf("cancel message %s: %w", id, err)
		case o.Status != message.MessageCancelled:
			return message.Outcome{}, &NotCancellableError{Reason: fmt.Sprintf("the message is settled: %s", o.Status)}
		case d.Status == types.ExecutionStatusSucceeded:
			// The machine has announced it.
			return o, nil
		}
		if err := e.cancelForGood(ctx, m); err != nil {
			return message.Outcome{}, err // a redrive of what somebody has stopped would send it
		}
		return e.announced(ctx, d, m, o)
	}
	if !m.Guarded {
		if err := e.unsent(ctx, m, aws.ToString(d.ExecutionArn)); err != nil {
			return message.Outcome{}, err
		}
	}
	if err := e.cancelForGood(ctx, m); err != nil {
		return message.Outcome{}, err
	}
	stop, err := e.Client.StopExecution(ctx, &sfn.StopExecutionInput{
		ExecutionArn: d.ExecutionArn, Error: aws.String(message.CodeCancelled), Cause: aws.String("its caller cancelled the message"),
	})
	if err != nil {
		return message.Outcome{}, fmt.Errorf("cancel message %s: %w", id, err)
	}
	d.Status, d.StopDate = types.ExecutionStatusAborted, stop.StopDate
	o, err := e.stoppedOutcome(ctx, d, m)
	if err != nil {
		return message.Outcome{}, fmt.Errorf("cancel message %s: %w", id, err)
	}
	if o, err = e.announced(ctx, d, m, o); err == nil && o.Status != message.MessageCancelled {
		// The machine has come to its end by itself.
		return message.Outcome{}, &NotCancellableError{Reason: fmt.Sprintf("the message is settled: %s", o.Status)}
	}
	return o, err
}

// cancelForGood has nothing of a message sent from here on, whatever the machine is doing, or somebody with it.
func (e *Executions) cancelForGood(ctx context.Context, m message.Message) error {
	err := e.Guards.Cancel(ctx, m.ID, m.ExpiresAt)
	switch {
	case errors.Is(err, guard.ErrNotCancellable):
		return &NotCancellableError{Reason: "the message has been sent, or is being sent"}
	case err != nil:
		return fmt.Errorf("cancel message %s: %w", m.ID, err)
	}
	return nil
}

// announced announces an outcome and returns it. Its record tells of it at once, and not only when the announcement is heard.
func (e *Executions) announced(
	ctx context.Context, d *sfn.DescribeExecutionOutput, m message.Message, o message.Outcome,
) (message.Outcome, error) {
	if e.Records != nil {
		e.Records.Went(ctx, m, o, ended(d), false)
	}
	if err := e.Bus.Put(ctx, statemachine.DetailTypeSettled, o.Fit()); err != nil {
		return message.Outcome{}, fmt.Errorf("announce message %s: %w", o.ID, err)
	}
	return o, nil
}

// stopLag is how long the history may need to show that the execution was stopped, before the caller has to ask again.
const (
	stopLag   = 200 * time.Millisecond
	stopLooks = 10
)

// stoppedOutcome is the outcome of an execution that was stopped a moment ago.
func (e *Executions) stoppedOutcome(ctx context.Context, d *sfn.DescribeExecutionOutput, m message.Message) (message.Outcome, error) {
	for look := 1; ; look++ {
		o, err := e.outcome(ctx, d, m)
		if !errors.Is(err, errIncomplete) || look == stopLooks {
			return o, err
		}
		select {
		case <-time.After(stopLag):
		case <-ctx.Done():
			return o, err
		}
	}
}

// cancelMargin is how long a message must go on waiting for it to be cancelled. One that wakes up while it is being
// stopped would have its send cut off, and nobody would learn what became of it.
const cancelMargin = 10 * time.Second

// unsent says of a message that no table guards whether nothing was sent and nothing is about to be.
func (e *Executions) unsent(ctx context.Context, m message.Message, arn string) error {
	p, err := e.position(ctx, arn)
	if err != nil {
		return fmt.Errorf("cancel message %s: %w", m.ID, err)
	}
	var wakes time.Time
	switch p.state {
	case statemachine.StateWaitUntilSendTime:
		wakes = m.SendAt
	case statemachine.StateWaitForRepair:
		progress, err := p.progress()
		switch {
		case err != nil:
			return fmt.Errorf("cancel message %s: %w", m.ID, err)
		case p.sent(progress):
			return &NotCancellableError{Reason: "a part of the message has been sent already"}
		case progress.Parked != nil:
			wakes = p.entered.Add(time.Duration(progress.Parked.Wait) * time.Second)
		}
	default:
		return &NotCancellableError{Reason: "the message is being sent"}
	}
	if wakes.Before(e.Now().Add(cancelMargin)) {
		return &NotCancellableError{Reason: "the message is about to be sent"}
	}
	return nil
}

// arn is the execution's ARN. It has the name of the state machine but not that of a version or an alias, whichever the
// execution was started with: https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html
func (e *Executions) arn(id string) string {
	return strings.Replace(e.unqualified(), ":stateMachine:", ":execution:", 1) + ":" + id
}

// unqualified is the ARN of the state machine without that of a version or an alias.
func (e *Executions) unqualified() string {
	const unqualified = 7
	parts := strings.Split(e.StateMachineARN, ":")
	return strings.Join(parts[:min(len(parts), unqualified)], ":")
}

// describe reads an execution and the message in it. An execution that holds no message of this id is not found.
func (e *Executions) describe(ctx context.Context, id string) (*sfn.DescribeExecutionOutput, message.Message, error) {
	arn := e.arn(id)
	d, err := e.Client.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	var missing *types.ExecutionDoesNotExist
	var malformed *types.InvalidArn
	switch {
	case errors.As(err, &missing), errors.As(err, &malformed):
		return nil, message.Message{}, ErrNotFound
	case err != nil:
		return nil, message.Message{}, fmt.Errorf("message %s: %w", id, err)
	}
	var m message.Message
	if err := json.Unmarshal([]byte(aws.ToString(d.Input)), &m); err != nil || m.ID != id {
		return nil, message.Message{}, ErrNotFound
	}
	return d, m, nil
}
