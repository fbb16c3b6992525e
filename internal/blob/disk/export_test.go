package disk

import (
	"math"
	"time"
)

// Degrade makes the store believe that its file system can do nothing special, as if the first write had found out.
func (s *Store) Degrade() {
	s.probe.Do(func() {})
	s.WithoutJournal()
	s.noUnnamed.Store(true)
	s.noAttribute.Store(true)
	s.noExclusive.Store(true)
	s.noAllocate.Store(true)
	s.network = true
}

// WithoutOpenat2 makes the store believe that the kernel does not know openat2.
func (s *Store) WithoutOpenat2() { s.root.walked = true }

// AssumeKind makes the store believe that it lies on a file system of that kind.
func (s *Store) AssumeKind(kind string) { s.kind = kind }

// OpenNarrow opens or makes a store with four shards: a full listing on a slow file system is then a matter of milliseconds.
func OpenNarrow(root string) (*Store, error) {
	return OpenTuned(root, func(t *Tuning) { t.shards = 4 })
}

// Tuning is what tests set otherwise.
type Tuning = tuning

// OpenTuned opens or makes a store with other settings than usual. If the first blob is to have a journal there is one.
func OpenTuned(root string, change func(t *Tuning)) (*Store, error) {
	t := defaultTuning()
	change(&t)
	s, err := openWith(Options{Root: root, Create: true}, t)
	if err == nil && s.journal != nil && t.first == 0 {
		for !s.journal.takes(0) && s.journal.sound() {
			<-time.After(time.Millisecond)
		}
	}
	return s, err
}

// sound reports whether there will be a segment soon.
func (j *journal) sound() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken == nil && j.sole && !j.off
}

// OpenJournaled opens or makes a store as on a file system of that kind, with a small journal that is there from the first
// blob on, and few shards. What is settled is synced file by file: a lazy disk does not hear of a sync of the whole.
func OpenJournaled(root, kind string) (*Store, error) {
	return OpenTuned(root, func(t *Tuning) {
		SmallJournal(t)
		OnExt4(t)
		t.kind = kind
	})
}

// OnExt4 makes the store take a lazy disk for ext4, and not expect it to sync the whole file system.
func OnExt4(t *Tuning) { t.kind, t.few, t.segment = "ext4", 1<<30, 256<<10 }

// PlainTogether sets what a second process needs not wait for.
func PlainTogether(t *Tuning) { t.shards = 4 }

// SmallJournal sets a journal that is settled all the time.
func SmallJournal(t *Tuning) {
	t.shards, t.first, t.segment, t.few = 4, 0, 512<<10, 4
	t.tick, t.age, t.close = 5*time.Millisecond, 50*time.Millisecond, math.MaxInt64
}

// OnlyJournal sets a journal that is not settled before it must.
func OnlyJournal(t *Tuning) {
	SmallJournal(t)
	t.segment, t.age = 4<<20, time.Hour
}

// PlainOnly sets no journal.
func PlainOnly(t *Tuning) { t.plain, t.shards = true, 4 }

// WithoutJournal makes the store settle its journal and use it no more.
func (s *Store) WithoutJournal() {
	if s.journal != nil {
		s.journal.mu.Lock()
		s.journal.on, s.journal.off = false, true
		s.journal.mu.Unlock()
	}
}

// Journaled reports whether small blobs go through the journal now.
func (s *Store) Journaled() bool { return s.journal.takes(0) }
