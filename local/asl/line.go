package asl

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// line is a row of states that run one after another: the execution itself, a branch or an iteration. One goroutine
// owns it.
type line struct {
	*position
	run            *run
	ctx            context.Context //nolint:containedctx // it lives exactly as long as the line
	executionInput *value
	item           *iteration
}

func (l *line) record(e Event) int64 {
	l.previous = l.run.record(l.previous, e)
	return l.previous
}

// stopped reports whether the line has been ended from outside.
func (l *line) stopped() bool { return l.ctx.Err() != nil || l.run.expired() }

// sleep waits on the execution's clock.
func (l *line) sleep(d time.Duration) *failure {
	if err := l.run.env.Clock.Sleep(l.ctx, d); err != nil || l.stopped() {
		return &failure{stopped: true}
	}
	return nil
}

// variableBytes is the size of all variables once those in changed are set.
func (l *line) variableBytes(changed []variable) int {
	total := 0
	for _, v := range l.variables {
		total += len(v.text)
	}
	for _, v := range changed {
		total += len(v.value.text)
		if old := l.variables[v.name]; old != nil {
			total -= len(old.text)
		}
	}
	return total
}

// follow runs states until one ends the line. When it fails, the line's position is where it failed.
func (l *line) follow() (*value, *failure) {
	for {
		if l.stopped() {
			return nil, &failure{stopped: true}
		}
		next, output, fail := l.step()
		if fail != nil {
			return nil, fail
		}
		if next == nil {
			return output, nil
		}
		l.state, l.input = next, output
		l.enteredID, l.startedID, l.children = 0, 0, nil
	}
}

// step runs the state at hand. next is nil if the line ends with it.
func (l *line) step() (next *state, output *value, fail *failure) {
	s := l.state
	if l.enteredID == 0 {
		l.enteredID = l.record(Event{Type: s.kind + "StateEntered", StateEntered: &StateEnteredDetails{
			Name: s.name, Input: l.input.text, InputDetails: untruncated,
		}})
		l.entered = l.run.env.Clock.Now()
	} else {
		l.previous = l.enteredID // redriven: a new attempt of the state that was entered then
	}
	fr := &frame{line: l, state: s, enteredID: l.enteredID, entered: l.entered, input: l.input, item: l.item}
	switch s.kind {
	case "Task":
		return l.attempt(fr, l.task)
	case "Parallel":
		return l.attempt(fr, l.parallel)
	case "Map":
		return l.attempt(fr, l.mapItems)
	case "Choice":
		return l.choose(fr)
	case "Fail":
		return nil, nil, l.fail(fr)
	case "Wait":
		if fail := l.wait(fr); fail != nil {
			return nil, nil, fail
		}
	}
	out, fail := fr.leave(s.output, s.assign, l.input)
	if fail != nil {
		return nil, nil, fail
	}
	return l.goOn(s), l.exit(fr, out), nil
}

// goOn is the state after s, by its Next.
func (l *line) goOn(s *state) *state {
	if s.next != nil {
		l.run.trace(s.path + "/Next")
	}
	return s.next
}

// exit records that the state is left and sets its variables.
func (l *line) exit(fr *frame, out outcome) *value {
	details := &StateExitedDetails{Name: fr.state.name, Output: out.output.text, OutputDetails: untruncated}
	if len(out.variables) > 0 {
		details.AssignedVariables = make(map[string]string, len(out.variables))
		details.AssignedVariablesDetails = untruncated
		for _, v := range out.variables {
			details.AssignedVariables[v.name] = v.value.text
			l.variables[v.name] = v.value
		}
	}
	l.record(Event{Type: fr.state.kind + "StateExited", StateExited: details})
	return out.output
}

