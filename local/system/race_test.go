//go:build race

package system

// underRace says that everything takes ten times as long. defaultStorm is smaller then.
const (
	underRace    = true
	defaultStorm = 500
)
