package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"holdfast/internal/fault"
)

// RetryOptions say how often and how soon an operation is repeated. Zero values mean the defaults.
type RetryOptions struct {
	Attempts int           // in all; default 4
	First    time.Duration // pause before the second attempt, doubled for each that follows; default 100ms
	Longest  time.Duration // no pause is longer; default 2s
}

// SafeToRetry reports whether repeating the operation may help and can do no harm: the store was not to be reached, and
// nobody is waiting in vain.
func SafeToRetry(err error) bool {
	return fault.KindOf(err) == fault.Unavailable &&
		!errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// Retry repeats the operations of a store that fail with an error that is [SafeToRetry]. A Put is repeated only if its
// body is an io.Seeker: the body must then yield the same bytes after it was set back to where it began, and digests
// that it computes on the way must start again with it. Reading an open blob is not repeated.
func Retry(s Store, opts RetryOptions) Store {
	if opts.Attempts <= 0 {
		opts.Attempts = 4
	}
	if opts.First <= 0 {
		opts.First = 100 * time.Millisecond
	}
	if opts.Longest <= 0 {
		opts.Longest = 2 * time.Second
	}
	return &retrier{Store: s, opts: opts}
}

type retrier struct {
	Store
	opts RetryOptions
}

func (r *retrier) Unwrap() Store { return r.Store }

// do calls f until it succeeds, fails for good, or the attempts are used up.
func (r *retrier) do(ctx context.Context, f func() error) error {
	pause := r.opts.First
	for attempt := 1; ; attempt++ {
		err := f()
		if err == nil || !SafeToRetry(err) {
			return err
		}
		if attempt == r.opts.Attempts {
			return fmt.Errorf("tried %d times: %w", attempt, err)
		}
		if !sleep(ctx, jitter(min(pause, r.opts.Longest))) {
			return errors.Join(context.Cause(ctx), err)
		}
		pause *= 2
	}
}

// jitter returns between half of d and all of it, so that many clients of a store that comes back do not come at once.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// sleep reports whether d passed before the context was over.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (r *retrier) Open(ctx context.Context, name Name) (b Blob, err error) {
	err = r.do(ctx, func() error { b, err = r.Store.Open(ctx, name); return err })
	return b, err
}

func (r *retrier) Stat(ctx context.Context, name Name) (info Info, err error) {
	err = r.do(ctx, func() error { info, err = r.Store.Stat(ctx, name); return err })
	return info, err
}

func (r *retrier) Sidecar(ctx context.Context, name Name) (data []byte, err error) {
	err = r.do(ctx, func() error { data, err = r.Store.Sidecar(ctx, name); return err })
	return data, err
}

func (r *retrier) Delete(ctx context.Context, name Name) error {
	return r.do(ctx, func() error { return r.Store.Delete(ctx, name) })
}

func (r *retrier) Move(ctx context.Context, from, to Name) error {
	return r.do(ctx, func() error { return r.Store.Move(ctx, from, to) })
}

// List goes on after the last name that it yielded.
func (r *retrier) List(ctx context.Context, prefix string, after Name, yield func(Info) bool) error {
	return r.do(ctx, func() error {
		return r.Store.List(ctx, prefix, after, func(info Info) bool {
			after = info.Name
			return yield(info)
		})
	})
}

func (r *retrier) Put(ctx context.Context, name Name, body io.Reader, opts PutOptions) (Info, error) {
	seeker, ok := body.(io.Seeker)
	if !ok {
		return r.Store.Put(ctx, name, body, opts)
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil { // a seeker in name only, such as a pipe
		return r.Store.Put(ctx, name, body, opts)
	}
	return r.create(ctx, name, opts, func(opts PutOptions) (Info, error) {
		if _, err := seeker.Seek(start, io.SeekStart); err != nil {
			return Info{}, fmt.Errorf("put blob %s: set the body back: %w", name, err)
		}
		return r.Store.Put(ctx, name, body, opts)
	})
}

func (r *retrier) Compose(ctx context.Context, name Name, parts []Name, opts PutOptions) (Info, error) {
	return r.create(ctx, name, opts, func(opts PutOptions) (Info, error) {
		return r.Store.Compose(ctx, name, parts, opts)
	})
}

// create repeats what makes a blob. The sidecar is asked for once, as the contract says.
func (r *retrier) create(ctx context.Context, name Name, opts PutOptions, f func(PutOptions) (Info, error)) (Info, error) {
	var text []byte
	var info Info
	asked, lost := false, false
	if ask := opts.Sidecar; ask != nil {
		opts.Sidecar = func() (data []byte, err error) {
			if !asked {
				text, err = ask()
				asked = err == nil
			}
			return text, err
		}
	}
	err := r.do(ctx, func() (err error) {
		info, err = f(opts)
		if lost && errors.Is(err, ErrExists) && asked {
			return r.confirm(ctx, name, text, &info, err)
		}
		lost = lost || SafeToRetry(err)
		return err
	})
	return info, err
}

// confirm tells whether the blob that is in the way is the one that an earlier attempt made, whose answer was lost: it
// carries our sidecar then. Without a sidecar nobody can tell, and the name counts as taken.
func (r *retrier) confirm(ctx context.Context, name Name, text []byte, info *Info, taken error) error {
	there, err := r.Store.Sidecar(ctx, name)
	if err != nil {
		return err
	}
	if len(text) == 0 || !bytes.Equal(there, text) {
		return taken
	}
	*info, err = r.Store.Stat(ctx, name)
	return err
}

func (r *retrier) Check(ctx context.Context) error {
	return r.do(ctx, func() error { return r.Store.Check(ctx) })
}
