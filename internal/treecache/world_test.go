package treecache_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// file is what git knows of a file.
type file struct {
	content string // the target, of a link
	mode    treepack.Mode
}

// memory is a treepack.Source.
type memory struct {
	format treepack.Format
	trees  map[treepack.ID][]byte
	blobs  map[treepack.ID][]byte
}

func newMemory(f treepack.Format) *memory {
	return &memory{f, map[treepack.ID][]byte{}, map[treepack.ID][]byte{}}
}

func (m *memory) Tree(_ context.Context, id treepack.ID) ([]byte, error) {
	if raw, ok := m.trees[id]; ok {
		return raw, nil
	}
	return nil, treepack.ErrMissing
}

func (m *memory) Size(_ context.Context, id treepack.ID) (int64, error) {
	if b, ok := m.blobs[id]; ok {
		return int64(len(b)), nil
	}
	return 0, treepack.ErrMissing
}

func (m *memory) Blob(_ context.Context, id treepack.ID) (io.ReadCloser, error) {
	if b, ok := m.blobs[id]; ok {
		return io.NopCloser(bytes.NewReader(b)), nil
	}
	return nil, treepack.ErrMissing
}

// tree adds the tree of files, whose paths are below it.
func (m *memory) tree(files map[string]file) treepack.ID {
	dirs := map[string]map[string]file{}
	var entries []treepack.Entry
	for path, f := range files {
		name, rest, deeper := strings.Cut(path, "/")
		if deeper {
			if dirs[name] == nil {
				dirs[name] = map[string]file{}
			}
			dirs[name][rest] = f
			continue
		}
		id := treepack.HashObject(m.format, "blob", []byte(f.content))
		m.blobs[id] = []byte(f.content)
		entries = append(entries, treepack.Entry{Name: name, Mode: f.mode, ID: id})
	}
	for name, below := range dirs {
		entries = append(entries, treepack.Entry{Name: name, Mode: treepack.ModeDir, ID: m.tree(below)})
	}
	order := func(e treepack.Entry) string {
		if e.Mode.Kind() == treepack.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	slices.SortFunc(entries, func(a, b treepack.Entry) int { return strings.Compare(order(a), order(b)) })
	raw := treepack.AppendTree(nil, entries)
	id := treepack.HashObject(m.format, "tree", raw)
	m.trees[id] = raw
	return id
}

// below returns the files below a directory, with paths from there.
func below(files map[string]file, dir string) map[string]file {
	if dir == "" {
		return files
	}
	out := map[string]file{}
	for path, f := range files {
		if rest, ok := strings.CutPrefix(path, dir+"/"); ok {
			out[rest] = f
		}
	}
	return out
}

// world is a source with packs in a directory, for this process and for others that make the same world.
type world struct {
	memory *memory
	packs  string // directory
	limits treepack.Limits
	log    *os.File // one line for each download, of all processes

	mu      sync.Mutex
	packed  map[treepack.PartID]treepack.Part
	fetches atomic.Int64
}

// newWorld makes parts of at most 8 KiB, so that a course has all kinds of them.
func newWorld(tb testing.TB, dir string, f treepack.Format) *world {
	tb.Helper()
	w, err := makeWorld(dir, f)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = w.log.Close() })
	return w
}

