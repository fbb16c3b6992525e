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

// AccessControlPolicy is the body of the ACL operations, both ways.
type AccessControlPolicy struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	Xmlns   string   `xml:"xmlns,attr,omitempty"` // set by EncodeXML
	Owner   Owner    `xml:"Owner"`
	Grants  []Grant  `xml:"AccessControlList>Grant"`
}

// Grant gives a permission to somebody.
type Grant struct {
	Grantee    Grantee `xml:"Grantee"`
	Permission string  `xml:"Permission"` // FULL_CONTROL, READ, WRITE, READ_ACP, WRITE_ACP
}

// Grantee is who is given a permission: a user (ID) or a group (URI).
type Grantee struct {
	Type        string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
	ID          string `xml:"ID,omitempty"`
	DisplayName string `xml:"DisplayName,omitempty"`
	URI         string `xml:"URI,omitempty"`
}

// AllUsers is the group that everybody belongs to.
const AllUsers = "http://acs.amazonaws.com/groups/global/AllUsers"

// CannedACL returns the ACL of an owner whose object is private or can be read by all.
func CannedACL(owner Owner, public bool) AccessControlPolicy { panic("body follows") }

// IsPublicRead reports whether the ACL lets everybody read. ok is false when it grants anything that is neither
// private nor public-read, which cannot be stored.
func (p AccessControlPolicy) IsPublicRead() (public, ok bool) { panic("body follows") }

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
