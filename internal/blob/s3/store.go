package s3

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// attempts of one request by the client, with pauses of at most 0.2, 0.4 and 0.8 seconds. Wrappers repeat whole
// operations, so there are few.
const attempts = 3

// Store is a blob.Store in a bucket. It is safe for concurrent use.
type Store struct {
	client   *minio.Client
	core     minio.Core
	bucket   string
	prefix   string
	part     int64 // bytes that one request sends at most
	copyPart int64 // bytes that one request copies at most
	timeout  time.Duration
	cfg      Config
	buffers  *buffers
	// unconditional is set when the service refused a conditional write as something that it does not know.
	unconditional atomic.Bool
}

var _ blob.Store = (*Store)(nil)

// New returns a store for the configured bucket. Nothing is asked of the service yet.
func New(cfg Config) (*Store, error) {
	t, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	return newStore(cfg, t)
}

func newStore(cfg Config, connections http.RoundTripper) (*Store, error) {
	u, err := url.Parse(strings.TrimRight(cfg.EndpointURL, "/"))
	if err != nil {
		return nil, fault.New(fault.Config, "s3_endpoint", "storage.s3.endpoint_url: %w", err)
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.AccessKeyID.Reveal(), cfg.SecretKey.Reveal(), ""),
		Secure:       u.Scheme == "https",
		Transport:    &patient{next: connections, silent: cfg.Timeout.D()},
		Region:       cfg.Region,
		BucketLookup: lookup(cfg.Addressing),
		MaxRetries:   attempts,
	})
	if err != nil {
		return nil, fault.New(fault.Config, "s3_client", "S3 client for %s: %w", cfg.EndpointURL, err)
	}
	return &Store{
		client: client, core: minio.Core{Client: client},
		bucket: cfg.BucketName, prefix: cfg.Prefix, part: int64(cfg.PartSize), copyPart: copyPart, timeout: cfg.Timeout.D(), cfg: cfg,
		buffers: newBuffers(int64(cfg.PartSize), bufferMemory),
	}, nil
}

func lookup(addressing string) minio.BucketLookupType {
	switch addressing {
	case "virtual":
		return minio.BucketLookupDNS
	case "auto":
		return minio.BucketLookupAuto
	}
	return minio.BucketLookupPath
}

// do runs one call to the service, which may be made again, and explains what went wrong with it.
func (s *Store) do(ctx context.Context, op string, name blob.Name, w wait, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return s.explain(op, name, err)
	}
	bounded, end := w.begin(ctx)
	defer end()
	err := f(bounded)
	for pause := firstPause; isPassing(err) && pause <= longestPause; pause *= 2 {
		select {
		case <-time.After(pause/2 + rand.N(pause)):
			err = f(bounded)
		case <-bounded.Done():
		}
	}
	return s.explain(op, name, because(bounded, err))
}

// Pauses before a call is made again that met a passing state of the service: six, of 10 to 320 milliseconds.
const (
	firstPause   = 10 * time.Millisecond
	longestPause = 320 * time.Millisecond
)

// isPassing reports an error of services that keep objects as files: they remove a directory when its last object goes,
// and an object that comes at the same moment finds it half gone.
func isPassing(err error) bool {
	var r minio.ErrorResponse
	return errors.As(err, &r) && r.Code == "ExistingObjectIsDirectory"
}

// because returns silence in place of the errors that it made.
func because(ctx context.Context, err error) error {
	if cause, ok := context.Cause(ctx).(silence); ok && err != nil { //nolint:errorlint // it is set bare
		return cause
	}
	return err
}

func (s *Store) key(n blob.Name) string { return s.prefix + string(n) }

// newTag returns 16 random hex digits. They are no secret.
func newTag() string { return fmt.Sprintf("%016x", rand.Uint64()) }
