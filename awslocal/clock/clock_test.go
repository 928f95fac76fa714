package clock_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/awslocal/clock"
)

// The clock's time runs speed times as fast as the machine's.
func TestSpeed(t *testing.T) {
	t.Parallel()
	for speed, want := range map[float64]time.Duration{1: time.Hour, 60: time.Minute, 0.5: 2 * time.Hour, 0: time.Hour, -3: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			c := clock.Real(speed)
			start := time.Now()
			if !c.Now().Equal(start) {
				t.Errorf("speed %v begins at %v, want %v", speed, c.Now(), start)
			}
			if err := c.Sleep(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
			if got := time.Since(start).Round(time.Microsecond); got != want {
				t.Errorf("speed %v slept %v, want %v", speed, got, want)
			}
			if got := c.Now().Sub(start).Round(time.Millisecond); got != time.Hour {
				t.Errorf("speed %v shows %v later, want an hour", speed, got)
			}
		})
	}
}

// A sleeper never wakes before its time.
func TestSleepIsNotShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.Real(7)
		for _, d := range []time.Duration{1, 2, 10, time.Millisecond, time.Second + 1} {
			before := c.Now()
			if err := c.Sleep(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if got := c.Now().Sub(before); got < d {
				t.Errorf("slept %v, want at least %v", got, d)
			}
		}
	})
}

func TestSleepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := clock.Real(10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := c.Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("slept %v: %v", time.Since(start), err)
		}
		if err := c.Sleep(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slept although its context had ended: %v", err)
		}
		if err := c.Sleep(t.Context(), -time.Second); err != nil {
			t.Error(err)
		}
	})
}
