package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/pgtest"
	"holdfast/test/program"
)

// doctorReport is what "holdfast doctor --json" prints, as a program reads it.
type doctorReport struct {
	OK           bool
	Worst        string
	Examinations []struct {
		Name, State, Summary string
		Remarks              []string
	}
	Findings []struct{ Examination, Code, Subject, Title, Text, Severity, Hint string }
}

// examined runs doctor and returns what it says, and the exit code.
func (s *site) examined(args ...string) (r doctorReport, code int) {
	s.T.Helper()
	result := s.Run(append(append([]string{"doctor"}, args...), "--json")...)
	if err := json.Unmarshal([]byte(result.Stdout), &r); err != nil {
		s.T.Fatalf("doctor ends with %d: %v in:\n%s%s", result.Code, err, result.Stdout, result.Stderr)
	}
	return r, result.Code
}

// of returns severity, code and subject of what an examination found, sorted.
func (r doctorReport) of(examination string) []string {
	found := []string{}
	for _, f := range r.Findings {
		if f.Examination == examination {
			found = append(found, fmt.Sprintf("%s %s %s", f.Severity, f.Code, f.Subject))
		}
	}
	slices.Sort(found)
	return found
}

func (r doctorReport) remarks(examination string) string {
	for _, e := range r.Examinations {
		if e.Name == examination {
			return strings.Join(e.Remarks, "\n")
		}
	}
	return ""
}

// bounded is a site whose statements end, so that nothing is found of it.
func bounded(t *testing.T) *site {
	t.Helper()
	s := newSite(t, pgtest.Database(t))
	s.set("database.rules", `[{addresses = ["local", "loopback"], class = "app"}]`, "database.limits.app.statement_timeout", "40s",
		"database.limits.app.idle_in_transaction_timeout", "50s", "database.limits.app.lock_timeout", "10s")
	return s
}

// school is an application with a front page, whose uploads everybody may have if it is careless.
func school(t *testing.T, careless bool) *httptest.Server {
	t.Helper()
	uploads := t.TempDir()
	if err := os.MkdirAll(filepath.Join(uploads, "papers"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(uploads, "papers", "thesis.txt"), []byte("of somebody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<title>School</title>") })
	mux.HandleFunc("/uploads/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/login/?next="+r.URL.Path, http.StatusFound)
	})
	if careless {
		mux = http.NewServeMux()
		mux.Handle("/uploads/", http.StripPrefix("/uploads/", http.FileServer(http.Dir(uploads))))
		mux.HandleFunc("/uploads/{$}", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, `<html><head><title>Index of /uploads/</title></head><a href="papers/">papers/</a></html>`)
		})
	}
	app := httptest.NewServer(mux)
	t.Cleanup(app.Close)
	return app
}

