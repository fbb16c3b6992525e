package content

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/postgres"
	"holdfast/internal/revision"
	"holdfast/internal/secret"
)

// Options are what a Content is made of.
type Options struct {
	Config Config
	DB     *postgres.DB
	Store  blob.Store
	// MasterKey is files.master_key; the key that signs indexes is derived from it, the same on all machines.
	MasterKey secret.String
	// Mirrors is the directory of the bare repositories; it must be on a local disk.
	Mirrors string
	// Cache is the directory of the unpacked files; it must be on a local disk, too.
	Cache string
	// Node names this process in the role, for people: the machine's name and the process id. Default: asked of the system.
	Node string
	// Git is the program. Default "git", on the PATH.
	Git string
	// RoleTTL is the life of the role between renewals. Default 15s.
	RoleTTL Span
	// Observe, if not nil, hears of each step of each sync here. It is called from several goroutines.
	Observe func(source, step string)
	// BaseURL gives scheme and host of the addresses for browsers; asked each time, because the edge knows its address only
	// when it listens. Default: addresses are paths.
	BaseURL func() string
	// Metrics takes the numbers of the consuming half; may be nil.
	Metrics prometheus.Registerer
	Log     *slog.Logger
}

// Content is the distribution of content on one machine, as a lifecycle.Service. It is ready when it hears of
// publications; it syncs when it has the role.
type Content struct {
	opts  Options
	live  atomic.Pointer[settings] // those in force; see cfg
	db    *postgres.DB
	store blob.Store
	local *localStore // the store, when parts are not kept; else nil
	log   *slog.Logger

	signing ed25519.PrivateKey // of indexes and tombstones
	public  ed25519.PublicKey

	base     lifecycle.Base
	lifeMu   sync.Mutex // protects running, and is held while that or begun changes or a reload is taken over
	running  bool
	begun    atomic.Bool // all parts run; not so while there was no source yet
	listener *postgres.Listener
	memo     *revision.Memo // of blobs, for all sources
	// deleteWait is the constant of this name, but in tests.
	deleteWait time.Duration
	hooks      *http.Client // for the hooks of applications
	storing    sync.RWMutex // read-locked while a sync stores blobs that have no row yet; strays are removed under the lock
	trouble    *lifecycle.Troubles
	tombs      tombstones
	producer   *producer // syncs where the role is

	consumer consumer // the other half; set by newConsumer
}

var _ lifecycle.Service = (*Content)(nil)

// consumer is what the consuming half of the feature does for the producing one. published and purged are called from the
// goroutine of the listener, one at a time and in order: they must not wait for anything.
type consumer interface {
	// start is called before the listener starts; stop after everything else of the feature has ended.
	start(ctx context.Context) error
	stop(ctx context.Context) error
	// published tells the current revision of a source: after a publish on any machine, and of all sources after each
	// (re)connect. It may tell the same one again, and never an older one than before.
	published(p Publication)
	// purged tells tombstones whose signature is good, oldest first; after a connect the latest of them again.
	purged(t []Tombstone)
	// reloaded tells that other settings are in force. It waits for nothing.
	reloaded(now *settings)
}

// memoBlobs is how many blobs are remembered between syncs, some 100 bytes each.
const memoBlobs = 1 << 16

// noRedirect keeps what is posted to a hook from going elsewhere.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// New returns a Content that is not started.
func New(o Options) (*Content, error) { return newWith(o, newConsumer) }

func newWith(o Options, consume func(*Content) (consumer, error)) (*Content, error) {
	o.complete()
	c := &Content{opts: o, db: o.DB, store: o.Store, log: o.Log, deleteWait: deleteWait, trouble: lifecycle.NewTroubles(o.Log, "content")}
	c.live.Store(newSettings(o.Config, nil))
	if !o.Config.Store {
		c.local = &localStore{Store: o.Store, c: c}
		c.store = c.local
	}
	var err error
	if c.signing, err = signingKey(o.MasterKey); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	c.public = c.signing.Public().(ed25519.PublicKey) //nolint:forcetypeassert // by contract of crypto/ed25519
	if c.consumer, err = consume(c); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	c.hooks = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: noRedirect}
	c.memo = revision.NewMemo(memoBlobs)
	c.producer = newProducer(c)
	c.listener = postgres.NewListener(o.DB, o.Log, func(err error) { c.trouble.Record("listen", err) }, postgres.Subscription{
		Channel: c.channel(), Notify: c.heard, Resync: c.resync,
	})
	return c, nil
}

// Start keeps the contract of package lifecycle.
func (c *Content) Start(ctx context.Context) error { return c.base.Start(ctx, c.open) }

// Stop keeps the contract of package lifecycle. The role is given back, a sync under way is broken off: it can be repeated.
func (c *Content) Stop(ctx context.Context) error {
	return c.base.Stop(ctx, func(ctx context.Context) error {
		c.lifeMu.Lock()
		defer c.lifeMu.Unlock()
		c.running = false
		if !c.begun.Swap(false) {
			return nil
		}
		err := errors.Join(c.producer.stop(ctx), c.listener.Stop(ctx), c.consumer.stop(ctx))
		if c.local != nil {
			c.local.rest()
		}
		return err
	})
}

func (c *Content) open(ctx context.Context) error {
	if err := c.checkDatabase(ctx); err != nil {
		return err
	}
	c.lifeMu.Lock()
	defer c.lifeMu.Unlock()
	if len(c.cfg().Sources) > 0 {
		if err := c.begin(ctx); err != nil {
			return err
		}
	}
	c.running = true
	return nil
}

// begin starts all parts. Callers must hold lifeMu.
func (c *Content) begin(ctx context.Context) error {
	if err := c.consumer.start(ctx); err != nil {
		return fmt.Errorf("start content: %w", err)
	}
	if err := c.listener.Start(ctx); err != nil {
		return errors.Join(fmt.Errorf("start content: %w", err), c.consumer.stop(context.WithoutCancel(ctx)))
	}
	if err := c.producer.start(ctx); err != nil {
		end := context.WithoutCancel(ctx)
		return errors.Join(fmt.Errorf("start content: %w", err), c.listener.Stop(end), c.consumer.stop(end))
	}
	c.begun.Store(true)
	return nil
}

// checkDatabase refuses a database that was not migrated.
func (c *Content) checkDatabase(ctx context.Context) error {
	var migrated bool
	err := c.db.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", c.db.Schema()+".content_requests").Scan(&migrated)
	switch {
	case err != nil:
		return fmt.Errorf("start content: %w", err)
	case !migrated:
		return fault.New(fault.Config, "database_not_migrated", "schema %s lacks the tables of content", c.db.Schema())
	}
	return nil
}

// q puts the schema into the text of a statement, where it says {s}.
func (c *Content) q(text string) string { return strings.ReplaceAll(text, "{s}", c.db.Schema()) }

// channel is the name under which processes notify each other: one for the schema.
func (c *Content) channel() string {
	schema := strings.TrimSuffix(strings.TrimPrefix(c.db.Schema(), `"`), `"`)
	return strings.ReplaceAll(schema, `""`, `"`) + "_content"
}

// notify queues a notification that is sent when the transaction commits.
func (c *Content) notify(ctx context.Context, tx pgx.Tx, n notice) error {
	_, err := tx.Exec(ctx, "SELECT pg_notify($1, $2)", c.channel(), n.String())
	return err
}
