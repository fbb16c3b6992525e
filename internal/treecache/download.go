package treecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/treepack"
)

// providePart makes a part ready and pinned.
func (p *process) providePart(ctx context.Context, k pins, o object, loaded *atomic.Int64) error {
	return p.provide(ctx, k, o.name, func(ctx context.Context) error { return p.makePart(ctx, o, loaded) })
}

// makePart proves the part that an earlier era left, or downloads it. The caller holds the object's lock exclusively.
func (p *process) makePart(ctx context.Context, o object, loaded *atomic.Int64) error {
	if err := p.checkTombs(nameOf(o.piece.Part)); err != nil {
		return err
	}
	if ok, err := p.reprove(ctx, o); ok || err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	err := p.untilFits(ctx, p.estimate(o), func() error { return p.downloadOnce(ctx, o) })
	if errors.Is(err, treepack.ErrCorrupt) {
		p.o.Log.Warn("content cache: the store gave a wrong pack, asking again", "part", o.name, "error", err)
		err = p.downloadOnce(ctx, o)
	}
	if err != nil {
		return onDisk("cache "+o.name, err)
	}
	loaded.Add(o.piece.Part.Packed)
	return nil
}

// downloadOnce is download, told to the observer.
func (p *process) downloadOnce(ctx context.Context, o object) error {
	start := time.Now()
	err := p.download(ctx, o)
	if err == nil {
		p.count.loaded(o.piece.Part.Packed)
	}
	if p.o.Observe.Downloaded != nil {
		p.o.Observe.Downloaded(o.piece.Part, time.Since(start), err)
	}
	return err
}

// reprove hashes what an earlier era left under the name, and takes it over if it is right.
func (p *process) reprove(ctx context.Context, o object) (bool, error) {
	s, err := p.look(o.name)
	if err != nil || !s.exists {
		return false, err
	}
	if err := p.rehash(ctx, o.name, o.piece.Part); err != nil {
		if ctx.Err() != nil {
			return false, context.Cause(ctx)
		}
		p.o.Log.Warn("content cache: an object did not survive, fetching it again", "object", o.name, "error", err)
		return false, nil // place moves it away
	}
	return true, p.stamp(p.objectPath(o.name, markName), p.era, s.used)
}

// estimate returns the room that a part probably needs. Directories are not told beforehand.
func (p *process) estimate(o object) usage {
	const overhead = 6 // object, tree, mark, part, kept, and a directory
	part := &o.piece.Part
	files := int64(part.Files)
	return usage{
		Bytes:  part.Plain + part.Plain>>10 + files*(p.block+entry) + overhead*(p.block+entry),
		Inodes: files + overhead,
	}
}

// download fetches a part, verifies it and gives it its name.
func (p *process) download(ctx context.Context, o object) error {
	b, err := p.reserve(ctx, p.estimate(o))
	if err != nil {
		return err
	}
	dir := p.temp()
	err = p.unpack(ctx, b, dir, o)
	if err == nil {
		err = p.place(ctx, dir, o.name, b, []string{nameOf(o.piece.Part)})
	}
	if err != nil {
		p.discard(dir, b)
	}
	return err
}

// unpack writes the files of a part below dir. Its error says whose fault it was: the disk's, the store's, or the pack's.
func (p *process) unpack(ctx context.Context, b *budget, dir string, o object) error {
	body, err := p.openPack(ctx, o.piece.Part)
	if err != nil {
		return err
	}
	if body.gather(o.piece.Part.Packed) {
		p.hands <- struct{}{} // who has them waits for nobody
		defer func() { <-p.hands }()
	}
	s, err := p.newSink(b, dir, o.piece.Mode.Kind() == treepack.Exec)
	if err != nil {
		return errors.Join(err, body.close())
	}
	err = treepack.Unpack(body, o.piece.Part, s)
	closeErr := body.close()
	switch {
	case s.err != nil:
		return s.err
	case body.err != nil:
		return unavailable(o.piece.Part, body.err)
	case err != nil && !errors.Is(err, treepack.ErrCorrupt):
		return fmt.Errorf("unpack %s: %w", o.name, err)
	case err != nil:
		return fault.New(fault.Invalid, ErrCorrupt.Code, "unpack %s: %w", o.name, err).
			WithHint("holdfast content scrub repairs the store")
	case closeErr != nil:
		return unavailable(o.piece.Part, closeErr)
	}
	return s.finish(o.piece.Part)
}

