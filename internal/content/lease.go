package content

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"slices"
	"sync"
	"time"

	"holdfast/internal/fault"
)

const (
	leaseDefault = 10 * time.Minute
	leaseMax     = 24 * time.Hour
)

// releaser is what a lease holds: the lock of a view.
type releaser interface{ Release() }

// lease keeps the files of one answer in place until it is released, its time is over, or the connection that asked for
// it is closed, whichever comes first.
type lease struct {
	id      string
	source  string
	commit  string
	dir     string
	hold    releaser
	by      peer
	conn    *connection // nil: it has a time
	timer   *time.Timer // nil: it hangs on a connection. It counts on the monotonic clock.
	until   time.Time
	granted time.Time
}

type leaseSet map[*lease]struct{}

// leases are all API leases of this process.
type leases struct {
	mu     sync.Mutex // protects the following
	all    map[string]*lease
	conns  map[net.Conn]*connection
	closed bool
	ended  uint64 // leases whose time was over, since the start
}

func newLeases() *leases {
	return &leases{all: map[string]*lease{}, conns: map[net.Conn]*connection{}}
}

// enter notes a connection on which leases may hang.
func (l *leases) enter(c net.Conn, conn *connection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = conn
}

// leave releases what hangs on a connection.
func (l *leases) leave(c net.Conn) {
	l.mu.Lock()
	conn := l.conns[c]
	delete(l.conns, c)
	var gone []*lease
	if conn != nil {
		for x := range conn.held {
			gone = append(gone, x)
			l.forget(x)
		}
		conn.leases = nil // a request of it that is still under way gets no more
	}
	l.mu.Unlock()
	releaseAll(gone)
}

// grant makes a lease that hangs on the connection, or with conn nil lives for ttl. On an error hold is released.
func (l *leases) grant(x *lease, conn *connection, ttl time.Duration) (*lease, error) {
	x.id, x.granted = newLeaseID(), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		x.hold.Release()
		return nil, fault.New(fault.Unavailable, "stopping", "grant a lease: Holdfast is stopping")
	case conn != nil && conn.leases == nil:
		x.hold.Release()
		return nil, fault.New(fault.Interrupted, "connection_closed", "grant a lease: the connection is closed")
	case conn != nil:
		if conn.held == nil {
			conn.held = leaseSet{}
		}
		x.conn, conn.held[x], x.by = conn, struct{}{}, conn.peer
	default:
		x.until = x.granted.Add(ttl)
		x.timer = time.AfterFunc(ttl, func() { l.expire(x) })
	}
	l.all[x.id] = x
	return x, nil
}

// expire releases a lease whose time is over, unless it was renewed at the same moment.
func (l *leases) expire(x *lease) {
	l.mu.Lock()
	if l.all[x.id] != x || time.Now().Before(x.until) {
		l.mu.Unlock()
		return
	}
	l.forget(x)
	l.ended++
	l.mu.Unlock()
	x.hold.Release()
}

// drop releases a lease and reports whether it was there.
func (l *leases) drop(id string) bool {
	l.mu.Lock()
	x := l.all[id]
	if x != nil {
		l.forget(x)
	}
	l.mu.Unlock()
	if x != nil {
		x.hold.Release()
	}
	return x != nil
}

// renew lets a lease with a time live for ttl from now on, and reports whether it was there.
func (l *leases) renew(id string, ttl time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.all[id]
	if x != nil && x.timer != nil {
		x.until = time.Now().Add(ttl)
		x.timer.Reset(ttl)
	}
	return x != nil
}

// forget takes a lease off the books. Callers must hold mu, and release it afterwards.
func (l *leases) forget(x *lease) {
	delete(l.all, x.id)
	if x.conn != nil {
		delete(x.conn.held, x)
	}
	if x.timer != nil {
		x.timer.Stop()
	}
}

// close releases everything and grants nothing more.
func (l *leases) close() {
	l.mu.Lock()
	l.closed = true
	var all []*lease
	for _, x := range l.all {
		all = append(all, x)
		l.forget(x)
	}
	l.mu.Unlock()
	releaseAll(all)
}

// open lets leases be granted again, after a restart of the service.
func (l *leases) open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = false
}

// LeaseInfo is a lease for people to look at.
type LeaseInfo struct {
	Lease    string     `json:"lease"`
	Source   string     `json:"source"`
	Revision string     `json:"revision"`
	Kind     string     `json:"kind"`
	PID      int32      `json:"pid,omitempty"`
	UID      uint32     `json:"uid"`
	Since    time.Time  `json:"since"`
	Until    *time.Time `json:"until,omitempty"`
}

// list returns the leases of a source, or all, the oldest first.
func (l *leases) list(source string) []LeaseInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []LeaseInfo
	for _, x := range l.all {
		if source != "" && x.source != source {
			continue
		}
		info := LeaseInfo{
			Lease: x.id, Source: x.source, Revision: x.commit, Kind: LeaseConnection, PID: x.by.PID, UID: x.by.UID, Since: x.granted,
		}
		if x.timer != nil {
			until := x.until
			info.Kind, info.Until = LeaseTTL, &until
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b LeaseInfo) int { return a.Since.Compare(b.Since) })
	return out
}

// count returns how many leases are held.
func (l *leases) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

func releaseAll(all []*lease) {
	for _, x := range all {
		x.hold.Release()
	}
}

// newLeaseID returns 128 random bits: whoever does not know a lease cannot release it.
func newLeaseID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
