//go:build !unix

package runtimeapi

import "os/exec"

// ownGroup is for systems that have process groups.
func ownGroup(*exec.Cmd) {}
