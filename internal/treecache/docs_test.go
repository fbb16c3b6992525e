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

// snippet returns the program that the page prints.
func snippet(t *testing.T) string {
	t.Helper()
	var program strings.Builder
	for line := range strings.Lines(section(t)) {
		code, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented && (program.Len() > 0 || strings.HasPrefix(code, "import fcntl")):
			program.WriteString(code)
		case line == "\n" && program.Len() > 0:
			program.WriteString(line)
		case program.Len() > 0:
			return program.String()
		}
	}
	return program.String()
}

// talker is a Python process that takes leases as the page says.
type talker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startTalker(t *testing.T) *talker {
	t.Helper()
	p := &talker{cmd: exec.Command("/usr/bin/python3", "-c", snippet(t)+`
import sys
for line in sys.stdin:
    view, key = line.rstrip("\n").split("\t")
    held = lease(view, [key])
    print("no" if held is None else "yes", flush=True)
    if held is not None:
        sys.stdin.readline()
        os.close(held)
        print("closed", flush=True)
`)}
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out, p.cmd.Stderr = bufio.NewReader(out), os.Stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%v: apt-get install python3", err)
	}
	t.Cleanup(func() {
		_ = p.in.Close()
		if err := p.cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// want says a line and checks the answer.
func (p *talker) want(t *testing.T, answer, format string, args ...any) {
	t.Helper()
	if _, err := fmt.Fprintf(p.in, format+"\n", args...); err != nil {
		t.Fatal(err)
	}
	got, err := p.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got) != answer {
		t.Errorf("%s: %q; want %q", fmt.Sprintf(format, args...), got, answer)
	}
}

// The documented protocol, run as it is printed: while a Python process holds its lease, what it saw stays.
func TestTheDocumentedProtocolKeepsFiles(t *testing.T) {
	t.Parallel()
	p := startTalker(t)
	s := newSite(t, small)
	r := s.world.mustCourse(t, 8, 0)
	const key = "question:topic1/q1"
	dir := filepath.Join(s.o.Root, "views", "physics", r.view.Commit.String())
	p.want(t, "no", "%s\t%s", dir, key)
	res, l := ensure(t, s.cache, r, r.pick(key, "elements"))
	l.Release()
	p.want(t, "yes", "%s\t%s", dir, key)
	s.fill(t, 1, 30)
	for _, k := range []string{key, "elements"} {
		if err := r.compare(res.Dir, r.chunk(k)); err != nil {
			t.Errorf("while it is leased: %v", err)
		}
	}
	p.want(t, "closed", "end")
	s.fill(t, 30, 60)
	p.want(t, "no", "%s\t%s", dir, key)
}
