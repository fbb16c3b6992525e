package web

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"sync"
	"time"
)

// recheck is how often the files of a certificate are looked at, at most.
const recheck = 2 * time.Second

// certificate is a pair of PEM files, read again when one of them changes. A pair that cannot be read (half written,
// not matching) is logged and the last good one kept, so a renewal gone wrong drops nobody.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex // protects the following
	current *tls.Certificate
	stamp   [2]stamp
	checked time.Time
}

// stamp tells whether a file is another one than before.
type stamp struct {
	modified time.Time
	size     int64
}

// Certificates are pairs of PEM files that are read again when they change.
type Certificates struct{ all []*certificate }

// NewCertificates returns the pairs; nothing is read yet.
func NewCertificates(pairs []Pair, log *slog.Logger) *Certificates {
	c := &Certificates{}
	for _, p := range pairs {
		c.all = append(c.all, &certificate{certFile: p.Cert, keyFile: p.Key, log: log})
	}
	return c
}

// TLSConfig returns the settings of a listener that is not HTTP, over pairs of PEM files that are read again when they change.
func TLSConfig(pairs []Pair, log *slog.Logger) *tls.Config {
	return NewCertificates(pairs, log).config()
}

func (c *Certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Choose}
}

// Choose returns the first certificate that the client can use for the host that it named, else the first of all: who
// then goes on without checking is refused by the host of the request. Without any it returns nil, which refuses the handshake.
func (c *Certificates) Choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if len(c.all) == 0 {
		return nil, nil
	}
	if len(c.all) == 1 {
		return c.all[0].get()
	}
	if cert := c.For(hello); cert != nil {
		return cert, nil
	}
	return c.all[0].get()
}

// For returns the first certificate that the client can use for the host that it named, or nil.
func (c *Certificates) For(hello *tls.ClientHelloInfo) *tls.Certificate {
	for _, x := range c.all {
		if cert, err := x.get(); err == nil && hello.SupportsCertificate(cert) == nil {
			return cert
		}
	}
	return nil
}

// Check reports the first pair that cannot be used.
func (c *Certificates) Check() error {
	for _, x := range c.all {
		if _, err := tls.LoadX509KeyPair(x.certFile, x.keyFile); err != nil {
			return err
		}
	}
	return nil
}

// Leaf is what a file holds for its host.
type Leaf struct {
	File string
	Cert *x509.Certificate // nil: it cannot be read
	Err  error
}

// Leaves returns the certificates that are served.
func (c *Certificates) Leaves() []Leaf {
	var all []Leaf
	for _, x := range c.all {
		l := Leaf{File: x.certFile}
		cert, err := x.get()
		if err == nil {
			l.Cert, err = x509.ParseCertificate(cert.Certificate[0])
		}
		l.Err = err
		all = append(all, l)
	}
	return all
}

func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current != nil && time.Since(c.checked) < recheck {
		return c.current, nil
	}
	c.checked = time.Now()
	now := [2]stamp{stampOf(c.certFile), stampOf(c.keyFile)}
	if c.current != nil && now == c.stamp {
		return c.current, nil
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		if c.current == nil {
			return nil, err
		}
		c.log.Error("certificate not reloaded, the last one stays in use", "file", c.certFile, "error", err)
		return c.current, nil
	}
	c.current, c.stamp = &pair, now
	return c.current, nil
}

func stampOf(file string) stamp {
	info, err := os.Stat(file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}
