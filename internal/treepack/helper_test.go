package treepack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast/internal/treepack"
)

func formats() []treepack.Format { return []treepack.Format{treepack.SHA1, treepack.SHA256} }

// eachFormat runs a test for both hash formats.
func eachFormat(t *testing.T, test func(t *testing.T, f treepack.Format)) {
	t.Helper()
	for _, f := range formats() {
		t.Run(f.String(), func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

// store is a source in memory.
type store struct {
	format treepack.Format
	trees  map[treepack.ID][]byte
	blobs  map[treepack.ID][]byte
}

func newStore(f treepack.Format) *store {
	return &store{format: f, trees: map[treepack.ID][]byte{}, blobs: map[treepack.ID][]byte{}}
}

func (s *store) Tree(_ context.Context, id treepack.ID) ([]byte, error) {
	if raw, ok := s.trees[id]; ok {
		return raw, nil
	}
	return nil, fmt.Errorf("tree %s: %w", id, treepack.ErrMissing)
}

func (s *store) Size(_ context.Context, id treepack.ID) (int64, error) {
	if b, ok := s.blobs[id]; ok {
		return int64(len(b)), nil
	}
	return 0, fmt.Errorf("blob %s: %w", id, treepack.ErrMissing)
}

func (s *store) Blob(_ context.Context, id treepack.ID) (io.ReadCloser, error) {
	if b, ok := s.blobs[id]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return nil, fmt.Errorf("blob %s: %w", id, treepack.ErrMissing)
}

func (s *store) blob(content string) treepack.ID {
	id := treepack.HashObject(s.format, "blob", []byte(content))
	s.blobs[id] = []byte(content)
	return id
}

func (s *store) raw(raw []byte) treepack.ID {
	id := treepack.HashObject(s.format, "tree", raw)
	s.trees[id] = raw
	return id
}

func (s *store) tree(entries ...treepack.Entry) treepack.ID {
	return s.raw(treepack.AppendTree(nil, entries))
}

func (s *store) file(name, content string) treepack.Entry {
	return treepack.Entry{Name: name, Mode: treepack.ModeFile, ID: s.blob(content)}
}

func (s *store) exec(name, content string) treepack.Entry {
	return treepack.Entry{Name: name, Mode: treepack.ModeExec, ID: s.blob(content)}
}

func (s *store) link(name, target string) treepack.Entry {
	return treepack.Entry{Name: name, Mode: treepack.ModeLink, ID: s.blob(target)}
}

func (s *store) dir(name string, entries ...treepack.Entry) treepack.Entry {
	return treepack.Entry{Name: name, Mode: treepack.ModeDir, ID: s.tree(entries...)}
}

// padded writes a tree as programs did that put a zero in front of modes.
func padded(entries ...treepack.Entry) []byte {
	var raw []byte
	for _, e := range entries {
		raw = treepack.AppendTree(append(raw, '0'), []treepack.Entry{e})
	}
	return raw
}

// small makes a tree with one of everything.
func (s *store) small() treepack.ID {
	return s.tree(
		s.file("a b", "spaces\n"), s.file("empty", ""), s.exec("run.sh", "#!/bin/sh\n"), s.link("up", "../x"),
		s.dir("sub", s.file("\xff\xfe", "no UTF-8"), s.dir("deep", s.file("x", strings.Repeat("x", 300)))),
		treepack.Entry{Name: "legacy", Mode: 0o100664, ID: s.blob("old")},
	)
}

// random makes a tree of about n files with sizes up to max, the same for the same seed.
func (s *store) random(rng *rand.Rand, n, largest int) treepack.ID {
	if n <= 3 {
		return s.tree(s.fill(rng, n, largest)...)
	}
	entries := s.fill(rng, n/4, largest)
	for i := range 3 {
		name := fmt.Sprintf("d%d", i)
		entries = append(entries, treepack.Entry{Name: name, Mode: treepack.ModeDir, ID: s.random(rng, n/4, largest)})
	}
	return s.tree(entries...)
}

func (s *store) fill(rng *rand.Rand, n, largest int) []treepack.Entry {
	var entries []treepack.Entry
	for i := range n {
		e := s.file(fmt.Sprintf("f%d", i), text(rng, rng.IntN(largest+1)))
		switch rng.IntN(20) {
		case 0:
			e.Mode = treepack.ModeExec
		case 1:
			e.Mode, e.ID = treepack.ModeLink, s.blob(fmt.Sprintf("../f%d", rng.IntN(100)))
		}
		entries = append(entries, e)
	}
	return entries
}

// text returns n bytes that compress about as source files do.
func text(rng *rand.Rand, n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "<pl-number-input answers-name=\"c%d\" label=\"$%x$\">\n", rng.IntN(1000), rng.Uint32())
	}
	return b.String()[:n]
}

func pack(tb testing.TB, src treepack.Source, id treepack.PartID, l treepack.Limits) ([]byte, treepack.Part) {
	tb.Helper()
	var out bytes.Buffer
	part, err := treepack.Pack(context.Background(), &out, src, id, l)
	if err != nil {
		tb.Fatal(err)
	}
	if part.ID != id || part.Packed != int64(out.Len()) {
		tb.Fatalf("part %+v of a pack of %d bytes", part, out.Len())
	}
	return out.Bytes(), part
}

// whole packs a tree as one part.
func whole(tb testing.TB, src treepack.Source, tree treepack.ID) ([]byte, treepack.Part) {
	tb.Helper()
	return pack(tb, src, treepack.PartID{Kind: treepack.WholeTree, ID: tree}, treepack.Limits{})
}

// memory is a sink that remembers: kind and content by path.
type memory struct {
	files map[string]string
	kept  treepack.Kept
}

func newMemory() *memory { return &memory{files: map[string]string{}, kept: treepack.Kept{}} }

func (m *memory) put(path, value string) error {
	if _, ok := m.files[path]; ok {
		return fmt.Errorf("%q comes twice", path)
	}
	if dir := filepath.Dir(path); path != "" && dir != "." && m.files[dir] != "dir" {
		return fmt.Errorf("%q comes before its directory", path)
	}
	m.files[path] = value
	return nil
}

func (m *memory) Dir(path string) error { return m.put(path, "dir") }

func (m *memory) File(path string, exec bool, size int64, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("the sink was told: %w", err)
	}
	if int64(len(b)) != size {
		return fmt.Errorf("%d bytes; want %d", len(b), size)
	}
	return m.put(path, fmt.Sprintf("file exec=%v %s", exec, b))
}

