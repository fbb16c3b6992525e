package assets

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/lifecycle/lifecycletest"
)

// nginx runs with the locations until the test ends, on a socket, and returns a client of it.
func nginx(t *testing.T, locations string) *http.Client {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/nginx")
	}
	if err != nil {
		t.Fatal("nginx is missing; install it with: apt-get install nginx-light")
	}
	dir, err := os.MkdirTemp("", "hfn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	config := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
	access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/g;
	map $uri $asset_life { default "public, no-cache"; "~\.[0-9a-f]{12}\.[^/]+$" "public, max-age=31536000, immutable"; }
	types { text/css css; font/woff2 woff2; }
	proxy_cache_path %[1]s/cache keys_zone=assets:1m;
	server { listen unix:%[2]s; %[3]s }
}`, dir, socket, locations)
	overwrite(t, filepath.Join(dir, "nginx.conf"), config)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	lifecycletest.Eventually(t, 20*time.Second, func() error {
		c, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err != nil {
			return err
		}
		return c.Close()
	})
	transport := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, c *http.Client, path, encoding string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://x"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", encoding)
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// A web server of one's own serves the output directory as it is, compressed files included.
func TestNginxServesTheSetWithGzipStatic(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	b.build()
	c := nginx(t, "location /static/ { alias "+b.config.Output+"/; gzip_static on; gzip_vary on; add_header Cache-Control $asset_life; }"+
		` location ~ /\.(?!well-known) { return 404; }`)
	if resp, _ := get(t, c, "/static/.holdfast/index.json", "gzip"); resp.StatusCode != 404 {
		t.Errorf("the index is shown: %d", resp.StatusCode)
	}
	for name, life := range map[string]string{"css/main.css": "public, no-cache", b.hashed("css/main.css"): immutableLife} {
		resp, body := get(t, c, "/static/"+name, "gzip")
		if resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != "gzip" || resp.Header.Get("Cache-Control") != life ||
			decode(t, Gzip, body) != b.output(name) {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
		if _, body := get(t, c, "/static/"+name, "identity"); body != b.output(name) {
			t.Errorf("%s: something else without compression", name)
		}
	}
}

// S1-05: a cache in front keeps each coding apart, never keeps a 404, and asks us once for what it may keep for a year.
func TestACacheInFrontKeepsWhatItMay(t *testing.T) {
	t.Parallel()
	b := newBench(t, siteFiles())
	a := serving(t, b)
	asked := make(chan string, 100)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Path
		a.ServeHTTP(w, r)
	}))
	t.Cleanup(origin.Close)
	c := nginx(t, "location / { proxy_pass "+origin.URL+"; proxy_cache assets; add_header X-Cache $upstream_cache_status; }")
	path := "/static/" + b.hashed("css/main.css")
	for _, encoding := range []string{"gzip", "br", "identity", "gzip", "br", "identity"} {
		resp, body := get(t, c, path, encoding)
		if resp.StatusCode != 200 || decode(t, Coding(encoding), body) != b.output(b.hashed("css/main.css")) {
			t.Errorf("%s: %d %v", encoding, resp.StatusCode, resp.Header)
		}
	}
	if n := len(asked); n != 3 {
		t.Errorf("asked %d times for three codings", n)
	}
	b.write("late.css", "a{}")
	late := "/static/" + hashedName("late.css", sum([]byte("a{}"))[:nameLength])
	if resp, _ := get(t, c, late, "gzip"); resp.StatusCode != 404 {
		t.Errorf("not there yet: %d", resp.StatusCode)
	}
	b.build()
	if err := a.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if resp, _ := get(t, c, late, "gzip"); resp.StatusCode != 200 {
		t.Errorf("the cache kept the 404: %d", resp.StatusCode)
	}
}
