//go:build !race

package system

const (
	underRace    = false
	defaultStorm = 10_000
)
