package files

import (
	"time"

	"holdfast/internal/control"
	"holdfast/internal/objects"
	"holdfast/internal/unit"
)

// The requests and answers of the API, one struct each. The routes are in http.go. A request that names a time span
// takes text ("90s", "7d"); sizes are bytes; times are RFC 3339.

// ObjectRef names an object.
type ObjectRef struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
}

// ObjectInfo describes an object.
type ObjectInfo struct {
	Bucket    string            `json:"bucket"`
	Key       string            `json:"key"`
	Size      int64             `json:"size"`
	ETag      string            `json:"etag"`
	Type      string            `json:"type,omitempty"`    // as the writer declared it
	Sniffed   string            `json:"sniffed,omitempty"` // as the content looks
	Blob      string            `json:"blob"`              // what links are bound to
	MD5       string            `json:"md5,omitempty"`     // hex, as SHA256; "" when not known: see docs/formats.md, sidecar
	SHA256    string            `json:"sha256,omitempty"`
	Created   time.Time         `json:"created"`
	ExpiresAt *time.Time        `json:"expires_at,omitempty"`
	Metadata  map[string]string `json:"metadata,omitempty"`
	Tags      map[string]string `json:"tags,omitempty"`
}

// ListObjectsRequest asks for a page of a bucket in byte order of keys.
type ListObjectsRequest struct {
	Bucket    string `json:"bucket"`
	Prefix    string `json:"prefix,omitempty"`
	Delimiter string `json:"delimiter,omitempty"`
	After     string `json:"after,omitempty"`
	Limit     int    `json:"limit,omitempty"` // 1 to 1000; 0: 1000
}

// ListObjectsAnswer is a page. Next is the value for After of the next one, "" at the end.
type ListObjectsAnswer struct {
	Objects  []ObjectInfo `json:"objects"`
	Prefixes []string     `json:"prefixes,omitempty"`
	Next     string       `json:"next,omitempty"`
}

// DeleteObjectsRequest deletes up to 1000 keys.
type DeleteObjectsRequest struct {
	Bucket string   `json:"bucket"`
	Keys   []string `json:"keys"`
}

// DeleteObjectsAnswer says for each key what was done. Deleting what is not there is not an error.
type DeleteObjectsAnswer struct {
	Deleted []DeletedObject `json:"deleted"`
}

// DeletedObject is the result for one key.
type DeletedObject struct {
	Key   string `json:"key"`
	Found bool   `json:"found"`
	Error string `json:"error,omitempty"`
	Code  string `json:"code,omitempty"`
}

// BucketInfo describes a bucket and its policy. Zero limits mean none.
type BucketInfo struct {
	Name         string        `json:"name"`
	Created      time.Time     `json:"created"`
	Owner        string        `json:"owner,omitempty"`
	Declared     bool          `json:"declared"` // written in the configuration, changed there only
	Public       bool          `json:"public"`
	Versioning   string        `json:"versioning,omitempty"` // "", "Enabled", "Suspended"
	MaxSize      int64         `json:"max_size"`
	MaxObjects   int64         `json:"max_objects"`
	Types        []string      `json:"types,omitempty"`
	ExpireAfter  unit.Duration `json:"expire_after"`
	KeepVersions int           `json:"keep_versions"`
	Origins      []string      `json:"origins,omitempty"`
	Inline       []string      `json:"inline,omitempty"`    // types shown as pages; from the configuration alone
	Resources    []string      `json:"resources,omitempty"` // origins that such pages load from
	Usage        *BucketUsage  `json:"usage,omitempty"`     // in answers about one bucket
}

// BucketUsage counts current objects and their bytes.
type BucketUsage struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// BucketRef names a bucket.
type BucketRef struct {
	Name string `json:"name"`
}