func (m *memory) Link(path, target string) error { return m.put(path, "link "+target) }

func (m *memory) Keep(path string, raw []byte) error {
	m.kept[path] = bytes.Clone(raw)
	return nil
}

// disk is a sink that writes files as a cache does.
type disk struct {
	root string
	kept treepack.Kept
}

func newDisk(t testing.TB) *disk {
	return &disk{root: filepath.Join(t.TempDir(), "part"), kept: treepack.Kept{}}
}

func (d *disk) path(path string) string {
	if path == "" {
		return d.root
	}
	return d.root + "/" + path
}

func (d *disk) Dir(path string) error { return os.Mkdir(d.path(path), 0o755) }

func (d *disk) File(path string, exec bool, _ int64, r io.Reader) error {
	f, err := os.OpenFile(d.path(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	mode := os.FileMode(0o444)
	if exec {
		mode = 0o555
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	return f.Close()
}

func (d *disk) Link(path, target string) error { return os.Symlink(target, d.path(path)) }

func (d *disk) Keep(path string, raw []byte) error {
	d.kept[path] = bytes.Clone(raw)
	return nil
}

func unpack(tb testing.TB, data []byte, part treepack.Part) *memory {
	tb.Helper()
	m := newMemory()
	if err := treepack.Unpack(bytes.NewReader(data), part, m); err != nil {
		tb.Fatal(err)
	}
	return m
}

// expect returns what a sink must receive of a whole tree, found without the package's packer.
func (s *store) expect(tb testing.TB, tree treepack.ID) map[string]string {
	tb.Helper()
	out := map[string]string{}
	s.walk(tb, out, "", tree)
	return out
}

func (s *store) walk(tb testing.TB, out map[string]string, path string, tree treepack.ID) {
	tb.Helper()
	out[path] = "dir"
	entries, err := treepack.ParseTree(s.format, s.trees[tree])
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		below := strings.TrimPrefix(path+"/"+e.Name, "/")
		switch k := e.Mode.Kind(); k {
		case treepack.Dir:
			s.walk(tb, out, below, e.ID)
		case treepack.Link:
			out[below] = "link " + string(s.blobs[e.ID])
		case treepack.File, treepack.Exec:
			out[below] = fmt.Sprintf("file exec=%v %s", k == treepack.Exec, s.blobs[e.ID])
		case treepack.Submodule, treepack.Other:
		}
	}
}

func sameFiles(tb testing.TB, got, want map[string]string) {
	tb.Helper()
	for _, path := range slices.Sorted(maps.Keys(want)) {
		if got[path] != want[path] {
			tb.Errorf("%q is %.80q; want %.80q", path, got[path], want[path])
		}
	}
	for path := range got {
		if _, ok := want[path]; !ok {
			tb.Errorf("%q is there: %.80q", path, got[path])
		}
	}
}

func sum(plain []byte) [32]byte { return sha256.Sum256(plain) }

// rebuild makes the tree of what a sink received.
func (s *store) rebuild(files map[string]string, dir string) treepack.ID {
	var entries []treepack.Entry
	for path, value := range files {
		name, below := strings.CutPrefix(path, dir+"/")
		if dir == "" {
			name, below = path, path != ""
		}
		if !below || strings.Contains(name, "/") {
			continue
		}
		switch {
		case value == "dir":
			entries = append(entries, treepack.Entry{Name: name, Mode: treepack.ModeDir, ID: s.rebuild(files, path)})
		case strings.HasPrefix(value, "link "):
			entries = append(entries, s.link(name, value[len("link "):]))
		case strings.HasPrefix(value, "file exec=true "):
			entries = append(entries, s.exec(name, value[len("file exec=true "):]))
		default:
			entries = append(entries, s.file(name, value[len("file exec=false "):]))
		}
	}
	return s.tree(entries...)
}
