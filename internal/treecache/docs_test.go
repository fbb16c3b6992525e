package treecache_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"holdfast/internal/treecache"
)

// section returns what docs/formats.md says about the cache.
func section(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "\n## The local cache\n")
	if !ok {
		t.Fatal("docs/formats.md has no section on the local cache")
	}
	rest, _, _ = strings.Cut(rest, "\n## ")
	return rest
}

func TestTheDocumentedMarkersAreThoseOfTheCode(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\|$").FindAllStringSubmatch(section(t), -1)
	if len(rows) < 3 {
		t.Fatalf("only %d examples", len(rows))
	}
	for _, row := range rows {
		if got := treecache.MarkerName(row[1]); got != row[2] {
			t.Errorf("the marker of %q is %q; the page says %q", row[1], got, row[2])
		}
	}
}

// The documented protocol, run as it is printed: while a Python process holds its lease, what it saw stays.
func TestTheDocumentedProtocolKeepsFiles(t *testing.T) {
	t.Parallel()
	var program strings.Builder
	for line := range strings.Lines(section(t)) {
		if code, ok := strings.CutPrefix(line, "    "); ok && (program.Len() > 0 || strings.HasPrefix(code, "import fcntl")) {
			program.WriteString(code)
		} else if program.Len() > 0 && line == "\n" {
			program.WriteString("\n")
		} else if program.Len() > 0 {
			break
		}
	}
	program.WriteString(`
import sys
for line in sys.stdin:
    view, key = line.rstrip("\n").split("\t")
    held = lease(view, [key])
    print("no" if held is None else "yes", flush=True)
    if held is not None:
        sys.stdin.readline()
        os.close(held)
        print("closed", flush=True)
`)
	cmd := exec.Command("/usr/bin/python3", "-c", program.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: apt-get install python3", err)
	}
	defer func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	out := bufio.NewReader(pipe)
	say := func(format string, args ...any) string {
		t.Helper()
		if _, err := fmt.Fprintf(in, format+"\n", args...); err != nil {
			t.Fatal(err)
		}
		answer, err := out.ReadString('\n')
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}

	s := newSite(t, small)
	r := s.world.mustCourse(t, 8, 0)
	key := "question:topic1/q1"
	dir := filepath.Join(s.o.Root, "views", "physics", r.view.Commit.String())
	if got := say("%s\t%s", dir, key); got != "no" {
		t.Errorf("before there is a view: %s", got)
	}
	res, l := ensure(t, s.cache, r, r.pick(key, "elements"))
	l.Release()
	if got := say("%s\t%s", dir, key); got != "yes" {
		t.Fatalf("lease: %s", got)
	}
	s.fill(t, 1, 30)
	for _, k := range []string{key, "elements"} {
		if err := r.compare(res.Dir, r.chunk(k)); err != nil {
			t.Errorf("while it is leased: %v", err)
		}
	}
	if got := say("end"); got != "closed" {
		t.Errorf("end: %s", got)
	}
	s.fill(t, 30, 60)
	if got := say("%s\t%s", dir, key); got != "no" {
		t.Errorf("after its eviction: %s", got)
	}
}
