package s3wire

import "encoding/xml"

// Owner names who owns a bucket or an object.
type Owner struct {
	ID          string `xml:"ID"`
	DisplayName string `xml:"DisplayName,omitempty"`
}

// ListAllMyBucketsResult answers ListBuckets.
type ListAllMyBucketsResult struct {
	XMLName           xml.Name      `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListAllMyBucketsResult"`
	Owner             Owner         `xml:"Owner"`
	Buckets           []BucketEntry `xml:"Buckets>Bucket"`
	Prefix            string        `xml:"Prefix,omitempty"`
	ContinuationToken string        `xml:"ContinuationToken,omitempty"`
}

// BucketEntry is one bucket of ListBuckets.
type BucketEntry struct {
	Name         string `xml:"Name"`
	CreationDate Time   `xml:"CreationDate"`
	BucketRegion string `xml:"BucketRegion,omitempty"`
}

// ObjectEntry is one object of a listing. ETag is with its quotes.
type ObjectEntry struct {
	Key               string       `xml:"Key"`
	LastModified      Time         `xml:"LastModified"`
	ETag              string       `xml:"ETag"`
	ChecksumAlgorithm Algorithm    `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      ChecksumType `xml:"ChecksumType,omitempty"`
	Size              int64        `xml:"Size"`
	StorageClass      string       `xml:"StorageClass"`
	Owner             *Owner       `xml:"Owner,omitempty"`
}

// CommonPrefix stands for the keys that are rolled up under a delimiter.
type CommonPrefix struct {
	Prefix string `xml:"Prefix"`
}

// ListBucketResult answers ListObjects (version 1).
type ListBucketResult struct {
	XMLName        xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name           string         `xml:"Name"`
	Prefix         string         `xml:"Prefix"`
	Marker         string         `xml:"Marker"`
	NextMarker     string         `xml:"NextMarker,omitempty"`
	MaxKeys        int            `xml:"MaxKeys"`
	Delimiter      string         `xml:"Delimiter,omitempty"`
	EncodingType   string         `xml:"EncodingType,omitempty"`
	IsTruncated    bool           `xml:"IsTruncated"`
	Contents       []ObjectEntry  `xml:"Contents"`
	CommonPrefixes []CommonPrefix `xml:"CommonPrefixes"`
}

// ListBucketResultV2 answers ListObjectsV2.
type ListBucketResultV2 struct {
	XMLName               xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name                  string         `xml:"Name"`
	Prefix                string         `xml:"Prefix"`
	StartAfter            string         `xml:"StartAfter,omitempty"`
	ContinuationToken     string         `xml:"ContinuationToken,omitempty"`
	NextContinuationToken string         `xml:"NextContinuationToken,omitempty"`
	KeyCount              int            `xml:"KeyCount"`
	MaxKeys               int            `xml:"MaxKeys"`
	Delimiter             string         `xml:"Delimiter,omitempty"`
	EncodingType          string         `xml:"EncodingType,omitempty"`
	IsTruncated           bool           `xml:"IsTruncated"`
	Contents              []ObjectEntry  `xml:"Contents"`
	CommonPrefixes        []CommonPrefix `xml:"CommonPrefixes"`
}

// ListVersionsResult answers ListObjectVersions. Entries are versions and delete markers in listing order, which is why
// it is written by hand: encoding/xml has no list of mixed elements.
type ListVersionsResult struct {
	XMLName             xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
	Name                string         `xml:"Name"`
	Prefix              string         `xml:"Prefix"`
	KeyMarker           string         `xml:"KeyMarker"`
	VersionIDMarker     string         `xml:"VersionIdMarker"`
	NextKeyMarker       string         `xml:"NextKeyMarker,omitempty"`
	NextVersionIDMarker string         `xml:"NextVersionIdMarker,omitempty"`
	MaxKeys             int            `xml:"MaxKeys"`
	Delimiter           string         `xml:"Delimiter,omitempty"`
	EncodingType        string         `xml:"EncodingType,omitempty"`
	IsTruncated         bool           `xml:"IsTruncated"`
	Entries             []VersionEntry `xml:"-"`
	CommonPrefixes      []CommonPrefix `xml:"CommonPrefixes"`
}

// VersionEntry is one version; NewVersion and NewDeleteMarker make it. ETag is with its quotes.
type VersionEntry struct {
	Key               string
	VersionID         string
	IsLatest          bool
	LastModified      Time
	ETag              string
	ChecksumAlgorithm Algorithm
	ChecksumType      ChecksumType
	Size              *int64
	StorageClass      string
	Owner             *Owner
	marker            bool
}

// NewVersion returns v as a Version of the given size.
func NewVersion(v VersionEntry, size int64) VersionEntry {
	v.marker, v.Size = false, &size
	return v
}

// NewDeleteMarker returns v as a DeleteMarker.
func NewDeleteMarker(v VersionEntry) VersionEntry {
	v.marker = true
	v.Size, v.ETag, v.StorageClass, v.ChecksumAlgorithm, v.ChecksumType = nil, "", "", "", ""
	return v
}
