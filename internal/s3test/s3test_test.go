package s3test_test

import (
	"net/http"
	"testing"

	"holdfast/internal/s3test"
)

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
