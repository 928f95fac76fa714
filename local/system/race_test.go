//go:build race

package system

// defaultStorm is smaller under the race detector, which is ten times slower.
const defaultStorm = 1_000
