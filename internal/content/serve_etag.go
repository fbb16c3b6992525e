package content

import (
	"container/list"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"holdfast/internal/treepack"
)

// maxETags bounds the ids of files that are remembered.
const maxETags = 16_384

// etags remembers the ids that git gave to files. They are found by hashing a file once: a tree is not kept beside what it
// was unpacked to.
type etags struct {
	mu     sync.Mutex // protects the following
	order  *list.List // of etag, the last used first
	places map[string]*list.Element
}

type etag struct{ key, id string }

func newETags() *etags { return &etags{order: list.New(), places: map[string]*list.Element{}} }

// of returns the id of a file's content. The key names that content: a tree and a path below it.
func (e *etags) of(f *os.File, format treepack.Format, key string) (string, error) {
	if id, ok := e.get(key); ok {
		return id, nil
	}
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := format.New()
	_, _ = fmt.Fprintf(h, "blob %d\x00", info.Size()) // a hash never fails
	if err := hashFile(h, f); err != nil {
		return "", err
	}
	id := fmt.Sprintf("%x", h.Sum(nil))
	e.put(key, id)
	return id, nil
}

func hashFile(h hash.Hash, f *os.File) error {
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("hash a file: %w", err)
	}
	_, err := f.Seek(0, io.SeekStart)
	return err
}

func (e *etags) get(key string) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	place := e.places[key]
	if place == nil {
		return "", false
	}
	e.order.MoveToFront(place)
	return place.Value.(etag).id, true //nolint:forcetypeassert // nothing else is put there
}

func (e *etags) put(key, id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.places[key] != nil {
		return
	}
	e.places[key] = e.order.PushFront(etag{key, id})
	for e.order.Len() > maxETags {
		delete(e.places, e.order.Remove(e.order.Back()).(etag).key) //nolint:forcetypeassert // as above
	}
}
