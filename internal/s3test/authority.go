package s3test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/certtest"
)

// TLS opens another door to the proxy, which speaks TLS. Its certificate is signed by an authority of its own and valid
// for the names, until the given moment. It returns the address ("127.0.0.1:port") and a file with the authority.
func (p *Proxy) TLS(t testing.TB, until time.Time, names ...string) (address, caFile string) {
	t.Helper()
	authority, err := certtest.NewAuthority(until)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := authority.Issue(certtest.Leaf{Hosts: names, Until: until})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(p.handle)
	srv.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{leaf.TLS()},
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate are what it is for
	serve(t, srv, (*httptest.Server).StartTLS)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := authority.Write(caFile, ""); err != nil {
		t.Fatal(err)
	}
	return srv.Listener.Addr().String(), caFile
}