// BucketSettings are what can be changed; an absent field leaves the setting alone.
type BucketSettings struct {
	Public       *bool          `json:"public,omitempty"`
	Versioning   *string        `json:"versioning,omitempty"`
	MaxSize      *int64         `json:"max_size,omitempty"`
	MaxObjects   *int64         `json:"max_objects,omitempty"`
	Types        *[]string      `json:"types,omitempty"`
	ExpireAfter  *unit.Duration `json:"expire_after,omitempty"`
	KeepVersions *int           `json:"keep_versions,omitempty"`
	Origins      *[]string      `json:"origins,omitempty"`
}

// CreateBucketRequest makes a bucket, private unless said otherwise; UpdateBucketRequest changes one.
type CreateBucketRequest struct {
	Name string `json:"name"`
	BucketSettings
}

type UpdateBucketRequest struct {
	Name string `json:"name"`
	BucketSettings
}

// ListBucketsAnswer holds all buckets by name.
type ListBucketsAnswer struct {
	Buckets []BucketInfo `json:"buckets"`
}

// SignLinkRequest asks for a link to what the key holds now.
type SignLinkRequest struct {
	Bucket     string        `json:"bucket"`
	Key        string        `json:"key"`
	TTL        unit.Duration `json:"ttl,omitempty"`        // 0: files.link_ttl
	Attachment bool          `json:"attachment,omitempty"` // saved, never shown
	Name       string        `json:"name,omitempty"`       // download name; "": last segment of the key
	Type       string        `json:"type,omitempty"`       // served instead of the stored type
	Shared     bool          `json:"shared,omitempty"`     // a CDN may keep the answer
	Session    string        `json:"session,omitempty"`    // value of the session cookie to bind to
}

// SignLinkAnswer is the link. URL is absolute, Path what it is without scheme and host.
type SignLinkAnswer struct {
	URL     string    `json:"url"`
	Path    string    `json:"path"`
	Query   string    `json:"query"` // the same proof for "<media url><bucket>/<key>?hf=…"
	Expires time.Time `json:"expires"`
	Blob    string    `json:"blob"`
}

// CreateSlotRequest asks for the right to upload one object once.
type CreateSlotRequest struct {
	Bucket  string        `json:"bucket"`
	Key     string        `json:"key"`
	TTL     unit.Duration `json:"ttl,omitempty"`      // 0: files.link_ttl
	MaxSize int64         `json:"max_size,omitempty"` // bytes; 0: what the bucket allows
	Type    string        `json:"type,omitempty"`     // "image/*" allowed
	Session string        `json:"session,omitempty"`
}

// CreateSlotAnswer is the URL to PUT to, or to POST a form with the field "file" to.
type CreateSlotAnswer struct {
	URL     string    `json:"url"`
	Path    string    `json:"path"`
	Slot    string    `json:"slot"`
	Expires time.Time `json:"expires"`
}

// UploadAnswer is what a browser is told after an upload through a slot.
type UploadAnswer struct {
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	ETag   string `json:"etag"`
	Size   int64  `json:"size"`
	Type   string `json:"type"`
	Blob   string `json:"blob"`
}

// AccessKeyInfo describes an app's S3 credential. Secret is told once, when the key is made.
type AccessKeyInfo struct {
	ID       string         `json:"id"`
	App      string         `json:"app"`
	Secret   string         `json:"secret,omitempty"`
	Policy   objects.Policy `json:"policy"`
	Created  time.Time      `json:"created"`
	NotAfter *time.Time     `json:"not_after,omitempty"`
	Revoked  *time.Time     `json:"revoked,omitempty"`
	LastUsed *time.Time     `json:"last_used,omitempty"`
}

// CreateAccessKeyRequest makes a key. TTL 0 means until it is revoked.
type CreateAccessKeyRequest struct {
	App    string         `json:"app"`
	Policy objects.Policy `json:"policy"`
	TTL    unit.Duration  `json:"ttl,omitempty"`
}

// AccessKeyRef names an access key.
type AccessKeyRef struct {
	ID string `json:"id"`
}

// RotateAccessKeyRequest makes a key for the same app; the old one works for Overlap longer.
type RotateAccessKeyRequest struct {
	ID      string        `json:"id"`
	Overlap unit.Duration `json:"overlap"`
}

// ListAccessKeysAnswer holds all access keys, without secrets.
type ListAccessKeysAnswer struct {
	Keys []AccessKeyInfo `json:"keys"`
}

// LinkKeyInfo describes a key that signs links. Text is what a signing helper needs, told only when asked for.
type LinkKeyInfo struct {
	ID          string     `json:"id"`
	Bucket      string     `json:"bucket"`
	Epoch       int64      `json:"epoch"`
	Signs       bool       `json:"signs"` // the one that new links are made with
	SignFrom    time.Time  `json:"sign_from"`
	VerifyUntil *time.Time `json:"verify_until,omitempty"`
	Revoked     *time.Time `json:"revoked,omitempty"`
	Text        string     `json:"text,omitempty"` // <kid>:<bucket>:<epoch>:<secret>
}

// ListLinkKeysRequest asks for the link keys of a bucket.
type ListLinkKeysRequest struct {
	Bucket string `json:"bucket"`
}

// ListLinkKeysAnswer holds them, newest first.
type ListLinkKeysAnswer struct {
	Keys []LinkKeyInfo `json:"keys"`
}

// RevealLinkKeyRequest asks for the signing key of a bucket with its secret, for a helper in the app.
type RevealLinkKeyRequest struct {
	Bucket string `json:"bucket"`
}

// RotateLinkKeyRequest makes a new signing key; older ones verify for Overlap longer (not given: files.link_max_ttl,
// so that no link dies early; 0: not at all).
type RotateLinkKeyRequest struct {
	Bucket  string         `json:"bucket"`
	Overlap *unit.Duration `json:"overlap,omitempty"`
}

// RevokeLinkKeyRequest ends a key: its links die at once.
type RevokeLinkKeyRequest struct {
	ID string `json:"id"`
}

// RevokeLinksRequest kills every link of the bucket.
type RevokeLinksRequest struct {
	Bucket string `json:"bucket"`
}

// ExportRequest writes a bucket under its plain names into a directory of the server.
type ExportRequest struct {
	Bucket    string `json:"bucket"`
	Prefix    string `json:"prefix,omitempty"`
	Directory string `json:"directory"`      // absolute; made when missing, must be empty unless Resume
	Copy      bool   `json:"copy,omitempty"` // never link
	Resume    bool   `json:"resume,omitempty"`
}

// ExportEvent is a line of the answer to an ExportRequest. The last one has Done or Error.
type ExportEvent struct {
	Objects int64  `json:"objects"` // so far
	Bytes   int64  `json:"bytes"`
	Linked  int64  `json:"linked"`
	Copied  int64  `json:"copied"`
	Kept    int64  `json:"kept"`              // there already with the same content (resume)
	Skipped string `json:"skipped,omitempty"` // a key that cannot be a file name here, and why
	Reason  string `json:"reason,omitempty"`
	Done    bool   `json:"done,omitempty"`
	Error   string `json:"error,omitempty"`
	Kind    string `json:"kind,omitempty"` // of the error, as in every other error answer
	Code    string `json:"code,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// StatusAnswer is how the feature is.
type StatusAnswer struct {
	Store   string           `json:"store"` // "disk", "s3", "memory"
	Healthy bool             `json:"healthy"`
	Problem string           `json:"problem,omitempty"`
	Buckets []BucketInfo     `json:"buckets,omitempty"`
	Links   map[string]int64 `json:"links"` // answers since the start, by outcome
	Uploads map[string]int64 `json:"uploads"`
	Memory  int64            `json:"memory"` // bytes of small files kept in memory
}

// Empty is a request or answer that says nothing.
type Empty = control.Empty
