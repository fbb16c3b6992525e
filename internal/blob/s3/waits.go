package s3

import "holdfast/internal/limit"

// Waits are the waits for the S3 service; keys are relative to the table [storage.s3].
func (c Config) Waits() limit.Waits {
	return limit.Waits{
		limit.After("any sign of the S3 service", "timeout", c.Timeout.D(), "503 store_unavailable, S3 ServiceUnavailable"),
		limit.After("memory for one more part of an upload", "", bufferWait, "503 store_busy, S3 SlowDown"),
	}.At("files")
}
