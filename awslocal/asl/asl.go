// Package asl runs state machines written in the JSONata mode of Amazon States Language, as AWS Step Functions runs a
// STANDARD workflow: the same errors, the same retries, the same event history.
//
// It is strict: what it does not implement is refused by Parse with the place in the document, never passed over. That
// goes for the operators and functions of JSONata, too, that the engine applies otherwise than JSONata 2.0.6.
//
// It is held to AWS by tests that say what AWS documents, with the page, and what AWS has been recorded to answer where
// the two differ or the page is silent: histories event by event, expressions one by one. What is known to differ and
// cannot be seen in a definition:
//
//   - a path through a list of one to a list of one (a.b.c with one b and one c) gives the inner value, not a list of it;
//   - Step Functions wants booleans on both sides of "and" and "or", this runner takes any value for true or false;
//   - numbers are passed on as they were written (1.10), where Step Functions would write them anew (1.1).
//
// https://states-language.net/spec.html
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// Limits of a STANDARD workflow.
//
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
const (
	maxDataBytes      = 262_144    // input or result of a task, state or execution, and one Assign, in bytes of UTF-8
	maxVariablesBytes = 10_485_760 // all variables of an execution
	maxEvents         = 25_000     // history of an execution, the event that ends it included
	maxSeconds        = 99_999_999 // every field that is a number of seconds
	// maxWait is not documented; AWS was recorded to wait for 24,855 days and to refuse 24,856.
	maxWait = math.MaxInt32 * time.Second

	maxInlineMap = 40 // iterations of an inline Map at the same time, when MaxConcurrency does not say less
)

// The states of an execution that has ended.
const (
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
	TimedOut  = "TIMED_OUT"
	Aborted   = "ABORTED"
)

// Machine is a parsed state machine. It may run any number of executions at the same time.
type Machine struct {
	root       *graph
	states     []*state // in document order, those inside Map and Parallel included
	timeout    time.Duration
	variables  map[string]bool // every name assigned anywhere
	evaluators sync.Pool       // of *evaluator
}

// Env is what an execution needs from outside.
type Env struct {
	Clock  Clock
	Tasks  map[string]Task // by Resource
	Random func() float64  // in [0,1), for jitter and $random; nil means math/rand. Called from several goroutines
	// Turn, when set, is called before each state is entered and before each retry, and says how long that has to wait
	// because there are too many. Called from several goroutines.
	Turn func() time.Duration
	// Trace, when set, is told the JSON path of every branch taken: the Next, Default, choice rule, catcher or retrier
	// that decided where to go. An execution calls it, as it does Run's record, once at a time.
	Trace func(path string)
}

// Clock is the time in which states wait, retries back off and the execution's own TimeoutSeconds runs.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or ctx's error if ctx ends first.
	Sleep(ctx context.Context, d time.Duration) error
}

// Task does the work of a Task state and returns its result as JSON. It must return soon after ctx has ended, which it
// does when the task's TimeoutSeconds or HeartbeatSeconds are over or the execution is stopped; what it returns then
// is not looked at. An error that is a *TaskError fails the state with its name, any other with States.TaskFailed.
type Task func(ctx context.Context, call Call) (json.RawMessage, error)

// Call is what a Task is asked to do.
type Call struct {
	Resource        string
	Arguments       json.RawMessage
	ExecutionARN    string
	StateMachineARN string
}

// TaskError is an error with the name that ErrorEquals matches.
type TaskError struct {
	Name, Cause string
}

func (e *TaskError) Error() string { return e.Name + ": " + e.Cause }

// Abort is the cause with which to cancel Run's context in order to stop the execution with an error and a cause, as
// StopExecution does. Both may be empty.
type Abort struct { //nolint:errname // a request that travels as a cause, not a failure
	Name, Cause string
}

func (a *Abort) Error() string { return "execution stopped: " + a.Name + ": " + a.Cause }

