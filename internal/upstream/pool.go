package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/fault"
	"holdfast/internal/lifecycle"
)

// Refusal is an answer that the pool gives itself, because the application cannot.
type Refusal struct {
	Status int
	Code   string        // stable, snake_case
	Text   string        // one sentence for the visitor
	Retry  time.Duration // for Retry-After; 0: none
}

// Handover is a file that the application asks to be sent in its place: the value of X-Accel-Redirect or X-Sendfile.
type Handover struct {
	Target string
	Raw    bool        // the target is a path as it is (X-Sendfile), not percent-encoded
	Header http.Header // of the application's answer
}

// Options are what a Pool is made of.
type Options struct {
	Config  Config
	Servers []string // addresses; see ParseServer
	Host    string   // that checks ask for, unless health.host is set
	Trust   Trust    // for requests that come without a Visitor in their context
	Key     []byte   // signs the sticky cookie; the same on all nodes
	// Refuse writes an answer of our own.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
	// Handover sends a file in place of the application's answer. nil: the fields are removed and mean nothing.
	Handover func(http.ResponseWriter, *http.Request, Handover)
	// Report is told when a server goes down (with why) and comes back (nil); may be nil.
	Report  func(server string, err error)
	Metrics prometheus.Registerer // may be nil
	Log     *slog.Logger
}

// Pool is the application's servers; see the package comment.
type Pool struct {
	base  lifecycle.Base
	opts  atomic.Pointer[Options] // Reload puts others in their place
	proxy *httputil.ReverseProxy
	meter *meter
	busy  atomic.Int64 // requests under way, those that wait included
	plain atomic.Bool  // all servers are reached without TLS

	patience time.Duration // with a piece of a large answer; see splice

	copies  buffers
	headers headers

	mu      sync.Mutex // protects the following and the state of the nodes
	nodes   []*node
	waiters []*waiter
	turn    uint64 // counts uses, to tell the least recently used
}

// New reads the addresses and builds the pool; nothing is connected to yet.
func New(o Options) (*Pool, error) {
	servers, err := parseServers(o.Servers)
	if err != nil {
		return nil, err
	}
	p := &Pool{meter: newMeter(o.Metrics), patience: spliceWait}
	p.opts.Store(&o)
	for _, s := range servers {
		p.nodes = append(p.nodes, newNode(s, o))
		p.meter.up(s.ID, true)
	}
	p.plain.Store(allPlain(p.nodes))
	p.proxy = &httputil.ReverseProxy{
		Rewrite: rewrite, Transport: tripper{p}, ModifyResponse: p.modify, ErrorHandler: p.fail,
		BufferPool: &p.copies, ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return p, nil
}

// parseServers reads the addresses of a pool.
func parseServers(addresses []string) ([]Server, error) {
	var all []Server
	for _, address := range addresses {
		s, err := ParseServer(address)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(o Server) bool { return o.ID == s.ID }) {
			return nil, fault.New(fault.Config, "upstream_twice", "%q is named twice", s.ID)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.Config, "no_upstream", "no server is named")
	}
	return all, nil
}

// allPlain reports whether wires lead to all servers.
func allPlain(nodes []*node) bool {
	return !slices.ContainsFunc(nodes, func(n *node) bool { return n.Scheme != "http" })
}

// options are those in force.
func (p *Pool) options() *Options { return p.opts.Load() }

// Start begins to check the servers. They are taken to be up until they prove otherwise.
func (p *Pool) Start(ctx context.Context) error {
	return p.base.Start(ctx, func(context.Context) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, n := range p.nodes {
			p.base.Go(func(ctx context.Context) { p.watch(ctx, n) })
		}
		return nil
	})
}

// Stop ends the checks and whatever is still under way.
func (p *Pool) Stop(ctx context.Context) error {
	err := p.base.Stop(ctx, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.nodes {
		n.closeIdle()
	}
	return err
}

// ServeHTTP hands a request to one of the servers.
func (p *Pool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	life, release, ok := p.base.Hold()
	if !ok {
		p.options().Refuse(w, r, Refusal{http.StatusServiceUnavailable, "stopping", "The site is being restarted.", time.Second})
		return
	}
	defer release()
	p.busy.Add(1)
	defer p.busy.Add(-1)
	if r.ContentLength > int64(p.options().Config.MaxBody) {
		p.tooLarge(w, r)
		return
	}
	x := &exchange{pool: p, to: w, visitor: VisitorOf(r.Context()), ctx: r.Context(), life: life, request: r}
	if x.visitor == nil {
		v := p.options().Trust.Visitor(r)
		x.visitor = &v
	}
	if name := p.options().Config.Sticky; name != "" {
		if c, err := r.Cookie(name); err == nil {
			x.visitor.sticky = c.Value
		}
	}
	defer x.end()
	if p.plain.Load() && isSimple(r) {
		p.pass(x)
		return
	}
	p.hand(x)
}

// hand serves what is more than a simple request: one with a body, over TLS, or that becomes another protocol.
func (p *Pool) hand(x *exchange) {
	w, r := x.to, x.request
	ctx, cancel := p.limited(r)
	defer cancel()
	defer context.AfterFunc(x.life, cancel)()
	x.ctx, x.cancel = ctx, cancel
	r2 := r.WithContext(context.WithValue(ctx, exchangeKey{}, x))
	if r2.Body != nil && r2.Body != http.NoBody {
		x.body = &requestBody{from: http.MaxBytesReader(w, r2.Body, int64(p.options().Config.MaxBody))}
		r2.Body = x.body
	}
	out := &writer{ResponseWriter: w, control: http.NewResponseController(w), own: http.Header{}}
	defer out.restore()
	p.proxy.ServeHTTP(out, r2)
}

// limited returns the context of an exchange, which ends with the visitor, the pool or the time for safe requests.
func (p *Pool) limited(r *http.Request) (context.Context, context.CancelFunc) {
	if total := p.options().Config.Timeouts.Total.D(); total > 0 && safe(r) {
		return context.WithTimeout(r.Context(), total)
	}
	return context.WithCancel(r.Context())
}

// safe reports whether a request may be sent twice (RFC 9110 section 9.2.1) and has nothing that is gone once sent.
func safe(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return (r.Body == nil || r.Body == http.NoBody) && r.Header.Get("Upgrade") == ""
	}
	return false
}

func (p *Pool) tooLarge(w http.ResponseWriter, r *http.Request) {
	p.options().Refuse(w, r, Refusal{
		http.StatusRequestEntityTooLarge, "body_too_large",
		fmt.Sprintf("The request is larger than %s, which is the limit here.", p.options().Config.MaxBody), 0,
	})
}

// buffers lends what answers are copied through.
type buffers struct{ pool sync.Pool }

const bufferSize = 32 << 10

func (b *buffers) Get() []byte {
	if held, ok := b.pool.Get().(*[]byte); ok {
		return *held
	}
	return make([]byte, bufferSize)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }
