package wiring_test

import (
	"context"
	"testing"
	"time"

	"sms-api/internal/deployment"
	"sms-api/internal/parameters"
	"sms-api/internal/wiring"
)

// A system that runs faster than the machine's clock hears of new credentials as much sooner.
func TestCredentialsAgeByTheSystemsClock(t *testing.T) {
	t.Parallel()
	now, reads := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 0
	e := wiring.Environment{
		Variables: map[string]string{deployment.ParameterPrefix: "/shop/aligo"}, Now: func() time.Time { return now },
		Parameters: func(_ context.Context, names []string) (map[string]string, error) {
			reads++
			values := map[string]string{}
			for _, name := range names {
				values[name] = "025114560"
			}
			return values, nil
		},
	}
	client, _ := e.Aligo()
	for _, c := range []struct {
		after time.Duration
		reads int
	}{{0, 1}, {parameters.DefaultTTL - 1, 1}, {1, 2}} {
		now = now.Add(c.after)
		if _, err := client.Credentials.Credentials(t.Context()); err != nil || reads != c.reads {
			t.Errorf("read %d times, want %d; error %v", reads, c.reads, err)
		}
	}
}
