package web

import (
	"io"
	"net/http"
	"time"
)

// Stall is how long a peer may move nothing before it is cut off.
const Stall = time.Minute

// renewEvery is how often a rolling deadline is moved: seldom enough to cost nothing, often enough for Stall to hold
// within a tenth.
const renewEvery = Stall / 10

// piece is how many bytes of a file are sent under one deadline, because sendfile does not come back in between. A
// peer slower than piece/Stall (17 KB/s) is cut off.
const piece = 1 << 20

// deadline moves a connection's deadline ahead of the work that it bounds.
type deadline struct {
	set  func(time.Time) error
	next time.Time
}

// renew gives the peer another Stall. A writer that has no deadlines (a test's recorder) has no stalls either.
func (d *deadline) renew() {
	now := time.Now()
	if now.Before(d.next) {
		return
	}
	d.next = now.Add(renewEvery)
	_ = d.set(now.Add(Stall + renewEvery))
}

// body is a request's body whose reads fail when the peer sends nothing for Stall.
type body struct {
	io.ReadCloser
	deadline deadline
}

func keepReading(w http.ResponseWriter, b io.ReadCloser) io.ReadCloser {
	return &body{b, deadline{set: http.NewResponseController(w).SetReadDeadline}}
}

func (b *body) Read(p []byte) (int, error) {
	b.deadline.renew()
	n, err := b.ReadCloser.Read(p)
	if err != nil { // it is over: a long answer must not run into the deadline of its request
		_ = b.deadline.set(time.Time{})
		b.deadline.next = time.Time{}
	}
	return n, err
}
