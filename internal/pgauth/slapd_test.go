package pgauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
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

const (
	suffix      = "dc=example,dc=org"
	rootDN      = "cn=root," + suffix
	rootSecret  = "root-secret"
	readerDN    = "cn=reader," + suffix
	readerWord  = "reader-secret"
	people      = "ou=people," + suffix
	groups      = "ou=groups," + suffix
	aliceSecret = "alice's päss"
)

// slapd is OpenLDAP's server, started for one test.
type slapd struct {
	dir    string
	plain  string // address of ldap://
	inside string // address of ldaps://
	caFile string
	cmd    *exec.Cmd
	log    *os.File
	noTLS  bool
}

// newSlapd starts a directory with the entries of the tests. Names that its certificate is made out to can be given.
func newSlapd(t testing.TB, names ...string) *slapd {
	t.Helper()
	if _, err := exec.LookPath(slapdPath()); err != nil {
		t.Fatalf("slapd is missing: apt-get install slapd ldap-utils (%v)", err)
	}
	dir, err := os.MkdirTemp("", "slapd") // short, because of the socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &slapd{dir: dir, caFile: filepath.Join(dir, "ca.pem"), noTLS: len(names) == 1 && names[0] == ""}
	if len(names) == 0 {
		names = []string{"localhost"}
	}
	writeCertificates(t, dir, names)
	write(t, filepath.Join(dir, "slapd.conf"), s.config())
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.run(t)
	s.fill(t)
	t.Cleanup(s.stop)
	return s
}

func slapdPath() string {
	if path, err := exec.LookPath("slapd"); err == nil {
		return path
	}
	return "/usr/sbin/slapd"
}

