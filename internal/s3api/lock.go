package s3api

import (
	"net/http"
	"slices"
	"time"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// No bucket here has a lock configuration, so whatever asks for a lock is answered as S3 answers for such a bucket. An
// object that was to be locked is not stored unlocked.

// The headers that ask for a lock.
const (
	lockMode  = "X-Amz-Object-Lock-Mode"
	lockUntil = "X-Amz-Object-Lock-Retain-Until-Date"
	lockHold  = "X-Amz-Object-Lock-Legal-Hold"
)

// lockOperations are the rows of the operations on locks.
func lockOperations() []operation {
	var ops []operation
	for sub, name := range map[string]string{"retention": "ObjectRetention", "legal-hold": "ObjectLegalHold"} {
		ops = append(ops,
			operation{Name: "Get" + name, Method: http.MethodGet, Level: object, Sub: sub, Right: objects.ActionRead, Params: []string{"versionId"}, Serve: lockless},
			operation{Name: "Put" + name, Method: http.MethodPut, Level: object, Sub: sub, Right: objects.ActionWrite, Params: []string{"versionId"}, Serve: lockless},
		)
	}
	return ops
}

// lockless answers every operation on a lock, about an object that is there.
func lockless(c *call) error {
	if _, err := c.head(); err != nil {
		return err
	}
	return s3wire.InvalidRequest.Newf("Bucket is missing Object Lock Configuration")
}

// refuseLock refuses the headers that ask for a lock, with what is wrong in them first.
func refuseLock(h http.Header, now time.Time) error {
	mode, until, hold := h.Get(lockMode), h.Get(lockUntil), h.Get(lockHold)
	const both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied."
	at, err := time.Parse(time.RFC3339, until)
	switch {
	case mode == "" && until == "" && hold == "":
		return nil
	case mode != "" && until == "":
		return invalidArgument("x-amz-object-lock-retain-until-date", "", both)
	case until != "" && err != nil:
		return invalidArgument("x-amz-object-lock-retain-until-date", until, "The retain until date must be provided in ISO 8601 format")
	case until != "" && at.Before(now):
		return invalidArgument("x-amz-object-lock-retain-until-date", until, "The retain until date must be in the future!")
	case until != "" && mode == "":
		return invalidArgument("x-amz-object-lock-mode", "", both)
	case mode != "" && !slices.Contains([]string{"GOVERNANCE", "COMPLIANCE"}, mode):
		return invalidArgument("x-amz-object-lock-mode", mode, "Unknown wormMode directive.")
	case hold != "" && hold != "ON" && hold != "OFF":
		return invalidArgument("x-amz-object-lock-legal-hold", hold, "Legal Hold must be either of 'ON' or 'OFF'")
	}
	return s3wire.InvalidRequest.Newf("Bucket is missing ObjectLockConfiguration")
}