func makeWorld(dir string, f treepack.Format) (*world, error) {
	log, err := os.OpenFile(filepath.Join(dir, "fetched"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return &world{
		memory: newMemory(f), packs: filepath.Join(dir, "packs"), limits: treepack.Limits{Part: 8 << 10},
		log: log, packed: map[treepack.PartID]treepack.Part{},
	}, err
}

// chunk packs a directory of the files.
func (w *world) chunk(key, path string, files map[string]file, whole bool) (treecache.Chunk, error) {
	return w.treeChunk(key, path, w.memory.tree(below(files, path)), whole)
}

func (w *world) treeChunk(key, path string, tree treepack.ID, whole bool) (treecache.Chunk, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ctx := context.Background()
	pieces, err := treepack.Plan(ctx, w.memory, tree, w.limits)
	if err != nil {
		return treecache.Chunk{}, err
	}
	for i := range pieces {
		id := pieces[i].Part.ID
		part, ok := w.packed[id]
		if !ok {
			var pack bytes.Buffer
			if part, err = treepack.Pack(ctx, &pack, w.memory, id, w.limits); err != nil {
				return treecache.Chunk{}, err
			}
			if err := w.store(part, pack.Bytes()); err != nil {
				return treecache.Chunk{}, err
			}
			w.packed[id] = part
		}
		pieces[i].Part = part
	}
	return treecache.Chunk{Key: key, Path: path, Tree: tree, Pieces: pieces, Whole: whole}, nil
}

func (w *world) packPath(part treepack.Part) string {
	return filepath.Join(w.packs, filepath.FromSlash(part.BlobName()))
}

// store writes a pack under its name, at once and only once.
func (w *world) store(part treepack.Part, pack []byte) error {
	path := w.packPath(part)
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temp := fmt.Sprintf("%s.%d.%d", path, os.Getpid(), time.Now().UnixNano())
	if err := os.WriteFile(temp, pack, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, path)
}

// fetch is the store.
func (w *world) fetch(_ context.Context, part treepack.Part) (io.ReadCloser, error) {
	w.fetches.Add(1)
	if _, err := fmt.Fprintln(w.log, part.BlobName()); err != nil {
		return nil, err
	}
	return os.Open(w.packPath(part))
}

// revision is a commit with its chunks.
type revision struct {
	view   treecache.View
	files  map[string]file
	chunks []treecache.Chunk
}

func (r *revision) chunk(key string) treecache.Chunk {
	i := slices.IndexFunc(r.chunks, func(c treecache.Chunk) bool { return c.Key == key })
	if i < 0 {
		panic("no chunk " + key)
	}
	return r.chunks[i]
}

func (r *revision) pick(keys ...string) []treecache.Chunk {
	out := make([]treecache.Chunk, len(keys))
	for i, key := range keys {
		out[i] = r.chunk(key)
	}
	return out
}

// courseFiles returns a course of so many questions after n changes: each changes a fifth of the questions, one file of
// serverFilesCourse and, now and then, the elements. Every content tells its path and version.
func courseFiles(questions, n int) map[string]file {
	files := map[string]file{}
	put := func(path string, mode treepack.Mode, size, version int) {
		text := fmt.Sprintf("%s %d\n", path, version)
		files[path] = file{text + strings.Repeat(fmt.Sprintf("%x ", len(path)+version), size/3), mode}
	}
	for q := range questions {
		dir := fmt.Sprintf("questions/topic%d/q%d", q%3, q)
		version := (n + q%5) / 5
		put(dir+"/info.json", treepack.ModeFile, 60, version)
		put(dir+"/question.html", treepack.ModeFile, 900, version)
		put(dir+"/server.py", treepack.ModeFile, 1200, 0)
		put(dir+"/clientFilesQuestion/picture one.svg", treepack.ModeFile, 2000, 0)
	}
	for s := range 9 {
		put(fmt.Sprintf("serverFilesCourse/lib%d/pkg/m%d.py", s%3, s), treepack.ModeFile, 2500, (n+s)/9)
		files[fmt.Sprintf("serverFilesCourse/lib%d/pkg/__init__.py", s%3)] = file{"", treepack.ModeFile}
	}
	put("serverFilesCourse/run.sh", treepack.ModeExec, 100, 0)
	put("serverFilesCourse/big.bin", treepack.ModeExec, 30_000, n/4)
	put("elements/box/box.py", treepack.ModeFile, 3000, n/7)
	put("elements/box/info.json", treepack.ModeFile, 50, 0)
	files["elements/box/link.py"] = file{"box.py", treepack.ModeLink}
	files["elements/box/far.py"] = file{"../../serverFilesCourse/lib0/pkg/m0.py", treepack.ModeLink}
	return files
}

// course returns a revision of the course.
func (w *world) course(questions, n int) (*revision, error) {
	files := courseFiles(questions, n)
	r := &revision{files: files}
	r.view = treecache.View{Source: "physics", Commit: treepack.HashObject(w.memory.format, "commit", fmt.Append(nil, questions, n))}
	add := func(key, path string, whole bool) error {
		ch, err := w.chunk(key, path, files, whole)
		r.chunks = append(r.chunks, ch)
		return err
	}
	if err := add("elements", "elements", true); err != nil {
		return nil, err
	}
	if err := add("serverFilesCourse", "serverFilesCourse", true); err != nil {
		return nil, err
	}
	for q := range questions {
		id := fmt.Sprintf("topic%d/q%d", q%3, q)
		if err := add("question:"+id, "questions/"+id, false); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (w *world) mustCourse(tb testing.TB, questions, n int) *revision {
	tb.Helper()
	r, err := w.course(questions, n)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// compare says how a chunk in a view differs from what git has.
func (r *revision) compare(dir string, ch treecache.Chunk) error {
	return compareFiles(filepath.Join(dir, ch.Path), below(r.files, ch.Path))
}

func compareFiles(root string, want map[string]file) error {
	rest := maps.Clone(want)
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil || d.IsDir() {
			return err
		}
		f, ok := rest[rel]
		if !ok {
			return fmt.Errorf("%s should not be there", path)
		}
		delete(rest, rel)
		return compareFile(path, f)
	})
	if err != nil {
		return err
	}
	for path := range rest {
		return fmt.Errorf("%s is missing in %s", path, root)
	}
	return nil
}

func compareFile(path string, want file) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if want.mode == treepack.ModeLink {
		target, err := os.Readlink(path)
		if err == nil && target != want.content {
			err = fmt.Errorf("%s points to %q; want %q", path, target, want.content)
		}
		return err
	}
	mode := fs.FileMode(0o444)
	if want.mode.Kind() == treepack.Exec {
		mode = 0o555
	}
	if info.Mode() != mode {
		return fmt.Errorf("%s has mode %v; want %v", path, info.Mode(), mode)
	}
	got, err := os.ReadFile(path)
	if err == nil && string(got) != want.content {
		err = fmt.Errorf("%s has %d bytes %.40q; want %d bytes %.40q", path, len(got), got, len(want.content), want.content)
	}
	return err
}
