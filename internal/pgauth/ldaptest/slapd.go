// Package ldaptest runs a real directory, OpenLDAP's slapd, for tests. Only tests import it.
package ldaptest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"holdfast/internal/lifecycle/lifecycletest"
)

// The names that tests use: the directory's own, the account that may search, and a person.
const (
	Suffix         = "dc=example,dc=org"
	rootDN         = "cn=root," + Suffix
	rootSecret     = "root-secret"
	ReaderDN       = "cn=reader," + Suffix
	ReaderPassword = "reader-secret"
	People         = "ou=people," + Suffix
	Groups         = "ou=groups," + Suffix
	AlicePassword  = "alice's päss"
)

// Server is OpenLDAP's server, started for one test.
type Server struct {
	dir    string
	Plain  string // address of ldap://
	Inside string // address of ldaps://
	CAFile string // with the authority of its certificate
	cmd    *exec.Cmd
	log    *os.File
	noTLS  bool
}

// Start starts a directory with the entries of the tests. Names that its certificate is made out to can be given.
func Start(t testing.TB, names ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath(program()); err != nil {
		t.Fatalf("slapd is missing: apt-get install slapd ldap-utils (%v)", err)
	}
	dir, err := os.MkdirTemp("", "slapd") // short, because of the socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &Server{dir: dir, CAFile: filepath.Join(dir, "ca.pem"), noTLS: len(names) == 1 && names[0] == ""}
	if len(names) == 0 {
		names = []string{"localhost"}
	}
	writeCertificates(t, dir, names)
	write(t, filepath.Join(dir, "slapd.conf"), s.config())
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Run(t)
	s.fill(t)
	t.Cleanup(s.Stop)
	return s
}

func program() string {
	if path, err := exec.LookPath("slapd"); err == nil {
		return path
	}
	return "/usr/sbin/slapd"
}

func (s *Server) config() string {
	tls := fmt.Sprintf("TLSCertificateFile %[1]s/cert.pem\nTLSCertificateKeyFile %[1]s/key.pem\nTLSCACertificateFile %[1]s/ca.pem\n", s.dir)
	if s.noTLS {
		tls = ""
	}
	return `include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
moduleload ppolicy
pidfile ` + s.dir + `/pid
` + tls + `
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=hidden,` + Suffix + `" by * none
access to dn.subtree="` + Groups + `" by dn.exact="` + ReaderDN + `" read by * none
access to * by dn.exact="` + ReaderDN + `" read by self read by * none
database mdb
suffix "` + Suffix + `"
rootdn "` + rootDN + `"
rootpw ` + rootSecret + `
directory ` + s.dir + `/data
maxsize 16777216
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,` + Suffix + `"
ppolicy_use_lockout
`
}

// Run starts the server on free ports and waits until it answers.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	for range 5 { // somebody else may take a port meanwhile
		if s.Plain == "" {
			s.Plain, s.Inside = freeAddress(t), freeAddress(t)
		}
		urls := fmt.Sprintf("ldap://%s/ ldapi://%s/", s.Plain, strings.ReplaceAll(s.socket(), "/", "%2F"))
		if !s.noTLS {
			urls += " ldaps://" + s.Inside + "/"
		}
		log, err := os.CreateTemp(s.dir, "log")
		if err != nil {
			t.Fatal(err)
		}
		s.log = log
		s.cmd = exec.Command(program(), "-f", filepath.Join(s.dir, "slapd.conf"), "-h", urls, "-d", "0")
		s.cmd.Stdout, s.cmd.Stderr = log, log
		s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := s.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if s.answers() {
			return
		}
		s.Stop()
		s.Plain = ""
	}
	text, _ := os.ReadFile(s.log.Name())
	t.Fatalf("slapd does not start:\n%s", text)
}

func (s *Server) socket() string { return filepath.Join(s.dir, "ldapi") }

func (s *Server) answers() bool {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("tcp", s.Plain); err == nil {
			c.Close()
			return true
		}
		if syscall.Kill(s.cmd.Process.Pid, 0) != nil {
			return false
		}
		runtime.Gosched()
	}
	return false
}

// Stop kills the server.
func (s *Server) Stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed
	_ = s.log.Close()
	s.cmd = nil
}

// Restart ends the server, and with it all connections, and starts it at the same addresses.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	s.Run(t)
}

// Change makes changes as the directory's root.
func (s *Server) Change(t testing.TB, f func(*ldap.Conn) error) {
	t.Helper()
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		c, err := ldap.DialURL("ldap://" + s.Plain)
		if err != nil {
			return err
		}
		defer c.Close()
		return errors.Join(c.Bind(rootDN, rootSecret), f(c))
	})
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
