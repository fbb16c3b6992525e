package blob

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/time/rate"

	"holdfast/internal/fault"
)

// ErrBusy is what a limited store returns when the context ended, or Patience was over, before the operation's turn came.
var ErrBusy = &fault.Error{
	Kind: fault.Unavailable, Code: "store_busy", Err: errText("too many operations on the store"),
	Hint: "Try again later; raise the limit if the store can take more.",
}

// LimitOptions bound what a store is asked to do at once.
type LimitOptions struct {
	Concurrent     int           // operations at the same time; 0 for no limit
	Patience       time.Duration // how long an operation waits for its turn; 0: as long as its context lasts
	BytesPerSecond int64         // read and written together; 0 for no limit
}

// Limit makes operations wait for their turn, as long as their context and Patience last. An open blob holds no place while it is
// read, and a listing holds none, because what it yields may be acted on in between. The body and the sidecar of a Put
// must not use the limited store themselves: they hold a place.
//
// The rate counts what passes through Put and Read. Bytes that a server takes through [Filer], and those that a store
// copies inside itself, it does not see.
func Limit(s Store, opts LimitOptions) Store {
	l := &limiter{Store: s, patience: opts.Patience}
	if opts.Concurrent > 0 {
		l.places = make(chan struct{}, opts.Concurrent)
	}
	if opts.BytesPerSecond > 0 {
		l.rate = rate.NewLimiter(rate.Limit(opts.BytesPerSecond), int(max(opts.BytesPerSecond/10, 4096)))
	}
	return l
}

type limiter struct {
	Store
	places   chan struct{} // nil for no limit
	patience time.Duration // 0: that of the context
	rate     *rate.Limiter // nil for no limit
}

func (l *limiter) Unwrap() Store { return l.Store }

// enter waits for a place; the caller leaves it.
func (l *limiter) enter(ctx context.Context) error {
	if l.places == nil {
		return nil
	}
	select { // a free place goes before a context that ended: the store itself says so with less ado
	case l.places <- struct{}{}:
		return nil
	default:
	}
	var over <-chan time.Time
	if l.patience > 0 {
		timer := time.NewTimer(l.patience)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case l.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBusy, context.Cause(ctx))
	case <-over:
		return fmt.Errorf("%w: no turn came within %s", ErrBusy, l.patience)
	}
}

func (l *limiter) leave() {
	if l.places != nil {
		<-l.places
	}
}

func (l *limiter) Open(ctx context.Context, name Name) (Blob, error) {
	if err := l.enter(ctx); err != nil {
		return nil, fmt.Errorf("open blob %s: %w", name, err)
	}
	defer l.leave()
	b, err := l.Store.Open(ctx, name)
	if err != nil || l.rate == nil {
		return b, err
	}
	return keepFile(b, &slowBlob{Blob: b, slow: slow{ctx, l.rate, b}}), nil
}

func (l *limiter) Stat(ctx context.Context, name Name) (Info, error) {
	if err := l.enter(ctx); err != nil {
		return Info{}, fmt.Errorf("stat blob %s: %w", name, err)
	}
	defer l.leave()
	return l.Store.Stat(ctx, name)
}

func (l *limiter) Sidecar(ctx context.Context, name Name) ([]byte, error) {
	if err := l.enter(ctx); err != nil {
		return nil, fmt.Errorf("read sidecar of %s: %w", name, err)
	}
	defer l.leave()
	return l.Store.Sidecar(ctx, name)
}

func (l *limiter) Put(ctx context.Context, name Name, body io.Reader, opts PutOptions) (Info, error) {
	if err := l.enter(ctx); err != nil {
		return Info{}, fmt.Errorf("put blob %s: %w", name, err)
	}
	defer l.leave()
	if l.rate == nil {
		return l.Store.Put(ctx, name, body, opts)
	}
	s := slow{ctx, l.rate, body}
	if seeker, ok := body.(io.Seeker); ok { // a store below may rewind it
		return l.Store.Put(ctx, name, struct {
			slow
			io.Seeker
		}{s, seeker}, opts)
	}
	return l.Store.Put(ctx, name, s, opts)
}

func (l *limiter) Compose(ctx context.Context, name Name, parts []Name, opts PutOptions) (Info, error) {
	if err := l.enter(ctx); err != nil {
		return Info{}, fmt.Errorf("compose blob %s: %w", name, err)
	}
	defer l.leave()
	return l.Store.Compose(ctx, name, parts, opts)
}

func (l *limiter) Delete(ctx context.Context, name Name) error {
	if err := l.enter(ctx); err != nil {
		return fmt.Errorf("delete blob %s: %w", name, err)
	}
	defer l.leave()
	return l.Store.Delete(ctx, name)
}

func (l *limiter) Move(ctx context.Context, from, to Name) error {
	if err := l.enter(ctx); err != nil {
		return fmt.Errorf("move blob %s: %w", from, err)
	}
	defer l.leave()
	return l.Store.Move(ctx, from, to)
}

// slow reads no faster than the rate allows.
type slow struct {
	ctx  context.Context // of the operation that the reader belongs to
	rate *rate.Limiter
	r    io.Reader
}

func (s slow) Read(p []byte) (int, error) {
	n, err := s.r.Read(p[:min(len(p), s.rate.Burst())])
	if n > 0 {
		if waiting := s.rate.WaitN(s.ctx, n); waiting != nil {
			return 0, fmt.Errorf("%w: %w", ErrBusy, waiting)
		}
	}
	return n, err
}

type slowBlob struct {
	Blob
	slow slow
}

func (b *slowBlob) Read(p []byte) (int, error) { return b.slow.Read(p) }

// keepFile gives the wrapped blob the method File if the blob inside has it.
func keepFile(inside, wrapped Blob) Blob {
	if f, ok := inside.(Filer); ok {
		return &fileBlob{wrapped, f}
	}
	return wrapped
}

type fileBlob struct {
	Blob
	filer Filer
}

func (b *fileBlob) File() *os.File { return b.filer.File() }
