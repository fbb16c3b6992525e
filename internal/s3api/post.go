package s3api

import (
	"encoding/xml"
	"net/http"
	"strings"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// postObject stores the file of an upload form. Its proof is the signed policy in the form; the request itself is
// unsigned, as browsers send it.
func postObject(c *call) error {
	paced := c.paceBody()
	form, err := s3wire.ReadForm(c.r)
	if err != nil {
		return err
	}
	policy, err := c.provePost(form)
	if err != nil {
		return err
	}
	if !form.Has("key") {
		return invalidArgument("key", "", "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.")
	}
	c.key = form.Key()
	if !c.who.may(objects.ActionWrite, c.bucket, c.key) {
		return s3wire.AccessDenied.New()
	}
	if err := s3wire.CheckKey(c.key); err != nil {
		return err
	}
	header := form.Header()
	header.Del(taggingHeader) // a document in forms, see postTags
	put, err := c.newPut(header)
	if err != nil {
		return err
	}
	if put.Tags, err = postTags(form); err != nil {
		return err
	}
	inner, err := form.Body(policy, s3wire.BodyOptions{MaxSize: maxObject, Algorithm: s3wire.CRC64NVME})
	if err != nil {
		return err
	}
	b, err := c.claim(inner, paced)
	if err != nil {
		return err
	}
	o, err := c.store(put, b)
	if err != nil {
		return err
	}
	c.sayStored(&o)
	return c.answerPost(form, &o)
}

// provePost finds out who signed the form's policy. An unsigned form is from a stranger, who may store nothing.
func (c *call) provePost(form *s3wire.Form) (*s3wire.Policy, error) {
	if !c.who.stranger() {
		return nil, s3wire.AccessDenied.Newf("An upload form carries its signature in its fields.")
	}
	auth, err := c.s.verifier.ParseForm(form)
	if err != nil {
		return nil, err
	}
	if auth.Scheme == s3wire.Anonymous {
		return nil, s3wire.AccessDenied.New()
	}
	key, err := c.accessKey(auth.AccessKey)
	if err != nil {
		return nil, err
	}
	if err := c.s.verifier.VerifyForm(form, &auth, key.Secret); err != nil {
		return nil, err
	}
	c.auth, c.who = auth, caller{id: key.ID, scheme: auth.Scheme, policy: key.Policy}
	policy, err := form.Policy()
	if err != nil {
		return nil, err
	}
	return policy, policy.Check(form, c.bucket, c.s.now())
}

// postTags reads the field tagging, an XML document, unlike the header of a PUT.
func postTags(form *s3wire.Form) (map[string]string, error) {
	text := form.Get("tagging")
	if text == "" {
		return nil, nil
	}
	var doc s3wire.Tagging
	if err := s3wire.DecodeXML(strings.NewReader(text), &doc); err != nil {
		return nil, err
	}
	return tagMap(doc.TagSet.Tags, maxObjectTags, "Object tags cannot be greater than 10")
}

// answerPost answers as the form wants: by a redirect with what was stored, or with 200, 201 or 204.
func (c *call) answerPost(form *s3wire.Form, o *objects.Object) error {
	c.Header()["Location"] = []string{c.location()}
	status, to := form.Success()
	switch status {
	case http.StatusSeeOther:
		q := to.Query()
		q.Set("bucket", c.bucket)
		q.Set("key", c.key)
		q.Set("etag", quoted(o.ETag))
		to.RawQuery = q.Encode()
		c.Header()["Location"] = []string{to.String()}
	case http.StatusCreated:
		doc, err := xml.Marshal(&s3wire.PostResponse{
			Location: c.location(), Bucket: c.bucket, Key: c.key, ETag: quoted(o.ETag),
		})
		if err != nil {
			return err
		}
		c.sendDocument(status, append([]byte(xmlDeclaration), doc...))
		return nil
	}
	return c.sendNothing(status)
}
