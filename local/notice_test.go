package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestNOTICE holds NOTICE to what is linked: the modules of the packages that each program imports, with the licences that lie in them.
func TestNOTICE(t *testing.T) {
	t.Parallel()
	const file = "../NOTICE"
	want := notice(t)
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("NOTICE does not say what is linked (go test ./local -run NOTICE -update writes it): %v", err)
	}
}

// linked is a module that a program has parts of.
type linked struct{ Path, Dir string }

func notice(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("sms-api\n\nLicensed under the Apache License, Version 2.0; see LICENSE.\n\n" +
		"What is linked into its programs, besides Go's own library (BSD-3-Clause, Copyright 2009 The Go Authors). The versions stand in\n" +
		"go.mod, and the licences' texts in the modules. What tests alone need is not listed. The descriptions of AWS's APIs in\n" +
		"awslocal/awsapi/models are made of those that AWS publishes (Apache-2.0, Copyright Amazon.com, Inc. or its affiliates).\n")
	notices := map[string]string{}
	for _, program := range []struct{ title, packages string }{
		{"The functions, which are deployed", "./lambdas/..."},
		{"go run ./local", "./local"},
		{"go run ./console", "./console"},
		{"The program that deploys", "./pulumi"},
	} {
		fmt.Fprintf(&b, "\n%s\n\n", program.title)
		for _, m := range modules(t, program.packages) {
			licence, copyright, extra := terms(t, m)
			fmt.Fprintf(&b, "  %s\n    %s", m.Path, licence)
			if copyright != "" {
				fmt.Fprintf(&b, ", %s", copyright)
			}
			b.WriteString("\n")
			if extra != "" {
				notices[extra] = cmp.Or(notices[extra], m.Path)
			}
		}
	}
	b.WriteString("\nNotices that modules bring along\n")
	for _, text := range slices.SortedFunc(maps.Keys(notices), func(a, b string) int { return strings.Compare(notices[a], notices[b]) }) {
		fmt.Fprintf(&b, "\n  %s\n\n    %s\n", notices[text], strings.ReplaceAll(text, "\n", "\n    "))
	}
	return regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAllString(b.String(), "")
}

// modules are those of what the packages import, by path. They are the same on every system: what is built for Lambda is
// listed for Lambda, and the rest for Linux.
func modules(t *testing.T, packages string) []linked {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		`{{with .Module}}{{if not .Main}}{"Path":"{{.Path}}","Dir":"{{.Dir}}"}{{end}}{{end}}`, packages)
	list.Dir, list.Env = "..", append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	found := map[string]linked{}
	for line := range strings.Lines(string(out)) {
		var m linked
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("go list: %v", err)
		}
		// What is replaced lies in this repository.
		if !strings.HasSuffix(m.Dir, filepath.Join("awslocal", "kumo")) {
			found[m.Path] = m
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b linked) int { return strings.Compare(a.Path, b.Path) })
}

// terms are the licence of a module by its SPDX name, who has the copyright, and the text that whoever passes it on passes on too.
func terms(t *testing.T, m linked) (licence, copyright, notice string) {
	t.Helper()
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := strings.ToUpper(strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".txt"), ".md"))
		if e.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, name) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if name == "NOTICE" {
			notice = strings.TrimSpace(strings.ReplaceAll(string(data), "\r\n", "\n"))
			continue
		}
		licence = spdx(string(data))
		// The text of the licence itself speaks of "copyright notice" and the like.
		line := regexp.MustCompile(`(?mi)^[ \t*]*(copyright (?:\(c\) |© )?(?:19|20)\d\d[^\n]*|copyright \(c\)[^\n]*)$`)
		if said := line.FindStringSubmatch(string(data)); said != nil {
			copyright = strings.TrimSpace(said[1])
		}
	}
	if licence == "" {
		t.Errorf("%s has no licence that is known here", m.Path)
	}
	return licence, copyright, notice
}

// spdx tells a licence by words that only it has.
func spdx(text string) string {
	words := strings.Join(strings.Fields(text), " ")
	for _, known := range []struct{ name, has string }{
		{"Apache-2.0", "Apache License Version 2.0"},
		{"MPL-2.0", "Mozilla Public License Version 2.0"},
		{"MPL-2.0", "Mozilla Public License, version 2.0"},
		{"BSD-3-Clause", "may be used to endorse or promote products derived from this software"},
		{"BSD-2-Clause", "Redistribution and use in source and binary forms"},
		{"MIT", "Permission is hereby granted, free of charge"},
		{"ISC", "Permission to use, copy, modify, and/or distribute this software"},
		{"ISC", "Permission to use, copy, modify, and distribute this software"},
	} {
		if strings.Contains(words, known.has) {
			return known.name
		}
	}
	return ""
}
