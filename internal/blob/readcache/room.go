package readcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"holdfast/internal/blob"
)

// touch returns the entry and makes it the most recently used, or nil. A hit is counted where the blob is opened.
func (c *Cache) touch(name blob.Name, hit bool) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	el, ok := c.entries[name]
	if !ok {
		return nil
	}
	c.used.MoveToFront(el)
	if hit {
		c.stats.Hits++
	}
	return el.Value.(*entry)
}

// add makes a copy known whose room is reserved, unless the blob went while it was fetched.
func (c *Cache) add(f *flight, e *entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.entries[e.info.Name]; ok || f.dropped {
		return false
	}
	c.entries[e.info.Name] = c.used.PushFront(e)
	return true
}

// reserve takes room for so many bytes, evicting what was not used for longest, and reports whether it could.
func (c *Cache) reserve(room int64) bool {
	for {
		evict, ok := c.tryReserve(room)
		if ok || evict == nil {
			return ok
		}
		if c.drop(evict) {
			c.count(func(s *Stats) { s.Evicted++ })
		}
	}
}

// tryReserve takes the room, or returns the copy to evict, nil if there is none.
func (c *Cache) tryReserve(room int64) (evict *entry, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+room <= c.max {
		c.bytes += room
		return nil, true
	}
	last := c.used.Back()
	if last == nil {
		return nil, false
	}
	return last.Value.(*entry), false
}

func (c *Cache) release(room int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= room
}

// forget drops the copy of a blob that is gone, and one that is being made.
func (c *Cache) forget(name blob.Name) {
	c.mu.Lock()
	if f, ok := c.flights[name]; ok {
		f.dropped = true
	}
	el, ok := c.entries[name]
	c.mu.Unlock()
	if ok {
		c.drop(el.Value.(*entry))
	}
}

// drop removes a copy, and reports whether it was there. Readers that have it open read on.
func (c *Cache) drop(e *entry) bool {
	c.mu.Lock()
	el, ok := c.entries[e.info.Name]
	ok = ok && el.Value == any(e)
	if ok {
		delete(c.entries, e.info.Name)
		c.used.Remove(el)
	}
	c.mu.Unlock()
	if ok {
		c.remove(e.path)
		c.release(e.room) // when the room is free
	}
	return ok
}

// remove deletes the files of a copy, finished or not.
func (c *Cache) remove(path string) {
	for _, suffix := range []string{"", unfinished, describes} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.report(fmt.Errorf("clear cache: %w", err))
		}
	}
}
