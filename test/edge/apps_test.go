package edge_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/edge"
	"holdfast/test/program"
)

// gunicorn runs an application on an address until the test ends; stop ends it in order before.
func gunicorn(t *testing.T, dir, module, bind string, env ...string) (stop func()) {
	t.Helper()
	if _, err := os.Stat("/usr/bin/gunicorn"); err != nil {
		t.Fatal("gunicorn is missing: apt-get install gunicorn python3-flask python3-django")
	}
	work, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c := exec.Command("/usr/bin/python3", "/usr/bin/gunicorn", "--workers", "2", "--bind", bind, "--graceful-timeout", "5", module)
	c.Dir = work
	c.Env = append(os.Environ(), append(env, "PYTHONDONTWRITEBYTECODE=1")...)
	c.Stdout, c.Stderr = &log, &log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = c.Wait() }()
	stop = func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
			<-done
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	network, address := "tcp", bind
	if path, ok := strings.CutPrefix(bind, "unix:"); ok {
		network, address = "unix", path
	}
	eventually(t, "gunicorn listens", func() error {
		conn, err := new(net.Dialer).DialContext(t.Context(), network, address)
		if err == nil {
			conn.Close()
		}
		return err
	})
	return stop
}

// browser keeps cookies, and reaches the edge whatever the host is called.
func browser(t *testing.T, s *site, roots *x509.CertPool, name string) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := client(roots, name, false)
	c.Jar, c.CheckRedirect = jar, nil
	transport, _ := c.Transport.(*http.Transport)
	transport.DialContext = s.dial
	t.Cleanup(transport.CloseIdleConnections)
	return c
}

func read(t testing.TB, resp *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, b)
}

// S1-02: a stock Flask application under Gunicorn works unchanged behind the edge, on three sockets, and goes on through a
// rolling restart of all three under load.
func TestAStockFlaskSiteWorksUnchangedAndIsRestartedUnderLoad(t *testing.T) {
	t.Parallel()
	dir := program.ShortDir(t)
	var servers []string
	var stops []func()
	for i := range 3 {
		bind := fmt.Sprintf("unix:%s/%d.sock", dir, i)
		servers, stops = append(servers, bind), append(stops, gunicorn(t, "testdata/flask", "app:app", bind))
	}
	c := config(servers...)
	c.Upstream.Health.Path = "/"
	c.Accel = []edge.Accel{{Prefix: "/protected/", To: "files", Bucket: "papers"}}
	s := start(t, edge.Options{Config: c, Vaults: map[string]edge.Vault{"files": vault{}}})
	b := browser(t, s, nil, "")
	get := func(path string) string {
		t.Helper()
		resp, err := b.Get(s.URL() + path)
		return read(t, resp, err)
	}
	if got := get("/"); !strings.HasPrefix(got, "200 <h1>journal</h1>") {
		t.Errorf("home: %s", got)
	}
	if got := get("/download"); !strings.HasPrefix(got, "403") {
		t.Errorf("download without a session: %s", got)
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	_ = m.WriteField("title", "On Edges")
	w, _ := m.CreateFormFile("paper", "paper.pdf")
	_, _ = w.Write(bytes.Repeat([]byte("x"), 3<<20))
	_ = m.Close()
	resp, err := b.Post(s.URL()+"/submit", m.FormDataContentType(), &form)
	if got := read(t, resp, err); got != "200 On Edges 3145728" {
		t.Errorf("upload and redirect: %s", got)
	}
	if got := get("/download"); got != "200 file papers/paper.pdf" {
		t.Errorf("download: %s", got)
	}
	if got := get("/stream"); strings.Count(got, "\n") != 1000 {
		t.Errorf("stream: %d lines", strings.Count(got, "\n"))
	}
	if got := get("/error"); !strings.HasPrefix(got, "500") {
		t.Errorf("error: %s", got)
	}
	var who map[string]string
	if err := json.Unmarshal([]byte(s.ask("GET /who", "X-Forwarded-For: 6.6.6.6", "X_Real_IP: 6.6.6.6", "Host: www.example.org").body), &who); err != nil ||
		who["address"] != "127.0.0.1" || who["forwarded"] != "127.0.0.1" || who["proto"] != "http" || who["host"] != "www.example.org" {
		t.Errorf("who: %v, %v", who, err)
	}
	restartAll(t, s, servers, stops)
}

// restartAll restarts the servers in turn while visitors ask.
func restartAll(t *testing.T, s *site, servers []string, stops []func()) {
	t.Helper()
	p, _ := s.Upstreams()
	stop := load(t, s, 4)
	for i := range servers {
		stops[i]()
		gunicorn(t, "testdata/flask", "app:app", servers[i])
		eventually(t, "the server is up again", func() error {
			if st := p.Status()[i]; st.State != "up" {
				return errors.New(st.State)
			}
			return nil
		})
	}
	if n, wrong := stop(); len(wrong) > 0 || n < 100 {
		t.Errorf("%d of %d failed: %.300q", len(wrong), n, wrong)
	}
}

// S1-02: a stock Django project behind HTTPS: redirects, CSRF with its look at the referrer, sessions, its own headers.
func TestAStockDjangoSiteWorksUnchangedOverHTTPS(t *testing.T) {
	t.Parallel()
	const host = "site.example.org"
	bind := "unix:" + filepath.Join(program.ShortDir(t), "django.sock")
	gunicorn(t, "testdata/django", "project:application", bind, "SITE_TLS=1", "PYTHONPATH=.")
	cert, roots := certificate(t, t.TempDir(), host)
	c := config(bind)
	c.Hosts, c.TLSCert, c.TLSKey = []string{host}, cert.Cert, cert.Key
	c.Upstream.Health.Path = "/show/"
	s := start(t, edge.Options{Config: c})
	b := browser(t, s, roots, host)
	at := "https://" + host
	resp, err := b.Get(at + "/form/")
	token := strings.TrimPrefix(read(t, resp, err), "200 ")
	if len(token) != 64 {
		t.Fatalf("the form: %q", token)
	}
	if got := resp.Header.Values("X-Frame-Options"); len(got) != 1 || got[0] != "DENY" {
		t.Errorf("Django's own X-Frame-Options: %q", got)
	}
	if got := resp.Header.Get("Strict-Transport-Security"); got == "" {
		t.Error("no HSTS")
	}
	post := func(referrer string) string {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/form/",
			strings.NewReader(url.Values{"title": {"Edges"}, "csrfmiddlewaretoken": {token}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Referer", referrer)
		resp, err := b.Do(r)
		return read(t, resp, err)
	}
	if got := post("https://evil.org/"); !strings.HasPrefix(got, "403") {
		t.Errorf("a form of another site: %.80s", got)
	}
	if got := post(at + "/form/"); got != "200 saved" {
		t.Errorf("the form: %.80s", got)
	}
	resp, err = b.Get(at + "/show/")
	if got := read(t, resp, err); got != `200 {"title": "Edges", "secure": true, "url": "https://site.example.org/show/"}` {
		t.Errorf("the session: %s", got)
	}
	resp, err = b.Get(at + "/show")
	if got := read(t, resp, err); !strings.HasPrefix(got, "200") || resp.Request.URL.String() != at+"/show/" {
		t.Errorf("a redirect of Django's: %s at %s", got, resp.Request.URL)
	}
}
