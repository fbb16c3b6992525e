package objects

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/postgres"
)

// Index is the set of all buckets, objects, uploads and keys. It is a lifecycle.Service: Start migrates nothing (that
// is postgres.Migrate's work), loads settings and the list of recent deaths, and begins to listen.
type Index struct {
	cfg    Config
	db     *postgres.DB
	schema string // quoted

	commitSQL, headSQL string

	blobs blob.Store
	seal  sealer
	log   *slog.Logger

	base     lifecycle.Base
	listener *postgres.Listener
	crews    atomic.Pointer[crews]    // nil before Start
	settings atomic.Pointer[settings] // nil before Start
	deaths   *deaths
	memory   *memory
	used     usedKeys
	trouble  *lifecycle.Troubles
	polls    lifecycle.Wake // something was notified
	sweeps   lifecycle.Wake // there are blobs to be moved

	pollMu sync.Mutex // one poll at a time; protects the next
	heard  int64      // number of the last death that was read
}

// crews are the batchers of one life of the index, from Start to Stop.
type crews struct {
	commits   *batcher[*write, written]
	heads     *batcher[place, found]
	refreshes *batcher[struct{}, struct{}]
}

var _ lifecycle.Service = (*Index)(nil)

// New returns an Index that is not started.
func New(o Options) *Index {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	schema := o.DB.Schema()
	x := &Index{
		cfg: o.complete(), db: o.DB, schema: schema, blobs: o.Blobs,
		seal: newSealer(o.MasterKey), log: log, deaths: newDeaths(), memory: newMemory(o.turns()), trouble: lifecycle.NewTroubles(log, "index of stored files"),
		polls: lifecycle.NewWake(), sweeps: lifecycle.NewWake(),
	}
	x.commitSQL = x.q(`SELECT o_status, o_gen, o_expires, o_flags, o_dead, o_dead_seq, o_dead_state
		FROM {s}.commit_objects($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
			$21, $22, $23, $24, $25, $26)`)
	x.headSQL = x.q("SELECT * FROM {s}.head_objects($1, $2)")
	x.listener = postgres.NewListener(o.DB, log, func(err error) { x.trouble.Record("listen", err) }, postgres.Subscription{
		Channel: x.rawSchema() + "_objects",
		Notify:  func(string) { x.polls.Up() },
		Resync:  x.resync,
	})
	return x
}

// q puts the schema into the text of a statement, where it says {s}.
func (x *Index) q(text string) string { return strings.ReplaceAll(text, "{s}", x.schema) }

// rawSchema is the name of the schema without quotes, as current_schema() returns it.
func (x *Index) rawSchema() string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(x.schema, `"`), `"`), `""`, `"`)
}

// Start keeps the contract of package lifecycle: ready means that settings and deaths are known, and changes are heard.
func (x *Index) Start(ctx context.Context) error { return x.base.Start(ctx, x.open) }

// Stop keeps the contract of package lifecycle. Batches in hand are finished, callers in a queue are refused.
func (x *Index) Stop(ctx context.Context) error { return x.base.Stop(ctx, x.listener.Stop) }

func (x *Index) open(ctx context.Context) error {
	if err := x.checkDatabase(ctx); err != nil {
		return fmt.Errorf("start index: %w", err)
	}
	if err := x.reload(ctx); err != nil {
		return fmt.Errorf("start index: load settings: %w", err)
	}
	if err := x.checkSeal(); err != nil {
		return fmt.Errorf("start index: %w", err)
	}
	newest, err := x.newestDeath(ctx, new(int64))
	if err == nil {
		err = x.hear(ctx, newest) // a million of them take seconds: longer than the listener waits for a resync
	}
	if err != nil {
		return fmt.Errorf("start index: %w", err)
	}
	// The listener's first resync reads the latest again when LISTEN is in force, so nothing falls between.
	if err := x.listener.Start(ctx); err != nil {
		return fmt.Errorf("start index: %w", err)
	}
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), x.listener.Stop(context.WithoutCancel(ctx)))
	}
	x.launch()
	return nil
}

// launch starts the goroutines, which base waits for.
func (x *Index) launch() {
	c := &crews{
		commits:   newBatcher(x.cfg.Timeout, true, x.commitBatch),
		heads:     newBatcher(x.cfg.Timeout, false, x.headBatch),
		refreshes: newBatcher(x.cfg.Timeout, false, x.refreshBatch),
	}
	enlist(&x.base, c.commits, x.cfg.CommitWorkers, c.commits.help)
	enlist(&x.base, c.heads, x.cfg.HeadWorkers, c.heads.work)
	enlist(&x.base, c.refreshes, 1, nil) // one: each refresh begins after the one before has ended
	x.crews.Store(c)
	x.base.Go(x.pollLoop)
	x.base.Go(x.sweepLoop)
	x.sweeps.Up()
}

// enlist starts n workers of a batcher, all but the first with others' work; the last of them to end closes gone.
func enlist[T, R any](base *lifecycle.Base, b *batcher[T, R], n int, others func(context.Context)) {
	left := new(atomic.Int32)
	left.Store(int32(n))
	for i := range n {
		base.Go(func(ctx context.Context) {
			if i == 0 {
				b.lead(ctx)
			} else {
				others(ctx)
			}
			if left.Add(-1) == 0 {
				close(b.gone)
			}
		})
	}
}

// checkDatabase refuses a database whose encoding cannot hold every key, and one that was not migrated.
func (x *Index) checkDatabase(ctx context.Context) error {
	var encoding string
	var migrated bool
	err := x.db.QueryRow(ctx, "SELECT current_setting('server_encoding'), to_regclass($1) IS NOT NULL",
		x.schema+".dead_blobs").Scan(&encoding, &migrated)
	switch {
	case err != nil:
		return dbError(ctx, "check database", err)
	case encoding != "UTF8":
		return fault.New(fault.Config, "database_encoding", "database has the encoding %s", encoding).
			WithHint("keys are UTF-8: use a database made with ENCODING 'UTF8'")
	case !migrated:
		return fault.New(fault.Config, "database_not_migrated", "schema %s lacks the tables of objects", x.schema)
	}
	return nil
}

// refusal is what a transaction returns to say no by itself: it is rolled back, and the error is told as it is.
type refusal struct{ error }

// Unwrap returns the error that is told.
func (r refusal) Unwrap() error { return r.error }

// inTx runs f in a transaction within the time limit.
func (x *Index) inTx(ctx context.Context, op string, f func(ctx context.Context, tx pgx.Tx) error) error {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	err := x.db.InTx(limited, func(tx pgx.Tx) error { return f(limited, tx) })
	var no refusal
	if errors.As(err, &no) {
		return no.error
	}
	return dbError(ctx, op, err)
}

// one runs a statement that returns one row, within the time limit.
func (x *Index) one(ctx context.Context, op, sql string, args []any, dest ...any) error {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	err := x.db.QueryRow(limited, x.q(sql), args...).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return dbError(ctx, op, err)
}

// exec runs a statement within the time limit and returns how many rows it changed.
func (x *Index) exec(ctx context.Context, op, sql string, args ...any) (int64, error) {
	limited, cancel := context.WithTimeout(ctx, x.cfg.Timeout)
	defer cancel()
	tag, err := x.db.Exec(limited, x.q(sql), args...)
	return tag.RowsAffected(), dbError(ctx, op, err)
}
