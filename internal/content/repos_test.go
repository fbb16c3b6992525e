package content

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/treepack"
)

// reading counts the processes that work in a directory.
func reading(t *testing.T, dir string) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir+"/") {
			n++
		}
	}
	return n
}

// a thousand sources do not mean a thousand processes.
func TestMirrorsStayOpenWithABoundedNumberOfProcesses(t *testing.T) {
	t.Parallel()
	course, err := coursegen.Generate(t.Context(), filepath.Join(t.TempDir(), "course.git"), coursegen.Options{Seed: 1, Questions: 2})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var m repos
	m.begin()
	const sources = reposAwake + 3
	for i := range sources {
		name := fmt.Sprintf("s%02d", i)
		opened, err := gitrepo.Open(t.Context(), gitrepo.Options{Dir: filepath.Join(dir, name), URL: course.Dir})
		if err != nil {
			t.Fatal(err)
		}
		head, err := opened.Fetch(t.Context(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := opened.Reader().Commit(t.Context(), head); err != nil {
			t.Fatal(err)
		}
		if m.take(name, SourceConfig{}) != nil {
			t.Errorf("%s was open before anybody opened it", name)
		}
		m.give(&repo{Repo: opened, name: name})
	}
	if n := reading(t, dir); n != reposAwake {
		t.Errorf("%d processes read mirrors; want %d", n, reposAwake)
	}
	m.tire(reposAwake, 0)
	if n := reading(t, dir); n != 0 {
		t.Errorf("%d processes read mirrors that were not used for long", n)
	}
	used := m.take("s00", SourceConfig{})
	if used == nil || m.take("s00", SourceConfig{}) != nil {
		t.Fatal("a mirror belongs to one at a time")
	}
	if _, err := used.Reader().Commit(t.Context(), headOf(t, course)); err != nil {
		t.Errorf("a mirror whose processes ended: %v", err)
	}
	m.end()
	m.give(used)
	if n := reading(t, dir); n != 0 {
		t.Errorf("%d processes are left at the end", n)
	}
}

func TestTheIndexesOfMirrorsAreBounded(t *testing.T) {
	t.Parallel()
	var m repos
	m.begin()
	for _, name := range []string{"a", "b", "c"} {
		r := &repo{Repo: &gitrepo.Repo{}, name: name, used: time.Now()}
		r.remember(Publication{Source: name, Seq: 1, Index: "i1"}, make([]byte, indexesKept/2))
		if data, ok := r.stored(Publication{Index: "i1"}); !ok || len(data) != indexesKept/2 {
			t.Error("the index that was remembered is not at hand")
		}
		if _, ok := r.stored(Publication{Index: "i2"}); ok {
			t.Error("another index is at hand")
		}
		m.give(r)
	}
	kept := 0
	for _, name := range []string{"a", "b", "c"} {
		if _, ok := m.take(name, SourceConfig{}).stored(Publication{Index: "i1"}); ok {
			kept++
		}
	}
	if kept != 2 || m.bytes != 0 {
		t.Errorf("%d indexes kept, %d bytes counted after all were taken; want 2 and 0", kept, m.bytes)
	}
}

func headOf(t *testing.T, c *coursegen.Course) treepack.ID {
	t.Helper()
	id, err := treepack.ParseID(c.Head)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
