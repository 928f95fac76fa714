package deadline_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"sms-api/internal/deadline"
)

func TestBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		function, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ctx, cancel := deadline.Before(function, time.Second)
		defer cancel()
		<-ctx.Done()
		if took := time.Since(begin); took != 9*time.Second {
			t.Errorf("over after %v, want a second before the function's 10", took)
		}
		endless, cancel := deadline.Before(t.Context(), time.Second)
		defer cancel()
		if at, ok := endless.Deadline(); ok {
			t.Errorf("over at %v, want never", at)
		}
	})
}
