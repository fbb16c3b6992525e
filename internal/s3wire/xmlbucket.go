package s3wire

import "encoding/xml"

// CreateBucketConfiguration is the body of CreateBucket, if there is one.
type CreateBucketConfiguration struct {
	XMLName            xml.Name `xml:"CreateBucketConfiguration"`
	LocationConstraint string   `xml:"LocationConstraint"`
	Tags               []Tag    `xml:"Tags>Tag"`
}

// LocationConstraint answers GetBucketLocation.
type LocationConstraint struct {
	XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
	Region  string   `xml:",chardata"`
}

// VersioningConfiguration is the body of the versioning operations, both ways. Status is "Enabled", "Suspended" or "".
type VersioningConfiguration struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	Xmlns     string   `xml:"xmlns,attr,omitempty"` // set by EncodeXML
	Status    string   `xml:"Status,omitempty"`
	MFADelete string   `xml:"MfaDelete,omitempty"`
}

// CORSConfiguration is the body of the CORS operations, both ways.
type CORSConfiguration struct {
	XMLName xml.Name   `xml:"CORSConfiguration"`
	Xmlns   string     `xml:"xmlns,attr,omitempty"` // set by EncodeXML
	Rules   []CORSRule `xml:"CORSRule"`
}

// CORSRule is one rule.
type CORSRule struct {
	ID             string   `xml:"ID,omitempty"`
	AllowedHeaders []string `xml:"AllowedHeader"`
	AllowedMethods []string `xml:"AllowedMethod"`
	AllowedOrigins []string `xml:"AllowedOrigin"`
	ExposeHeaders  []string `xml:"ExposeHeader"`
	MaxAgeSeconds  int      `xml:"MaxAgeSeconds,omitempty"`
}

// PolicyStatus answers GetBucketPolicyStatus.
type PolicyStatus struct {
	XMLName  xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ PolicyStatus"`
	IsPublic bool     `xml:"IsPublic"`
}

// OwnershipControls is the body of the ownership operations, both ways.
type OwnershipControls struct {
	XMLName xml.Name        `xml:"OwnershipControls"`
	Xmlns   string          `xml:"xmlns,attr,omitempty"` // set by EncodeXML
	Rules   []OwnershipRule `xml:"Rule"`
}

// OwnershipRule is BucketOwnerEnforced, BucketOwnerPreferred or ObjectWriter.
type OwnershipRule struct {
	ObjectOwnership string `xml:"ObjectOwnership"`
}