func (s *slapd) config() string {
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
access to dn.subtree="ou=hidden,` + suffix + `" by * none
access to dn.subtree="` + groups + `" by dn.exact="` + readerDN + `" read by * none
access to * by dn.exact="` + readerDN + `" read by self read by * none
database mdb
suffix "` + suffix + `"
rootdn "` + rootDN + `"
rootpw ` + rootSecret + `
directory ` + s.dir + `/data
maxsize 16777216
overlay memberof
overlay ppolicy
ppolicy_default "cn=default,` + suffix + `"
ppolicy_use_lockout
`
}

// run starts the server on free ports and waits until it answers.
func (s *slapd) run(t testing.TB) {
	t.Helper()
	for range 5 { // somebody else may take a port meanwhile
		if s.plain == "" {
			s.plain, s.inside = freeAddress(t), freeAddress(t)
		}
		urls := fmt.Sprintf("ldap://%s/ ldapi://%s/", s.plain, strings.ReplaceAll(s.socket(), "/", "%2F"))
		if !s.noTLS {
			urls += " ldaps://" + s.inside + "/"
		}
		log, err := os.CreateTemp(s.dir, "log")
		if err != nil {
			t.Fatal(err)
		}
		s.log = log
		s.cmd = exec.Command(slapdPath(), "-f", filepath.Join(s.dir, "slapd.conf"), "-h", urls, "-d", "0")
		s.cmd.Stdout, s.cmd.Stderr = log, log
		s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := s.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if s.answers() {
			return
		}
		s.stop()
		s.plain = ""
	}
	text, _ := os.ReadFile(s.log.Name())
	t.Fatalf("slapd does not start:\n%s", text)
}

func (s *slapd) socket() string { return filepath.Join(s.dir, "ldapi") }

func (s *slapd) answers() bool {
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if c, err := net.Dial("tcp", s.plain); err == nil {
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

func (s *slapd) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // killed
	_ = s.log.Close()
	s.cmd = nil
}

// restart ends the server, and with it all connections, and starts it at the same addresses.
func (s *slapd) restart(t testing.TB) {
	t.Helper()
	s.stop()
	s.run(t)
}

// change makes changes as the directory's root.
func (s *slapd) change(t testing.TB, f func(*ldap.Conn) error) {
	t.Helper()
	lifecycletest.Eventually(t, 10*time.Second, func() error {
		c, err := ldap.DialURL("ldap://" + s.plain)
		if err != nil {
			return err
		}
		defer c.Close()
		return errors.Join(c.Bind(rootDN, rootSecret), f(c))
	})
}

// fill adds the entries of the tests.
func (s *slapd) fill(t testing.TB) {
	t.Helper()
	s.change(t, func(c *ldap.Conn) error {
		var err error
		for _, e := range entries() {
			request := ldap.NewAddRequest(e[0][0], nil)
			for _, a := range e[1:] {
				request.Attribute(a[0], a[1:])
			}
			if e := c.Add(request); e != nil && !ldap.IsErrorWithCode(e, ldap.LDAPResultEntryAlreadyExists) {
				err = errors.Join(err, fmt.Errorf("%s: %w", request.DN, e))
			}
		}
		return err
	})
}

// entries are those of the tests: the name, then attributes with their values.
func entries() [][][]string {
	person := func(uid, password string, more ...[]string) [][]string {
		return append([][]string{
			{"uid=" + ldap.EscapeDN(uid) + "," + people},
			{"objectClass", "inetOrgPerson"},
			{"uid", uid},
			{"cn", uid},
			{"sn", uid},
			{"mail", uid + "@example.org"},
			{"userPassword", password},
		}, more...)
	}
	group := func(cn string, members ...string) [][]string {
		return [][]string{{"cn=" + cn + "," + groups}, {"objectClass", "groupOfNames"}, {"cn", cn}, append([]string{"member"}, members...)}
	}
	return [][][]string{
		{{suffix}, {"objectClass", "organization", "dcObject"}, {"o", "Example"}, {"dc", "example"}},
		{{people}, {"objectClass", "organizationalUnit"}, {"ou", "people"}},
		{{groups}, {"objectClass", "organizationalUnit"}, {"ou", "groups"}},
		{{"ou=hidden," + suffix}, {"objectClass", "organizationalUnit"}, {"ou", "hidden"}},
		{{readerDN}, {"objectClass", "person", "simpleSecurityObject"}, {"cn", "reader"}, {"sn", "reader"}, {"userPassword", readerWord}},
		{{"cn=default," + suffix}, {"objectClass", "person", "pwdPolicy"}, {"cn", "default"}, {"sn", "default"}, {"pwdAttribute", "userPassword"}, {"pwdMustChange", "TRUE"}},
		{{"cn=short," + suffix}, {"objectClass", "person", "pwdPolicy"}, {"cn", "short"}, {"sn", "short"}, {"pwdAttribute", "userPassword"}, {"pwdMaxAge", "1"}},
		person("alice", aliceSecret),
		person("bob", "bob-secret"),
		person("carol", "carol-secret", []string{"pwdReset", "TRUE"}),
		person("dave", "dave-secret", []string{"pwdPolicySubentry", "cn=short," + suffix}),
		person(`o"dd, (name)*`, "odd-secret"),
		person("twin1", "x", []string{"description", "twin"}),
		person("twin2", "x", []string{"description", "twin"}),
		group("curators", "uid=alice,"+people),
		group("readers", "uid=alice,"+people, "uid=bob,"+people),
	}
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

// writeCertificates makes an authority and a server's certificate for the names.
func writeCertificates(t testing.TB, dir string, names []string) {
	t.Helper()
	authority := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	authorityKey := sign(t, authority, authority, nil, filepath.Join(dir, "ca.pem"))
	leaf := &x509.Certificate{DNSNames: names}
	key := sign(t, leaf, authority, authorityKey, filepath.Join(dir, "cert.pem"))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func sign(t testing.TB, c, by *x509.Certificate, byKey *ecdsa.PrivateKey, file string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.Subject = pkix.Name{CommonName: filepath.Base(file)}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if byKey == nil {
		byKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return key
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
