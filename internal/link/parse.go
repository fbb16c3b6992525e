package link

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// maxToken bounds the text between the slashes; a slot and a long media type fit.
const maxToken = 512

// ParseGet reads the path of a link that reads. It takes the path as it came, still escaped (url.URL.EscapedPath).
func ParseGet(path string) (GetLink, error) {
	rest, ok := strings.CutPrefix(path, GetPrefix)
	token, rest, ok1 := strings.Cut(rest, "/")
	blob, escaped, ok2 := strings.Cut(rest, "/")
	if !ok || !ok1 || !ok2 || blob == "" || escaped == "" || strings.Contains(escaped, "/") {
		return GetLink{}, ErrNotLink
	}
	name, err := url.PathUnescape(escaped)
	if err != nil {
		return GetLink{}, ErrNotLink
	}
	return parseGet(token, blob, name)
}

// ParseGetQuery reads the value of the parameter hf. name is the last segment of the path that it stands beside,
// unescaped.
func ParseGetQuery(hf, name string) (GetLink, error) {
	dot := strings.LastIndexByte(hf, '.')
	if dot < 0 {
		return GetLink{}, ErrNotLink
	}
	return parseGet(hf[:dot], hf[dot+1:], name)
}

func parseGet(token, blob, name string) (GetLink, error) {
	t, ok := cutToken(token)
	if !ok {
		return GetLink{}, ErrNotLink
	}
	l := GetLink{KeyID: t.kid, Blob: blob, Name: name, sig: t.sig}
	if !t.valid() || !decodeExpiry(t.exp, &l.Expires) || !l.setFlags(t.flags) || !blobShape(blob) || !nameShape(name) {
		return GetLink{}, ErrRefused
	}
	return l, nil
}

// ParsePut reads the path of a link that uploads, still escaped.
func ParsePut(path string) (PutLink, error) {
	rest, ok := strings.CutPrefix(path, PutPrefix)
	token, rest, ok1 := strings.Cut(rest, "/")
	bucket, escaped, ok2 := strings.Cut(rest, "/")
	if !ok || !ok1 || !ok2 || bucket == "" || escaped == "" {
		return PutLink{}, ErrNotLink
	}
	t, ok := cutToken(token)
	key, err1 := url.PathUnescape(escaped)
	bucket, err2 := url.PathUnescape(bucket)
	if !ok || err1 != nil || err2 != nil {
		return PutLink{}, ErrNotLink
	}
	l := PutLink{KeyID: t.kid, Bucket: bucket, Key: key, sig: t.sig}
	if !t.valid() || !decodeExpiry(t.exp, &l.Expires) || !l.setFlags(t.flags) || !keyShape(key) {
		return PutLink{}, ErrRefused
	}
	return l, nil
}

// token is the four parts of a signed link's proof.
type token struct{ kid, exp, flags, sig string }

// cutToken tells what looks like a token from what does not: four parts of URL-safe characters. It decides only
// between "not found" and "refused".
func cutToken(s string) (token, bool) {
	kid, rest, _ := strings.Cut(s, ".")
	exp, rest, _ := strings.Cut(rest, ".")
	flags, sig, ok := strings.Cut(rest, ".")
	t := token{kid, exp, flags, sig}
	return t, ok && len(s) <= maxToken && wordShape(kid) && wordShape(exp) && wordShape(flags) && wordShape(sig)
}

func (t token) valid() bool { return kidShape(t.kid) && len(t.sig) == sigChars }

// decodeExpiry reads a decimal number without sign or leading zero.
func decodeExpiry(s string, into *int64) bool {
	return decodeNumber(s, into) && expShape(*into)
}

func decodeNumber(s string, into *int64) bool {
	if s == "" || len(s) > 1 && s[0] == '0' || s[0] < '0' || s[0] > '9' {
		return false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	*into = n
	return err == nil
}

// decodeType reads a media type in base64url, which keeps "/", "." and "+" out of the URL.
func decodeType(s string, into *string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	*into = string(b)
	return err == nil && s != "" && typeShape(*into)
}