// Execution says which execution is run.
type Execution struct {
	ARN, Name                         string
	StateMachineARN, StateMachineName string
	RoleARN                           string
	Input                             json.RawMessage // nil means {}
	StartTime                         time.Time       // zero means now
	RedriveCount                      int             // for Redrive: the number of this redrive, from 1
}

// Result is how an execution ended. Error and Cause are empty when TIMED_OUT, as DescribeExecution has it.
type Result struct {
	Status       string
	Output       json.RawMessage
	Error, Cause string
	StopTime     time.Time

	resume *position // where a redrive goes on; nil if it cannot
}

// Redrivable reports whether Redrive can take the execution up again.
func (r Result) Redrivable() bool { return r.resume != nil }

// Problem is one thing that Parse refuses, and where it stands: "/States/Send AlimTalk/Retry[0]/MaxAttempts".
type Problem struct {
	Path, Message string
}

// DefinitionError lists everything that Parse refuses.
type DefinitionError struct {
	Problems []Problem
}

func (e *DefinitionError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "state machine definition refused (%d)", len(e.Problems))
	for i, p := range e.Problems {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		path := p.Path
		if path == "" {
			path = "/"
		}
		fmt.Fprintf(&b, "%s%s: %s", sep, path, p.Message)
	}
	return b.String()
}

// StateInfo describes a state to those who draw the machine or count what has been visited.
type StateInfo struct {
	Name, Type  string
	Path        string // of the state in the document
	Parent      string // name of the Map or Parallel state it is in, "" at the top
	Branch      int    // index among the branches of a Parallel
	Start, End  bool   // first of its graph; End or a terminal type
	Resource    string // Task only
	Comment     string
	Retriers    []RetrierInfo
	Transitions []Transition
}

// RetrierInfo is one entry of Retry.
type RetrierInfo struct {
	Index       int
	Path        string
	ErrorEquals []string
	MaxAttempts int64
}

// TransitionKind says what leads from one state to another.
type TransitionKind string

// The kinds of transitions.
const (
	ByNext    TransitionKind = "next"
	ByChoice  TransitionKind = "choice"
	ByDefault TransitionKind = "default"
	ByCatch   TransitionKind = "catch"
)

// Transition is one way out of a state. Index counts choice rules and catchers; Path is what Env.Trace reports.
type Transition struct {
	Kind        TransitionKind
	Index       int
	Path        string
	Target      string
	ErrorEquals []string // of a catcher
}

// States lists every state in the order of the document.
func (m *Machine) States() []StateInfo {
	infos := make([]StateInfo, 0, len(m.states))
	for _, s := range m.states {
		info := StateInfo{
			Name: s.name, Type: s.kind, Path: s.path, Parent: s.graph.parent, Branch: s.graph.branch,
			Start: s.graph.start == s, End: s.terminal(), Resource: s.resource, Comment: s.comment,
		}
		for i := range s.retry {
			r := &s.retry[i]
			info.Retriers = append(info.Retriers, RetrierInfo{Index: i, Path: r.path, ErrorEquals: r.errorEquals, MaxAttempts: r.maxAttempts})
		}
		for i := range s.choices {
			c := &s.choices[i]
			info.Transitions = append(info.Transitions, Transition{Kind: ByChoice, Index: i, Path: c.path, Target: c.next.name})
		}
		if s.fallback != nil {
			info.Transitions = append(info.Transitions, Transition{Kind: ByDefault, Path: s.path + "/Default", Target: s.fallback.name})
		}
		if s.next != nil {
			info.Transitions = append(info.Transitions, Transition{Kind: ByNext, Path: s.path + "/Next", Target: s.next.name})
		}
		for i := range s.catch {
			c := &s.catch[i]
			info.Transitions = append(info.Transitions, Transition{
				Kind: ByCatch, Index: i, Path: c.path, Target: c.next.name, ErrorEquals: c.errorEquals,
			})
		}
		infos = append(infos, info)
	}
	return infos
}
