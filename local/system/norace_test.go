//go:build !race

package system

const defaultStorm = 10_000
