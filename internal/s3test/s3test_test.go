package s3test_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"testing"

	"holdfast/internal/s3test"
)

func TestTheDirectoryOfADeadProcessIsRemoved(t *testing.T) {
	t.Parallel()
	const dead = 1 << 30 // above the largest pid that Linux gives (2^22)
	dir := fmt.Sprintf("/tmp/hfs3-%d-test", dead)
	for range 100 { // another test process may sweep at the very moment
		err := os.MkdirAll(dir+"/data", 0o700)
		if err == nil {
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	s3test.Versitygw(t)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

// An anonymous listing of buckets is answered, or refused, by S3 and not by the proxy.
func TestServersAnswer(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *s3test.Server{
		"versitygw": s3test.Versitygw, "Ceph RGW": s3test.CephRGW,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := start(t)
			r, err := http.Get(server.URL + "/") //nolint:noctx // a test with a server of its own
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			if r.StatusCode >= 500 || r.Header.Get("Content-Type") != "application/xml" {
				t.Errorf("answer %d, %s", r.StatusCode, r.Header.Get("Content-Type"))
			}
		})
	}
}
