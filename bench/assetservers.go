package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// server is a program that answers HTTP. It is started anew as often as a room wants.
type server struct {
	name  string
	start func(addr string) (*process, error) // at the address, unless it has one
	alone bool                                // the processor time of its children is none of this work
	fixed bool                                // it has an address

	*process
	addr string
}

// restart ends the server and starts a fresh one, which answers requests when restart returns.
func (s *server) restart(ctx context.Context) error {
	s.end()
	addr, err := freePort()
	if err != nil {
		return err
	}
	if s.process, err = s.start(addr); err != nil {
		return err
	}
	if !s.fixed {
		s.addr = addr
	}
	return s.answers(ctx)
}

// end is for the end of a room, too; a server that never began has ended.
func (s *server) end() {
	if s.process != nil {
		s.process.stop()
		s.process = nil
	}
}

// answers waits until it answers something that is no success: workers may begin their work after their master listens.
func (s *server) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/none", nil)
		if err != nil {
			return err
		}
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
		if err == nil {
			return resp.Body.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s does not answer: %w", s.name, err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// spent is the processor time of the server so far.
func (s *server) spent() (time.Duration, error) {
	pids := []int{s.cmd.Process.Pid}
	if !s.alone {
		pids = append(pids, descendants(s.cmd.Process.Pid)...)
	}
	var total time.Duration
	var errs []error
	for _, pid := range pids {
		t, err := processTime(pid)
		total, errs = total+t, append(errs, err)
	}
	return total, errors.Join(errs...)
}

// server is Holdfast's edge. Its private PostgreSQL has no part in what is measured.
func (h *holdfast) server() *server {
	return &server{name: "Holdfast", alone: true, fixed: true, process: h.process, addr: h.edge, start: func(string) (*process, error) {
		err := h.serve()
		return h.process, err
	}}
}

// assetServers are Holdfast and its peers, all with the same directory.
func assetServers(dir string, h *holdfast, a *asset) []*server {
	return []*server{
		h.server(),
		{name: "nginx", start: func(addr string) (*process, error) {
			return startFrom(dir, "nginx-assets", fmt.Sprintf(nginxAssets, addr, a.dir), addr, func(conf string) []string {
				return []string{"nginx", "-p", dir, "-c", conf, "-g", "daemon off; user root;"}
			})
		}},
		{name: "Caddy", start: func(addr string) (*process, error) {
			return startFrom(dir, "Caddyfile-assets", fmt.Sprintf(caddyAssets, addr, a.dir), addr, caddyCommand)
		}},
		{name: "WhiteNoise", start: func(addr string) (*process, error) { return startGunicorn(dir, addr, a.dir) }},
	}
}

// startFrom writes a configuration and starts the program that reads it.
func startFrom(dir, name, text, addr string, command func(conf string) []string) (*process, error) {
	conf := filepath.Join(dir, name)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return nil, err
	}
	args := command(conf)
	p, err := run(dir, name, addr, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}, args[0], args[1:]...)
	if err != nil {
		return nil, fmt.Errorf("%w (make deps)", err)
	}
	return p, nil
}

func caddyCommand(conf string) []string {
	return []string{"caddy", "run", "--config", conf, "--adapter", "caddyfile"}
}

//go:embed gunicorn.py
var gunicornApp []byte

// gunicornArgs are what Gunicorn's documentation advises: two workers for each processor and one more.
func gunicornArgs() []string {
	return []string{"--workers", strconv.Itoa(2*processors() + 1), "--worker-class", "gthread", "--threads", "4", "--keep-alive", "75"}
}

func startGunicorn(dir, addr, root string) (*process, error) {
	if err := os.WriteFile(filepath.Join(dir, "bench_whitenoise.py"), gunicornApp, 0o644); err != nil {
		return nil, err
	}
	args := append([]string{"/usr/bin/gunicorn", "--chdir", dir, "--bind", addr, "--log-level", "warning"}, gunicornArgs()...)
	p, err := run(dir, "gunicorn", addr, []string{"ASSETS=" + root, "PYTHONDONTWRITEBYTECODE=1"}, "/usr/bin/python3",
		append(args, "bench_whitenoise:application")...)
	if err != nil {
		return nil, fmt.Errorf("%w (make deps)", err)
	}
	return p, nil
}

// nginxAssets is Debian's configuration (workers, events, sendfile, tcp_nopush) with what docs/operate/assets.md advises, and with
// open files kept. The access log is off, as Holdfast's is, and the fields for browsers' safety are those that Holdfast sends: all
// four servers' clients read as much, but for WhiteNoise's, who get fewer.
const nginxAssets = `worker_processes auto;
pid nginx.pid;
error_log stderr;
events { worker_connections 768; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  sendfile on;
  tcp_nopush on;
  access_log off;
  keepalive_requests 1000000;
  open_file_cache max=1000;
  open_file_cache_valid 60s;
  map $uri $asset_life {
    default                   "public, no-cache";
    "~\.[0-9a-f]{12}\.[^/]+$" "public, max-age=31536000, immutable";
  }
  server {
    listen %s;
    location /static/ {
      alias %s/;
      gzip_static on;
      gzip_vary on;
      add_header Cache-Control $asset_life;
      add_header Cross-Origin-Resource-Policy cross-origin;
      add_header Referrer-Policy no-referrer;
      add_header X-Content-Type-Options nosniff;
      add_header X-Frame-Options SAMEORIGIN;
      add_header Permissions-Policy "browsing-topics=(), payment=(), usb=()";
      add_header X-Request-Id $request_id;
    }
  }
}
`

const caddyAssets = `{
	admin off
	auto_https off
}
http://%s {
	header /static/* {
		Cache-Control "public, max-age=31536000, immutable"
		Cross-Origin-Resource-Policy cross-origin
		Referrer-Policy no-referrer
		X-Content-Type-Options nosniff
		X-Frame-Options SAMEORIGIN
		Permissions-Policy "browsing-topics=(), payment=(), usb=()"
		X-Request-Id {http.request.uuid}
	}
	handle_path /static/* {
		root * %s
		file_server {
			precompressed gzip
		}
	}
	respond 404
}
`
