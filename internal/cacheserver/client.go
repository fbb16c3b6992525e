package cacheserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"holdfast/internal/resp"
)

const (
	loginTime   = 10 * time.Second // for the log-in
	commandTime = 30 * time.Second // for the rest of a command, once its first byte is there
	writeTime   = 30 * time.Second // for a client to take what it asked for
	largeWait   = 5 * time.Second  // for room among the large commands
	flushAt     = 64 << 10         // bytes of replies that are sent before the next command of a pipeline is executed
	maxReply    = 64 << 20         // bytes of one reply
	maxFailures = 10               // wrong passwords before the connection is closed
)

// client is one connection. All fields but those under mu belong to the goroutine that serves it.
type client struct {
	server  *Server
	store   *store
	conn    net.Conn
	id      int64
	private bool // came through the socket
	since   time.Time

	in       *resp.Reader
	w        *resp.Writer
	known    bool // logged in
	db       byte
	failures int
	closing  bool // after what is to be sent
	joined   bool // with the server behind us: its waits count
	greet    bool // HELLO is to be answered by the server behind us

	between   bool      // waits for a command
	inCommand bool      // the deadline is that of the rest of a command
	deadline  time.Time // of reading, as it was set last
	sendBy    time.Time // of sending
	held      int64     // bytes among the large commands

	tx      transaction
	box     *mailbox // nil before the first subscription
	topics  map[topic]struct{}
	pumping sync.WaitGroup

	mu     sync.Mutex // protects the following, which CLIENT LIST shows
	name   string
	listed struct {
		db     byte
		proto  int
		topics int
	}
}

func newClient(s *Server, conn net.Conn, id int64, private bool) *client {
	c := &client{server: s, store: s.store, conn: conn, id: id, private: private, known: private, since: time.Now(), topics: map[topic]struct{}{}}
	c.w = &resp.Writer{Proto: 2, Limit: maxReply}
	c.in = resp.NewReader(c, s.limits(c.known))
	c.in.OnLarge(c.hold)
	c.listed.proto = 2
	return c
}

// key returns the name of a key as the store knows it.
func (c *client) key(name []byte) string {
	key := make([]byte, 0, 64)
	key = append(key, c.db)
	return string(append(key, name...))
}

// serve answers commands until the client leaves, breaks the protocol or the server stops.
func (c *client) serve() {
	defer c.leave()
	for !c.closing {
		if c.server.relay != nil && c.known {
			c.joinRelay()
			return
		}
		c.between = c.in.Buffered() == 0
		args, err := c.in.ReadCommand()
		if err != nil {
			c.part(err)
			return
		}
		c.run(args)
		if len(c.tx.queue) == 0 {
			c.release()
		}
		if c.w.Len() >= flushAt && c.flush() != nil {
			return
		}
	}
	_ = c.flush()
}

// leave ends a connection, also that of a command that panicked: the others go on.
func (c *client) leave() {
	if p := recover(); p != nil {
		c.server.log.Error("cache: panic", "panic", p, "stack", string(debug.Stack()))
	}
	c.server.hub.leave(c)
	if c.box != nil {
		c.box.close()
	}
	c.conn.Close()
	c.pumping.Wait()
	c.release()
	c.server.forget(c)
}

// part says why the stream cannot be read on, if the client can still hear it.
func (c *client) part(err error) {
	var p *resp.ProtocolError
	switch {
	case errors.As(err, &p):
		c.w.Error("ERR " + p.Error())
	case errors.Is(err, errBusy):
		c.w.Error("ERR " + err.Error())
	case c.server.stopping.Load() || errors.Is(err, io.EOF):
	default:
		return
	}
	_ = c.flush()
}

var errBusy = errors.New("too many large commands at once: try again")

// hold counts bytes of a large command.
func (c *client) hold(bytes int64) error {
	if c.held+bytes > c.server.maxCommand() && len(c.tx.queue) > 0 {
		return fmt.Errorf("%w (a transaction may have %d bytes)", errBusy, c.server.maxCommand())
	}
	ctx, cancel := context.WithTimeout(context.Background(), largeWait)
	defer cancel()
	if c.server.large.Acquire(ctx, bytes) != nil {
		return errBusy
	}
	c.held += bytes
	return nil
}

