package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestContainer holds Dockerfile and compose.yaml to go.mod and to the flags: no container is built here.
func TestContainer(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		data, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	dockerfile := read("Dockerfile")
	module := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read("go.mod"))[1]
	if !strings.Contains(dockerfile, "FROM golang:"+module+" AS build\n") {
		t.Errorf("the image is not built with Go %s", module)
	}
	if !strings.Contains(dockerfile, "\nUSER nonroot\n") {
		t.Error("it runs as root")
	}
	var entrypoint []string
	line := regexp.MustCompile(`(?m)^ENTRYPOINT (.*)$`).FindStringSubmatch(dockerfile)[1]
	if err := yaml.Unmarshal([]byte(line), &entrypoint); err != nil {
		t.Fatal(err)
	}
	inside, err := parse(entrypoint[1:], io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	outside, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !inside.anywhere {
		t.Error("its addresses would be refused")
	}
	var compose struct {
		Services map[string]struct {
			Ports, Tmpfs []string
			ReadOnly     bool `yaml:"read_only"`
		}
	}
	if err := yaml.Unmarshal([]byte(read("compose.yaml")), &compose); err != nil {
		t.Fatal(err)
	}
	service := compose.Services["sms-api"]
	ports := service.Ports
	if service.ReadOnly && !slices.Contains(service.Tmpfs, "/tmp") {
		t.Error("campaigns cannot read their files: nothing can be written in /tmp")
	}
	for i, address := range []struct{ in, out string }{
		{inside.listen, outside.listen}, {inside.aws, outside.aws}, {inside.aligo, outside.aligo},
	} {
		// What reaches it from outside is the machine's loopback address and the port that it has without a container.
		_, port, _ := strings.Cut(address.in, ":")
		if want := address.out + ":" + port; i >= len(ports) || ports[i] != want {
			t.Errorf("the ports are %q, want %s", ports, want)
		}
		if !strings.Contains(regexp.MustCompile(`(?m)^EXPOSE .*$`).FindString(dockerfile), port) {
			t.Errorf("the port %s is not exposed", port)
		}
	}
}
