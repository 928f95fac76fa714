package runtimeapi

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Target is a system to compile for; the zero Target is this machine.
type Target struct{ OS, Arch string }

// Lambda is what the functions are deployed on.
func Lambda() Target { return Target{OS: "linux", Arch: "arm64"} }

// Build compiles the commands with the given import paths or folders, as they are deployed, from the module in root into
// the folder out, which exists. The error has what the compiler said.
func Build(ctx context.Context, root, out string, target Target, packages ...string) error {
	args := append([]string{
		"build", "-trimpath", "-buildvcs=false", "-tags=lambda.norpc,nethttpomithttp2", "-ldflags=-s -w -buildid=", "-o", out + string(filepath.Separator),
	}, packages...)
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if target != (Target{}) {
		command.Env = append(command.Env, "GOOS="+target.OS, "GOARCH="+target.Arch)
	}
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(said))
	}
	return nil
}
