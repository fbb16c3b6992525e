package treecache_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/coursegen"
	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

func git(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v (apt-get install git)", strings.Join(args, " "), err)
	}
	return out
}

// loadRepository reads all trees and blobs of a repository.
func loadRepository(t *testing.T, dir string) *memory {
	t.Helper()
	format, err := treepack.ParseFormat(strings.TrimSpace(string(git(t, dir, "rev-parse", "--show-object-format"))))
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory(format)
	r := bufio.NewReader(bytes.NewReader(git(t, dir, "cat-file", "--batch-all-objects", "--batch")))
	for {
		var digits, kind string
		var size int
		if _, err := fmt.Fscanf(r, "%s %s %d\n", &digits, &kind, &size); err == io.EOF {
			return m
		} else if err != nil {
			t.Fatal(err)
		}
		content := make([]byte, size+1)
		if _, err := io.ReadFull(r, content); err != nil {
			t.Fatal(err)
		}
		id, err := treepack.ParseID(digits)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "tree":
			m.trees[id] = content[:size]
		case "blob":
			m.blobs[id] = content[:size]
		}
	}
}

// entries returns what a tree has.
func (m *memory) entries(t *testing.T, id treepack.ID) []treepack.Entry {
	t.Helper()
	list, err := treepack.ParseTree(m.format, m.trees[id])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// courseChunks splits a course as the preset does, roughly: each directory that has an info.json below questions, and each other directory
// at the top, which is shown whole.
func (w *world) courseChunks(t *testing.T, root treepack.ID) (chunks []treecache.Chunk) {
	t.Helper()
	add := func(key, path string, tree treepack.ID, whole bool) {
		ch, err := w.treeChunk(key, path, tree, whole)
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, ch)
	}
	var questions func(path string, tree treepack.ID)
	questions = func(path string, tree treepack.ID) {
		list := w.memory.entries(t, tree)
		if slices.ContainsFunc(list, func(e treepack.Entry) bool { return e.Name == "info.json" }) {
			add("question:"+path, path, tree, false)
			return
		}
		for _, e := range list {
			if e.Mode.Kind() == treepack.Dir {
				questions(path+"/"+e.Name, e.ID)
			}
		}
	}
	for _, e := range w.memory.entries(t, root) {
		switch {
		case e.Mode.Kind() != treepack.Dir:
		case e.Name == "questions":
			questions("questions", e.ID)
		default:
			add(e.Name, e.Name, e.ID, true)
		}
	}
	return chunks
}

// Differential: for generated courses of both formats, and for any repository named by HOLDFAST_TEST_COURSES, the view is what git checks
// out, in content, mode and links; as chunks of both layouts, and as one chunk at the root.
func TestAViewEqualsGitCheckout(t *testing.T) {
	t.Parallel()
	repositories := map[string]string{}
	for _, format := range []string{"sha1", "sha256"} {
		dir := filepath.Join(memoryDir(t), "repository")
		if _, err := coursegen.Generate(t.Context(), dir, coursegen.Options{Seed: 7, Questions: soak(40, 400), Format: format}); err != nil {
			t.Fatal(err)
		}
		repositories[format] = dir
	}
	for _, dir := range filepath.SplitList(os.Getenv("HOLDFAST_TEST_COURSES")) {
		repositories[filepath.Base(dir)] = dir
	}
	for name, dir := range repositories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareWithGit(t, dir)
		})
	}
}

func compareWithGit(t *testing.T, dir string) {
	s := newSite(t)
	s.world.memory = loadRepository(t, dir)
	s.world.limits = treepack.Limits{Part: 32 << 10}
	tree, err := treepack.ParseID(strings.TrimSpace(string(git(t, dir, "rev-parse", "HEAD^{tree}"))))
	if err != nil {
		t.Fatal(err)
	}
	commit, err := treepack.ParseID(strings.TrimSpace(string(git(t, dir, "rev-parse", "HEAD"))))
	if err != nil {
		t.Fatal(err)
	}
	checkout := filepath.Join(s.dir, "checkout")
	if err := os.Mkdir(checkout, 0o700); err != nil {
		t.Fatal(err)
	}
	index := filepath.Join(s.dir, "index")
	git(t, dir, "--git-dir="+gitDir(t, dir), "read-tree", "--index-output="+index, "HEAD")
	cmd := exec.Command("git", "--git-dir="+gitDir(t, dir), "--work-tree="+checkout, "checkout-index", "-a", "-f")
	cmd.Env = append(os.Environ(), "GIT_INDEX_FILE="+index, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git checkout-index: %v: %s", err, out)
	}

	chunks := s.world.courseChunks(t, tree)
	res, l, err := s.cache.Ensure(t.Context(), treecache.View{Source: "chunks", Commit: commit}, chunks)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	files := 0
	for _, ch := range chunks {
		files += sameTree(t, filepath.Join(checkout, ch.Path), filepath.Join(res.Dir, ch.Path))
	}
	all, err := s.world.treeChunk("all", "", tree, true)
	if err != nil {
		t.Fatal(err)
	}
	res, l, err = s.cache.Ensure(t.Context(), treecache.View{Source: "all", Commit: commit}, []treecache.Chunk{all})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	files += sameTree(t, checkout, res.Dir)
	wantExact(t, s.cache)
	t.Logf("%d chunks, %d files compared, %d parts", len(chunks), files, s.world.fetches.Load())
}

func gitDir(t *testing.T, dir string) string {
	t.Helper()
	return strings.TrimSpace(string(git(t, dir, "rev-parse", "--absolute-git-dir")))
}

// sameTree compares names, kinds, modes, links and content, and returns the number of files.
func sameTree(t *testing.T, want, got string) (files int) {
	t.Helper()
	read := func(root string) map[string]string {
		root, err := filepath.EvalSymlinks(root)
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			rel, relErr := filepath.Rel(root, path)
			if err != nil || relErr != nil {
				return fmt.Errorf("%w %w", err, relErr)
			}
			if top, _, _ := strings.Cut(rel, "/"); top == ".holdfast" || top == ".lease" {
				return nil
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			switch {
			case d.IsDir():
				all[rel] = "directory"
			case d.Type() == fs.ModeSymlink:
				target, err := os.Readlink(path)
				all[rel] = "link to " + target
				return err
			default:
				text, err := os.ReadFile(path)
				all[rel] = fmt.Sprintf("file, executable %v: %s", info.Mode()&0o100 != 0, text)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	w, g := read(want), read(got)
	for path, text := range w {
		if g[path] != text {
			t.Errorf("%s is %.60q; git has %.60q", filepath.Join(got, path), g[path], text)
		}
	}
	for path := range g {
		if _, ok := w[path]; !ok {
			t.Errorf("%s is not in git", filepath.Join(got, path))
		}
	}
	return len(w)
}
