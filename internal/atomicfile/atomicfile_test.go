package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// recorder is a disk that notes the steps and fails the one named in fail.
type recorder struct {
	system
	steps *[]string
	fail  string
}

func (r recorder) note(step string) error {
	*r.steps = append(*r.steps, step)
	if step == r.fail {
		return syscall.EIO
	}
	return nil
}

func (r recorder) sync(f *os.File) error  { return errors.Join(r.note("sync"), r.system.sync(f)) }
func (r recorder) close(f *os.File) error { return errors.Join(r.note("close"), r.system.close(f)) }
func (r recorder) syncDir(d string) error { return errors.Join(r.note("syncDir"), r.system.syncDir(d)) }

func (r recorder) rename(temp, path string) error {
	if err := r.note("rename"); err != nil {
		return err
	}
	return r.system.rename(temp, path)
}

func TestCommitSyncsTheFileBeforeItsNameAndTheDirectoryAfter(t *testing.T) {
	t.Parallel()
	var steps []string
	f, err := create(filepath.Join(t.TempDir(), "f"), 0o600, recorder{steps: &steps})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"sync", "close", "rename", "syncDir"}; !slices.Equal(steps, want) {
		t.Errorf("steps %v; want %v", steps, want)
	}
}

func TestAnyFailingStepIsReportedAndLeavesTheOldContentAndNoRest(t *testing.T) {
	t.Parallel()
	f := func(step, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "f")
		mustWrite(t, path, "old")
		file, err := create(path, 0o600, recorder{steps: new([]string), fail: step})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte("new")); err != nil {
			t.Fatal(err)
		}
		if err := file.Commit(); !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), path) {
			t.Errorf("commit with failing %s: %v; want EIO that names the file", step, err)
		}
		expect(t, path, want)
	}
	f("sync", "old")
	f("close", "old")
	f("rename", "old")
	f("syncDir", "new") // named already; the error says that it may not last
}

func TestWriteFileReplacesContentAndSetsTheModeWhateverTheUmask(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	mustWrite(t, path, "old")
	if err := WriteFile(path, []byte("new"), 0o666); err != nil {
		t.Fatal(err)
	}
	expect(t, path, "new")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("mode %v, %v; want 0666", info.Mode(), err)
	}
}

func TestWriteNewRefusesToReplace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteNew(path, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteNew(path, []byte("second"), 0o600); !errors.Is(err, fs.ErrExist) {
		t.Errorf("second WriteNew: %v; want fs.ErrExist", err)
	}
	expect(t, path, "first")
}

func TestAFileBeingWrittenIsReadableByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	f, err := Create(filepath.Join(t.TempDir(), "f"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.file.Stat()
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode while writing %v, %v; want 0600", info.Mode(), err)
	}
	if err := f.Discard(); err != nil {
		t.Error(err)
	}
}

func TestDiscardLeavesNothingAndIsSafeAgainAndAfterCommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	f, err := Create(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Discard(), f.Discard()); err != nil {
		t.Error(err)
	}
	if _, err := f.Write([]byte("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("write after discard: %v; want fs.ErrClosed", err)
	}
	if err := f.Commit(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("commit after discard: %v; want fs.ErrClosed", err)
	}
	mustWrite(t, path, "kept")
	expect(t, path, "kept")
}

func TestADirectoryThatIsMissingIsNamedInTheError(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	if err := WriteFile(filepath.Join(missing, "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("WriteFile: %v; want fs.ErrNotExist", err)
	}
	if err := SyncDir(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("SyncDir: %v; want fs.ErrNotExist that names the directory", err)
	}
}

func mustWrite(t *testing.T, path, content string) {
	t.Helper()
	if err := WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// expect checks that path holds want and that nothing else is in its directory.
func expect(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("directory holds %v, %v; want one file", entries, err)
	}
}
