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
	"os"
	"path/filepath"
	"time"

	"sms-api/internal/compile"
)

// code is one function's deployment package.
type code struct {
	// zip is the path of the package; sha256 is its hash as Lambda reports it, base64.
	zip, sha256 string
}

// buildFunctions compiles the named functions from lambdas/ of the repository at root and packs them into dist/lambdas.
// The same sources and the same version of Go give the same bytes, so that a deployment without changes changes nothing.
// One go build compiles and links all of them in parallel; what the compiler says is the error.
func buildFunctions(ctx context.Context, root string, names []string) (map[string]code, error) {
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
	for _, name := range names {
		folders = append(folders, "./"+filepath.ToSlash(filepath.Join("lambdas", name)))
	}
	if err := compile.Build(ctx, root, bin, compile.Lambda(), folders...); err != nil {
		return nil, fmt.Errorf("build the functions: %w", err)
	}
	packages := map[string]code{}
	for _, name := range names {
		if packages[name], err = pack(filepath.Join(bin, name), filepath.Join(dist, name+".zip")); err != nil {
			return nil, fmt.Errorf("pack function %s: %w", name, err)
		}
	}
	return packages, nil
}

// pack writes the executable into a zip, under the name that provided.al2023 starts.
// https://docs.aws.amazon.com/lambda/latest/dg/golang-package.html
func pack(executable, to string) (code, error) {
	data, err := os.ReadFile(executable)
	if err != nil {
		return code{}, err
	}
	var packed bytes.Buffer
	archive := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	file, err := archive.CreateHeader(header)
	if err != nil {
		return code{}, err
	}
	if _, err := file.Write(data); err != nil {
		return code{}, err
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
