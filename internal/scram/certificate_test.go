package scram

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"holdfast/internal/fault"
)

// A keyPair is a certificate signed by itself.
type keyPair struct {
	name      string
	cert      *x509.Certificate
	key       crypto.Signer
	wantBytes int // of the digest
}

func (p keyPair) tls() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key}
}

// pem returns both as PostgreSQL reads them.
func (p keyPair) pem(t *testing.T) (cert, key []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newKeyPair(t *testing.T, name string, key crypto.Signer, algorithm x509.SignatureAlgorithm, wantBytes int) keyPair {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, SignatureAlgorithm: algorithm,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return keyPair{name, cert, key, wantBytes}
}

// keyPairs returns certificates of every kind that PostgreSQL can bind to, SHA-1 included.
func keyPairs(t *testing.T) []keyPair {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []keyPair{
		newKeyPair(t, "RSA with SHA-256", rsaKey, x509.SHA256WithRSA, 32),
		newKeyPair(t, "RSA with SHA-512", rsaKey, x509.SHA512WithRSA, 64),
		newKeyPair(t, "RSA with SHA-1", rsaKey, x509.SHA1WithRSA, 32),
		newKeyPair(t, "ECDSA with SHA-256", p256, x509.ECDSAWithSHA256, 32),
		newKeyPair(t, "ECDSA with SHA-384", p384, x509.ECDSAWithSHA384, 48),
		newKeyPair(t, "ECDSA with SHA-1", p256, x509.ECDSAWithSHA1, 32),
	}
}

// RFC 5929, section 4.1.
func TestTheEndpointIsTheCertificatesDigest(t *testing.T) {
	t.Parallel()
	for _, p := range keyPairs(t) {
		got, err := EndpointBinding(p.cert)
		if err != nil || len(got) != p.wantBytes {
			t.Errorf("%s: %d bytes, %v", p.name, len(got), err)
		}
	}
	raw := []byte("a certificate")
	sum256, sum384, sum512 := sha256.Sum256(raw), sha512.Sum384(raw), sha512.Sum512(raw)
	for algorithm, want := range map[x509.SignatureAlgorithm][]byte{
		x509.MD5WithRSA: sum256[:], x509.SHA1WithRSA: sum256[:], x509.DSAWithSHA1: sum256[:], x509.ECDSAWithSHA1: sum256[:],
		x509.SHA256WithRSA: sum256[:], x509.SHA256WithRSAPSS: sum256[:], x509.ECDSAWithSHA256: sum256[:], x509.DSAWithSHA256: sum256[:],
		x509.SHA384WithRSA: sum384[:], x509.SHA384WithRSAPSS: sum384[:], x509.ECDSAWithSHA384: sum384[:],
		x509.SHA512WithRSA: sum512[:], x509.SHA512WithRSAPSS: sum512[:], x509.ECDSAWithSHA512: sum512[:],
	} {
		if got, err := EndpointBinding(&x509.Certificate{Raw: raw, SignatureAlgorithm: algorithm}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v", algorithm, got, err)
		}
	}
}

func TestACertificateWithoutADigestHasNoEndpoint(t *testing.T) {
	t.Parallel()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := newKeyPair(t, "Ed25519", private, x509.PureEd25519, 0)
	for _, cert := range []*x509.Certificate{p.cert, {Raw: []byte("x")}, {Raw: []byte("x"), SignatureAlgorithm: x509.MD2WithRSA}} {
		if got, err := EndpointBinding(cert); got != nil || fault.HintOf(err) == "" {
			t.Errorf("%s: %x, %v", cert.SignatureAlgorithm, got, err)
		}
	}
}
