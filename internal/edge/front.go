package edge

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"holdfast/internal/lane"
	"holdfast/internal/logging"
	"holdfast/internal/web"
)

// front is what the lane asks: it finds the route as the mux does, and leaves to net/http what belongs to a route without
// a lane, and every host that is not ours.
type front struct {
	hosts   []string
	routes  []route // the longest prefix first
	pages   *pageLane
	policy  policy
	access  bool // there is an access log
	journal web.Journal
}

// frontSwitch is the front of the configuration in force.
type frontSwitch struct{ now atomic.Pointer[front] }

// Answer implements lane.Handler.
func (f *frontSwitch) Answer(q *lane.Request, r *lane.Reply) lane.Verdict {
	return f.now.Load().Answer(q, r)
}

// Warm implements lane.Handler.
func (f *frontSwitch) Warm(ctx context.Context, q *lane.Request) { f.now.Load().Warm(ctx, q) }

func (f *frontSwitch) observe(d lane.Done) { f.now.Load().observe(d) }

// route is a subtree of paths.
type route struct {
	pattern string
	prefix  string       // what a path has to begin with
	handler lane.Handler // nil: net/http answers
}

func newFront(o Options, s *site) *front {
	f := &front{hosts: o.Config.names(), policy: s.policy, access: o.Config.AccessLog != "", journal: s.journal}
	if o.Config.RedirectHTTPS {
		return f // it knows no route
	}
	f.pages = newPageLane(s)
	if s.acme != nil {
		f.routes = append(f.routes, route{pattern: challengePath, prefix: challengePath})
	}
	for pattern := range o.Routes {
		to := route{pattern, literal(pattern), o.Lanes[pattern]}
		if s.throttle.Covers(to.prefix) || s.guards(to.prefix) {
			to.handler = nil // the lane asks nobody
		}
		f.routes = append(f.routes, to)
	}
	slices.SortFunc(f.routes, func(a, b route) int {
		return cmp.Or(cmp.Compare(len(b.prefix), len(a.prefix)), strings.Compare(b.pattern, a.pattern))
	})
	return f
}

// literal is what a path has to begin with to match the pattern, or a little less: methods and hosts are left out, and a
// wildcard stands for anything. A pattern that is no plain subtree keeps its beginning off the lane: of the same literal the
// longer pattern is asked first. Where the mux could not tell which pattern is meant it does not let them be registered.
func literal(pattern string) string {
	if at := strings.IndexByte(pattern, '/'); at > 0 {
		pattern = pattern[at:]
	}
	before, _, _ := strings.Cut(pattern, "{")
	return before
}

// find returns the route of a path.
func (f *front) find(path []byte) route {
	for _, r := range f.routes {
		if len(path) >= len(r.prefix) && string(path[:len(r.prefix)]) == r.prefix {
			return r
		}
	}
	return route{}
}

// Answer implements lane.Handler.
func (f *front) Answer(q *lane.Request, r *lane.Reply) lane.Verdict {
	if !f.knows(q.Host) {
		return lane.NotMine
	}
	to := f.find(q.Path)
	switch {
	case to.handler != nil:
	case to.pattern == "" && f.pages != nil:
		return f.pages.answer(f, q, r)
	default:
		return lane.NotMine
	}
	r.Route = to.pattern
	said := to.handler.Answer(q, r)
	if said == lane.Answered {
		f.policy.add(r, false)
	}
	return said
}

// Warm implements lane.Handler.
func (f *front) Warm(ctx context.Context, q *lane.Request) {
	if to := f.find(q.Path); to.handler != nil {
		to.handler.Warm(ctx, q)
	}
}

// knows does what knownHost does, and does not know names in capitals.
func (f *front) knows(host []byte) bool {
	if len(f.hosts) == 0 {
		return true
	}
	for _, h := range f.hosts {
		if len(host) >= len(h) && string(host[:len(h)]) == h && portOnly(host[len(h):]) {
			return true
		}
	}
	return false
}

// portOnly reports whether what follows a name is nothing, or a port.
func portOnly(rest []byte) bool {
	if len(rest) == 0 {
		return true
	}
	return rest[0] == ':' && !strings.ContainsFunc(string(rest[1:]), func(r rune) bool { return r < '0' || r > '9' })
}

// observe tells of an answer as web.Wrap tells of net/http's.
func (f *front) observe(d lane.Done) {
	ctx, peer := context.Background(), ""
	if f.access || f.journal.Log.Enabled(ctx, f.journal.Level(d.Status)) {
		ctx, peer = logging.WithRequestID(ctx, d.RequestID), d.Peer.String()
	}
	if v, ok := d.Note.(*visit); ok {
		ctx = withVisit(ctx, v)
	}
	f.journal.Write(ctx, web.Line{
		Method: d.Method, Route: d.Route, Status: d.Status, Bytes: d.Bytes, Took: d.Took, Peer: peer,
	})
}
