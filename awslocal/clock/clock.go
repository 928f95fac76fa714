// Package clock gives what stands in for AWS a time that may run faster than the machine's. It refuses no speed: what is not
// above zero is the machine's own. AWS has no such thing, so nothing holds it to AWS; its tests run in a bubble of their own
// time.
package clock

import (
	"context"
	"time"
)

// Scaled is a clock that shows the machine's time when it is made and runs speed times as fast from there.
type Scaled struct {
	start time.Time
	speed float64
}

// Real returns a clock that runs speed times faster than the machine's. Speed 1, and every speed that is not above
// zero, is the machine's own time, so that a test in a testing/synctest bubble rules over it.
func Real(speed float64) *Scaled {
	if speed <= 0 {
		speed = 1
	}
	return &Scaled{start: time.Now(), speed: speed}
}

// Now is the scaled time.
func (c *Scaled) Now() time.Time {
	if c.speed == 1 {
		return time.Now()
	}
	return c.start.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// Sleep returns nil when d of the scaled time has passed, or ctx's error when ctx ends before that.
func (c *Scaled) Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d <= 0 {
		return nil
	}
	if c.speed != 1 {
		// Rounded up: a sleeper that wakes before its time would find that nothing is due yet.
		d = time.Duration(float64(d)/c.speed) + 1
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
