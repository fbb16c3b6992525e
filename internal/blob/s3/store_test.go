package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/s3"
	"holdfast/internal/fault"
	"holdfast/internal/s3test"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

func config(server *s3test.Server, bucket string) s3.Config {
	c := s3.DefaultConfig()
	c.Enabled = true
	c.EndpointURL = server.URL
	c.BucketName = bucket
	c.AccessKeyID = secret.New(server.AccessKey)
	c.SecretKey = secret.New(server.SecretKey)
	c.Region = server.Region
	c.PartSize = 5 << 20
	c.Timeout = unit.Duration(10 * time.Second)
	return c
}

func open(t *testing.T, c s3.Config) *s3.Store {
	t.Helper()
	store, err := s3.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.EnsureBucket(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	return store
}

// S0-37, S1-31: the same conformance suite as the disk, against independent S3 servers.
func TestStoreKeepsTheContractOnVersitygw(t *testing.T) { runSuite(t, s3test.Versitygw(t)) }

func TestStoreKeepsTheContractOnCephRGW(t *testing.T) { runSuite(t, s3test.CephRGW(t)) }

func runSuite(t *testing.T, server *s3test.Server) {
	t.Helper()
	var n atomic.Int64
	blobtest.Run(t, func(t *testing.T) blob.Store {
		c := config(server, "suite")
		c.Prefix = fmt.Sprintf("run%d/", n.Add(1))
		return open(t, c)
	})
}

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	for _, c := range []struct {
		name   string
		change func(*s3.Config)
		code   string
		hint   string
	}{
		{"wrong secret", func(c *s3.Config) { c.SecretKey = secret.New("wrong") }, "s3_denied", "secret_key"},
		{"nobody there", func(c *s3.Config) { c.EndpointURL = "http://127.0.0.1:1" }, "store_unavailable", "endpoint_url"},
		{"no bucket", func(c *s3.Config) { c.BucketName = "missing" }, "s3_no_bucket", "check --create"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(server, "bucket")
			c.change(&cfg)
			store, err := s3.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			err = store.EnsureBucket(t.Context(), false)
			if fault.CodeOf(err) != c.code || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("got %v (code %s, hint %q)", err, fault.CodeOf(err), fault.HintOf(err))
			}
			if strings.Contains(err.Error()+fault.HintOf(err), server.SecretKey) {
				t.Error("the error shows the secret")
			}
		})
	}
}

func TestAnUploadThatIsCutLeavesNothing(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "cut"))
	var seen atomic.Int64
	server.Inject(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2" {
			seen.Add(1)
			return s3test.Cut(w, r)
		}
		return false
	})
	_, err := store.Put(t.Context(), "blobs/00/cut", bytes.NewReader(make([]byte, 12<<20)), blob.PutOptions{Size: 12 << 20})
	if !errors.Is(err, blob.ErrUnavailable) || seen.Load() == 0 {
		t.Fatalf("got %v after %d cuts", err, seen.Load())
	}
	server.Inject(nil)
	if _, err := store.Stat(t.Context(), "blobs/00/cut"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a half blob is there: %v", err)
	}
}

func TestAServiceUnderRepairIsUnavailableAndComesBack(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "repair"))
	server.Inject(s3test.Unavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := store.Stat(ctx, "blobs/00/a"); !errors.Is(err, blob.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	server.Inject(nil)
	if err := store.Check(t.Context()); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

// A service that does not know conditional writes must not lose a blob, so a taken name is seen before anything is sent.
func TestATakenNameIsSeenBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	server := s3test.Versitygw(t)
	store := open(t, config(server, "plain"))
	var puts atomic.Int64
	server.Inject(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut {
			puts.Add(1)
		}
		return false
	})
	for i, want := range []error{nil, blob.ErrExists, blob.ErrExists} {
		_, err := store.Put(t.Context(), "blobs/00/one", strings.NewReader("text"), blob.PutOptions{Size: 4})
		if !errors.Is(err, want) {
			t.Errorf("put %d: got %v, want %v", i, err, want)
		}
	}
	if n := puts.Load(); n != 1 {
		t.Errorf("%d writes were sent, want 1", n)
	}
}
