package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
)

// Codes of refusals whose reason is asked for a second time.
const (
	codeDenied   = "s3_denied"
	codeNoBucket = "s3_no_bucket"
	codeRequest  = "s3_request"
)

// explain turns an error of the client into one of the contract, with the operation before it; nil stays nil.
func (s *Store) explain(op string, name blob.Name, err error) error {
	if err == nil {
		return nil
	}
	if name != "" {
		op += " " + string(name)
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return s.explainConnection(op, err)
	}
	switch r.Code {
	case "NoSuchKey", "NoSuchUpload", "NotFound":
		return fmt.Errorf("%s: %w", op, blob.ErrNotFound)
	case "NoSuchBucket":
		return fmt.Errorf("%s: %w", op, s.noBucket())
	case "PreconditionFailed", "ConditionalRequestConflict":
		return fmt.Errorf("%s: %w", op, blob.ErrExists)
	case "ExistingObjectIsDirectory", "ObjectParentIsFile":
		return fault.New(fault.Conflict, "blob_nested", "%s: the service keeps objects as files, and another blob's name begins with this one: %s",
			op, r.Message)
	case "XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "XAmzQuotaExceeded":
		return fmt.Errorf("%s: %w: %s", op, blob.ErrFull, r.Message)
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AccountProblem", "XAdminUserNotFound":
		return fault.New(fault.Denied, codeDenied, "%s: the S3 service refused: %s (%s)", op, r.Message, r.Code).
			WithHint("check storage.s3.access_key_id and secret_key, and that they may read, write, list and delete in %q", s.bucket)
	case "RequestTimeTooSkewed":
		return fault.New(fault.Denied, "s3_clock", "%s: %s", op, r.Message).
			WithHint("set this machine's clock: S3 allows 15 minutes of difference")
	case "AuthorizationHeaderMalformed", "InvalidRegion", "IllegalLocationConstraintException":
		return s.wrongRegion(op, r)
	}
	return s.explainStatus(op, r)
}

// explainStatus explains answers by their status: those of HEAD have no body, and those of proxies no code.
func (s *Store) explainStatus(op string, r minio.ErrorResponse) error {
	switch {
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", op, blob.ErrNotFound)
	case r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("%s: %w", op, blob.ErrExists)
	case r.StatusCode == http.StatusNotImplemented:
		return fault.New(fault.Config, "s3_unsupported", "%s: the S3 service cannot do that: %w", op, r).
			WithHint("docs/stores.md says what a service must be able to do")
	case r.StatusCode == http.StatusInsufficientStorage:
		return fmt.Errorf("%s: %w", op, blob.ErrFull)
	case r.StatusCode >= 300 && r.StatusCode < 400:
		return fault.New(fault.Config, "s3_redirect", "%s: %s sends to another address (status %d)", op, s.cfg.EndpointURL, r.StatusCode).
			WithHint("set storage.s3.endpoint_url and region to those of the bucket; redirects are not followed")
	case r.StatusCode == http.StatusBadRequest && strings.HasPrefix(r.Code, "400"): // no code of S3's: HEAD has no body
		return fault.New(fault.Config, codeRequest, "%s: %s does not understand the request", op, s.cfg.EndpointURL).
			WithHint("check storage.s3.region, and whether endpoint_url has to begin with https")
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests:
		return s.unavailable(op, r)
	}
	return fmt.Errorf("%s: %w", op, r)
}

// explainConnection tells a service that cannot be reached from an error of the body's reader, which is the caller's
// own and passes unchanged.
func (s *Store) explainConnection(op string, err error) error {
	var silent silence
	var netErr net.Error
	var urlErr *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", op, err)
	case errors.As(err, &silent):
		e := s.unavailable(op, err)
		return e.WithHint("%s, and is not overloaded; storage.s3.timeout is %v", strings.TrimSuffix(e.Hint, "."), s.timeout)
	case errors.Is(err, http.ErrSchemeMismatch):
		return s.wrongScheme(op, err)
	case isCertificate(err):
		return s.untrusted(op, err)
	case errors.As(err, &netErr), errors.As(err, &urlErr), errors.Is(err, io.ErrUnexpectedEOF):
		return s.unavailable(op, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// explainRead explains an error of a transfer: all but those of the caller's context are the connection's.
func (s *Store) explainRead(name blob.Name, err error) error {
	if explained := s.explain("read", name, err); fault.KindOf(explained) != fault.Internal {
		return explained
	}
	return s.unavailable("read "+string(name), err)
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	return errors.As(err, &verification) || errors.As(err, &header)
}

// untrusted explains a certificate that does not prove that the service is the one that is meant.
func (s *Store) untrusted(op string, err error) error {
	hint := "check the service's certificate"
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		hint = "set storage.s3.ca_file to a PEM file with the authority that signed the service's certificate"
	case errors.As(err, &host):
		hint = "set storage.s3.endpoint_url to a name that stands in the service's certificate"
		if s.cfg.Addressing != "path" {
			hint += `; for addressing = "` + s.cfg.Addressing + `" it must also cover *.<that name>`
		}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		hint = "renew the service's certificate, or set this machine's clock"
	}
	return &fault.Error{
		Kind: fault.Config, Code: "s3_tls", Hint: hint,
		Err: fmt.Errorf("%s: %s cannot be trusted: %w", op, s.cfg.EndpointURL, err),
	}
}

func (s *Store) wrongScheme(op string, err error) error {
	return fault.New(fault.Config, "s3_scheme", "%s: %w", op, err).
		WithHint("one side speaks TLS and the other does not: change http or https in storage.s3.endpoint_url")
}

func (s *Store) wrongRegion(op string, r minio.ErrorResponse) error {
	region := "that of the bucket"
	if r.Region != "" {
		region = `"` + r.Region + `"`
	}
	return fault.New(fault.Config, "s3_region", "%s: %s (%s)", op, r.Message, r.Code).
		WithHint("set storage.s3.region to %s", region)
}

func (s *Store) unavailable(op string, err error) *fault.Error {
	return &fault.Error{
		Kind: fault.Unavailable, Code: blob.ErrUnavailable.Code,
		Err:  fmt.Errorf("%s: %s: %w", op, s.cfg.EndpointURL, err),
		Hint: "check that the S3 service runs and that storage.s3.endpoint_url is its address",
	}
}

func (s *Store) noBucket() error {
	return fault.New(fault.NotFound, codeNoBucket, "bucket %q does not exist at %s", s.bucket, s.cfg.EndpointURL).
		WithHint("create it with: holdfast check --create")
}
