package objects

import (
	"context"
	"io"
	"time"

	"holdfast/internal/blob"
)

// Index is the set of all buckets, objects, uploads and keys. It is a lifecycle.Service: Start migrates nothing (that
// is postgres.Migrate's work), loads settings and the list of recent deaths, and begins to listen.
type Index struct{}

// --- objects ---

// Put writes one object: blob first, row second. When it returns nil the object is durable and visible everywhere.
func (x *Index) Put(ctx context.Context, p Put) (Object, error) { panic("body follows") }

// Head returns the row of an object or version. ErrNoSuchKey, ErrNoSuchBucket, ErrNoSuchVersion; for a delete marker
// the Object with Marker set and ErrNoSuchKey.
func (x *Index) Head(ctx context.Context, r Ref) (Object, error) { panic("body follows") }

// Open returns the bytes of an object that Head returned. If it was replaced and its blob died meanwhile: blob.ErrNotFound
// (the caller looks it up again).
func (x *Index) Open(ctx context.Context, o Object) (blob.Blob, error) { panic("body follows") }

// Delete deletes each of the refs and reports each result; the error is for the batch as a whole.
func (x *Index) Delete(ctx context.Context, refs []Ref, cond Condition) ([]Deleted, error) {
	panic("body follows")
}

// Copy makes a new object from src (server-side, nothing crosses the client). dst.Body is ignored; dst.Headers and
// dst.Tags are used as they are (the caller applies COPY or REPLACE).
func (x *Index) Copy(ctx context.Context, src Object, dst Put) (Object, error) {
	panic("body follows")
}

// List returns a page of current objects.
func (x *Index) List(ctx context.Context, q ListQuery) (Page, error) { panic("body follows") }

// ListVersions returns a page of all versions and markers, newest first within a key. afterGen 0 starts at the first
// version of keys after q.After; otherwise at versions of q.After older than afterGen. Page.Next and nextGen continue.
func (x *Index) ListVersions(ctx context.Context, q ListQuery, afterGen Generation) (page Page, nextGen Generation, err error) {
	panic("body follows")
}

// SetTags replaces the tags of an object; SetPublic its canned ACL. Neither makes a new version.
func (x *Index) SetTags(ctx context.Context, r Ref, tags map[string]string) error {
	panic("body follows")
}

func (x *Index) SetPublic(ctx context.Context, r Ref, public bool) error { panic("body follows") }

// --- multipart uploads ---

// Upload is a multipart upload in progress.
type Upload struct {
	ID          string // 32 hex digits
	Bucket, Key string
	Put         Put // headers, tags, public, expiry as announced; no body
	Algorithm   string
	Composite   bool
	Initiated   time.Time
	AccessKey   string
}

// Part is one stored part of an upload.
type Part struct {
	Number   int // 1 to 10000
	Size     int64
	ETag     string
	Checksum []byte // of Upload.Algorithm, nil if none
	Modified time.Time
	Blob     BlobID
}

// CompletePart is what the client lists when it completes an upload.
type CompletePart struct {
	Number   int
	ETag     string
	Checksum []byte
}

func (x *Index) CreateUpload(ctx context.Context, u Upload) (Upload, error) { panic("body follows") }
func (x *Index) GetUpload(ctx context.Context, bucket, key, id string) (Upload, error) {
	panic("body follows")
}

// PutPart stores one part; a part of the same number is replaced. The reader contract is that of Put.Body.
func (x *Index) PutPart(ctx context.Context, u Upload, number int, size int64, body io.Reader, sum func() (string, []byte)) (Part, error) {
	panic("body follows")
}

// CopyPart stores a range of an object as a part. length -1: to the end.
func (x *Index) CopyPart(ctx context.Context, u Upload, number int, src Object, offset, length int64) (Part, error) {
	panic("body follows")
}

