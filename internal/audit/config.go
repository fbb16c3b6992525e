package audit

import (
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/unit"
)

// Config is the table [database.audit]: the record of who did what.
type Config struct {
	// Enabled writes the audit stream: a line for each statement. Default false.
	Enabled bool `toml:"enabled"`
	// File is the stream's path; it is made with mode 0600. Default: audit.jsonl in the state directory.
	File string `toml:"file"`
	// Text records the text of statements, too, which may hold personal data. Parameters are never recorded. Default false.
	Text bool `toml:"text"`
	// TextMax cuts the text of a statement. Default 4KiB.
	TextMax unit.Bytes `toml:"text_max"`
	// MaxSize is the size at which the file is set aside under a name with the time, as audit-20260102T150405.000Z.jsonl.
	// Default 100MiB; 0 never does it.
	MaxSize unit.Bytes `toml:"max_size"`
	// Keep is the number of such files that are kept. Default 0: all.
	Keep int `toml:"keep"`
	// Sync is the longest time that a written record may be missing on disk after a loss of power. Default 1s; 0 syncs
	// after every group of records.
	Sync unit.Duration `toml:"sync"`
	// Queue bounds the records that wait in memory for the disk. Default 8MiB.
	Queue unit.Bytes `toml:"queue"`
	// OnFull says what happens when the queue is full because the disk does not take more: "refuse" statements, or "drop"
	// their records and count them. Default "refuse".
	OnFull string `toml:"on_full"`
	// OnFullWait is how long a statement waits for room before that. Default 1s.
	OnFullWait unit.Duration `toml:"on_full_wait"`
}

// The values of Config.OnFull.
const (
	Refuse = "refuse"
	Drop   = "drop"
)

// Bounds of the settings.
const (
	smallestQueue = 64 << 10
	largestText   = 1 << 20
	smallestFile  = 64 << 10
)

// DefaultConfig returns the settings of an empty table. The file is filled in by whoever knows the state directory.
func DefaultConfig() Config {
	return Config{
		TextMax:    4 << 10,
		MaxSize:    100 << 20,
		Sync:       unit.Duration(time.Second),
		Queue:      8 << 20,
		OnFull:     Refuse,
		OnFullWait: unit.Duration(time.Second),
	}
}

// Validate reports every mistake in the table [database.audit]; keys are relative to it.
func (c Config) Validate() fault.Problems {
	var p fault.Problems
	if c.TextMax < 0 || c.TextMax > largestText {
		p.Add("text_max", `"4KiB" is usual`, "%s is not between 0 and %s", c.TextMax, unit.Bytes(largestText))
	}
	if c.MaxSize != 0 && c.MaxSize < smallestFile {
		p.Add("max_size", `"100MiB" is usual, 0 never starts a new file`, "%s is less than %s", c.MaxSize, unit.Bytes(smallestFile))
	}
	if c.Keep < 0 {
		p.Add("keep", "0 keeps all files", "%d is negative", c.Keep)
	}
	if c.Sync < 0 {
		p.Add("sync", `"1s" is usual, 0 syncs after every group of records`, "%s is negative", c.Sync)
	}
	if c.Queue < smallestQueue {
		p.Add("queue", `"8MiB" is usual`, "%s is less than %s", c.Queue, unit.Bytes(smallestQueue))
	}
	if c.OnFull != Refuse && c.OnFull != Drop {
		p.Add("on_full", `write "refuse" or "drop"`, "%q is not known", c.OnFull)
	}
	if c.OnFullWait < 0 {
		p.Add("on_full_wait", `"1s" is usual, 0 waits not at all`, "%s is negative", c.OnFullWait)
	}
	return p
}
