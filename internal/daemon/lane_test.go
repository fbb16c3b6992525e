package daemon_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
)

// fetch sends one GET with further lines on a connection of its own.
func fetch(t *testing.T, host, path, lines string) (*http.Response, string) {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: %s\r\nX-Request-Id: one-and-the-same\r\n%s\r\n", path, host, lines)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Del("Date")
	r.Header.Del("Cache-Control") // counts seconds
	return r, string(b)
}

// A link is the same whoever answers: the lane, or net/http, to which the field TE sends a request.
func TestLinksAreServedByTheLane(t *testing.T) {
	t.Parallel()
	d := start(t, nil, "HOLDFAST_FILES__BUCKETS__PAPERS__MAX_SIZE=1GB")
	client, host := clientOf(t, d), strings.TrimPrefix(d.EdgeURL(), "http://")
	for name, size := range map[string]int{"small": 4000, "large": 1 << 20} {
		data := bytes.Repeat([]byte("z"), size)
		if _, err := client.PutObject(t.Context(), "papers", name, bytes.NewReader(data), int64(size), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
		path, err := d.LinkForTest(t.Context(), "papers", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{path, path, path + "x", "/m/nothing"} {
			before := d.LaneForTest()
			got, body := fetch(t, host, path, "")
			if after := d.LaneForTest(); after.HandedOver != before.HandedOver {
				t.Errorf("%s was not answered in the lane", path)
			}
			want, wantBody := fetch(t, host, path, "TE: trailers\r\n")
			if after := d.LaneForTest(); after.HandedOver != before.HandedOver+1 {
				t.Errorf("%s was not answered by net/http", path)
			}
			if got.StatusCode != want.StatusCode || body != wantBody || !maps.EqualFunc(got.Header, want.Header, slices.Equal) {
				t.Errorf("%s: %d %v, with net/http %d %v", path, got.StatusCode, got.Header, want.StatusCode, want.Header)
			}
		}
	}
}
