package pgauth_test

import (
	"net"
	"os"
	"testing"

	"holdfast/internal/pgauth/ldaptest"
)

const (
	people      = ldaptest.People
	readerDN    = ldaptest.ReaderDN
	readerWord  = ldaptest.ReaderPassword
	suffix      = ldaptest.Suffix
	groups      = ldaptest.Groups
	aliceSecret = ldaptest.AlicePassword
)

// slapd is OpenLDAP's server, started for one test.
type slapd struct {
	*ldaptest.Server
	plain, inside, caFile string
}

// newSlapd starts a directory with the entries of the tests. Names that its certificate is made out to can be given.
func newSlapd(t testing.TB, names ...string) *slapd {
	t.Helper()
	s := ldaptest.Start(t, names...)
	return &slapd{s, s.Plain, s.Inside, s.CAFile}
}

func (s *slapd) stop()                { s.Stop() }
func (s *slapd) restart(t testing.TB) { s.Restart(t) }

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
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
