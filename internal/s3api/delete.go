package s3api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// deleteObject deletes an object or a version. Deleting what is not there succeeds.
func deleteObject(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	ref, versioned, err := c.ref()
	if isCode(err, s3wire.NoSuchVersion) { // a version that never was is gone already
		c.Header()["X-Amz-Version-Id"] = []string{c.query.Get("versionId")}
		return c.sendNothing(http.StatusNoContent)
	}
	if err != nil {
		return err
	}
	cond, err := deleteCondition(c.r.Header)
	if err != nil {
		return err
	}
	done, err := c.s.index.Delete(c.ctx(), []objects.Ref{ref}, cond)
	if err == nil {
		err = done[0].Err
	}
	if err != nil {
		return c.explainDelete(err, cond)
	}
	c.sayDeleted(done[0], versioned)
	return c.sendNothing(http.StatusNoContent)
}

// sayDeleted tells what a delete did in a bucket with versions.
func (c *call) sayDeleted(d objects.Deleted, versioned bool) {
	h := c.Header()
	if d.Marker {
		h["X-Amz-Delete-Marker"] = []string{"true"}
	}
	switch {
	case versioned:
		h["X-Amz-Version-Id"] = []string{c.query.Get("versionId")}
	case d.Marker:
		h["X-Amz-Version-Id"] = []string{c.markerID(d)}
	}
}

// markerID is the version id of a new delete marker: "null" while the bucket's versions are suspended.
func (c *call) markerID(d objects.Deleted) string {
	if b, err := c.bucketRow(); err == nil && b.Versioning == objects.VersioningSuspended {
		return nullVersion
	}
	return generationID(d.MarkerGen)
}

// deleteCondition reads the conditions that S3 knows for deletes.
func deleteCondition(h http.Header) (cond objects.Condition, err error) {
	if cond, err = writeCondition(h); err != nil {
		return cond, err
	}
	if text := h.Get("X-Amz-If-Match-Last-Modified-Time"); text != "" {
		if cond.IfUnmodifiedSince, err = parseTime(text); err != nil {
			return cond, invalidArgument("x-amz-if-match-last-modified-time", text, "Invalid time.")
		}
	}
	if text := h.Get("X-Amz-If-Match-Size"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return cond, invalidArgument("x-amz-if-match-size", text, "Invalid size.")
		}
		cond.IfSize = &n
	}
	return cond, nil
}

// parseTime reads a time of a header or of XML.
func parseTime(s string) (time.Time, error) {
	if t, err := http.ParseTime(s); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, fmt.Errorf("read time %q: %w", s, err)
	}
	return t, nil
}

func (c *call) explainDelete(err error, cond objects.Condition) error {
	e := c.refusal(err)
	if e.Code != s3wire.PreconditionFailed {
		return err
	}
	switch {
	case cond.IfSize != nil:
		return e.With("Condition", "If-Match-Size")
	case !cond.IfUnmodifiedSince.IsZero():
		return e.With("Condition", "If-Match-Last-Mod-Time")
	}
	return e.With("Condition", "If-Match")
}
