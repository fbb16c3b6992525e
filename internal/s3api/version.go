package s3api

import (
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// nullVersion is the version id of what was written while its bucket kept no versions.
const nullVersion = "null"

// versionAlphabet is Crockford's base 32: no letter looks like a digit.
const versionAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// versionLength is the length of a version id. It holds 130 bits, so that ids need not change should generations ever
// be made another way.
const versionLength = 26

// versionID is the S3 version id of an object: its generation in base 32, so that ids of one key sort by age.
func versionID(o *objects.Object) string {
	if o.NullID {
		return nullVersion
	}
	return generationID(o.Generation)
}

func generationID(g objects.Generation) string {
	var b [versionLength]byte
	for i := versionLength - 1; i >= 0; i-- {
		b[i] = versionAlphabet[g&31]
		g >>= 5
	}
	return string(b[:])
}

// parseVersion reads a version id. One of the right shape that was never given to a version is absent, not malformed:
// generation -1 stands for it.
func parseVersion(id string) (g objects.Generation, null bool, err error) {
	if id == nullVersion {
		return 0, true, nil
	}
	if len(id) != versionLength {
		return 0, false, badVersion(id)
	}
	var n uint64
	beyond := false
	for i := range len(id) {
		d := strings.IndexByte(versionAlphabet, id[i])
		if d < 0 {
			return 0, false, badVersion(id)
		}
		beyond = beyond || n>>58 != 0
		n = n<<5 | uint64(d)
	}
	if beyond || n == 0 || n > 1<<63-1 {
		return -1, false, nil
	}
	return objects.Generation(n), false, nil
}

func badVersion(id string) error {
	return invalidArgument("versionId", id, "Invalid version id specified")
}

// ref returns the object or version that the request names. versioned says whether it names a version.
func (c *call) ref() (r objects.Ref, versioned bool, err error) {
	r = objects.Ref{Bucket: c.bucket, Key: c.key}
	if len(c.query) == 0 || !c.query.Has("versionId") {
		return r, false, nil
	}
	r.Generation, r.NullVersion, err = parseVersion(c.query.Get("versionId"))
	if err == nil && r.Generation < 0 {
		err = c.detail(s3wire.NoSuchVersion.New())
	}
	return r, true, err
}

// sayVersion tells the version id of what was read or written, when the bucket keeps or kept versions.
func (c *call) sayVersion(o *objects.Object) {
	if o.NullID {
		if b, err := c.s.index.Bucket(c.ctx(), o.Bucket); err != nil || b.Versioning == objects.VersioningOff {
			return
		}
	}
	c.Header()["X-Amz-Version-Id"] = []string{versionID(o)}
}
