package edge_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/internal/logging"
)

// BenchmarkGET asks a quick application for a page of 1 KB over kept connections: directly, through the edge, and through
// nginx on the same machine. Run it with -cpu 8 for eight visitors.
func BenchmarkGET(b *testing.B) {
	page := make([]byte, 1024)
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	b.Cleanup(func() { server.Close(); <-done })
	b.Run("direct", func(b *testing.B) { askMany(b, "http://"+l.Addr().String()) })
	b.Run("edge", func(b *testing.B) {
		e, err := edge.New(edge.Options{
			Config: config("http://" + l.Addr().String()), Key: []byte("k"), Log: logging.New(logging.Config{Level: "error"}, io.Discard),
		})
		if err == nil {
			err = e.Start(b.Context())
		}
		if err != nil {
			b.Fatal(err)
		}
		askMany(b, e.URL())
		if err := e.Stop(b.Context()); err != nil {
			b.Error(err)
		}
	})
	b.Run("nginx", func(b *testing.B) { askMany(b, nginx(b, l.Addr().String())) })
}

// nginx runs one worker before an application, with connections kept on both sides.
func nginx(b *testing.B, app string) string {
	b.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		b.Fatal("nginx is missing: apt-get install nginx-light")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		b.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, `daemon off; worker_processes 2; pid nginx.pid; error_log error.log;
events {}
http {
  access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  upstream app { server %s; keepalive 64; }
  server { listen %s; keepalive_requests 100000000; location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Host $host; } }
}`, app, addr), 0o600); err != nil {
		b.Fatal(err)
	}
	c := exec.Command(program, "-p", dir, "-c", "nginx.conf", "-e", "error.log")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait() // it was told to end
	})
	for deadline := time.Now().Add(5 * time.Second); ; {
		conn, err := net.Dial("tcp", addr) //nolint:noctx // at once
		if err == nil {
			conn.Close()
			return "http://" + addr
		}
		if time.Now().After(deadline) {
			b.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// askMany asks from as many visitors as there are processors to Go.
func askMany(b *testing.B, url string) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	defer transport.CloseIdleConnections()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, _ := http.NewRequest(http.MethodGet, url+"/", nil) //nolint:noctx // a benchmark has no time to spare
			resp, err := transport.RoundTrip(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.StopTimer()
}
