package pooler

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/scram"
	"holdfast/internal/unit"
)

const (
	defaultMaxLag = unit.Duration(10 * time.Second)
	// alpn is the protocol's name in TLS (PostgreSQL manual, "SSL Session Encryption").
	alpn = "postgresql"
)

// loadCertificates reads the files of an endpoint.
func loadCertificates(c Endpoint) (*certificates, error) {
	certs := &certificates{config: c}
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
		return c.tls, c.end, nil
	}
	made, end, err := c.load()
	switch {
	case err == nil:
		c.tls, c.end, c.stamp = made, end, stamp
	case c.tls == nil:
		return nil, nil, err
	}
	return c.tls, c.end, nil
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
