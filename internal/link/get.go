package link

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// GetPrefix begins the path of every link that reads.
const GetPrefix = "/m/"

// Get is the right to read one blob until a time.
type Get struct {
	Blob       string    // 32 lower-case hex digits
	Name       string    // what the file is called when saved; see CleanName
	Expires    time.Time // whole seconds count; see Expiry
	Attachment bool      // always saved, never shown
	MediaType  string    // served instead of the stored type; "" none
	Shared     bool      // shared caches (a CDN) may keep the answer; excludes Session
	Session    string    // value of the session cookie the link is bound to; "" any bearer
}

// SignGet returns the link's path.
func (k *Key) SignGet(g Get) (string, error) {
	token, err := k.signGet(g)
	if err != nil {
		return "", err
	}
	return GetPrefix + token + "/" + g.Blob + "/" + escape(g.Name), nil
}

// SignGetQuery returns the value of the parameter hf for a path whose last segment is g.Name.
func (k *Key) SignGetQuery(g Get) (string, error) {
	token, err := k.signGet(g)
	if err != nil {
		return "", err
	}
	return token + "." + g.Blob, nil
}

func (k *Key) signGet(g Get) (string, error) {
	exp := g.Expires.Unix()
	switch {
	case !blobShape(g.Blob):
		return "", badGrant("blob id %q is not 32 lower-case hex digits", g.Blob)
	case !nameShape(g.Name):
		return "", badGrant("name %q; give a plain file name, or clean it first", g.Name)
	case !expShape(exp):
		return "", badGrant("expiry %d is out of range", exp)
	case !typeShape(g.MediaType):
		return "", badGrant("media type %q", g.MediaType)
	case g.Shared && g.Session != "":
		return "", badGrant("a link bound to a session cannot be shared")
	}
	l := GetLink{
		KeyID: k.id, Expires: exp, Blob: g.Blob, Name: g.Name,
		Attachment: g.Attachment, MediaType: g.MediaType, Shared: g.Shared, Bound: g.Session != "",
	}
	sig := k.get.sign(func(b []byte) []byte { return l.message(b, k.bucket, g.Session) })
	return k.id + "." + strconv.FormatInt(exp, 10) + "." + l.flags() + "." + string(sig[:]), nil
}

// GetLink is a link that reads as it stands in a URL: well-formed, not yet verified.
type GetLink struct {
	KeyID      string
	Expires    int64 // Unix seconds
	Attachment bool
	Bound      bool
	Shared     bool
	MediaType  string
	Blob       string
	Name       string
	sig        string
}

// VerifyGet checks the link. session is the value of the request's session cookie, "" without one. Whoever has no key
// of the link's id verifies with any other key, and gets ErrRefused after the same work.
func (k *Key) VerifyGet(l GetLink, session string, now time.Time) error {
	bound := session
	if !l.Bound {
		bound = ""
	}
	genuine := k.get.verify(func(b []byte) []byte { return l.message(b, k.bucket, bound) }, l.sig)
	switch {
	case !genuine || l.KeyID != k.id || l.Bound && session == "":
		return ErrRefused
	case now.Unix() >= l.Expires:
		return ErrExpired
	}
	return nil
}

// message lists what is signed. The order and number of fields is the same for both purposes.
func (l GetLink) message(b []byte, bucket, session string) []byte {
	disposition := "inline"
	if l.Attachment {
		disposition = "attachment"
	}
	shared := ""
	if l.Shared {
		shared = "shared"
	}
	b = field(b, version)
	b = field(b, string(PurposeGet))
	b = field(b, bucket)
	b = field(b, l.Blob)
	b = field(b, "") // slot
	b = number(b, l.Expires)
	b = field(b, disposition)
	b = field(b, l.MediaType)
	b = field(b, "") // maximal size
	b = field(b, "") // allowed type
	b = binding(b, session)
	b = field(b, shared)
	return field(b, l.Name)
}

// flags is the compact text of what the URL says besides names: disposition, sharing, type.
func (l GetLink) flags() string {
	f := "i"
	if l.Attachment {
		f = "a"
	}
	switch {
	case l.Bound:
		f += "s"
	case l.Shared:
		f += "c"
	}
	if l.MediaType != "" {
		f += "-" + base64.RawURLEncoding.EncodeToString([]byte(l.MediaType))
	}
	return f
}

// setFlags is the inverse of flags. Each meaning has one spelling.
func (l *GetLink) setFlags(f string) bool {
	letters, encoded, hasType := strings.Cut(f, "-")
	if hasType && !decodeType(encoded, &l.MediaType) {
		return false
	}
	switch letters {
	case "i":
	case "a":
		l.Attachment = true
	case "is":
		l.Bound = true
	case "as":
		l.Attachment, l.Bound = true, true
	case "ic":
		l.Shared = true
	case "ac":
		l.Attachment, l.Shared = true, true
	default:
		return false
	}
	return true
}
