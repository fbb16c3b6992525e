package timing

import (
	"math/bits"
	"slices"
	"strconv"
	"time"
)

// Milliseconds is a time that is a number of milliseconds in JSON, with three digits behind the point, as in the access log.
type Milliseconds time.Duration

// D returns the time.
func (m Milliseconds) D() time.Duration { return time.Duration(m) }

// MarshalJSON implements json.Marshaler.
func (m Milliseconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(m.D().Round(time.Microsecond))/float64(time.Millisecond), 'f', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Milliseconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(string(b), 64)
	*m = Milliseconds(f * float64(time.Millisecond))
	return err
}

// Record is one request that the application was asked.
type Record struct {
	Time   time.Time    `json:"time"` // when it was over
	ID     string       `json:"id"`
	App    string       `json:"app"` // "app", or "app:NAME" of edge.apps
	Method string       `json:"method"`
	Path   string       `json:"path"` // without the query
	Status int          `json:"status"`
	Server string       `json:"server,omitempty"`
	Queue  Milliseconds `json:"queue_ms"` // waiting for a server
	Asked  Milliseconds `json:"asked_ms"` // from then until the answer began
	DB     Milliseconds `json:"db_ms"`    // of Asked; 0: the application does not say
	Total  Milliseconds `json:"total_ms"` // until the last byte was sent
}

// Took is the time that counts: until the answer began.
func (r Record) Took() time.Duration { return r.Queue.D() + r.Asked.D() }

// steps is how many parts an octave has in a histogram.
const steps = 16

// histogram counts times from 16 µs to an hour, each bucket a sixteenth of its octave wide.
type histogram [28 * steps]uint32

func (h *histogram) add(d time.Duration) { h[min(bucket(d), len(h)-1)]++ }

// bucket returns the place of a time: its highest bit, and the four bits below that.
func bucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), steps)) //nolint:gosec // not negative
	octave := bits.Len64(us) - bits.Len64(steps)
	return octave*steps + int(us>>octave)&(steps-1) //nolint:gosec // less than steps
}

// middle is the time in the middle of a bucket.
func middle(bucket int) time.Duration {
	octave, step := bucket/steps, bucket%steps
	return time.Duration(float64(int64(steps+step)<<octave)+float64(int64(1)<<octave)/2) * time.Microsecond
}

// window is what is counted of a route in one half hour.
type window struct {
	times           histogram
	n, failed, told int // requests; those answered with 5xx; those whose time in the database is known
	took, queue, db time.Duration
	slowest         time.Duration
}

func (w *window) add(r Record) {
	w.times.add(r.Took())
	w.n++
	w.took += r.Took()
	w.queue += r.Queue.D()
	w.slowest = max(w.slowest, r.Took())
	if r.Status >= 500 {
		w.failed++
	}
	if r.DB > 0 {
		w.told++
		w.db += r.DB.D()
	}
}

// merge adds what was counted elsewhere.
func (w *window) merge(o *window) {
	for i, n := range o.times {
		w.times[i] += n
	}
	w.n, w.failed, w.told = w.n+o.n, w.failed+o.failed, w.told+o.told
	w.took, w.queue, w.db = w.took+o.took, w.queue+o.queue, w.db+o.db
	w.slowest = max(w.slowest, o.slowest)
}

// quantile returns the time that the share of all requests took at most.
func (w *window) quantile(share float64) time.Duration {
	left := int(share*float64(w.n-1)) + 1
	for i, n := range w.times {
		if left -= int(n); left <= 0 {
			return min(middle(i), w.slowest)
		}
	}
	return w.slowest
}

// Route is what is known of one route, as "holdfast edge times" shows it. Averages are of one request.
type Route struct {
	App      string       `json:"app"`
	Method   string       `json:"method"`
	Path     string       `json:"path"` // with a star for what differs
	Requests int          `json:"requests"`
	Failed   int          `json:"failed"` // answered with 5xx
	P50      Milliseconds `json:"p50_ms"`
	P95      Milliseconds `json:"p95_ms"`
	P99      Milliseconds `json:"p99_ms"`
	Slowest  Milliseconds `json:"slowest_ms"`
	Took     Milliseconds `json:"took_ms"`  // average
	Queue    Milliseconds `json:"queue_ms"` // of it waiting for a server
	DB       Milliseconds `json:"db_ms"`    // of it in the database, of those that say
	DBKnown  int          `json:"db_known"`
	All      Milliseconds `json:"all_ms"` // of all requests together: where to begin
}

func (w *window) route() Route {
	n := time.Duration(max(w.n, 1))
	round := func(d time.Duration) Milliseconds { return Milliseconds(d.Round(10 * time.Microsecond)) }
	return Route{
		Requests: w.n, Failed: w.failed, DBKnown: w.told,
		P50: round(w.quantile(0.5)), P95: round(w.quantile(0.95)), P99: round(w.quantile(0.99)), Slowest: round(w.slowest),
		Took: round(w.took / n), Queue: round(w.queue / n), DB: round(w.db / time.Duration(max(w.told, 1))), All: round(w.took),
	}
}

// byAll sorts routes so that those come first that cost the most time together.
func byAll(routes []Route) {
	slices.SortStableFunc(routes, func(a, b Route) int { return int(b.All - a.All) })
}
