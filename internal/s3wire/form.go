package s3wire

import (
	"io"
	"net/http"
	"time"

	"holdfast/internal/secret"
)

// Form is an upload form (POST Object) read up to its file.
type Form struct {
	FileName    string // of the file part, without directories
	ContentType string // of the file part
}

// ReadForm reads the fields of an upload form up to the file. The file itself is not read; fields behind it are
// ignored, as S3 does. Limits: 20 KB of fields, 1000 of them.
func ReadForm(r *http.Request) (*Form, error) { panic("body follows") }

// Get returns the value of a field, name in any case; "" if it is not there.
func (f *Form) Get(name string) string { panic("body follows") }

// Has reports whether the field was sent.
func (f *Form) Has(name string) bool { panic("body follows") }

// Key returns the field key with ${filename} filled in.
func (f *Form) Key() string { panic("body follows") }

// Header returns the fields that stand for headers of a PutObject (Content-Type, Cache-Control, x-amz-meta-*,
// x-amz-checksum-*, x-amz-tagging …) as a header set.
func (f *Form) Header() http.Header { panic("body follows") }

// Body returns the file. The limits of policy (may be nil) become EntityTooSmall and EntityTooLarge while it is read.
func (f *Form) Body(p *Policy, o BodyOptions) (*Body, error) { panic("body follows") }

// ParseForm reads the claim of a form: Anonymous when it has neither policy nor signature.
func (v *Verifier) ParseForm(f *Form) (Auth, error) { panic("body follows") }

// VerifyForm checks the policy's signature.
func (v *Verifier) VerifyForm(f *Form, a *Auth, key secret.String) error { panic("body follows") }

// Policy is a POST policy: what the fields of a form may be.
type Policy struct {
	Expiration       time.Time
	MinSize, MaxSize int64 // content-length-range; MaxSize -1: no limit said
}

// Policy decodes the form's policy field. InvalidPolicyDocument when it makes no sense.
func (f *Form) Policy() (*Policy, error) { panic("body follows") }

// Check refuses a form that the policy does not allow, or one that comes too late. bucket is the bucket addressed.
func (p *Policy) Check(f *Form, bucket string, now time.Time) error { panic("body follows") }

// PolicyBuilder writes policy documents: the client's side.
type PolicyBuilder struct {
	Expiration time.Time
	Bucket     string
	Key        string            // exact key; or
	KeyPrefix  string            // what the key starts with
	Equal      map[string]string // further fields with their exact value
	StartsWith map[string]string // further fields with what their value starts with
	MinSize    int64
	MaxSize    int64 // 0: no size condition
}

// SignPolicy writes the document with the signer's own fields allowed, and signs it.
func (s *Signer) SignPolicy(b PolicyBuilder) (map[string]string, error) { panic("body follows") }

var _ io.Reader = (*Body)(nil)