// wait sleeps until the state's time has come; a time in the past has come.
func (l *line) wait(fr *frame) *failure {
	var pause time.Duration
	fail := fr.evaluate(func(ev *evaluation) *failure {
		if q := fr.state.seconds; q != nil {
			n, fail := ev.number(q)
			pause = time.Duration(n) * time.Second
			return fail
		}
		text, fail := ev.str(fr.state.timestamp)
		if fail != nil {
			return fail
		}
		at, err := parseTimestamp(text)
		if err != nil {
			return fr.queryFailure("Timestamp", "The field 'Timestamp' holds no timestamp: %v.", err)
		}
		pause = at.Sub(ev.now)
		return nil
	})
	if fail != nil {
		return fail
	}
	l.forget()
	return l.sleep(pause)
}

// forget drops what has been decoded from JSON, before a long wait.
func (l *line) forget() {
	l.executionInput.forget()
	l.input.forget()
	for _, v := range l.variables {
		v.forget()
	}
}

// choose takes the first rule whose condition is true.
func (l *line) choose(fr *frame) (*state, *value, *failure) {
	s := fr.state
	rule := -1
	fail := fr.evaluate(func(ev *evaluation) *failure {
		for i := range s.choices {
			c := &s.choices[i]
			truth := c.truth
			if c.condition != nil {
				var fail *failure
				if truth, fail = ev.truth(c.condition); fail != nil {
					return fail
				}
			}
			if truth {
				rule = i
				return nil
			}
		}
		return nil
	})
	output, assign, next, path := s.output, s.assign, s.fallback, s.path+"/Default"
	switch {
	case fail != nil:
		return nil, nil, fail
	case rule >= 0:
		c := &s.choices[rule]
		output, assign, next, path = c.output, c.assign, c.next, c.path
	case next == nil:
		return nil, nil, fr.failure(errNoChoiceMatched, "Failed to transition out of the state. The state does not point to a next state.")
	}
	out, fail := fr.leave(output, assign, l.input)
	if fail != nil {
		return nil, nil, fail
	}
	l.run.trace(path)
	return next, l.exit(fr, out), nil
}

// fail evaluates what a Fail state fails with.
func (l *line) fail(fr *frame) *failure {
	failed := &failure{}
	fail := fr.evaluate(func(ev *evaluation) *failure {
		for _, part := range []struct {
			from *template
			to   *string
		}{{fr.state.errorName, &failed.name}, {fr.state.cause, &failed.cause}} {
			if part.from == nil {
				continue
			}
			var fail *failure
			if *part.to, fail = ev.str(part.from); fail != nil {
				return fail
			}
		}
		return nil
	})
	if fail != nil {
		return fail
	}
	return failed
}

// attempt does the work of a state that has Retry and Catch, as often as its retriers let it.
func (l *line) attempt(fr *frame, work func(*frame) (*value, *failure)) (*state, *value, *failure) {
	s := fr.state
	var used []int64 // retries of each retrier, which count apart from each other
	for {
		var out outcome
		result, fail := work(fr)
		if fail == nil {
			fr.result = result
			if out, fail = fr.leave(s.output, s.assign, result); fail == nil {
				return l.goOn(s), l.exit(fr, out), nil
			}
			fr.result = nil
		}
		if fail.stopped {
			return nil, nil, fail
		}
		again, fail := l.retry(fr, fail, &used)
		if again {
			continue
		}
		if fail.stopped {
			return nil, nil, fail
		}
		next, output, fail := l.caught(fr, fail)
		if fail != nil && fail.name == errDataLimitExceeded {
			// What has been done is too large to be used: a redrive has to do all of it again.
			l.startedID, l.children = 0, nil
		}
		return next, output, fail
	}
}

