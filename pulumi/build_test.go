package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/base64"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sms-api/internal/deployment"
)

// module is a repository with two functions.
func module(t *testing.T, body string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"go.mod":                   "module example\n\ngo 1.26\n",
		"lambdas/first/main.go":    "package main\n\nfunc main() { " + body + " }\n",
		"lambdas/second/main.go":   "package main\n\nfunc main() { println(\"second\") }\n",
		"lambdas/unasked/main.go":  "package main\n\nfunc main() { this does not compile }\n",
		"lambdas/first/norpc.go":   "//go:build !lambda.norpc\n\npackage main\n\nvar _ = theTagIsMissing\n",
		"lambdas/first/machine.go": "//go:build !linux || !arm64\n\npackage main\n\nvar _ = theMachineIsWrong\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestBuildFunctions(t *testing.T) {
	t.Parallel()
	here, there := module(t, `println("first")`), module(t, `println("first")`)
	built, err := buildFunctions(t.Context(), here, "dev", kinds("first", "second"), besides())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := buildFunctions(t.Context(), there, "dev", kinds("first", "second"), besides())
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(built["first"].zip) != "dev-first.zip" || filepath.Base(built["second"].zip) != "second.zip" {
		t.Errorf("the packages are %v", built)
	}
	for name, code := range built {
		if code.sha256 != elsewhere[name].sha256 {
			t.Errorf("%s: the same sources in another folder give another package", name)
		}
		packed, err := os.ReadFile(code.zip)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(packed); base64.StdEncoding.EncodeToString(sum[:]) != code.sha256 {
			t.Errorf("%s: the hash is not the package's", name)
		}
		beside := map[string]string{}
		if name == "first" {
			beside["a.json"] = "[1]"
		}
		checkPackage(t, packed, beside)
	}
	if built["first"].sha256 == built["second"].sha256 {
		t.Error("two functions are the same package")
	}
	changed, err := buildFunctions(t.Context(), module(t, `println("changed")`), "dev", kinds("first"), besides())
	if err != nil {
		t.Fatal(err)
	}
	if changed["first"].sha256 == built["first"].sha256 {
		t.Error("another source gives the same package")
	}
	refilled, err := buildFunctions(t.Context(), here, "prod", kinds("first"), map[string][]byte{"a.json": []byte("[2]")})
	if err != nil {
		t.Fatal(err)
	}
	if refilled["first"].sha256 == built["first"].sha256 || refilled["first"].zip == built["first"].zip {
		t.Error("another stack's file gives the same package, or takes its place")
	}
	if _, err := buildFunctions(t.Context(), here, "dev", kinds("first"), nil); err == nil || !strings.Contains(err.Error(), "a.json") {
		t.Errorf("without its file: %v", err)
	}
}

// kinds are functions of the repository that module makes. The first has a file beside it.
func kinds(names ...string) []deployment.Function {
	var all []deployment.Function
	for _, name := range names {
		f := deployment.Function{Name: name}
		if name == "first" {
			f.Files = []string{"a.json"}
		}
		all = append(all, f)
	}
	return all
}

// besides are the contents of their files.
func besides() map[string][]byte {
	return map[string][]byte{"a.json": []byte("[1]"), "unasked.json": []byte("[]")}
}

// checkPackage: what provided.al2023 on arm64 can start, and these files beside it.
func checkPackage(t *testing.T, packed []byte, beside map[string]string) {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range beside {
		if got, err := fs.ReadFile(archive, name); err != nil || string(got) != want {
			t.Errorf("%s is %q (%v)", name, got, err)
		}
	}
	if len(archive.File) != 1+len(beside) || archive.File[0].Name != "bootstrap" || archive.File[0].Mode().Perm() != 0o755 {
		t.Fatalf("the package has %v", archive.File)
	}
	file, err := archive.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	binary, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if binary.Machine != elf.EM_AARCH64 {
		t.Errorf("it is built for %s", binary.Machine)
	}
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("it needs %v (%v)", libraries, err)
	}
}

// TestSecondBuild leaves files alone that are right, as another deployment may be reading them.
func TestSecondBuild(t *testing.T) {
	t.Parallel()
	root := module(t, `println("first")`)
	build := func() (code, os.FileInfo) {
		built, err := buildFunctions(t.Context(), root, "dev", kinds("second"), besides())
		if err != nil {
			t.Fatal(err)
		}
		file, err := os.Stat(built["second"].zip)
		if err != nil {
			t.Fatal(err)
		}
		return built["second"], file
	}
	first, before := build()
	again, after := build()
	if !os.SameFile(before, after) || first != again {
		t.Error("the package was written again")
	}
	left, err := filepath.Glob(filepath.Join(root, "dist", "lambdas", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 {
		t.Errorf("the build leaves %v", left)
	}
}

func TestCompilerErrorsAreShown(t *testing.T) {
	t.Parallel()
	_, err := buildFunctions(t.Context(), module(t, `undefinedName()`), "dev", kinds("first", "second"), besides())
	if err == nil || !strings.Contains(err.Error(), "lambdas/first/main.go:3:15: undefined: undefinedName") {
		t.Errorf("got %v", err)
	}
}
