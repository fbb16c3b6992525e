package treepack_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"holdfast/internal/treepack"
)

// unpacked is a part on disk.
type unpacked struct {
	*disk
	part treepack.Part
}

func unpackedKinds(t *testing.T, f treepack.Format) map[treepack.PartKind]unpacked {
	t.Helper()
	out := map[treepack.PartKind]unpacked{}
	for part, data := range kinds(t, f) {
		d := newDisk(t)
		if err := treepack.Unpack(bytes.NewReader(data), part, d); err != nil {
			t.Fatal(err)
		}
		out[part.ID.Kind] = unpacked{d, part}
	}
	return out
}

func (u unpacked) verify() error {
	return treepack.VerifyDir(context.Background(), u.root, u.part, u.kept)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnpackedPartsOfEveryKindAreVerified(t *testing.T) {
	t.Parallel()
	eachFormat(t, func(t *testing.T, f treepack.Format) {
		for kind, u := range unpackedKinds(t, f) {
			if err := u.verify(); err != nil {
				t.Errorf("%c: %v", kind, err)
			}
			other := u.part
			other.Plain++
			if err := treepack.VerifyDir(t.Context(), u.root, other, u.kept); !errors.Is(err, treepack.ErrCorrupt) {
				t.Errorf("%c of another size: %v", kind, err)
			}
			other = u.part
			other.Files++
			if err := treepack.VerifyDir(t.Context(), u.root, other, u.kept); !errors.Is(err, treepack.ErrCorrupt) {
				t.Errorf("%c of more files: %v", kind, err)
			}
		}
	})
}

// What a crash leaves behind, file by file: none of it passes for the part.
func TestDamagedDirectoriesAreRefused(t *testing.T) {
	t.Parallel()
	damages := map[string]func(t *testing.T, path string){
		"truncated":  func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) },
		"longer":     func(t *testing.T, path string) { appendTo(t, path, "\x00") },
		"gone":       func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"renamed":    func(t *testing.T, path string) { must(t, os.Rename(path, path+"x")) },
		"executable": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o111^mode(t, path))) },
		"writable":   func(t *testing.T, path string) { must(t, os.Chmod(path, 0o200|mode(t, path))) },
		"a pipe": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, unix.Mkfifo(path, 0o444))
		},
		"a link": func(t *testing.T, path string) {
			must(t, os.Rename(path, t.TempDir()+"/moved"))
			must(t, os.Symlink("/dev/null", path))
		},
		"a directory": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o755))
		},
		"more beside": func(t *testing.T, path string) { must(t, os.WriteFile(path+".more", nil, 0o444)) },
	}
	for what, damage := range damages {
		for kind, files := range map[treepack.PartKind][]string{
			treepack.WholeTree: {"a b", "run.sh", "legacy", "sub/\xff\xfe", "sub/deep/x"}, treepack.OwnFiles: {"x"},
		} {
			for _, file := range files {
				u := unpackedKinds(t, treepack.SHA1)[kind]
				damage(t, u.root+"/"+file)
				if err := u.verify(); !errors.Is(err, treepack.ErrCorrupt) {
					t.Errorf("%c, %q %s: %v", kind, file, what, err)
				}
			}
		}
	}
}

func mode(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Mode().Perm()
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Chmod(path, 0o600))
	must(t, os.WriteFile(path, append(b, text...), 0o600))
	must(t, os.Chmod(path, 0o444))
}

func TestLinksAndBigBlobsAreVerified(t *testing.T) {
	t.Parallel()
	u := unpackedKinds(t, treepack.SHA256)[treepack.WholeTree]
	must(t, os.Remove(u.root+"/up"))
	must(t, os.Symlink("../y", u.root+"/up"))
	if err := u.verify(); !errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("a link to another place: %v", err)
	}
	u = unpackedKinds(t, treepack.SHA256)[treepack.BigBlob]
	must(t, os.Chmod(u.root, 0o755))
	if err := u.verify(); err != nil {
		t.Errorf("the mode of a big blob is its piece's affair: %v", err)
	}
	appendTo(t, u.root, "x")
	if err := u.verify(); !errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("a big blob with a byte more: %v", err)
	}
	must(t, os.Remove(u.root))
	if err := u.verify(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a big blob that is gone: %v", err)
	}
}

// Of an OwnFiles part, what is left out must not lie there, and what is in it must.
func TestOwnFilesAreVerifiedWithTheTreeThatWasKept(t *testing.T) {
	t.Parallel()
	u := unpackedKinds(t, treepack.SHA1)[treepack.OwnFiles]
	must(t, os.WriteFile(u.root+"/big", []byte(strings.Repeat("big ", 300)), 0o444))
	if err := u.verify(); !errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("the big blob lies there: %v", err)
	}
	must(t, os.Remove(u.root+"/big"))
	must(t, os.Mkdir(u.root+"/d", 0o755))
	if err := u.verify(); !errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("the sub-tree lies there: %v", err)
	}
	must(t, os.Remove(u.root+"/d"))
	must(t, u.verify())
	u.kept[""] = append(bytes.Clone(u.kept[""]), 0)
	if err := u.verify(); err == nil {
		t.Error("a damaged raw tree passes")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := treepack.VerifyDir(ctx, u.root, u.part, u.kept); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestKeptTreesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	k := treepack.Kept{"": []byte("root"), "a/\xff": nil, "b": bytes.Repeat([]byte("x"), 300)}
	data := k.Encode()
	again, err := treepack.ParseKept(data)
	if err != nil || len(again) != 3 || !bytes.Equal(again.Encode(), data) {
		t.Errorf("%q, %v", again, err)
	}
	for i := range data { // what is cut off between two trees is fewer trees, which VerifyDir notices
		if k, err := treepack.ParseKept(data[:i]); err == nil && !bytes.Equal(k.Encode(), data[:i]) {
			t.Errorf("%d bytes of it are read as %q", i, k)
		}
	}
	if _, err := treepack.ParseKept(data[:len(data)-1]); !errors.Is(err, treepack.ErrCorrupt) {
		t.Errorf("cut off: %v", err)
	}
}
