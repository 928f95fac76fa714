package main

import (
	"log/slog"
	"os/exec"
	"slices"
	"testing"

	"sms-api/internal/deployment"
)

// A process logs what the flags of the program say, whatever the stack's level is.
func TestProcessesLogAtTheLevelOfTheProgram(t *testing.T) {
	t.Parallel()
	p := &processes{level: slog.LevelError, env: []string{"AWS_REGION=here"}}
	process := exec.CommandContext(t.Context(), "function")
	process.Env = p.environment(map[string]string{deployment.LogLevel: "info", "TABLE": "guards"})
	got := process.Environ()
	slices.Sort(got)
	if want := []string{"AWS_REGION=here", "LOG_LEVEL=ERROR", "TABLE=guards"}; !slices.Equal(got, want) {
		t.Errorf("the environment is %q, want %q", got, want)
	}
}
