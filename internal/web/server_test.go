package web_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/certtest"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/logging"
	"holdfast/internal/web"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t *testing.T, o web.Options) *web.Server {
	t.Helper()
	if o.Log == nil {
		o.Log = quiet()
	}
	s := web.NewServer(o)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

func TestServerSurvivesStartAndStopFromEverywhere(t *testing.T) {
	t.Parallel()
	lifecycletest.Stress(t, func() lifecycle.Service {
		return web.NewServer(web.Options{Name: "x", Listen: "127.0.0.1:0", Handler: http.NotFoundHandler(), Log: quiet()})
	})
}

// S2-90: the id on the response is the id in the log.
func TestEveryRequestHasAnIDInAnswerAndLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := logging.New(logging.Config{Level: "debug", Format: "json"}, &log)
	done := make(chan struct{})
	h := web.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		logger.InfoContext(r.Context(), "inside")
	}), logger, observer(func() { close(done) }))
	s := start(t, web.Options{Name: "x", Listen: "127.0.0.1:0", Handler: h})
	resp, _ := get(t, http.DefaultClient, s.URL())
	<-done
	if err := s.Stop(t.Context()); err != nil { // the access line is written when the handler is over
		t.Fatal(err)
	}
	id := resp.Header.Get(logging.RequestIDHeader)
	if n := strings.Count(log.String(), `"request_id":"`+id+`"`); id == "" || n != 2 {
		t.Errorf("id %q stands %d times in:\n%s", id, n, log.String())
	}
}

type observer func()

func (o observer) Observe(string, int, int64, time.Duration) { o() }

func TestAPanicIsAnswered500AndLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	h := web.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }),
		logging.New(logging.Config{Format: "json"}, &log), nil)
	s := start(t, web.Options{Name: "x", Listen: "127.0.0.1:0", Handler: h})
	resp, body := get(t, http.DefaultClient, s.URL())
	if resp.StatusCode != 500 || !strings.Contains(body, resp.Header.Get(logging.RequestIDHeader)) {
		t.Errorf("got %d %q", resp.StatusCode, body)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "boom") || strings.Contains(body, "boom") {
		t.Errorf("body %q, log %s", body, log.String())
	}
}

// A command that a person ends by Ctrl-C is no trouble of ours; one that fails while they wait is.
func TestARequestThatItsClientCancelledIsNoError(t *testing.T) {
	t.Parallel()
	f := func(cancel bool, answer func(http.ResponseWriter), wantLevel string, wantStatus int) {
		t.Helper()
		var log bytes.Buffer
		over := make(chan int, 1)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		h := web.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if cancel {
				stop()
				<-r.Context().Done()
			}
			answer(w)
		}), logging.New(logging.Config{Level: "debug", Format: "json"}, &log), statuses(over))
		s := start(t, web.Options{Name: "x", Listen: "127.0.0.1:0", Handler: h})
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
		}
		status := <-over
		if err := s.Stop(t.Context()); err != nil { // the access line is written when the handler is over
			t.Fatal(err)
		}
		if status != wantStatus || !strings.Contains(log.String(), fmt.Sprintf(`"status":%d`, wantStatus)) ||
			!strings.Contains(log.String(), `"level":"`+wantLevel+`"`) || wantLevel == "DEBUG" && strings.Contains(log.String(), "ERROR") {
			t.Errorf("status %d, want %d at level %s; the log:\n%s", status, wantStatus, wantLevel, log.String())
		}
	}
	failed := func(w http.ResponseWriter) { control.WriteError(w, fmt.Errorf("read index: %w", context.Canceled)) }
	f(true, failed, "DEBUG", 499)
	f(true, func(http.ResponseWriter) {}, "DEBUG", 499)
	f(true, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, "DEBUG", http.StatusNoContent)
	f(false, failed, "ERROR", http.StatusServiceUnavailable)
}

type statuses chan<- int

func (s statuses) Observe(_ string, status int, _ int64, _ time.Duration) { s <- status }

func TestASocketIsForItsOwnerAndNotTakenFromTheLiving(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "hfweb-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close() // what kill -9 leaves
	o := web.Options{Name: "control", Listen: "unix:" + path, Handler: http.NotFoundHandler()}
	s := start(t, o)
	if s.Addr() != path || s.URL() != "unix:"+path {
		t.Errorf("the socket is said to be at %s, %s", s.Addr(), s.URL())
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket: %v, %v", info.Mode(), err)
	}
	o.Log = quiet()
	err = web.NewServer(o).Start(t.Context())
	if fault.CodeOf(err) != "already_running" {
		t.Errorf("a second server: %v", err)
	}
}

func TestATakenAddressSaysWhatToDo(t *testing.T) {
	t.Parallel()
	first := start(t, web.Options{Name: "edge", Listen: "127.0.0.1:0", Handler: http.NotFoundHandler()})
	err := web.NewServer(web.Options{Name: "edge", Listen: first.Addr(), Log: quiet()}).Start(t.Context())
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(fault.HintOf(err), "edge.listen") {
		t.Errorf("got %v, hint %q", err, fault.HintOf(err))
	}
}

// newPair writes a self-signed certificate for the name and returns its pool.
func newPair(t *testing.T, cert, key, name string) *x509.CertPool {
	t.Helper()
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{name}})
	if err == nil {
		err = pair.Write(cert, key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pair.Pool()
}

func TestACertificateIsReplacedWhileRunning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	old := newPair(t, cert, key, "files.example.com")
	s := start(t, web.Options{
		Name: "x", Listen: "127.0.0.1:0", TLSCert: cert, TLSKey: key,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }),
	})
	client := func(roots *x509.CertPool) *http.Client {
		return &http.Client{Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: "files.example.com"},
		}}
	}
	if _, body := get(t, client(old), s.URL()); body != "hello" {
		t.Fatalf("got %q", body)
	}
	renewed := newPair(t, cert, key, "files.example.com")
	deadline := time.Now().Add(10 * time.Second)
	for {
		resp, err := client(renewed).Get(s.URL())
		if err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the new certificate is not served: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
}
