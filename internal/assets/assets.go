package assets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/blob"
	"holdfast/internal/lifecycle"
	"holdfast/internal/postgres"
)

// Options are what Assets is made of.
type Options struct {
	Config Config // complete: paths are absolute
	// Origins may use what browsers guard, besides those of the configuration.
	Origins []string
	// DB and Store are what nodes share; the table's migrations have run. Without DB nothing can be published.
	DB    *postgres.DB
	Store blob.Store
	// Share puts what is built here on the shelf, for the other nodes.
	Share   bool
	Metrics prometheus.Registerer // may be nil
	Log     *slog.Logger
	// Report hears how builds and the exchange with other nodes go: by the name of the work, with nil when it went well.
	// May be nil.
	Report func(work string, err error)
}

// The names of the work that Report hears of.
const (
	WorkBuild = "build"
	WorkShare = "share"
)

const (
	// syncEvery is how often other nodes' changes are looked for without having been told, in case a notification was lost.
	syncEvery = 5 * time.Second
	// watchEvery is how often static.root is looked at in development, and the index for builds by command.
	watchEvery = 500 * time.Millisecond
	// choresEvery is the pause between two renewals of what is shared, and two searches for what expired.
	choresEvery = time.Hour
	// shareTimeout bounds the first sharing at start: it goes on in the background.
	shareTimeout = time.Minute
	// syncGap is the least pause between two questions to the database, so that requests for names that do not exist cost
	// forty questions a second at most.
	syncGap = 25 * time.Millisecond
	// missTimeout bounds how long a request for an unknown name waits for the database.
	missTimeout = 2 * time.Second
)

// Assets is the feature as a lifecycle.Service. It is ready when the set is built and loaded.
type Assets struct {
	tuned   atomic.Pointer[tuned]
	log     *slog.Logger
	report  func(string, error)
	shelf   *shelf // nil without a database
	sharing bool
	life    lifecycle.Base
	meters  *meters
	told    chan struct{} // holds one notification
	set     atomic.Pointer[set]

	loading gate // held while a new set is made; protects the following
	index   *index
	stamp   os.FileInfo // of the index's file when it was read
	others  []fetched
	version int64 // of the shelf; -1 before the first look

	asked   atomic.Int64 // when the shelf was last looked at; nanoseconds since 1970
	missing gate         // held by a request that looks on behalf of all that wait

	building sync.Mutex // held during a build of this process
	outcome  atomic.Pointer[outcome]
}

// New returns the feature, not started.
func New(o Options) (*Assets, error) {
	if o.Report == nil {
		o.Report = func(string, error) {}
	}
	a := &Assets{
		log: o.Log, report: o.Report, sharing: o.Share && o.DB != nil,
		told: make(chan struct{}, 1), version: -1, index: newIndex(), loading: newGate(), missing: newGate(),
	}
	a.tuned.Store(newTuned(o.Config, o.Origins, o.Log))
	a.set.Store(loadSet(o.Config, a.tuned.Load().cors, a.index, nil, nil))
	a.meters = newMeters(a)
	if o.DB != nil {
		a.shelf = &shelf{db: o.DB, store: o.Store, output: o.Config.Output, keep: o.Config.Keep.D(), log: o.Log}
	}
	if o.Metrics == nil {
		return a, nil
	}
	return a, a.meters.register(o.Metrics)
}

// Start builds the set if the configuration says so, loads it, and begins to follow other nodes.
func (a *Assets) Start(ctx context.Context) error { return a.life.Start(ctx, a.open) }

// Stop ends what goes on in the background.
func (a *Assets) Stop(ctx context.Context) error { return a.life.Stop(ctx, nil) }

func (a *Assets) open(ctx context.Context) error {
	if err := a.makeDirs(); err != nil {
		return err
	}
	if a.config().Build != BuildManual {
		if err := a.firstBuild(ctx); err != nil {
			return err
		}
	}
	if err := a.reload(ctx); err != nil {
		return err
	}
	if damaged := a.set.Load().damaged; len(damaged) > 0 && a.config().Build != BuildManual {
		if _, err := a.Build(ctx); err != nil {
			a.log.ErrorContext(ctx, "damaged assets cannot be repaired", "error", err)
		}
	}
	if a.shelf != nil {
		if err := a.openShelf(ctx); err != nil {
			return err
		}
	}
	a.life.Go(a.watch)
	return nil
}

