package edge_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holdfast/internal/edge"
)

// S1-71, S1-70: a scan of the cipher suites of TLS 1.2: only those with forward secrecy and without 3DES or RC4 are spoken, and older
// versions not at all. Whose order counts is not a setting: Go takes the best that both have.
func TestOnlyGoodCipherSuitesAreSpoken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	elliptic, _ := certificate(t, dir, "site.example.org")
	scan(t, elliptic, []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	})
	scan(t, rsaCertificate(t, dir), []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	})
}

// scan tries suites on an edge with a certificate.
func scan(t *testing.T, cert edge.Certificate, good []uint16) {
	t.Helper()
	c := config(startApp(t, outspoken()).url)
	c.TLSCert, c.TLSKey = cert.Cert, cert.Key
	s := start(t, edge.Options{Config: c})
	spoken := func(version, suite uint16) bool {
		t.Helper()
		conn, err := s.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		client := tls.Client(conn, &tls.Config{
			InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, CipherSuites: []uint16{suite}, //nolint:gosec // the suite is what is looked at
		})
		return client.Handshake() == nil && client.ConnectionState().CipherSuite == suite
	}
	for _, suite := range good {
		if !spoken(tls.VersionTLS12, suite) {
			t.Errorf("%s is not spoken", tls.CipherSuiteName(suite))
		}
		for _, old := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
			if spoken(old, suite) {
				t.Errorf("%s is spoken", tls.VersionName(old))
			}
		}
	}
	for _, suite := range tls.InsecureCipherSuites() {
		if spoken(tls.VersionTLS12, suite.ID) {
			t.Errorf("%s is spoken", suite.Name)
		}
	}
}

// rsaCertificate writes a certificate whose key could be used for the old suites, too.
func rsaCertificate(t *testing.T, dir string) edge.Certificate {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"site.example.org"},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c := edge.Certificate{Cert: filepath.Join(dir, "rsa.pem"), Key: filepath.Join(dir, "rsa.key")}
	for path, block := range map[string]*pem.Block{
		c.Cert: {Type: "CERTIFICATE", Bytes: der}, c.Key: {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
