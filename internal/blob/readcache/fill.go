package readcache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"holdfast/internal/blob"
)

// fill fetches a blob into the cache and reports whether it is there now. An error is the store's; a cache that cannot
// be written is reported and not an error of the reader.
func (c *Cache) fill(ctx context.Context, name blob.Name) (kept bool, err error) {
	// The fetch belongs to all who wait for it, so it does not end with the first of them.
	done := c.fetch.DoChan(string(name), func() (any, error) { return c.fetchOne(context.WithoutCancel(ctx), name) })
	select {
	case r := <-done:
		kept, _ = r.Val.(bool)
		return kept, r.Err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func (c *Cache) fetchOne(ctx context.Context, name blob.Name) (bool, error) {
	if c.touch(name) != nil {
		return true, nil // fetched between the look and the call
	}
	b, err := c.Store.Open(ctx, name)
	if err != nil {
		return false, err
	}
	defer b.Close()
	e := &entry{info: b.Info()}
	if e.info.Size > maxItem || e.info.Size > c.max/8 {
		c.count(func(s *Stats) { s.Passed++ })
		return false, nil
	}
	if e.sidecar, err = c.Store.Sidecar(ctx, name); err != nil {
		return false, err
	}
	c.count(func(s *Stats) { s.Misses++ })
	return c.store(e, b)
}

// store writes the copy and its description, under temporary names first.
func (c *Cache) store(e *entry, b io.Reader) (bool, error) {
	if !c.reserve(e.info.Size) {
		return false, nil // other fetches hold all the room
	}
	readErr, writeErr := c.write(e, b)
	if readErr == nil && writeErr == nil {
		c.add(e)
		if c.broken.Swap(false) {
			c.report(nil)
		}
		return true, nil
	}
	c.release(e.info.Size)
	if writeErr != nil {
		c.broken.Store(true)
		c.report(fmt.Errorf("write cache: %w", writeErr))
	}
	return false, readErr
}

// write tells the store's errors from those of the local disk.
func (c *Cache) write(e *entry, b io.Reader) (readErr, writeErr error) {
	f, err := os.CreateTemp(c.dir, "tmp-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if readErr != nil || writeErr != nil {
			_ = os.Remove(f.Name()) // cleared at the next start, too
		}
	}()
	src := &noting{r: b}
	n, err := io.Copy(f, src)
	closeErr := f.Close()
	switch {
	case src.err != nil:
		return src.err, nil
	case err != nil || closeErr != nil:
		return nil, errors.Join(err, closeErr)
	case n != e.info.Size:
		return blob.SizeError(e.info.Size, n), nil
	}
	if err := c.describe(e); err != nil {
		return nil, err
	}
	return nil, os.Rename(f.Name(), c.path(e.info.Name))
}

// noting remembers the error of the reader, which io.Copy does not tell from the writer's.
type noting struct {
	r   io.Reader
	err error
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return k, err
}

// description is what stands beside a copy, so that a restart finds it.
type description struct {
	Info    blob.Info
	Sidecar []byte
}

func (c *Cache) describe(e *entry) error {
	data, err := json.Marshal(description{e.info, e.sidecar})
	if err != nil {
		return err
	}
	return os.WriteFile(c.path(e.info.Name)+describes, data, 0o600)
}

func (c *Cache) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}
