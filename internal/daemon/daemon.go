package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"holdfast/internal/admin"
	"holdfast/internal/assets"
	"holdfast/internal/audit"
	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/readcache"
	"holdfast/internal/cacheserver"
	"holdfast/internal/config"
	"holdfast/internal/content"
	"holdfast/internal/edge"
	"holdfast/internal/files"
	"holdfast/internal/handover"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/logging"
	"holdfast/internal/metrics"
	"holdfast/internal/node"
	"holdfast/internal/objects"
	"holdfast/internal/pgauth"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/s3api"
)

const (
	// Drain is how long requests under way may take to finish when the daemon stops.
	Drain = 30 * time.Second
	// settle is how long the parts behind them may take then, a PostgreSQL of our own last.
	settle = 30 * time.Second
)

// logLines is how many lines of the log "holdfast logs" can look back.
const logLines = 5000

// Options are what a Daemon is made of.
type Options struct {
	Config  *config.Config
	Version string
	Log     io.Writer                      // where the log goes besides "holdfast logs"
	Demo    bool                           // show the demo's page on the edge
	Load    func() (*config.Config, error) // reads the configuration again, for Reload; may be nil
	// TakeOver makes the daemon take the listeners of the one that uses the same state directory, which goes on with the clients of
	// its pooler until they have left.
	TakeOver bool
}

// Daemon is the whole process as a lifecycle.Service. It is ready when every part is.
type Daemon struct {
	base lifecycle.Base
	opts Options
	cfg  *config.Config
	log  *slog.Logger
	logs *admin.LogBuffer

	health  *health.Registry
	metrics *metrics.Registry
	meters  *meters
	quit    chan struct{} // holds one order to stop

	loops loops // set by open

	listeners *handover.Listeners
	offer     *handover.Offer     // of the process before, until this one is ready; else nil
	given     chan *handover.Heir // holds the successor that has committed
	leave     func()              // makes those leave who linger; set by linger
	again     int                 // how often this process has started again because a successor failed

	// Set by the steps, in their order.
	database postgres.Config // what leads to the database, complete
	db       *postgres.DB
	pooler   *pooler.Pooler // nil when it is switched off
	login    *pgauth.Authenticator
	audit    *audit.Writer                 // nil when it is switched off
	reloaded atomic.Pointer[config.Config] // the last one that Reload read; nil before
	store    blob.Store
	uncached blob.Store       // the same without the read cache: content has its own, and a scrub must see what is stored
	bare     blob.Store       // the same without what is stacked on it: a check is told what is wrong, at once
	disk     *disk.Store      // nil when the files are in S3
	cache    *readcache.Cache // nil when the files are on disk
	index    *objects.Index
	files    *files.Files
	content  *content.Content // nil when it is switched off
	assets   *assets.Assets   // nil when static.root is not set
	s3       *s3api.Server
	redis    *cacheserver.Server // nil when it is switched off
	node     *node.Node
	edge     *edge.Edge
	admin    *admin.Admin

	doors   []running // where visitors and applications come in
	running []running // all else, in the order of their start

	reloading sync.Mutex // held while a configuration is read and taken over
}

// running is a part that has to be stopped.
type running struct {
	name string
	stop func(context.Context) error
}

// New returns a daemon of which nothing runs.
func New(o Options) *Daemon {
	logs, registry := admin.NewLogBuffer(logLines), metrics.New(o.Version)
	return &Daemon{
		opts: o, cfg: o.Config, logs: logs,
		log:    logging.New(o.Config.Log, logging.Tee(o.Log, logs)),
		health: health.New(), metrics: registry, meters: newMeters(registry),
		quit: make(chan struct{}, 1), given: make(chan *handover.Heir, 1), listeners: &handover.Listeners{},
	}
}

// Run starts the daemon, tells ready, and stops it when the context ends or somebody asks for it.
func (d *Daemon) Run(ctx context.Context, ready func(*Daemon)) error {
	if err := d.Start(ctx); err != nil {
		return err
	}
	return d.attend(ctx, ready)
}

// attend is Run once the daemon is started.
func (d *Daemon) attend(ctx context.Context, ready func(*Daemon)) error {
	notify(d.log, systemd.SdNotifyReady)
	ready(d)
	select {
	case <-ctx.Done():
	case <-d.quit:
	case heir := <-d.given:
		return d.linger(ctx, heir, ready)
	}
	notify(d.log, systemd.SdNotifyStopping)
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cfg.Admin.StopNotice.D()+Drain)
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { d.dismiss(limited) })
	defer others.Wait()
	return d.Stop(limited)
}

// Start starts every part.
func (d *Daemon) Start(ctx context.Context) error { return d.base.Start(ctx, d.open) }

// Stop stops every part, the last one first.
func (d *Daemon) Stop(ctx context.Context) error { return d.base.Stop(ctx, d.unwind) }

// Shutdown asks Run to stop the daemon and returns at once.
func (d *Daemon) Shutdown() {
	select {
	case d.quit <- struct{}{}:
	default:
	}
}