// CompleteUpload joins the listed parts into the object and ends the upload. Completing the same upload again with the
// same parts returns the same object for as long as it is current (S3 clients retry).
func (x *Index) CompleteUpload(ctx context.Context, u Upload, parts []CompletePart, cond Condition, wholeSum []byte) (Object, error) {
	panic("body follows")
}
func (x *Index) AbortUpload(ctx context.Context, u Upload) error { panic("body follows") }

// ListParts returns parts with a number above after, at most limit, and whether there are more.
func (x *Index) ListParts(ctx context.Context, u Upload, after, limit int) ([]Part, bool, error) {
	panic("body follows")
}

// ListUploads lists uploads in progress by key, then id. Page fields as in List; uploads stand in place of objects.
func (x *Index) ListUploads(ctx context.Context, q ListQuery, afterID string) (uploads []Upload, prefixes []string, nextKey, nextID string, err error) {
	panic("body follows")
}

// --- buckets ---

// Bucket is a bucket and its policy. Zero limits mean none.
type Bucket struct {
	Name         string
	Created      time.Time
	Owner        string     // access key id or "config" or "cli"
	Public       bool       // anyone may GET and HEAD its objects (not list)
	Versioning   Versioning // off, enabled, suspended
	MaxSize      int64      // bytes per object
	MaxObjects   int64
	AllowedTypes []string      // sniffed media types, "image/*" allowed; empty: any
	ExpireAfter  time.Duration // default life of an object
	KeepVersions int           // noncurrent versions kept per key; 0: all
	CORS         []CORSRule
	Tags         map[string]string
	Declared     bool // written in the configuration; cannot be changed or deleted through the API
}

// Versioning is the state of a bucket's versions (S3 PutBucketVersioning).
type Versioning string

const (
	VersioningOff       Versioning = ""
	VersioningEnabled   Versioning = "Enabled"
	VersioningSuspended Versioning = "Suspended"
)

// CORSRule is one rule of PutBucketCors.
type CORSRule struct {
	ID             string   `json:"id,omitempty" xml:"ID,omitempty"`
	AllowedOrigins []string `json:"origins" xml:"AllowedOrigin"`
	AllowedMethods []string `json:"methods" xml:"AllowedMethod"`
	AllowedHeaders []string `json:"headers,omitempty" xml:"AllowedHeader"`
	ExposeHeaders  []string `json:"expose,omitempty" xml:"ExposeHeader"`
	MaxAgeSeconds  int      `json:"max_age,omitempty" xml:"MaxAgeSeconds,omitempty"`
}

func (x *Index) CreateBucket(ctx context.Context, b Bucket) error { panic("body follows") }

// Bucket answers from memory; another process's change is seen within a second.
func (x *Index) Bucket(ctx context.Context, name string) (Bucket, error) { panic("body follows") }
func (x *Index) Buckets(ctx context.Context) ([]Bucket, error)           { panic("body follows") }

// UpdateBucket changes a bucket under a row lock. change must not keep the pointer.
func (x *Index) UpdateBucket(ctx context.Context, name string, change func(*Bucket) error) (Bucket, error) {
	panic("body follows")
}

// DeleteBucket deletes an empty bucket: ErrBucketNotEmpty if it holds objects, versions or uploads.
func (x *Index) DeleteBucket(ctx context.Context, name string) error { panic("body follows") }

// Usage counts a bucket's current objects and their bytes.
func (x *Index) Usage(ctx context.Context, bucket string) (objects, bytes int64, err error) {
	panic("body follows")
}

// --- access keys (S3) ---

// AccessKey is an app's S3 credential. The secret is kept encrypted in PostgreSQL.
type AccessKey struct {
	ID       string // 20 characters, upper case and digits
	App      string
	Secret   Secret
	Policy   Policy
	Created  time.Time
	NotAfter time.Time // zero: until revoked; set on the old key when rotated with overlap
	Revoked  time.Time
	LastUsed time.Time // day precision, written at most once an hour
}

// Policy says what an access key may do: any one of its statements allows an action. No statement, no right.
type Policy struct {
	Statements []Statement `json:"statements"`
}