// unavailable says that the store failed. Cancelled calls stay what they are.
func unavailable(part treepack.Part, err error) error {
	if isGivenUp(err) && !errors.Is(err, errStalled) {
		return err
	}
	kind := fault.Unavailable
	if fault.KindOf(err) == fault.NotFound {
		kind = fault.NotFound
	}
	return fault.New(kind, ErrUnavailable.Code, "fetch %s: %w", part.BlobName(), err)
}

var errStalled = errors.New("the store sent nothing for too long")

const (
	// makers is how many parts are made for each that may be downloaded at a time: while a store that is far away is waited for, what it sent
	// before is unpacked.
	makers = 2
	// gathered is up to which size, in bytes, a pack is read as a whole before it is unpacked.
	gathered = 256 << 10
)

// packBody is a pack being read: it remembers the store's error, and gives up when nothing comes for Options.Stall.
type packBody struct {
	ctx    context.Context
	head   bytes.Reader  // what was gathered
	body   io.ReadCloser // the rest; nil when all of it was
	err    error
	stall  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	hangUp func() error // ends the download, once
}

// openPack asks the store for a pack. The limit of silence holds for the asking, too.
func (p *process) openPack(ctx context.Context, part treepack.Part) (*packBody, error) {
	select {
	case p.wire <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	r := &packBody{ctx: ctx, stall: p.o.Stall, cancel: cancel}
	r.timer = time.AfterFunc(r.stall, func() { cancel(errStalled) })
	body, err := p.o.Fetch(ctx, part)
	if err != nil {
		<-p.wire
		r.timer.Stop()
		err = r.because(err)
		cancel(nil)
		return nil, unavailable(part, err)
	}
	r.body = body
	r.hangUp = sync.OnceValue(func() error {
		defer func() { <-p.wire }()
		r.timer.Stop()
		return body.Close()
	})
	return r, nil
}

// gather reads a small pack as a whole, so that another can be asked for while this one is unpacked. It reports whether all of it is here.
func (r *packBody) gather(size int64) bool {
	if size > gathered {
		return false
	}
	text := make([]byte, 0, size+bytes.MinRead)
	for len(text) < 2*gathered {
		n, err := r.fetch(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err != nil {
			if errors.Is(err, io.EOF) && r.hangUp() == nil {
				r.body = nil
			}
			break // what went wrong is told to who reads on
		}
		text = slices.Grow(text, bytes.MinRead)
	}
	r.head.Reset(text)
	return r.body == nil
}

// because returns the reason when the context ended the store's work.
func (r *packBody) because(err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return err
}

// Read reads what was gathered, and then from the store.
func (r *packBody) Read(b []byte) (int, error) {
	switch {
	case r.head.Len() > 0:
		return r.head.Read(b)
	case r.err != nil:
		return 0, r.err
	case r.body == nil:
		return 0, io.EOF
	}
	return r.fetch(b)
}

// fetch reads from the store.
func (r *packBody) fetch(b []byte) (int, error) {
	if r.ctx.Err() != nil {
		r.err = context.Cause(r.ctx)
		return 0, r.err
	}
	r.timer.Reset(r.stall)
	n, err := r.body.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = r.because(err)
		err = r.err
	}
	return n, err
}

func (r *packBody) close() error {
	defer r.cancel(nil)
	return r.hangUp()
}
