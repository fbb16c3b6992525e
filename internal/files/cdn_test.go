package files_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/files"
)

// S1-33, S1-47: a caching proxy in front (nginx, as the seeds run it) keeps what a link allows it to, by the path alone,
// and nothing else.
func TestACachingProxyKeepsSharedLinksAndNoOthers(t *testing.T) {
	t.Parallel()
	n := newSite(t).node(t)
	n.put(t, "papers", "x.png", "image/png", png)
	n.put(t, "open", "x.png", "image/png", png)
	proxy := &node{url: "http://proxy", transport: cachingProxy(t, n.url)}
	private := n.sign(t, "papers", "x.png")
	shared := n.sign(t, "papers", "x.png", func(r *files.SignLinkRequest) { r.Shared = true })
	bound := n.sign(t, "papers", "x.png", func(r *files.SignLinkRequest) { r.Session = "s" })
	ask := func(path string, headers ...string) string {
		t.Helper()
		r := proxy.get(t, path, headers...)
		if r.status != http.StatusOK || r.body != png {
			t.Errorf("%s: %+v", path, r)
		}
		return r.header.Get("X-Cache")
	}
	for path, want := range map[string]string{private: "MISS", shared: "HIT", "/media/open/x.png": "HIT"} {
		ask(path)
		if got := ask(path); got != want {
			t.Errorf("%s: second answer is a %s, want %s", path, got, want)
		}
	}
	ask(bound, "Cookie", "sid=s")
	if r := proxy.get(t, bound); r.status != http.StatusForbidden {
		t.Errorf("a bound link was answered from the cache: %+v", r)
	}
	if r := proxy.get(t, shared+"x"); r.status != http.StatusForbidden {
		t.Errorf("an altered link: %+v", r)
	}
}

// cachingProxy starts nginx before the address and returns the way to it: a Unix socket, because nginx cannot listen on a
// port of the kernel's choice.
func cachingProxy(t *testing.T, upstream string) *http.Transport {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program = "/usr/sbin/nginx"; !executable(program) {
			t.Fatal("nginx is missing; install it with: apt-get install nginx-light")
		}
	}
	dir, err := os.MkdirTemp("", "hfngx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	config := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/g;
  proxy_cache_path %[1]s/cache keys_zone=z:1m;
  server {
    listen unix:%[2]s;
    location / {
      proxy_pass %[3]s; proxy_cache z; proxy_cache_key $uri;
      add_header X-Cache $upstream_cache_status always;
    }
  }
}
`, dir, socket, upstream)
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command(program, "-c", file, "-p", dir, "-e", filepath.Join(dir, "error.log"))
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	within(t, 20*time.Second, "nginx listens: "+stderr.String(), func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	proxy := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", socket) }}
	t.Cleanup(proxy.CloseIdleConnections)
	return proxy
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode()&0o111 != 0
}
