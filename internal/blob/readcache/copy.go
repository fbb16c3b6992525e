package readcache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/blob"
)

// describes is the suffix of the file that describes a copy; unfinished is that of a copy that is being written.
const (
	describes  = ".json"
	unfinished = ".part"
)

// block is what a file takes on the disk at least, in bytes.
const block = 4096

// entry is a blob in the cache. It never changes.
type entry struct {
	info    blob.Info
	sidecar []byte
	path    string // of the copy; its own, so that removing it never hits a later copy of the same blob
	room    int64  // what copy and description take on the disk, in bytes
}

// description is what stands beside a copy, so that a restart finds it.
type description struct {
	Info    blob.Info
	Sidecar []byte
}

func blocks(n int64) int64 { return (n + block - 1) / block * block }

// place gives the entry a path and computes its room. It returns the description.
func (c *Cache) place(e *entry) ([]byte, error) {
	text, err := json.Marshal(description{e.info, e.sidecar})
	e.path = filepath.Join(c.dir, fmt.Sprintf("%016x", rand.Uint64()))
	e.room = blocks(e.info.Size) + blocks(int64(len(text)))
	return text, err
}

// keep makes a copy of what b yields, and reports whether it is in the cache now.
func (c *Cache) keep(f *flight, e *entry, b io.Reader) (kept bool, err error) {
	text, err := c.place(e)
	if err != nil || !c.reserve(e.room) {
		return false, err // no room: other fetches hold it all
	}
	readErr, writeErr := write(e, text, b)
	if readErr == nil && writeErr == nil {
		c.works()
		if c.add(f, e) {
			return true, nil
		}
	}
	c.release(e.room)
	c.remove(e.path)
	if writeErr != nil {
		c.fails(writeErr)
	}
	return false, readErr
}

// write writes a copy, and tells the store's errors from those of the local disk. The description comes first: a copy
// whose name is lasting has one.
func write(e *entry, text []byte, b io.Reader) (readErr, writeErr error) {
	f, err := os.OpenFile(e.path+unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	src := &noting{r: b}
	n, err := io.Copy(f, src)
	err = errors.Join(err, f.Close())
	if err == nil && n == e.info.Size {
		err = os.WriteFile(e.path+describes, text, 0o600)
	}
	if err == nil && n == e.info.Size {
		err = os.Rename(e.path+unfinished, e.path)
	}
	switch {
	case src.err != nil:
		return src.err, nil
	case n != e.info.Size && err == nil:
		return blob.SizeError(e.info.Size, n), nil
	}
	return nil, err
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

// fails notes that the cache cannot be written; works, that it can.
func (c *Cache) fails(err error) {
	c.mu.Lock()
	c.broken = time.Now().Add(c.pause)
	c.mu.Unlock()
	c.report(fmt.Errorf("write cache: %w", err))
}

func (c *Cache) works() {
	c.mu.Lock()
	was := c.broken
	c.broken = time.Time{}
	c.mu.Unlock()
	if !was.IsZero() {
		c.report(nil)
	}
}

// openCopy opens the copy of a blob; nil if there is none.
func (c *Cache) openCopy(name blob.Name) blob.Blob {
	e := c.touch(name, true)
	if e == nil {
		return nil
	}
	f, err := os.Open(e.path)
	if err == nil {
		info, statErr := f.Stat()
		if statErr == nil && info.Size() == e.info.Size {
			return &local{file{f}, e.info}
		}
		f.Close()
	}
	c.drop(e) // somebody cleared or cut it by hand
	return nil
}

// file reads, seeks and closes; the name keeps the embedded *os.File apart from the method File.
type file struct{ *os.File }

// local is an open copy.
type local struct {
	file
	info blob.Info
}

func (l *local) Info() blob.Info { return l.info }

// File makes it a blob.Filer: visitors are served by sendfile.
func (l *local) File() *os.File { return l.file.File }
