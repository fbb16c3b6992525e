package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/admin"
	"holdfast/internal/assets"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/s3"
	"holdfast/internal/cacheserver"
	"holdfast/internal/content"
	"holdfast/internal/edge"
	"holdfast/internal/fault"
	"holdfast/internal/files"
	"holdfast/internal/logging"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/s3api"
)

// Config is the whole configuration, complete: every default is filled in and every path is absolute.
type Config struct {
	// Paths are the directories that Holdfast writes to, besides media.root. Everything else may be mounted read-only.
	Paths Paths `toml:"paths"`
	// Log says what is written to standard error, and how.
	Log logging.Config `toml:"log"`
	// Database is the application's PostgreSQL server: someone else's (attached) or Holdfast's own (private).
	Database Database `toml:"database"`
	// Static are the application's own assets: stylesheets, scripts, pictures of the design.
	Static assets.Config `toml:"static"`
	// Media is the store of uploaded files on disk, the default store.
	Media disk.Config `toml:"media"`
	// Storage chooses another store for the files than the disk.
	Storage Storage `toml:"storage"`
	// S3 is the endpoint that the application speaks S3 to; where its files are kept is [storage.s3] or [media].
	S3 s3api.Config `toml:"s3"`
	// Files are the rules for stored files: links, buckets, cleaning up.
	Files files.Config `toml:"files"`
	// Content brings directories from git, such as courses, to this machine and every other one.
	Content content.Config `toml:"content"`
	// Cache is the endpoint that frameworks speak Redis to, over memory of this process or a server of your own.
	Cache cacheserver.Config `toml:"cache"`
	// Edge is the HTTP front for visitors.
	Edge edge.Config `toml:"edge"`
	// Admin is the status page, the metrics and the API of administrators.
	Admin admin.Config `toml:"admin"`

	path        string
	origins     map[string]Origin
	secretFiles map[string]string // absolute path by the key of the secret
	notes       fault.Problems
}

// Database is the table [database]: the server, and the pooler in front of it.
type Database struct {
	postgres.Config
	Pooling pooler.Config `toml:",inline"`
}

// Paths is the table [paths]: the directories that Holdfast writes to.
type Paths struct {
	// State holds what must not be lost: the control socket, a private server's data, keys. Default
	// "/var/lib/holdfast".
	State string `toml:"state"`
	// Cache holds copies that can be fetched again. It may be lost at any time; it must be a local file system.
	// Default: "cache" below the state directory.
	Cache string `toml:"cache"`
	// Backup holds backups. Default: "backup" below the state directory; another disk is advised.
	Backup string `toml:"backup"`
}

// Storage is the table [storage].
type Storage struct {
	// S3 is an S3 service that keeps the files in place of the disk.
	S3 s3.Config `toml:"s3"`
}

// Default returns the configuration of an empty file, before defaults that depend on other settings.
func Default() Config {
	return Config{
		Paths:    Paths{State: "/var/lib/holdfast"},
		Log:      logging.DefaultConfig(),
		Database: Database{postgres.DefaultConfig(), pooler.DefaultConfig()},
		Static:   assets.DefaultConfig(),
		Media:    disk.DefaultConfig(),
		Storage:  Storage{S3: s3.DefaultConfig()},
		S3:       s3api.DefaultConfig(),
		Files:    files.DefaultConfig(),
		Content:  content.DefaultConfig(),
		Cache:    cacheserver.DefaultConfig(),
		Edge:     edge.DefaultConfig(),
		Admin:    admin.DefaultConfig(),
	}
}

// Path returns the file or directory that was loaded, or None.
func (c *Config) Path() string { return c.path }

// Origin returns where the value of a key came from; the zero value for a default. A secret that was read from a file
// has the origin of its twin, whose path is the key's with "_file".
func (c *Config) Origin(key string) Origin { return c.origins[key] }

// Notes returns remarks about settings that work but deserve a thought. They keep nothing from starting.
func (c *Config) Notes() fault.Problems { return c.notes }

// Socket returns the path of the control socket.
func (c *Config) Socket() string { return filepath.Join(c.Paths.State, "holdfast.sock") }

// complete fills in the defaults that depend on other settings, and makes paths absolute to the configuration's
// directory.
func (c *Config) complete(dir string) {
	for _, p := range c.pathSettings() {
		*p.value = resolve(dir, *p.value)
	}
	for name, r := range c.Database.Pooling.Routes {
		r.SSLRootCert, r.SSLCert, r.SSLKey = resolve(dir, r.SSLRootCert), resolve(dir, r.SSLCert), resolve(dir, r.SSLKey)
		c.Database.Pooling.Routes[name] = r
	}
	for name, s := range c.Content.Sources {
		c.Content.Sources[name] = s.Resolve(dir)
	}
	fallback(&c.Paths.Cache, filepath.Join(c.Paths.State, "cache"))
	fallback(&c.Paths.Backup, filepath.Join(c.Paths.State, "backup"))
	fallback(&c.Media.Root, filepath.Join(c.Paths.State, "media"))
	fallback(&c.Static.Output, filepath.Join(c.Paths.State, "assets"))
	fallback(&c.Content.Socket, filepath.Join(c.Paths.State, "content.sock"))
	fallback(&c.Cache.Socket, filepath.Join(c.Paths.State, "cache.sock"))
	fallback(&c.Database.Pooling.Audit.File, filepath.Join(c.Paths.State, "audit.jsonl"))
	if c.Database.Mode == "" {
		c.Database.Mode = "private"
		if c.Database.Host != "" {
			c.Database.Mode = "attached"
		}
	}
	if c.Database.Mode == "private" {
		fallback(&c.Database.Name, "app")
		fallback(&c.Database.Username, "app")
	}
	c.Database.Options.Pool = c.Database.Options.Pool.Complete()
	if len(c.Files.SQLSigners) == 0 && c.Database.Username != "" {
		c.Files.SQLSigners = []string{c.Database.Username}
	}
	fallback(&c.Files.PublicURL, c.siteURL())
	if u, err := url.Parse(c.Files.PublicURL); err == nil && !slices.Contains(c.Edge.Hosts, strings.ToLower(u.Hostname())) {
		c.Edge.FilesHost = strings.ToLower(u.Hostname())
	}
}

// siteURL is where visitors reach the edge: its first host, else its address; "" when the address has no port yet. A
// host is taken to be reached by TLS, if not here then at the proxy in front.
func (c *Config) siteURL() string {
	switch {
	case len(c.Edge.Hosts) > 0:
		return "https://" + c.Edge.Hosts[0]
	case isSocket(c.Edge.Listen) || strings.HasSuffix(c.Edge.Listen, ":0"):
		return ""
	case c.Edge.HasTLS():
		return "https://" + c.Edge.Listen
	}
	return "http://" + c.Edge.Listen
}

func fallback(value *string, text string) {
	if *value == "" {
		*value = text
	}
}

// pathSetting is a setting that names a file or directory.
type pathSetting struct {
	key   string
	value *string
}

// pathSettings lists the settings that name a file or directory of this machine. Secrets by file are resolved when
// they are read.
func (c *Config) pathSettings() []pathSetting {
	all := []pathSetting{
		{"paths.state", &c.Paths.State},
		{"paths.cache", &c.Paths.Cache},
		{"paths.backup", &c.Paths.Backup},
		{"static.root", &c.Static.Root},
		{"static.output", &c.Static.Output},
		{"media.root", &c.Media.Root},
		{"database.sslrootcert", &c.Database.SSLRootCert},
		{"database.sslcert", &c.Database.SSLCert},
		{"database.sslkey", &c.Database.SSLKey},
		{"database.private.bin", &c.Database.Private.Bin},
		{"storage.s3.ca_file", &c.Storage.S3.CAFile},
		{"s3.tls_cert", &c.S3.TLSCert},
		{"s3.tls_key", &c.S3.TLSKey},
		{"edge.tls_cert", &c.Edge.TLSCert},
		{"edge.tls_key", &c.Edge.TLSKey},
		{"edge.acme.ca_file", &c.Edge.ACME.CAFile},
		{"admin.tls_cert", &c.Admin.TLSCert},
		{"admin.tls_key", &c.Admin.TLSKey},
		{"content.socket", &c.Content.Socket},
		{"cache.socket", &c.Cache.Socket},
		{"cache.tls_cert", &c.Cache.TLSCert},
		{"cache.tls_key", &c.Cache.TLSKey},
		{"cache.redis_ca_file", &c.Cache.RedisCAFile},
		{"database.audit.file", &c.Database.Pooling.Audit.File},
		{"database.auth.file", &c.Database.Pooling.Auth.File},
		{"database.auth.ldap.ca_file", &c.Database.Pooling.Auth.LDAP.CAFile},
	}
	if c.Edge.AccessLog != "stdout" {
		all = append(all, pathSetting{"edge.access_log", &c.Edge.AccessLog})
	}
	for i := range c.Edge.Certificates {
		x, key := &c.Edge.Certificates[i], "edge.certificates["+strconv.Itoa(i)+"]."
		all = append(all, pathSetting{key + "cert", &x.Cert}, pathSetting{key + "key", &x.Key})
	}
	for i := range c.Database.Pooling.Endpoints {
		e, key := &c.Database.Pooling.Endpoints[i], "database.endpoints["+strconv.Itoa(i)+"]."
		all = append(all,
			pathSetting{key + "tls_cert", &e.TLSCert}, pathSetting{key + "tls_key", &e.TLSKey},
			pathSetting{key + "tls_client_ca", &e.TLSClientCA})
	}
	return all
}
