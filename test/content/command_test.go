package content_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/content"
	"holdfast/internal/coursegen"
)

// S4-02, S4-33 (one node: one binary that does everything), S4-38 … S4-42, E-48, Q-16: the commands as a person uses them, in the order in which one would.
func TestTheCommandsTellWhatTheyDo(t *testing.T) {
	t.Parallel()
	course := newCourse(t, coursegen.Options{Seed: 81, Questions: 12, Oddities: []coursegen.Oddity{coursegen.LinkEscape, coursegen.CaseCollision}})
	s := newSite(t)
	if out := s.Must("content", "add", "course", course.Dir); !strings.Contains(out, "content.sources.course") {
		t.Errorf("add says:\n%s", out)
	}
	if r := s.Run("content", "add", "course", course.Dir); r.Code != 6 || !strings.Contains(r.Stderr, "hint: ") {
		t.Errorf("add of what is there ends with %d:\n%s", r.Code, r.Stderr)
	}
	if r := s.Run("content", "list"); r.Code != 7 || !strings.Contains(r.Stderr, "holdfast serve") {
		t.Errorf("list without a daemon ends with %d:\n%s", r.Code, r.Stderr)
	}
	n := s.serve()
	n.sync()
	commit(t, course, coursegen.OneQuestion, coursegen.Add)
	out := s.Run("content", "sync", "course")
	if out.Code != 11 || !strings.Contains(out.Stdout, "link-escape") {
		t.Errorf("sync ends with %d and names no rejected chunk:\n%s%s", out.Code, out.Stdout, out.Stderr)
	}
	commit(t, course, coursegen.OneQuestion)
	r := decode[content.Report](t, s.Run("content", "sync", "course", "--json"), 11)
	if !r.Published || r.Commit != course.Head || len(r.Changes.Changed) != 1 || r.Uploaded.Parts != 1 || len(r.Rejected) != 1 || r.Reused.Parts == 0 {
		t.Errorf("the report of a sync: %+v", r)
	}
	if _, err := course.Write(t.Context(), "The link goes", map[string][]byte{coursegen.LinkEscape.Path(): nil}); err != nil {
		t.Fatal(err)
	}
	s.Must("content", "sync", "course")
	truth := newCheckouts(course.Dir, "")
	q := course.Questions()[0]
	dir := strings.TrimSpace(s.Must("content", "ensure", "course", "render:"+q))
	compare(t, "content ensure", list(t, dir).below("questions/"+q), truth.of(t, course.Head).below("questions/"+q))
	path := strings.TrimSpace(s.Must("content", "path", "course", "questions/"+q+"/info.json"))
	if data, err := os.ReadFile(path); err != nil || !json.Valid(data) {
		t.Errorf("content path gives %s: %v", path, err)
	}
	wantExits(t, s, course)
	wantServed(t, n, truth.of(t, course.Head))
	wantKeeping(t, s, course)
}

// wantServed fetches a file as a browser does, at the address that the command prints.
func wantServed(t *testing.T, n *node, files listing) {
	t.Helper()
	path := ""
	for p := range files.below("clientFilesCourse") {
		path = max(path, p)
	}
	u := ask[content.URLAnswer](n.site, "content", "url", "course", path)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, n.edge+u.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if got := fmt.Sprintf("%d bytes %x", len(data), sha256.Sum256(data)); err != nil || resp.StatusCode != http.StatusOK || got != files[path] {
		t.Errorf("%s is served with status %d as %s, %v; git has %s", u.Path, resp.StatusCode, got, err, files[path])
	}
	if !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") || resp.Header.Get("ETag") == "" {
		t.Errorf("headers of %s: %v", path, resp.Header)
	}
}

// decode reads the answer of a command that ends with a code.
func decode[T any](t *testing.T, r result, code int) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil || r.Code != code {
		t.Fatalf("%v; the exit code is %d, want %d:\n%s%s", err, r.Code, code, r.Stdout, r.Stderr)
	}
	return v
}

