package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
	"holdfast/internal/fault"
	"holdfast/internal/fstype"
)

// The file systems that servers have, as the kernel serves them. (ext4: TestStoreKeepsTheContract, as a rule.)
func TestStoreKeepsTheContractOnXFSAndBtrfs(t *testing.T) {
	for _, kind := range []string{"xfs", "btrfs"} {
		t.Run(kind, func(t *testing.T) {
			im := mountImage(t, kind, 1024)
			roots := newRoots(im.path)
			blobtest.Run(t, func(t *testing.T) blob.Store {
				s := openTuned(t, roots.take(t), disk.SmallJournal)
				if want := kind == "xfs"; s.Journaled() != want {
					t.Errorf("with a journal: %v, want %v", !want, want)
				}
				return s
			}, blobtest.InMemory())
		})
	}
}

// S0-30: real file systems that lose everything which is not on the disk keep what was acknowledged.
func TestAcknowledgedBlobsSurviveAPowerCutOfTheKernelsFileSystems(t *testing.T) {
	t.Parallel()
	rounds := 6
	if soaking() {
		rounds = 200
	}
	for _, kind := range []string{"ext4", "xfs"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			im := mountImage(t, kind, 512)
			makeStore(t, im.path)
			acknowledged := 0
			for range rounds {
				l := newLedger()
				im.workUntilPowerCut(t, l)
				im.mountAgain(t)
				s, err := disk.Open(disk.Options{Root: im.path})
				if err != nil {
					t.Fatal(err)
				}
				acknowledged += len(l.last) - l.count(putting)
				err = errors.Join(l.check(t.Context(), s), l.finish(t.Context(), s), removeAll(t.Context(), s), s.Close())
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%d power cuts, %d blobs acknowledged", rounds, acknowledged)
		})
	}
}

// removeAll empties the store.
func removeAll(ctx context.Context, s *disk.Store) error {
	var failed error
	err := s.List(ctx, "", "", func(info blob.Info) bool {
		failed = s.Delete(ctx, info.Name)
		return failed == nil
	})
	return errors.Join(err, failed)
}

// workUntilPowerCut writes from eight goroutines for some milliseconds.
func (im *image) workUntilPowerCut(t *testing.T, l *ledger) {
	t.Helper()
	s, err := disk.OpenTuned(im.path, disk.SmallJournal)
	if err != nil {
		t.Fatal(err)
	}
	var off atomic.Bool
	var wg sync.WaitGroup
	for range 8 {
		r := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		wg.Go(func() { _ = work(context.Background(), s, r, l.noteUntil(&off)) })
	}
	<-time.After(time.Duration(rand.IntN(200)) * time.Millisecond)
	off.Store(true) // first: xfs acknowledges the sync of a directory after it was shut down
	im.cutPower(t)
	wg.Wait()
	_ = s.Close() // what the journal holds cannot be settled any more
}

// A full disk refuses with ErrFull, keeps what it has, leaves nothing half, and works again when there is room.
func TestAFullDiskRefusesAndKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{1 << 20, -1} {
		t.Run(fmt.Sprintf("announced size %d", size), func(t *testing.T) {
			t.Parallel()
			im := mountImage(t, "ext4", 24, "-m", "0")
			s := open(t, im.path)
			body := fill("body", 1<<20)
			var names []string
			for i := 0; ; i++ {
				name := fmt.Sprintf("blobs/00/%03d", i)
				reader := bytes.NewReader(body)
				_, err := s.Put(t.Context(), blob.Name(name), reader, blob.PutOptions{Size: size})
				if err == nil {
					names = append(names, name)
					continue
				}
				if !errors.Is(err, blob.ErrFull) || fault.HintOf(err) == "" {
					t.Fatalf("Put on a full disk: %v", err)
				}
				if size > 0 && reader.Len() != len(body) {
					t.Errorf("%d bytes of the body were read before the refusal", len(body)-reader.Len())
				}
				break
			}
			if len(names) < 5 {
				t.Fatalf("only %d blobs fit", len(names))
			}
			wantFiles(t, im.path, names...)
			for _, name := range names {
				wantContent(t, s, blob.Name(name), body)
			}
			if err := s.Delete(t.Context(), blob.Name(names[0])); err != nil {
				t.Fatal(err)
			}
			put(t, s, "blobs/ff/again", body, []byte("s"))
		})
	}
}

func TestADiskWithoutInodesRefusesWithTheReason(t *testing.T) {
	t.Parallel()
	im := mountImage(t, "ext4", 24, "-N", "600")
	s := open(t, im.path)
	for i := range 600 {
		_, err := s.Put(t.Context(), blob.Name(fmt.Sprintf("blobs/00/%d", i)), strings.NewReader("x"), blob.PutOptions{Size: 1})
		if err == nil {
			continue
		}
		if !errors.Is(err, blob.ErrFull) || !strings.Contains(fault.HintOf(err), "inodes") {
			t.Errorf("Put: %v (hint %q)", err, fault.HintOf(err))
		}
		return
	}
	t.Error("600 blobs fit on 600 inodes, 512 of them taken")
}

