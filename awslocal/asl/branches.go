package asl

import (
	"context"
	"sync"
)

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
		if !fail.stopped {
			l.record(Event{Type: "MapStateFailed"})
		}
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
