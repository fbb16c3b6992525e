package s3

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"time"

	"holdfast/internal/fault"
)

// idleConnections are kept open to the service, so that a crowd does not connect anew for each request.
const idleConnections = 64

// newTransport returns the connections to the service. Their waits are bounded by patient.
func newTransport(cfg Config) (*http.Transport, error) {
	authorities, err := trusted(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: cfg.Timeout.D(), KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12},
		MaxIdleConns:        idleConnections,
		MaxIdleConnsPerHost: idleConnections,
		IdleConnTimeout:     time.Minute,
		DisableCompression:  true, // blobs are stored and returned as they are
	}, nil
}

// trusted returns the system's authorities and those of the file; nil, which means the system's, without one.
func trusted(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // what crypto/tls takes for the default
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fault.New(fault.Config, "s3_ca", "storage.s3.ca_file: %w", err).
			WithHint("name a readable file with the certificate of the authority that signed the service's")
	}
	pool, err := x509.SystemCertPool()
	if err != nil { // a system without any
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.Config, "s3_ca", "storage.s3.ca_file %s: no certificate in it", file).
			WithHint("the file must hold certificates in PEM form")
	}
	return pool, nil
}
