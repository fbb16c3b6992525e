package s3api

import (
	"errors"
	"net/http"
	"slices"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// createBucket makes a private bucket, or a public one when the canned list says so.
func createBucket(c *call) error {
	if err := s3wire.CheckBucketName(c.bucket); err != nil {
		return err
	}
	public, err := createACL(c.r.Header)
	if err != nil {
		return err
	}
	if c.r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled") == "true" {
		return s3wire.NotImplemented.New().With("Header", "x-amz-bucket-object-lock-enabled")
	}
	tags, err := c.createBody()
	if err != nil {
		return err
	}
	b := objects.Bucket{Name: c.bucket, Created: c.s.now(), Owner: c.who.id, Public: public, Tags: tags}
	if err := c.s.index.CreateBucket(c.ctx(), b); err != nil {
		return c.whoseBucket(err)
	}
	c.Header()["Location"] = []string{"/" + c.bucket}
	c.Header()["X-Amz-Bucket-Arn"] = []string{"arn:aws:s3:::" + c.bucket}
	return c.sendNothing(http.StatusOK)
}

// createBody reads the optional document of CreateBucket: a region, which must be ours or none, and tags.
func (c *call) createBody() (map[string]string, error) {
	var doc s3wire.CreateBucketConfiguration
	if err := c.decode(&doc); err != nil {
		if isCode(err, s3wire.MissingRequestBody) {
			return nil, nil
		}
		return nil, err
	}
	// In the region that has no name of its own, naming it is a mistake in S3.
	if at := doc.LocationConstraint; at == "us-east-1" || at != "" && c.s.cfg.Region != "" && at != c.s.cfg.Region {
		return nil, s3wire.InvalidLocationConstraint.New().With("LocationConstraint", at)
	}
	return tagMap(doc.Tags, maxBucketTags, "Bucket tag count cannot be greater than 50")
}

// createACL reads the canned list of a new bucket. Any setting of ownership is accepted, because lists give nobody else
// a right; but one that forbids lists does not go with a list.
func createACL(h http.Header) (public bool, err error) {
	ownership := h.Get("X-Amz-Object-Ownership")
	if ownership != "" && !slices.Contains(ownerships(), ownership) {
		return false, s3wire.InvalidArgument.Newf("Invalid x-amz-object-ownership header: %s", ownership).With("ArgumentName", "x-amz-object-ownership")
	}
	public, _, err = cannedACL(h)
	if public && ownership == ownedByBucket {
		return false, s3wire.InvalidBucketACLWithObjectOwnership.New()
	}
	return public, err
}

// whoseBucket tells a bucket of one's own from somebody else's when the name is taken.
func (c *call) whoseBucket(err error) error {
	e := c.classify(err)
	if e.Code != s3wire.BucketAlreadyExists {
		return err
	}
	if b, err := c.bucketRow(); err == nil && b.Owner == c.who.id {
		return s3wire.BucketAlreadyOwnedByYou.New().With("BucketName", c.bucket).Because(e)
	}
	return e
}

func headBucket(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	c.Header()["X-Amz-Bucket-Region"] = []string{or(c.s.cfg.Region, "us-east-1")}
	c.Header()["X-Amz-Access-Point-Alias"] = []string{"false"}
	return c.sendNothing(http.StatusOK)
}

// deleteBucket deletes a bucket without objects. Uploads that were never completed end with it, as in S3.
func deleteBucket(c *call) error {
	err := c.s.index.DeleteBucket(c.ctx(), c.bucket)
	if errors.Is(err, objects.ErrBucketNotEmpty) && c.onlyUploads() {
		if err = c.abortUploads(); err == nil {
			err = c.s.index.DeleteBucket(c.ctx(), c.bucket)
		}
	}
	if err != nil {
		return c.explainFull(err)
	}
	return c.sendNothing(http.StatusNoContent)
}

// explainFull says of a bucket that keeps versions that they count, too.
func (c *call) explainFull(err error) error {
	b, lookup := c.bucketRow()
	if lookup != nil || b.Versioning == objects.VersioningOff || !errors.Is(err, objects.ErrBucketNotEmpty) {
		return err
	}
	return s3wire.BucketNotEmpty.Newf("%s You must delete all versions in the bucket.", s3wire.BucketNotEmpty.Message()).With("BucketName", c.bucket)
}

// onlyUploads reports whether a bucket holds neither objects nor versions.
func (c *call) onlyUploads() bool {
	page, _, err := c.s.index.ListVersions(c.ctx(), objects.ListQuery{Bucket: c.bucket, Limit: 1}, 0)
	return err == nil && len(page.Objects) == 0
}

func (c *call) abortUploads() error {
	for {
		list, _, next, _, err := c.s.index.ListUploads(c.ctx(), objects.ListQuery{Bucket: c.bucket, Limit: maxPage}, "")
		if err != nil {
			return err
		}
		for _, u := range list {
			if err := c.s.index.AbortUpload(c.ctx(), u); err != nil && !errors.Is(err, objects.ErrNoSuchUpload) {
				return err
			}
		}
		if next == "" {
			return nil
		}
	}
}

// getBucketLocation answers with the configured region; S3 sends nothing for us-east-1.
func getBucketLocation(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	region := c.s.cfg.Region
	if region == "us-east-1" {
		region = ""
	}
	return c.send(&s3wire.LocationConstraint{Region: region})
}

// changeBucket changes a bucket's settings. Those of a declared one stand in the configuration and nowhere else.
func (c *call) changeBucket(status int, change func(*objects.Bucket) error) error {
	if _, err := c.s.index.UpdateBucket(c.ctx(), c.bucket, change); err != nil {
		return err
	}
	return c.sendNothing(status)
}

func getBucketVersioning(c *call) error {
	b, err := c.bucketRow()
	if err != nil {
		return err
	}
	return c.send(&s3wire.VersioningConfiguration{Status: string(b.Versioning)})
}

func putBucketVersioning(c *call) error {
	var doc s3wire.VersioningConfiguration
	if err := c.decode(&doc); err != nil {
		return err
	}
	state := objects.Versioning(doc.Status)
	if state != objects.VersioningEnabled && state != objects.VersioningSuspended {
		return s3wire.MalformedXML.New()
	}
	if doc.MFADelete == "Enabled" {
		return s3wire.NotImplemented.New().With("Element", "MfaDelete")
	}
	return c.changeBucket(http.StatusOK, func(b *objects.Bucket) error {
		b.Versioning = state
		return nil
	})
}
