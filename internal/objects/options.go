package objects

import (
	"cmp"
	"log/slog"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/postgres"
	"holdfast/internal/secret"
)

// Config are the periods and limits of the index. Zero values mean the defaults.
type Config struct {
	// LinkMaxTTL is the longest life that a signed link can have: a death is remembered for that long. Default 7d.
	LinkMaxTTL time.Duration
	// TrashKeep is how long the bytes of deleted objects are kept. Default 14d.
	TrashKeep time.Duration
	// AbortUploadsAfter ends multipart uploads that were not completed. Default 24h.
	AbortUploadsAfter time.Duration
	// MinPartSize of every part but the last of an upload, in bytes. Default 5 MiB; tests lower it.
	MinPartSize int64
	// Poll is how often a process asks PostgreSQL for what a lost notification would have told. Default 500ms.
	Poll time.Duration
	// Sweep is the pause between two looks for unfinished moves to the trash, and for what has ended. Default 5s.
	Sweep time.Duration
	// Timeout bounds one round trip to PostgreSQL, the wait in a queue for it included. Default 10s.
	Timeout time.Duration
	// CommitWorkers and HeadWorkers are how many batches of writes and of lookups are under way at once. Each takes one
	// connection of the pool. Fewer make larger batches and cost less; so of the first only one is at work as long as it is not
	// held up. Defaults 2 and 2.
	CommitWorkers int
	HeadWorkers   int
}

// Options are what an Index is made of.
type Options struct {
	Config
	// DB leads to the database; its schema must hold [Migrations].
	DB *postgres.DB
	// Blobs keeps the bytes.
	Blobs blob.Store
	// MasterKey seals the secrets of access keys (files.master_key).
	MasterKey secret.String
	// Sole says whether this process is the only one that uses the index; then rows are remembered. Default: never.
	Sole Turns
	// Log hears of background errors. Default: none.
	Log *slog.Logger
}

// maxBatch is how many writes or lookups share a round trip. Larger batches gain little and make each caller wait longer.
const maxBatch = 64

// roundTrip is the default of Timeout.
const roundTrip = 10 * time.Second

func (c Config) complete() Config {
	const day = 24 * time.Hour
	c.LinkMaxTTL = cmp.Or(c.LinkMaxTTL, 7*day)
	c.TrashKeep = cmp.Or(c.TrashKeep, 14*day)
	c.AbortUploadsAfter = cmp.Or(c.AbortUploadsAfter, day)
	c.MinPartSize = cmp.Or(c.MinPartSize, 5<<20)
	c.Poll = cmp.Or(c.Poll, 500*time.Millisecond)
	c.Sweep = cmp.Or(c.Sweep, 5*time.Second)
	c.Timeout = cmp.Or(c.Timeout, roundTrip)
	c.CommitWorkers = cmp.Or(c.CommitWorkers, 2)
	c.HeadWorkers = cmp.Or(c.HeadWorkers, 2)
	return c
}

// company is a Turns that is never alone.
type company struct{}

func (company) Turn() uint64 { return 0 }

func (o Options) turns() Turns {
	if o.Sole == nil {
		return company{}
	}
	return o.Sole
}
