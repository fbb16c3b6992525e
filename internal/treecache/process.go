package treecache

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/fault"
)

// ledgerPatience bounds the wait for the ledger, which others hold for microseconds.
const ledgerPatience = 10 * time.Second

// process is one run of a cache: a slot among the processes that use the root.
type process struct {
	files
	o      *Options
	count  *counters
	lock   *locks // holds the slot
	ledger *ledger
	slot   int
	era    int64
	limit  Limits

	life  context.Context // ends when calls are to end
	cut   context.CancelFunc
	seq   atomic.Int64  // of names below tmp and trash
	views queue         // of those who change a view
	makes flights       // of objects
	slots chan struct{} // as many as parts that are made at a time
	wire  chan struct{} // as many as downloads at a time
	hands chan struct{} // as many as unpack what is here: more would only keep those from running who ask for the next
	evict chan struct{} // one evicts at a time
	trash chan struct{} // one empties the trash at a time

	ops sync.WaitGroup // calls that run; joined under mu while closed is false

	mu       sync.Mutex // mu protects the following
	closed   bool
	handles  map[View]*handle   // on the lease files that are in place
	held     map[*handle]bool   // all
	retired  map[View]time.Time // since when this process knows
	touched  map[use]time.Time  // last uses that are not on the disk yet
	released chan struct{}      // closed when leases end; nil while nobody waits for that
	waker    *time.Timer        // for endRested; nil when no handle rests
	finding  string
}

// join makes a process of the root, which is ready then.
func join(ctx context.Context, o *Options, count *counters) (*process, error) {
	p := &process{
		files: files{block: 4096, before: o.before}, o: o, count: count, limit: o.Limits,
		slots: make(chan struct{}, makers*o.Parallel), wire: make(chan struct{}, o.Parallel), hands: make(chan struct{}, runtime.GOMAXPROCS(0)),
		evict: make(chan struct{}, 1), trash: make(chan struct{}, 1),
		handles: map[View]*handle{}, held: map[*handle]bool{}, retired: map[View]time.Time{}, touched: map[use]time.Time{},
	}
	p.life, p.cut = context.WithCancel(context.Background())
	if err := p.layOut(); err != nil {
		return nil, onDisk("make "+o.Root, err)
	}
	var err error
	if p.lock, err = openLocks(p.path("state", "locks")); err != nil {
		return nil, onDisk("open cache", err)
	}
	if p.ledger, err = openLedger(p.path("state", "ledger"), p.lock); err != nil {
		p.lock.close()
		return nil, onDisk("open cache", err)
	}
	if err := p.enlist(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// path returns a path below the root. The elements are clean, empty or a dot: there are too many calls to look at each of them.
func (p *process) path(elem ...string) string {
	return below(p.o.Root, elem...)
}

// below is filepath.Join for elements that are clean.
func below(dir string, elem ...string) string {
	n := len(dir)
	for _, e := range elem {
		n += 1 + len(e)
	}
	path := append(make([]byte, 0, n), dir...)
	for _, e := range elem {
		if e != "" && e != "." {
			path = append(append(path, '/'), e...)
		}
	}
	return string(path)
}

// fresh returns a path that nothing has, in a directory below the root.
func (p *process) fresh(dir string) string {
	return p.path(dir, strconv.Itoa(p.slot)+"-"+strconv.FormatInt(p.era, 36)+"-"+strconv.FormatInt(time.Now().UnixNano(), 36)+
		"-"+strconv.FormatInt(p.seq.Add(1), 36))
}

// temp returns a path in the directory of this process below tmp.
func (p *process) temp() string {
	return p.path("tmp", strconv.Itoa(p.slot), strconv.FormatInt(p.seq.Add(1), 36))
}

// layOut makes the directories and sets who may read.
func (p *process) layOut() error {
	if err := os.MkdirAll(p.o.Root, modeRoot); err != nil {
		return err
	}
	if p.o.Group > 0 {
		if err := os.Chown(p.o.Root, -1, p.o.Group); err != nil {
			return fault.New(fault.Config, "content_cache_group", "give %s to group %d: %w", p.o.Root, p.o.Group, err).
				WithHint("let Holdfast's user be a member of content.group")
		}
	}
	if err := os.Chmod(p.o.Root, modeRoot); err != nil {
		return err
	}
	for _, dir := range []string{"objects", "views"} {
		if _, err := p.mkdirIfAbsent(p.path(dir), modeDir); err != nil {
			return err
		}
	}
	for _, dir := range []string{"tmp", "trash", "state"} {
		if _, err := p.mkdirIfAbsent(p.path(dir), modeOwn); err != nil {
			return err
		}
	}
	var st unix.Statfs_t
	if err := unix.Statfs(p.o.Root, &st); err == nil && st.Bsize > 4096 {
		p.block = min(st.Bsize, 64<<10)
	}
	return nil
}

// admit counts a call in, unless the process is leaving.
func (p *process) admit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.ops.Add(1)
	return true
}

// drain refuses new calls and waits for those that run, until ctx ends; then it ends them.
func (p *process) drain(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	defer context.AfterFunc(ctx, p.cut)()
	p.ops.Wait()
}

// run is the process's own work, until its life ends. It returns when no call runs any more.
func (p *process) run(life context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-life.Done():
			ended, cancel := context.WithCancel(context.Background())
			cancel()
			p.drain(ended)
			return
		case <-tick.C:
			p.maintain(life, n)
		}
	}
}

// report keeps what went wrong in the background: in the log, and in Stats until it goes well again.
func (p *process) report(what string, err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("%s: %v", what, err)
		p.o.Log.Warn("content cache: "+what, "error", err)
	}
	p.mu.Lock()
	p.finding = text
	p.mu.Unlock()
}
