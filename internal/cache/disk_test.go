package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/cache"
	"holdfast/internal/fault"
)

func openDisk(t testing.TB, o cache.DiskOptions) *cache.Disk {
	t.Helper()
	if o.MaxBytes == 0 {
		o.MaxBytes = 10 << 20
	}
	d, err := cache.OpenDisk(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// put stores content under a key, with the key as its meta.
func put(t testing.TB, d *cache.Disk, key string, content []byte, tags ...string) {
	t.Helper()
	if err := tryPut(d, key, content, tags...); err != nil {
		t.Fatal(err)
	}
}

func tryPut(d *cache.Disk, key string, content []byte, tags ...string) error {
	w, err := d.Create(int64(len(content)))
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(content); err != nil {
		w.Discard()
		return err
	}
	return w.Commit(key, cache.About{Meta: []byte("about " + key), Tags: tags})
}

// content returns what is stored, "" if nothing is.
func content(t testing.TB, d *cache.Disk, key string) (body, meta string) {
	t.Helper()
	f, ok := d.Open(key)
	if !ok {
		return "", ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f.File, f.Size))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), string(f.Meta)
}

// files returns the paths of all entries' files.
func files(t testing.TB, dir string) (out []string) {
	t.Helper()
	out, err := filepath.Glob(filepath.Join(dir, "??", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatIsOnDiskSurvivesARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDisk(t, cache.DiskOptions{Dir: dir})
	put(t, d, "a", []byte("the first"), "x")
	put(t, d, "a", []byte("the second"), "y")
	put(t, d, "empty", nil)
	put(t, d, "gone", []byte("…"))
	d.Delete("gone")
	if err := d.Update("a", cache.About{Meta: []byte("changed"), Tags: []string{"z"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if body, meta := content(t, d, "a"); body != "the second" || meta != "changed" {
			t.Errorf("a is %q, %q", body, meta)
		}
		if body, meta := content(t, d, "empty"); body != "" || meta != "about empty" {
			t.Errorf("the empty entry is %q, %q", body, meta)
		}
		if _, meta := content(t, d, "gone"); meta != "" {
			t.Error("a deleted entry is back")
		}
		if s := d.Stats(); s.Entries != 2 || s.Bytes != 8192 {
			t.Errorf("%+v", s)
		}
		d.Close()
		d = openDisk(t, cache.DiskOptions{Dir: dir})
	}
	if n := d.DeleteFunc(func(_ string, tags []string) bool { return slices.Contains(tags, "z") }); n != 1 || d.Has("a") {
		t.Errorf("%d entries have the tag that the update gave", n)
	}
}

func TestAnEntryOnDiskEndsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDisk(t, cache.DiskOptions{Dir: dir})
	for key, until := range map[string]time.Time{"past": time.Now().Add(-time.Second), "future": time.Now().Add(time.Hour), "never": {}} {
		w, err := d.Create(0)
		if err == nil {
			err = w.Commit(key, cache.About{Until: until})
		}
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	if n := d.Sweep(); n != 1 || d.Has("past") || !d.Has("future") || !d.Has("never") {
		t.Errorf("swept %d", n)
	}
	if len(files(t, dir)) != 2 {
		t.Error("the file of the one that ended is there")
	}
}

func TestTheOneUsedLongestAgoMakesRoomOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := cache.DiskOptions{Dir: dir, MaxBytes: 8 * 4096}
	d := openDisk(t, o)
	for i := range 6 {
		put(t, d, fmt.Sprint(i), bytes.Repeat([]byte("x"), 1000))
	}
	content(t, d, "0")
	put(t, d, "6", bytes.Repeat([]byte("x"), 9000))
	if d.Has("1") || !d.Has("0") || !d.Has("6") {
		t.Error("the wrong ones went")
	}
	if err := tryPut(d, "large", make([]byte, 40_000)); !errors.Is(err, cache.ErrRoom) {
		t.Errorf("an entry larger than the cache: %v", err)
	}
	if s := d.Stats(); s.Bytes > o.MaxBytes {
		t.Errorf("%d bytes", s.Bytes)
	}
	d.Close()
	o.MaxBytes = 4 * 4096
	if s := openDisk(t, o).Stats(); s.Bytes > o.MaxBytes || s.Entries == 0 {
		t.Errorf("after a restart with less room: %+v", s)
	}
}

func TestRoomForOthersStaysFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDisk(t, cache.DiskOptions{Dir: dir})
	put(t, d, "a", []byte("x"))
	free := d.Stats().FreeOnDisk
	d.Close()
	d = openDisk(t, cache.DiskOptions{Dir: dir, Free: free + 1<<40})
	if err := tryPut(d, "b", []byte("x")); !errors.Is(err, cache.ErrRoom) {
		t.Errorf("it took what was to stay free: %v", err)
	}
	if d.Has("a") {
		t.Error("it keeps what there is no room for")
	}
}

// C-06: a cache on a network file system is refused; two processes cannot use one directory.
func TestAPlaceThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := cache.OpenDisk(cache.DiskOptions{Dir: dir, MaxBytes: 1 << 20, Network: func(string) (string, bool) { return "nfs4", true }})
	if fault.CodeOf(err) != "cache_network" || !strings.Contains(err.Error(), "nfs4") {
		t.Errorf("on a network: %v", err)
	}
	openDisk(t, cache.DiskOptions{Dir: dir})
	if _, err := cache.OpenDisk(cache.DiskOptions{Dir: dir, MaxBytes: 1 << 20}); fault.CodeOf(err) != "cache_in_use" {
		t.Errorf("twice: %v", err)
	}
}

// Every byte of a file is damaged in turn, and every length is cut: what is found is what was written, or nothing.
func TestADamagedFileIsNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDisk(t, cache.DiskOptions{Dir: dir})
	put(t, d, "a", []byte("content"), "tag")
	d.Close()
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		d := openDisk(t, cache.DiskOptions{Dir: dir})
		defer d.Close()
		if body, meta := content(t, d, "a"); meta != "" {
			t.Errorf("%s: found %q, %q", what, body, meta)
		}
		if d.Stats().Damaged != 1 || len(files(t, dir)) != 0 {
			t.Errorf("%s: the file is there", what)
		}
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x10
		try(fmt.Sprint("byte ", i), b)
		try(fmt.Sprint("cut at ", i), whole[:i])
	}
	try("another file", []byte("something else that is long enough to have a footer"))
}

func TestFilesOfOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	openDisk(t, cache.DiskOptions{Dir: dir}).Close()
	theirs := filepath.Join(dir, "ab", "readme")
	if err := errors.Join(os.MkdirAll(filepath.Dir(theirs), 0o700), os.WriteFile(theirs, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(dir, "tmp", "left")
	if err := os.WriteFile(temp, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := openDisk(t, cache.DiskOptions{Dir: dir})
	if _, err := os.Stat(theirs); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(temp); err == nil || d.Stats().LeftOvers != 1 {
		t.Error("what a killed process left behind is there")
	}
}

func TestAnEntryThatIsUpdatedAgainAndAgainDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDisk(t, cache.DiskOptions{Dir: dir})
	put(t, d, "a", []byte("x"))
	for i := range 1000 {
		if err := d.Update("a", cache.About{Meta: make([]byte, 1000)}); err != nil {
			if i < 100 || !errors.Is(err, cache.ErrRoom) || d.Has("a") {
				t.Errorf("update %d: %v", i, err)
			}
			return
		}
	}
	t.Errorf("%d bytes", d.Stats().Bytes)
}

// Readers, writers and removers at once; a reader gets one of the contents that were written, as a whole.
func TestReadersOnDiskSeeWholeEntries(t *testing.T) {
	t.Parallel()
	d := openDisk(t, cache.DiskOptions{Dir: t.TempDir(), MaxBytes: 40 * 4096})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 3))
			for range 300 {
				key := fmt.Sprint(r.IntN(30))
				switch r.IntN(6) {
				case 0, 1:
					if err := tryPut(d, key, bytes.Repeat([]byte(key+"."), r.IntN(4000)), key); err != nil {
						t.Error(err)
					}
				case 2:
					d.Delete(key)
				case 3:
					_ = d.Update(key, cache.About{Meta: []byte("about " + key), Tags: []string{key}})
				default:
					body, meta := content(t, d, key)
					if meta != "" && meta != "about "+key || strings.ReplaceAll(body, key+".", "") != "" {
						t.Errorf("%s is %q, %.20q", key, meta, body)
					}
				}
			}
		})
	}
	all.Wait()
	if s := d.Stats(); s.Bytes > 40*4096 || s.Damaged > 0 || s.Evictions == 0 {
		t.Errorf("%+v", s)
	}
}

const crashDir = "HOLDFAST_TEST_CACHE_DIR"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		os.Exit(scribble(dir))
	}
	os.Exit(m.Run())
}

// scribble writes, updates and removes until it is killed.
func scribble(dir string) int {
	d, err := cache.OpenDisk(cache.DiskOptions{Dir: dir, MaxBytes: 1 << 20})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := 0; ; i++ {
		if i == 97 {
			fmt.Fprintln(os.Stdout, "writing") // there is something to be found
		}
		key := fmt.Sprint(i % 97)
		_ = tryPut(d, key, bytes.Repeat([]byte(key+"."), i%5000), key)
		_ = d.Update(fmt.Sprint(i%89), cache.About{Meta: []byte("about " + fmt.Sprint(i%89))})
		d.Delete(fmt.Sprint(i % 13))
	}
}

// What was on disk when the process was killed is there whole or not at all.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	rounds := 5
	if os.Getenv("HOLDFAST_SOAK") != "" {
		rounds = 200
	}
	dir := t.TempDir()
	for range rounds {
		child := exec.Command("/proc/self/exe")
		child.Env = append(os.Environ(), crashDir+"="+dir)
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := child.StdoutPipe()
		if err == nil {
			err = child.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(out, make([]byte, len("writing"))); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(20+rand.IntN(60)) * time.Millisecond) // any moment is the right one
		_ = child.Process.Kill()
		_ = child.Wait()
		d := openDisk(t, cache.DiskOptions{Dir: dir, MaxBytes: 1 << 20})
		n := 0
		for i := range 97 {
			key := fmt.Sprint(i)
			body, meta := content(t, d, key)
			if meta != "" {
				n++
			}
			if meta != "" && meta != "about "+key || strings.ReplaceAll(body, key+".", "") != "" {
				t.Errorf("%s is %q, %.20q", key, meta, body)
			}
		}
		if s := d.Stats(); n == 0 || s.Bytes > 1<<20 || n != s.Entries {
			t.Errorf("%d found; %+v", n, s)
		}
		d.Close()
	}
}
