package gitrepo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
	"holdfast/internal/lifecycle/lifecycletest"
	"holdfast/internal/treepack"
)

// withBig returns a mirror of a course with a big file, the reader, and the ids of the tree, a small blob and the big one.
func withBig(t *testing.T, format string) (r *gitrepo.Repo, o *gitrepo.Objects, tree, small, big treepack.ID) {
	t.Helper()
	opt := tiny(format)
	opt.Oddities, opt.BigBytes = []coursegen.Oddity{coursegen.BigFile}, 3<<20
	c := generate(t, opt)
	r = open(t, options(t, c.Dir))
	fetch(t, r, "")
	at := "HEAD:" + coursegen.BigFile.Path()
	return r, objects(t, r), id(t, git(t, c.Dir, "rev-parse", at)), id(t, git(t, c.Dir, "rev-parse", at+"/question.html")),
		id(t, git(t, c.Dir, "rev-parse", at+"/big.bin"))
}

func TestObjectsAreReadWholeAndByManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		_, o, tree, small, big := withBig(t, format)
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 20 {
					readOne(t, o, tree, small)
				}
				content, err := slurp(t, o, big)
				if err != nil || treepack.HashObject(big.Format(), "blob", content) != big {
					t.Errorf("big blob: %d bytes, %v", len(content), err)
				}
			})
		}
		all.Wait()
	}
}

func readOne(t *testing.T, o *gitrepo.Objects, tree, small treepack.ID) {
	raw, err := o.Tree(t.Context(), tree)
	if err != nil || treepack.HashObject(tree.Format(), "tree", raw) != tree {
		t.Errorf("tree: %d bytes, %v", len(raw), err)
	}
	content, err := slurp(t, o, small)
	size, sizeErr := o.Size(t.Context(), small)
	if err != nil || sizeErr != nil || size != int64(len(content)) || treepack.HashObject(small.Format(), "blob", content) != small {
		t.Errorf("small blob: %d bytes, size %d, %v, %v", len(content), size, err, sizeErr)
	}
}