// Writers that come at once cannot use the reserve together that each of them would leave alone.
func TestConcurrentWritersLeaveTheReserveFree(t *testing.T) {
	t.Parallel()
	im := mountImage(t, "ext4", 64, "-m", "0")
	makeStore(t, im.path)
	const reserve, size, writers = 16 << 20, 3 << 20, 20
	s, err := disk.Open(disk.Options{Root: im.path, Reserve: reserve})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var wg sync.WaitGroup
	var stored, refused atomic.Int64
	for i := range writers {
		wg.Go(func() {
			opts := blob.PutOptions{Size: size}
			if i%2 == 0 {
				opts.Size = -1
			}
			_, err := s.Put(t.Context(), blob.Name(fmt.Sprintf("blobs/00/%d", i)), bytes.NewReader(make([]byte, size)), opts)
			switch {
			case err == nil:
				stored.Add(1)
			case errors.Is(err, blob.ErrFull):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var st unix.Statfs_t
	if err := unix.Statfs(im.path, &st); err != nil {
		t.Fatal(err)
	}
	if free := int64(st.Bavail) * st.Frsize; free < reserve-1<<20 { // the file system's own tables grow, too
		t.Errorf("%d bytes are left of a reserve of %d", free, reserve)
	}
	if stored.Load() < 3 || refused.Load() < 3 {
		t.Errorf("%d stored, %d refused", stored.Load(), refused.Load())
	}
}

// S0-32: a store on a read-only file system is read, and says why it cannot be written.
func TestAReadOnlyStoreIsReadAndSaysWhyItCannotBeWritten(t *testing.T) {
	t.Parallel()
	im := mountImage(t, "ext4", 24)
	s := openTuned(t, im.path, disk.PlainOnly) // with one the kernel refuses: holdfast is to be stopped first
	put(t, s, "blobs/00/a", []byte("x"), []byte("side"))
	run(t, "mount", "-o", "remount,ro", im.path)
	again, err := disk.Open(disk.Options{Root: im.path})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for _, s := range []*disk.Store{s, again} {
		wantContent(t, s, "blobs/00/a", []byte("x"))
		_, err := s.Put(t.Context(), "blobs/00/b", strings.NewReader("x"), blob.PutOptions{Size: 1})
		wantUnavailable(t, "Put", err)
		wantUnavailable(t, "Put elsewhere", putOne(t, s, "new/b"))
		wantUnavailable(t, "Delete", s.Delete(t.Context(), "blobs/00/a"))
		wantUnavailable(t, "Move", s.Move(t.Context(), "blobs/00/a", "trash/00/a"))
		wantUnavailable(t, "Check", s.Check(t.Context()))
		wantContent(t, s, "blobs/00/a", []byte("x"))
	}
}

// What lies below a mount point when nothing is mounted there is not taken for an empty store.
func TestAnUnmountedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	im := mountImage(t, "ext4", 24)
	s := open(t, im.path)
	if err := unix.Unmount(im.path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	wantUnavailable(t, "Check", s.Check(t.Context()))
	_, err := disk.Open(disk.Options{Root: im.path})
	wantUnavailable(t, "Open", err)
}

// makeStore makes a store and closes it.
func makeStore(t *testing.T, root string) {
	t.Helper()
	s, err := disk.Open(disk.Options{Root: root, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func putOne(t *testing.T, s blob.Store, name blob.Name) error {
	t.Helper()
	_, err := s.Put(t.Context(), name, strings.NewReader("x"), blob.PutOptions{Size: 1})
	return err
}

func wantContent(t *testing.T, s blob.Store, name blob.Name, want []byte) {
	t.Helper()
	b, err := s.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	wantRest(t, b, want)
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// wantRest reads an open blob to its end.
func wantRest(t *testing.T, b blob.Blob, want []byte) {
	t.Helper()
	if got, err := io.ReadAll(b); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s holds %d bytes, want %d: %v", b.Info().Name, len(got), len(want), err)
	}
}

// C-06: media may lie on a network, caches may not; so the kind of file system is known.
func TestTheFileSystemIsRecognised(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ext4", "xfs", "btrfs"} {
		im := mountImage(t, kind, 400)
		if got, network := fstype.Of(filepath.Join(im.path, "not", "yet", "there")); got != kind || network {
			t.Errorf("%s is taken for %s, network %v", kind, got, network)
		}
	}
	if got, network := fstype.Of("/dev/shm"); got != "tmpfs" || network {
		t.Errorf("/dev/shm is taken for %s, network %v", got, network)
	}
	path, unmount := mountLazy(t, newLazyDisk(likeNFS))
	defer unmount()
	if got, network := fstype.Of(path); got != "fuse.lazydisk" || !network {
		t.Errorf("a file system in user space is taken for %s, network %v", got, network)
	}
}
