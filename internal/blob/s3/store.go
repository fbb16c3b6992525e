package s3

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// retries of one request by the client, with back-off: 4 attempts take about 2 seconds.
const retries = 4

// maxBuffers bounds the uploads that need a whole part of memory at once.
const maxBuffers = 8

// Store is a blob.Store in a bucket. It is safe for concurrent use.
type Store struct {
	client  *minio.Client
	core    minio.Core
	bucket  string
	prefix  string
	part    int64
	cfg     Config
	buffers sync.Pool     // of *[]byte, each of part bytes
	large   chan struct{} // holds one token for each buffer in use
}

var _ blob.Store = (*Store)(nil)

// New returns a store for the configured bucket. Nothing is asked of the service yet.
func New(cfg Config) (*Store, error) {
	u, err := url.Parse(strings.TrimRight(cfg.EndpointURL, "/"))
	if err != nil {
		return nil, fault.New(fault.Config, "s3_endpoint", "endpoint_url: %w", err)
	}
	transport, err := newTransport(cfg)
	if err != nil {
		return nil, err
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(cfg.AccessKeyID.Reveal(), cfg.SecretKey.Reveal(), ""),
		Secure:       u.Scheme == "https",
		Transport:    transport,
		Region:       cfg.Region,
		BucketLookup: lookup(cfg.Addressing),
		MaxRetries:   retries,
	})
	if err != nil {
		return nil, fault.New(fault.Config, "s3_client", "S3 client for %s: %w", cfg.EndpointURL, err)
	}
	s := &Store{
		client: client, core: minio.Core{Client: client},
		bucket: cfg.BucketName, prefix: cfg.Prefix, part: int64(cfg.PartSize), cfg: cfg,
		large: make(chan struct{}, maxBuffers),
	}
	s.buffers.New = func() any { b := make([]byte, s.part); return &b }
	return s, nil
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

func newTransport(cfg Config) (http.RoundTripper, error) {
	t, err := minio.DefaultTransport(strings.HasPrefix(cfg.EndpointURL, "https:"))
	if err != nil {
		return nil, fmt.Errorf("S3 transport: %w", err)
	}
	t.ResponseHeaderTimeout = cfg.Timeout.D()
	t.DisableCompression = true
	if cfg.CAFile == "" {
		return t, nil
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, fault.New(fault.Config, "s3_ca", "ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Config, "s3_ca", "ca_file %s: no certificate in it", cfg.CAFile).
			WithHint("the file must hold certificates in PEM form")
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// EnsureBucket checks that the bucket exists, and makes it when create is set.
func (s *Store) EnsureBucket(ctx context.Context, create bool) error {
	ok, err := s.client.BucketExists(ctx, s.bucket)
	if err != nil {
		return s.explain("look for the bucket", "", err)
	}
	if ok {
		return nil
	}
	if !create {
		return s.noBucket()
	}
	err = s.client.MakeBucket(ctx, s.bucket, minio.MakeBucketOptions{Region: s.cfg.Region})
	var r minio.ErrorResponse
	if errors.As(err, &r) && r.Code == "BucketAlreadyOwnedByYou" {
		return nil
	}
	if err != nil {
		return s.explain("create the bucket", "", err)
	}
	return nil
}

// Check writes and deletes a small object.
func (s *Store) Check(ctx context.Context) error {
	const name = ".check"
	_, err := s.core.PutObject(ctx, s.bucket, s.prefix+name, strings.NewReader("ok"), 2, "", "",
		minio.PutObjectOptions{DisableMultipart: true})
	if err != nil {
		return s.explain("write to the bucket", name, err)
	}
	if err := s.client.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{}); err != nil {
		return s.explain("delete from the bucket", name, err)
	}
	return nil
}

func (s *Store) key(n blob.Name) string { return s.prefix + string(n) }

// companion returns the key of the object that holds a sidecar too large for user metadata. Its tag is random, and
// stands in the metadata of the blob that it belongs to: writers that race for a name do not share a companion.
func (s *Store) companion(n blob.Name, tag string) string {
	i := strings.LastIndexByte(string(n), '/') + 1
	return s.prefix + string(n[:i]) + "." + string(n[i:]) + "." + tag + ".meta"
}

// newTag returns 8 random hex digits.
func newTag() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails: it ends the process instead
	return hex.EncodeToString(b[:])
}
