package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Pool runs a function in as many environments as there are invocations at the same time, up to a limit, and uses them
// again, as Lambda does. It is a lambda.Handler.
type Pool struct {
	function Function
	// ctx ends with Close, and every environment with it.
	ctx   context.Context
	close context.CancelFunc
	// slots has room for the invocations that may be under way.
	slots   chan struct{}
	running sync.WaitGroup

	mu   sync.Mutex
	idle []*Environment
}

// NewPool makes a pool of at most the given number of environments, none of which is started yet. Invocations beyond
// that wait for one to become free. The pool ends with ctx or by Close.
func NewPool(ctx context.Context, f Function, environments int) *Pool {
	ctx, cancel := context.WithCancel(ctx)
	return &Pool{function: f, ctx: ctx, close: cancel, slots: make(chan struct{}, max(1, environments))}
}

// Invoke gives the function an event and returns its response; see Environment.Invoke for its errors. ErrEnded says that
// the pool was closed.
func (p *Pool) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-p.ctx.Done():
		return nil, fmt.Errorf("function %s: %w", p.function.Name, ErrEnded)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-p.slots }()
	for {
		e, fresh, err := p.take()
		if err != nil {
			return nil, err
		}
		output, err := e.Invoke(ctx, payload)
		switch {
		case errors.Is(err, ErrEnded):
			continue // the process has ended since its last invocation, and has seen nothing of this one
		case err != nil && ctx.Err() == nil && !fresh && e.neverUsed():
			continue // it was started for another invocation, did not come up, and has seen nothing of either
		}
		p.put(e)
		return output, err
	}
}

// take returns the environment that was used last, or starts one, which is fresh: how it comes up is the affair of the
// invocation that it is started for.
func (p *Pool) take() (e *Environment, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return nil, false, fmt.Errorf("function %s: %w", p.function.Name, ErrEnded)
	}
	if last := len(p.idle) - 1; last >= 0 {
		e = p.idle[last]
		p.idle = p.idle[:last]
		return e, false, nil
	}
	if e, err = Launch(p.ctx, p.function); err != nil {
		return nil, false, err
	}
	p.running.Go(func() { <-e.exited })
	return e, true, nil
}

// put keeps an environment for the next invocation, if it is still there.
//
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
func (p *Pool) put(e *Environment) {
	if e.ended() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, e)
}

// Close kills every environment and returns when all are gone.
func (p *Pool) Close() {
	p.mu.Lock()
	p.close()
	p.mu.Unlock()
	p.running.Wait()
}
