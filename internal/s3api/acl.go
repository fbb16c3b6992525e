package s3api

import (
	"net/http"
	"slices"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

const aclHeader = "X-Amz-Acl"

// Access control lists are older than policies, and S3 has them switched off for new buckets. Holdfast keeps one bit
// of them: private or public-read. What says no more than that is accepted, the rest refused as S3 refuses it in a
// bucket without lists. On an object the bit is kept and told, and lets nobody in by itself: strangers read the
// objects of public buckets and no others.

// cannedACL reads x-amz-acl; sent is false without one.
func cannedACL(h http.Header) (public, sent bool, err error) {
	for name := range h {
		if strings.HasPrefix(name, "X-Amz-Grant-") {
			return false, false, s3wire.AccessControlListNotSupported.New()
		}
	}
	acl := h.Get(aclHeader)
	switch acl {
	case "":
		return false, false, nil
	case "private", "bucket-owner-full-control", "bucket-owner-read":
		return false, true, nil
	case "public-read":
		return true, true, nil
	case "public-read-write", "authenticated-read", "aws-exec-read", "log-delivery-write":
		return false, false, s3wire.AccessControlListNotSupported.New()
	}
	return false, false, invalidArgument("x-amz-acl", acl, "")
}

// requestedACL reads the list of a PutBucketAcl or PutObjectAcl: canned in a header, or as a document.
func (c *call) requestedACL() (public bool, err error) {
	public, sent, headerErr := cannedACL(c.r.Header)
	var doc s3wire.AccessControlPolicy
	err = c.decode(&doc)
	empty := isCode(err, s3wire.MissingRequestBody)
	switch {
	case (sent || headerErr != nil) && !empty:
		return false, s3wire.UnexpectedContent.New()
	case headerErr != nil || sent:
		return public, headerErr
	case empty:
		return false, s3wire.MissingSecurityHeader.New()
	case err != nil:
		return false, err
	}
	if !wellFormed(doc) {
		return false, s3wire.MalformedACL.New()
	}
	public, ok := doc.IsPublicRead()
	if !ok {
		return false, s3wire.AccessControlListNotSupported.New()
	}
	return public, nil
}

// wellFormed reports whether a list says who owns it, and to whom each grant gives what.
func wellFormed(p s3wire.AccessControlPolicy) bool {
	for _, g := range p.Grants {
		if !slices.Contains([]string{"FULL_CONTROL", "READ", "WRITE", "READ_ACP", "WRITE_ACP"}, g.Permission) {
			return false
		}
		switch g.Grantee.Type {
		case "CanonicalUser":
			if g.Grantee.ID == "" {
				return false
			}
		case "Group", "AmazonCustomerByEmail":
		default:
			return false
		}
	}
	return p.Owner.ID != ""
}

// accessList is the list of what has one owner and is private or not. S3 names a group by its address alone; the id is
// for clients that want one of every grantee.
func accessList(owner s3wire.Owner, public bool) *s3wire.AccessControlPolicy {
	acl := s3wire.CannedACL(owner, public)
	if public {
		acl.Grants[len(acl.Grants)-1].Grantee.ID = "all-users"
	}
	return &acl
}

func getBucketACL(c *call) error {
	b, err := c.bucketRow()
	if err != nil {
		return err
	}
	return c.send(accessList(ownerOf(b), b.Public))
}

func putBucketACL(c *call) error {
	if _, err := c.bucketRow(); err != nil {
		return err
	}
	public, err := c.requestedACL()
	if err != nil {
		return err
	}
	return c.changeBucket(http.StatusOK, func(b *objects.Bucket) error {
		b.Public = public
		return nil
	})
}

func getObjectACL(c *call) error {
	o, err := c.head()
	if err != nil {
		return err
	}
	b, err := c.bucketRow()
	if err != nil {
		return err
	}
	c.sayVersion(&o)
	return c.send(accessList(ownerOf(b), o.Public))
}

func putObjectACL(c *call) error {
	o, err := c.head()
	if err != nil {
		return err
	}
	public, err := c.requestedACL()
	if err != nil {
		return err
	}
	if err := c.s.index.SetPublic(c.ctx(), exactly(&o), public); err != nil {
		return err
	}
	c.sayVersion(&o)
	return c.sendNothing(http.StatusOK)
}

// ownerOf names the owner of a bucket and of all that is in it: the access key that made it.
func ownerOf(b objects.Bucket) s3wire.Owner {
	return s3wire.Owner{ID: b.Owner, DisplayName: b.Owner}
}

// isCode reports whether an error is an S3 refusal of one of the codes.
func isCode(err error, codes ...s3wire.Code) bool {
	return err != nil && slices.Contains(codes, s3wire.AsError(err).Code)
}
