package pgtest

import (
	"errors"
	"os"
	"path/filepath"

	"holdfast/internal/certtest"
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
	pair, err := certtest.SelfSigned(certtest.Leaf{Hosts: []string{"localhost", "127.0.0.1"}})
	if err != nil {
		return err
	}
	cert, key := pair.CertPEM(), pair.KeyPEM()
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
