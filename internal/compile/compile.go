// Package compile compiles the functions as they are deployed, for the deployment itself and for whoever measures them.
package compile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Target is a system to compile for; the zero Target is this machine.
type Target struct{ OS, Arch string }

// Lambda is what the functions are deployed on.
func Lambda() Target { return Target{OS: "linux", Arch: "arm64"} }

// flags are how the functions are compiled. nethttpomithttp2 leaves HTTP/2 out of net/http, and lambda.norpc the protocol
// of the retired go1.x runtime. Not inlining saves a few percent of a package's size where the time goes into waiting for
// the network: in the SDK, and in what opens TLS connections.
func flags() []string {
	return []string{
		"-trimpath", "-buildvcs=false", "-tags=lambda.norpc,nethttpomithttp2", "-ldflags=-s -w -buildid=",
		"-gcflags=github.com/aws/...=-l", "-gcflags=crypto/tls=-l", "-gcflags=crypto/x509=-l",
	}
}

// Build compiles the commands with the given import paths or folders, as they are deployed, from the module in root into
// the folder out, which exists. The same sources and the same version of Go give the same bytes. The error has what the
// compiler said.
func Build(ctx context.Context, root, out string, target Target, packages ...string) error {
	args := slices.Concat([]string{"build", "-o", out + string(filepath.Separator)}, flags(), packages)
	command := exec.CommandContext(ctx, "go", args...)
	command.Dir = root
	// Lambda's arm64 is Graviton2 or later, which has all of Armv8.2: no code is needed for older ones.
	// Flags and experiments of the shell would make another program on the next machine.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOARM64=v8.2")
	if target != (Target{}) {
		command.Env = append(command.Env, "GOOS="+target.OS, "GOARCH="+target.Arch)
	}
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, bytes.TrimSpace(said))
	}
	return nil
}
