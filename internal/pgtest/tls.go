package pgtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TLS lets the server listen on 127.0.0.1 with TLS. Its certificate is signed by itself and made out to localhost and
// 127.0.0.1: see [PG.CertFile].
func TLS() Option {
	return func(o *options) {
		o.tcp, o.tls = true, true
		o.settings = append(o.settings, "ssl=on")
	}
}

// CertFile returns the PEM file of the server's certificate, which is its own authority.
func (s *PG) CertFile() string { return filepath.Join(s.dir.path, "server.crt") }

// writeCertificate makes a key and a certificate where PostgreSQL looks for them, and a copy of the certificate that
// clients can read.
func (s *PG) writeCertificate() error {
	cert, key, err := selfSigned()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		filepath.Join(s.dir.data(), "server.crt"): cert,
		filepath.Join(s.dir.data(), "server.key"): key,
		s.CertFile(): cert,
	}
	for path, content := range files {
		err = errors.Join(err, os.WriteFile(path, content, 0o600))
		if s.cred != nil {
			err = errors.Join(err, os.Chown(path, int(s.cred.Uid), int(s.cred.Gid)))
		}
	}
	return err
}

func selfSigned() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
