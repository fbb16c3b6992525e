package edge

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"holdfast/internal/certs"
	"holdfast/internal/fault"
	"holdfast/internal/web"
)

const (
	// acmeProtocol is the one that an authority alone speaks (RFC 8737).
	acmeProtocol = "acme-tls/1"
	// challengePath is where an authority looks for proof (RFC 8555 section 8.3).
	challengePath = "/.well-known/acme-challenge/"
	// tellEvery is how often a refused handshake is told in the log.
	tellEvery = time.Minute
)

// keychain finds the certificate for a handshake: a file that is for the name, else one that was got by ACME, else the first file.
// Without any of them the handshake is refused.
type keychain struct {
	files atomic.Pointer[web.Certificates]
	acme  *certs.Manager // may be nil
	log   *slog.Logger

	mu   sync.Mutex // protects the following
	told time.Time  // when a refused handshake was in the log last
}

func newKeychain(c Config, acme *certs.Manager, log *slog.Logger) *keychain {
	k := &keychain{acme: acme, log: log}
	k.files.Store(web.NewCertificates(c.pairs(), log))
	return k
}

// check reports a file that cannot be used, before anybody shakes hands.
func (k *keychain) check() error { return unusable(k.files.Load().Check()) }

func unusable(err error) error {
	if err == nil {
		return nil
	}
	return fault.New(fault.Config, "certificate", "edge: certificate: %w", err)
}

// config returns the settings of a listener.
func (k *keychain) config() *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.choose}
	if k.acme != nil {
		challenge := &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{acmeProtocol}, GetCertificate: k.acme.Challenge,
		}
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if slices.Equal(hello.SupportedProtos, challenge.NextProtos) {
				return challenge, nil
			}
			return nil, nil
		}
	}
	return c
}

// choose is tls.Config.GetCertificate.
func (k *keychain) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	files := k.files.Load()
	if cert := files.For(hello); cert != nil {
		return cert, nil
	}
	if k.acme != nil {
		if cert := k.acme.Certificate(hello.ServerName); cert != nil {
			return cert, nil
		}
	}
	cert, err := files.Choose(hello)
	if cert == nil && err == nil {
		k.refused(hello.ServerName)
	}
	return cert, err
}

// refused tells of a handshake for which there is no certificate, now and then.
func (k *keychain) refused(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.told) < tellEvery {
		return
	}
	k.told = time.Now()
	k.log.Warn("handshake refused, there is no certificate for the name", "name", name)
}

// challenged answers an authority that looks whether the host is ours, before anything else is asked of the request.
func (s *site) challenged(next http.Handler) http.Handler {
	if s.acme == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.acme.AnswerHTTP(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// announced tells visitors of HTTPS that there is HTTP/3.
func (s *site) announced(next http.Handler) http.Handler {
	if !s.config.HTTP3 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && r.TLS != nil && r.ProtoMajor < 3 {
			w.Header().Set("Alt-Svc", web.AltSvc(at.String()))
		}
		next.ServeHTTP(w, r)
	})
}

// names are all hosts that are answered for; none: any.
func (c Config) names() []string {
	all := slices.Clone(c.Hosts)
	if len(all) > 0 && c.FilesHost != "" {
		all = append(all, c.FilesHost)
	}
	return all
}

// ACMEHosts returns the hosts that certificates are got for: those of acme.hosts, or all of the site that no file is for.
func (c Config) ACMEHosts(log *slog.Logger) []string {
	if !c.ACME.Enabled || len(c.ACME.Hosts) > 0 {
		return c.ACME.Names(c.names())
	}
	files := web.NewCertificates(c.pairs(), log).Leaves()
	return slices.DeleteFunc(c.names(), func(host string) bool {
		if _, err := netip.ParseAddr(host); err == nil && host == c.FilesHost {
			return true // an address is how a proxy finds us, and no name of a site
		}
		return slices.ContainsFunc(files, func(l web.Leaf) bool { return l.Cert != nil && l.Cert.VerifyHostname(host) == nil })
	})
}

// Certificate kinds of origin.
const (
	FromFile = "file"
	FromACME = "acme"
)

// CertificateStatus says how a certificate is.
type CertificateStatus struct {
	Names     []string  `json:"names"`
	Source    string    `json:"source"` // "file", "acme"
	File      string    `json:"file,omitempty"`
	Issuer    string    `json:"issuer,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"` // zero: there is none
	RenewAt   time.Time `json:"renew_at,omitzero"`
	Error     string    `json:"error,omitempty"`
	RetryAt   time.Time `json:"retry_at,omitzero"`
}

// Certificates returns how the certificates are, those of files first.
func (e *Edge) Certificates() []CertificateStatus {
	var all []CertificateStatus
	for _, l := range e.keys.files.Load().Leaves() {
		s := CertificateStatus{Source: FromFile, File: l.File}
		if l.Err != nil {
			s.Error = l.Err.Error()
		}
		if l.Cert != nil {
			s.Names, s.Issuer = certs.NamesOf(l.Cert), certs.IssuerOf(l.Cert)
			s.NotBefore, s.NotAfter = l.Cert.NotBefore, l.Cert.NotAfter
		}
		all = append(all, s)
	}
	if e.opts.ACME == nil {
		return all
	}
	for _, a := range e.opts.ACME.Status() {
		all = append(all, CertificateStatus{
			Names: []string{a.Host}, Source: FromACME, Issuer: a.Issuer, NotBefore: a.NotBefore, NotAfter: a.NotAfter,
			RenewAt: a.RenewAt, Error: a.Error, RetryAt: a.RetryAt,
		})
	}
	return all
}
