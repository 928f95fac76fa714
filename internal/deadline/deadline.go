// Package deadline keeps a part of a function's time for what it has left to say: an error that is reported, or a request
// that is answered, beats a function that Lambda ends in the middle of a call. Nothing waits longer than there is time.
package deadline

import (
	"context"
	"time"
)

// Sleep waits so long on the machine's clock, or until ctx ends, of which the error tells.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Before returns a context that ends spare before ctx's own time is over; without an end of ctx there is nothing to keep.
func Before(ctx context.Context, spare time.Duration) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-spare))
}
