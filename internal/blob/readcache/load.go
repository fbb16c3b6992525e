package readcache

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// load takes over what an earlier process left, or empties the directory when the machine was booted in between.
func (c *Cache) load() error {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = []byte("unknown") // not Linux: a copy is then trusted by its size alone
	}
	mark := filepath.Join(c.dir, "boot")
	before, _ := os.ReadFile(mark) // a new directory has none
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

// take looks at one file of the directory: a description brings its copy in; what belongs to no copy goes.
func (c *Cache) take(name string, trusted bool) {
	if name == "lock" || name == "boot" {
		return
	}
	path := filepath.Join(c.dir, name)
	base, isDescription := strings.CutSuffix(path, describes)
	base = strings.TrimSuffix(base, unfinished)
	if !isDescription {
		if _, err := os.Stat(base + describes); err != nil || path != base {
			c.removeFile(path)
		}
		return
	}
	e, ok := readDescription(path, base)
	if !ok || !trusted {
		c.remove(base)
		return
	}
	if !c.add(&flight{}, e) { // a copy of the same blob was there, when a process was killed between two steps
		c.remove(base)
		return
	}
	c.bytes += e.room
}

func (c *Cache) removeFile(path string) {
	if err := os.Remove(path); err != nil {
		c.report(fmt.Errorf("clear cache: %w", err))
	}
}

func readDescription(path, base string) (*entry, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	var d description
	if err := json.Unmarshal(text, &d); err != nil || d.Info.Name.Valid() != nil {
		return nil, false
	}
	info, err := os.Stat(base)
	if err != nil || info.Size() != d.Info.Size {
		return nil, false
	}
	return &entry{
		info: d.Info, sidecar: d.Sidecar, path: base, room: blocks(d.Info.Size) + blocks(int64(len(text))),
	}, true
}