// retry looks for the retrier that takes the error; again is true after its pause. Only the first that takes the error
// counts: when that one is used up, the error goes on to Catch.
func (l *line) retry(fr *frame, fail *failure, used *[]int64) (again bool, _ *failure) {
	for i := range fr.state.retry {
		r := &fr.state.retry[i]
		if !fail.matches(r.errorEquals) {
			continue
		}
		if *used == nil {
			*used = make([]int64, len(fr.state.retry))
		}
		if (*used)[i] >= r.maxAttempts {
			return false, fail
		}
		(*used)[i]++
		l.run.trace(r.path)
		if stop := l.sleep(r.delay((*used)[i], l.run.random)); stop != nil {
			return false, stop
		}
		fr.retries++
		l.startedID, l.children = 0, nil
		return true, nil
	}
	return false, fail
}

// caught goes on with the first catcher that takes the error. An error in the catcher's own expressions is not caught.
func (l *line) caught(fr *frame, fail *failure) (*state, *value, *failure) {
	for i := range fr.state.catch {
		c := &fr.state.catch[i]
		if !fail.matches(c.errorEquals) {
			continue
		}
		text := append([]byte(`{"Error":`), appendString(nil, fail.name)...)
		text = append(append(text, `,"Cause":`...), appendString(nil, fail.cause)...)
		fr.failed = newValue(string(append(text, '}')))
		out, fail := fr.leave(c.output, c.assign, fr.failed)
		if fail != nil {
			return nil, nil, fail
		}
		l.run.trace(c.path)
		return c.next, l.exit(fr, out), nil
	}
	return nil, nil, fail
}

// task calls the Task once.
func (l *line) task(fr *frame) (*value, *failure) {
	s := fr.state
	arguments := l.input
	var timeout, heartbeat int64
	fail := fr.evaluate(func(ev *evaluation) *failure {
		var fail *failure
		if s.arguments != nil {
			if arguments, fail = ev.text(s.arguments); fail != nil {
				return fail
			}
			if fail = fr.checkSize(arguments); fail != nil {
				return fail
			}
		}
		if s.timeout != nil {
			if timeout, fail = ev.number(s.timeout); fail != nil {
				return fail
			}
		}
		if s.heartbeat != nil {
			heartbeat, fail = ev.number(s.heartbeat)
		}
		return fail
	})
	if fail != nil {
		return nil, fail
	}
	work := l.run.env.Tasks[s.resource]
	if work == nil {
		return nil, fr.failure(errRuntime, fmt.Sprintf("There is nothing to do the work of the resource %s.", s.resource))
	}

	event := func(kind string, d TaskDetails) {
		d.ResourceType, d.Resource = s.resourceType, s.action
		l.record(Event{Type: kind, Task: &d})
	}
	event("TaskScheduled", TaskDetails{
		Region: l.run.region, Parameters: arguments.text, TimeoutInSeconds: timeout, HeartbeatInSeconds: heartbeat,
	})
	event("TaskStarted", TaskDetails{})
	if l.stopped() {
		return nil, &failure{stopped: true}
	}
	raw, fail := l.call(work, Call{
		Resource: s.resource, Arguments: json.RawMessage(arguments.text),
		ExecutionARN: l.run.execution.ARN, StateMachineARN: l.run.execution.StateMachineARN,
	}, timeout, heartbeat)
	var result *value
	if fail == nil {
		result = newValue(string(raw))
		switch {
		case len(raw) > maxDataBytes:
			fail = &failure{name: errDataLimitExceeded, cause: fmt.Sprintf(
				"The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", s.resourceType)}
		case !json.Valid(raw):
			fail = &failure{name: errRuntime, cause: fmt.Sprintf("The resource %s returned something that is not JSON.", s.resource)}
		}
	}
	switch {
	case fail == nil:
		event("TaskSucceeded", TaskDetails{Output: result.text, OutputDetails: untruncated})
	case fail.stopped:
	case fail.name == errTimeout && fail.cause == "":
		event("TaskTimedOut", TaskDetails{Error: fail.name})
	default:
		event("TaskFailed", TaskDetails{Error: fail.name, Cause: fail.cause})
	}
	return result, fail
}

