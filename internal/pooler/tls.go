package pooler

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"time"

	"holdfast/internal/cluster"
	"holdfast/internal/fault"
	"holdfast/internal/health"
	"holdfast/internal/lifecycle"
	"holdfast/internal/scram"
	"holdfast/internal/unit"
)

const (
	defaultMaxLag = unit.Duration(10 * time.Second)
	// alpn is the protocol's name in TLS (PostgreSQL manual, "SSL Session Encryption").
	alpn = "postgresql"
)

// certificatesEvery is how often files are looked at when no client makes us look.
const certificatesEvery = 2 * time.Second

func brokenCertificate(endpoint string) health.Condition {
	return health.Condition{
		Code: "pooler_certificate", Subject: endpoint, Title: "A renewed certificate for PostgreSQL's clients cannot be used", Severity: health.Warning,
		Hint: "mend the files of tls_cert, tls_key and tls_client_ca; they are read again by themselves, and what they held before serves until then",
	}
}

// loadCertificates reads the files of an endpoint.
func loadCertificates(c Endpoint, log *slog.Logger, health cluster.Findings) (*certificates, error) {
	certs := &certificates{config: c, log: log, health: health}
	if _, _, err := certs.current(); err != nil {
		return nil, err
	}
	return certs, nil
}

// current returns the configuration for one more client, and the data for its channel binding. When files that have changed
// cannot be read, the old ones serve on.
func (c *certificates) current() (*tls.Config, []byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	stamp := stampOf(c.config.TLSCert, c.config.TLSKey, c.config.TLSClientCA)
	if c.tls != nil && stamp == c.stamp {
		c.note(nil)
		return c.tls, c.end, nil
	}
	made, end, err := c.load()
	if err != nil && c.tls == nil {
		return nil, nil, err
	}
	if err == nil {
		c.tls, c.end, c.stamp = made, end, stamp
	}
	c.note(err)
	return c.tls, c.end, nil
}

// note tells that files could not be read again, and that they can: once in the log, and as a finding meanwhile. Callers must hold mu.
func (c *certificates) note(err error) {
	was := c.failed
	c.failed = ""
	if err != nil {
		c.failed = err.Error()
	}
	if c.failed == was {
		return
	}
	condition := brokenCertificate(c.config.Listen)
	if err == nil {
		c.log.Info("certificate can be read again", "endpoint", c.config.Listen)
		if c.health != nil {
			c.health.Clear(condition)
		}
		return
	}
	until := c.tls.Certificates[0].Leaf.NotAfter
	c.log.Error("certificate not read again, the one before serves on", "endpoint", c.config.Listen, "valid_until", until, "error", err)
	if c.health != nil {
		c.health.Set(condition, fmt.Sprintf("%v; the one that was read before serves on, and is valid until %s", err, until.UTC().Format(time.RFC3339)))
	}
}

// watchCertificates looks at the files of all endpoints, so that a broken one is known before a client comes.
func (p *Pooler) watchCertificates(ctx context.Context) {
	lifecycle.Every(ctx, certificatesEvery, nil, func(context.Context) {
		for _, e := range p.endpoints {
			if e.tls != nil {
				_, _, _ = e.tls.current() // it has one from the start, and tells by itself
			}
		}
	})
}

func (c *certificates) load() (*tls.Config, []byte, error) {
	cert, err := tls.LoadX509KeyPair(c.config.TLSCert, c.config.TLSKey)
	if err != nil {
		return nil, nil, fault.New(fault.Config, "tls_certificate", "certificate of endpoint %s: %w", c.config.Listen, err)
	}
	end, err := scram.EndpointBinding(cert.Leaf)
	if err != nil {
		end = nil // a signature without a hash to bind to: SCRAM goes on without -PLUS
	}
	made := &tls.Config{
		Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12, NextProtos: []string{alpn},
		DynamicRecordSizingDisabled: true, // answers are written whole
		SessionTicketsDisabled:      true, // a resumed session would have no client certificate to look at
	}
	if c.config.TLSClientCA == "" {
		return made, end, nil
	}
	pem, err := os.ReadFile(c.config.TLSClientCA)
	if err != nil {
		return nil, nil, fault.New(fault.Config, "tls_client_ca", "authorities of clients' certificates: %w", err)
	}
	made.ClientCAs = x509.NewCertPool()
	if !made.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, nil, fault.New(fault.Config, "tls_client_ca", "%s holds no certificate in PEM", c.config.TLSClientCA)
	}
	made.ClientAuth = tls.VerifyClientCertIfGiven
	return made, end, nil
}

// stampOf tells versions of files apart.
func stampOf(names ...string) string {
	stamp := ""
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
		}
	}
	return stamp
}
