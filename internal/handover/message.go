package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

const (
	maxMessage = 64 << 10 // bytes
	// maxFiles is how many descriptors Linux takes in one message (SCM_MAX_FD, unix(7)).
	maxFiles = 253
)

// message is what the two processes say to each other: its length in four bytes, then JSON. Descriptors come with the length.
type message struct {
	Say   string   `json:"say"`
	Names []string `json:"names,omitempty"` // of the descriptors, in their order
	Error string   `json:"error,omitempty"`
}

// What they say.
const (
	sayAsk    = "ask"
	sayOffer  = "offer"
	sayCommit = "commit"
	sayAgreed = "agreed"
	sayReady  = "ready"
	sayNo     = "no"
)

func send(c *net.UnixConn, m message, fds ...int) error {
	if len(fds) > maxFiles {
		return fmt.Errorf("%d listeners are more than the %d that can be handed over", len(fds), maxFiles)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	packet := append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...) //nolint:gosec // short
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	n, _, err := c.WriteMsgUnix(packet, rights, nil)
	if err == nil && n < len(packet) {
		_, err = c.Write(packet[n:])
	}
	return err
}

// receive reads a message. Its descriptors are the caller's to close, also when there is an error: then they are closed here.
func receive(c *net.UnixConn) (m message, files []*os.File, err error) {
	defer func() {
		if err != nil {
			closeAll(files)
			files = nil
		}
	}()
	head := make([]byte, 4)
	files, err = readHead(c, head)
	if err != nil {
		return m, files, err
	}
	size := binary.BigEndian.Uint32(head)
	if size > maxMessage {
		return m, files, fmt.Errorf("a message of %d bytes", size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(c, body); err != nil {
		return m, files, err
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return m, files, err
	}
	if len(m.Names) != len(files) {
		return m, files, fmt.Errorf("%d names for %d descriptors", len(m.Names), len(files))
	}
	return m, files, nil
}

// readHead reads the length and the descriptors that came with it.
func readHead(c *net.UnixConn, head []byte) ([]*os.File, error) {
	control := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, got, flags, _, err := c.ReadMsgUnix(head, control)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	files, err := filesOf(control[:got])
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = errors.New("descriptors were lost: too many files are open")
	}
	if err == nil {
		_, err = io.ReadFull(c, head[n:])
	}
	return files, err
}

// filesOf returns the descriptors of a control message. package net asks for them with MSG_CMSG_CLOEXEC.
func filesOf(control []byte) ([]*os.File, error) {
	all, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range all {
		fds, err := unix.ParseUnixRights(&all[i])
		if err != nil {
			return files, err
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "inherited listener"))
		}
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
