package gitrepo_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"holdfast/internal/coursegen"
	"holdfast/internal/gitrepo"
)

// sshServer is OpenSSH's own server, one process for each connection to our listener.
type sshServer struct {
	address    string // host:port
	user       string
	key        string // a private key that may log in
	locked     string // a private key that may, but has a passphrase
	stranger   string // a private key that may not
	knownHosts string
	dir        string
}

// startSSH serves this machine's files by ssh until the test ends.
func startSSH(t *testing.T) *sshServer {
	t.Helper()
	const program = "/usr/sbin/sshd" // it wants to be called by its full path
	if _, err := os.Stat(program); err != nil {
		t.Fatal("this test needs sshd: apt-get install openssh-server")
	}
	needProgram(t, "ssh", "openssh-client")
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // a system that starts sshd has it
			t.Fatal(err)
		}
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &sshServer{user: me.Username, dir: t.TempDir()}
	s.key, s.locked, s.stranger = s.keygen(t, "key", ""), s.keygen(t, "locked", "a passphrase"), s.keygen(t, "stranger", "")
	host := s.keygen(t, "host", "")
	authorized := s.file(t, "authorized_keys", public(t, s.key)+public(t, s.locked))
	config := s.file(t, "sshd_config", strings.Join([]string{
		"HostKey " + host, "AuthorizedKeysFile " + authorized, "StrictModes no", "UsePAM no", "PasswordAuthentication no",
		"KbdInteractiveAuthentication no", "PermitRootLogin prohibit-password", "PidFile none", "LogLevel ERROR", "",
	}, "\n"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = listener.Addr().String()
	s.knownHosts = s.known(t, "known_hosts", host)
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { serveSSH(t, conn, program, "-i", "-e", "-f", config) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		sessions.Wait()
	})
	return s
}

// serveSSH gives a connection to a process of its own, and waits for its end.
func serveSSH(t *testing.T, conn net.Conn, program string, args ...string) {
	socket, err := conn.(*net.TCPConn).File() //nolint:forcetypeassert // it comes from a TCP listener
	_ = conn.Close()
	if err != nil {
		t.Errorf("take connection: %v", err)
		return
	}
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout = socket, socket
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	_ = cmd.Run() // the client tells how it ended
	_ = socket.Close()
}

func (s *sshServer) file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *sshServer) keygen(t *testing.T, name, passphrase string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	out, err := exec.CommandContext(t.Context(), needProgram(t, "ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", passphrase, "-f", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	return path
}

func public(t *testing.T, key string) string {
	t.Helper()
	b, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// known writes a known_hosts file in which the server has the key.
func (s *sshServer) known(t *testing.T, name, key string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		t.Fatal(err)
	}
	return s.file(t, name, fmt.Sprintf("[%s]:%s %s", host, port, public(t, key)))
}

func (s *sshServer) options(t *testing.T, path string) gitrepo.Options {
	t.Helper()
	o := options(t, "ssh://"+s.user+"@"+s.address+path)
	o.KeyFile, o.KnownHosts = s.key, s.knownHosts
	return o
}

// S4-29: deploy keys, with a real server, and each way in which they fail.
func TestADeployKeyOpensARepositoryBySSH(t *testing.T) {
	t.Parallel()
	s := startSSH(t)
	for _, format := range []string{"sha1", "sha256"} {
		c := generate(t, tiny(format))
		r := open(t, s.options(t, c.Dir))
		if got := fetch(t, r, ""); got != c.Head || r.Format().String() != format {
			t.Errorf("the branch is at %s in format %s; want %s", got, r.Format(), c.Head)
		}
		if format == "sha256" {
			continue // from here on the format makes no difference
		}
		commit(t, c, coursegen.OneQuestion)
		if got := fetch(t, r, "main"); got != c.Head {
			t.Errorf("the branch is at %s; want %s", got, c.Head)
		}
		readable(t, r, c.Head)
		_, err := r.Fetch(t.Context(), "gone", nil)
		expect(t, err, gitrepo.ErrNoBranch, "main")
	}
}

func TestEachFailureOfSSHHasItsErrorAndHint(t *testing.T) {
	t.Parallel()
	s := startSSH(t)
	c := generate(t, tiny("sha1"))
	f := func(change func(*gitrepo.Options)) error {
		t.Helper()
		o := s.options(t, c.Dir)
		change(&o)
		_, err := gitrepo.Open(t.Context(), o)
		return err
	}
	expect(t, f(func(o *gitrepo.Options) { o.KeyFile = s.stranger }), gitrepo.ErrDenied, "deploy key")
	expect(t, f(func(o *gitrepo.Options) { o.KeyFile = "" }), gitrepo.ErrDenied, "deploy key")
	expect(t, f(func(o *gitrepo.Options) { o.KeyFile = filepath.Join(s.dir, "absent") }), gitrepo.ErrDenied, "does not exist")
	expect(t, f(func(o *gitrepo.Options) { o.KeyFile = s.locked }), gitrepo.ErrDenied, "no passphrase")
	key, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	loose := s.file(t, "loose", string(key))
	if err := os.Chmod(loose, 0o644); err != nil {
		t.Fatal(err)
	}
	expect(t, f(func(o *gitrepo.Options) { o.KeyFile = loose }), gitrepo.ErrDenied, "chmod 600")
	changed := s.known(t, "changed", s.stranger)
	expect(t, f(func(o *gitrepo.Options) { o.KnownHosts = changed }), gitrepo.ErrHostKey, "is not the one in known_hosts")
	none := s.file(t, "none", "")
	expect(t, f(func(o *gitrepo.Options) { o.KnownHosts = none }), gitrepo.ErrHostKey, "is not in known_hosts")
	expect(t, f(func(o *gitrepo.Options) { o.KnownHosts = "" }), gitrepo.ErrHostKey, "is not in known_hosts")
	expect(t, f(func(o *gitrepo.Options) { o.URL = "ssh://" + s.user + "@" + s.address + t.TempDir() }), gitrepo.ErrNotARepository)
	expect(t, f(func(o *gitrepo.Options) { o.URL = "ssh://git@no-such-host.invalid/x" }), gitrepo.ErrUnreachable, "name")
	expect(t, f(func(o *gitrepo.Options) { o.URL = "git@no-such-host.invalid:x/y.git" }), gitrepo.ErrUnreachable)
	expect(t, f(func(o *gitrepo.Options) { o.URL = "ssh://git@" + deadPort(t) + "/x" }), gitrepo.ErrUnreachable)
}

// deadPort returns an address where nobody listens any more.
func deadPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return l.Addr().String()
}

// mute returns the address of a server that accepts and then says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		var open []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, conn)
		}
		for _, conn := range open {
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
	})
	return l.Addr().String()
}

func TestAServerThatSaysNothingIsGivenUp(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"ssh://git@" + mute(t) + "/x", "http://" + mute(t) + "/x"} {
		o := options(t, url)
		o.Stall = time.Second
		begin := time.Now()
		_, err := gitrepo.Open(t.Context(), o)
		expect(t, err, gitrepo.ErrUnreachable)
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%s: it took %v", url, took)
		}
	}
}