func TestATreeCanBeReadWhileABigBlobIsOpen(t *testing.T) {
	t.Parallel()
	_, o, tree, small, big := withBig(t, "sha1")
	streams := make([]io.ReadCloser, 4) // as many as there are
	for i := range streams {
		s, err := o.Blob(t.Context(), big)
		if err != nil {
			t.Fatal(err)
		}
		streams[i] = s
	}
	readOne(t, o, tree, small)
	for _, s := range streams[1:] {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	content, err := io.ReadAll(streams[0])
	if err != nil || treepack.HashObject(big.Format(), "blob", content) != big {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func TestWhatIsMissingOrOfAnotherKindIsTold(t *testing.T) {
	t.Parallel()
	_, o, tree, small, _ := withBig(t, "sha1")
	absent := treepack.HashObject(treepack.SHA1, "blob", []byte("nobody has this"))
	other := treepack.HashObject(treepack.SHA256, "blob", []byte("nobody has this"))
	f := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v; want %v", what, err, want)
		}
	}
	for _, id := range []treepack.ID{absent, other} {
		_, err := o.Tree(t.Context(), id)
		f("missing tree", err, treepack.ErrMissing)
		_, err = o.Size(t.Context(), id)
		f("size of a missing blob", err, treepack.ErrMissing)
		_, err = o.Blob(t.Context(), id)
		f("missing blob", err, treepack.ErrMissing)
	}
	_, err := o.Tree(t.Context(), small)
	f("a blob as a tree", err, treepack.ErrTree)
	_, err = o.Blob(t.Context(), tree)
	f("a tree as a blob", err, treepack.ErrTree)
	readOne(t, o, tree, small)
}

// children returns the processes below this one that serve a mirror.
func children(t *testing.T, dir string) []int {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, proc := range procs {
		cwd, err := os.Readlink(proc + "/cwd")
		line, _ := os.ReadFile(proc + "/cmdline") // a process may end meanwhile: then it is none of them
		pid, _ := strconv.Atoi(filepath.Base(proc))
		if err == nil && cwd == dir && bytes.Contains(line, []byte("cat-file")) && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestAProcessThatIsKilledIsReplaced(t *testing.T) {
	t.Parallel()
	r, o, tree, small, big := withBig(t, "sha1")
	readOne(t, o, tree, small)
	stream, err := o.Blob(t.Context(), big)
	if err != nil {
		t.Fatal(err)
	}
	begin := make([]byte, 100_000)
	if _, err := io.ReadFull(stream, begin); err != nil {
		t.Fatal(err)
	}
	pids := children(t, r.Dir())
	if len(pids) != 3 {
		t.Fatalf("processes %v; want three", pids)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	rest, err := io.ReadAll(stream)
	if err != nil || treepack.HashObject(big.Format(), "blob", append(begin, rest...)) != big {
		t.Errorf("after the kill: %d bytes more, %v", len(rest), err)
	}
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	readOne(t, o, tree, small)
}

func TestCallsEndWithTheirContextAndTheReaderGoesOn(t *testing.T) {
	t.Parallel()
	_, o, tree, small, big := withBig(t, "sha1")
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := o.Blob(ctx, big)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		_, err := stream.Read(make([]byte, 64<<10))
		if err == nil {
			return errors.New("it reads on")
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("read after the end: %v", err)
		}
		return nil
	})
	if err := stream.Close(); err != nil {
		t.Error(err)
	}
	if _, err := o.Tree(ctx, tree); !errors.Is(err, context.Canceled) {
		t.Errorf("tree after the end: %v", err)
	}
	readOne(t, o, tree, small)
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	lifecycletest.NoLeak(t)
	r, o, tree, small, big := withBig(t, "sha1")
	readOne(t, o, tree, small)
	forgotten, err := o.Blob(t.Context(), big)
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for {
				if _, err := o.Tree(t.Context(), tree); err != nil {
					if !errors.Is(err, gitrepo.ErrClosed) {
						t.Errorf("tree while closing: %v", err)
					}
					return
				}
			}
		})
	}
	drained := make(chan error, 1)
	go func() { // ends with the process of the stream
		_, err := io.Copy(io.Discard, slowly{forgotten})
		drained <- err
	}()
	if err := o.Close(); err != nil {
		t.Error(err)
	}
	readers.Wait()
	if err := <-drained; err != nil && !errors.Is(err, gitrepo.ErrClosed) {
		t.Errorf("read while closing: %v", err)
	}
	if pids := children(t, r.Dir()); len(pids) > 0 {
		t.Errorf("processes %v are left", pids)
	}
	if _, err := o.Size(t.Context(), small); !errors.Is(err, gitrepo.ErrClosed) {
		t.Errorf("size after close: %v", err)
	}
	if err := forgotten.Close(); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
}

// slowly reads a little at a time.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), 512)]) }

func TestNewCommitsAreSeenByAReaderThatStays(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha1"))
	r := open(t, options(t, c.Dir))
	fetch(t, r, "")
	o := objects(t, r)
	for range 3 {
		info, err := r.Commit(t.Context(), id(t, c.Head))
		if err != nil {
			t.Fatal(err)
		}
		walk(t, o, info.Tree)
		commit(t, c, coursegen.OneQuestion)
		fetch(t, r, "")
	}
}

// Written as treepack uses it: plan, pack and unpack a course that comes out of git.
func TestTreepackReadsThroughIt(t *testing.T) {
	t.Parallel()
	c := generate(t, tiny("sha256"))
	r := open(t, options(t, c.Dir))
	info, err := r.Commit(t.Context(), id(t, fetch(t, r, "")))
	if err != nil {
		t.Fatal(err)
	}
	limits := treepack.Limits{Part: 256 << 10, Plain: 1 << 30, Files: 10_000, Depth: 100, Blob: 1 << 30}
	pieces, err := treepack.Plan(t.Context(), objects(t, r), info.Tree, limits)
	if err != nil || len(pieces) == 0 {
		t.Fatalf("plan: %d pieces, %v", len(pieces), err)
	}
	if !strings.Contains(pieces[0].Part.ID.String(), "-") {
		t.Errorf("part %s", pieces[0].Part.ID)
	}
}
