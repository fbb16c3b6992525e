package s3wire

import "encoding/xml"

// CopyObjectResult answers CopyObject. ETag is with its quotes.
type CopyObjectResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyObjectResult"`
	LastModified Time     `xml:"LastModified"`
	ETag         string   `xml:"ETag"`
	ChecksumElements
}

// CopyPartResult answers UploadPartCopy.
type CopyPartResult struct {
	XMLName      xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CopyPartResult"`
	LastModified Time     `xml:"LastModified"`
	ETag         string   `xml:"ETag"`
	ChecksumElements
}

// Delete is the body of DeleteObjects.
type Delete struct {
	XMLName xml.Name       `xml:"Delete"`
	Quiet   bool           `xml:"Quiet"`
	Objects []DeleteObject `xml:"Object"`
}

// DeleteObject is one object to delete, with the conditions that S3 knows for it.
type DeleteObject struct {
	Key              string `xml:"Key"`
	VersionID        string `xml:"VersionId,omitempty"`
	ETag             string `xml:"ETag,omitempty"`
	LastModifiedTime string `xml:"LastModifiedTime,omitempty"`
	Size             *int64 `xml:"Size"`
}

// DeleteResult answers DeleteObjects.
type DeleteResult struct {
	XMLName xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ DeleteResult"`
	Deleted []DeletedEntry `xml:"Deleted"`
	Errors  []DeleteError  `xml:"Error"`
}

// DeletedEntry is an object that is gone.
type DeletedEntry struct {
	Key                   string `xml:"Key"`
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:"DeleteMarker,omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

// DeleteError is an object that is not.
type DeleteError struct {
	Key       string `xml:"Key"`
	VersionID string `xml:"VersionId,omitempty"`
	Code      Code   `xml:"Code"`
	Message   string `xml:"Message"`
}

// Tagging is the body of the tagging operations, both ways.
type Tagging struct {
	XMLName xml.Name `xml:"Tagging"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"` // set by EncodeXML
	TagSet  TagSet   `xml:"TagSet"`
}

// TagSet is a list of tags.
type TagSet struct {
	Tags []Tag `xml:"Tag"`
}

// Tag is one tag.
type Tag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}

// GetObjectAttributesResponse answers GetObjectAttributes. ETag is without quotes, unlike everywhere else.
type GetObjectAttributesResponse struct {
	XMLName      xml.Name          `xml:"http://s3.amazonaws.com/doc/2006-03-01/ GetObjectAttributesResponse"`
	ETag         string            `xml:"ETag,omitempty"`
	Checksum     *ChecksumElements `xml:"Checksum,omitempty"`
	ObjectParts  *ObjectParts      `xml:"ObjectParts,omitempty"`
	StorageClass string            `xml:"StorageClass,omitempty"`
	ObjectSize   *int64            `xml:"ObjectSize,omitempty"`
}

// ObjectParts lists the parts of a multipart object.
type ObjectParts struct {
	PartsCount           int              `xml:"PartsCount"`
	PartNumberMarker     int              `xml:"PartNumberMarker"`
	NextPartNumberMarker int              `xml:"NextPartNumberMarker"`
	MaxParts             int              `xml:"MaxParts"`
	IsTruncated          bool             `xml:"IsTruncated"`
	Parts                []AttributesPart `xml:"Part"`
}

// AttributesPart is one part of ObjectParts.
type AttributesPart struct {
	PartNumber int   `xml:"PartNumber"`
	Size       int64 `xml:"Size"`
	ChecksumElements
}

// PostResponse answers an upload form with success_action_status 201.
type PostResponse struct {
	XMLName  xml.Name `xml:"PostResponse"`
	Location string   `xml:"Location"`
	Bucket   string   `xml:"Bucket"`
	Key      string   `xml:"Key"`
	ETag     string   `xml:"ETag"`
}
