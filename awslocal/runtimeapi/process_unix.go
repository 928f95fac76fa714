//go:build unix

package runtimeapi

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's interrupt from the function, whose end is this process's to decide, and lets it be
// killed with whatever it has started.
func ownGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
