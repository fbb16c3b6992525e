package logging

import (
	"log/slog"
	"strings"

	"holdfast/internal/fault"
)

// Config is the table [log].
type Config struct {
	// Level is the least level that is written: "debug", "info", "warn" or "error". Default "info".
	Level string `toml:"level"`
	// Format is "json", a line of JSON for each event, or "text". Default "json"; "text" when standard error is a terminal.
	Format string `toml:"format"`
}

// DefaultConfig returns level info; the empty format lets the output decide.
func DefaultConfig() Config { return Config{Level: "info"} }

// Validate reports every mistake in the table [log]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if _, ok := c.level(); !ok {
		p.Add("level", suggest(c.Level, `write "debug", "info", "warn" or "error"`), "%q is not a level", c.Level)
	}
	switch c.Format {
	case "", "json", "text":
	default:
		p.Add("format", `write "json" or "text"`, "%q is not a format", c.Format)
	}
	return p
}

// level returns the level that is configured; ok is false when it is not one of the four.
func (c Config) level() (level slog.Level, ok bool) {
	switch c.Level {
	case "debug":
		return slog.LevelDebug, true
	case "info", "":
		return slog.LevelInfo, true
	case "warn":
		return slog.LevelWarn, true
	case "error":
		return slog.LevelError, true
	}
	return slog.LevelInfo, false
}

// suggest returns a hint for level names of other programs, else the general one.
func suggest(level, general string) string {
	switch strings.ToLower(level) {
	case "debug", "info", "warn", "error":
		return `write "` + strings.ToLower(level) + `" in lower case`
	case "warning":
		return `write "warn"`
	case "trace", "verbose":
		return `write "debug"`
	case "fatal", "critical", "panic":
		return `write "error"`
	}
	return general
}