func (d *Daemon) open(ctx context.Context) error {
	d.log.InfoContext(ctx, "starting", "version", d.opts.Version, "config", d.cfg.Path())
	d.loops = newLoops(d.cfg.Database.Pooling)
	if d.opts.TakeOver {
		if err := d.takeOver(ctx); err != nil {
			return err
		}
	}
	ctx = handover.With(ctx, d.listeners)
	for _, step := range []struct {
		name  string
		start func(context.Context) error
	}{
		{"state", d.openState},
		{"left-overs", d.sweepLeftOvers},
		{"database", d.openDatabase},
		{"role limits", func(ctx context.Context) error { return d.limitRoles(ctx, d.cfg) }},
		{"pooler", d.startPooler},
		{"direct connections", d.watchDirect},
		{"store", d.openStore},
		{"index", d.startIndex},
		{"files", d.startFiles},
		{"assets", d.startAssets},
		{"content", d.startContent},
		{"s3", d.startS3},
		{"cache", d.startCache},
		{"node", d.makeNode},
		{"edge", d.startEdge},
		{"admin", d.startAdmin},
		{"nodes", d.startNode},
		{"successors", d.awaitSuccessor},
	} {
		if err := step.start(ctx); err != nil {
			return errors.Join(fmt.Errorf("start %s: %w", step.name, err), d.unwind(context.WithoutCancel(ctx)))
		}
	}
	d.log.InfoContext(ctx, "ready", "postgres", d.PoolerAddr(), "edge", d.edge.URL(), "s3", d.s3.URL(), "admin", d.admin.URL())
	return nil
}

// run starts a service and remembers to stop it.
func (d *Daemon) run(ctx context.Context, name string, s lifecycle.Service) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	d.onStop(name, s.Stop)
	return nil
}

// runDoor starts a listener, one of those that are closed first.
func (d *Daemon) runDoor(ctx context.Context, name string, s lifecycle.Service) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	d.doors = append(d.doors, running{name, s.Stop})
	return nil
}

// onStop remembers what has to be done at the end.
func (d *Daemon) onStop(name string, stop func(context.Context) error) {
	d.running = append(d.running, running{name, stop})
}

// unwind stops what runs. First load balancers are given notice, then the doors are closed, all at once, and requests under way may finish until the context
// ends; meanwhile the admin listener says that this process is not ready any more. Then the rest, the last one first: a
// part gets half of what is left of the time, so that those below it get some, too.
func (d *Daemon) unwind(ctx context.Context) error {
	d.log.InfoContext(ctx, "stopping")
	d.health.Set(stopping(), "no new requests are taken, those under way may finish")
	if d.node != nil {
		d.node.Changed()
	}
	d.giveNotice(ctx)
	if !d.listeners.Given() { // else linger does it
		d.listeners.Release()
	}
	all := []error{d.closeDoors(ctx, Drain)}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	for i := len(d.running) - 1; i >= 0; i-- {
		part, cancel := halfOf(ctx)
		if err := d.running[i].stop(part); err != nil {
			all = append(all, fmt.Errorf("stop %s: %w", d.running[i].name, err))
		}
		cancel()
	}
	d.running = nil
	all = append(all, d.abandon())
	d.health.Clear(stopping())
	d.log.InfoContext(ctx, "stopped")
	return errors.Join(all...)
}

// probeLife is within what time somebody must have asked /readyz twice to be taken for one who goes on asking.
const probeLife = 2 * time.Minute

// giveNotice goes on taking requests for a while, during which /readyz says that this process stops: a load balancer that asks sends its
// requests elsewhere by the time the doors are closed. Where nobody asks there is nobody to wait for.
func (d *Daemon) giveNotice(ctx context.Context) {
	notice := d.cfg.Admin.StopNotice.D()
	if notice == 0 || d.admin == nil || time.Since(d.admin.Probed()) > probeLife {
		return
	}
	d.log.InfoContext(ctx, "load balancers are given notice", "for", notice.String())
	select {
	case <-time.After(notice):
	case <-ctx.Done():
	}
}

func stopping() health.Condition {
	return health.Condition{Code: "stopping", Title: "Holdfast is stopping", Severity: health.Error}
}

// closeDoors stops the listeners. Requests that are not over in time are cut, which is told and is no failure: a visitor
// whose line is slow must not make the end of a process one in disorder.
func (d *Daemon) closeDoors(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit) // a start that failed has no end of its own
	defer cancel()
	var all sync.WaitGroup
	errs := make([]error, len(d.doors))
	for i, door := range d.doors {
		all.Go(func() {
			err := door.stop(ctx)
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				d.log.WarnContext(ctx, "requests cut", "listener", door.name, "after", limit.String())
			case err != nil:
				errs[i] = fmt.Errorf("stop %s: %w", door.name, err)
			}
		})
	}
	all.Wait()
	d.doors = nil
	return errors.Join(errs...)
}

func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithTimeout(ctx, settle)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/2)
}

// EdgeURL returns the root of what visitors see, once the daemon runs.
func (d *Daemon) EdgeURL() string { return d.edge.URL() }

// S3URL returns the root of the S3 endpoint, once the daemon runs.
func (d *Daemon) S3URL() string { return d.s3.URL() }
