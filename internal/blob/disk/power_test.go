package disk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"holdfast/internal/blob"
	"holdfast/internal/blob/blobtest"
	"holdfast/internal/blob/disk"
)

var diskKinds = []diskKind{journaled, likeExt4, likeBtrfs, likeNFS}

// openLazy opens the store of a lazy disk, which the store takes for the kind that it is like.
func openLazy(t *testing.T, path string, kind diskKind) *disk.Store {
	t.Helper()
	s, err := tryLazy(path, kind)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryLazy(path string, kind diskKind) (*disk.Store, error) {
	if kind.journal {
		return disk.OpenJournaled(path, kind.name)
	}
	s, err := disk.OpenNarrow(path)
	if err == nil {
		s.AssumeKind(kind.name)
	}
	return s, err
}

// cuts is how many power cuts each kind of disk sees.
func cuts() int {
	if soaking() {
		return 1000
	}
	return 12
}

// The lazy disk is a file system like others as long as the power stays. (The paths that the other kinds take are tried
// without FUSE in TestStoreKeepsTheContractWithoutAnythingSpecial.)
func TestStoreKeepsTheContractOnFUSE(t *testing.T) {
	kinds := diskKinds[:2]
	if soaking() {
		kinds = diskKinds
	}
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			blobtest.Run(t, func(t *testing.T) blob.Store {
				path, unmount := mountLazy(t, newLazyDisk(kind))
				t.Cleanup(unmount)
				s := openLazy(t, path, kind)
				t.Cleanup(func() { _ = s.Close() })
				return s
			}, blobtest.InMemory())
		})
	}
}

// madeDisk returns a disk that holds an empty store with four shards, all of it saved.
func madeDisk(t *testing.T, kind diskKind) *lazyDisk {
	t.Helper()
	d := newLazyDisk(kind)
	for _, space := range []string{"blobs", "trash"} {
		dir := d.addDir(lazyRoot, space)
		for i := range 4 {
			d.addDir(dir, fmt.Sprintf("%02x", i))
		}
	}
	sentinel := d.create(syscall.S_IFREG | 0o600)
	sentinel.data = []byte("holdfast blob store, format 1\nid TEST\n")
	d.change(change{ino: sentinel.ino, to: lazyRoot, new: ".holdfast-store"})
	for ino := range d.inodes {
		d.syncAll(ino)
	}
	return d
}

func (d *lazyDisk) addDir(parent uint64, name string) uint64 {
	n := d.create(syscall.S_IFDIR | 0o700)
	d.change(change{ino: n.ino, to: parent, new: name})
	return n.ino
}

// syncAll saves an inode whatever the kind of the disk.
func (d *lazyDisk) syncAll(ino uint64) {
	kind := d.kind
	defer func() { d.kind = kind }()
	d.kind = likeExt4
	if n := d.inodes[ino]; n.isDir() {
		d.syncDir(ino)
	} else {
		d.syncFile(n, false)
	}
}

// S0-30, S0-33: acknowledged blobs survive a power cut at any moment, and none is named that is not whole.
func TestAcknowledgedBlobsSurviveAPowerCut(t *testing.T) {
	t.Parallel()
	for _, kind := range diskKinds {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			var acknowledged int
			for seed := range uint64(cuts()) {
				n, err := cutPower(t, kind, seed)
				if err != nil {
					t.Fatalf("power cut %d: %v", seed, err)
				}
				acknowledged += n
			}
			t.Logf("%d power cuts, %d blobs acknowledged", cuts(), acknowledged)
			if acknowledged < cuts() {
				t.Error("too few blobs were acknowledged to prove anything")
			}
		})
	}
}

// The test above must fail on a disk that says "synced" and is not.
func TestThePowerCutNoticesDisksThatLie(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(*diskKind){
		"about files":                func(k *diskKind) { k.losesFiles = true },
		"about files in the journal": func(k *diskKind) { k.losesFiles, k.journal = true, true },
		"about attributes":           func(k *diskKind) { k.losesAttrs = true },
		"about directories":          func(k *diskKind) { k.losesDirectory = true },
		"about files without a name": func(k *diskKind) { k.syncsUnnamed = false }, // btrfs taken for ext4
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kind := likeExt4
			lie(&kind)
			for seed := range uint64(50) {
				if _, err := cutPower(t, kind, seed); err != nil {
					return
				}
			}
			t.Error("50 power cuts, and nothing was noticed")
		})
	}
}

// cutPower writes from three goroutines, cuts the power, and returns how many blobs were acknowledged and what is wrong
// afterwards.
func cutPower(t *testing.T, kind diskKind, seed uint64) (int, error) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	before := madeDisk(t, kind)
	path, unmount := mountLazy(t, before)
	s := openLazy(t, path, kind)
	off := before.cutAfter(1 + r.IntN(800))
	l := newLedger()
	var wg sync.WaitGroup
	for range 3 {
		own := rand.New(rand.NewPCG(r.Uint64(), 8))
		wg.Go(func() { _ = work(context.Background(), s, own, l.noteUntil(off)) })
	}
	wg.Wait()
	acknowledged := len(l.last) - l.count(putting)
	_ = s.Close()
	unmount()

	path, unmount = mountLazy(t, before.afterPowerCut(r))
	defer unmount()
	after, err := tryLazy(path, kind)
	if err != nil {
		return acknowledged, err
	}
	defer after.Close()
	if err := l.check(t.Context(), after); err != nil {
		return acknowledged, err
	}
	return acknowledged, l.finish(t.Context(), after)
}

// cutAfter makes all calls after the next n fail. The power is off from the first that fails.
func (d *lazyDisk) cutAfter(n int) (off *atomic.Bool) {
	off = new(atomic.Bool)
	d.mu.Lock()
	defer d.mu.Unlock()
	last := d.calls + n
	d.fault = func(call int, _ string) syscall.Errno {
		if call <= last {
			return 0
		}
		off.Store(true)
		return syscall.EIO
	}
	return off
}

// A store whose making was cut short is made by the next start, or was made; what it took at once survives.
func TestMakingAStoreSurvivesAPowerCut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(cuts()) {
		r := rand.New(rand.NewPCG(seed, 9))
		before := newLazyDisk(likeBtrfs)
		path, unmount := mountLazy(t, before)
		off := before.cutAfter(r.IntN(2400)) // making the store takes about half of them
		l := newLedger()
		if s, err := disk.Open(disk.Options{Root: path, Create: true}); err == nil {
			s.AssumeKind(likeBtrfs.name)
			_ = work(context.Background(), s, r, l.noteUntil(off))
			_ = s.Close()
		}
		unmount()
		path, unmount = mountLazy(t, before.afterPowerCut(r))
		s, err := disk.Open(disk.Options{Root: path, Create: true})
		if err != nil {
			t.Fatalf("power cut %d: %v", seed, err)
		}
		if err := l.check(t.Context(), s); err != nil {
			t.Errorf("power cut %d: %v", seed, err)
		}
		put(t, s, "blobs/ff/after", []byte("x"), nil)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		unmount()
	}
}
