package disk

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// journalDir is the directory of the journal, below the root: no blob's name begins with a dot.
const journalDir = ".holdfast-journal"

// tuning is what tests set otherwise. Sizes are bytes.
type tuning struct {
	shards  int           // of each space that exist from the start
	kind    string        // of the file system, if it is not to be asked for
	plain   bool          // no journal
	segment int64         // size of a segment
	first   int           // how many small blobs follow each other closely before the first segment is made
	close   time.Duration // that is, within so long. Single ones cost less without a journal
	few     int           // up to so many files are synced one by one, more with the whole file system
	tick    time.Duration
	age     time.Duration // after which files are synced although the segment has room
}

func defaultTuning() tuning {
	return tuning{
		shards: allShards, segment: 32 << 20, first: 16, few: 32, tick: 100 * time.Millisecond, age: 5 * time.Second,
		close: 50 * time.Millisecond,
	}
}

const (
	// journalLimit is the largest blob that goes through the journal, in bytes. It is written twice: with 128 KiB the processor
	// still gains a little, and the disk loses more.
	journalLimit = 64 << 10
	// batchLimit bounds what is written to the journal at once, in bytes.
	batchLimit = 1 << 20
	// maxSegments bounds the journal: one is written, one settles, one is in reserve.
	maxSegments = 3
)

// errAside says that the journal does not take a record now: it is full, off, or still busy with an older record about the
// same name. The plain way is always there.
var errAside = errors.New("not in the journal")

// journal gathers the small changes of many goroutines, so that a disk syncs once for all of them; see doc.go.
type journal struct {
	store  *Store
	tuning tuning
	dir    *dir
	lock   *soleLock
	names  nameLocks

	commits  chan struct{} // holds one: the queue has something
	tending  chan struct{} // holds one: the settler has something to do
	stop     chan struct{}
	done     sync.WaitGroup
	buffer   []byte // of the committer
	lastTemp atomic.Uint64

	mu       sync.Mutex // protects the following
	changed  *sync.Cond // a segment was settled, became idle, or the journal broke
	sole     bool       // no other process uses the store
	on       bool       // records are taken
	off      bool       // for good
	broken   error      // a sync of files failed: what the journal holds is only safe once a new start has replayed it
	queue    []*entry
	temps    []*tempDir // none before this process was alone
	current  *segment
	settling []*segment // written before the current one, oldest first
	free     []*segment
	sequence uint64    // of the newest segment
	asked    int       // small blobs so far that followed another closely
	last     time.Time // when the last one was asked for
	full     bool      // a record found no room
}

// entry is a record on its way to the disk.
type entry struct {
	record  record
	segment *segment // where it went
	done    chan error
}

// openJournal opens the journal of a store that is ready otherwise. It returns nil where the file system is none for it.
func (s *Store) openJournal(t tuning) (*journal, error) {
	j := &journal{
		store: s, tuning: t, commits: make(chan struct{}, 1), tending: make(chan struct{}, 1), stop: make(chan struct{}),
		names: nameLocks{held: map[blob.Name]*nameLock{}},
	}
	j.changed = sync.NewCond(&j.mu)
	if !syncfsTells() {
		j.tuning.few = math.MaxInt
	}
	if err := j.openDir(); err != nil {
		return nil, err
	}
	if j.dir == nil {
		return nil, nil //nolint:nilnil // none is no error
	}
	if err := j.enter(); err != nil {
		return nil, errors.Join(err, j.release())
	}
	j.done.Go(j.commitLoop)
	j.done.Go(j.tendLoop)
	return j, nil
}

// release gives back what the journal holds open.
func (j *journal) release() error {
	rest := j.settling
	if j.current != nil {
		rest = append(rest, j.current)
	}
	err := errors.Join(closeSegments(rest), j.discard(j.free))
	j.mu.Lock()
	j.leaveTempDirs(j.temps)
	j.mu.Unlock()
	j.dir.close()
	return errors.Join(err, j.lock.close())
}

// close settles everything and ends the goroutines. After an error the next Open replays.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	j.on, j.off = false, true
	j.mu.Unlock()
	close(j.stop)
	j.done.Wait()
	j.settleAll()
	err := j.trouble()
	return errors.Join(err, j.release())
}

// trouble is the error of a journal that needs a new start.
func (j *journal) trouble() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.brokenError()
}

// brokenError is trouble for those that hold mu.
func (j *journal) brokenError() error {
	if j.broken == nil {
		return nil
	}
	return &fault.Error{
		Kind: blob.ErrUnavailable.Kind, Code: blob.ErrUnavailable.Code,
		Hint: "The disk did not take what was written. Check it, then restart holdfast: the start writes the last seconds again.",
		Err:  fmt.Errorf("sync files of the journal: %w", j.broken),
	}
}

// breakDown gives the journal up until the next start. Nothing that it promised is lost by that: its segments stay.
func (j *journal) breakDown(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = err
	}
	j.on, j.off = false, true
	j.changed.Broadcast()
}

// takes reports whether a blob of that size goes through the journal now.
func (j *journal) takes(size int64) bool {
	if j == nil || size < 0 || size > journalLimit {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	follows := now.Sub(j.last) <= j.tuning.close
	j.last = now
	if !follows {
		return false
	}
	j.asked++
	if j.asked >= j.tuning.first && j.current == nil && len(j.free) == 0 {
		j.full = true
		raise(j.tending)
	}
	return j.on && (j.current != nil || len(j.free) > 0)
}

// holds reports whether the current segment holds the blob, so that its next change can go there as well.
func (j *journal) holds(name blob.Name) bool {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.on && j.current != nil && j.current.names[name]
}

// knows reports whether a segment that is not settled has a record about the name.
func (j *journal) knows(name blob.Name) bool {
	if j == nil {
		return false
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.find(name) != nil
}

// find returns the segment whose records say what became of the name: there is one at most. Callers hold mu.
func (j *journal) find(name blob.Name) *segment {
	for _, g := range j.settling {
		if _, ok := g.names[name]; ok {
			return g
		}
	}
	if j.current != nil {
		if _, ok := j.current.names[name]; ok {
			return j.current
		}
	}
	return nil
}

// leave returns when no record about the names is left that a replay would follow: what happens to them from then on, past
// the journal, is the last word.
func (j *journal) leave(names ...blob.Name) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range names {
		for g := j.find(name); g != nil; g = j.find(name) {
			if err := j.brokenError(); err != nil {
				return err
			}
			if g == j.current {
				j.rotate()
			}
			raise(j.tending)
			j.changed.Wait()
		}
	}
	return nil
}

// rotate ends the current segment and takes a free one, if there is one. Callers hold mu.
func (j *journal) rotate() {
	if j.current != nil {
		j.settling = append(j.settling, j.current)
		j.current = nil
		raise(j.tending)
	}
	if n := len(j.free); n > 0 && j.on {
		j.current, j.free = j.free[n-1], j.free[:n-1]
	}
}

// applied says that the change of a record is done.
func (j *journal) applied(g *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if g.busy--; g.busy == 0 {
		j.changed.Broadcast()
	}
}

// raise sets a flag that one goroutine waits for.
func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}
