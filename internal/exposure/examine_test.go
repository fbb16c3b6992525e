package exposure_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/doctor"
	"holdfast/internal/exposure"
	"holdfast/internal/health"
)

// site is a small web site whose requests are counted.
type site struct {
	*httptest.Server
	mu    sync.Mutex // protects the following
	asked []*http.Request
}

// open starts a site of one handler. Without one everything is 404.
func open(t *testing.T, routes map[string]http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	for pattern, h := range routes {
		mux.HandleFunc(pattern, h)
	}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) paths() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, r := range s.asked {
		all = append(all, r.URL.Path)
	}
	return all
}

func (s *site) as(r exposure.Reach) exposure.Site {
	u, _ := url.Parse(s.URL + "/")
	return exposure.Site{Name: "school", Base: *u, Reach: r}
}

func thesis() []exposure.Object {
	return []exposure.Object{{Bucket: "papers", Key: "2026/thesis one.pdf", Size: 5}}
}

func examine(t *testing.T, o exposure.Options) exposure.Outcome {
	t.Helper()
	out, err := exposure.Examine(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func codes(all []doctor.Finding) string {
	var out []string
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s", f.Severity, f.Code))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func say(kind, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(text))
	}
}

func send(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, status) }
}

// E-12: what a stranger is given, and what that means.
func TestWhatStrangersAreGivenIsFound(t *testing.T) {
	t.Parallel()
	f := func(name, pattern string, h http.HandlerFunc, want string) {
		t.Helper()
		s := open(t, map[string]http.HandlerFunc{pattern: h})
		out := examine(t, exposure.Options{Sites: []exposure.Site{s.as(exposure.Visitors)}, Media: "/media/", Objects: thesis()})
		if got := codes(out.Findings); got != want {
			t.Errorf("%s: found %q, want %q", name, got, want)
		}
	}
	const html, plain = "text/html; charset=utf-8", "text/plain"
	f("nothing", "/nothing", say(html, ""), "")
	f("Apache's listing", "/uploads/{$}", say(html, "<html><head><title>Index of /uploads</title></head>"), "error exposure_listing")
	f("Python's listing", "/files/{$}", say(html, "<title>Directory listing for /files/</title>"), "error exposure_listing")
	f("a listing of all", "/{$}", say(html, "<h1>Index of /</h1>"), "error exposure_listing")
	f("a front page", "/{$}", say(html, "<title>School</title>"), "")
	f("a directory", "/static/uploads/{$}", say(html, "<title>Uploads</title>"), "warning exposure_answer")
	f("the file by its key", "/uploads/2026/", say("application/pdf", "%PDF-"), "error exposure_file")
	f("the file by bucket and key", "/files/papers/2026/", say("application/pdf", "%PDF-"), "error exposure_file")
	f("another file by its key", "/uploads/2026/", say(plain, "something else"), "warning exposure_answer")
	f("a link for anybody", "/media/2026/", send(302, "https://files.example/m/abc?X-Amz-Signature=1"), "error exposure_link")
	f("the repository", "/.git/HEAD", say(plain, "ref: refs/heads/main\n"), "error exposure_git")
	f("a detached repository", "/.git/HEAD", say(plain, strings.Repeat("a1", 20)+"\n"), "error exposure_git")
	f("secrets", "/.env", say("application/octet-stream", "# app\nSECRET_KEY=abc\n"), "error exposure_env")
	f("a page in place of secrets", "/.env", say(html, "<title>a = b</title>"), "warning exposure_answer")
	f("somewhere else", "/uploads/{$}", send(302, "/gallery/"), "warning exposure_redirect")
	f("a failure", "/uploads/{$}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "info exposure_error")
	f("forbidden", "/uploads/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "")
	f("asked for a password", "/uploads/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, "")
	f("sent to the log-in", "/uploads/", send(302, "/accounts/login/?next=/uploads/"), "")
	f("sent to another host's log-in", "/uploads/", send(302, "https://sso.school.example/"), "")
	f("a form for the password", "/uploads/", say(html, `<form><input name=p type="password"></form>`), "")
	f("an application of one page", "/", say(html, "<title>School</title><div id=app>"), "")
	f("an application that sends all to its front", "/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.Redirect(w, r, "/", http.StatusFound)
		}
	}, "")
	f("a slash at the end", "GET /uploads", send(301, "/uploads/"), "")
}

// An application of one page may write a token of its own into each answer.
func TestAPageThatIsGivenForAnyPathIsNoFindingThoughItDiffers(t *testing.T) {
	t.Parallel()
	n := 0
	s := open(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, _ *http.Request) {
			n++
			say("text/html", fmt.Sprintf("<title>School</title><meta name=csrf content=%08d>%s", n, strings.Repeat("x", 200)))(w, nil)
		},
		"/files/2026/": say("text/html", "<title>School</title>"+strings.Repeat("y", 4000)),
	})
	out := examine(t, exposure.Options{Sites: []exposure.Site{s.as(exposure.Visitors)}, Media: "/media/", Objects: thesis()})
	if got := codes(out.Findings); got != "warning exposure_answer" {
		t.Errorf("found %q; want the one page that is not like the others", got)
	}
}