// call runs the Task under its time limits. They are measured in the machine's own time and not on the execution's
// clock, which may run faster: a function takes as long as it takes. A task here cannot send heartbeats, so it has to
// be done within the first interval.
func (l *line) call(work Task, c Call, timeout, heartbeat int64) (json.RawMessage, *failure) {
	ctx := l.ctx
	limit, cause := timeout, errTaskTimedOut
	if heartbeat > 0 && (limit == 0 || heartbeat < limit) {
		limit, cause = heartbeat, errTaskSilent
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(limit)*time.Second, cause)
		defer cancel()
	}
	raw, err := work(ctx, c)
	if l.run.expired() {
		return nil, &failure{stopped: true}
	}
	return raw, taskFailure(ctx, err)
}

// parallel runs all branches at the same time.
func (l *line) parallel(fr *frame) (*value, *failure) {
	s := fr.state
	input := l.input
	if s.arguments != nil {
		fail := fr.evaluate(func(ev *evaluation) *failure {
			var fail *failure
			if input, fail = ev.text(s.arguments); fail != nil {
				return fail
			}
			return fr.checkSize(input)
		})
		if fail != nil {
			return nil, fail
		}
	}
	if l.startedID == 0 {
		l.startedID = l.record(Event{Type: "ParallelStateStarted"})
		l.children = make([]child, len(s.branches))
	}
	f := &fan{line: l, limit: len(s.branches)}
	f.begin = func(i int, previous int64) *line {
		return l.fork(f.ctx, s.branches[i], input, l.item, previous)
	}
	return f.run(fr)
}

// mapItems runs the processor on every item.
func (l *line) mapItems(fr *frame) (*value, *failure) {
	s := fr.state
	items, fail := fr.items()
	if fail != nil {
		return nil, fail
	}
	limit := int64(maxInlineMap)
	inputs := make([]*value, len(items))
	fail = fr.evaluate(func(ev *evaluation) *failure {
		if s.maxConcurrency != nil {
			n, fail := ev.number(s.maxConcurrency)
			if fail != nil {
				return fail
			}
			if n > 0 {
				limit = min(limit, n)
			}
		}
		outer := fr.item
		defer func() { fr.item = outer }()
		for i, item := range items {
			inputs[i] = item
			if s.itemSelector == nil {
				continue
			}
			fr.item = &iteration{index: i, value: item}
			var fail *failure
			if inputs[i], fail = ev.text(s.itemSelector); fail != nil {
				return fail
			}
			if fail = fr.checkSize(inputs[i]); fail != nil {
				return fail
			}
		}
		return nil
	})
	if fail != nil {
		return nil, fail
	}
	if l.startedID == 0 || len(l.children) != len(items) {
		length := len(items)
		l.startedID = l.record(Event{Type: "MapStateStarted", Map: &MapDetails{Length: &length}})
		l.children = make([]child, len(items))
	}
	f := &fan{line: l, limit: int(limit), iterations: true}
	f.begin = func(i int, previous int64) *line {
		return l.fork(f.ctx, s.branches[0], inputs[i], &iteration{index: i, value: items[i]}, previous)
	}
	return f.run(fr)
}

// fork is a line of its own for a branch or an iteration. What it reads is copied, since it is another goroutine's.
func (l *line) fork(ctx context.Context, g *graph, input *value, item *iteration, previous int64) *line {
	if item != nil {
		item = &iteration{index: item.index, value: item.value.share()}
	}
	return &line{
		run: l.run, ctx: ctx, executionInput: l.executionInput.share(), item: item,
		position: &position{state: g.start, input: input.share(), variables: shareAll(l.variables), previous: previous},
	}
}

// fan runs the branches of a Parallel or the iterations of a Map.
type fan struct {
	line       *line
	limit      int
	iterations bool // of a Map, which have events of their own
	begin      func(i int, previous int64) *line

	ctx    context.Context //nolint:containedctx // it lives exactly as long as the fan
	cancel context.CancelCauseFunc
	lines  []*line

	mu     sync.Mutex // guards what follows, and the line's children
	next   int
	failed int // index of the first child that failed, -1
	fail   *failure
	last   int64 // last event of the child that was done last
}

