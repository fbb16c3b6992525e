package readcache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/internal/blob"
)

// describes is the suffix of the file that describes a copy.
const describes = ".json"

// path returns where the copy of a blob lies: one flat directory, names of one length whatever the blob is called.
func (c *Cache) path(name blob.Name) string {
	sum := sha256.Sum256([]byte(name))
	return filepath.Join(c.dir, hex.EncodeToString(sum[:16]))
}

// add makes a copy known whose room is reserved.
func (c *Cache) add(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[e.info.Name] = c.used.PushFront(e)
}

// reserve takes room for size bytes, evicting what was not used for longest, and reports whether it could.
func (c *Cache) reserve(size int64) bool {
	for {
		name, ok := c.tryReserve(size)
		if ok || name == "" {
			return ok
		}
		c.forget(name)
	}
}

// tryReserve takes the room, or returns the blob to evict, "" if there is none.
func (c *Cache) tryReserve(size int64) (evict blob.Name, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+size <= c.max {
		c.bytes += size
		return "", true
	}
	last := c.used.Back()
	if last == nil {
		return "", false
	}
	c.stats.Evicted++
	return last.Value.(*entry).info.Name, false
}

func (c *Cache) release(size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes -= size
}

// forget drops a copy. Readers that have it open read on.
func (c *Cache) forget(name blob.Name) {
	c.mu.Lock()
	el, ok := c.entries[name]
	if ok {
		delete(c.entries, name)
		c.used.Remove(el)
		c.bytes -= el.Value.(*entry).info.Size
	}
	c.mu.Unlock()
	if ok {
		c.remove(c.path(name))
	}
}

func (c *Cache) remove(path string) {
	for _, p := range []string{path, path + describes} {
		if err := os.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.report(fmt.Errorf("clear cache: %w", err))
		}
	}
}

// load takes over what an earlier process left, or empties the directory when the machine was booted in between.
func (c *Cache) load() error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte("unknown") // not Linux: a copy is then trusted by its size alone
	}
	mark := filepath.Join(c.dir, "boot")
	before, _ := os.ReadFile(mark)
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("read cache: %w", err)
	}
	for _, f := range files {
		c.take(f.Name(), string(before) == string(boot))
	}
	if err := os.WriteFile(mark, boot, 0o600); err != nil {
		return fmt.Errorf("mark cache: %w", err)
	}
	c.reserve(0) // the bound may be smaller than before
	return nil
}

// take looks at one file of the directory: a description brings its copy in, everything unfinished goes.
func (c *Cache) take(name string, trusted bool) {
	path := filepath.Join(c.dir, name)
	base, isDescription := strings.CutSuffix(path, describes)
	switch {
	case name == "lock" || name == "boot":
		return
	case isDescription && trusted:
		if e, ok := readDescription(path, base); ok && c.path(e.info.Name) == base {
			c.bytes += e.info.Size
			c.add(e)
			return
		}
		c.remove(base)
	case isDescription:
		c.remove(base)
	case strings.HasPrefix(name, "tmp-"):
		_ = os.Remove(path) // tried again at the next start
	default:
		if _, err := os.Stat(path + describes); err != nil {
			c.remove(path)
		}
	}
}

func readDescription(path, base string) (*entry, bool) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var d description
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, false
	}
	info, err := os.Stat(base)
	if err != nil || info.Size() != d.Info.Size {
		return nil, false
	}
	return &entry{d.Info, d.Sidecar}, true
}
