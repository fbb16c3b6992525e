package s3api

import (
	"slices"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// caller is who sends a request, once the proof was found right.
type caller struct {
	id     string // access key; "" for a stranger
	scheme s3wire.Scheme
	policy objects.Policy
}

// stranger reports whether the request carries no proof.
func (w caller) stranger() bool { return w.id == "" }

// may reports whether the caller may do action on a key of a bucket. What a public bucket lets strangers do is not
// decided here.
func (w caller) may(a objects.Action, bucket, key string) bool {
	switch a {
	case rightNone, rightSelf:
		return true
	case rightSigned:
		return !w.stranger()
	case rightMember:
		return w.knows(bucket)
	}
	return !w.stranger() && w.policy.Allows(a, bucket, key)
}

// knows reports whether any statement of the caller's policy names the bucket: enough to see that it is there.
func (w caller) knows(bucket string) bool {
	return slices.ContainsFunc(w.policy.Statements, func(s objects.Statement) bool {
		return slices.Contains(s.Buckets, bucket) || slices.Contains(s.Buckets, "*")
	})
}

// owner is how the caller is named in listings.
func (w caller) owner() s3wire.Owner { return s3wire.Owner{ID: w.id, DisplayName: w.id} }
