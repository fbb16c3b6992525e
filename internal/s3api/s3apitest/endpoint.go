package s3apitest

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/s3api"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Options are what a test wants to be different.
type Options struct {
	Store       blob.Store            // default: Disk
	Config      func(*s3api.Config)   // changes the defaults
	Index       func(*objects.Config) // changes the defaults
	Log         *slog.Logger          // default: the test's output
	Meter       s3api.Meter
	Connections int                 // of the pool; default 8
	Patience    time.Duration       // with PostgreSQL, where a test asks more of it than the machine can do at once
	Prepare     func(*s3api.Server) // before it starts
	Server      *pgtest.PG          // default: the one of the test binary
}

// Endpoint is a running endpoint with an access key that may do everything.
type Endpoint struct {
	URL    string
	Key    objects.AccessKey
	Region string
	Index  *objects.Index
	Server *s3api.Server
	Store  blob.Store
	DB     *pgtest.DB

	options Options
	master  secret.String
}

// Start starts an endpoint that ends with the test.
func Start(t testing.TB, o Options) *Endpoint {
	t.Helper()
	if o.Store == nil {
		o.Store = Disk(t)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	e := &Endpoint{Store: o.Store, DB: database(t, o.Server), options: o, master: secret.Generate(32)}
	e.start(t)
	e.Key = e.NewKey(t, Everything())
	return e
}

// Twin starts another endpoint on the same database and store, as a second machine would.
func (e *Endpoint) Twin(t testing.TB) *Endpoint {
	t.Helper()
	twin := *e
	twin.start(t)
	return &twin
}

func (e *Endpoint) start(t testing.TB) {
	t.Helper()
	o := e.options
	e.Index = e.startIndex(t)
	cfg := s3api.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	if o.Config != nil {
		o.Config(&cfg)
	}
	e.Region = cfg.Region
	e.Server = s3api.New(cfg, e.Index, o.Log, o.Meter)
	if o.Prepare != nil {
		o.Prepare(e.Server)
	}
	run(t, "endpoint", e.Server)
	e.URL = e.Server.URL()
}

// Everything is the policy of an administrator.
func Everything() objects.Policy {
	return objects.Policy{Statements: []objects.Statement{{
		Buckets: []string{"*"},
		Actions: []objects.Action{objects.ActionRead, objects.ActionList, objects.ActionWrite, objects.ActionDelete, objects.ActionAdmin},
	}}}
}

// NewKey makes an access key.
func (e *Endpoint) NewKey(t testing.TB, p objects.Policy) objects.AccessKey {
	t.Helper()
	k, err := e.Index.CreateAccessKey(t.Context(), "test", p, time.Time{})
	if err != nil {
		t.Fatalf("create access key: %v", err)
	}
	return k
}

// database returns a fresh database that holds the tables of the index.
func database(t testing.TB, server *pgtest.PG) *pgtest.DB {
	t.Helper()
	if server == nil {
		server = pgtest.Server(t)
	}
	return server.Template(t, "s3api", func(ctx context.Context, url string) error {
		c, err := settings(url)
		if err != nil {
			return err
		}
		db, err := postgres.Connect(ctx, c)
		if err != nil {
			return err
		}
		defer db.Close()
		files, err := fs.Sub(objects.Migrations, "migrations")
		if err != nil {
			return fmt.Errorf("open migrations: %w", err)
		}
		return db.Migrate(ctx, "objects", files)
	})
}

// settings are the settings of the index for a database of pgtest.
func settings(url string) (postgres.Config, error) {
	c := postgres.DefaultConfig()
	pc, err := pgx.ParseConfig(url)
	if err != nil {
		return c, fmt.Errorf("read %q: %w", url, err)
	}
	c.Host, c.Port, c.Name, c.Username = pc.Host, int(pc.Port), pc.Database, pc.User
	return c, nil
}

func (e *Endpoint) startIndex(t testing.TB) *objects.Index {
	t.Helper()
	o := e.options
	c, err := settings(e.DB.URL())
	if err != nil {
		t.Fatal(err)
	}
	if o.Connections > 0 {
		c.MaxConnections = o.Connections
	}
	if o.Patience > 0 {
		c.Options.Pool.Timeout, c.ConnectTimeout = unit.Duration(o.Patience), unit.Duration(o.Patience)
	}
	db, err := postgres.Connect(t.Context(), c)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(db.Close)
	cfg := objects.Config{Poll: 50 * time.Millisecond, Timeout: o.Patience}
	if o.Index != nil {
		o.Index(&cfg)
	}
	x := objects.New(objects.Options{Config: cfg, DB: db, Blobs: o.Store, MasterKey: e.master, Log: o.Log})
	run(t, "index", x)
	return x
}

type service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

func run(t testing.TB, name string, s service) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
	})
}
