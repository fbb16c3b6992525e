package s3api

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"holdfast/internal/s3wire"
)

// keepAlivePause is how long a client waits at most for a sign of life.
const keepAlivePause = 5 * time.Second

// reply is the answer of slow work: a document, and what the headers say if they can still be sent.
type reply struct {
	doc     any
	headers func()
}

// slowly runs work that may take minutes, such as joining the parts of a large upload. Clients and proxies give up on
// a silent connection, so after a pause the answer is begun with 200 and blanks are sent until the work is done; an
// error then comes inside the 200, as from S3, and every S3 client looks for it there.
func (c *call) slowly(work func() (reply, error)) error {
	var (
		r    reply
		err  error
		done = make(chan struct{})
	)
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		r, err = work()
	}()
	c.keepAlive(done) // returns after done is closed
	switch {
	case err != nil && !c.Started():
		return err
	case err != nil:
		return c.failLate(err)
	case !c.Started():
		r.headers()
		return c.send(r.doc)
	}
	doc, err := s3wire.EncodeXML(r.doc)
	if err != nil {
		return c.failLate(err)
	}
	c.finishLate(doc)
	return nil
}

// keepAlive waits for the work, sending a blank now and then.
func (c *call) keepAlive(done <-chan struct{}) {
	tick := time.NewTicker(c.s.alive)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			c.blank()
		}
	}
}

// blank sends white space between the declaration and the document.
func (c *call) blank() {
	if !c.Started() {
		c.Header()["Content-Type"] = []string{"application/xml"}
		c.WriteHeader(http.StatusOK)
		_, _ = c.Write([]byte(xmlDeclaration))
	}
	_, _ = c.Write([]byte(" "))
	_ = http.NewResponseController(c.ResponseWriter).Flush() // a client that went away cancels the work
}

// failLate puts an error into a 200 that has begun.
func (c *call) failLate(err error) error {
	e := c.refusal(err)
	c.finishLate(e.XML(c.r.URL.EscapedPath(), c.id, c.s.hostID))
	c.late = e
	return nil
}

// finishLate sends a document whose declaration was sent already.
func (c *call) finishLate(doc []byte) {
	if _, rest, ok := bytes.Cut(doc, []byte("?>")); ok {
		doc = bytes.TrimLeft(rest, "\n")
	}
	_, _ = c.Write(doc)
}
