package s3api

import (
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
		out.Buckets = append(out.Buckets, s3wire.BucketEntry{
			Name: b.Name, CreationDate: s3wire.Time{Time: b.Created}, BucketRegion: c.s.cfg.Region,
		})
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
