package s3api

import (
	"net/http"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// unset is a bucket setting of S3 that Holdfast does not have. Clients ask for many of them to show a bucket or to
// find out whether to go on; they are told the truth, that nothing is set. Setting one is NotImplemented; taking away
// what is not there succeeds, as in S3.
type unset struct {
	sub     string      // the query parameter
	name    string      // S3's name of the setting
	code    s3wire.Code // the answer to GET, or
	root    string      // the document that says "nothing set", with
	inner   string      // this in it
	forgets bool        // DELETE succeeds
}

// unsets is the table of settings that a bucket never has.
func unsets() []unset {
	return []unset{
		{sub: "policy", name: "BucketPolicy", code: "NoSuchBucketPolicy", forgets: true},
		{sub: "policyStatus", name: "BucketPolicyStatus", code: "NoSuchBucketPolicy"},
		{sub: "lifecycle", name: "BucketLifecycleConfiguration", code: "NoSuchLifecycleConfiguration", forgets: true},
		{sub: "website", name: "BucketWebsite", code: "NoSuchWebsiteConfiguration", forgets: true},
		{sub: "replication", name: "BucketReplication", code: "ReplicationConfigurationNotFoundError", forgets: true},
		{sub: "encryption", name: "BucketEncryption", code: "ServerSideEncryptionConfigurationNotFoundError", forgets: true},
		{sub: "publicAccessBlock", name: "PublicAccessBlock", code: "NoSuchPublicAccessBlockConfiguration", forgets: true},
		{sub: "object-lock", name: "ObjectLockConfiguration", code: "ObjectLockConfigurationNotFoundError"},
		{sub: "logging", name: "BucketLogging", root: "BucketLoggingStatus"},
		{sub: "notification", name: "BucketNotificationConfiguration", root: "NotificationConfiguration"},
		{sub: "accelerate", name: "BucketAccelerateConfiguration", root: "AccelerateConfiguration"},
		{sub: "requestPayment", name: "BucketRequestPayment", root: "RequestPaymentConfiguration", inner: "<Payer>BucketOwner</Payer>"},
	}
}

// unsetOperations are the rows that the settings add to the table of operations.
func unsetOperations() []operation {
	var ops []operation
	for _, u := range unsets() {
		ops = append(ops, operation{
			Name: "Get" + u.name, Method: http.MethodGet, Level: bucket, Sub: u.sub, Right: rightMember, Serve: u.get,
		})
		if u.name != "BucketPolicyStatus" {
			ops = append(ops, operation{
				Name: "Put" + u.name, Method: http.MethodPut, Level: bucket, Sub: u.sub, Right: objects.ActionAdmin, Serve: u.refuse,
			})
		}
		if u.forgets {
			ops = append(ops, operation{
				Name: "Delete" + u.name, Method: http.MethodDelete, Level: bucket, Sub: u.sub, Right: objects.ActionAdmin, Serve: forget,
			})
		}
	}
	return ops
}

// get says that the setting is not set.
func (u unset) get(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	if u.root == "" {
		return u.code.New().With("BucketName", c.bucket)
	}
	return c.sendXML([]byte(xmlDeclaration + "<" + u.root + ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + u.inner + "</" + u.root + ">"))
}

// refuse names the setting that cannot be made.
func (u unset) refuse(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	if err := c.plainBody(); err != nil {
		return err
	}
	return s3wire.NotImplemented.New().With("Setting", u.name)
}

// forget takes away a setting that is not there.
func forget(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	return c.sendNothing(http.StatusNoContent)
}

// foreignSubs are the sub-resources of S3 that no operation here has, on any level. They are known so that a request
// for one is refused by name rather than taken for an ordinary parameter.
func foreignSubs() []string {
	return []string{
		"analytics", "intelligent-tiering", "inventory", "metrics", "restore", "select",
		"select-type", "torrent", "metadataTable", "metadataConfiguration", "metadataInventoryTable",
		"metadataJournalTable", "session", "renameObject", "abac", "append", "encryptionConfiguration",
	}
}
