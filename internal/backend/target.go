package backend

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	defaultConnectTimeout = 5 * time.Second
	defaultKeepAlive      = 30 * time.Second
	keepAliveProbes       = 3
)

// Target says where a server is and how it is reached.
type Target struct {
	Network string // "tcp" or "unix"
	Address string // "db.local:5432", or the path of the socket's file; a name is resolved anew for each connection

	// ServerName is what the certificate must be made out to (verify-full) and what is sent as SNI. Empty: the host of
	// Address.
	ServerName string
	TLS        *TLSConfig // nil: TLSDisable; Unix sockets never use TLS, like libpq's

	// Under wraps the socket before TLS is put on it, for who wants to drive the session otherwise later. nil: not wrapped.
	Under func(net.Conn) net.Conn

	// KeepAlive is how long a silent connection may be before the kernel probes it, and the time between probes, of
	// which three may stay unanswered. 0: 30 s; negative: no probes.
	KeepAlive time.Duration
	// UserTimeout is how long sent data may stay unacknowledged before the kernel gives the connection up
	// (TCP_USER_TIMEOUT). 0: as the kernel thinks, about 15 minutes.
	UserTimeout time.Duration
	// ConnectTimeout bounds everything from the resolution of the name to the first ReadyForQuery. 0: 5 s.
	ConnectTimeout time.Duration
}

func (t Target) connectTimeout() time.Duration {
	if t.ConnectTimeout <= 0 {
		return defaultConnectTimeout
	}
	return t.ConnectTimeout
}

// serverName returns the name that certificates are checked against.
func (t Target) serverName() string {
	if t.ServerName != "" {
		return t.ServerName
	}
	host, _, err := net.SplitHostPort(t.Address)
	if err != nil {
		return t.Address
	}
	return host
}

// dial opens the socket. The context bounds it.
func (t Target) dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Control: t.control}
	switch every := t.KeepAlive; {
	case every < 0:
		d.KeepAlive = -1
	case every == 0:
		d.KeepAliveConfig = keepAlive(defaultKeepAlive)
	default:
		d.KeepAliveConfig = keepAlive(max(every, time.Second)) // the kernel counts whole seconds
	}
	return d.DialContext(ctx, t.Network, t.Address)
}

func keepAlive(every time.Duration) net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: every, Interval: every, Count: keepAliveProbes}
}

// control sets what package net has no name for.
func (t Target) control(network, _ string, raw syscall.RawConn) error {
	if t.UserTimeout <= 0 || network == "unix" {
		return nil
	}
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(t.UserTimeout.Milliseconds()))
	})
	return errors.Join(err, failed)
}
