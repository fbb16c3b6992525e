package s3wire

import "encoding/xml"

// ChecksumElements are the elements that carry a checksum; at most one value is set.
type ChecksumElements struct {
	CRC32     string       `xml:"ChecksumCRC32,omitempty"`
	CRC32C    string       `xml:"ChecksumCRC32C,omitempty"`
	CRC64NVME string       `xml:"ChecksumCRC64NVME,omitempty"`
	MD5       string       `xml:"ChecksumMD5,omitempty"`
	SHA1      string       `xml:"ChecksumSHA1,omitempty"`
	SHA256    string       `xml:"ChecksumSHA256,omitempty"`
	SHA512    string       `xml:"ChecksumSHA512,omitempty"`
	XXHASH64  string       `xml:"ChecksumXXHASH64,omitempty"`
	XXHASH3   string       `xml:"ChecksumXXHASH3,omitempty"`
	XXHASH128 string       `xml:"ChecksumXXHASH128,omitempty"`
	Type      ChecksumType `xml:"ChecksumType,omitempty"`
}

// Elements returns the checksum as elements, without a type.
func (c Checksum) Elements() (e ChecksumElements) {
	if p := e.field(c.Algorithm); p != nil {
		*p = c.String()
	}
	return e
}

// TypedElements returns the checksum as elements, with its type.
func (c Checksum) TypedElements() ChecksumElements {
	e := c.Elements()
	if c.Algorithm != "" {
		e.Type = c.Type()
	}
	return e
}

// Checksum returns the value in the elements, the zero Checksum if there is none.
func (e ChecksumElements) Checksum() (c Checksum, err error) {
	for _, a := range Algorithms() {
		text := *e.field(a)
		if text == "" {
			continue
		}
		if c.Algorithm != "" {
			return Checksum{}, InvalidArgument.Newf("Invalid Base64 or multiple checksums present in request").
				With("ArgumentName", "Checksum")
		}
		if c, err = ParseChecksum(a, text); err != nil {
			return Checksum{}, err
		}
	}
	return c, nil
}

func (e *ChecksumElements) field(a Algorithm) *string {
	switch a {
	case CRC32:
		return &e.CRC32
	case CRC32C:
		return &e.CRC32C
	case CRC64NVME:
		return &e.CRC64NVME
	case MD5:
		return &e.MD5
	case SHA1:
		return &e.SHA1
	case SHA256:
		return &e.SHA256
	case SHA512:
		return &e.SHA512
	case XXHASH64:
		return &e.XXHASH64
	case XXHASH3:
		return &e.XXHASH3
	case XXHASH128:
		return &e.XXHASH128
	}
	return nil
}

// InitiateMultipartUploadResult answers CreateMultipartUpload.
type InitiateMultipartUploadResult struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ InitiateMultipartUploadResult"`
	Bucket   string   `xml:"Bucket"`
	Key      string   `xml:"Key"`
	UploadID string   `xml:"UploadId"`
}

// CompleteMultipartUpload is the body of the request of that name.
type CompleteMultipartUpload struct {
	XMLName xml.Name       `xml:"CompleteMultipartUpload"`
	Parts   []CompletePart `xml:"Part"`
}

// CompletePart is one part that the client lists. ETag may have quotes.
type CompletePart struct {
	PartNumber int    `xml:"PartNumber"`
	ETag       string `xml:"ETag"`
	ChecksumElements
}

// CompleteMultipartUploadResult answers CompleteMultipartUpload.
type CompleteMultipartUploadResult struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ CompleteMultipartUploadResult"`
	Location string   `xml:"Location"`
	Bucket   string   `xml:"Bucket"`
	Key      string   `xml:"Key"`
	ETag     string   `xml:"ETag"`
	ChecksumElements
}

// ListPartsResult answers ListParts.
type ListPartsResult struct {
	XMLName              xml.Name     `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListPartsResult"`
	Bucket               string       `xml:"Bucket"`
	Key                  string       `xml:"Key"`
	UploadID             string       `xml:"UploadId"`
	Initiator            Owner        `xml:"Initiator"`
	Owner                Owner        `xml:"Owner"`
	StorageClass         string       `xml:"StorageClass"`
	PartNumberMarker     int          `xml:"PartNumberMarker"`
	NextPartNumberMarker int          `xml:"NextPartNumberMarker"`
	MaxParts             int          `xml:"MaxParts"`
	IsTruncated          bool         `xml:"IsTruncated"`
	ChecksumAlgorithm    Algorithm    `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType         ChecksumType `xml:"ChecksumType,omitempty"`
	Parts                []PartEntry  `xml:"Part"`
}

// PartEntry is one part of ListParts. ETag is with its quotes.
type PartEntry struct {
	PartNumber   int    `xml:"PartNumber"`
	LastModified Time   `xml:"LastModified"`
	ETag         string `xml:"ETag"`
	Size         int64  `xml:"Size"`
	ChecksumElements
}

// ListMultipartUploadsResult answers ListMultipartUploads.
type ListMultipartUploadsResult struct {
	XMLName            xml.Name       `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
	Bucket             string         `xml:"Bucket"`
	KeyMarker          string         `xml:"KeyMarker"`
	UploadIDMarker     string         `xml:"UploadIdMarker"`
	NextKeyMarker      string         `xml:"NextKeyMarker"`
	NextUploadIDMarker string         `xml:"NextUploadIdMarker"`
	Prefix             string         `xml:"Prefix"`
	Delimiter          string         `xml:"Delimiter,omitempty"`
	EncodingType       string         `xml:"EncodingType,omitempty"`
	MaxUploads         int            `xml:"MaxUploads"`
	IsTruncated        bool           `xml:"IsTruncated"`
	Uploads            []UploadEntry  `xml:"Upload"`
	CommonPrefixes     []CommonPrefix `xml:"CommonPrefixes"`
}

// UploadEntry is one upload in progress.
type UploadEntry struct {
	Key               string       `xml:"Key"`
	UploadID          string       `xml:"UploadId"`
	Initiator         Owner        `xml:"Initiator"`
	Owner             Owner        `xml:"Owner"`
	StorageClass      string       `xml:"StorageClass"`
	Initiated         Time         `xml:"Initiated"`
	ChecksumAlgorithm Algorithm    `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      ChecksumType `xml:"ChecksumType,omitempty"`
}
