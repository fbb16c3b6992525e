package disk_test

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
)

// open makes or opens a store in the directory.
func open(t *testing.T, root string) *disk.Store {
	t.Helper()
	s, err := disk.Open(disk.Options{Root: root, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openNarrow does the same with four shards, unless the run is a long one.
func openNarrow(t *testing.T, root string) *disk.Store {
	t.Helper()
	if soaking() {
		return open(t, root)
	}
	s, err := disk.OpenNarrow(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// openTuned makes or opens a store with other settings than usual.
func openTuned(t *testing.T, root string, change func(*disk.Tuning)) *disk.Store {
	t.Helper()
	s, err := disk.OpenTuned(root, change)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put stores data with a sidecar, which may be nil.
func put(t *testing.T, s blob.Store, name blob.Name, data, sidecar []byte) {
	t.Helper()
	opts := blob.PutOptions{Size: int64(len(data))}
	if sidecar != nil {
		opts.Sidecar = func() ([]byte, error) { return sidecar, nil }
	}
	if _, err := s.Put(t.Context(), name, bytes.NewReader(data), opts); err != nil {
		t.Fatal(err)
	}
}

// memoryDir returns a new directory in memory, where the machine has one: for tests of what is done, not of what survives.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// wantFiles compares the files below the root, sentinel and journal left out, with a list of paths.
func wantFiles(t *testing.T, root string, want ...string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(root, path); err == nil && !e.IsDir() && rel != ".holdfast-store" && filepath.Dir(rel) != ".holdfast-journal" {
			got = append(got, rel)
		}
		return err
	})
	if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the store's files are %v, %v, want %v", got, err, want)
	}
}

// S0-30, S0-33, S3-05: the default store keeps the whole contract.
func TestStoreKeepsTheContract(t *testing.T) {
	roots := newRoots(t.TempDir())
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, roots.take(t)) })
}

// S1-30: what NFS cannot do is not needed.
func TestStoreKeepsTheContractWithoutAnythingSpecial(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		s := open(t, memoryDir(t))
		s.Degrade()
		return s
	})
}

func TestStoreKeepsTheContractOnKernelsWithoutOpenat2(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		s := open(t, memoryDir(t))
		s.WithoutOpenat2()
		return s
	})
}

// Two processes share one root without locks; every other call comes from the other one. One of them works as on NFS.
func TestTwoStoresOnOneRootKeepTheContract(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		root := memoryDir(t)
		first, second := open(t, root), open(t, root)
		second.Degrade()
		return &pair{[2]blob.Store{first, second}}
	})
}

// pair passes each call to one of two stores.
type pair struct{ stores [2]blob.Store }

func (p *pair) any() blob.Store { return p.stores[rand.IntN(2)] }

func (p *pair) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	return p.any().Open(ctx, name)
}

func (p *pair) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	return p.any().Stat(ctx, name)
}

func (p *pair) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	return p.any().Sidecar(ctx, name)
}

func (p *pair) Put(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	return p.any().Put(ctx, name, body, opts)
}

func (p *pair) Compose(ctx context.Context, name blob.Name, parts []blob.Name, opts blob.PutOptions) (blob.Info, error) {
	return p.any().Compose(ctx, name, parts, opts)
}

func (p *pair) Delete(ctx context.Context, name blob.Name) error { return p.any().Delete(ctx, name) }

func (p *pair) Move(ctx context.Context, from, to blob.Name) error {
	return p.any().Move(ctx, from, to)
}

func (p *pair) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	return p.any().List(ctx, prefix, after, yield)
}

func (p *pair) Check(ctx context.Context) error { return p.any().Check(ctx) }

// S0-35: nobody but the owner gets at the files, and nothing of a failed write is left.
func TestFilesAreTheOwnersAlone(t *testing.T) {
	t.Parallel()
	root := filepath.Join(memoryDir(t), "new", "media")
	s := open(t, root)
	put(t, s, "blobs/00/a", []byte("x"), []byte("small"))
	s.Degrade()
	put(t, s, "other/dir/a", []byte("x"), make([]byte, blob.MaxSidecar))
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err == nil && info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	wantFiles(t, root, "blobs/00/a", "other/dir/.a.meta", "other/dir/a")
}

// S0-35: no path leads out of the root, not even through links that somebody laid inside.
func TestSymbolicLinksInsideTheRootAreNotFollowed(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, walked := range []bool{false, true} {
		root := memoryDir(t)
		s := open(t, root)
		if walked {
			s.WithoutOpenat2()
		}
		for from, to := range map[string]string{"file": "secret", "dir": ".", "blobs/ab/file": "secret", "blobs/zz": "."} {
			if err := os.Symlink(filepath.Join(outside, to), filepath.Join(root, from)); err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []blob.Name{"file", "dir/secret", "blobs/ab/file", "blobs/zz/secret"} {
			if b, err := s.Open(t.Context(), name); err == nil {
				b.Close()
				t.Errorf("walked %v: Open(%s) followed a symbolic link", walked, name)
			}
			if _, err := s.Put(t.Context(), name, strings.NewReader("x"), blob.PutOptions{Size: 1}); err == nil {
				t.Errorf("walked %v: Put(%s) followed a symbolic link", walked, name)
			}
			if err := s.Link(t.Context(), name, filepath.Join(t.TempDir(), "link")); err == nil {
				t.Errorf("walked %v: Link(%s) followed a symbolic link", walked, name)
			}
			_ = s.Delete(t.Context(), name)
		}
		if err := s.List(t.Context(), "", "", func(info blob.Info) bool {
			t.Errorf("walked %v: List yields %s", walked, info.Name)
			return true
		}); err != nil {
			t.Errorf("walked %v: List: %v", walked, err)
		}
	}
	wantFiles(t, outside, "secret")
}
