package main

import (
	"context"
	"crypto/md5" //nolint:gosec // nginx's secure_link is defined with MD5
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// linkSizes are the files that are fetched through links.
func linkSizes() []size {
	return []size{{"4 KB", 4_000, 32}, {"1 MB", 1_000_000, 16}, {"100 MB", 100_000_000, 2}}
}

type size struct {
	name        string
	bytes       int64
	connections int // kept alive, so that a round has many requests of each size
}

// benchLinks measures GET through signed links beside nginx's secure_link, with wrk on keep-alive connections.
func (b *bench) benchLinks(ctx context.Context) error {
	nginx, err := startNginx(b.dir)
	if err != nil {
		return err
	}
	defer nginx.stop()
	t := table{
		title: "Signed links: GET beside nginx secure_link",
		note: fmt.Sprintf("`wrk -t1 -cN -d%s` on N keep-alive connections, %d rounds in turn. Each request's signature is "+
			"checked: HMAC-SHA-256 here, MD5 in nginx.", b.span, b.rounds),
		head: []string{"file", "N", "Holdfast", "nginx", "ratio", "bar"},
	}
	for _, s := range linkSizes() {
		ours, err := b.holdfast.link(ctx, s)
		if err != nil {
			return err
		}
		theirs, err := nginx.link(s)
		if err != nil {
			return err
		}
		var a, z series
		for range b.rounds {
			for _, side := range []struct {
				url string
				to  *series
			}{{ours, &a}, {theirs, &z}} {
				rate, err := wrk(ctx, b.span, s.connections, side.url)
				if err != nil {
					return err
				}
				*side.to = append(*side.to, rate)
			}
		}
		t.add(s.name, strconv.Itoa(s.connections), s.format(median(a)), s.format(median(z)), ratio(a.over(z)),
			b.report.verdict("signed links, "+s.name, a.over(z), 0.8, true))
	}
	own, children := b.holdfast.process.memory()
	theirs, workers := nginx.process.memory()
	t.foot = fmt.Sprintf("Peak memory: Holdfast %d MB (its private PostgreSQL %d MB), nginx %d MB.", own, children, theirs+workers)
	b.report.add(t)
	return nil
}

// format prints a rate of requests, and for large files what goes over the line.
func (s size) format(perSecond float64) string {
	if s.bytes < 1_000_000 {
		return rate(perSecond)
	}
	return fmt.Sprintf("%.0f MB/s", perSecond*float64(s.bytes)/1e6)
}

// wrk returns the requests per second for one URL. An answer that is no success spoils the run.
func wrk(ctx context.Context, span time.Duration, connections int, url string) (float64, error) {
	out, err := output(ctx, "wrk", "-t1", "-c"+strconv.Itoa(connections), "-d"+span.String(), "--timeout", "60s", url)
	if err != nil {
		return 0, err
	}
	if strings.Contains(out, "Non-2xx") || strings.Contains(out, "Socket errors") {
		return 0, fmt.Errorf("wrk %s:\n%s", url, out)
	}
	m := regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("wrk printed no rate:\n%s", out)
	}
	return strconv.ParseFloat(m[1], 64)
}

const nginxSecret = "bench"

type nginx struct {
	*process
	addr, root string
}

func startNginx(dir string) (*nginx, error) {
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	n := &nginx{addr: addr, root: filepath.Join(dir, "nginx")}
	if err := os.MkdirAll(filepath.Join(n.root, "files"), 0o755); err != nil {
		return nil, err
	}
	conf := filepath.Join(n.root, "nginx.conf")
	if err := os.WriteFile(conf, []byte(fmt.Sprintf(nginxConf, n.root, addr)), 0o644); err != nil {
		return nil, err
	}
	n.process, err = run(dir, "nginx", addr, nil, "nginx", "-p", n.root, "-c", conf, "-g", "daemon off; user root;")
	return n, err
}

// nginxConf is what a careful administrator would write: sendfile, open files kept, the access log off.
const nginxConf = `
worker_processes auto;
pid nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  open_file_cache max=1000; open_file_cache_valid 60s;
  root %s/files;
  server {
    listen %s;
    location / {
      secure_link $arg_md5,$arg_expires;
      secure_link_md5 "$secure_link_expires$uri ` + nginxSecret + `";
      if ($secure_link = "") { return 403; }
      if ($secure_link = "0") { return 410; }
    }
  }
}
`

// link writes a file and returns its signed URL.
func (n *nginx) link(s size) (string, error) {
	name := fmt.Sprintf("/%d.bin", s.bytes)
	if err := os.WriteFile(filepath.Join(n.root, "files", name), noise(s.bytes), 0o644); err != nil {
		return "", err
	}
	expires := time.Now().Add(time.Hour).Unix()
	sum := md5.Sum([]byte(fmt.Sprintf("%d%s %s", expires, name, nginxSecret))) //nolint:gosec // see above
	return fmt.Sprintf("http://%s%s?md5=%s&expires=%d", n.addr, name, base64.RawURLEncoding.EncodeToString(sum[:]), expires), nil
}
