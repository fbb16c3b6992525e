package load

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/fault"
)

// Result is what a run showed.
type Result struct {
	Plan    Plan
	Samples []Sample       // in the order in which they ended; at most MaxSamples
	Took    time.Duration  // from the first request to the end of the last
	Sent    int            // requests, answered or not
	Status  map[int]int    // answers by status
	Bytes   int64          // of all bodies
	Failed  int            // requests without an answer
	Reasons map[string]int // why
}

// Answered returns how many requests got an answer.
func (r *Result) Answered() int { return r.Sent - r.Failed }

// run is a plan being carried out.
type run struct {
	plan    Plan
	client  *http.Client
	request *http.Request
	begin   time.Time
	left    atomic.Int64    // requests that nobody has taken yet
	over    <-chan struct{} // closed when the span is over; nil without one
}

// Run carries out the plan. When ctx ends it ends, too, and returns what it has with the context's error; requests that were
// under way then are not counted. All it began has ended when it returns.
func Run(ctx context.Context, p Plan) (*Result, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	request, err := p.request(ctx)
	if err != nil {
		return nil, fault.New(fault.Usage, "bad_plan", "%w", err)
	}
	transport := p.transport()
	defer transport.CloseIdleConnections()
	r := &run{plan: p, client: p.client(transport), request: request, begin: time.Now()}
	r.left.Store(int64(p.Requests))
	if p.Span > 0 {
		span, cancel := context.WithTimeout(ctx, p.Span)
		defer cancel()
		r.over = span.Done()
	}
	tallies := make([]tally, p.Workers)
	var wg sync.WaitGroup
	for i := range tallies {
		wg.Go(func() { r.work(ctx, &tallies[i], MaxSamples/p.Workers) })
	}
	wg.Wait()
	return r.result(tallies), ctx.Err()
}

// work sends requests one after the other until there are enough.
func (r *run) work(ctx context.Context, t *tally, room int) {
	tick, stop := r.ticks()
	defer stop()
	for r.more(ctx, tick) {
		s, err := r.send(ctx)
		if ctx.Err() != nil {
			return
		}
		t.add(s, err, room)
	}
}

// ticks returns what a worker waits for before each request: nil when there is no rate.
func (r *run) ticks() (<-chan time.Time, func()) {
	if r.plan.Rate == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(max(1, time.Duration(float64(time.Second)/r.plan.Rate)))
	return t.C, t.Stop
}

// more reports whether there is another request to send, once its time has come.
func (r *run) more(ctx context.Context, tick <-chan time.Time) bool {
	if tick != nil {
		select {
		case <-tick:
		case <-r.over: // nil without a span, which never comes
			return false
		case <-ctx.Done():
			return false
		}
	}
	select {
	case <-ctx.Done():
		return false
	case <-r.over:
		return false
	default:
	}
	return r.plan.Span > 0 || r.left.Add(-1) >= 0
}

// tally is what one worker saw. Only the worker writes to it.
type tally struct {
	samples []Sample
	status  map[int]int
	reasons map[string]int
	bytes   int64
	sent    int
}

// maxReasons bounds the reasons that are told apart.
const maxReasons = 100

func (t *tally) add(s Sample, err error, room int) {
	t.sent++
	if err != nil {
		t.reasons = count(t.reasons, reason(err), 1)
		return
	}
	t.bytes += s.Bytes
	if t.status == nil {
		t.status = map[int]int{}
	}
	t.status[s.Status]++
	if len(t.samples) < room {
		t.samples = append(t.samples, s)
	}
}

// count adds to a reason, or to the rest when there are too many.
func count(reasons map[string]int, name string, n int) map[string]int {
	if reasons == nil {
		reasons = map[string]int{}
	}
	if _, known := reasons[name]; !known && len(reasons) >= maxReasons {
		name = "other reasons"
	}
	reasons[name] += n
	return reasons
}

// result puts together what the workers saw.
func (r *run) result(tallies []tally) *Result {
	all := &Result{Plan: r.plan, Took: time.Since(r.begin), Status: map[int]int{}, Reasons: map[string]int{}}
	for _, t := range tallies {
		all.Samples = append(all.Samples, t.samples...)
		all.Sent += t.sent
		all.Bytes += t.bytes
		for status, n := range t.status {
			all.Status[status] += n
		}
		for name, n := range t.reasons {
			all.Failed += n
			count(all.Reasons, name, n)
		}
	}
	slices.SortFunc(all.Samples, func(a, b Sample) int {
		return int(a.Offset + a.Total - b.Offset - b.Total)
	})
	return all
}
