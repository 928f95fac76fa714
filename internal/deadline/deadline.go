// Package deadline keeps a part of a function's time for what it has left to say: an error that is reported, or a request
// that is answered, beats a function that Lambda ends in the middle of a call.
package deadline

import (
	"context"
	"time"
)

// Before returns a context that ends spare before ctx's own time is over; without an end of ctx there is nothing to keep.
func Before(ctx context.Context, spare time.Duration) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-spare))
}
