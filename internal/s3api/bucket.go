package s3api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// maxBucketPage is how many buckets ListBuckets sends at most.
const maxBucketPage = 10000

// listBuckets shows the buckets that the caller's policy names, and no others.
func listBuckets(c *call) error {
	limit, err := c.countParam("max-buckets", maxBucketPage)
	if err != nil || limit < 1 || limit > maxBucketPage {
		return invalidArgument("max-buckets", c.query.Get("max-buckets"), "Argument max-buckets must be an integer between 1 and 10000.")
	}
	all, err := c.s.index.Buckets(c.ctx())
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b objects.Bucket) int { return strings.Compare(a.Name, b.Name) })
	prefix, after := c.query.Get("prefix"), c.query.Get("continuation-token")
	out := s3wire.ListAllMyBucketsResult{Owner: c.who.owner(), Prefix: prefix, Buckets: []s3wire.BucketEntry{}}
	for _, b := range all {
		if !c.who.knows(b.Name) || !strings.HasPrefix(b.Name, prefix) || b.Name <= after {
			continue
		}
		if len(out.Buckets) == limit {
			out.ContinuationToken = out.Buckets[limit-1].Name
			break
		}
		out.Buckets = append(out.Buckets, s3wire.BucketEntry{Name: b.Name, CreationDate: s3wire.Time{Time: b.Created}})
	}
	return c.send(&out)
}

// countParam reads a number out of the query; def when it is not there.
func (c *call) countParam(name string, def int) (int, error) {
	text := c.query.Get(name)
	if text == "" {
		return def, nil
	}
	return strconv.Atoi(text)
}

// createBucket makes a private bucket, or a public one when the canned list says so.
func createBucket(c *call) error {
	if err := s3wire.CheckBucketName(c.bucket); err != nil {
		return err
	}
	public, _, err := cannedACL(c.r.Header)
	if err != nil {
		return err
	}
	if c.r.Header.Get("X-Amz-Bucket-Object-Lock-Enabled") == "true" {
		return s3wire.NotImplemented.New().With("Header", "x-amz-bucket-object-lock-enabled")
	}
	if err := checkOwnership(c.r.Header.Get("X-Amz-Object-Ownership")); err != nil {
		return err
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
	if at := doc.LocationConstraint; at != "" && c.s.cfg.Region != "" && at != c.s.cfg.Region {
		return nil, s3wire.InvalidLocationConstraint.New().With("LocationConstraint", at)
	}
	return tagMap(doc.Tags, maxBucketTags, "Bucket tag count cannot be greater than 50")
}

// checkOwnership accepts the settings under which lists do not matter.
func checkOwnership(setting string) error {
	switch setting {
	case "", "BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter":
		return nil
	}
	return s3wire.InvalidArgument.Newf("Invalid x-amz-object-ownership header: %s", setting).With("ArgumentName", "x-amz-object-ownership")
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

func deleteBucket(c *call) error {
	if err := c.s.index.DeleteBucket(c.ctx(), c.bucket); err != nil {
		return err
	}
	return c.sendNothing(http.StatusNoContent)
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
