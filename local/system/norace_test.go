//go:build !race

package system

const (
	underRace    = false
	defaultStorm = 4_000
)
