package s3wire

import "encoding/xml"

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

// MarshalXML writes the type as the attribute xsi:type, spelled as S3 spells it: some clients know no other prefix.
func (g Grantee) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	start.Attr = []xml.Attr{
		{Name: xml.Name{Local: "xmlns:xsi"}, Value: "http://www.w3.org/2001/XMLSchema-instance"},
		{Name: xml.Name{Local: "xsi:type"}, Value: g.Type},
	}
	return e.EncodeElement(struct {
		ID          string `xml:"ID,omitempty"`
		DisplayName string `xml:"DisplayName,omitempty"`
		URI         string `xml:"URI,omitempty"`
	}{g.ID, g.DisplayName, g.URI}, start)
}

// AllUsers is the group that everybody belongs to.
const AllUsers = "http://acs.amazonaws.com/groups/global/AllUsers"

// The permissions that a canned ACL is made of.
const (
	permissionFull = "FULL_CONTROL"
	permissionRead = "READ"
)

// CannedACL returns the ACL of an owner whose bucket or object is private or can be read by all.
func CannedACL(owner Owner, public bool) AccessControlPolicy {
	user := Grantee{Type: "CanonicalUser", ID: owner.ID, DisplayName: owner.DisplayName}
	p := AccessControlPolicy{Owner: owner, Grants: []Grant{{user, permissionFull}}}
	if public {
		p.Grants = append(p.Grants, Grant{Grantee{Type: "Group", URI: AllUsers}, permissionRead})
	}
	return p
}

// IsPublicRead reports whether the ACL lets everybody read. ok is false when it grants anything that neither private
// nor public-read grants, which cannot be kept.
func (p AccessControlPolicy) IsPublicRead() (public, ok bool) {
	for _, g := range p.Grants {
		switch {
		case g.Grantee.URI == AllUsers && g.Permission == permissionRead:
			public = true
		case g.Grantee.URI == "" && g.Grantee.ID == p.Owner.ID && g.Permission == permissionFull:
		default:
			return false, false
		}
	}
	return public, true
}

// ParseCannedACL reads x-amz-acl. Canned ACLs that cannot be kept are refused with NotImplemented, unknown ones with
// InvalidArgument; "" is private. The bucket-owner ACLs are private: there is one owner.
func ParseCannedACL(s string) (public bool, err error) {
	switch s {
	case "", "private", "bucket-owner-read", "bucket-owner-full-control":
		return false, nil
	case "public-read":
		return true, nil
	case "public-read-write", "authenticated-read", "aws-exec-read", "log-delivery-write":
		return false, NotImplemented.Newf("The canned ACL %q is not supported: use private or public-read.", s)
	}
	return false, argument("x-amz-acl", s, "")
}
