package httpcache

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
)

// crowd sends a request for each of n visitors, and returns what they got when all have an answer. Inside a bubble.
func (r *rig) crowd(n int, line string, fields ...string) func() []*httptest.ResponseRecorder {
	out := make([]*httptest.ResponseRecorder, n)
	var all sync.WaitGroup
	for i := range out {
		all.Go(func() { out[i] = r.ask(line, fields...) })
	}
	return func() []*httptest.ResponseRecorder { all.Wait(); return out }
}

// guest is one whose request can be given up, and whose answer is seen as it comes.
type guest struct {
	mu     sync.Mutex
	header http.Header
	code   int
	body   bytes.Buffer
	block  chan struct{} // closed: takes something; nil: takes everything
	cut    any           // what the handler panicked with
	leave  context.CancelFunc
	gone   chan struct{} // closed when the handler has returned
}

func (g *guest) Header() http.Header { return g.header }

func (g *guest) WriteHeader(code int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.code = code
}

func (g *guest) Write(b []byte) (int, error) {
	if g.block != nil {
		<-g.block
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.body.Write(b)
}

func (g *guest) got() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.body.String()
}

// visit sends a request in a goroutine.
func (r *rig) visit(block chan struct{}, line string, fields ...string) *guest {
	q := request(line, fields...)
	ctx, leave := context.WithCancel(context.WithValue(q.Context(), http.ServerContextKey, &http.Server{}))
	g := &guest{header: http.Header{}, block: block, leave: leave, gone: make(chan struct{})}
	go func() { // waited for by gone
		defer close(g.gone)
		defer leave()
		defer func() { g.cut = recover() }()
		r.ServeHTTP(g, q.WithContext(ctx))
	}()
	return g
}