// Statement allows actions on keys that start with one of the prefixes in one of the buckets ("*" any).
type Statement struct {
	Buckets  []string `json:"buckets"`
	Prefixes []string `json:"prefixes,omitempty"` // empty: whole bucket
	Actions  []Action `json:"actions"`
}

// Action is a class of operations.
type Action string

const (
	ActionRead   Action = "read"   // GetObject, HeadObject, tags
	ActionList   Action = "list"   // listings, uploads, versions
	ActionWrite  Action = "write"  // PutObject, multipart, copy target, tags, ACL
	ActionDelete Action = "delete" // DeleteObject(s), versions, abort
	ActionAdmin  Action = "admin"  // create, delete and configure buckets
)

// Allows reports whether the policy allows action on bucket and key ("" for the bucket itself).
func (p Policy) Allows(a Action, bucket, key string) bool { panic("body follows") }

func (x *Index) CreateAccessKey(ctx context.Context, app string, p Policy, notAfter time.Time) (AccessKey, error) {
	panic("body follows")
}

// AccessKey answers from memory; a revoked, expired or unknown key is ErrNoSuchAccessKey within a second everywhere.
func (x *Index) AccessKey(ctx context.Context, id string) (AccessKey, error) { panic("body follows") }
func (x *Index) AccessKeys(ctx context.Context) ([]AccessKey, error)         { panic("body follows") }

// RotateAccessKey makes a new key with the same app and policy; the old one works for overlap longer.
func (x *Index) RotateAccessKey(ctx context.Context, id string, overlap time.Duration) (AccessKey, error) {
	panic("body follows")
}
func (x *Index) RevokeAccessKey(ctx context.Context, id string) error { panic("body follows") }

// --- link keys and deaths ---

// LinkKey signs and verifies browser links of one bucket. See package link.
type LinkKey struct {
	ID          string // 8 characters [a-z0-9]
	Bucket      string
	Secret      Secret
	Epoch       int64     // the bucket's epoch; part of the key derivation
	SignFrom    time.Time // newest key whose SignFrom has passed signs
	VerifyUntil time.Time // zero: no end
	Revoked     time.Time
}

// LinkKey answers from memory: ErrNoSuchLinkKey for unknown, revoked and ended keys.
func (x *Index) LinkKey(id string) (LinkKey, error) { panic("body follows") }
func (x *Index) SigningKey(ctx context.Context, bucket string) (LinkKey, error) {
	panic("body follows")
}
func (x *Index) LinkKeys(ctx context.Context, bucket string) ([]LinkKey, error) {
	panic("body follows")
}

// RotateLinkKey makes a new signing key; older ones verify for overlap longer.
func (x *Index) RotateLinkKey(ctx context.Context, bucket string, overlap time.Duration) (LinkKey, error) {
	panic("body follows")
}
func (x *Index) RevokeLinkKey(ctx context.Context, id string) error { panic("body follows") }

// RevokeLinks kills every link of the bucket by raising its epoch.
func (x *Index) RevokeLinks(ctx context.Context, bucket string) error { panic("body follows") }

// Dead reports, without a round trip, whether the blob is known to have lost its name.
func (x *Index) Dead(id BlobID) bool { panic("body follows") }

// --- upload slots ---

// Slot is the right to upload one object once.
type Slot struct {
	ID          string
	Bucket, Key string
	MaxSize     int64
	Type        string // media type that the sniffed content must have; "" any; "image/*" allowed
	Expires     time.Time
}

func (x *Index) CreateSlot(ctx context.Context, s Slot) (Slot, error) { panic("body follows") }
func (x *Index) Slot(ctx context.Context, id string) (Slot, error)    { panic("body follows") }

// PutSlot writes the object and consumes the slot in the same transaction, so a failed upload may be tried again.
func (x *Index) PutSlot(ctx context.Context, id string, p Put) (Object, error) { panic("body follows") }

// Start and Stop keep the contract of package lifecycle.
func (x *Index) Start(ctx context.Context) error { panic("body follows") }
func (x *Index) Stop(ctx context.Context) error  { panic("body follows") }
