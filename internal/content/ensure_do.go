package content

import (
	"context"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/treecache"
)

// Ensure returns a directory in which what is wanted of a revision lies, complete, and a lease that keeps it. A warm call
// asks neither PostgreSQL nor the store.
func (c *Content) Ensure(ctx context.Context, q EnsureRequest) (EnsureAnswer, error) {
	began := time.Now()
	r := c.reader()
	a, err := r.ensure(ctx, q)
	a.WaitedMS = since(began)
	r.observe(a, err, time.Since(began))
	return a, err
}

func (r *reader) ensure(ctx context.Context, q EnsureRequest) (EnsureAnswer, error) {
	grant, err := r.grantFor(ctx, q)
	if err != nil {
		return EnsureAnswer{}, err
	}
	s, err := r.source(q.Source)
	if err != nil {
		return EnsureAnswer{}, err
	}
	s.used.Store(int64(time.Since(r.epoch)))
	x, stale, err := r.resolve(ctx, s, q.Revision)
	if err != nil {
		return EnsureAnswer{}, err
	}
	a, err := r.provide(ctx, s, x, q.Want, grant)
	if err != nil && mayPass(err) && (q.Revision == "" || q.Revision == Current) {
		if b, errOld := r.provideLast(ctx, s, x, q.Want, grant); errOld == nil {
			return b, nil
		}
	}
	a.Stale = stale
	return a, err
}

// provide puts what is wanted of one revision in place.
func (r *reader) provide(ctx context.Context, s *sourceState, x *loaded, want []string, grant granter) (EnsureAnswer, error) {
	c, err := x.closure(want)
	if err != nil {
		return EnsureAnswer{}, err
	}
	s.touched.add(c.keys)
	commit := x.Commit.String()
	result, hold, err := r.put(ctx, x, c.chunks)
	if err != nil {
		return EnsureAnswer{}, err // it names the revision
	}
	s.use.call(c.packed, result.Bytes)
	a := EnsureAnswer{
		Source: s.name, Revision: commit, Seq: x.Seq, Dir: result.Dir, Chunks: c.paths, Absent: c.absent,
		Cold: result.Cold, Bytes: result.Bytes, URL: r.baseURL(s.name, commit, urlLife),
	}
	a.Lease, err = grant(&lease{source: s.name, commit: commit, dir: result.Dir, hold: hold})
	return a, err
}

// put is Ensure of the cache. What is not there at once is given up when who asked for it goes away.
func (r *reader) put(ctx context.Context, x *loaded, chunks []treecache.Chunk) (*treecache.Result, *treecache.Lease, error) {
	if result, hold, ok := r.cache.Warm(x.view, chunks); ok {
		return result, hold, nil
	}
	if conn := connectionOf(ctx); conn != nil && conn.watch != nil {
		var done func()
		ctx, done = conn.watch(ctx)
		defer done()
	}
	if r.c.local != nil {
		ctx = context.WithValue(ctx, originKey{}, x)
	}
	return r.cache.Ensure(ctx, x.view, chunks)
}

// provideLast is the way out when the store does not give what is new: the revision before, if all of it that is wanted is
// on this machine.
func (r *reader) provideLast(ctx context.Context, s *sourceState, x *loaded, want []string, grant granter) (EnsureAnswer, error) {
	last := s.last.Load()
	if last == nil || last.Seq >= x.Seq {
		return EnsureAnswer{}, fault.New(fault.NotFound, "content_no_last", "no revision before is ready")
	}
	old, err := r.load(ctx, *last)
	if err != nil {
		return EnsureAnswer{}, err
	}
	a, err := r.provide(ctx, s, old, want, grant)
	a.Stale = true
	return a, err
}

// granter makes a lease of what was ensured, and returns its id.
type granter func(*lease) (string, error)

// grantFor reads what kind of lease a request wants.
func (r *reader) grantFor(ctx context.Context, q EnsureRequest) (granter, error) {
	conn := connectionOf(ctx)
	kind := q.Lease
	if kind == "" {
		kind = LeaseTTL
		if conn != nil && q.TTL == 0 {
			kind = LeaseConnection
		}
	}
	switch kind {
	case LeaseNone:
		return func(l *lease) (string, error) { l.hold.Release(); return "", nil }, nil
	case LeaseConnection:
		if conn == nil {
			return nil, fault.New(fault.Usage, "content_lease", `a lease of kind "connection" is granted on the content socket only`).
				WithHint(`use "lease": "ttl" here, and renew it`)
		}
		return r.granter(conn, 0), nil
	case LeaseTTL:
		ttl, err := leaseTTL(q.TTL.D())
		return r.granter(nil, ttl), err
	}
	return nil, fault.New(fault.Usage, "content_lease", "%q is no kind of lease", kind).
		WithHint(`use "connection", "ttl" or "none"`)
}

func (r *reader) granter(conn *connection, ttl time.Duration) granter {
	return func(l *lease) (string, error) {
		l, err := r.leases.grant(l, conn, ttl)
		if err != nil {
			return "", err
		}
		return l.id, nil
	}
}

func leaseTTL(ttl time.Duration) (time.Duration, error) {
	switch {
	case ttl == 0:
		return leaseDefault, nil
	case ttl < 0 || ttl > leaseMax:
		return 0, fault.New(fault.Usage, "content_lease", "a lease of %s is not granted; at most %s", ttl, leaseMax).
			WithHint("renew the lease before it ends, or pin the revision")
	}
	return ttl, nil
}

// Release gives a lease back.
func (c *Content) Release(_ context.Context, q LeaseRequest) (LeaseAnswer, error) {
	return LeaseAnswer{q.Lease, c.reader().leases.drop(q.Lease)}, nil
}

// Renew lets a lease with a time live on.
func (c *Content) Renew(_ context.Context, q LeaseRequest) (LeaseAnswer, error) {
	ttl, err := leaseTTL(q.TTL.D())
	if err != nil {
		return LeaseAnswer{}, err
	}
	return LeaseAnswer{q.Lease, c.reader().leases.renew(q.Lease, ttl)}, nil
}

// Revision says which revision a name stands for.
func (c *Content) Revision(ctx context.Context, q RevisionRequest) (RevisionAnswer, error) {
	r := c.reader()
	s, err := r.source(q.Source)
	if err != nil {
		return RevisionAnswer{}, err
	}
	x, stale, err := r.resolve(ctx, s, q.Revision)
	if err != nil {
		return RevisionAnswer{}, err
	}
	ready := s.ready.Load()
	return RevisionAnswer{
		Source: s.name, Seq: x.Seq, Revision: x.Commit.String(), Current: ready != nil && ready.Seq == x.Seq, Stale: stale,
	}, nil
}
