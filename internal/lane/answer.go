package lane

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"holdfast/internal/epoll"
)

// leastMoved is how many bytes a peer has to take of an answer that waits for it, in a minute.
const leastMoved = 64 << 10

// answer is the one under way. Its pieces are sent in order: head, body, file.
type answer struct {
	head, body []byte
	file       *os.File
	at, left   int64 // the file's next byte, and how many
	near       int64 // bytes of the file before this offset were in memory lately
	sent       int64 // bytes that the socket took since it began
	mark       int64 // bytes that the peer had taken when its latest minute began
	free       func()
	began      time.Time
	done       Done
}

// respond sends the reply, with rest being what was read behind the request. It reports whether all of it is gone
// and more requests may follow.
func (c *conn) respond(q *Request, r *Reply, began time.Time, rest []byte) bool {
	w := c.worker
	c.last = c.last || q.close || w.draining
	c.served = true
	c.run++
	id := w.ids.of(q)
	w.out = w.head(w.out[:0], r, id, c.last)
	a := &c.answer
	a.head, a.free, a.began = w.out, r.release, began
	if q.Method == http.MethodGet && !bodiless(r.Status) {
		a.body, a.file, a.at, a.left = r.body, r.file, r.offset, r.length
		if r.file == nil {
			a.left = 0
		}
		if r.near {
			a.near = a.at + a.left
		}
	}
	a.done = Done{Method: q.Method, Route: r.Route, Status: r.Status, Peer: c.peer, RequestID: id, Note: r.Note}
	*r = Reply{header: r.header[:0]} // what is to be released is the answer's now
	if to := c.loopFor(a.left); to != w && !w.draining {
		a.head = append([]byte(nil), a.head...) // it is the loop's
		c.keep(rest)
		c.move(to)
		return false
	}
	if c.push() {
		return c.finished(rest)
	}
	if c.state != ended {
		a.head = append([]byte(nil), a.head...) // it was the loop's
		c.keep(rest)
	}
	return false
}

// head writes status line and header (RFC 9112 section 4).
func (w *worker) head(b []byte, r *Reply, id string, last bool) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(r.Status)...)
	b = append(b, "\r\n"...)
	b = append(b, r.header...)
	b = append(b, "X-Request-Id: "...)
	b = append(b, id...)
	if !r.Dated {
		b = append(b, "\r\nDate: "...)
		b = w.clock.append(b, w.loop.Now())
	}
	if !bodiless(r.Status) {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, r.length, 10)
	}
	if last {
		b = append(b, "\r\nConnection: close"...)
	}
	return append(b, "\r\n\r\n"...)
}

// bodiless are the statuses without a body or its length (RFC 9110 section 8.6).
func bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// push sends until everything is gone, which it reports, or until somebody has to be waited for.
func (c *conn) push() bool {
	a := &c.answer
	for len(a.head) > 0 || len(a.body) > 0 {
		n, err := c.worker.message.send(c.fd, a.head, a.body, a.left > 0)
		if err != nil {
			return c.blocked(err)
		}
		a.sent += int64(n)
		h := min(n, len(a.head))
		a.head, a.body = a.head[h:], a.body[n-h:]
		a.done.Bytes += int64(n - h)
	}
	return c.pushFile()
}

// pushFile sends the file's bytes for one turn.
func (c *conn) pushFile() bool {
	a := &c.answer
	for turn := int64(turnBytes); a.left > 0; {
		if turn == 0 {
			return c.blocked(errAgain) // the socket may take more: the next round tells
		}
		n := min(a.left, turn)
		if a.at+n > a.near && !c.isNear(n) {
			c.fetch(n)
			return false
		}
		sent, err := sendFile(c.fd, int(a.file.Fd()), a.at, int(n))
		if err != nil {
			return c.blocked(err)
		}
		m := int64(sent)
		a.at, a.left, a.sent, turn = a.at+m, a.left-m, a.sent+m, turn-m
		a.done.Bytes += m
	}
	return true
}

// blocked waits for the socket, or ends the connection if it is broken. It reports false.
func (c *conn) blocked(err error) bool {
	if !errors.Is(err, errAgain) {
		c.cut()
		return false
	}
	if c.state != writing {
		c.state = writing
		c.worker.conns.touch(c)
		c.answer.mark = c.taken()
		c.limit(c.worker.lane.options.times.stall)
	}
	c.listen(epoll.Out)
	return false
}

// isNear asks whether the first and the last of the next n bytes are in memory: what lies between them is read along.
func (c *conn) isNear(n int64) bool {
	a := &c.answer
	fd := int(a.file.Fd())
	if !inMemory(fd, a.at) || !inMemory(fd, a.at+n-1) {
		return false
	}
	a.near = a.at + n
	return true
}

// fetch brings the next n bytes of the file into memory on a goroutine. The descriptor is the answer's, which nobody
// releases meanwhile but end, and then the file is one of its own.
func (c *conn) fetch(n int64) {
	c.state = fetching
	c.listen(0)
	if c.state == ended {
		return
	}
	a := &c.answer
	f, at, free := a.file, a.at, a.free
	a.free = nil // the goroutine has it
	lane, loop := c.worker.lane, c.worker.loop
	lane.work.Go(func() { // Stop waits
		touchFile(f, at, n)
		if !loop.Post(func() { c.fetched(at+n, free) }) && free != nil {
			free()
		}
	})
}

// fetched goes on with a file's bytes.
func (c *conn) fetched(near int64, free func()) {
	if c.state != fetching {
		if free != nil {
			free()
		}
		return
	}
	c.answer.free, c.answer.near = free, near
	c.state = writing
	c.answer.mark = c.taken()
	c.limit(c.worker.lane.options.times.stall)
	c.write()
}

// write goes on with the answer, and with the requests behind it.
func (c *conn) write() {
	if !c.push() {
		return
	}
	rest := c.got
	if c.finished(rest) {
		c.state = reading
		c.scanned = 0
		c.process(rest, turnRequests)
	}
}

// finished ends the answer when all of it is with the kernel, and the connection if it was the last. It reports whether
// more requests may follow.
func (c *conn) finished(rest []byte) bool {
	c.answer.end(c)
	if !c.last {
		return true
	}
	if len(rest) > 0 {
		c.linger()
	} else {
		c.end()
	}
	return false
}

// end tells that the answer is over, as far as it came.
func (a *answer) end(c *conn) {
	if a.began.IsZero() {
		return
	}
	if a.free != nil {
		a.free()
	}
	lane := c.worker.lane
	lane.answered.Add(1)
	if lane.options.Observe != nil {
		a.done.Took = time.Since(a.began)
		lane.options.Observe(a.done)
	}
	*a = answer{}
}

// taken is how many bytes of the answer the peer has taken.
func (c *conn) taken() int64 { return c.answer.sent - int64(queued(c.fd)) }

// stalled gives a slow peer another minute, and cuts off one that takes next to nothing.
func (c *conn) stalled() {
	if now := c.taken(); now-c.answer.mark >= leastMoved {
		c.answer.mark = now
		c.limit(c.worker.lane.options.times.stall)
		return
	}
	c.cut()
}
