package disk_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/willscott/go-nfs-client/nfs/rpc"
	"github.com/willscott/go-nfs-client/nfs/xdr"
)

// rpcConn calls procedures over one TCP connection (RFC 5531). The library's own client reconnects behind our back, from
// a goroutine that is not in the server's network.
type rpcConn struct {
	conn   net.Conn
	ended  chan struct{} // closed when the reader has ended
	failed error         // why; set before ended is closed

	sending sync.Mutex // held while a message is written
	mu      sync.Mutex // protects the following
	lastXID uint32
	waiting map[uint32]chan []byte
}

func dialRPC(addr string) (*rpcConn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &rpcConn{conn: conn, ended: make(chan struct{}), waiting: map[uint32]chan []byte{}}
	go func() {
		defer close(c.ended)
		c.failed = c.receive(bufio.NewReaderSize(conn, 256<<10))
	}()
	return c, nil
}

// Close ends the connection and waits for its reader.
func (c *rpcConn) Close() {
	_ = c.conn.Close()
	<-c.ended
}

// call sends a header with arguments and returns the reader of the result.
func (c *rpcConn) call(prog, vers, proc uint32, auth rpc.Auth, args any) (io.Reader, error) {
	var msg bytes.Buffer
	answer := make(chan []byte, 1)
	c.mu.Lock()
	c.lastXID++
	xid := c.lastXID
	c.waiting[xid] = answer
	c.mu.Unlock()
	err := xdr.Write(&msg, struct {
		Mark, XID, Type uint32
		rpc.Header
		Args any
	}{0, xid, 0, rpc.Header{Rpcvers: 2, Prog: prog, Vers: vers, Proc: proc, Cred: auth, Verf: rpc.AuthNull}, args})
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(msg.Bytes(), uint32(msg.Len()-4)|lastFragment)
	for range 6 { // a server may drop a request, and on a busy machine it is late: ask again, as the kernel's client does
		if err := c.send(msg.Bytes()); err != nil {
			return nil, err
		}
		select {
		case data := <-answer:
			return accepted(data)
		case <-c.ended:
			return nil, fmt.Errorf("connection ended: %w", c.failed)
		case <-time.After(20 * time.Second):
		}
	}
	return nil, errors.New("no answer in two minutes")
}

// send writes a message whole. It does not hold what the reader of answers needs.
func (c *rpcConn) send(msg []byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	_, err := c.conn.Write(msg)
	return err
}

// lastFragment marks the last fragment of a message (RFC 5531, section 11).
const lastFragment = 1 << 31

func (c *rpcConn) receive(r io.Reader) error {
	for {
		var msg []byte
		for last := false; !last; {
			var mark uint32
			if err := binary.Read(r, binary.BigEndian, &mark); err != nil {
				return err
			}
			last = mark&lastFragment != 0
			piece := make([]byte, mark&^lastFragment)
			if _, err := io.ReadFull(r, piece); err != nil {
				return err
			}
			msg = append(msg, piece...)
		}
		if len(msg) < 4 {
			return errors.New("short message")
		}
		xid := binary.BigEndian.Uint32(msg)
		c.mu.Lock()
		answer := c.waiting[xid]
		delete(c.waiting, xid)
		c.mu.Unlock()
		if answer != nil {
			answer <- msg[4:]
		}
	}
}

// accepted returns what follows the head of an answer that was accepted and successful.
func accepted(data []byte) (io.Reader, error) {
	r := bytes.NewReader(data)
	var head struct {
		Type, Status uint32
		Verf         rpc.Auth
		Accepted     uint32
	}
	if err := xdr.Read(r, &head); err != nil {
		return nil, err
	}
	if head.Type != 1 || head.Status != 0 || head.Accepted != 0 {
		return nil, fmt.Errorf("call refused: %+v", head)
	}
	return r, nil
}
