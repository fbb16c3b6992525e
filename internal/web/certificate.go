package web

import (
	"crypto/tls"
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

// certificates are those of one listener.
type certificates []*certificate

// TLSConfig returns the settings of a listener that is not HTTP, over pairs of PEM files that are read again when they change.
func TLSConfig(pairs []Pair, log *slog.Logger) *tls.Config {
	return newCertificates(pairs, log).config()
}

func newCertificates(pairs []Pair, log *slog.Logger) certificates {
	var all certificates
	for _, p := range pairs {
		all = append(all, &certificate{certFile: p.Cert, keyFile: p.Key, log: log})
	}
	return all
}

func (all certificates) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: all.choose}
}

// choose returns the first certificate that the client can use for the host that it named, else the first of all: who
// then goes on without checking is refused by the host of the request.
func (all certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	first, err := all[0].get()
	if err != nil || len(all) == 1 || hello.SupportsCertificate(first) == nil {
		return first, err
	}
	for _, c := range all[1:] {
		if other, err := c.get(); err == nil && hello.SupportsCertificate(other) == nil {
			return other, nil
		}
	}
	return first, nil
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
