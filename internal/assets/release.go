package assets

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast/internal/atomicfile"
)

// publish makes what was written the present release: plain names and manifests for other programs, then the index, which
// is what counts. What has had its time is removed after that.
func (p *plan) publish(context.Context) error {
	p.expire()
	for logical, name := range p.next.Names {
		if _, isFile := p.scan.found[logical]; isFile && logical != name {
			if err := p.plainName(logical, name); err != nil {
				return err
			}
		}
	}
	if err := writeManifests(p.config, p.next, readFetched(p.config.Output)); err != nil {
		return err
	}
	b, err := p.next.encode()
	if err != nil {
		return err
	}
	if err := replace(indexPath(p.config.Output), b); err != nil {
		return err
	}
	return p.tidy()
}

// plainName lets a plain name lead to the variants of its hashed one by hard links, for web servers that serve the
// directory. Codings that the file does not have any more go.
func (p *plan) plainName(logical, name string) error {
	has := map[Coding]bool{}
	for _, v := range p.next.Files[name].Variants {
		has[v.Coding] = true
	}
	for _, c := range append(codings(), Identity) {
		to := p.path(logical, c)
		if !has[c] {
			if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		if err := p.linkTo(p.path(name, c), to); err != nil {
			return err
		}
	}
	return nil
}

// linkTo gives a file a second name in place of what has that name, and copies it where the file system has no links.
func (p *plan) linkTo(from, to string) error {
	want, err := os.Stat(from)
	if err != nil {
		return err
	}
	if is, err := os.Lstat(to); err == nil && os.SameFile(want, is) {
		return nil
	}
	temp := filepath.Join(tempDir(p.config.Output), "link")
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, temp) != nil {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if is, err := os.ReadFile(to); err == nil && bytes.Equal(is, content) {
			return nil
		}
		return atomicfile.WriteFile(to, content, 0o644)
	}
	return os.Rename(temp, to)
}

// replace writes a small file whose content others read, unless it has the content already.
func replace(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, content, 0o644)
}

// expire forgets the names of former releases that have had their time.
func (p *plan) expire() {
	limit := p.began.Add(-p.config.Keep.D())
	for name, f := range p.next.Files {
		if !f.Retired.IsZero() && f.Retired.Before(limit) {
			delete(p.next.Files, name)
		}
	}
}

// tidy removes the files that the index does not name any more. The index is in force already, so a failure only leaves
// files behind: they are noted, and the next build tries again.
func (p *plan) tidy() error {
	var left []string
	gone := p.intended()
	for name := range p.old.Files {
		gone = append(gone, name)
	}
	for logical := range p.old.Sources {
		gone = append(gone, logical)
	}
	for _, name := range gone {
		if _, isPlain := p.scan.found[name]; isPlain || p.next.Files[name] != nil {
			continue
		}
		if err := removeVariants(p.config.Output, name); err != nil {
			p.log.Warn("a file of a former release cannot be removed", "name", name, "error", err)
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		return p.intend(left)
	}
	if err := os.Remove(intentPath(p.config.Output)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
