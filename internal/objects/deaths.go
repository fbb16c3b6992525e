package objects

import (
	"sync"
	"time"
)

// deaths is the set of blobs that lost their name not longer ago than a link can live. It answers on the path of every
// link, so it is divided into shards with a lock each, and an entry is 24 bytes: the id, and in one word the number of
// the death (40 bits), the minute it happened in (23 bits), and whether the blob lives again (1 bit).
//
// The number decides which of two events of one blob is the later one, in whatever order they arrive: the process that
// commits a death notes it at once, and reads it from the table as well.
type deaths struct {
	shards [64]deathShard
}

type deathShard struct {
	mu   sync.RWMutex // protects the following
	ids  map[BlobID]fate
	most int // the largest size of ids since it was made
}

// fate is number<<24 | minute<<1 | revived. Fates of one blob compare as their numbers do.
type fate uint64

// fateEpoch is the first minute that a fate can tell; 2^23 minutes are sixteen years.
var fateEpoch = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

func newFate(number int64, at time.Time, dead bool) fate {
	minute := uint64(min(max(at.Sub(fateEpoch)/time.Minute+1, 0), 1<<23-1)) // rounded up: rather remembered longer
	f := fate(uint64(number)<<24 | minute<<1)
	if !dead {
		f |= 1
	}
	return f
}

func (f fate) dead() bool { return f != 0 && f&1 == 0 }

func (f fate) at() time.Time { return fateEpoch.Add(time.Duration(f>>1&(1<<23-1)) * time.Minute) }

func newDeaths() *deaths {
	d := &deaths{}
	for i := range d.shards {
		d.shards[i].ids = map[BlobID]fate{}
	}
	return d
}

func (d *deaths) shard(id BlobID) *deathShard { return &d.shards[id[15]%64] }

// note records an event, unless a later one of the same blob is known.
func (d *deaths) note(id BlobID, number int64, at time.Time, dead bool) {
	f := newFate(number, at, dead)
	s := d.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if f>>24 > s.ids[id]>>24 {
		s.ids[id] = f
		s.most = max(s.most, len(s.ids))
	}
}

func (d *deaths) dead(id BlobID) bool {
	s := d.shard(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ids[id].dead()
}

func (d *deaths) len() int {
	n := 0
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.RLock()
		n += len(s.ids)
		s.mu.RUnlock()
	}
	return n
}

// forget drops what happened before the time. A map never shrinks, so one that has emptied is made anew.
func (d *deaths) forget(before time.Time) {
	for i := range d.shards {
		s := &d.shards[i]
		s.mu.Lock()
		for id, f := range s.ids {
			if f.at().Before(before) {
				delete(s.ids, id)
			}
		}
		if len(s.ids) < s.most/4 {
			fresh := make(map[BlobID]fate, len(s.ids))
			for id, f := range s.ids {
				fresh[id] = f
			}
			s.ids, s.most = fresh, len(fresh)
		}
		s.mu.Unlock()
	}
}

// grace is how much longer than the longest link a death is remembered: links' ends are rounded up to a window, and
// clocks differ.
const grace = time.Hour

// memorable is the time since which deaths have to be remembered.
func (x *Index) memorable() time.Time { return time.Now().Add(-x.cfg.LinkMaxTTL - grace) }

// Dead reports, without a round trip, whether the blob is known to have lost its name.
func (x *Index) Dead(id BlobID) bool { return x.deaths.dead(id) }
