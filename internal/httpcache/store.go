package httpcache

import (
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"holdfast/internal/cache"
)

// store keeps objects in memory, and on disk if there is one. What is on disk is all that is stored; memory holds the latest of it.
type store struct {
	memory  *cache.Memory[*object]
	disk    atomic.Pointer[cache.Disk] // nil without one, and before the start
	small   int64                      // the longest body in memory
	largest int64                      // the longest body at all
	problem func(error)                // is told when the disk fails, and of nil when it works
	changes atomic.Int64

	// publish is held while something is stored or removed, so that what is removed while it comes is not stored after all.
	publish sync.Mutex
}

func newStore(c Config, problem func(error)) *store {
	s := &store{
		memory: cache.NewMemory(int64(c.Memory), func(_ string, o *object) int64 { return o.cost() }), small: int64(c.Memory) / 16, problem: problem,
	}
	s.largest = min(int64(c.MaxObject), s.small)
	if c.Disk > 0 {
		s.largest = int64(c.MaxObject)
		s.small = min(s.small, 1<<20)
	}
	return s
}

// files is the disk, or nil.
func (s *store) files() *cache.Disk { return s.disk.Load() }

// slotOf is where an answer lies that is not in the slot of its address.
func slotOf(address, choice string) string { return address + "\n" + choice }

// find returns the stored answer that a request wants, or nil. slot is where it is or would be; known is false when nothing is stored for
// the address.
func (s *store) find(id *identity, r *http.Request) (o *object, slot string, known bool) {
	first := s.get(id.address)
	if first == nil {
		return nil, id.address, false
	}
	choice := id.choice(r, first.selectors, first.salt)
	if choice == first.choice {
		return first, id.address, true
	}
	slot = slotOf(id.address, choice)
	return s.get(slot), slot, true
}

// get returns the object in a slot, or nil. It may come without its body; see open.
func (s *store) get(slot string) *object {
	if o, ok := s.memory.Get(slot); ok {
		return o
	}
	if s.files() == nil {
		return nil
	}
	seen := s.changes.Load()
	f, ok := s.files().Open(slot)
	if !ok {
		return nil
	}
	defer f.Close()
	o, ok := readObject(slot, f.Meta, f.Size)
	if !ok {
		s.files().Delete(slot)
		return nil
	}
	if o.size <= s.small {
		body := make([]byte, o.size)
		if _, err := io.ReadFull(f.File, body); err != nil {
			return nil
		}
		o.body, o.onDisk = body, false
		s.promote(o, seen)
	}
	return o
}

// promote takes an object into memory, unless something was stored or removed since it was read.
func (s *store) promote(o *object, seen int64) {
	s.publish.Lock()
	defer s.publish.Unlock()
	if s.changes.Load() == seen {
		s.hold(o)
	}
}

// open returns the body of an object that is on disk only. It reports false when it is there no more.
func (s *store) open(o *object) (*cache.DiskFile, bool) {
	f, ok := s.files().Open(o.slot)
	if !ok {
		return nil, false
	}
	if now, ok := readObject(o.slot, f.Meta, f.Size); !ok || now.serial != o.serial {
		f.Close()
		return nil, false
	}
	return f, true
}

// put stores an object, whose body is in file if it is not in the object. Callers must hold publish.
func (s *store) put(o *object, id *identity, r *http.Request, file *cache.DiskWriter) {
	s.place(o, id, r)
	defer s.changes.Add(1) // at the end: who reads meanwhile must not take it into memory
	if s.files() == nil {
		s.hold(o)
		return
	}
	if err := s.write(o, file); err != nil {
		s.files().Delete(o.slot) // what was there is older
		if !errors.Is(err, cache.ErrRoom) {
			s.problem(err)
		}
		if o.body == nil {
			s.memory.Delete(o.slot)
			return
		}
	} else {
		s.problem(nil)
	}
	o.onDisk = o.body == nil
	if o.onDisk {
		s.memory.Delete(o.slot)
		return
	}
	s.hold(o)
}

func (s *store) write(o *object, file *cache.DiskWriter) error {
	if file == nil {
		var err error
		if file, err = s.files().Create(o.size); err != nil {
			return err
		}
		defer file.Close()
		if _, err := file.Write(o.body); err != nil {
			file.Discard()
			return err
		}
	}
	return file.Commit(o.slot, about(o))
}

func about(o *object) cache.About { return cache.About{Meta: o.meta(), Tags: o.tags, Until: o.until()} }

// place finds the slot of an object that is new. Callers must hold publish.
func (s *store) place(o *object, id *identity, r *http.Request) {
	first := s.get1(o.url)
	if first != nil {
		union := slices.Compact(slices.Sorted(slices.Values(slices.Concat(first.selectors, o.selectors))))
		if slices.Equal(union, first.selectors) {
			o.selectors, o.salt = first.selectors, first.salt
			o.choice = id.choice(r, o.selectors, o.salt)
			if o.slot = o.url; o.choice != first.choice {
				o.slot = slotOf(o.url, o.choice)
			}
			return
		}
		if len(union) <= maxSelectors {
			o.selectors = union
		}
	}
	o.slot, o.salt = o.url, rand.Text()
	o.choice = id.choice(r, o.selectors, o.salt)
}

// hold takes an object into memory.
func (s *store) hold(o *object) {
	o.lines = new(lines)
	s.memory.SetUntil(o.slot, o, o.until())
}

// get1 is get without taking what is found into memory.
func (s *store) get1(slot string) *object {
	if o, _, ok := s.memory.Peek(slot); ok || s.files() == nil {
		return o
	}
	f, ok := s.files().Open(slot)
	if !ok {
		return nil
	}
	defer f.Close()
	o, _ := readObject(slot, f.Meta, f.Size)
	return o
}

// update stores an object that a 304 made fresh, in place of the one that it was made of, if that is there still. Callers must hold publish.
func (s *store) update(o, of *object) {
	o.slot, o.choice, o.selectors, o.salt = of.slot, of.choice, of.selectors, of.salt
	now := s.get1(of.slot)
	if now == nil || now.serial != of.serial {
		return
	}
	defer s.changes.Add(1)
	if s.files() != nil && s.files().Update(o.slot, about(o)) != nil {
		s.files().Delete(o.slot)
		s.memory.Delete(o.slot)
		if o.onDisk {
			return
		}
	}
	if !o.onDisk {
		s.hold(o)
	}
}

// remove removes all answers of an address and reports whether there was one. Callers must hold publish.
func (s *store) remove(address string) bool {
	defer s.changes.Add(1)
	found := s.memory.Delete(address)
	if s.files() != nil && s.files().Delete(address) {
		found = true
	}
	return found
}

// removeSlot removes one answer. Callers must hold publish.
func (s *store) removeSlot(slot string) {
	defer s.changes.Add(1)
	s.memory.Delete(slot)
	if s.files() != nil {
		s.files().Delete(slot)
	}
}

// removeFunc removes all that match and returns how many there were. Callers must hold publish.
func (s *store) removeFunc(match func(address string, tags []string) bool) int {
	defer s.changes.Add(1)
	gone := map[string]bool{}
	s.memory.Range(func(slot string, o *object) bool {
		if match(o.url, o.tags) {
			gone[slot] = true
		}
		return true
	})
	for slot := range gone {
		s.memory.Delete(slot)
	}
	if s.files() != nil {
		s.files().DeleteFunc(func(slot string, tags []string) bool {
			url, _, _ := strings.Cut(slot, "\n")
			if gone[slot] || match(url, tags) {
				gone[slot] = true
				return true
			}
			return false
		})
	}
	return len(gone)
}
