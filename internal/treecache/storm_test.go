package treecache_test

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/treecache"
	"holdfast/internal/treepack"
)

// downloads returns how often each part was fetched, by all processes.
func downloads(tb testing.TB, dir string) map[string]int {
	tb.Helper()
	f, err := os.Open(filepath.Join(dir, "fetched"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	count := map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		count[s.Text()]++
	}
	return count
}

// Each part is downloaded exactly once, however many goroutines of however many processes want it at the same time.
func TestEachPartIsDownloadedOnceByAllProcesses(t *testing.T) {
	t.Parallel()
	dir := memoryDir(t)
	newWorld(t, dir, treepack.SHA1)
	j := job{Dir: dir, Questions: 12, Revisions: 3, Workers: 8, Rounds: soak(30, 500)}
	var children []*child
	for i := range 4 {
		j.Seed = uint64(i)
		children = append(children, startChild(t, j))
	}
	renders := int64(0)
	for _, c := range children {
		o, _, err := c.wait()
		if err != nil {
			t.Fatal(err)
		}
		if o.Full > 0 {
			t.Errorf("%d calls found a cache without limits full", o.Full)
		}
		renders += o.Renders + o.Hot
	}
	n := 0
	for part, times := range downloads(t, dir) {
		n++
		if times != 1 {
			t.Errorf("%s was downloaded %d times", part, times)
		}
	}
	t.Logf("%d renders, %d parts", renders, n)
}

// S4-37, S4-40, E-53: renders race publishes and constant eviction in several processes: no file is missing or of another revision, and what
// is on the disk stays below the cap at every moment.
func TestRendersRacePublishesAndEvictionInSeveralProcesses(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"tmpfs", "ext4"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			options := map[string]string{"tmpfs": "size=64m", "ext4": "64M -m 0 -N 20000"}
			weather(t, mount(t, kind, options[kind]))
		})
	}
}

// weather runs a storm of three processes on a file system of their own.
func weather(t *testing.T, disk string) {
	dir := memoryDir(t)
	w := newWorld(t, dir, treepack.SHA1)
	limits := treecache.Limits{Bytes: 2 << 20, Inodes: 700}
	j := job{Dir: dir, Root: filepath.Join(disk, "cache"), Questions: 20, Revisions: 12, Workers: 4, Rounds: soak(50, 5000), Limits: limits}
	watch := watchDisk(t, disk, limits)
	var children []*child
	for i := range 3 {
		j.Seed = uint64(i)
		children = append(children, startChild(t, j))
	}
	var total outcome
	for _, c := range children {
		o, _, err := c.wait()
		if err != nil {
			t.Error(err)
		}
		total.Renders, total.Hot, total.Full, total.Evicted = total.Renders+o.Renders, total.Hot+o.Hot, total.Full+o.Full, total.Evicted+o.Evicted
	}
	watch.stop(t)
	t.Logf("%+v; at most %d bytes, %d inodes in %d looks", total, watch.bytes, watch.inodes, watch.looks)
	if total.Evicted < 20 {
		t.Errorf("only %d objects were evicted: the test proves little", total.Evicted)
	}
	if total.Full > 0 {
		t.Errorf("%d calls found the cache full", total.Full)
	}
	c := start(t, treecache.Options{Root: j.Root, Fetch: w.fetch, Limits: limits})
	wantExact(t, c)
	stop(t, c)
}

// watcher looks again and again how much is on the disk.
type watcher struct {
	done          chan struct{}
	once          sync.Once
	all           sync.WaitGroup
	bytes, inodes int64
	looks         int
}

// watchDisk asks the file system itself, which counts what is open without a name, too.
func watchDisk(tb testing.TB, disk string, limits treecache.Limits) *watcher {
	tb.Helper()
	w := &watcher{done: make(chan struct{})}
	bytes, inodes := inUse(tb, disk)
	var st unix.Statfs_t
	isTmpfs := unix.Statfs(disk, &st) == nil && st.Type == unix.TMPFS_MAGIC
	w.all.Go(func() { // stop waits for it
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-w.done:
				return
			case <-tick.C:
			}
			b, i := inUse(tb, disk)
			w.bytes, w.inodes, w.looks = max(w.bytes, b-bytes), max(w.inodes, i-inodes), w.looks+1
		}
	})
	tb.Cleanup(func() {
		w.stop(tb)
		if w.bytes > limits.Bytes || w.inodes > limits.Inodes && !isTmpfs { // to tmpfs, every name is an inode
			tb.Errorf("%d bytes and %d inodes were in use; the limits are %d and %d", w.bytes, w.inodes, limits.Bytes, limits.Inodes)
		}
	})
	return w
}

func inUse(tb testing.TB, disk string) (bytes, inodes int64) {
	var st unix.Statfs_t
	if err := unix.Statfs(disk, &st); err != nil {
		tb.Error(err)
	}
	return int64(st.Blocks-st.Bfree) * st.Bsize, int64(st.Files - st.Ffree)
}

func (w *watcher) stop(tb testing.TB) {
	tb.Helper()
	w.once.Do(func() { close(w.done) })
	w.all.Wait()
}

// onDisk adds up allocated blocks and inodes, each file once.
func onDisk(root string) (bytes, inodes int64) {
	seen := map[uint64]bool{}
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && unix.Lstat(path, &st) == nil && !seen[st.Ino] {
			seen[st.Ino] = true
			bytes += st.Blocks * 512
			inodes++
		}
		return nil
	})
	return bytes, inodes
}
