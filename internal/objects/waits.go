package objects

import "holdfast/internal/limit"

// Waits are the waits for the index of stored files.
func Waits() limit.Waits {
	return limit.Waits{
		limit.After("the index of stored files: one round trip to PostgreSQL, its queue included", "", roundTrip, "503 index_unavailable, S3 ServiceUnavailable"),
		limit.After("a link key that memory does not know", "", missWait, "503 index_unavailable"),
	}.At("files")
}
