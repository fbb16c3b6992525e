package s3_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/s3"
	"holdfast/internal/secret"
	"holdfast/internal/unit"
)

// The suite on a service of the reader's own, as docs/stores.md describes:
//
//	HOLDFAST_TEST_S3='https://KEY:SECRET@s3.example.com/bucket?region=eu-1&addressing=virtual&ca_file=/etc/ca.pem'
//
// Without the variable there is nothing to run.
func TestStoreOnANamedService(t *testing.T) {
	text := os.Getenv("HOLDFAST_TEST_S3")
	if text == "" {
		return
	}
	c, err := named(text)
	if err != nil {
		t.Fatalf("HOLDFAST_TEST_S3: %v", err)
	}
	run := time.Now().UnixNano()
	var n atomic.Int64
	blobtest.Run(t, func(t *testing.T) blob.Store {
		c := c
		c.Prefix = fmt.Sprintf("holdfast-test-%d/%d/", run, n.Add(1))
		store := open(t, c)
		t.Cleanup(func() { empty(t, store) })
		return store
	})
}

func named(text string) (s3.Config, error) {
	c := s3.DefaultConfig()
	u, err := url.Parse(text)
	if err != nil {
		return c, err
	}
	key, _ := u.User.Password()
	q := u.Query()
	c.Enabled, c.EndpointURL, c.BucketName = true, u.Scheme+"://"+u.Host, u.Path[min(1, len(u.Path)):]
	c.AccessKeyID, c.SecretKey = secret.New(u.User.Username()), secret.New(key)
	c.CAFile, c.PartSize, c.Timeout = q.Get("ca_file"), 5<<20, unit.Duration(30*time.Second)
	if q.Has("region") {
		c.Region = q.Get("region")
	}
	if q.Has("addressing") {
		c.Addressing = q.Get("addressing")
	}
	return c, c.Validate().Err()
}

// empty removes what a test left, as far as it can.
func empty(t *testing.T, store *s3.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := store.List(ctx, "", "", func(i blob.Info) bool { return store.Delete(ctx, i.Name) == nil })
	if err == nil {
		_, err = store.Sweep(ctx, everything)
	}
	if err != nil {
		t.Logf("clean up: %v", err)
	}
}
