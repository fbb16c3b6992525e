package s3test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TLS opens another door to the proxy, which speaks TLS. Its certificate is signed by an authority of its own and valid
// for the names, until the given moment. It returns the address ("127.0.0.1:port") and a file with the authority.
func (p *Proxy) TLS(t testing.TB, until time.Time, names ...string) (address, caFile string) {
	t.Helper()
	authority, authorityKey := certificate(t, &x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotAfter: until,
	}, nil, nil)
	leaf, leafKey := certificate(t, &x509.Certificate{DNSNames: names, NotAfter: until}, authority, authorityKey)
	srv := httptest.NewUnstartedServer(p.handle)
	srv.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: leafKey}},
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that refuse the certificate are what it is for
	serve(t, srv, (*httptest.Server).StartTLS)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return srv.Listener.Addr().String(), caFile
}

// certificate makes a certificate signed by another one, or by itself if there is none.
func certificate(t testing.TB, c, by *x509.Certificate, byKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.Subject = pkix.Name{CommonName: "test"}
	c.NotBefore = time.Now().Add(-24 * time.Hour)
	if by == nil {
		by, byKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, byKey)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed, key
}