func (c *client) release() {
	if c.held > 0 {
		c.server.large.Release(c.held)
		c.held = 0
	}
}

// Read implements io.Reader for the reader of commands: what was answered is sent before the client is waited for, and each wait
// has an end.
func (c *client) Read(p []byte) (int, error) {
	if c.joined {
		return c.conn.Read(p)
	}
	if err := c.flush(); err != nil {
		return 0, err
	}
	if err := c.waitFor(); err != nil {
		return 0, err
	}
	n, err := c.conn.Read(p)
	if n > 0 && c.between {
		c.between = false // the rest of the command has a time of its own
	}
	return n, err
}

// waitFor sets the time to wait for a command or its rest. It is set anew only when it differs by more than a second: this
// happens for every command.
func (c *client) waitFor() error {
	now, until, was := time.Now(), time.Time{}, c.inCommand
	c.inCommand = !c.between
	switch {
	case c.inCommand && was:
		return nil
	case c.inCommand:
		until = now.Add(commandTime)
	case !c.known:
		until = c.since.Add(loginTime)
	case c.server.config.IdleTimeout > 0 && len(c.topics) == 0:
		until = now.Add(c.server.config.IdleTimeout.D())
	}
	if was || c.inCommand || until.IsZero() != c.deadline.IsZero() || until.Sub(c.deadline).Abs() > time.Second {
		if err := c.conn.SetReadDeadline(until); err != nil {
			return err
		}
		c.deadline = until
	}
	if c.server.stopping.Load() {
		return net.ErrClosed
	}
	return nil
}

// flush sends what was answered.
func (c *client) flush() error {
	if c.w.Len() == 0 {
		return nil
	}
	if c.box != nil {
		return c.box.own(c.w.Take())
	}
	return c.send(c.w.Take())
}

func (c *client) send(parts net.Buffers) error {
	if now := time.Now(); c.sendBy.Sub(now) < writeTime-time.Second {
		c.sendBy = now.Add(writeTime)
		if err := c.conn.SetWriteDeadline(c.sendBy); err != nil {
			return err
		}
	}
	if len(parts) == 1 {
		_, err := c.conn.Write(parts[0])
		return err
	}
	_, err := parts.WriteTo(c.conn)
	return err
}

// run executes one command, or puts it into the queue of a transaction.
func (c *client) run(args [][]byte) {
	c.server.counts.commands.Add(1)
	cmd := c.server.lookup(args[0])
	if refusal := c.refusal(cmd, args); refusal != "" {
		c.tx.failed = true
		if cmd != nil && cmd.name == "exec" && c.known {
			c.tx = transaction{}
			refusal = "EXECABORT Transaction discarded because of: " + strings.TrimPrefix(refusal, "ERR ")
		}
		c.w.Error(refusal)
		return
	}
	if c.tx.open && cmd.flags&outside == 0 {
		c.enqueue(cmd, args)
		return
	}
	if cmd.flags&noStore == 0 {
		c.store.mu.Lock()
		defer c.store.mu.Unlock()
	}
	c.execute(cmd, args)
}

// refusal says why a command is not executed, "" if it is.
func (c *client) refusal(cmd *command, args [][]byte) string {
	switch {
	case cmd == nil && (is(args[0], "post") || is(args[0], "host:")):
		c.closing = true // a browser that was made to talk to us
		return "ERR this is not a web server"
	case !c.known && (cmd == nil || cmd.flags&early == 0):
		return errNoAuth
	case cmd == nil:
		return unknown(args)
	case !cmd.fits(len(args)):
		return wrongArgs(cmd.name)
	case len(c.topics) > 0 && c.w.Proto != 3 && cmd.flags&inPubSub == 0:
		return "ERR Can't execute '" + cmd.name + "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
	}
	return ""
}

// execute runs a command; a reply that is too large is an error in its place.
func (c *client) execute(cmd *command, args [][]byte) {
	mark := c.w.Mark()
	c.w.Limit = c.w.Len() + maxReply
	if c.tx.running {
		c.w.Limit = c.tx.limit
	}
	cmd.run(c, args)
	if c.w.Over() {
		c.w.Rewind(mark)
		c.w.Limit = 0
		c.w.Error(errReplySize)
	}
}
