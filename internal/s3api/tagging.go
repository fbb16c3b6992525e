package s3api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"holdfast/internal/objects"
	"holdfast/internal/s3wire"
)

// The limits of S3 on tags; lengths in characters.
const (
	maxObjectTags = 10
	maxBucketTags = 50
	maxTagKey     = 128
	maxTagValue   = 256
)

const taggingHeader = "X-Amz-Tagging"

// headerTags reads x-amz-tagging: "project=moon&stage=2", URL-encoded.
func headerTags(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, badTaggingHeader(text)
	}
	set := make([]s3wire.Tag, 0, len(values))
	for key, vs := range values {
		if len(vs) != 1 || key == "" {
			return nil, badTaggingHeader(text)
		}
		set = append(set, s3wire.Tag{Key: key, Value: vs[0]})
	}
	return tagMap(set, maxObjectTags, "Object tags cannot be greater than 10")
}

func badTaggingHeader(text string) error {
	return invalidArgument("x-amz-tagging", text,
		"The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
}

// tagMap checks a set of tags and makes a map of it.
func tagMap(set []s3wire.Tag, limit int, tooMany string) (map[string]string, error) {
	if len(set) > limit {
		return nil, s3wire.BadRequest.Newf("%s", tooMany)
	}
	tags := make(map[string]string, len(set))
	for _, t := range set {
		if t.Key == "" || !tagText(t.Key, maxTagKey) {
			return nil, badTag("The TagKey you have provided is invalid", t)
		}
		if !tagText(t.Value, maxTagValue) {
			return nil, badTag("The TagValue you have provided is invalid", t)
		}
		if _, twice := tags[t.Key]; twice {
			return nil, badTag("Cannot provide multiple Tags with the same key", t)
		}
		tags[t.Key] = t.Value
	}
	return tags, nil
}

func badTag(message string, t s3wire.Tag) error {
	return s3wire.InvalidTag.Newf("%s", message).With("TagKey", t.Key).With("TagValue", t.Value)
}

// tagText reports whether a tag has only the characters that S3 allows: letters, digits, spaces and + - = . _ : / @.
func tagText(s string, limit int) bool {
	if utf8.RuneCountInString(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

// tagSet is a map of tags as S3 sends it, in the order of keys.
func tagSet(tags map[string]string) s3wire.TagSet {
	var set s3wire.TagSet
	for k, v := range tags {
		set.Tags = append(set.Tags, s3wire.Tag{Key: k, Value: v})
	}
	slices.SortFunc(set.Tags, func(a, b s3wire.Tag) int { return strings.Compare(a.Key, b.Key) })
	return set
}

func getObjectTagging(c *call) error {
	o, err := c.head()
	if err != nil {
		return err
	}
	c.sayVersion(&o)
	return c.send(&s3wire.Tagging{TagSet: tagSet(o.Tags)})
}

func putObjectTagging(c *call) error {
	var doc s3wire.Tagging
	if err := c.decode(&doc); err != nil {
		return err
	}
	tags, err := tagMap(doc.TagSet.Tags, maxObjectTags, "Object tags cannot be greater than 10")
	if err != nil {
		return err
	}
	return c.setTags(tags, http.StatusOK)
}

func deleteObjectTagging(c *call) error { return c.setTags(nil, http.StatusNoContent) }

func (c *call) setTags(tags map[string]string, status int) error {
	o, err := c.head()
	if err != nil {
		return err
	}
	if err := c.s.index.SetTags(c.ctx(), exactly(&o), tags); err != nil {
		return err
	}
	c.sayVersion(&o)
	return c.sendNothing(status)
}

// exactly names the very version that was looked at, so that what follows cannot hit another one.
func exactly(o *objects.Object) objects.Ref {
	return objects.Ref{Bucket: o.Bucket, Key: o.Key, Generation: o.Generation}
}

func getBucketTagging(c *call) error {
	b, err := c.bucketRow()
	if err != nil {
		return err
	}
	if len(b.Tags) == 0 {
		return s3wire.NoSuchTagSet.New().With("BucketName", c.bucket)
	}
	return c.send(&s3wire.Tagging{TagSet: tagSet(b.Tags)})
}

func putBucketTagging(c *call) error {
	var doc s3wire.Tagging
	if err := c.decode(&doc); err != nil {
		return err
	}
	tags, err := tagMap(doc.TagSet.Tags, maxBucketTags, "Bucket tag count cannot be greater than 50")
	if err != nil {
		return err
	}
	return c.setBucketTags(tags)
}

func deleteBucketTagging(c *call) error { return c.setBucketTags(nil) }

func (c *call) setBucketTags(tags map[string]string) error {
	return c.changeBucket(http.StatusNoContent, func(b *objects.Bucket) error {
		b.Tags = tags
		return nil
	})
}
