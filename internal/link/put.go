package link

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// PutPrefix begins the path of every link that uploads.
const PutPrefix = "/u/"

// Put is the right to upload one object once.
type Put struct {
	Key     string    // where the object will be; no empty, "." or ".." segment, which browsers would resolve
	Slot    string    // id of the slot that the upload consumes: 1 to 64 of a-z0-9
	Expires time.Time // whole seconds count
	MaxSize int64     // bytes; 0: whatever the bucket allows
	Type    string    // media type that the content must have, "image/*" allowed; "" any
	Session string    // value of the session cookie the link is bound to; "" any bearer
}

// SignPut returns the link's path.
func (k *Key) SignPut(p Put) (string, error) {
	exp := p.Expires.Unix()
	switch {
	case !keyShape(p.Key):
		return "", badGrant("key %q cannot stand in a URL", p.Key)
	case !slotShape(p.Slot):
		return "", badGrant("slot %q is not 1 to 64 of a-z0-9", p.Slot)
	case !expShape(exp):
		return "", badGrant("expiry %d is out of range", exp)
	case p.MaxSize < 0:
		return "", badGrant("maximal size %d", p.MaxSize)
	case !typeShape(p.Type):
		return "", badGrant("media type %q", p.Type)
	}
	l := PutLink{
		KeyID: k.id, Expires: exp, Bucket: k.bucket, Key: p.Key, Slot: p.Slot,
		MaxSize: p.MaxSize, Type: p.Type, Bound: p.Session != "",
	}
	sig := k.put.sign(func(b []byte) []byte { return l.message(b, k.bucket, p.Session) })
	token := k.id + "." + strconv.FormatInt(exp, 10) + "." + l.flags() + "." + string(sig[:])
	return PutPrefix + token + "/" + escape(k.bucket) + "/" + escapeKey(p.Key), nil
}

// PutLink is a link that uploads as it stands in a URL: well-formed, not yet verified.
type PutLink struct {
	KeyID   string
	Expires int64 // Unix seconds
	Bucket  string
	Key     string
	Slot    string
	MaxSize int64
	Type    string
	Bound   bool
	sig     string
}

// VerifyPut checks the link, as VerifyGet does.
func (k *Key) VerifyPut(l PutLink, session string, now time.Time) error {
	bound := session
	if !l.Bound {
		bound = ""
	}
	genuine := k.put.verify(func(b []byte) []byte { return l.message(b, k.bucket, bound) }, l.sig)
	switch {
	case !genuine || l.KeyID != k.id || l.Bucket != k.bucket || l.Bound && session == "":
		return ErrRefused
	case now.Unix() >= l.Expires:
		return ErrExpired
	}
	return nil
}

func (l PutLink) message(b []byte, bucket, session string) []byte {
	b = field(b, version)
	b = field(b, string(PurposePut))
	b = field(b, bucket)
	b = field(b, l.Key)
	b = field(b, l.Slot)
	b = number(b, l.Expires)
	b = field(b, "") // disposition
	b = field(b, "") // media type
	b = number(b, l.MaxSize)
	b = field(b, l.Type)
	b = binding(b, session)
	b = field(b, "") // shared
	return field(b, "")
}

func (l PutLink) flags() string {
	f := "p"
	if l.Bound {
		f = "ps"
	}
	f += "-" + l.Slot + "-" + strconv.FormatInt(l.MaxSize, 10)
	if l.Type != "" {
		f += "-" + base64.RawURLEncoding.EncodeToString([]byte(l.Type))
	}
	return f
}

func (l *PutLink) setFlags(f string) bool {
	p := strings.SplitN(f, "-", 4)
	if len(p) < 3 || !slotShape(p[1]) || !decodeNumber(p[2], &l.MaxSize) {
		return false
	}
	if len(p) == 4 && !decodeType(p[3], &l.Type) {
		return false
	}
	l.Slot, l.Bound = p[1], p[0] == "ps"
	return l.Bound || p[0] == "p"
}

// escapeKey escapes a key for a path and leaves its slashes.
func escapeKey(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = escape(parts[i])
	}
	return strings.Join(parts, "/")
}
