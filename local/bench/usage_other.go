//go:build !unix

package bench

import "time"

// used is nothing: this system does not tell.
func used() (processor time.Duration, peakRSS int64) { return 0, 0 }
