package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
	"holdfast/internal/fault"
)

// until waits for something that another goroutine does soon.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("after ten seconds not yet: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}

// journalOnly copies what a crash that loses every blob leaves of a store: the sentinel and the journal.
func journalOnly(t *testing.T, root, to string) {
	t.Helper()
	for _, pattern := range []string{".holdfast-store", ".holdfast-journal/segment-*", ".holdfast-journal/new-*/*"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rel, _ := filepath.Rel(root, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o700), os.WriteFile(filepath.Join(to, rel), data, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// segments returns the files of a store's journal.
func segments(t *testing.T, root string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, ".holdfast-journal/segment-*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// S0-30, S0-33: the store keeps the contract while its journal is settled all the time, and while it never is.
func TestStoreKeepsTheContractWithItsJournal(t *testing.T) {
	for name, tune := range map[string]func(*disk.Tuning){"settled at once": disk.SmallJournal, "settled late": disk.OnlyJournal} {
		t.Run(name, func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s := openTuned(t, memoryDir(t), tune)
				if !s.Journaled() {
					t.Error("there is no journal")
				}
				return s
			})
		})
	}
}

// S0-30: the journal alone is enough: nothing of the files need have come to the disk.
func TestTheJournalAloneBringsBackWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	root, lost := memoryDir(t), memoryDir(t)
	s := openTuned(t, root, disk.OnlyJournal)
	until(t, "there is a journal", s.Journaled)
	put(t, s, "blobs/00/kept", []byte("kept"), []byte("side"))
	put(t, s, "blobs/00/moved", []byte("moved"), nil)
	put(t, s, "blobs/00/deleted", []byte("deleted"), []byte{})
	put(t, s, "blobs/00/again", []byte("first"), nil)
	put(t, s, "other/dir/blob", bytes.Repeat([]byte("x"), 60_000), nil)
	err := errors.Join(s.Move(t.Context(), "blobs/00/moved", "trash/00/moved"), s.Delete(t.Context(), "blobs/00/deleted"),
		s.Delete(t.Context(), "blobs/00/again"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "blobs/00/again", []byte("second"), nil)
	before, err := s.Stat(t.Context(), "blobs/00/kept")
	if err != nil {
		t.Fatal(err)
	}
	journalOnly(t, root, lost)
	if err := os.WriteFile(filepath.Join(lost, ".holdfast-journal/.tmp-x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found := openTuned(t, lost, disk.OnlyJournal)
	wantFiles(t, lost, "blobs/00/again", "blobs/00/kept", "other/dir/blob", "trash/00/moved")
	if _, err := os.Stat(filepath.Join(lost, ".holdfast-journal/.tmp-x")); err == nil {
		t.Error("a segment that was being made is left")
	}
	wantContent(t, found, "blobs/00/again", []byte("second"))
	wantContent(t, found, "blobs/00/kept", []byte("kept"))
	wantContent(t, found, "trash/00/moved", []byte("moved"))
	if side, err := found.Sidecar(t.Context(), "blobs/00/kept"); err != nil || string(side) != "side" {
		t.Errorf("sidecar %q, %v", side, err)
	}
	if after, err := found.Stat(t.Context(), "blobs/00/kept"); err != nil || after != before {
		t.Errorf("%+v, %v, want %+v", after, err, before)
	}
}

// A file that reads well may never have come to the disk; one that is torn does not read well. Both are written again.
func TestAReplayWritesFilesAgainWhateverTheyLookLike(t *testing.T) {
	t.Parallel()
	root, found := memoryDir(t), memoryDir(t)
	s := openTuned(t, root, disk.OnlyJournal)
	until(t, "there is a journal", s.Journaled)
	for i := range 3 {
		put(t, s, blob.Name(fmt.Sprintf("blobs/00/%d", i)), []byte("content"), []byte("side"))
	}
	journalOnly(t, root, found)
	for i, text := range []string{"", "con\x00\x00\x00\x00", "content"} {
		path := filepath.Join(found, "blobs/00", fmt.Sprint(i))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	again := openTuned(t, found, disk.OnlyJournal)
	for i := range 3 {
		name := blob.Name(fmt.Sprintf("blobs/00/%d", i))
		wantContent(t, again, name, []byte("content"))
		if side, err := again.Sidecar(t.Context(), name); err != nil || string(side) != "side" {
			t.Errorf("sidecar of %s: %q, %v", name, side, err)
		}
	}
}

// written returns the segment that has records; there may be one in reserve.
func written(t *testing.T, segments []string) string {
	t.Helper()
	for _, name := range segments {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 8192 && bytes.ContainsFunc(b[4096:8192], func(r rune) bool { return r != 0 }) {
			return name
		}
	}
	t.Fatal("no segment has a record")
	return ""
}

// The last batch may be torn: it was not acknowledged. One before it was: a disk that lost it is not passed over in silence.
func TestATornBatchAtTheEndIsNoneAndOneBeforeIsDamage(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := openTuned(t, root, disk.OnlyJournal)
	until(t, "there is a journal", s.Journaled)
	for i := range 3 { // one after the other: three batches of a page each
		put(t, s, blob.Name(fmt.Sprintf("blobs/00/%d", i)), []byte("content"), nil)
	}
	for page, want := range map[int64]string{1: "damage", 2: "damage", 3: "01"} {
		torn := memoryDir(t)
		journalOnly(t, root, torn)
		f, err := os.OpenFile(written(t, segments(t, torn)), os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte{0xff}, page*4096+80); err != nil {
			t.Fatal(err)
		}
		f.Close()
		got := ""
		found, err := disk.OpenTuned(torn, disk.OnlyJournal)
		if fault.CodeOf(err) == "store_journal_damaged" {
			got = "damage"
		} else if err != nil {
			t.Fatal(err)
		} else {
			err = found.List(t.Context(), "blobs/", "", func(info blob.Info) bool {
				got += string(info.Name[len("blobs/00/"):])
				return true
			})
			if err := errors.Join(err, found.Close()); err != nil {
				t.Error(err)
			}
		}
		if got != want {
			t.Errorf("with page %d torn: %q, want %q", page, got, want)
		}
	}
}

// What somebody uploads may look like a batch and come to lie where the next one is looked for. It is none.
func TestAnUploadedBatchIsNotReplayed(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := openTuned(t, root, disk.OnlyJournal)
	until(t, "there is a journal", s.Journaled)
	put(t, s, "blobs/00/victim", []byte("content"), nil)
	if err := s.Delete(t.Context(), "blobs/00/victim"); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(written(t, segments(t, root)))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	fresh := memoryDir(t)
	next := openTuned(t, fresh, disk.OnlyJournal)
	f, err := os.OpenFile(segments(t, fresh)[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(old[4096:12288], 4096); err != nil { // both batches, at their places, with good checksums
		t.Fatal(err)
	}
	f.Close()
	crashed := memoryDir(t)
	journalOnly(t, fresh, crashed)
	_ = next
	openTuned(t, crashed, disk.OnlyJournal)
	wantFiles(t, crashed)
}

// Closed in peace, a store has no journal: it can be copied, and read by anything.
func TestAClosedStoreHasNoJournal(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s, err := disk.OpenTuned(root, disk.OnlyJournal)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "blobs/00/a", []byte("x"), nil)
	if len(segments(t, root)) == 0 {
		t.Error("there was no journal")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(root, ".holdfast-journal"))
	if err != nil || len(entries) != 1 {
		t.Errorf("the journal holds %v, %v, want the lock alone", entries, err)
	}
	wantFiles(t, root, "blobs/00/a")
}

// The first of two processes gives its journal up when the second comes, and takes it up again when that has gone.
func TestTheJournalIsForOneProcessAlone(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	first := openTuned(t, root, disk.SmallJournal)
	put(t, first, "blobs/00/a", []byte("a"), nil)
	second, err := disk.OpenTuned(root, disk.PlainTogether)
	if err != nil {
		t.Fatal(err)
	}
	if first.Journaled() || second.Journaled() || len(segments(t, root)) != 0 {
		t.Errorf("two processes, and journals: %v, %v, %v", first.Journaled(), second.Journaled(), segments(t, root))
	}
	put(t, first, "blobs/00/b", []byte("b"), nil)
	if err := second.Move(t.Context(), "blobs/00/a", "trash/00/a"); err != nil {
		t.Error(err)
	}
	put(t, second, "blobs/00/a", []byte("new"), nil)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	until(t, "the first has a journal again", first.Journaled)
	wantContent(t, first, "blobs/00/a", []byte("new"))
	put(t, first, "blobs/00/c", []byte("c"), nil)
}

// An export is a link to the file, and the file is safe by then.
func TestALinkOfAYoungBlobSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	d := madeDisk(t, journaled)
	path, unmount := mountLazy(t, d)
	s := openLazyLate(t, path)
	put(t, s, "blobs/00/a", []byte("content"), nil)
	out := filepath.Join(path, "export")
	if err := s.Link(t.Context(), "blobs/00/a", out); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	saved := string(d.inodes[d.inodes[lazyRoot].names["export"]].savedData)
	d.mu.Unlock()
	if saved != "content" {
		t.Errorf("the disk has %q of the export", saved)
	}
	_ = s.Close()
	unmount()
}

// S0-32: a full disk refuses small blobs as well, and keeps every one that it acknowledged.
func TestAFullDiskRefusesSmallBlobsAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	im := mountImage(t, "ext4", 24, "-m", "0")
	s, err := disk.OpenTuned(im.path, disk.SmallJournal)
	if err != nil {
		t.Fatal(err)
	}
	l, refused := newLedger(), 0
	for i := 0; refused < 20; i++ {
		w := writing{size: 60_000, sidecar: 100}
		w.name = blob.Name(fmt.Sprintf("blobs/00/%d-%d-%d", w.size, w.sidecar, i))
		opts := blob.PutOptions{Size: int64(w.size), Sidecar: func() ([]byte, error) { return w.text(), nil }}
		_, err := s.Put(t.Context(), w.name, io.MultiReader(bytes.NewReader(w.content())), opts)
		switch {
		case err == nil:
			l.note(put_, w.name)
		case !errors.Is(err, blob.ErrFull):
			t.Fatalf("blob %d: %v", i, err)
		default:
			refused++
			wantAbsent(t, s, w.name, "though it was refused")
		}
	}
	im.cutPower(t)
	_ = s.Close()
	im.mountAgain(t)
	after, err := disk.OpenTuned(im.path, disk.SmallJournal)
	if err != nil {
		t.Fatal(err)
	}
	defer after.Close()
	if err := l.check(t.Context(), after); err != nil {
		t.Error(err)
	}
	if n := l.count(put_); n < 100 {
		t.Errorf("only %d blobs were acknowledged", n)
	}
}

// A store whose journal has to be replayed and that cannot be written is not served: its files may be torn.
func TestAnUnsettledStoreIsNotServedReadOnly(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := openTuned(t, root, disk.OnlyJournal)
	until(t, "there is a journal", s.Journaled)
	put(t, s, "blobs/00/a", []byte("x"), nil)
	im := mountImage(t, "ext4", 24)
	journalOnly(t, root, im.path)
	run(t, "mount", "-o", "remount,ro", im.path)
	_, err := disk.Open(disk.Options{Root: im.path})
	if fault.CodeOf(err) != "store_unsettled" || !strings.Contains(fault.HintOf(err), "writable") {
		t.Errorf("%v, hint %q", err, fault.HintOf(err))
	}
	run(t, "mount", "-o", "remount,rw", im.path)
	wantContent(t, open(t, im.path), "blobs/00/a", []byte("x"))
}

// A blob now and then costs less without a journal; many make one.
func TestTheJournalIsForManyBlobs(t *testing.T) {
	t.Parallel()
	root := memoryDir(t)
	s := open(t, root)
	for i := range 3 {
		<-time.After(60 * time.Millisecond)
		put(t, s, blob.Name(fmt.Sprintf("blobs/00/seldom-%d", i)), []byte("x"), nil)
	}
	if n := len(segments(t, root)); n != 0 {
		t.Errorf("%d segments for three blobs", n)
	}
	n := 0
	until(t, "many blobs make a journal", func() bool {
		n++
		put(t, s, blob.Name(fmt.Sprintf("blobs/00/often-%d", n)), []byte("x"), nil)
		return len(segments(t, root)) > 0
	})
}
