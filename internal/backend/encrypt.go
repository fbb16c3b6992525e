package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"time"

	"holdfast/internal/fault"
	"holdfast/internal/pgwire"
)

// alpn is the protocol's name in TLS (PostgreSQL manual, "Protocol Flow": direct TLS must negotiate it).
const alpn = "postgresql"

// talkTime is how long we listen to what a server that is no PostgreSQL goes on saying.
const talkTime = 100 * time.Millisecond

// errNoTLS is the server's N to an SSLRequest.
var errNoTLS = errors.New("the server has no TLS")

// encrypt puts nc inside TLS, having asked the server for it unless that is not needed. On error nc is as good as closed,
// but for errNoTLS.
func (t Target) encrypt(ctx context.Context, nc net.Conn) (*tls.Conn, *hushConn, error) {
	if !t.TLS.Direct {
		if err := askTLS(nc); err != nil {
			return nil, nil, err
		}
	}
	hush, err := newHushConn(nc)
	if err != nil {
		return nil, nil, err
	}
	var below net.Conn = hush
	if t.Under != nil {
		below = t.Under(hush)
	}
	conn := tls.Client(below, t.tlsConfig())
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, nil, explainTLS(nc, err)
	}
	negotiated := conn.ConnectionState().NegotiatedProtocol
	if t.TLS.Direct && negotiated != alpn {
		return nil, nil, fault.New(fault.Config, "backend_not_postgres",
			"the TLS server does not say that it is PostgreSQL (ALPN %q)", negotiated).
			WithHint("direct TLS needs PostgreSQL 17; check host and port, or turn direct TLS off")
	}
	return conn, hush, nil
}

// askTLS sends an SSLRequest and reads the one byte of the answer. Not a byte more is read: what comes before TLS must not
// be taken for what comes inside it.
func askTLS(nc net.Conn) error {
	if _, err := nc.Write(pgwire.AppendSSLRequest(nil)); err != nil {
		return err
	}
	answer := make([]byte, 1, 64)
	if _, err := io.ReadFull(nc, answer); err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return errNoTLS
	case 'E':
		// An ErrorResponse, whose words nobody vouches for. Its length begins with a zero; "ERROR" does not.
		said := listen(nc, answer)
		if len(said) > 1 && said[1] == 0 {
			return fault.New(fault.Unavailable, "backend_tls_refused", "the server answered the request for TLS with an error").
				WithHint("see the log of PostgreSQL")
		}
		return notPostgres(said)
	}
	return notPostgres(listen(nc, answer))
}

// listen returns the beginning of what a stranger says, for the error.
func listen(nc net.Conn, first []byte) []byte {
	said := append(make([]byte, 0, 64), first[:min(len(first), 40)]...)
	_ = nc.SetReadDeadline(time.Now().Add(talkTime)) // the connection is given up whatever happens
	for len(said) < 40 {
		n, err := nc.Read(said[len(said):40])
		said = said[:len(said)+n]
		if err != nil || n == 0 {
			break
		}
	}
	return said
}

// tlsConfig makes the configuration of one connection, with the certificates of this moment.
func (t Target) tlsConfig() *tls.Config {
	m := t.TLS.Files.get()
	c := &tls.Config{
		ServerName: t.serverName(), RootCAs: m.roots, NextProtos: []string{alpn},
		MinVersion: max(t.TLS.MinVersion, tls.VersionTLS12), DynamicRecordSizingDisabled: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if m.client == nil {
				return &tls.Certificate{}, nil
			}
			return m.client, nil
		},
	}
	if t.TLS.Mode == TLSVerifyFull {
		return c
	}
	c.InsecureSkipVerify = true // the name is not checked below verify-full; the chain is, in the next lines
	if t.TLS.verifies() {
		c.VerifyConnection = func(s tls.ConnectionState) error { return verifyChain(s, m.roots) }
	}
	return c
}

// verifyChain checks that the server's certificate leads to one of the roots, whatever name it bears.
func verifyChain(s tls.ConnectionState, roots *x509.CertPool) error {
	between := x509.NewCertPool()
	for _, cert := range s.PeerCertificates[1:] {
		between.AddCert(cert)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between})
	if err != nil {
		return &tls.CertificateVerificationError{UnverifiedCertificates: s.PeerCertificates, Err: err}
	}
	return nil
}

// explainTLS names what went wrong in a handshake.
func explainTLS(nc net.Conn, err error) error {
	var (
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
		alert   tls.AlertError
		network net.Error
	)
	switch {
	case errors.As(err, &record): // an SSH server begins with S, too
		return notPostgres(listen(nc, append([]byte("S"), record.RecordHeader[:]...)))
	case errors.As(err, &verify):
		return fault.New(fault.Config, "backend_tls_untrusted", "TLS: %w", err).
			WithHint("check the root certificates and the name that the server's certificate is made out to")
	case errors.As(err, &alert):
		return fault.New(fault.Config, "backend_tls", "TLS: %w", err).
			WithHint("the server may ask for a client certificate, or for another version of TLS")
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fault.New(fault.Config, "backend_tls", "TLS: %w", err)
}
