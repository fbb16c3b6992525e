package backend

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"

	"holdfast/internal/fault"
)

// SystemRoots stands for the operating system's certificate authorities where a file of roots is named; like libpq's
// sslrootcert=system it is for TLSVerifyFull alone.
const SystemRoots = "system"

// TLSConfig says how a server is reached with TLS.
type TLSConfig struct {
	Mode TLSMode
	// Direct begins with TLS at once instead of asking for it first, which saves a round trip (libpq's
	// sslnegotiation=direct; PostgreSQL 17). It needs TLSRequire or a more careful mode.
	Direct bool
	// MinVersion is the lowest version of TLS, a constant of crypto/tls. 0: TLS 1.2.
	MinVersion uint16
	Files      *TLSFiles // roots and client certificate; nil: none
}

// Validate reports settings that cannot work together.
func (c *TLSConfig) Validate() error {
	switch {
	case c == nil:
		return nil
	case c.Mode > TLSVerifyFull:
		return fault.New(fault.Config, "backend_tls", "unknown mode %s", c.Mode)
	case c.Direct && c.Mode < TLSRequire:
		return fault.New(fault.Config, "backend_tls", "direct TLS cannot fall back to plain: mode %s is too weak", c.Mode).
			WithHint("use sslmode require, verify-ca or verify-full")
	case c.Files.system() && c.Mode != TLSVerifyFull:
		return fault.New(fault.Config, "backend_tls", "the system's roots vouch for anybody's name: mode %s is too weak", c.Mode).
			WithHint("use sslmode verify-full")
	case c.Mode >= TLSVerifyCA && !c.Files.hasRoots():
		return fault.New(fault.Config, "backend_tls", "mode %s needs root certificates", c.Mode).
			WithHint("name the file of the authority's certificate, or %q", SystemRoots)
	}
	return nil
}

// verifies reports whether the server's certificate must be signed by a root.
func (c *TLSConfig) verifies() bool {
	return c.Mode >= TLSVerifyCA || c.Mode == TLSRequire && c.Files.hasRoots()
}

// TLSFiles are certificates read from files, which can be read again while connections are made.
type TLSFiles struct {
	roots, cert, key string
	loaded           atomic.Pointer[material]
}

// material is what was in the files; it does not change.
type material struct {
	roots  *x509.CertPool // nil: none named, or the system's
	client *tls.Certificate
	digest [sha256.Size]byte
}

// LoadTLSFiles reads PEM files: of root certificates (or SystemRoots), of the client's certificate and of its key. Names
// may be empty, certificate and key only together.
func LoadTLSFiles(roots, cert, key string) (*TLSFiles, error) {
	f := &TLSFiles{roots: roots, cert: cert, key: key}
	_, err := f.Reload()
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Reload reads the files again and reports whether they say anything new. After an error the old certificates stay.
func (f *TLSFiles) Reload() (changed bool, err error) {
	m, err := f.read()
	if err != nil {
		return false, err
	}
	old := f.loaded.Swap(m)
	return old == nil || old.digest != m.digest, nil
}

func (f *TLSFiles) system() bool   { return f != nil && f.roots == SystemRoots }
func (f *TLSFiles) hasRoots() bool { return f != nil && f.roots != "" }

// get returns the present certificates, never nil.
func (f *TLSFiles) get() *material {
	if f == nil {
		return &material{}
	}
	return f.loaded.Load()
}

func (f *TLSFiles) read() (*material, error) {
	m, digest := &material{}, sha256.New()
	if f.hasRoots() && !f.system() {
		pem, err := os.ReadFile(f.roots)
		if err != nil {
			return nil, unreadable("read root certificates", err)
		}
		m.roots = x509.NewCertPool()
		if !m.roots.AppendCertsFromPEM(pem) {
			return nil, unreadable("read root certificates", fmt.Errorf("no certificate in %s", f.roots))
		}
		digest.Write(pem)
	}
	if f.cert != "" || f.key != "" {
		pair, cert, err := f.readPair()
		if err != nil {
			return nil, unreadable("read client certificate", err)
		}
		m.client = &pair
		digest.Write(cert)
	}
	digest.Sum(m.digest[:0])
	return m, nil
}

func (f *TLSFiles) readPair() (pair tls.Certificate, both []byte, err error) {
	if f.cert == "" || f.key == "" {
		return pair, nil, errors.New("certificate and key come together")
	}
	cert, err := os.ReadFile(f.cert)
	if err != nil {
		return pair, nil, err
	}
	key, err := readKey(f.key)
	if err != nil {
		return pair, nil, err
	}
	pair, err = tls.X509KeyPair(cert, key)
	return pair, append(cert, key...), err
}

// readKey reads a private key and refuses one that others may read, as libpq does: 0600, or 0640 when root owns it.
func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	open := info.Mode().Perm() & 0o077
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == 0 {
		open &^= 0o040
	}
	if open != 0 {
		return nil, fmt.Errorf("private key %s may be read by others (mode %#o): chmod 600", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

func unreadable(op string, err error) error {
	return fault.New(fault.Config, "backend_tls", "%s: %w", op, err)
}
