package asl

import (
	"context"
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

// turn waits until Step Functions makes the next transition.
func (l *line) turn() *failure {
	if l.run.env.Turn == nil {
		return nil
	}
	if d := l.run.env.Turn(); d > 0 {
		return l.sleep(d)
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
		if fail := l.turn(); fail != nil {
			return nil, nil, fail
		}
		l.before = l.previous
		l.enteredID = l.record(Event{Type: s.kind + "StateEntered", StateEntered: &StateEnteredDetails{
			Name: s.name, Input: l.input.text, InputDetails: untruncated,
		}})
		l.entered = l.run.env.Clock.Now()
	} else {
		l.previous = l.enteredID // redriven: a new attempt of the state that was entered then
	}
	fr := &frame{line: l, state: s, before: l.before, enteredID: l.enteredID, entered: l.entered, input: l.input, item: l.item}
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
			// The expression was well, so this is recorded behind the state's beginning.
			return fr.evaluationFailure(l.previous, errQueryEvaluation, "Timestamp",
				"The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: "+text)
		}
		pause = at.Sub(ev.now)
		return nil
	})
	switch {
	case fail != nil:
		return fail
	case pause > maxWait:
		return fr.failure(errRuntime, "Wait state delay is too long.")
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
		if stop := l.turn(); stop != nil {
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
