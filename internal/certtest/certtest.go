// Package certtest makes certificates for tests and benchmarks: an authority, and what it signs. Everything is valid from an
// hour ago for a day, unless it is said otherwise, and its keys are on the curve P-256.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Leaf says what a certificate is made out to.
type Leaf struct {
	Name  string    // the common name; by default the first of the hosts
	Hosts []string  // names and addresses
	Until time.Time // the end of its life; zero: a day from now
}

// Pair is a certificate with its key.
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
}

// Authority signs certificates.
type Authority struct{ Pair }

// NewAuthority returns an authority whose own certificate ends at a time; zero: in a day.
func NewAuthority(until time.Time) (*Authority, error) {
	p, err := issue(Leaf{Name: "authority", Until: until}, nil, true)
	if err != nil {
		return nil, err
	}
	return &Authority{*p}, nil
}

// Issue signs a certificate, for a server or a client.
func (a *Authority) Issue(l Leaf) (*Pair, error) { return issue(l, &a.Pair, false) }

// SelfSigned returns a certificate that is its own authority.
func SelfSigned(l Leaf) (*Pair, error) { return issue(l, nil, true) }

// issue signs by another pair, or by itself if there is none.
func issue(l Leaf, by *Pair, authority bool) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	p := &Pair{template(l), key}
	p.Cert.IsCA = authority
	if authority {
		p.Cert.KeyUsage |= x509.KeyUsageCertSign
	}
	if by == nil {
		by = p
	}
	der, err := x509.CreateCertificate(rand.Reader, p.Cert, by.Cert, key.Public(), by.Key)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	p.Cert, err = x509.ParseCertificate(der)
	return p, err
}

func template(l Leaf) *x509.Certificate {
	c := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: l.Name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: l.Until,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if l.Until.IsZero() {
		c.NotAfter = time.Now().Add(24 * time.Hour)
	} else if !l.Until.After(c.NotBefore) {
		c.NotBefore = l.Until.Add(-time.Hour)
	}
	if l.Name == "" && len(l.Hosts) > 0 {
		c.Subject.CommonName = l.Hosts[0]
	}
	for _, host := range l.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, host)
		}
	}
	return c
}

// CertPEM returns the certificate as a PEM file holds it.
func (p *Pair) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Cert.Raw})
}

// KeyPEM returns the key as a PEM file holds it (PKCS #8, RFC 5208).
func (p *Pair) KeyPEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(p.Key)
	if err != nil {
		panic(err) // it knows the keys that are made here
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// TLS returns both for a tls.Config.
func (p *Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Cert.Raw}, PrivateKey: p.Key}
}

// Pool returns a set of roots that holds just this certificate.
func (p *Pair) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Cert)
	return pool
}

// Write writes the two files, readable by their owner only. An empty name is left out.
func (p *Pair) Write(certFile, keyFile string) error {
	if certFile != "" {
		if err := os.WriteFile(certFile, p.CertPEM(), 0o600); err != nil {
			return err
		}
	}
	if keyFile == "" {
		return nil
	}
	return os.WriteFile(keyFile, p.KeyPEM(), 0o600)
}
