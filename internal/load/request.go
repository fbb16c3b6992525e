package load

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// Sample is one request that was answered.
type Sample struct {
	Offset time.Duration // since the run began
	Total  time.Duration // from there to the last byte of the answer
	Phases Phases
	Bytes  int64 // of the body, as it came
	Status int
}

// Phases are the parts of a request. On a connection that is used again nothing is resolved and nothing connected.
type Phases struct {
	Connect, Resolve, Write, Wait, Read time.Duration // Connect includes Resolve and TLS
}

// send sends one request and reads its answer.
func (r *run) send(ctx context.Context) (Sample, error) {
	s := Sample{Offset: time.Since(r.begin)}
	var w watch
	req := r.request.WithContext(httptrace.WithClientTrace(ctx, w.trace()))
	if r.request.GetBody != nil {
		req.Body, _ = r.request.GetBody() // of bytes, which cannot fail
	}
	answer, err := r.client.Do(req)
	if err != nil {
		return s, err
	}
	s.Status = answer.StatusCode
	s.Bytes, err = io.Copy(io.Discard, answer.Body)
	err = errors.Join(err, answer.Body.Close())
	s.Phases = w.end()
	s.Total = time.Since(r.begin) - s.Offset
	return s, err
}

// request returns what all requests are copies of. They share its header, which nobody changes.
func (p *Plan) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader
	if len(p.Body) > 0 {
		body = bytes.NewReader(p.Body)
	}
	req, err := http.NewRequestWithContext(ctx, p.Method, p.URL.String(), body)
	if err != nil {
		return nil, err
	}
	if p.Header != nil {
		req.Header = p.Header.Clone()
	}
	if p.Host != "" {
		req.Host = p.Host
	}
	if !p.NoCompression && req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	return req, nil
}

// watch notes when the parts of a request begin. Of a request that is redirected it has the last one. net/http calls it from
// goroutines of its own, even after the answer has come.
type watch struct {
	mu sync.Mutex // protects the following

	phases                         Phases
	resolving, connecting, writing time.Time
	waiting, reading               time.Time
}

func (w *watch) trace() *httptrace.ClientTrace {
	since := func(into *time.Duration, from *time.Time, next *time.Time) {
		now := time.Now()
		w.mu.Lock()
		defer w.mu.Unlock()
		if into != nil && !from.IsZero() {
			*into = now.Sub(*from)
		}
		if next != nil {
			*next = now
		}
	}
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { since(nil, nil, &w.resolving) },
		DNSDone:  func(httptrace.DNSDoneInfo) { since(&w.phases.Resolve, &w.resolving, nil) },
		GetConn:  func(string) { since(nil, nil, &w.connecting) },
		GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				since(nil, nil, &w.writing)
				return
			}
			since(&w.phases.Connect, &w.connecting, &w.writing)
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { since(&w.phases.Write, &w.writing, &w.waiting) },
		GotFirstResponseByte: func() { since(&w.phases.Wait, &w.waiting, &w.reading) },
	}
}

// end returns the parts, now that the answer is read.
func (w *watch) end() Phases {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.reading.IsZero() {
		w.phases.Read = time.Since(w.reading)
	}
	return w.phases
}

// reason says why there was no answer, without what differs from request to request: the port of our own end.
func reason(err error) string {
	var outer *url.Error
	if errors.As(err, &outer) {
		if outer.Timeout() {
			return "no answer in time"
		}
		err = outer.Err
	}
	var op *net.OpError
	if errors.As(err, &op) {
		if op.Addr == nil { // the name has none
			return fmt.Sprintf("%s %s: %v", op.Op, op.Net, op.Err)
		}
		return fmt.Sprintf("%s %s %v: %v", op.Op, op.Net, op.Addr, op.Err)
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "the server speaks no TLS: " + record.Msg
	}
	return err.Error()
}
