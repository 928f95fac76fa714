package clock_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sms-api/awslocal/clock"
)

// Days pass while everybody sleeps, in the order of their times, and not while somebody is at work.
func TestVirtualTimePassesWhileEverybodyWaits(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	v := clock.NewVirtual(start)
	var mu sync.Mutex
	var woken []string
	var all sync.WaitGroup
	all.Add(4)
	wake := func(name string, after time.Duration) {
		v.Go(func() {
			defer all.Done()
			if err := v.Sleep(t.Context(), after); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			woken = append(woken, fmt.Sprint(name, " ", v.Now().Sub(start)))
		})
	}
	v.Go(func() {
		defer all.Done()
		// It is at work until all are there.
		wake("third", 48*time.Hour)
		wake("first", time.Second)
		wake("second", time.Minute)
	})
	all.Wait()
	if want := []string{"first 1s", "second 1m0s", "third 48h0m0s"}; !slices.Equal(woken, want) {
		t.Errorf("woken: %q, want %q", woken, want)
	}
}

// A sleeper whose context ends is at work again, so that time waits for it.
func TestVirtualSleepersCanBeCalled(t *testing.T) {
	t.Parallel()
	v := clock.NewVirtual(time.Time{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	v.Go(func() { done <- v.Sleep(ctx, time.Hour) })
	v.Go(func() {
		if err := v.Sleep(t.Context(), time.Minute); err != nil {
			t.Error(err)
		}
		cancel()
	})
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the sleeper woke with %v", err)
	}
	if err := v.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever is late sleeps with %v", err)
	}
}
