package s3

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7"

	"holdfast/internal/blob"
	"holdfast/internal/fault"
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
	case "XMinioStorageFull", "InsufficientStorage", "QuotaExceeded", "XAmzQuotaExceeded":
		return fmt.Errorf("%s: %w: %s", op, blob.ErrFull, r.Message)
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fault.New(fault.Denied, "s3_denied", "%s: the S3 service refused: %s (%s)", op, r.Message, r.Code).
			WithHint("check storage.s3.access_key_id and secret_key, and that they may read, write, list and delete in %q", s.bucket)
	case "RequestTimeTooSkewed":
		return fault.New(fault.Denied, "s3_clock", "%s: %s", op, r.Message).
			WithHint("set this machine's clock: S3 allows 15 minutes of difference")
	}
	switch {
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w", op, blob.ErrNotFound)
	case r.StatusCode == http.StatusInsufficientStorage:
		return fmt.Errorf("%s: %w", op, blob.ErrFull)
	case r.StatusCode >= 500, r.StatusCode == http.StatusTooManyRequests:
		return s.unavailable(op, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// explainConnection tells a service that cannot be reached from an error of the body's reader, which is the caller's
// own and passes unchanged.
func (s *Store) explainConnection(op string, err error) error {
	var netErr net.Error
	var urlErr *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", op, err)
	case errors.As(err, &netErr), errors.As(err, &urlErr):
		return s.unavailable(op, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

func (s *Store) unavailable(op string, err error) error {
	return &fault.Error{
		Kind: fault.Unavailable, Code: blob.ErrUnavailable.Code,
		Err:  fmt.Errorf("%s: %s: %w", op, s.cfg.EndpointURL, err),
		Hint: "check that the S3 service runs and that storage.s3.endpoint_url is its address",
	}
}

func (s *Store) noBucket() error {
	return fault.New(fault.NotFound, "s3_no_bucket", "bucket %q does not exist at %s", s.bucket, s.cfg.EndpointURL).
		WithHint("create it with: holdfast check --create")
}
