package backend

import (
	"crypto/tls"
	"net"
	"slices"
	"syscall"
	"time"

	"holdfast/internal/pgwire"
)

// closeTime bounds the good-bye of a session.
const closeTime = 100 * time.Millisecond

// Conn is one session on a server, logged in. Its methods are for one goroutine at a time, but NetConn, PID, Key, Minor,
// Encrypted, Opened and Cancel, which any may call.
type Conn struct {
	nc     net.Conn        // what messages travel on
	raw    syscall.RawConn // the socket below it
	hush   *hushConn       // the socket as TLS sees it; nil without TLS
	target Target          // with the address that really answered
	pid    uint32
	key    []byte
	minor  uint16
	opened time.Time

	params []pgwire.Param // what the server reported, in its order
	status byte           // of the last ReadyForQuery that we know of
	err    error          // why it cannot be used any more

	peeked peek
}

// NetConn returns the connection that messages travel on: a *net.TCPConn, a *net.UnixConn or a *tls.Conn. Conn never
// reads ahead of the message it waits for, so whoever reads from it next misses nothing.
func (c *Conn) NetConn() net.Conn { return c.nc }

// PID returns the server's process id of the session.
func (c *Conn) PID() uint32 { return c.pid }

// Key returns the secret of cancel requests: 4 bytes, or up to 256 with protocol 3.2. It must not be changed.
func (c *Conn) Key() []byte { return c.key }

// Minor returns the protocol's minor version that the server agreed to.
func (c *Conn) Minor() uint16 { return c.minor }

// Encrypted reports whether the session is inside TLS.
func (c *Conn) Encrypted() bool { return c.hush != nil }

// Cipher returns the version of TLS and the cipher, such as "TLS 1.3/TLS_AES_128_GCM_SHA256"; empty without TLS.
func (c *Conn) Cipher() string {
	s := c.tlsState()
	if s == nil {
		return ""
	}
	return tls.VersionName(s.Version) + "/" + tls.CipherSuiteName(s.CipherSuite)
}

// Opened returns when the log-in was complete.
func (c *Conn) Opened() time.Time { return c.opened }

// Params returns what the server reported of its parameters, in its order; the slice is the Conn's own and changes with
// the next report.
func (c *Conn) Params() []pgwire.Param { return c.params }

// Param returns the reported value of a parameter.
func (c *Conn) Param(name string) (string, bool) {
	i := slices.IndexFunc(c.params, func(p pgwire.Param) bool { return p.Name == name })
	if i < 0 {
		return "", false
	}
	return c.params[i].Value, true
}

// SetParam notes a ParameterStatus that somebody else read from the connection.
func (c *Conn) SetParam(name, value string) {
	i := slices.IndexFunc(c.params, func(p pgwire.Param) bool { return p.Name == name })
	if i < 0 {
		c.params = append(c.params, pgwire.Param{Name: name, Value: value})
		return
	}
	c.params[i].Value = value
}

// Status returns the transaction status of the last ReadyForQuery that is known: 'I' idle, 'T' in a transaction, 'E' in a
// failed one.
func (c *Conn) Status() byte { return c.status }

// SetStatus notes a ReadyForQuery that somebody else read from the connection.
func (c *Conn) SetStatus(status byte) { c.status = status }

// Err returns why the session cannot be used any more: the FATAL error that the server sent while it was idle, a lost
// connection, a protocol error. It is nil for one that can.
func (c *Conn) Err() error { return c.err }

// Fail says that the session must not be used again, and why; Dead reports true from now on.
func (c *Conn) Fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// Close says good-bye when the session is in order, and closes the connection.
func (c *Conn) Close() error {
	if c.err == nil {
		_ = c.nc.SetWriteDeadline(time.Now().Add(closeTime)) // the connection ends whatever happens
		_, _ = c.nc.Write(pgwire.AppendTerminate(nil))
	}
	return c.hangUp()
}
