package pooler

import (
	"net"
	"net/netip"
	"os/user"
	"strconv"
	"syscall"

	"github.com/pires/go-proxyproto"
	"golang.org/x/sys/unix"

	"holdfast/internal/pgwire"
)

// proxied reads whom a listed balancer speaks for (PROXY protocol). Others cannot claim to be somebody else: what they send
// is no start-up packet. Who sends no header is known by the address of the connection.
func (l *login) proxied() error {
	from, ok := l.raw.RemoteAddr().(*net.TCPAddr)
	if !ok || len(l.front.config.ProxyProtocol) == 0 || !listed(l.front.config.ProxyProtocol, from.AddrPort().Addr().Unmap()) {
		return nil
	}
	in, err := proxyHeader(l.raw)
	var header *proxyproto.Header
	if err == nil {
		header, err = proxyproto.Read(in)
	}
	if err != nil {
		return fatal("08P01", "the balancer sent no PROXY header: "+err.Error(), "turn the PROXY protocol on there, or take it off proxy_protocol")
	}
	l.in = pgwire.NewReader(l.conn, maxLoginMessage)
	if source, ok := header.SourceAddr.(*net.TCPAddr); ok && header.Command.IsProxy() {
		l.peer = unmap(source.AddrPort())
	}
	return nil
}

func listed(ranges []string, a netip.Addr) bool {
	for _, r := range ranges {
		if p, err := netip.ParsePrefix(r); err == nil && p.Contains(a) {
			return true
		}
		if one, err := netip.ParseAddr(r); err == nil && one == a {
			return true
		}
	}
	return false
}

// account returns the name of the account at the other end of a Unix socket, "" when that is not known.
func (l *login) account() string {
	sock, ok := l.raw.(*net.UnixConn)
	if !ok {
		return ""
	}
	raw, err := sock.SyscallConn()
	if err != nil {
		return ""
	}
	var cred *unix.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}) != nil || err != nil {
		return ""
	}
	u, err := user.LookupId(strconv.FormatUint(uint64(cred.Uid), 10))
	if err != nil {
		return ""
	}
	return u.Username
}

// SyscallConn implements syscall.Conn.
func (p *prefixed) SyscallConn() (syscall.RawConn, error) {
	return p.Conn.(syscall.Conn).SyscallConn() //nolint:forcetypeassert // sockets of package net have it
}