// E-12: a careless application shows strangers its uploads; doctor says so, and names what was fetched and not what was in it.
func TestDoctorFindsUploadsThatEverybodyCanFetch(t *testing.T) {
	t.Parallel()
	s := bounded(t)
	s.set("files.buckets.papers.max_size", "20MB", "edge.hosts", `["journal.example.com"]`, "edge.upstreams", `["`+school(t, true).URL+`"]`)
	s.serve()
	name := filepath.Join(t.TempDir(), "thesis.txt")
	if err := os.WriteFile(name, []byte("of somebody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Must("files", "put", name, "papers/")
	r, code := s.examined()
	want := []string{"error exposure_file edge, host journal.example.com", "error exposure_listing edge, host journal.example.com"}
	if got := r.of("exposure"); !slices.Equal(got, want) || code != 3 || r.OK || r.Worst != "error" {
		t.Errorf("doctor ends with %d, ok %t, worst %q, and finds %q, want %q", code, r.OK, r.Worst, got, want)
	}
	for _, f := range r.Findings {
		if f.Title == "" || f.Text == "" || f.Hint == "" || strings.Contains(f.Text, "of somebody") {
			t.Errorf("a finding lacks words, or tells content: %+v", f)
		}
	}
	people := s.Run("doctor")
	for _, words := range []string{
		"error: Anybody can fetch a file of a private bucket (edge, host journal.example.com)",
		"GET /uploads/papers/thesis.txt was answered with 200 (papers/thesis.txt)", "    → ", "2 errors, 0 warnings.",
	} {
		if !strings.Contains(people.Stdout, words) {
			t.Errorf("doctor does not say %q but:\n%s", words, people.Stdout)
		}
	}
	if people.Code != 3 {
		t.Errorf("doctor ends with %d, want 3", people.Code)
	}
}

// E-12: the same where visitors come by TLS, the application listens on a socket, and files have a host of their own.
func TestDoctorAsksAnEdgeWithTLSBeforeASocket(t *testing.T) {
	t.Parallel()
	s := bounded(t)
	cert, key, _ := certificate(t, s)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "unix", s.Path("app.sock"))
	if err != nil {
		t.Fatal(err)
	}
	app := httptest.NewUnstartedServer(school(t, true).Config.Handler)
	app.Listener = l
	app.Start()
	t.Cleanup(app.Close)
	s.set("edge.hosts", `["journal.example.com"]`, "edge.tls_cert", cert, "edge.tls_key", key, "files.public_url", "https://files.example.com",
		"edge.upstreams", `["unix:`+s.Path("app.sock")+`"]`)
	s.serve()
	r, code := s.examined()
	if got := r.of("exposure"); !slices.Equal(got, []string{"error exposure_listing edge, host journal.example.com"}) || code != 3 {
		t.Errorf("doctor ends with %d and finds %q", code, got)
	}
	type exposed struct{ Answers []struct{ Site string } }
	seen := map[string]bool{}
	result := s.Run("doctor", "exposure", "--json")
	var asked exposed
	if err := json.Unmarshal([]byte(result.Stdout), &asked); err != nil || result.Code != 3 {
		t.Fatalf("it ends with %d: %v", result.Code, err)
	}
	for _, a := range asked.Answers {
		seen[a.Site] = true
	}
	if !seen["edge, host files.example.com"] || !seen["server unix:"+s.Path("app.sock")] {
		t.Errorf("asked are %v", seen)
	}
}

// E-12: an application that sends strangers to its log-in is well; a bucket that somebody made public is told, and no finding; and
// an address that is named is asked as visitors would.
func TestDoctorFindsNothingWhereStrangersAreRefused(t *testing.T) {
	t.Parallel()
	s := bounded(t)
	app := school(t, false)
	s.set("files.buckets.papers.max_size", "20MB", "files.buckets.logos.public", "true", "edge.upstreams", `["`+app.URL+`"]`)
	s.serve()
	r, code := s.examined("--url", app.URL)
	if found := slices.Concat(r.of("configuration"), r.of("limits"), r.of("exposure")); len(found) != 0 || code != 0 {
		t.Errorf("doctor ends with %d and finds %q", code, found)
	}
	if got, want := r.remarks("exposure"), "bucket logos: public by configuration, written so in HOLDFAST_FILES__BUCKETS__LOGOS__PUBLIC"; got != want {
		t.Errorf("doctor remarks %q, want %q", got, want)
	}
	lifecycletest.Until(t, program.CallLimit, "nothing at all is found", func() bool { // the daemon may miss something for a moment
		r, code := s.examined()
		return len(r.Findings) == 0 && code == 0 && r.OK && r.Worst == "none" && strings.HasSuffix(s.Must("doctor"), "\nNothing was found.\n")
	})
	type exposed struct {
		Answers []struct {
			Site, Path, Verdict string
			Status              int
		}
		Public []string
	}
	seen := map[string]int{}
	asked := ask[exposed](s, "doctor", "exposure", "--url", app.URL)
	for _, a := range asked.Answers {
		seen[a.Site]++
		if a.Verdict != "refused" && a.Path != "/" {
			t.Errorf("%s%s: %s (%d)", a.Site, a.Path, a.Verdict, a.Status)
		}
	}
	for _, name := range []string{"edge, host localhost", "server " + app.URL, app.URL, "S3 endpoint"} {
		if seen[name] < 3 {
			t.Errorf("%q got %d requests", name, seen[name])
		}
	}
	if !slices.Equal(asked.Public, []string{"logos"}) {
		t.Errorf("public buckets: %q", asked.Public)
	}
	if r := s.Run("doctor", "--url", "ftp://x"); r.Code != 2 {
		t.Errorf("a URL that is none ends with %d, want 2", r.Code)
	}
}

// limitsAnswer is what "holdfast doctor limits --json" prints.
type limitsAnswer struct {
	Limits []struct {
		Name, Where, Key, Kind, Limit, By, Ends, Origin string
		Seconds                                         *float64
		Most                                            int64
	}
	Server []struct {
		Name, Source string
		Seconds      float64
	}
	Problem string
}

func (a limitsAnswer) find(where, ends string) string {
	for _, l := range a.Limits {
		if l.Where == where && strings.HasPrefix(l.Ends, ends) {
			return l.Kind + " " + l.Limit + " " + l.Key + " " + l.Origin
		}
	}
	return "missing"
}

// S0-12: doctor lists every wait with its limit, those of PostgreSQL too, and finds those without an end until somebody bounds them,
// or writes them so.
func TestDoctorListsTheLimitsOfAllWaits(t *testing.T) {
	t.Parallel()
	db := pgtest.Database(t)
	s := newSite(t, db)
	s.set("database.limits.reports.statement_timeout", "10m")
	want := []string{
		"warning limit_endless idle_in_transaction_session_timeout", "warning limit_endless statement_timeout",
	}
	r, code := s.examined()
	if got := r.of("limits"); !slices.Equal(got, want) || code != 0 {
		t.Errorf("doctor ends with %d and finds %q, want %q", code, got, want)
	}
	for _, f := range r.Findings {
		if f.Subject == "idle_in_transaction_session_timeout" && !strings.Contains(f.Hint, `write idle_in_transaction_timeout = "30s" into [database.limits.reports]`) {
			t.Errorf("the hint names no class: %q", f.Hint)
		}
	}
	answer := ask[limitsAnswer](s, "doctor", "limits")
	expect := func(where, ends, want string) {
		t.Helper()
		if got := answer.find(where, ends); got != want {
			t.Errorf("%s, %s: %q, want %q", where, ends, got, want)
		}
	}
	expect("class reports", "57014", "bounded 10m database.limits.reports.statement_timeout HOLDFAST_DATABASE__LIMITS__REPORTS__STATEMENT_TIMEOUT")
	expect("class reports", "55P03", "by_parts in parts database.limits.reports.lock_timeout PostgreSQL, default")
	expect("people without a class", "57014", "endless never  PostgreSQL, default")
	expect("endpoint 127.0.0.1:0", "53300", "bounded 5s database.options.pool.timeout default")
	expect("Holdfast's own statements", "57014", "bounded 30s  fixed")
	if len(answer.Server) != 3 || answer.Problem != "" {
		t.Errorf("the server's own: %+v, %q", answer.Server, answer.Problem)
	}
	db.Exec(t, `ALTER DATABASE "`+db.Name+`" SET statement_timeout = '5min'`, `ALTER DATABASE "`+db.Name+`" SET idle_in_transaction_session_timeout = 0`)
	r, _ = s.examined()
	answer = ask[limitsAnswer](s, "doctor", "limits")
	expect("people without a class", "57014", "theirs 5m  PostgreSQL, database")
	expect("people without a class", "25P03", "endless never  PostgreSQL, database")
	if got := r.of("limits"); len(got) != 0 {
		t.Errorf("doctor finds %q of limits that somebody wrote", got)
	}
	if got := r.remarks("limits"); !strings.Contains(got, "the next statement of a transaction (people without a class): no limit, written so in PostgreSQL, database") {
		t.Errorf("doctor remarks %q", got)
	}
	if out := s.Must("doctor", "limits"); !strings.Contains(out, "people without a class\n") || !strings.Contains(out, "database.limits.reports.statement_timeout") {
		t.Errorf("for people:\n%s", out)
	}
}

// S0-12, doctor without anything that runs: what cannot be asked is said, and a mistake in the configuration is all mistakes.
func TestDoctorSaysWhatItCouldNotLookAt(t *testing.T) {
	t.Parallel()
	s := bounded(t)
	s.set("edge.upstreams", `["http://127.0.0.1:1"]`)
	r, code := s.examined()
	if got := r.of("daemon"); !slices.Equal(got, []string{"info not_running "}) || code != 0 {
		t.Errorf("doctor ends with %d and finds %q", code, got)
	}
	if got := r.of("exposure"); !slices.Equal(got, []string{"info exposure_unexamined server http://127.0.0.1:1"}) {
		t.Errorf("it finds %q", got)
	}
	away := s.twin().set("database.host", "127.0.0.1", "database.port", "1")
	r, code = away.examined()
	if got := r.of("limits"); !slices.Equal(got, []string{"warning limits_unknown "}) || code != 7 || r.Worst != "error" {
		t.Errorf("without a database doctor ends with %d and finds %q", code, got)
	}
	if bad := s.twin().set("edge.upstream.timeouts.idle", "0").Run("doctor"); bad.Code != 3 || !strings.Contains(bad.Stderr, "every wait needs an end") {
		t.Errorf("a wait without an end ends with %d:\n%s", bad.Code, bad.Stderr)
	}
}

// A daemon that runs tells what it has found: here an application that does not answer.
func TestDoctorAsksTheRunningDaemon(t *testing.T) {
	t.Parallel()
	s := bounded(t)
	s.set("edge.upstreams", `["http://127.0.0.1:1"]`)
	s.serve()
	lifecycletest.Until(t, program.CallLimit, "the application is missed", func() bool { return s.Run("status").Code == 7 })
	r, code := s.examined()
	if got := r.of("daemon"); !slices.Contains(got, "error part_edge edge") || code != 7 {
		t.Errorf("doctor ends with %d and finds %q", code, got)
	}
	if got := r.of("exposure"); !slices.Contains(got, "warning exposure_unexamined edge, host localhost") {
		t.Errorf("doctor finds %q", got)
	}
}

// S0-01: a site has data of two kinds, and status has both as parts of their own.
func TestStatusHasDatabaseAndStoreOfFilesAsPartsOfTheirOwn(t *testing.T) {
	t.Parallel()
	s := newSite(t, pgtest.Database(t))
	s.serve()
	type status struct {
		Sections []struct {
			Name, State, Summary string
			Facts                map[string]any
		}
	}
	facts := map[string]map[string]any{}
	for _, part := range ask[status](s, "status").Sections {
		facts[part.Name] = part.Facts
		if part.State != "ok" || part.Summary == "" {
			t.Errorf("%s is %q: %q", part.Name, part.State, part.Summary)
		}
	}
	if facts["database"]["version"] == nil || facts["store"]["kind"] != "disk" || facts["store"]["root"] == nil {
		t.Errorf("database %v, store %v", facts["database"], facts["store"])
	}
	out := s.Must("status")
	for _, line := range []string{"ok       database   attached PostgreSQL", "ok       store      files on disk"} {
		if !strings.Contains(out, line) {
			t.Errorf("status does not say %q but:\n%s", line, out)
		}
	}
}
