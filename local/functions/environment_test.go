package functions

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sms-api/awslocal/runtimeapi"
	"sms-api/internal/compile"
	"sms-api/internal/deployment"
	"sms-api/internal/testkit"
)

// TestEveryFolderIsAFunction: what is in lambdas/ is deployed, and what is deployed is in lambdas/.
func TestEveryFolderIsAFunction(t *testing.T) {
	t.Parallel()
	mains, err := filepath.Glob(root + "/lambdas/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, main := range mains {
		folders = append(folders, filepath.Base(filepath.Dir(main)))
	}
	if deployed := slices.Sorted(slices.Values(names())); !slices.Equal(folders, deployed) {
		t.Errorf("folders %v, functions in internal/deployment %v", folders, deployed)
	}
}

// TestFunctionsNeedTheirEnvironment starts each function as it is deployed. With the variables that internal/deployment
// lists, which are those that it finds in Lambda, it asks for work. When one is missing, it says which and ends.
func TestFunctionsNeedTheirEnvironment(t *testing.T) {
	t.Parallel()
	observe(t, "lambdas", "internal", "statemachine")
	out := build(t, compile.Target{})
	start := func(t *testing.T, f deployment.Function, env []string) (log string, err error) {
		t.Helper()
		var written testkit.Buffer
		e, err := runtimeapi.Launch(t.Context(), runtimeapi.Function{
			Name: f.Name, Path: filepath.Join(out, f.Name), Memory: f.Memory, Timeout: f.Timeout, Env: env, Log: &written,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		_, err = e.Initialised(t.Context())
		e.Close()
		return written.String(), err
	}
	for _, f := range deployment.Functions() {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			env := environment(t, f, "http://127.0.0.1:1")
			if log, err := start(t, f, env); err != nil {
				t.Fatalf("with its whole environment: %v\n%s", err, log)
			}
			for _, v := range f.Environment {
				without := slices.DeleteFunc(slices.Clone(env), func(pair string) bool { return strings.HasPrefix(pair, v.Name+"=") })
				log, err := start(t, f, without)
				if !errors.Is(err, runtimeapi.ErrEnded) || !strings.Contains(log, v.Name+" must be set") {
					t.Errorf("without %s: %v\n%s", v.Name, err, log)
				}
			}
			for _, name := range f.Files {
				log, err := start(t, f, append(slices.Clone(env), "LAMBDA_TASK_ROOT="+t.TempDir()))
				if !errors.Is(err, runtimeapi.ErrEnded) || !strings.Contains(log, name+": no such file") {
					t.Errorf("without %s: %v\n%s", name, err, log)
				}
			}
		})
	}
}
