package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"sms-api/internal/compile"
	"sms-api/internal/deployment"
)

// code is one function's deployment package.
type code struct {
	// zip is the path of the package; sha256 is its hash as Lambda reports it, base64.
	zip, sha256 string
}

// buildFunctions compiles the functions from lambdas/ of the repository at root and packs each with its files into
// dist/lambdas. A package with files is the stack's own and has its name: those of another stack are others. The same sources
// and the same version of Go give the same bytes, so that a deployment without changes changes nothing. One go build compiles
// and links all of them in parallel; what the compiler says is the error.
func buildFunctions(
	ctx context.Context, root, stack string, functions []deployment.Function, files map[string][]byte,
) (map[string]code, error) {
	dist := filepath.Join(root, "dist", "lambdas")
	if err := os.MkdirAll(dist, 0o755); err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	bin, err := os.MkdirTemp(dist, "bin-")
	if err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	defer os.RemoveAll(bin) //nolint:errcheck // what cannot be removed is found in dist
	var folders []string
	for _, f := range functions {
		folders = append(folders, "./"+filepath.ToSlash(filepath.Join("lambdas", f.Name)))
	}
	if err := compile.Build(ctx, root, bin, compile.Lambda(), folders...); err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	packages := map[string]code{}
	for _, f := range functions {
		to, beside := f.Name+".zip", map[string][]byte{}
		for _, name := range f.Files {
			content, ok := files[name]
			if !ok {
				return nil, fmt.Errorf("pack function %s: nothing says what is in %s", f.Name, name)
			}
			to, beside[name] = stack+"-"+f.Name+".zip", content
		}
		if packages[f.Name], err = pack(filepath.Join(bin, f.Name), beside, filepath.Join(dist, to)); err != nil {
			return nil, fmt.Errorf("pack function %s: %w", f.Name, err)
		}
	}
	return packages, nil
}

// pack writes the executable into a zip, under the name that provided.al2023 starts, and the files beside it.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
func pack(executable string, files map[string][]byte, to string) (code, error) {
	data, err := os.ReadFile(executable)
	if err != nil {
		return code{}, err
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	add := func(name string, mode fs.FileMode, content []byte) error {
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(mode)
		file, err := archive.CreateHeader(header)
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		return err
	}
	if err := add("bootstrap", 0o755, data); err != nil {
		return code{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := add(name, 0o644, files[name]); err != nil {
			return code{}, err
		}
	}
	if err := archive.Close(); err != nil {
		return code{}, err
	}
	sum := sha256.Sum256(packed.Bytes())
	result := code{zip: to, sha256: base64.StdEncoding.EncodeToString(sum[:])}
	// Another deployment from this tree may be reading the file, so one that is right is left alone.
	old, err := os.ReadFile(to)
	if err == nil && bytes.Equal(old, packed.Bytes()) {
		return result, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return code{}, err
	}
	if err := os.WriteFile(to+".new", packed.Bytes(), 0o644); err != nil {
		return code{}, err
	}
	return result, os.Rename(to+".new", to)
}
