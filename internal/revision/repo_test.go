package revision_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"holdfast/internal/revision"
	"holdfast/internal/treepack"
)

// files is a tree: content by path. "link:", "exec:", "sub:" and "lost:" before the content make a symbolic link, an executable, a
// submodule, and a file whose blob the repository does not have. "mode:0777:" sets the mode.
type files map[string]string

func (f files) with(more files) files {
	out := maps.Clone(f)
	maps.Copy(out, more)
	return out
}

// without removes paths and everything in them.
func (f files) without(paths ...string) files {
	out := maps.Clone(f)
	for path := range f {
		for _, p := range paths {
			if path == p || strings.HasPrefix(path, p+"/") {
				delete(out, path)
			}
		}
	}
	return out
}

// repo is a repository in memory that counts what is read of it.
type repo struct {
	format treepack.Format
	mu     sync.Mutex // protects the following
	trees  map[treepack.ID][]byte
	blobs  map[treepack.ID][]byte
	reads  map[string]int // by "tree", "size", "blob"
	fail   error          // what every read fails with
}

func newRepo(f treepack.Format) *repo {
	return &repo{format: f, trees: map[treepack.ID][]byte{}, blobs: map[treepack.ID][]byte{}, reads: map[string]int{}}
}

// put stores a tree and returns its id.
func (r *repo) put(f files) treepack.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tree(f)
}

func (r *repo) tree(f files) treepack.ID {
	dirs := map[string]files{}
	var entries []treepack.Entry
	for path, content := range f {
		name, rest, inDir := strings.Cut(path, "/")
		if !inDir {
			entries = append(entries, r.leaf(name, content))
			continue
		}
		if dirs[name] == nil {
			dirs[name] = files{}
		}
		dirs[name][rest] = content
	}
	for name, sub := range dirs {
		entries = append(entries, treepack.Entry{Name: name, Mode: treepack.ModeDir, ID: r.tree(sub)})
	}
	raw := treepack.AppendTree(nil, entries)
	id := treepack.HashObject(r.format, "tree", raw)
	r.trees[id] = raw
	return id
}

func (r *repo) leaf(name, content string) treepack.Entry {
	kind, rest, ok := strings.Cut(content, ":")
	e := treepack.Entry{Name: name, Mode: treepack.ModeFile}
	if !ok {
		rest = content
	}
	switch kind {
	case "link":
		e.Mode = treepack.ModeLink
	case "exec":
		e.Mode = treepack.ModeExec
	case "sub":
		e.Mode = treepack.ModeSubmodule
	case "lost":
	case "mode":
		var m uint32
		_, _ = fmt.Sscanf(rest, "%o:%s", &m, &rest)
		e.Mode = treepack.Mode(m)
	default:
		rest = content
	}
	e.ID = treepack.HashObject(r.format, "blob", []byte(rest))
	if kind != "lost" && kind != "sub" {
		r.blobs[e.ID] = []byte(rest)
	}
	return e
}

func (r *repo) read(kind string, from map[treepack.ID][]byte, id treepack.ID) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads[kind]++
	if r.fail != nil {
		return nil, r.fail
	}
	content, ok := from[id]
	if !ok {
		return nil, fmt.Errorf("%s %s: %w", kind, id, treepack.ErrMissing)
	}
	return content, nil
}

func (r *repo) Tree(_ context.Context, id treepack.ID) ([]byte, error) {
	return r.read("tree", r.trees, id)
}

func (r *repo) Size(_ context.Context, id treepack.ID) (int64, error) {
	content, err := r.read("size", r.blobs, id)
	return int64(len(content)), err
}

func (r *repo) Blob(_ context.Context, id treepack.ID) (io.ReadCloser, error) {
	content, err := r.read("blob", r.blobs, id)
	return io.NopCloser(bytes.NewReader(content)), err
}

// count returns how many reads there were since the last call.
func (r *repo) count() (all int, by map[string]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by, r.reads = r.reads, map[string]int{}
	for _, n := range by {
		all += n
	}
	return all, by
}

// course returns the preset of that name.
func course() revision.Preset { return revision.Presets()["course"] }

// build makes an index with the preset "course", packed.
func (r *repo) build(t testing.TB, f files, o revision.BuildOptions) *revision.Index {
	t.Helper()
	return r.buildAs(t, course(), f, o)
}

func (r *repo) buildAs(t testing.TB, p revision.Preset, f files, o revision.BuildOptions) *revision.Index {
	t.Helper()
	ix, err := revision.Build(t.Context(), r, r.put(f), p, o)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	r.pack(t, ix, o.Limits)
	return ix
}

// pack packs what is new, and returns how many parts that were.
func (r *repo) pack(t testing.TB, ix *revision.Index, l treepack.Limits) int {
	t.Helper()
	if l == (treepack.Limits{}) {
		l = treepack.DefaultLimits()
	}
	src, parts := ix.Overlay(r), ix.Unpacked()
	for _, id := range parts {
		part, err := treepack.Pack(t.Context(), io.Discard, src, id, l)
		if err != nil {
			t.Fatalf("pack %s: %v", id, err)
		}
		ix.Fill(part)
	}
	return len(parts)
}

func keys(ix *revision.Index) []string {
	var out []string
	for _, c := range ix.Chunks {
		out = append(out, c.Key)
	}
	return out
}

// verdicts returns "code path" of each, with " kept" behind it if the old content stays.
func verdicts(list []revision.Rejection) []string {
	out := []string{}
	for _, r := range list {
		v := r.Code + " " + r.Path
		if r.Kept {
			v += " kept"
		}
		out = append(out, v)
	}
	return out
}

func expect(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// bothFormats runs a test for SHA-1 and SHA-256 repositories.
func bothFormats(t *testing.T, f func(t *testing.T, r *repo)) {
	t.Helper()
	for _, format := range []treepack.Format{treepack.SHA1, treepack.SHA256} {
		t.Run(format.String(), func(t *testing.T) {
			t.Parallel()
			f(t, newRepo(format))
		})
	}
}