// E-12: the finding names paths and statuses, and never what was read.
func TestContentIsNeverTold(t *testing.T) {
	t.Parallel()
	s := open(t, map[string]http.HandlerFunc{
		"/.env":     say("text/plain", "DATABASE_PASSWORD=hunter2-hunter2"),
		"/uploads/": say("text/html", "<title>Index of /uploads</title><a href=anna-medical.pdf>"),
	})
	out := examine(t, exposure.Options{Sites: []exposure.Site{s.as(exposure.Visitors)}, Version: "1.2"})
	text := fmt.Sprintf("%+v", out)
	if strings.Contains(text, "hunter2") || strings.Contains(text, "anna") || !strings.Contains(text, "GET /.env was answered with 200") {
		t.Errorf("told: %s", text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.asked {
		if r.UserAgent() != "Holdfast-doctor/1.2" || r.Method != http.MethodGet || r.Header.Get("Cookie")+r.Header.Get("Authorization") != "" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
	}
}

// E-12: only what was named is asked, no more often than promised, and no more after "too many requests".
func TestNobodyElseIsAskedAndNotTooOften(t *testing.T) {
	t.Parallel()
	other := open(t, map[string]http.HandlerFunc{"/": say("text/plain", "other")})
	s := open(t, map[string]http.HandlerFunc{"/uploads/": send(302, other.URL+"/uploads/"), "/static/": send(307, other.URL+"/static/")})
	many := make([]exposure.Object, 100)
	for i := range many {
		many[i] = exposure.Object{Bucket: "papers", Key: fmt.Sprint("k", i), Size: 1}
	}
	examine(t, exposure.Options{Sites: []exposure.Site{s.as(exposure.Visitors)}, Objects: many})
	if got := other.paths(); len(got) != 0 {
		t.Errorf("the other site was asked for %v", got)
	}
	if n := len(s.paths()); n != 81 {
		t.Errorf("%d requests; want 80 and the control", n)
	}
	tired := open(t, map[string]http.HandlerFunc{"/uploads/": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(429) }})
	out := examine(t, exposure.Options{Sites: []exposure.Site{tired.as(exposure.Visitors)}, Objects: many})
	if got, n := codes(out.Findings), len(tired.paths()); got != "info exposure_limited" || n > 6 {
		t.Errorf("found %q after %d requests", got, n)
	}
}

func TestAServerPastTheEdgeIsAsBadAsThoseAreManyWhoReachIt(t *testing.T) {
	t.Parallel()
	s := open(t, map[string]http.HandlerFunc{"/uploads/": say("text/html", "<title>Index of /uploads</title>")})
	closed := open(t, nil)
	f := func(want string, sites ...exposure.Site) {
		t.Helper()
		out := examine(t, exposure.Options{Sites: sites})
		if got := codes(out.Findings); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	f("info exposure_listing", s.as(exposure.Machine))
	f("warning exposure_listing", s.as(exposure.Network))
	f("error exposure_listing", s.as(exposure.Visitors), s.as(exposure.Machine)) // once
	f("info exposure_listing", closed.as(exposure.Visitors), s.as(exposure.Machine))
}

func TestASiteThatCannotBeAskedIsSaidToBeSo(t *testing.T) {
	t.Parallel()
	gone := open(t, nil)
	at := gone.as(exposure.Visitors)
	gone.Close()
	away := open(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }})
	out := examine(t, exposure.Options{Sites: []exposure.Site{at, away.as(exposure.Visitors)}})
	if got := codes(out.Findings); got != "warning exposure_unexamined, warning exposure_unexamined" {
		t.Errorf("found %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := exposure.Examine(ctx, exposure.Options{Sites: []exposure.Site{away.as(exposure.Visitors)}}); err == nil {
		t.Error("an examination that was ended says nothing of it")
	}
}

// A host behind the edge is asked at the address of the edge, whatever its name means elsewhere.
func TestAHostIsAskedAtTheAddressThatWasGiven(t *testing.T) {
	t.Parallel()
	s := open(t, nil)
	at := exposure.Site{
		Name: "edge", Base: url.URL{Scheme: "http", Host: "journal.example", Path: "/shop/"}, Network: "tcp",
		Address: strings.TrimPrefix(s.URL, "http://"),
	}
	if _, _, err := net.SplitHostPort(at.Address); err != nil {
		t.Fatal(err)
	}
	examine(t, exposure.Options{Sites: []exposure.Site{at}})
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.asked {
		if r.Host != "journal.example" || !strings.HasPrefix(r.URL.Path, "/shop/") {
			t.Errorf("asked for %s%s", r.Host, r.URL.Path)
		}
	}
}

// E-12: the S3 endpoint is asked for buckets, for what is in them and for files, without a signature.
func TestAnS3EndpointThatAnswersStrangersIsFound(t *testing.T) {
	t.Parallel()
	f := func(want string, routes map[string]http.HandlerFunc) {
		t.Helper()
		s := open(t, routes)
		at := s.as(exposure.Visitors)
		out := examine(t, exposure.Options{S3: &at, Private: []string{"papers"}, Public: []string{"logos"}, Objects: thesis()})
		if got := codes(out.Findings); got != want {
			t.Errorf("found %q, want %q", got, want)
		}
		if got := strings.Join(s.paths(), " "); got != "/ /papers /logos /papers/2026/thesis one.pdf" {
			t.Errorf("asked for %s", got)
		}
	}
	xml := say("application/xml", "<x/>")
	f("", nil)
	f("error exposure_s3_list", map[string]http.HandlerFunc{"/{$}": xml})
	f("error exposure_s3_list", map[string]http.HandlerFunc{"/papers": xml})
	f("error exposure_s3_list", map[string]http.HandlerFunc{"/logos": xml})
	f("error exposure_s3_file", map[string]http.HandlerFunc{"/papers/2026/": xml})
}

func TestFindingsCountWhatTheyDoNotName(t *testing.T) {
	t.Parallel()
	s := open(t, map[string]http.HandlerFunc{
		"/uploads/{$}": say("text/html", "<title>Index of x</title>"), "/files/{$}": say("text/html", "<title>Index of x</title>"),
		"/media/{$}": say("text/html", "<title>Index of x</title>"), "/static/{$}": say("text/html", "<title>Index of x</title>"),
	})
	out := examine(t, exposure.Options{Sites: []exposure.Site{s.as(exposure.Visitors)}})
	if len(out.Findings) != 1 || !strings.HasSuffix(out.Findings[0].Text, "; and 1 more") || out.Findings[0].Severity != health.Error {
		t.Errorf("%+v", out.Findings)
	}
}

// An address that sends everybody to HTTPS is asked there; at an address of our own that leads nowhere from here, which is said.
func TestAnAddressThatSendsToHTTPSIsAskedThere(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(say("text/html", "<title>Index of /</title>"))
	t.Cleanup(secure.Close)
	plain := open(t, map[string]http.HandlerFunc{"/": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, secure.URL+r.URL.Path, http.StatusMovedPermanently)
	}})
	out := examine(t, exposure.Options{Sites: []exposure.Site{plain.as(exposure.Visitors)}})
	if got := codes(out.Findings); got != "error exposure_listing" {
		t.Errorf("found %q", got)
	}
	edge := plain.as(exposure.Visitors)
	edge.Network, edge.Address = "tcp", strings.TrimPrefix(plain.URL, "http://")
	out = examine(t, exposure.Options{Sites: []exposure.Site{edge}})
	if got := codes(out.Findings); got != "warning exposure_unexamined" || !strings.Contains(out.Findings[0].Hint, "--url") {
		t.Errorf("found %q: %+v", got, out.Findings)
	}
}
