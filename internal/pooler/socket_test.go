package pooler_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/internal/pgtest"
	"holdfast/internal/pooler"
	"holdfast/internal/postgres"
	"holdfast/internal/unit"
)

// tuned returns the keepalive and the user timeout of this process's sockets whose ends are chosen, as the kernel has them.
func tuned(t *testing.T, chosen func(local, remote unix.Sockaddr) bool) (found []string) {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range fds {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		local, err := unix.Getsockname(fd)
		if err != nil {
			continue
		}
		remote, err := unix.Getpeername(fd)
		if err != nil || !chosen(local, remote) {
			continue
		}
		get := func(level, option int) int {
			v, _ := unix.GetsockoptInt(fd, level, option)
			return v
		}
		found = append(found, fmt.Sprint(get(unix.SOL_SOCKET, unix.SO_KEEPALIVE), get(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE),
			get(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL), get(unix.IPPROTO_TCP, unix.TCP_KEEPCNT), get(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)))
	}
	return found
}

func portOf(a unix.Sockaddr) int {
	if tcp, ok := a.(*unix.SockaddrInet4); ok {
		return tcp.Port
	}
	return 0
}

// E-18: what keepalive and user_timeout of [database] say holds on both legs.
func TestBothLegsHaveTheKeepaliveAndTheUserTimeout(t *testing.T) {
	t.Parallel()
	server := pgtest.Cluster(t, pgtest.TCP())
	s := setup{server: server, change: func(c *pooler.Config, pg *postgres.Config) {
		c.KeepAlive, c.UserTimeout = unit.Duration(7*time.Second), unit.Duration(11*time.Second)
		pg.Host = "127.0.0.1"
	}}.start(t)
	w := s.wire(t, 0)
	if a := w.query("SELECT 1"); a.code() != "" {
		t.Fatal(a.code())
	}
	client, here := w.conn.LocalAddr().(*net.TCPAddr).Port, w.conn.RemoteAddr().(*net.TCPAddr).Port
	const want = "1 7 7 3 11000"
	clients := tuned(t, func(local, remote unix.Sockaddr) bool { return portOf(local) == here && portOf(remote) == client })
	servers := tuned(t, func(_, remote unix.Sockaddr) bool { return portOf(remote) == server.Port })
	if len(clients) != 1 || clients[0] != want {
		t.Errorf("the client's: %q; want %q", clients, want)
	}
	found := false
	for _, one := range servers { // some are the test's own
		found = found || one == want
	}
	if !found {
		t.Errorf("the servers': %q; want one with %q", servers, want)
	}
}

func TestTheModeOfASocketIsThatOfTheConfiguration(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "hfs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := func(n int) string { return filepath.Join(dir, fmt.Sprintf(".s.PGSQL.%d", n)) }
	setup{change: func(c *pooler.Config, _ *postgres.Config) {
		c.Endpoints = []pooler.Endpoint{{Listen: path(1), SocketMode: "0750"}, {Listen: path(2)}}
	}}.start(t)
	for n, want := range []os.FileMode{1: 0o750, 2: 0o777} {
		if n == 0 {
			continue
		}
		if info, err := os.Stat(path(n)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v; want %v", path(n), info.Mode(), err, want)
		}
	}
}
