package gitrepo_test

import (
	"bytes"
	"errors"
	"log"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/secret"
)

const token = "t0ken-of-the-course"

// backend returns a handler that serves the repositories below a directory by git's own program.
func backend(t *testing.T, dir string) http.Handler {
	t.Helper()
	program := filepath.Join(git(t, dir, "--exec-path"), "git-http-backend")
	if _, err := os.Stat(program); err != nil {
		t.Fatal("this test needs git-http-backend: apt-get install git")
	}
	return &cgi.Handler{
		Path: program, Root: "/", Stderr: t.Output(), Logger: log.New(t.Output(), "", 0),
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"},
	}
}

// guarded asks for the token.
func guarded(user string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u, p, _ := r.BasicAuth()
		if u != user || p != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "log in", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections() // a gate may still hold some
		s.Close()
	})
	return s.URL
}

// in returns the directory that a course's repository lies in, and its name there.
func in(c *coursegen.Course) (dir, name string) {
	return filepath.Dir(c.Dir), "/" + filepath.Base(c.Dir)
}

func TestATokenOpensARepositoryByHTTPAndShowsNowhere(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		c := generate(t, tiny(format))
		dir, name := in(c)
		var seen atomic.Int32
		url := serve(t, guarded("x-access-token", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			if p := revealing(t); p != "" {
				t.Errorf("a process shows the token: %s", p)
			}
			backend(t, dir).ServeHTTP(w, r)
		})))
		o := options(t, url+name)
		o.Token = secret.New(token)
		r := open(t, o)
		commit(t, c, coursegen.OneQuestion)
		if got := fetch(t, r, ""); got != c.Head {
			t.Errorf("the branch is at %s; want %s", got, c.Head)
		}
		readable(t, r, c.Head)
		if seen.Load() == 0 {
			t.Error("no request came")
		}
		for _, file := range names(t, o.Dir, "*") {
			if b, err := os.ReadFile(file); err == nil && bytes.Contains(b, []byte(token)) {
				t.Errorf("%s holds the token", file)
			}
		}
	}
}

// revealing returns the command line of a process that has the token in it.
func revealing(t *testing.T) string {
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Error(err)
	}
	for _, line := range lines {
		if b, err := os.ReadFile(line); err == nil && (bytes.Contains(b, []byte(token)) || bytes.Contains(b, []byte("Authorization"))) {
			return string(b)
		}
	}
	return ""
}

func TestEachFailureOfHTTPHasItsErrorAndHint(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	dir, name := in(c)
	url := serve(t, guarded("deploy", backend(t, dir)))
	f := func(url, password string) error {
		t.Helper()
		o := options(t, url)
		o.Token = secret.New(password)
		_, err := gitrepo.Open(t.Context(), o)
		if err != nil && strings.Contains(err.Error(), "wrong-token") {
			t.Errorf("the error shows the token: %v", err)
		}
		return err
	}
	user := strings.Replace(url, "http://", "http://deploy@", 1)
	if err := f(user+name, token); err != nil {
		t.Errorf("with the URL's user: %v", err)
	}
	expect(t, f(url+name, token), gitrepo.ErrDenied, "token")
	expect(t, f(user+name, "wrong-token"), gitrepo.ErrDenied, "token")
	expect(t, f(url+name, ""), gitrepo.ErrDenied, "token")
	expect(t, f(user+"/absent.git", token), gitrepo.ErrNotARepository)
	answers := func(code int) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }))
	}
	expect(t, f(answers(http.StatusForbidden)+"/x", ""), gitrepo.ErrDenied)
	expect(t, f(answers(http.StatusNotFound)+"/x", ""), gitrepo.ErrNotARepository)
	expect(t, f(answers(http.StatusBadGateway)+"/x", ""), gitrepo.ErrUnreachable)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!DOCTYPE html>\n<html>\n<title>Log in</title>\n</html>\n"))
	})
	expect(t, f(serve(t, page)+"/x", ""), gitrepo.ErrNotARepository)
	expect(t, f("http://"+deadPort(t)+"/x", ""), gitrepo.ErrUnreachable)
	expect(t, f("https://no-such-host.invalid/x", ""), gitrepo.ErrUnreachable)
	untrusted := httptest.NewTLSServer(backend(t, dir))
	t.Cleanup(untrusted.Close)
	expect(t, f(untrusted.URL+name, ""), gitrepo.ErrHostKey, "certificate")
}