// run returns the outputs of all children, in their order, or the first failure.
func (f *fan) run(fr *frame) (*value, *failure) {
	l := f.line
	f.ctx, f.cancel = context.WithCancelCause(l.ctx)
	defer f.cancel(nil)
	f.failed, f.last = -1, l.previous
	f.lines = make([]*line, len(l.children))

	// The first children are begun in their order before any of them runs.
	var first []int
	for len(first) < f.limit {
		i, ok := f.take(l.previous)
		if !ok {
			break
		}
		first = append(first, i)
	}
	if len(first) == 1 {
		f.work(first[0])
	} else {
		var group sync.WaitGroup
		for _, i := range first {
			group.Go(func() { f.work(i) })
		}
		group.Wait()
	}
	switch {
	case f.fail != nil:
		f.abort(fr)
		return nil, f.fail
	case l.ctx.Err() != nil:
		return nil, &failure{stopped: true}
	}
	l.previous = f.last
	out := []byte{'['}
	for i, c := range l.children {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, c.output.text...)
	}
	// The event that follows has the same predecessor: that is how Step Functions counts here.
	l.run.record(f.last, Event{Type: fr.state.kind + "StateSucceeded"})
	return newValue(string(append(out, ']'))), nil
}

// take begins the next child that is not done.
func (f *fan) take(previous int64) (int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.line
	for f.next < len(l.children) && l.children[f.next].output != nil {
		f.next++
	}
	if f.next >= len(l.children) || f.ctx.Err() != nil {
		return 0, false
	}
	i := f.next
	f.next++
	if at := l.children[i].at; at != nil { // redriven
		c := f.begin(i, at.previous)
		c.position = at
		f.lines[i] = c
		return i, true
	}
	c := f.begin(i, previous)
	if f.iterations {
		c.record(f.event("MapIterationStarted", i))
	}
	f.lines[i] = c
	l.children[i].at = c.position
	return i, true
}

func (f *fan) event(kind string, i int) Event {
	return Event{Type: kind, Map: &MapDetails{Name: f.line.state.name, Index: &i}}
}

// work runs child i and then those that nobody has begun.
func (f *fan) work(i int) {
	for ok := true; ok; {
		c := f.lines[i]
		output, fail := c.follow()
		before := c.previous
		if !f.done(i, output, fail) {
			return
		}
		i, ok = f.take(before)
	}
}

// done notes how child i ended, and reports whether there is a point in going on.
func (f *fan) done(i int, output *value, fail *failure) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.lines[i]
	switch {
	case fail == nil:
		if f.iterations {
			c.record(f.event("MapIterationSucceeded", i))
		}
		f.line.children[i] = child{output: output}
		f.last = c.previous
		return true
	case !fail.stopped && f.fail == nil:
		f.failed, f.fail = i, fail
		f.cancel(errSiblingFailed)
	}
	return false
}

// abort records what the failure of one child has done to the others, and that the state failed.
func (f *fan) abort(fr *frame) {
	l := f.line
	origin := f.lines[f.failed].previous
	note := func(i int, kind string) {
		if f.iterations {
			l.run.record(origin, f.event(kind, i))
		}
		switch k := f.lines[i].state.kind; k {
		case "Task", "Wait", "Parallel", "Map":
			l.run.record(origin, Event{Type: k + "StateAborted"})
		}
	}
	note(f.failed, "MapIterationFailed")
	for i, c := range f.lines {
		if c != nil && i != f.failed && l.children[i].output == nil {
			note(i, "MapIterationAborted")
		}
	}
	l.previous = origin
	l.record(Event{Type: fr.state.kind + "StateFailed"})
}
