// Package logging sets up the logs of the functions: one JSON object a line on standard output, which Lambda's JSON log
// format passes on as it is.
package logging

import (
	"log/slog"
	"os"

	"sms-api/internal/version"
)

// New returns a logger at the level of the environment variable LOG_LEVEL (debug, info, warn or error; default info). A level it
// does not know is info: a typing mistake must not silence the logs. Every line has the version that wrote it.
func New() *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(os.Getenv("LOG_LEVEL"))); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: level})).With("version", version.Number)
}
