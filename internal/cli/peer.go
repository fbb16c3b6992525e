package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// peer is the process behind a control socket.
type peer struct {
	pidfd *os.File // nil when the process cannot be told, as from another PID namespace
}

// findPeer asks the kernel who listens on a Unix socket (SO_PEERCRED, unix(7)).
func findPeer(ctx context.Context, socket string) (*peer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	raw, err := conn.(*net.UnixConn).SyscallConn() //nolint:forcetypeassert // dialled as "unix"
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) { cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return nil, err
	}
	if credErr != nil || cred.Pid == 0 {
		return &peer{}, nil //nolint:nilerr // who listens is unknown, which is an answer
	}
	fd, err := unix.PidfdOpen(int(cred.Pid), 0)
	if err != nil {
		return &peer{}, nil //nolint:nilerr // as above
	}
	return &peer{os.NewFile(uintptr(fd), "pidfd")}, nil
}

// wait returns when the process has ended, or with the context's error. Without a process to watch it returns at once.
func (p *peer) wait(ctx context.Context) error {
	if p.pidfd == nil {
		return nil
	}
	const look = 100 // milliseconds between looks at the context
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd.Fd()), Events: unix.POLLIN}}, look)
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("wait for the process: %w", err)
		}
	}
	return ctx.Err()
}

func (p *peer) close() {
	if p.pidfd != nil {
		_ = p.pidfd.Close() // it was only watched
	}
}
