package files_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"holdfast/internal/blob"
	"holdfast/internal/blob/disk"
	"holdfast/internal/blob/mem"
	"holdfast/internal/control"
	"holdfast/internal/fault"
	"holdfast/internal/files"
	"holdfast/internal/lane"
	"holdfast/internal/logging"
	"holdfast/internal/objects"
	"holdfast/internal/pgtest"
	"holdfast/internal/postgres"
	"holdfast/internal/postgres/postgrestest"
	"holdfast/internal/secret"
	"holdfast/internal/web"
)

// site is a database and a store, with any number of processes on them.
type site struct {
	db     *pgtest.DB
	store  blob.Store
	master secret.String
	config files.Config
	kind   string
}

// node is one process of a site: index, feature and web server.
type node struct {
	*files.Files
	site      *site
	index     *objects.Index
	url       string     // where the lane stands in front, as on the edge
	plain     string     // net/http alone
	lane      *lane.Lane // of url
	transport http.RoundTripper
	log       *logBuffer
	metrics   *prometheus.Registry
	skew      atomic.Int64 // nanoseconds that this process's links are ahead
}

// newSite has a store in memory and a bucket "papers" that is private, and "open" that is public.
func newSite(t testing.TB, change ...func(*site)) *site {
	t.Helper()
	s := &site{master: secret.Generate(32), config: files.DefaultConfig(), kind: "memory", store: mem.New()}
	s.config.PublicURL = "https://files.example.com"
	s.config.SessionCookie = "sid"
	s.config.Buckets = map[string]files.BucketConfig{"papers": {}, "open": {Public: true}}
	for _, f := range change {
		f(s)
	}
	if s.db == nil {
		s.db = postgrestest.Migrated(t, "files", objects.Migrations)
	}
	return s
}

// onDisk gives the site a store on the disk.
func onDisk(t testing.TB) func(*site) {
	t.Helper()
	store, err := disk.Open(disk.Options{Root: t.TempDir(), Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return func(s *site) { s.store, s.kind = store, "disk" }
}

// node starts a process.
func (s *site) node(t testing.TB) *node {
	t.Helper()
	db := postgrestest.Connect(t, s.db.URL())
	n := &node{site: s, log: &logBuffer{}, metrics: prometheus.NewRegistry()}
	log := slog.New(slog.NewTextHandler(n.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n.index = objects.New(objects.Options{
		Config: objects.Config{Poll: 50 * time.Millisecond, Timeout: 2 * time.Second},
		DB:     db, Blobs: s.store, MasterKey: s.master, Log: log,
	})
	run(t, n.index)
	var err error
	n.Files, err = files.New(files.Options{
		Config: s.config, Index: n.index, Store: s.store, StoreKind: s.kind, Database: db.Pool(), Schema: postgres.DefaultConfig().Schema,
		Metrics: n.metrics, Log: log,
		Now: func() time.Time { return time.Now().Add(time.Duration(n.skew.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, n.Files)
	n.serve(t, log)
	return n
}

type service interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
}

func run(t testing.TB, s service) {
	t.Helper()
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// serve mounts the routes as the daemon does.
func (n *node) serve(t testing.TB, log *slog.Logger) {
	t.Helper()
	mux := http.NewServeMux()
	for _, routes := range []map[string]http.Handler{n.Routes(), n.APIRoutes(), n.ControlRoutes()} {
		for pattern, h := range routes {
			mux.Handle(pattern, h)
		}
	}
	handler := web.Wrap(mux, log, nil)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	n.plain = server.URL
	front := web.NewServer(web.Options{
		Name: "front", Listen: "127.0.0.1:0", Handler: handler, Log: log,
		Front: func(_ context.Context, l net.Listener) (_ net.Listener, err error) {
			n.lane, err = lane.Listen(l, lane.Options{Handler: laneFront{n.Lanes()}, Observe: func(d lane.Done) { n.logged(log, d) }})
			return n.lane, err
		},
	})
	run(t, front)
	n.url = front.URL()
}

// logged writes the line of an answer as the edge does.
func (n *node) logged(log *slog.Logger, d lane.Done) {
	web.Journal{Log: log}.Write(logging.WithRequestID(context.Background(), d.RequestID), web.Line{
		Method: d.Method, Route: d.Route, Status: d.Status, Bytes: d.Bytes, Took: d.Took, Peer: d.Peer.String(),
	})
}

// laneFront finds the route as the edge does.
type laneFront struct{ routes map[string]lane.Handler }

func (f laneFront) find(q *lane.Request) (string, lane.Handler) {
	for pattern, h := range f.routes {
		if bytes.HasPrefix(q.Path, []byte(pattern)) {
			return pattern, h
		}
	}
	return "", nil
}

func (f laneFront) Answer(q *lane.Request, r *lane.Reply) lane.Verdict {
	pattern, h := f.find(q)
	if h == nil {
		return lane.NotMine
	}
	r.Route = pattern
	return h.Answer(q, r)
}

func (f laneFront) Warm(ctx context.Context, q *lane.Request) {
	_, h := f.find(q)
	h.Warm(ctx, q)
}

// put stores an object as an application would.
func (n *node) put(t testing.TB, bucket, key, contentType, body string) objects.Object {
	t.Helper()
	o, err := n.index.Put(t.Context(), objects.Put{
		Bucket: bucket, Key: key, Size: int64(len(body)), Body: strings.NewReader(body),
		Headers: objects.Headers{ContentType: contentType},
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// sign returns the path of a link.
func (n *node) sign(t testing.TB, bucket, key string, change ...func(*files.SignLinkRequest)) string {
	t.Helper()
	r := files.SignLinkRequest{Bucket: bucket, Key: key}
	for _, f := range change {
		f(&r)
	}
	a, err := n.SignLink(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return a.Path
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// do sends a request; headers come in pairs.
func (n *node) do(t testing.TB, method, path string, body io.Reader, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, n.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := cmp.Or[http.RoundTripper](n.transport, http.DefaultTransport).RoundTrip(req) // no redirects, no cookies
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (n *node) get(t testing.TB, path string, headers ...string) reply {
	t.Helper()
	return n.do(t, http.MethodGet, path, nil, headers...)
}

// code is the code of an error as JSON.
func (r reply) code(t testing.TB) string {
	t.Helper()
	var e struct{ Error control.ErrorBody }
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		t.Fatalf("%d %q: %v", r.status, r.body, err)
	}
	return e.Error.Code
}

// call asks the API.
func call[Resp any](t testing.TB, n *node, path string, req any) (Resp, error) {
	t.Helper()
	var out Resp
	b, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	r := n.do(t, http.MethodPost, path, bytes.NewReader(b))
	if r.status != http.StatusOK {
		var e struct{ Error control.ErrorBody }
		if err := json.Unmarshal([]byte(r.body), &e); err != nil {
			t.Fatalf("%s: %d %s", path, r.status, r.body)
		}
		return out, e.Error.Err()
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil {
		t.Fatalf("%s: %v: %s", path, err, r.body)
	}
	return out, nil
}

// must is call for what must succeed.
func must[Resp any](t testing.TB, n *node, path string, req any) Resp {
	t.Helper()
	out, err := call[Resp](t, n, path, req)
	if err != nil {
		t.Fatalf("%s: %v (%s)", path, err, fault.HintOf(err))
	}
	return out
}

// within polls until ok holds, for as long as the promise says.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
		<-tick.C
	}
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex // protects the following
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
