package files

import (
	"time"

	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// Config is the table [files].
type Config struct {
	// MasterKey encrypts the secrets of access keys in the database; the same on all machines; also master_key_file.
	// holdfast init generates it.
	MasterKey secret.String `toml:"master_key"`
	// PublicURL is the scheme and host that links begin with, as "https://files.example.com". Default: the edge's
	// first host, else the edge's address. A second host name that shares no cookies with the application is advised:
	// it need not stand in edge.hosts, and without that the application is not to be found there.
	PublicURL string `toml:"public_url"`
	// LinkTTL is the default life of a signed link. Default 1h.
	LinkTTL unit.Duration `toml:"link_ttl"`
	// LinkWindow is what expiry times are rounded up to, so that a page reloaded within it gets the same links.
	// Default 15m.
	LinkWindow unit.Duration `toml:"link_window"`
	// LinkMaxTTL is the longest life a link may be given. Default 7d.
	LinkMaxTTL unit.Duration `toml:"link_max_ttl"`
	// SessionCookie names the cookie that session-bound links are bound to. Default none: such links are refused.
	SessionCookie string `toml:"session_cookie"`
	// SQLSigners are the database roles that may call holdfast.sign_url. Default: database.username.
	SQLSigners []string `toml:"sql_signers"`
	// AbortUploadsAfter ends multipart uploads that were not completed. Default 24h.
	AbortUploadsAfter unit.Duration `toml:"abort_uploads_after"`
	// TrashKeep is how long the bytes of deleted objects are kept for restores. Default 14d; 0 deletes them at once.
	TrashKeep unit.Duration `toml:"trash_keep"`
	// MemoryCache bounds the small files (up to 64KiB each) that are kept in memory for links and public buckets.
	// Default 32MiB.
	MemoryCache unit.Bytes `toml:"memory_cache"`
	// Buckets are created at start and follow their settings here.
	Buckets map[string]BucketConfig `toml:"buckets"`
}

// BucketConfig is a table [files.buckets.NAME].
type BucketConfig struct {
	// Public lets anyone read (not list) the bucket's objects. Default false.
	Public bool `toml:"public"`
	// MaxSize of one object. Default 0: no limit but S3's 5TiB.
	MaxSize unit.Bytes `toml:"max_size"`
	// MaxObjects in the bucket. Default 0: no limit.
	MaxObjects int64 `toml:"max_objects"`
	// Types are the media types, found by looking at the content, that may be stored: "image/*", "application/pdf".
	// Default: any.
	Types []string `toml:"types"`
	// ExpireAfter is the default life of an object. Default 0: for ever.
	ExpireAfter unit.Duration `toml:"expire_after"`
	// Versions keeps replaced and deleted objects as versions. Default false.
	Versions bool `toml:"versions"`
	// KeepVersions bounds the versions kept for each key. Default 0: all.
	KeepVersions int `toml:"keep_versions"`
	// Inline are media types that are shown in the page besides the harmless ones, for buckets that only the application
	// writes to: "text/html". They are shown in a sandbox. Default none: they are saved.
	Inline []string `toml:"inline"`
	// Resources are origins from which such a page may load styles, fonts, pictures and scripts, as
	// "https://app.example.com". Default none.
	Resources []string `toml:"resources"`
	// Origins may read and upload from a browser on another origin, as "https://app.example.com".
	Origins []string `toml:"origins"`
}

// LongestLink is the longest time that a link can be honoured after it was made: its life rounded up to the window, and a
// minute for clocks that differ. Deaths of blobs must be remembered for as long.
func (c Config) LongestLink() time.Duration {
	return c.LinkMaxTTL.D() + c.LinkWindow.D() + time.Minute
}
