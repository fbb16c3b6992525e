package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/fault"
)

// wantUnavailable fails the test unless err is ErrUnavailable and says what to do.
func wantUnavailable(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, blob.ErrUnavailable) || fault.HintOf(err) == "" {
		t.Errorf("%s: %v (hint %q), want ErrUnavailable with a hint", what, err, fault.HintOf(err))
	}
}

func TestAnEmptyOrMissingDirectoryIsAStoreThatIsNotMounted(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	for _, root := range []string{dir, filepath.Join(dir, "missing")} {
		_, err := disk.Open(disk.Options{Root: root})
		wantUnavailable(t, "Open", err)
	}
	wantFiles(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open without Create made the directory: %v", err)
	}
}

func TestAStoreIsMadeOnlyInAnEmptyDirectory(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	if err := os.WriteFile(filepath.Join(root, "thesis.odt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := disk.Open(disk.Options{Root: root, Create: true})
	if fault.CodeOf(err) != "store_foreign" || fault.HintOf(err) == "" {
		t.Errorf("Open: %v", err)
	}
	wantFiles(t, root, "thesis.odt")
}

func TestACreationThatWasCutShortIsFinished(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	if err := os.MkdirAll(filepath.Join(root, "blobs", "00"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ".tmp-ABC"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, root), "blobs/00/a", []byte("x"), nil)
	again, err := disk.Open(disk.Options{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAStoreOfAnotherFormatIsRefused(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	if err := os.WriteFile(filepath.Join(root, ".holdfast-store"), []byte("holdfast blob store, format 9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := disk.Open(disk.Options{Root: root, Create: true})
	if fault.CodeOf(err) != "store_format" || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("Open: %v", err)
	}
}

func TestCheckNoticesThatTheRootWasReplaced(t *testing.T) {
	t.Parallel()
	root := filepath.Join(memoryDir(t), "media")
	s := open(t, root)
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(root, root+".gone"); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, "Check of a removed root", s.Check(t.Context()))
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, "Check of a replaced root", s.Check(t.Context()))
}

func TestCheckNoticesThatTheSentinelIsGone(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := open(t, root)
	if err := os.Remove(filepath.Join(root, ".holdfast-store")); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, "Check", s.Check(t.Context()))
}

func TestADirectoryThatSomebodyRemovedIsMadeAgain(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := open(t, root)
	if err := os.RemoveAll(filepath.Join(root, "blobs")); err != nil {
		t.Fatal(err)
	}
	put(t, s, "blobs/00/a", []byte("x"), nil)
	wantFiles(t, root, "blobs/00/a")
}

func TestAFreeSpaceReserveRefusesBeforeAByteIsRead(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	open(t, root)
	s, err := disk.Open(disk.Options{Root: root, Reserve: 1 << 60})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, size := range []int64{0, 1, 1 << 40} {
		body := strings.NewReader("x")
		_, err = s.Put(t.Context(), "blobs/00/a", body, blob.PutOptions{Size: size})
		if !errors.Is(err, blob.ErrFull) || fault.HintOf(err) == "" || body.Len() != 1 {
			t.Errorf("Put of %d bytes: %v (hint %q), %d of 1 byte unread", size, err, fault.HintOf(err), body.Len())
		}
	}
	if _, err = s.Put(t.Context(), "blobs/00/a", strings.NewReader("x"), blob.PutOptions{Size: -1}); !errors.Is(err, blob.ErrFull) {
		t.Errorf("Put of an unknown size: %v, want ErrFull", err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, blob.ErrFull) {
		t.Errorf("Check: %v, want ErrFull", err)
	}
	wantFiles(t, root)
}
