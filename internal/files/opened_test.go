package files

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/objects"
)

// fileBlob is an open blob that is a file.
type fileBlob struct{ *os.File }

func (fileBlob) Info() blob.Info { return blob.Info{} }

// openFor keeps a new file open under the id.
func openFor(t *testing.T, s *opened, id byte, now time.Time) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	s.keep(objects.BlobID{id}, fileBlob{f}, f, now)
	return f
}

func isOpen(f *os.File) bool {
	_, err := f.Stat()
	return err == nil
}

func TestAFileIsKeptOpenOnceAndOnlyWhileItIsWanted(t *testing.T) {
	t.Parallel()
	s, now := newOpened(), time.Unix(1000, 0)
	first := openFor(t, s, 1, now)
	if second := openFor(t, s, 1, now); isOpen(second) || !isOpen(first) {
		t.Error("the same file is open twice, or not at all")
	}
	o, ok := s.borrow(objects.BlobID{1}, now)
	if !ok || o.file != first {
		t.Fatal("it cannot be borrowed")
	}
	s.sweep(func(*openFile) bool { return true })
	if !isOpen(first) {
		t.Error("closed under its user's hands")
	}
	if _, ok := s.borrow(objects.BlobID{1}, now); ok {
		t.Error("a file that is dropped is lent again")
	}
	o.release()
	s.sweep(func(*openFile) bool { return false })
	if isOpen(first) {
		t.Error("not closed after its last user")
	}
}

func TestTheFileThatIsUnusedForLongestMakesRoom(t *testing.T) {
	t.Parallel()
	s, now := newOpened(), time.Unix(1000, 0)
	var all []*os.File
	for i := range maxOpened {
		all = append(all, openFor(t, s, byte(i), now.Add(time.Duration(i)*time.Second)))
	}
	if _, ok := s.borrow(objects.BlobID{0}, now.Add(time.Hour)); !ok {
		t.Fatal("it cannot be borrowed")
	}
	next, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	s.keep(objects.BlobID{0, 1}, fileBlob{next}, next, now.Add(time.Hour))
	if !isOpen(all[0]) || isOpen(all[1]) || !isOpen(all[2]) || !isOpen(next) {
		t.Errorf("open: %v %v %v %v", isOpen(all[0]), isOpen(all[1]), isOpen(all[2]), isOpen(next))
	}
	s.sweep(func(*openFile) bool { return true })
	for i, f := range all[1:] {
		if isOpen(f) {
			t.Fatalf("file %d is still open", i+1)
		}
	}
}
