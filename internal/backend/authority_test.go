package backend_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/certtest"
)

// authority signs certificates for tests.
type authority struct {
	*certtest.Authority
	file string // PEM
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	made, err := certtest.NewAuthority(time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{made, filepath.Join(t.TempDir(), "root.crt")}
	if err := a.Write(a.file, ""); err != nil {
		t.Fatal(err)
	}
	return a
}

// leaf returns a certificate made out to the name, which may be an address.
func (a *authority) leaf(t *testing.T, name string) *certtest.Pair {
	t.Helper()
	leaf, err := a.Issue(certtest.Leaf{Hosts: []string{name}})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// issue returns the files of a certificate and its key.
func (a *authority) issue(t *testing.T, name string) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "leaf.crt"), filepath.Join(dir, "leaf.key")
	if err := a.leaf(t, name).Write(cert, key); err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// pair returns a certificate for a server in this process.
func (a *authority) pair(t *testing.T, name string) tls.Certificate {
	t.Helper()
	return a.leaf(t, name).TLS()
}

// ed25519Pair returns a certificate to which nothing can be bound: its signature names no digest.
func ed25519Pair(t *testing.T) tls.Certificate {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}