func TestTheTokenIsNotSentToWhereAServerPoints(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	dir, name := in(c)
	var asked atomic.Int32
	thief := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	o := options(t, serve(t, http.RedirectHandler(thief+name, http.StatusFound))+name)
	o.Token = secret.New(token)
	_, err := gitrepo.Open(t.Context(), o)
	expect(t, err, gitrepo.ErrNotARepository, "another address")
	if asked.Load() != 0 {
		t.Error("the other server was asked")
	}
	plain := backend(t, dir)
	moved := options(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/old/") {
			http.Redirect(w, r, strings.TrimPrefix(r.URL.RequestURI(), "/old"), http.StatusMovedPermanently)
			return
		}
		plain.ServeHTTP(w, r)
	}))+"/old"+name)
	if _, err := gitrepo.Open(t.Context(), moved); err != nil {
		t.Errorf("without a token a redirect is followed: %v", err)
	}
}

// gate lets the first bytes of a pack pass, says so, and holds the rest back until it is opened or the client goes.
type gate struct {
	next   http.Handler
	first  int           // bytes that pass
	held   chan struct{} // gets one for each answer that is held
	opened chan struct{} // closed when everything may pass
}

func newGate(next http.Handler) *gate {
	return &gate{next: next, first: 40_000, held: make(chan struct{}, 100), opened: make(chan struct{})}
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
		w = &gatedWriter{ResponseWriter: w, gate: g, request: r}
	}
	g.next.ServeHTTP(w, r)
}

type gatedWriter struct {
	http.ResponseWriter
	gate    *gate
	request *http.Request
	sent    int
	holding bool
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	if w.sent += len(p); w.sent > w.gate.first && !w.holding {
		w.holding = true
		_ = http.NewResponseController(w.ResponseWriter).Flush() // a client that is gone is seen below
		w.gate.held <- struct{}{}
		select {
		case <-w.gate.opened:
		case <-w.request.Context().Done():
			return 0, errors.New("the client is gone")
		}
	}
	return w.ResponseWriter.Write(p)
}

// sizeable is a course that does not pass a gate.
func sizeable(t *testing.T) *coursegen.Course {
	t.Helper()
	return generate(t, coursegen.Options{Seed: 2, Questions: 3, ServerFiles: coursegen.Bulk{Count: 14, Bytes: 1_500_000}})
}

func TestATransferThatStopsIsGivenUpAndTheNextOneSucceeds(t *testing.T) {
	t.Parallel()
	c := sizeable(t)
	dir, name := in(c)
	g := newGate(backend(t, dir))
	o := options(t, serve(t, g)+name)
	o.Stall = time.Second
	r := open(t, o)
	_, err := r.Fetch(t.Context(), "", nil)
	expect(t, err, gitrepo.ErrUnreachable, "nothing moved for 1s")
	if rest := names(t, o.Dir, "objects/pack/*"); len(rest) > 0 {
		t.Errorf("left over: %v", rest)
	}
	close(g.opened)
	o.Stall = 20 * time.Second
	if got := fetch(t, open(t, o), ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
}

func TestATransferThatIsSlowButMovesIsNotGivenUp(t *testing.T) {
	t.Parallel()
	c := sizeable(t)
	dir, name := in(c)
	o := options(t, serve(t, slow{backend(t, dir)})+name)
	o.Stall = 2500 * time.Millisecond
	r := open(t, o)
	begin := time.Now()
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
	if took := time.Since(begin); took < o.Stall {
		t.Errorf("it took %v: the server was not slow", took)
	}
}

// slow sends packs in small pieces.
type slow struct{ next http.Handler }

func (s slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.next.ServeHTTP(&slowWriter{w, r}, r)
}

type slowWriter struct {
	http.ResponseWriter
	request *http.Request
}

func (w *slowWriter) Write(p []byte) (int, error) {
	if len(p) > 4000 {
		tick := time.NewTimer(90 * time.Millisecond)
		defer tick.Stop()
		select {
		case <-tick.C:
		case <-w.request.Context().Done():
		}
	}
	n, err := w.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(w.ResponseWriter).Flush())
}

func TestAConnectionThatBreaksIsToldAndTheNextFetchSucceeds(t *testing.T) {
	t.Parallel()
	c := sizeable(t)
	dir, name := in(c)
	g := newGate(backend(t, dir))
	server := httptest.NewServer(g)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r := open(t, options(t, server.URL+name))
	failed := make(chan error, 1)
	go func() {
		_, err := r.Fetch(t.Context(), "", nil)
		failed <- err
	}()
	<-g.held
	server.CloseClientConnections()
	expect(t, <-failed, gitrepo.ErrUnreachable)
	close(g.opened)
	if got := fetch(t, r, ""); got != c.Head {
		t.Errorf("the branch is at %s; want %s", got, c.Head)
	}
}
