// Package unit holds the quantities that people write in a configuration: sizes in bytes and durations with days.
package unit

import "time"

// Bytes is a size. In text it is a whole number with an optional unit: B, KB, MB, GB, TB (powers of 1000) or KiB, MiB,
// GiB, TiB (powers of 1024); "0" means none.
type Bytes int64

// Duration is a time span. In text it is what time.ParseDuration takes, and also days ("14d", "1d12h"); a bare number
// is seconds, as in the settings of psycopg's pool.
type Duration time.Duration

// D returns the value as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }
