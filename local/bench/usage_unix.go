//go:build unix

package bench

import (
	"runtime"
	"syscall"
	"time"
)

// used is the time that this process has had on processors, and the most memory that it has had resident, in bytes. Both
// are 0 when the system does not tell.
func used() (processor time.Duration, peakRSS int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, 0
	}
	processor = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	peakRSS = int64(u.Maxrss) //nolint:unconvert // 32 bits on some machines
	// Apple counts bytes, everybody else kilobytes.
	if runtime.GOOS != "darwin" {
		peakRSS *= 1024
	}
	return processor, peakRSS
}
