package s3api_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/internal/s3api"
	"holdfast/internal/s3api/s3apitest"
)

// failure is an error in an atomic.Pointer.
type failure struct{ err error }

// slowJoin is a store that takes its time to join blobs, and may fail.
type slowJoin struct {
	blob.Store
	pause time.Duration
	fail  atomic.Pointer[failure]
}

func (s *slowJoin) Compose(ctx context.Context, name blob.Name, parts []blob.Name, opts blob.PutOptions) (blob.Info, error) {
	<-time.After(s.pause)
	if f := s.fail.Load(); f != nil && f.err != nil {
		return blob.Info{}, f.err
	}
	return s.Store.Compose(ctx, name, parts, opts)
}

func keepAliveOften(s *s3api.Server) { s3api.SetKeepAlive(s, 50*time.Millisecond) }

// broken is a store that fails as it is told.
type broken struct {
	blob.Store
	fail atomic.Pointer[failure]
}

func (s *broken) Put(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	if f := s.fail.Load(); f != nil && f.err != nil {
		return blob.Info{}, f.err
	}
	return s.Store.Put(ctx, name, body, opts)
}

func (s *broken) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	if f := s.fail.Load(); f != nil && f.err != nil {
		return nil, f.err
	}
	return s.Store.Open(ctx, name)
}

// Disk full, store down: a clear answer that clients understand, and nothing stored.
func TestAStoreThatFailsIsAnsweredByItsCode(t *testing.T) {
	t.Parallel()
	store := &broken{Store: s3apitest.Memory()}
	e := s3apitest.Start(t, s3apitest.Options{Store: store})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustPut("/bkt/k", "before")
	store.fail.Store(&failure{blob.ErrFull})
	c.do("PUT", "/bkt/full", "x").want(t, 507, "InsufficientStorage")
	store.fail.Store(&failure{blob.ErrUnavailable})
	c.do("PUT", "/bkt/down", "x").want(t, 503, "ServiceUnavailable")
	if a := c.do("GET", "/bkt/k", ""); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("read: %d %v", a.status, a.header)
	}
	store.fail.Store(&failure{blob.ErrBusy}) // S0-12: no turn came in time
	c.do("PUT", "/bkt/busy", "x").want(t, 503, "SlowDown")
	c.do("HEAD", "/bkt/k", "").want(t, 200, "")
	store.fail.Store(nil)
	if a := c.do("GET", "/bkt/k", ""); a.body != "before" {
		t.Errorf("after the outage: %d %q", a.status, a.body)
	}
	c.holds("bkt", "k")
}

// PostgreSQL down: 503 at once, and all is as before when it is back.
func TestADatabaseThatIsDownIsAnsweredWith503(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t)
	e := s3apitest.Start(t, s3apitest.Options{Server: server})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustPut("/bkt/k", "kept")
	server.Stop(t)
	for _, try := range []func() answer{
		func() answer { return c.do("GET", "/bkt/k", "") },
		func() answer { return c.do("PUT", "/bkt/new", "x") },
		func() answer { return c.do("GET", "/bkt?list-type=2", "") },
		func() answer { return c.do("DELETE", "/bkt/k", "") },
	} {
		began := time.Now()
		try().want(t, http.StatusServiceUnavailable, "ServiceUnavailable")
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("the answer took %s", took)
		}
	}
	server.Start(t)
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		if a := c.do("GET", "/bkt/k", ""); a.body != "kept" {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	c.holds("bkt", "k")
}

// A blob that is shorter than its row says is never taken for the whole.
func TestAResponseThatBreaksOffIsNotTakenForTheWhole(t *testing.T) {
	t.Parallel()
	store := &truncating{Store: s3apitest.Memory()}
	e := s3apitest.Start(t, s3apitest.Options{Store: store})
	c := newClient(t, e)
	c.mustBucket("bkt")
	c.mustPut("/bkt/small", pattern(1000))
	c.mustPut("/bkt/large", pattern(1<<20))
	store.cut.Store(true)
	c.do("GET", "/bkt/small", "").want(t, 500, "InternalError")
	r := c.request("GET", "/bkt/large", "")
	if _, err := c.signer().SignHeader(r, ""); err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return // cut off before the header is as good
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); err == nil {
		t.Errorf("%d bytes of %d came without an error", n, 1<<20)
	}
}

// truncating is a store whose blobs end too early.
type truncating struct {
	blob.Store
	cut atomic.Bool
}

func (s *truncating) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	b, err := s.Store.Open(ctx, name)
	if err != nil || !s.cut.Load() {
		return b, err
	}
	return shortBlob{b, strings.NewReader(pattern(10))}, nil
}

type shortBlob struct {
	blob.Blob
	r *strings.Reader
}

func (b shortBlob) Read(p []byte) (int, error)                   { return b.r.Read(p) }
func (b shortBlob) Seek(offset int64, whence int) (int64, error) { return b.r.Seek(offset, whence) }
