package main

import (
	"fmt"
	"strings"
)

// pageSize is the application's answer: a short page.
const pageSize = 1024

// Paths of the application.
const (
	pathFresh = "/fresh" // asked for each time
	pathKept  = "/kept"  // may be kept by a cache
)

// startApp starts what stands for the application: it costs so little itself that the way to it is what is measured.
func startApp(dir, addr string) (*process, error) {
	page := strings.Repeat("x", pageSize)
	return startFrom(dir, "app-edge", fmt.Sprintf(appEdge, addr, page), addr, func(conf string) []string {
		return []string{"nginx", "-p", dir, "-c", conf, "-g", "daemon off; user root;"}
	})
}

// edgeServers are the ways to the application: none, Holdfast and its peers.
func edgeServers(dir, app string, h *holdfast) []*server {
	return []*server{
		{name: "direct", fixed: true, addr: app},
		h.server(),
		{name: "nginx", start: func(addr string) (*process, error) {
			return startFrom(dir, "nginx-edge", fmt.Sprintf(nginxEdge, app, addr), addr, func(conf string) []string {
				return []string{"nginx", "-p", dir, "-c", conf, "-g", "daemon off; user root;"}
			})
		}},
		{name: "Caddy", start: func(addr string) (*process, error) {
			return startFrom(dir, "Caddyfile-edge", fmt.Sprintf(caddyEdge, addr, app), addr, caddyCommand)
		}},
	}
}

const appEdge = `worker_processes 1;
pid app.pid;
error_log stderr;
events { worker_connections 2048; }
http {
  access_log off;
  keepalive_requests 100000000;
  default_type text/html;
  server {
    listen %[1]s backlog=4096;
    location = /fresh { return 200 "%[2]s"; }
    location = /kept { add_header Cache-Control "public, max-age=600"; return 200 "%[2]s"; }
  }
}
`

// nginxEdge keeps connections on both sides, and tells the application what Holdfast tells it.
const nginxEdge = `worker_processes auto;
pid nginx.pid;
error_log stderr;
events { worker_connections 2048; }
http {
  access_log off;
  keepalive_requests 100000000;
  proxy_temp_path proxy; client_body_temp_path body;
  proxy_cache_path kept keys_zone=kept:16m;
  upstream app { server %s; keepalive 128; keepalive_requests 100000000; }
  server {
    listen %s;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      add_header X-Request-Id $request_id;
      add_header X-Content-Type-Options nosniff;
      add_header Referrer-Policy strict-origin-when-cross-origin;
      add_header X-Frame-Options SAMEORIGIN;
    }
    location = /kept {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache kept;
      proxy_cache_lock on;
    }
  }
}
`

const caddyEdge = `{
	admin off
	auto_https off
}
http://%s {
	reverse_proxy %s
}
`
