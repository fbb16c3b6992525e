package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// slowest is the rate in bytes per second at which a service is trusted to copy inside itself.
const slowest = 8 << 20

// wait bounds one call to the service.
type wait struct {
	silent time.Duration // how long nothing may move before the service is given up
	total  time.Duration // of the call with its repetitions; 0 for no bound
}

// brief is the wait of a call that moves next to nothing.
func (s *Store) brief() wait { return wait{silent: s.timeout, total: s.timeout} }

// steady is the wait of a call that transfers bytes: as long as they move it goes on.
func (s *Store) steady() wait { return wait{silent: s.timeout} }

// working is the wait of a call during which the service copies n bytes and says nothing.
func (s *Store) working(n int64) wait {
	return wait{silent: s.timeout + time.Duration(n/slowest)*time.Second}
}

// silence is the error of a service that is given up. It is a deadline, so nobody repeats the call: whoever waited so
// long has waited long enough.
type silence struct{ after time.Duration }

func (e silence) Error() string { return fmt.Sprintf("no answer within %v", e.after) }

func (e silence) Unwrap() error { return context.DeadlineExceeded }

// call is what a request knows of the call that it belongs to.
type call struct {
	silent time.Duration
	giveUp context.CancelCauseFunc
}

type callKey struct{}

// begin returns the context of a call. When the service is silent for too long, the context ends with silence as its
// cause, and the client below does not try again. Call end when the call is over.
func (w wait) begin(ctx context.Context) (bounded context.Context, end func()) {
	ctx, giveUp := context.WithCancelCause(ctx)
	ctx = context.WithValue(ctx, callKey{}, call{w.silent, giveUp})
	if w.total == 0 {
		return ctx, func() { giveUp(nil) }
	}
	ctx, cancel := context.WithTimeoutCause(ctx, w.total, silence{w.total})
	return ctx, func() { cancel(); giveUp(nil) }
}

// patient is a transport that gives up requests during which nothing moves: connecting, sending, waiting for the
// answer and receiving it. The time in which we have nothing to send or do not want to receive does not count.
type patient struct {
	next   http.RoundTripper
	silent time.Duration // for requests that belong to no call
}

func (p *patient) RoundTrip(r *http.Request) (*http.Response, error) {
	c, ok := r.Context().Value(callKey{}).(call)
	if !ok {
		c = call{silent: p.silent, giveUp: func(error) {}}
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{limit: c.silent}
	w.timer = time.AfterFunc(c.silent, func() {
		c.giveUp(silence{c.silent})
		cancel(silence{c.silent})
	})
	r = r.WithContext(ctx)
	if r.Body != nil {
		r.Body = &sending{ReadCloser: r.Body, left: r.ContentLength, watch: w}
	}
	answer, err := p.next.RoundTrip(r)
	if err == nil && answer.StatusCode >= http.StatusMultipleChoices {
		err = readNow(answer)
	}
	w.end()
	if err != nil {
		cancel(nil)
		return nil, err
	}
	answer.Body = &receiving{ReadCloser: answer.Body, call: c, cancel: cancel}
	return answer, nil
}

// maxRefusal is the longest explanation that is read, in bytes.
const maxRefusal = 1 << 20

// readNow takes the body of an answer into memory. A refusal may come before the request was sent; the connection breaks
// when sending ends, and the explanation must not go with it.
func readNow(answer *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if closing := answer.Body.Close(); err == nil {
		err = closing
	}
	answer.Body = io.NopCloser(bytes.NewReader(data))
	return err
}

// watch is a timer that is set back by progress and ends once.
type watch struct {
	limit time.Duration
	timer *time.Timer

	mu   sync.Mutex // protects the following
	over bool
}

func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}

// sending is the body of a request, which lies in memory. That it is read shows that what was read before has gone out.
//
// net/http may go on sending after it returned the answer, if that came early. By then the client below sends the body
// again, or the memory is another's: what is not sent yet must not be touched any more.
type sending struct {
	io.ReadCloser
	left  int64 // bytes
	watch *watch
}

func (b *sending) Read(p []byte) (int, error) {
	w := b.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case b.left == 0:
		return 0, io.EOF
	case w.over:
		return 0, errAbandoned
	}
	w.timer.Reset(w.limit)
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	return n, err
}

// errAbandoned ends the sending of a request that was answered before it was sent.
var errAbandoned = errors.New("the answer came before the end of the request")

// receiving is the body of an answer.
type receiving struct {
	io.ReadCloser
	call   call
	cancel context.CancelCauseFunc
}

func (b *receiving) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.call.silent, func() {
		b.call.giveUp(silence{b.call.silent})
		b.cancel(silence{b.call.silent})
	})
	defer timer.Stop()
	return b.ReadCloser.Read(p)
}

func (b *receiving) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}
