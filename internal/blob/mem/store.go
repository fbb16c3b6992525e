package mem

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/blob"
)

// Store is a blob store in memory. Its zero value is not ready: use New.
type Store struct {
	mu    sync.RWMutex // protects blobs; the entries themselves never change
	blobs map[blob.Name]*entry
}

type entry struct {
	info    blob.Info
	data    []byte
	sidecar []byte
}

var _ blob.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store {
	return &Store{blobs: map[blob.Name]*entry{}}
}

// Check always succeeds.
func (s *Store) Check(ctx context.Context) error { return ctx.Err() }

// Put implements [blob.Writer].
func (s *Store) Put(ctx context.Context, name blob.Name, body io.Reader, opts blob.PutOptions) (blob.Info, error) {
	if err := s.vacant(ctx, name); err != nil {
		return blob.Info{}, fmt.Errorf("put blob: %w", err)
	}
	data, err := readAll(ctx, body, opts.Size)
	if err != nil {
		return blob.Info{}, fmt.Errorf("put blob %s: %w", name, err)
	}
	return s.store(ctx, name, data, opts)
}

// Compose implements [blob.Composer].
func (s *Store) Compose(ctx context.Context, name blob.Name, parts []blob.Name, opts blob.PutOptions) (blob.Info, error) {
	if err := s.vacant(ctx, name); err != nil {
		return blob.Info{}, fmt.Errorf("compose blob: %w", err)
	}
	var data []byte
	for _, part := range parts {
		e, err := s.get(ctx, part)
		if err != nil {
			return blob.Info{}, fmt.Errorf("compose blob %s: %w", name, err)
		}
		data = append(data, e.data...)
	}
	if opts.Size >= 0 && opts.Size != int64(len(data)) {
		return blob.Info{}, fmt.Errorf("compose blob %s: %w", name, blob.SizeError(opts.Size, int64(len(data))))
	}
	return s.store(ctx, name, data, opts)
}

// Open implements [blob.Reader].
func (s *Store) Open(ctx context.Context, name blob.Name) (blob.Blob, error) {
	e, err := s.get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open blob: %w", err)
	}
	return &reader{ReadSeeker: bytes.NewReader(e.data), info: e.infoAs(name)}, nil
}

// Stat implements [blob.Reader].
func (s *Store) Stat(ctx context.Context, name blob.Name) (blob.Info, error) {
	e, err := s.get(ctx, name)
	if err != nil {
		return blob.Info{}, fmt.Errorf("stat blob: %w", err)
	}
	return e.infoAs(name), nil
}

// Sidecar implements [blob.Reader].
func (s *Store) Sidecar(ctx context.Context, name blob.Name) ([]byte, error) {
	e, err := s.get(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read sidecar: %w", err)
	}
	return slices.Clone(e.sidecar), nil
}

// Delete implements [blob.Remover].
func (s *Store) Delete(ctx context.Context, name blob.Name) error {
	if err := ready(ctx, name); err != nil {
		return fmt.Errorf("delete blob: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blobs, name)
	return nil
}

// Move implements [blob.Remover].
func (s *Store) Move(ctx context.Context, from, to blob.Name) error {
	if err := ready(ctx, from, to); err != nil {
		return fmt.Errorf("move blob: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e, there := s.blobs[from]
	_, taken := s.blobs[to]
	switch {
	case !there && taken, there && from == to:
		return nil
	case !there:
		return fmt.Errorf("move blob %s: %w", from, blob.ErrNotFound)
	case taken:
		return fmt.Errorf("move blob %s to %s: %w", from, to, blob.ErrExists)
	}
	s.blobs[to] = e
	delete(s.blobs, from)
	return nil
}

// List implements [blob.Lister]. It takes the names once; what is written meanwhile may be missing.
func (s *Store) List(ctx context.Context, prefix string, after blob.Name, yield func(blob.Info) bool) error {
	s.mu.RLock()
	names := slices.Sorted(maps.Keys(s.blobs))
	s.mu.RUnlock()
	from, exact := slices.BinarySearch(names, after)
	if exact {
		from++
	}
	for _, name := range names[from:] {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("list blobs: %w", err)
		}
		if !strings.HasPrefix(string(name), prefix) {
			continue
		}
		e, err := s.get(ctx, name)
		if err == nil && !yield(e.infoAs(name)) {
			return nil
		}
	}
	return nil
}

// vacant returns an error unless the name may be written.
func (s *Store) vacant(ctx context.Context, name blob.Name) error {
	if err := ready(ctx, name); err != nil {
		return err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, taken := s.blobs[name]; taken {
		return fmt.Errorf("%s: %w", name, blob.ErrExists)
	}
	return nil
}

func (s *Store) get(ctx context.Context, name blob.Name) (*entry, error) {
	if err := ready(ctx, name); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	e, ok := s.blobs[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, blob.ErrNotFound)
	}
	return e, nil
}

// store names the data, unless another Put was faster.
func (s *Store) store(ctx context.Context, name blob.Name, data []byte, opts blob.PutOptions) (blob.Info, error) {
	e := &entry{data: data, info: blob.Info{Name: name, Size: int64(len(data)), ModTime: time.Now()}}
	if opts.Sidecar != nil {
		sidecar, err := opts.Sidecar()
		if err != nil {
			return blob.Info{}, fmt.Errorf("put blob %s: sidecar: %w", name, err)
		}
		if len(sidecar) > blob.MaxSidecar {
			return blob.Info{}, fmt.Errorf("put blob %s: %w", name, blob.SidecarError(len(sidecar)))
		}
		e.sidecar = slices.Clone(sidecar)
	}
	if err := ctx.Err(); err != nil {
		return blob.Info{}, fmt.Errorf("put blob %s: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.blobs[name]; taken {
		return blob.Info{}, fmt.Errorf("put blob %s: %w", name, blob.ErrExists)
	}
	s.blobs[name] = e
	return e.info, nil
}

func (e *entry) infoAs(name blob.Name) blob.Info {
	info := e.info
	info.Name = name // a moved blob keeps its entry
	return info
}

func ready(ctx context.Context, names ...blob.Name) error {
	for _, name := range names {
		if err := name.Valid(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// readAll reads body to its end, a piece at a time so that a cancelled context ends it.
func readAll(ctx context.Context, body io.Reader, size int64) ([]byte, error) {
	var data bytes.Buffer
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := io.CopyN(&data, body, 256<<10)
		if size >= 0 && int64(data.Len()) > size {
			return nil, blob.SizeError(size, int64(data.Len()))
		}
		if err == io.EOF && n < 256<<10 { //nolint:errorlint // a reader ends with io.EOF itself
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if size >= 0 && int64(data.Len()) != size {
		return nil, blob.SizeError(size, int64(data.Len()))
	}
	return data.Bytes(), nil
}

// reader is an open blob; it keeps the bytes alive whatever becomes of the name.
type reader struct {
	io.ReadSeeker
	info   blob.Info
	closed atomic.Bool
}

func (r *reader) Info() blob.Info { return r.info }

// Read fails after Close, as a file does.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed.Load() {
		return 0, fmt.Errorf("read blob %s: %w", r.info.Name, fs.ErrClosed)
	}
	return r.ReadSeeker.Read(p)
}

func (r *reader) Close() error {
	r.closed.Store(true)
	return nil
}
