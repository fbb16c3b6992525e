package s3api

import (
	"net/http"
	"slices"

	"holdfast/internal/s3wire"
)

// ownedByBucket is the setting of every bucket: what is in it belongs to its owner, whatever lists say.
const ownedByBucket = "BucketOwnerEnforced"

// ownerships are the settings that S3 knows.
func ownerships() []string { return []string{ownedByBucket, "BucketOwnerPreferred", "ObjectWriter"} }

func getOwnership(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	return c.send(&s3wire.OwnershipControls{Rules: []s3wire.OwnershipRule{{ObjectOwnership: ownedByBucket}}})
}

// putOwnership accepts the setting that every bucket has.
func putOwnership(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	var doc s3wire.OwnershipControls
	if err := c.decode(&doc); err != nil {
		return err
	}
	if len(doc.Rules) != 1 || !slices.Contains(ownerships(), doc.Rules[0].ObjectOwnership) {
		return s3wire.MalformedXML.New()
	}
	if doc.Rules[0].ObjectOwnership != ownedByBucket {
		return s3wire.NotImplemented.New().With("Setting", doc.Rules[0].ObjectOwnership)
	}
	return c.sendNothing(http.StatusOK)
}
