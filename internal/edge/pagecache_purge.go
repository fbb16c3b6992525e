package edge

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/atomicfile"
	"holdfast/internal/fault"
	"holdfast/internal/httpcache"
	"holdfast/internal/lifecycle"
	"holdfast/internal/postgres"
)

const (
	// purgeChannel is what orders are notified on.
	purgeChannel = "holdfast_page_purges"
	// purgePoll is how often orders are looked for that nobody notified.
	purgePoll = 15 * time.Second
	// purgeLimit bounds one look.
	purgeLimit = 10 * time.Second
)

// purgeJournal tells all nodes what to remove from their page caches, by rows in the database and notifications of them. A node that
// was away reads the rows that it missed; if some of them are gone already (they are kept for a day) it removes everything. With a disk, what
// it has done survives a restart in the file "seen", written after the removal: an order may be obeyed twice, and is never left out.
type purgeJournal struct {
	db     *postgres.DB
	cache  *httpcache.Cache
	seen   string // path of the file; "" without a disk
	report func(error)
	log    *slog.Logger
	wake   lifecycle.Wake

	self string // names this process in its orders: it has obeyed them before others hear of them

	// Of the goroutine that follows.
	version int64  // the latest order that was obeyed
	origin  string // names the database's table
}

func newPurgeJournal(o Options, c *httpcache.Cache, log *slog.Logger) *purgeJournal {
	j := &purgeJournal{db: o.DB, cache: c, report: o.ReportPurges, log: log, wake: lifecycle.NewWake(), self: rand.Text()}
	if o.Config.Cache.Disk > 0 {
		j.seen = filepath.Join(o.CacheDir, "seen")
	}
	if j.report == nil {
		j.report = func(error) {}
	}
	return j
}

// start obeys what was missed and begins to listen. goroutines belong to base.
func (j *purgeJournal) start(ctx context.Context, base *lifecycle.Base) error {
	if err := j.begin(ctx); err != nil {
		return err
	}
	listener := postgres.NewListener(j.db, j.log, j.report, postgres.Subscription{
		Channel: purgeChannel,
		Notify:  func(string) { j.wake.Up() },
		Resync:  func(context.Context) error { j.wake.Up(); return nil },
	})
	if err := listener.Start(ctx); err != nil {
		return err
	}
	base.Go(func(ctx context.Context) {
		lifecycle.Every(ctx, purgePoll, j.wake, j.follow)
		_ = listener.Stop(context.WithoutCancel(ctx)) // it only ends a connection
	})
	return nil
}

// begin finds out what was obeyed before. A cache in memory is empty: nothing needs to be obeyed that is older. One on disk that has been used
// with another database, or nobody knows how, is emptied.
func (j *purgeJournal) begin(ctx context.Context) error {
	err := j.db.QueryRow(ctx, "SELECT version, origin::text FROM "+j.table("page_purges_version")).Scan(&j.version, &j.origin)
	if err != nil {
		return fmt.Errorf("read orders to the page cache: %w", err)
	}
	if j.seen == "" {
		return nil
	}
	if version, ok := j.readSeen(); ok {
		j.version = version
		return j.sync(ctx)
	}
	j.obey(httpcache.Purge{All: true})
	return j.writeSeen()
}

// readSeen returns the latest order of this database that a former process obeyed.
func (j *purgeJournal) readSeen() (version int64, ok bool) {
	b, err := os.ReadFile(j.seen)
	if err != nil {
		return 0, false
	}
	origin, text, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	version, err = strconv.ParseInt(text, 10, 64)
	return version, err == nil && origin == j.origin
}

func (j *purgeJournal) writeSeen() error {
	if j.seen == "" {
		return nil
	}
	return atomicfile.WriteFile(j.seen, []byte(j.origin+" "+strconv.FormatInt(j.version, 10)+"\n"), 0o600)
}

func (j *purgeJournal) table(name string) string { return j.db.Schema() + "." + name }