// wantExits fails unless mistakes end with the codes that the help promises, and say what to do.
func wantExits(t *testing.T, s *site, course *coursegen.Course) {
	t.Helper()
	for _, c := range []struct {
		args string
		code int
	}{
		{"ensure course question:no/such", 4},
		{"ensure nosuch elements", 4},
		{"ensure course elements --revision 0000000", 4},
		{"ensure course elements --revision " + course.Head[:8], 0},
		{"path course no/such/file", 4},
		{"show nosuch", 4},
		{"sync nosuch", 4},
		{"purge course elements", 2},
		{"pin course", 2},
	} {
		for _, format := range []string{"", " --json"} {
			r := s.Run(append([]string{"content"}, strings.Fields(c.args+format)...)...)
			if r.Code != c.code || c.code == 4 && !strings.Contains(r.Stderr, "hint") {
				t.Errorf("content %s%s ends with %d, want %d:\n%s%s", c.args, format, r.Code, c.code, r.Stdout, r.Stderr)
			}
		}
	}
}

// wantKeeping tries what keeps and removes.
func wantKeeping(t *testing.T, s *site, course *coursegen.Course) {
	t.Helper()
	for _, args := range []string{
		"list", "show course", "show course --chunks", "pin course --name exam --for 30d", "unpin course --name exam",
		"prefetch course", "gc --dry-run", "gc", "scrub --list", "regenerate course",
	} {
		text := s.Must(append([]string{"content"}, strings.Fields(args+" --json")...)...)
		if !json.Valid([]byte(text)) {
			t.Errorf("content %s --json prints:\n%s", args, text)
		}
		s.Must(append([]string{"content"}, strings.Fields(args)...)...)
	}
	q := course.Questions()[1]
	dir := strings.TrimSpace(s.Must("content", "ensure", "course", "question:"+q))
	s.Must("content", "purge", "course", "questions/"+q+"/info.json", "--reason", "a secret")
	if _, err := os.Stat(filepath.Join(dir, "questions", q, "info.json")); !os.IsNotExist(err) {
		t.Errorf("what was purged is still there: %v", err)
	}
	if r := s.Run("content", "ensure", "course", "question:"+q); r.Code != 4 {
		t.Errorf("ensure of what was purged ends with %d:\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// S4-40, E-57, E-58: each bad source has an error of its own that names it and says what to do; the good one beside them is
// not harmed, and the bad one is told by list.
func TestEachBadSourceIsToldWithItsReason(t *testing.T) {
	t.Parallel()
	good := newCourse(t, coursegen.Options{Seed: 82, Questions: 4})
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s (apt-get install openssh-client)", err, out)
	}
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	s := newSite(t).source("good", good.Dir).
		source("branch", good.Dir, "branch", "no-such-branch").
		source("root", good.Dir, "root", "no/such/root").
		source("nothing", filepath.Join(empty, "nothing")).
		source("directory", empty).
		source("unreachable", "ssh://git@"+nobody(t)+"/course.git", "deploy_key", string(private)).
		source("web", "http://"+nobody(t)+"/course.git")
	s.serve()
	for _, c := range []struct {
		source string
		codes  []int
		says   string
	}{
		{"branch", []int{4}, "no-such-branch"},
		{"root", []int{4, 5}, "no/such/root"},
		{"nothing", []int{4, 7}, "nothing"},
		{"directory", []int{4, 5, 7}, "repository"},
		{"unreachable", []int{7}, "127.0.0.1"},
		{"web", []int{7}, "127.0.0.1"},
	} {
		r := s.Run("content", "sync", c.source)
		ok := false
		for _, code := range c.codes {
			ok = ok || r.Code == code
		}
		if !ok || !strings.Contains(r.Stderr, c.says) || !strings.Contains(r.Stderr, "hint: ") || !strings.Contains(r.Stderr, c.source) {
			t.Errorf("sync of the source %s ends with %d:\n%s", c.source, r.Code, r.Stderr)
		}
	}
	s.Must("content", "sync", "good")
	s.Must("content", "ensure", "good", "elements")
	text := s.Must("content", "list")
	for _, source := range []string{"branch", "root", "nothing", "directory", "unreachable", "web", "good"} {
		if !strings.Contains(text, source) {
			t.Errorf("list does not name %s:\n%s", source, text)
		}
	}
	if r := s.Run("content", "ensure", "branch", "elements"); r.Code != 4 {
		t.Errorf("ensure of a source that was never published ends with %d:\n%s", r.Code, r.Stderr)
	}
}

// nobody returns an address at which nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