// makeDirs makes the directory that assets of other nodes wait in, empty.
func (a *Assets) makeDirs() error {
	dir := fetchDir(a.config().Output)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return ownOutput(a.config().Output, dir)
}

// firstBuild builds at start. A build that fails is no reason not to serve what was built before.
func (a *Assets) firstBuild(ctx context.Context) error {
	_, err := a.build(ctx)
	if err == nil || ctx.Err() != nil {
		return err
	}
	x, readErr := readIndex(a.config().Output)
	if readErr != nil || len(x.Names) == 0 {
		return err
	}
	a.log.ErrorContext(ctx, "assets cannot be built; those of the last build are served", "error", err)
	return nil
}

// build runs one build of this process and remembers how it went.
func (a *Assets) build(ctx context.Context) (Report, error) {
	a.building.Lock()
	defer a.building.Unlock()
	report, err := a.buildWith(ctx, a.tuned.Load().builder)
	a.note(ctx, report, err)
	return report, err
}

// buildWith runs one build. Callers must hold building.
func (a *Assets) buildWith(ctx context.Context, b *Builder) (Report, error) {
	b.distrust = map[string]bool{}
	for _, name := range a.set.Load().damaged {
		b.distrust[name] = true
	}
	return b.Build(ctx)
}

// note remembers how a build went.
func (a *Assets) note(ctx context.Context, report Report, err error) {
	a.outcome.Store(&outcome{report, err, time.Now()})
	a.meters.built(report, err)
	if ctx.Err() == nil {
		a.report(WorkBuild, err)
	}
	if err == nil && (len(report.Written) > 0 || report.Removed > 0) {
		a.log.InfoContext(ctx, "assets built", "assets", report.Assets, "new", len(report.Written), "removed", report.Removed,
			"notes", len(report.Notes), "took", report.Took.Round(time.Millisecond).String())
	}
}

// Load reads the set that is there, without building, database or store: enough for look-ups by a command.
func (a *Assets) Load(ctx context.Context) error {
	if err := a.loading.lock(ctx); err != nil {
		return err
	}
	a.others = readFetched(a.config().Output)
	a.loading.unlock()
	return a.reload(ctx)
}

// Build brings the set up to date, serves it, and lets other nodes serve it.
func (a *Assets) Build(ctx context.Context) (Report, error) {
	report, err := a.build(ctx)
	if err != nil {
		return report, err
	}
	if err := a.reload(ctx); err != nil {
		return report, err
	}
	return report, a.share(ctx)
}

// reload serves what the index says now.
func (a *Assets) reload(ctx context.Context) error {
	if err := a.loading.lock(ctx); err != nil {
		return err
	}
	defer a.loading.unlock()
	info, err := os.Stat(indexPath(a.config().Output))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("load assets: %w", err)
	}
	x, err := readIndex(a.config().Output)
	if err != nil {
		return err
	}
	a.index, a.stamp = x, info
	a.swap(ctx)
	return nil
}

// swap serves what index and others say. Callers must hold loading.
func (a *Assets) swap(ctx context.Context) {
	t := a.tuned.Load()
	s := loadSet(t.config, t.cors, a.index, a.others, a.set.Load())
	a.set.Store(s)
	for _, name := range s.damaged {
		a.log.ErrorContext(ctx, "an asset is damaged and not served; build again", "name", name)
	}
}

// share puts the present release on the shelf, if that is wanted. A failure is reported and tried again.
func (a *Assets) share(ctx context.Context) error {
	if !a.sharing {
		return nil
	}
	if err := a.loading.lock(ctx); err != nil {
		return err
	}
	x := a.index
	a.loading.unlock()
	err := a.shelf.share(ctx, x)
	if ctx.Err() == nil {
		a.report(WorkShare, err)
	}
	if err != nil {
		return fmt.Errorf("share assets with other nodes: %w", err)
	}
	return nil
}

// Routes returns what browsers reach, to be mounted on the edge: patterns of http.ServeMux.
func (a *Assets) Routes() map[string]http.Handler {
	return map[string]http.Handler{a.config().URL: a}
}
