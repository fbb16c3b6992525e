package objects

import (
	"errors"

	"holdfast/internal/fault"
)

// The errors of the index, matched with errors.Is. What is returned wraps one of them and adds bucket and key.
var (
	ErrNoSuchKey       = sentinel(fault.NotFound, "no_such_key", "no such key")
	ErrNoSuchBucket    = sentinel(fault.NotFound, "no_such_bucket", "no such bucket")
	ErrNoSuchVersion   = sentinel(fault.NotFound, "no_such_version", "no such version")
	ErrNoSuchUpload    = sentinel(fault.NotFound, "no_such_upload", "no such upload")
	ErrNoSuchAccessKey = sentinel(fault.NotFound, "no_such_access_key", "no such access key")
	ErrNoSuchLinkKey   = sentinel(fault.NotFound, "no_such_link_key", "no such link key")

	ErrBucketExists   = sentinel(fault.Conflict, "bucket_exists", "bucket exists already")
	ErrBucketNotEmpty = sentinel(fault.Conflict, "bucket_not_empty", "bucket is not empty")
	ErrBucketDeclared = sentinel(fault.Conflict, "bucket_declared", "bucket is declared in the configuration").
				WithHint("change it in the table [files.buckets] of the configuration")
	ErrBucketName   = sentinel(fault.Invalid, "bucket_name", "invalid bucket name")
	ErrPrecondition = sentinel(fault.Conflict, "precondition_failed", "a condition of the request does not hold")

	ErrTooLarge       = sentinel(fault.Full, "object_too_large", "object is larger than its bucket allows")
	ErrTooManyObjects = sentinel(fault.Full, "too_many_objects", "bucket holds as many objects as it allows")
	ErrTypeNotAllowed = sentinel(fault.Invalid, "type_not_allowed", "bucket does not allow content of this type")
	ErrKeyInvalid     = sentinel(fault.Invalid, "key_invalid", "keys are 1 to 1024 bytes of UTF-8 without NUL")

	ErrMetadataTooLarge = sentinel(fault.Invalid, "metadata_too_large", "headers and metadata of an object may have 8 KiB in all")
	ErrMetadataInvalid  = sentinel(fault.Invalid, "metadata_invalid", "headers, metadata and tags are UTF-8 without NUL")

	ErrInvalidPart      = sentinel(fault.Invalid, "invalid_part", "a part was not uploaded, or is not the one that was uploaded")
	ErrInvalidPartOrder = sentinel(fault.Invalid, "invalid_part_order", "parts are not listed in ascending order")
	ErrBadDigest        = sentinel(fault.Invalid, "bad_digest", "the joined parts do not have the checksum that was announced")
	ErrPartTooSmall     = sentinel(fault.Invalid, "part_too_small", "a part other than the last is too small")

	ErrNoSuchSlot  = sentinel(fault.NotFound, "no_such_slot", "no such upload slot")
	ErrSlotUsed    = sentinel(fault.Conflict, "slot_used", "upload slot was used already")
	ErrSlotExpired = sentinel(fault.Denied, "slot_expired", "upload slot has expired")

	// ErrUnavailable: PostgreSQL does not answer, or not in time.
	ErrUnavailable = sentinel(fault.Unavailable, "index_unavailable", "the index of stored files does not answer").
			WithHint("check the database; links that were made already go on being served")
)

func sentinel(kind fault.Kind, code, text string) *fault.Error {
	return &fault.Error{Kind: kind, Code: code, Err: errors.New(text)}
}
