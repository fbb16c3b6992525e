package files

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/objects"
)

// Options are what Files is made of.
type Options struct {
	Config Config
	Index  Index
	Store  blob.Store
	// StoreKind is shown in the status: "disk", "s3", "memory".
	StoreKind string
	// Database, if not nil, is told at Start who may call sign_url; Schema is the schema of the index in it, unquoted.
	Database Database
	Schema   string
	// MediaURL is the path that public buckets and hf links are served under: the setting media.url. Default "/media/".
	MediaURL string
	// BaseURL gives scheme and host of links when files.public_url is not set; asked at each link, because the edge
	// knows its address only when it listens.
	BaseURL func() string
	// Frames are hosts of the application, whose pages may show files in frames though links lead to a host of their own. Without
	// any it is left to X-Frame-Options, which knows one host alone.
	Frames  []string
	Metrics prometheus.Registerer // may be nil
	Log     *slog.Logger
	Now     func() time.Time // default time.Now
}

// Files is the feature as a lifecycle.Service; see the package comment.
type Files struct {
	config   Config
	index    Index
	store    blob.Store
	kind     string
	db       Database
	schema   string
	mediaURL string
	base     func() string
	frames   string   // the end of every Content-Security-Policy
	safe     []string // the policy of files that nothing can be done with
	log      *slog.Logger
	now      func() time.Time

	life    lifecycle.Base
	keys    *keyring
	entries *entries
	opened  *opened
	links   tally
	uploads tally
}

// New builds the feature. It starts nothing.
func New(o Options) (*Files, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MediaURL == "" {
		o.MediaURL = "/media/"
	}
	if !strings.HasPrefix(o.MediaURL, "/") || !strings.HasSuffix(o.MediaURL, "/") {
		return nil, fmt.Errorf("media url %q does not begin and end with a slash", o.MediaURL)
	}
	entries, err := newEntries(o.Store, int64(o.Config.MemoryCache))
	if err != nil {
		return nil, err
	}
	f := &Files{
		config: o.Config, index: o.Index, store: o.Store, kind: o.StoreKind, db: o.Database, schema: o.Schema,
		mediaURL: o.MediaURL, base: o.BaseURL, log: o.Log, now: o.Now, keys: newKeyring(o.Index), entries: entries,
		opened: newOpened(), frames: framesOf(o.Frames),
	}
	f.safe = one(sandboxed + f.frames)
	if o.Metrics == nil {
		return f, nil
	}
	return f, errors.Join(
		f.links.register(o.Metrics, "holdfast_files_links_total", "Requests for files by browsers, by how they ended."),
		f.uploads.register(o.Metrics, "holdfast_files_uploads_total", "Uploads through slots, by how they ended."),
	)
}

// Start declares the buckets of the configuration and tells the database who may sign links.
func (f *Files) Start(ctx context.Context) error { return f.life.Start(ctx, f.open) }

// Stop closes the files that are kept open. Requests under way end with their listener, which is stopped before.
func (f *Files) Stop(ctx context.Context) error { return f.life.Stop(ctx, nil) }

func (f *Files) open(ctx context.Context) error {
	if err := f.index.Declare(ctx, f.config.declared()); err != nil {
		return fmt.Errorf("declare buckets: %w", err)
	}
	f.life.Go(f.sweepOpened)
	if f.db == nil {
		return nil
	}
	c := f.config
	_, err := f.db.Exec(ctx, "SELECT "+pgx.Identifier{f.schema, "configure_links"}.Sanitize()+"($1, $2, $3, $4, $5, $6)",
		f.baseURL(), seconds(c.LinkTTL.D()), seconds(c.LinkWindow.D()), seconds(c.LinkMaxTTL.D()),
		c.SessionCookie != "", orNone(c.SQLSigners))
	if err != nil {
		return withoutRole(fmt.Errorf("configure links in the database: %w", err))
	}
	return nil
}

// withoutRole says which setting is meant when the database does not know one of the roles that may sign.
func withoutRole(err error) error {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) || refused.Code != "42704" { // undefined_object
		return err
	}
	return fault.New(fault.Config, "sql_signers", "%w", err).WithHint("%s", refused.Hint)
}

// baseURL is scheme and host of absolute URLs, without a slash at the end.
func (f *Files) baseURL() string {
	base := f.config.PublicURL
	if base == "" && f.base != nil {
		base = f.base()
	}
	return strings.TrimSuffix(base, "/")
}

// declared turns the tables [files.buckets.NAME] into what the index is told.
func (c Config) declared() []objects.Bucket {
	var out []objects.Bucket
	for name, b := range c.Buckets {
		bucket := objects.Bucket{
			Name: name, Public: b.Public, MaxSize: int64(b.MaxSize), MaxObjects: b.MaxObjects, AllowedTypes: b.Types,
			ExpireAfter: b.ExpireAfter.D(), KeepVersions: b.KeepVersions, CORS: corsRules(b.Origins),
		}
		if b.Versions {
			bucket.Versioning = objects.VersioningEnabled
		}
		out = append(out, bucket)
	}
	return out
}

// corsRules let the origins read and upload. They are named, so that settings made through S3 can be told apart.
func corsRules(origins []string) []objects.CORSRule {
	if len(origins) == 0 {
		return nil
	}
	return []objects.CORSRule{{
		ID: objects.OriginsRule, AllowedOrigins: origins, AllowedMethods: []string{"GET", "HEAD", "PUT", "POST"},
		AllowedHeaders: []string{"*"}, ExposeHeaders: []string{"ETag"}, MaxAgeSeconds: 600,
	}}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

func orNone(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
