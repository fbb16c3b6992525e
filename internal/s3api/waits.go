package s3api

import (
	"holdfast/internal/limit"
	"holdfast/internal/web"
)

// Waits are the waits for clients of the S3 endpoint; keys are relative to the table [s3].
func (c Config) Waits() limit.Waits {
	return append(web.Waits(),
		limit.After("any byte of an upload", "", 2*paceWindow, "S3 RequestTimeout"),
		limit.After("an upload slower than min_rate, judged by windows", "", paceWindow, "S3 RequestTimeout"),
	).At("S3 endpoint")
}