// follow obeys what is new.
func (j *purgeJournal) follow(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, purgeLimit)
	defer cancel()
	err := j.sync(limited)
	if ctx.Err() != nil {
		return
	}
	j.report(err)
	if err != nil {
		j.log.WarnContext(ctx, "orders to remove pages are not heard", "error", err)
	}
}

// order is a row of the journal.
type order struct {
	version int64
	what    told
	known   bool // what is to be removed could be read
}

// told is an order as it stands in the journal.
type told struct {
	httpcache.Purge
	By string `json:"by"` // the process that gave it
}

// sync obeys the orders that came since the last one.
func (j *purgeJournal) sync(ctx context.Context) error {
	orders, err := j.read(ctx)
	if err != nil {
		return fmt.Errorf("read orders to the page cache: %w", err)
	}
	before := j.version
	for _, o := range orders {
		switch {
		case o.version == j.version: // nothing new
		case o.version == j.version+1 && o.known && o.what.By == j.self: // obeyed before it was told
		case o.version == j.version+1 && o.known:
			j.obey(o.what.Purge)
		default: // some are gone, or the database is one of another time
			j.log.InfoContext(ctx, "orders to remove pages were missed: all are removed", "from", j.version, "to", o.version)
			j.obey(httpcache.Purge{All: true})
		}
		j.version = o.version
	}
	if j.version == before {
		return nil
	}
	return j.writeSeen()
}

// read returns the orders since the last one, and at the end the version of the table, as an order that is not known unless it is.
func (j *purgeJournal) read(ctx context.Context) ([]order, error) {
	rows, err := j.db.Query(ctx, "SELECT version, coalesce(what::text, '') FROM "+j.table("page_purges_version")+
		" FULL JOIN (SELECT version, what FROM "+j.table("page_purges")+" WHERE version > $1) p USING (version) ORDER BY version", j.version)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (o order, err error) {
		var text string
		if err := r.Scan(&o.version, &text); err != nil {
			return o, err
		}
		o.known = json.Unmarshal([]byte(text), &o.what) == nil
		return o, nil
	})
}

func (j *purgeJournal) obey(what httpcache.Purge) {
	if _, err := j.cache.Purge(what); err != nil { // a newer version's: what we do not understand may concern anything
		j.log.Warn("an order to remove pages is not understood: all are removed", "error", err)
		_, _ = j.cache.Purge(httpcache.Purge{All: true}) // an order that is always understood
	}
}

// tell gives an order to all nodes.
func (j *purgeJournal) tell(ctx context.Context, what httpcache.Purge) error {
	text, err := json.Marshal(told{what, j.self})
	if err != nil {
		return err
	}
	_, err = j.db.Exec(ctx, "WITH v AS (UPDATE "+j.table("page_purges_version")+" SET version = version + 1 RETURNING version), "+
		"i AS (INSERT INTO "+j.table("page_purges")+" (version, what) SELECT version, $1::jsonb FROM v), "+
		"d AS (DELETE FROM "+j.table("page_purges")+" WHERE at < now() - interval '1 day') "+
		"SELECT pg_notify($2, version::text) FROM v", string(text), purgeChannel)
	return err
}

// Purge removes what is stored, on this node at once and on all others as soon as they hear of it. It returns how many answers there were
// here.
func (p *Pages) Purge(ctx context.Context, what httpcache.Purge) (int, error) {
	n, err := p.cache.Purge(what)
	if err != nil || p.journal == nil {
		return n, err
	}
	if err := p.journal.tell(ctx, what); err != nil {
		return n, fault.New(fault.Unavailable, "purge_not_told", "removed here (%d), but other nodes cannot be told: %w", n, err).
			WithHint("try again when PostgreSQL answers")
	}
	return n, nil
}

// MigratePages brings the tables of the page cache up to date.
func MigratePages(ctx context.Context, db *postgres.DB) error {
	migrations, err := fs.Sub(PageCacheMigrations, "pagecache_migrations")
	return errors.Join(err, db.Migrate(ctx, "page_cache", migrations))
}
