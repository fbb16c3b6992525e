package blob

import (
	"context"
	"io"
	"time"
)

// Observer is told of every operation of a metered store when it ends.
type Observer interface {
	// Observe gets the operation ("open", "read", "stat", "sidecar", "put", "compose", "delete", "move", "list" or
	// "check"), how long it took, the bytes of content that it moved, and its error. "read" is told when an open blob is
	// closed, with the time spent in Read alone. It is called from many goroutines.
	Observe(op string, took time.Duration, bytes int64, err error)
}

// Meter tells the observer of every operation. Bytes that a server takes through [Filer] it does not see.
func Meter(s Store, o Observer) Store { return &meter{Store: s, to: o} }

type meter struct {
	Store
	to Observer
}

func (m *meter) Unwrap() Store { return m.Store }

func (m *meter) Open(ctx context.Context, name Name) (Blob, error) {
	start := time.Now()
	b, err := m.Store.Open(ctx, name)
	m.to.Observe("open", time.Since(start), 0, err)
	if err != nil {
		return nil, err
	}
	return keepFile(b, &meteredBlob{Blob: b, to: m.to}), nil
}

func (m *meter) Stat(ctx context.Context, name Name) (Info, error) {
	start := time.Now()
	info, err := m.Store.Stat(ctx, name)
	m.to.Observe("stat", time.Since(start), 0, err)
	return info, err
}

func (m *meter) Sidecar(ctx context.Context, name Name) ([]byte, error) {
	start := time.Now()
	data, err := m.Store.Sidecar(ctx, name)
	m.to.Observe("sidecar", time.Since(start), 0, err)
	return data, err
}

func (m *meter) Put(ctx context.Context, name Name, body io.Reader, opts PutOptions) (Info, error) {
	start := time.Now()
	info, err := m.Store.Put(ctx, name, body, opts)
	m.to.Observe("put", time.Since(start), info.Size, err)
	return info, err
}

func (m *meter) Compose(ctx context.Context, name Name, parts []Name, opts PutOptions) (Info, error) {
	start := time.Now()
	info, err := m.Store.Compose(ctx, name, parts, opts)
	m.to.Observe("compose", time.Since(start), info.Size, err)
	return info, err
}

func (m *meter) Delete(ctx context.Context, name Name) error {
	start := time.Now()
	err := m.Store.Delete(ctx, name)
	m.to.Observe("delete", time.Since(start), 0, err)
	return err
}

func (m *meter) Move(ctx context.Context, from, to Name) error {
	start := time.Now()
	err := m.Store.Move(ctx, from, to)
	m.to.Observe("move", time.Since(start), 0, err)
	return err
}

func (m *meter) List(ctx context.Context, prefix string, after Name, yield func(Info) bool) error {
	start := time.Now()
	err := m.Store.List(ctx, prefix, after, yield)
	m.to.Observe("list", time.Since(start), 0, err)
	return err
}

func (m *meter) Check(ctx context.Context) error {
	start := time.Now()
	err := m.Store.Check(ctx)
	m.to.Observe("check", time.Since(start), 0, err)
	return err
}

type meteredBlob struct {
	Blob
	to   Observer
	took time.Duration
	n    int64
	err  error // of the last Read that failed
}

func (b *meteredBlob) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := b.Blob.Read(p)
	b.took += time.Since(start)
	b.n += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // readers end with io.EOF itself
		b.err = err
	}
	return n, err
}

func (b *meteredBlob) Close() error {
	b.to.Observe("read", b.took, b.n, b.err)
	return b.Blob.Close()
}
