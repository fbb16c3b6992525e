package scram

import (
	"crypto"
	_ "crypto/sha256" // the digests that a certificate can ask for
	_ "crypto/sha512"
	"crypto/x509"

	"holdfast/internal/fault"
)

// The mechanisms, in the order of preference.
const (
	MechanismPlus = "SCRAM-SHA-256-PLUS"
	Mechanism     = "SCRAM-SHA-256"
)

// bindingType is the only channel binding that PostgreSQL knows, as it stands in messages.
const bindingType = "p=tls-server-end-point"

// A Binding says what ties an exchange to its TLS connection.
type Binding struct {
	Endpoint []byte // what EndpointBinding returned; nil without TLS, or if the certificate has none
	Required bool   // refuse an exchange without it
}

// EndpointBinding returns the tls-server-end-point of a server's certificate: its digest by the algorithm of its
// signature, with SHA-256 in place of MD5 and SHA-1 (RFC 5929, section 4.1). A certificate whose signature has no digest
// of its own, such as Ed25519, has no binding; PostgreSQL cannot bind to it either.
func EndpointBinding(cert *x509.Certificate) ([]byte, error) {
	var h crypto.Hash
	switch cert.SignatureAlgorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1,
		x509.SHA256WithRSA, x509.SHA256WithRSAPSS, x509.ECDSAWithSHA256, x509.DSAWithSHA256:
		h = crypto.SHA256
	case x509.SHA384WithRSA, x509.SHA384WithRSAPSS, x509.ECDSAWithSHA384:
		h = crypto.SHA384
	case x509.SHA512WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA512:
		h = crypto.SHA512
	default:
		return nil, fault.New(fault.Invalid, "scram_certificate",
			"a certificate signed with %s has no channel binding", cert.SignatureAlgorithm).
			WithHint("Use a certificate whose signature is RSA or ECDSA with SHA-256, SHA-384 or SHA-512.")
	}
	d := h.New()
	d.Write(cert.Raw)
	return d.Sum(nil), nil
}
